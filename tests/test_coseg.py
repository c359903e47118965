"""COSEG: written here, read back, its parts named by hand and by shape, and broken in many ways."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from sample_datasets import check_cut, check_error, check_same, mesh, write_coseg

from distill.datasets import DATASETS, coseg
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled

READ = DATASETS["coseg"]


def boxes(places: list[tuple[tuple[float, float, float], float]], id: str, name: str) -> Shape:
    """A mesh with a square per part, at (centre, half its side), a label each."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    vertices = np.concatenate([np.array(centre) + corners * size for centre, size in places])
    faces = np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(len(places))[:, None, None]
    labels = np.repeat(np.arange(len(places)), 2).astype(np.int16)
    return settled(Shape(id, name, vertices.astype(np.float32), faces.reshape(-1, 3).astype(np.int64), labels))


def chair(id: str, rng: np.random.Generator) -> Shape:
    """back, seat, leg."""
    x = rng.normal(0, 0.1)
    return boxes([((x, 1, -0.5), 0.5), ((x, 0, 0), 0.6), ((x, -1, 0.2), 0.1)], id, "chair")


def guitar(id: str, rng: np.random.Generator, turn: np.ndarray) -> Shape:
    """head, neck, body; in any pose."""
    x = rng.normal(0, 0.1)
    shape = boxes([((x, 2, 0), 0.2), ((x, 1, 0), 0.15), ((x, -0.5, 0), 0.8)], id, "guitar")
    return settled(shape.transformed(turn))


def test_sets_without_names_read_as_written(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [mesh(str(n), "goblet", 3, rng) for n in (1, 2, 10)]
    read = READ(write_coseg(tmp_path, "Goblets", shapes, (0, 2, 5)), "goblet")
    assert (read.name, read.category, read.expected) == ("coseg", "goblet", 3)
    assert read.parts == ("part 0", "part 2", "part 5")
    assert "goblet" in str(tmp_path / "goblet") and "parts.json" in read.note
    check_same(read, shapes)


def test_names_by_hand(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [mesh(str(n), "goblet", 3, rng) for n in range(2)]
    write_coseg(tmp_path, "Goblets", shapes, (1, 2, 3))
    (tmp_path / "Goblets/parts.json").write_text('{"1": "Base", "2": "stem", "3": "cup"}')
    read = READ(tmp_path, "goblet")
    assert read.parts == ("base", "stem", "cup") and "parts.json" in read.note
    check_same(read, shapes)
    (tmp_path / "Goblets/parts.json").write_text('{"1": "foot", "2": "foot", "3": "cup"}')
    joined = READ(tmp_path, "goblet")
    assert joined.parts == ("foot", "cup")
    for one, other in zip(joined.shapes, shapes, strict=True):
        np.testing.assert_array_equal(one.face_labels, np.array([0, 0, 1])[other.face_labels])


@pytest.mark.parametrize("numbers", list(permutations((1, 2, 3))))
def test_chairs_are_named_by_height(tmp_path: Path, rng: np.random.Generator, numbers: tuple[int, int, int]) -> None:
    shapes = [chair(str(n), rng) for n in range(1, 6)]
    read = READ(write_coseg(tmp_path, "Chairs", shapes, numbers), "chair")
    assert read.own is None and read.parts == ("back", "seat", "leg", "arm")
    assert f"{numbers[0]} = back" in read.note and "not by the release" in read.note
    check_same(read, shapes)


@pytest.mark.parametrize("numbers", list(permutations((0, 1, 2))))
def test_guitars_are_named_in_any_pose(tmp_path: Path, rng: np.random.Generator, numbers: tuple[int, int, int]) -> None:
    turns = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(5)]
    shapes = [guitar(str(n), rng, turn * np.sign(np.linalg.det(turn))) for n, turn in enumerate(turns, 1)]
    read = READ(write_coseg(tmp_path, "Guitars", shapes, numbers), "guitar")
    assert read.own is None and read.parts == ("head", "neck", "body")
    check_same(read, shapes)


def test_names_by_hand_come_before_those_by_shape(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [chair(str(n), rng) for n in range(1, 4)]
    write_coseg(tmp_path, "Chairs", shapes, (1, 2, 3))
    (tmp_path / "Chairs/parts.json").write_text(json.dumps({"1": "leg", "2": "seat", "3": "back"}))
    read = READ(tmp_path, "chair")
    for one, other in zip(read.shapes, shapes, strict=True):
        np.testing.assert_array_equal(one.face_labels, np.array([2, 1, 0])[other.face_labels])


def test_shapes_that_disagree_name_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [chair(str(n), rng) for n in range(1, 5)]
    write_coseg(tmp_path, "Chairs", shapes[:2], (1, 2, 3))
    write_coseg(tmp_path, "Chairs", shapes[2:], (3, 2, 1))
    check_error(lambda: READ(tmp_path, "chair"), InputError, "Chairs", "don't show", "write", "parts.json")
    write_coseg(tmp_path, "Chairs", [chair("9", rng)], (4, 2, 1))  # four numbers: by shape is for three
    assert READ(tmp_path, "chair").parts == ("part 1", "part 2", "part 3", "part 4")


def test_names_of_folders_and_sizes(tmp_path: Path, rng: np.random.Generator) -> None:
    for name in ("Chairs", "coseg_guitars", "Four-legged", "Lampes", "tele-aliens", "Large-Vases", "vase", "other"):
        write_coseg(tmp_path, name, [mesh("1", "x", 2, rng)], (1, 2))
    small = ["chair", "fourleg", "guitar", "lamp", "tele-alien", "vase"]
    assert coseg.categories(tmp_path) == small
    assert coseg.categories(tmp_path, "large") == ["tele-alien", "vase"]
    large = mesh("3", "vase", 2, rng)
    write_coseg(tmp_path, "Large-Vases", [large], (1, 2))
    assert [shape.id for shape in READ(tmp_path, "vase", split="large").shapes] == ["1", "3"]
    assert [shape.id for shape in READ(tmp_path, "vase").shapes] == ["1"]
    check_error(lambda: READ(tmp_path, "chair", split="large"), SettingsError, "it has: tele-alien, vase")
    check_error(lambda: READ(tmp_path, "chair", split="test"), SettingsError, "test", "small, large")
    check_error(lambda: READ(tmp_path, "iron"), SettingsError, "iron", ", ".join(small))
    check_error(lambda: coseg.categories(tmp_path / "Chairs"), InputError, "no folder of a small set")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("gt/2.seg", "1\n2\n", ("2.seg", "2 labels for the 9 faces", "2.off")),
        ("gt/2.seg", "1\nx\n", ("2.seg", "not a list of whole numbers")),
        ("gt/2.seg", "1.5\n" * 9, ("2.seg", "not a list of whole numbers")),
        ("gt/2.seg", "9" * 30, ("2.seg", "not a list of whole numbers")),
        ("gt/2.seg", " \n", ("2.seg", "is empty")),
        ("shapes/2.off", "OFF\n3 1 0\n0 0 0\n", ("2.off", "truncated")),
    ],
)
def test_broken_shapes(tmp_path: Path, rng: np.random.Generator, file: str, text: str, words: tuple[str, ...]) -> None:
    write_coseg(tmp_path, "Vases", [mesh(str(n), "vase", 3, rng) for n in (1, 2)], (1, 2, 3))
    (tmp_path / "Vases" / file).write_text(text)
    check_error(lambda: READ(tmp_path, "vase"), InputError, *words)
    read = READ(tmp_path, "vase", missing="skip")
    assert [shape.id for shape in read.shapes] == ["1"] and [id for id, _ in read.skipped] == ["2"]


