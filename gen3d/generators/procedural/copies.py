"""One solid many times over: spokes of a wheel and the like, at the price of one."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.solids import Solid


def repeated(solid: Solid, count: int) -> Solid:
    """`count` copies at even angles about +Y, the first where the solid is."""
    t = np.arange(count) * 2 * np.pi / count
    c, s, zero = np.cos(t), np.sin(t), np.zeros(count)
    turns = np.array([[c, zero, s], [zero, zero + 1, zero], [-s, zero, c]]).transpose(2, 0, 1)  # (count, 3, 3)
    vertices = np.einsum("kij,vj->kvi", turns, solid.vertices).reshape(-1, 3)
    faces = solid.faces[None] + len(solid.vertices) * np.arange(count)[:, None, None]
    return Solid(vertices, faces.reshape(-1, 3).astype(np.int64))
