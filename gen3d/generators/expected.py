"""How long a shape will take on a processor, from arithmetic and a moment's measuring."""

from __future__ import annotations

import time

import torch

_SHARE = 0.7  # of the rate of large matrix products that transformers reach, attention and norms included


def duration(name: str, flops: float, half: bool) -> str:
    """The line that is told before the start.

    Args:
        name: of the generator.
        flops: of one shape.
        half: whether it computes in bfloat16.
    """
    minutes = flops / (_SHARE * _rate(torch.bfloat16 if half else torch.float32)) / 60
    told = f"{minutes:.0f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} seconds"
    return f"{name}: no GPU; about {told} a shape on one core"


def _rate(dtype: torch.dtype) -> float:
    """Floating-point operations a second of this machine on one thread: the best of a few products of 768 x 768."""
    side, threads = 768, torch.get_num_threads()
    values = torch.ones(side, side, dtype=dtype)
    torch.set_num_threads(1)
    try:
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            torch.mm(values, values)
            taken.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return 2 * side**3 / min(taken)
