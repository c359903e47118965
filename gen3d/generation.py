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
from gen3d.generators import GENERATORS
from gen3d.settings import Settings
from gen3d.shards import Member, Sample


class GenerateSettings(Settings):
    """Settings of `gen3d generate`."""

    category: str
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
        SettingsError: unknown category or generator, or `root` holds a collection of other settings.
        StorageError: see `gen3d.collection`.
    """
    row = category(settings.category)
    if settings.generator not in GENERATORS:
        raise SettingsError(f"unknown generator {settings.generator!r}; known are: {', '.join(GENERATORS)}")
    generator = GENERATORS[settings.generator]()
    generator.check(row.name)
    info = {
        "category": row.name,
        "parts": list(row.parts),
        "generator": generator.name,
        "seed": settings.seed,
        "count": settings.n,
        "licence": generator.licence,
        "settings": settings.model_dump(),
    }
    collection = Collection.create(root, info, overwrite)
    starts = range(0, settings.n, settings.shard)
    jobs = [(i, _Job(settings, start, min(start + settings.shard, settings.n))) for i, start in enumerate(starts)]
    build_shards(collection, SHAPES, jobs, _samples, workers, progress, retry_failed)
    return collection


def _samples(job: _Job) -> Iterator[Sample]:
    """The shapes of one shard."""
    settings, generator = job.settings, GENERATORS[job.settings.generator]()

    def members(index: int, id: str) -> list[Member]:
        return shape_members(generator.generate(settings.category, shape_seed(settings.seed, index), id))

    for index in range(job.start, job.stop):
        id = shape_id(settings.category, index)
        yield id, partial(members, index, id)
