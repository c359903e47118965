"""What the filter `duplicates` compares with: the clouds of all shapes before."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from gen3d.collection import SHAPES, Collection, shape_of
from gen3d.errors import InputError
from gen3d.shape import Shape

CLOUD = 512  # points by which duplicates are told


class Seen:
    """The clouds of the shapes so far. One process makes all shapes, in order."""

    def __init__(self) -> None:
        self._clouds: dict[int, Float32[np.ndarray, "P 3"]] = {}
        self._ids: dict[int, str] = {}
        self._shards: set[int] = set()

    def recall(self, collection: Collection, number: int) -> None:
        """Look at the shapes of the shards before `number`, and at those that are whole of an earlier build of it.

        Raises InputError where an earlier shard is damaged.
        """
        for record in collection.records():
            if record.number < number and record.number not in self._shards:
                for shape in collection.shapes(record.number):
                    self._add(shape.id, _cloud(shape))
                self._shards.add(record.number)
        with contextlib.suppress(InputError):  # what is damaged is made again, before it is asked for
            for id, parts in collection.samples(SHAPES, number):
                with contextlib.suppress(InputError):
                    self._add(id, _cloud(shape_of(id, parts)))
        self._shards.add(number)

    def twin(self, shape: Shape, limit: float) -> str | None:
        """Id of a shape before it that is nearer than `limit`; where there is none it is remembered."""
        from gen3d.chamfer import nearest_before

        cloud, own = _cloud(_as_stored(shape)), _index(shape.id)
        before = sorted(index for index in self._clouds if index < own)
        found = nearest_before(cloud, [self._clouds[index] for index in before], limit)
        if found is not None:
            return self._ids[before[found]]
        self._add(shape.id, cloud)
        return None

    def _add(self, id: str, cloud: Float32[np.ndarray, "P 3"]) -> None:
        self._clouds[_index(id)], self._ids[_index(id)] = cloud, id


def _index(id: str) -> int:
    """The number of a generated shape."""
    return int(id.rpartition("-")[2])


def _as_stored(shape: Shape) -> Shape:
    """As it will be read: faces are sorted by part, which moves the points that are drawn on them."""
    from gen3d.mesh_io import glb_bytes, shape_from_glb

    return shape_from_glb(glb_bytes(shape), shape.id, shape.category, {})


def _cloud(shape: Shape) -> Float32[np.ndarray, "P 3"]:
    """Points by which duplicates are told, drawn alike for all: those of two copies are the same."""
    points = replace(shape, id="cloud").sampled(CLOUD, seed=0).points
    assert points is not None
    return points
