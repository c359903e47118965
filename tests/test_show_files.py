"""What `gen3d show` makes of the paths that it is given: files of all kinds, and what there is not to see."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from sample_knowledge import face_labels, toy_chair
from sample_show import PARTS, Toys, make_run

from distill.labellers import trained_labeller
from distill.segmentation import SegmentSettings, segment
from distill.viewer.exhibit import (
    Exhibit,
    confidence_layer,
)
from distill.viewer.opening import ShowSettings, open_source
from distill.viewer.sources import Source
from gen3d.collection import Collection
from gen3d.errors import Gen3dError, InputError, SettingsError
from gen3d.glb import glb_bytes
from gen3d.mesh_io import write_shape


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("show"))


def shown(*paths: object, **settings: Any) -> Source:
    return open_source([str(path) for path in paths], ShowSettings(**settings))


def titles(exhibit: Exhibit) -> list[str]:
    return [layer.title for layer in exhibit.layers]


# --- files ---


def test_files_of_all_kinds_are_shown_with_the_parts_they_bring(tmp_path: Path) -> None:
    shape = replace(toy_chair(0), id="chair")
    write_shape(shape, tmp_path / "a.glb")
    write_shape(replace(shape, category="unknown"), tmp_path / "b.ply")
    write_shape(shape.bare(), tmp_path / "c.obj")
    source = shown(tmp_path)
    assert source.ids == ["a", "b", "c"] and [source.words(n) for n in range(3)] == ["a a.glb", "b b.ply", "c c.obj"]
    legends = [[e.name for e in x.layers[0].legend(x.weights())] for x in map(source.exhibit, range(3))]
    assert legends == [list(PARTS), ["part 0", "part 1", "part 2", "part 3"], ["surface"]]
    named = shown(tmp_path / "b.ply", category="chair").exhibit(0)
    assert named.layers[0].names == PARTS and dict(named.notes)["file"] == "b.ply"


def test_nodes_of_foreign_scenes_are_parts(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.icosphere(1, 0.4), node_name="lid")
    scene.add_geometry(
        trimesh.creation.box(), node_name="{body}", transform=trimesh.transformations.translation_matrix([5, 0, 0])
    )
    for name in ("two.glb", "two.gltf"):
        if name.endswith("f"):
            files = scene.export(file_type="gltf")
            assert isinstance(files, dict)
            for file, data in files.items():
                (tmp_path / file.replace("model", "two")).write_bytes(data)
        else:
            scene.export(tmp_path / name)
        exhibit = shown(tmp_path / name).exhibit(0)
        pieces = {piece.name: piece for piece in exhibit.pieces(None)}
        assert {name: len(piece.faces) for name, piece in pieces.items() if piece.faces is not None} == {
            "lid": 80, "{body}": 12
        }  # fmt: skip
        assert pieces["lid"].vertices[:, 0].max() < 0 < pieces["{body}"].vertices[:, 0].min()


def test_own_files_of_words_that_no_category_has_show_them(tmp_path: Path) -> None:

    (tmp_path / "pot.glb").write_bytes(
        glb_bytes(replace(toy_chair(0), category="pot"), ("lid", "body", "spout", "foot"))
    )
    exhibit = shown(tmp_path / "pot.glb").exhibit(0)
    assert exhibit.layers[0].names == ("lid", "body", "spout", "foot")
    assert exhibit.layers[0].labels.tolist() == sorted(face_labels(toy_chair(0)).tolist())


def test_files_are_turned_upright(tmp_path: Path) -> None:
    lying = toy_chair(0).bare().transformed(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))  # +Z up, front to -Y
    write_shape(lying, tmp_path / "a.obj")
    upright = toy_chair(0).normalised().mesh[0]
    assert np.allclose(shown(tmp_path / "a.obj", up="z").exhibit(0).surface.mesh[0], upright, atol=1e-5)
    assert not np.allclose(shown(tmp_path / "a.obj").exhibit(0).surface.mesh[0], upright, atol=0.1)


def test_results_of_segment_are_shown_once_upright_with_confidence(run_folder: Path, tmp_path: Path) -> None:
    lying = toy_chair(0).bare().transformed(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) * 7)
    write_shape(lying, tmp_path / "mine.obj")
    labeller = trained_labeller(str(run_folder / "student"), None)
    segment([tmp_path / "mine.obj"], labeller, SegmentSettings(up="z", passes=1), tmp_path / "parts")
    source = shown(tmp_path / "parts")
    exhibit = source.exhibit(0)
    assert source.ids == ["mine"] and titles(exhibit) == ["prediction", "confidence"]
    assert np.allclose(exhibit.surface.mesh[0], toy_chair(0).normalised().mesh[0], atol=1e-5)
    labels, sure = (np.load(tmp_path / f"parts/mine/mine_{name}.npy") for name in ("labels", "confidence"))
    assert np.array_equal(exhibit.layers[0].labels, labels) and exhibit.layers[0].names == PARTS
    assert np.array_equal(exhibit.layers[1].labels, confidence_layer("", sure.round(4)).labels)
    assert shown(tmp_path).ids == ["mine", "mine"]  # the result and the file


def test_only_names_are_read_before_a_shape_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 1 2 x\nf 1 2 9\n")
    write_shape(toy_chair(0), tmp_path / "b.glb")
    source = shown(tmp_path)
    with pytest.raises(InputError, match=r"a.obj: can't be read, it looks damaged"):
        source.exhibit(0)
    assert source.exhibit(1).id == "b"
    with pytest.raises(InputError, match=r"a.obj: can't be read, it looks damaged"):
        shown(tmp_path / "a.obj")  # nothing else to look at


# --- what is refused ---


def test_a_labelled_set_is_shown_with_its_labels(run_folder: Path) -> None:
    source = shown(run_folder / "bare", dataset="collection", category="chair")
    assert source.title == "chair: data set collection" and titles(source.exhibit(1)) == ["truth"]


@pytest.mark.parametrize(
    ("paths", "settings", "error", "reason"),
    [
        (["nowhere"], {}, InputError, "nowhere: no such file or folder"),
        (["empty"], {}, InputError, "empty: holds no shape of any category; read are .glb"),
        (["student"], {}, InputError, "student: is a student; name the shapes to look at, and it by --student"),
        (["old"], {}, InputError, "old: has scores, but keeps no answers"),
        (["."], {}, InputError, "holds several things to look at; name one of: bare, generated, scores"),
        (["bare", "scores"], {}, InputError, "holds several things"),
        (["bare"], {"category": "mug"}, SettingsError, "--category: is for files and data sets"),
        (["bare"], {"split": "test"}, SettingsError, "--split: is for data sets"),
        (["scores"], {"student": "student"}, SettingsError, "--student: the folder holds answers already"),
        (["bare"], {"dataset": "psb"}, SettingsError, "--category is missing"),
        (["bare"], {"dataset": "none", "category": "chair"}, SettingsError, "unknown data set 'none'"),
        (["bare"], {"student": "bare"}, InputError, "bare: is not a student"),
        (["mugs"], {"student": "student"}, InputError, "is a student of chair, the shapes are of mug"),
    ],
)
def test_what_there_is_not_to_see_is_said_in_a_line(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str], settings: Any, error: type, reason: str
) -> None:
    monkeypatch.chdir(run_folder)
    (run_folder / "empty").mkdir(exist_ok=True)
    if not Path("old").is_dir():
        shutil.copytree("scores", "old")
        (run_folder / "old" / "predictions.safetensors").unlink()
    if paths == ["mugs"]:
        monkeypatch.setattr(Collection, "category", "mug")
        paths = ["bare"]
    with pytest.raises(Gen3dError, match=reason) as caught:
        shown(*paths, **settings)
    assert type(caught.value) is error and len(str(caught.value).splitlines()) == 1


def test_damaged_answers_are_named(run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder / "scores", tmp_path / "scores")
    (tmp_path / "scores" / "predictions.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"predictions.safetensors: can't be read"):
        shown(tmp_path / "scores")


def test_the_toys_are_a_source() -> None:
    assert isinstance(Toys(2), Source)
