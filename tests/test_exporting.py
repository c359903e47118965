"""Exports read back by other programs' readers and by ours: every array as it was, every file or none."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from dataclasses import replace
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sample_exports import PARTS, collection_of, error, made, shapes
from sample_shapes import random_cloud, random_mesh, same

from distill.datasets import DATASETS
from distill.export_formats import FORMATS
from distill.export_sample import Plan, Sample
from distill.export_shapenetpart import write_txt
from distill.student import Student
from gen3d.categories import category
from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.labelling import read_knowledge
from gen3d.mesh_io import read_shape, shape_from_glb
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled, to_house, to_shapenet, unit_rows

FIRST = category("chair").first_label
NAMES = list(FORMATS)
SHAPENET = ["shapenetpart-txt", "shapenetpart-h5"]


@pytest.fixture(scope="session")
def chairs(finished: Path) -> Path:
    """Three generated chairs with a tiny teacher's knowledge (512 points, seed 0); only read."""
    return finished / "runs/chair/generated"


@pytest.fixture(scope="session")
def student(finished: Path) -> str:
    """A student of those."""
    return str(finished / "runs/chair/student-generated")


def cloud_of(shape: Shape, count: int = 2048, seed: int = 0) -> Shape:
    """What a ShapeNetPart form should hold: the sampled points alone, normalised."""
    return replace(shape.sampled(count, seed), vertices=None, faces=None, face_labels=None).normalised()


def assert_same_cloud(found: Shape, expected: Shape, normals: bool = True) -> None:
    assert same(found.points, expected.points) and same(found.point_labels, expected.point_labels)
    assert not normals or same(found.normals, expected.normals)


# --- ShapeNetPart's forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", SHAPENET)
def test_our_own_reader_gives_the_exported_arrays_bit_for_bit(chairs: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / "out"
    result = made(chairs, out, format, split=(0.4, 0.3, 0.3), seed=5)
    assert result["splits"] == {"train": 1, "val": 1, "test": 1} and result["failed"] == 0
    read = DATASETS[format.removesuffix("-txt")]
    found = {s.id: s for split in ("train", "val", "test") for s in read(out, "chair", split=split).shapes}
    expected = {shape.id: cloud_of(shape, seed=5) for shape in shapes(chairs)}
    assert found.keys() == expected.keys()
    for id, cloud in expected.items():
        assert_same_cloud(found[id], cloud, normals=format == "shapenetpart-txt")


def test_the_two_forms_hold_the_same(chairs: Path, tmp_path: Path) -> None:
    """And what they hold, read by plain numpy and h5py as other people's code does."""
    import h5py

    txt, h5 = tmp_path / "txt", tmp_path / "h5"
    for format, out in (("shapenetpart-txt", txt), ("shapenetpart-h5", h5)):
        made(chairs, out, format, split=(1, 0, 0), shard=2, points=600)
    files = (h5 / "train_hdf5_file_list.txt").read_text().split()
    assert files == ["ply_data_train0.h5", "ply_data_train1.h5"]
    assert (h5 / "test_hdf5_file_list.txt").read_text() == (h5 / "val_hdf5_file_list.txt").read_text() == ""
    classes = [line.split() for line in (h5 / "all_object_categories.txt").read_text().splitlines()]
    assert len(classes) == 16 and classes[4] == ["Chair", "03001627"] and classes[15] == ["Table", "04379243"]
    overall = json.loads((h5 / "overallid_to_catid_partid.json").read_text())
    assert len(overall) == 50 and overall[FIRST] == ["03001627", 1] and overall[49] == ["04379243", 3]
    assert len(json.loads((h5 / "part_color_mapping.json").read_text())) == 50
    listed = json.loads((txt / "train_test_split/shuffled_train_file_list.json").read_text())
    tables = [np.loadtxt(txt / entry.replace("shape_data/", "").__add__(".txt")) for entry in listed]
    rows = []
    for name in files:
        with h5py.File(h5 / name, "r") as file:
            data, label, pid = (np.asarray(file[key]) for key in ("data", "label", "pid"))
        assert (data.dtype, label.dtype, pid.dtype) == (np.float32, np.uint8, np.uint8)
        assert data.shape[1:] == (600, 3) and label.shape == (len(data), 1) and (label == 4).all()
        rows += list(zip(data, pid, strict=True))
    assert len(rows) == len(tables) == 3
    for (data, pid), table in zip(rows, tables, strict=True):
        assert same(table[:, :3].astype(np.float32), data)
        assert (table[:, 6] == pid).all() and set(np.unique(pid)) <= set(range(FIRST, FIRST + 4))
    for shape, (data, _) in zip(shapes(chairs), rows, strict=True):
        backs = data[cloud_of(shape, 600).point_labels == 0]
        assert backs[:, 0].mean() < 0  # the front is +X


finite = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**60), max_value=2.0**60)


