"""The `eval` stage: a student, one aligned on the test shapes, or a baseline, scored on human-labelled shapes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int16
from pydantic import Field

from distill.baselines.baseline import Baseline, observe
from distill.datasets import DATASETS
from distill.datasets.labelled import LabelledSet
from distill.kept_answers import KeptAnswers
from distill.other import OTHER, partnete_scores
from distill.scores import Report, report_on
from distill.student import Student
from distill.trainer import Epoch
from distill.tta import JOINT, NothingSeenError, TTASettings, align, named_parts, untrained
from gen3d.asking import LabelSettings
from gen3d.categories import Category
from gen3d.crew import Workers, crew_of, in_order
from gen3d.errors import InputError, SettingsError
from gen3d.labelling import ready, renderers_for
from gen3d.rendering.styles import style_of
from gen3d.settings import Settings
from gen3d.shape import UNLABELLED, Shape, face_normals, yaw
from gen3d.storage import Place, local
from gen3d.teachers.predictions import Teacher
from gen3d.workers import one_thread

RANDOM_YAW = "random"
POINTS, FACES = "points", "faces"
_CLOUDS = 16  # as a student sees at a time, so that tasks leave its batches as they are
_OBSERVED = 4  # shapes of a baseline that are one task


class EvalSettings(Settings):
    """Settings of `gen3d eval`."""

    dataset: str = "psb"
    split: str | None = Field(default=None, description="of data sets that have splits")
    missing: str | None = Field(default=None, description="skip: score what is there of an incomplete data set")
    pose: str | None = Field(default=None, description="of data sets that have poses: canonical or raw")
    elements: str = Field(default=POINTS, pattern=f"^({POINTS}|{FACES})$", description="what is scored")
    yaw: str = Field(default="none", pattern="^(none|random)$", description="turn every shape about +Y first")
    points: int = Field(default=2048, ge=512)
    passes: int = Field(default=16, ge=1, description="of the student, averaged (voting); 1 is the plain network")
    leave_out: tuple[str, ...] = Field(default=(), description="parts whose points and predictions are left out")
    seed: int = Field(default=0, ge=0)


class Run(NamedTuple):
    """How an evaluation is run, which makes no difference to its result.

    Args:
        workers: who does it. What learns from all shapes together is done in this process.
        heard: called with the number of shapes that got their answers.
        epochs: called after every epoch, where networks are trained in this process.
        kept: where answers are kept until all are there, and found again.
    """

    workers: Workers = 1
    heard: Callable[[int], None] = lambda count: None
    epochs: Callable[[Epoch], None] = lambda epoch: None
    kept: KeptAnswers | None = None


ALONE = Run()  # in this process, unheard


def read_dataset(settings: EvalSettings, category_name: str, root: Place) -> LabelledSet:
    """The labelled shapes the settings ask for. Raises SettingsError for an option the data set does not have."""
    if settings.dataset not in DATASETS:
        raise SettingsError(f"unknown data set {settings.dataset!r}; known are: {', '.join(DATASETS)}")
    given = {"split": settings.split, "missing": settings.missing, "pose": settings.pose}
    options = {key: value for key, value in given.items() if value is not None}
    read = DATASETS[settings.dataset]
    for option in options:
        if option not in inspect.signature(read).parameters:
            raise SettingsError(f"{option}: the {settings.dataset} data set has no such option")
    where = root if settings.dataset == "collection" else local(root, f"the {settings.dataset} data set")
    return read(where, category_name, **options)


def evaluate_student(student: Student, labelled: LabelledSet, settings: EvalSettings, run: Run = ALONE) -> Report:
    """Score a student. Its predictions are restricted to the parts that the data set defines.

    What a student of "other" answers so is no part (-1), an error on any labelled point; PartNetE's score, in which
    such a point may be right, goes beside.

    Raises:
        InputError: the student is of another category, or knows none of the scored parts.
    """
    _check_category(student, labelled)
    kept, shapes = scored_labels(labelled, settings), posed(labelled, settings)
    found = predicted(student, shapes, kept, labelled.row, settings, run)
    return _with_others(report_on("student", labelled, kept, shapes, found), student, kept, labelled.row, {})


def _with_others(report: Report, student: Student, kept: list[int], row: Category, extra: dict[str, Any]) -> Report:
    """The report with `extra`, and of a student of "other" with PartNetE's score."""
    if OTHER in student.parts:
        extra = extra | {OTHER: partnete_scores(report.pairs, row.parts, kept)}
    return replace(report, extra=report.extra | extra)


