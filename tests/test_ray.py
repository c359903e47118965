"""Tasks on Ray end in the bytes of a local run; what workers die over is tried again, then split, then a failure."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled import Stripes
from ray_tasks import VARIABLES, Troubled, in_vain, noted, samples
from sample_students import tiny
from toy_shards import INFO, built, contents, jobs, toy_shard
from toy_work import work

from distill.baselines import make_baseline
from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings, Run, evaluate_baseline, evaluate_student
from gen3d import ray_workers
from gen3d.building import build_shards
from gen3d.categories import category
from gen3d.collection import Collection
from gen3d.crew import Crew, Lost, answers, crew_of, in_order
from gen3d.errors import Gen3dError, MissingError, SettingsError, StorageError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.graph import Task, run_nodes
from gen3d.importing import ImportSettings, import_shapes
from gen3d.inputs import find_inputs
from gen3d.labelling import LabelSettings, label
from gen3d.mesh_io import write_shape
from gen3d.quality import QualitySettings, quality
from gen3d.workers import in_workers

ray = pytest.importorskip("ray", reason="needs Ray: python -m pip install 'gen3d[ray]'")
RAY = Crew(executor="ray", workers=2, retries=0)
ONE = RAY.model_copy(update={"workers": 1})  # an actor costs a second of a processor


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One local instance for all tests of this file."""
    with ray_workers._quiet():
        ray.init(
            address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="CRITICAL",
            object_store_memory=100 << 20, runtime_env={"env_vars": VARIABLES},
        )  # fmt: skip
        yield
        ray.shutdown()


# --- building -----------------------------------------------------------------------------------------------------


def test_bytes_are_those_of_a_local_run(cluster: None, tmp_path: Path) -> None:
    counts: list[int] = []
    built(tmp_path / "one", 5)
    many = Collection.create(tmp_path / "many", INFO)
    build_shards(many, "shapes", jobs(5, at0="slow0.5"), toy_shard, RAY, counts.append)
    assert contents(tmp_path / "many") == contents(tmp_path / "one") and counts == [10] * 5
    build_shards(many, "shapes", jobs(5, everywhere="raise"), toy_shard, RAY, counts.append)  # nothing is left to do
    assert len(counts) == 5


def troubled(root: Path, deadly: tuple[int, ...], workers: Any, **more: Any) -> tuple[Collection, list[int]]:
    """Three shards of four samples, and what the progress heard."""
    (root.parent / "notes").mkdir(exist_ok=True)
    collection, counts = Collection.create(root, INFO), []
    todo = [(number, Troubled(number, deadly, root.parent / "notes", **more)) for number in range(3)]
    build_shards(collection, "shapes", todo, samples, workers, counts.append)
    return collection, counts


