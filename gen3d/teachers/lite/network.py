"""The network of the `lite` teacher: a small U-Net over geometry images, told which category it looks at."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from gen3d.rendering.view import View

CHANNELS = 5  # normal (3), depth about the origin, silhouette


def geometry_images(views: list[View]) -> Float[Tensor, "B 5 H W"]:
    """Network input of each view: camera-space normal, (distance - depth) in radii, 1 where something is seen."""
    stack = []
    for view in views:
        hit = view.hit
        height = np.where(hit, view.camera.distance - np.where(hit, view.depth, 0), 0).astype(np.float32)
        stack.append(np.concatenate([view.normal.transpose(2, 0, 1), height[None], hit[None].astype(np.float32)]))
    return torch.from_numpy(np.stack(stack))


class Block(nn.Module):
    """Two 3x3 convolutions with a skip; the category scales and shifts the channels in between (FiLM)."""

    def __init__(self, wide_in: int, wide: int, categories: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(wide_in, wide, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(wide)
        self.film = nn.Embedding(categories, 2 * wide)
        self.second = nn.Conv2d(wide, wide, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(wide)
        self.skip = nn.Conv2d(wide_in, wide, 1) if wide_in != wide else nn.Identity()
        nn.init.zeros_(self.film.weight)

    def forward(self, x: Float[Tensor, "B C H W"], category: Int64[Tensor, " B"]) -> Float[Tensor, "B D H W"]:
        """(B, C, H, W) to (B, D, H, W)."""
        scale, shift = self.film(category)[:, :, None, None].chunk(2, 1)
        y = torch.relu(self.first_norm(self.first(x)) * (1 + scale) + shift)
        return torch.relu(self.skip(x) + self.second_norm(self.second(y)))


class LiteNetwork(nn.Module):
    """Geometry images to part logits at half resolution, one channel per part of every category.

    Args:
        widths: channels at 1/2, 1/4, ... of the input size.
        categories: how many categories there are.
        parts: how many parts they have in all.
    """

    def __init__(self, widths: tuple[int, ...], categories: int, parts: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, widths[0], 4, stride=2, padding=1)
        inputs = (widths[0], *widths[:-1])
        self.down = nn.ModuleList(Block(i, w, categories) for i, w in zip(inputs, widths, strict=True))
        pairs = [(widths[i] + widths[i - 1], widths[i - 1]) for i in range(len(widths) - 1, 0, -1)]
        self.up = nn.ModuleList(Block(i, w, categories) for i, w in pairs)
        self.head = nn.Conv2d(widths[0], parts, 1)

    def forward(self, x: Float[Tensor, "B 5 H W"], category: Int64[Tensor, " B"]) -> Float[Tensor, "B P h w"]:
        """Logits at half the size of `x`; H and W are multiples of 2 ** len(widths)."""
        x, skips = torch.relu(self.stem(x)), []
        for level, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if level else x, category)
            skips.append(x)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), skip], 1), category)
        return self.head(x)
