"""Checkpoints of other people's code, read without running anything that is in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gen3d.errors import InputError, MissingError

_NAMED = 3  # so many wrong names are told


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a `.pth` file of torch holds: tensors, and plain numbers, words, lists and dicts around them.

    Numbers of numpy are let pass too: checkpoints keep scores as such. Any other class is refused unread.

    Raises InputError for everything else.
    """
    number = np.float64(0).__reduce__()[0]  # the function that makes numbers; its module's name changed with numpy 2
    harmless: list[Any] = [number, (number, "numpy.core.multiarray.scalar"), np.dtype]
    harmless += [(number, "numpy._core.multiarray.scalar"), *(type(np.dtype(kind)) for kind in "fdiql?")]
    try:
        with torch.serialization.safe_globals(harmless):
            found = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251  (nothing is unpickled)
    except MemoryError:
        raise
    except Exception as error:  # the readers of the two formats raise almost anything on a damaged file
        name = re.search(r"GLOBAL ([\w.]+)", str(error))
        if name:
            raise InputError(
                f"{path}: holds a {name[1]}, which is no tensor or number; nothing but these is read from a checkpoint"
            ) from None
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if "weights_only" in reason:  # torch advises to read it unsafely; no user should
            reason = "it is damaged, or holds more than tensors, numbers and plain containers"
        raise InputError(f"{path}: is not a checkpoint of torch ({reason[:200]})") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: is not a checkpoint (it holds a {type(found).__name__}, not a dict)")
    return found


def file_hash(file: Path) -> str:
    """The sha256 of a file's content. Raises MissingError where there is none, InputError where it can't be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise MissingError(f"{file}: no such file") from None
    except OSError as error:
        raise InputError(f"{file}: can't be read ({error.strerror})") from None


def safetensors_bytes(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> bytes:
    """A safetensors file; the same tensors and header give the same bytes.

    The library writes the header's entries in an order that changes from call to call; here they are sorted.
    """
    data = save({name: value.contiguous() for name, value in tensors.items()}, dict(header))
    start = 8 + int.from_bytes(data[:8], "little")
    table = json.loads(data[8:start])
    table["__metadata__"] = dict(sorted(table["__metadata__"].items()))
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors stay aligned
    return len(text).to_bytes(8, "little") + text + data[start:]


def read_safetensors(file: Path, hint: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header and tensors of a safetensors file. Raises InputError, which ends in `hint`, for anything else."""
    try:
        with safe_open(file, "pt") as opened:
            return opened.metadata() or {}, {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file}: is not a safetensors file ({reason}); {hint}") from None


def checked_tensors(
    tensors: Mapping[str, Any], expected: Mapping[str, Tensor], file: Path, whose: str, prefix: str = ""
) -> dict[str, Tensor]:
    """The tensors in the dtypes expected. Raises InputError unless they are exactly the ones expected, and finite.

    Args:
        tensors: what a file holds.
        expected: names, shapes and dtypes, on any device.
        file: named by errors.
        whose: likewise: the network.
        prefix: of names in errors.
    """
    common = expected.keys() & tensors.keys()
    wrong = {
        "missing": expected.keys() - tensors.keys(),
        "unexpected": tensors.keys() - expected.keys(),
        "of another shape": {n for n in common if getattr(tensors[n], "shape", None) != expected[n].shape},
    }
    told = [f"{what}: {_names(names, prefix)}" for what, names in wrong.items() if names]
    if not told:
        bad = {name for name in common if not torch.isfinite(tensors[name]).all()}
        told = [f"not finite: {_names(bad, prefix)}"] if bad else []
    if told:
        raise InputError(f"{file}: is not {whose} ({'; '.join(told)})")
    return {name: tensors[name].to(value.dtype) for name, value in expected.items()}


def _names(names: set[str], prefix: str) -> str:
    """The first few of them."""
    first = ", ".join(prefix + name for name in sorted(names)[:_NAMED])
    return first + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
