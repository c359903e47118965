"""Augmentation as PartDistill's released code does it (method.md, section 6). Our own is in the trainer."""

from __future__ import annotations

import torch
from jaxtyping import Float32
from torch import Tensor


def scaled_and_shifted(
    points: Float32[Tensor, "B N 3"], stretch: float, shift: float, jitter: float, generator: torch.Generator
) -> Float32[Tensor, "B N 3"]:
    """The clouds scaled and shifted per axis and jittered; not normalised again, which would undo the shift.

    Args:
        points: normalised clouds.
        stretch: factors are uniform in 1 - stretch ... 1 + stretch.
        shift: shifts are uniform in -shift ... shift, radii.
        jitter: standard deviation of the noise, radii; it is cut off at twice that.
        generator: source of all draws.
    """
    scale, offset = (torch.rand(2, len(points), 1, 3, generator=generator) * 2 - 1).unbind()
    noise = (torch.randn(points.shape, generator=generator) * jitter).clamp(-2 * jitter, 2 * jitter)
    return points * (1 + scale * stretch) + offset * shift + noise