def evaluate_tta(
    teacher: Teacher,
    labelled: LabelledSet,
    settings: EvalSettings,
    tta: TTASettings,
    start: Student | None = None,
    run: Run = ALONE,
) -> Report:
    """Score students aligned on the shapes that they are scored on, without their labels, from the teacher's knowledge.

    Shapes of which the teacher sees nothing keep the answer of `start`; without one they get none, as with its votes.

    Args:
        teacher: asked for the parts of `start`, or for the scored ones.
        labelled: its labels enter the score alone.
        settings: the points scored are those of the other methods.
        tta: see `TTASettings`; points and seed are those of `settings`. On PartNetE, where most points are of no part
            and many categories have but one, a fresh student learns "other" unless told not to.
        start: a trained student to align; a fresh one if None.
        run: a task is one student.
    """
    kept, row = scored_labels(labelled, settings), labelled.row
    size = tta.size or style_of(teacher).size
    tta = tta.model_copy(update={"points": settings.points, "seed": settings.seed, "size": size})
    if start is not None:
        _check_category(start, labelled)
    tta = tta.settled(settings.dataset, trained=start is not None)
    student = start or untrained(row.name, [row.parts[i] for i in kept], tta)
    ready(teacher, row.name, named_parts(student))
    shapes, whole = [], []
    for shape in _turned(labelled, settings):
        shapes.append(_with_points(shape, settings))
        whole.append(shape.bare())
    step = len(shapes) if tta.tta == JOINT else 1
    tasks = list(zip(_groups(shapes, step), _groups(whole, step), strict=True))
    workers, epochs = (run.workers, _unheard) if len(tasks) > 1 and _elsewhere(run) else (1, run.epochs)
    work = partial(_aligned, (student, start, teacher, tta), (kept, row, settings), epochs)
    predictions = _joined(work, tasks, run._replace(workers=workers))
    extra = {"tta": tta.recorded(), "renderers": renderers_for(whole, tta.renderer)}
    return _with_others(report_on("tta", labelled, kept, shapes, predictions), student, kept, row, extra)


def evaluate_baseline(
    baseline: Baseline,
    teacher: Teacher,
    labelled: LabelledSet,
    settings: EvalSettings,
    label: LabelSettings,
    run: Run = ALONE,
) -> Report:
    """Score a method that needs no training on a collection, on the same points as a student.

    Args:
        baseline: see `distill.baselines`.
        teacher: asked for the scored parts.
        labelled: its labels enter the score alone.
        settings: points and seed count for `label` too.
        label: how the shapes are shown to the teacher.
        run: a task is a few shapes; of a method that learns from them it is all.

    Raises InputError, MissingError or SettingsError where the baseline or the teacher can't work on these shapes, or
    not as asked.
    """
    kept = scored_labels(labelled, settings)
    label = label.model_copy(update={"points": settings.points, "seed": settings.seed})
    row, shapes = labelled.row, posed(labelled, settings)
    parts = tuple(row.parts[i] for i in kept)
    baseline.check_asking(label, teacher)
    ready(teacher, row.name, baseline.words(parts))
    baseline.check(shapes)
    size = len(shapes) if baseline.learns else _OBSERVED
    tasks = [(group,) for group in _groups([shape.bare() for shape in shapes], size)]
    work = partial(_answered, baseline, teacher, label, parts, settings.elements == FACES)
    found = _joined(work, tasks, run._replace(workers=1) if baseline.learns else run)
    predictions = [np.where(labels < 0, -1, np.array(kept)[labels]).astype(np.int16) for labels in found]
    report = report_on(baseline.name, labelled, kept, shapes, predictions)
    extra = report.extra | {"teacher": teacher.name, **baseline.recorded()}
    return replace(report, extra=extra | {"renderers": renderers_for(shapes, label.renderer)})


def scored_labels(labelled: LabelledSet, settings: EvalSettings) -> list[int]:
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


def predicted(
    student: Student, shapes: list[Shape], kept: list[int], row: Category, settings: EvalSettings, run: Run = ALONE
) -> list[Int16[np.ndarray, " _"]]:
    """The best kept label of every point. Raises InputError where the student knows none of them."""
    known = [_label(row, part) for part in student.parts]
    columns = [i for i, part in enumerate(known) if part in (*kept, UNLABELLED)]
    if not set(known) & set(kept):
        raise InputError(f"the student knows none of the scored parts ({', '.join(row.parts[i] for i in kept)})")
    labels = np.array([known[i] for i in columns])
    tasks = [(group if settings.elements == FACES else [*map(_points, group)],) for group in _groups(shapes, _CLOUDS)]
    return _joined(partial(_best, student, settings, columns, labels), tasks, run)


