"""The shapes of a labelled set as a collection without labels: what students are distilled from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from distill.datasets.labelled import LabelledSet
from gen3d.building import build_shards
from gen3d.collection import SHAPES, Collection, shape_members
from gen3d.shape import Shape
from gen3d.shards import Sample

SHARD = 50  # shapes per shard, the unit of resuming


def unlabelled(labelled: LabelledSet, root: Path, split: str) -> Collection:
    """Make the collection in `root`, or what is missing of it. Human labels are left out: no stage after can see them.

    Args:
        labelled: shapes of one category; read shard by shard where the set reads them when they are asked for.
        root: the collection's folder.
        split: kept in its info.

    Raises:
        SettingsError: `root` holds another collection.
        InputError: a shape that can't be read.
        StorageError: see `gen3d.collection`.
    """
    info = {
        "category": labelled.category,
        "parts": list(labelled.row.parts),
        "source": labelled.name,
        "split": split,
        "licence": "unknown",
        "count": len(labelled.shapes),
    }
    collection = Collection.create(root, info)
    starts = range(0, len(labelled.shapes), SHARD)
    jobs = [(number, labelled.shapes[start : start + SHARD]) for number, start in enumerate(starts)]
    build_shards(collection, SHAPES, jobs, _bare)
    return collection


def _bare(shapes: Sequence[Shape]) -> Iterator[Sample]:
    for shape in shapes:
        yield shape.id, partial(shape_members, shape.bare())
