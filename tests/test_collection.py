"""Collections: the same bytes whatever happens, nothing finished is lost, settings never mix."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_shards import INFO, built, contents, jobs, run_script, stamps, toy_shard

from gen3d.building import build_shards
from gen3d.collection import Collection, shape_id, shape_members, shape_seed
from gen3d.errors import Gen3dError, InputError, SettingsError, StorageError
from gen3d.manifest import writing
from gen3d.shape import Shape
from gen3d.shards import ShardContent

BUILD = (
    "build_shards(Collection.create(root, INFO), 'shapes', jobs(8, everywhere='slow0.05'), toy_shard, int(sys.argv[2]))"
)


def test_everything_stored_comes_back_in_order(tmp_path: Path) -> None:
    built(tmp_path / "c")
    collection = Collection.open(tmp_path / "c")
    expected = [toy_shard(payload) for _, payload in jobs(3)]
    assert collection.ids() == [id for c in expected for id in c.ids] and len(collection) == 27
    assert collection.failures() == [(f"chair-0000{i}3", "no luck") for i in range(3)]
    glbs = [(name.removesuffix(".glb"), data) for c in expected for name, data in c.members if name.endswith(".glb")]
    assert list(collection.members("shapes", "glb")) == glbs
    assert list(collection.members("shapes", "glb", number=1)) == glbs[9:18]
    assert collection.category == "chair" and collection.info | INFO == collection.info
    assert collection.finished() == {f"shapes-0000{i}.tar" for i in range(3)}
    assert collection.ids("knowledge-lite") == [] and collection.damage() == []


def test_shards_sort_by_number_not_by_completion(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path / "c", INFO)
    build_shards(collection, "shapes", jobs(12)[::-1], toy_shard)
    assert [record.number for record in Collection.open(tmp_path / "c").records()] == list(range(12))
    assert collection.ids() == sorted(collection.ids())


@pytest.mark.parametrize("workers", [2, 3])
def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    counts: list[int] = []
    built(tmp_path / "one", 5)
    many = Collection.create(tmp_path / "many", INFO)
    build_shards(many, "shapes", jobs(5, at0="slow0.2"), toy_shard, workers, counts.append)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")
    assert counts == [10] * 5
    assert many.ids() == Collection.open(tmp_path / "one").ids()


@pytest.mark.parametrize(("trouble", "workers"), [("raise", 1), ("raise", 2), ("kill", 2)])
def test_an_error_in_the_middle_leaves_only_finished_shards(tmp_path: Path, trouble: str, workers: int) -> None:
    built(tmp_path / "whole", 5)
    root = tmp_path / "c"
    collection = built(root, 2)
    before = stamps(root)
    error, words = (ValueError, "in the middle") if trouble == "raise" else (Gen3dError, "worker process was killed")
    with pytest.raises(error, match=words):
        build_shards(collection, "shapes", jobs(5, at3=trouble), toy_shard, workers)
    assert not list(root.glob(".tmp-*"))
    assert {path.name for path in root.glob("*.tar")} == Collection.open(root).finished()
    calls: list[int] = []
    build_shards(Collection.create(root, INFO), "shapes", jobs(5), toy_shard, workers, calls.append)
    assert len(calls) <= 3
    after = stamps(root)
    untouched = ["shapes-00000.tar", "shapes-00001.tar", "collection.json"]
    assert [after[name] for name in untouched] == [before[name] for name in untouched]
    assert contents(root) == contents(tmp_path / "whole")


def test_a_finished_run_changes_no_file_and_builds_nothing(tmp_path: Path) -> None:
    built(tmp_path / "c")
    before = stamps(tmp_path / "c")
    build_shards(Collection.create(tmp_path / "c", INFO), "shapes", jobs(3, everywhere="raise"), toy_shard, 2)
    assert stamps(tmp_path / "c") == before


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_runs_end_in_the_same_bytes(tmp_path: Path, workers: int) -> None:
    """SIGKILL at many times, each after one more manifest line or none; the parent's workers must die with it."""
    built(tmp_path / "whole", 8)
    root = tmp_path / "c"
    for kill_at in (0, 2, 5):
        process = run_script(BUILD, root, workers)
        while process.poll() is None and _lines(root) <= kill_at:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()  # its pipes close once every worker is gone too
        assert {path.name for path in root.glob("*.tar")} >= Collection.open(root).finished()
        assert Collection.open(root).damage() == []
    assert run_script(BUILD, root, workers).communicate(timeout=60) == ("", "")
    assert contents(root) == contents(tmp_path / "whole")
    assert _lines(root) == 8


