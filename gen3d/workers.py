"""Worker processes that compute on one thread each, and end with their parent however that one ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from gen3d.errors import Gen3dError

T = TypeVar("T")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def in_workers(work: Callable[..., T], tasks: Sequence[tuple], workers: int) -> Generator[tuple[int, T], None, None]:
    """(number, `work(*task)`) of every task in worker processes, in the order they get done.

    Closing it ends the workers at once.

    Raises Gen3dError where a worker is killed; any error of `work` passes through.
    """
    try:
        with worker_pool(workers) as submit:
            numbers = {submit(work, *task): number for number, task in enumerate(tasks)}
            for future in as_completed(list(numbers)):
                yield numbers.pop(future), future.result()
    except BrokenProcessPool:
        hint = "finished shards are kept; run again, with fewer workers"
        raise Gen3dError(f"a worker process was killed, perhaps for want of memory; {hint}") from None


@contextlib.contextmanager
def worker_pool(workers: int) -> Iterator[Callable[..., Future[Any]]]:
    """What hands calls, `(work, *arguments)`, to worker processes; in the end these end at once, even amid one."""
    context = multiprocessing.get_context("spawn")
    lifeline, holder = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(lifeline,))

    def submit(work: Callable[..., T], *arguments: Any) -> Future[T]:
        with one_thread(), _interrupts_held_back():
            return pool.submit(work, *arguments)  # starts the worker too

    try:
        yield submit
    finally:
        # By this alone the workers end. Asked politely, one could wait for ever for a lock that another died with.
        holder.close()
        pool.shutdown(cancel_futures=True)
        lifeline.close()


def _start_worker(lifeline: Connection) -> None:
    """Let this worker end with its parent, however that one ends."""
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()


def _end_with_parent(lifeline: Connection) -> None:
    """Wait until the only other end of the pipe, which the parent holds, is closed."""
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Numeric libraries on one thread, here and in processes started here: with more, sums come out differently."""
    saved = {name: os.environ.get(name) for name in THREADS}
    before = _torch_threads(1)
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in saved.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        asked = saved["OMP_NUM_THREADS"] or ""  # what torch would have read, had it not been imported in between
        _torch_threads(before or (int(asked) if asked.isdecimal() else os.cpu_count() or 1))


def _torch_threads(count: int) -> int | None:
    """Set torch's number of threads; the one before, or None where torch is not imported."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    return before


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits; processes started meanwhile never get it, so that the parent alone says one line and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