def test_numbers_that_are_not_named(tmp_path: Path, rng: np.random.Generator) -> None:
    write_coseg(tmp_path, "Vases", [mesh("1", "vase", 3, rng)], (1, 2, 3))
    path = tmp_path / "Vases/parts.json"
    path.write_text('{"1": "neck", "2": "body"}')
    check_error(lambda: READ(tmp_path, "vase"), InputError, "1.seg", "number 3", "vase has 1, 2")
    for text in ("{", "[]", "{}", '{"a": "neck"}', '{"1": ""}', '{"1": 3}'):
        path.write_text(text)
        check_error(lambda: READ(tmp_path, "vase"), InputError, "parts.json", "a name for every number")


def test_missing_files(tmp_path: Path, rng: np.random.Generator) -> None:
    write_coseg(tmp_path, "Vases", [mesh(str(n), "vase", 3, rng) for n in (1, 2)], (1, 2, 3))
    (tmp_path / "Vases/gt/2.seg").unlink()
    check_error(lambda: READ(tmp_path, "vase"), InputError, "2.seg: not found, as 1 of 2 vase of small")
    assert len(READ(tmp_path, "vase", missing="skip").shapes) == 1
    (tmp_path / "Vases/gt/1.seg").unlink()
    check_error(lambda: READ(tmp_path, "vase"), InputError, "Vases", "no shape has both files")
    for path in (tmp_path / "Vases/shapes").iterdir():
        path.unlink()
    check_error(lambda: READ(tmp_path, "vase"), InputError, "Vases", "holds no shape")


@pytest.mark.parametrize("file", ["shapes/1.off", "gt/1.seg"])
def test_cut_off_anywhere(tmp_path: Path, rng: np.random.Generator, file: str) -> None:
    write_coseg(tmp_path, "Vases", [mesh("1", "vase", 3, rng)], (1, 2, 3))
    check_cut(tmp_path / "Vases" / file, lambda: READ(tmp_path, "vase"))
