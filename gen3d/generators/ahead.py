"""Shapes made ahead of the one that is asked for, where a generator makes several at once."""

from __future__ import annotations

from collections.abc import Sequence

from gen3d.errors import InputError
from gen3d.generators import Batched, Wanted
from gen3d.shape import Shape


def made_alone(generator: Batched, wanted: Wanted) -> Shape:
    """What a generator that makes several at once makes of one. Raises that shape's InputError."""
    (made,) = generator.generate_many([wanted])
    if isinstance(made, InputError):
        raise made
    return made


class Ahead:
    """Shapes one by one from a generator that makes several at once: what is asked for next is made ahead.

    Attempts that follow a rejected one travel with the shapes to come, so that rejections cost a place, not a batch.

    Args:
        generator: makes them.
        upcoming: index of a shape and what its first attempt is, in the order in which they will be asked for.
    """

    def __init__(self, generator: Batched, upcoming: Sequence[tuple[int, Wanted]]) -> None:
        self._generator, self._upcoming = generator, list(upcoming)
        self._ready: dict[tuple[int, int], Shape | InputError] = {}

    def shape(self, index: int, attempt: int, wanted: Wanted) -> Shape:
        """That attempt at that shape. Raises InputError of its own alone."""
        if (index, attempt) not in self._ready:
            self._upcoming = [(other, first) for other, first in self._upcoming if other > index]
            room = self._generator.batch - 1
            riders, self._upcoming = self._upcoming[:room], self._upcoming[room:]
            keys = [(index, attempt), *((other, 0) for other, _ in riders)]
            self._ready.update(zip(keys, self._generator.generate_many([wanted, *(w for _, w in riders)]), strict=True))
        found = self._ready.pop((index, attempt))
        if isinstance(found, InputError):
            raise found
        return found