@pytest.mark.parametrize("group", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_sample_that_kills_its_worker_becomes_a_failure_and_no_other_does(
    cluster: None, tmp_path: Path, group: bool
) -> None:
    whole, _ = troubled(tmp_path / "whole", (), 1)
    found, counts = troubled(tmp_path / "c", (5,), RAY, group=group)
    assert found.failures() == sorted([*whole.failures(), ("chair-000005", "its worker died 1 times")])
    assert found.ids() == [id for id in whole.ids() if id != "chair-000005"] and sorted(counts) == [4, 4, 4]
    assert found.damage() == [] and not list(found.root.glob(".tmp-*"))
    kept = {id: parts for id, parts in whole.samples() if id != "chair-000005"}
    assert dict(found.samples()) == kept
    todo = [(number, Troubled(number, (), tmp_path / "notes")) for number in range(3)]
    build_shards(found, "shapes", todo, samples, 1, retry_failed=True)  # once it is mended
    assert [path.read_bytes() for path in sorted(found.root.glob("*.tar"))] == [
        path.read_bytes() for path in sorted(whole.root.glob("*.tar"))
    ]


@pytest.mark.slow
def test_an_error_of_the_builder_passes_through(cluster: None, tmp_path: Path) -> None:
    collection = built(tmp_path / "c", 2)
    with pytest.raises(ValueError, match="in the middle"):
        build_shards(collection, "shapes", jobs(5, at3="raise"), toy_shard, RAY)
    assert not list((tmp_path / "c").glob(".tmp-*")) and collection.finished() >= {"shapes-00000.tar"}
    build_shards(Collection.create(tmp_path / "c", INFO), "shapes", jobs(5), toy_shard, RAY)
    built(tmp_path / "whole", 5)
    assert contents(tmp_path / "c") == contents(tmp_path / "whole")


# --- tasks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "retries", "tries"), [("die", 1, 2), ("full", 1, 2)])
def test_a_task_is_tried_again_so_many_times(cluster: None, tmp_path: Path, how: str, retries: int, tries: int) -> None:
    crew = ONE.model_copy(update={"retries": retries})
    found = list(answers(partial(in_vain, tmp_path, 1, how), [(n,) for n in range(4)], crew))
    assert found == [(0, 0), (2, 20), (3, 30), (1, 10)]  # after all others
    assert [len((tmp_path / f"task{n}").read_text()) for n in range(4)] == [1, tries, 1, 1]


def test_what_does_not_get_better_ends_the_run(cluster: None, tmp_path: Path) -> None:
    tasks = [(n,) for n in range(3)]
    assert sorted(answers(partial(in_vain, tmp_path, 9, "die"), tasks, ONE)) == [(0, 0), Lost(1, 1), (2, 20)]
    with pytest.raises(StorageError, match="disk full"):
        in_order(partial(in_vain, tmp_path, 9, "full"), tasks, ONE)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        in_order(partial(in_vain, tmp_path, 9, "wrong"), tasks, ONE)
    with pytest.raises(Gen3dError, match="shard 7: its worker died 1 times; give workers more memory"):
        in_order(partial(in_vain, tmp_path, 9, "die"), tasks[1:], ONE, what="shard 7")


def test_each_of_a_bounded_number_of_actors_does_one_task_at_a_time(cluster: None, tmp_path: Path) -> None:
    found = in_order(partial(noted, tmp_path, 0.05), [(n,) for n in range(12)], RAY)
    by_actor: dict[int, list[tuple[float, float]]] = {}
    for process, start, end, devices in found:
        assert devices == ""
        by_actor.setdefault(process, []).append((start, end))
    assert len(by_actor) <= 2
    for spans in by_actor.values():
        ordered = sorted(spans)
        assert all(first[1] <= second[0] for first, second in zip(ordered, ordered[1:], strict=False))


def test_another_gen3d_on_a_node_is_refused(cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_workers, "__version__", "9.9")
    with pytest.raises(Gen3dError, match=r"ray: node .* has gen3d 0.* this one 9.9; other versions make other bytes"):
        in_order(max, [(1, 2)], ONE)


# --- the stages ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled mugs and imported ones, by this process."""
    return made(tmp_path_factory.mktemp("local"), 1)


def made(home: Path, workers: int | Crew) -> Path:
    """A folder with a generated and labelled collection, and one imported from its meshes."""
    mugs = generate(GenerateSettings(category="mug", n=5, shard=2), home / "made", workers)
    label(mugs, LabelSettings(views=2, size=64, points=512), workers)
    (home / "files").mkdir()
    for shape in mugs.shapes():
        write_shape(shape, home / "files" / f"{shape.id}.glb")
    (home / "files" / "broken.glb").write_bytes(b"no mesh")
    settings = ImportSettings(category="mug", shard=2)
    import_shapes(settings, find_inputs([home / "files"], "mug"), home / "taken", workers)
    return home


def test_generate_label_and_import_give_the_same_bytes(cluster: None, local: Path, tmp_path: Path) -> None:
    found = made(tmp_path, RAY)
    for name in ("made", "taken"):
        assert contents(found / name) == contents(local / name)


def test_quality_finds_the_same(cluster: None, local: Path) -> None:
    mugs, how, counts = Collection.open(local / "made"), QualitySettings(points=64), []
    found = quality(mugs, local / "taken", how, ONE, counts.append)
    assert found == quality(mugs, local / "taken", how) and sorted(counts) == [1, 2, 2]


def test_scores_are_the_same(cluster: None) -> None:
    shapes = [ProceduralGenerator().generate("chair", seed, f"chair-{seed}") for seed in range(5)]
    labelled = LabelledSet("made", "chair", category("chair").parts, shapes, 5)
    how, heard = EvalSettings(points=512, passes=2, dataset="collection"), []
    run, label = Run(ONE, heard.append), LabelSettings(views=2, size=64)
    for score in (
        partial(evaluate_student, tiny(), labelled, how),
        partial(evaluate_baseline, make_baseline("votes"), Stripes(), labelled, how, label),
    ):
        here, there = score(), score(run=run)
        assert all((a.prediction == b.prediction).all() for a, b in zip(here.shapes, there.shapes, strict=True))
        assert here.as_dict(how) == there.as_dict(how) and len(np.unique(here.shapes[0].prediction)) > 1
    assert sorted(heard) == [1, 4, 5]


# --- what can't be --------------------------------------------------------------------------------------------------


def test_settings_that_do_not_go_together() -> None:
    assert crew_of(3) == Crew(workers=3) and crew_of(RAY) is RAY
    for crew, words in (
        (Crew(executor="dask"), "unknown executor 'dask'; known are: local, ray"),
        (Crew(address="auto"), "--address: is for --executor ray"),
        (Crew(gpus_per_worker=0.5), "--gpus-per-worker: is for --executor ray"),
        (Crew(executor="ray", gpus_per_worker=1.5), "--gpus-per-worker 1.5: give a share of one GPU, or a whole"),
    ):
        with pytest.raises(SettingsError, match=words):
            list(answers(max, [(1, 2)], crew))


def test_without_ray_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingError, match=r"needs Ray .*; install it with `python -m pip install 'gen3d\[ray\]'`"):
        list(answers(max, [(1, 2)], RAY))


