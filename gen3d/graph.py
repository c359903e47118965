"""Runs work that depends on other work: in processes or on a cluster, each piece as soon as what it needs is there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

from gen3d.crew import Workers, crew_of
from gen3d.errors import Gen3dError, StorageError
from gen3d.workers import one_thread, worker_pool

KILLED = "its process was killed, perhaps for want of memory; run again, with fewer workers"
NO_MEMORY = "out of memory; run again, with fewer workers"


class Task(NamedTuple):
    """One piece of work. What it makes is on disk: nothing is passed on.

    Args:
        work: called as `work(*arguments, workers)`, on one thread, perhaps in another process: all of it is picklable.
        needs: the tasks before it.
        spreads: whether more than one worker makes it faster.
        alone: whether no other task of this kind may run meanwhile, as where all use the one GPU.
    """

    work: Callable[..., None]
    arguments: tuple[Any, ...] = ()
    needs: tuple[str, ...] = ()
    spreads: bool = False
    alone: bool = False


class Lost(NamedTuple):
    """Why a task came to nothing.

    Args:
        reason: a line.
        origin: the task that failed; another one where that is what this one needs.
    """

    reason: str
    origin: str


def run_nodes(
    tasks: Mapping[str, Task],
    workers: Workers = 1,
    started: Callable[[str], None] = lambda name: None,
    ended: Callable[[str, Lost | None], None] = lambda name, lost: None,
) -> dict[str, Lost]:
    """Run all tasks but those that need one that failed.

    `workers` processes run a task each; where fewer tasks are ready than processes are free, those that can spread get
    several workers. One worker works in this process. On Ray every task is one worker's, tried again where that dies.
    Of tasks that are ready the first ones in `tasks` go first.

    Args:
        tasks: name -> task; names in `needs` that are not among them are there already.
        workers: who runs them.
        started: called with a task's name.
        ended: called with its name, and why it came to nothing where it did.

    Returns:
        What came to nothing: a Gen3dError of the work, too little memory, a process that was killed, or such a need.

    Raises:
        StorageError: of the work, since no other task could write either; any other error passes through, too. What
            runs then is ended at once.
    """
    sorter = TopologicalSorter({name: [need for need in task.needs if need in tasks] for name, task in tasks.items()})
    sorter.prepare()
    places = {name: place for place, name in enumerate(tasks)}
    ready: list[str] = []
    lost: dict[str, Lost] = {}
    with contextlib.closing(_Seats(workers)) as seats:
        while sorter.is_active():
            ready = sorted([*ready, *sorter.get_ready()], key=places.__getitem__)
            over = [(name, cause) for name in ready if (cause := _barred(tasks[name], lost)) is not None]
            barred = {name for name, _ in over}
            for name, width in seats.fitting(tasks, [name for name in ready if name not in barred]):
                ready.remove(name)
                started(name)
                seats.start(name, tasks[name], width)
            for name, cause in over or seats.finished():
                lost.update({} if cause is None else {name: cause})
                sorter.done(name)
                ended(name, cause)
            ready = [name for name in ready if name not in barred]
    return lost


def _barred(task: Task, lost: Mapping[str, Lost]) -> Lost | None:
    """Why a task can't be run: the first of its needs that came to nothing."""
    origins = [lost[need].origin for need in task.needs if need in lost]
    return Lost(f"needs {origins[0]}", origins[0]) if origins else None


class _Seat(NamedTuple):
    """A process that runs one task at a time."""

    submit: Callable[..., Future[None]]
    leave: contextlib.ExitStack


class _Running(NamedTuple):
    name: str
    width: int
    alone: bool
    seat: _Seat | None  # None: this process, or a cluster


class _Seats:
    """Where tasks run. A process of its own for each, so that one that is killed takes no other with it."""

    def __init__(self, workers: Workers) -> None:
        crew, self._leave = crew_of(workers), contextlib.ExitStack()
        self.workers, self._cluster = crew.workers or os.cpu_count() or 1, None
        if not crew.here:
            from gen3d.ray_workers import calls_on_ray

            self._cluster, self.workers = self._leave.enter_context(calls_on_ray(crew))
        self._running: dict[Future[None], _Running] = {}
        self._idle: list[_Seat] = []

    def fitting(self, tasks: Mapping[str, Task], ready: Iterable[str]) -> list[tuple[str, int]]:
        """Which of the tasks can start now, and with how many workers each."""
        free = self.workers - sum(run.width for run in self._running.values())
        alone = any(run.alone for run in self._running.values())
        names: list[str] = []
        for name in ready:
            if len(names) < free and not (alone and tasks[name].alone):
                names.append(name)
                alone |= tasks[name].alone
        spread = [name for name in names if tasks[name].spreads and self._cluster is None]
        share, more = divmod(free - len(names), len(spread)) if spread else (0, 0)
        widths = {name: 1 + share + (place < more) for place, name in enumerate(spread)}
        return [(name, widths.get(name, 1)) for name in names]

    def start(self, name: str, task: Task, width: int) -> None:
        """Run a task; where there is one worker only, to its end."""
        if self._cluster is not None:
            seat, future = None, self._cluster(task.work, *task.arguments, width)
        elif self.workers == 1:
            seat, future = None, _done_here(task)
        else:
            seat = self._idle.pop() if self._idle else _new_seat()
            future = seat.submit(task.work, *task.arguments, width)
        self._running[future] = _Running(name, width, task.alone, seat)

    def finished(self) -> list[tuple[str, Lost | None]]:
        """Wait for a task to end; the names of all that have by then, and why each came to nothing if it did."""
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        found = []
        for future in [future for future in self._running if future in done]:
            name, _, _, seat = self._running.pop(future)
            if seat is not None:
                self._idle.append(seat)
            found.append((name, self._outcome(future, name)))
        return found

    def _outcome(self, future: Future[None], name: str) -> Lost | None:
        try:
            future.result()
        except StorageError:
            raise
        except Gen3dError as error:
            return Lost(str(error), name)
        except MemoryError:
            return Lost(NO_MEMORY, name)
        except BrokenProcessPool:
            self._idle.pop().leave.close()
            return Lost(KILLED, name)
        return None

    def close(self) -> None:
        """End all processes at once."""
        with self._leave, contextlib.ExitStack() as every:
            for seat in [*self._idle, *(run.seat for run in self._running.values() if run.seat is not None)]:
                every.push(seat.leave)


def _new_seat() -> _Seat:
    leave = contextlib.ExitStack()
    return _Seat(leave.enter_context(worker_pool(1)), leave)


def _done_here(task: Task) -> Future[None]:
    """The task's end, come to in this process."""
    future: Future[None] = Future()
    try:
        with one_thread():
            task.work(*task.arguments, 1)
        future.set_result(None)
    except Exception as error:
        future.set_exception(error)
    return future
