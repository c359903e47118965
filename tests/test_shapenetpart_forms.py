"""ShapeNetPart's points and labels apart, and its labelled meshes: written here, read back, and broken in many ways."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_datasets import check_cut, check_error, check_same, cloud, mesh, write_labelled_off, write_pts

from distill.datasets import DATASETS
from distill.datasets.shapenetpart_mesh import part_of
from gen3d.categories import CATEGORIES, category
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape
from gen3d.shapenet_frame import to_shapenet

PTS, MESH = DATASETS["shapenetpart-pts"], DATASETS["shapenetpart-mesh"]
CHAIR = category("chair")


def chairs(rng: np.random.Generator) -> dict[str, list[Shape]]:
    return {
        "train": [cloud(id, "chair", 4, rng) for id in "ac"],
        "val": [cloud("b", "chair", 4, rng)],
        "test": [cloud("d", "chair", 4, rng), cloud("t", "table", 3, rng)],
    }


# --- points and labels apart --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verified", [False, True])
def test_points_read_as_written(tmp_path: Path, rng: np.random.Generator, verified: bool) -> None:
    shapes = chairs(rng)
    write_pts(tmp_path, shapes, verified)
    for split, ids in (("train", "ac"), ("val", "b"), ("test", "d"), ("trainval", "abc")):
        read = PTS(tmp_path, "chair", split=split)
        assert (read.name, read.category, read.expected, read.own) == ("shapenetpart-pts", "chair", len(ids), None)
        assert read.parts == CHAIR.parts
        check_same(read, [s for id in ids for some in shapes.values() for s in some if s.id == id])
    check_same(PTS(tmp_path, "table"), [shapes["test"][1]])


@settings(max_examples=12)
@given(st.sampled_from(list(CATEGORIES)), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_points_of_any_category_and_number(
    tmp_path_factory: pytest.TempPathFactory, name: str, count: int, seed: int
) -> None:
    root, parts = tmp_path_factory.mktemp("pts"), len(category(name).parts)
    shape = cloud("x", name, parts, np.random.default_rng(seed), count + 1)
    write_pts(root, {"test": [shape]})
    check_same(PTS(root, name), [shape])


def test_points_are_the_text_form_without_normals(tmp_path: Path, rng: np.random.Generator) -> None:
    """The same cloud in both forms, off centre and of any size, is the same shape: one rule of labels and frame."""
    points, labels = rng.normal(3, 5, (30, 3)), np.arange(30) % 4
    for name in ("pts", "txt"):
        (tmp_path / name).mkdir()
        write_pts(tmp_path / name, {"test": [cloud("d", "chair", 4, rng)]})
    folder = tmp_path / "pts" / CHAIR.synset
    np.savetxt(folder / "points/d.pts", points, fmt="%.6f")
    np.savetxt(folder / "points_label/d.seg", labels + 1, fmt="%d")
    rows = np.concatenate([points, np.tile([0, 1, 0], (30, 1)), labels[:, None] + CHAIR.first_label], 1)
    np.savetxt(tmp_path / "txt" / CHAIR.synset / "d.txt", rows, fmt="%.6f")
    ours, other = (
        PTS(tmp_path / "pts", "chair").shapes[0],
        DATASETS["shapenetpart"](tmp_path / "txt", "chair").shapes[0],
    )
    np.testing.assert_array_equal(ours.points, other.points)
    np.testing.assert_array_equal(ours.point_labels, other.point_labels)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("points/d.pts", "", ("d.pts", "empty")),
        ("points/d.pts", "0 0 0 1\n1 1 1 1\n", ("d.pts", "4 columns, not x y z")),
        ("points/d.pts", "0 0 0\n1 1\n", ("d.pts", "not a table")),
        ("points/d.pts", "0 0 0\n1 1 nan\n", ("d.pts", "not finite")),
        ("points/d.pts", "1 1 1\n" * 40, ("d.pts", "zero")),
        ("points/d.pts", "0 0 0\n1e300 1 1\n" * 20, ("d.pts", "not finite")),
        ("points/d.pts", "0 0 0\n1 1 1\n", ("d.seg", "40 labels for the 2 points", "d.pts")),
        ("points_label/d.seg", "1\n" * 39, ("d.seg", "39 labels for the 40 points")),
        ("points_label/d.seg", "1\n" * 39 + "5\n", ("d.seg", "label 5 in row 40", "chair has 1 to 4")),
        ("points_label/d.seg", "0\n" + "1\n" * 39, ("d.seg", "label 0 in row 1", "chair has 1 to 4")),
        ("points_label/d.seg", "1.5\n" * 40, ("d.seg", "label 1.5")),
        ("points_label/d.seg", "1 1\n" * 40, ("d.seg", "2 columns, not label")),
        ("points_label/d.seg", "seat\n" * 40, ("d.seg", "not a table")),
        ("points_label/d.seg", "", ("d.seg", "empty")),
    ],
)
def test_broken_points_and_labels(
    tmp_path: Path, rng: np.random.Generator, file: str, text: str, words: tuple[str, ...]
) -> None:
    write_pts(tmp_path, chairs(rng))
    (tmp_path / CHAIR.synset / file).write_text(text)
    check_error(lambda: PTS(tmp_path, "chair"), InputError, *words)


def test_points_missing_or_broken_are_skipped_and_told(tmp_path: Path, rng: np.random.Generator) -> None:
    write_pts(tmp_path, {"test": [cloud(id, "chair", 4, rng) for id in "pqrs"]})
    folder = tmp_path / CHAIR.synset
    (folder / "points/p.pts").unlink()
    (folder / "points_label/q.seg").unlink()
    (folder / "points_label/r.seg").write_text("9\n" * 40)
    check_error(
        lambda: PTS(tmp_path, "chair"), InputError, "p.pts: not found, as 2 of 4 chair of test", "missing='skip'"
    )
    read = PTS(tmp_path, "chair", missing="skip")
    assert ([shape.id for shape in read.shapes], read.expected) == (["s"], 4)
    ((id, reason),) = read.skipped
    assert id == "r" and "label 9" in reason and "r.seg" in reason
    (folder / "points/s.pts").write_text("0 0\n")
    check_error(lambda: PTS(tmp_path, "chair", missing="skip"), InputError, "none of the 2 chair of test", "r.seg")
    (folder / "points/s.pts").unlink()
    (folder / "points/r.pts").unlink()
    check_error(lambda: PTS(tmp_path, "chair", missing="skip"), InputError, "4 of 4", "copy the shapes there")


def test_points_words_and_lists(tmp_path: Path, rng: np.random.Generator) -> None:
    check_error(lambda: PTS(tmp_path, "chair"), InputError, "synsetoffset2category.txt", "not found")
    write_pts(tmp_path, chairs(rng))
    check_error(lambda: PTS(tmp_path, "mug"), SettingsError, "mug", "it has: chair, table")
    check_error(lambda: PTS(tmp_path, "hat"), SettingsError, "hat")
    check_error(lambda: PTS(tmp_path, "chair", split="dev"), SettingsError, "dev", "train, val, test, trainval")
    check_error(lambda: PTS(tmp_path, "chair", missing="no"), SettingsError, "no", "error, skip")
    check_error(lambda: PTS(tmp_path, "table", split="val"), InputError, "lists no table")
    listing = tmp_path / "train_test_split" / "shuffled_test_file_list.json"
    for entry in ("shape_data/03001627/../../secret", "shape_data/03001627/..", "03001627/d", "shape_data/03001627/"):
        listing.write_text(json.dumps([entry]))
        check_error(lambda: PTS(tmp_path, "chair"), InputError, listing.name, "must be a list of")
    listing.write_text("[" * 100_000)
    check_error(lambda: PTS(tmp_path, "chair"), InputError, listing.name, "not valid JSON")


@pytest.mark.parametrize("file", ["points/d.pts", "points_label/d.seg"])
def test_points_cut_off_anywhere(tmp_path: Path, rng: np.random.Generator, file: str) -> None:
    write_pts(tmp_path, chairs(rng))
    check_cut(tmp_path / CHAIR.synset / file, lambda: PTS(tmp_path, "chair"))


# --- meshes -------------------------------------------------------------------------------------------------------

LETTERS = [f"Chair_label{letter}" for letter in "ABCD"]


@pytest.mark.parametrize("names", [LETTERS, ["chair_back", "chair_seat", "Chair_Leg", "armrest"], list(CHAIR.parts)])
def test_meshes_read_as_written(tmp_path: Path, rng: np.random.Generator, names: list[str]) -> None:
    shapes = [mesh(id, "chair", 4, rng) for id in "ab"]
    read = MESH(write_labelled_off(tmp_path, shapes, names), "chair")
    assert (read.name, read.category, read.expected, read.own) == ("shapenetpart-mesh", "chair", 2, None)
    check_same(read, shapes)
    check_same(MESH(tmp_path, "chair", missing="skip"), shapes)


def test_meshes_are_turned_and_normalised(tmp_path: Path, rng: np.random.Generator) -> None:
    """Front +X becomes +Z; the labels stay with their faces."""
    write_labelled_off(tmp_path, [mesh("a", "chair", 4, rng)], LETTERS)
    text = "OFF\n6 2 0\n0 0 0\n0 1 0\n0 0 1\n10 0 0\n10 1 0\n10 0 1\n3 0 1 2\n3 3 4 5\n"
    (tmp_path / "Chair/a.off").write_text(text)
    (tmp_path / "Chair/a_labels.txt").write_text("Chair_labelB\n1\nChair_labelD\n2\n")
    (shape,) = MESH(tmp_path, "chair").shapes
    assert shape.face_labels is not None and shape.face_labels.tolist() == [1, 3]
    assert shape.centroids()[1][2] > 0.9 and shape.centroids()[0][2] < -0.9
    assert np.linalg.norm(shape.positions(), axis=1).max() == pytest.approx(1)


def test_folders_by_word_or_synset_and_lists(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [mesh(id, "chair", 4, rng) for id in ("m1", "m2", "m3")]
    write_labelled_off(tmp_path, shapes, LETTERS)
    (tmp_path / "Chair").rename(tmp_path / CHAIR.synset)
    check_same(MESH(tmp_path, "chair"), shapes)
    (tmp_path / "test.txt").write_text(f"{CHAIR.synset}/m3\n{CHAIR.synset}/m1.off\n04379243/m2\n\n")
    check_same(MESH(tmp_path, "chair", split="test"), [shapes[0], shapes[2]])
    (tmp_path / "plain.txt").write_text("m2\nother\n")
    check_same(MESH(tmp_path, "chair", split="plain"), [shapes[1]])
    (tmp_path / "lost.txt").write_text(f"{CHAIR.synset}/gone\n{CHAIR.synset}/m1\n")
    check_error(lambda: MESH(tmp_path, "chair", split="lost"), InputError, "gone.off", "1 of 2")
    read = MESH(tmp_path, "chair", split="lost", missing="skip")
    assert (len(read.shapes), read.expected) == (1, 2)
    (tmp_path / "none.txt").write_text("other\n")
    check_error(lambda: MESH(tmp_path, "chair", split="none"), InputError, "no mesh of split none")
    check_error(lambda: MESH(tmp_path, "chair", split="dev"), InputError, "dev.txt", "not found")


@pytest.mark.parametrize("name", CATEGORIES)
def test_letters_are_the_parts_in_order(name: str) -> None:
    row = category(name)
    letters = "ABCDEFGH"[: len(row.parts)]
    assert [part_of(f"{name.capitalize()}_label{x}", row) for x in letters] == list(range(len(row.parts)))
    beyond = "ABCDEFGH"[len(row.parts)]
    check_error(lambda: part_of(f"{name}_label{beyond}", row), InputError, name, f"A to {letters[-1]}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("a_labels.txt", "no labels")),
        ("Chair_labelA\n", ("a_labels.txt", "no labels")),
        ("1 2 3\n", ("a_labels.txt", "line 1", "before any label")),
        ("Chair_labelA\n1 2 x\n", ("a_labels.txt", "line 2", "no list of face numbers")),
        ("Chair_labelA\n1 2 -3\n", ("a_labels.txt", "line 2", "face -3")),
        ("Chair_labelA\n0\n", ("a_labels.txt", "line 2", "face 0", "mesh of 12")),
        ("Chair_labelA\n13\n", ("a_labels.txt", "line 2", "face 13", "mesh of 12")),
        ("Chair_labelA\n99999999999999999999999\n", ("a_labels.txt", "line 2")),
        ("Chair_labelE\n1\n", ("a_labels.txt", "Chair_labelE", "A to D", "back, seat, leg, arm")),
        ("Chair_wheel\n1\n", ("a_labels.txt", "Chair_wheel", "A to D")),
    ],
)
def test_broken_face_labels(tmp_path: Path, rng: np.random.Generator, text: str, words: tuple[str, ...]) -> None:
    write_labelled_off(tmp_path, [mesh("a", "chair", 4, rng)], LETTERS)
    (tmp_path / "Chair/a_labels.txt").write_text(text)
    check_error(lambda: list(MESH(tmp_path, "chair").shapes), InputError, *words)


def test_faces_named_twice_or_never(tmp_path: Path, rng: np.random.Generator) -> None:
    write_labelled_off(tmp_path, [mesh("a", "chair", 4, rng)], LETTERS)
    (tmp_path / "Chair/a_labels.txt").write_text("Chair_labelA\n1 2 3\nChair_labelC\n3 4\n")
    labels = MESH(tmp_path, "chair").shapes[0].face_labels
    assert labels is not None and labels.tolist() == [0, 0, 2, 2] + [-1] * 8


def test_meshes_are_read_when_asked_for(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [mesh(id, "chair", 4, rng) for id in "abc"]
    read = MESH(write_labelled_off(tmp_path, shapes, LETTERS), "chair")
    (tmp_path / "Chair/b.off").write_text("OFF\n")
    assert len(read.shapes) == 3 and read.shapes[0].id == "a" and read.shapes[-1].id == "c"
    assert [shape.id for shape in read.shapes[::2]] == ["a", "c"]
    check_error(lambda: read.shapes[1], InputError, "b.off")
    check_error(lambda: list(read.shapes), InputError, "b.off")
    with pytest.raises(IndexError):
        read.shapes[3]
    skipped = MESH(tmp_path, "chair", missing="skip")
    assert [shape.id for shape in skipped.shapes] == ["a", "c"] and [id for id, _ in skipped.skipped] == ["b"]


def test_mesh_words(tmp_path: Path, rng: np.random.Generator) -> None:
    check_error(lambda: MESH(tmp_path, "chair"), SettingsError, "chair", "none that is known")
    write_labelled_off(tmp_path, [mesh("a", "chair", 4, rng)], LETTERS)
    check_error(lambda: MESH(tmp_path, "mug"), SettingsError, "mug", "it has: chair")
    check_error(lambda: MESH(tmp_path, "hat"), SettingsError, "hat")
    for path in (tmp_path / "Chair").iterdir():
        path.unlink()
    check_error(lambda: MESH(tmp_path, "chair"), InputError, "Chair", "holds no mesh")


@pytest.mark.parametrize("file", ["a.off", "a_labels.txt"])
def test_meshes_cut_off_anywhere(tmp_path: Path, rng: np.random.Generator, file: str) -> None:
    write_labelled_off(tmp_path, [mesh("a", "chair", 4, rng)], LETTERS)
    check_cut(tmp_path / "Chair" / file, lambda: MESH(tmp_path, "chair"))


def test_the_frame_is_the_text_forms(rng: np.random.Generator) -> None:
    """What the writers here turn is what `gen3d export` turns: the house's front is the file's +X."""
    assert to_shapenet(np.array([[0.0, 0, 1]])).tolist() == [[1, 0, 0]]
