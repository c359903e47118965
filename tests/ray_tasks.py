"""What tests let the workers of a Ray cluster do: they import it by name."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from toy_shards import HERE

from gen3d.collection import shape_id
from gen3d.errors import InputError, StorageError
from gen3d.shards import Member, Sample
from gen3d.workers import THREADS

# What the workers of a cluster that a test starts must be told: the tests are not installed.
VARIABLES = dict.fromkeys(THREADS, "1") | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}", "CUDA_VISIBLE_DEVICES": ""}


class Troubled(NamedTuple):
    """A shard of four samples of which some make trouble.

    Args:
        number: of the shard.
        deadly: samples that kill their process, but those of a `group` when they are asked for one by one.
        notes: folder in which every try is noted.
        seconds: that a sample takes.
        singly: see `gen3d.building`.
    """

    number: int
    deadly: tuple[int, ...]
    notes: Path
    seconds: float = 0
    group: bool = False
    singly: bool = False


def samples(payload: Troubled) -> Iterator[Sample]:
    """The samples of a shard; the third one fails."""
    for index in range(4 * payload.number, 4 * payload.number + 4):
        yield shape_id("chair", index), partial(_members, payload, index)


def _members(payload: Troubled, index: int) -> list[Member]:
    with open(payload.notes / str(index), "a") as file:
        file.write(f"{_node()}\n")
    time.sleep(payload.seconds)
    together = range(index, index + 2) if payload.group and not payload.singly else [index]
    if set(together) & set(payload.deadly):
        os._exit(1)
    if index % 4 == 2:
        raise InputError("no luck")
    id = shape_id("chair", index)
    return [(f"{id}.glb", bytes([index % 256]) * (300 + index)), (f"{id}.json", json.dumps({"index": index}).encode())]


def _node() -> str:
    """The node of a cluster that this process is on."""
    ray = sys.modules.get("ray")
    return ray.get_runtime_context().get_node_id() if ray is not None and ray.is_initialized() else ""


def in_vain(notes: Path, times: int, how: str, number: int) -> int:
    """The number, after that many tries that end otherwise; all are noted."""
    with open(notes / f"task{number}", "a") as file:
        file.write("x")
    tries = len((notes / f"task{number}").read_text())
    if number == 1 and tries <= times:
        trouble: dict[str, Callable[[], Any]] = {"die": partial(os._exit, 1), "full": _full, "wrong": _wrong}
        trouble[how]()
    return 10 * number


def _full() -> None:
    raise StorageError("can't write there: disk full")


def _wrong() -> None:
    raise ZeroDivisionError("a bug")


def noted(notes: Path, seconds: float, number: int) -> tuple[int, float, float, str]:
    """Who did it, from when to when, and the devices it was given."""
    start = time.monotonic()
    time.sleep(seconds)
    return os.getpid(), start, time.monotonic(), os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
