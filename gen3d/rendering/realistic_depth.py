"""The "realistic" depth maps of PointCLIP V2: points made dense in a grid, then smoothed (baselines.md, section 2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int64

from gen3d.rendering.cameras import NEAR, Camera

SIDE, DEEP = 224, 112  # cells of the grid across and down, and along the view
BIAS, STEPS = 0.3, 110  # depths fill the steps from BIAS / (1 + BIAS) of them to the last
POOL = (5, 11, 11)  # z, y, x
SIGMAS = (2.0, 1.0, 1.0)
TAPS = np.arange(-2, 3)
_MARGIN = 8  # cells by which pooling and smoothing widen what is drawn, and one more


def realistic_depth(camera: Camera, points: Float32[np.ndarray, "N 3"]) -> Float32[np.ndarray, "H W"]:
    """Depth map of a cloud: 1 = background, 0 = the nearest.

    The published steps, through our own camera: theirs looks from afar, and takes the cell after the one a point is in.

    Args:
        camera: of the view; the map is made with 224 pixels a side, and then brought to the camera's size.
        points: house frame, radii.
    """
    xy, depth = camera.project(points)
    ahead = depth > NEAR
    if not ahead.any():
        return np.ones((camera.size, camera.size), np.float32)
    value = depth_values(points[ahead] @ camera.axes.T)
    cell = np.floor(xy[ahead] * (SIDE / camera.size)).astype(np.int64).clip(1, SIDE - 2)
    image = smoothed_grid(cell, value).image()
    return _resized(1 - image / max(float(image.max()), 1e-6), camera.size)


def depth_values(local: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
    """Depth steps 1 to 110, growing towards the viewer, of positions with +Z to it; their box's longest side is 2."""
    low, high = local.min(0), local.max(0)
    z = (local[:, 2] - (low[2] + high[2]) / 2) / max(float((high - low).max()), 1e-6) * 2
    return (((z + 1) / 2 + BIAS) / (1 + BIAS) * STEPS).clip(1, STEPS)


class Grid(NamedTuple):
    """A window of the smoothed grid; all outside of it is 0.

    Args:
        values: (112, h, w) float32, along the view (towards the viewer), down and across.
        first: (2,) column and row of the window's first cell.
    """

    values: Float32[np.ndarray, "D h w"]
    first: Int64[np.ndarray, " 2"]

    def image(self) -> Float32[np.ndarray, "S S"]:
        """The largest value along the view; 0 where there is nothing."""
        whole, (x, y) = np.zeros((SIDE, SIDE), np.float32), self.first
        _, height, width = self.values.shape
        whole[y : y + height, x : x + width] = self.values.max(0)
        return whole

    def at(self, deep: Int64[np.ndarray, " N"], cell: Int64[np.ndarray, "N 2"]) -> Float32[np.ndarray, " N"]:
        """The values of cells, each told by its layer, and its column and row in the whole grid."""
        place = cell - self.first
        _, height, width = self.values.shape
        inside = np.all((place >= 0) & (place < (width, height)), axis=1)
        column, row = np.where(inside[:, None], place, 0).T
        return np.where(inside, self.values[deep, row, column], np.float32(0))


def smoothed_grid(cell: Int64[np.ndarray, "N 2"], value: Float[np.ndarray, " N"]) -> Grid:
    """Points pooled and smoothed: the largest value of a 5 x 11 x 11 block of cells, then a Gaussian over 5 of them.

    Args:
        cell: column and row of every point, 1 to 222.
        value: 1 to 110; the layer is the next whole number.
    """
    from scipy.ndimage import correlate1d

    first = (cell.min(0) - _MARGIN).clip(0)
    width, height = (cell.max(0) + _MARGIN + 1).clip(max=SIDE) - first
    grid = np.zeros((DEEP, height, width), np.float32)
    column, row = (cell - first).T
    np.maximum.at(grid, (np.ceil(value).astype(np.int64), row, column), value.astype(np.float32))
    for axis, size in enumerate(POOL):
        grid = _largest(grid, size, axis)
    for axis, sigma in enumerate(SIGMAS):
        bell = np.exp(-(TAPS**2) / (2 * sigma**2))
        grid = correlate1d(grid, bell / bell.sum(), axis=axis, mode="constant", cval=0.0)
    return Grid(grid, first)


def _largest(grid: Float32[np.ndarray, "D h w"], size: int, axis: int) -> Float32[np.ndarray, "D h w"]:
    """The largest value of `size` cells along an axis, each in the middle of its own: by doubling, five times as fast
    as a filter of SciPy's.
    """
    reach = [(size // 2, size // 2) if each == axis else (0, 0) for each in range(3)]
    whole, spans = np.moveaxis(np.pad(grid, reach), axis, 0), 1
    while spans < size:
        step = min(spans, size - spans)
        whole, spans = np.maximum(whole[:-step], whole[step:]), spans + step
    return np.moveaxis(whole, 0, axis)


def _resized(image: Float32[np.ndarray, "S S"], size: int) -> Float32[np.ndarray, "H W"]:
    """Bilinear."""
    from PIL import Image

    if size == len(image):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)).clip(0, 1)
