"""2D teachers that name the parts seen in a view: one file (or folder) each, one line each in `TEACHERS`."""

from __future__ import annotations

from collections.abc import Callable

from gen3d.errors import SettingsError
from gen3d.teachers.predictions import Teacher


def _lite() -> Teacher:
    from gen3d.teachers.lite.teacher import LiteTeacher

    return LiteTeacher()


def _lite_boxes() -> Teacher:
    from gen3d.teachers.lite.teacher import LiteTeacher

    return LiteTeacher(boxes=True)


TEACHERS: dict[str, Callable[[], Teacher]] = {"lite": _lite, "lite-boxes": _lite_boxes}


def make_teacher(name: str) -> Teacher:
    """The teacher of that name. Raises SettingsError that lists the known ones."""
    if name not in TEACHERS:
        raise SettingsError(f"unknown teacher {name!r}; known are: {', '.join(TEACHERS)}")
    return TEACHERS[name]()
