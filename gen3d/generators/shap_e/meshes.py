"""A latent to a coloured mesh, in Shap-E's frame: +Z up, inside of [-1, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.func import functional_call

from gen3d.batches import Batch
from gen3d.isosurface import ColoredMesh, evaluated, extract_mesh, largest_component

BLOCK = 4096  # places; so many, or several times as many, are asked about at once


class LatentField:
    """The signed distance and the colours that a latent stands for.

    The latent is projected to the weights of a small network from places to both. diffusers copies them into the
    renderer; here the network is called with them instead, so that the renderer stays as it is.

    Args:
        renderer: diffusers' `ShapERenderer`, float32.
        latent: of one shape, where the renderer is.
        fitting: how many blocks of places fit into memory at once.
    """

    def __init__(self, renderer: Any, latent: Float[Tensor, "T C"], fitting: Batch) -> None:
        with torch.inference_mode():
            projected = renderer.params_proj(latent[None])
        self._network, self._device, self._fitting = renderer.mlp, latent.device, fitting
        self._weights = {name.removeprefix("nerstf."): value[0] for name, value in projected.items()}

    def signed_distance(self, places: Float32[np.ndarray, "P 3"]) -> Float32[np.ndarray, " P"]:
        """Positive inside, through tanh: in [-1, 1]."""
        return self._asked("signed_distance", places)[:, 0]

    def colors(self, places: Float32[np.ndarray, "P 3"]) -> Float32[np.ndarray, "P 3"]:
        """RGB in [0, 1], sRGB: diffusers makes them linear after this, since its meshes are to be lit."""
        return self._asked("channels", places)

    def _asked(self, what: str, places: Float32[np.ndarray, "P 3"]) -> Float32[np.ndarray, "P K"]:
        """That field of the network's answer, in as many calls as memory needs."""
        blocks = [places[start : start + BLOCK] for start in range(0, len(places), BLOCK)]
        return np.concatenate(self._fitting.run(lambda some: self._answers(what, some), blocks))

    @torch.inference_mode()
    def _answers(self, what: str, blocks: Any) -> list[Float32[np.ndarray, "P K"]]:
        """The answer for every block, asked for at once."""
        position = torch.from_numpy(np.concatenate(blocks)).to(self._device)
        told = {"position": position, "direction": None, "ts": None, "nerf_level": "fine", "rendering_mode": "stf"}
        answer = getattr(functional_call(self._network, self._weights, kwargs=told), what).cpu().numpy()
        return np.split(answer, np.cumsum([len(block) for block in blocks])[:-1])


def colored_mesh(field: LatentField, resolution: int) -> ColoredMesh:
    """The surface of the field, its largest component alone.

    Args:
        field: of one latent.
        resolution: places along each side of the grid that the field is asked at.

    Raises:
        InputError: see `gen3d.isosurface.extract_mesh`.
    """
    vertices, faces = largest_component(*extract_mesh(field.signed_distance, resolution))
    return ColoredMesh(vertices, faces, np.rint(255 * evaluated(field.colors, vertices)).astype(np.uint8))
