"""What `import` is pointed at: every shape once, in one order, under one id, and nothing from elsewhere."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen3d.errors import InputError, SettingsError
from gen3d.inputs import Input, Listing, _unique, find_inputs

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(TRIANGLE)


def names_of(listing: Listing) -> list[str]:
    return [item.name for item in listing.inputs]


def archive(path: Path, *keys: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"{letter}{key}": np.zeros((3, 3)) for key in keys for letter in "vf"}
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType] (its stubs take **arrays for allow_pickle)


def test_files_folders_and_patterns_of_the_same_files_are_one_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "b.obj", "sub/a.OBJ", "sub/deep/c.stl", "sub/deep/d.glb")
    touch(tmp_path, "notes.md", "b.mtl", "sub/x.png", ".hidden.obj", ".git/x.obj", "__MACOSX/._b.obj")
    whole = find_inputs([tmp_path], "chair")
    assert names_of(whole) == ["b.obj", "sub/a.OBJ", "sub/deep/c.stl", "sub/deep/d.glb"] and whole.left_out == []
    assert [item.id for item in whole.inputs] == ["b", "a", "c", "d"]
    files = [tmp_path / name for name in names_of(whole)]
    monkeypatch.chdir(tmp_path)
    for paths in (
        files,
        files[::-1],
        [tmp_path, *files],
        ["*.obj", "sub"],
        [".", "sub/**/*.stl"],
        ["../" + tmp_path.name],
    ):
        assert find_inputs(paths, "chair") == whole
    assert names_of(find_inputs(["sub/deep"], "chair")) == ["c.stl", "d.glb"]
    assert names_of(find_inputs(["sub/*/?.*"], "chair")) == ["c.stl", "d.glb"]


def test_one_name_in_two_folders_gives_two_ids(tmp_path: Path) -> None:
    touch(tmp_path, "1/models/model.obj", "2/models/model.obj", "2/models/Model.ply", "2/models/other.obj")
    ids = {item.name: item.id for item in find_inputs([tmp_path], "chair").inputs}
    assert ids == {
        "1/models/model.obj": "1-models-model",
        "2/models/Model.ply": "2-models-Model-ply",
        "2/models/model.obj": "2-models-model-obj",
        "2/models/other.obj": "other",
    }


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=90), min_size=1, max_size=12
)


@settings(max_examples=50)
@given(NAMES, st.sampled_from([None, "7", "../7", "é"]), st.integers(0, 9))
def test_ids_are_unique_safe_and_the_same_in_any_order(names: list[str], key: str | None, seed: int) -> None:
    items = [Input("", Path(), name, k) for name in dict.fromkeys(names) for k in dict.fromkeys((None, key))]
    ids = _unique(items)
    assert len({id.lower() for id in ids}) == len(items)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}", id) for id in ids)
    shuffled = random.Random(seed).sample(range(len(items)), len(items))
    assert [ids[i] for i in shuffled] == _unique([items[i] for i in shuffled])


def test_names_that_are_no_text_stay_apart(tmp_path: Path) -> None:
    for name in (b"\xff.obj", rb"\xff.obj", b"a\nb.obj"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(TRIANGLE)
    listing = find_inputs([tmp_path], "chair")
    assert sorted(names_of(listing)) == ["\\\\xff.obj", "\\xff.obj", "a\nb.obj"]
    assert len({item.id for item in listing.inputs}) == 3
    assert all(name.encode() for name in names_of(listing))  # no lone surrogates


def test_links_lead_nowhere_else(tmp_path: Path) -> None:
    touch(tmp_path, "out/secret.obj", "in/own.obj", "in/sub/a.obj")
    (tmp_path / "in/evil.obj").symlink_to(tmp_path / "out/secret.obj")
    (tmp_path / "in/kind.obj").symlink_to(tmp_path / "in/own.obj")
    (tmp_path / "in/folder").symlink_to(tmp_path / "out")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    listing = find_inputs([tmp_path / "in"], "chair")
    assert names_of(listing) == ["evil.obj", "kind.obj", "own.obj", "sub/a.obj"]
    faults = {item.id: item.fault for item in listing.inputs if item.fault}
    assert list(faults) == ["evil"] and "outside of the given paths" in str(faults["evil"])
    assert listing.left_out == ["folder", "loop"]
    both = find_inputs([tmp_path / "in", tmp_path / "out"], "chair")
    assert not any(item.fault for item in both.inputs)
    assert not find_inputs([tmp_path / "in/evil.obj"], "chair").inputs[0].fault  # given by name


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("a.obj", "b.npz", "c.txt"):
        os.mkfifo(tmp_path / name)
    assert names_of(find_inputs([tmp_path], "chair")) == ["a.obj", "b.npz"]


def test_archives_and_folders_of_other_categories_are_left_out(tmp_path: Path) -> None:
    for name in ("chair", "Cup", "lamp", "Ant", "scans", "sub/Table"):
        archive(tmp_path / f"{name}.npz", "1", "m2")
    np.savez(tmp_path / "table.npz", points=np.zeros((4, 3)))  # one shape: not an archive of a category
    (tmp_path / "meta.json").write_text('{"Ant": {"parts": [], "ids": []}, "scans": 3}')
    touch(tmp_path, "03001627/x.obj", "04379243/y.obj", "00000050/z.obj")
    listing = find_inputs([tmp_path], "chair")
    assert listing.left_out == ["04379243", "Ant.npz", "Cup.npz", "lamp.npz", "sub/Table.npz"]
    assert listing.counts() == {
        "00000050/z.obj": 1,
        "03001627/x.obj": 1,
        "chair.npz": 2,
        "scans.npz": 2,
        "table.npz": 1,
    }
    assert [item.id for item in listing.inputs if item.key] == ["chair-1", "chair-m2", "scans-1", "scans-m2"]
    assert find_inputs([tmp_path / "Cup.npz"], "chair").counts() == {"Cup.npz": 2}  # given by name
    assert "Cup.npz" in find_inputs([tmp_path], "mug").counts()


def test_texts_are_clouds_in_their_folder_or_by_their_first_line(tmp_path: Path) -> None:
    touch(tmp_path, "03001627/odd.txt")
    (tmp_path / "cloud.txt").write_text("0 0 0 0 0 1 12\n")
    (tmp_path / "README.txt").write_text("seven words are not yet a cloud\n")
    (tmp_path / "labels.txt").write_text("1\n2\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\0")
    assert names_of(find_inputs([tmp_path], "chair")) == ["03001627/odd.txt", "cloud.txt"]
    assert names_of(find_inputs([tmp_path / "README.txt"], "chair")) == ["README.txt"]  # given by name: a row, at least


@pytest.mark.parametrize("data", [b"", b"PK", b"\0" * 100])
def test_a_broken_archive_is_one_input(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    assert find_inputs([tmp_path], "chair").counts() == {"a.npz": 1}


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([], "no path is given"),
        (["nowhere"], "nowhere: no such file or folder"),
        (["*.glb"], r"\*.glb: no file or folder matches"),
        (["empty"], "holds no shape of chair; read are .glb"),
    ],
)
def test_nothing_to_import_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        find_inputs(paths, "chair")
    with pytest.raises(SettingsError, match="So/fa"):
        find_inputs(paths, "So/fa")
