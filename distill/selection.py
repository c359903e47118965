"""Which epoch of a training is kept: the last one, or the one with the least loss on held-out shapes.

Neither looks at a label: the loss is the teacher's. Test scores never choose (method.md, section 11, row 1).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn

from gen3d.errors import InputError

Key = tuple[bool, float]


def split(
    source: Int64[Tensor, " S"], taught: Bool[Tensor, " S"], share: float, seed: int
) -> tuple[Int64[Tensor, " T"], Int64[Tensor, " H"]]:
    """Indices to train on, in order, and indices held out: `share` of every source, at least one where it has two.

    Shapes without a unit are not held out, nor counted: their loss is 0, whatever the student says.

    Args:
        source: number of the source that each shape comes from.
        taught: whether it has a unit.
        share: 0 holds nothing out.
        seed: of the choice; other draws are not touched.

    Raises:
        InputError: a share of shapes that are too few to be split.
    """
    every = torch.arange(len(source))
    if not share:
        return every, every[:0]
    generator, held = torch.Generator().manual_seed(seed), torch.zeros(len(source), dtype=torch.bool)
    for number in source.unique():
        members = every[(source == number) & taught]
        count = min(max(round(share * len(members)), 1), max(len(members) - 1, 0))
        held[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    if not held.any():
        raise InputError("select = validation: holds shapes with units out, and there is but one; use --select last")
    return every[~held], every[held]


class Best:
    """The weights of the epoch with the least validation loss so far.

    Re-scoring changes what the loss is measured against: any epoch after it beats all before.
    """

    def __init__(self) -> None:
        self._key: Key = (False, -math.inf)
        self._weights: dict[str, Tensor] | None = None

    def offer(self, network: nn.Module, validation: float | None, rescored: bool) -> None:
        """Keep a copy of the weights if they are the best; without a validation loss nothing is ever kept."""
        if validation is None or _key(rescored, validation) <= self._key:
            return
        self._key = _key(rescored, validation)
        self._weights = {name: value.clone() for name, value in network.state_dict().items()}

    def state(self) -> tuple[Key, dict[str, Tensor]]:
        """How good the best ones are, and they; none as long as none were offered."""
        return self._key, self._weights or {}

    def take(self, key: Key, weights: dict[str, Tensor]) -> None:
        """Inverse of `state`."""
        self._key, self._weights = key, weights or None

    def restore(self, network: nn.Module) -> None:
        """Put the best weights back, if any were kept."""
        if self._weights is not None:
            network.load_state_dict(self._weights)


def _key(rescored: bool, validation: float) -> Key:
    return rescored, -validation
