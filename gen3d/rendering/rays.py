"""Views made by casting a ray through every pixel centre; a renderer adds what casts them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from gen3d.rendering.cameras import NEAR, Camera
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape, face_normals


class Hits(NamedTuple):
    """What R rays meet first.

    Args:
        face: (R,) int32, -1 = nothing.
        distance: (R,) float32 along the ray; inf = nothing.
        u, v: (R,) float32 weights of the face's second and third corner; anything where nothing is met.
    """

    face: Int32[np.ndarray, " R"]
    distance: Float32[np.ndarray, " R"]
    u: Float32[np.ndarray, " R"]
    v: Float32[np.ndarray, " R"]


# origins and unit directions, (R, 3) float32 each
Cast = Callable[[Float32[np.ndarray, "R 3"], Float32[np.ndarray, "R 3"]], Hits]


class RayRenderer(ABC):
    """Renders any mesh from fixed cameras. The directions of rays are made once and shared by every shape."""

    name: str

    def __init__(self, cameras: tuple[Camera, ...]) -> None:
        self.cameras = cameras
        self._directions = [camera.directions() for camera in cameras]

    @abstractmethod
    def _caster(self, vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]) -> Cast:
        """A scene of the mesh, as what casts rays into it."""

    def render(self, shape: Shape) -> list[View]:
        """One View per camera; `element` is the face index. Surfaces are double-sided. Needs a mesh."""
        vertices, faces = shape.mesh
        cast = self._caster(vertices, faces)
        normals = face_normals(vertices, faces)[0].T.copy()  # coordinates in rows: products run along memory
        positions = vertices.T.copy()
        # how far each face's plane lies from the origin along its normal: tells which side of it a camera is on
        offsets = (normals * positions[:, faces[:, 0]]).sum(0)
        views = []
        for camera, directions in zip(self.cameras, self._directions, strict=True):
            rows, columns = _window(camera, positions)
            facing = _facing(camera, normals, offsets)
            views.append(_view(camera, cast, directions[rows, columns], facing, (rows, columns)))
        return views


def _window(camera: Camera, positions: Float32[np.ndarray, "3 V"]) -> tuple[slice, slice]:
    """The rows and columns of the image that the mesh can show in; outside of them no ray has to be cast."""
    x, y, z = camera.axes.astype(np.float32) @ positions
    depth = camera.distance - z
    if not (depth > NEAR).all():  # it reaches to or behind the camera and may be seen anywhere
        return slice(0, camera.size), slice(0, camera.size)

    def span(offset: np.ndarray) -> slice:
        pixels = offset / depth * camera.focal + camera.size / 2
        # half a pixel would do; a whole one leaves room for rounding
        low, high = np.clip([np.floor(pixels.min()) - 1, np.floor(pixels.max()) + 2], 0, camera.size)
        return slice(int(low), int(high))

    return span(-y), span(x)


def _facing(
    camera: Camera, normals: Float32[np.ndarray, "3 F"], offsets: Float32[np.ndarray, " F"]
) -> Float32[np.ndarray, "F1 3"]:
    """Normals of the faces in the camera's frame, turned to it; a last row of zeros, so that BACKGROUND finds it."""
    away = camera.position.astype(np.float32) @ normals < offsets
    turned = camera.axes.astype(np.float32) @ np.where(away, -normals, normals)
    return np.concatenate([turned.T, np.zeros((1, 3), np.float32)])


def _view(
    camera: Camera,
    cast: Cast,
    directions: Float32[np.ndarray, "h w 3"],
    facing: Float32[np.ndarray, "F1 3"],
    window: tuple[slice, slice],
) -> View:
    """Cast the window's rays and put what they meet into images of the whole view."""
    size = (camera.size, camera.size)
    element = np.full(size, BACKGROUND, np.int32)
    depth = np.full(size, np.inf, np.float32)
    normal, barycentric = np.zeros((*size, 3), np.float32), np.zeros((*size, 2), np.float32)
    rays = directions.reshape(-1, 3)
    hits = cast(np.broadcast_to(camera.position.astype(np.float32), rays.shape), rays)
    face, distance, u, v = (values.reshape(directions.shape[:2]) for values in hits)
    hit = face != BACKGROUND
    element[window] = face
    depth[window] = distance * (directions @ -camera.axes[2].astype(np.float32))
    normal[window] = facing.take(face, 0, mode="wrap")
    np.copyto(barycentric[window][..., 0], u, where=hit)
    np.copyto(barycentric[window][..., 1], v, where=hit)
    return View(camera, element, depth, normal, barycentric)
