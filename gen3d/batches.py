"""Working on several things at once, and on fewer where memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def usual_batch(asked: int | None) -> int:
    """How many at once, where nobody asked for a number: 32 on a graphics card, 1 on a processor."""
    return asked or (32 if torch.cuda.is_available() else 1)


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


def _out_of_memory(error: Exception) -> bool:
    """Whether it is that: graphics cards have an error of their own, torch on a processor only a text."""
    text = str(error)
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or "not enough memory" in text
        or "can't allocate memory" in text
    )
