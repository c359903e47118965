"""The ceiling: a student trained on human labels, of other shapes than those it is scored on.

It is no method without labels. It says how much of what is missing is the student's, and how much the teacher's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int16
from pydantic import Field

from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings, posed, predicted, scored_labels
from distill.scores import Report, report_on
from distill.starting import fresh_student
from distill.student import Student
from distill.trainer import RATE, DistillSettings, Epoch, TrainingSet, distil
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.settings import Settings
from gen3d.shape import Shape


class SupervisedSettings(Settings):
    """Settings of the reference that learns from human labels. What is not named here is as in `DistillSettings`."""

    folds: int = Field(default=4, ge=2, description="groups of shapes; each is scored by a student of the others")
    train: str | None = Field(default=None, description="split to learn from, of data sets with splits; no folds then")
    shots: int | None = Field(default=None, ge=1, description="labelled shapes to learn from; all others if not set")
    network: str = Field(default="small", description="a name in `STUDENTS`")
    encoder: str | None = Field(default=None, description="see `gen3d distill`")
    copies: int = Field(default=8, ge=1, description="samplings of the points of every shape to learn from")
    steps: int = Field(default=240, ge=1, description="batches in all")
    batch: int = Field(default=16, ge=1)
    lr: float = Field(default=RATE, gt=0)


def true_knowledge(shape: Shape, parts: Sequence[str], points: int, seed: int) -> Knowledge:
    """Human labels as knowledge: one unit of confidence 1 per part, covering its points; unlabelled ones are bare."""
    sampled = shape.sampled(points, seed)
    if sampled.points is None or sampled.point_labels is None:
        raise InputError(f"{shape.id}: has no labels to learn from")
    present = np.unique(sampled.point_labels[sampled.point_labels >= 0])
    mask = sampled.point_labels == present[:, None]
    return Knowledge(
        points=sampled.points,
        part=present.astype(np.int16),
        confidence=np.ones(len(present), np.float32),
        packed=np.packbits(mask, axis=1),
        view=np.zeros(len(present), np.int16),
        meta={"id": shape.id, "teacher": "human labels", "parts": list(parts)},
    )


def folds(count: int, settings: SupervisedSettings, seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """(numbers to score, numbers to learn from) of each fold: every shape is scored once, never by its own label.

    Raises InputError where there is no other shape to learn from.
    """
    if count < 2:
        raise InputError(f"{count} shapes: the supervised reference learns from other ones, and needs two at least")
    order = np.random.default_rng(seed).permutation(count).tolist()
    for number in range(min(settings.folds, count)):
        held = order[number :: settings.folds]
        yield sorted(held), sorted([i for i in order if i not in held][: settings.shots])


def drawn(count: int, settings: SupervisedSettings, seed: int) -> list[int]:
    """Numbers of the shapes of a training split to learn from."""
    return sorted(np.random.default_rng(seed).permutation(count)[: settings.shots].tolist())


def learn(
    shapes: Sequence[Shape],
    parts: Sequence[str],
    settings: SupervisedSettings,
    points: int,
    seed: int,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> Student:
    """A fresh student trained on the labels of these shapes, which are normalised; labels index `parts`.

    Raises InputError for a shape without labels.
    """
    knowledge = [true_knowledge(s, parts, points, seed + copy) for s in shapes for copy in range(settings.copies)]
    per_epoch = -(-len(knowledge) // settings.batch)
    how = DistillSettings(
        category=shapes[0].category,
        student=settings.network,
        encoder=settings.encoder,
        epochs=max(1, settings.steps // per_epoch),
        steps=min(per_epoch, settings.steps),
        batch=settings.batch,
        lr=settings.lr,
        backward=False,
        seed=seed,
    )
    student = fresh_student(shapes[0].category, list(parts), how, {})
    distil(student, TrainingSet.build([knowledge], student), how, report)
    return student


def evaluate_supervised(
    labelled: LabelledSet,
    settings: EvalSettings,
    how: SupervisedSettings,
    train: LabelledSet | None = None,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> Report:
    """Score students that learnt from human labels, but never from those of the shapes that they are scored on.

    Args:
        labelled: the shapes to score.
        settings: points and seed are those of the training too.
        how: see `SupervisedSettings`.
        train: labelled shapes to learn from; else the other folds of `labelled`.
        report: called after every epoch.

    Raises InputError where there is nothing to learn from, or `train` has a shape that is scored.
    """
    shared = {shape.id for shape in labelled.shapes} & {shape.id for shape in (train.shapes if train else ())}
    if shared:
        raise InputError(f"train: {len(shared)} of its shapes are scored, as {min(shared)}; learn from another split")
    kept, row = scored_labels(labelled, settings), labelled.row
    shapes, source = posed(labelled, settings), [shape.normalised() for shape in (train or labelled).shapes]
    rounds = [(list(range(len(shapes))), drawn(len(source), how, settings.seed))]
    rounds = rounds if train is not None else list(folds(len(shapes), how, settings.seed))
    predictions: list[Int16[np.ndarray, " _"]] = [np.zeros(0, np.int16)] * len(shapes)
    learnt_from = []
    for held, others in rounds:
        student = learn([source[i] for i in others], row.parts, how, settings.points, settings.seed, report)
        learnt_from.append(len(others))
        for i, found in zip(held, predicted(student, [shapes[i] for i in held], kept, row, settings), strict=True):
            predictions[i] = found
    result = report_on("supervised", labelled, kept, shapes, predictions)
    extra = {"supervised": how.model_dump(), "learnt_from": learnt_from, "ceiling": "trained on human labels"}
    return replace(result, extra=result.extra | extra)
