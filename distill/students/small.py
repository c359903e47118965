"""The default student: patches of a cloud as tokens of a small transformer, interpolated back to the points."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from distill.students.point_ops import Patches, gather, interpolate, neighbourhoods


def _mlp(*widths: int) -> nn.Sequential:
    """Linear layers with LayerNorm and ReLU in between; without the norms, training stalls on small parts."""
    layers: list[nn.Module] = []
    for a, b in zip(widths[:-2], widths[1:-1], strict=True):
        layers += [nn.Linear(a, b), nn.LayerNorm(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def _pool(x: Float[Tensor, "B M k C"]) -> Float[Tensor, "B M C"]:
    """Maximum over k, as a channels-last pooling: twice as fast on a CPU, there and back, as `max(2)`."""
    return nn.functional.max_pool2d(x.permute(0, 3, 1, 2), (1, x.shape[2])).squeeze(3).transpose(1, 2)


class Block(nn.Module):
    """A pre-norm transformer block. For 128 tokens plain attention is twice as fast on a CPU as the fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """(B, T, C) to the same."""
        batch, count, width = x.shape
        heads = self.qkv(self.attention_norm(x)).view(batch, count, 3, self.heads, width // self.heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # (B, heads, T, C / heads) each
        mix = (q * (width // self.heads) ** -0.5 @ k.transpose(-1, -2)).softmax(-1)
        x = x + self.out((mix @ v).transpose(1, 2).reshape(batch, count, width))
        return x + self.mlp(self.mlp_norm(x))


class SmallStudent(nn.Module):
    """N points to R part logits each.

    512 centres look at their nearest points (PointNet, max), 128 of them at their nearest centres; these tokens pass
    through a transformer; features go back to the centres and to the points by 3-NN interpolation.

    Args:
        parts: R.
        width: of the tokens.
        depth: transformer blocks.
        heads: of the attention.
    """

    sizes = (512, 16, 128, 12)  # centres, points per group, tokens, centres per token

    def __init__(self, parts: int, width: int = 192, depth: int = 5, heads: int = 4) -> None:
        super().__init__()
        local = width // 2
        self.embed_points = _mlp(6, 48, local)
        self.embed_centres = _mlp(local + 3, width, width)
        self.position = _mlp(3, 64, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)), nn.LayerNorm(width))
        self.to_centres = _mlp(width + local + 3, width, local)
        self.to_points = _mlp(local + 12, local, local, parts)

    def prepare(self, points: Float32[np.ndarray, "N 3"]) -> Patches:
        """The neighbourhoods this network needs of one cloud; still good after stretching and jitter."""
        return neighbourhoods(points, self.sizes)

    def encode(
        self, points: Float32[Tensor, "B N 3"], near: Patches
    ) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B M D"]]:
        """Features of the tokens after the transformer, and of the centres before it, D = C / 2; see `forward`."""
        kind = next(self.parameters()).dtype
        centres = gather(points, near.centres)  # (B, M, 3)
        group = gather(points, near.groups)  # (B, M, k, 3)
        offset = (group - centres[:, :, None]) * 5  # about unit size
        local = _pool(self.embed_points(torch.cat([offset, group], -1).to(kind)))  # (B, M, C/2)
        tokens = centres[:, : near.token_groups.shape[1]]  # (B, T, 3)
        reach = gather(centres, near.token_groups) - tokens[:, :, None]
        x = torch.cat([gather(local, near.token_groups), reach.to(kind)], -1)
        x = _pool(self.embed_centres(x)) + self.position(tokens.to(kind))  # (B, T, C)
        return self.blocks(x), local

    def forward(self, points: Float32[Tensor, "B N 3"], near: Patches) -> Float[Tensor, "B N R"]:
        """Part logits. Geometry is taken in float32, features in the dtype of the weights.

        Args:
            points: normalised clouds.
            near: neighbourhoods of the batch.
        """
        x, local = self.encode(points, near)
        kind, centres = x.dtype, gather(points, near.centres)
        tokens = centres[:, : near.token_groups.shape[1]]
        x = torch.cat([interpolate(x, tokens, centres, near.from_tokens), local, centres.to(kind)], -1)
        x = self.to_centres(x)  # (B, M, C/2)
        frame = (gather(centres, near.from_centres) - points[:, :, None]).flatten(2) * 5  # in its patch, (B, N, 9)
        place = torch.cat([points, frame], -1).to(kind)
        return self.to_points(torch.cat([interpolate(x, centres, points, near.from_centres), place], -1))
