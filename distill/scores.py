"""What a method scored: per shape and part, for one category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float64, Int16

from distill.datasets import partnete
from distill.datasets.labelled import LabelledSet
from distill.metrics import bootstrap_interval, part_ious, present_miou
from distill.other import partnete_report, partnete_scores
from gen3d.errors import InputError
from gen3d.shape import Shape

if TYPE_CHECKING:
    from distill.evaluation import EvalSettings

UNSCORED = -1
METRIC = "ShapeNetPart: mean over parts (empty union = 1), then over shapes"


@dataclass(frozen=True, eq=False)
class Scored:
    """One scored shape.

    Args:
        shape: with the sampled points, in the pose they were seen in, and their true labels. Where faces are scored,
            its points are their centroids.
        prediction: (N,) part per point.
        ious: (P,) one per scored part.
        counted: (N,) points that entered the score.
    """

    shape: Shape
    prediction: Int16[np.ndarray, " N"]
    ious: Float64[np.ndarray, " P"]
    counted: Bool[np.ndarray, " N"]


@dataclass(frozen=True, eq=False)
class Report:
    """Scores of one category. `parts` are the scored ones; mIoU as ShapeNetPart: mean over parts, then over shapes.

    `extra` goes into the JSON as it is. `labels` are those of `parts`, by which truths and predictions name them.
    """

    method: str
    category: str
    parts: tuple[str, ...]
    labels: tuple[int, ...]
    shapes: list[Scored]
    expected: int
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def miou(self) -> float:
        """Mean over shapes of the mean over parts, in percent."""
        return float(100 * np.mean([s.ious.mean() for s in self.shapes]))

    def as_dict(self, settings: EvalSettings) -> dict[str, Any]:
        """For JSON: what was measured, on what, and every shape's score in percent."""
        scores = np.array([s.ious.mean() for s in self.shapes])
        low, high = bootstrap_interval(scores, seed=settings.seed)
        worst = np.sort(scores)[: (len(scores) + 1) // 2]
        parts = np.mean([s.ious for s in self.shapes], 0)
        return {
            "method": self.method,
            "category": self.category,
            "metric": f"mIoU % over {settings.elements}, {METRIC}",
            "settings": settings.model_dump(),
            **self.extra,
            **(self._partnete(settings.seed) if settings.dataset == partnete.NAME else {}),
            "shapes_expected": self.expected,
            "shapes_scored": len(self.shapes),
            "miou": round(self.miou, 2),
            "interval_95": [round(100 * low, 2), round(100 * high, 2)],
            "worst_half": round(float(100 * worst.mean()), 2),
            "parts": {p: round(float(100 * x), 2) for p, x in zip(self.parts, parts, strict=True)},
            "shapes": {s.shape.id: round(float(100 * s.ious.mean()), 2) for s in self.shapes},
        }

    @property
    def pairs(self) -> list[tuple[Int16[np.ndarray, " _"], Int16[np.ndarray, " _"]]]:
        """Prediction and truth of every shape."""
        return _pairs(self.shapes)

    def _partnete(self, seed: int) -> dict[str, Any]:
        """That data set's own metric, for JSON."""
        return partnete_report(
            [(places(p, self.labels), places(t, self.labels)) for p, t in self.pairs], self.parts, seed
        )


def over_seeds(seeds: Sequence[Mapping[str, Any]]) -> tuple[dict[str, float], list[float]]:
    """What the scores of several seeds on the same shapes come to, in percent.

    Args:
        seeds: scores as of `Report.as_dict`, one at least.

    Returns:
        Every shape's mean over seeds, and the 95 % interval of the mean over shapes of those; of one seed its own.
    """
    shapes = {id: round(float(np.mean([seed["shapes"][id] for seed in seeds])), 2) for id in seeds[0]["shapes"]}
    if len(seeds) == 1:
        return shapes, list(seeds[0]["interval_95"])
    return shapes, [round(value, 2) for value in bootstrap_interval(np.array(list(shapes.values())))]


def report_on(
    method: str, labelled: LabelledSet, kept: list[int], shapes: list[Shape], predictions: list[Int16[np.ndarray, " _"]]
) -> Report:
    """IoUs over the points whose true part is kept."""
    row, scored = labelled.row, []
    for shape, prediction in zip(shapes, predictions, strict=True):
        if shape.point_labels is None:
            raise InputError(f"{shape.id}: has no labels to score against")
        counted = np.isin(shape.point_labels, kept)
        ious = part_ious(prediction[counted], shape.point_labels[counted], len(row.parts))[kept]
        scored.append(Scored(shape, prediction, ious, counted))
    extra: dict[str, Any] = {"other_metrics": _other_metrics(scored, kept, row.parts)}
    extra |= {"skipped": [{"id": id, "reason": why} for id, why in labelled.skipped]} if labelled.skipped else {}
    extra |= {"note": labelled.note} if labelled.note else {}
    parts = tuple(row.parts[i] for i in kept)
    return Report(method, row.name, parts, tuple(kept), scored, labelled.expected, extra)


def _other_metrics(scored: list[Scored], kept: list[int], parts: tuple[str, ...]) -> dict[str, float | None]:
    """The same answers by metrics that others use, in percent; not comparable with ours or each other."""
    pairs = _pairs(scored)
    counted = [(p[s.counted], t[s.counted]) for s, (p, t) in zip(scored, pairs, strict=True)]
    present = np.array([present_miou(p, t, len(parts), kept) for p, t in counted])
    return {
        "present parts only (Find3D)": _percent(present[np.isfinite(present)]),
        "PartNetE": partnete_scores(pairs, parts, kept)["miou"],
    }


def _pairs(scored: list[Scored]) -> list[tuple[Int16[np.ndarray, " _"], Int16[np.ndarray, " _"]]]:
    return [(s.prediction, s.shape.point_labels) for s in scored if s.shape.point_labels is not None]


def places(labels: Int16[np.ndarray, " N"], scored: tuple[int, ...]) -> Int16[np.ndarray, " N"]:
    """Which of the scored labels each of these is; -1 for none."""
    same = labels[:, None] == np.array(scored)  # (N, P)
    return np.where(same.any(1), same.argmax(1), UNSCORED).astype(np.int16)


def _percent(scores: Float64[np.ndarray, " S"]) -> float | None:
    """Their mean; None where there is none."""
    return round(float(100 * scores.mean()), 2) if len(scores) else None
