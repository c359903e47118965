"""`gen3d verify`: every flipped bit is found and named, and what it says to type mends the collection."""

from __future__ import annotations

import json
import shlex
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run
from labelled import Stripes, labelled
from toy_shards import contents

from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.generation import GenerateSettings, generate
from gen3d.record import is_intact, settle_record
from gen3d.shards import ShardContent
from gen3d.teachers import TEACHERS
from gen3d.verification import verify

INFO_FILES = ("collection.json", "knowledge-stripes.json")
LINES = ("manifest.jsonl", *INFO_FILES)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole labelled collection; tests that change it put it back or take a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TEACHERS, "stripes", Stripes)
        return labelled(tmp_path_factory.mktemp("kept") / "c").root


@pytest.fixture
def root(kept: Path, tmp_path: Path) -> Path:
    """An own copy."""
    copy = tmp_path / "c"
    copy.mkdir()
    for path in kept.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def expected(path: Path, position: int) -> tuple[str, str]:
    """What must be named for a bit flipped at a place of a file: the shard, and the sample where it is in one."""
    if path.name == "manifest.jsonl":
        before, after = path.read_bytes()[:position], path.read_bytes()[position:]
        line = before.rpartition(b"\n")[2] + after.partition(b"\n")[0]
        return json.loads(line)["shard"], ""
    if path.suffix == ".json":
        return path.name, ""
    with tarfile.open(path) as tar:
        hits = [m.name for m in tar if m.offset <= position < m.offset_data + -(-m.size // 512) * 512]
    return path.name, hits[0].partition(".")[0] if hits else ""


def flip_everywhere(root: Path, count: int, rng: np.random.Generator) -> None:
    """Flip one bit at a time, in turn in shards, their padding, the manifest and the info files; all must be found."""
    shards = sorted(root.glob("*.tar"))
    for number in range(count):
        kind = number % 5
        path = [
            shards[rng.integers(len(shards))],
            shards[-1],
            root / "manifest.jsonl",
            *(root / n for n in INFO_FILES),
        ][kind]
        whole = path.read_bytes()
        position = len(whole) - 1 - int(rng.integers(900)) if kind == 1 else int(rng.integers(len(whole)))
        file, sample = expected(path, position)
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        found = verify(root).damage
        path.write_bytes(whole)
        where = f"bit in byte {position} of {path.name}"
        assert any(file in str(d) and (d.sample == sample or not sample) for d in found), (where, found)
        assert all("\n" not in str(d) for d in found)
    assert not verify(root).damage


def test_flipped_bits_are_found_and_named(root: Path, rng: np.random.Generator) -> None:
    flip_everywhere(root, 30, rng)


@pytest.mark.slow
def test_a_hundred_flipped_bits_are_found_and_named(root: Path) -> None:
    flip_everywhere(root, 100, np.random.default_rng(15))


@pytest.mark.parametrize("name", INFO_FILES)
def test_every_single_bit_of_an_info_file_counts(root: Path, name: str) -> None:
    """The file alone, since that is quick: what `verify` asks of it."""
    path, whole = root / name, (root / name).read_bytes()
    assert is_intact(path)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            assert not is_intact(path), position
        except InputError as error:
            assert name in str(error)


def test_a_whole_collection_is_one_line(root: Path, run: Run) -> None:
    end = run("verify", root)
    assert (end.code, end.err) == (0, "") and end.out == f"{root}: whole: 6 shards, 20 samples, 0 failed\n"
    answer = json.loads(run("verify", root, "--json").out)
    assert answer["whole"] and answer["damage"] == answer["to_mend"] == answer["failures"] == []


def break_member(root: Path) -> list[str]:
    data = bytearray((root / "shapes-00001.tar").read_bytes())
    data[700] ^= 1
    (root / "shapes-00001.tar").write_bytes(data)
    return ["shapes-00001.tar: sample chair-000004: chair-000004.glb is damaged"]


def lose_shards(root: Path) -> list[str]:
    for name in ("shapes-00000.tar", "knowledge-stripes-00002.tar"):
        (root / name).unlink()
    return ["knowledge-stripes-00002.tar: is missing", "shapes-00000.tar: is missing"]


def cut_shard(root: Path) -> list[str]:
    path = root / "shapes-00000.tar"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-512])
    return [f"shapes-00000.tar: has {size - 512:,} bytes but should have {size:,}"]


def break_lines(root: Path) -> list[str]:
    path = root / "manifest.jsonl"
    path.write_bytes(
        path.read_bytes().replace(b'"chair-000005"', b'"chair-000055"', 1).replace(b"knowledge-s", b"knowledge-S", 1)
    )
    return [
        "manifest.jsonl: line 2 is damaged (shapes-00001.tar)",
        "manifest.jsonl: line 4 is damaged (knowledge-stripes-00000.tar, shapes-00001.tar)",
    ]


def cut_manifest(root: Path) -> list[str]:
    path = root / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    return ["manifest.jsonl: the last line is cut off (knowledge-stripes-00002.tar)"]


