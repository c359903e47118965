"""Point-M2AE's hierarchical encoder with a head of four linear layers (Zhang et al. 2022; method.md, sections 5, 12).

Parameters carry the names of the authors' checkpoint, so that it loads strictly. The encoder is always in eval mode:
its BatchNorm statistics never change, and drop-path, which only acts in train mode, has no module here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from scipy.spatial import KDTree
from torch import Tensor, nn

from distill.students.point_ops import Neighbourhoods, compact, farthest_points, gather, interpolate

CENTRES, NEIGHBOURS = (512, 256, 64), (16, 8, 8)
WIDTHS, RADII = (96, 192, 384), (0.32, 0.64, 1.28)
DEPTH, HEADS = 5, 6
FEATURES = sum(WIDTHS) + 3 * len(WIDTHS)
OUTSIDE = -1e5  # added to the attention between centres further apart than the radius


@dataclass(frozen=True, eq=False)
class Scales(Neighbourhoods):
    """Indices at three scales. Centres of a scale are the first ones of the scale before: a prefix of farthest points.

    Args:
        centres: (512,) of the points.
        groups_1: (512, 16) nearest points of every centre.
        groups_2: (256, 8) nearest of the 512 centres.
        groups_3: (64, 8) nearest of the 256 centres.
        back_1: (N, 3) nearest of the 512 centres of every point.
        back_2: (N, 3) nearest of the 256.
        back_3: (N, 3) nearest of the 64.
    """

    centres: Int[Tensor, "*b M"]
    groups_1: Int[Tensor, "*b M k"]
    groups_2: Int[Tensor, "*b S j"]
    groups_3: Int[Tensor, "*b T j"]
    back_1: Int[Tensor, "*b N 3"]
    back_2: Int[Tensor, "*b N 3"]
    back_3: Int[Tensor, "*b N 3"]


def scales(points: Float32[np.ndarray, "N 3"], centres: tuple[int, int, int] = CENTRES) -> Scales:
    """The neighbourhoods of one cloud of at least as many points as centres at the first scale."""
    order = farthest_points(points, centres[0])
    levels = [points, *(points[order[:count]] for count in centres)]
    trees = [KDTree(level) for level in levels]
    groups = [trees[i].query(levels[i + 1], k=k)[1] for i, k in enumerate(NEIGHBOURS)]
    back = [tree.query(points, k=3)[1] for tree in trees[1:]]
    return Scales(*compact([order, *groups, *back], len(points)))


class _TokenEmbed(nn.Module):
    """Groups of features to one token each: a PointNet with the group's maximum fed back to its members."""

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        first, second, last = (128, 256, 512) if wide_in == 3 else (wide_in, wide_in, wide_out)
        self.first_conv = nn.Sequential(
            nn.Conv1d(wide_in, first, 1), nn.BatchNorm1d(first), nn.ReLU(), nn.Conv1d(first, second, 1)
        )
        self.second_conv = nn.Sequential(
            nn.Conv1d(2 * second, last, 1), nn.BatchNorm1d(last), nn.ReLU(), nn.Conv1d(last, wide_out, 1)
        )

    def forward(self, x: Float[Tensor, "B M k C"]) -> Float[Tensor, "B M D"]:
        """(B, M, k, C) to (B, M, D).

        The layer after the maximum is a sum of one over the maximum, done once per group, and one over the members,
        which goes together with the linear layer before it: the same function for less than half of the work.
        """
        layers: Any = (*self.first_conv, *self.second_conv)
        conv_a, norm_a, _, conv_b, conv_c, norm_c, _, conv_d = layers
        weight_b, bias_b = _plain(conv_b)
        weight_c, bias_c = _normed(conv_c, norm_c)
        of_group, of_member = weight_c.chunk(2, dim=1)
        x = _linear(x, *_normed(conv_a, norm_a)).relu_()
        top = _linear(x, weight_b, bias_b).amax(2)
        top = _linear(top, of_group, bias_c + of_member @ bias_b)  # (B, M, last)
        x = _linear(x, of_member @ weight_b, torch.zeros_like(bias_c)) + top[:, :, None]
        return _linear(x.relu_(), *_plain(conv_d)).amax(2)

    def fit_norms(self, given: tuple[Float32[Tensor, "B M k C"]]) -> None:
        """Give both BatchNorms the mean and variance of what reaches them from the input; a hook before `forward`."""
        (x,) = given
        layers: Any = (*self.first_conv, *self.second_conv)
        conv_a, norm_a, _, conv_b, conv_c, norm_c, _, _ = layers
        _measure(norm_a, _linear(x, *_plain(conv_a)))
        x = _linear(_linear(x, *_normed(conv_a, norm_a)).relu_(), *_plain(conv_b))
        x = torch.cat([x.amax(2, keepdim=True).expand_as(x), x], -1)
        _measure(norm_c, _linear(x, *_plain(conv_c)))