def _best(
    student: Student,
    settings: EvalSettings,
    columns: list[int],
    labels: np.ndarray,
    some: Sequence[Shape | Float32[np.ndarray, "N 3"]],
) -> list[Int16[np.ndarray, " _"]]:
    """The best label of every point of clouds, or of every face's centroid of shapes."""
    if settings.elements == FACES:
        found = [student.probabilities(s, _points(s), settings.seed) for s in some if isinstance(s, Shape)]
    else:
        found = student.logits([cloud for cloud in some if not isinstance(cloud, Shape)], settings.passes)
    return [labels[scores[:, columns].argmax(-1)].astype(np.int16) for scores in found]


def _aligned(
    asked: tuple[Student, Student | None, Teacher, TTASettings],
    scored: tuple[list[int], Category, EvalSettings],
    epochs: Callable[[Epoch], None],
    group: list[Shape],
    whole: list[Shape],
) -> list[Int16[np.ndarray, " _"]]:
    """The answers of a student that is aligned on some shapes, which come with points and as they are."""
    student, start, teacher, tta = asked
    try:
        aligned = align(student, whole, teacher, tta, epochs)
    except NothingSeenError:
        aligned = start
    if aligned is None:
        return [np.full(len(_points(shape)), -1, np.int16) for shape in group]
    return predicted(aligned, group, *scored)


def _answered(
    baseline: Baseline, teacher: Teacher, label: LabelSettings, parts: tuple[str, ...], faces: bool, some: list[Shape]
) -> list[Int16[np.ndarray, " _"]]:
    """A baseline's answers on some shapes."""
    return list(baseline.labels(observe(some, baseline, teacher, label, parts, faces)))


def _joined(
    work: Callable[..., list[Int16[np.ndarray, " _"]]], tasks: list[tuple], run: Run
) -> list[Int16[np.ndarray, " _"]]:
    """The answers of all tasks, whose first argument is the shapes; those that were kept are not asked for again."""
    found = {n: old for n, task in enumerate(tasks) if run.kept and (old := run.kept.read(*task)) is not None}
    for number in found:
        run.heard(len(tasks[number][0]))
    left = [number for number in range(len(tasks)) if number not in found]
    asked = [tasks[number] for number in left]

    def done(place: int, answer: list[Int16[np.ndarray, " _"]]) -> None:
        if run.kept:
            run.kept.write(answer, *asked[place])
        run.heard(len(asked[place][0]))

    with one_thread() if _elsewhere(run) else nullcontext():  # a single task that is left is done in this process
        found |= dict(zip(left, in_order(work, asked, run.workers, done), strict=True))
    return [labels for number in range(len(tasks)) for labels in found[number]]


def _elsewhere(run: Run) -> bool:
    """Whether tasks go to other processes, which can't be heard while they work."""
    return crew_of(run.workers) != crew_of(1)


def _unheard(epoch: Epoch) -> None:
    """Hears of epochs in other processes."""


def _groups(shapes: list[Shape], size: int) -> list[list[Shape]]:
    """Some at a time, in order."""
    return [shapes[first : first + size] for first in range(0, len(shapes), size)]


def _label(row: Category, part: str) -> int | None:
    """Label of a student's part; None for a word of the user's own, which no data set defines."""
    try:
        return UNLABELLED if part == OTHER else row.part_index(part)
    except SettingsError:
        return None


def posed(labelled: LabelledSet, settings: EvalSettings) -> list[Shape]:
    """The shapes turned as asked, normalised, with the points that are scored: sampled, or every face's centroid."""
    return [_with_points(shape, settings) for shape in _turned(labelled, settings)]


def _with_points(shape: Shape, settings: EvalSettings) -> Shape:
    """The shape with the labelled points that are scored. Raises InputError for a cloud where faces are."""
    if settings.elements == POINTS:
        return shape.sampled(settings.points, settings.seed)
    if not shape.has_mesh:
        raise InputError(f"{shape.id}: is a cloud without faces; score its points, with --elements points")
    normals = face_normals(*shape.mesh)[0]
    return replace(shape, points=shape.centroids(), normals=normals, point_labels=shape.face_labels, point_colors=None)


def _turned(labelled: LabelledSet, settings: EvalSettings) -> Iterator[Shape]:
    """The shapes turned as asked, normalised; one after the other, since those of large sets are read here."""
    for number, shape in enumerate(labelled.shapes):
        if settings.yaw == RANDOM_YAW:
            turn = np.random.default_rng([settings.seed, number]).uniform(0, 360)
            yield shape.transformed(yaw(turn)).normalised()
        else:
            yield shape


def _points(shape: Shape) -> Float32[np.ndarray, "N 3"]:
    assert shape.points is not None
    return shape.points
