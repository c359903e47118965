"""Cleaner part boundaries: the labelling of a mesh's faces of low energy, found by graph cuts.

    E(l) = sum over faces f of  a_f * -log p_f(l_f)   +   strength * sum over edges of  w_fg * [l_f != l_g]

a is a face's share of the area; w an edge's length in units of the root of the whole area, less where the surface
bends: length * exp(-4 eta (1 - cos of the dihedral angle)), eta = 1 where it is hollow and 0.2 where it bulges (Katz
and Tal 2003, after the minima rule: parts meet in hollows). So neither scale nor fineness of the mesh counts. Minimised
by alpha expansion (Boykov, Veksler and Zabih 2001) with the construction of Kolmogorov and Zabih 2004; scipy's maximum
flow, since what is faster has a licence that does not go with ours (PyMaxflow: GPL). Most faces need no flow at all:
where -log p differs by more than the edges could make up for, the choice is plain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int16, Int64

STRENGTH = 0.02  # an island of doubtful faces vanishes where its radius is below about 4 % of the root of the area
_LEAST = 1e-4  # probability: one sure sample must not outweigh a neighbourhood
_HOLLOW, _BULGE, _BEND = 1.0, 0.2, 4.0
_ROUNDS = 5  # of all labels; few change anything after the second
_CAPACITY = 2.0**30  # all capacities together, as scipy counts in 32 bits


class Neighbours(NamedTuple):
    """Faces that share an edge.

    Args:
        pairs: (E, 2) faces; of more than two at an edge, each with the next one.
        weights: (E,) what another label across that edge costs, above 0.
    """

    pairs: Int64[np.ndarray, "E 2"]
    weights: Float[np.ndarray, " E"]


def smoothed(
    vertices: Float32[np.ndarray, "V 3"],
    faces: Int64[np.ndarray, "F 3"],
    probabilities: Float32[np.ndarray, "F R"],
    strength: float = STRENGTH,
) -> Int16[np.ndarray, " F"]:
    """The labels of a mesh's faces with clean boundaries; their energy is never above that of the likeliest labels.

    Args:
        vertices: in any frame and scale.
        faces: vertices at the same place count as one, so triangle soups have neighbours too.
        probabilities: of every part.
        strength: of the edges, 0 or more; 0 gives the likeliest labels.
    """
    first = probabilities.argmax(1)
    if not strength or len(faces) < 2:
        return first.astype(np.int16)
    area, near = neighbours(vertices, faces)
    costs = area[:, None] * -np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
    near = near._replace(weights=strength * near.weights)
    return expanded(costs, near, first).astype(np.int16)


def energy(costs: Float[np.ndarray, "F R"], near: Neighbours, labels: Int64[np.ndarray, " F"]) -> float:
    """What a labelling costs."""
    apart = labels[near.pairs[:, 0]] != labels[near.pairs[:, 1]]
    return float(costs[np.arange(len(labels)), labels].sum() + near.weights[apart].sum())


def expanded(
    costs: Float[np.ndarray, "F R"], near: Neighbours, labels: Int64[np.ndarray, " F"]
) -> Int64[np.ndarray, " F"]:
    """The labelling that no expansion of one label makes cheaper, from `labels` downhill; exact for two labels."""
    cheapest = energy(costs, near, labels)
    still = 0  # labels in a row whose expansion changed nothing
    for step in range(_ROUNDS * costs.shape[1]):
        moved = expansion(costs, near, labels, step % costs.shape[1])
        now = energy(costs, near, moved)
        still = 0 if now < cheapest else still + 1
        if now < cheapest:
            labels, cheapest = moved, now
        if still >= costs.shape[1]:
            break
    return labels


def expansion(
    costs: Float[np.ndarray, "F R"], near: Neighbours, labels: Int64[np.ndarray, " F"], label: int
) -> Int64[np.ndarray, " F"]:
    """The cheapest labelling in which every face keeps its label or takes `label`.

    With x = 1 for taking it, an edge costs A + (C - A) x_p + (D - C) x_q + (B + C - A - D)(1 - x_p) x_q, where A to D
    are its costs at x = 00, 01, 10, 11.
    """
    p, q = near.pairs.T
    rows = np.arange(len(labels))
    gain = costs[:, label] - costs[rows, labels]  # of x = 1 over x = 0
    a = near.weights * (labels[p] != labels[q])
    b, c = near.weights * (labels[p] != label), near.weights * (labels[q] != label)
    count = len(labels)
    gain = gain + np.bincount(p, c - a, count) - np.bincount(q, c, count)
    taking = _cheapest(gain, near.pairs, b + c - a)
    return np.where(taking, label, labels)


def _cheapest(
    gain: Float[np.ndarray, " F"], pairs: Int64[np.ndarray, "E 2"], links: Float[np.ndarray, " E"]
) -> Bool[np.ndarray, " F"]:
    """The x that minimises sum of gain x + sum of link (1 - x_p) x_q, links 0 or more.

    Faces whose gain settles the matter whatever their neighbours do are decided first, again and again, since each
    decision tells its neighbours more; the rest is one minimum cut.
    """
    chosen = np.full(len(gain), -1, np.int8)
    gain, rest = gain.copy(), np.flatnonzero(links > 0)
    while True:
        p, q = pairs[rest].T
        out, into = (np.bincount(end, links[rest], len(gain)) for end in (p, q))
        new = chosen < 0
        yes, no = new & (gain + into <= 0), new & (gain - out >= 0)
        chosen[no], chosen[yes] = 0, 1
        if not (yes.any() or no.any()):
            break
        # (1 - x_p) x_q: with x_p = 0 known it adds to q, with x_q = 1 known it takes from p, else it is gone
        np.add.at(gain, q[(chosen[p] == 0) & (chosen[q] < 0)], links[rest][(chosen[p] == 0) & (chosen[q] < 0)])
        np.subtract.at(gain, p[(chosen[q] == 1) & (chosen[p] < 0)], links[rest][(chosen[q] == 1) & (chosen[p] < 0)])
        rest = rest[(chosen[p] < 0) & (chosen[q] < 0)]
    open_ = np.flatnonzero(chosen < 0)
    if len(open_):
        place = np.zeros(len(gain), np.int64)
        place[open_] = np.arange(len(open_))
        chosen[open_] = _minimum_cut(gain[open_], place[pairs[rest]], links[rest])
    return chosen == 1


def _minimum_cut(
    gain: Float[np.ndarray, " F"], pairs: Int64[np.ndarray, "E 2"], links: Float[np.ndarray, " E"]
) -> Bool[np.ndarray, " F"]:
    """The same minimum as a cut: what stays with the source has x = 0, and a link leads from p to q."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    count = len(gain)
    source, sink, faces = count, count + 1, np.arange(count)
    # x = 1 cuts source -> face (cost gain > 0), x = 0 cuts face -> sink (cost -gain)
    ends = np.concatenate([np.stack([np.full(count, source), faces], 1), np.stack([faces, np.full(count, sink)], 1)])
    ends = np.concatenate([ends, pairs])
    capacity = np.concatenate([np.maximum(gain, 0), np.maximum(-gain, 0), links])
    whole = np.rint(capacity * (_CAPACITY / capacity.sum())).astype(np.int32)
    graph = csr_matrix((whole, ends.T), shape=(count + 2, count + 2))
    graph.eliminate_zeros()
    flow = maximum_flow(graph, source, sink).flow
    left = (graph - flow).tocsr()
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    taking = np.ones(count + 2, bool)
    taking[reached] = False
    return taking[:count]


