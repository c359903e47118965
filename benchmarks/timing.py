"""CPU time, as the benchmarks measure it: sides take turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def seconds(call: Callable[[], T]) -> tuple[float, T]:
    """CPU seconds of one call, and its answer."""
    start = time.process_time()
    answer = call()
    return time.process_time() - start, answer


def least_times(sides: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """CPU seconds of each side, the least of the rounds."""
    times = dict.fromkeys(sides, math.inf)
    for _ in range(rounds):
        for name, side in sides.items():
            times[name] = min(times[name], seconds(side)[0])
    return times
