"""Part-segmentation scores, each variant under its own name (results.md, sections 7.1 and 7.2). All lie in [0, 1].

Three ways to count a part that is absent are in use, and numbers from different ones can't be compared:

- ShapeNetPart (`part_ious`, `shape_miou`): absent from prediction and truth counts as 1. The one we report.
- present parts only (`present_miou`): such a part is left out of the mean, as Find3D does.
- PartNetE (`partnete_part_ious`, `partnete_miou`): per part, the mean over the shapes whose truth contains it, and
  unlabelled points count against a part that claims them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from gen3d.errors import InputError
from gen3d.shape import UNLABELLED


def part_ious(
    prediction: Integer[np.ndarray, " N"], truth: Integer[np.ndarray, " N"], parts: int
) -> Float64[np.ndarray, " P"]:
    """Intersection over union of every part of one shape, ShapeNetPart's way: an empty union counts as 1.

    Args:
        prediction: (N,) part index per point, -1 = none.
        truth: (N,) part index per point; points with -1 are left out.
        parts: number P of parts of the category.

    Raises:
        InputError: where a label is not in -1 ... parts - 1.
    """
    intersection, union = _overlaps(_confusion(prediction, truth, parts)[:-1])
    return np.where(union > 0, intersection / np.maximum(union, 1), 1.0)


def shape_miou(
    prediction: Integer[np.ndarray, " N"],
    truth: Integer[np.ndarray, " N"],
    parts: int,
    scored: Sequence[int] | None = None,
) -> float:
    """ShapeNetPart's score of one shape: the mean of `part_ious` over the parts in `scored`, all of them if None."""
    ious = part_ious(prediction, truth, parts)
    return float(ious[_chosen(scored, parts)].mean())


def present_miou(
    prediction: Integer[np.ndarray, " N"],
    truth: Integer[np.ndarray, " N"],
    parts: int,
    scored: Sequence[int] | None = None,
) -> float:
    """Like `shape_miou`, with parts of empty union left out of the mean (Find3D's way); NaN where none is left."""
    chosen = _chosen(scored, parts)
    intersection, union = (x[chosen] for x in _overlaps(_confusion(prediction, truth, parts)[:-1]))
    present = union > 0
    return float((intersection[present] / union[present]).mean()) if present.any() else float("nan")


def category_miou(scores: Float[np.ndarray, " S"]) -> float:
    """Score of a category: the mean of its S shapes' scores. Raises InputError where there is no shape."""
    if not len(scores):
        raise InputError("no shape to average a score over; give at least one")
    return float(scores.mean(dtype=np.float64))


def class_miou(scores: Mapping[str, Float[np.ndarray, " _"]]) -> float:
    """Mean over categories of their scores: every category weighs the same. `scores` are the shapes' by category."""
    return category_miou(np.array([category_miou(s) for s in scores.values()]))


def instance_miou(scores: Mapping[str, Float[np.ndarray, " _"]]) -> float:
    """Mean over all shapes of all categories: every shape weighs the same. `scores` are the shapes' by category."""
    return category_miou(np.concatenate([np.zeros(0), *scores.values()]))


def partnete_part_ious(
    predictions: Sequence[Integer[np.ndarray, " _"]], truths: Sequence[Integer[np.ndarray, " _"]], parts: int
) -> Float64[np.ndarray, " P"]:
    """PartNetE's score of every part of a category: its mean IoU over the shapes whose truth contains the part.

    All points count, those of truth -1 included: a part that claims them loses.

    Args:
        predictions: per shape, (N,) part index per point, -1 = other.
        truths: per shape, (N,) part index per point, -1 = other.
        parts: number P of parts of the category.

    Returns:
        (P,); NaN for a part that no shape contains.
    """
    total, shapes = np.zeros(parts), np.zeros(parts)
    for prediction, truth in zip(predictions, truths, strict=True):
        confusion = _confusion(prediction, truth, parts)
        intersection, union = _overlaps(confusion)
        contained = confusion[:-1].sum(1) > 0
        total += np.where(contained, intersection / np.maximum(union, 1), 0)
        shapes += contained
    return np.where(shapes > 0, total / np.maximum(shapes, 1), np.nan)


def partnete_miou(part_scores: Mapping[str, Float64[np.ndarray, " _"]]) -> float:
    """PartNetE's total: mean over categories of the mean over their parts, parts that no shape contains left out.

    Args:
        part_scores: (P,) per category, from `partnete_part_ious`.

    Raises:
        InputError: where a category has no part with a score.
    """
    for name, scores in part_scores.items():
        if not np.isfinite(scores).any():
            raise InputError(f"{name}: no shape contains any of its parts; there is nothing to score")
    return category_miou(np.array([np.nanmean(scores) for scores in part_scores.values()]))


def bootstrap_interval(
    scores: Float[np.ndarray, " S"], level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Confidence interval of the mean score, by resampling shapes: the percentile bootstrap (Efron 1979).

    It depends on the seed and on which scores there are, not on their order.

    Args:
        scores: (S,) score per shape.
        level: probability covered, in (0, 1).
        draws: number of resamplings.
        seed: of the resampling.
    """
    category_miou(scores)  # the one message about no shapes
    ordered = np.sort(scores.astype(np.float64))
    pick = np.random.default_rng(seed).integers(len(ordered), size=(draws, len(ordered)))
    low, high = np.quantile(ordered[pick].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _confusion(
    prediction: Integer[np.ndarray, " N"], truth: Integer[np.ndarray, " N"], parts: int
) -> Int64[np.ndarray, "Q Q"]:
    """Number of points by (truth, prediction), with -1 as the last row and column: Q = parts + 1."""
    for name, labels in (("prediction", prediction), ("truth", truth)):
        if len(labels) and not UNLABELLED <= labels.min() <= labels.max() < parts:
            raise InputError(f"{name}: labels {labels.min()} to {labels.max()}; -1 to {parts - 1} are possible")
    size = parts + 1
    row, column = truth.astype(np.int64) % size, prediction.astype(np.int64) % size  # -1 turns into `parts`
    return np.bincount(row * size + column, minlength=size**2).reshape(size, size)


def _overlaps(confusion: Int64[np.ndarray, "T Q"]) -> tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " P"]]:
    """Points in the intersection and the union of every part, from rows of truth; a last row for -1 may be absent."""
    parts = confusion.shape[1] - 1
    intersection = np.diag(confusion)[:parts]
    union = confusion.sum(0)[:parts] + confusion.sum(1)[:parts] - intersection
    return intersection, union


def _chosen(scored: Sequence[int] | None, parts: int) -> list[int]:
    """The parts to average over. Raises InputError where there is none or one does not exist."""
    chosen = list(range(parts)) if scored is None else list(scored)
    if not chosen or min(chosen) < 0 or max(chosen) >= parts:
        raise InputError(f"scored parts {chosen}: give one or more of 0 to {parts - 1}")
    return chosen
