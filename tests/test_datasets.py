"""Readers of labelled sets: on folders written here in each format, on broken ones, and on the real samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_datasets import check_error

from distill.datasets import DATASETS, LabelledSet
from gen3d.categories import category
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape, yaw

# --- psb, written here --------------------------------------------------------------------------------------------

PSB_PARTS = ["arm", "backsupport", "leg", "support"]
PSB_LABELS = np.array([1, 0, 3, 2], np.uint8)  # backsupport, arm, support, leg
SIDEWAYS = yaw(90).round().tolist()  # takes the front of the stored mesh from -X to +Z


def psb_vertices(scale: float) -> np.ndarray:
    """Four triangles at (x, y): two high at the rear, one in the middle, one low. The stored front is -X."""
    centres = np.array([[0.5, 1, 0], [0.5, 0.8, 0.1], [0, 0, 0], [-0.1, -1, 0]])
    corners = np.array([[0, 0, -0.1], [0, 0.1, 0.1], [0, -0.1, 0.1]])
    return ((centres[:, None] + corners).reshape(-1, 3) * scale + 5).astype(np.float32)


def write_psb(root: Path, **changes: Any) -> Path:
    """A folder with two chairs; `changes` replace arrays of the archive by name (None leaves one out)."""
    arrays: dict[str, Any] = {}
    for id in (7, 8):
        arrays |= {
            f"v{id}": psb_vertices(id),
            f"f{id}": np.arange(12, dtype=np.uint16).reshape(4, 3),
            f"y{id}": PSB_LABELS,
        }
    arrays |= changes
    np.savez(root / "Chair.npz", **{name: array for name, array in arrays.items() if array is not None})
    write_meta(root)
    return root


def write_meta(root: Path, **changes: Any) -> None:
    entry = {"parts": PSB_PARTS, "ids": [7, 8], "to_canonical": {"7": SIDEWAYS, "8": SIDEWAYS}} | changes
    (root / "meta.json").write_text(json.dumps({"Chair": entry}))


def test_psb_reads_names_pose_and_size(tmp_path: Path) -> None:
    chairs = DATASETS["psb"](write_psb(tmp_path), "chair")
    assert (chairs.name, chairs.category, chairs.expected) == ("psb", "chair", 2)
    assert [shape.id for shape in chairs.shapes] == ["7", "8"]
    assert chairs.parts == ("back", "seat", "leg")
    assert chairs.scored == (0, 1, 2)  # not arm, which no chair of the set has
    for shape in chairs.shapes:
        assert labels_of(shape).tolist() == [0, 0, 1, 2]
        assert largest_radius(shape) == pytest.approx(1)
        back, leg = centre_of(shape, 0), centre_of(shape, 2)
        assert back[1] > leg[1]
        assert back[2] < leg[2]  # behind: front is +Z
        assert abs(back[0]) < 0.1
    # the two differ in size and place only, which normalising takes away
    np.testing.assert_allclose(chairs.shapes[0].mesh[0], chairs.shapes[1].mesh[0], atol=1e-5)


def test_psb_raw_pose_is_the_canonical_one_before_the_rotation(tmp_path: Path) -> None:
    write_psb(tmp_path)
    raw = DATASETS["psb"](tmp_path, "chair", pose="raw").shapes[0]
    canonical = DATASETS["psb"](tmp_path, "chair").shapes[0]
    assert centre_of(raw, 0)[0] > 0.1  # still sideways
    np.testing.assert_allclose(raw.mesh[0] @ np.array(SIDEWAYS).T, canonical.mesh[0], atol=1e-5)


def test_psb_shape_without_canonical_pose_is_named_and_raw_still_reads_it(tmp_path: Path) -> None:
    write_psb(tmp_path)
    write_meta(tmp_path, to_canonical={"7": SIDEWAYS})
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, "shape 8 has no canonical pose", "raw")
    assert len(DATASETS["psb"](tmp_path, "chair", pose="raw").shapes) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y8": None}, ("shape 8", "missing")),
        ({"v7": None}, ("shape 7", "missing")),
        ({"y8": np.array([0, 1, 2, 4], np.uint8)}, ("shape 8", "labels 0 to 4", "0 to 3")),
        ({"y8": PSB_LABELS[:3]}, ("shape 8", "one integer per face (4)")),
        ({"y8": PSB_LABELS[:0]}, ("shape 8", "no labels")),
        ({"y8": PSB_LABELS.astype(np.float32)}, ("shape 8", "float32")),
        ({"f8": np.arange(3, 15, dtype=np.uint16).reshape(4, 3)}, ("shape 8", "vertices beyond")),
        ({"f8": np.zeros((0, 3), np.uint16), "y8": PSB_LABELS[:0]}, ("shape 8", "no faces")),
        ({"f8": np.arange(12, dtype=np.uint16)}, ("shape 8", "(F, 3)")),
        ({"v8": np.zeros((12, 2), np.float32)}, ("shape 8", "(V, 3)")),
        ({"v8": np.full((12, 3), np.nan, np.float32)}, ("8", "not finite")),
        ({"v8": np.zeros((12, 3), np.float32)}, ("8", "zero")),
    ],
)
def test_psb_broken_arrays_are_one_line_errors(tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...]) -> None:
    write_psb(tmp_path, **changes)
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parts": ["arm", "wheel", "leg", "support"]}, ("meta.json", "wheel")),
        ({"ids": []}, ("lists no shape",)),
        ({"ids": None}, ("parts and ids",)),
        ({"to_canonical": {"7": [[1, 0], [0, 1]], "8": SIDEWAYS}}, ("shape 7", "not a 3x3 rotation")),
        ({"to_canonical": {"7": "up", "8": SIDEWAYS}}, ("shape 7", "not a 3x3 rotation")),
        ({"to_canonical": {"7": (-np.eye(3)).tolist(), "8": SIDEWAYS}}, ("shape 7", "not a 3x3 rotation")),
    ],
)
def test_psb_wrong_meta_is_a_one_line_error(tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...]) -> None:
    write_psb(tmp_path)
    write_meta(tmp_path, **changes)
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, *words)


@pytest.mark.parametrize("kept", [0, 10, 200, 0.5, 0.95])
def test_psb_truncated_archive_names_the_file(tmp_path: Path, kept: float) -> None:
    path = write_psb(tmp_path) / "Chair.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, "Chair.npz", "copy")


def test_psb_damaged_member_names_the_file(tmp_path: Path) -> None:
    path = write_psb(tmp_path) / "Chair.npz"
    whole = bytearray(path.read_bytes())
    at = whole.find(psb_vertices(8).tobytes())
    whole[at + 20] ^= 0xFF  # the checksum no longer holds
    path.write_bytes(whole)
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, "Chair.npz", "8 can't be read")


def test_psb_never_unpickles(tmp_path: Path) -> None:
    write_psb(tmp_path, y8=np.array([{"a": 1}], dtype=object))
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, "Chair.npz", "8")


def test_psb_missing_files_and_wrong_words(tmp_path: Path) -> None:
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, "meta.json", "not found")
    write_psb(tmp_path)
    (tmp_path / "Chair.npz").unlink()
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, "Chair.npz", "not found")
    (tmp_path / "meta.json").write_text("{")
    check_error(lambda: DATASETS["psb"](tmp_path, "chair"), InputError, "meta.json", "JSON")
    check_error(lambda: DATASETS["psb"](tmp_path, "cap"), SettingsError, "cap", "airplane, chair, mug, table")
    check_error(lambda: DATASETS["psb"](tmp_path, "chair", pose="upright"), SettingsError, "upright", "canonical, raw")


# --- shapenetpart, written here -----------------------------------------------------------------------------------

CAP = category("cap")
IDS = {"train": ["c", "a"], "val": ["b"], "test": ["e", "d"]}


def cap_rows(rng: np.random.Generator) -> np.ndarray:
    """A crown about the origin (label 6) and a visor at +X (label 7); normals point along +X."""
    crown, visor = rng.normal(0, 0.1, (60, 3)), rng.normal(0, 0.1, (20, 3)) + [1, 0, 0]
    labels = np.repeat([6.0, 7.0], [60, 20])[:, None]
    return np.concatenate([np.concatenate([crown, visor]), np.tile([2.0, 0, 0], (80, 1)), labels], 1)


def write_snp(root: Path, rng: np.random.Generator) -> Path:
    """A folder with five caps over three splits, and a list that also names another category."""
    (root / "synsetoffset2category.txt").write_text("Cap\t02954340\nTable\t04379243\n")
    (root / "train_test_split").mkdir()
    (root / CAP.synset).mkdir()
    for split, ids in IDS.items():
        entries = [f"shape_data/{CAP.synset}/{id}" for id in ids] + ["shape_data/04379243/t"]
        (root / "train_test_split" / f"shuffled_{split}_file_list.json").write_text(json.dumps(entries))
        for id in ids:
            np.savetxt(root / CAP.synset / f"{id}.txt", cap_rows(rng), fmt="%.6f")
    return root


@pytest.mark.parametrize(("split", "ids"), [("train", "ac"), ("val", "b"), ("test", "de"), ("trainval", "abc")])
def test_shapenetpart_reads_the_split(tmp_path: Path, rng: np.random.Generator, split: str, ids: str) -> None:
    caps = DATASETS["shapenetpart"](write_snp(tmp_path, rng), "cap", split=split)
    assert [shape.id for shape in caps.shapes] == list(ids)
    assert (caps.expected, caps.parts, caps.scored) == (len(ids), ("crown", "visor"), (0, 1))


def test_shapenetpart_turns_to_the_house_frame_and_keeps_every_point(tmp_path: Path, rng: np.random.Generator) -> None:
    write_snp(tmp_path, rng)
    stored = np.loadtxt(tmp_path / CAP.synset / "b.txt")
    (cap,) = DATASETS["shapenetpart"](tmp_path, "cap", split="val").shapes
    assert cap.points is not None
    assert cap.normals is not None
    assert labels_of(cap).tolist() == (stored[:, 6] - 6).tolist()
    turned = stored[:, [2, 1, 0]] * [-1, 1, 1]  # x -> z, z -> -x
    centre = (turned.min(0) + turned.max(0)) / 2
    radius = np.linalg.norm(turned - centre, axis=1).max()
    np.testing.assert_allclose(cap.points, (turned - centre) / radius, atol=1e-5)
    np.testing.assert_allclose(cap.normals, np.tile([0, 0, 1], (80, 1)), atol=1e-6)
    assert centre_of(cap, 1)[2] > centre_of(cap, 0)[2]


def test_shapenetpart_missing_shapes_are_counted_or_skipped(tmp_path: Path, rng: np.random.Generator) -> None:
    write_snp(tmp_path, rng)
    read = DATASETS["shapenetpart"]
    (tmp_path / CAP.synset / "a.txt").unlink()
    check_error(lambda: read(tmp_path, "cap", split="trainval"), InputError, "a.txt", "1 of 3", "missing='skip'")
    caps = read(tmp_path, "cap", split="trainval", missing="skip")
    assert ([shape.id for shape in caps.shapes], caps.expected) == (["b", "c"], 3)
    (tmp_path / CAP.synset / "b.txt").unlink()
    check_error(lambda: read(tmp_path, "cap", split="val", missing="skip"), InputError, "b.txt", "1 of 1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("empty",)),
        ("0 0 0 0 0 1 6\n0 0 1 0 0 1\n", ("not a table",)),
        ("0 0 0 0 0 1 6\n0 0 1 0 zero 1 6\n", ("not a table",)),
        ("0 0 0 6\n1 1 1 6\n", ("4 columns",)),
        ("0 0 0 0 0 1 6\n0 0 nan 0 0 1 6\n", ("not finite",)),
        ("0 0 0 0 0 1 6\n0 0 1 0 0 1 8\n", ("label 8", "row 2", "6 to 7")),
        ("0 0 0 0 0 1 6\n0 0 1 0 0 1 5\n", ("label 5", "row 2", "6 to 7")),
        ("0 0 0 0 0 1 6\n0 0 1 0 0 1 6.5\n", ("label 6.5", "6 to 7")),
    ],
)
def test_shapenetpart_broken_cloud_is_a_one_line_error(
    tmp_path: Path, rng: np.random.Generator, text: str, words: tuple[str, ...]
) -> None:
    write_snp(tmp_path, rng)
    (tmp_path / CAP.synset / "b.txt").write_text(text)
    check_error(lambda: DATASETS["shapenetpart"](tmp_path, "cap", split="val"), InputError, "b.txt", *words)


def test_shapenetpart_binary_cloud_and_wrong_lists(tmp_path: Path, rng: np.random.Generator) -> None:
    write_snp(tmp_path, rng)
    read = DATASETS["shapenetpart"]
    (tmp_path / CAP.synset / "b.txt").write_bytes(b"\xff\xfe\x00")
    check_error(lambda: read(tmp_path, "cap", split="val"), InputError, "b.txt")
    listing = tmp_path / "train_test_split" / "shuffled_val_file_list.json"
    for text, word in (("[", "JSON"), ('["b"]', "must be a list"), ("{}", "must be a list"), ("[]", "lists no cap")):
        listing.write_text(text)
        check_error(lambda: read(tmp_path, "cap", split="val"), InputError, word)
    listing.unlink()
    check_error(lambda: read(tmp_path, "cap", split="val"), InputError, listing.name, "not found")


def test_shapenetpart_wrong_words(tmp_path: Path, rng: np.random.Generator) -> None:
    read = DATASETS["shapenetpart"]
    check_error(lambda: read(tmp_path, "cap"), InputError, "synsetoffset2category.txt", "not found")
    write_snp(tmp_path, rng)
    check_error(lambda: read(tmp_path, "chair"), SettingsError, "chair", "it has: cap, table")
    check_error(lambda: read(tmp_path, "hat"), SettingsError, "hat")
    check_error(lambda: read(tmp_path, "cap", split="dev"), SettingsError, "dev", "train, val, test, trainval")
    check_error(lambda: read(tmp_path, "cap", missing="no"), SettingsError, "no", "error, skip")


# --- the real samples ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parts", "archive"),
    [
        ("chair", ("back", "seat", "leg"), "Chair"),
        ("table", ("top", "leg"), "Table"),
        ("mug", ("handle", "cup"), "Cup"),
        ("airplane", ("body", "wing", "tail", "engine"), "Airplane"),
    ],
)
def test_real_psb(shared_data: Path, name: str, parts: tuple[str, ...], archive: str) -> None:
    root = shared_data / "psb"
    result = DATASETS["psb"](root, name)
    assert len(result.shapes) == result.expected == 12
    assert result.parts == parts
    assert used_labels(result) == set(result.scored)
    with np.load(root / f"{archive}.npz") as arrays:
        for shape in result.shapes:
            assert labels_of(shape).shape == arrays[f"y{shape.id}"].shape
            assert largest_radius(shape) == pytest.approx(1, abs=1e-5)


def test_real_psb_poses(shared_data: Path) -> None:
    root = shared_data / "psb"
    for chair in DATASETS["psb"](root, "chair").shapes:
        back, seat, leg = (centre_of(chair, part) for part in range(3))
        assert back[1] > seat[1] > leg[1]
        assert back[2] < seat[2]
    for table in DATASETS["psb"](root, "table").shapes:
        assert centre_of(table, 0)[1] > centre_of(table, 1)[1]
    for plane in DATASETS["psb"](root, "airplane").shapes:
        assert centre_of(plane, 2)[2] < centre_of(plane, 0)[2]  # the tail is behind the body
    raw = DATASETS["psb"](root, "chair", pose="raw").shapes
    assert any(centre_of(chair, 0)[1] < centre_of(chair, 1)[1] for chair in raw)  # some lie down


def test_real_psb_part_fractions(shared_data: Path) -> None:
    """Sampled by area, every chair shows the three parts, and no part swallows the others."""
    for chair in DATASETS["psb"](shared_data / "psb", "chair").shapes:
        labels = chair.sampled(2000, seed=0).point_labels
        assert labels is not None
        assert all(0.04 < share < 0.8 for share in np.bincount(labels, minlength=3) / len(labels))


def test_real_shapenetpart(shared_data: Path) -> None:
    read = DATASETS["shapenetpart"]
    root = shared_data / "shapenetpart_sample"
    caps = read(root, "cap", split="val")
    assert len(caps.shapes) == caps.expected == 5
    # numbers of points of (crown, visor), counted in the files with awk
    counts = {shape.id[:4]: tuple(np.bincount(labels_of(shape)).tolist()) for shape in caps.shapes}
    assert counts == {
        "1838": (1670, 1122), "5eb9": (2640, 104), "6143": (1675, 750), "a0fc": (2460, 119), "dd2d": (1269, 1450)
    }  # fmt: skip
    for cap in (shape for shape in caps.shapes if shape.id[:4] in ("5eb9", "6143", "a0fc")):  # the ones with a visor
        visor = centre_of(cap, 1)
        assert visor[2] > 0.5  # in front; the other two have a brim all around
        assert abs(visor[0]) < 0.05
    (table,) = read(root, "table", split="train").shapes
    assert np.bincount(labels_of(table)).tolist() == [2629, 139, 26]
    assert centre_of(table, 0)[1] > centre_of(table, 1)[1]
    check_error(lambda: read(root, "chair"), SettingsError, "chair", "cap, table")


# --- help ---------------------------------------------------------------------------------------------------------


def labels_of(shape: Shape) -> np.ndarray:
    labels = shape.face_labels if shape.has_mesh else shape.point_labels
    assert labels is not None
    return labels


def used_labels(labelled: LabelledSet) -> set[int]:
    return {int(label) for shape in labelled.shapes for label in np.unique(labels_of(shape))}


def centre_of(shape: Shape, part: int) -> np.ndarray:
    """Mean position of a part's face centres or points."""
    if not shape.has_mesh:
        assert shape.points is not None
        return shape.points[labels_of(shape) == part].mean(0)
    vertices, faces = shape.mesh
    return vertices[faces].mean(1)[labels_of(shape) == part].mean(0)


def largest_radius(shape: Shape) -> float:
    return float(np.linalg.norm(shape.positions(), axis=1).max())
