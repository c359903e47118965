"""Tiny shapes by the thousand; light to import."""

from __future__ import annotations

import numpy as np

from gen3d.collection import shape_id, shape_members
from gen3d.shape import Shape
from gen3d.shards import ShardContent

FACES = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])


def tiny_shapes(payload: tuple[int, int]) -> ShardContent:
    """Shard `number` of `count` labelled tetrahedra."""
    number, count = payload
    content = ShardContent()
    for index in range(number * count, (number + 1) * count):
        id = shape_id("chair", index)
        corners = np.random.default_rng(index).normal(size=(4, 3)).astype(np.float32)
        labels = np.arange(4, dtype=np.int16)
        content.members += shape_members(Shape(id, "chair", corners, FACES, labels, meta={"index": index}).normalised())
        content.ids.append(id)
    return content
