"""A lite teacher that learned next to nothing in a second, and one that knows everything; no weights are shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gen3d.categories import category as known_category
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers.lite.training import TeacherSettings, train_teacher
from gen3d.teachers.predictions import PixelScores

SETTINGS = TeacherSettings(
    steps=3, shapes_per_step=2, views_per_shape=1, size=64, widths=(8, 8), workers=0, held_out=1
)  # fmt: skip


def train_tiny(path: Path) -> Path:
    """Tiny weights of all grammars, written to `path`."""
    train_teacher(SETTINGS, path, lambda step, loss: None)
    return path


class Oracle:
    """Gives every pixel the true part of the face it shows; of one shape only."""

    name, kind = "oracle", "pixel"

    def __init__(self, shape: Shape) -> None:
        assert shape.face_labels is not None
        self.labels = shape.face_labels

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        """1 at the true part, 0 elsewhere."""
        asked = np.array([known_category(category).part_index(prompt) for prompt in prompts])[:, None, None]
        return [PixelScores(((self.labels[v.element] == asked) & v.hit).astype(np.float16)) for v in views]
