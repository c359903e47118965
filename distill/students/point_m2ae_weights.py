"""Weights of Point-M2AE's encoder: from the authors' checkpoint to safetensors. Always strict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from distill.students.point_m2ae import Encoder
from gen3d.checkpoint import checked_tensors, file_hash, read_checkpoint, safetensors_bytes
from gen3d.errors import InputError
from gen3d.storage import atomic_write

KIND = "point-m2ae encoder"
PREFIX = "h_encoder."


def convert_encoder(file: Path, out: Path) -> dict[str, Any]:
    """Write the encoder of the authors' checkpoint as safetensors.

    Args:
        file: their `pre-train.pth`: a dict whose `base_model` holds the weights; those of the decoder are left out.
        out: the safetensors file.

    Returns:
        The number of parameters and where they are.

    Raises:
        MissingError: no such file.
        InputError: not such a checkpoint; names what is missing, unexpected or of another shape.
        StorageError: `out` can't be written.
    """
    digest = file_hash(file)
    model = read_checkpoint(file).get("base_model")
    if not isinstance(model, dict):
        raise InputError(f"{file}: has no `base_model`; give the pre-train.pth that Point-M2AE's code saved")
    named = {str(name).removeprefix("module."): value for name, value in model.items()}
    tensors = {name.removeprefix(PREFIX): value for name, value in named.items() if name.startswith(PREFIX)}
    if not tensors:
        raise InputError(f"{file}: no weight in it is named {PREFIX}...; it is a checkpoint of another network")
    with torch.device("meta"):
        expected = Encoder().state_dict()
    checked = checked_tensors(tensors, expected, file, "the encoder of Point-M2AE", PREFIX)
    header = {"kind": KIND, "source": json.dumps({"file": file.name, "sha256": digest})}
    atomic_write(out, safetensors_bytes({PREFIX + name: value for name, value in checked.items()}, header))
    return {"weights": str(out), "parameters": sum(p.numel() for p in Encoder().parameters()), "source_sha256": digest}
