"""What the methods that read maps share: features or logits at the pixels that points fall on, sums over views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float32, Int64
from pydantic import Field, field_validator
from torch import Tensor

from distill.baselines.baseline import Observed
from gen3d.settings import Settings

SCALE = 100.0  # of cosines, so that they are the logits that CLIP learnt with (baselines.md, section 2)


class Weighted(Settings):
    """Settings of a method that gives every view a weight."""

    count: ClassVar[int]  # of views
    view_weights: tuple[float, ...] | None = Field(
        default=None, description="one per view, comma-separated; all count alike if not set"
    )

    @field_validator("view_weights", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return given.split(",") if isinstance(given, str) else given

    @field_validator("view_weights")
    @classmethod
    def _usable(cls, weights: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weights is not None and (len(weights) != cls.count or min(weights) < 0 or not any(weights)):
            raise ValueError(f"needs {cls.count} numbers of at least 0, one of them above it, as in 1,0.5,...")
        return weights

    @property
    def weights(self) -> tuple[float, ...]:
        """One per view."""
        return self.view_weights or (1.0,) * self.count


def dense(observed: Observed) -> tuple[list[Float32[np.ndarray, "D h w"]], Float32[np.ndarray, "R D"]]:
    """Maps of features per view, and what each part's feature is.

    Of a teacher without features a pixel's feature is its scores, and a part's the unit vector of that score.
    """
    if observed.features is not None:
        return list(observed.features.maps), observed.features.texts
    maps = [one.scores.astype(np.float32) for one in observed.pixel_scores()]
    return maps, np.eye(len(observed.parts), dtype=np.float32)


def logits(observed: Observed) -> list[Float32[np.ndarray, "R h w"]]:
    """Per view how well every patch fits every part: 100 cos(patch, text); of teachers without features the scores."""
    maps, texts = dense(observed)
    scale = SCALE if observed.features is not None else 1.0
    return [scale * np.einsum("dhw,rd->rhw", one, texts) for one in maps]


def at_pixels(image: Float32[Any, "C h w"], pixel: Int64[np.ndarray, " N"], size: int) -> Float32[np.ndarray, "N C"]:
    """A map at some pixels of its view, bilinear between the centres of its patches, which cover the view.

    The same as the map enlarged to the view's pixels (not corner to corner) and then read, without making that.

    Args:
        image: of patches or of pixels.
        pixel: flat (row * W + column).
        size: W = H of the view.
    """
    source: Tensor = torch.as_tensor(image)
    place = (torch.from_numpy(np.stack([pixel % size, pixel // size], 1)) + 0.5) / size * 2 - 1
    grid = place.to(source.dtype)[None, None]  # (1, 1, N, 2), x then y
    read = torch.nn.functional.grid_sample(source[None], grid, padding_mode="border", align_corners=False)
    return read[0, :, 0].T.numpy()


def summed(
    observed: Observed, maps: Sequence[Float32[Any, "R h w"]], weights: Sequence[float]
) -> Float32[np.ndarray, "N R"]:
    """Every point's logits, summed over the views that show it, each with its weight; 0 where none does."""
    size, total = observed.views[0].camera.size, np.zeros((len(observed.points), len(observed.parts)), np.float32)
    for one, (shown, pixel), weight in zip(maps, observed.visible, weights, strict=True):
        total[shown] += weight * at_pixels(one, pixel[shown], size)
    return total
