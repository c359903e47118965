"""Exports that are refused, stopped or killed: one line that says why, and whole files or none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_chain import tree
from hypothesis import given
from hypothesis import strategies as st
from sample_exports import collection_of, contents, error, made
from sample_shapes import random_mesh
from test_storage import file_size_limit

from distill.export_formats import FORMATS
from distill.exporting import ExportSettings, export, file_names, split_ids
from distill.student import Student
from gen3d.collection import Collection, shape_members
from gen3d.errors import InputError, SettingsError, StorageError
from gen3d.shards import ShardContent
from gen3d.whole_folder import whole_folder

NAMES = list(FORMATS)


@pytest.fixture(scope="session")
def chairs(finished: Path) -> Path:
    """Three generated chairs with a tiny teacher's knowledge (512 points, seed 0); only read."""
    return finished / "runs/chair/generated"


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "obj"}, ["'obj'", "glb, ply, shapenetpart-txt"]),
        ({"format": "glb", "labels": "true"}, ["'true'", "exact, teacher, student"]),
        ({"format": "glb", "teacher": "lite"}, ["--teacher is for --labels teacher"]),
        ({"format": "glb", "labels": "teacher", "student": "x"}, ["--student is for --labels student"]),
        ({"format": "glb", "labels": "student"}, ["--student is missing"]),
        ({"format": "parquet", "split": (1, 0, 0)}, ["--split", "parquet has no splits"]),
        ({"format": "shapenetpart-txt", "split": (0.5, 0.2, 0.2)}, ["--split 0.5,0.2,0.2", "add up to 1"]),
        ({"format": "shapenetpart-txt", "split": (1.5, -0.5, 0)}, ["--split 1.5,-0.5,0"]),
        ({"format": "shapenetpart-h5", "points": 0}, ["--points 0", "same number"]),
    ],
)
def test_settings_that_do_not_go_together(chairs: Path, tmp_path: Path, options: Any, words: list[str]) -> None:
    error(SettingsError, *words)(lambda: made(chairs, tmp_path / "o", **options))
    assert not os.listdir(tmp_path)


def test_places_that_are_refused(chairs: Path, tmp_path: Path) -> None:
    root = shutil.copytree(chairs, tmp_path / "c")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("mine")
    before = tree(tmp_path)
    glb = ExportSettings(format="glb")
    for out, word in ((root, "something else"), (root / "x", "inside"), (tmp_path / "full", "something else")):
        for overwrite in (False, True):
            error(SettingsError, str(out), word)(lambda o=out, w=overwrite: export(root, glb, o, w))
    error(SettingsError, "something else")(lambda: made(root, tmp_path / "full/thesis.txt", "glb"))
    assert tree(tmp_path) == before


def test_a_student_of_another_category_and_a_category_shapenet_has_not(chairs: Path, tmp_path: Path) -> None:
    Student("mug", ["cup", "handle"], options={"width": 32, "depth": 1}).save(tmp_path / "mug")
    mug = str(tmp_path / "mug")
    error(InputError, "student of mug, not of chair")(
        lambda: made(chairs, tmp_path / "o", "glb", labels="student", student=mug)
    )
    root = collection_of(tmp_path / "c", [replace(random_mesh(1), category="sofa")], "sofa")
    error(InputError, "'sofa'", "airplane")(lambda: made(root, tmp_path / "o", "shapenetpart-txt"))
    assert made(root, tmp_path / "o", "webdataset")["shapes"] == 1  # others have names for its parts


