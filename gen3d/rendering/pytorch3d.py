"""Rasterised views of meshes with PyTorch3D: made for CUDA; without it, it takes seconds a view."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32

from gen3d.errors import MissingError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.rasters import RasterRenderer


class PyTorch3DRenderer(RasterRenderer):
    """Runs on the graphics card where torch can use one. Raises MissingError where PyTorch3D can't be imported."""

    name = "pytorch3d"

    def __init__(self, cameras: tuple[Camera, ...]) -> None:
        super().__init__(cameras)
        import torch

        try:
            from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes  # type: ignore[import-not-found]
            from pytorch3d.structures import Meshes  # type: ignore[import-not-found]
        except (ImportError, OSError) as error:
            raise MissingError(
                f"renderer pytorch3d: PyTorch3D can't be imported ({' '.join(str(error).split())}); it is not on PyPI "
                f"and follows torch (here {torch.__version__}) and CUDA (here {torch.version.cuda or 'none'}): "
                "`pip install --no-build-isolation git+https://github.com/facebookresearch/pytorch3d.git` builds it "
                "for those you have, or leave out --renderer"
            ) from None
        self._rasterize, self._meshes = rasterize_meshes, Meshes
        self._device = "cuda" if torch.cuda.is_available() else "cpu"

    def _faces(
        self, image: Float64[np.ndarray, "F 3 2"], depth: Float64[np.ndarray, "F 3"], size: int
    ) -> Int32[np.ndarray, "H W"]:
        import torch

        # its image plane has x to the left and y up, and its z is the depth
        corners = np.concatenate([image * [-1, 1], depth[..., None]], -1).reshape(-1, 3).astype(np.float32)
        vertices = torch.from_numpy(corners).to(self._device)
        faces = torch.arange(len(corners), device=self._device).reshape(-1, 3)
        shown, *_ = self._rasterize(
            self._meshes(verts=[vertices], faces=[faces]),
            image_size=size,
            blur_radius=0.0,
            faces_per_pixel=1,
            max_faces_per_bin=len(faces),  # by default it leaves out faces where a patch of the image has very many
            perspective_correct=True,
        )
        return shown[0, :, :, 0].cpu().numpy().astype(np.int32)
