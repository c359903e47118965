"""What can be told of one shape without any label: is it finite, in one piece, a stick, a sheet, closed?

Teachers' knowledge, where there is any, adds how much of the shape it covers and how far its units agree.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64

from gen3d.knowledge import Knowledge
from gen3d.rendering import Renderer
from gen3d.rendering.view import View
from gen3d.shape import Shape, frame

SIDE = 1 / 32  # of a voxel, in radii: what is less than that apart is one piece
_REACH = 0.85  # of a voxel: points of the next row are then no more than one off, along each axis
_SPREAD = 4.0  # of a cloud's voxels, in median distances to the nearest point
_LOOKS = 2048  # points that extents are measured on


class Measures(NamedTuple):
    """What is measured of one finite shape.

    Args:
        components: pieces, see `components`.
        aspect: longest by middle principal extent; large for sticks.
        thickness: shortest by longest principal extent; 0 for sheets.
        closed: share of edges that two faces share; None for clouds.
    """

    components: int
    aspect: float
    thickness: float
    closed: float | None


class TeacherSignals(NamedTuple):
    """What knowledge says of a shape, without labels.

    Args:
        coverage: share of points that a unit covers.
        agreement: see `teacher_signals`.
    """

    coverage: float
    agreement: float


@runtime_checkable
class ViewScorer(Protocol):
    """Says how much views look like a category, as CLIP does by the cosine of image and text.

    gen3d comes without one: it needs pretrained weights. Any object with this method does.
    """

    def score(self, views: list[View], category: str) -> Float[np.ndarray, " V"]:
        """A number for each view, higher where it looks more like the category's word."""
        ...


class Examined:
    """A shape with what can be measured of it, in any frame and size; each measure is taken once, when asked for.

    All but `finite` raise InputError where the shape is empty, not finite or a point.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    @cached_property
    def finite(self) -> bool:
        """See `is_finite`."""
        return is_finite(self.shape)

    @cached_property
    def components(self) -> int:
        """See `components`."""
        return components(self.shape)

    @cached_property
    def extents(self) -> tuple[float, float, float]:
        """See `extents`."""
        return extents(self.shape)

    @cached_property
    def closed(self) -> float | None:
        """See `closed_share`."""
        return closed_share(self.shape)

    @property
    def aspect(self) -> float:
        """Longest by middle of its `extents`, at most a million: a line has no second one, and JSON no infinity."""
        longest, middle, _ = self.extents
        return min(longest / middle, 1e6) if middle > 0 else 1e6

    @property
    def thickness(self) -> float:
        """Shortest by longest of its `extents`."""
        longest, _, shortest = self.extents
        return shortest / longest

    def measures(self) -> Measures:
        """All of them."""
        return Measures(self.components, self.aspect, self.thickness, self.closed)


def category_score(shape: Shape, renderer: Renderer, scorer: ViewScorer) -> float:
    """Mean over the renderer's views of how much the shape looks like its category (generators.md, section 5)."""
    return float(np.mean(scorer.score(renderer.render(shape), shape.category), dtype=np.float64))


def is_finite(shape: Shape) -> bool:
    """Whether it has positions (vertices in use, or points), and all of them are numbers."""
    positions = shape.positions()
    return bool(len(positions)) and bool(np.isfinite(positions).all())


def components(shape: Shape) -> int:
    """Number of pieces that lie apart: of 26-connected groups of the voxels of side 1/32 that the surface touches.

    Faces of one piece need not share vertices: a leg that reaches into a seat belongs to it. Pieces are told apart
    wherever two voxels fit between them along an axis. A cloud's voxels are four times its points' median distance to
    their nearest neighbours, where that is more. Raises InputError as `frame`.
    """
    from scipy.ndimage import label  # scipy takes longer to import than a command with nothing to do

    centre, radius = frame(shape.positions(), shape.id)
    side = SIDE
    if shape.has_mesh:
        vertices, faces = shape.mesh
        spots = _lattice(((vertices - centre) / radius)[faces], side * _REACH)
    else:
        spots = (shape.positions() - centre) / radius
        side = max(side, _SPREAD * _spacing(spots))
    cells = np.unique(np.floor((spots + 1) / side).astype(np.int64), axis=0)
    cells -= cells.min(0)
    grid = np.zeros(cells.max(0) + 1, bool)
    grid[tuple(cells.T)] = True
    _, count = label(grid, np.ones((3, 3, 3)))  # type: ignore[misc]  (its stubs think of its other form)
    return int(count)


