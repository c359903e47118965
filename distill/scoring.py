"""Runs one evaluation and keeps it: scores.json, settings and report.png in a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distill.evaluation import EvalSettings, Report, evaluate_student, evaluate_tta, evaluate_votes, read_dataset
from distill.report import draw_report
from distill.student import Student
from distill.trainer import Epoch
from distill.tta import TTASettings, starting_record
from gen3d.errors import InputError, SettingsError
from gen3d.labelling import LabelSettings
from gen3d.record import read_record, same_record, start_record, write_record
from gen3d.rendering import AUTO
from gen3d.teachers import make_teacher

METHODS = ("student", "votes", "tta")


def score(
    subject: dict[str, Any],
    root: Path,
    settings: EvalSettings,
    out: Path | None,
    overwrite: bool,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[dict[str, Any], Path, bool]:
    """Score a student, one aligned on the test shapes, or a teacher's votes.

    Args:
        subject: method; student (folder or Hub id) for "student"; category, teacher and maybe renderer for "votes";
            for "tta" teacher, tta (see `TTASettings`), and category or the student to start from.
        root: the data set's folder.
        settings: see `EvalSettings`.
        out: where the files go; beside the student, or in runs/, if None.
        overwrite: score again where the same was scored before.
        report: of "tta", called after every epoch.

    Returns:
        The scores (see `Report.as_dict`), their folder, and whether they were there already.

    Raises:
        SettingsError: unknown or missing options, or `out` holds scores of other settings.
        InputError: no such student or data set, or a student of another category.
    """
    student, name = _loaded(subject)
    tta = (subject.get("tta") or TTASettings()) if subject["method"] == "tta" else None
    folder = out or _default_folder(subject, name, settings)
    record = {"subject": {k: str(v) for k, v in subject.items() if k != "tta"}, "root": str(root)}
    record |= {"settings": settings.model_dump(), "weights": "" if student is None else weights_hash(student)}
    record |= {} if tta is None else {"tta": tta.model_dump() | starting_record(tta)}
    if not overwrite and same_record(folder / "settings.json", record):
        scores = read_record(folder / "scores.json")
        if scores and (folder / "report.png").is_file():
            return scores, folder, True
    labelled = read_dataset(settings, name, root)
    if tta is not None:
        scores = evaluate_tta(make_teacher(subject["teacher"]), labelled, settings, tta, student, report)
    elif student is not None:
        scores = evaluate_student(student, labelled, settings)
    else:
        label = LabelSettings(renderer=subject.get("renderer", AUTO))
        scores = evaluate_votes(make_teacher(subject["teacher"]), labelled, settings, label)
    return _keep(scores, settings, record, folder), folder, False


def _loaded(subject: dict[str, Any]) -> tuple[Student | None, str]:
    """The student to score or to start from, and the category."""
    method, folder, name = (subject[key] for key in ("method", "student", "category"))
    if method not in METHODS:
        raise SettingsError(f"unknown method {method!r}; known are: {', '.join(METHODS)}")
    if method == "student" and folder is None:
        raise SettingsError("--student is missing: the folder that `gen3d distill` made")
    if method != "student" and name is None and (method == "votes" or folder is None):
        either = "" if method == "votes" else ", or a --student to start from"
        raise SettingsError(f"--category is missing: --method {method} needs one{either}")
    if method == "votes" or folder is None:
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
    if subject["method"] == "tta":
        home = Path("runs") / category if subject["student"] is None else Path(subject["student"])
        return home / f"{name}-{subject['teacher']}-tta-{(subject.get('tta') or TTASettings()).tta}"
    return Path(subject["student"]) / name


def weights_hash(student: Student) -> str:
    """Of the weights alone."""
    digest = hashlib.sha256()
    for value in student.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()[:16]
