"""Generators: from a prompt to shapes. One file (or folder) each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from gen3d.shape import Shape


@runtime_checkable
class Generator(Protocol):
    """Makes shapes from text. `licence` is that of the shapes."""

    name: str
    licence: str

    def check(self, category: str) -> None:
        """Raise SettingsError, listing what it knows, if it can't make that category."""
        ...

    def generate(self, category: str, seed: int, id: str) -> Shape:
        """One normalised shape of the category; the same seed gives the same shape."""
        ...


def _procedural() -> Generator:
    from gen3d.generators.procedural import ProceduralGenerator

    return ProceduralGenerator()


GENERATORS: dict[str, Callable[[], Generator]] = {"procedural": _procedural}
