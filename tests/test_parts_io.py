"""Writing segmented shapes: the files, their content, and the order of the labels."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from sample_shapes import same

from gen3d.categories import CATEGORIES
from gen3d.colors import PALETTE, UNLABELLED_GREY
from gen3d.errors import InputError, StorageError
from gen3d.mesh_io import read_shape
from gen3d.parts_io import is_parts, read_parts, write_parts
from gen3d.shape import Shape

PARTS = CATEGORIES["chair"].parts


def labelled_mesh(seed: int = 0, count: int = 60) -> Shape:
    """Random triangles, off centre and not normalised, with shuffled labels (no arms) and unlabelled ones."""
    rng = np.random.default_rng(seed)
    vertices = (rng.normal(size=(40, 3)) * 7 + 100).astype(np.float32)
    faces = np.stack([rng.permutation(40)[:3] for _ in range(count)]).astype(np.int64)
    labels = rng.permutation(np.arange(count) % 4 - 1).astype(np.int16)
    return Shape("my chair", "chair", vertices, faces, labels)


def labelled_cloud() -> Shape:
    """A random cloud with labels back, leg and none."""
    rng = np.random.default_rng(1)
    points, normals = (rng.normal(size=(30, 3)).astype(np.float32) for _ in range(2))
    labels = rng.permutation(np.repeat([0, 2, -1], 10)).astype(np.int16)
    return Shape("cloud", "chair", points=points, normals=normals, point_labels=labels)


def test_mesh_files_and_labels_in_the_order_of_the_input(tmp_path: Path) -> None:
    shape = labelled_mesh()
    vertices, faces = shape.mesh
    labels = shape.face_labels
    assert labels is not None
    confidence = np.linspace(0, 1, 60, dtype=np.float32)
    paths = write_parts(shape, PARTS, tmp_path / "new" / "folder", confidence, meshes=True)
    names = ["my-chair.glb", "my-chair.ply", *(f"my-chair_{part}.glb" for part in ("back", "seat", "leg"))]
    names += ["my-chair_labels.npy", "my-chair_confidence.npy", "my-chair_labels.json"]
    assert [p.name for p in paths] == names and sorted(os.listdir(paths[0].parent)) == sorted(names)

    table = json.loads(paths[-1].read_text())
    assert [*table] == ["id", "category", "parts", "colors", "counts", "face_labels", "confidence"]
    assert table["confidence"] == pytest.approx(confidence, abs=1e-4)
    assert same(np.load(paths[-3]), labels) and same(np.load(paths[-2]), confidence)
    ordered = read_shape(paths[1])
    assert same(ordered.vertices, vertices) and same(ordered.faces, faces) and same(ordered.face_labels, labels)
    assert (table["id"], table["category"], table["parts"]) == ("my chair", "chair", list(PARTS))
    assert table["face_labels"] == labels.tolist()
    assert table["counts"] == {"back": 15, "seat": 15, "leg": 15, "arm": 0, "unlabelled": 15}
    assert table["colors"]["leg"] == PALETTE[2].tolist() and table["colors"]["unlabelled"] == UNLABELLED_GREY.tolist()

    whole = read_shape(paths[0])
    assert np.array_equal(whole.mesh[0], vertices)  # the frame of the input
    for i, name in enumerate(("back", "seat", "leg")):
        piece = read_shape(paths[2 + i], "chair")
        assert np.array_equal(piece.mesh[0][piece.mesh[1]], vertices[faces[labels == i]])
        assert set(np.unique(piece.mesh[1])) == set(range(len(piece.mesh[0])))  # no unused vertex
        assert piece.face_labels is not None and (piece.face_labels == i).all()
        node = trimesh.load_scene(paths[0], process=False).geometry[name]
        assert np.array_equal(node.triangles, vertices[faces[labels == i]].astype(np.float64))


def test_cloud_files(tmp_path: Path) -> None:
    cloud = labelled_cloud()
    assert cloud.points is not None and cloud.normals is not None and cloud.point_labels is not None
    paths = write_parts(cloud, PARTS, tmp_path, meshes=True)
    names = ["cloud.glb", "cloud.ply", "cloud_back.ply", "cloud_leg.ply", "cloud_labels.npy", "cloud_labels.json"]
    assert [p.name for p in paths] == names
    nodes = trimesh.load_scene(paths[0], process=False).geometry
    assert set(nodes) == {"back", "leg", "unlabelled"} and (nodes["leg"].colors[:, :3] == PALETTE[2]).all()
    for name, label in (("back", 0), ("leg", 2), ("unlabelled", -1)):
        assert np.array_equal(nodes[name].vertices.astype(np.float32), cloud.points[cloud.point_labels == label])
    paths = paths[1:]
    table = json.loads(paths[-1].read_text())
    assert table["point_labels"] == cloud.point_labels.tolist() and "face_labels" not in table
    back = read_shape(paths[0], "chair")
    for key in ("points", "normals", "point_labels"):
        assert np.array_equal(getattr(back, key), getattr(cloud, key))
    leg = read_shape(paths[2])
    assert leg.points is not None and np.array_equal(leg.points, cloud.points[cloud.point_labels == 2])
    colors = trimesh.load(paths[0]).colors[:, :3]  # type: ignore[union-attr]
    assert np.array_equal(colors[cloud.point_labels == 2], np.tile(PALETTE[2], (10, 1)))
    assert np.array_equal(colors[cloud.point_labels == -1], np.tile(UNLABELLED_GREY, (10, 1)))


def test_mesh_labels_win_over_points_and_points_serve_where_faces_have_none(tmp_path: Path) -> None:
    both = labelled_mesh().sampled(20, seed=0)
    assert "face_labels" in json.loads(write_parts(both, PARTS, tmp_path / "a")[-1].read_text())
    only_points = replace(both, face_labels=None)
    paths = write_parts(only_points, PARTS, tmp_path / "b")
    assert "point_labels" in json.loads(paths[-1].read_text()) and not read_shape(paths[0]).has_mesh


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    first = {p.name: p.read_bytes() for p in write_parts(labelled_mesh(), PARTS, tmp_path)}
    assert first == {p.name: p.read_bytes() for p in write_parts(labelled_mesh(), PARTS, tmp_path)}


def test_free_part_names_become_safe_and_different_file_names(tmp_path: Path) -> None:
    shape = replace(labelled_mesh(), id="../../évil", category="dragon")
    paths = write_parts(shape, ("wing/../tip", "wing .. tip", "Flügel"), tmp_path, meshes=True)
    assert all(p.parent == tmp_path for p in paths) and len({p.name for p in paths}) == 7
    assert paths[4].name == "evil_Flugel.glb" and sorted(os.listdir(tmp_path)) == sorted(p.name for p in paths)
    nodes = set(trimesh.load_scene(paths[0], process=False).geometry)
    assert nodes == {"wing/../tip", "wing .. tip", "Flügel", "unlabelled"}


def test_all_unlabelled_has_no_part_files(tmp_path: Path) -> None:
    shape = replace(labelled_mesh(), face_labels=np.full(60, -1, np.int16))
    names = ["my-chair.glb", "my-chair.ply", "my-chair_labels.npy", "my-chair_labels.json"]
    assert [p.name for p in write_parts(shape, PARTS, tmp_path, meshes=True)] == names


def test_refusals_write_nothing(tmp_path: Path) -> None:
    mesh = labelled_mesh()
    for bad, word in (
        (replace(mesh, face_labels=None), "no labels"),
        (replace(mesh, face_labels=np.full(60, 4, np.int16)), "label 4, but only 4 parts"),
        (Shape("void", "chair"), "no labels"),
    ):
        with pytest.raises(InputError, match=word):
            write_parts(bad, PARTS, tmp_path / "out")
    assert not os.listdir(tmp_path)


def test_unwritable_folder_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="file"):
        write_parts(labelled_mesh(), PARTS, tmp_path / "file")


@pytest.mark.parametrize("shape", [labelled_mesh(), labelled_cloud()], ids=["mesh", "cloud"])
def test_what_was_written_is_read_again(tmp_path: Path, shape: Shape) -> None:
    whole = replace(shape, id="mine")
    labels = whole.face_labels if whole.has_mesh else whole.point_labels
    assert labels is not None
    sure = np.linspace(0, 1, len(labels), dtype=np.float32)
    write_parts(whole, ("a", "b c", "d"), tmp_path / "mine", sure)
    found = read_parts(tmp_path / "mine")
    assert is_parts(tmp_path / "mine") and not is_parts(tmp_path) and found.parts == ("a", "b c", "d")
    for name in ("vertices", "faces", "face_labels", "points", "point_labels"):
        assert same(getattr(found.shape, name), getattr(whole, name)), name
    assert found.confidence is not None and np.abs(found.confidence - sure).max() <= 5e-5
    write_parts(whole, ("a", "b c", "d"), tmp_path / "unsure" / "mine")
    assert read_parts(tmp_path / "unsure" / "mine").confidence is None


@pytest.mark.parametrize(
    "change",
    [{"parts": ["a"]}, {"parts": None}, {"confidence": [0.5]}, {"confidence": "high"}, None],
    ids=["too few parts", "no parts", "too few numbers", "no numbers", "no JSON"],
)
def test_a_damaged_table_is_named(tmp_path: Path, change: dict[str, object] | None) -> None:
    write_parts(replace(labelled_mesh(), id="mine"), PARTS, tmp_path / "mine", np.ones(60, np.float32))
    path = tmp_path / "mine" / "mine_labels.json"
    text = "{" if change is None else json.dumps(json.loads(path.read_text()) | change)
    path.write_text(text)
    with pytest.raises(InputError, match=r"mine_labels.json: can't be read .*; segment the shape again") as caught:
        read_parts(tmp_path / "mine")
    assert len(str(caught.value).splitlines()) == 1