def _measure(norm: nn.BatchNorm1d, x: Float32[Tensor, "*b C"]) -> None:
    """Set the statistics of a BatchNorm to those of x."""
    variance, mean = torch.var_mean(x.flatten(0, -2), 0)
    norm.running_mean, norm.running_var = mean, variance


def _plain(conv: nn.Conv1d) -> tuple[Float32[Tensor, "D C"], Float32[Tensor, " D"]]:
    """Weight and bias of a convolution of size 1."""
    return conv.weight.squeeze(-1).float(), conv.bias.float()  # type: ignore[union-attr]


def _normed(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[Float32[Tensor, "D C"], Float32[Tensor, " D"]]:
    """Those of a convolution of size 1 and the BatchNorm in eval mode after it, as one linear layer."""
    weight, bias = _plain(conv)
    mean, variance = norm.running_mean, norm.running_var
    scale = norm.weight.float() * (variance + norm.eps).rsqrt()  # type: ignore[operator]
    return weight * scale[:, None], (bias - mean) * scale + norm.bias.float()  # type: ignore[operator]


def _linear(x: Float[Tensor, "*b C"], weight: Float32[Tensor, "D C"], bias: Float32[Tensor, " D"]) -> Tensor:
    """(..., C) to (..., D) in the dtype of x."""
    return nn.functional.linear(x, weight.to(x.dtype), bias.to(x.dtype))


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "B T C"], mask: Float[Tensor, "B 1 T T"]) -> Float[Tensor, "B T C"]:
        """(B, T, C) to the same; `mask` is added to the scaled products of queries and keys."""
        batch, count, width = x.shape
        q, k, v = self.qkv(x).view(batch, count, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (B, heads, T, C / heads)
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, width))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.attn = nn.LayerNorm(width), nn.LayerNorm(width), _Attention(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, x: Float[Tensor, "B T C"], mask: Float[Tensor, "B 1 T T"]) -> Float[Tensor, "B T C"]:
        """(B, T, C) to the same."""
        x = x + self.attn(self.norm1(x), mask)
        return x + self.mlp["fc2"](nn.functional.gelu(self.mlp["fc1"](self.norm2(x))))


def local_mask(centres: Float32[Tensor, "B T 3"], radius: float) -> Float32[Tensor, "B 1 T T"]:
    """0 between centres less than `radius` apart, -1e5 between the others; to be added to attention."""
    apart = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist") >= radius
    return (apart * OUTSIDE)[:, None]


