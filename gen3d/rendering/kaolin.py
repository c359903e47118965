"""Rasterised views of meshes with NVIDIA Kaolin (the rasteriser of DIB-R, Chen et al. 2019). CUDA only."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32

from gen3d.errors import MissingError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.rasters import RasterRenderer

WHEELS = "https://nvidia-kaolin.s3.us-east-2.amazonaws.com"


class KaolinRenderer(RasterRenderer):
    """Raises MissingError where Kaolin can't be imported, or torch can use no graphics card.

    Args:
        cameras: one View each.
        device: where to rasterise; Kaolin itself has no other than CUDA devices.
    """

    name = "kaolin"

    def __init__(self, cameras: tuple[Camera, ...], device: str = "cuda") -> None:
        super().__init__(cameras)
        import torch

        try:
            from kaolin.render.mesh import rasterize  # type: ignore[import-not-found]
        except (ImportError, OSError) as error:
            raise MissingError(_how_to_install(error)) from None
        if device == "cuda" and not torch.cuda.is_available():
            raise MissingError(
                "renderer kaolin: needs a graphics card with CUDA, which torch can't use here; leave out --renderer"
            )
        self._rasterize, self._device = rasterize, device

    def _faces(
        self, image: Float64[np.ndarray, "F 3 2"], depth: Float64[np.ndarray, "F 3"], size: int
    ) -> Int32[np.ndarray, "H W"]:
        import torch

        def batch(values: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(values[None].astype(np.float32)).to(self._device)

        # It wants a z that grows towards the camera, which it interpolates evenly over the image: right for 1 / depth,
        # wrong for -depth, by which large faces would hide what lies before them.
        nothing = np.zeros((*depth.shape, 1))  # it insists on features to draw
        _, shown = self._rasterize(size, size, batch(1 / depth), batch(image), batch(nothing), backend="cuda")
        return shown[0].cpu().numpy().astype(np.int32)


def _how_to_install(error: Exception) -> str:
    """For the versions of torch and CUDA that are here."""
    import torch

    version, cuda = torch.__version__.split("+")[0], (torch.version.cuda or "").replace(".", "")
    page = f"{WHEELS}/torch-{version}_cu{cuda or 'VERSION'}.html"
    return (
        f"renderer kaolin: Kaolin can't be imported ({' '.join(str(error).split())}); its wheels follow torch and CUDA "
        f"and come from NVIDIA (PyPI's is a placeholder): `pip install kaolin==0.18.0 -f {page}`, or leave out "
        "--renderer"
    )
