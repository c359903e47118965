"""PartNetE in PartSLIP's layout: written here, read back, and broken in many ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_datasets import check_cut, check_error, check_same, cloud, ply, write_partnete

from distill.datasets import DATASETS, partnete
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape

READ = DATASETS["partnete"]
META = {"Chair": ["arm", "back", "leg", "seat", "wheel"], "TrashCan": ["footpedal", "lid"], "USB": ["cap"]}


def chairs(rng: np.random.Generator, ids: tuple[str, ...] = ("179", "20", "1000")) -> list[Shape]:
    """Coloured clouds of which a third of the points are of no part."""
    shapes = [cloud(id, "chair", 5, rng, 60, colors=True) for id in ids]
    for shape in shapes:
        assert shape.point_labels is not None
        shape.point_labels[::3] = -1
    return shapes


def write(root: Path, rng: np.random.Generator) -> Path:
    return write_partnete(root, META, {"Chair": chairs(rng)})


def test_reads_as_written_with_colours_and_other(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = chairs(rng)
    read = READ(write_partnete(tmp_path, META, {"Chair": shapes}), "chair")
    assert (read.name, read.category, read.expected) == ("partnete", "chair", 3)
    assert read.parts == tuple(META["Chair"]) and read.scored == (0, 1, 2, 3, 4)
    check_same(read, [shapes[1], shapes[0], shapes[2]])  # by number: 20, 179, 1000
    labels = read.shapes[0].point_labels
    assert labels is not None and set(labels.tolist()) == {-1, 0, 1, 2, 3, 4}


def test_own_parts_know_the_words_of_gen3d(tmp_path: Path, rng: np.random.Generator) -> None:
    """So that a student of gen3d's parts can be scored on the set's."""
    meta = {"Table": ["door", "leg", "tabletop"], "Chair": META["Chair"], "Oven": ["door"]}
    shapes = {"Table": [cloud("1", "table", 3, rng)], "Chair": chairs(rng), "Oven": [cloud("2", "oven", 1, rng)]}
    write_partnete(tmp_path, meta, shapes)
    table = READ(tmp_path, "table")
    assert table.own is not None and table.row.parts == ("door", "leg", "tabletop")
    assert [table.row.part_index(word) for word in ("top", "tabletop", "support", "door")] == [2, 2, 1, 0]
    chair = READ(tmp_path, "chair").row
    assert [chair.part_index(word) for word in ("back", "armrest", "seat pad", "wheel")] == [1, 0, 3, 4]
    check_error(lambda: table.row.part_index("drawer"), SettingsError, "drawer", "tabletop")
    assert READ(tmp_path, "oven").row.synonyms == ((),)


def test_names_of_categories_become_words(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = {"TrashCan": [cloud("5", "trash can", 2, rng)], "USB": [cloud("6", "usb", 1, rng)]}
    write_partnete(tmp_path, META, shapes)
    assert partnete.categories(tmp_path) == ["chair", "trash can", "usb"]
    check_same(READ(tmp_path, "trash can"), shapes["TrashCan"])
    check_same(READ(tmp_path, "usb"), shapes["USB"])
    check_error(lambda: READ(tmp_path, "TrashCan"), SettingsError, "it has: chair, trash can, usb")
    check_error(lambda: READ(tmp_path, "chair"), InputError, "Chair", "holds no shape")


def test_few_shot_and_a_folder_without_data(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = chairs(rng)
    write_partnete(tmp_path, META, {"Chair": shapes}, "few_shot")
    check_same(READ(tmp_path, "chair", split="few_shot"), [shapes[1], shapes[0], shapes[2]])
    check_error(lambda: READ(tmp_path, "chair"), InputError, "test", "holds no shape")
    for path in (tmp_path / "data").iterdir():
        path.rename(tmp_path / path.name)
    (tmp_path / "data").rmdir()
    assert len(READ(tmp_path, "chair", split="few_shot").shapes) == 3
    check_error(lambda: READ(tmp_path, "chair", split="train"), SettingsError, "train", "test, few_shot")


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(2, 80), st.integers(0, 2**32 - 1))
def test_any_cloud(tmp_path_factory: pytest.TempPathFactory, parts: int, count: int, seed: int) -> None:
    root, rng = tmp_path_factory.mktemp("partnete"), np.random.default_rng(seed)
    shape = cloud("1", "globe", parts, rng, count, colors=bool(seed % 2))
    write_partnete(root, {"Globe": [f"part {i}" for i in range(parts)]}, {"Globe": [shape]})
    check_same(READ(root, "globe"), [shape])


def test_colours_as_fractions_or_none(tmp_path: Path, rng: np.random.Generator) -> None:
    (shape,) = chairs(rng, ("7",))
    write_partnete(tmp_path, META, {"Chair": [shape]})
    path = tmp_path / "data/test/Chair/7/pc.ply"
    path.write_bytes(ply(shape, "float"))
    check_same(READ(tmp_path, "chair"), [shape])
    path.write_bytes(path.read_bytes().replace(b"property float red", b"property float rad"))
    assert READ(tmp_path, "chair").shapes[0].point_colors is None


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"semantic_seg": np.zeros(59, int)}, ("label.npy", "59 labels for the 60 points", "pc.ply")),
        ({"semantic_seg": np.full(60, 5)}, ("label.npy", "labels 5 to 5", "chair has 0 to 4", "-1")),
        ({"semantic_seg": np.full(60, -2)}, ("label.npy", "labels -2 to -2")),
        ({"semantic_seg": np.zeros(60)}, ("label.npy", "no labels", "semantic_seg")),
        ({"semantic_seg": np.zeros((60, 1), int)}, ("label.npy", "no labels")),
        ({"semantic_seg": np.zeros(0, int)}, ("label.npy", "no labels")),
        ({"instance_seg": np.zeros(60, int)}, ("label.npy", "no labels")),
        (np.zeros(60, int), ("label.npy", "plain array")),
    ],
)
def test_broken_labels(tmp_path: Path, rng: np.random.Generator, labels: Any, words: tuple[str, ...]) -> None:
    write_partnete(tmp_path, META, {"Chair": chairs(rng, ("7",))})
    np.save(tmp_path / "data/test/Chair/7/label.npy", labels)
    check_error(lambda: READ(tmp_path, "chair").shapes[0], InputError, *words)
    check_error(lambda: READ(tmp_path, "chair", missing="skip"), InputError, "none of the 1 chair of test", *words)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ("pc.ply", "empty")),
        (b"ply\n", ("pc.ply",)),
        (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty int a\nend_header\n0\n", ("pc.ply",)),
        (b"ply\nformat ascii 1.0\nend_header\n", ("pc.ply",)),
        (b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n", ("pc.ply",)),
    ],
)
def test_broken_clouds(tmp_path: Path, rng: np.random.Generator, data: bytes, words: tuple[str, ...]) -> None:
    write_partnete(tmp_path, META, {"Chair": chairs(rng, ("7",))})
    (tmp_path / "data/test/Chair/7/pc.ply").write_bytes(data)
    check_error(lambda: READ(tmp_path, "chair").shapes[0], InputError, *words)


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ("{", ("not valid JSON",)),
        ("[" * 100_000, ("not valid JSON",)),
        ("[]", ("list of different part names",)),
        ("{}", ("list of different part names",)),
        (json.dumps({"Chair": "seat"}), ("list of different part names",)),
        (json.dumps({"Chair": []}), ("list of different part names",)),
        (json.dumps({"Chair": ["seat", "Seat"]}), ("list of different part names",)),
        (json.dumps({"Chair": ["seat", "_"]}), ("list of different part names",)),
        (json.dumps({"../Chair": ["seat"]}), ("list of different part names",)),
        (json.dumps({"Chair": [1]}), ("list of different part names",)),
    ],
)
def test_broken_meta(tmp_path: Path, rng: np.random.Generator, meta: str, words: tuple[str, ...]) -> None:
    write(tmp_path, rng)
    (tmp_path / "PartNetE_meta.json").write_text(meta)
    check_error(lambda: READ(tmp_path, "chair"), InputError, "PartNetE_meta.json", "copy the file again", *words)


def test_missing_files(tmp_path: Path, rng: np.random.Generator) -> None:
    check_error(lambda: READ(tmp_path, "chair"), InputError, "PartNetE_meta.json: not found")
    write(tmp_path, rng)
    (tmp_path / "data/test/Chair/179/label.npy").unlink()
    check_error(lambda: READ(tmp_path, "chair"), InputError, "179/label.npy: not found, as 1 of 3 chair of test")
    read = READ(tmp_path, "chair", missing="skip")
    assert ([shape.id for shape in read.shapes], read.expected, read.skipped) == (["20", "1000"], 3, ())


@pytest.mark.parametrize("file", ["pc.ply", "label.npy"])
def test_cut_off_anywhere(tmp_path: Path, rng: np.random.Generator, file: str) -> None:
    write_partnete(tmp_path, META, {"Chair": chairs(rng, ("7",))})
    check_cut(tmp_path / "data/test/Chair/7" / file, lambda: READ(tmp_path, "chair"))
