"""Collections in object stores: the bytes of a folder, whatever fails on the way; nothing lost, one line of error."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import fsspec
import pytest
from cli_chain import Run
from faulty_store import URL, FaultyStore
from toy_shards import INFO, built, contents, jobs, toy_shard

from gen3d import manifest, remote
from gen3d.asking import LabelSettings
from gen3d.building import build_shards
from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError, SettingsError, StorageError
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import label
from gen3d.remote import Remote
from gen3d.shards import ShardContent
from gen3d.storage import local, make_folder, place
from gen3d.verification import verify
from gen3d.whole_folder import whole_folder

QUICK = remote.Patience(pauses=(0, 0), answer=20)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three attempts without a pause."""
    monkeypatch.setattr(remote, "PATIENCE", QUICK)


@pytest.fixture
def store() -> Iterator[type[FaultyStore]]:
    """An empty store behind faulty://."""
    fsspec.register_implementation("faulty", FaultyStore, clobber=True)
    FaultyStore.fresh()
    yield FaultyStore
    FaultyStore.released.set()


@pytest.fixture
def memory() -> Iterator[str]:
    """The URL of an empty folder in fsspec's own memory."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield "memory://bucket/home"
    files.store.clear()


def objects(url: str) -> dict[str, bytes]:
    """Every object of a collection, as `contents` of a folder."""
    files, path = fsspec.core.url_to_fs(url)
    found = {name.removeprefix(f"{path}/"): files.cat_file(name) for name in files.find(path)}
    return found | {"manifest.jsonl": b"".join(sorted(found["manifest.jsonl"].splitlines(True)))}


def upload(folder: Path, url: str) -> None:
    """Copy a folder's visible files."""
    for path in folder.iterdir():
        if path.name != ".lock":
            (Remote(url) / path.name).write_bytes(path.read_bytes())


def toys(url: str, shards: int = 3, **trouble: str) -> Collection:
    collection = Collection.create(url, INFO)
    build_shards(collection, "shapes", jobs(shards, **trouble), toy_shard)
    return collection


# --- the same as in a folder ------------------------------------------------------------------------------------------


def test_objects_are_the_files_of_a_folder(tmp_path: Path, memory: str) -> None:
    twin = built(tmp_path / "c")
    made = toys(memory)
    assert objects(memory) == contents(twin.root)
    again = Collection.open(memory)
    assert again.ids() == twin.ids() and again.failures() == twin.failures() and not again.damage()
    assert list(again.samples()) == list(twin.samples()) and again.finished() == twin.finished()
    assert again.fingerprint(("shapes",)) == twin.fingerprint(("shapes",)) == made.fingerprint(("shapes",))


def test_the_stages_give_the_same_bytes(tmp_path: Path, memory: str, tiny_teacher: None) -> None:
    make, ask = GenerateSettings(category="mug", n=3, shard=2), LabelSettings(views=2, size=64, points=512)
    for root in (tmp_path / "c", memory):
        label(generate(make, root), ask)
    assert objects(memory) == contents(tmp_path / "c")
    verdict = verify(memory)
    assert not verdict.damage and (verdict.shards, verdict.samples) == (4, 6)


def test_a_collection_can_be_copied_either_way(tmp_path: Path, memory: str) -> None:
    """Half of it is made in a folder, the rest in the store, and back again: nothing is built twice."""
    counts: list[int] = []
    collection = Collection.create(tmp_path / "c", INFO)
    build_shards(collection, "shapes", jobs(1), toy_shard)
    upload(tmp_path / "c", memory)
    build_shards(Collection.open(memory), "shapes", jobs(2), toy_shard, progress=counts.append)
    back = tmp_path / "back"
    back.mkdir()
    for name in Remote(memory).sizes():
        (back / name).write_bytes((Remote(memory) / name).read_bytes())
    build_shards(Collection.open(back), "shapes", jobs(3), toy_shard, progress=counts.append)
    assert counts == [10, 10] and contents(back) == contents(built(tmp_path / "twin").root)


def test_workers_write_for_themselves(tmp_path: Path) -> None:
    """Through the one store of fsspec that several processes see; it is no object store and wants its folders."""
    (tmp_path / "c" / "manifest").mkdir(parents=True)
    collection = Collection.create(f"local://{tmp_path / 'c'}", INFO)
    assert isinstance(collection.root, Remote)
    build_shards(collection, "shapes", jobs(3), toy_shard, workers=2)
    assert not list((tmp_path / "c" / "manifest").iterdir())
    (tmp_path / "c" / "manifest").rmdir()
    assert contents(tmp_path / "c") == contents(built(tmp_path / "twin").root)


def test_other_settings_are_refused_and_overwritten_on_demand(memory: str) -> None:
    toys(memory)
    before = objects(memory)
    with pytest.raises(SettingsError, match=r"collection.json: seed was 7, now 8"):
        Collection.create(memory, INFO | {"seed": 8})
    assert objects(memory) == before
    assert not len(Collection.create(memory, INFO | {"seed": 8}, overwrite=True))
    assert set(Remote(memory).sizes()) == {"collection.json"}


