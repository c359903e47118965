"""Skins of cars: grids of points whose quads are dealt out to parts, so that no surface lies under another.

A skin is made of rings along the car, from rear to front, each counter-clockwise seen from the front. Unlike a loft its
patches are open: they meet at their edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from gen3d.generators.procedural.solids import Solid


class Skin(NamedTuple):
    """A grid over a body.

    Args:
        rings: (S, K, 3) points, ring by ring towards +Z.
        wraps: whether the last point of a ring is joined to the first.
    """

    rings: Float[np.ndarray, "S K 3"]
    wraps: bool

    def quads(self) -> Bool[np.ndarray, "R C"]:
        """One False per quad: what masks for `patch` are made from."""
        rows, size = self.rings.shape[:2]
        return np.zeros((rows - 1, size if self.wraps else size - 1), bool)

    def patch(self, keep: Bool[np.ndarray, "R C"]) -> Solid:
        """The quads where `keep` is True, as a surface with its own points; quads without area are dropped."""
        size = self.rings.shape[1]
        row, column = np.nonzero(keep)
        a, b = row * size + column, row * size + (column + 1) % size
        faces = np.concatenate([np.stack([a, b, b + size], 1), np.stack([a, b + size, a + size], 1)])
        return compact(self.rings.reshape(-1, 3), faces)

    def cap(self, last: bool) -> Solid:
        """The end of a wrapping skin at its first or last ring: a fan about the ring's mean."""
        ring = self.rings[-1 if last else 0]
        points = np.concatenate([ring, ring.mean(0)[None]])
        around, after = np.arange(len(ring)), np.roll(np.arange(len(ring)), -1)
        middle = np.full(len(ring), len(ring))
        return compact(points, np.stack([around, after, middle] if last else [after, around, middle], 1))


def compact(points: Float[np.ndarray, "V 3"], faces: np.ndarray) -> Solid:
    """The faces that have an area, with only the points that they use."""
    a, b, c = (points[faces[:, i]] for i in range(3))
    faces = faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-10]
    used, index = np.unique(faces, return_inverse=True)
    return Solid(points[used], index.reshape(-1, 3).astype(np.int64))


def swell(solid: Solid, factor: float) -> Solid:
    """Scaled about its own middle in height and length, and about the car's middle plane across."""
    low, high = solid.vertices.min(0), solid.vertices.max(0)
    centre = (low + high) / 2 * np.array([0, 1, 1])
    return Solid(centre + (solid.vertices - centre) * factor, solid.faces)
