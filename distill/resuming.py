"""A training under way as bytes to go on from, and where they are kept, beside the student's folder, until it is done.

All that a next epoch depends on is in them, so that a training that was killed ends in the bytes of one that was not.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from distill.trainer import Epoch, Training
from gen3d import __version__
from gen3d.errors import InputError
from gen3d.record import plain
from gen3d.storage import atomic_write, make_folder

FILE = "checkpoint.safetensors"
DAMAGE = (SafetensorError, KeyError, TypeError, ValueError, RuntimeError)  # what reading a file of another kind raises


def packed(tensors: dict[str, Tensor], header: dict[str, Any]) -> bytes:
    """Tensors and JSON-able values as one safetensors file."""
    whole = {name: value.detach().contiguous() for name, value in tensors.items()}
    return save(whole, {name: json.dumps(value) for name, value in header.items()})


def unpacked(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Inverse of `packed`. Raises one of `DAMAGE` for anything else."""
    tensors = load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    return tensors, {name: json.loads(value) for name, value in header.items()}


def named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names start with `prefix` and a dot, without it."""
    return {name.removeprefix(f"{prefix}."): x for name, x in tensors.items() if name.startswith(f"{prefix}.")}


def prefixed(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Inverse of `named`."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of every weight, as `<number of the weight>.<what>`."""
    return {f"{i}.{name}": x for i, some in optimiser.state_dict()["state"].items() for name, x in some.items()}


def put_moments(optimiser: torch.optim.Optimizer, found: dict[str, Tensor]) -> None:
    """Inverse of `moments`. Raises one of `DAMAGE` for anything else."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in found.items():
        number, what = key.split(".")
        state.setdefault(int(number), {})[what] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": state})


def to_bytes(training: Training, record: dict[str, Any]) -> bytes:
    """All of a training after an epoch, and the record of what it is.

    Weights that training leaves alone are not in it: a fresh student has them. Nor are targets: the labels that
    re-scored them are.
    """
    (group,), (key, best) = training.optimiser.param_groups, training.best.state()
    labels = {} if training.data.labels is None else {"labels": training.data.labels}
    tensors = prefixed(_trained(training), "model") | prefixed(moments(training.optimiser), "moments")
    tensors |= prefixed(best, "best") | prefixed(training.batches.state(), "batches") | labels
    return packed(
        tensors | {"generator": training.generator.get_state()},
        {
            "record": record,
            "log": [asdict(row) for row in training.log],
            "schedule": {"steps": training.schedule.last_epoch, "lr": group["lr"], "betas": group["betas"]},
            "best": key,
        },
    )


def restore(training: Training, data: bytes, name: str) -> None:
    """Inverse of `to_bytes`, into a training that has not begun. Raises InputError naming `name` for anything else."""
    try:
        tensors, header = unpacked(data)
        weights, wanted = named(tensors, "model"), _trained(training)
        if set(weights) != set(wanted):
            raise ValueError("it holds other weights")
        training.network.load_state_dict(weights, strict=False)
        put_moments(training.optimiser, named(tensors, "moments"))
        (group,), schedule = training.optimiser.param_groups, header["schedule"]
        group |= {"lr": schedule["lr"], "betas": tuple(schedule["betas"])}
        training.schedule.last_epoch = schedule["steps"]
        rescored, validation = header["best"]
        best = {key: value.to(training.device) for key, value in named(tensors, "best").items()}
        training.best.take((rescored, validation), best)
        training.batches.restore(named(tensors, "batches"))
        training.generator.set_state(tensors["generator"])
        if "labels" in tensors:
            training.data.rescore_by(tensors["labels"])
            training.rescored = True
        for row in header["log"]:
            training.take(Epoch(**row))
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{name}: is no checkpoint of this training ({reason}); use --overwrite") from None


def checkpoint_folder(out: Path) -> Path:
    """The hidden folder beside the one that a training fills at its end."""
    whole = Path(os.path.abspath(out))
    return whole.with_name(f".training-{whole.name}")


class Checkpoint:
    """A hidden folder beside the one that a training fills at its end: what to go on from if it is killed.

    Args:
        out: the folder to be filled; this one is called `.training-<name>`.
        record: what makes the training what it is; one of another record is never gone on from.
    """

    def __init__(self, out: Path, record: dict[str, Any]) -> None:
        self.folder = checkpoint_folder(out)
        self.file, self.record = self.folder / FILE, plain(record | {"gen3d": __version__})

    def fits(self) -> bool:
        """Whether it is there, whole, and of this record."""
        try:
            with safe_open(self.file, "pt") as file:
                return json.loads(file.metadata()["record"]) == self.record
        except (OSError, *DAMAGE):
            return False

    def read(self) -> bytes:
        """What to go on from; empty where there is nothing that fits, which is removed then."""
        if self.fits():
            return self.file.read_bytes()
        self.remove()
        return b""

    def write(self, training: Training) -> None:
        """Keep a training in the place of what was kept before. Raises StorageError."""
        make_folder(self.folder)
        atomic_write(self.file, to_bytes(training, self.record))

    def remove(self) -> None:
        """All of it, as far as that goes."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)


def _trained(training: Training) -> dict[str, Tensor]:
    """The weights that training changes."""
    return {name: value for name, value in training.network.named_parameters() if value.requires_grad}
