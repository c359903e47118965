"""Weights of Point-E's feature network: from its authors' pointnet.pt to safetensors, and into the network. Strict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gen3d.checkpoint import checked_tensors, file_hash, read_checkpoint, read_safetensors, safetensors_bytes
from gen3d.errors import InputError, MissingError
from gen3d.pointnet import PointNet
from gen3d.storage import atomic_write

KIND = "point-e pointnet"
URL = "https://openaipublic.azureedge.net/main/point-e/pointnet.pt"
_HINT = "make one with `gen3d convert pointnet pointnet.pt`"


def convert_pointnet(file: Path, out: Path) -> dict[str, Any]:
    """Write the classifier of Point-E's authors as safetensors.

    Args:
        file: their pointnet.pt: a dict whose `model_state_dict` holds the weights; what stands beside it is left out.
        out: the safetensors file.

    Returns:
        `weights`, `parameters`, `source_sha256`.

    Raises:
        MissingError: no such file.
        InputError: not such a checkpoint; names what is missing, unexpected or of another shape.
        StorageError: `out` can't be written.
    """
    digest = file_hash(file)
    tensors = read_checkpoint(file).get("model_state_dict")
    if not isinstance(tensors, dict):
        raise InputError(f"{file}: has no `model_state_dict`; give Point-E's pointnet.pt ({URL})")
    network = _loaded(tensors, file)
    header = {"kind": KIND, "source": json.dumps({"file": file.name, "sha256": digest})}
    atomic_write(out, safetensors_bytes(network.state_dict(), header))
    count = sum(parameter.numel() for parameter in network.parameters())
    return {"weights": str(out), "parameters": count, "source_sha256": digest}


def read_pointnet(file: Path) -> PointNet:
    """The classifier in eval mode, from a converted file. Raises MissingError, or InputError for another file."""
    if not file.is_file():
        raise MissingError(f"{file}: no such file; download {URL} (MIT licence) and {_HINT}")
    header, tensors = read_safetensors(file, _HINT)
    if header.get("kind") != KIND:
        raise InputError(f"{file}: holds something else than Point-E's feature network; {_HINT}")
    return _loaded(tensors, file).eval().requires_grad_(False)


def _loaded(tensors: dict[str, Any], file: Path) -> PointNet:
    """The network with these weights. Raises InputError unless they are exactly its own, and finite."""
    with torch.device("meta"):
        network = PointNet()
    expected: dict[str, Tensor] = network.state_dict()
    network.load_state_dict(checked_tensors(tensors, expected, file, "Point-E's feature network"), assign=True)
    return network
