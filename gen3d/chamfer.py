"""Chamfer distances between point clouds: of pairs, and of all pairs of two sets.

Squared, averaged over the points and summed over the two directions, as PointFlow computes it (Yang et al. 2019,
section 5.1, which has sums where its code has means; Achlioptas et al. 2018, section 2):
CD(X, Y) = mean over x of min over y |x - y|² + mean over y of min over x |x - y|².
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from jaxtyping import Float32, Float64
from scipy.spatial import KDTree

from gen3d.crew import Workers, crew_of, in_order

_BLOCK = 16  # clouds whose distances to all others are one task of a cluster


def chamfer(a: Float32[np.ndarray, "P 3"], b: Float32[np.ndarray, "Q 3"]) -> float:
    """The distance of two clouds, in squares of their unit."""
    return float(_means(KDTree(b), [a])[0] + _means(KDTree(a), [b])[0])


def chamfer_matrix(
    a: Sequence[Float32[np.ndarray, "_ 3"]], b: Sequence[Float32[np.ndarray, "_ 3"]], workers: Workers = 1
) -> Float64[np.ndarray, "A B"]:
    """The distance of every cloud of one set to every one of another; the same whoever works, here in threads."""
    return _directed(a, b, workers) + _directed(b, a, workers).T


def chamfer_within(a: Sequence[Float32[np.ndarray, "_ 3"]], workers: Workers = 1) -> Float64[np.ndarray, "A A"]:
    """The distances within a set; 0 on the diagonal."""
    half = _directed(a, a, workers)
    return half + half.T


def nearest_before(
    cloud: Float32[np.ndarray, "P 3"], others: Sequence[Float32[np.ndarray, "P 3"]], limit: float
) -> int | None:
    """The first of `others` nearer than `limit`, None where there is none. All clouds have the same size.

    Most are told apart by a sixteenth of their points: their sum alone, over all points, is beyond the limit.
    """
    if not others:
        return None
    tree, count = KDTree(cloud), len(cloud)
    few = max(1, count // 16)
    least = _means(tree, [other[:few] for other in others]) * few / count
    for index in np.flatnonzero(least < limit).tolist():
        if chamfer(cloud, others[index]) < limit:
            return index
    return None


def _directed(
    a: Sequence[Float32[np.ndarray, "_ 3"]], b: Sequence[Float32[np.ndarray, "_ 3"]], workers: Workers
) -> Float64[np.ndarray, "A B"]:
    """Mean squared distance from the points of each of `a` to the nearest of each of `b`."""
    crew = crew_of(workers)
    if crew.here:
        return _columns(a, crew.workers or -1, *b)
    blocks = [tuple(b[start : start + _BLOCK]) for start in range(0, len(b), _BLOCK)]
    return np.concatenate(in_order(partial(_columns, a, 1), blocks, crew), 1)


def _columns(
    a: Sequence[Float32[np.ndarray, "_ 3"]], threads: int, *b: Float32[np.ndarray, "_ 3"]
) -> Float64[np.ndarray, "A B"]:
    """`_directed` on that many threads of this process, -1 for all."""
    return np.stack([_means(KDTree(cloud), a, threads) for cloud in b], 1)


def _means(tree: KDTree, clouds: Sequence[Float32[np.ndarray, "_ 3"]], threads: int = 1) -> Float64[np.ndarray, " A"]:
    """Mean squared distance from the points of each cloud to the tree's nearest."""
    far, _ = tree.query(np.concatenate(clouds), workers=threads)
    starts = np.cumsum([0, *(len(cloud) for cloud in clouds[:-1])])
    return np.add.reduceat(far**2, starts) / [len(cloud) for cloud in clouds]
