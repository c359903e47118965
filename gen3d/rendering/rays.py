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


class _Eye:
    """What the rays of a camera have in common whatever they are cast at: float32, made once."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.position = camera.position.astype(np.float32)
        self.axes = camera.axes.astype(np.float32)
        self.directions = camera.directions()


class RayRenderer(ABC):
    """Renders any mesh from fixed cameras. What depends on the camera alone is made once and shared by every shape."""

    name: str

    def __init__(self, cameras: tuple[Camera, ...]) -> None:
        self.cameras = cameras
        self._eyes = [_Eye(camera) for camera in cameras]

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
        offsets = (normals * positions.take(faces[:, 0], 1)).sum(0)
        facing = np.zeros((len(faces) + 1, 4), np.float32)  # filled anew for every camera
        views = _blank(self.cameras)
        for eye, view in zip(self._eyes, views, strict=True):
            _turn(eye, normals, offsets, facing[:-1, :3])
            _draw(view, eye, cast, facing, _window(eye, positions))
        return views


def _blank(cameras: tuple[Camera, ...]) -> list[View]:
    """Views of nothing. Their images are parts of one array per kind: memory is had far faster in one piece."""
    sizes = [camera.size**2 for camera in cameras]
    images = (
        np.full(sum(sizes), BACKGROUND, np.int32),
        np.full(sum(sizes), np.inf, np.float32),
        np.zeros((sum(sizes), 3), np.float32),
        np.zeros((sum(sizes), 2), np.float32),
    )
    pixels = zip(*(np.split(image, np.cumsum(sizes[:-1])) for image in images), strict=True)
    return [
        View(camera, *(some.reshape(camera.size, camera.size, *some.shape[1:]) for some in own))
        for camera, own in zip(cameras, pixels, strict=False)
    ]


def _window(eye: _Eye, positions: Float32[np.ndarray, "3 V"]) -> tuple[slice, slice]:
    """The rows and columns of the image that the mesh can show in; outside of them no ray has to be cast."""
    camera = eye.camera
    x, y, z = eye.axes @ positions
    depth = camera.distance - z
    if not depth.min() > NEAR:  # it reaches to or behind the camera and may be seen anywhere
        return slice(0, camera.size), slice(0, camera.size)

    def span(offset: np.ndarray) -> slice:
        slope = offset / depth
        low, high = np.array([slope.min(), slope.max()]) * camera.focal + camera.size / 2
        # half a pixel would do; a whole one leaves room for rounding
        low, high = np.clip([np.floor(low) - 1, np.floor(high) + 2], 0, camera.size)
        return slice(int(low), int(high))

    return span(-y), span(x)


def _turn(
    eye: _Eye,
    normals: Float32[np.ndarray, "3 F"],
    offsets: Float32[np.ndarray, " F"],
    facing: Float32[np.ndarray, "F 3"],
) -> None:
    """Write the normals of the faces in the camera's frame, turned to it, into `facing`."""
    sign = np.where(eye.position @ normals < offsets, np.float32(-1), np.float32(1))
    facing[...] = (eye.axes @ (normals * sign)).T


def _draw(view: View, eye: _Eye, cast: Cast, facing: Float32[np.ndarray, "F1 4"], window: tuple[slice, slice]) -> None:
    """Cast the window's rays and write what they meet into a view of nothing.

    Args:
        view: to write into.
        eye: of its camera.
        cast: see `Cast`.
        facing: the normal of every face in the camera's frame; a last row of zeros, which BACKGROUND finds. The fourth
            column is for speed alone: rows of 16 bytes are taken as one number each.
        window: rows and columns.
    """
    directions = eye.directions[window]
    rays = directions.reshape(-1, 3)
    hits = cast(np.broadcast_to(eye.position, rays.shape), rays)
    face, distance, u, v = (values.reshape(directions.shape[:2]) for values in hits)
    view.element[window] = face
    view.depth[window] = distance * (directions @ -eye.axes[2])
    shown = facing.view(np.complex128)[:, 0].take(face, mode="wrap")
    view.normal[window] = shown.view(np.float32).reshape(*face.shape, 4)[..., :3]
    assert view.barycentric is not None
    hit = face != BACKGROUND
    np.copyto(view.barycentric[window][..., 0], u, where=hit)
    np.copyto(view.barycentric[window][..., 1], v, where=hit)
