"""A generator for the tests: one that takes any text."""

from __future__ import annotations

from gen3d.generators.procedural import ProceduralGenerator
from gen3d.shape import Shape


class Dreamer:
    """A generator that takes any text."""

    name, licence = "dreamer", "none"

    def check(self, category: str, prompt: str | None = None) -> None:
        """Takes all."""

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """A shape of the grammar that keeps what was said."""
        shape = ProceduralGenerator().generate(category, seed, id)
        shape.meta["prompt"] = prompt
        return shape
