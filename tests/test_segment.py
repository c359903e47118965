"""`gen3d segment`: any files in, labels in their own frame and order out; one bad file fails alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import hostile_files
import numpy as np
import pytest
import torch
import trimesh
from cli_chain import Run, tree
from sample_shapes import export, same, scene_glb
from tiny_pixel_teachers import write_tiny

from distill.labellers import Labeller, aligned_labeller, alignment_settings, trained_labeller
from distill.segmentation import Outcome, SegmentSettings, segment
from distill.student import Student
from gen3d.asking import teacher_settings
from gen3d.categories import CATEGORIES
from gen3d.errors import SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.mesh_io import WRITABLE, read_shape, write_shape
from gen3d.shape import Shape, yaw

QUICK = SegmentSettings(passes=1)
PARTS = CATEGORIES["mug"].parts


@pytest.fixture(scope="module")
def labeller() -> Labeller:
    """An untrained student of mugs: its answers are poor, but they are answers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Labeller(Student("mug", list(PARTS)), {"student": "untrained"})


def mug(seed: int = 0) -> Shape:
    """A mug without labels, off centre, of a size of its own."""
    shape = replace(ProceduralGenerator().generate("mug", seed, f"mug{seed}"), face_labels=None)
    return shape.transformed(13 * np.eye(3), np.array([100.0, -3, 7]))


def done(paths: list[Path], labeller: Labeller, out: Path, settings: SegmentSettings = QUICK) -> Outcome:
    """What became of all paths."""
    return segment(paths, labeller, settings, out)


@pytest.mark.parametrize("suffix", WRITABLE)
def test_every_format_keeps_frame_scale_and_order_bit_for_bit(tmp_path: Path, labeller: Labeller, suffix: str) -> None:
    path = tmp_path / f"mug{suffix}"
    write_shape(mug(), path)
    before = path.read_bytes()
    given = read_shape(path)
    found = done([path], labeller, tmp_path / "parts")
    (row,) = found.rows
    assert found.failures == [] and found.made_now == 1 and path.read_bytes() == before
    folder = tmp_path / "parts" / "mug"
    labels, confidence = np.load(folder / "mug_labels.npy"), np.load(folder / "mug_confidence.npy")
    assert labels.dtype == np.int16 and confidence.dtype == np.float32
    assert len(labels) == len(confidence) == len(given.mesh[1]) == sum(row["counts"].values())
    assert ((confidence > 0.5 - 1e-6) & (confidence <= 1)).all()  # of two parts
    ordered = read_shape(folder / "mug.ply")
    assert same(ordered.vertices, given.vertices) and same(ordered.faces, given.faces)
    assert same(ordered.face_labels, labels)
    whole = read_shape(folder / "mug.glb", "mug")
    assert same(whole.vertices, given.vertices)
    nodes = trimesh.load_scene(folder / "mug.glb", process=False).geometry
    vertices, faces = given.mesh
    assert set(nodes) == {PARTS[label] for label in np.unique(labels)}
    for label in np.unique(labels):
        assert np.array_equal(nodes[PARTS[label]].triangles, vertices[faces[labels == label]])
    table = json.loads((folder / "mug_labels.json").read_text())
    assert table["face_labels"] == labels.tolist() and table["parts"] == list(PARTS)
    assert table["confidence"] == pytest.approx(confidence, abs=1e-4)
    expected, _ = labeller.start.label_faces(replace(given, id="mug"), passes=1)
    assert same(labels, expected)


@pytest.mark.parametrize("suffix", [".ply", ".npz", ".glb"])
def test_clouds_keep_their_points(tmp_path: Path, labeller: Labeller, suffix: str) -> None:
    points = mug().sampled(700, 0).points
    write_shape(Shape("cloud", "unknown", points=points), tmp_path / f"cloud{suffix}")
    found = done([tmp_path / f"cloud{suffix}"], labeller, tmp_path, SegmentSettings(passes=1, meshes=True, smooth=True))
    (row,) = found.rows
    assert row["elements"] == "points" and not row["smoothed"]
    back, labels = read_shape(tmp_path / "cloud/cloud.ply"), np.load(tmp_path / "cloud/cloud_labels.npy")
    assert same(back.points, points) and same(back.point_labels, labels)
    pieces = [read_shape(tmp_path / f"cloud/cloud_{PARTS[label]}.ply") for label in np.unique(labels)]
    assert sum(len(piece.positions()) for piece in pieces) == 700


def test_labels_that_a_file_carries_change_nothing(tmp_path: Path, labeller: Labeller) -> None:
    shape = ProceduralGenerator().generate("mug", 0, "mug")
    for name, labels in (("a", shape.face_labels), ("b", None)):
        (tmp_path / name).mkdir()
        write_shape(replace(shape, face_labels=labels), tmp_path / name / "mug.ply")
        done([tmp_path / name / "mug.ply"], labeller, tmp_path / name / "parts")
    assert (tmp_path / "a/parts/mug/mug.glb").read_bytes() == (tmp_path / "b/parts/mug/mug.glb").read_bytes()