def lose_line(root: Path) -> list[str]:
    path = root / "manifest.jsonl"
    lines = path.read_bytes().splitlines(True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    return [
        "shapes-00002.tar: is not in the manifest",
        "collection.json: promises 10 samples, of which 2 have not been made yet",
    ]


def foreign_shard(root: Path) -> list[str]:
    (root / "shapes-00017.tar").write_bytes((root / "shapes-00001.tar").read_bytes())
    return ["shapes-00017.tar: is not in the manifest"]


def break_info(root: Path) -> list[str]:
    for name in INFO_FILES:
        path = root / name
        path.write_bytes(path.read_bytes().replace(b'"seed": ', b'"seed": 1', 1))
    return [f"{name}: is damaged: it is not as it was written" for name in INFO_FILES]


def stop_labelling(root: Path) -> list[str]:
    path = root / "manifest.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(True)[:-1]))
    (root / "knowledge-stripes-00002.tar").unlink()
    return ["knowledge-stripes.json: 2 of 10 shapes have not been labelled yet, the first is chair-000008"]


BREAKS = [
    break_member,
    lose_shards,
    cut_shard,
    break_lines,
    cut_manifest,
    lose_line,
    foreign_shard,
    break_info,
    stop_labelling,
]


@pytest.mark.parametrize("damage", BREAKS)
def test_damage_is_named_and_mended_by_what_it_says_to_type(
    root: Path, kept: Path, run: Run, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], list[str]]
) -> None:
    lines = damage(root)
    monkeypatch.setitem(TEACHERS, "stripes", Stripes)
    end = run("verify", root)
    assert end.code == 3 and end.out.splitlines() == lines and "Traceback" not in end.err
    *remedies, last = end.err.splitlines()
    assert last.startswith(f"gen3d: {root}: is not whole, in {len(lines)} place") and remedies
    assert json.loads(run("verify", root, "--json").out)["to_mend"] == remedies
    for line in remedies:
        if line.startswith("gen3d "):
            assert run(*shlex.split(line)[1:], "--workers", 1).code == 0, line
        elif line.startswith("#"):  # the settings are lost with the file; the user knows them
            stage = "label" if "knowledge" in line else "generate"
            words = {
                "generate": f"generate --category chair --n 10 --shard 4 --seed 3 --out {root}",
                "label": f"label {root} --teacher stripes --views 2 --size 32 --points 512",
            }[stage]
            assert run(*words.split(), "--workers", 1).code == 0
        else:
            subprocess.run(line, shell=True, check=True)
    assert verify(root).damage == []
    names = [path.name for path in kept.iterdir() if path.name not in ("manifest.jsonl", ".lock")]
    after, before = contents(root), contents(kept)
    after.pop("knowledge-stripes.png", None)  # what the verb draws beside it
    assert sorted(after) == sorted(before) and all(after[name] == before[name] for name in names)


def test_members_that_do_not_parse_are_damage_though_their_hash_is_right(tmp_path: Path) -> None:
    made = generate(GenerateSettings(category="mug", n=1), tmp_path / "c")
    made.begin("knowledge-x", {"parts": ["cup"]})
    made.add_shard("knowledge-x", 0, ShardContent([("mug-000000.safetensors", b"x")], ["mug-000000"]))
    made.add_shard("shapes", 0, ShardContent([("mug-000000.glb", b"y")], ["mug-000000"]))
    assert [(d.file, d.sample) for d in verify(tmp_path / "c").damage] == [
        ("knowledge-x-00000.tar", "mug-000000"),
        ("shapes-00000.tar", "mug-000000"),
    ]


# --- info files and format versions -------------------------------------------------------------------------------


def test_a_damaged_info_file_is_healed_by_the_same_settings_and_refused_by_others(tmp_path: Path) -> None:
    path, record = tmp_path / "collection.json", {"category": "chair", "seed": 7, "parts": ["back", "séat"]}
    settle_record(path, record)
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        settle_record(path, record)
        assert path.read_bytes() == whole
    path.write_bytes(whole.replace(b"7", b"8", 1))
    with pytest.raises(InputError, match="is damaged or was changed by hand"):
        settle_record(path, record | {"seed": 9})


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (0, "has format 0, older than 1, which no gen3d reads; make the collection again with --overwrite"),
        (-1, "has format -1, older than 1"),
        (2, "has format 2, newer than 1; upgrade gen3d to use it"),
        (10**30, "newer than 1"),
        (True, "lacks a format_version"),
        ("1", "lacks a format_version"),
        (None, "lacks a format_version"),
    ],
)
def test_other_format_versions_are_one_line_everywhere(tmp_path: Path, run: Run, version: object, message: str) -> None:
    settle_record(tmp_path / "collection.json", {"format_version": version, "category": "chair"})
    for words in (("verify", tmp_path), ("label", tmp_path)):
        end = run(*words)
        assert end.code == 3 and message in end.error
    made = run("generate", "--category", "chair", "--n", 1, "--out", tmp_path)
    assert made.code in (2, 3) and ("newer" in made.error) == ("newer" in message) and "\n" not in made.error[:-1]
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tar"] == []


def test_collections_of_the_first_gen3d_are_read_and_verified(root: Path) -> None:
    """It wrote no check value into info files and no statistics into the manifest."""
    for name in INFO_FILES:
        record = json.loads((root / name).read_text())
        del record["check"]
        (root / name).write_text(json.dumps(record, indent=2) + "\n")
    lines = []
    for line in (root / "manifest.jsonl").read_text().splitlines():
        row = json.loads(line)
        del row["statistics"], row["check"]
        lines.append(json.dumps(row | {"check": f"{zlib.crc32(json.dumps(row).encode()):08x}"}) + "\n")
    (root / "manifest.jsonl").write_text("".join(lines))
    assert verify(root).damage == [] and len(list(Collection.open(root).shapes())) == 10
