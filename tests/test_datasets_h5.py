"""ShapeNetPart's HDF5 form: files written here by plain h5py, whole ones and broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from sample_shapes import same
from test_datasets import check_error

from distill.datasets import DATASETS, LabelledSet, h5_arrays
from gen3d.categories import CATEGORIES
from gen3d.errors import InputError, SettingsError

COUNT = 60  # points
LISTED = {"train": ["ply_data_train0.h5", "ply_data_train1.h5"], "val": ["ply_data_val0.h5"], "test": ["test.h5"]}


def read(root: Path, category: str = "cap", **options: Any) -> LabelledSet:
    return DATASETS["shapenetpart-h5"](root, category, **options)


def content(seed: int = 0) -> dict[str, np.ndarray]:
    """Two caps around a mug; a cap's visor (label 7) points to +X."""
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 0.1, (3, COUNT, 3)).astype(np.float32)
    pid = np.repeat(np.array([6, 36, 6], np.uint8)[:, None], COUNT, 1)
    for cap in (0, 2):
        data[cap, 40:, 0] += 1
        pid[cap, 40:] = 7
    return {"data": data, "label": np.array([[2], [11], [2]], np.uint8), "pid": pid}


def write(path: Path, **changes: Any) -> None:
    """One file; `changes` replace arrays by name (None leaves one out)."""
    with h5py.File(path, "w") as file:
        for name, array in (content(seed=len(path.name)) | changes).items():
            if array is not None:
                file.create_dataset(name, data=array)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder as PointNet's part segmentation reads it."""
    lines = [f"{row.name.capitalize()}\t{row.synset}\n" for row in CATEGORIES.values()]
    (tmp_path / "all_object_categories.txt").write_text("".join(lines))
    for split, files in LISTED.items():
        (tmp_path / f"{split}_hdf5_file_list.txt").write_text("\n".join(files) + "\n")
        for file in files:
            write(tmp_path / file)
    return tmp_path


def refused(root: Path, *words: str) -> None:
    """Reading is one InputError, on one line, with all the words."""
    check_error(lambda: read(root), InputError, *words)


@pytest.mark.parametrize(
    ("split", "files"), [("train", 2), ("val", 1), ("test", 1), ("trainval", 3)]
)  # fmt: skip
def test_reads_the_shapes_of_one_class_in_one_split(root: Path, split: str, files: int) -> None:
    caps = read(root, split=split)
    assert (caps.name, caps.category, caps.parts) == ("shapenetpart-h5", "cap", ("crown", "visor"))
    assert len(caps.shapes) == caps.expected == 2 * files
    assert len({shape.id for shape in caps.shapes}) == 2 * files
    assert len(read(root, "mug", split=split).shapes) == files


def test_turns_to_the_house_frame_normalises_and_keeps_every_point(root: Path) -> None:
    stored = content(seed=len("test.h5"))
    first, second = read(root).shapes
    assert [first.id, second.id] == ["test-00000", "test-00002"] and first.normals is None
    for shape, row in ((first, 0), (second, 2)):
        assert shape.points is not None and shape.point_labels is not None
        assert shape.point_labels.dtype == np.int16
        assert shape.point_labels.tolist() == (stored["pid"][row] - 6).tolist()
        turned = stored["data"][row].astype(float)[:, [2, 1, 0]] * [-1, 1, 1]
        centre = (turned.min(0) + turned.max(0)) / 2
        expected = (turned - centre) / np.linalg.norm(turned - centre, axis=1).max()
        np.testing.assert_allclose(shape.points, expected, atol=1e-6)
        assert shape.points[40:, 2].min() > 0  # the visor is in front


def test_normalised_clouds_stay_bit_for_bit(root: Path) -> None:
    data = content()["data"]
    centre = (data.min(1, keepdims=True) + data.max(1, keepdims=True)) / 2
    data = (data - centre) / np.linalg.norm(data - centre, axis=2).max(1)[:, None, None]
    write(root / "test.h5", data=data)
    for shape, row in zip(read(root).shapes, (0, 2), strict=True):
        assert same(shape.points, data[row][:, [2, 1, 0]] * np.array([-1, 1, 1], np.float32))


@pytest.mark.parametrize("kind", ["<f2", ">f4", "<f8"])
def test_other_float_and_integer_types_and_flat_labels(root: Path, kind: str) -> None:
    plain = content()
    write(root / "test.h5", data=plain["data"].astype(kind), label=plain["label"][:, 0].astype(">i8"), pid=plain["pid"])
    assert len(read(root).shapes) == 2


def test_our_list_of_ids_names_the_shapes(root: Path) -> None:
    (root / "test_id2file.json").write_text(json.dumps(["a", "b", "../../etc/c"]))
    assert [shape.id for shape in read(root).shapes] == ["a", "etc-c"]
    for text in ('["a", "b"]', "[1, 2, 3]", "{", "[" * 100_000, '{"a": 1}'):
        (root / "test_id2file.json").write_text(text)
        refused(root, "test_id2file.json", "list of 3 ids")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pid": None}, ["no dataset 'pid'"]),
        ({"label": np.array([[2.0], [11.0], [2.0]])}, ["'label' holds float64"]),
        ({"data": np.full((3, COUNT, 3), "x", "S1")}, ["'data' holds |S1"]),
        ({"data": np.zeros((3, COUNT, 2), np.float32)}, ["data (3, 60, 2)", "should be"]),
        ({"data": np.float32(1)}, ["test.h5"]),
        ({"pid": np.zeros((3, 7), np.uint8)}, ["pid (3, 7)"]),
        ({"label": np.zeros((2, 1), np.uint8)}, ["label (2, 1)"]),
        ({"data": np.zeros((3, 0, 3), np.float32), "pid": np.zeros((3, 0), np.uint8)}, ["pid (3, 0)"]),
        ({"pid": np.full((3, COUNT), 8, np.uint8)}, ["row 0", "part ids 8 to 8", "cap has 6 to 7"]),
        ({"pid": np.full((3, COUNT), 2**64 - 1, np.uint64)}, ["row 0", "cap has 6 to 7"]),
        ({"data": np.full((3, COUNT, 3), np.nan, np.float32)}, ["row 0", "not finite"]),
        ({"data": np.full((3, COUNT, 3), 1e300)}, ["row 0", "not finite"]),
        ({"data": np.zeros((3, COUNT, 3), np.float32)}, ["row 0", "zero or unbounded size"]),
        ({"label": np.full((3, 1), 2 + 2**32)}, ["holds no cap"]),
    ],
)
def test_broken_arrays_are_one_line(root: Path, changes: dict[str, Any], words: list[str]) -> None:
    write(root / "test.h5", **changes)
    refused(root, *words)


