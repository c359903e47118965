"""Who labels a user's own shapes: a trained student, or one that is aligned on every shape with a teacher's help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from distill.finding import shipped_categories, shipped_folder
from distill.scoring import weights_hash
from distill.student import Student
from distill.trainer import Epoch
from distill.tta import TTASettings, align, named_parts, refuse_fresh_options, starting_record, untrained
from gen3d.asking import LabelSettings
from gen3d.errors import InputError, SettingsError
from gen3d.labelling import ready
from gen3d.part_words import asked_parts
from gen3d.settings import resolve
from gen3d.shape import Shape
from gen3d.teachers import OpenWords, make_teacher
from gen3d.teachers.predictions import Teacher

ANYTHING = "object"  # the category where nobody names one


class Labeller(NamedTuple):
    """What labels shapes.

    Args:
        start: a student, trained or not.
        record: what tells it from others; JSON-able.
        teacher: whom `start` is aligned with on every shape; None: it labels as it is.
        tta: how it is aligned.
    """

    start: Student
    record: dict[str, Any]
    teacher: Teacher | None = None
    tta: TTASettings = TTASettings()

    def student_of(self, house: Shape, report: Callable[[Epoch], None] = lambda epoch: None) -> Student:
        """The student for a shape with +Y up, in any frame. Raises NothingSeenError where the teacher sees no part."""
        if self.teacher is None:
            return self.start
        return align(self.start, [house.normalised()], self.teacher, self.tta, report)


def trained_labeller(student: str | None, category: str | None, shipped: Path | None = None) -> Labeller:
    """A student of that folder or Hub id, or the one that ships for a category.

    Args:
        student: see `Student.load`; the category's shipped one where None.
        category: what the shapes are; the student's own where None.
        shipped: where those that ship are; None: in the package.

    Raises:
        SettingsError: neither is named.
        InputError: there is no such student, it is none, or one of another category.
        MissingError: it can't be downloaded.
    """
    if student is None and category is None:
        raise SettingsError(
            "--student, --category or --teacher is missing: a student's folder or Hub id, a category with a student "
            f"that ships ({', '.join(shipped_categories(shipped)) or 'none does'}), or a teacher, with --parts"
        )
    if student is None:
        return given_labeller(Student.load(shipped_folder(str(category), shipped)), category, str(category))
    return given_labeller(Student.load(student, shipped=shipped), category, student)


def given_labeller(start: Student, category: str | None, name: str = "the student") -> Labeller:
    """That student. Raises InputError where it is of another category."""
    if category not in (None, start.category):
        raise InputError(f"{name}: is a student of {start.category}, not of {category}")
    return Labeller(start, {"student": name, "weights": weights_hash(start)})


def aligned_labeller(
    label: LabelSettings, tta: TTASettings, parts: tuple[str, ...] | None, category: str | None, student: str | None
) -> Labeller:
    """A student that is aligned on every shape alone, from what a teacher sees of it.

    Args:
        label: the teacher and its options.
        tta: how to align.
        parts: names or words of the user's own; the category's, or the student's, where None.
        category: what the shapes are; the student's, or any object, where None.
        student: a trained one to start from; a fresh one where None.

    Raises:
        SettingsError: no parts, or parts that the teacher does not know.
        InputError, MissingError: see `trained_labeller`; what the teacher needs is not there.
    """
    teacher = make_teacher(label.teacher, label.teacher_options())
    record: dict[str, Any] = {"label": label.recorded(), "tta": tta.recorded()}
    if student is not None:
        if parts is not None:
            raise SettingsError("--parts: a --student has parts of its own; leave one of the two out")
        refuse_fresh_options(tta.model_fields_set)
        found = trained_labeller(student, category)
        start, record = found.start, found.record | record
    else:
        name, any_words = category or ANYTHING, isinstance(teacher, OpenWords) and teacher.any_words
        start = untrained(name, asked_parts(name, parts, any_words).parts, tta)
        record |= {"category": name, "parts": list(start.parts), "start": starting_record(tta)}
    ready(teacher, start.category, named_parts(start))
    return Labeller(start, record, teacher, tta)


def alignment_settings(options: Mapping[str, Any], seed: int) -> TTASettings:
    """`TTASettings` of NAME=VALUE options. Raises SettingsError, also for what has no meaning for one shape alone."""
    for name in ("tta", "seed"):
        if name in options:
            raise SettingsError(f"--set {name}: is no option of `gen3d segment`, which aligns on every shape alone")
    return resolve(TTASettings, None, **options, seed=seed)