def test_an_address_without_a_cluster_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_workers, "_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address, words, error in (
            (f"127.0.0.1:{silent.getsockname()[1]}", "no Ray cluster there .*timed out", MissingError),
            ("127.0.0.1:1", "no Ray cluster there .*refused", MissingError),
            ("ray://127.0.0.1:10001", "is none that gen3d connects to; give host:port of the head", SettingsError),
            ("127.0.0.1", "is none that gen3d connects to", SettingsError),
        ):
            with pytest.raises(error, match=words):
                ray_workers._reached(address)


def test_words_of_ray_go_nowhere_and_ours_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    with ray_workers._quiet():
        sys.stdout.write("ours\n")
        thread = threading.Thread(target=sys.stdout.write, args=("a worker died",), name="ray_listen_error_messages")
        thread.start()
        thread.join()
    assert capsys.readouterr().out == "ours\n"


def test_local_workers_number_their_answers() -> None:
    assert sorted(in_workers(max, [(1, 2), (4, 3)], 2)) == [(0, 2), (1, 4)]


# --- graphs -------------------------------------------------------------------------------------------------------


def test_a_graph_runs_on_a_cluster_and_a_deadly_task_takes_only_what_needs_it(cluster: None, tmp_path: Path) -> None:
    needs: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "deadly": ("a",), "vain": ("deadly",), "c": ("b",)}
    trouble = {"deadly": "kill"}
    tasks = {name: Task(work, (tmp_path, name, some, trouble.get(name, "")), some) for name, some in needs.items()}
    lost = run_nodes(tasks, RAY)
    assert set(lost) == {"deadly", "vain"} and lost["vain"].origin == "deadly"
    assert "died 1 times" in lost["deadly"].reason
    assert {path.name for path in tmp_path.iterdir()} >= {"a", "b", "c"}


def test_a_full_disk_ends_a_graph_on_a_cluster(cluster: None, tmp_path: Path) -> None:
    tasks = {
        "full": Task(work, (tmp_path, "full", (), "storage")),
        "long": Task(work, (tmp_path, "long", (), "slow60")),
    }
    with pytest.raises(StorageError, match="full"):
        run_nodes(tasks, RAY)
    assert not (tmp_path / "long").exists()  # it was ended, not waited for