def extents(shape: Shape) -> tuple[float, float, float]:
    """Longest, middle and shortest size along the principal axes of 2,048 surface points. Raises InputError."""
    frame(shape.positions(), shape.id)  # for its errors
    points = shape.sampled(_LOOKS, seed=0).points
    assert points is not None
    wide = points.astype(np.float64) - points.mean(0, dtype=np.float64)
    axes = np.linalg.eigh(wide.T @ wide)[1]
    low, middle, high = sorted(np.ptp(wide @ axes, axis=0).tolist())
    return high, middle, low


def closed_share(shape: Shape) -> float | None:
    """Share of the edges that exactly two faces have, once in each direction; 1 is watertight, None a cloud.

    Vertices at the same place count as one; faces without area between three places are left out.
    """
    if not shape.has_mesh:
        return None
    vertices, faces = shape.mesh
    _, place = np.unique(vertices, axis=0, return_inverse=True)
    corners = place.reshape(-1)[faces]  # (F, 3)
    corners = corners[(corners != np.roll(corners, 1, axis=1)).all(1)]
    if not len(corners):
        return 0.0
    return float(_paired(corners, len(vertices)).mean())


def teacher_signals(knowledge: Knowledge) -> TeacherSignals:
    """Coverage, and agreement: of the confidence that a covered point gets, the share of its first part, on average.

    1 where no point is claimed by units of two parts; 0 where no point is covered.
    """
    target = knowledge.target(len(knowledge.meta["parts"])).astype(np.float64)  # (N, R)
    total = target.sum(1)
    covered = total > 0
    agreement = float((target.max(1)[covered] / total[covered]).mean()) if covered.any() else 0.0
    return TeacherSignals(knowledge.coverage(), agreement)


def _spacing(points: Float[np.ndarray, "N 3"]) -> float:
    """Median distance from a point to its nearest other."""
    from scipy.spatial import KDTree

    return float(np.median(KDTree(points).query(points, k=2)[0][:, 1])) if len(points) > 1 else 0.0


def _lattice(corners: Float[np.ndarray, "F 3 3"], spacing: float) -> Float[np.ndarray, "P 3"]:
    """Points on every face, in rows along its longest edge, so that a sliver needs no more of them than it is wide.

    Neighbours in a row are at most `spacing` apart, as are rows; with the offset of half a step that is 1.12 of it.
    """
    corners = corners.astype(np.float64)
    edge = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)  # (F, 3), from each corner to the next
    turn = (edge.argmax(1)[:, None] + np.arange(3)) % 3
    a, b, c = (corners[np.arange(len(corners)), turn[:, i]] for i in range(3))
    longest = edge.max(1)
    area2 = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    height = np.divide(area2, longest, out=np.zeros_like(area2), where=longest > 0)
    along = np.ceil(longest / spacing).astype(np.int64).clip(1)
    across = np.ceil(height / spacing).astype(np.int64).clip(1)
    count = (along + 1) * (across + 1)
    face = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    s = (place % (along + 1)[face] / along[face])[:, None]
    t = (place // (along + 1)[face] / across[face])[:, None]
    return a[face] + (1 - t) * s * (b - a)[face] + t * (c - a)[face]


def _paired(corners: Int64[np.ndarray, "F 3"], places: int) -> Bool[np.ndarray, " E"]:
    """Per edge, whether one face runs along it each way and no other has it."""
    start, stop = corners.reshape(-1), np.roll(corners, -1, axis=1).reshape(-1)
    key = np.minimum(start, stop) * places + np.maximum(start, stop)
    _, edge, count = np.unique(key, return_inverse=True, return_counts=True)
    forward = np.bincount(edge.reshape(-1), weights=start < stop, minlength=len(count))
    return (count == 2) & (forward == 1)
