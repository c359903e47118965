"""Views made by a rasteriser: it tells the face every pixel shows; the rest follows from face and pixel alone."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float, Float64, Int32

from gen3d.errors import InputError
from gen3d.rendering.cameras import NEAR, Camera
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape, unit


class RasterRenderer(ABC):
    """Renders meshes in front of fixed cameras; a subclass adds the rasteriser.

    Of what a rasteriser gives only the face indices are used. Depth, normal and barycentrics are those of the point at
    which the ray through the pixel's centre meets that face, so they mean the same whatever the library's conventions.
    """

    name: str

    def __init__(self, cameras: tuple[Camera, ...]) -> None:
        self.cameras = cameras

    @abstractmethod
    def _faces(
        self, image: Float64[np.ndarray, "F 3 2"], depth: Float64[np.ndarray, "F 3"], size: int
    ) -> Int32[np.ndarray, "H W"]:
        """The nearest face at every pixel centre, -1 = none. Faces have two sides.

        Args:
            image: where the corners are seen: x to the right and y up, the image reaching from -1 to 1.
            depth: of the corners along the viewing direction, radii, positive.
            size: image width and height, pixels.
        """

    def render(self, shape: Shape) -> list[View]:
        """One View per camera; `element` is the face index. Surfaces are double-sided.

        Raises InputError for a shape without faces, or one that reaches to or behind a camera.
        """
        vertices, faces = shape.mesh
        corners = vertices[faces].astype(np.float64)  # (F, 3, 3)
        views = []
        for camera in self.cameras:
            local = corners @ camera.axes.T - [0, 0, camera.distance]
            depth = -local[..., 2]
            if not (depth > NEAR).all():
                raise InputError(
                    f"{shape.id}: reaches to or behind a camera, where {self.name} can't draw it; normalise it, "
                    "or use --renderer embree"
                )
            scale = camera.focal / (camera.size / 2)
            element = self._faces(local[..., :2] / depth[..., None] * scale, depth, camera.size)
            views.append(view_of_faces(camera, local, element))
        return views


def view_of_faces(camera: Camera, corners: Float64[np.ndarray, "F 3 3"], element: Int32[np.ndarray, "H W"]) -> View:
    """The View whose pixels show these faces.

    The ray is met with the face's plane (Möller and Trumbore 1997). A pixel that a rasteriser's rounding gave to a face
    just beside its centre takes the nearest weights within the face.

    Args:
        camera: of the view.
        corners: (F, 3 corners, 3) in the camera's frame, the camera at the origin.
        element: (H, W) face index, -1 = background.
    """
    row, column = (element != BACKGROUND).nonzero()
    face = element[row, column]
    a, b, c = corners[face].transpose(1, 0, 2)  # (K, 3) each
    middle = camera.size / 2
    ray = np.stack([column + 0.5 - middle, middle - row - 0.5, np.full(len(row), -camera.focal)], 1) / camera.focal
    across = np.cross(b - a, c - a)
    u, v = _weights(ray, a, b - a, c - a)
    point = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    normal = unit(np.where((across * point).sum(1, keepdims=True) > 0, -across, across))
    depth = np.full(element.shape, np.inf, np.float32)
    normals, barycentric = np.zeros((*element.shape, 3), np.float32), np.zeros((*element.shape, 2), np.float32)
    depth[row, column] = -point[:, 2]
    normals[row, column] = normal
    barycentric[row, column] = np.stack([u, v], 1)
    return View(camera, element, depth, normals, barycentric)


def _weights(
    ray: Float[np.ndarray, "K 3"],
    a: Float[np.ndarray, "K 3"],
    second: Float[np.ndarray, "K 3"],
    third: Float[np.ndarray, "K 3"],
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """Weights of the second and third corner where rays from the origin meet triangles; kept within the triangle.

    Args:
        ray: directions of any length.
        a: first corner.
        second, third: edges from there to the other two.
    """
    p = np.cross(ray, third)
    determinant = (p * second).sum(1)
    scale = np.divide(1.0, determinant, out=np.zeros_like(determinant), where=determinant != 0)
    u = (scale * (p * -a).sum(1)).clip(0, 1)
    v = (scale * (ray * np.cross(-a, second)).sum(1)).clip(0, 1 - u)
    return u, v
