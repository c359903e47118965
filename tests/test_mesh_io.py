"""Reading and writing shapes: exact round trips, scenes, labels, and real files."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_shapes import assert_same, export, naive_order, random_cloud, random_mesh, refused, scene_glb

from gen3d.categories import CATEGORIES
from gen3d.glb import grouped_faces, unpack
from gen3d.mesh_io import READABLE, WRITABLE, glb_bytes, read_shape, shape_bytes, shape_from_glb, slug, write_shape
from gen3d.shape import Shape

ORDERED = (".obj", ".ply", ".off", ".npz")  # formats that keep vertices and faces as they stand


# --- round trips --------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), labelled=st.booleans(), category=st.sampled_from(sorted(CATEGORIES)))
def test_glb_round_trip_is_exact(seed: int, labelled: bool, category: str) -> None:
    shape = random_mesh(seed, labelled, category)
    data = glb_bytes(shape)
    assert data == glb_bytes(shape)
    back = shape_from_glb(data, "other", category, {"seed": seed})
    assert (back.id, back.category, back.meta) == ("other", category, {"seed": seed})
    expected = shape
    if shape.face_labels is not None and shape.faces is not None:
        order = naive_order(shape.face_labels)
        expected = replace(shape, faces=shape.faces[order], face_labels=shape.face_labels[order])
    assert_same(back, expected)
    assert_same(grouped_faces(shape), expected)
    assert glb_bytes(back) == data


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), labelled=st.booleans())
def test_glb_loads_in_trimesh_with_the_same_triangles(seed: int, labelled: bool) -> None:
    shape = random_mesh(seed, labelled)
    scene = trimesh.load_scene(io.BytesIO(glb_bytes(shape)), file_type="glb", process=False)
    expected = grouped_faces(shape)
    vertices, faces = expected.mesh
    got = np.concatenate([scene.geometry[name].triangles for name in scene.geometry])
    assert np.array_equal(got, vertices[faces].astype(np.float64))
    if expected.face_labels is None:
        return
    parts = CATEGORIES["chair"].parts
    names = [parts[i] for i in sorted(set(expected.face_labels.tolist()) - {-1})]
    names += ["unlabelled"] if -1 in expected.face_labels else []
    assert [*scene.geometry] == names and set(scene.graph.nodes_geometry) == set(names)
    for name in names:
        label = parts.index(name) if name in parts else -1
        assert len(scene.geometry[name].faces) == (expected.face_labels == label).sum()


@pytest.mark.parametrize("suffix", ORDERED)
@pytest.mark.parametrize("labelled", [False, True])
def test_ordered_formats_keep_every_bit(tmp_path: Path, suffix: str, labelled: bool) -> None:
    for seed in range(8):
        shape = random_mesh(seed, labelled)
        write_shape(shape, tmp_path / f"mesh{suffix}")
        back = read_shape(tmp_path / f"mesh{suffix}", "chair")
        labels = shape.face_labels if suffix in (".ply", ".npz") else None
        assert_same(back, replace(shape, face_labels=labels))
        assert back.id == "mesh"


def test_stl_keeps_triangles(tmp_path: Path) -> None:
    for seed in range(8):
        shape = random_mesh(seed)
        write_shape(shape, tmp_path / "a.stl")
        back = read_shape(tmp_path / "a.stl")
        assert np.array_equal(back.mesh[0][back.mesh[1]], shape.mesh[0][shape.mesh[1]])


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".npz"])
@pytest.mark.parametrize("labelled", [False, True])
def test_clouds_keep_every_bit(tmp_path: Path, suffix: str, labelled: bool) -> None:
    for seed in range(4):
        shape = random_cloud(seed, labelled)
        write_shape(shape, tmp_path / f"c{suffix}")
        assert_same(read_shape(tmp_path / f"c{suffix}", "chair"), shape)


@pytest.mark.parametrize("suffix", [".glb", ".npz"])
def test_mesh_and_points_together(tmp_path: Path, suffix: str) -> None:
    both = grouped_faces(random_mesh(3)).sampled(40, seed=0)
    write_shape(both, tmp_path / f"b{suffix}")
    assert_same(read_shape(tmp_path / f"b{suffix}", "chair"), both)


@pytest.mark.parametrize("suffix", WRITABLE)
def test_writing_is_deterministic_and_matches_trimesh(suffix: str) -> None:
    shape = random_mesh(5)
    data = shape_bytes(shape, suffix)
    assert data == shape_bytes(shape, suffix.upper())
    if suffix != ".npz":
        scene = trimesh.load_scene(io.BytesIO(data), file_type=suffix[1:], process=False)
        assert sum(len(g.faces) for g in scene.geometry.values()) == len(shape.mesh[1])


def test_twin_trimesh_files_read_back(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 2, 3))
    for suffix in (".glb", ".obj", ".ply", ".stl", ".off", ".gltf"):
        path = tmp_path / f"box{suffix}"
        if suffix == ".gltf":
            for name, data in export(trimesh.Scene(box), "gltf").items():
                (tmp_path / name.replace("model.gltf", "box.gltf")).write_bytes(data)
        else:
            box.export(path)
        vertices, faces = read_shape(path).mesh
        assert np.allclose(vertices[faces], box.triangles, atol=1e-6), suffix
    for name, kind in (("ascii.ply", "ply"), ("ascii.stl", "stl_ascii")):
        text = export(box, kind, **({"encoding": "ascii"} if kind == "ply" else {}))
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        vertices, faces = read_shape(tmp_path / name).mesh
        assert np.allclose(vertices[faces], box.triangles, atol=1e-6), name


def test_files_are_closed_and_names_are_slugs(tmp_path: Path) -> None:
    write_shape(random_mesh(0), tmp_path / "Fauteuil été (1).obj")
    (tmp_path / "broken.glb").write_bytes(b"glTF" * 9)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert read_shape(tmp_path / "Fauteuil été (1).obj").id == "Fauteuil-ete-1"
    refused(tmp_path / "broken.glb")
    assert not before or len(os.listdir("/proc/self/fd")) == before


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_slug_is_always_a_safe_file_name(text: str) -> None:
    name = slug(text)
    assert 0 < len(name) <= 100 and name[0] not in "-." and ".." not in name
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert slug(name) == name


# --- scenes and labels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "category", "labels"),
    [
        (["backrest", "seat", "legs"], "chair", [0, 1, 2]),
        (["leg_1", "leg.002", "seat"], "chair", [2, 2, 1]),
        (["back", "cushion"], "chair", None),
        (["back", "seat"], "table", None),
        (["back", "seat"], "unknown", None),
        (["part 1", "part 2"], "chair", None),
    ],
)
def test_foreign_glb_is_labelled_only_where_all_names_are_parts(
    tmp_path: Path, names: list[str], category: str, labels: list[int] | None
) -> None:
    (tmp_path / "a.glb").write_bytes(scene_glb(names))
    back = read_shape(tmp_path / "a.glb", category)
    assert len(back.mesh[1]) == 12 * len(names)
    if labels is None:
        assert back.face_labels is None
    else:
        assert back.face_labels is not None and back.face_labels.tolist() == np.repeat(labels, 12).tolist()
        vertices, faces = back.mesh
        widths = np.ptp(vertices[faces][..., 0].reshape(len(names), -1), axis=1)
        assert widths.tolist() == [1 + i for i in range(len(names))]  # parts in the file's order


def test_scene_is_flattened_to_world_space_and_mirrors_keep_the_outside(tmp_path: Path) -> None:
    matrix = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3], [4, 5, 6]) @ np.diag([-2.0, 1, 1, 1])
    (tmp_path / "a.glb").write_bytes(scene_glb(["x"], matrix))
    vertices, faces = read_shape(tmp_path / "a.glb").mesh
    expected = trimesh.creation.box((1, 1, 1)).apply_transform(matrix)
    got = trimesh.Trimesh(vertices, faces, process=False)
    assert np.allclose(got.bounds, expected.bounds, atol=1e-5)
    assert got.volume == pytest.approx(expected.volume, rel=1e-5) and got.volume > 0


def test_own_glb_brings_its_category_and_other_categories_get_no_labels(tmp_path: Path) -> None:
    shape = random_mesh(1)
    write_shape(shape, tmp_path / "a.glb")
    assert read_shape(tmp_path / "a.glb").category == "chair"
    assert_same(read_shape(tmp_path / "a.glb"), grouped_faces(shape))
    assert read_shape(tmp_path / "a.glb", "mug").face_labels is None
    odd = replace(shape, category="dragon", face_labels=np.full(len(shape.mesh[1]), 301, np.int16))
    write_shape(odd, tmp_path / "b.glb")
    assert_same(read_shape(tmp_path / "b.glb"), odd)


def test_part_colors_are_the_palette(tmp_path: Path) -> None:
    from gen3d.colors import PALETTE

    mesh = random_mesh(2)
    document, _ = unpack(glb_bytes(replace(mesh, face_labels=np.zeros(len(mesh.mesh[1]), np.int16))))
    linear = np.array(document["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"][:3])
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.array_equal((srgb * 255).round(), PALETTE[0])


def test_ply_labels_of_quads_follow_their_halves(tmp_path: Path) -> None:
    text = (
        "ply\nformat ascii 1.0\nelement vertex 6\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 2\nproperty list uchar int vertex_indices\nproperty int label\nend_header\n"
        "0 0 0\n1 0 0\n1 1 0\n0 1 0\n2 0 0\n2 1 0\n4 0 1 2 3 5\n4 1 4 5 2 7\n"
    )
    (tmp_path / "a.ply").write_text(text)
    back = read_shape(tmp_path / "a.ply")
    assert back.mesh[1].tolist() == [[0, 1, 2], [2, 3, 0], [1, 4, 5], [5, 2, 1]]
    assert back.face_labels is not None and back.face_labels.tolist() == [5, 5, 7, 7]
    (tmp_path / "b.ply").write_text(text[: text.rindex("4 1 4")])
    refused(tmp_path / "b.ply", "truncated")


def test_obj_reads_relative_indices_seams_continuations_and_polygons_in_order(tmp_path: Path) -> None:
    text = (
        "\ufeff# head\r\nmtllib ../../etc/passwd\r\no a\r\nv 0 0 0 1 0 0\r\nv 1 0 0\r\nv 1 1 \\\r\n0\r\n"
        "vt 0 0\r\nvn 0 0 1\r\nusemtl red\r\nf 1/1/1 2//1 3/1\r\nusemtl blue\r\nv 0 1 0\r\nf -4 -2 -1\r\n"
        "usemtl red\r\nf 1 2 3 4 # quad\r\nl 1 2\r\n"
    )
    (tmp_path / "a.obj").write_bytes(text.encode())
    vertices, faces = read_shape(tmp_path / "a.obj").mesh
    assert vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2], [0, 2, 3]]


def test_off_reads_headers_comments_colors_and_polygons_in_order(tmp_path: Path) -> None:
    rows = "0 0 0 9 9 9 1\n1 0 0 9 9 9 1\n# note\n\n1 1 0 9 9 9 1\n0 1 0 9 9 9 1\n3 0 1 2\n4 0 1 2 3 0.5 0.5 0.5\n"
    for head in ("COFF\n4 2 0\n", "OFF 4 2 0\n", "# c\nOFF\n4 2\n"):
        (tmp_path / "a.off").write_text(head + rows)
        assert read_shape(tmp_path / "a.off").mesh[1].tolist() == [[0, 1, 2], [0, 1, 2], [0, 2, 3]]


def test_known_suffixes_are_the_documented_ones() -> None:
    assert READABLE == (".glb", ".gltf", ".obj", ".ply", ".stl", ".off", ".npz")
    assert set(WRITABLE) == set(READABLE) - {".gltf"}


def test_importing_does_not_import_trimesh() -> None:
    import subprocess

    code = "import sys, gen3d.mesh_io, gen3d.parts_io; sys.exit(bool({'trimesh', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1]).returncode == 0


# --- real shapes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["shapenet_chairs", "partnet_mobility"])
def test_real_obj_files_read(shared_data: Path, folder: str) -> None:
    paths = sorted((shared_data / folder).rglob("*.obj"), key=lambda path: path.stat().st_size)[:4]
    if not paths:
        pytest.skip(f"real shapes are not here: {shared_data / folder}")
    for path in paths:
        lines = path.read_text().splitlines()
        shape = read_shape(path, "chair")
        vertices, faces = shape.mesh
        assert len(vertices) == sum(line.startswith("v ") for line in lines)
        assert len(faces) == sum(len(line.split()) - 3 for line in lines if line.startswith("f "))
        last = [line for line in lines if line.startswith("v ")][-1].split()[1:4]
        assert vertices[-1].tolist() == np.array(last, np.float32).tolist()
        assert shape_from_glb(glb_bytes(shape), "x", "chair", {}).mesh[1].tobytes() == faces.tobytes()


def test_real_arrays_round_trip(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "psb" / "Chair.npz"
    if not source.exists():
        pytest.skip(f"real shapes are not here: {source}")
    with np.load(source, allow_pickle=False) as arrays:
        ids = sorted(key[1:] for key in arrays if key.startswith("v"))[:3]
        for i in ids:
            labels = arrays[f"y{i}"].astype(np.int16)
            shape = Shape(i, "chair", arrays[f"v{i}"], arrays[f"f{i}"].astype(np.int64), labels)
            for suffix in (".npz", ".ply"):
                write_shape(shape, tmp_path / f"{i}{suffix}")
                assert_same(read_shape(tmp_path / f"{i}{suffix}"), shape)
            assert_same(shape_from_glb(glb_bytes(shape), i, "chair", {}), grouped_faces(shape))
