"""Boxes of detectors: best part, threshold, cut to the image; against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_detectors import block_view

from gen3d.errors import InputError
from gen3d.teachers.found import best_boxes, clamped, corners_of
from gen3d.teachers.images import fitting
from gen3d.teachers.predictions import check_predictions


def test_centre_and_size_become_corners_in_pixels() -> None:
    boxes = np.array([[0.5, 0.25, 0.5, 0.5], [0.1, 0.9, 0.4, 0.4]])
    expected = [[50, 0, 150, 50], [-20, 70, 60, 110]]  # of an image 200 wide and 100 high
    assert np.allclose(corners_of(boxes, 100, 200), expected, atol=1e-4)


def naive(corners: np.ndarray, scores: np.ndarray, threshold: float, size: tuple[int, int]) -> list[tuple]:
    found = []
    for corner, row in zip(corners, scores, strict=True):
        part = max(range(len(row)), key=lambda r: (row[r], -r))
        left, right = (min(max(float(x), 0), size[1]) for x in corner[::2])
        top, bottom = (min(max(float(y), 0), size[0]) for y in corner[1::2])
        if row[part] > threshold and right > left and bottom > top:
            found.append((-row[part], part, (left, top, right, bottom)))
    return sorted(found, key=lambda one: one[0])


@pytest.mark.parametrize("seed", range(8))
def test_best_boxes_equal_the_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = (40, 70)
    corners = rng.uniform(-30, 100, (200, 4)).astype(np.float32)
    scores = (rng.integers(0, 11, (200, 3)) / 10).astype(np.float32)  # ties are common
    boxes = best_boxes(corners, scores, 0.6, size)
    expected = naive(corners, scores, float(np.float32(0.6)), size)
    rows = zip(-boxes.score, boxes.part, map(tuple, boxes.xyxy.tolist()), strict=True)
    assert list(rows) == expected and 3 < len(expected) < 100


def test_nothing_found_is_an_ordinary_answer() -> None:
    boxes = best_boxes(np.zeros((4, 4), np.float32), np.zeros((4, 2), np.float32), 0.0, (8, 8))
    assert boxes.xyxy.shape == (0, 4) and boxes.part.shape == boxes.score.shape == (0,)
    assert not len(clamped(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0), (8, 8)).part)


@pytest.mark.parametrize(("where", "bad"), [("score", np.nan), ("score", np.inf), ("corner", np.nan)])
def test_what_is_not_finite_is_kept_to_be_refused(where: str, bad: float) -> None:
    corners, scores = np.tile(np.array([1, 1, 5, 5], np.float32), (3, 1)), np.full((3, 2), 0.5, np.float32)
    if where == "score":
        scores[1, 1] = bad
    else:
        corners[1, 2] = bad
    view = block_view(8, 8, (2, 4), (2, 4))
    with pytest.raises(InputError, match="not finite"):
        check_predictions([best_boxes(corners, scores, 0.9 if where == "score" else 0.1, (8, 8))], [view], 2)


def test_images_are_resized_by_their_shorter_side_unless_too_long() -> None:
    assert fitting(224, 224, 800, 1333) == (800, 800)
    assert fitting(300, 600, 800, 1333) == (666, 1333) or fitting(300, 600, 800, 1333) == (667, 1333)
    assert fitting(600, 800, 800, 1333) == (800, 1067)
