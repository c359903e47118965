"""Draws that all grammars make."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """One of the names, as often as its weight says."""
    p = np.array(list(weights.values()), float)
    return list(weights)[int(rng.choice(len(p), p=p / p.sum()))]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number with equal chance per ratio."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
