"""How noisy each step of Point-E's diffusions is, and the noise levels at which it is sampled."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

STEPS = 1024  # of training
_LARGEST_BETA = 0.999
_RHO = 7.0


class Stage(NamedTuple):
    """One diffusion and how the authors sample it.

    Args:
        points: how many it makes.
        kept: (1024,) float64, the share of the signal's power that is left at each step: the product of 1 - beta.
        highest: sigma that sampling starts from.
        churn: noise that is put back on the way.
    """

    points: int
    kept: Float64[np.ndarray, " S"]
    highest: float
    churn: float

    def step(self, sigma: float) -> int:
        """The step, 0 to 1,023, whose noise is sigma times the signal; between two steps the less noisy one.

        1 / (sigma² + 1) is the share of the signal. In float32, as the authors have it: rounding decides here.
        """
        share = np.float32(1) / (np.float32(sigma) ** 2 + np.float32(1))
        return int(np.interp(share, self.kept[::-1], np.arange(STEPS, dtype=float)[::-1]))


def cosine(steps: int = STEPS) -> Float64[np.ndarray, " S"]:
    """`Stage.kept` of the base model (Nichol and Dhariwal 2021, eq. 17)."""

    def power(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - power((i + 1) / steps) / power(i / steps), _LARGEST_BETA) for i in range(steps)]
    return np.cumprod(1 - np.array(betas))


def linear(steps: int = STEPS) -> Float64[np.ndarray, " S"]:
    """`Stage.kept` of the upsampler: betas from 1e-4 to 0.02 for 1,000 steps (Ho et al. 2020), scaled for others."""
    return np.cumprod(1 - 1000 / steps * np.linspace(1e-4, 0.02, steps))


def karras_sigmas(count: int, highest: float, lowest: float = 1e-3) -> Float32[Tensor, " K"]:
    """`count` noise levels from the highest to the lowest, then 0 (Karras et al. 2022, eq. 5 with rho 7)."""
    first, last = highest ** (1 / _RHO), lowest ** (1 / _RHO)
    levels = (first + torch.linspace(0, 1, count) * (last - first)) ** _RHO
    return torch.cat([levels, levels.new_zeros(1)])


def stages() -> tuple[Stage, Stage]:
    """The base model and the upsampler."""
    return Stage(1024, cosine(), 120.0, 3.0), Stage(3072, linear(), 160.0, 0.0)