def test_hostile_files_fail_alone_and_a_second_call_does_only_them(tmp_path: Path, labeller: Labeller) -> None:
    folder = tmp_path / "scans"
    (folder / "deep").mkdir(parents=True)
    refused = {name: data for name, (data, verdict) in hostile_files.corpus().items() if verdict == "refused"}
    for name, data in refused.items():
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    write_shape(mug(0), folder / "mug.obj")
    write_shape(mug(1), folder / "deep" / "mug.obj")
    first = done([folder], labeller, folder / "parts")  # results within what is searched
    assert [row["shape"] for row in first.rows] == ["deep/mug.obj", "mug.obj"] and first.made_now == 2
    assert len(first.failures) == len(refused) and len({row["id"] for row in first.rows}) == 2
    for _, reason in first.failures:
        assert "\n" not in reason and any(name in reason for name in refused), reason
    before = tree(tmp_path)
    second = done([folder], labeller, folder / "parts")
    assert second == first._replace(made_now=0) and tree(tmp_path) == before
    assert second == done([folder, folder / "**/*"], labeller, folder / "parts")


def test_another_file_or_other_settings_start_anew_and_leave_nothing_stale(tmp_path: Path, labeller: Labeller) -> None:
    path, out = tmp_path / "mug.obj", tmp_path / "parts"
    write_shape(mug(0), path)
    assert done([path], labeller, out, SegmentSettings(passes=1, meshes=True)).made_now == 1
    assert list(out.rglob("mug_*.glb"))
    (out / "mug" / "notes.txt").write_text("mine")
    assert done([path], labeller, out).made_now == 1  # without meshes
    assert not list(out.rglob("mug_*.glb")) and (out / "mug" / "notes.txt").is_file()
    write_shape(mug(1), path)
    assert done([path], labeller, out).made_now == 1 and done([path], labeller, out).made_now == 0
    (out / "mug" / "mug_labels.npy").unlink()
    assert done([path], labeller, out).made_now == 1
    assert done([path], Labeller(labeller.start, {"student": "another"}), out).made_now == 1
    assert segment([path], labeller, QUICK, out, overwrite=True).made_now == 1


def test_a_gltf_is_done_again_where_its_buffer_changed(tmp_path: Path, labeller: Labeller) -> None:
    scene = trimesh.load_scene(trimesh.util.wrap_as_stream(scene_glb(["a"])), file_type="glb")
    for name, data in export(scene, "gltf").items():
        (tmp_path / name.replace("model", "box")).write_bytes(data)
    path = tmp_path / "box.gltf"
    assert done([path], labeller, tmp_path).made_now == 1 and done([path], labeller, tmp_path).made_now == 0
    (buffer,) = [file for file in tmp_path.glob("*.bin") if file.stat().st_size > 90][:1]
    data = buffer.read_bytes()
    buffer.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    found = done([path], labeller, tmp_path)
    assert found.made_now + len(found.failures) == 1


def test_a_damaged_record_is_named_and_overwriting_mends_it(tmp_path: Path, labeller: Labeller) -> None:
    write_shape(mug(), tmp_path / "mug.obj")
    done([tmp_path / "mug.obj"], labeller, tmp_path)
    (tmp_path / "mug/mug_settings.json").write_text("{")
    assert "mug_settings.json: is damaged" in done([tmp_path / "mug.obj"], labeller, tmp_path).failures[0][1]
    assert segment([tmp_path / "mug.obj"], labeller, QUICK, tmp_path, overwrite=True).failures == []


def test_labels_go_back_to_the_files_own_frame(tmp_path: Path, labeller: Labeller) -> None:
    """A mug that lies down is stood up, looked at, and gets the labels of its standing twin."""
    shape = replace(ProceduralGenerator().generate("mug", 5, "mug"), face_labels=None)
    lying = shape.transformed(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))  # +Z up
    write_shape(shape, tmp_path / "mug.ply")
    (tmp_path / "lying").mkdir()
    write_shape(lying, tmp_path / "lying" / "mug.ply")
    labels = {}
    for name, up, path in (("y", "y", "mug.ply"), ("z", "z", "lying/mug.ply"), ("auto", "auto", "lying/mug.ply")):
        (row,) = done([tmp_path / path], labeller, tmp_path / name, QUICK.model_copy(update={"up": up})).rows
        labels[name] = np.load(tmp_path / name / "mug/mug_labels.npy")
        assert row["pose"]["by"] in (("option",) if up != "auto" else ("align", "unsure"))
    assert (labels["y"] == labels["z"]).mean() > 0.99  # rounding aside
    assert same(read_shape(tmp_path / "auto/mug/mug.ply").vertices, lying.vertices)
    rotation = np.array(row["pose"]["rotation"])
    assert rotation[1] == pytest.approx([0, 0, 1], abs=1e-6)  # what was up in the file


