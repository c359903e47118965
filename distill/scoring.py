"""Runs one evaluation and keeps it: scores.json, settings, predictions and report.png in a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field

from distill.baselines import BASELINES, make_baseline, settings_of
from distill.evaluation import (
    ALONE,
    POINTS,
    EvalSettings,
    Run,
    evaluate_baseline,
    evaluate_student,
    evaluate_tta,
    read_dataset,
)
from distill.finding import NO_STUDENT
from distill.kept_answers import KeptAnswers
from distill.predictions import write_predictions
from distill.report import draw_report
from distill.scores import Report
from distill.student import Student
from distill.supervised import SupervisedSettings, evaluate_supervised
from distill.trainer import Epoch
from distill.tta import TTASettings, starting_record
from gen3d.asking import LabelSettings
from gen3d.errors import InputError, SettingsError
from gen3d.mesh_readers import slug
from gen3d.record import read_record, same_record, start_record, write_record
from gen3d.settings import Settings
from gen3d.storage import Place
from gen3d.teachers import make_teacher

STUDENT, TTA, SUPERVISED = "student", "tta", "supervised"
METHODS = (STUDENT, TTA, SUPERVISED, *BASELINES)


class Subject(Settings):
    """What is scored.

    `label` names the teacher and its options, and says how it is shown the shapes; its points and seed are those of the
    evaluation. A student is scored without any teacher.
    """

    method: str = "student"
    student: str | None = Field(default=None, description="see `Student.load`; tta starts from it, if there is one")
    category: str | None = Field(default=None, description="of baselines, and of tta without a student")
    label: LabelSettings = LabelSettings()
    tta: TTASettings = TTASettings()
    options: dict[str, str | int | float | bool] = Field(default={}, description="of a baseline, or of supervised")

    def recorded(self) -> dict[str, Any]:
        """What is kept beside scores: all that the method reads."""
        words = {"method": self.method, "student": self.student, "category": self.category}
        found: dict[str, Any] = {"subject": {k: str(v) for k, v in words.items()}}
        if self.method not in (STUDENT, SUPERVISED):
            found["label"] = self.label.recorded()
        if self.options:
            found["options"] = self.options
        if self.method != TTA:
            return found
        start = starting_record(self.tta) if self.student is None else {}
        return found | {"tta": self.tta.recorded() | start}


def score(
    subject: Subject,
    root: Place,
    settings: EvalSettings,
    out: Path | None,
    overwrite: bool,
    run: Run = ALONE,
) -> tuple[dict[str, Any], Path, bool]:
    """Score a student, one aligned on the test shapes, or a baseline.

    Args:
        subject: what to score.
        root: the data set's folder; of a collection also its URL.
        settings: see `EvalSettings`.
        out: where the files go; beside the student, or in runs/, if None.
        overwrite: score again where the same was scored before.
        run: who does it and who hears of it.

    Returns:
        The scores (see `Report.as_dict`), their folder, and whether they were there already.

    Raises:
        SettingsError: unknown or missing options, or `out` holds scores of other settings.
        InputError: no such student or data set, or a student of another category.
        MissingError: weights or an extra that the teacher or the baseline needs.
    """
    student, name = _loaded(subject)
    tta = subject.tta.settled(settings.dataset, trained=student is not None)
    subject = subject.model_copy(update={"tta": tta})
    folder = out or _default_folder(subject, name, settings)
    record = subject.recorded() | {"root": str(root), "settings": settings.model_dump()}
    record |= {"weights": "" if student is None else weights_hash(student)}
    kept = KeptAnswers(folder, record)
    if overwrite:
        kept.remove()
    elif same_record(folder / "settings.json", record):
        scores = read_record(folder / "scores.json")
        if scores and (folder / "report.png").is_file():
            kept.remove()  # of an evaluation that was killed at its very end
            return scores, folder, True
    found = _evaluated(subject, student, (root, name), settings, run._replace(kept=kept))
    scores = _keep(found, settings, record, folder)
    kept.remove()
    return scores, folder, False


def is_whole(folder: Path) -> bool:
    """Whether it holds finished scores; the settings are written last."""
    return (folder / "scores.json").is_file() and (folder / "settings.json").is_file()


def _evaluated(
    subject: Subject,
    student: Student | None,
    place: tuple[Place, str],
    settings: EvalSettings,
    run: Run,
) -> Report:
    """The scores of the subject's method on the shapes of a folder and a category."""
    root, name = place
    if subject.method == SUPERVISED:
        return _supervised(subject, place, settings, run.epochs)
    if subject.method == STUDENT and student is not None:
        return evaluate_student(student, read_dataset(settings, name, root), settings, run)
    teacher = make_teacher(subject.label.teacher, subject.label.teacher_options())
    if subject.method == TTA:
        return evaluate_tta(teacher, read_dataset(settings, name, root), settings, subject.tta, student, run)
    baseline = make_baseline(subject.method, subject.options)
    return evaluate_baseline(baseline, teacher, read_dataset(settings, name, root), settings, subject.label, run)


