"""From text vectors to coloured clouds: the base model, then the upsampler, each sampled as published."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from gen3d.generators.point_e.networks import BIASES, SCALES, TextDenoiser, Upsampler
from gen3d.generators.point_e.sampler import Noise, denoiser, draw, heun
from gen3d.generators.point_e.schedules import stages
from gen3d.upright import FRONTS, turn

HOUSE = turn("z", FRONTS["z"])  # z up, front -y, to +Y up, +Z front: (x, z, -y)


class Cloud(NamedTuple):
    """A cloud as Point-E makes it.

    Args:
        points: (N, 3) float32, z up, about ±0.5.
        colors: (N, 3) uint8 sRGB.
    """

    points: Float32[np.ndarray, "N 3"]
    colors: UInt8[np.ndarray, "N 3"]


class Sampling(NamedTuple):
    """How clouds are drawn. `guidance` is of the base model alone, as published; 1 is none."""

    steps: int = 64
    guidance: float = 3.0


@torch.inference_mode()
def sample_clouds(
    base: TextDenoiser, upsampler: Upsampler | None, text: Float32[Tensor, "B 768"], noise: Noise, how: Sampling
) -> list[Cloud]:
    """A cloud per text vector: 1,024 points, then 3,072 more where there is an upsampler.

    Args:
        base: makes the first points.
        upsampler: makes the others; it is never told the text.
        text: CLIP's vectors at length 1, on the device of the networks.
        noise: a generator per cloud.
        how: steps and guidance.
    """
    first, second = stages()
    guided = how.guidance != 1
    told = torch.cat([text, torch.zeros_like(text)]) if guided else text
    clean = denoiser(partial(base, text=told), first, how.guidance)
    rows = _external(heun(clean, draw(noise, first.points, text.device), first, how.steps, noise))
    if upsampler is not None:
        clean = denoiser(partial(upsampler, known=rows), second)
        more = heun(clean, draw(noise, second.points, text.device), second, how.steps, noise)
        rows = torch.cat([rows, _external(more)], 1)
    return [_cloud(own) for own in rows.cpu().numpy()]


def _external(x: Float32[Tensor, "B N 6"]) -> Float32[Tensor, "B N 6"]:
    """Positions ±0.5 and colours 0 to 255, from what the networks see: all ±1."""
    return (x - x.new_tensor(BIASES)) / x.new_tensor(SCALES)


def _cloud(rows: Float32[np.ndarray, "N 6"]) -> Cloud:
    """Colours rounded and clipped; NaN becomes black, positions keep it."""
    return Cloud(rows[:, :3].copy(), np.nan_to_num(rows[:, 3:]).clip(0, 255).round().astype(np.uint8))
