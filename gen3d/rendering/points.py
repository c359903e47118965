"""Views of point clouds: every point splatted as a disc, the nearest one kept per pixel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy.spatial import KDTree

from gen3d.errors import InputError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape, estimate_normals


class PointsRenderer:
    """Renders clouds from fixed cameras by a z-buffer of discs, each as wide as the cloud's own spacing."""

    def __init__(self, cameras: tuple[Camera, ...], spacing: float = 1.25) -> None:
        self.cameras = cameras
        self.spacing = spacing  # disc radius over the median distance to the third neighbour

    def render(self, shape: Shape) -> list[View]:
        """One View per camera; `element` is the point index. Normals are estimated where the cloud has none."""
        points = shape.points
        if points is None or not len(points):
            raise InputError(f"{shape.id}: has no points to draw")
        reach = KDTree(points).query(points, k=min(4, len(points)))[0].reshape(len(points), -1)[:, -1]
        radius = self.spacing * max(float(np.median(reach)), 1e-3)
        normals = estimate_normals(points) if shape.normals is None else shape.normals
        return [self._view(camera, points, normals, radius) for camera in self.cameras]

    def _view(
        self, camera: Camera, points: Float32[np.ndarray, "N 3"], normals: Float32[np.ndarray, "N 3"], radius: float
    ) -> View:
        import torch

        xy, depth = camera.project(points)
        x, y = torch.from_numpy(xy.astype(np.float32)).T  # (N,) each
        reach = torch.from_numpy((radius * camera.focal / depth).astype(np.float32))  # disc radius in pixels
        span = int(reach.max()) + 1
        step = torch.arange(-span, span + 1, dtype=torch.float32)
        column, row = x.floor()[:, None] + step, y.floor()[:, None] + step  # (N, 2 span + 1) each
        across, down = (column + 0.5 - x[:, None]).square(), (row + 0.5 - y[:, None]).square()
        inside = down[:, :, None] + across[:, None, :] <= reach.square()[:, None, None]
        inside[:, span, span] = True  # a disc smaller than a pixel still owns its own
        inside &= ((row >= 0) & (row < camera.size))[:, :, None] & ((column >= 0) & (column < camera.size))[:, None, :]
        point, i, j = inside.nonzero(as_tuple=True)
        pixel = (row[point, i] * camera.size + column[point, j]).long()
        # nearest first, ties by index: depth in the high bits, the point's index in the low ones
        key = (torch.from_numpy((depth * 2**20).astype(np.int64))[point] << 32) | point
        empty = np.iinfo(np.int64).max
        buffer = torch.full((camera.size**2,), empty, dtype=torch.int64)
        best = buffer.scatter_reduce_(0, pixel, key, "amin").numpy()
        element = np.where(best == empty, BACKGROUND, best & 0xFFFFFFFF).astype(np.int32)
        hit = element != BACKGROUND
        image, normal = np.full(len(element), np.inf, np.float32), np.zeros((len(element), 3), np.float32)
        image[hit] = depth[element[hit]]
        seen = normals[element[hit]] @ camera.axes.T  # camera frame
        normal[hit] = seen * np.where(seen[:, 2:] < 0, -1, 1)
        size = (camera.size, camera.size)
        return View(camera, element.reshape(size), image.reshape(size), normal.reshape(*size, 3))