def _lines(root: Path) -> int:
    path = root / "manifest.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize("whole_group", [True, False])
def test_ctrl_c_ends_the_workers_without_a_word_from_them(tmp_path: Path, whole_group: bool) -> None:
    body = (
        "try:\n"
        "    todo = jobs(40, at0='', everywhere='slow30')\n"
        "    tell = lambda count: print(count, flush=True)\n"
        "    build_shards(Collection.create(root, INFO), 'shapes', todo, toy_shard, 2, tell)\n"
        "except KeyboardInterrupt:\n    print('stopped')"
    )
    process = run_script(body, tmp_path / "c")
    assert process.stdout is not None and process.stdout.readline() == "10\n"
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=20)  # the jobs would take ten minutes
    assert (output, errors, process.returncode) == ("stopped\n", "", 0)
    assert not list((tmp_path / "c").glob(".tmp-*")) and len(Collection.open(tmp_path / "c").finished()) == 1


def test_interrupt_in_this_process_leaves_only_finished_shards(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path / "c", INFO)
    with pytest.raises(KeyboardInterrupt):
        build_shards(collection, "shapes", jobs(3, at1="interrupt"), toy_shard)
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == [
        ".lock", "collection.json", "manifest.jsonl", "shapes-00000.tar",
    ]  # fmt: skip


def test_a_second_writer_is_refused_at_once(tmp_path: Path) -> None:
    collection = built(tmp_path / "c")
    with writing(collection.root):
        for write in (
            lambda: Collection.create(tmp_path / "c", INFO),
            lambda: build_shards(collection, "shapes", jobs(4), toy_shard),
            lambda: collection.add_shard("shapes", 9, ShardContent()),
            lambda: collection.begin("knowledge-lite", {}),
        ):
            with pytest.raises(StorageError, match="another process is writing to it; wait"):
                write()
        assert len(list(Collection.open(tmp_path / "c").members("shapes", "glb"))) == 27  # readers need no lock
    collection.add_shard("shapes", 9, ShardContent())


