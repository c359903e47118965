"""Shards and manifest: every damage and forgery is seen and named; no name leaves the folder."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_shards import INFO, built, contents, jobs, run_script, toy_shard

from gen3d.building import build_shards
from gen3d.collection import Collection, shape_id
from gen3d.errors import InputError
from gen3d.shards import ShardContent, ShardRecord, stage_shard


def test_a_shard_is_a_plain_tar_any_tool_reads(tmp_path: Path) -> None:
    """The layout promised to WebDataset users, checked with tarfile and against a tar written by tarfile itself."""
    collection = built(tmp_path / "c", 1)
    content = toy_shard((0, 7, ""))
    with tarfile.open(tmp_path / "c" / "shapes-00000.tar") as tar:
        assert [m.name for m in tar] == [name for name, _ in content.members]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode, m.type) for m in tar} == {
            (0, 0, 0, "", "", 0o644, tarfile.REGTYPE)
        }
    twin = tmp_path / "twin.tar"
    with tarfile.open(twin, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in content.members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    stored = (tmp_path / "c" / "shapes-00000.tar").read_bytes()
    assert twin.read_bytes() == stored
    row = json.loads((tmp_path / "c" / "manifest.jsonl").read_text())
    assert (row["sha256"], row["bytes"]) == (hashlib.sha256(stored).hexdigest(), len(stored))
    assert row["failures"] == [{"id": "chair-000003", "reason": "no luck"}] and row["stem"] == "shapes"
    assert collection.records()[0] == ShardRecord.parse(json.dumps(row).encode())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=2000), max_size=12))
def test_any_bytes_round_trip(tmp_path_factory: pytest.TempPathFactory, blobs: list[bytes]) -> None:
    collection = Collection.create(tmp_path_factory.mktemp("any") / "c", INFO)
    ids = [f"s{i}" for i in range(len(blobs))]
    members = [(f"{id}.safetensors", blob) for id, blob in zip(ids, blobs, strict=True)]
    collection.add_shard("knowledge-lite", 0, ShardContent(members, ids))
    again = Collection.open(collection.root)
    assert list(again.members("knowledge-lite", "safetensors")) == list(zip(ids, blobs, strict=True))
    assert (collection.root / "knowledge-lite-00000.tar").stat().st_size % tarfile.RECORDSIZE == 0


def test_a_missing_shard_is_named_and_rebuilt(tmp_path: Path) -> None:
    collection = built(tmp_path / "c")
    before = contents(tmp_path / "c")
    (tmp_path / "c" / "shapes-00001.tar").unlink()
    with pytest.raises(InputError, match=r"shapes-00001.tar: is missing; run the command that made it again"):
        list(collection.members("shapes", "glb"))
    assert collection.damage() == [f"{tmp_path / 'c' / 'shapes-00001.tar'}: is missing"]
    build_shards(collection, "shapes", jobs(3), toy_shard)
    assert {n: b for n, b in contents(tmp_path / "c").items() if n.endswith("tar")} == {
        n: b for n, b in before.items() if n.endswith("tar")
    }
    assert len(Collection.open(tmp_path / "c")) == 27


@pytest.mark.parametrize("keep", [0, 1, 511, 512, 5000, 10240, -10240, -512, -1])
def test_a_truncated_shard_is_named_and_rebuilt(tmp_path: Path, keep: int) -> None:
    """Cuts at member borders and inside the final padding too, which tarfile alone takes for a whole archive."""
    collection = built(tmp_path / "c", 1)
    path = tmp_path / "c" / "shapes-00000.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    with pytest.raises(InputError, match=r"shapes-00000.tar: has .* bytes but should have"):
        list(collection.members("shapes", "glb"))
    assert len(collection.damage()) == 1 and collection.finished() == set()
    build_shards(collection, "shapes", jobs(1), toy_shard)
    assert path.read_bytes() == whole


def test_every_flipped_bit_is_found_and_the_sample_named(tmp_path: Path, rng: np.random.Generator) -> None:
    collection = built(tmp_path / "c", 1)
    path = tmp_path / "c" / "shapes-00000.tar"
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        starts = [(member.offset, member.name) for member in tar]
        end = max(member.offset_data + -(-member.size // 512) * 512 for member in tar)
    for position in [*rng.integers(0, len(whole), 150), *(offset + 5 for offset, _ in starts), len(whole) - 1]:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        hit = "padding" if position >= end else [name for offset, name in starts if offset <= position][-1]
        assert len(lines := collection.damage()) == 1 and hit in lines[0] and "shapes-00000.tar" in lines[0]
        try:
            read = list(collection.members("shapes", "glb"))
            assert len(read) == 9
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)


def test_every_flipped_bit_of_the_manifest_is_found(tmp_path: Path, rng: np.random.Generator) -> None:
    collection = built(tmp_path / "c", 3)
    path = collection.root / "manifest.jsonl"
    whole = path.read_bytes()
    borders = np.cumsum([0, *map(len, whole.splitlines(True))])
    for position in rng.integers(0, len(whole) - 1, 200):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        line = int(np.searchsorted(borders, position, side="right"))
        with pytest.raises(InputError, match=rf"manifest.jsonl: line {line} is damaged; delete that line"):
            Collection.open(collection.root)


def mutants(data: bytes, rng: np.random.Generator, count: int) -> list[bytes]:
    """Flips, cuts, insertions and huge numbers."""
    made = []
    for _ in range(count):
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 600))
        made += [
            data[:at], data[:at] + data[at + length :], data[:at] + rng.bytes(length) + data[at:],
            data[:at] + b"77777777777"[:length] + data[at + min(length, 11) :],
            data[: at // 512 * 512] + rng.bytes(512) + data[at // 512 * 512 + 512 :],
        ]  # fmt: skip
    return made


def test_broken_files_give_what_was_stored_or_one_error(tmp_path: Path, rng: np.random.Generator) -> None:
    collection = built(tmp_path / "c", 1)
    path = tmp_path / "c" / "shapes-00000.tar"
    whole, size = path.read_bytes(), path.stat().st_size
    for mutant in mutants(whole, rng, 60):
        path.write_bytes((mutant + bytes(size))[:size])  # the right size, so that the tar itself is put to the test
        try:
            assert collection.ids() == [id for id, _ in collection.members("shapes", "glb")]
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)
    path.write_bytes(whole)
    manifest = tmp_path / "c" / "manifest.jsonl"
    good = manifest.read_bytes()
    for mutant in mutants(good, rng, 60):
        manifest.write_bytes(mutant)
        try:
            assert Collection.open(tmp_path / "c").records() in ([], collection.records())
        except InputError as error:
            assert str(manifest) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "folder", "traversal", "absolute", "extra", "sparse"])
def test_a_forged_shard_is_refused(tmp_path: Path, kind: str) -> None:
    collection = Collection.create(tmp_path / "c", INFO)
    collection.add_shard("shapes", 0, ShardContent([("a.glb", b"12345")], ["a"]))
    path = tmp_path / "c" / "shapes-00000.tar"
    size = path.stat().st_size
    name = {"traversal": "../a.glb", "absolute": "/a.glb"}.get(kind, "a.glb")
    types = {"symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE, "folder": tarfile.DIRTYPE, "sparse": b"S"}
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for member in [name, "b.pkl"] if kind == "extra" else [name]:
            info = tarfile.TarInfo(member)
            info.type, info.linkname = types.get(kind, tarfile.REGTYPE), "/etc/passwd"
            tar.addfile(info)
    assert path.stat().st_size == size
    with pytest.raises(InputError, match=r"shapes-00000.tar: is damaged"):
        list(collection.members("shapes", "glb"))
    assert not (tmp_path / "a.glb").exists()


@pytest.mark.parametrize(
    "shard", ["../shapes-00000.tar", "/etc/shapes-00000.tar", "shapes-00000.zip", ".tmp-00000.tar", "x\0-00000.tar"]
)
def test_a_manifest_cannot_point_outside(tmp_path: Path, shard: str) -> None:
    collection = built(tmp_path / "c", 1)
    record = collection.records()[0]
    forged = ShardRecord(shard, shard[:-10], record.ids, record.sha256, record.size, [], record.members)
    (tmp_path / "c" / "manifest.jsonl").write_bytes(forged.line())
    with pytest.raises(InputError, match="line 1 is damaged"):
        Collection.open(tmp_path / "c")


@pytest.mark.parametrize(
    ("members", "ids", "words"),
    [
        ([("../x.glb", b"")], ["../x"], "can't be an id"),
        ([("/x.glb", b"")], ["/x"], "can't be an id"),
        ([("x\0.glb", b"")], ["x\0"], "can't be an id"),
        ([("a.b.glb", b"")], ["a.b"], "can't be an id"),
        ([("-rf.glb", b"")], ["-rf"], "can't be an id"),
        ([("été.glb", b"")], ["été"], "can't be an id"),
        ([("", b"")], [""], "can't be an id"),
        ([("x", b"")], ["x"], "can't be a member's name"),
        ([("x/y.glb", b"")], ["x"], "can't be a member's name"),
        ([("x.glb\n", b"")], ["x"], "can't be a member's name"),
        ([("x" * 200 + ".glb", b"")], ["x" * 200], "can't be a member's name"),
        ([("x.glb", b""), ("x.glb", b"")], ["x"], "occurs twice"),
        ([("x.glb", b"")], ["x", "x"], "occurs twice"),
        ([("x.glb", b"")], ["y"], "sample by sample"),
        ([("x.glb", b"")], ["x", "y"], "sample by sample"),
        ([("x.glb", b""), ("y.glb", b""), ("x.json", b"")], ["x", "y"], "sample by sample"),
    ],
)
def test_names_that_may_not_become_files_are_refused(
    tmp_path: Path, members: list[tuple[str, bytes]], ids: list[str], words: str
) -> None:
    collection = Collection.create(tmp_path / "c", INFO)
    with pytest.raises(InputError) as caught:
        collection.add_shard("shapes", 0, ShardContent(members, ids))
    assert words in str(caught.value) and "\n" not in str(caught.value)
    for stem in ("../shapes", "", "a/b", ".shapes"):
        with pytest.raises(InputError, match="can't be a shard's name"):
            collection.add_shard(stem, 0, ShardContent())
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [".lock", "collection.json"]


@pytest.mark.parametrize("cut", ["half", "no newline", "one byte"])
def test_a_manifest_line_cut_by_a_crash_counts_as_not_done(tmp_path: Path, cut: str) -> None:
    built(tmp_path / "c")
    before = contents(tmp_path / "c")
    path = tmp_path / "c" / "manifest.jsonl"
    *lines, last = path.read_bytes().splitlines(True)
    path.write_bytes(b"".join(lines) + last[: {"half": len(last) // 2, "no newline": -1, "one byte": 1}[cut]])
    collection = Collection.open(tmp_path / "c")
    assert len(collection) == 18 and collection.finished() == {"shapes-00000.tar", "shapes-00001.tar"}
    counts: list[int] = []
    build_shards(collection, "shapes", jobs(3), toy_shard, progress=counts.append)
    assert counts == [10] and contents(tmp_path / "c") == before


def test_a_manifest_that_cannot_grow_keeps_its_whole_lines(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path / "c", INFO)
    for number in range(3):  # the manifest outgrows the limit before any shard does
        collection.add_shard("shapes", number, ShardContent([], [], [(f"s{number}-{i}", "x" * 900) for i in range(20)]))
    before = (tmp_path / "c" / "manifest.jsonl").read_bytes()
    body = (
        "import resource; from gen3d.shards import ShardContent\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))\n"
        "try:\n    Collection.open(root).add_shard('shapes', 3, ShardContent())\n"
        "except Gen3dError as error:\n    print(error.exit_code, error)"
    )
    output, errors = run_script(body, tmp_path / "c", len(before) + 50).communicate(timeout=60)
    assert errors == "" and output.startswith("5 can't write") and "manifest.jsonl" in output
    assert (tmp_path / "c" / "manifest.jsonl").read_bytes() == before
    assert len(Collection.open(tmp_path / "c").finished()) == 3


def test_what_a_crash_left_is_swept_away(tmp_path: Path) -> None:
    collection = built(tmp_path / "c", 1)
    before = contents(tmp_path / "c")
    stage_shard(collection.root, "shapes", 5, toy_shard((5, 7, "")))
    assert len(list(collection.root.glob(".tmp-shapes-00005.tar-*"))) == 1
    Collection.create(tmp_path / "c", INFO)
    assert contents(tmp_path / "c") == before


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_any_word_gives_an_id_that_is_accepted(tmp_path_factory: pytest.TempPathFactory, word: str) -> None:
    id = shape_id(word, 0)
    staged = stage_shard(tmp_path_factory.getbasetemp(), "shapes", 0, ShardContent([(f"{id}.glb", b"")], [id]))
    assert staged.record.ids == [id]
