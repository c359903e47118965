"""Views of point clouds as closed surfaces: discs that lie in the surface, blended where they overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from gen3d.errors import InputError
from gen3d.rendering.cameras import NEAR, Camera
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape, unit

CELLS = 2**20  # pixels looked at in one go: bounds the memory that wide discs take
NEIGHBOUR = 6  # whose distance a disc's radius goes by
FACING = 0.1  # cosine to which discs that are seen edge-on are turned: less, and they fall into dashes
COVERED = 0.4  # sum of a surface's weights below which it does not show: trims what sticks out at borders


class SurfelRenderer:
    """Renders clouds for looking at: two passes of surface splatting (Zwicker et al. 2001).

    The first finds how far the nearest disc is in each pixel; the second blends depth and normal of all discs that lie
    no deeper than their own radius behind it.

    Args:
        cameras: one View each.
        reach: disc radius over the distance to the sixth neighbour.
    """

    name = "surfels"

    def __init__(self, cameras: tuple[Camera, ...], reach: float = 1.25) -> None:
        self.cameras, self.reach = cameras, reach

    def render(self, shape: Shape) -> list[View]:
        """One View per camera; `element` is the nearest disc's point. Normals are estimated where there are none."""
        if shape.points is None or not len(shape.points):
            raise InputError(f"{shape.id}: has no points to draw")
        points, normals = (values.astype(np.float64) for values in shape.oriented())
        radius = self.reach * spacing(points)
        return [_view(camera, points, normals, radius) for camera in self.cameras]


class _Splats(NamedTuple):
    """Which disc covers which pixel, S times: its index, the flat pixel, its depth there and its weight."""

    disc: Int64[np.ndarray, " S"]
    pixel: Int64[np.ndarray, " S"]
    depth: Float64[np.ndarray, " S"]
    weight: Float64[np.ndarray, " S"]


def spacing(points: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, " N"]:
    """Distance to the sixth neighbour, at most twice the median: points far from all others make no large discs.

    Points at the same place count once.
    """
    from scipy.spatial import KDTree  # late, for the verbs that import this to say there is nothing to do

    places, which = np.unique(points, axis=0, return_inverse=True)
    count = min(NEIGHBOUR + 1, len(places))
    far = KDTree(places).query(places, k=count)[0].reshape(len(places), -1)[:, -1]
    typical = max(float(np.median(far)), 1e-3)
    return far.clip(typical / 4, 2 * typical)[which.reshape(-1)]


def _view(
    camera: Camera,
    points: Float64[np.ndarray, "N 3"],
    normals: Float64[np.ndarray, "N 3"],
    radius: Float64[np.ndarray, " N"],
) -> View:
    """Splat, find the nearest, blend."""
    local = points @ camera.axes.T - [0, 0, camera.distance]  # the camera at the origin
    facing = normals @ camera.axes.T
    facing = np.where((facing * local).sum(1, keepdims=True) > 0, -facing, facing)
    splats = _frontmost(_splats(camera, local, _turned(local, facing), radius), radius, camera.size**2)
    pixels, size = camera.size**2, (camera.size, camera.size)
    total = np.bincount(splats.pixel, splats.weight, pixels)
    hit = total > 0
    share = splats.weight / total[splats.pixel]
    mean = [np.bincount(splats.pixel, share * x, pixels) for x in (*facing[splats.disc].T, splats.depth)]
    element, depth = np.full(pixels, BACKGROUND, np.int32), np.full(pixels, np.inf, np.float32)
    element[splats.pixel[::-1]] = splats.disc[::-1]  # the first of a pixel is the nearest
    depth[hit] = mean[3][hit]
    normal = unit(np.stack(mean[:3], 1).astype(np.float32))
    return View(camera, element.reshape(size), depth.reshape(size), normal.reshape(*size, 3))


def _frontmost(splats: _Splats, radius: Float64[np.ndarray, " N"], pixels: int) -> _Splats:
    """By pixel and depth, those that make up the nearest surface which covers the pixel.

    A pixel that only the rim of a surface's discs reaches is not covered by it: what lies behind is seen there.
    """
    order = np.lexsort((splats.depth, splats.pixel))
    while True:
        disc, pixel, depth, weight = (values[order] for values in splats)
        first = np.flatnonzero(np.diff(pixel, prepend=-1))
        nearest = np.full(pixels, np.inf)
        nearest[pixel[first]] = depth[first]
        layer = depth <= nearest[pixel] + radius[disc]
        total = np.bincount(pixel[layer], weight[layer], pixels)
        faint = layer & (total[pixel] < COVERED)
        if not faint.any():
            return _Splats(disc[layer], pixel[layer], depth[layer], weight[layer])
        order = order[~faint]


