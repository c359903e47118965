"""Test-time alignment: a student distilled on the unlabelled test shapes themselves (method.md, section 7)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pydantic import Field

from distill.datasets import partnete
from distill.other import OTHER, with_other
from distill.starting import fresh_student, random_start, starting_weights
from distill.student import POINTS, Student
from distill.trainer import DistillSettings, Epoch, TrainingSet, distil
from gen3d.asking import LabelSettings, Renderers, label_samplings
from gen3d.errors import InputError, SettingsError
from gen3d.rendering.styles import style_of
from gen3d.settings import Settings, resolve
from gen3d.shape import Shape
from gen3d.teachers.predictions import Teacher

PER_SHAPE, JOINT = "per-shape", "joint"
FRESH_ONLY = ("network", "encoder", "finetune", "other")
FRESH, TRAINED = (40, 240), (10, 60)  # least epochs, and least steps: one shape alone is a single batch per epoch

HALF = DistillSettings.model_fields["after"].default
LATE = 0.75  # of a fresh student's training on few shapes: losses of so few batches seem to settle long before they do


class TTASettings(Settings):
    """Settings of test-time alignment. What is not named here is as in `DistillSettings` and `LabelSettings`."""

    tta: str = Field(
        default=JOINT, pattern=f"^({PER_SHAPE}|{JOINT})$", description="a student per test shape, or one for all"
    )
    network: str = Field(default="small", description="a name in `STUDENTS`; of students that start fresh")
    encoder: str | None = Field(default=None, description="of students that start fresh; see `gen3d distill`")
    finetune: bool = Field(default=False, description="of students that start fresh; see `gen3d distill`")
    other: bool | None = Field(
        default=None, description='of students that start fresh: learn "other" too; on PartNetE alone, if not set'
    )
    copies: int = Field(default=8, ge=1, description="samplings of the points of every test shape to train on")
    epochs: int | None = Field(
        default=None, ge=1, description="at least 40 and 240 steps, or 10 and 60 for a trained student, if not set"
    )
    steps: int | None = Field(
        default=None, ge=1, description="batches per epoch; as many as hold every copy of every shape if not set"
    )
    batch: int = Field(default=16, ge=1)
    lr: float | None = Field(
        default=None, gt=0, description="as `gen3d distill`, or 0.0003 for a trained student, if not set"
    )
    backward: bool = Field(default=True, description="re-score the teacher once the loss has settled")
    renderer: str = "auto"
    views: int = Field(default=10, ge=1)
    size: int | None = Field(default=None, ge=32, description="pixels; what suits the teacher if not set")
    points: int = Field(default=POINTS, ge=512)
    seed: int = Field(default=0, ge=0)

    def settled(self, dataset: str, trained: bool) -> TTASettings:
        """With what `other` comes to on a data set; of a trained student what only fresh ones read is as if not set."""
        if trained:
            return self.model_copy(update={name: TTASettings.model_fields[name].default for name in FRESH_ONLY})
        other = dataset == partnete.NAME if self.other is None else self.other
        return self.model_copy(update={"other": other})

    def recorded(self) -> dict[str, Any]:
        """For JSON; without `finetune` and `other` where they are off, as before there were any."""
        return self.model_dump(exclude={name for name in ("finetune", "other") if not getattr(self, name)})


def random_fresh_start(settings: TTASettings) -> str | None:
    """A note on fresh students whose encoder starts at random; None where there is nothing to say."""
    return random_start(_distil_settings("", settings, 1, trained=False))


class NothingSeenError(InputError):
    """The teacher finds no part on any of the shapes: there is nothing to align a student on."""


def untrained(category: str, parts: Sequence[str], settings: TTASettings) -> Student:
    """A student to align that has no record of training; the same seed gives the same one.

    Raises SettingsError where "other" is asked for, and is one of the parts already.
    """
    if settings.other and OTHER in parts:
        raise SettingsError(f"other: is one of the parts ({', '.join(parts)}); leave it out")
    every = [*parts, OTHER] if settings.other else list(parts)
    return fresh_student(category, every, _distil_settings(category, settings, 1, trained=False), {})


def refuse_fresh_options(given: Collection[str]) -> None:
    """Raise SettingsError where an option that only fresh students read was given for a trained one."""
    for name in FRESH_ONLY:
        if name in given:
            raise SettingsError(f"{name}: is for tta of students that start fresh; leave it or --student out")


def starting_record(settings: TTASettings) -> dict[str, str]:
    """What is to be recorded of the encoder that fresh students start from. Raises MissingError where there is none."""
    return starting_weights(_distil_settings("", settings, 1, trained=False))


def align(
    student: Student,
    shapes: Sequence[Shape],
    teacher: Teacher,
    settings: TTASettings,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> Student:
    """A copy of `student`, trained on what the teacher sees of the shapes. Labels they carry are not looked at.

    Args:
        student: fresh (see `untrained`) or trained; it stays as it is.
        shapes: normalised, meshes or clouds; one is enough, since its points are sampled several times.
        teacher: asked for the student's parts; "other" is what it leaves uncovered.
        settings: `tta` is not read: shapes given together are aligned together.
        report: called after every epoch.

    Raises:
        NothingSeenError: no view shows any of the parts.
        Gen3dError: training diverged.
    """
    label = LabelSettings(**settings.model_dump(include={"renderer", "views", "size", "points", "seed"}))
    renderers, knowledge, parts = Renderers(label, style_of(teacher)), [], named_parts(student)
    for shape in shapes:
        knowledge += label_samplings(shape, teacher, label, parts, renderers, settings.copies)
    if not any(len(k.part) for k in knowledge):
        raise NothingSeenError(f"no view of {shapes[0].id} or the others shows any of: {', '.join(parts)}")
    if OTHER in student.parts:
        knowledge = [with_other(k) for k in knowledge]
    aligned = copy.deepcopy(student)
    how = training_settings(student, settings, len(knowledge))
    distil(aligned, TrainingSet.build([knowledge], aligned), how, report)
    aligned.training_record["tta"] = settings.recorded()
    return aligned


def named_parts(student: Student) -> tuple[str, ...]:
    """The student's parts that a teacher can be asked for: all but "other", which comes last."""
    return tuple(part for part in student.parts if part != OTHER)


def training_settings(student: Student, settings: TTASettings, clouds: int) -> DistillSettings:
    """How `student` is trained on so many clouds: gentler and shorter where its record says it was trained before."""
    return _distil_settings(student.category, settings, clouds, bool(student.training_record))


def _distil_settings(category: str, settings: TTASettings, clouds: int, trained: bool) -> DistillSettings:
    least_epochs, least_steps = TRAINED if trained else FRESH
    per_epoch = settings.steps or -(-clouds // settings.batch)
    few = not trained and per_epoch * least_epochs < least_steps
    return resolve(
        DistillSettings,
        category=category,
        student=settings.network,
        encoder=settings.encoder,
        finetune=settings.finetune,
        epochs=settings.epochs or max(least_epochs, -(-least_steps // per_epoch)),
        steps=settings.steps,
        batch=settings.batch,
        lr=settings.lr or (3e-4 if trained else None),
        backward=settings.backward,
        after=LATE if few else HALF,
        seed=settings.seed,
    )
