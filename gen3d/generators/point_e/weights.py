"""Weights of Point-E's networks: from the official .pt files to safetensors, and into the networks. Always strict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from gen3d.checkpoint import checked_tensors, file_hash, read_checkpoint, read_safetensors, safetensors_bytes
from gen3d.errors import InputError, MissingError
from gen3d.generators.point_e.networks import MODELS, Size
from gen3d.storage import atomic_write

_KIND = "point-e "
# A name that only this network has. The image-conditioned models have other shapes or other names beside it.
_MARKS = {
    "cond_point_proj.weight": "upsample",
    "encoder_input_proj.weight": "sdf",
    "clip_embed.weight": "base40M-textvec",
}


class Loaded(NamedTuple):
    """A network in eval mode, and the first 16 hex digits of its file's sha256."""

    network: nn.Module
    revision: str


def convert_checkpoint(file: Path, out: Path) -> dict[str, Any]:
    """Write an official checkpoint as safetensors; the names of its weights say which network it is.

    Args:
        file: base_40m_textvec.pt, upsample_40m.pt or sdf.pt.
        out: the safetensors file.

    Returns:
        `weights`, `model`, `parameters`, `source_sha256`.

    Raises:
        MissingError: no such file.
        InputError: no such checkpoint; names what is missing, unexpected or of another shape.
        StorageError: `out` can't be written.
    """
    digest, tensors = file_hash(file), read_checkpoint(file)
    name = next((model for mark, model in _MARKS.items() if mark in tensors), None)
    if name is None:
        known = ", ".join(f"{model.file}.pt" for model in MODELS.values())
        raise InputError(f"{file}: holds no network of Point-E that is known here; give one of {known}")
    network = _empty(name, MODELS[name].size)
    network.load_state_dict(checked_tensors(tensors, network.state_dict(), file, f"Point-E's {name}"), assign=True)
    write_network(network, name, MODELS[name].size, out, {"file": file.name, "sha256": digest})
    count = sum(p.numel() for p in network.parameters())
    return {"weights": str(out), "model": name, "parameters": count, "source_sha256": digest}


def write_network(network: nn.Module, name: str, size: Size, out: Path, source: dict[str, str]) -> None:
    """Write a network with what is needed to read it again.

    Args:
        network: one of `MODELS`.
        name: which.
        size: its own.
        out: the safetensors file, replaced where it exists.
        source: kept in the file: where the weights came from.
    """
    header = {"kind": _KIND + name, "size": json.dumps(size._asdict()), "source": json.dumps(source)}
    atomic_write(out, safetensors_bytes(network.state_dict(), header))


def read_network(folder: Path, name: str) -> Loaded:
    """The network of that name from a folder of converted weights.

    Raises:
        MissingError: no such file; see `missing`.
        InputError: not a file that `gen3d convert point-e` wrote, or another network's.
    """
    file = folder / f"{MODELS[name].file}.safetensors"
    if not file.is_file():
        raise missing(folder, [name])
    hint = f"make one with `gen3d convert point-e {MODELS[name].file}.pt`"
    header, tensors = read_safetensors(file, hint)
    try:
        size = Size(**json.loads(header.get("size", "{}")))
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file}: is not a safetensors file of Point-E ({reason}); {hint}") from None
    if header.get("kind") != _KIND + name:
        raise InputError(f"{file}: holds something else than Point-E's {name}; {hint}")
    network = _empty(name, size)
    network.load_state_dict(checked_tensors(tensors, network.state_dict(), file, f"Point-E's {name}"), assign=True)
    return Loaded(network.eval().requires_grad_(False), file_hash(file)[:16])


def missing(folder: Path, names: list[str]) -> MissingError:
    """The line about weights that are not there: which, how large, from where, and what to do with them."""
    models = [MODELS[name] for name in names]
    wanted = " and ".join(f"{model.file}.safetensors" for model in models)
    sources = " and ".join(f"{model.url} ({model.megabytes} MB)" for model in models)
    hint = f"download {sources} and run `gen3d convert point-e FILE.pt` on each in that folder (MIT licence)"
    return MissingError(f"{folder}: has no {wanted} for Point-E; {hint}, or name another folder with --weights")


def _empty(name: str, size: Size) -> nn.Module:
    """The network without storage, waiting for its weights."""
    with torch.device("meta"):
        return MODELS[name].build(size)