def test_smoothing_is_asked_for_and_confidence_follows_the_label(tmp_path: Path, labeller: Labeller) -> None:
    shape = mug(2).transformed(yaw(20))
    write_shape(shape, tmp_path / "mug.obj")
    (row,) = done([tmp_path / "mug.obj"], labeller, tmp_path, SegmentSettings(passes=1, smooth=True)).rows
    labels, confidence = (np.load(tmp_path / f"mug/mug_{name}.npy") for name in ("labels", "confidence"))
    given = replace(read_shape(tmp_path / "mug.obj"), id="mug")
    expected = labeller.start.probabilities(given, given.centroids(), passes=1)
    assert row["smoothed"] and same(confidence, expected[np.arange(len(labels)), labels])


# --- with a teacher, without a student --------------------------------------------------------------------------------


def test_words_and_a_teacher_are_enough(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_shape(replace(mug(), category="unknown"), tmp_path / "pot.obj")
    weights = write_tiny("clip", tmp_path / "weights")
    words = ("segment", "pot.obj", "--parts", "lid,body,spout", "--teacher", "clip", "--option", f"weights={weights}")
    words += ("--option", "precision=float32", "--passes", 1)
    for setting in ("views=2", "size=48", "points=512", "epochs=1", "steps=1", "batch=2", "copies=2"):
        words += ("--set", setting)
    end = run(*words, "--json")
    assert end.code == 0, end.err
    told = json.loads(end.out)
    assert told["parts"] == ["lid", "body", "spout"] and told["category"] == "object"
    assert sum(told["shapes"][0]["counts"].values()) == len(read_shape(tmp_path / "pot.obj").mesh[1])
    before = tree(tmp_path / "parts")
    again = run(*words)
    assert again.code == 0 and "nothing to do" in again.err and tree(tmp_path / "parts") == before
    shutil.rmtree(weights)
    missing = run(*words)
    assert missing.code in (3, 4) and "weights" in missing.error


def test_what_contradicts_is_refused() -> None:
    with pytest.raises(SettingsError, match="--student, --category or --teacher is missing"):
        trained_labeller(None, None)
    with pytest.raises(SettingsError, match="--set seed"):
        alignment_settings({"seed": "1"}, 0)
    label = teacher_settings("lite", {})
    with pytest.raises(SettingsError, match="object is none of"):
        aligned_labeller(label, alignment_settings({}, 0), None, None, None)
    with pytest.raises(SettingsError, match="views"):
        aligned_labeller(teacher_settings("lite", {"views": "3"}), alignment_settings({}, 0), None, "mug", None)


# --- the verb ---------------------------------------------------------------------------------------------------------


def test_the_verb_takes_several_and_ends_with_three_where_one_fails(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, labeller: Labeller
) -> None:
    monkeypatch.chdir(tmp_path)
    labeller.start.save(tmp_path / "student")
    for number in range(2):
        write_shape(mug(number), tmp_path / f"mug{number}.stl")
    Path("broken.stl").write_bytes(b"solid")
    end = run("segment", "*.stl", "--student", "student", "--passes", 1, "--json")
    told = json.loads(end.out)
    assert end.code == 3 and end.err.startswith("failed: broken: broken.stl: is truncated") and told["failed"] == 1
    assert [row["shape"] for row in told["shapes"]] == ["mug0.stl", "mug1.stl"] and told["made_now"] == 2
    assert all(Path(file).is_file() for row in told["shapes"] for file in row["files"])
    again = run("segment", "*.stl", "--student", "student", "--passes", 1)
    assert again.code == 3 and "2 of 3 shapes labelled in parts" in again.out
    end = run("segment", "mug0.stl", "mug1.stl", "--student", "student", "--passes", 1)
    assert end.code == 0 and "nothing to do" in end.err


def test_materials_are_written_where_a_file_may_have_some(tmp_path: Path, labeller: Labeller) -> None:
    paths = [tmp_path / "mug.obj", tmp_path / "cup.stl"]
    for path in paths:
        write_shape(mug(), path)
    out, settings = tmp_path / "out", SegmentSettings(passes=1, materials=True)
    rows = {row["id"]: {Path(file).name for file in row["files"]} for row in done(paths, labeller, out, settings).rows}
    assert "mug_materials.glb" in rows["mug"] and "cup_materials.glb" not in rows["cup"]
    assert (out / "mug" / "mug_materials.glb").is_file()
    assert done(paths, labeller, out, settings).made_now == 0
    done(paths, labeller, out, SegmentSettings(passes=1))
    assert not (out / "mug" / "mug_materials.glb").exists()  # of other settings: gone
