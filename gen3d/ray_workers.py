"""Tasks on a Ray cluster: one actor per worker, one task at a time in each, so that the driver's memory stays flat."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from gen3d import __version__
from gen3d.crew import Crew, Lost
from gen3d.errors import Gen3dError, MissingError, SettingsError, StorageError
from gen3d.workers import THREADS

T = TypeVar("T")
INSTALL = "python -m pip install 'gen3d[ray]'"
AUTO, LOCAL = "auto", "local"
_ANSWER = 10  # seconds for a cluster's head to answer at its address
_START = 600  # seconds without any worker until that is an error: a cloud takes minutes to bring a machine up
_STORE = 256 << 20  # bytes of a local instance's object store; results are small
_OWN = {"prestart_worker_first_driver": False}  # of a local instance: processes that our actors could not use
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"  # how a gRPC client begins; the head answers to that
_PASSED_ON = ("HF_HUB_OFFLINE",)


def on_ray(work: Callable[..., T], tasks: Sequence[tuple], crew: Crew) -> Generator[tuple[int, T] | Lost, None, None]:
    """(number, `work(*task)`) of every task, in the order they get done; see `gen3d.crew.answers`.

    A task whose worker dies is tried again by another one, after all others, `crew.retries` times; so is one that
    ends in a StorageError.
    """
    ray = _ray()
    with _quiet(), _connected(ray, crew):
        pool = _Pool(ray, work, crew, len(tasks))
        try:
            yield from pool.results(tasks)
        finally:
            pool.end()


@contextlib.contextmanager
def calls_on_ray(crew: Crew) -> Iterator[tuple[Callable[..., Future[None]], int]]:
    """What hands calls, `(work, *arguments)`, to the cluster, each to an actor of its own; and how many fit at once.

    A call over which its worker dies is made again, `crew.retries` times, then ends in a Gen3dError. In the end all
    that still runs is ended at once.
    """
    ray, pools = _ray(), list[_Pool]()
    with _quiet(), _connected(ray, crew):
        room = crew.workers or _room(ray, crew)
        threads = ThreadPoolExecutor(room)

        def call(work: Callable[..., None], arguments: tuple) -> None:
            pools.append(pool := _Pool(ray, work, crew, 1))
            try:
                for answer in pool.results([arguments]):
                    if isinstance(answer, Lost):
                        raise Gen3dError(f"its worker died {answer.times} times; give workers more memory")
            finally:
                pool.end()

        try:
            yield lambda work, *arguments: threads.submit(call, work, arguments), room
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for pool in pools:
                pool.end()
            threads.shutdown()


class Hand:
    """What is made an actor: knows its work, and does one task of it after the other.

    Args:
        work: with all it keeps, for the whole life of the actor.
    """

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work

    def hello(self) -> tuple[str, str]:
        """Where it is, and the version of gen3d there."""
        return socket.gethostname(), __version__

    def do(self, task: tuple) -> Any:
        """The result of one task."""
        return self._work(*task)


class _Job(NamedTuple):
    number: int
    task: tuple
    times: int = 0  # that it was tried


class _Pool:
    """The actors and what they do."""

    def __init__(self, ray: Any, work: Callable[..., Any], crew: Crew, tasks: int) -> None:
        self._ray, self._crew = ray, crew
        self._exceptions = ray.exceptions
        needs = {"num_cpus": 1, "num_gpus": crew.gpus_per_worker}
        self._new = ray.remote(max_restarts=0, max_task_retries=0, **needs)(Hand).remote
        self._work = ray.put(work)
        self._size = min(crew.workers or _room(ray, crew), tasks)
        self._busy: dict[Any, tuple[Any, _Job | None]] = {}  # by what is awaited; no job: an actor that is starting
        self._again: deque[_Job] = deque()
        self._idle: list[Any] = []
        self._failed_starts = 0
        self._over = False
        self._seen = time.monotonic()  # when there last was a worker

    def results(self, tasks: Sequence[tuple]) -> Generator[tuple[int, Any] | Lost, None, None]:
        """The results, or what was lost, in the order they come."""
        for _ in range(self._size):
            self._start()
        fresh, left = map(_Job, range(len(tasks)), tasks), len(tasks)
        while left and not self._over:
            self._hand_out(fresh)
            done, _ = self._ray.wait(list(self._busy), timeout=1)
            for awaited in done:
                actor, job = self._busy.pop(awaited)
                answer = self._answer(awaited, actor, job)
                if answer is not None:
                    left -= 1
                    yield answer
            self._check_patience()

    def end(self) -> None:
        """End the actors at once, whatever they do; none is started after."""
        self._over = True
        for actor in [*self._idle, *(actor for actor, _ in list(self._busy.values()))]:
            with contextlib.suppress(Exception):  # the cluster may be gone, and this may be why we end
                self._ray.kill(actor)

    def _start(self) -> None:
        """One more actor, or one in a dead one's place."""
        actor = self._new(self._work)
        self._busy[actor.hello.remote()] = (actor, None)

    def _hand_out(self, fresh: Iterator[_Job]) -> None:
        """Give idle actors a task each: a fresh one, else one to try again."""
        while self._idle:
            job = next(fresh, None) or (self._again.popleft() if self._again else None)
            if job is None:
                return
            actor = self._idle.pop()
            self._busy[actor.do.remote(job.task)] = (actor, job._replace(times=job.times + 1))

    def _answer(self, awaited: Any, actor: Any, job: _Job | None) -> tuple[int, Any] | Lost | None:
        """What comes of something awaited; None where nothing does yet."""
        try:
            found = self._ray.get(awaited)
        except self._exceptions.RayTaskError as error:
            self._idle.append(actor)
            cause = _cause(error)
            if job is None or not isinstance(cause, StorageError) or job.times > self._crew.retries:
                raise cause from None
            self._again.append(job)
            return None
        except self._exceptions.RayError as error:  # an actor or its node died, or can't be reached any more
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
            if job is None:
                self._check_start(error)
            self._start()
            return None if job is None else self._died(job)
        self._idle.append(actor)
        if job is None:
            self._check_version(*found)
            return None
        return job.number, found

    def _died(self, job: _Job) -> Lost | None:
        """The task once it was tried often enough."""
        if job.times > self._crew.retries:
            return Lost(job.number, job.times)
        self._again.append(job)
        return None

    def _check_version(self, host: str, version: str) -> None:
        """Raise Gen3dError for a node with another gen3d."""
        self._failed_starts = 0
        if version != __version__:
            hint = "other versions make other bytes: install the same one on every node"
            raise Gen3dError(f"ray: node {host} has gen3d {version}, this one {__version__}; {hint}")

    def _check_start(self, error: Exception) -> None:
        """Raise MissingError where gen3d can't be imported on a node, Gen3dError where no start succeeds."""
        text = str(error).strip()
        last = text.splitlines()[-1] if text else type(error).__name__
        if "ModuleNotFoundError" in text or "ImportError" in text:
            raise MissingError(f"ray: a node can't start gen3d ({last}); install gen3d {__version__} on every node")
        self._failed_starts += 1
        if self._failed_starts > self._size * (self._crew.retries + 1):
            raise Gen3dError(f"ray: workers die as they start ({last}); see the cluster's logs")

    def _check_patience(self) -> None:
        """Raise Gen3dError once there was no worker for too long."""
        if self._idle or any(job is not None for _, job in self._busy.values()):
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > _START:
            raise Gen3dError(f"ray: no worker could be started in {_START} s; {_short_of(self._ray, self._crew)}")


