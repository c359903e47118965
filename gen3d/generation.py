"""The `generate` stage: a prompt's shapes as a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from gen3d.building import build_shards
from gen3d.categories import category
from gen3d.collection import SHAPES, Collection, shape_id, shape_members, shape_seed
from gen3d.errors import SettingsError
from gen3d.generators import GENERATORS, Generator, Worded
from gen3d.settings import Settings
from gen3d.shards import Member, Sample


class GenerateSettings(Settings):
    """Settings of `gen3d generate`."""

    category: str
    prompt: str | None = Field(default=None, max_length=1000, description="what they should be like; None: anything")
    n: int = Field(default=500, ge=1, description="number of shapes")
    generator: str = "procedural"
    seed: int = Field(default=0, ge=0)
    shard: int = Field(default=50, ge=1, description="shapes per shard, the unit of work and of resuming")


class _Job(NamedTuple):
    settings: GenerateSettings
    start: int
    stop: int


def generate(
    settings: GenerateSettings,
    root: str | Path,
    workers: int = 1,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda count: None,
    retry_failed: bool = False,
) -> Collection:
    """Make the collection in `root`, or what is missing of it; the bytes depend on the settings alone.

    With `retry_failed` also the shapes that failed before.

    Raises:
        SettingsError: unknown category or generator, a prompt that it can't follow, or `root` holds a collection of
            other settings.
        StorageError: see `gen3d.collection`.
    """
    row, generator = category(settings.category), _generator(settings.generator)
    generator.check(row.name, settings.prompt)
    info = {
        "category": row.name,
        "parts": list(row.parts),
        "generator": generator.name,
        "seed": settings.seed,
        "count": settings.n,
        "licence": generator.licence,
        "settings": settings.model_dump(exclude_none=True),  # without a prompt as it was before there were any
    }
    collection = Collection.create(root, info, overwrite)
    starts = range(0, settings.n, settings.shard)
    jobs = [(i, _Job(settings, start, min(start + settings.shard, settings.n))) for i, start in enumerate(starts)]
    build_shards(collection, SHAPES, jobs, _samples, workers, progress, retry_failed)
    return collection


def vocabulary(settings: GenerateSettings) -> dict[str, dict[str, dict[str, list[str]]]]:
    """The words that `prompt` may have: trait -> word or phrase -> all the traits it asks for, with their values.

    A phrase stands under the first trait it asks for, one that asks for nothing new under "". "" is also the value of a
    trait that a shape lacks.

    Raises:
        SettingsError: unknown category or generator, or one that takes any text.
    """
    row, generator = category(settings.category), _generator(settings.generator)
    if not isinstance(generator, Worded):
        raise SettingsError(f"--vocabulary: {generator.name} has no list of words; its --prompt takes any text")
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for phrase, wish in generator.vocabulary(row.name).items():
        trait = next(iter(wish), "")
        found.setdefault(trait, {})[phrase] = {name: list(values) for name, values in wish.items()}
    return dict(sorted(found.items()))


def _generator(name: str) -> Generator:
    """The generator of that name. Raises SettingsError that lists the known ones."""
    if name not in GENERATORS:
        raise SettingsError(f"unknown generator {name!r}; known are: {', '.join(GENERATORS)}")
    return GENERATORS[name]()


def _samples(job: _Job) -> Iterator[Sample]:
    """The shapes of one shard."""
    settings, generator = job.settings, GENERATORS[job.settings.generator]()

    def members(index: int, id: str) -> list[Member]:
        seed = shape_seed(settings.seed, index)
        return shape_members(generator.generate(settings.category, seed, id, settings.prompt))

    for index in range(job.start, job.stop):
        id = shape_id(settings.category, index)
        yield id, partial(members, index, id)
