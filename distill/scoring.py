"""Runs one evaluation and keeps it: scores.json, settings and report.png in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from distill.evaluation import EvalSettings, Report, evaluate_student, evaluate_votes, read_dataset
from distill.report import draw_report
from distill.student import Student
from gen3d.errors import InputError, SettingsError
from gen3d.labelling import LabelSettings
from gen3d.record import read_record, same_record, start_record, write_record
from gen3d.teachers import make_teacher

METHODS = ("student", "votes")


def score(
    subject: dict[str, Any], root: Path, settings: EvalSettings, out: Path | None, overwrite: bool
) -> tuple[dict[str, Any], Path, bool]:
    """Score a student or a teacher's votes.

    Args:
        subject: method; student (folder or Hub id) for "student"; category and teacher for "votes".
        root: the data set's folder.
        settings: see `EvalSettings`.
        out: where the files go; beside the student, or in runs/, if None.
        overwrite: score again where the same was scored before.

    Returns:
        The scores (see `Report.as_dict`), their folder, and whether they were there already.

    Raises:
        SettingsError: unknown or missing options, or `out` holds scores of other settings.
        InputError: no such student or data set, or a student of another category.
    """
    method = subject["method"]
    if method not in METHODS:
        raise SettingsError(f"unknown method {method!r}; known are: {', '.join(METHODS)}")
    if method == "student" and subject["student"] is None:
        raise SettingsError("--student is missing: the folder that `gen3d distill` made")
    if method == "votes" and subject["category"] is None:
        raise SettingsError("--category is missing: --method votes needs one")
    student = Student.load(subject["student"]) if method == "student" else None
    name = subject["category"] if student is None else student.category
    if subject["category"] not in (None, name):
        raise InputError(f"{subject['student']}: is a student of {name}, not of {subject['category']}")
    folder = out or _default_folder(subject, name, settings)
    record = {"subject": {k: str(v) for k, v in subject.items()}, "root": str(root), "settings": settings.model_dump()}
    record |= {"weights": "" if student is None else weights_hash(student)}
    if not overwrite and same_record(folder / "settings.json", record):
        scores = read_record(folder / "scores.json")
        if scores and (folder / "report.png").is_file():
            return scores, folder, True
    labelled = read_dataset(settings, name, root)
    if student is not None:
        report = evaluate_student(student, labelled, settings)
    else:
        report = evaluate_votes(make_teacher(subject["teacher"]), labelled, settings, LabelSettings())
    return _keep(report, settings, record, folder), folder, False


def _keep(report: Report, settings: EvalSettings, record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the files; the settings last, since they say that the rest is there."""
    result = report.as_dict(settings)
    start_record(folder / "settings.json")
    draw_report(report, folder / "report.png")
    write_record(folder / "scores.json", result)
    write_record(folder / "settings.json", record)
    return result


def _default_folder(subject: dict[str, Any], category: str, settings: EvalSettings) -> Path:
    """A folder whose name says what was scored on what."""
    words = ["eval", settings.dataset, settings.split, settings.pose]
    words += [None if settings.yaw == "none" else "yaw", *settings.leave_out]
    words += [None if settings.seed == 0 else f"seed{settings.seed}"]
    name = "-".join(word for word in words if word)
    if subject["method"] == "votes":
        return Path("runs") / category / f"{name}-{subject['teacher']}-votes"
    return Path(subject["student"]) / name


def weights_hash(student: Student) -> str:
    """Of the weights alone."""
    digest = hashlib.sha256()
    for value in student.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()[:16]
