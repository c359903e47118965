"""Superpoints: a cloud cut into small connected pieces of like normal and colour, for methods that label pieces.

PartSLIP's come from cut-pursuit (Landrieu and Obozinski 2017), which lowers this energy by cutting a graph of nearest
points: sum over points |feature - mean feature of its piece|^2 + regularisation * number of links cut. Here the same
energy is lowered from below: every point starts alone, and pieces that gain from it merge, best first (Koepfler,
Lopez and Morel 1994). The result has no chance in it and does not depend on the order of the points.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, UInt8
from pydantic import Field

from gen3d.settings import Settings

COLOR_WEIGHT = 0.3  # of rgb in [0, 1] beside unit normals (baselines.md, section 3)


class SuperpointSettings(Settings):
    """How coarse superpoints are; the defaults are PartSLIP's."""

    regularisation: float = Field(default=0.05, gt=0, description="price of a link cut: more makes larger pieces")
    neighbours: int = Field(default=10, ge=1, description="nearest points that a point is linked to")
    smallest: int = Field(default=10, ge=0, description="pieces of at most so many points join a neighbour")


class _Pieces(NamedTuple):
    """P pieces with L links between them, each pair of pieces once.

    Args:
        total: (P, D) sum of the features of each piece.
        size: (P,) its points.
        ends: (L, 2) pieces, the lower number first.
        links: (L,) how many links of points each stands for.
    """

    total: Float64[np.ndarray, "P D"]
    size: Int64[np.ndarray, " P"]
    ends: Int64[np.ndarray, "L 2"]
    links: Int64[np.ndarray, " L"]


def superpoints(
    points: Float32[np.ndarray, "N 3"],
    normals: Float32[np.ndarray, "N 3"],
    colors: UInt8[np.ndarray, "N 3"] | None = None,
    settings: SuperpointSettings | None = None,
) -> Int64[np.ndarray, " N"]:
    """The piece of every point, numbered from 0.

    Args:
        points: any frame.
        normals: unit ones; which of the two sides they point to does not matter.
        colors: sRGB.
        settings: see `SuperpointSettings`.

    Points of the same place, normal and colour may swap their pieces if the order of the points changes; nothing else.
    """
    settings = settings or SuperpointSettings()
    features = _features(normals, colors)
    order = np.lexsort(np.concatenate([features, points], 1).T)
    pieces = _alone(points[order], features[order], settings.neighbours)
    of = np.arange(len(points))
    for smallest in (None, settings.smallest):
        while len(chosen := _mergers(pieces, settings.regularisation, smallest)):
            pieces, number = _merged(pieces, chosen)
            of = number[of]
    found = np.zeros(len(points), np.int64)
    found[order] = of
    return found


def _features(normals: Float[np.ndarray, "N 3"], colors: UInt8[np.ndarray, "N 3"] | None) -> Float64[np.ndarray, "N D"]:
    """What like points share. Normals as n·nᵀ / √2: as far apart as the normals are for small angles, without a side.

    Many meshes have faces turned inside out, and estimated normals have no side at all.
    """
    x, y, z = normals.astype(np.float64).T
    columns = [*(np.stack([x * x, y * y, z * z]) / 2**0.5), x * y, x * z, y * z]
    if colors is not None:
        columns += list(COLOR_WEIGHT * colors.T / 255)
    return np.stack(columns, 1)


def _alone(points: Float32[np.ndarray, "N 3"], features: Float64[np.ndarray, "N D"], neighbours: int) -> _Pieces:
    """Every point a piece of its own, linked to its nearest points; two that name each other have one link."""
    from scipy.spatial import KDTree

    count = len(points)
    near = KDTree(points).query(points, k=min(neighbours + 1, count))[1].reshape(count, -1)
    ends = np.stack([np.repeat(np.arange(count), near.shape[1]), near.ravel()], 1)
    ends, _ = _between(ends, np.ones(len(ends), np.int64), count)
    return _Pieces(features, np.ones(count, np.int64), ends, np.ones(len(ends), np.int64))


def _between(
    ends: Int64[np.ndarray, "K 2"], links: Int64[np.ndarray, " K"], count: int
) -> tuple[Int64[np.ndarray, "L 2"], Int64[np.ndarray, " L"]]:
    """Every pair of `count` pieces that is linked, once, in order; and the sum of its links."""
    low, high = ends.min(1), ends.max(1)
    apart = low != high
    pairs, where = np.unique(low[apart] * count + high[apart], return_inverse=True)  # one number sorts faster than two
    return np.stack(np.divmod(pairs, count), 1), np.bincount(where, links[apart], len(pairs)).astype(np.int64)


def _mergers(pieces: _Pieces, regularisation: float, smallest: int | None) -> Int64[np.ndarray, " M"]:
    """Links to merge now: those that are the best for both of their ends.

    Without `smallest` only links that lower the energy count; with it those of pieces of at most so many points.
    """
    first, second = pieces.ends.T
    mean = pieces.total / pieces.size[:, None]
    sizes = pieces.size[first] * pieces.size[second] / (pieces.size[first] + pieces.size[second])
    # what the fit loses (Ward 1963) less what the links that vanish cost
    rise = sizes * ((mean[first] - mean[second]) ** 2).sum(1) - regularisation * pieces.links
    allowed = rise < 0 if smallest is None else np.minimum(pieces.size[first], pieces.size[second]) <= smallest
    ranks = _ranks(rise)
    best = np.full(len(pieces.size), len(ranks))
    np.minimum.at(best, first[allowed], ranks[allowed])
    np.minimum.at(best, second[allowed], ranks[allowed])
    return np.flatnonzero((best[first] == ranks) & (best[second] == ranks))


def _ranks(rise: Float64[np.ndarray, " L"]) -> Int64[np.ndarray, " L"]:
    """Place of every link by its rise; ties in an order that follows no direction, or flat walls would merge in a row.

    In a row each piece waits for the one before it, and there are as many rounds as pieces.
    """
    ties = np.random.default_rng(0).permutation(len(rise))
    ranks = np.zeros(len(rise), np.int64)
    ranks[np.lexsort([ties, rise])] = np.arange(len(rise))
    return ranks


def _merged(pieces: _Pieces, chosen: Int64[np.ndarray, " M"]) -> tuple[_Pieces, Int64[np.ndarray, " P"]]:
    """The pieces after those links, none of which share an end, are merged; the new number of every old piece."""
    first, second = pieces.ends[chosen].T
    kept = np.ones(len(pieces.size), bool)
    kept[second] = False
    number = np.cumsum(kept) - 1
    number[second] = number[first]
    after = int(kept.sum())
    total = np.zeros((after, pieces.total.shape[1]))
    np.add.at(total, number, pieces.total)
    size = np.bincount(number, pieces.size, after).astype(np.int64)
    return _Pieces(total, size, *_between(number[pieces.ends], pieces.links, after)), number
