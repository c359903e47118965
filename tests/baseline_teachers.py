"""Teachers for tests of baselines: one with random features, one that knows every point, one that sees nothing."""

from __future__ import annotations

import numpy as np

from gen3d.categories import category as known_category
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers.features import Features
from gen3d.teachers.predictions import PixelScores


class Feeling:
    """Has random features of 7 x 7 patches for the views in their order, and keeps what it was shown and asked."""

    name, kind, style = "feeling", "pixel", ViewStyle()

    def __init__(self) -> None:
        self.shown: list[View] = []
        self.words: tuple[str, ...] = ()

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        raise AssertionError("has features, which are to be read")

    def features(self, views: list[View], category: str, prompts: tuple[str, ...]) -> Features:
        self.shown, self.words = views, prompts
        rng = np.random.default_rng(0)
        vectors = [rng.normal(size=size).astype(np.float32) for size in ((len(views), 5, 7, 7), (len(prompts), 5))]
        maps, texts = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors)
        return Features(list(maps), texts)


class PointOracle:
    """Gives every pixel the true part of the point it shows; looks at pictures, so it is shown those of points."""

    name, kind, style = "point-oracle", "pixel", ViewStyle()

    def __init__(self, shape: Shape) -> None:
        assert shape.point_labels is not None
        self.labels = shape.point_labels

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        asked = np.array([known_category(category).part_index(prompt) for prompt in prompts])[:, None, None]
        return [PixelScores(((self.labels[v.element] == asked) & v.hit).astype(np.float16)) for v in views]


class Blind:
    """Sees nothing."""

    name, kind = "blind", "pixel"

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        return [PixelScores(np.zeros((len(prompts), *v.element.shape), np.float16)) for v in views]
