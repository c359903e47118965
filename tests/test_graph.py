"""The graph: what needs what, side by side in processes, and what a failure takes with it."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from toy_work import work

from gen3d.errors import StorageError
from gen3d.graph import KILLED, NO_MEMORY, Lost, Task, run_nodes


def tasks(folder: Path, needs: dict[str, tuple[str, ...]], **trouble: str) -> dict[str, Task]:
    return {name: Task(work, (folder, name, some, trouble.get(name, "")), some) for name, some in needs.items()}


class Watch:
    """What the driver is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def started(self, name: str) -> None:
        self.told.append(("start", name))

    def ended(self, name: str, lost: Lost | None) -> None:
        self.told.append(("end" if lost is None else "lost", name))

    def most(self) -> int:
        """The largest number of tasks that ran at once."""
        running, most = 0, 0
        for word, name in self.told:
            running += 1 if word == "start" else -1 if ("start", name) in self.told else 0
            most = max(most, running)
        return most


@pytest.mark.parametrize("workers", [1, 3])
def test_every_task_runs_once_after_all_it_needs(workers: int, tmp_path: Path) -> None:
    draw, names = random.Random(workers), [f"t{number:02d}" for number in range(20)]
    needs = {name: tuple(draw.sample(names[:place], min(place, 2))) for place, name in enumerate(names)}
    watch = Watch()
    assert run_nodes(tasks(tmp_path, needs), workers, watch.started, watch.ended) == {}
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    assert sorted(watch.told) == sorted((word, name) for word in ("start", "end") for name in names)
    assert watch.most() <= workers


def test_one_worker_goes_by_the_order_given(tmp_path: Path) -> None:
    watch = Watch()
    needs: dict[str, tuple[str, ...]] = {"a1": (), "b1": (), "b2": ("b1",), "a2": ("a1",), "c": ("elsewhere",)}
    (tmp_path / "elsewhere").touch()  # made before: no task of its own
    run_nodes(tasks(tmp_path, needs), 1, watch.started)
    assert [name for _, name in watch.told] == ["a1", "b1", "b2", "a2", "c"]


@pytest.mark.parametrize(
    ("trouble", "workers", "reason"),
    [
        ("input", 1, "b is no shape"),
        ("input", 2, "b is no shape"),
        ("memory", 1, NO_MEMORY),
        ("memory", 2, NO_MEMORY),
        ("kill", 2, KILLED),
    ],
)
def test_a_failure_takes_what_needs_it_and_nothing_else(
    trouble: str, workers: int, reason: str, tmp_path: Path
) -> None:
    needs: dict[str, tuple[str, ...]] = {
        "a": (), "b": ("a",), "c": ("b",), "d": ("c", "a"), "e": ("a",), "f": ("e",), "g": ()
    }  # fmt: skip
    watch = Watch()
    lost = run_nodes(tasks(tmp_path, needs, b=trouble, g="slow0.3"), workers, watch.started, watch.ended)
    assert lost == {"b": Lost(reason, "b"), "c": Lost("needs b", "b"), "d": Lost("needs b", "b")}
    assert {path.name for path in tmp_path.iterdir()} == {"a", "e", "f", "g"}
    assert {name for word, name in watch.told if word == "lost"} == set(lost)
    assert not {("start", "c"), ("start", "d")} & set(watch.told)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_ends_all_at_once(workers: int, tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(StorageError, match="the disk is full"):
        run_nodes(tasks(tmp_path, {"full": (), "long": (), "next": ("full",)}, full="storage", long="slow60"), workers)
    assert time.monotonic() - begun < 50 and not list(tmp_path.iterdir())


def test_a_task_alone_gets_all_workers_if_it_spreads(tmp_path: Path) -> None:
    plain = tasks(tmp_path, {"first": (), "wide": ("first",), "narrow": ("first",), "last": ("wide", "narrow")})
    spread = {name: task._replace(spreads=name != "narrow") for name, task in plain.items()}
    assert run_nodes(spread, 3) == {}
    widths = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert widths == {"first": "3", "wide": "2", "narrow": "1", "last": "3"}


def test_tasks_that_want_to_be_alone_take_turns(tmp_path: Path) -> None:
    names = ("x", "y", "z", "other")
    plain = tasks(tmp_path, dict.fromkeys(names, ()), other="slow0.5")
    watch = Watch()
    alone = {name: task._replace(alone=name != "other") for name, task in plain.items()}
    assert run_nodes(alone, 4, watch.started, watch.ended) == {}
    turns = [(word, name) for word, name in watch.told if name != "other"]
    assert turns == [(word, name) for name in "xyz" for word in ("start", "end")] and watch.most() == 2
