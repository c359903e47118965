"""Point-E's transformer: pre-norm blocks with fused attention, parameters under the names of the official weights.

Layouts and names follow github.com/openai/point-e (MIT; Nichol et al. 2022); the code is our own. Queries, keys and
values of one head lie side by side: a row of `c_qkv` is (heads, 3, width / heads).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from gen3d.fast_linear import FastLinear

_LONGEST = 10_000  # period of the slowest wave


def time_waves(time: Float32[Tensor, " B"], width: int) -> Float32[Tensor, "B W"]:
    """Cosines, then sines, of a step at `width / 2` frequencies from 1 down to 1 / 10,000 (Vaswani et al. 2017)."""
    half = width // 2
    steps = torch.arange(half, dtype=torch.float32, device=time.device)
    angles = time[:, None] * torch.exp(-math.log(_LONGEST) / half * steps)
    return torch.cat([angles.cos(), angles.sin()], -1)


class Mlp(nn.Module):
    """Two linear layers with a GELU between, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc, self.c_proj = FastLinear(width, 4 * width), FastLinear(4 * width, width)

    def forward(self, x: Float[Tensor, "*b C"]) -> Float[Tensor, "*b C"]:
        """(..., C) to the same."""
        return self.c_proj(self.c_fc.gelu(x))


class SelfAttention(nn.Module):
    """Every token looks at every token."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_qkv, self.c_proj = FastLinear(width, 3 * width), FastLinear(width, width)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """(B, T, C) to the same."""
        q, k, v = _heads(self.c_qkv(x), self.heads, 3)
        return self.c_proj(_mixed(q, k, v))


class CrossAttention(nn.Module):
    """Every query looks at every token of `data`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_q, self.c_kv = FastLinear(width, width), FastLinear(width, 2 * width)
        self.c_proj = FastLinear(width, width)

    def forward(self, x: Float[Tensor, "B Q C"], data: Float[Tensor, "B T C"]) -> Float[Tensor, "B Q C"]:
        """(B, Q, C) to the same."""
        (q,) = _heads(self.c_q(x), self.heads, 1)
        k, v = _heads(self.c_kv(data), self.heads, 2)
        return self.c_proj(_mixed(q, k, v))


def _heads(rows: Float[Tensor, "B T D"], heads: int, kinds: int) -> tuple[Tensor, ...]:
    """(B, heads, T, channels) of each of the kinds that lie side by side within a head."""
    batch, count, _ = rows.shape
    return rows.view(batch, count, heads, kinds, -1).permute(3, 0, 2, 1, 4).unbind(0)


def _mixed(
    q: Float[Tensor, "B H Q d"], k: Float[Tensor, "B H T d"], v: Float[Tensor, "B H T d"]
) -> Float[Tensor, "B Q C"]:
    """Attention without its explicit matrix; the heads come together again."""
    return nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class SelfBlock(nn.Module):
    """Attention and MLP, each on normalised tokens and added to them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn, self.ln_1 = SelfAttention(width, heads), nn.LayerNorm(width)
        self.mlp, self.ln_2 = Mlp(width), nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """(B, T, C) to the same."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class CrossBlock(nn.Module):
    """The same with attention to other tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn, self.ln_1, self.ln_2 = CrossAttention(width, heads), nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp, self.ln_3 = Mlp(width), nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "B Q C"], data: Float[Tensor, "B T C"]) -> Float[Tensor, "B Q C"]:
        """(B, Q, C) to the same."""
        x = x + self.attn(self.ln_1(x), self.ln_2(data))
        return x + self.mlp(self.ln_3(x))


class Transformer(nn.Module):
    """Blocks one after the other: set to set, for tokens have no position."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(SelfBlock(width, heads) for _ in range(layers))

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """(B, T, C) to the same."""
        for block in self.resblocks:
            x = block(x)
        return x


class Perceiver(nn.Module):
    """Blocks of cross attention; queries never see each other."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(CrossBlock(width, heads) for _ in range(layers))

    def forward(self, x: Float[Tensor, "B Q C"], data: Float[Tensor, "B T C"]) -> Float[Tensor, "B Q C"]:
        """(B, Q, C) to the same."""
        for block in self.resblocks:
            x = block(x, data)
        return x