def _cause(error: Any) -> BaseException:
    """What was raised in a worker."""
    return error.cause if isinstance(error.cause, BaseException) else error


def _room(ray: Any, crew: Crew) -> int:
    """How many workers fit on the cluster as it is; one at least, for which it may have to grow."""
    has = ray.cluster_resources()
    fits = [has.get("CPU", 0)] + ([has.get("GPU", 0) / crew.gpus_per_worker] if crew.gpus_per_worker else [])
    return max(1, int(min(fits) + 1e-6))


def _short_of(ray: Any, crew: Crew) -> str:
    """What a worker needs and what there is."""
    has = ray.cluster_resources()
    needs = f"a worker needs 1 CPU and {crew.gpus_per_worker:g} GPUs"
    return f"{needs}, the cluster has {has.get('CPU', 0):g} and {has.get('GPU', 0):g}"


# --- The connection -----------------------------------------------------------------------------------------------


def _ray() -> Any:
    """Ray itself. Raises MissingError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with _own_signals():
            import ray
            import ray.exceptions
    except ImportError as error:
        raise MissingError(f"--executor ray needs Ray ({error}); install it with `{INSTALL}`") from None
    return ray


@contextlib.contextmanager
def _connected(ray: Any, crew: Crew) -> Iterator[None]:
    """A connection to the cluster, which is ended; but one that is there already is used, and left to who made it."""
    if ray.is_initialized():
        yield
        return
    address = crew.address or os.environ.get("RAY_ADDRESS") or LOCAL
    own = {"object_store_memory": _STORE, "_system_config": _OWN} if address == LOCAL else {}
    variables = dict.fromkeys(THREADS, "1") | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    variables |= {} if crew.gpus_per_worker else {"CUDA_VISIBLE_DEVICES": ""}  # else every worker would take the first
    address = _reached(address)
    try:
        with _own_signals():
            ray.init(
                address=address,
                include_dashboard=False if own else None,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                runtime_env={"env_vars": variables},
                **own,
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise MissingError(f"--address {address}: no Ray cluster there ({reason})") from None
    try:
        if own and ray.cluster_resources().get("GPU", 0) < crew.gpus_per_worker:
            raise SettingsError(f"--gpus-per-worker {crew.gpus_per_worker:g}: {_short_of(ray, crew)}")
        yield
    finally:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # it tells what it told before
            ray.shutdown()


def _reached(address: str) -> str:
    """The address, once something answers there as Ray's head does: Ray itself would wait for minutes, noisily.

    Raises MissingError, or SettingsError for an address of another kind.
    """
    if address == LOCAL:
        return address
    if address == AUTO:
        noted = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray" / "ray_current_cluster"
        address = noted.read_text().strip() if noted.is_file() else address
        if address == AUTO:
            return address  # Ray looks at once for what runs on this machine
    host, _, port = address.rpartition(":")
    if "//" in address or not host or not port.isdecimal():
        hint = "give host:port of the head, or run gen3d on a node with `--address auto`"
        raise SettingsError(f"--address {address}: is none that gen3d connects to; {hint}")
    try:
        with socket.create_connection((host, int(port)), timeout=_ANSWER) as connection:
            connection.sendall(_HELLO)
            answered = bool(connection.recv(1))
    except (OSError, OverflowError) as error:
        raise MissingError(f"--address {address}: no Ray cluster there ({error}); start one, see docs/ray.md") from None
    if not answered:
        raise MissingError(f"--address {address}: what listens there is no Ray cluster; start one, see docs/ray.md")
    return address


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Ray's own words go nowhere: its log, and what a thread of its prints on stdout, which is for results."""
    logger, before = logging.getLogger("ray"), logging.getLogger("ray").level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(_OursAlone(sys.stdout)):
            yield
    finally:
        logger.setLevel(before)


class _OursAlone:
    """A stream that threads of Ray's write to in vain."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, unless it is Ray's."""
        return len(text) if threading.current_thread().name.startswith("ray_") else self._stream.write(text)

    def flush(self) -> None:
        """As the stream does it."""
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Our handlers of SIGINT and SIGTERM come back: Ray puts its own in their place."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            with contextlib.suppress(ValueError, TypeError):  # not the main thread, or a handler that is not Python's
                signal.signal(number, handler)
