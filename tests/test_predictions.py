"""Regions against a naive flood fill; boxes of regions."""

from __future__ import annotations

import numpy as np
import pytest

from gen3d.teachers.predictions import MIN_PIXELS, PixelScores, boxes_from_pixels


def flood_fill(scores: np.ndarray, threshold: float) -> tuple[np.ndarray, list[int]]:
    """Regions by growing from every pixel in scan order, part by part."""
    parts, height, width = scores.shape
    regions, found = np.full((height, width), -1), []
    owner = np.full((height, width), -1)
    for i in range(height):
        for j in range(width):
            best = max(range(parts), key=lambda part: (scores[part, i, j], -part))
            owner[i, j] = best if scores[best, i, j] > threshold else -1
    for part in range(parts):
        visited = np.zeros((height, width), bool)
        for start in zip(*np.nonzero(owner == part), strict=True):
            if visited[start]:
                continue
            stack, pixels = [start], []
            visited[start] = True
            while stack:
                i, j = stack.pop()
                pixels.append((i, j))
                for y in range(max(i - 1, 0), min(i + 2, height)):
                    for x in range(max(j - 1, 0), min(j + 2, width)):
                        if owner[y, x] == part and not visited[y, x]:
                            visited[y, x] = True
                            stack.append((y, x))
            if len(pixels) >= MIN_PIXELS:
                for pixel in pixels:
                    regions[pixel] = len(found)
                found.append(part)
    return regions, found


def random_scores(seed: int) -> np.ndarray:
    """Coarse values, so that prompts tie often; blobs and dust of every size."""
    rng = np.random.default_rng(seed)
    parts, levels = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    scores = rng.integers(0, levels + 1, (parts, *rng.integers(1, 24, 2)))
    return (scores * (rng.random(scores.shape) < rng.random()) / levels).astype(np.float16)


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_regions_equal_a_flood_fill(threshold: float) -> None:
    total = 0
    for seed in range(60):
        scores = random_scores(seed)
        regions, parts = PixelScores(scores).regions(threshold)
        expected, expected_parts = flood_fill(scores, threshold)
        assert parts.tolist() == expected_parts, seed
        assert np.array_equal(regions, expected), seed
        total += len(parts)
    assert total > 50  # the sample isn't all dust


def test_diagonal_touch_joins_and_the_least_size_counts() -> None:
    scores = np.zeros((1, 12, 12), np.float16)
    for i in range(MIN_PIXELS):
        scores[0, i, i] = 1  # a diagonal line of the least size
    scores[0, 8:10, 0 : (MIN_PIXELS - 1) // 2] = 1
    scores[0, 8, (MIN_PIXELS - 1) // 2] = 1  # one pixel too few
    regions, parts = PixelScores(scores).regions()
    assert parts.tolist() == [0] and (regions == 0).sum() == MIN_PIXELS
    assert (np.diag(regions)[:MIN_PIXELS] == 0).all()


def test_ties_go_to_the_first_prompt() -> None:
    regions, parts = PixelScores(np.full((3, 8, 8), 0.5, np.float16)).regions()
    assert parts.tolist() == [0] and (regions == 0).all()


def test_boxes_are_tight_and_carry_the_mean_score() -> None:
    count = 0
    for seed in range(60):
        scores = random_scores(seed)
        pixels = PixelScores(scores)
        boxes, (regions, parts) = boxes_from_pixels(pixels), pixels.regions()
        assert np.array_equal(boxes.part, parts)
        for k, part in enumerate(parts):
            i, j = np.nonzero(regions == k)
            assert boxes.xyxy[k].tolist() == [j.min(), i.min(), j.max() + 1, i.max() + 1]
            mean = np.mean([float(scores[part, y, x]) for y, x in zip(i, j, strict=True)])
            assert boxes.score[k] == pytest.approx(mean, abs=1e-6)
            count += 1
    assert count > 50


def test_nothing_seen_gives_no_region_and_no_box() -> None:
    pixels = PixelScores(np.zeros((3, 8, 9), np.float16))
    regions, parts = pixels.regions()
    boxes = boxes_from_pixels(pixels)
    assert (regions == -1).all() and regions.shape == (8, 9) and parts.shape == (0,)
    assert boxes.xyxy.shape == (0, 4) and boxes.part.shape == boxes.score.shape == (0,)
