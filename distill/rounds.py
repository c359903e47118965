"""Which shapes are in which batch: rounds in random order, of one source or two, that can be gone on with anywhere."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Int64
from torch import Tensor


class Rounds:
    """Members in random order, again and again in another one, which is drawn when its first one is asked for.

    Args:
        members: any numbers, at least one.
        generator: source of the draws.
    """

    def __init__(self, members: Int64[Tensor, " M"], generator: torch.Generator) -> None:
        self._members, self._generator = members, generator
        self.order, self.place = members[:0], 0

    def within(self, most: int) -> Int64[Tensor, " B"]:
        """The next ones of a round, `most` of them or as many as it has left."""
        if self.place == len(self.order):
            self.order, self.place = self._members[torch.randperm(len(self._members), generator=self._generator)], 0
        taken = self.order[self.place : self.place + most]
        self.place += len(taken)
        return taken

    def across(self, count: int) -> Int64[Tensor, " B"]:
        """The next `count`, of as many rounds as they take."""
        taken = [self._members[:0]]
        while count:
            taken.append(self.within(count))
            count -= len(taken[-1])
        return torch.cat(taken)


class Batches:
    """Endless batches of indices. Of one source: rounds of every shape once, the last batch of a round may be smaller.

    Of two, every source goes through rounds of its own, and every batch has the same size.

    Args:
        source: (S,) number of the source that each shape comes from, 0 or 1.
        size: of a batch.
        second: how many shapes of a batch are of the second source, by the number of the batch.
        generator: source of the draws; see `state`.
    """

    def __init__(
        self, source: Int64[Tensor, " S"], size: int, second: Callable[[int], int], generator: torch.Generator
    ) -> None:
        count = 2 if bool(source.any()) else 1
        self._rounds = [Rounds(torch.nonzero(source == number)[:, 0], generator) for number in range(count)]
        self._size, self._second, self._drawn = size, second, 0

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Int64[Tensor, " B"]:
        self._drawn += 1
        if len(self._rounds) == 1:
            return self._rounds[0].within(self._size)
        share = self._second(self._drawn - 1)
        return torch.cat([self._rounds[0].across(self._size - share), self._rounds[1].across(share)])

    def state(self) -> dict[str, Tensor]:
        """Where they are, but for the generator's state."""
        places = [self._drawn, *(rounds.place for rounds in self._rounds)]
        return {"places": torch.tensor(places)} | {f"order{i}": rounds.order for i, rounds in enumerate(self._rounds)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Inverse of `state`. Raises KeyError or ValueError for anything else."""
        self._drawn, *places = state["places"].tolist()
        for i, (rounds, place) in enumerate(zip(self._rounds, places, strict=True)):
            rounds.order, rounds.place = state[f"order{i}"], place
