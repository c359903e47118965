"""Weights of Point-M2AE's encoder: from the authors' checkpoint to safetensors, and into a student. Always strict."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from distill.students.point_m2ae import Encoder, PointM2AE
from gen3d.checkpoint import read_checkpoint
from gen3d.errors import InputError, MissingError
from gen3d.storage import atomic_write

KIND = "point-m2ae encoder"
PREFIX = "h_encoder."
_NAMED = 3  # so many wrong names are told


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
    checked = _checked(tensors, file)
    tensors = {PREFIX + name: value.contiguous() for name, value in checked.items()}
    atomic_write(out, save(tensors, header(file=file.name, sha256=digest)))
    return {"weights": str(out), "parameters": sum(p.numel() for p in Encoder().parameters()), "source_sha256": digest}


def load_encoder(network: PointM2AE, file: Path) -> None:
    """Put converted weights into a student. Raises MissingError, or InputError for a file that is none."""
    if not file.is_file():
        raise MissingError(f"{file}: no such file; make it with `gen3d convert point-m2ae pre-train.pth`")
    try:
        with safe_open(file, "pt") as opened:
            made = json.loads((opened.metadata() or {}).get("made", "{}"))
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (not a dict)
    except (OSError, SafetensorError, ValueError) as error:
        hint = "make one with `gen3d convert point-m2ae pre-train.pth`"
        raise InputError(f"{file}: is not a safetensors file ({' '.join(str(error).split())[:200]}); {hint}") from None
    if not isinstance(made, dict) or made.get("kind") != KIND:
        raise InputError(f"{file}: holds something else than the encoder that `gen3d convert point-m2ae` writes")
    stripped = {name.removeprefix(PREFIX): value for name, value in tensors.items()}
    network.h_encoder.load_state_dict(_checked(stripped, file))


def header(**source: str) -> dict[str, str]:
    """Of a file of the encoder's weights: all in one entry, since safetensors writes several in any order."""
    return {"made": json.dumps({"kind": KIND} | source, sort_keys=True)}


def file_hash(file: Path) -> str:
    """The sha256 of a file's content. Raises MissingError where there is none, InputError where it can't be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise MissingError(f"{file}: no such file") from None
    except OSError as error:
        raise InputError(f"{file}: can't be read ({error.strerror})") from None


def _checked(tensors: dict[str, Any], file: Path) -> dict[str, Tensor]:
    """The tensors in the dtypes of the encoder. Raises InputError unless they are exactly its own, and finite."""
    with torch.device("meta"):
        expected = Encoder().state_dict()
    common = expected.keys() & tensors.keys()
    wrong = {
        "missing": expected.keys() - tensors.keys(),
        "unexpected": tensors.keys() - expected.keys(),
        "of another shape": {n for n in common if getattr(tensors[n], "shape", None) != expected[n].shape},
    }
    told = [f"{what}: {_names(names)}" for what, names in wrong.items() if names]
    if not told:
        bad = {name for name in common if not torch.isfinite(tensors[name]).all()}
        told = [f"not finite: {_names(bad)}"] if bad else []
    if told:
        raise InputError(f"{file}: is not the encoder of Point-M2AE ({'; '.join(told)})")
    return {name: tensors[name].to(value.dtype) for name, value in expected.items()}


def _names(names: set[str]) -> str:
    """The first few of them, with their prefix."""
    first = ", ".join(PREFIX + name for name in sorted(names)[:_NAMED])
    return first + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