def test_a_tiny_file_can_not_ask_for_gigabytes(root: Path) -> None:
    """Neither by a shape that was never written, nor by a chunk."""
    for sizes in ({"shape": (1 << 20, 1 << 20, 3)}, {"shape": (3, COUNT, 3), "chunks": (3, 60, 3), "big": True}):
        write(root / "test.h5", data=None)
        with h5py.File(root / "test.h5", "a") as file:
            if "big" in sizes:
                file.create_dataset(
                    "data", (3, COUNT, 3), "f4", maxshape=(None,) * 3, chunks=(1 << 10, 1 << 10, 1 << 9)
                )
            else:
                file.create_dataset("data", sizes["shape"], "f4", chunks=(1, 64, 3))
        assert (root / "test.h5").stat().st_size < 100_000
        refused(root, "test.h5", "'data' is larger than 1024 MiB")


def test_nothing_outside_the_file_is_read(root: Path) -> None:
    write(root / "other.h5")
    links = {
        "soft": lambda file: file.__setitem__("data", h5py.SoftLink("/pid")),
        "external": lambda file: file.__setitem__("data", h5py.ExternalLink("other.h5", "/data")),
        "group": lambda file: file.create_group("data"),
    }
    for link in links.values():
        write(root / "test.h5", data=None)
        with h5py.File(root / "test.h5", "a") as file:
            link(file)
        refused(root, "test.h5", "link or a group")
    write(root / "test.h5", data=None)
    with h5py.File(root / "test.h5", "a") as file:
        raw = [(str(root / "other.h5"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("data", (3, COUNT, 3), "f4", external=raw)
    refused(root, "test.h5", "other files")
    write(root / "test.h5", data=None)
    layout = h5py.VirtualLayout((3, COUNT, 3), "f4")
    layout[:] = h5py.VirtualSource(str(root / "other.h5"), "data", (3, COUNT, 3))
    with h5py.File(root / "test.h5", "a") as file:
        file.create_virtual_dataset("data", layout)
    refused(root, "test.h5", "other files")


@pytest.mark.parametrize("name", ["../test.h5", "/etc/passwd", "a/b.h5", "..\\test.h5", "\0"])
def test_lists_name_plain_files_only(root: Path, name: str) -> None:
    (root / "test_hdf5_file_list.txt").write_text(f"{name}\n")
    refused(root, "test_hdf5_file_list.txt", "no plain file name")


def test_missing_files_and_wrong_words(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_error(lambda: read(root, "hat"), SettingsError, "'hat'")
    check_error(lambda: read(root, split="dev"), SettingsError, "'dev'", "train, val, test, trainval")
    refused(tmp_path_factory.mktemp("empty"), "all_object_categories.txt", "not found")
    (root / "test.h5").unlink()
    refused(root, "test.h5: not found")
    (root / "test.h5").mkdir()
    refused(root, "test.h5: not found")
    (root / "test_hdf5_file_list.txt").write_text("")
    refused(root, "test", "holds no cap")
    (root / "test_hdf5_file_list.txt").unlink()
    refused(root, "test_hdf5_file_list.txt", "not found")
    (root / "all_object_categories.txt").write_bytes(b"\xff\xfe\x00")
    refused(root, "all_object_categories.txt", "can't be read")
    (root / "all_object_categories.txt").write_text("Table\t04379243\n")
    check_error(lambda: read(root), SettingsError, "'cap'", "it has: table")


def mutant(whole: bytes, rng: np.random.Generator) -> bytes:
    """Cut, flipped, with bytes put in, taken out, or a huge integer; mostly in the structures at the start."""
    data = bytearray(whole)
    at = int(rng.integers(len(data) if rng.random() < 0.3 else 2048))
    kind = rng.integers(5)
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        data[at:at] = rng.bytes(int(rng.integers(1, 64)))
    elif kind == 3:
        del data[at : at + int(rng.integers(1, 64))]
    else:
        data[at : at + 8] = b"\xff" * 8
    return bytes(data)


def test_damaged_files_are_read_finite_or_refused_in_one_line(root: Path, rng: np.random.Generator) -> None:
    path, refusals = root / "test.h5", 0
    whole = path.read_bytes()
    for _ in range(250):
        path.write_bytes(mutant(whole, rng))
        try:
            shapes = read(root).shapes
        except InputError as error:
            refusals += 1
            assert "\n" not in str(error) and str(root) in str(error)
            continue
        for shape in shapes:
            assert shape.points is not None and np.isfinite(shape.points).all()
            assert shape.point_labels is not None and set(np.unique(shape.point_labels)) <= {0, 1}
    assert refusals > 100
    path.write_bytes(whole)
    assert len(read(root).shapes) == 2 and h5_arrays.MAX_BYTES == 1 << 30
