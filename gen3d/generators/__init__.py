"""Generators: from a prompt to shapes. One file (or folder) each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from gen3d.errors import InputError
from gen3d.shape import Shape


@runtime_checkable
class Generator(Protocol):
    """Makes shapes from text. `licence` is that of the shapes."""

    name: str
    licence: str

    def check(self, category: str, prompt: str | None = None) -> None:
        """Raise SettingsError, saying what it knows, if it can't make that category or what the prompt asks for."""
        ...

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """One normalised shape of the category, as the prompt has it; the same seed and prompt give the same shape.

        Args:
            category: a name of `gen3d.categories`.
            seed: of this shape.
            id: of this shape.
            prompt: free text; any shape of the category where None. Kept in the shape's meta data.
        """
        ...


@runtime_checkable
class Worded(Protocol):
    """A generator that knows a list of words, where others take any text."""

    def vocabulary(self, category: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Word or phrase -> trait -> the values it asks for. Raises SettingsError for a category it can't make."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """A generator with options of its own."""

    def tuned(self, options: Mapping[str, Any]) -> Generator:
        """The same with these options. Raises SettingsError for one that it does not have, or a wrong value."""
        ...


class Wanted(NamedTuple):
    """A shape that is asked for; the fields are the arguments of `Generator.generate`."""

    category: str
    seed: int
    id: str
    prompt: str | None = None

    @property
    def words(self) -> str:
        """What a network that understands any text is told."""
        return self.prompt or f"a {self.category}"


@runtime_checkable
class Batched(Protocol):
    """A generator that is faster with several shapes at once; `batch` of them if not told otherwise."""

    batch: int

    def generate_many(self, wanted: Sequence[Wanted]) -> list[Shape | InputError]:
        """What `generate` gives for each, or the error that is that shape's alone. Others pass through."""
        ...


@runtime_checkable
class Pretrained(Protocol):
    """A generator with weights that may have to be downloaded, and that may take long."""

    def download(self) -> None:
        """Get the weights that are not there, unless the user is offline. Raises MissingError."""
        ...

    def slow(self) -> str | None:
        """A line on how long a shape will take, where that is more than a moment."""
        ...


def _procedural() -> Generator:
    from gen3d.generators.procedural import ProceduralGenerator

    return ProceduralGenerator()


def _point_e() -> Generator:
    from gen3d.generators.point_e.generator import PointEGenerator

    return PointEGenerator()


def _shap_e() -> Generator:
    from gen3d.generators.shap_e.generator import ShapEGenerator

    return ShapEGenerator()


GENERATORS: dict[str, Callable[[], Generator]] = {
    "procedural": _procedural,
    "shap-e": _shap_e,
    "point-e": _point_e,
}
