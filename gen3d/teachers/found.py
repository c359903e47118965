"""From what detectors put out to boxes of parts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int

from gen3d.teachers.predictions import Boxes


def corners_of(boxes: Float[np.ndarray, "Q 4"], height: float, width: float) -> Float32[np.ndarray, "Q 4"]:
    """Left, top, right, bottom in pixels of boxes given as centre and size relative to an image of that size."""
    middle, half = boxes[:, :2], boxes[:, 2:] / 2
    return (np.concatenate([middle - half, middle + half], 1) * [width, height, width, height]).astype(np.float32)


def best_boxes(
    corners: Float32[np.ndarray, "Q 4"],
    scores: Float[np.ndarray, "Q R"],
    threshold: float,
    size: tuple[int, int],
) -> Boxes:
    """Each of Q candidates as a box of its best part, where that score is above the threshold; ties: the first part.

    Scores that are not finite stay, for `check_predictions` to find: they say that the network is broken.

    Args:
        corners: left, top, right, bottom in pixels of the view.
        scores: in [0, 1].
        threshold: scores up to it are no detection.
        size: height and width of the view.
    """
    part, best = scores.argmax(1), scores.max(1)  # both take NaN for the largest
    kept = np.flatnonzero(~(best <= threshold))
    return clamped(corners[kept], part[kept], best[kept], size)


def clamped(
    corners: Float32[np.ndarray, "K 4"],
    part: Int[np.ndarray, " K"],
    score: Float[np.ndarray, " K"],
    size: tuple[int, int],
) -> Boxes:
    """Boxes cut to the image, best first; those that lie outside of it, or have no area, are left out."""
    height, width = size
    inside = np.clip(corners, 0, np.array([width, height, width, height], np.float32))
    empty = (inside[:, 2] <= inside[:, 0]) | (inside[:, 3] <= inside[:, 1])  # false where anything is NaN
    order = np.argsort(-score, kind="stable")
    order = order[~empty[order]]
    return Boxes(inside[order], part[order].astype(np.int16), score[order].astype(np.float32))
