"""What every training does in a step: features in the precision asked for, and a step only where all is finite."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from gen3d.environment import fast_bfloat16
from gen3d.errors import Gen3dError


def compute_dtype(precision: str) -> torch.dtype:
    """What features are computed in; "auto" takes bfloat16 where the processor multiplies it, as "bfloat16" does."""
    fast = precision == "bfloat16" or (precision == "auto" and fast_bfloat16())
    return torch.bfloat16 if fast else torch.float32


def cast_forward(network: nn.Module, compute: torch.dtype, *inputs: Any) -> Float[Tensor, "..."]:
    """What a network makes of its inputs with its weights cast to `compute`; gradients reach the float32 weights."""
    if compute == torch.float32:
        return network(*inputs)
    weights = {name: value.to(compute) for name, value in network.named_parameters()}
    return torch.func.functional_call(network, weights, inputs)


def finite_step(
    network: nn.Module, optimiser: torch.optim.Optimizer, loss: Float32[Tensor, ""], clip: float | None
) -> bool:
    """One step down the gradient, cut to the norm `clip` where that is set; none, and False, where it is not finite."""
    optimiser.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), math.inf if clip is None else clip)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        return False
    optimiser.step()
    return True


def refuse_diverged(network: nn.Module, epoch: int, finite: int, hint: str) -> None:
    """Raise Gen3dError, which ends with the hint, where an epoch taught nothing or its weights are of no use.

    Args:
        network: after the epoch.
        epoch: its number.
        finite: how much of it had a finite loss.
        hint: what to do.
    """
    if not finite or not all(torch.isfinite(value).all() for value in network.state_dict().values()):
        what = "its weights are not finite" if finite else "no step had a finite loss"
        raise Gen3dError(f"epoch {epoch}: training diverged, {what}; {hint}")
