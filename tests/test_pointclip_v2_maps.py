"""PointCLIP V2's projection: each step by a naive twin, on clouds that no turn or mirror image takes to themselves."""

from __future__ import annotations

import numpy as np
import pytest

from distill.baselines.pointclip_v2_maps import axes, cells, depth_map, rotations
from gen3d.shapenet_frame import to_shapenet

Q, UP, FRONT, RIGHT = np.pi / 2, np.array([0.0, 1, 0]), np.array([0.0, 0, 1]), np.array([1.0, 0, 0])


def lopsided(rng: np.random.Generator, count: int = 60) -> np.ndarray:
    """A box three times as tall as wide, with most of its points at one corner, far from the origin."""
    return (rng.random((count, 3)) ** 2 * [1.0, 3.0, 1.7] + [5, -2, 9]).astype(np.float32)


def matrix(axis: int, angle: float) -> np.ndarray:
    """Rotation about one axis, element by element."""
    turn, (i, j) = np.eye(3), ((1, 2), (2, 0), (0, 1))[axis]
    turn[i, i] = turn[j, j] = np.cos(angle)
    turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
    return turn


def test_points_are_turned_three_times_as_written_down(rng: np.random.Generator) -> None:
    house = lopsided(rng)
    stated = [(k * Q, 0, Q) for k in range(4)] * 2 + [(0, -Q, Q), (0, Q, Q)]
    second = [(np.pi / 4, 0, 0)] * 4 + [(0, 0, 0)] * 4 + [(np.pi / 15, 0, 0)] * 2
    third = [(0, np.pi / 9, 0)] * 8 + [(0, np.pi / 15, 0)] * 2
    for view in range(10):
        rows = to_shapenet(house).astype(np.float64)
        for angles in (stated[view], second[view], third[view]):
            x, y, z = (matrix(axis, angle) for axis, angle in enumerate(angles))
            rows = rows @ (x @ y @ z).T
        assert np.allclose(house @ rotations()[view].T, rows, atol=1e-5)


def test_eight_views_go_round_upright_and_two_look_from_below_and_above() -> None:
    found = axes()
    assert np.allclose(np.linalg.det(found), 1) and np.allclose(found @ found.transpose(0, 2, 1), np.eye(3))
    back = found[:, 2]
    assert np.allclose(np.degrees(np.arcsin(back[:8, 1])), 20)
    azimuths = np.degrees(np.arctan2(back[:8, 0], back[:8, 2])).round(6) % 360
    assert azimuths.tolist() == [315, 45, 135, 225, 270, 0, 90, 180]
    assert np.allclose(found[:8, 0] @ UP, 0) and (found[:8, 1] @ UP > 0.9).all()  # no roll
    assert back[8, 1] < -0.9 and back[9, 1] > 0.9


@pytest.mark.parametrize(("view", "right"), [(5, RIGHT), (6, -FRONT), (7, -RIGHT), (4, FRONT)])
def test_up_is_up_on_maps_and_right_is_not_left(view: int, right: np.ndarray) -> None:
    """Front, right, back and left views of a post with an arm to either side, of which one carries a ball."""
    post = np.linspace(-1, 1, 41)[:, None] * UP
    arm = np.linspace(-0.5, 0.5, 21)[:, None] * right + 0.9 * UP
    ball = 0.5 * right + 0.9 * UP + 0.08 * np.random.default_rng(0).normal(size=(40, 3))
    found = depth_map(np.concatenate([post, arm, ball]) @ rotations()[view].T)
    rows, columns = found.drawn[:41] // 224, found.drawn % 224
    assert (np.diff(rows) <= 0).all() and rows[0] - rows[-1] > 100  # the post's top is in a lower row
    assert columns[62:].mean() > columns[:41].mean() + 30 > columns[41] + 50
    dark, post_column = found.image < 0.98, int(columns[:41].mean())
    beside = [dark[:, post_column + step : post_column + step + 40].sum() for step in (10, -50)]
    assert beside[0] > 1.2 * beside[1] and dark[:112].sum() > 1.3 * dark[112:].sum()


