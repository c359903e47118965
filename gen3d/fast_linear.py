"""A linear layer that goes to oneDNN where torch would take another library: float32 on x86 processors.

torch multiplies float32 by MKL, which leaves half of an AMD processor's vectors unused, and adds bias and GELU in
passes of their own; oneDNN uses the full width and does both as it writes the product.
"""

from __future__ import annotations

import platform
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

_FEWEST = 64  # rows; below them the weights' way into oneDNN's order costs more than is won


class FastLinear(nn.Linear):
    """`nn.Linear`, with the same parameters; faster in float32 on a processor, where no gradient is asked for."""

    def forward(self, input: Float[Tensor, "*b I"]) -> Float[Tensor, "*b O"]:
        """(..., I) to (..., O)."""
        if self._served(input):
            return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")
        return super().forward(input)

    def gelu(self, input: Float[Tensor, "*b I"]) -> Float[Tensor, "*b O"]:
        """The exact GELU (Hendrycks and Gimpel 2016) of the layer's answer."""
        if self._served(input):
            return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "gelu", [], "none")
        return nn.functional.gelu(super().forward(input))

    def _served(self, rows: Tensor) -> bool:
        """Whether oneDNN can take it and is the faster one."""
        alike = rows.device.type == "cpu" and rows.dtype == self.weight.dtype == torch.float32
        learning = torch.is_grad_enabled() and (rows.requires_grad or self.weight.requires_grad)
        return alike and not learning and rows.numel() >= _FEWEST * self.in_features and has_onednn()


@lru_cache(maxsize=1)
def has_onednn() -> bool:
    """Whether this torch has oneDNN's linear layer, on a processor it was measured on."""
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return there and platform.machine().lower() in ("x86_64", "amd64")
