"""Checkpoints of other people's code, read without running anything that is in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gen3d.errors import InputError


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
        raise InputError(f"{path}: is not a checkpoint of torch ({reason[:200]})") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: is not a checkpoint (it holds a {type(found).__name__}, not a dict)")
    return found