def naive(points: np.ndarray, released: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, locations and seen flags, point by point and tap by tap, with a grid of z, x, y."""
    box = points.max(0) - points.min(0)
    v = (points - (points.max(0) + points.min(0)) / 2) / box.max() * 2
    cell = [[min(max(int(np.ceil((c * 0.7 + 1) / 2 * 224)), 1), 222) for c in row[:2]] for row in v]
    z = [((row[2] + 1) / 2 + 0.3) / 1.3 * 110 for row in v]
    grid = np.zeros((112, 224, 224))
    for (x, y), value in zip(cell, z, strict=True):
        k = int(np.ceil(value))
        block = grid[max(k - 2, 0) : k + 3, max(x - 5, 0) : x + 6, max(y - 5, 0) : y + 6]
        np.maximum(block, min(max(value, 1), 110), out=block)
    for axis, sigma in enumerate((2.0, 1.0, 1.0)):
        taps = [np.exp(-(t**2) / (2 * sigma**2)) for t in range(-2, 3)]
        padded = np.moveaxis(np.pad(np.moveaxis(grid, axis, 0), ((2, 2), (0, 0), (0, 0))), 0, axis)
        moved = [np.moveaxis(np.moveaxis(padded, axis, 0)[t : t + grid.shape[axis]], 0, axis) for t in range(5)]
        grid = np.sum([w / sum(taps) * part for w, part in zip(taps, moved, strict=True)], axis=0)
    image = 1 - grid.max(0) / grid.max()
    seen, places = [], []
    for (x, y), value in zip(cell, z, strict=True):
        row, column = (y, x) if released else (x, y)
        own = 1 - grid[min(max(int(np.ceil(value)), 1), 109), row, column] / grid.max()
        seen.append(abs(image[row, column] - own) < 0.1)
        places.append([int(np.ceil((c - 20) * 224 / 184)) for c in (row, column)])
    step = np.linspace(20, 203, 224)
    low = np.floor(step).astype(int).clip(max=202)
    share = step - low
    tall = image[low] * (1 - share)[:, None] + image[low + 1] * share[:, None]
    return tall[:, low] * (1 - share) + tall[:, low + 1] * share, np.array(places), np.array(seen)


@pytest.mark.parametrize("released", [False, True])
def test_maps_are_made_as_written_down(released: bool, rng: np.random.Generator) -> None:
    points = lopsided(rng).astype(np.float64)
    image, places, seen = naive(points, released)
    found = depth_map(points, released)
    assert np.allclose(found.image, image, atol=1e-4)
    assert np.array_equal(np.stack([found.read // 224, found.read % 224], 1), places)
    assert np.array_equal(found.seen, seen) and 0.1 < seen.mean() < 0.99


def test_points_lie_where_they_are_drawn_but_not_in_the_released_order(rng: np.random.Generator) -> None:
    points = lopsided(rng, 300)
    right, released = depth_map(points), depth_map(points, released_order=True)
    assert (right.image.reshape(-1)[right.read] < 0.95).all() and np.array_equal(right.read, right.drawn)
    assert (released.image.reshape(-1)[released.read] == 1).mean() > 0.5
    assert np.array_equal(right.image, released.image) and np.array_equal(right.drawn, released.drawn)
    assert np.array_equal(released.read, right.read % 224 * 224 + right.read // 224)


def test_size_and_place_of_a_shape_do_not_matter(rng: np.random.Generator) -> None:
    points = lopsided(rng).astype(np.float64)
    for one, two in zip(depth_map(points), depth_map(points * 4 - 16), strict=True):
        assert np.allclose(one, two, atol=1e-5)
    single = depth_map(points[:1])
    assert single.seen.all() and single.image.min() == 0
    assert (cells(points) >= 34).all() and (cells(points) <= 191).all()


@pytest.mark.parametrize(("gap", "seen"), [(0.1, True), (0.35, False)])
def test_what_lies_a_little_behind_is_seen_too(gap: float, seen: bool) -> None:
    """Two plates of side 2: a tenth of the largest value is a gap of 0.168 (seen iff gap/2 < 0.1 (gap/4 + 0.8))."""
    x, y = (values.reshape(-1) for values in np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 60)))
    front, back = (np.stack([x, y, np.full_like(x, z)], 1) for z in (gap / 2, -gap / 2))
    found = depth_map(np.concatenate([front, back])).seen
    inner = (np.abs(x) < 0.8) & (np.abs(y) < 0.8)
    assert found[: len(x)][inner].all() and (found[len(x) :][inner] == seen).all()
