"""Finding the pose of a raw shape: it is turned all ways round and compared with generated shapes of its category.

No label and no name is looked at. A shape and a reference are alike where their surfaces lie in the same cells of a
grid and face the same ways there, once in proportion and once with the bounding box stretched to a cube.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

from gen3d.generators.procedural import GRAMMARS, ProceduralGenerator
from gen3d.shape import Shape, unit, yaw

POINTS = 2000  # of a shape that are looked at
REFERENCES = 128
MARGIN = 0.03  # between the likeness of the best pose and of the best one with another up; below it, it is unsure
TILTED = 0.07  # by how much a tilted frame must be more like the references than the file's own axes
_CELLS = 11  # along each axis; odd, so that what lies in a plane of symmetry lies inside a cell
_BLUR = 0.7  # cells
_NEAREST = 4  # references whose likeness counts
_STEPS = (16.0, 8.0, 4.0)  # degrees, of the search around a tilted frame
_SWEEPS = 2  # with every step
_SAME_UP = 0.966  # cosine between two upward axes that are taken for one: 15 degrees
_SEED = 1 << 40  # first seed of the references: far from those of small collections


class Pose(NamedTuple):
    """How to turn a shape to the house frame.

    Args:
        rotation: (3, 3), use `x @ rotation.T`.
        likeness: of the turned shape and its nearest references, 0 to 1.
        sure: whether it is clearly more like them than with any other up.
    """

    rotation: Float64[np.ndarray, "3 3"]
    likeness: float
    sure: bool


class _Found(NamedTuple):
    """A frame, and how like the references the shape is in it, turned all ways."""

    likeness: Float32[np.ndarray, " 24"]
    frame: Float64[np.ndarray, "3 3"]

    @property
    def most(self) -> float:
        """Of the best turn."""
        return float(self.likeness.max())


class Aligner:
    """Finds the poses of shapes of one category, which must have a grammar.

    Args:
        category: a key of `GRAMMARS`. Raises SettingsError for others.
        references: how many shapes are generated to compare with.
    """

    def __init__(self, category: str, references: int = REFERENCES) -> None:
        generator = ProceduralGenerator()
        drawn = (generator.generate(category, _SEED + i, f"reference-{i}").normalised() for i in range(references))
        features = [_features(*_cloud(shape, 0)) for shape in drawn]
        self._references = np.stack(features, 1)  # (2, references, K)
        among = np.stack([own @ own.T for own in self._references]).mean(0)
        np.fill_diagonal(among, 0)
        self._usual = float(np.median(_nearest(among, _NEAREST)))
        self._turns = quarter_turns()  # (24, 3, 3)
        self._orders = np.stack([_order(turn) for turn in self._turns])  # (24, K)

    def __call__(self, shape: Shape, seed: int) -> Pose:
        """The pose of a normalised mesh or cloud that stands in any.

        A shape that stands on an axis of its file keeps the file's axes. Where it is less like the references than
        half of them are like each other, tilted frames are tried too; they have to be better by `TILTED`, and with
        another up.

        Args:
            shape: in the frame of its file.
            seed: of the surface points that are looked at.
        """
        points, normals = _cloud(shape, seed)
        own = best = _Found(self._likeness(points, normals, np.eye(3)), np.eye(3))
        if own.most < self._usual:
            starts = np.eye(3), _principal_axes(points), _normal_axes(normals)
            best = max((self._climb(points, normals, start) for start in starts), key=lambda found: found.most)
        if best.most < own.most + TILTED or self._rotation(best)[1] @ self._rotation(own)[1] > _SAME_UP:
            best = own
        ups = self._turns[:, 1] @ self._turns[best.likeness.argmax(), 1]
        margin = best.most - float(best.likeness[ups < 0.5].max())
        return Pose(self._rotation(best), best.most, margin > MARGIN)

    def about_up(self, shape: Shape, seed: int, within: float = 0) -> Float32[np.ndarray, " 4"]:
        """How like the references a shape is that stands, as it is turned about +Y.

        Args:
            shape: normalised, +Y up.
            seed: of the surface points that are looked at.
            within: degrees that it is turned first.

        Returns:
            After `yaw` by `within`, then by 0, 90, 180 and 270 degrees more.
        """
        points, normals = _cloud(shape, seed)
        found = self._likeness(points, normals, yaw(within))
        turns = [yaw(quarter).round() for quarter in (0, 90, 180, 270)]
        return np.array([found[(self._turns == turn).all((1, 2))][0] for turn in turns], np.float32)

    def _rotation(self, found: _Found) -> Float64[np.ndarray, "3 3"]:
        """To the frame and on to the most alike turn."""
        return self._turns[found.likeness.argmax()] @ found.frame

    def _likeness(
        self, points: Float64[np.ndarray, "N 3"], normals: Float64[np.ndarray, "N 3"], frame: Float64[np.ndarray, "3 3"]
    ) -> Float32[np.ndarray, " 24"]:
        """Of the shape, taken to that frame and then turned all ways, and the references nearest to it."""
        both = _features(points @ frame.T, normals @ frame.T)  # (2, K)
        pairs = zip(both, self._references, strict=True)
        alike = np.stack([own[self._orders] @ theirs.T for own, theirs in pairs]).mean(0)
        return _nearest(alike, _NEAREST)

    def _climb(
        self, points: Float64[np.ndarray, "N 3"], normals: Float64[np.ndarray, "N 3"], frame: Float64[np.ndarray, "3 3"]
    ) -> _Found:
        """The most alike frame around one, in ever smaller steps about the three axes."""
        best = _Found(self._likeness(points, normals, frame), frame)
        for step in np.repeat(_STEPS, _SWEEPS):
            for axis, angle in product(range(3), (step, -step)):
                tried = _about(axis, angle) @ best.frame
                found = _Found(self._likeness(points, normals, tried), tried)
                best = max(best, found, key=lambda found: found.most)
        return best


def _nearest(alike: Float32[np.ndarray, "M references"], count: int) -> Float32[np.ndarray, " M"]:
    """Mean likeness of the most alike references."""
    return np.sort(alike, axis=1)[:, -count:].mean(1)


@cache
def aligner_of(category: str) -> Aligner:
    """The category's aligner, made once for the process: the shapes it compares with take a second or two."""
    return Aligner(category)