def _supervised(
    subject: Subject, place: tuple[Place, str], settings: EvalSettings, report: Callable[[Epoch], None]
) -> Report:
    """The scores of students of human labels."""
    root, name = place
    how = settings_of(SupervisedSettings, SUPERVISED, subject.options)
    labelled, train = read_dataset(settings, name, root), None
    if how.train is not None:
        train = read_dataset(settings.model_copy(update={"split": how.train}), name, root)
    return evaluate_supervised(labelled, settings, how, train, report)


def _loaded(subject: Subject) -> tuple[Student | None, str]:
    """The student to score or to start from, and the category."""
    method, folder, name = subject.method, subject.student, subject.category
    if method not in METHODS:
        raise SettingsError(f"unknown method {method!r}; known are: {', '.join(METHODS)}")
    if method == STUDENT and folder is None:
        raise SettingsError(NO_STUDENT)
    if method not in (STUDENT, TTA) and folder is not None:
        raise SettingsError(f"--student: --method {method} has none; leave it out, or score it with --method student")
    if folder is None and name is None:
        either = "" if method != TTA else ", or a --student to start from"
        raise SettingsError(f"--category is missing: --method {method} needs one{either}")
    if folder is None:
        return None, str(name)
    student = Student.load(folder)
    if name not in (None, student.category):
        raise InputError(f"{folder}: is a student of {student.category}, not of {name}")
    return student, student.category


def _keep(report: Report, settings: EvalSettings, record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the files; the settings last, since they say that the rest is there."""
    result = report.as_dict(settings)
    start_record(folder / "settings.json")
    draw_report(report, folder / "report.png")
    write_predictions(report, folder)
    write_record(folder / "scores.json", result)
    write_record(folder / "settings.json", record)
    return result


def _default_folder(subject: Subject, category: str, settings: EvalSettings) -> Path:
    """A folder whose name says what was scored on what."""
    words = ["eval", settings.dataset, settings.split, settings.pose]
    words += [None if settings.elements == POINTS else settings.elements]
    words += [None if settings.yaw == "none" else "yaw", *settings.leave_out]
    words += [None if settings.seed == 0 else f"seed{settings.seed}"]
    name = "-".join(word for word in words if word)
    home = Path("runs") / category
    if subject.student is not None:  # one that ships, or of the Hub, has no folder to put files into
        own = Path(subject.student)
        home = own if own.is_dir() else home / f"student-{slug(subject.student)}"
    if subject.method == STUDENT:
        return home / name
    words = [name, subject.method] if subject.method == SUPERVISED else [name, subject.label.teacher, subject.method]
    words += [subject.tta.tta] if subject.method == TTA else []
    return home / "-".join([*words, *(f"{key}={value}" for key, value in sorted(subject.options.items()))])


def weights_hash(student: Student) -> str:
    """Of the weights alone."""
    digest = hashlib.sha256()
    for value in student.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()[:16]
