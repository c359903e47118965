"""What `gen3d` offers in Python: a function per everyday verb, a thin shell over its stage with the verb's defaults.

Settings are keywords, checked by the stage's own class: an unknown one, or one out of range, is a SettingsError. The
stages (`gen3d.generation.generate`, `gen3d.labelling.label`) are the lower door: progress, retries, several processes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gen3d.asking import LabelSettings, by_setting
from gen3d.collection import Collection
from gen3d.errors import Gen3dError
from gen3d.generation import GenerateSettings
from gen3d.generation import generate as generate_stage
from gen3d.labelling import label as label_stage
from gen3d.mesh_io import read_shape, write_shape
from gen3d.settings import resolve
from gen3d.shape import Shape

__all__ = ["Collection", "Gen3dError", "Shape", "generate", "label", "read_shape", "write_shape"]

RUNS = Path("runs")  # where the command line puts results, too


def generate(
    category: str,
    out: str | Path | None = None,
    *,
    workers: int = 1,
    overwrite: bool = False,
    preset: str | Path | None = None,
    **settings: Any,
) -> Collection:
    """Make shapes of a category, as `gen3d generate` does; called again, go on or find that all is there.

    >>> chairs = generate("chair", n=2, out="chairs")
    >>> [(shape.id, shape.has_mesh) for shape in chairs.shapes()]
    [('chair-000000', True), ('chair-000001', True)]
    >>> generate("chair", n=0)
    Traceback (most recent call last):
    gen3d.errors.SettingsError: n = 0: input should be greater than or equal to 1

    Args:
        category: what the shapes are.
        out: the collection's folder; `runs/<category>/generated` if not set.
        workers: processes. More than one need a script's `if __name__ == "__main__":`.
        overwrite: start anew, whatever is there.
        preset: a YAML file, or a name in `configs/`.
        settings: fields of `gen3d.generation.GenerateSettings`: n, prompt, generator, seed, filter, ...

    Returns:
        The collection; `failures()` lists what could not be made.

    Raises Gen3dError: see `gen3d.generation.generate`.
    """
    resolved = resolve(GenerateSettings, preset, category=category, **settings)
    return generate_stage(resolved, out or RUNS / resolved.category / "generated", workers, overwrite)


def label(
    collection: Collection | str | Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    preset: str | Path | None = None,
    **settings: Any,
) -> Collection:
    """Add a teacher's knowledge to a collection, as `gen3d label` does; called again, go on or find that all is there.

    >>> chairs = label(generate("chair", n=1, out="chairs"), views=2, size=64, points=512)
    >>> chairs.stems(), len(chairs.ids("knowledge-lite"))
    (['knowledge-lite'], 1)

    Args:
        collection: generated or imported, or its folder.
        workers: processes. More than one need a script's `if __name__ == "__main__":`.
        overwrite: start anew, whatever is there.
        preset: a YAML file, or a name in `configs/`.
        settings: fields of `gen3d.asking.LabelSettings` (teacher, parts, views, ...); any other name is an option of
            the teacher's own.

    Returns:
        The collection with its knowledge.

    Raises Gen3dError: see `gen3d.labelling.label`.
    """
    opened = collection if isinstance(collection, Collection) else Collection.open(collection)
    label_stage(opened, resolve(LabelSettings, preset, **by_setting(settings)), workers, overwrite)
    return Collection.open(opened.root)
