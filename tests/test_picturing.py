"""Views as pictures for a detector elsewhere, and its detections back: the same knowledge as asking it here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gen3d.asking import LabelSettings, Renderers, show
from gen3d.collection import Collection
from gen3d.errors import InputError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import label, read_knowledge
from gen3d.picturing import ViewsSettings, write_views
from gen3d.rendering.styles import ViewStyle
from gen3d.teachers import TEACHERS
from gen3d.teachers.predictions import Boxes

SMALL = ViewsSettings(views=3, size=64)
LABEL = LabelSettings(teacher="detections", views=3, size=64, points=512)


@pytest.fixture
def chairs(tmp_path: Path) -> Collection:
    return generate(GenerateSettings(category="chair", n=2, seed=3), tmp_path / "chairs")


def answers(collection: Collection, size: int) -> dict[str, list[Boxes]]:
    """What `lite-boxes` says of every view, by shape."""
    teacher, style = TEACHERS["lite-boxes"](), ViewStyle(size=size)
    settings = LABEL.model_copy(update={"size": size})
    found = {}
    for shape in collection.shapes():
        views = show(shape, settings, Renderers(settings, style), style).views
        said = teacher.predict(views, "chair", ("back", "seat", "leg", "arm"))
        found[shape.id] = [boxes for boxes in said if isinstance(boxes, Boxes)]
    return found


def detected(listing: dict[str, Any], said: dict[str, list[Boxes]], scale: float = 1.0) -> list[dict[str, Any]]:
    """Those answers as a detector's results on the images of the list, in COCO's form."""
    results = []
    for image in listing["images"]:
        shape, view = image["file_name"].removesuffix(".png").split("/")
        boxes = said[shape][int(view)]
        for (left, top, right, bottom), part, score in zip(boxes.xyxy, boxes.part, boxes.score, strict=True):
            bbox = [float(x) * scale for x in (left, top, right - left, bottom - top)]
            entry = {"image_id": image["id"], "category_id": int(part) + 1, "bbox": bbox, "score": float(score)}
            results.append(entry)
    return results


def test_pictures_are_the_views_a_teacher_is_shown(chairs: Collection, tmp_path: Path) -> None:
    counts: list[int] = []
    told = write_views(chairs, SMALL, tmp_path / "out", progress=counts.append)
    assert told == {"images": 6, "shapes": 2, "failures": []} and counts == [1, 1]
    listing = json.loads((tmp_path / "out/images.json").read_text())
    assert [row["name"] for row in listing["categories"]] == ["back", "seat", "leg", "arm"]
    assert [row["id"] for row in listing["images"]] == [1, 2, 3, 4, 5, 6] and listing["annotations"] == []
    style, entries = ViewStyle(size=64), iter(listing["images"])
    for shape in chairs.shapes():
        for number, view in enumerate(show(shape, LABEL, Renderers(LABEL, style), style).views):
            entry = next(entries)
            assert entry["file_name"] == f"{shape.id}/{number:02d}.png" and entry["width"] == entry["height"] == 64
            assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / entry["file_name"])), view.color)
            assert entry["elevation"] == pytest.approx(view.camera.elevation, abs=1e-4)
            assert entry["azimuth"] == pytest.approx(view.camera.azimuth, abs=1e-4)
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert files == {"images.json", *(row["file_name"] for row in listing["images"])}


@pytest.mark.usefixtures("tiny_teacher")
def test_a_detector_elsewhere_gives_the_knowledge_of_one_here(chairs: Collection, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_views(chairs, SMALL, out)
    results = detected(json.loads((out / "images.json").read_text()), answers(chairs, 64))
    assert len(results) > 6
    (out / "results.json").write_text(json.dumps(results))
    label(chairs, LABEL.model_copy(update={"detections": str(out / "results.json")}))
    label(chairs, LABEL.model_copy(update={"teacher": "lite-boxes"}))
    collection = Collection.open(chairs.root)
    pairs = zip(read_knowledge(collection, "detections"), read_knowledge(collection, "lite-boxes"), strict=True)
    for there, here in pairs:
        assert len(there.part) == len(here.part) > 3
        ours = np.lexsort((np.packbits(here.mask, 1).T[0], -here.confidence, here.view))
        theirs = np.lexsort((np.packbits(there.mask, 1).T[0], -there.confidence, there.view))
        assert np.array_equal(there.mask[theirs], here.mask[ours])
        assert np.allclose(there.confidence[theirs], here.confidence[ours], atol=1e-6)
        assert np.allclose(there.target(4), here.target(4), atol=1e-6)


@pytest.mark.usefixtures("tiny_teacher")
def test_pictures_of_another_size_do_as_well(chairs: Collection, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_views(chairs, SMALL.model_copy(update={"size": 160}), out)
    listing = json.loads((out / "images.json").read_text())
    listing["predictions"] = detected(listing, answers(chairs, 64), scale=160 / 64)
    listing.pop("annotations")
    (out / "all.json").write_text(json.dumps(listing))
    label(chairs, LABEL.model_copy(update={"detections": str(out / "all.json")}))
    label(chairs, LABEL.model_copy(update={"teacher": "lite-boxes"}))
    collection = Collection.open(chairs.root)
    for there, here in zip(
        read_knowledge(collection, "detections"), read_knowledge(collection, "lite-boxes"), strict=True
    ):
        assert np.allclose(there.target(4), here.target(4), atol=1e-6)


@pytest.mark.usefixtures("tiny_teacher")
def test_a_changed_file_and_other_views_are_refused(chairs: Collection, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_views(chairs, SMALL, out)
    results = detected(json.loads((out / "images.json").read_text()), answers(chairs, 64))
    path = out / "results.json"
    path.write_text(json.dumps(results))
    settings = LABEL.model_copy(update={"detections": str(path)})
    with pytest.raises(InputError, match=r"view 2 is none of the views 0 to 1; see --views"):
        label(chairs, settings.model_copy(update={"views": 2}))
    with pytest.raises(InputError, match=r"images\[1\]: was taken from elevation 40, azimuth 137.508, but view 1 "):
        label(chairs, settings.model_copy(update={"views": 10}))
    label(chairs, settings, overwrite=True)
    counts: list[int] = []
    label(Collection.open(chairs.root), settings, progress=counts.append)
    assert not counts
    path.write_text(json.dumps(results[1:]))
    with pytest.raises(SettingsError, match=r"settings.detections was .*--overwrite"):
        label(Collection.open(chairs.root), settings)
    path.write_text(json.dumps([{**results[0], "score": float("nan")}, *results[1:]]))
    label(Collection.open(chairs.root), settings, overwrite=True)
    collection = Collection.open(chairs.root)
    ((id, reason),) = collection.failures("knowledge-detections")
    assert id == collection.ids()[0] and "results.json: [0]: a score or box that is not finite" in reason


def test_a_folder_with_other_things_stays(chairs: Collection, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_views(chairs, SMALL, out)
    with pytest.raises(SettingsError, match="holds views already; give --overwrite"):
        write_views(chairs, SMALL, out)
    write_views(chairs, SMALL.model_copy(update={"views": 1}), out, overwrite=True)
    assert len(list(out.rglob("*.png"))) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/note.txt").write_text("x")
    for place, words in ((tmp_path / "mine", "holds other files already"), (tmp_path / "mine/note.txt", "is a file")):
        with pytest.raises(SettingsError, match=words):
            write_views(chairs, SMALL, place, overwrite=True)
    assert (tmp_path / "mine/note.txt").read_text() == "x"


def test_own_parts_and_looks(chairs: Collection, tmp_path: Path) -> None:
    looks = {}
    for look in ("shaded", "depth"):
        out = tmp_path / look
        write_views(chairs, SMALL.model_copy(update={"look": look, "parts": ("cushion", "legs")}), out)
        looks[look] = np.asarray(Image.open(next(out.rglob("00.png"))))
        names = [row["name"] for row in json.loads((out / "images.json").read_text())["categories"]]
        assert sorted(names) == ["cushion", "legs"]
    assert not np.array_equal(looks["shaded"], looks["depth"])
    with pytest.raises(SettingsError, match="unknown look 'crayon'"):
        write_views(chairs, SMALL.model_copy(update={"look": "crayon"}), tmp_path / "no")
    assert not (tmp_path / "no").exists()
