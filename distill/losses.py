"""Forward distillation: the folded cross-entropy and its class weights (method.md, section 3)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

CAP = 4.0


def class_weights(pairs: Int64[Tensor, " R"]) -> Float[Tensor, " R"]:
    """Weight of every part from its number of (point, unit) pairs in the batch.

    clip(log_4(sum n / (R n_c)) + 1, 1, 4); a part without any pair gets 4, and so do all of them in a batch without
    detections, where the released code divides by zero (method.md, section 11, row 6).
    """
    share = pairs.sum() / (len(pairs) * pairs.clamp(min=1))
    weights = (share.log() / math.log(4) + 1).clamp(1, CAP)
    return torch.where(pairs > 0, weights, torch.full_like(weights, CAP))


def distillation_loss(
    logits: Float[Tensor, "B N R"], target: Float[Tensor, "B N R"], weights: Float[Tensor, " R"]
) -> Float[Tensor, ""]:
    """Mean over all points, uncovered ones included, of the confidence-weighted cross-entropies.

    Args:
        logits: of the student.
        target: folded units, see `Knowledge.target`.
        weights: of the parts, see `class_weights`.
    """
    return -(target * weights * logits.log_softmax(-1)).sum(-1).mean()
