"""What a 2D teacher says of one view: scores per pixel, scored boxes, or scored masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int16, Int32

from gen3d.errors import InputError
from gen3d.rendering.view import View

MIN_PIXELS = 6  # a smaller region of one class is noise at 224 x 224


@dataclass(frozen=True, eq=False)
class PixelScores:
    """Scores of R prompts at every pixel of a view.

    Args:
        scores: (R, H, W) float16 in [0, 1]; all 0 where the teacher sees none of the prompts.
    """

    scores: Float16[np.ndarray, "R H W"]

    def regions(self, threshold: float = 0.0) -> tuple[Int32[np.ndarray, "H W"], Int16[np.ndarray, " K"]]:
        """Connected regions of one class (8-neighbourhood): (H, W) region per pixel, -1 = none, and the K parts.

        A pixel belongs to its best prompt if that score is above `threshold`; ties go to the first prompt.
        Regions below `MIN_PIXELS` are dropped. Regions are numbered part by part in scan order. Scores that are not
        finite count as best: what is made of them must show that they were there.
        """
        best, top = self.scores.argmax(0), self.scores.max(0)
        regions, parts = np.full(best.shape, -1, np.int32), []
        for part in range(len(self.scores)):
            labels, count = _components((best == part) & ~(top <= threshold))
            sizes = np.bincount(labels.ravel(), minlength=count + 1)
            keep = np.flatnonzero(sizes[1:] >= MIN_PIXELS) + 1
            number = np.full(count + 1, -1, np.int32)
            number[keep] = len(parts) + np.arange(len(keep))
            regions = np.maximum(regions, number[labels])
            parts += [part] * len(keep)
        return regions, np.array(parts, np.int16)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Scored boxes of a view.

    Args:
        xyxy: (K, 4) float32 pixels: left, top, right, bottom; pixel (i, j) covers [j, j+1] x [i, i+1].
        part: (K,) int16 prompt index.
        score: (K,) float32 in [0, 1].
    """

    xyxy: Float32[np.ndarray, "K 4"]
    part: Int16[np.ndarray, " K"]
    score: Float32[np.ndarray, " K"]


@dataclass(frozen=True, eq=False)
class Masks:
    """Scored masks of a view, one per instance found; they may overlap, and one may lie in several pieces.

    Args:
        inside: (K, H, W) bool, the pixels of each mask.
        part: (K,) int16 prompt index.
        score: (K,) float32 in [0, 1].
    """

    inside: Bool[np.ndarray, "K H W"]
    part: Int16[np.ndarray, " K"]
    score: Float32[np.ndarray, " K"]


Prediction = PixelScores | Boxes | Masks
Predictions = Sequence[Prediction]  # one per view, all of one kind


@runtime_checkable
class Teacher(Protocol):
    """A 2D model that finds named parts in views.

    `name` goes into file names, `kind` is "pixel", "box" or "mask".
    """

    name: str
    kind: str

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Raise SettingsError, listing what it knows, for a category or prompt it can't answer."""
        ...

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> Predictions:
        """One prediction per view; R = len(prompts), in their order."""
        ...


def check_predictions(predictions: Predictions, views: list[View], prompts: int) -> None:
    """Raise InputError, naming the view, unless these are a teacher's answers to `prompts` prompts for the views.

    A network may give NaN; a teacher from elsewhere may give anything. Neither may become knowledge.
    """
    if len(predictions) != len(views):
        raise InputError(f"the teacher answered for {len(predictions)} of {len(views)} views")
    for number, (prediction, view) in enumerate(zip(predictions, views, strict=True)):
        numbers = _numbers(prediction)
        if not _fits(prediction, view, prompts):
            raise InputError(f"the teacher's answer for view {number} has another form than was asked for")
        if not all(np.isfinite(array).all() for array in numbers):
            raise InputError(f"the teacher's scores for view {number} are not finite (NaN or Inf)")
        scores = numbers[-1]
        if scores.size and not (scores.min() >= 0 and scores.max() <= 1):
            raise InputError(f"the teacher's scores for view {number} are not between 0 and 1")


