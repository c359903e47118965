"""Ray-cast views of meshes on the CPU with Intel Embree: the first face behind every pixel centre."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64

from gen3d.rendering.rays import Cast, Hits, RayRenderer


class EmbreeRenderer(RayRenderer):
    """Needs nothing but what gen3d comes with: the default for meshes."""

    name = "embree"

    def _caster(self, vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]) -> Cast:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        scene = EmbreeScene()
        TriangleMesh(scene, np.asarray(vertices), np.asarray(faces, np.int32))  # plain arrays: subclasses are slow here

        def cast(origins: Float32[np.ndarray, "R 3"], directions: Float32[np.ndarray, "R 3"]) -> Hits:
            # what meets nothing keeps the infinite distance
            result = scene.run(origins, directions, output=True, dists=np.inf)
            return Hits(result["primID"], result["tfar"], result["u"], result["v"])

        return cast
