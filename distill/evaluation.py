"""The `eval` stage: a student, one aligned on the test shapes, or a baseline, scored on human-labelled shapes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16
from pydantic import Field

from distill.baselines.baseline import Baseline, observe
from distill.datasets import DATASETS
from distill.datasets.labelled import LabelledSet
from distill.metrics import bootstrap_interval, part_ious
from distill.other import OTHER, partnete_report, partnete_scores
from distill.student import Student
from distill.trainer import Epoch
from distill.tta import JOINT, NothingSeenError, TTASettings, align, named_parts, untrained
from gen3d.asking import LabelSettings
from gen3d.categories import Category
from gen3d.errors import InputError, SettingsError
from gen3d.labelling import ready, renderers_for
from gen3d.rendering.styles import style_of
from gen3d.settings import Settings
from gen3d.shape import UNLABELLED, Shape, yaw
from gen3d.teachers.predictions import Teacher

RANDOM_YAW = "random"


class EvalSettings(Settings):
    """Settings of `gen3d eval`."""

    dataset: str = "psb"
    split: str | None = Field(default=None, description="of data sets that have splits")
    missing: str | None = Field(default=None, description="skip: score what is there of an incomplete data set")
    pose: str | None = Field(default=None, description="of data sets that have poses: canonical or raw")
    yaw: str = Field(default="none", pattern="^(none|random)$", description="turn every shape about +Y first")
    points: int = Field(default=2048, ge=512)
    passes: int = Field(default=16, ge=1, description="of the student, averaged (voting); 1 is the plain network")
    leave_out: tuple[str, ...] = Field(default=(), description="parts whose points and predictions are left out")
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, eq=False)
class Scored:
    """One scored shape.

    Args:
        shape: with the sampled points, in the pose they were seen in, and their true labels.
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

    `extra` goes into the JSON as it is.
    """

    method: str
    category: str
    parts: tuple[str, ...]
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
            "metric": "mIoU %, ShapeNetPart: mean over parts (empty union = 1), then over shapes",
            "settings": settings.model_dump(),
            **self.extra,
            **(self._partnete(settings.seed) if settings.dataset == "partnete" else {}),
            "shapes_expected": self.expected,
            "shapes_scored": len(self.shapes),
            "miou": round(self.miou, 2),
            "interval_95": [round(100 * low, 2), round(100 * high, 2)],
            "worst_half": round(float(100 * worst.mean()), 2),
            "parts": {p: round(float(100 * x), 2) for p, x in zip(self.parts, parts, strict=True)},
            "shapes": {s.shape.id: round(float(100 * s.ious.mean()), 2) for s in self.shapes},
        }

    def _partnete(self, seed: int) -> dict[str, Any]:
        """That data set's own metric, for JSON."""
        pairs = [(s.prediction, s.shape.point_labels) for s in self.shapes if s.shape.point_labels is not None]
        return partnete_report(pairs, self.parts, seed)


def read_dataset(settings: EvalSettings, category_name: str, root: Path) -> LabelledSet:
    """The labelled shapes the settings ask for. Raises SettingsError for an option the data set does not have."""
    if settings.dataset not in DATASETS:
        raise SettingsError(f"unknown data set {settings.dataset!r}; known are: {', '.join(DATASETS)}")
    given = {"split": settings.split, "missing": settings.missing, "pose": settings.pose}
    options = {key: value for key, value in given.items() if value is not None}
    read = DATASETS[settings.dataset]
    for option in options:
        if option not in inspect.signature(read).parameters:
            raise SettingsError(f"{option}: the {settings.dataset} data set has no such option")
    return read(root, category_name, **options)


def evaluate_student(student: Student, labelled: LabelledSet, settings: EvalSettings) -> Report:
    """Score a student. Its predictions are restricted to the parts that the data set defines.

    What a student of "other" answers so is no part (-1), an error on any labelled point; PartNetE's score, in which
    such a point may be right, goes beside.

    Raises:
        InputError: the student is of another category, or knows none of the scored parts.
    """
    _check_category(student, labelled)
    kept, shapes = _kept(labelled, settings), _posed(labelled, settings)
    report = _report(
        "student", labelled, kept, shapes, _predicted(student, shapes, kept, labelled.row, settings.passes)
    )
    if OTHER not in student.parts:
        return report
    pairs = [(s.prediction, s.shape.point_labels) for s in report.shapes if s.shape.point_labels is not None]
    return replace(report, extra={OTHER: partnete_scores(pairs, labelled.row.parts, kept)})