# --- the mesh -------------------------------------------------------------------------------------------------------


def neighbours(
    vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, " F"], Neighbours]:
    """Every face's share of the area, and the faces at its edges; see the top of this file."""
    from gen3d.shape import face_normals

    rows = merged(vertices)[faces]  # (F, 3)
    wide = vertices.astype(np.float64)
    normals, areas = face_normals(wide, faces)
    total = areas.sum() or 1.0
    corners = rows[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)  # (3F, 2)
    low, high = corners.min(1), corners.max(1)
    key = low * (rows.max() + 1) + high
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero((key[order[1:]] == key[order[:-1]]) & (low != high)[order[1:]])
    one, other = order[same], order[same + 1]  # half edges
    pairs = np.stack([one // 3, other // 3], 1)
    lengths = np.linalg.norm(np.diff(wide[faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)[one]], axis=1)[:, 0], axis=1)
    flip = np.where(corners[one, 0] == corners[other, 0], -1.0, 1.0)  # faces that look to different sides
    facing = normals[pairs[:, 1]] * flip[:, None]
    cosine = np.clip((normals[pairs[:, 0]] * facing).sum(1), -1, 1)
    middle = wide[faces].mean(1)
    hollow = (normals[pairs[:, 0]] * (middle[pairs[:, 1]] - middle[pairs[:, 0]])).sum(1) > 0
    bend = np.exp(-_BEND * np.where(hollow, _HOLLOW, _BULGE) * (1 - cosine))
    weights = lengths / np.sqrt(total) * bend
    kept = (pairs[:, 0] != pairs[:, 1]) & (weights > 0)
    return areas / total, Neighbours(pairs[kept], weights[kept])


def merged(vertices: Float32[np.ndarray, "V 3"]) -> Int64[np.ndarray, " V"]:
    """For every vertex a number that it shares with those at the very same place."""
    bits = np.ascontiguousarray(vertices + np.float32(0)).view(np.uint32)  # -0 is 0
    order = np.lexsort(bits.T)
    new = (bits[order[1:]] != bits[order[:-1]]).any(1)
    place = np.zeros(len(vertices), np.int64)
    place[order[1:]] = np.cumsum(new)
    return place
