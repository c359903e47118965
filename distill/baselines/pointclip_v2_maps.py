"""PointCLIP V2's projection: ten rotations, an orthographic grid, and which points a map shows (baselines.md, 2).

Written from that description. The maps' rows run along the rotated x axis: then shapes stand upright on the maps, not
mirrored, and a point is looked up where it was drawn. The release looks it up with rows and columns swapped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from gen3d.rendering.realistic_depth import SIDE, STEPS, depth_values, smoothed_grid

RATIO = 0.7  # of the grid's width that the shape's longest side takes
TOLERANCE = 0.1  # of the map's largest value, between it and a point's own smoothed depth
CROP = slice(20, 204)
_Q = np.pi / 2
_FIRST = (*((k * _Q, 0.0, _Q) for k in (0, 1, 2, 3, 0, 1, 2, 3)), (0.0, -_Q, _Q), (0.0, _Q, _Q))
_SECOND = (*((np.pi / 4, 0.0, 0.0),) * 4, *((0.0, 0.0, 0.0),) * 4, *((np.pi / 15, 0.0, 0.0),) * 2)
_THIRD = (*((0.0, np.pi / 9, 0.0),) * 8, *((0.0, np.pi / 15, 0.0),) * 2)
_TO_SHAPENET = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # as `gen3d.shapenet_frame.to_shapenet`
_TO_CAMERA = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # columns are y, rows x, the viewer stands at +z


class DepthMap(NamedTuple):
    """One view.

    Args:
        image: (224, 224) float32, cropped and enlarged: 1 = background, 0 = the nearest.
        drawn: (N,) flat pixel (row * 224 + column) of the image where every point is drawn.
        read: (N,) the pixel where it is looked up.
        seen: (N,) bool, points that the map shows.
    """

    image: Float32[np.ndarray, "S S"]
    drawn: Int64[np.ndarray, " N"]
    read: Int64[np.ndarray, " N"]
    seen: Bool[np.ndarray, " N"]


def rotations() -> Float[np.ndarray, "10 3 3"]:
    """From the house frame to that of every view, in which depth is z, rows are x and columns are y."""
    turns = zip(_FIRST, _SECOND, _THIRD, strict=True)
    return np.stack([_turn(third) @ _turn(second) @ _turn(first) @ _TO_SHAPENET for first, second, third in turns])


def axes() -> Float[np.ndarray, "10 3 3"]:
    """Rows: right, up and backward of every map in the house frame, as `Camera.axes`."""
    return _TO_CAMERA @ rotations()


def _turn(angles: tuple[float, float, float]) -> Float[np.ndarray, "3 3"]:
    """Rx Ry Rz: about z first. Row vectors times its transpose are what the release computes."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_x @ about_y @ about_z


def depth_map(turned: Float[np.ndarray, "N 3"], released_order: bool = False) -> DepthMap:
    """The map of one view.

    Args:
        turned: points in the view's frame, of any size and at any place.
        released_order: look points up with rows and columns swapped, as the release does.
    """
    cell, value = cells(turned), depth_values(turned)
    grid = smoothed_grid(cell, value)
    image = grid.image()
    largest = max(float(image.max()), 1e-6)
    looked = cell[:, ::-1] if released_order else cell
    own = grid.at(np.ceil(value).astype(np.int64).clip(1, STEPS - 1), looked)
    seen = np.abs(image[looked[:, 1], looked[:, 0]] - own) / largest < TOLERANCE
    return DepthMap(_enlarged((1 - image / largest)[CROP, CROP]), _pixel(cell), _pixel(looked), seen)


def _pixel(cell: Int64[np.ndarray, "N 2"]) -> Int64[np.ndarray, " N"]:
    """Of the cropped and enlarged image."""
    column, row = np.ceil((cell - CROP.start) * (SIDE / (CROP.stop - CROP.start))).astype(np.int64).T
    return row * SIDE + column


def cells(turned: Float[np.ndarray, "N 3"]) -> Int64[np.ndarray, "N 2"]:
    """Column and row of every point in the grid: the box centred, its longest side 0.7 of the grid's width."""
    low, high = turned.min(0), turned.max(0)
    centred = (turned - (low + high) / 2) / max(float((high - low).max()), 1e-6) * 2
    place = (centred[:, :2] * RATIO + 1) / 2 * SIDE
    return np.ceil(place).astype(np.int64).clip(1, SIDE - 2)[:, ::-1]


def _enlarged(image: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "S S"]:
    """To 224 pixels, bilinear, corner to corner."""
    import torch

    whole = torch.from_numpy(np.ascontiguousarray(image))[None, None]
    return torch.nn.functional.interpolate(whole, (SIDE, SIDE), mode="bilinear", align_corners=True)[0, 0].numpy()
