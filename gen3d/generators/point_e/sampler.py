"""Sampling a diffusion with Heun's method (Karras et al. 2022, algorithm 2), set as Point-E was published.

The noise of every sample comes from a generator of its own on the CPU: it does not depend on the batch or the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float32
from torch import Tensor

from gen3d.generators.point_e.networks import CHANNELS
from gen3d.generators.point_e.schedules import Stage, karras_sigmas

# From noisy points (B, N, 6) and steps (B,) to noise and variance (B, N, 12).
Network: TypeAlias = Callable[[Tensor, Tensor], Tensor]

# From noisy points (B, N, 6) and the level of their noise to clean ones (B, N, 6).
Denoise: TypeAlias = Callable[[Tensor, float], Tensor]

Noise: TypeAlias = list[torch.Generator]


def denoiser(network: Network, stage: Stage, guidance: float = 1.0) -> Denoise:
    """What the network takes for the clean points, each coordinate clipped to ±1 before guidance.

    Args:
        network: predicts the noise. With guidance it gets every batch twice: with its condition, then without.
        stage: whose steps the network knows.
        guidance: 1 is none; else without + guidance x (with - without), over all channels (Ho and Salimans 2021).
    """

    def clean(x: Float32[Tensor, "B N 6"], sigma: float) -> Float32[Tensor, "B N 6"]:
        step = stage.step(sigma)
        scaled = x / math.sqrt(sigma**2 + 1)
        noise = network(scaled, scaled.new_full((len(x),), step))[..., :CHANNELS]
        kept = float(stage.kept[step])
        return (scaled / math.sqrt(kept) - math.sqrt(1 / kept - 1) * noise).clamp(-1, 1)

    def guided(x: Float32[Tensor, "B N 6"], sigma: float) -> Float32[Tensor, "B N 6"]:
        told, untold = clean(torch.cat([x, x]), sigma).chunk(2)
        return untold + guidance * (told - untold)

    return clean if guidance == 1 else guided


def heun(denoise: Denoise, start: Float32[Tensor, "B N 6"], stage: Stage, steps: int, noise: Noise) -> Tensor:
    """From noise at level 1 to clean points (B, N, 6) in `steps` steps of two evaluations, the last of one.

    Args:
        denoise: see `denoiser`.
        start: standard normal draws; scaled to the stage's highest level here.
        stage: gives the levels and how much is churned.
        steps: 64 as published; fewer are faster and coarser.
        noise: a generator per sample, drawn from where the stage churns.
    """
    levels = karras_sigmas(steps, stage.highest).tolist()
    churn = min(stage.churn / steps, math.sqrt(2) - 1)
    x = clean = start * stage.highest
    for sigma, below in zip(levels[:-1], levels[1:], strict=True):
        above = sigma * (1 + churn)
        if churn:
            x = x + draw(noise, x.shape[1], x.device) * math.sqrt(above**2 - sigma**2)
        clean = denoise(x, above)
        slope = (x - clean) / above
        ahead = x + slope * (below - above)
        if below > 0:
            slope = (slope + (ahead - denoise(ahead, below)) / below) / 2
        x = x + slope * (below - above)
    return clean


def draw(noise: Noise, points: int, device: torch.device) -> Float32[Tensor, "B N 6"]:
    """Standard normal draws, of every sample from its own generator."""
    return torch.stack([torch.randn(points, CHANNELS, generator=own) for own in noise]).to(device)