# --- whole or not at all ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", NAMES)
def test_the_same_command_gives_the_same_bytes_and_is_done_once(chairs: Path, tmp_path: Path, format: str) -> None:
    asked = ExportSettings(format=format)
    first, finished = export(chairs, asked, tmp_path / "a")
    assert not finished and sorted(os.listdir(tmp_path)) == ["a"]
    export(chairs, asked, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    before = tree(tmp_path)
    assert export(chairs, asked, tmp_path / "a") == (first, True)
    assert tree(tmp_path) == before
    error(SettingsError, "settings.points was 2048, now 64", "--overwrite")(
        lambda: made(chairs, tmp_path / "a", format, points=64)
    )
    assert tree(tmp_path) == before
    result, finished = export(chairs, ExportSettings(format=format, points=64), tmp_path / "a", overwrite=True)
    assert not finished and result["shapes"] == 3 and sorted(os.listdir(tmp_path)) == ["a", "b"]
    assert contents(tmp_path / "a") != contents(tmp_path / "b")


def test_new_shapes_in_the_collection_are_noticed(chairs: Path, tmp_path: Path) -> None:
    root = shutil.copytree(chairs, tmp_path / "c")
    made(root, tmp_path / "o", "glb")
    content = ShardContent(shape_members(replace(random_mesh(1), id="new")), ["new"])
    Collection.open(root).add_shard("shapes", 9, content)
    error(SettingsError, "content was")(lambda: made(root, tmp_path / "o", "glb"))


@pytest.mark.parametrize("format", NAMES)
def test_an_interrupted_export_leaves_the_old_one(chairs: Path, tmp_path: Path, format: str) -> None:
    made(chairs, tmp_path / "o", "glb")
    before = tree(tmp_path)

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(chairs, ExportSettings(format=format), tmp_path / "o", True, stop)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("format", NAMES)
def test_a_full_disk_leaves_the_old_one(chairs: Path, tmp_path: Path, format: str) -> None:
    made(chairs, tmp_path / "o", "glb", points=7)
    before = tree(tmp_path)
    with file_size_limit(9000):
        asked = ExportSettings(format=format)
        error(StorageError, str(tmp_path / "o"))(lambda: export(chairs, asked, tmp_path / "o", True))
    assert tree(tmp_path) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from distill.exporting import ExportSettings, export
seen = []
def progress(count):
    seen.append(count)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
export(Path(sys.argv[1]), ExportSettings(format=sys.argv[2]), Path(sys.argv[3]), False, progress)
"""


@pytest.mark.parametrize("format", ["glb", "shapenetpart-h5"])
def test_a_killed_export_leaves_nothing_under_the_name_and_is_done_again(
    chairs: Path, tmp_path: Path, format: str
) -> None:
    command = [sys.executable, "-c", KILLED, str(chairs), format, str(tmp_path / "o")]
    repository = str(Path(__file__).resolve().parents[1])
    ended = subprocess.run(command, env=os.environ | {"PYTHONPATH": repository}, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not (tmp_path / "o").exists() and (tmp_path / ".new-o").exists()
    made(chairs, tmp_path / "o", format)
    made(chairs, tmp_path / "p", format)
    assert contents(tmp_path / "o") == contents(tmp_path / "p") and sorted(os.listdir(tmp_path)) == ["o", "p"]


def test_two_at_once_are_refused_in_one_line(chairs: Path, tmp_path: Path) -> None:
    with whole_folder(tmp_path / "o") as folder:
        (folder / "x").write_text("first")
        error(StorageError, str(tmp_path / "o"), "another process")(lambda: made(chairs, tmp_path / "o", "glb"))
    assert contents(tmp_path) == {"o/x": b"first"}


def test_a_folder_killed_between_its_two_renames_comes_back(tmp_path: Path) -> None:
    (tmp_path / ".old-o").mkdir()
    (tmp_path / ".old-o/x").write_text("old")
    with pytest.raises(ValueError), whole_folder(tmp_path / "o"):
        raise ValueError
    assert contents(tmp_path) == {"o/x": b"old"} and os.listdir(tmp_path) == ["o"]


# --- names and splits ---------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=200), unique=True, max_size=30))
def test_file_names_are_safe_and_their_own(ids: list[str]) -> None:
    names = list(file_names(ids))
    assert len({name.lower() for name in names}) == len(ids)
    for name in names:
        assert name and len(name) <= 85 and set(name) <= set("-_") | set(map(chr, range(48, 58))) | set(LETTERS)
        assert Path(name).name == name and name[0] != "-"


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@given(st.integers(0, 60), st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9)), st.integers(0, 5))
def test_splits_have_the_shares_whatever_the_order(count: int, weights: tuple[int, int, int], seed: int) -> None:
    a, b, c = (weight / sum(weights) for weight in weights)
    ids = [f"s{i}" for i in range(count)]
    splits = split_ids(ids, (a, b, c), seed)
    assert splits == split_ids(ids[::-1], (a, b, c), seed) and splits.keys() == set(ids)
    for name, share in (("train", a), ("val", b), ("test", c)):
        assert abs(sum(split == name for split in splits.values()) - share * count) <= 1
