"""Shapes that are what a prompt asks for: a grammar is drawn from again until the traits are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from gen3d.errors import InputError, SettingsError
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.vocabulary import Demand

Grammar: TypeAlias = Callable[[np.random.Generator], Assembly]

TRIES = 3000  # draws for one shape
LOOKS = 300  # draws before a prompt is said to ask for what never comes


def steered(grammar: Grammar, seed: int, demands: Sequence[Demand]) -> tuple[Assembly, int]:
    """The first draw that meets all demands, and the number of draws before it; without demands the plain draw.

    Raises InputError where none of `TRIES` draws does.
    """
    for attempt in range(TRIES):
        made = grammar(_dice(seed, attempt))
        if all(demand.met(made.traits) for demand in demands):
            return made, attempt
    raise InputError(f"none of {TRIES} draws was {_all_of(demands)}; ask for less, or try another --seed")


def _dice(seed: int, attempt: int) -> np.random.Generator:
    """The randomness of one attempt; that of the first is the seed's own."""
    return np.random.default_rng([seed, attempt] if attempt else seed)


@cache
def traits_of(grammar: Grammar, seed: int) -> MappingProxyType[str, str]:
    """The traits of a plain draw, remembered for the process."""
    return MappingProxyType(grammar(_dice(seed, 0)).traits)


def refuse_impossible(grammar: Grammar, demands: Sequence[Demand], name: str) -> None:
    """Raise SettingsError, naming them, where demands contradict each other or practically never come true together.

    Args:
        grammar: of the category `name`.
        demands: of one prompt. The fewest that do not go together are named.
    """
    for demand in demands:
        if demand.hopeless:
            raise SettingsError(f"prompt: it asks for {demand}, but there is no {name} without that")
    for a, b in combinations(demands, 2):
        if a.contradicts(b):
            raise SettingsError(f"prompt: {a} and {b} contradict each other; no {name} is both")
    if any(_meets(demands, grammar)):
        return
    groups = (group for size in range(1, len(demands) + 1) for group in combinations(demands, size))
    culprits = next(group for group in groups if not any(_meets(group, grammar)))
    raise SettingsError(f"prompt: none of {LOOKS} {name} draws was {_all_of(culprits)}; ask for less")


def _meets(demands: Sequence[Demand], grammar: Grammar) -> Iterator[bool]:
    """Whether each of `LOOKS` draws meets all demands; drawn as far as one looks."""
    for seed in range(LOOKS):
        traits = traits_of(grammar, seed)
        yield all(demand.met(traits) for demand in demands)


def _all_of(demands: Sequence[Demand]) -> str:
    """The demands in words."""
    return " with ".join(map(str, demands))