@settings(max_examples=30)
@given(arrays(np.float32, (5, 3), elements=finite), arrays(np.float32, (5, 3), elements=finite))
def test_text_brings_every_float_back(
    tmp_path_factory: pytest.TempPathFactory, points: np.ndarray, normals: np.ndarray
) -> None:
    """Also -0.0, and the tiniest ones: the stored numbers first, then what our reader makes of normalised clouds."""
    labels = np.array([0, 1, 2, 3, 0], np.int16)
    points[0] += np.float32(0.5)  # of some size
    normals = unit_rows(normals).astype(np.float32)
    stored = Shape("a", "chair", points=points, normals=normals, point_labels=labels)
    folder = tmp_path_factory.mktemp("text")
    write_txt(iter([Sample("a", "test", stored)]), folder, Plan("chair", PARTS, 1))
    table = np.loadtxt(folder / "03001627/a.txt").astype(np.float32)
    assert same(to_house(table[:, :3]), points) and same(to_house(table[:, 3:6]), normals)
    try:
        cloud = settled(stored)
    except InputError:
        return  # all points in one place
    shutil.rmtree(folder)
    folder.mkdir()
    write_txt(iter([Sample("a", "test", cloud)]), folder, Plan("chair", PARTS, 1))
    (found,) = DATASETS["shapenetpart"](folder, "chair").shapes
    assert_same_cloud(found, cloud)


@settings(max_examples=30)
@given(arrays(np.float32, (4, 3), elements=finite))
def test_frames_turn_back_and_normalised_rows_stay(rows: np.ndarray) -> None:
    assert same(to_house(to_shapenet(rows)), rows) and same(to_shapenet(to_house(rows)), rows)
    once = unit_rows(rows).astype(np.float32)
    assert same(unit_rows(once).astype(np.float32), once)
    np.testing.assert_allclose(np.linalg.norm(once[np.abs(rows).max(1) > 0].astype(float), axis=1), 1, atol=1e-6)


def test_stored_clouds_keep_their_points_in_order(tmp_path: Path) -> None:
    """ShapeNetPart in, ShapeNetPart out: with --points 0 nothing is drawn."""
    clouds = [random_cloud(seed) for seed in range(3)]
    clouds = [replace(c, id=f"c{i}", point_labels=np.abs(c.point_labels)).normalised() for i, c in enumerate(clouds)]
    root = collection_of(tmp_path / "c", clouds)
    made(root, tmp_path / "a", "shapenetpart-txt", points=0, split=(0, 0, 1))
    again = list(DATASETS["shapenetpart"](tmp_path / "a", "chair").shapes)
    for found, cloud in zip(again, clouds, strict=True):
        assert_same_cloud(found, cloud)
    made(collection_of(tmp_path / "d", again), tmp_path / "b", "shapenetpart-txt", points=0, split=(0, 0, 1))
    for path in (tmp_path / "a/03001627").iterdir():
        assert path.read_bytes() == (tmp_path / "b/03001627" / path.name).read_bytes()


# --- the other formats --------------------------------------------------------------------------------------------


def test_glb_has_a_named_coloured_node_per_part(chairs: Path, tmp_path: Path) -> None:
    made(chairs, tmp_path / "out", "glb")
    for shape in shapes(chairs):
        path = tmp_path / f"out/{shape.id}.glb"
        scene = trimesh.load_scene(path, process=False)
        assert shape.face_labels is not None
        counts = {PARTS[i]: int((shape.face_labels == i).sum()) for i in np.unique(shape.face_labels)}
        assert {node: len(scene.geometry[scene.graph[node][1]].faces) for node in scene.graph.nodes_geometry} == counts
        assert len({tuple(g.visual.material.baseColorFactor) for g in scene.geometry.values()}) == len(counts)
        again = shape_from_glb(path.read_bytes(), shape.id, "chair", {})
        assert same(again.vertices, shape.vertices) and same(again.face_labels, shape.face_labels)


def test_ply_keeps_faces_and_labels_in_order(chairs: Path, tmp_path: Path) -> None:
    made(chairs, tmp_path / "out", "ply")
    for shape in shapes(chairs):
        again = read_shape(tmp_path / f"out/{shape.id}.ply", "chair")
        for key in ("vertices", "faces", "face_labels"):
            assert same(getattr(again, key), getattr(shape, key)), key


