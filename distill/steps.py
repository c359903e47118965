"""What every training does in a step: features in the precision asked for, and a step only where all is finite."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from distill.parallel import Ranks
from gen3d.environment import fast_bfloat16
from gen3d.errors import Gen3dError

CPU = torch.device("cpu")


class DivergedError(Gen3dError):
    """A training that taught nothing, or ruined the weights."""


def compute_dtype(precision: str, device: torch.device = CPU) -> torch.dtype:
    """What features are computed in; "auto" takes bfloat16 where the hardware multiplies it, as "bfloat16" does.

    Processes that train together take what the first one does.
    """
    fast = precision == "bfloat16" or (precision == "auto" and _multiplies_bfloat16(device))
    return torch.bfloat16 if Ranks.here().told(fast) else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return fast_bfloat16()


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
    return summed_step(network, optimiser, [loss], clip) is not None


def summed_step(
    network: nn.Module, optimiser: torch.optim.Optimizer, losses: Iterable[Float32[Tensor, ""]], clip: float | None
) -> float | None:
    """One step down the gradient of the sum of losses, over all processes that train together.

    Args:
        network: whose weights have the gradients.
        optimiser: takes the step.
        losses: of the pieces of a batch; asked for one after the other, so that one piece is in memory at a time.
        clip: largest norm of the gradient; None: any.

    Returns:
        The sum; None, and no step, where it or its gradient is not finite.
    """
    optimiser.zero_grad()
    total: Tensor | float = 0.0
    for loss in losses:
        loss.backward()
        total = total + loss.detach()
    total = _over_all(network, torch.as_tensor(total))
    norm = nn.utils.clip_grad_norm_(network.parameters(), math.inf if clip is None else clip)
    if not (torch.isfinite(total) and torch.isfinite(norm)):
        return None
    optimiser.step()
    return total.item()


def _over_all(network: nn.Module, total: Float32[Tensor, ""]) -> Float32[Tensor, ""]:
    """The sum of the losses over all processes, and the gradients' put in their place, in one exchange."""
    ranks = Ranks.here()
    if ranks.count == 1:
        return total
    gradients = [value.grad for value in network.parameters() if value.grad is not None]
    flat = torch.cat([total.view(1), *(gradient.flatten() for gradient in gradients)])
    ranks.add(flat)
    for gradient, whole in zip(gradients, flat[1:].split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(whole.view_as(gradient))
    return flat[0]


def refuse_diverged(network: nn.Module, epoch: int, finite: int, hint: str) -> None:
    """Raise DivergedError, which ends with the hint, where an epoch taught nothing or its weights are of no use.

    Args:
        network: after the epoch.
        epoch: its number.
        finite: how much of it had a finite loss.
        hint: what to do.
    """
    if not finite or not all(torch.isfinite(value).all() for value in network.state_dict().values()):
        what = "its weights are not finite" if finite else "no step had a finite loss"
        raise DivergedError(f"epoch {epoch}: training diverged, {what}; {hint}")
