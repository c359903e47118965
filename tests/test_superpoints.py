"""Superpoints: pieces of like normal and colour, in any order of the points."""

from __future__ import annotations

import numpy as np
import pytest
from sample_knowledge import procedural, toy_chair
from scipy.spatial import KDTree

from distill.baselines.superpoints import SuperpointSettings, superpoints
from gen3d.errors import SettingsError
from gen3d.settings import resolve
from gen3d.shape import Shape

ALL = SuperpointSettings(smallest=0)  # keeps pieces of any size


def cloud(shape: Shape, count: int = 700) -> tuple[np.ndarray, np.ndarray]:
    return shape.normalised().sampled(count, 0).oriented()


def links(points: np.ndarray, neighbours: int = 10) -> set[tuple[int, int]]:
    near = KDTree(points).query(points, k=neighbours + 1)[1]
    return {(min(i, j), max(i, j)) for i, row in enumerate(np.asarray(near).tolist()) for j in row if i != j}


def energy(pieces: np.ndarray, normals: np.ndarray, linked: set[tuple[int, int]], price: float) -> float:
    """The energy of the module's first lines, point by point."""
    features = np.einsum("ni,nj->nij", normals, normals).reshape(-1, 9).astype(float) / 2**0.5
    fit = sum(((features[pieces == k] - features[pieces == k].mean(0)) ** 2).sum() for k in range(pieces.max() + 1))
    return float(fit + price * sum(pieces[i] != pieces[j] for i, j in linked))


def faces_of_cube(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points on the six sides of a cube, their normals and their sides."""
    rng = np.random.default_rng(0)
    side = np.repeat(np.arange(6), count)
    points = rng.uniform(-1, 1, (6 * count, 3))
    sign = np.where(side % 2, 1.0, -1.0)
    points[np.arange(6 * count), side // 2] = sign
    normals = np.zeros_like(points)
    normals[np.arange(6 * count), side // 2] = sign
    return points.astype(np.float32), normals.astype(np.float32), side


def test_the_sides_of_a_cube_are_its_superpoints() -> None:
    points, normals, side = faces_of_cube(150)
    found = superpoints(points, normals)
    assert len(set(zip(found.tolist(), side.tolist(), strict=True))) == 6 == found.max() + 1


def test_a_plane_is_one_superpoint_however_it_is_ordered_and_colours_cut_it() -> None:
    grid = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0), [0.0]), -1).reshape(-1, 3).astype(np.float32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (400, 1))
    assert superpoints(grid, normals).max() == 0
    red = grid[:, 0] < 10
    colors = np.where(red[:, None], [255, 0, 0], [0, 0, 255]).astype(np.uint8)
    found = superpoints(grid, normals, colors)
    assert found.max() == 1 and len(np.unique(found[red])) == len(np.unique(found[~red])) == 1
    faint = np.where(red[:, None], [255, 0, 0], [250, 0, 0]).astype(np.uint8)
    assert superpoints(grid, normals, faint).max() == 0


@pytest.mark.parametrize("category", ["chair", "mug", "cap"])
def test_order_of_points_and_side_of_normals_change_nothing(category: str) -> None:
    points, normals = cloud(procedural(category, 3))
    found = superpoints(points, normals)
    rng = np.random.default_rng(1)
    order, sign = rng.permutation(len(points)), rng.choice(np.array([-1, 1], np.float32), (len(points), 1))
    assert np.array_equal(superpoints(points[order], (normals * sign)[order]), found[order])


def test_no_two_pieces_gain_from_merging_and_pieces_hang_together() -> None:
    points, normals = cloud(toy_chair(0), 400)
    found, linked = superpoints(points, normals, settings=ALL), links(points)
    assert set(found.tolist()) == set(range(found.max() + 1))
    least = energy(found, normals, linked, ALL.regularisation)
    touching = {(min(a, b), max(a, b)) for i, j in linked if (a := int(found[i])) != (b := int(found[j]))}
    assert len(touching) > 5
    for a, b in touching:
        merged = np.unique(np.where(found == b, a, found), return_inverse=True)[1].reshape(-1)
        assert energy(merged, normals, linked, ALL.regularisation) >= least - 1e-9
    both = [*linked, *((j, i) for i, j in linked)]
    for piece in range(found.max() + 1):
        reached = {int(np.flatnonzero(found == piece)[0])}
        while more := {j for i, j in both if i in reached and found[j] == piece} - reached:
            reached |= more
        assert len(reached) == (found == piece).sum()


def test_small_pieces_join_a_neighbour_and_the_price_sets_how_many_there_are() -> None:
    points, normals = cloud(procedural("cap", 1))
    counts = []
    for price in (0.005, 0.05, 0.5):
        found = superpoints(points, normals, settings=SuperpointSettings(regularisation=price, smallest=10))
        assert np.bincount(found).min() > 10
        counts.append(int(found.max()) + 1)
    assert counts[0] > counts[1] > counts[2] >= 1
    assert np.bincount(superpoints(points, normals, settings=ALL)).min() <= 10


def test_few_points_and_points_at_one_place_are_no_trouble() -> None:
    normals = np.tile(np.array([0, 1, 0], np.float32), (40, 1))
    assert superpoints(np.zeros((1, 3), np.float32), normals[:1]).tolist() == [0]
    assert superpoints(np.zeros((40, 3), np.float32), normals).tolist() == [0] * 40
    far = np.array([[0, 0, 0], [1, 0, 0], [9, 0, 0]], np.float32)
    assert superpoints(far, normals[:3], settings=SuperpointSettings(neighbours=1)).max() == 0


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="regularisation = 0.0: "):
        resolve(SuperpointSettings, None, regularisation=0.0)