@pytest.mark.parametrize("format", ["glb", "ply", "webdataset"])
def test_clouds_go_out_as_clouds(tmp_path: Path, format: str) -> None:
    cloud = random_cloud(1)
    root = collection_of(tmp_path / "c", [cloud])
    result = made(root, tmp_path / "out", format, points=0)
    assert result["shapes"] == 1
    if format == "webdataset":
        with tarfile.open(tmp_path / "out/shapes-00000.tar") as tar:
            assert same(array(tar, "cloud.labels.npy"), cloud.point_labels)
            assert same(array(tar, "cloud.points.npy"), cloud.points)
        return
    again = read_shape(tmp_path / f"out/cloud.{format}", "chair")
    for key in ("points", "normals", "point_labels"):
        assert same(getattr(again, key), getattr(cloud, key)), key


def array(tar: tarfile.TarFile, name: str) -> np.ndarray:
    member = tar.extractfile(name)
    assert member is not None
    return np.load(BytesIO(member.read()), allow_pickle=False)


def test_webdataset_groups_into_samples(chairs: Path, tmp_path: Path) -> None:
    """As WebDataset does it: neighbours that share a name up to the first dot are one sample."""
    made(chairs, tmp_path / "out", "webdataset", shard=2, points=300)
    tars = sorted((tmp_path / "out").glob("*.tar"))
    assert [path.name for path in tars] == ["shapes-00000.tar", "shapes-00001.tar"]
    found: list[dict[str, Any]] = []
    for path in tars:
        with tarfile.open(path) as tar:
            for key, names in groupby(tar.getnames(), key=lambda name: name.split(".", 1)[0]):
                data = {name.split(".", 1)[1]: tar.extractfile(name) for name in names}
                found.append({"key": key, **{suffix: file.read() for suffix, file in data.items() if file}})
    assert len(found) == 3
    for sample, shape in zip(found, shapes(chairs), strict=True):
        cloud = shape.sampled(300, 0)
        assert sample.keys() == {"key", "glb", "points.npy", "normals.npy", "labels.npy", "json"}
        for key, expected in (("points", cloud.points), ("normals", cloud.normals), ("labels", cloud.point_labels)):
            assert same(np.load(BytesIO(sample[f"{key}.npy"]), allow_pickle=False), expected), key
        note = json.loads(sample["json"])
        assert note == {"id": shape.id, "category": "chair", "parts": list(PARTS), "meta": shape.meta}
        assert sample["key"] == shape.id
        assert same(shape_from_glb(sample["glb"], "x", "chair", {}).face_labels, shape.face_labels)


