"""The `import` stage: shapes as they are, upright, with the labels they carry; what can't be read is a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_shapes import assert_same, random_cloud, random_mesh, same, scene_glb
from test_datasets import PSB_LABELS, cap_rows, psb_vertices, write_meta, write_psb, write_snp
from toy_shards import contents, stamps

from distill.datasets import DATASETS
from gen3d import importing
from gen3d.categories import category
from gen3d.collection import Collection
from gen3d.errors import InputError, SettingsError
from gen3d.glb import grouped_faces
from gen3d.importing import ImportSettings, import_shapes
from gen3d.inputs import find_inputs
from gen3d.mesh_io import read_shape, write_shape
from gen3d.shape import Shape
from gen3d.upright import turn

BAD = {"empty.obj": b"", "noise.glb": b"\0\1\2", "cut.stl": b"\0" * 100, "flat.off": b"OFF\n1 0 0\n0 0 0\n"}


def imported(root: Path, *paths: Path, **options: Any) -> Collection:
    """A collection of chairs in `root`."""
    how = {key: options.pop(key) for key in ("workers", "strict", "overwrite", "retry_failed") if key in options}
    settings = ImportSettings(**{"category": "chair", **options})
    return import_shapes(settings, find_inputs(paths, settings.category), root, **how)


def shape_of(collection: Collection, id: str) -> Shape:
    return next(shape for shape in collection.shapes() if shape.id == id)


def write_soup(folder: Path) -> dict[str, Path]:
    """One file of every kind, all of them rough: unused vertices, double, folded and flat faces, any magnitude."""
    folder.mkdir(exist_ok=True)
    files = {}
    for number, name in enumerate(("a.glb", "b.ply", "c.npz", "d.obj", "e.off", "f.stl", "g.ply", "h.npz")):
        shape = random_cloud(number) if name[0] in "gh" else _roughened(random_mesh(number))
        files[name[0]] = folder / name
        write_shape(shape, files[name[0]])
    return files


def _roughened(mesh: Shape) -> Shape:
    """The mesh with its first faces again: as they are, turned over, and folded to a line."""
    _, faces = mesh.mesh
    first = faces[:3]
    more = np.concatenate([faces, first, first[:, ::-1], first[:, [0, 0, 1]]])
    labels = None if mesh.face_labels is None else mesh.face_labels[np.arange(len(more)) % len(faces)]
    return replace(mesh, faces=more, face_labels=labels)


# --- as they are --------------------------------------------------------------------------------------------------


def test_every_format_comes_as_it_is_at_the_house_size(tmp_path: Path) -> None:
    files = write_soup(tmp_path / "soup")
    collection = imported(tmp_path / "real", tmp_path / "soup")
    assert collection.ids() == sorted(files) and not collection.failures() and not collection.damage()
    for shape in collection.shapes():
        stored = read_shape(files[shape.id], "chair").normalised()
        assert_same(shape, grouped_faces(stored))  # which moves no face of an unlabelled mesh
        assert shape.category == "chair" and shape.meta["file"] == files[shape.id].name
        assert shape.meta["pose"] == {"by": "option", "up": "y", "front": "+z"}
        assert abs(np.linalg.norm(shape.positions(), axis=1).max() - 1) < 1e-5
    labelled = {s.id for s in collection.shapes() if s.face_labels is not None or s.point_labels is not None}
    assert labelled == set("abcgh")


def test_the_record_says_what_came_from_where(tmp_path: Path) -> None:
    files = write_soup(tmp_path / "soup")
    info = imported(tmp_path / "real", tmp_path / "soup", licence="CC-BY-4.0").info
    assert info["inputs"] == {path.name: 1 for path in files.values()} and info["count"] == len(files)
    assert (info["category"], info["parts"], info["licence"]) == ("chair", list(category("chair").parts), "CC-BY-4.0")
    assert info["source"] == "import" and "generator" not in info and str(tmp_path) not in json.dumps(info)


@pytest.mark.parametrize(
    ("up", "front", "vertical", "forward"),
    [("y", "-z", (0, 1, 0), (0, 0, -1)), ("z", None, (0, 0, 1), (0, -1, 0)), ("z", "+x", (0, 0, 1), (1, 0, 0))],
)
def test_up_and_front_become_y_and_z(
    tmp_path: Path, up: str, front: str | None, vertical: tuple[int, ...], forward: tuple[int, ...]
) -> None:
    path = tmp_path / "m.off"
    write_shape(random_mesh(3, labelled=False), path)
    (shape,) = imported(tmp_path / "real", path, up=up, front=front).shapes()
    stored, turned = read_shape(path).normalised().mesh[0], shape.mesh[0]
    used = np.unique(shape.mesh[1])
    for axis, direction in ((1, vertical), (2, forward), (0, np.cross(vertical, forward))):
        np.testing.assert_allclose(turned[used, axis], stored[used] @ np.array(direction), atol=1e-5)
    assert same(shape.mesh[1], read_shape(path).mesh[1])


def test_up_and_front_on_one_axis_are_refused(tmp_path: Path) -> None:
    write_shape(random_mesh(3), tmp_path / "m.off")
    for up, front in (("y", "+y"), ("z", "-z")):
        with pytest.raises(SettingsError, match="front"):
            imported(tmp_path / "real", tmp_path / "m.off", up=up, front=front)
    assert not (tmp_path / "real").exists()


# --- sets of known pose and names ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pose", ["canonical", "raw"])
def test_psb_comes_as_its_own_reader_reads_it(tmp_path: Path, pose: str) -> None:
    root = tmp_path / "psb"
    root.mkdir()
    write_psb(root)
    collection = imported(tmp_path / "real", root, raw_pose=pose == "raw")
    assert collection.ids() == ["Chair-7", "Chair-8"]
    for shape, twin in zip(collection.shapes(), DATASETS["psb"](root, "chair", pose=pose).shapes, strict=True):
        assert_same(shape, grouped_faces(twin))
        assert shape.meta["key"] == twin.id and shape.meta["file"] == "Chair.npz"
        assert shape.meta["pose"]["by"] == ("option" if pose == "raw" else "meta.json")


def test_an_archive_without_names_is_unlabelled_and_posed_by_the_options(tmp_path: Path) -> None:
    write_psb(tmp_path)
    (tmp_path / "meta.json").unlink()
    for shape in imported(tmp_path / "real", tmp_path / "Chair.npz", up="z").shapes():
        assert shape.face_labels is None and "no meta.json" in shape.meta["unlabelled"]
        assert shape.meta["pose"] == {"by": "option", "up": "z", "front": "-y"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v8": None, "f8": None, "y8": None}, "is missing"),
        ({"f8": np.arange(3, 15, dtype=np.uint16).reshape(4, 3)}, "vertices beyond"),
        ({"v8": np.full((12, 3), np.nan, np.float32)}, "not finite"),
        ({"y8": np.array([{"a": 1}], dtype=object)}, "holds object"),
    ],
)
def test_a_broken_shape_of_an_archive_is_one_row(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    root = tmp_path / "psb"
    root.mkdir()
    write_psb(root, **changes)
    collection = imported(tmp_path / "real", root)
    assert collection.ids() == ["Chair-7"]
    ((id, text),) = collection.failures()
    assert id == "Chair-8" and text.startswith("Chair.npz: shape 8: ") and reason in text


def test_labels_that_mean_nothing_here_are_left_and_the_reason_kept(tmp_path: Path) -> None:
    root = tmp_path / "psb"
    root.mkdir()
    write_psb(root, y8=np.array([0, 1, 2, 4], np.uint8))
    seven, eight = imported(tmp_path / "real", root).shapes()
    assert seven.face_labels is not None and eight.face_labels is None and "0 to 3" in eight.meta["unlabelled"]
    write_meta(root, parts=["arm", "wheel", "leg", "support"])
    assert all("wheel" in s.meta["unlabelled"] for s in imported(tmp_path / "other", root).shapes())


def test_a_shape_of_psb_without_pose_or_a_broken_meta_is_a_row(tmp_path: Path) -> None:
    root = tmp_path / "psb"
    root.mkdir()
    write_psb(root)
    write_meta(root, to_canonical={"7": np.eye(3).tolist()})
    collection = imported(tmp_path / "real", root)
    assert collection.ids() == ["Chair-7"] and "meta.json: shape 8 has no canonical pose" in collection.failures()[0][1]
    (root / "meta.json").write_text("{")
    with pytest.raises(InputError, match=r"none of 2 inputs could be read; Chair-7: meta.json: can't be read as JSON"):
        imported(tmp_path / "none", root)


def test_shapenetpart_text_comes_as_its_own_reader_reads_it(tmp_path: Path, rng: np.random.Generator) -> None:
    root = tmp_path / "snp"
    root.mkdir()
    write_snp(root, rng)
    (root / "README.txt").write_text("1 2 3\n")
    collection = imported(tmp_path / "real", root, category="cap")
    twins = [s for split in ("trainval", "test") for s in DATASETS["shapenetpart"](root, "cap", split=split).shapes]
    assert collection.ids() == [twin.id for twin in twins] == list("abcde")
    for shape, twin in zip(collection.shapes(), twins, strict=True):
        assert shape.point_labels is not None and same(shape.point_labels, twin.point_labels)
        for ours, theirs in ((shape.points, twin.points), (shape.normals, twin.normals)):
            assert ours is not None and theirs is not None
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
        assert shape.meta["pose"]["by"] == "ShapeNetPart"


def test_a_text_with_parts_of_another_category_is_a_row(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = cap_rows(rng)
    np.savetxt(tmp_path / "good.txt", rows, fmt="%.6f")
    rows[5, 6] = 12
    np.savetxt(tmp_path / "bad.txt", rows, fmt="%.6f")
    collection = imported(tmp_path / "real", tmp_path, category="cap")
    assert collection.ids() == ["good"]
    assert collection.failures() == [("bad", "bad.txt: label 12 in row 6; cap has 6 to 7")]


# --- labels -------------------------------------------------------------------------------------------------------


def test_a_glb_of_another_category_keeps_the_parts_both_know(tmp_path: Path) -> None:
    table = replace(random_mesh(5), category="table")
    vertices, faces = table.mesh
    legs = replace(table, face_labels=np.where(np.arange(len(faces)) % 2, 1, -1).astype(np.int16))  # 1: leg
    tops = replace(table, face_labels=np.zeros(len(faces), np.int16))
    cloud = Shape("c", "table", points=vertices, point_labels=np.zeros(len(vertices), np.int16))
    for name, shape in (("legs", legs), ("tops", tops), ("cloud", cloud)):
        write_shape(shape, tmp_path / f"{name}.glb")
    read = {shape.id: shape for shape in imported(tmp_path / "real", tmp_path).shapes()}
    found = read["legs"].face_labels
    assert found is not None and set(found.tolist()) == {2, -1}  # a chair's legs
    for name in ("tops", "cloud"):
        assert read[name].face_labels is None and read[name].point_labels is None
        assert "'top' are none of chair" in read[name].meta["unlabelled"]


def test_foreign_node_names_and_labels_out_of_range(tmp_path: Path) -> None:
    (tmp_path / "parts.glb").write_bytes(scene_glb(["seat", "legs_1"]))
    (tmp_path / "other.glb").write_bytes(scene_glb(["seat", "Cube"]))
    cloud = replace(random_cloud(0), point_labels=np.arange(50).astype(np.int16))
    write_shape(cloud, tmp_path / "many.ply")
    write_shape(cloud, tmp_path / "more.npz")
    read = {shape.id: shape for shape in imported(tmp_path / "real", tmp_path).shapes()}
    assert read["parts"].face_labels is not None and "unlabelled" not in read["parts"].meta
    assert read["other"].face_labels is None and "'Cube'" in read["other"].meta["unlabelled"]
    for name in ("many", "more"):
        assert read[name].point_labels is None and "label 49" in read[name].meta["unlabelled"]


# --- what can't be read -------------------------------------------------------------------------------------------


def write_mixed(folder: Path) -> Path:
    """Three good files among four bad ones."""
    folder.mkdir()
    for name, data in BAD.items():
        (folder / name).write_bytes(data)
    for number in range(3):
        write_shape(random_mesh(number), folder / f"good{number}.obj")
    return folder


def test_what_cannot_be_read_is_a_row_with_its_reason(tmp_path: Path) -> None:
    collection = imported(tmp_path / "real", write_mixed(tmp_path / "in"), shard=2)
    assert collection.ids() == ["good0", "good1", "good2"]
    reasons = dict(collection.failures())
    assert sorted(reasons) == ["cut", "empty", "flat", "noise"]
    for name in BAD:
        assert reasons[Path(name).stem].startswith(f"{name}: ")  # never a path of this machine


def test_strict_stops_at_the_first_also_one_of_an_earlier_run(tmp_path: Path) -> None:
    folder = write_mixed(tmp_path / "in")
    with pytest.raises(InputError, match=r"^cut\.stl: "):
        imported(tmp_path / "strict", folder, strict=True)
    assert not len(Collection.open(tmp_path / "strict"))
    imported(tmp_path / "real", folder)
    with pytest.raises(InputError, match="cut could not be read"):
        imported(tmp_path / "real", folder, strict=True)


def test_mended_files_are_taken_by_retry_failed(tmp_path: Path) -> None:
    folder = write_mixed(tmp_path / "in")
    imported(tmp_path / "real", folder, shard=3)
    for number, name in enumerate(BAD):
        write_shape(random_mesh(9 + number), folder / name)
    counts: list[int] = []
    listing = find_inputs([folder], "chair")
    settings = ImportSettings(category="chair", shard=3)
    collection = import_shapes(settings, listing, tmp_path / "real", 1, False, counts.append, True, True)
    assert sum(counts) == len(BAD) and not collection.failures() and len(collection) == 7
    imported(tmp_path / "twin", folder, shard=3)
    assert collection.records() == Collection.open(tmp_path / "twin").records()
    mended, twin = ({**contents(tmp_path / name), "manifest.jsonl": b""} for name in ("real", "twin"))
    assert mended == twin


def test_all_unreadable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.obj").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(InputError, match=r"none of 1 inputs could be read; a: a\.obj: is empty"):
            imported(tmp_path / "real", tmp_path / "in")


# --- nothing lost, nothing twice ----------------------------------------------------------------------------------


def stopping(make: Callable[..., Any], at: str) -> Callable[..., Any]:
    """`make`, interrupted at the input of that id."""

    def call(reader: Any, item: Any, settings: Any) -> Any:
        if item.id == at:
            raise KeyboardInterrupt
        return make(reader, item, settings)

    return call


def test_interrupted_or_not_and_any_number_of_workers_the_bytes_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_mixed(tmp_path / "in")
    write_soup(folder)
    imported(tmp_path / "whole", folder, shard=4)
    imported(tmp_path / "two", folder, shard=4, workers=2)
    with monkeypatch.context() as patch:
        patch.setattr(importing, "_members", stopping(importing._members, "good1"))
        with pytest.raises(KeyboardInterrupt):
            imported(tmp_path / "parted", folder, shard=4)
    assert 0 < len(Collection.open(tmp_path / "parted")) < 11
    imported(tmp_path / "parted", folder, shard=4)
    assert contents(tmp_path / "parted") == contents(tmp_path / "whole") == contents(tmp_path / "two")


def test_a_repeated_command_reads_nothing_and_changes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_mixed(tmp_path / "in")
    imported(tmp_path / "real", folder)
    before = stamps(tmp_path / "real")
    monkeypatch.setattr(importing, "_members", stopping(importing._members, "good0"))
    imported(tmp_path / "real", folder)
    assert stamps(tmp_path / "real") == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"up": "z"}, 'settings.up was "y", now "z"'),
        ({"front": "-x"}, 'settings.front was null, now "-x"'),
        ({"category": "table"}, 'category was "chair", now "table"'),
        ({"licence": "MIT"}, 'licence was "unknown", now "MIT"'),
        ({"raw_pose": True}, "settings.raw_pose was false, now true"),
    ],
)
def test_changed_settings_are_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    write_soup(tmp_path / "in")
    imported(tmp_path / "real", tmp_path / "in")
    before = stamps(tmp_path / "real")
    with pytest.raises(SettingsError) as caught:
        imported(tmp_path / "real", tmp_path / "in", **change)
    assert words in str(caught.value) and stamps(tmp_path / "real") == before


def test_a_changed_list_of_inputs_is_refused_and_named(tmp_path: Path) -> None:
    files = write_soup(tmp_path / "in")
    imported(tmp_path / "real", tmp_path / "in")
    write_shape(random_mesh(1), tmp_path / "in" / "new.obj")
    with pytest.raises(SettingsError, match=r"inputs\.new\.obj was not set, now 1; .*--overwrite"):
        imported(tmp_path / "real", tmp_path / "in")
    (tmp_path / "in" / "new.obj").unlink()
    files["d"].unlink()
    with pytest.raises(SettingsError, match=r"inputs\.d\.obj was 1, now not set"):
        imported(tmp_path / "real", tmp_path / "in")
    assert len(imported(tmp_path / "real", tmp_path / "in", overwrite=True)) == 7


# --- the real shapes ----------------------------------------------------------------------------------------------


def test_real_archives(shared_data: Path, tmp_path: Path) -> None:
    """The 12 labelled chairs of psb, upright; the pool's 37 without labels."""
    psb = imported(tmp_path / "psb", shared_data / "psb")
    for shape, twin in zip(psb.shapes(), DATASETS["psb"](shared_data / "psb", "chair").shapes, strict=True):
        assert_same(shape, grouped_faces(twin))
    pool = imported(tmp_path / "pool", shared_data / "princeton_pool")
    assert len(pool) == 37 and not pool.failures() and pool.info["inputs"] == {"chair.npz": 37}
    assert all(shape.face_labels is None for shape in pool.shapes())


