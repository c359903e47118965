"""Views as the images that networks look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float

from gen3d.rendering.view import View
from gen3d.teachers.pretrained import Loaded

Moments = tuple[tuple[float, float, float], tuple[float, float, float]]  # mean and standard deviation per channel

CLIP: Moments = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
IMAGENET: Moments = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Moments = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def colors_of(views: Sequence[View], loaded: Loaded) -> Float[torch.Tensor, "B 3 H W"]:
    """The colours of views of one size, in [0, 1], on the network's device."""
    colors = torch.from_numpy(np.stack([view.color for view in views])).to(loaded.device)
    return colors.permute(0, 3, 1, 2).float() / 255


def detector_images(
    views: Sequence[View], size: tuple[int, int], moments: Moments, loaded: Loaded, square: bool = False
) -> Float[torch.Tensor, "B 3 h w"]:
    """The colours of views of one size, resized (bilinear, smoothed where they shrink) and normalised.

    Args:
        views: to look at.
        size: height and width in pixels of the result.
        moments: that the network was trained with, of colours in [0, 1].
        loaded: the network; the result is on its device and in its dtype.
        square: fill up with black on the right or at the bottom to a square first.
    """
    images = colors_of(views, loaded)
    if square:
        height, width = images.shape[2:]
        images = F.pad(images, (0, max(height, width) - width, 0, max(height, width) - height))
    images = F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
    mean, std = (torch.tensor(row, device=loaded.device)[:, None, None] for row in moments)
    return ((images - mean) / std).to(loaded.dtype)


def fitting(height: int, width: int, shortest: int, longest: int) -> tuple[int, int]:
    """Height and width with that shortest side, or less where the longest would pass `longest`."""
    scale = min(shortest / min(height, width), longest / max(height, width))
    return round(height * scale), round(width * scale)
