"""2D teachers that name the parts seen in a view: one file (or folder) each, one line each in `TEACHERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from gen3d.errors import SettingsError
from gen3d.teachers.predictions import Teacher


@runtime_checkable
class Tunable(Protocol):
    """A teacher with options of its own."""

    def tuned(self, options: Mapping[str, Any]) -> Teacher:
        """The same with these options. Raises SettingsError for one that it does not have, or a wrong value."""
        ...


@runtime_checkable
class OpenWords(Protocol):
    """A teacher that may be asked for words and categories that gen3d's table does not know."""

    any_words: bool


@runtime_checkable
class Pretrained(Protocol):
    """A teacher with weights that may have to be downloaded, and that answers for `batch` views at once."""

    batch: int

    def download(self) -> None:
        """Get the weights that are not there, unless the user is offline. Raises MissingError."""
        ...

    def load(self) -> None:
        """Load them, once per process. Raises MissingError or InputError."""
        ...

    def how(self, category: str, prompts: tuple[str, ...]) -> dict[str, Any]:
        """What is kept beside knowledge: model, revision, precision and what was asked; JSON-able."""
        ...


@runtime_checkable
class ByShape(Protocol):
    """A teacher that must be told whose views it is shown: its answers were written down before."""

    def of(self, shape: str) -> Teacher:
        """The same, which will be shown the views of the shape with that id."""
        ...

    def check_shapes(self, ids: Sequence[str], views: int) -> None:
        """Raise InputError where it speaks of anything but `views` views of these shapes."""
        ...


def told(teacher: Teacher, shape: str) -> Teacher:
    """The teacher, told whose views come next where it must know."""
    return teacher.of(shape) if isinstance(teacher, ByShape) else teacher


def _lite() -> Teacher:
    from gen3d.teachers.lite.teacher import LiteTeacher

    return LiteTeacher()


def _lite_boxes() -> Teacher:
    from gen3d.teachers.lite.teacher import LiteTeacher

    return LiteTeacher(boxes=True)


def _clip() -> Teacher:
    from gen3d.teachers.clip import ClipTeacher

    return ClipTeacher()


def _siglip2() -> Teacher:
    from gen3d.teachers.siglip2 import Siglip2Teacher

    return Siglip2Teacher()


def _clipseg() -> Teacher:
    from gen3d.teachers.clipseg import ClipsegTeacher

    return ClipsegTeacher()


def _owlv2() -> Teacher:
    from gen3d.teachers.owlv2 import Owlv2Teacher

    return Owlv2Teacher()


def _grounding_dino() -> Teacher:
    from gen3d.teachers.grounding_dino import GroundingDinoTeacher

    return GroundingDinoTeacher()


def _mm_grounding_dino() -> Teacher:
    from gen3d.teachers.mm_grounding_dino import MMGroundingDinoTeacher

    return MMGroundingDinoTeacher()


def _sam3() -> Teacher:
    from gen3d.teachers.sam3 import Sam3Teacher

    return Sam3Teacher()


def _glip() -> Teacher:
    from gen3d.teachers.glip import GlipTeacher

    return GlipTeacher()


def _detections() -> Teacher:
    from gen3d.teachers.detections import DetectionsTeacher

    return DetectionsTeacher()


TEACHERS: dict[str, Callable[[], Teacher]] = {
    "lite": _lite,
    "lite-boxes": _lite_boxes,
    "clip": _clip,
    "siglip2": _siglip2,
    "clipseg": _clipseg,
    "owlv2": _owlv2,
    "grounding-dino": _grounding_dino,
    "mm-grounding-dino": _mm_grounding_dino,
    "sam3": _sam3,
    "glip": _glip,
    "detections": _detections,
}


def make_teacher(name: str, options: Mapping[str, Any] | None = None) -> Teacher:
    """The teacher of that name, with options of its own. Raises SettingsError for what is unknown."""
    if name not in TEACHERS:
        raise SettingsError(f"unknown teacher {name!r}; known are: {', '.join(TEACHERS)}")
    teacher = TEACHERS[name]()
    if isinstance(teacher, Tunable):
        return teacher.tuned(options or {})
    for option, value in (options or {}).items():
        raise SettingsError(f"{option} = {value!r}: the {name} teacher has no such option")
    return teacher
