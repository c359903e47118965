"""Nodes and drivers that are killed: nothing is lost, nothing is there twice, the bytes are those of a local run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from killing import GENERATE, OUT, PRESET, finish, start
from ray_tasks import VARIABLES, Troubled, noted, samples
from toy_shards import INFO, contents

from gen3d import ray_workers
from gen3d.building import build_shards
from gen3d.collection import Collection
from gen3d.crew import Crew, in_order
from gen3d.workers import THREADS

ray = pytest.importorskip("ray", reason="needs Ray: python -m pip install 'gen3d[ray]'")
pytestmark = pytest.mark.slow
ON_RAY = ("--executor", "ray", "--workers", 2, "--address", "local")
MANY = ("--n", 300)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Starts a cluster on this machine; its nodes are processes of their own."""
    from ray.cluster_utils import Cluster

    for name in (*THREADS, "PYTHONPATH"):
        monkeypatch.setenv(name, VARIABLES[name])
    made: list[Cluster] = []

    def begin(**head: Any) -> Cluster:
        made.append(Cluster(initialize_head=True, head_node_args=head))
        return made[0]

    with ray_workers._quiet():
        yield begin
        for one in made:
            one.shutdown()


@pytest.mark.parametrize("deadly", [(), (9,)])
def test_a_node_that_goes_takes_nothing_with_it(
    cluster: Callable[..., Any], tmp_path: Path, deadly: tuple[int, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    todo = [(number, Troubled(number, (), notes)) for number in range(10)]
    whole = Collection.create(tmp_path / "whole", INFO)
    build_shards(whole, "shapes", todo, samples)
    for note in notes.iterdir():
        note.unlink()
    nodes = cluster(num_cpus=1)
    other = nodes.add_node(num_cpus=1)
    gone: list[str] = []

    def progress(count: int) -> None:
        at_work = {line for note in notes.iterdir() for line in note.read_text().split()}
        if len(at_work) == 2 and not gone:
            gone.append(other.node_id)
            nodes.remove_node(other, allow_graceful=False)

    crew = Crew(executor="ray", address=nodes.address, workers=2, retries=1)
    found = Collection.create(tmp_path / "c", INFO)
    capfd.readouterr()
    todo = [(number, Troubled(number, deadly, notes, seconds=0.3)) for number in range(10)]
    build_shards(found, "shapes", todo, samples, crew, progress)
    assert gone and capfd.readouterr() == ("", "")
    assert found.failures() == sorted(
        whole.failures() + [(f"chair-{n:06d}", "its worker died 2 times") for n in deadly]
    )
    same, expected = contents(found.root), contents(whole.root)
    if deadly:
        del same["shapes-00002.tar"], expected["shapes-00002.tar"]
        same |= {"manifest.jsonl": b"", "README.md": b""}
        expected |= {"manifest.jsonl": b"", "README.md": b""}
    assert same == expected and not list(found.root.glob(".tmp-*"))
    assert (found.root / "manifest.jsonl").read_bytes().count(b"\n") == 10


def test_four_workers_share_a_gpu(cluster: Callable[..., Any], tmp_path: Path) -> None:
    nodes = cluster(num_cpus=5, num_gpus=1)
    crew = Crew(executor="ray", address=nodes.address, gpus_per_worker=0.25)
    found = in_order(partial(noted, tmp_path, 1.0), [(n,) for n in range(12)], crew)
    assert len({process for process, *_ in found}) == 4 and {devices for *_, devices in found} == {"0"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With the settings of twelve shards, and what an uninterrupted local run makes of them."""
    for name in ("home", "local"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tiny.yaml").write_text(PRESET)
    finish(tmp_path / "local", *GENERATE, *MANY, "--workers", 1)
    return tmp_path / "home"


def begun(home: Path) -> Any:
    """A run on Ray, once it has finished two shards."""
    child = start(home, *GENERATE, *ON_RAY, *MANY)
    manifest = home / OUT / "manifest.jsonl"
    while child.poll() is None and not (manifest.is_file() and manifest.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    assert child.poll() is None
    return child


def test_a_driver_that_is_killed_leaves_what_another_goes_on_with(home: Path) -> None:
    child = begun(home)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=60)
    assert 4 <= len(Collection.open(home / OUT)) < 300 and not Collection.open(home / OUT).damage()
    finish(home, *GENERATE, *ON_RAY, *MANY)  # not refused by a lock
    assert contents(home / OUT) == contents(home.parent / "local" / OUT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("group", [False, True])
def test_an_interrupt_is_one_line(home: Path, number: signal.Signals, group: bool) -> None:
    child = begun(home)
    (os.killpg if group else os.kill)(child.pid, number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (128 + number, "")
    assert err.startswith("gen3d: interrupted") and err.count("\n") == 1
    assert not list((home / OUT).glob(".tmp-*")) and not Collection.open(home / OUT).damage()
