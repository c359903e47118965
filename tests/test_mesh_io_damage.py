"""Bad files one by one, bombs, references, and mutants: a sound shape or one InputError line."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from sample_shapes import export, gltf, random_cloud, random_mesh, refused, scene_glb, survives

from gen3d.errors import InputError
from gen3d.mesh_io import WRITABLE, glb_bytes, read_shape, shape_bytes, shape_from_glb, write_shape
from gen3d.shape import Shape

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def ply(count: int, rest: str) -> bytes:
    """An ASCII PLY of `count` announced vertices, as it happens to go on."""
    axes = "".join(f"property float {axis}\n" for axis in "xyz")
    return f"ply\nformat ascii 1.0\nelement vertex {count}\n{axes}{rest}".encode()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.obj", b"", ("is empty",)),
        ("a.glb", b"\n \n", ("is empty",)),
        ("a.fbx", b"x", ("unknown suffix '.fbx'", ".glb, .gltf, .obj, .ply, .stl, .off, .npz")),
        ("a", b"x", ("unknown suffix ''",)),
        ("a.obj", TRIANGLE.encode(), ("no faces",)),
        ("a.obj", b"# nothing\n", ("no vertices",)),
        ("a.obj", TRIANGLE.encode() + b"f 1 2 4\n", ("vertex outside 0..2",)),
        ("a.obj", TRIANGLE.encode() + b"f 1 2 -9\n", ("vertex outside 0..2",)),
        ("a.obj", TRIANGLE.encode() + b"f 1 2 99999999999\n", ("vertex outside",)),
        ("a.obj", TRIANGLE.encode() + b"f 0 1 2\n", ("index 0",)),
        ("a.obj", TRIANGLE.encode() + b"f 1 1 2\n", ("no area",)),
        ("a.obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", ("not finite",)),
        ("a.obj", b"v 1e999 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", ("not finite",)),
        ("a.obj", b"v 1e99 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", ("not finite",)),
        ("a.obj", b"v 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", ("damaged",)),
        ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n", ("vertex outside",)),
        ("a.off", b"OFF\n3 2 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", ("truncated",)),
        ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1\n", ("truncated",)),
        ("a.off", b"OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n", ("no faces",)),
        ("a.off", b"\x89PNG\r\n", ("not an OFF",)),
        ("a.stl", b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n", ("not complete",)),
        ("a.stl", b"solid" + bytes(75) + struct.pack("<I", 2) + bytes(50), ("truncated", "184 bytes, it has 134")),
        ("a.stl", bytes(84), ("no vertices",)),
        ("a.stl", bytes(40), ("truncated",)),
        ("a.ply", b"ply\nformat ascii 1.0\nend_header\n", ("neither faces nor points",)),
        ("a.ply", ply(10**10, "end_header\n0 0 0\n1 0 0\n"), ("truncated",)),
        ("a.ply", ply(2, "property int label\nend_header\n0 0 0 70000\n1 0 0 1\n"), ("not part indices",)),
        ("a.ply", ply(1, "end_header\n0 0 0\n"), ("zero or unbounded size",)),
        ("a.glb", b"glTF" + struct.pack("<4I", 1, 20, 0, 0x4E4F534A), ("version 1",)),
        ("a.glb", b"glTF" + struct.pack("<4I", 2, 9999, 4, 0x4E4F534A) + b"{}  ", ("truncated",)),
        ("a.glb", b"PK" * 20, ("not a GLB",)),
        ("a.gltf", b"{", ("damaged",)),
        ("a.gltf", b"[]", ("no glTF document",)),
        ("a.gltf", b'{"asset": {"version": "2.0"}}', ("neither faces nor points",)),
        ("a.npz", b"PK\x03\x04", ("damaged",)),
    ],
)  # fmt: skip
def test_bad_files_get_one_line(tmp_path: Path, name: str, content: bytes, words: tuple[str, ...]) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, *words)


def test_missing_file_folder_and_unreadable(tmp_path: Path) -> None:
    refused(tmp_path / "none.glb", "no such file")
    refused(tmp_path / "none" / "none.glb", "no such file")
    (tmp_path / "folder.glb").mkdir()
    refused(tmp_path / "folder.glb", "is a folder")
    os.mkfifo(tmp_path / "pipe.obj")
    refused(tmp_path / "pipe.obj", "not a regular file")
    (tmp_path / "loop.obj").symlink_to(tmp_path / "loop.obj")
    refused(tmp_path / "loop.obj")
    locked = tmp_path / "locked.obj"
    locked.write_text(TRIANGLE + "f 1 2 3\n")
    locked.chmod(0)
    if not os.access(locked, os.R_OK):
        refused(locked, "can't be opened", "permission")
    with pytest.raises(InputError, match="no such file|damaged"):
        read_shape("nul\0byte.obj")


@pytest.mark.parametrize("seed", range(3))
def test_every_truncation_of_a_binary_stl_is_refused(tmp_path: Path, seed: int) -> None:
    data = shape_bytes(random_mesh(seed), ".stl")
    for cut in np.random.default_rng(seed).integers(1, len(data), 30):
        (tmp_path / "a.stl").write_bytes(data[:cut])
        refused(tmp_path / "a.stl")
    (tmp_path / "a.stl").write_bytes(data + b"\0")
    refused(tmp_path / "a.stl", "truncated or damaged")


def npz(**arrays: Any) -> bytes:
    """NPZ content, also of arrays we never write."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


