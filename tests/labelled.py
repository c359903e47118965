"""A small labelled collection for tests: real chairs, and a teacher that needs no weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.labelling import LabelSettings, label
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers.predictions import PixelScores

MAKE = GenerateSettings(category="chair", n=10, shard=4, seed=3)
LABEL = LabelSettings(teacher="stripes", views=2, size=32, points=512)


class Stripes:
    """Gives every prompt a band of rows, surer the lower it is; counts the shapes it is asked about.

    Args:
        refuse: told the number of the shape it is asked about (from 1), whether to fail.
    """

    name, kind = "stripes", "pixel"

    def __init__(self, refuse: Callable[[int], bool] = lambda number: False) -> None:
        self.asked, self.refuse = 0, refuse

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        """One answer per view."""
        self.asked += 1
        if self.refuse(self.asked):
            raise InputError(f"call {self.asked} was refused")
        size = views[0].camera.size
        row = np.arange(size) * len(prompts) // size == np.arange(len(prompts))[:, None]
        sure = row[:, :, None] * np.linspace(0.5, 1, size)[None, :, None]
        return [PixelScores((sure * view.hit).astype(np.float16)) for view in views]


class Flaky(ProceduralGenerator):
    """Notes every id it is asked for, and fails the first time for those that are `unlucky`."""

    def __init__(self, asked: list[str], unlucky: set[str]) -> None:
        self.asked, self.unlucky = asked, unlucky

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """The same shape as ever, once luck is back."""
        self.asked.append(id)
        if id in self.unlucky and self.asked.count(id) == 1:
            raise InputError(f"{id}: out of luck")
        return super().generate(category, seed, id, prompt)


def chairs(root: Path) -> Collection:
    """Ten chairs in three shards."""
    return generate(MAKE, root)


def labelled(root: Path) -> Collection:
    """Those chairs, labelled by the teacher that `TEACHERS["stripes"]` makes."""
    label(chairs(root), LABEL)
    return Collection.open(root)