def evaluate_tta(
    teacher: Teacher,
    labelled: LabelledSet,
    settings: EvalSettings,
    tta: TTASettings,
    start: Student | None = None,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> Report:
    """Score students aligned on the shapes that they are scored on, without their labels, from the teacher's knowledge.

    Shapes of which the teacher sees nothing keep the answer of `start`; without one they get none, as with its votes.

    Args:
        teacher: asked for the parts of `start`, or for the scored ones.
        labelled: its labels enter the score alone.
        settings: the points scored are those of the other methods.
        tta: see `TTASettings`; points and seed are those of `settings`.
        start: a trained student to align; a fresh one if None.
        report: called after every epoch.
    """
    kept, row = _kept(labelled, settings), labelled.row
    size = tta.size or style_of(teacher).size
    tta = tta.model_copy(update={"points": settings.points, "seed": settings.seed, "size": size})
    if start is not None:
        _check_category(start, labelled)
    student = start or untrained(row.name, [row.parts[i] for i in kept], tta)
    ready(teacher, row.name, named_parts(student))
    shapes, whole = _posed(labelled, settings), [_bare(shape) for shape in _turned(labelled, settings)]
    step = len(shapes) if tta.tta == JOINT else 1
    predictions: list[Int16[np.ndarray, " N"]] = []
    for first in range(0, len(shapes), step):
        group = shapes[first : first + step]
        try:
            aligned = align(student, whole[first : first + step], teacher, tta, report)
        except NothingSeenError:
            aligned = start
        if aligned is None:
            predictions += [np.full(settings.points, -1, np.int16) for _ in group]
        else:
            predictions += _predicted(aligned, group, kept, row, settings.passes)
    extra = {"tta": tta.model_dump(), "renderers": renderers_for(whole, tta.renderer)}
    return replace(_report("tta", labelled, kept, shapes, predictions), extra=extra)


def evaluate_baseline(
    baseline: Baseline, teacher: Teacher, labelled: LabelledSet, settings: EvalSettings, label: LabelSettings
) -> Report:
    """Score a method that needs no training on a collection, on the same points as a student.

    Args:
        baseline: see `distill.baselines`.
        teacher: asked for the scored parts.
        labelled: its labels enter the score alone.
        settings: points and seed count for `label` too.
        label: how the shapes are shown to the teacher.

    Raises InputError or MissingError where the baseline or the teacher can't work on these shapes.
    """
    kept = _kept(labelled, settings)
    label = label.model_copy(update={"points": settings.points, "seed": settings.seed})
    row, shapes = labelled.row, _posed(labelled, settings)
    parts = tuple(row.parts[i] for i in kept)
    ready(teacher, row.name, parts)
    baseline.check(shapes)
    found = baseline.labels(observe(shapes, baseline, teacher, label, parts))
    predictions = [np.where(labels < 0, -1, np.array(kept)[labels]).astype(np.int16) for labels in found]
    report = _report(baseline.name, labelled, kept, shapes, predictions)
    extra = {"teacher": teacher.name, "options": baseline.settings.model_dump()}
    return replace(report, extra=extra | {"renderers": renderers_for(shapes, label.renderer)})


def _kept(labelled: LabelledSet, settings: EvalSettings) -> list[int]:
    """Labels that are scored and may be predicted."""
    row = labelled.row
    left_out = {row.part_index(part) for part in settings.leave_out}
    kept = [label for label in labelled.scored if label not in left_out]
    if not kept:
        raise SettingsError("leave_out: leaves no part to score")
    return kept


def _check_category(student: Student, labelled: LabelledSet) -> None:
    """Raise InputError for a student of another category."""
    if student.category != labelled.category:
        raise InputError(f"the student is of {student.category}, the shapes are of {labelled.category}")


def _predicted(
    student: Student, shapes: list[Shape], kept: list[int], row: Category, passes: int
) -> list[Int16[np.ndarray, " N"]]:
    """The best kept label of every point. Raises InputError where the student knows none of them."""
    known = [_label(row, part) for part in student.parts]
    columns = [i for i, part in enumerate(known) if part in (*kept, UNLABELLED)]
    if not set(known) & set(kept):
        raise InputError(f"the student knows none of the scored parts ({', '.join(row.parts[i] for i in kept)})")
    logits = student.logits([_points(s) for s in shapes], passes)
    return list(np.array([known[i] for i in columns])[logits[:, :, columns].argmax(-1)].astype(np.int16))


def _label(row: Category, part: str) -> int | None:
    """Label of a student's part; None for a word of the user's own, which no data set defines."""
    try:
        return UNLABELLED if part == OTHER else row.part_index(part)
    except SettingsError:
        return None


def _posed(labelled: LabelledSet, settings: EvalSettings) -> list[Shape]:
    """The shapes turned as asked, normalised, with their points sampled."""
    return [shape.sampled(settings.points, settings.seed) for shape in _turned(labelled, settings)]


def _turned(labelled: LabelledSet, settings: EvalSettings) -> list[Shape]:
    """The shapes turned as asked, normalised."""
    shapes = []
    for number, shape in enumerate(labelled.shapes):
        if settings.yaw == RANDOM_YAW:
            turn = np.random.default_rng([settings.seed, number]).uniform(0, 360)
            shape = shape.transformed(yaw(turn)).normalised()
        shapes.append(shape)
    return shapes


def _bare(shape: Shape) -> Shape:
    """The shape without its labels."""
    return replace(shape, face_labels=None, point_labels=None)


def _points(shape: Shape) -> Float32[np.ndarray, "N 3"]:
    assert shape.points is not None
    return shape.points


def _report(
    method: str, labelled: LabelledSet, kept: list[int], shapes: list[Shape], predictions: list[Int16[np.ndarray, " N"]]
) -> Report:
    """IoUs over the points whose true part is kept."""
    row, scored = labelled.row, []
    for shape, prediction in zip(shapes, predictions, strict=True):
        if shape.point_labels is None:
            raise InputError(f"{shape.id}: has no labels to score against")
        counted = np.isin(shape.point_labels, kept)
        ious = part_ious(prediction[counted], shape.point_labels[counted], len(row.parts))[kept]
        scored.append(Scored(shape, prediction, ious, counted))
    return Report(method, row.name, tuple(row.parts[i] for i in kept), scored, labelled.expected)
