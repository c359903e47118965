"""What `distill` offers in Python: a function per everyday verb, each a thin shell over its stage; see `gen3d.api`.

The function is called `distill_student`, since `from distill import distill` would hide the package behind it. What
these leave out (test-time alignment and baselines in scores, pre-training, mixed data) is in the stages' own modules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distill.distillation import distill
from distill.evaluation import EvalSettings, evaluate_student, read_dataset
from distill.labellers import aligned_labeller, alignment_settings, given_labeller, trained_labeller
from distill.logs import training_log
from distill.scores import Report
from distill.segmentation import Outcome, SegmentSettings
from distill.segmentation import segment as segment_stage
from distill.segmented import Segmentation
from distill.student import Student
from distill.trainer import DistillSettings
from gen3d.api import RUNS
from gen3d.asking import teacher_settings
from gen3d.collection import Collection
from gen3d.errors import SettingsError
from gen3d.settings import resolve

__all__ = ["Segmentation", "Student", "distill_student", "evaluate", "segment"]


def distill_student(
    generated: Collection | str | Path | None = None,
    real: Collection | str | Path | None = None,
    out: str | Path | None = None,
    *,
    log: str | None = None,
    overwrite: bool = False,
    preset: str | Path | None = None,
    **settings: Any,
) -> Student:
    """Train a student on labelled collections, as `gen3d distill` does; called again, load the one that is there.

    >>> from gen3d import generate, label
    >>> chairs = label(generate("chair", n=2, out="chairs"), views=2, size=64, points=512)
    >>> student = distill_student(chairs, out="student", epochs=1, batch=2)
    >>> student.category, student.parts
    ('chair', ('back', 'seat', 'leg', 'arm'))

    Args:
        generated: a collection, or its folder.
        real: another one; with both, every batch mixes them.
        out: the student's folder; `runs/<category>/student-<source>` if not set.
        log: tensorboard or wandb; see `distill.logs`.
        overwrite: train again, whatever is there.
        preset: a YAML file, or a name in `configs/`.
        settings: fields of `distill.trainer.DistillSettings`: teacher, student, epochs, lr, backward, ...

    Returns:
        The student, as it is saved in `out`.

    Raises Gen3dError: see `distill.distillation.distill`.
    """
    given = {"generated": generated, "real": real}
    collections = {source: _opened(one) for source, one in given.items() if one is not None}
    if not collections:
        raise SettingsError("a collection is missing: give the one that `label` made")
    source = "mixed" if len(collections) == 2 else next(iter(collections))
    category = next(iter(collections.values())).category
    resolved = resolve(DistillSettings, preset, category=category, source=source, **settings)
    target = Path(out or RUNS / category / f"student-{source}")
    roots = {name: collection.root for name, collection in collections.items()}
    with training_log(log, target, resolved) as report:
        return distill(roots, resolved, target, overwrite, report)[0]


def evaluate(
    student: Student | str | Path, root: str | Path, *, preset: str | Path | None = None, **settings: Any
) -> Report:
    """Score a student on labelled shapes, as `gen3d eval` does; nothing is written.

    >>> from gen3d import generate
    >>> fresh = generate("mug", n=2, out="mugs")  # exact labels, not human ones
    >>> student = Student("mug", ["handle", "cup"], options={"width": 32, "depth": 1})  # untrained
    >>> report = evaluate(student, "mugs", dataset="collection", points=512, passes=1)
    >>> len(report.shapes), report.parts, 0 <= report.miou <= 100
    (2, ('handle', 'cup'), True)

    Args:
        student: or what `Student.load` takes.
        root: the data set's folder.
        preset: a YAML file, or a name in `configs/`.
        settings: fields of `distill.evaluation.EvalSettings`: dataset, split, points, passes, leave_out, ...

    Returns:
        The scores: `miou`, `parts`, every shape's; `as_dict(EvalSettings(...))` is what scores.json holds.

    Raises:
        SettingsError: an option that the data set does not have.
        InputError: no such student or data set, or a student of another category.
    """
    resolved = resolve(EvalSettings, preset, **settings)
    loaded = student if isinstance(student, Student) else Student.load(student)
    return evaluate_student(loaded, read_dataset(resolved, loaded.category, Path(root)), resolved)


def segment(  # noqa: PLR0913 (what to label, by whom, and how to run it)
    paths: str | Path | Sequence[str | Path],
    out: str | Path = "parts",
    *,
    student: Student | str | None = None,
    category: str | None = None,
    parts: Sequence[str] | None = None,
    teacher: str | None = None,
    options: Mapping[str, Any] | None = None,
    align: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> Outcome:
    """Label many files and write their parts, as `gen3d segment` does. For one shape in memory: `Student.segment`.

    >>> from gen3d import generate, write_shape
    >>> mug = next(generate("mug", n=1, out="mugs").shapes())
    >>> write_shape(mug, "mug.obj")
    >>> student = Student("mug", ["handle", "cup"], options={"width": 32, "depth": 1})  # untrained
    >>> outcome = segment("mug.obj", student=student, passes=1)
    >>> len(outcome.rows), outcome.failures
    (1, [])

    Args:
        paths: files, folders, patterns.
        out: holds a folder per shape.
        student: or what `Student.load` takes.
        category: what the shapes are; without a student the one that ships for it labels them.
        parts: with a teacher and no student: what to look for.
        teacher: aligns a student on every shape alone.
        options: of the teacher.
        align: settings of the alignment; see `distill.tta.TTASettings`.
        overwrite: label again what was labelled before.
        settings: fields of `distill.segmentation.SegmentSettings`: up, smooth, passes, meshes, seed.

    Returns:
        What became of all files; one that can't be read is a failure of its own.

    Raises Gen3dError: see `distill.segmentation.segment`.
    """
    resolved = resolve(SegmentSettings, None, **settings)
    if isinstance(student, Student):
        if teacher is not None:
            raise SettingsError("teacher: is for a student's folder or name; save this one first, or leave it out")
        labeller = given_labeller(student, category)
    elif teacher is not None:
        asked = teacher_settings(teacher, options or {})
        tta = alignment_settings(align or {}, resolved.seed)
        labeller = aligned_labeller(asked, tta, None if parts is None else tuple(parts), category, student)
    elif parts or options or align:
        raise SettingsError("parts, options and align are for a teacher; name one, or leave them out")
    else:
        labeller = trained_labeller(student, category)
    listed = [paths] if isinstance(paths, (str, Path)) else paths
    return segment_stage(listed, labeller, resolved, Path(out), overwrite)


def _opened(collection: Collection | str | Path) -> Collection:
    return collection if isinstance(collection, Collection) else Collection.open(collection)
