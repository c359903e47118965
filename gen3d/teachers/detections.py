"""Detections that any detector wrote into a file of COCO's form, as a teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from gen3d.categories import Category, any_category
from gen3d.errors import InputError, SettingsError
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.settings import Settings, resolve
from gen3d.teachers.coco import Detection, Image, read_detections
from gen3d.teachers.found import clamped
from gen3d.teachers.predictions import Boxes


class DetectionsSettings(Settings):
    """Settings of the teacher `detections`."""

    detections: str | None = Field(default=None, description="JSON file of COCO's form; see `gen3d.teachers.coco`")
    threshold: float = Field(default=0.0, ge=0, le=1, description="a box's score must be above it")


class DetectionsTeacher:
    """Boxes from a file. What is detected must be a part's name or synonym; parts not asked for are passed over.

    Boxes may be of images of another size than the views have: they are scaled. They are cut to the image.

    Args:
        settings: see `DetectionsSettings`.
        shape: whose views will be shown.
    """

    name, kind, any_words = "detections", "box", True
    style = ViewStyle(size=800)

    def __init__(self, settings: DetectionsSettings | None = None, shape: str | None = None) -> None:
        self.settings, self._shape = settings or DetectionsSettings(), shape

    def tuned(self, options: Mapping[str, Any]) -> DetectionsTeacher:
        """The same with these options. Raises SettingsError for others."""
        return DetectionsTeacher(resolve(DetectionsSettings, **options))

    def of(self, shape: str) -> DetectionsTeacher:
        """The same, which will be shown the views of that shape."""
        return DetectionsTeacher(self.settings, shape)

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Raise SettingsError where no file is named, InputError for a damaged one or a category that is no part."""
        for word, place in read_detections(self._file()).words.items():
            try:
                _index(word, any_category(category), prompts)
            except SettingsError as error:
                raise InputError(f"{place}: {error}") from None

    def check_shapes(self, ids: Sequence[str], views: int) -> None:
        """Raise InputError for an image that is none of `views` views of these shapes."""
        known = set(ids)
        for (shape, view), image in read_detections(self._file()).images.items():
            if shape not in known:
                raise InputError(f"{image.place}: shape {shape[:60]!r} is not in the collection")
            if view >= views:
                raise InputError(f"{image.place}: view {view} is none of the views 0 to {views - 1}; see --views")

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[Boxes]:
        """One answer per view of the shape that `of` named; none of its views need be in the file.

        Raises InputError for a shape with a score that is not finite, or an image from another direction.
        """
        if self._shape is None:
            raise SettingsError("detections belong to shapes: ask `teacher.of(shape.id)`")
        told = read_detections(self._file())
        if self._shape in told.faults:
            raise InputError(told.faults[self._shape])
        row, answers = any_category(category), []
        for number, view in enumerate(views):
            key = (self._shape, number)
            _check_direction(told.images.get(key), view)
            parts = [_index(found.word, row, prompts) for found in told.found.get(key, [])]
            rows = [(f, part) for f, part in zip(told.found.get(key, []), parts, strict=True) if part is not None]
            answers.append(self._boxes(rows, told.images.get(key), view))
        return answers

    def _boxes(self, rows: list[tuple[Detection, int]], image: Image | None, view: View) -> Boxes:
        """The boxes above the threshold in the view's pixels."""
        height, width = view.element.shape
        across = width / image.width if image and image.width else 1.0
        down = height / image.height if image and image.height else 1.0
        kept = [(found, part) for found, part in rows if found.score > self.settings.threshold]
        left, top, wide, high = np.array([found.bbox for found, _ in kept], np.float64).reshape(-1, 4).T
        corners = np.stack([left * across, top * down, (left + wide) * across, (top + high) * down], 1)
        part = np.array([part for _, part in kept], np.int64)
        score = np.array([found.score for found, _ in kept], np.float64)
        return clamped(corners.astype(np.float32), part, score, (height, width))

    def _file(self) -> str:
        if self.settings.detections is None:
            raise SettingsError("the detections teacher needs --detections FILE, a JSON file of COCO's form")
        return self.settings.detections


def _plain(word: str) -> str:
    return " ".join(word.lower().replace("_", " ").split())


def _index(word: str, row: Category, prompts: tuple[str, ...]) -> int | None:
    """Which of the prompts a category's name means; None for a part that is not asked for. Raises SettingsError."""
    plain = [_plain(prompt) for prompt in prompts]
    if _plain(word) in plain:
        return plain.index(_plain(word))
    try:
        part = row.part_index(word)
    except SettingsError:
        raise SettingsError(f"category {word[:60]!r} is none of the parts asked for: {', '.join(prompts)}") from None
    meant = [number for number, prompt in enumerate(plain) if prompt in (row.parts[part], *row.synonyms[part])]
    return meant[0] if meant else None


def _check_direction(image: Image | None, view: View) -> None:
    """Raise InputError for an image whose camera stood elsewhere than the view's."""
    if image is None or image.elevation is None or image.azimuth is None:
        return
    camera = view.camera
    off = max(abs(image.elevation - camera.elevation), abs((image.azimuth - camera.azimuth + 180) % 360 - 180))
    if off > 0.01:
        raise InputError(
            f"{image.place}: was taken from elevation {image.elevation:g}, azimuth {image.azimuth:g}, but view "
            f"{image.view} is from {camera.elevation:g}, {camera.azimuth:g}; label with the --views of `gen3d views`"
        )