def test_a_stage_made_anew_keeps_the_others(memory: str) -> None:
    collection = toys(memory)
    collection.begin("knowledge-lite", {"settings": {}})
    collection.add_shard("knowledge-lite", 0, ShardContent([("a.safetensors", b"1")], ["a"]))
    collection.begin("knowledge-lite", {"settings": {"x": 1}}, overwrite=True)
    assert len(collection) == 27 and not collection.ids("knowledge-lite")
    assert "knowledge-lite-00000.tar" not in Remote(memory).sizes()


def test_two_writers_at_once_do_no_harm(tmp_path: Path, memory: str) -> None:
    """Both build all of it, their calls interleaved; the second folds rows of the first."""
    first, second = Collection.create(memory, INFO), Collection.create(memory, INFO)

    def meanwhile(made: int) -> None:
        toys(memory)

    build_shards(first, "shapes", jobs(2), toy_shard, progress=meanwhile)
    build_shards(second, "shapes", jobs(3), toy_shard)
    assert (
        contents(built(tmp_path / "c").root).items()
        >= {name: data for name, data in objects(memory).items() if name != "manifest.jsonl"}.items()
    )
    assert len(Collection.open(memory)) == 27 and not Collection.open(memory).damage()


# --- what fails -------------------------------------------------------------------------------------------------------


def unreachable(root: str, number: int) -> StorageError | None:
    """The error of building where the store can't be reached from some call on."""
    FaultyStore.heal()
    FaultyStore.break_at(lambda call: call >= number, ConnectionError("no\nroute"))
    try:
        toys(root, 2)
    except StorageError as error:
        return error
    finally:
        FaultyStore.heal()
    return None


def test_a_store_lost_at_any_call_loses_nothing_finished(tmp_path: Path, store: type[FaultyStore]) -> None:
    """At every single call of the whole run: one line, only whole shards are listed, and the next run ends the same."""
    want = contents(built(tmp_path / "c", 2).root)
    for number in count():
        store.fresh()
        error = unreachable(URL, number)
        if error is None:
            break
        assert error.exit_code == 5 and "no route (tried 3 times)" in str(error) and "\n" not in str(error)
        kept = Collection.open(URL).finished() if (Remote(URL) / "collection.json").is_file() else set()
        counts: list[int] = []
        collection = Collection.create(URL, INFO)
        build_shards(collection, "shapes", jobs(2), toy_shard, progress=counts.append)
        assert objects(URL) == want and len(counts) == 2 - len(kept), number
    assert number > 20 and objects(URL) == want


