"""Graph cuts over faces: minima against brute force, the energy downhill, islands gone, clean labellings left alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen3d.generators.procedural import ProceduralGenerator
from gen3d.shape import Shape, yaw
from gen3d.smoothing import STRENGTH, Neighbours, energy, expanded, expansion, merged, neighbours, smoothed


def random_graph(seed: int, labels: int) -> tuple[np.ndarray, Neighbours, np.ndarray]:
    """Costs, neighbours and a labelling of at most eight faces; pairs may be there twice and either way round."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 9))
    pairs = rng.integers(0, count, (int(rng.integers(1, 14)), 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    near = Neighbours(pairs, rng.random(len(pairs)) * rng.choice([0.1, 1.0]))
    return rng.random((count, labels)) * 2, near, rng.integers(0, labels, count)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_an_expansion_is_the_best_of_all_there_are(seed: int, count: int) -> None:
    costs, near, labels = random_graph(seed, count)
    for label in range(count):
        moved = expansion(costs, near, labels, label)
        assert ((moved == labels) | (moved == label)).all()
        every = (np.where(taken, label, labels) for taken in product([False, True], repeat=len(labels)))
        assert energy(costs, near, moved) == pytest.approx(min(energy(costs, near, x) for x in every), abs=1e-7)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_two_labels_are_solved_exactly(seed: int) -> None:
    costs, near, labels = random_graph(seed, 2)
    best = min(energy(costs, near, np.array(x)) for x in product(range(2), repeat=len(labels)))
    assert energy(costs, near, expanded(costs, near, labels)) == pytest.approx(best, abs=1e-7)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_the_energy_never_rises_and_is_within_the_proven_factor(seed: int, count: int) -> None:
    costs, near, labels = random_graph(seed, count)
    found = expanded(costs, near, labels)
    assert energy(costs, near, found) <= energy(costs, near, labels)
    if count ** len(labels) < 5000:
        best = min(energy(costs, near, np.array(x)) for x in product(range(count), repeat=len(labels)))
        assert energy(costs, near, found) <= 2 * best + 1e-7  # Boykov, Veksler and Zabih 2001, theorem 6.1


# --- the mesh -------------------------------------------------------------------------------------------------------


def grid(count: int, fold: float = 0) -> Shape:
    """A square sheet of 2 count^2 faces, its right half turned down (fold > 0: a ridge) or up by so many degrees."""
    x, y = np.meshgrid(np.linspace(-1, 1, count + 1), np.linspace(0, 2, count + 1))
    right, angle = np.maximum(x, 0), np.radians(fold)
    vertices = np.stack([np.minimum(x, 0) + right * np.cos(angle), y, -right * np.sin(angle)], -1).reshape(-1, 3)
    i = (np.arange(count)[:, None] * (count + 1) + np.arange(count)).reshape(-1)
    j = i + count + 1
    faces = np.concatenate([np.stack([i, i + 1, j + 1], 1), np.stack([i, j + 1, j], 1)])
    return Shape("sheet", "chair", vertices.astype(np.float32), faces.astype(np.int64))


def naive_pairs(faces: np.ndarray) -> set[tuple[int, int]]:
    """Faces that share two corners, looked for one by one."""
    count = range(len(faces))
    return {(f, g) for f in count for g in count if f < g and len(set(faces[f].tolist()) & set(faces[g].tolist())) == 2}


def test_neighbours_are_those_that_share_an_edge() -> None:
    vertices, faces = grid(4).mesh
    area, near = neighbours(vertices, faces)
    assert {tuple(sorted(pair)) for pair in near.pairs.tolist()} == naive_pairs(faces) and len(near.pairs) == 40
    assert area == pytest.approx(1 / 32) and set(near.weights.round(6)) == {0.25, round(0.25 * np.sqrt(2), 6)}


def test_hollows_cost_less_than_ridges_and_ridges_less_than_flat_edges() -> None:
    cost = {}
    for name, fold in (("flat", 0.0), ("ridge", 90.0), ("hollow", -90.0)):
        vertices, faces = grid(2, fold).mesh
        _, near = neighbours(vertices, faces)
        middles = vertices[faces].mean(1)
        across = (np.sign(middles[near.pairs[:, 0], 0] + 1e-3) != np.sign(middles[near.pairs[:, 1], 0] + 1e-3)) | (
            (middles[near.pairs[:, 0], 2] == 0) != (middles[near.pairs[:, 1], 2] == 0)
        )
        cost[name] = near.weights[across].sum() if fold else 1.0
    assert 0 < cost["hollow"] < cost["ridge"] < cost["flat"]
    assert cost["hollow"] == pytest.approx(np.exp(-4), rel=1e-5) and cost["ridge"] == pytest.approx(np.exp(-0.8))


def test_neither_frame_nor_scale_nor_a_shared_vertex_counts() -> None:
    shape = ProceduralGenerator().generate("mug", 0, "mug")
    vertices, faces = shape.mesh
    area, near = neighbours(vertices, faces)
    turned = shape.transformed(37.0 * yaw(31), np.array([5.0, -2.0, 9.0])).mesh
    soup = vertices[faces].reshape(-1, 3), np.arange(3 * len(faces)).reshape(-1, 3)
    for other in (turned, soup):
        its_area, its = neighbours(*other)
        assert its_area == pytest.approx(area, rel=1e-3, abs=1e-7)
        assert {frozenset(pair) for pair in its.pairs.tolist()} == {frozenset(pair) for pair in near.pairs.tolist()}
        assert its.weights.sum() == pytest.approx(near.weights.sum(), rel=1e-3)
    assert len(np.unique(merged(soup[0]))) == len(np.unique(vertices[np.unique(faces)], axis=0))


def test_zero_and_minus_zero_are_one_place_and_no_face_is_its_own_neighbour() -> None:
    vertices = np.array([[0.0, 0, 0], [-0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    assert merged(vertices).tolist()[0] == merged(vertices).tolist()[1] and len(np.unique(merged(vertices))) == 4
    _, near = neighbours(vertices, np.array([[0, 2, 3], [1, 2, 4], [2, 2, 3], [3, 3, 3]]))
    assert all(f != g for f, g in near.pairs.tolist()) and [0, 1] in near.pairs.tolist()


# --- labellings -----------------------------------------------------------------------------------------------------


def noisy(shape: Shape, share: float) -> np.ndarray:
    """Probabilities that favour the true label of most faces, and of the others another one by a little."""
    labels, rng = shape.face_labels, np.random.default_rng(0)
    assert labels is not None
    count, rows = int(labels.max()) + 1, np.arange(len(labels))
    wrong = rng.random(len(labels)) < share
    found = np.full((len(labels), count), 0.1 / count, np.float32)
    found[rows, labels] += np.where(wrong, 0.4, 0.9).astype(np.float32)
    found[rows, (labels + 1) % count] += np.where(wrong, 0.5, 0).astype(np.float32)
    return found


@pytest.mark.parametrize("category", ["chair", "mug", "airplane"])
def test_islands_vanish_and_a_clean_labelling_stays(category: str) -> None:
    shape = ProceduralGenerator().generate(category, 1, category)
    vertices, faces = shape.mesh
    labels = shape.face_labels
    assert labels is not None
    area, near = neighbours(vertices, faces)
    assert area[smoothed(vertices, faces, noisy(shape, 0)) != labels].sum() < 0.01
    found = noisy(shape, 0.1)
    before = (found.argmax(1) != labels)[np.unique(near.pairs)]  # a face on its own has nobody to ask
    after = (smoothed(vertices, faces, found) != labels)[np.unique(near.pairs)]
    assert before.sum() > 20 and after.sum() < 0.5 * before.sum()


def test_an_island_on_a_sheet_is_gone_and_a_half_stays() -> None:
    vertices, faces = grid(20).mesh
    middles = vertices[faces].mean(1)
    half, island = middles[:, 0] > 0, np.linalg.norm(middles - [-0.5, 1, 0], axis=1) < 0.12
    found = np.where((half ^ island)[:, None], [0.45, 0.55], [0.55, 0.45]).astype(np.float32)
    assert island.sum() > 4 and (smoothed(vertices, faces, found) == half).all()
    assert (smoothed(vertices, faces, found, strength=0) == found.argmax(1)).all()


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_any_probabilities_on_a_mesh_end_lower(seed: int) -> None:
    vertices, faces = grid(6, 60).mesh
    found = np.random.default_rng(seed).dirichlet(np.ones(3) * 0.3, len(faces)).astype(np.float32)
    labels = smoothed(vertices, faces, found)
    area, near = neighbours(vertices, faces)
    costs = area[:, None] * -np.log(np.maximum(found.astype(np.float64), 1e-4))
    near = near._replace(weights=STRENGTH * near.weights)
    assert energy(costs, near, labels.astype(np.int64)) <= energy(costs, near, found.argmax(1))
    order = np.random.default_rng(seed).permutation(len(faces))
    again = smoothed(vertices, faces[order], found[order])
    assert energy(costs, near, again[np.argsort(order)].astype(np.int64)) == pytest.approx(
        energy(costs, near, labels.astype(np.int64)), rel=0.02
    )


def test_one_face_and_faces_without_area_are_let_be() -> None:
    one = np.eye(3, dtype=np.float32)
    assert smoothed(one, np.array([[0, 1, 2]]), np.array([[0.3, 0.7]], np.float32)).tolist() == [1]
    flat = np.array([[0, 1, 2], [0, 0, 1], [1, 1, 1]])
    assert smoothed(one, flat, np.array([[0.9, 0.1]] * 3, np.float32)).tolist() == [0, 0, 0]
