"""Processes that train together, as `torchrun` and `accelerate launch` start them: who they are, what they exchange.

All of them hold all shapes and draw the same batches from the same seed; each computes its piece of every batch, and
the gradients are added up. So nothing but gradients, losses and labels travels, and that one process with the same
batches gets the same sums. What travels is tensors: torch's own exchange of objects would unpickle what others send.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import PrefixStore, Store  # type: ignore[reportPrivateImportUsage]
from torch.distributed.rendezvous import rendezvous

from gen3d.environment import has_gpu
from gen3d.errors import Gen3dError, InputError, SettingsError

PATIENCE = timedelta(minutes=30)  # how long one process waits for another that is there but silent
LOST = (
    "another process of this training ended, or was silent for too long; "
    "run the same command again to go on from the last finished epoch"
)


class LostError(Gen3dError):
    """Another process is gone."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; alone where no launcher started it.

    Args:
        rank: its number; the first one, 0, is who writes files and speaks.
        count: of all.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def here(cls) -> Ranks:
        """Those that `joined` has brought together."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of so many tasks are this process's: each is one's, and nobody has two more than another."""
        return range(self.rank, count, self.count)

    def pieces(self, size: int, parts: int) -> list[tuple[slice, float]]:
        """This process's pieces of a batch of `size` shapes, in `parts` for each process: where, and its share of it.

        Of a batch with fewer shapes than pieces, a process without any takes the first shape with a share of 0: so its
        gradients are zeros of the same weights that others have gradients of.
        """
        ends = [size * i // (self.count * parts) for i in range(self.count * parts + 1)]
        mine = ends[self.rank * parts : (self.rank + 1) * parts + 1]
        found = [(slice(a, b), (b - a) / size) for a, b in zip(mine[:-1], mine[1:], strict=True) if b > a]
        return found or [(slice(0, 1), 0.0)]

    def add(self, tensor: Tensor) -> None:
        """Put the sum over all processes in the place of every one's. Raises LostError."""
        if self.count > 1:
            with _lost():
                dist.all_reduce(tensor)

    def told(self, value: Any) -> Any:
        """What the first one says, as JSON. Raises LostError."""
        return value if self.count == 1 else json.loads(self.told_bytes(json.dumps(value).encode()))

    def told_bytes(self, data: bytes) -> bytes:
        """The same of bytes."""
        if self.count == 1:
            return data
        size = torch.tensor([len(data)])
        with _lost():
            dist.broadcast(size, 0)
            found = torch.zeros(int(size), dtype=torch.uint8)
            if self.first and data:
                found.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
            dist.broadcast(found, 0)
        return found.numpy().tobytes()

    def agree(self, value: Any) -> None:
        """Raise InputError in all of them where not all have the same JSON; LostError."""
        if self.count == 1:
            return
        check = zlib.crc32(json.dumps(value, sort_keys=True).encode())
        ends = torch.tensor([check, -check])
        with _lost():
            dist.all_reduce(ends, dist.ReduceOp.MAX)
        if int(ends[0]) != -int(ends[1]):
            raise InputError(
                "the processes of this training see other shapes, settings or versions of gen3d; give all machines "
                "the same files and the same command"
            )

    @torch.no_grad()
    def level(self, network: nn.Module) -> None:
        """Give all of them the first one's weights: other processors may draw others in the last digit."""
        if self.count > 1:
            with _lost():
                for value in network.state_dict().values():
                    dist.broadcast(value, 0)


def launched() -> bool:
    """Whether a launcher started this process as one of several."""
    return _number("RANK") is not None and (_number("WORLD_SIZE") or 1) > 1


@contextlib.contextmanager
def joined() -> Iterator[Store]:
    """Meet the other processes; within, `Ranks.here` are all of them. Yields what they share: see `speaks`.

    Raises:
        SettingsError: variables of a launcher are missing.
        Gen3dError: the others can't be met.
    """
    rank, count, where = _number("RANK") or 0, _number("WORLD_SIZE") or 1, os.environ.get("MASTER_ADDR", "")
    both = torch.cuda.is_available() and dist.is_nccl_available()
    try:
        store = next(rendezvous("env://", rank, count, timeout=PATIENCE))[0]
        store = PrefixStore(_attempt(store, rank, count), store)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if both else "gloo",
            store=PrefixStore("group", store), rank=rank, world_size=count, timeout=PATIENCE,
        )  # fmt: skip
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"process {rank} of {count}: {reason}; start it with torchrun or accelerate") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise Gen3dError(f"process {rank} of {count} can't meet the others at {where} ({reason})") from None
    yield store
    dist.destroy_process_group()  # not after an error: it may wait for those that are gone


def _attempt(store: Store, rank: int, count: int) -> str:
    """A word that only these processes share.

    torchrun's store outlives processes that it starts again, which would look for the dead ones under the addresses
    that these left there. So the first process draws a word, and tells it to everyone who asks by a name just drawn.
    """
    mine = os.urandom(8).hex()
    if rank:
        store.set(f"asks-{rank}", mine)
        word = store.get(f"answer-{mine}").decode()
        store.set(f"knows-{word}-{rank}", "")
        return word
    known = [f"knows-{mine}-{other}" for other in range(1, count)]
    end = time.monotonic() + PATIENCE.total_seconds()
    while not store.check(known):
        for other in range(1, count):
            if store.check([f"asks-{other}"]):
                store.set(f"answer-{store.get(f'asks-{other}').decode()}", mine)
        if time.monotonic() > end:
            raise RuntimeError("not all came")
        time.sleep(0.02)
    return mine


def speaks(store: Store) -> bool:
    """Whether this process is the one to tell why all of them end: the first that asks. True where nobody can say."""
    try:
        return store.add("spoke", 1) == 1
    except RuntimeError:
        return True


def chosen_device(asked: str) -> torch.device:
    """What to compute on: "cpu", "cuda" (the card of this process's number on its machine), or "auto".

    Raises SettingsError where there is no such card.
    """
    if asked == "cpu" or (asked == "auto" and not has_gpu()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise SettingsError(f"device = {asked!r}: torch can use no graphics card here, see `gen3d env`; use cpu")
    number, cards = _number("LOCAL_RANK") or 0, torch.cuda.device_count()
    if number >= cards:
        few = f"process {number + 1} of this machine, which has {cards} cards; start fewer, or use --device cpu"
        raise SettingsError(f"device = {asked!r}: {few}")
    device = torch.device("cuda", number)
    torch.cuda.set_device(device)  # where nccl looks
    return device


def _number(name: str) -> int | None:
    """A launcher's variable; None where it is not set to a number."""
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else None


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    """LostError for what torch raises where another process is gone."""
    try:
        yield
    except RuntimeError:
        raise LostError(LOST) from None
