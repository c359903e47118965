"""R9, R10, R11: archive bombs, ways out of the folder, and data that wants to be run."""

from __future__ import annotations

import functools
import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import hostile_files
import numpy as np
import pytest
from safetensors.numpy import save
from sample_shapes import gltf, refused
from test_fuzz import ROOT, malformed
from toy_shards import INFO, built, run_script

from distill.student import Student
from gen3d.collection import Collection
from gen3d.errors import Gen3dError, InputError, SettingsError
from gen3d.generation import GenerateSettings
from gen3d.knowledge import Knowledge
from gen3d.mesh_io import read_shape, shape_bytes
from gen3d.settings import resolve
from gen3d.shape import Shape
from gen3d.shards import ShardContent
from gen3d.teachers.lite.teacher import load_network

# --- bombs ------------------------------------------------------------------------------------------------------------

PIECE = 100 << 20  # zeros; 100 pieces are 10 GB in 10 MB


@functools.cache
def packed(data: bytes) -> bytes:
    """Deflated bytes that more of their kind may follow."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def deflated(head: bytes, pieces: int) -> bytes:
    """A raw deflate stream of `head` and so many pieces of zeros; one piece is packed, the others are copies of it."""
    return packed(head) + packed(bytes(PIECE)) * pieces + zlib.compressobj(9, zlib.DEFLATED, -15).flush()


def archive(members: dict[str, bytes], sizes: dict[str, int]) -> bytes:
    """A zip of deflate streams, which says that they unpack to `sizes`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    content = bytearray(stream.getvalue())
    for mark, method, size, length, start in ((b"PK\x03\x04", 8, 22, 26, 30), (b"PK\x01\x02", 10, 24, 28, 46)):
        at = content.find(mark)
        while at >= 0:
            name = content[at + start : at + start + struct.unpack_from("<H", content, at + length)[0]].decode()
            struct.pack_into("<H", content, at + method, zipfile.ZIP_DEFLATED)
            struct.pack_into("<I", content, at + size, sizes[name])
            at = content.find(mark, at + 4)
    return bytes(content)


def npy_head(rows: int, version: int = 1) -> bytes:
    """The header of a (rows, 3) float32 npy file."""
    head = io.BytesIO()
    write = np.lib.format.write_array_header_1_0 if version == 1 else np.lib.format.write_array_header_2_0
    write(head, {"descr": "<f4", "fortran_order": False, "shape": (rows, 3)})
    return head.getvalue()


