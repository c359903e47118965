"""Ray-cast views of meshes on the CPU with Intel Embree: the first face behind every pixel centre."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from gen3d.rendering.cameras import Camera
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape


class EmbreeRenderer:
    """Renders any mesh from fixed cameras. Rays are made once and shared by every shape."""

    def __init__(self, cameras: tuple[Camera, ...]) -> None:
        self.cameras = cameras
        self._directions = np.concatenate([c.directions().reshape(-1, 3) for c in cameras])  # (R, 3)
        pixels = [c.size**2 for c in cameras]
        self._origins = np.repeat([c.position for c in cameras], pixels, axis=0).astype(np.float32)  # (R, 3)
        self._slices = np.cumsum([0, *pixels])
        along = (self._origins * self._directions).sum(1, keepdims=True)
        self._clearance = np.linalg.norm(self._origins - along * self._directions, axis=1)  # ray to origin, (R,)

    def render(self, shape: Shape) -> list[View]:
        """One View per camera; `element` is the face index. Surfaces are double-sided. Needs a mesh."""
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        vertices, faces = shape.mesh
        scene = EmbreeScene()
        TriangleMesh(scene, vertices[faces])
        radius = np.linalg.norm(vertices, axis=1).max()
        rays = np.flatnonzero(self._clearance <= radius * 1.0001)  # the others can't meet the shape
        result = scene.run(self._origins[rays], self._directions[rays], output=True)
        seen = result["geomID"] != BACKGROUND
        hit, rays = np.flatnonzero(seen), rays[seen]
        normals = result["Ng"][hit]  # left-handed in Embree; only the axis matters, the viewer's side is chosen below
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
        normals *= -np.sign((normals * self._directions[rays]).sum(1, keepdims=True))
        uv = np.stack([result["u"][hit], result["v"][hit]], 1)
        return self._views(rays, result["primID"][hit], result["tfar"][hit], normals, uv)

    def _views(
        self,
        rays: np.ndarray,
        primitive: np.ndarray,
        distance: np.ndarray,
        normals: Float32[np.ndarray, "K 3"],
        uv: Float32[np.ndarray, "K 2"],
    ) -> list[View]:
        """Scatter the K hits into one image per camera."""
        views = []
        bounds = np.searchsorted(rays, self._slices)
        for i, camera in enumerate(self.cameras):
            part = slice(bounds[i], bounds[i + 1])
            pixel, axes = rays[part] - self._slices[i], camera.axes.astype(np.float32)
            shape = (camera.size, camera.size)
            element = np.full(shape, BACKGROUND, np.int32)
            depth = np.full(shape, np.inf, np.float32)
            normal, barycentric = np.zeros((*shape, 3), np.float32), np.zeros((*shape, 2), np.float32)
            element.reshape(-1)[pixel] = primitive[part]
            depth.reshape(-1)[pixel] = distance[part] * (self._directions[rays[part]] @ -axes[2])
            normal.reshape(-1, 3)[pixel] = normals[part] @ axes.T
            barycentric.reshape(-1, 2)[pixel] = uv[part]
            views.append(View(camera, element, depth, normal, barycentric))
        return views
