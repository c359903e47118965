"""PartNet-Mobility objects: written here, read back, broken in many ways, and the real samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_datasets import check_cut, check_error, check_same, mesh, write_mobility
from scipy.spatial import KDTree

from distill.datasets import DATASETS, partnet_mobility
from gen3d.errors import InputError, SettingsError
from gen3d.mesh_io import read_shape
from gen3d.shape import Shape, frame

READ = DATASETS["partnet-mobility"]
PARTS = ("oven_body", "rotation_door")  # in alphabetical order, as the table will be


def oven(id: str, rng: np.random.Generator) -> Shape:
    """An oven whose faces are sorted by part, as its pieces are."""
    shape = mesh(id, "toaster oven", 2, rng)
    assert shape.face_labels is not None
    order = np.argsort(shape.face_labels, kind="stable")
    vertices = shape.mesh[0].reshape(-1, 3, 3)[order].reshape(-1, 3)
    return Shape(id, shape.category, vertices, shape.mesh[1], shape.face_labels[order])


def write(root: Path, rng: np.random.Generator, ids: tuple[str, ...] = ("20", "7")) -> list[Shape]:
    shapes = [oven(id, rng) for id in ids]
    for shape in shapes:
        write_mobility(root, shape, PARTS, "ToasterOven")
    return shapes


def test_reads_as_written(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = write(tmp_path, rng)
    read = READ(tmp_path, "toaster oven")
    assert (read.name, read.category, read.expected) == ("partnet-mobility", "toaster oven", 2)
    assert read.parts == ("oven body", "rotation door") and read.scored == (0, 1)
    check_same(read, shapes[::-1])  # by number


def test_the_table_of_a_category_is_that_of_all_its_objects(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, rng)
    other = mesh("8", "toaster oven", 2, rng)
    write_mobility(tmp_path, other, ("knob", "rotation_door"), "ToasterOven")
    write_mobility(tmp_path, mesh("9", "remote", 1, rng), ("button",), "Remote")
    read = READ(tmp_path, "toaster oven")
    assert read.parts == ("knob", "oven body", "rotation door")
    used = [set(np.unique(shape.face_labels).tolist()) for shape in read.shapes]  # type: ignore[arg-type]
    assert used == [{1, 2}, {0, 2}, {1, 2}]
    assert partnet_mobility.categories(tmp_path) == ["remote", "toaster oven"]
    check_error(lambda: READ(tmp_path, "chair"), SettingsError, "chair", "it has: remote, toaster oven")


def test_category_from_the_tree_of_parts(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, rng, ("7",))
    (tmp_path / "7/meta.json").unlink()
    check_error(lambda: READ(tmp_path, "toaster oven"), SettingsError, "none that is known")
    ((id, reason),) = partnet_mobility.strays(tmp_path)
    assert id == "7" and "meta.json: not found" in reason
    (tmp_path / "7/result.json").write_text(json.dumps([{"id": 0, "name": "storage_furniture", "children": []}]))
    assert READ(tmp_path, "storage furniture").expected == 1 and not partnet_mobility.strays(tmp_path)


@pytest.mark.parametrize("meta", ["{", "[]", "{}", '{"model_cat": 3}', '{"model_cat": ""}', "[" * 100_000, "[[]]"])
def test_category_that_cannot_be_told(tmp_path: Path, rng: np.random.Generator, meta: str) -> None:
    write(tmp_path, rng)
    (tmp_path / "7/meta.json").write_text(meta)
    assert READ(tmp_path, "toaster oven").expected == 1
    ((id, reason),) = partnet_mobility.strays(tmp_path)
    assert id == "7" and "tells no category" in reason


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("semantics.txt", "link_0 hinge oven_body\n", ("semantics.txt", "does not name link_1")),
        ("semantics.txt", "link_0 hinge\n", ("semantics.txt", "link joint name")),
        ("semantics.txt", "", ("semantics.txt", "link joint name")),
        ("mobility.urdf", "<robot>", ("mobility.urdf", "not valid XML")),
        ("mobility.urdf", "", ("mobility.urdf", "not valid XML")),
        ("mobility.urdf", "<robot name='r'/>", ("mobility.urdf", "has no meshes")),
        ("mobility.urdf", "<!DOCTYPE x [<!ENTITY a 'b'>]><robot/>", ("mobility.urdf", "document type")),
        ("textured_objs/original-0.obj", "v 0 0\n", ("original-0.obj",)),
        ("textured_objs/original-0.obj", "", ("original-0.obj", "empty")),
    ],
)
def test_broken_objects(tmp_path: Path, rng: np.random.Generator, file: str, text: str, words: tuple[str, ...]) -> None:
    write(tmp_path, rng)
    (tmp_path / "20" / file).write_text(text)
    read = READ(tmp_path, "toaster oven")
    assert read.shapes[0].id == "7"
    check_error(lambda: read.shapes[1], InputError, "20", *words)
    skipped = READ(tmp_path, "toaster oven", missing="skip")
    assert [shape.id for shape in skipped.shapes] == ["7"] and [id for id, _ in skipped.skipped] == ["20"]


@pytest.mark.parametrize("name", ["../7/textured_objs/original-0.obj", "/etc/passwd", "a.glb", "/a.obj", ""])
def test_only_pieces_of_the_object_are_read(tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    write(tmp_path, rng)
    path = tmp_path / "20/mobility.urdf"
    path.write_text(path.read_text().replace("textured_objs/original-0.obj", name))
    check_error(lambda: READ(tmp_path, "toaster oven").shapes[1], InputError, "mobility.urdf", "no .obj file beside it")


def test_a_piece_that_is_not_there(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, rng)
    (tmp_path / "20/textured_objs/original-3.obj").unlink()
    check_error(lambda: list(READ(tmp_path, "toaster oven").shapes), InputError, "original-3.obj", "no such file")
    (tmp_path / "20/mobility.urdf").unlink()
    check_error(lambda: READ(tmp_path, "toaster oven"), InputError, "mobility.urdf: not found, as 1 of 2 toaster oven")
    for id in ("20", "7"):
        (tmp_path / id / "semantics.txt").write_text("x\n")
    check_error(lambda: READ(tmp_path, "toaster oven"), InputError, "names no part, as all 2 toaster oven")


@pytest.mark.parametrize("file", ["mobility.urdf", "semantics.txt", "textured_objs/original-1.obj"])
def test_cut_off_anywhere(tmp_path: Path, rng: np.random.Generator, file: str) -> None:
    write(tmp_path, rng, ("7", "8"))
    check_cut(tmp_path / "8" / file, lambda: READ(tmp_path, "toaster oven", missing="skip"))


# --- the real samples ---------------------------------------------------------------------------------------------


def test_real_objects(shared_data: Path) -> None:
    root = shared_data / "partnet_mobility"
    assert partnet_mobility.categories(root) == ["microwave", "remote", "storage furniture"]
    expected = {
        "microwave": (("door", "oven body", "translation tray"), [7340, 1106, 5256]),
        "remote": (("button", "remote base"), [5926, 5856]),
        "storage furniture": (("furniture body", "rotation door"), [940, 4444]),
    }
    for name, (parts, faces) in expected.items():
        read = READ(root, name)
        (shape,) = read.shapes
        assert read.parts == parts and shape.face_labels is not None
        assert np.bincount(shape.face_labels).tolist() == faces


@pytest.mark.parametrize(
    ("name", "front"), [("microwave", "door"), ("remote", "button"), ("storage furniture", "rotation door")]
)
def test_real_frame(shared_data: Path, name: str, front: str) -> None:
    """Doors and buttons face +Z: their faces lie farther in front than those of any other part."""
    read = READ(shared_data / "partnet_mobility", name)
    (shape,) = read.shapes
    depth = [shape.centroids()[shape.face_labels == part][:, 2].mean() for part in range(len(read.parts))]
    assert int(np.argmax(depth)) == read.parts.index(front)


@pytest.mark.parametrize(("id", "name"), [("7179", "microwave"), ("45780", "storage furniture")])
def test_real_points_lie_on_faces_of_their_part(shared_data: Path, id: str, name: str) -> None:
    """PartNet's own 10,000 labelled points, an annotation apart from the links: 99 % agree with the faces' parts."""
    root = shared_data / "partnet_mobility" / id
    read = READ(root.parent, name)
    (shape,) = read.shapes
    names = {file.stem: link for link, file in partnet_mobility._pieces(root / "mobility.urdf")}
    parts = partnet_mobility._names(root / "semantics.txt")
    leaves = {leaf: read.parts.index(parts[names[piece]]) for leaf, piece in pieces(json_of(root / "result.json"))}
    raw = np.concatenate([read_shape(root / f"textured_objs/{stem}.obj").mesh[0] for stem in names])
    centre, radius = frame(raw, id)
    points = (np.loadtxt(root / "point_sample/pts-10000.txt") - centre) / radius
    truth = np.array([leaves[int(leaf)] for leaf in np.loadtxt(root / "point_sample/label-10000.txt")])
    dense = shape.sampled(100_000, seed=0)
    assert dense.points is not None and dense.point_labels is not None
    distance, near = KDTree(dense.points).query(points)
    assert distance.max() < 0.03
    assert (dense.point_labels[near] == truth).mean() > 0.99


def json_of(path: Path) -> Any:
    return json.loads(path.read_text())


def pieces(nodes: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """(id of a leaf, one of its pieces) in a tree of parts."""
    found = []
    for node in nodes:
        found += [(node["id"], node["objs"][0])] if node.get("objs") else []
        found += pieces(node.get("children", []))
    return found
