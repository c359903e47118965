"""Ray-cast views of meshes on the CPU with Open3D's RaycastingScene: for those who have Open3D anyway."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from gen3d.errors import MissingError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.rays import Cast, Hits, RayRenderer


class Open3DRenderer(RayRenderer):
    """Raises MissingError where Open3D can't be imported."""

    name = "open3d"

    def __init__(self, cameras: tuple[Camera, ...]) -> None:
        super().__init__(cameras)
        try:
            self._open3d: Any = import_module("open3d")  # an import statement would name this file to type checkers
        except (ImportError, OSError) as error:  # OSError: a library of the system that it links to is missing
            raise MissingError(
                f"renderer open3d: Open3D can't be imported ({' '.join(str(error).split())}); `pip install open3d` "
                "(900 MB; on Debian also `apt-get install libusb-1.0-0`), or leave out --renderer"
            ) from None

    def _caster(self, vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]) -> Cast:
        tensor, scene = self._open3d.core.Tensor, self._open3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(tensor(np.array(vertices, np.float32)), tensor(np.array(faces, np.uint32)))

        def cast(origins: Float32[np.ndarray, "R 3"], directions: Float32[np.ndarray, "R 3"]) -> Hits:
            rays = tensor(np.concatenate([origins, directions], 1))
            result = scene.cast_rays(rays, nthreads=1)  # what runs in parallel are gen3d's own workers
            face = result["primitive_ids"].numpy().view(np.int32)  # its largest uint32, "nothing", reads as -1
            u, v = result["primitive_uvs"].numpy().T
            return Hits(face, result["t_hit"].numpy(), u, v)

        return cast
