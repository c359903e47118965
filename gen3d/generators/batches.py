"""Making several shapes at once, and fewer at once where memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from gen3d.errors import InputError
from gen3d.generators import Batched, Wanted
from gen3d.shape import Shape

T = TypeVar("T")
R = TypeVar("R")


class Batch:
    """How many fit into memory at once: `most` to begin with, halved where it runs out."""

    def __init__(self, most: int) -> None:
        self.most = most

    def run(self, make: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R]:
        """What `make` gives for each item, asked for by at most `most` of them.

        Raises MemoryError where not even one fits; whatever else `make` raises passes through.
        """
        done: list[R] = []
        while len(done) < len(items):
            part = items[len(done) : len(done) + self.most]
            try:
                done += make(part)
                continue
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise MemoryError(str(error)) from None
            # Outside of the handler: the error holds on to the frames, and they to what filled the memory.
            self.most = len(part) // 2
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return done


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


def _out_of_memory(error: Exception) -> bool:
    """Whether it is that: graphics cards have an error of their own, torch on a processor only a text."""
    text = str(error)
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or "not enough memory" in text
        or "can't allocate memory" in text
    )
