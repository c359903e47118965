"""Views of point clouds: every point splatted as a disc, the nearest one kept per pixel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.spatial import KDTree

from gen3d.errors import InputError
from gen3d.rendering.cameras import NEAR, Camera
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape

CELLS = 2**22  # pixels looked at in one go: bounds the memory that wide discs take


class PointsRenderer:
    """Renders clouds from fixed cameras by a z-buffer of discs, each as wide as the cloud's own spacing."""

    name = "points"

    def __init__(self, cameras: tuple[Camera, ...], spacing: float = 1.25) -> None:
        self.cameras = cameras
        self.spacing = spacing  # disc radius over the median distance to the third neighbour

    def render(self, shape: Shape) -> list[View]:
        """One View per camera; `element` is the point index. Normals are estimated where the cloud has none."""
        if shape.points is None or not len(shape.points):
            raise InputError(f"{shape.id}: has no points to draw")
        points, normals = shape.oriented()
        radius = self.radius(points)
        return [_view(camera, points, normals, radius) for camera in self.cameras]

    def radius(self, points: Float32[np.ndarray, "N 3"]) -> float:
        """Radius of every disc, in the unit of the points. Points at the same place count once."""
        places = np.unique(points, axis=0)
        reach = KDTree(places).query(places, k=min(4, len(places)))[0].reshape(len(places), -1)[:, -1]
        return self.spacing * max(float(np.median(reach)), 1e-3)


def _view(
    camera: Camera, points: Float32[np.ndarray, "N 3"], normals: Float32[np.ndarray, "N 3"], radius: float
) -> View:
    ahead = np.flatnonzero((camera.position - points) @ camera.axes[2] > NEAR)  # the others are not in the picture
    xy, depth = camera.project(points[ahead])
    # a disc as wide as two images fills the image already
    nearest = _splat(xy, depth, np.minimum(radius * camera.focal / depth, camera.size), camera.size)
    hit = nearest >= 0
    element = np.where(hit, np.append(ahead, BACKGROUND)[nearest], BACKGROUND).astype(np.int32)
    away = ((camera.position - points) * normals).sum(1) < 0
    # a last row stands for the background, which -1 finds
    facing = np.append(np.where(away[:, None], -normals, normals) @ camera.axes.T, np.zeros((1, 3)), 0)
    image = np.append(depth, np.inf)[nearest]
    return View(camera, element, image.astype(np.float32), facing[element].astype(np.float32))


def _splat(
    xy: Float64[np.ndarray, "N 2"], depth: Float64[np.ndarray, " N"], reach: Float64[np.ndarray, " N"], size: int
) -> Int64[np.ndarray, "H W"]:
    """Which disc each pixel shows: the nearest of those that cover its centre; -1 = none.

    A disc covers the pixel that its own centre lies in, however small it is. Ties (closer than 2^-20) go to the
    lower index.

    Args:
        xy: centres, pixels.
        depth: along the viewing direction.
        reach: radii, pixels.
        size: image width and height, pixels.
    """
    import torch

    empty = np.iinfo(np.int64).max
    buffer = torch.full((size**2,), empty, dtype=torch.int64)
    # depth in the high bits, the disc's index in the low ones: the smallest key is the nearest disc
    keys = (torch.from_numpy((depth * 2**20).astype(np.int64)) << 32) | torch.arange(len(depth))
    x, y = torch.from_numpy(xy.astype(np.float32)).T
    squares = torch.from_numpy((reach**2).astype(np.float32))
    span = int(reach.max(initial=0)) + 1
    step = torch.arange(-span, span + 1, dtype=torch.float32)
    for some in torch.arange(len(depth)).split(max(1, CELLS // len(step) ** 2)):
        column, row = x[some].floor()[:, None] + step, y[some].floor()[:, None] + step  # (n, 2 span + 1) each
        across, down = (column + 0.5 - x[some, None]).square(), (row + 0.5 - y[some, None]).square()
        inside = down[:, :, None] + across[:, None, :] <= squares[some, None, None]
        inside[:, span, span] = True
        inside &= ((row >= 0) & (row < size))[:, :, None] & ((column >= 0) & (column < size))[:, None, :]
        disc, i, j = inside.nonzero(as_tuple=True)
        pixel = (row[disc, i] * size + column[disc, j]).long()
        buffer.scatter_reduce_(0, pixel, keys[some][disc], "amin")
    best = buffer.numpy().reshape(size, size)
    return np.where(best == empty, -1, best & 0xFFFFFFFF)