class Encoder(nn.Module):
    """Centres at three scales to features of 96, 192 and 384 channels: 12,654,976 parameters.

    Attention reaches as far as the scale's radius; a position embedding is added before every block.
    """

    def __init__(self) -> None:
        super().__init__()
        self.token_embed = nn.ModuleList(_TokenEmbed(a, b) for a, b in zip((3, *WIDTHS), WIDTHS, strict=False))
        self.encoder_pos_embeds = nn.ModuleList(
            nn.Sequential(nn.Linear(3, width), nn.GELU(), nn.Linear(width, width)) for width in WIDTHS
        )
        self.encoder_blocks = nn.ModuleList(
            nn.ModuleDict({"blocks": nn.ModuleList(_Block(width) for _ in range(DEPTH))}) for width in WIDTHS
        )
        self.encoder_norms = nn.ModuleList(nn.LayerNorm(width) for width in WIDTHS)
        self.eval()

    def train(self, mode: bool = True) -> Encoder:
        """Stays in eval mode whatever is asked (method.md, section 11, row 2)."""
        return super().train(False)

    def forward(
        self, points: Float32[Tensor, "B N 3"], near: Scales
    ) -> tuple[list[Float[Tensor, "B M C"]], list[Float32[Tensor, "B M 3"]]]:
        """Normalised features of the centres of every scale, and where these centres are.

        Args:
            points: normalised clouds.
            near: their neighbourhoods.
        """
        kind = next(self.parameters()).dtype
        middle = gather(points, near.centres)
        centres = [middle, *(middle[:, : groups.shape[1]] for groups in (near.groups_2, near.groups_3))]
        x = (gather(points, near.groups_1) - middle[:, :, None]).to(kind)
        features = []
        for i, groups in enumerate((None, near.groups_2, near.groups_3)):
            x = self.token_embed[i](x if groups is None else gather(x, groups))
            position = self.encoder_pos_embeds[i](centres[i].to(kind))
            mask = local_mask(centres[i], RADII[i]).to(kind)
            for block in self.encoder_blocks[i]["blocks"]:  # type: ignore[index]
                x = block(x + position, mask)
            features.append(self.encoder_norms[i](x))
        return features, centres

    @torch.no_grad()
    def fit_norms(self, points: Float32[Tensor, "B N 3"], near: Scales) -> None:
        """Give the norms the statistics of some clouds: those of random weights have none yet.

        Norms that never change would else pass groups a tenth of a radius wide on as they are, next to biases ten times
        as large: all tokens are alike then, and training stays at one part for everything for a quarter of its length.

        Args:
            points: normalised clouds.
            near: their neighbourhoods.
        """
        hooks = [embed.register_forward_pre_hook(_TokenEmbed.fit_norms) for embed in self.token_embed]
        self(points, near)
        for hook in hooks:
            hook.remove()


class PointM2AE(nn.Module):
    """N points to R part logits each: the encoder's features at every point, then four linear layers.

    Args:
        parts: R.
        frozen: keep the encoder's weights as they are, as released; otherwise they are trained too.
    """

    def __init__(self, parts: int, frozen: bool = True) -> None:
        super().__init__()
        self.frozen = frozen
        self.h_encoder = Encoder().requires_grad_(not frozen)
        inner = [layer for _ in range(3) for layer in (nn.Linear(FEATURES, FEATURES), nn.ReLU())]
        self.head = nn.Sequential(*inner, nn.Linear(FEATURES, parts))

    def prepare(self, points: Float32[np.ndarray, "N 3"]) -> Scales:
        """The neighbourhoods this network needs of one cloud; still good after stretching and jitter."""
        return scales(points)

    def features(self, points: Float32[Tensor, "B N 3"], near: Scales) -> Float[Tensor, "B N 681"]:
        """Per scale the point and its interpolated feature: 3 + 96 | 3 + 192 | 3 + 384 channels.

        Args:
            points: normalised clouds.
            near: their neighbourhoods.
        """
        columns: list[Tensor] = []
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            levels, centres = self.h_encoder(points, near)
            for x, middle, back in zip(levels, centres, (near.back_1, near.back_2, near.back_3), strict=True):
                columns += [points.to(x.dtype), interpolate(x, middle, points, back)]
            return torch.cat(columns, -1)

    def forward(self, points: Float32[Tensor, "B N 3"], near: Scales) -> Float[Tensor, "B N R"]:
        """Part logits. Geometry is taken in float32, features in the dtype of the weights.

        Args:
            points: normalised clouds.
            near: neighbourhoods of the batch.
        """
        return self.head(self.features(points, near))