def test_parquet_has_a_row_per_shape(chairs: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    made(chairs, tmp_path / "out", "parquet", shard=2, points=300)
    files = sorted((tmp_path / "out").glob("*.parquet"))
    rows = [row for file in files for row in parquet.read_table(file).to_pylist()]
    assert [file.name for file in files] == ["shapes-00000.parquet", "shapes-00001.parquet"]
    types = {field.name: str(field.type) for field in parquet.read_schema(files[0])}
    assert types["points"] == "list<element: float>" and types["labels"] == "list<element: int16>"
    for row, shape in zip(rows, shapes(chairs), strict=True):
        cloud = shape.sampled(300, 0)
        assert same(np.array(row["points"], np.float32).reshape(-1, 3), cloud.points)
        assert same(np.array(row["normals"], np.float32).reshape(-1, 3), cloud.normals)
        assert same(np.array(row["labels"], np.int16), cloud.point_labels)
        assert (row["id"], row["category"], row["parts"]) == (shape.id, "chair", list(PARTS))
        assert json.loads(row["meta"]) == shape.meta and row["prompt"] == shape.meta.get("prompt")


# --- whose labels -------------------------------------------------------------------------------------------------


def labels_in(out: Path, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the points and of the faces in a WebDataset export, faces in the order of a GLB."""
    with tarfile.open(out / "shapes-00000.tar") as tar:
        glb = tar.extractfile(f"{shape.id}.glb")
        assert glb is not None
        faces = shape_from_glb(glb.read(), "x", "chair", {})
        assert faces.face_labels is not None
        return array(tar, f"{shape.id}.labels.npy"), faces.face_labels


def test_teacher_labels_are_the_votes(chairs: Path, tmp_path: Path) -> None:
    """At the lifted points themselves; elsewhere the nearest one's, found here by trying all."""
    made(chairs, tmp_path / "same", "webdataset", labels="teacher", points=512)
    made(chairs, tmp_path / "other", "webdataset", labels="teacher", points=100, seed=1)
    knowledge = {k.meta["id"]: k for k in read_knowledge(Collection.open(chairs), "lite")}
    assert len(knowledge) == 3
    for shape in shapes(chairs):
        k = knowledge[shape.id]
        votes = k.votes(len(PARTS))
        points, faces = labels_in(tmp_path / "same", shape)
        assert same(points, votes)

        def nearest(places: np.ndarray, k: Any = k, votes: np.ndarray = votes) -> np.ndarray:
            return votes[((places[:, None].astype(float) - k.points) ** 2).sum(-1).argmin(1)]

        vertices, triangles = shape.mesh
        assert (np.sort(faces) == np.sort(nearest(vertices[triangles].mean(1).astype(np.float32)))).all()
        points, _ = labels_in(tmp_path / "other", shape)
        sampled = shape.sampled(100, 1).points
        assert sampled is not None and (points == nearest(sampled)).all()


def test_student_labels_are_its_predictions(chairs: Path, student: str, tmp_path: Path) -> None:
    result = made(chairs, tmp_path / "out", "parquet", labels="student", student=student, points=700, seed=3)
    from pyarrow import parquet

    rows = parquet.read_table(tmp_path / "out/shapes-00000.parquet").to_pylist()
    network = Student.load(student)
    for row, shape in zip(rows, shapes(chairs), strict=True):
        points = shape.sampled(700, 3).points
        assert points is not None
        assert row["labels"] == network.label_positions(shape, points, seed=3)[0].tolist()
    assert sum(part["elements"] for part in result["parts"]) == 3 * 700
    assert student in (tmp_path / "out/README.md").read_text()


def test_a_student_that_knows_fewer_parts_keeps_its_names(chairs: Path, tmp_path: Path) -> None:
    Student("chair", ["leg", "seat"], options={"width": 32, "depth": 1}).save(tmp_path / "two")
    made(chairs, tmp_path / "out", "ply", labels="student", student=str(tmp_path / "two"))
    for shape in shapes(chairs):
        again = read_shape(tmp_path / f"out/{shape.id}.ply", "chair")
        assert again.face_labels is not None and set(np.unique(again.face_labels)) <= {1, 2}


def test_labels_that_are_missing_are_listed(chairs: Path, tmp_path: Path) -> None:
    whole, bare = shapes(chairs)[0], random_mesh(3, labelled=False)
    assert whole.face_labels is not None
    odd = np.arange(len(whole.face_labels)) % 2
    half = replace(whole, id="half", face_labels=np.where(odd, whole.face_labels, -1).astype(np.int16))
    points = replace(bare.sampled(50, 0), id="points", point_labels=np.arange(50, dtype=np.int16) % 4)
    root = collection_of(tmp_path / "c", [replace(bare, id="bare"), whole, half, points])
    result = made(root, tmp_path / "txt", "shapenetpart-txt", split=(1, 0, 0))
    assert [failure["id"] for failure in result["failures"]] == ["bare", "half"]
    assert "no exact labels" in result["failures"][0]["reason"]
    assert "of 2048 points are unlabelled" in result["failures"][1]["reason"]
    assert (result["shapes"], result["failed"], result["splits"]["train"]) == (2, 2, 2)
    assert "- bare: has no exact labels" in (tmp_path / "txt/README.md").read_text()
    assert len(json.loads((tmp_path / "txt/train_test_split/shuffled_train_file_list.json").read_text())) == 2
    result = made(root, tmp_path / "ply", "ply")
    assert [failure["id"] for failure in result["failures"]] == ["bare"]
    assert result["parts"][-1]["part"] == "unlabelled"
    nearest = read_shape(tmp_path / "ply/points.ply", "chair").face_labels  # from the labelled points
    assert nearest is not None and (nearest >= 0).all()


def test_without_any_label_nothing_is_written(tmp_path: Path) -> None:
    root = collection_of(tmp_path / "c", [replace(random_mesh(i, labelled=False), id=f"m{i}") for i in range(3)])
    for format in NAMES:
        error(InputError, "none of its 3 shapes", "m0: has no exact labels")(
            lambda f=format: made(root, tmp_path / "o", f)
        )
    error(InputError, "3 of its 3 shapes have no knowledge of the lite teacher", "gen3d label")(
        lambda: made(root, tmp_path / "o", "glb", labels="teacher")
    )
    assert sorted(os.listdir(tmp_path)) == ["c"]
