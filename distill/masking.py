"""Masked reconstruction: most patches of a cloud are hidden, and their points are guessed from the rest.

After Point-MAE (Pang et al. 2022) and Point-M2AE (Zhang et al. 2022): the encoder sees the visible points alone, a
light decoder is told where the hidden patches are, and the error is a Chamfer distance. What differs here: patches
don't overlap, and neighbourhoods are made of the visible points, so that no hidden coordinate reaches the encoder.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from distill.encoders import Encoder
from distill.students.point_ops import Neighbourhoods, gather
from distill.students.small import Block

SCALE = 5.0  # offsets within a patch to about unit size


class Mask(NamedTuple):
    """Which points of a batch are seen and which are to be guessed; every point of a patch is on one side.

    Args:
        visible: (B, V) indices.
        hidden: (B, H, n) indices, patch by patch.
    """

    visible: Int64[Tensor, "B V"]
    hidden: Int64[Tensor, "B H n"]


def patches(points: Float32[Tensor, "B N 3"], depth: int) -> Int64[Tensor, "B P n"]:
    """Indices of P = 2**depth patches of equal size that share no point, N a multiple of P.

    Cells of a k-d tree: halved at the median along the longest side, again and again.
    """
    batch, count = points.shape[:2]
    index = torch.arange(count).expand(batch, 1, count)
    for _ in range(depth):
        cell = gather(points, index)  # (B, cells, n, 3)
        side = (cell.amax(2) - cell.amin(2)).argmax(-1)  # (B, cells)
        along = cell.gather(3, side[:, :, None, None].expand(*index.shape, 1)).squeeze(3)
        index = index.gather(2, along.argsort(dim=2, stable=True)).view(batch, index.shape[1] * 2, -1)
    return index


def draw_mask(points: Float32[Tensor, "B N 3"], depth: int, share: float, generator: torch.Generator) -> Mask:
    """Hide a share of the patches of every cloud, at least one and never all; each cloud its own ones."""
    index = patches(points, depth)
    batch, count, size = index.shape
    order = torch.rand(batch, count, generator=generator).argsort(1)
    shuffled = index.gather(1, order[:, :, None].expand(-1, -1, size))
    hidden = min(max(round(share * count), 1), count - 1)
    return Mask(shuffled[:, hidden:].flatten(1), shuffled[:, :hidden])


def chamfer(found: Float[Tensor, "*b n 3"], true: Float[Tensor, "*b n 3"]) -> Float[Tensor, ""]:
    """Mean squared distance of every point to the nearest one of the other set, both ways added."""
    apart = (found[..., :, None, :] - true[..., None, :, :]).square().sum(-1)
    return apart.amin(-1).mean() + apart.amin(-2).mean()


class Autoencoder(nn.Module):
    """A student's encoder and a light decoder that only pre-training needs.

    Args:
        encoder: what is to be trained.
        size: points per patch.
        depth: transformer blocks of the decoder.
    """

    def __init__(self, encoder: Encoder, size: int, depth: int = 2) -> None:
        super().__init__()
        width = encoder.width
        self.network = encoder.network  # for its parameters
        self._encoder = encoder
        self.position = nn.Sequential(nn.Linear(3, 64), nn.GELU(), nn.Linear(64, width))
        self.unseen = nn.Parameter(torch.randn(width) * 0.02)
        self.decoder = nn.Sequential(*(Block(width, 4) for _ in range(depth)), nn.LayerNorm(width))
        self.to_points = nn.Linear(width, 3 * size)

    def forward(
        self, visible: Float32[Tensor, "B V 3"], near: Neighbourhoods, centres: Float32[Tensor, "B H 3"]
    ) -> Float[Tensor, "B H n 3"]:
        """Points of the hidden patches about their centres, times `SCALE`.

        Args:
            visible: all that the encoder gets to see.
            near: neighbourhoods of the visible points.
            centres: of the hidden patches; for the decoder alone.
        """
        x, places = self._encoder.encode(visible, near)
        known = x + self.position(places.to(x.dtype))
        asked = self.unseen + self.position(centres.to(x.dtype))
        out = self.decoder(torch.cat([known, asked], 1))[:, x.shape[1] :]
        return self.to_points(out).view(*centres.shape[:2], -1, 3)


def hidden_patches(
    points: Float32[Tensor, "B N 3"], mask: Mask
) -> tuple[Float32[Tensor, "B H 3"], Float32[Tensor, "B H n 3"]]:
    """Centres of the hidden patches, and their points about them times `SCALE`: what is asked and what is true."""
    true = gather(points, mask.hidden)
    centres = true.mean(2)
    return centres, (true - centres[:, :, None]) * SCALE
