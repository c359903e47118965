"""The teacher's own votes: best part of the folded target, the nearest covered point's where nothing covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Int16

from distill.baselines.baseline import Baseline, Observed


class Votes(Baseline):
    """What a student would be distilled from, read off directly; the floor that distillation must beat."""

    name = "votes"

    def labels(self, observed: Iterable[Observed]) -> Iterator[Int16[np.ndarray, " N"]]:
        """-1 everywhere on shapes where the teacher sees nothing."""
        for one in observed:
            yield one.knowledge().votes(len(one.parts))