def _turned(local: Float64[np.ndarray, "N 3"], facing: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, "N 3"]:
    """Normals of the discs as drawn: those seen nearly edge-on are turned a little to the viewer."""
    back = -unit(local)
    lacking = (FACING - (facing * back).sum(1, keepdims=True)).clip(0)
    return unit(facing + lacking * back)


def _splats(
    camera: Camera,
    local: Float64[np.ndarray, "N 3"],
    normals: Float64[np.ndarray, "N 3"],
    radius: Float64[np.ndarray, " N"],
) -> _Splats:
    """Every pixel whose ray meets a disc, with (1 - (distance from its middle / radius)^2)^2 as weight."""
    ahead = np.flatnonzero(-local[:, 2] > NEAR)
    reach = _reach(camera, local[ahead], radius[ahead])
    found = [np.zeros((4, 0))]
    for span in np.unique(widths := 2 ** np.ceil(np.log2(reach)).astype(np.int64)):
        same = ahead[widths == span]
        for some in np.array_split(same, 1 + len(same) * (2 * span + 1) ** 2 // CELLS):
            found.append(_portion(camera, local, normals, radius, (some, int(span))))
    disc, pixel, depth, weight = np.concatenate(found, 1)
    return _Splats(disc.astype(np.int64), pixel.astype(np.int64), depth, weight)


def _reach(
    camera: Camera, local: Float64[np.ndarray, "N 3"], radius: Float64[np.ndarray, " N"]
) -> Float64[np.ndarray, " N"]:
    """How many pixels from its centre's a disc can be seen at most, in rows or columns: as far as a ball of its radius.

    Seen along one axis, that ball's tangents through the camera have the slopes
    (x z ± r sqrt(x^2 + z^2 - r^2)) / (z^2 - r^2). A whole image is wide enough for any.
    """
    side, depth = np.abs(local[:, :2]).max(1), -local[:, 2]
    beside = depth > 1.01 * radius  # otherwise it may fill the image
    square = np.where(beside, depth**2 - radius**2, 1.0)
    slope = (side * radius**2 / depth + radius * np.sqrt(side**2 + square)) / square
    return np.where(beside, slope * camera.focal, camera.size).clip(1, camera.size)


def _portion(
    camera: Camera,
    local: Float64[np.ndarray, "N 3"],
    normals: Float64[np.ndarray, "N 3"],
    radius: Float64[np.ndarray, " N"],
    discs: tuple[np.ndarray, int],
) -> Float64[np.ndarray, "4 S"]:
    """`_splats` of some discs, which reach no further than so many pixels."""
    some, span = discs
    point, normal = local[some, None, None], normals[some, None, None]
    focal, middle, step = camera.focal, camera.size / 2, np.arange(-span, span + 1)
    # a centre beside the picture is moved to its edge: from there it reaches all that it reached before
    centre = np.floor(middle + point[..., :2] * [1, -1] / -point[..., 2:] * focal).clip(0, camera.size - 1)
    column, row = centre[..., 0] + step[None, None, :], centre[..., 1] + step[None, :, None]
    x, y = (column + 0.5 - middle) / focal, (middle - row - 0.5) / focal  # the ray is (x, y, -1)
    slope = x * normal[..., 0] + y * normal[..., 1] - normal[..., 2]
    depth = (point * normal).sum(-1) / np.where(np.abs(slope) < 1e-9, 1e-9, slope)
    off = (x * depth - point[..., 0]) ** 2 + (y * depth - point[..., 1]) ** 2 + (depth + point[..., 2]) ** 2
    weight = (1 - off / radius[some, None, None] ** 2).clip(0) ** 2
    inside = (column >= 0) & (column < camera.size) & (row >= 0) & (row < camera.size)
    which, i, j = np.nonzero((weight > 0) & inside & (depth > NEAR))
    pixel = row[which, i, 0] * camera.size + column[which, 0, j]
    return np.stack([some[which], pixel, depth[which, i, j], weight[which, i, j]])
