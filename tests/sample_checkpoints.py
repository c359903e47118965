"""A checkpoint of Point-M2AE in its authors' layout, from an encoder at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, serialization

from distill.students.point_m2ae import Encoder


def random_encoder(seed: int = 0) -> Encoder:
    """With BatchNorm statistics as after training: none is 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    encoder = Encoder()
    for name, value in encoder.state_dict().items():
        if value.is_floating_point():
            value.normal_(generator=generator).mul_(0.2).add_(0.6 if name.endswith("running_var") else 0)
            if name.endswith("running_var"):
                value.abs_().add_(0.1)
        else:
            value.fill_(seed + 7)
    return encoder


def write_checkpoint(path: Path, encoder: Encoder, prefix: str = "", **changes: Any) -> Path:
    """What the authors' code saves: a decoder beside the encoder, the optimiser, the epoch, a score of numpy's."""
    weights = {f"{prefix}h_encoder.{name}": value for name, value in encoder.state_dict().items()}
    weights |= {
        f"{prefix}h_decoder.0.blocks.0.norm1.weight": torch.ones(384),
        f"{prefix}mask_token": torch.zeros(1, 384),
    }
    optimizer = {"state": {0: {"step": 3, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    whole = {"base_model": weights, "optimizer": optimizer, "epoch": 299, "metrics": {"acc": np.float64(92.9)}}
    whole |= {"best_metrics": {"acc": np.float64(92.9)}}
    serialization.save(whole | changes, path)
    return path


def base_model(encoder: Encoder, **changes: Tensor | None) -> dict[str, Tensor]:
    """The weights under the authors' names, some of them replaced (or with None left out)."""
    named: dict[str, Tensor | None] = {f"h_encoder.{name}": value for name, value in encoder.state_dict().items()}
    return {name: value for name, value in (named | changes).items() if value is not None}