def test_most_calls_may_fail(tmp_path: Path, store: type[FaultyStore], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", remote.Patience(pauses=(0,) * 20))
    want = contents(built(tmp_path / "c").root)
    store.break_at(lambda call: random.Random(call).random() < 0.5, OSError("slow down"))
    toys(URL)
    store.heal()
    assert objects(URL) == want


def test_what_stalls_is_asked_again(tmp_path: Path, store: type[FaultyStore], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", remote.Patience(pauses=(0,), answer=1))
    store.stall_at(lambda call: call == 7)
    toys(URL)
    assert objects(URL) == contents(built(tmp_path / "c").root)
    store.stall_at(lambda call: True)
    with pytest.raises(StorageError, match=r"can't read faulty://.*: no answer within 1 s \(tried 2 times\)"):
        Collection.open(URL)


def test_growing_pauses(store: type[FaultyStore], monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(remote, "PATIENCE", remote.Patience())
    monkeypatch.setattr(remote.time, "sleep", waits.append)
    assert isinstance(unreachable(URL, 0), StorageError)
    assert waits == sorted(waits) and len(waits) == 5 and len(set(waits)) == 5


@pytest.mark.parametrize("error", [PermissionError("403"), type("NoCredentialsError", (Exception,), {})("none")])
def test_a_refusal_is_not_asked_again(store: type[FaultyStore], error: Exception) -> None:
    store.break_at(lambda call: True, error)
    with pytest.raises(StorageError, match=r"can't read faulty://.*refused .*look at the credentials"):
        Collection.open(URL)
    assert len(store.calls) == 1


def test_an_interrupted_run_keeps_its_rows(tmp_path: Path, memory: str) -> None:
    """Rows are folded in by the next run; until then they are read as they are."""
    with pytest.raises(KeyboardInterrupt):
        toys(memory, at2="interrupt")
    assert set((Remote(memory) / "manifest").sizes()) == {"shapes-00000.json", "shapes-00001.json"}
    assert Collection.open(memory).finished() == {"shapes-00000.tar", "shapes-00001.tar"}
    (Remote(memory) / "manifest" / "shapes-00001.json").write_bytes(b'{"shard": ')  # no service does that
    assert Collection.open(memory).finished() == {"shapes-00000.tar"}
    toys(memory)
    assert objects(memory) == contents(built(tmp_path / "c").root)


def test_damage_is_found_and_named(memory: str) -> None:
    toys(memory)
    shard = Remote(memory) / "shapes-00001.tar"
    data = bytearray(shard.read_bytes())
    data[600] ^= 1
    shard.write_bytes(data)
    assert Collection.open(memory).damage() == [f"{shard}: chair-000010.glb is damaged"]
    assert verify(memory).remedies[0].startswith("# delete ") and f"# delete {shard}" in verify(memory).remedies
    Remote(memory).remove(["shapes-00001.tar"])
    with pytest.raises(InputError, match=r"shapes-00001.tar: is missing; run the command that made it again"):
        list(Collection.open(memory).samples())
    toys(memory)
    assert Collection.open(memory).damage() == []


# --- places -----------------------------------------------------------------------------------------------------------


def test_places() -> None:
    assert place("a/b") == Path("a/b") and place("file:///a/b") == Path("/a/b") and place(Path("c")) == Path("c")
    url = place("memory://bucket/x/")
    assert url == Remote("memory://bucket/x") == copy.deepcopy(url) and url != Remote("memory://bucket/y")
    assert str(url) == "memory://bucket/x" and (str(url / "a"), (url / "a").name) == ("memory://bucket/x/a", "a")
    with pytest.raises(SettingsError, match=r"wrong://x: unknown kind of URL"):
        place("wrong://x")
    with pytest.raises(SettingsError, match=r"memory://bucket/x: the psb data set is read from a folder"):
        local(url, "the psb data set")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingError, match=r"s3://b/x: needs a package to speak to s3; run: pip install 'gen3d\[s3\]'"):
        Collection.open("s3://b/x")


def test_what_goes_to_a_folder_refuses_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="looks like a URL"):
        make_folder(Path("s3://bucket/student"))
    with pytest.raises(SettingsError, match="looks like a URL"), whole_folder(Path("s3://bucket/student")):
        pass
    assert not list(tmp_path.iterdir())


def test_the_verbs_take_urls(home: Path, memory: str, run: Run) -> None:
    upload(home / "runs/chair/generated", memory)
    before = objects(memory)
    for words, said in (
        (["generate", "--category", "chair", "--preset", "tiny.yaml", "--out", memory], "nothing to do"),
        (["label", memory, "--preset", "tiny.yaml", "--workers", 1], "nothing to do"),
        (["verify", memory], "whole: 4 shards, 6 samples"),
        (["quality", memory, "--points", 512, "--reference", memory], "COV 1.000"),
        (["report", memory, "--out", "page.html"], "1 collections, 3 shapes"),
        (["export", memory, "--format", "ply", "--out", "ply"], "3 shapes as ply"),
        (
            ["distill", "--category", "chair", "--preset", "tiny.yaml", "--generated", memory, "--out", "s"],
            "student of",
        ),
        (["eval", "--student", "s", "--root", memory, "--preset", "tiny.yaml"], "3 of 3 shapes"),
    ):
        end = run(*words)
        assert end.code == 0 and said in end.out + end.err, end
    assert objects(memory) | {"knowledge-lite.png": b""} == before | {"knowledge-lite.png": b""}
    assert Path("generated-quality.png").exists() is False and Path("home-quality.png").stat().st_size
    end = run("eval", "--student", "s", "--root", memory, "--dataset", "psb")
    assert end.code == 2 and "collections alone may be URLs" in end.error
    end = run("verify", "memory://bucket/none")
    assert end.code == 3 and "is not a collection" in end.error


# --- a manifest is read once ------------------------------------------------------------------------------------------


def test_a_manifest_is_read_once_however_many_shards(
    tmp_path: Path, tiny_teacher: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading it once per shard, or per worker's job, is what a million rows do not bear."""
    reads: list[object] = []
    lines = manifest.manifest_lines
    monkeypatch.setattr(manifest, "manifest_lines", lambda root: [reads.append(root), lines(root)][1])
    make, ask = GenerateSettings(category="mug", n=4, shard=1), LabelSettings(views=1, size=64, points=512)
    collection = generate(make, tmp_path / "c")
    assert len(reads) == 1
    label(collection, ask)
    assert len(reads) == 1
    label(generate(make, tmp_path / "c"), ask)
    assert len(reads) == 2


def test_one_shard_alone(tmp_path: Path) -> None:
    collection = built(tmp_path / "c")
    part = copy.deepcopy(collection.only(collection.records()[1]))
    assert part.ids() == collection.ids()[9:18] and list(part.samples()) == list(collection.samples(number=1))
    assert part.info == collection.info and len(collection) == 27


def test_what_another_process_wrote_is_seen(tmp_path: Path) -> None:
    """The manifest is not read again where nothing was written, but wherever something was."""
    first, second = Collection.create(tmp_path / "c", INFO), Collection.create(tmp_path / "c", INFO)
    build_shards(first, "shapes", jobs(2), toy_shard)
    second.reload()
    assert second.finished() == first.finished() and len(second) == 18
    line = (tmp_path / "c" / "manifest.jsonl").read_bytes().splitlines(True)[0]
    row = replace(first.records()[0], failures=[("chair-000003", "other")]).line()
    (tmp_path / "c" / "manifest.jsonl").write_bytes(line + row)
    second.reload()
    assert second.failures() == [("chair-000003", "other")]