def _numbers(prediction: Prediction) -> tuple[np.ndarray, ...]:
    """The arrays that must be finite, the scores last."""
    if isinstance(prediction, PixelScores):
        return (prediction.scores,)
    return (prediction.xyxy, prediction.score) if isinstance(prediction, Boxes) else (prediction.score,)


def _fits(prediction: Prediction, view: View, prompts: int) -> bool:
    """Whether sizes and part numbers are those of an answer to `prompts` prompts for that view."""
    if isinstance(prediction, PixelScores):
        return prediction.scores.shape == (prompts, *view.element.shape)
    places = prediction.xyxy if isinstance(prediction, Boxes) else prediction.inside
    known = bool(((prediction.part >= 0) & (prediction.part < prompts)).all())
    sized = isinstance(prediction, Boxes) or prediction.inside.shape[1:] == view.element.shape
    return known and sized and len(prediction.part) == len(places) == len(prediction.score)


def _components(mask: Bool[np.ndarray, "H W"]) -> tuple[Int32[np.ndarray, "H W"], int]:
    """Connected components (8-neighbourhood) numbered from 1 in scan order, 0 = outside, and how many there are."""
    from scipy import ndimage

    labels = np.zeros(mask.shape, np.int32)
    count = ndimage.label(mask, np.ones((3, 3)), output=labels)
    return labels, int(count)  # type: ignore[arg-type]


def boxes_from_pixels(pixels: PixelScores, threshold: float = 0.0) -> Boxes:
    """The bounding box of every connected region, scored by the mean pixel score inside the region."""
    from scipy import ndimage

    regions, part = pixels.regions(threshold)
    rows = []
    for k, where in enumerate(ndimage.find_objects(regions + 1, len(part))):
        inside: Bool[np.ndarray, "h w"] = regions[where] == k
        score = pixels.scores[part[k]][where][inside].mean(dtype=np.float32)
        rows.append((where[1].start, where[0].start, where[1].stop, where[0].stop, score))
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(table[:, :4], part, table[:, 4])


def boxes_from_masks(masks: Masks) -> Boxes:
    """The bounding box of every mask that has a pixel, with the mask's score."""
    from scipy import ndimage

    rows = [
        (where[0][1].start, where[0][0].start, where[0][1].stop, where[0][0].stop)
        for inside in masks.inside
        if (where := ndimage.find_objects(inside.astype(np.int8)))
    ]
    whole = masks.inside.any((1, 2))
    return Boxes(np.array(rows, np.float32).reshape(-1, 4), masks.part[whole], masks.score[whole])


def as_boxes(prediction: Prediction) -> Boxes:
    """Any answer as boxes: those around connected regions of a class, or around masks."""
    if isinstance(prediction, PixelScores):
        return boxes_from_pixels(prediction)
    return boxes_from_masks(prediction) if isinstance(prediction, Masks) else prediction


def as_pixel_scores(prediction: Prediction, parts: int, size: tuple[int, int]) -> PixelScores:
    """Any answer as scores per pixel: each pixel has the best score of the boxes or masks of a part that hold it.

    Args:
        prediction: of one view.
        parts: number R of prompts.
        size: height and width in pixels. A box holds the pixels whose centres lie in it.
    """
    if isinstance(prediction, PixelScores):
        return prediction
    scores = np.zeros((parts, *size), np.float16)
    for k, (part, score) in enumerate(zip(prediction.part, prediction.score, strict=True)):
        if isinstance(prediction, Masks):
            window = scores[part]
            np.maximum(window, prediction.inside[k] * np.float16(score), out=window)
        else:
            left, top, right, bottom = np.ceil(prediction.xyxy[k] - 0.5).clip(0).astype(int)
            window = scores[part, top:bottom, left:right]
            np.maximum(window, np.float16(score), out=window)
    return PixelScores(scores)
