"""Neighbourhoods of point clouds: nearest neighbours of farthest points, interpolation weights. Made once per shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64
from scipy.spatial import KDTree
from torch import Tensor

from gen3d.neighbours import farthest_points

Own = TypeVar("Own", bound="Neighbourhoods")


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """Indices that a student needs of a cloud of N points; with a leading B, of a batch. Each student has its kind."""

    def __getitem__(self: Own, index: object) -> Own:
        """The same of some shapes of a batch."""
        return type(self)(*(getattr(self, f.name)[index].long() for f in fields(self)))

    def to(self: Own, device: torch.device) -> Own:
        """The same on a device."""
        return type(self)(*(getattr(self, f.name).to(device) for f in fields(self)))


def stack(items: Sequence[Own]) -> Own:
    """A batch of them."""
    kind = type(items[0])
    return kind(*(torch.stack([getattr(i, f.name) for i in items]) for f in fields(kind)))


def compact(arrays: Iterable[Any], count: int) -> list[Tensor]:
    """Indices below `count` as int16 where that is enough: they are kept in memory for a whole collection."""
    kind = np.int16 if count < 2**15 else np.int64
    return [torch.from_numpy(np.asarray(x).astype(kind)) for x in arrays]


@dataclass(frozen=True, eq=False)
class Patches(Neighbourhoods):
    """Those of the small student.

    Args:
        centres: (M,) of the points.
        groups: (M, k) nearest points of every centre.
        tokens: T; the first T centres carry tokens.
        token_groups: (T, j) nearest centres of every token.
        from_tokens: (M, 3) nearest tokens of every centre.
        from_centres: (N, 3) nearest centres of every point.
    """

    centres: Int[Tensor, "*b M"]
    groups: Int[Tensor, "*b M k"]
    token_groups: Int[Tensor, "*b T j"]
    from_tokens: Int[Tensor, "*b M 3"]
    from_centres: Int[Tensor, "*b N 3"]


def neighbourhoods(points: Float32[np.ndarray, "N 3"], sizes: tuple[int, int, int, int]) -> Patches:
    """Patches of one cloud.

    Args:
        points: N of them, at least as many as centres.
        sizes: (centres, points per group, tokens, centres per token).
    """
    count, k, tokens, j = sizes
    centres = farthest_points(points, count)
    middle = points[centres]
    found = (
        centres,
        KDTree(points).query(middle, k=k)[1],
        KDTree(middle).query(middle[:tokens], k=j)[1],
        KDTree(middle[:tokens]).query(middle, k=3)[1],
        KDTree(middle).query(points, k=3)[1],
    )
    return Patches(*compact(found, len(points)))


def gather(x: Float[Tensor, "B N C"], index: Int64[Tensor, "B *m"]) -> Float[Tensor, "B *m C"]:
    """Rows of every batch item: out[b, m...] = x[b, index[b, m...]]."""
    flat = index.flatten(1)
    offset = torch.arange(len(x), device=x.device)[:, None] * x.shape[1]
    return x.flatten(0, 1).index_select(0, (flat + offset).flatten()).view(*index.shape, x.shape[2])


def interpolate(
    features: Float[Tensor, "B M C"],
    sources: Float[Tensor, "B M 3"],
    points: Float[Tensor, "B N 3"],
    nearest: Int64[Tensor, "B N 3"],
) -> Float[Tensor, "B N C"]:
    """Inverse-squared-distance mean of three neighbours (PointNet++, Qi et al. 2017, eq. 2); weights never negative."""
    offset = gather(sources, nearest) - points[:, :, None]  # (B, N, 3, 3)
    weight = 1 / (offset.square().sum(-1) + 1e-8)
    weight = (weight / weight.sum(-1, keepdim=True)).to(features.dtype)
    batch, count, width = features.shape
    row = nearest + torch.arange(batch, device=features.device)[:, None, None] * count
    flat = torch.nn.functional.embedding_bag(  # the weighted sum of rows without making the (B, N, 3, C) of them
        row.flatten(0, 1), features.flatten(0, 1), mode="sum", per_sample_weights=weight.flatten(0, 1)
    )
    return flat.view(batch, -1, width)
