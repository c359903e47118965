"""Backward distillation: the student re-scores its teacher (method.md, section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int

from gen3d.knowledge import Knowledge

WINDOW = 5


def why_never(losses: Sequence[float], threshold: float, after: float, epochs: int) -> str:
    """Why a training of these epoch losses ended before backward distillation began."""
    if len(losses) - 1 < after * epochs:
        return f"`after` = {after:g} leaves no epoch for it"
    rule = Settled(threshold)
    if not any(rule.update(loss) for loss in losses[:-1]):
        return f"the loss did not settle in time ({len(losses)} epochs)"
    return "the student still lacked one of the parts that the teacher names"


def rescore(knowledge: Knowledge, labels: Int[np.ndarray, " N"]) -> Float32[np.ndarray, " K"]:
    """Share of every unit's points where the student agrees with its part; replaces the teacher's confidence.

    Args:
        knowledge: K units over N points.
        labels: the student's part of every point.
    """
    agree = knowledge.mask & (labels[None] == knowledge.part[:, None])
    return (agree.sum(1) / np.maximum(1, knowledge.mask.sum(1))).astype(np.float32)


class Settled:
    """Start rule of backward distillation: the mean of the last 5 epoch losses moves by less than `threshold`.

    True once, at the earliest after epoch 5; the losses are rounded to 4 decimals as in the released code. Epochs count
    from 1, and the mean after the fourth, which the fifth is compared with, is that of four.
    """

    def __init__(self, threshold: float = 0.01) -> None:
        self.threshold = threshold
        self._losses: list[float] = []
        self._started = False

    def update(self, loss: float) -> bool:
        """Take the loss of one more epoch; whether re-scoring should start at the next."""
        self._losses.append(round(loss, 4))
        if self._started or len(self._losses) < WINDOW:
            return False
        mean, before = np.mean(self._losses[-WINDOW:]), np.mean(self._losses[-WINDOW - 1 : -1])
        self._started = bool(abs(mean - before) < self.threshold)
        return self._started