class Bomb:
    """Would touch a file if it were ever unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, ("/tmp/gen3d-bomb-went-off", "w"))


V, F = np.eye(3, dtype=np.float32), np.array([[0, 1, 2]])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": V}, ("no array `points`",)),
        ({"vertices": V}, ("both `vertices` and `faces`",)),
        ({"vertices": V, "faces": F + 1}, ("vertex outside 0..2",)),
        ({"vertices": V, "faces": F - 1}, ("vertex outside 0..2",)),
        ({"vertices": V, "faces": F.astype(float)}, ("`faces`",)),
        ({"vertices": V, "faces": F[:, :2]}, ("`faces`",)),
        ({"vertices": V + np.inf, "faces": F}, ("not finite",)),
        ({"vertices": V, "faces": F, "face_labels": np.array([0, 1])}, ("another number of face_labels",)),
        ({"vertices": V, "faces": F, "face_labels": np.array([-2])}, ("not part indices",)),
        ({"vertices": V, "faces": F[:0]}, ("neither faces nor points",)),
        ({"points": V[:0]}, ("neither faces nor points",)),
        ({"points": V, "normals": V[:2]}, ("another number",)),
        ({"points": V, "labels": np.array([0, 1, 2.5])}, ("not part indices",)),
        ({"points": V.astype(complex)}, ("complex",)),
        ({"points": np.array([[Bomb()] * 3])}, ("object", "only plain numbers")),
        ({"points": np.zeros(3, [("x", "f4")])}, ("only plain numbers",)),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, np.ndarray], words: tuple[str, ...]) -> None:
    (tmp_path / "a.npz").write_bytes(npz(**arrays))
    refused(tmp_path / "a.npz", *words)
    assert not Path("/tmp/gen3d-bomb-went-off").exists()


def test_npz_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 3)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.npy", head.getvalue() + bytes(1000))
    refused(tmp_path / "a.npz", "truncated")
    content = bytearray((tmp_path / "a.npz").read_bytes())
    where = content.rindex(b"PK\x01\x02") + 24  # uncompressed size in the central directory
    content[where : where + 4] = struct.pack("<I", 3 << 30)
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", "larger than 1024 MiB")


def test_references_stay_in_the_folder(tmp_path: Path) -> None:
    inside, secret = tmp_path / "in", tmp_path / "secret.bin"
    inside.mkdir()
    secret.write_bytes(np.eye(3, dtype="<f4").tobytes())
    (inside / "link.bin").symlink_to(secret)
    urls = ("file://" + str(secret), "http://localhost:9/secret.bin")
    for uri in ("../secret.bin", str(secret), "link.bin", "a\0b", *urls):
        (inside / "a.gltf").write_text(json.dumps(gltf(uri)))
        refused(inside / "a.gltf")
    (inside / "own.bin").write_bytes(secret.read_bytes())
    (inside / "a.gltf").write_text(json.dumps(gltf("own.bin")))
    assert np.array_equal(read_shape(inside / "a.gltf").mesh[0], np.eye(3))


def test_gltf_that_trimesh_would_fill_with_zeros_or_huge_arrays(tmp_path: Path) -> None:
    uri = "data:application/octet-stream;base64," + base64.b64encode(np.eye(3, dtype="<f4").tobytes()).decode()
    path = tmp_path / "a.gltf"

    def check(document: dict[str, Any], *words: str) -> None:
        path.write_text(json.dumps(document))
        refused(path, *words)

    path.write_text(json.dumps(gltf(uri)))
    assert np.array_equal(read_shape(path).mesh[0], np.eye(3))
    check(gltf(uri, count=10**13), "past the end")
    check(gltf(uri, sparse={"count": 1}), "sparse")
    check(gltf(uri) | {"extensionsRequired": ["KHR_draco_mesh_compression"]}, "KHR_draco_mesh_compression")
    bare = gltf(uri, count=10**13)
    del bare["accessors"][0]["bufferView"]
    check(bare, "compressed")
    nan = "data:;base64," + base64.b64encode(np.full((3, 3), np.nan, "<f4").tobytes()).decode()
    check(gltf(nan), "not finite")
    cyclic = gltf(uri)
    cyclic["nodes"] = [{"mesh": 0, "children": [1]}, {"children": [0]}]
    path.write_text(json.dumps(cyclic))
    survives(path)


def test_shape_from_glb_names_the_sample() -> None:
    data = glb_bytes(random_mesh(0))
    for bad in (b"", data[:-4], data[: len(data) // 2], scene_glb(["x"])):
        with pytest.raises(InputError, match="^sample-7: "):
            shape_from_glb(bad, "sample-7", "chair", {})


def test_writing_refuses_what_the_format_cannot_hold(tmp_path: Path) -> None:
    for suffix in (".obj", ".stl", ".off"):
        with pytest.raises(InputError, match="cloud: .*faces"):
            write_shape(random_cloud(0), tmp_path / f"a{suffix}")
    with pytest.raises(InputError, match="known are: .glb"):
        write_shape(random_mesh(0), tmp_path / "a.docx")
    for suffix in WRITABLE:
        with pytest.raises(InputError, match="neither faces nor points"):
            write_shape(Shape("void", "chair"), tmp_path / f"a{suffix}")
    with pytest.raises(InputError, match="not finite"):
        glb_bytes(replace(random_mesh(0), vertices=np.full((99, 3), np.nan, np.float32)))
    assert not list(tmp_path.iterdir())


# --- mutants ------------------------------------------------------------------------------------------------------


def seeds() -> dict[str, tuple[str, bytes]]:
    """One sound file of every format and flavour."""
    box = trimesh.creation.box((1, 2, 3))
    mesh = random_mesh(11)
    uri = "data:;base64," + base64.b64encode(np.eye(3, dtype="<f4").tobytes()).decode()
    return {
        "glb-own": (".glb", glb_bytes(mesh)),
        "glb-foreign": (".glb", scene_glb(["back", "seat"])),
        "gltf": (".gltf", json.dumps(gltf(uri)).encode()),
        "obj": (".obj", shape_bytes(mesh, ".obj")),
        "ply-binary": (".ply", shape_bytes(mesh, ".ply")),
        "ply-ascii": (".ply", export(box, "ply", encoding="ascii")),
        "ply-cloud": (".ply", shape_bytes(random_cloud(0), ".ply")),
        "stl-binary": (".stl", shape_bytes(mesh, ".stl")),
        "stl-ascii": (".stl", export(box, "stl_ascii").encode()),
        "off": (".off", shape_bytes(mesh, ".off")),
        "npz": (".npz", shape_bytes(mesh, ".npz")),
    }


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes cut off, with flipped bits, with junk put in, with a stretch taken out, or with a huge number."""
    kind, at = rng.integers(5), int(rng.integers(len(data)))
    if kind == 0:
        return data[:at]
    if kind == 1:
        changed = bytearray(data)
        for i in rng.integers(len(data), size=int(rng.integers(1, 9))):
            changed[i] ^= 1 << int(rng.integers(8))
        return bytes(changed)
    if kind == 2:
        return data[:at] + rng.bytes(int(rng.integers(1, 40))) + data[at:]
    if kind == 3:
        return data[:at] + data[at + int(rng.integers(1, 60)) :]
    return data[:at] + (b"\xff\xff\xff\x7f" if rng.integers(2) else b"99999999999") + data[at + 4 :]


@pytest.mark.parametrize("flavour", list(seeds()))
@pytest.mark.filterwarnings("error")
def test_mutants_read_as_sound_shapes_or_raise_input_error(
    tmp_path: Path, flavour: str, capfd: pytest.CaptureFixture[str]
) -> None:
    suffix, data = seeds()[flavour]
    path = tmp_path / f"mutant{suffix}"
    path.write_bytes(data)
    assert survives(path)
    rng = np.random.default_rng(list(flavour.encode()))
    for _ in range(40):
        path.write_bytes(mutant(data, rng))
        survives(path)
    assert capfd.readouterr() == ("", "")