def test_two_processes_on_one_folder_lose_and_repeat_nothing(tmp_path: Path) -> None:
    built(tmp_path / "whole", 8)
    body = f"try:\n    {BUILD}\nexcept Gen3dError as error:\n    print(error)"
    runs = [run_script(body, tmp_path / "c", 1) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in runs]
    assert [errors for _, errors in said] == ["", ""]
    assert sum("another process is writing" in output for output, _ in said) <= 1
    assert contents(tmp_path / "c") == contents(tmp_path / "whole") and _lines(tmp_path / "c") == 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 8}, ("seed was 7, now 8",)),
        ({"category": "table"}, ('category was "chair", now "table"',)),
        ({"parts": ["back"]}, ('parts was ["back", "seat"], now ["back"]',)),
        ({"settings": {"views": 12, "size": 3}}, ("settings.views was 10, now 12",)),
        ({"settings": {"views": 10}}, ("settings.size was 3, now not set",)),
        ({"licence": "CC0"}, ('licence was not set, now "CC0"',)),
        ({"settings": {"views": 10, "size": 3, "prompt": "a\nb"}}, ("settings.prompt was not set", r"a\nb")),
    ],
)
def test_other_settings_are_refused_with_the_field_and_both_values(
    tmp_path: Path, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    built(tmp_path / "c")
    before = contents(tmp_path / "c")
    with pytest.raises(SettingsError) as caught:
        Collection.create(tmp_path / "c", INFO | change)
    assert all(word in str(caught.value) for word in (*words, "--overwrite")) and "\n" not in str(caught.value)
    assert contents(tmp_path / "c") == before
    again = Collection.create(tmp_path / "c", INFO | change, overwrite=True)
    assert len(again) == 0 and not list((tmp_path / "c").glob("*.tar"))
    assert again.info | change == again.info


def test_a_later_stage_keeps_its_own_settings(tmp_path: Path) -> None:
    collection = built(tmp_path / "c")
    collection.begin("knowledge-lite", {"views": 10})
    collection.add_shard("knowledge-lite", 0, ShardContent([("a.safetensors", b"x")], ["a"]))
    collection.begin("knowledge-lite", {"views": 10})
    with pytest.raises(SettingsError, match="views was 10, now 12"):
        collection.begin("knowledge-lite", {"views": 12})
    assert collection.ids("knowledge-lite") == ["a"]
    shapes = {name: stamp for name, stamp in stamps(tmp_path / "c").items() if name.startswith("shapes")}
    collection.begin("knowledge-lite", {"views": 12}, overwrite=True)
    assert collection.ids("knowledge-lite") == [] and len(collection) == len(Collection.open(tmp_path / "c")) == 27
    assert shapes.items() <= stamps(tmp_path / "c").items() and not list((tmp_path / "c").glob("knowledge*.tar"))


def test_a_run_overwritten_by_another_stops(tmp_path: Path) -> None:
    mine = built(tmp_path / "c")
    Collection.create(tmp_path / "c", INFO | {"seed": 8}, overwrite=True)
    with pytest.raises(SettingsError, match="overwritten by another run"):
        build_shards(mine, "shapes", jobs(3), toy_shard)
    assert not list((tmp_path / "c").glob("*.tar"))


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(SettingsError, match="holds other files but no collection"):
            Collection.create(tmp_path, INFO, overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    (tmp_path / "deep").mkdir()
    collection = Collection.create(tmp_path / "deep" / "c", INFO)
    (collection.root / "sheet.png").write_bytes(b"a picture of it")
    Collection.create(collection.root, INFO, overwrite=True)
    assert (collection.root / "sheet.png").exists()


def test_not_a_collection(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path, tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(InputError, match=r"is not a collection \(no collection.json\); make one with `gen3d gen"):
            Collection.open(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format_version": 2, "category": "chair"}', "has format 2, newer than 1; upgrade gen3d"),
        ('{"category": "chair"}', "lacks a format_version or a category"),
        ('{"format_version": 1}', "lacks a format_version or a category"),
        ("[]", "is damaged"),
        ("{", "is damaged"),
        ("\ufeff", "is damaged"),
        ("[" * 100_000, "is damaged"),
    ],
)
def test_an_info_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "collection.json").write_text(text)
    with pytest.raises(InputError) as caught:
        Collection.open(tmp_path)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert len(Collection.create(tmp_path, INFO, overwrite=True)) == 0


def test_a_replaced_shard_counts_once(tmp_path: Path) -> None:
    collection = built(tmp_path / "c")
    collection.add_shard("shapes", 1, ShardContent([("new.glb", b"x")], ["new"]))
    for each in (collection, Collection.open(tmp_path / "c")):
        assert len(each) == 19 and each.ids()[9] == "new" and each.damage() == []


def test_a_full_disk_is_one_line_and_the_run_resumes(tmp_path: Path) -> None:
    """A real limit of the system on file size, met in the middle of a shard, then in the middle of a manifest line."""
    built(tmp_path / "whole", 4)
    body = (
        "import resource\n"
        "collection = Collection.create(root, INFO)\n"
        "build_shards(collection, 'shapes', jobs(2), toy_shard)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))\n"
        "try:\n    build_shards(collection, 'shapes', jobs(4), toy_shard, int(sys.argv[3]))\n"
        "except Gen3dError as error:\n    print(error.exit_code, error)"
    )
    for case, workers in enumerate((1, 2)):
        root = tmp_path / f"shard{case}"
        output, errors = run_script(body, root, 5000, workers).communicate(timeout=60)
        assert errors == "" and output.count("\n") == 1
        assert output.startswith("5 can't write") and "shapes-0000" in output
        assert not list(root.glob(".tmp-*")) and len(list(root.glob("*.tar"))) == 2
        assert Collection.open(root).damage() == []
        build_shards(Collection.create(root, INFO), "shapes", jobs(4), toy_shard)
        assert contents(root) == contents(tmp_path / "whole")


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        Collection.create(tmp_path / "file" / "c", INFO)
    collection = built(tmp_path / "c", 1)
    before = contents(tmp_path / "c")

    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", read_only)
        with pytest.raises(StorageError, match="read-only"):
            collection.add_shard("shapes", 1, ShardContent())
    assert contents(tmp_path / "c") == before


def test_seeds_and_ids() -> None:
    seeds = {shape_seed(run, index) for run in range(40) for index in range(250)}
    assert len(seeds) == 10_000 and all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62.9 and shape_seed(1, 23) != shape_seed(12, 3)
    assert shape_seed(0, 0) == 7689419447139100721  # fixed for ever: another value would be another data set
    assert shape_seed(0, 0, 1) == 100565447064811908 and shape_seed(7, 42, 9) == 646394765032370764
    assert shape_id("chair", 42) == "chair-000042"
    assert shape_id("../../etc/passwd", 1) == "etc-passwd-000001"
    assert shape_id("Fauteuil d'été", 2) == "fauteuil-d-ete-000002" and shape_id("椅子", 3) == "shape-000003"
    assert len(shape_id("x" * 10_000, 4)) < 64


def test_shapes_come_back_equal(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = [
        Shape(
            shape_id("chair", i), "chair", rng.random((9, 3), np.float32), np.arange(9).reshape(3, 3),
            np.array([0, 1, 2], np.int16), meta={"prompt": "chair\n椅子", "seed": shape_seed(7, i)},
        )
        for i in range(4)
    ]  # fmt: skip
    collection = Collection.create(tmp_path / "c", INFO)
    for number in (0, 1):
        chosen = shapes[2 * number : 2 * number + 2]
        content = ShardContent([m for shape in chosen for m in shape_members(shape)], [shape.id for shape in chosen])
        collection.add_shard("shapes", number, content)
    back = list(Collection.open(tmp_path / "c").shapes())
    assert [shape.id for shape in collection.shapes(number=1)] == [shape.id for shape in shapes[2:]]
    for shape, twin in zip(shapes, back, strict=True):
        assert (shape.id, shape.category, shape.meta) == (twin.id, twin.category, twin.meta)
        assert np.array_equal(shape.mesh[0][shape.mesh[1]], twin.mesh[0][twin.mesh[1]])
        assert shape.face_labels is not None and twin.face_labels is not None
        assert shape.face_labels.tolist() == twin.face_labels.tolist()


def test_a_shape_that_cannot_be_stored_or_read(tmp_path: Path) -> None:
    faces = np.array([[0, 1, 2]])
    with pytest.raises(InputError, match="s: its meta data can't be stored"):
        shape_members(Shape("s", "chair", np.eye(3, dtype=np.float32), faces, meta={"score": float("nan")}))
    collection = Collection.create(tmp_path / "c", INFO)
    for members in ([("s.glb", b"")], [("s.json", b"{}"), ("s.glb", b"")], [("s.glb", b""), ("s.json", b"[")]):
        collection.add_shard("shapes", 0, ShardContent(members, ["s"]))
        with pytest.raises(InputError, match="s is not a shape"):
            list(collection.shapes())


def test_one_shard_of_a_collection_reads_as_it_does_among_all(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path / "c", INFO)
    build_shards(collection, "shapes", jobs(3), toy_shard)
    for one in (collection, Collection.open(tmp_path / "c")):  # written to, and read
        for record in one.records():
            part = one.only(record)
            assert part.records() == [record] and part.ids() == record.ids
            assert list(part.samples()) == list(one.samples(number=record.number))
