"""`gen3d export` as a user calls it: results on stdout, one line for every mistake, exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_chain import STUDENT, Run, assert_refused, tree

from distill.export_formats import FORMATS

EXPORT = ("export", "runs/chair/generated")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_once_and_the_same_again(home: Path, run: Run, format: str) -> None:
    words = (*EXPORT, "--format", format, "--out", "out", "--points", 512)
    end = run(*words, "--json")
    result = json.loads(end.out)
    assert end.code == 0 and (result["shapes"], result["failed"], result["format"]) == (3, 0, format)
    assert [part["part"] for part in result["parts"]] == ["back", "seat", "leg", "arm"]
    assert sum(part["share"] for part in result["parts"]) == pytest.approx(1, abs=1e-3)
    assert (home / "out/README.md").read_text().startswith("# 3 labelled shapes: chair")
    before = tree(home)
    again = run(*words)
    assert again.code == 0 and "nothing to do" in again.err and f"3 shapes as {format}" in again.out
    assert tree(home) == before
    other = run(*words, "--seed", 1)
    assert other.code == 2 and "settings.seed was 0, now 1" in other.error and tree(home) == before
    assert run(*words, "--seed", 1, "--overwrite").code == 0


@pytest.mark.parametrize("dataset", ["shapenetpart", "shapenetpart-h5"])
def test_eval_scores_on_what_was_exported(home: Path, run: Run, dataset: str) -> None:
    """The chain closes: a student scored on its own predictions, one pass, same points, gets nearly all right."""
    format = "shapenetpart-txt" if dataset == "shapenetpart" else dataset
    options = ("--labels", "student", "--student", STUDENT, "--split", "0,0,1")
    assert run(*EXPORT, "--format", format, "--out", "out", *options).code == 0
    end = run("eval", "--student", STUDENT, "--dataset", dataset, "--root", "out", "--out", "scores", "--json")
    result = json.loads(end.out)
    assert end.code == 0 and result["shapes_scored"] == 3
    assert result["miou"] > 50


def test_labels_of_the_teacher(home: Path, run: Run) -> None:
    end = run(*EXPORT, "--format", "glb", "--out", "out", "--labels", "teacher", "--json")
    assert end.code == 0 and json.loads(end.out)["labels"] == "teacher"
    assert "votes of a 2D teacher" in (home / "out/README.md").read_text()


@pytest.mark.parametrize(
    ("code", "words", "names"),
    [
        (2, ("--format", "usd"), ["'usd'", "glb"]),
        (2, ("--format", "glb", "--labels", "best"), ["'best'", "exact, teacher, student"]),
        (2, ("--format", "glb", "--labels", "student"), ["--student is missing"]),
        (2, ("--format", "glb", "--points", -1), ["points = -1"]),
        (2, ("--format", "webdataset", "--shard", 0), ["shard = 0"]),
        (2, ("--format", "shapenetpart-txt", "--split", "1,x,0"), ["split.1 = 'x'"]),
        (2, ("--format", "shapenetpart-txt", "--split", "1,0"), ["split"]),
        (2, ("--format", "shapenetpart-txt", "--split", "1,1,1"), ["--split 1,1,1", "add up to 1"]),
        (2, ("--format", "glb", "--split", "1,0,0"), ["glb has no splits"]),
        (2, (), ["--format"]),
        (3, ("--format", "glb", "--labels", "teacher", "--teacher", "lite-boxes"), ["lite-boxes", "gen3d label"]),
        (3, ("--format", "glb", "--labels", "student", "--student", "runs"), ["runs", "not a student"]),
    ],
)
def test_mistakes_are_one_line(home: Path, run: Run, code: int, words: tuple[Any, ...], names: list[str]) -> None:
    assert_refused(home, run, [*EXPORT, "--out", "out", *words], code, names)


def test_no_collection_and_taken_places(home: Path, run: Run) -> None:
    before = tree(home)
    glb = ("--format", "glb", "--out")
    for code, words, name in (
        (3, ("export", "nowhere", *glb, "out"), "nowhere: is not a collection"),
        (2, (*EXPORT, *glb, "runs", "--overwrite"), "runs: holds something else than an export"),
        (2, (*EXPORT, *glb, "tiny.yaml"), "tiny.yaml: holds something else"),
        (2, (*EXPORT, *glb, "runs/chair/generated/out"), "inside the collection"),
        (2, EXPORT, "--format"),
    ):
        end = run(*words)
        assert end.code == code and name in end.error
    assert tree(home) == before


def test_parquet_without_its_extra_says_what_to_install(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)  # how Python marks what can't be imported
    before = tree(home)
    end = run(*EXPORT, "--format", "parquet", "--out", "out")
    assert end.code == 4 and "pip install 'gen3d[parquet]'" in end.error
    assert tree(home) == before