def has_references(category: str) -> bool:
    """Whether shapes of that category can be generated to compare with."""
    return category in GRAMMARS


def quarter_turns() -> Float64[np.ndarray, "24 3 3"]:
    """The rotations that take axes to axes, the identity first."""
    turns = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
        if np.linalg.det(matrix) > 0:
            turns.append(matrix)
    return np.stack(turns)


def _cloud(shape: Shape, seed: int) -> tuple[Float64[np.ndarray, "N 3"], Float64[np.ndarray, "N 3"]]:
    """Points of the surface and their normals."""
    points, normals = shape.sampled(POINTS, seed).oriented()
    return points.astype(np.float64), normals.astype(np.float64)


def _features(points: Float64[np.ndarray, "N 3"], normals: Float64[np.ndarray, "N 3"]) -> Float32[np.ndarray, "2 K"]:
    """How much surface facing along each axis lies in each cell: in the stretched box, and in proportion. Unit length.

    The root keeps densely meshed, hidden or double surfaces from outweighing the rest.
    """
    low, high = points.min(0), points.max(0)
    half = np.maximum((high - low) / 2, 1e-6)
    centred = points - (low + high) / 2
    grids = np.stack([_grid(centred / half, normals), _grid(centred / half.max(), normals)])
    roots = np.sqrt(grids).reshape(2, -1)
    return (roots / np.linalg.norm(roots, axis=1, keepdims=True)).astype(np.float32)


def _grid(points: Float64[np.ndarray, "N 3"], normals: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, "3 G G G"]:
    """Blurred histogram of points in [-1, 1], weighted by the squares of their normals' components (sign aside)."""
    cell = np.clip(((points + 1) / 2 * _CELLS).astype(np.int64), 0, _CELLS - 1) @ [_CELLS**2, _CELLS, 1]
    counts = np.stack([np.bincount(cell, normals[:, axis] ** 2, _CELLS**3) for axis in range(3)])
    grid = counts.reshape(3, _CELLS, _CELLS, _CELLS)
    apart = np.arange(_CELLS)[:, None] - np.arange(_CELLS)
    blur = np.exp(-0.5 * (apart / _BLUR) ** 2)
    for _ in range(3):  # along y, z, x
        grid = (blur @ grid).transpose(0, 2, 3, 1)
    return grid


def _order(turn: Float64[np.ndarray, "3 3"]) -> Int64[np.ndarray, " K"]:
    """Which entry of a shape's grid each entry of the turned shape's grid is."""
    source = np.abs(turn).argmax(1)  # axis of the shape that becomes each axis
    index = np.arange(3 * _CELLS**3).reshape(3, _CELLS, _CELLS, _CELLS)[source]
    index = index.transpose(0, *(1 + source))
    flips = [slice(None, None, int(turn[axis, source[axis]])) for axis in range(3)]
    return index[:, flips[0], flips[1], flips[2]].reshape(-1)


def _principal_axes(points: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotation to the frame whose axes are those of the points' variance."""
    return _proper(np.linalg.svd(points - points.mean(0), full_matrices=False)[2])


def _normal_axes(normals: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotation to the frame of the direction that most of the surface faces, and the most faced one square to it."""
    some = unit(normals[:: max(1, len(normals) // 500)])  # again: they are of single precision
    first = some[_sharp(some @ normals.T).argmax()]
    some = np.concatenate([some, np.eye(3)])  # in case all of it faces that way
    square = some - np.outer(some @ first, first)
    square = unit(square[np.linalg.norm(square, axis=1) > 0.1])  # shorter ones are rounding
    second = square[_sharp(square @ normals.T).argmax()]
    return _proper(np.stack([first, second, np.cross(first, second)]))


def _sharp(cosines: Float64[np.ndarray, "M N"]) -> Float64[np.ndarray, " M"]:
    """How many normals lie within some degrees of each direction, either way round."""
    return (np.abs(cosines) ** 64).sum(1)


def _proper(axes: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3 3"]:
    """The same axes, right-handed."""
    return axes * np.array([[1.0], [1.0], [np.sign(np.linalg.det(axes)) or 1.0]])


def _about(axis: int, degrees: float) -> Float64[np.ndarray, "3 3"]:
    """Rotation about a coordinate axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix
