"""Who does the tasks of a stage: this process, several of this machine, or a Ray cluster. The results are the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, TypeVar

from pydantic import Field

from gen3d.errors import Gen3dError, SettingsError
from gen3d.settings import Settings

T = TypeVar("T")
LOCAL = "local"


class Crew(Settings):
    """How tasks are done. None of it is recorded beside results, which are the same bytes whoever makes them."""

    executor: str = Field(default=LOCAL, description="a name in `EXECUTORS`")
    address: str | None = Field(default=None, description="ray: host:port of a running cluster's head, auto, or local")
    workers: int | None = Field(default=None, ge=1, description="processes; as many as there are processors if not set")
    gpus_per_worker: float = Field(
        default=0, ge=0, description="ray: share of a GPU that each worker takes, or how many"
    )
    retries: int = Field(default=2, ge=0, description="ray: tries after the first, where workers die over a task")

    @property
    def here(self) -> bool:
        """Whether all is done on this machine, in processes of our own."""
        return self.executor == LOCAL


class Lost(NamedTuple):
    """What comes instead of a task's result where its worker died every time, by the numbers of both."""

    number: int
    times: int


Workers = int | Crew  # a number stands for that many processes of this machine
Work = Callable[..., T]
Executor = Callable[[Work[T], Sequence[tuple], Crew], Generator["tuple[int, T] | Lost", None, None]]


def _local(work: Work[T], tasks: Sequence[tuple], crew: Crew) -> Generator[tuple[int, T] | Lost, None, None]:
    from gen3d.workers import in_workers

    workers = min(crew.workers or os.cpu_count() or 1, len(tasks))
    if workers > 1:
        return in_workers(work, tasks, workers)
    return ((number, work(*task)) for number, task in enumerate(tasks))


def _ray(work: Work[T], tasks: Sequence[tuple], crew: Crew) -> Generator[tuple[int, T] | Lost, None, None]:
    from gen3d.ray_workers import on_ray

    return on_ray(work, tasks, crew)


EXECUTORS: dict[str, Executor[Any]] = {LOCAL: _local, "ray": _ray}


def crew_of(workers: Workers) -> Crew:
    """The crew that a number of processes stands for.

    Raises SettingsError for an unknown executor, or settings that it does not have.
    """
    crew = workers if isinstance(workers, Crew) else Crew(workers=workers)
    if crew.executor not in EXECUTORS:
        raise SettingsError(f"unknown executor {crew.executor!r}; known are: {', '.join(EXECUTORS)}")
    for name in ("address", "gpus_per_worker", "retries") if crew.here else ():
        if name in crew.model_fields_set:
            raise SettingsError(f"--{name.replace('_', '-')}: is for --executor ray; leave it out, or choose that one")
    if crew.gpus_per_worker > 1 and crew.gpus_per_worker % 1:
        raise SettingsError(f"--gpus-per-worker {crew.gpus_per_worker:g}: give a share of one GPU, or a whole number")
    return crew


def answers(work: Work[T], tasks: Sequence[tuple], workers: Workers) -> Generator[tuple[int, T] | Lost, None, None]:
    """(number of the task, `work(*task)`) in the order they get done. Closing it ends the workers at once.

    Args:
        work: called in this process or in others, to which it is sent by its name with what it holds.
        tasks: arguments of it. Each may be done more than once where a worker dies, so it must not matter.
        workers: who does them.

    Raises:
        Gen3dError: a local worker is killed. Any error of `work` passes through.
        MissingError: no Ray, or no cluster at the address.
        SettingsError: see `crew_of`.
    """
    crew = crew_of(workers)
    return EXECUTORS[crew.executor](work, tasks, crew) if tasks else (_ for _ in ())


def in_order(
    work: Work[T],
    tasks: Sequence[tuple],
    workers: Workers,
    progress: Callable[[int, T], None] = lambda number, answer: None,
    what: str = "one task",
) -> list[T]:
    """`work(*task)` of all tasks, in their order; `progress` hears the number and the answer of each that is done.

    Raises Gen3dError for a task over which workers die, which is called `what`, and see `answers`.
    """
    found: dict[int, T] = {}
    with closing(answers(work, tasks, workers)) as coming:
        for answer in coming:
            if isinstance(answer, Lost):
                raise Gen3dError(f"{what}: its worker died {answer.times} times; give workers more memory")
            found[answer[0]] = answer[1]
            progress(*answer)
    return [found[number] for number in range(len(tasks))]