def bombs() -> dict[str, bytes]:
    """Archives of about 10 MB that stand for 10 GB, by file name."""
    rows = 100 * PIECE // 12
    honest, modest = npy_head(rows), npy_head(3)
    ten_gb = deflated(honest, 100)
    long_head = b"\x93NUMPY\x02\x00" + struct.pack("<I", 0xFFFFFFFF)
    half = deflated(npy_head(5 * PIECE // 12), 5)
    names = ("points", "normals", "vertices", "faces")
    inner = archive({"points.npy": ten_gb}, {"points.npy": (4 << 30) - 2})
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("points.npy", inner)
    return {
        "tells its size.npz": inner,
        "tells a small size.npz": archive({"points.npy": ten_gb}, {"points.npy": len(honest) + 36}),
        "array of three rows.npz": archive({"points.npy": deflated(modest, 100)}, {"points.npy": len(modest) + 36}),
        "header of 4 GB.npz": archive({"points.npy": deflated(long_head, 100)}, {"points.npy": 1 << 30}),
        "four of 500 MB.npz": archive({f"{n}.npy": half for n in names}, {f"{n}.npy": 5 * PIECE for n in names}),
        "nested.npz": nested.getvalue(),
        "gzip.glb": gzip_bomb(),
        "gzip.npz": gzip_bomb(),
        "zip.glb": inner,
        "a table of 200,000 members.npz": b"PK\x01\x02" + bytes(42) * 1 + (b"PK\x01\x02" + bytes(42)) * 200_000,
    }


def gzip_bomb() -> bytes:
    """10 GB of zeros as gzip; its trailer is not right, as nobody will get there."""
    return gzip.compress(b"")[:10] + deflated(b"", 100) + bytes(8)


def test_archive_bombs_are_refused_in_little_memory(tmp_path: Path) -> None:
    for name, content in bombs().items():
        assert len(content) < 12e6
        (tmp_path / name).write_bytes(content)
    found = malformed("--folder", tmp_path)
    assert len(found) == 10 and {r["verdict"] for r in found.values()} == {"refused"}, found
    assert max(r["peak"] for r in found.values()) < 200


def test_a_large_sound_archive_is_no_bomb(tmp_path: Path) -> None:
    """Many equal labels pack a thousand to one, and are right."""
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(20_000, 3)).astype(np.float32)
    faces = rng.integers(0, 20_000, (40_000, 3))
    shape = Shape("a", "chair", vertices, faces, np.zeros(40_000, np.int16))
    (tmp_path / "a.npz").write_bytes(shape_bytes(shape, ".npz"))
    assert read_shape(tmp_path / "a.npz").face_labels is not None


@pytest.mark.parametrize("kind", ["gzip", "gzip of a tar", "pax of 8 GB", "long name of 8 GB", "sparse", "nested"])
def test_a_shard_that_is_a_bomb(tmp_path: Path, kind: str) -> None:
    collection = built(tmp_path / "c", 1)
    path = tmp_path / "c" / "shapes-00000.tar"
    size, head = path.stat().st_size, tarfile.TarInfo("chair-000000.glb")
    head.size = 8 << 30
    head.type = {"pax of 8 GB": tarfile.XHDTYPE, "long name of 8 GB": tarfile.GNUTYPE_LONGNAME}.get(kind, b"S")
    content = {
        "gzip": gzip_bomb(),
        "gzip of a tar": gzip.compress(path.read_bytes()),
        "nested": path.read_bytes()[:512] + path.read_bytes(),
    }.get(kind, head.tobuf(tarfile.GNU_FORMAT))
    record = collection.records()[0]
    path.write_bytes((content + bytes(size))[:size])
    body = (
        "try:\n    list(Collection.open(root).members('shapes', 'glb'))\n"
        "except Gen3dError as error:\n    print(type(error).__name__, error)\n"
        "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"
    )
    output, errors = run_script(body, tmp_path / "c").communicate(timeout=60)
    said, peak = output.splitlines()
    assert errors == "" and said == f"InputError {path}: is damaged; delete it and run the command that made it again"
    assert int(peak) < 200 << 10 and record.size == size


# --- ways out of the folder -------------------------------------------------------------------------------------------

WATCH = """
import json, os, sys, warnings
import trimesh
from gen3d.errors import Gen3dError
from gen3d.mesh_io import read_shape
inside = sys.argv[1]
read_shape(os.path.join(inside, "first.obj")), read_shape(os.path.join(inside, "first.gltf"))  # imports what it needs
touched = []
def hook(event, arguments):
    if event.split(".")[0] in ("open", "socket", "subprocess", "urllib", "os") and event != "os.listdir":
        touched.append([event, repr(arguments[0]) if event.startswith("os") else str(arguments[0])])
sys.addaudithook(hook)
for name in sys.argv[2:]:
    try:
        read_shape(os.path.join(inside, name))
    except Gen3dError as error:
        assert len(str(error).splitlines()) == 1
print(json.dumps(touched))
"""


def test_nothing_outside_the_folder_is_opened(tmp_path: Path) -> None:
    """The interpreter itself reports every file, socket and program: only files of the folder may be among them."""
    inside, secret = tmp_path / "in", tmp_path / "secret.bin"
    (inside / "deep").mkdir(parents=True)
    secret.write_bytes(hostile_files.TRIANGLE)
    (inside / "own.bin").write_bytes(hostile_files.TRIANGLE)
    (inside / "with space.bin").write_bytes(hostile_files.TRIANGLE)
    (inside / "link.bin").symlink_to(secret)
    (inside / "link").symlink_to(tmp_path)
    (inside / "deep" / "up").symlink_to("../..")
    (inside / "pipe.bin").unlink(missing_ok=True)
    os.mkfifo(inside / "pipe.bin")
    (inside / "zero.bin").symlink_to("/dev/zero")
    uris = [
        "../secret.bin", str(secret), "link.bin", "link/secret.bin", "deep/up/secret.bin", "%2e%2e/secret.bin",
        "..%2fsecret.bin", "deep/../../secret.bin", "a\0b", "file://" + str(secret), "http://127.0.0.1:9/secret.bin",
        "//127.0.0.1/secret.bin", "/dev/zero", "zero.bin", "pipe.bin", "~/secret.bin", "\\\\host\\secret.bin",
        "C:\\secret.bin", "", ".", "..", "in", "x" * 5000,
    ]  # fmt: skip
    names = []
    for i, uri in enumerate(uris):
        (inside / f"{i}.gltf").write_text(json.dumps(gltf(uri)))
        (inside / f"{i}.glb").write_bytes(hostile_files.glb(json.dumps(gltf(uri)).encode()))
        names += [f"{i}.gltf", f"{i}.glb"]
    texture = {"images": [{"uri": str(secret)}], "textures": [{"source": 0}]}
    (inside / "texture.gltf").write_text(json.dumps(gltf("own.bin") | texture | {"materials": [{}]}))
    (inside / "space.gltf").write_text(json.dumps(gltf("with%20space.bin")))
    (inside / "material.obj").write_text(
        "mtllib ../../etc/passwd\nmtllib /etc/passwd\nusemtl x\n" + hostile_files.V + "f 1 2 3\n"
    )
    comment = f"comment TextureFile {secret}\n"
    cloud = hostile_files.ply(3, "end_header\n0 0 0\n1 0 0\n0 1 0\n").replace(b"element", comment.encode() + b"element")
    (inside / "texture.ply").write_bytes(cloud)
    (inside / "first.obj").write_text(hostile_files.V + "f 1 2 3\n")
    (inside / "first.gltf").write_text(json.dumps(gltf("own.bin")))
    names += ["texture.gltf", "space.gltf", "material.obj", "texture.ply"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(inside), *names], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    touched = json.loads(done.stdout)
    files = {Path(what).name for event, what in touched if event == "open"}
    assert files == {*names, "own.bin", "with space.bin"}
    assert {event for event, _ in touched} == {"open"}
    assert all(Path(what).resolve().is_relative_to(inside) for _, what in touched)
    for name in names[:-4]:
        refused(inside / name)
    for name in names[-4:]:
        assert read_shape(inside / name)


@pytest.mark.parametrize("word", ["../x", "/etc/passwd", "a\0b", "..", "x" * 300, "\n", "~root", "-rf"])
def test_keys_and_words_never_become_paths(tmp_path: Path, word: str) -> None:
    collection = Collection.create(tmp_path / "c", INFO)
    with pytest.raises(InputError):
        collection.add_shard("shapes", 0, ShardContent([(f"{word}.glb", b"")], [word]))
    with pytest.raises(Gen3dError):
        collection.add_shard(word, 0, ShardContent())
    assert sorted(p.name for p in tmp_path.rglob("*")) == [".lock", "c", "collection.json"]


# --- data that wants to be run ----------------------------------------------------------------------------------------


def payload(mark: Path) -> bytes:
    """A pickle by hand that would make the file `mark`: pickle itself is never imported here."""
    return b"cbuiltins\nopen\n(V" + str(mark).encode() + b"\nVw\ntR."


def object_npy(data: bytes) -> bytes:
    """An npy file of objects whose pickle is `data`."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": (3, 3)})
    return head.getvalue() + data


def test_pickles_are_never_run_whatever_they_are_called(tmp_path: Path) -> None:
    mark = tmp_path / "went off"
    bad = payload(mark)
    zipped, npz = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:  # what torch.save writes
        file.writestr("archive/data.pkl", bad)
        file.writestr("archive/version", "3\n")
    with zipfile.ZipFile(npz, "w") as file:
        file.writestr("points.npy", object_npy(bad))
        file.writestr("vertices.npy", object_npy(bad))
    (tmp_path / "a.npz").write_bytes(npz.getvalue())
    refused(tmp_path / "a.npz", "never pickled objects: save float32 or integer arrays")
    for name in ("a.glb", "a.gltf", "a.obj", "a.ply", "a.stl", "a.off", "b.npz"):
        (tmp_path / name).write_bytes(bad)
        refused(tmp_path / name)
    student = tmp_path / "student"
    student.mkdir()
    Student("chair", ["back", "seat"]).save(student)
    for data in (bad, zipped.getvalue()):
        (student / "model.safetensors").write_bytes(data)
        with pytest.raises(InputError, match="safetensors|not a usable student"):
            Student.load(student)
        (tmp_path / "w.safetensors").write_bytes(data)
        with pytest.raises(InputError, match="not weights of the lite teacher"):
            load_network(tmp_path / "w.safetensors")
        with pytest.raises(InputError, match="not a knowledge file"):
            Knowledge.from_bytes(data)
    assert not mark.exists()


def test_only_the_safetensors_of_a_folder_are_read(tmp_path: Path) -> None:
    """A checkpoint with pickles beside, or in place of, the safe weights."""
    student, mark = tmp_path / "student", tmp_path / "went off"
    Student("chair", ["back", "seat"]).save(student)
    for name in ("pytorch_model.bin", "model.pt", "training_args.bin", "config.pkl"):
        (student / name).write_bytes(payload(mark))
    assert Student.load(student).category == "chair"
    (student / "model.safetensors").unlink()
    with pytest.raises(InputError, match="model.safetensors"):
        Student.load(student)
    assert not mark.exists()


def test_members_that_are_pickles_are_bytes_and_no_more(tmp_path: Path) -> None:
    mark = tmp_path / "went off"
    collection = Collection.create(tmp_path / "c", INFO)
    members = [("a.json", b'{"category": "chair", "meta": {}}'), ("a.pkl", payload(mark)), ("a.pth", payload(mark))]
    collection.add_shard("shapes", 0, ShardContent(members, ["a"]))
    with pytest.raises(InputError, match=r"a is not a shape \(needs a.glb and a.json\)"):
        list(collection.shapes())
    assert [parts["pkl"] for _, parts in collection.samples()] == [payload(mark)]
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "generate: !!python/object/apply:builtins.open [{mark}, w]",
        "generate: {{n: !!python/object/apply:builtins.open [{mark}, w]}}",
        "!!python/object/new:os.system [touch {mark}]",
        "generate: !!python/name:os.system",
        "generate: !!python/module:os",
    ],
)
def test_tags_in_a_preset_are_refused(tmp_path: Path, text: str) -> None:
    mark = tmp_path / "went-off"
    (tmp_path / "a.yaml").write_text(text.format(mark=mark))
    with pytest.raises(SettingsError, match="not valid YAML") as caught:
        resolve(GenerateSettings, tmp_path / "a.yaml", category="chair")
    assert len(str(caught.value).splitlines()) == 1 and not mark.exists()


def test_a_knowledge_file_of_other_arrays(tmp_path: Path) -> None:
    """Sound safetensors that are no knowledge, with infinities and sizes that do not agree."""
    arrays: dict[str, Any] = {
        "points": np.zeros((4, 3), np.float32), "part": np.zeros(1, np.int16), "confidence": np.ones(1, np.float32),
        "packed": np.zeros((1, 1), np.uint8), "view": np.zeros(1, np.int16),
    }  # fmt: skip
    meta = {"meta": json.dumps({"parts": ["a"]})}
    assert len(Knowledge.from_bytes(save(arrays, meta)).part) == 1
    for key in arrays:
        with pytest.raises(InputError, match="not a knowledge file"):
            Knowledge.from_bytes(save({k: v for k, v in arrays.items() if k != key}, meta))
        with pytest.raises(InputError, match="not a knowledge file"):
            Knowledge.from_bytes(save(arrays | {key: arrays[key].astype(np.float64)}, meta))