def test_real_soup_keeps_its_faces(shared_data: Path, tmp_path: Path) -> None:
    path = sorted((shared_data / "shapenet_chairs").glob("*.obj"), key=lambda p: p.stat().st_size)[0]
    (shape,) = imported(tmp_path / "real", path).shapes()
    assert_same(shape, read_shape(path, "chair").normalised())


def test_real_auto_finds_up_where_it_is_sure(shared_data: Path, tmp_path: Path) -> None:
    """psb's raw chairs stand on Y or Z: `to_canonical` tells which."""
    rotations = json.loads((shared_data / "psb" / "meta.json").read_text())["Chair"]["to_canonical"]
    poses = {s.meta["key"]: s.meta["pose"] for s in imported(
        tmp_path / "real", shared_data / "psb", up="auto", raw_pose=True
    ).shapes()}  # fmt: skip
    true = {key: "xyz"[int(np.abs(matrix[1]).argmax())] for key, matrix in rotations.items()}
    sure = [key for key, pose in poses.items() if pose["by"] == "shape"]
    assert set(true.values()) == {"y", "z"} and len(sure) >= 9
    assert all(poses[key]["up"] == true[key] for key in sure)
    np.testing.assert_array_equal(turn("z", "-y"), [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def test_the_psb_fixture_is_what_these_tests_take_it_for() -> None:
    assert len(psb_vertices(1)) == 3 * len(PSB_LABELS)
