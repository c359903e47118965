"""Work for the tests of the graph; light to import, since every worker process does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from gen3d.errors import InputError, StorageError


def work(folder: Path, name: str, needs: tuple[str, ...], trouble: str, workers: int) -> None:
    """Write a file with the number of workers, once those that it needs are there; the trouble may come first."""
    if lacking := [need for need in needs if not (folder / need).is_file()]:
        raise RuntimeError(f"{name} ran before {lacking}")
    if trouble == "input":
        raise InputError(f"{name} is no shape")
    if trouble == "memory":
        raise MemoryError
    if trouble == "storage":
        raise StorageError("the disk is full")
    if trouble == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble.startswith("slow"):
        time.sleep(float(trouble.removeprefix("slow")))
    (folder / name).write_text(str(workers))
