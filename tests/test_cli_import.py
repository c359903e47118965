"""`gen3d import`: what a user sees, and that the stages after it take what it made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_chain import Run, assert_refused, tree
from sample_shapes import random_cloud

from gen3d.collection import Collection
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.mesh_io import write_shape


@pytest.fixture
def scans(home: Path) -> Path:
    """Two meshes, a cloud and a broken file beside the chain's preset."""
    folder = home / "scans"
    (folder / "more").mkdir(parents=True)
    for index, name in enumerate(("one.obj", "more/two.stl", "cloud.ply")):
        shape = ProceduralGenerator().generate("chair", index, "x").normalised()
        write_shape(shape if index < 2 else random_cloud(0, labelled=False), folder / name)
    (folder / "broken.glb").write_bytes(b"no")
    return folder


def test_a_folder_becomes_a_collection_that_can_be_labelled_and_distilled(home: Path, run: Run, scans: Path) -> None:
    end = run("import", scans, "--category", "chair", "--licence", "CC0-1.0", "--workers", 1, "--json")
    result = json.loads(end.out)
    assert (
        end.code == 0 and result["collection"] == "runs/chair/real" and result["shapes"] == result["made_now"] - 1 == 3
    )
    assert result["failed"] == 1 and "failed: broken: broken.glb: " in end.err
    collection = Collection.open(home / "runs/chair/real")
    assert collection.ids() == ["cloud", "two", "one"] and collection.info["licence"] == "CC0-1.0"
    assert run("label", "runs/chair/real", "--preset", "tiny.yaml", "--workers", 1).code == 0
    end = run("distill", "--source", "real", "--category", "chair", "--preset", "tiny.yaml")
    assert end.code == 0 and (home / "runs/chair/student-real/model.safetensors").is_file(), end


def test_again_is_said_and_changes_no_file(home: Path, run: Run, scans: Path) -> None:
    words = ("import", scans, "--category", "chair", "--workers", 1)
    assert run(*words).out == "runs/chair/real: 3 shapes of chair\n"
    before = tree(home)
    end = run(*words)
    assert end.code == 0 and "nothing to do" in end.err and tree(home) == before
    end = run(*words, "--up", "z")
    assert end.code == 2 and 'settings.up was "y", now "z"' in end.error and "--overwrite" in end.error
    (scans / "one.obj").unlink()
    end = run(*words)
    assert end.code == 2 and "inputs.one.obj was 1, now not set" in end.error
    assert run(*words, "--overwrite").out == "runs/chair/real: 2 shapes of chair\n"


def test_strict_is_one_line_and_exit_code_3(home: Path, run: Run, scans: Path) -> None:
    end = run("import", scans, "--category", "chair", "--strict", "--workers", 1)
    assert end.code == 3 and "broken.glb" in end.error
    (scans / "broken.glb").unlink()
    end = run("import", scans, "--category", "chair", "--strict", "--out", "other", "--workers", 2)
    assert end.code == 0 and len(Collection.open(home / "other")) == 3


def test_a_preset_fills_the_settings(home: Path, run: Run, scans: Path) -> None:
    (home / "import.yaml").write_text("import: {up: z, front: +x, licence: ours, shard: 1}\n")
    end = run(
        "import", "scans/*.obj", "--category", "chair", "--preset", "import.yaml", "--front", "-x", "--workers", 1
    )
    assert end.code == 0, end
    info = Collection.open(home / "runs/chair/real").info
    kept = {key: info["settings"][key] for key in ("up", "front", "licence", "shard")}
    assert kept == {"up": "z", "front": "-x", "licence": "ours", "shard": 1} and info["inputs"] == {"one.obj": 1}


@pytest.mark.parametrize(
    ("words", "code", "names"),
    [
        (["scans", "--category", "So/fa"], 2, ["'So/fa'", "airplane"]),
        (["scans", "--category", "chair", "--up", "x"], 2, ["up = 'x'", "'auto'"]),
        (["scans", "--category", "chair", "--front", "left"], 2, ["front = 'left'", "'-z'"]),
        (["scans", "--category", "chair", "--front", "+y"], 2, ["front = '+y'", "upward axis y"]),
        (["scans"], 2, ["--category"]),
        (["--category", "chair"], 2, ["'paths'"]),
        (["scans", "--category", "chair", "--out", "scans"], 2, ["scans: holds other files"]),
        (["nowhere", "--category", "chair"], 3, ["nowhere: no such file or folder"]),
        (["runs/*.obj", "--category", "chair"], 3, ["runs/*.obj: no file or folder matches"]),
        (["configs", "--category", "chair"], 3, ["configs: holds no shape of chair"]),
    ],
)
def test_wrong_usage_is_one_line(home: Path, run: Run, scans: Path, words: list, code: int, names: list[str]) -> None:
    (home / "configs").mkdir()
    assert_refused(home, run, ["import", *words], code, names)
