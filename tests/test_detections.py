"""Detections from a file of COCO's form: what they become, and a line for every defect."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen3d.asking import LabelSettings
from gen3d.commands import command_of
from gen3d.errors import Gen3dError, InputError, SettingsError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.view import View
from gen3d.teachers import make_teacher
from gen3d.teachers.coco import LIST, digest, read_detections
from gen3d.teachers.detections import DetectionsTeacher
from gen3d.teachers.predictions import Boxes

PARTS = ("back", "seat", "leg", "arm")


def document() -> dict[str, Any]:
    """Two views of one chair and one of another, three boxes."""
    return {
        "images": [
            {"id": 7, "file_name": "somewhere/chair-a/00.png", "width": 100, "height": 200},
            {"id": 8, "file_name": "chair-a\\1.jpg", "elevation": 10, "azimuth": 90},
            {"id": "x", "file_name": "chair-b/00.png"},
        ],
        "categories": [{"id": 3, "name": "Legs"}, {"id": 4, "name": "back_rest"}, {"id": 5, "name": "wheel"}],
        "predictions": [
            {"image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40], "score": 0.5},
            {"image_id": 7, "category_id": 4, "bbox": [-50, -50, 1000, 100], "score": 0.75},
            {"image_id": "x", "category_name": "seat", "bbox": [1, 2, 3, 4], "score": 1, "iscrowd": 0},
        ],
    }


def written(folder: Path, content: Any, name: str = "found.json") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def teacher_of(path: Path, **options: Any) -> DetectionsTeacher:
    made = make_teacher("detections", {"detections": str(path), **options})
    assert isinstance(made, DetectionsTeacher)
    return made


def views_of(*angles: tuple[float, float], size: int = 50) -> list[View]:
    blank = np.full((size, size), -1, np.int32)
    depth, normal = np.full((size, size), np.inf, np.float32), np.zeros((size, size, 3), np.float32)
    return [View(Camera(e, a, size=size), blank, depth, normal) for e, a in angles]


VIEWS = views_of((10, 0), (10, 90), (10, 180))


def rows(boxes: Boxes) -> list[tuple[int, float, list[float]]]:
    return [(int(p), float(s), b.tolist()) for p, s, b in zip(boxes.part, boxes.score, boxes.xyxy, strict=True)]


def test_boxes_reach_their_view_scaled_and_cut_to_it(tmp_path: Path) -> None:
    teacher = teacher_of(written(tmp_path, document()))
    teacher.check("chair", PARTS)
    first, second, third = teacher.of("chair-a").predict(VIEWS, "chair", PARTS)
    # of an image of 100 x 200 pixels, in a view of 50 x 50; the best one first
    assert rows(first) == [(0, 0.75, [0, 0, 50, 12.5]), (2, 0.5, [5, 5, 20, 15])]
    assert rows(second) == rows(third) == []
    assert rows(teacher.of("chair-b").predict(VIEWS, "chair", PARTS)[0]) == [(1, 1, [1, 2, 4, 6])]
    assert all(not rows(one) for one in teacher.of("chair-c").predict(VIEWS, "chair", PARTS))


def test_the_threshold_and_parts_not_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, document())
    above = teacher_of(path, threshold=0.5).of("chair-a").predict(VIEWS, "chair", PARTS)[0]
    assert [row[:2] for row in rows(above)] == [(0, 0.75)]
    some = teacher_of(path)
    some.check("chair", ("seat", "base"))  # back is a part, but not asked for; base is a synonym of leg
    assert [row[:2] for row in rows(some.of("chair-a").predict(VIEWS, "chair", ("seat", "base"))[0])] == [(1, 0.5)]


def test_own_words_of_any_category(tmp_path: Path) -> None:
    content = document()
    content["categories"] = [{"id": 3, "name": "Tail Fin"}, {"id": 4, "name": "fin"}]
    content["predictions"] = content["predictions"][:2]
    teacher = teacher_of(written(tmp_path, content))
    teacher.check("fish", ("fin", "tail fin"))
    assert [row[0] for row in rows(teacher.of("chair-a").predict(VIEWS, "fish", ("fin", "tail fin"))[0])] == [0, 1]
    with pytest.raises(InputError, match=r"predictions\[0\]: category 'Tail Fin' is none of the parts asked for: fin"):
        teacher.check("fish", ("fin",))


def test_a_bare_list_of_results_takes_its_images_from_beside(tmp_path: Path) -> None:
    whole = document()
    expected = read_detections(written(tmp_path, whole))
    path = written(tmp_path, whole.pop("predictions"), "results.json")
    with pytest.raises(InputError, match=r"results.json: is a bare list of results; put images.json"):
        read_detections(path)
    before = digest(path)
    written(tmp_path, {**whole, "annotations": []}, LIST)
    found = read_detections(path)
    assert found.found == expected.found and found.images.keys() == expected.images.keys()
    assert digest(path) != before


def test_the_digest_follows_the_content_alone(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one, two = written(tmp_path, document()), written(tmp_path / "b", document(), "other.json")
    assert digest(one) == digest(two)
    settings = LabelSettings(teacher="detections", detections=str(one))
    assert settings.recorded()["detections"] == digest(one)
    line = command_of({"settings": settings.recorded()}, "knowledge-detections", "chairs")
    assert line.startswith("gen3d label chairs --teacher detections ") and line.endswith(" --detections FILE")
    content = document()
    content["predictions"][0]["score"] = 0.51
    assert digest(written(tmp_path, content)) != digest(two)
    assert len(read_detections(one).found) == len(read_detections(two).found)


@pytest.mark.parametrize("bad", ["score", "bbox"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_score_that_is_no_number_costs_its_shape_alone(tmp_path: Path, bad: str, value: str) -> None:
    content = document()
    content["predictions"][0][bad] = "@" if bad == "score" else [1, 2, "@", 4]
    path = written(tmp_path, json.dumps(content).replace('"@"', value).encode())
    teacher = teacher_of(path)
    teacher.check("chair", PARTS)
    with pytest.raises(InputError, match=r"found.json: predictions\[0\]: a score or box that is not finite"):
        teacher.of("chair-a").predict(VIEWS, "chair", PARTS)
    assert len(rows(teacher.of("chair-b").predict(VIEWS, "chair", PARTS)[0])) == 1


def test_images_that_are_not_of_the_collection_or_from_elsewhere(tmp_path: Path) -> None:
    teacher = teacher_of(written(tmp_path, document()))
    teacher.check_shapes(["chair-b", "chair-a", "chair-c"], 2)
    with pytest.raises(InputError, match=r"images\[2\]: shape 'chair-b' is not in the collection"):
        teacher.check_shapes(["chair-a"], 2)
    with pytest.raises(InputError, match=r"images\[1\]: view 1 is none of the views 0 to 0; see --views"):
        teacher.check_shapes(["chair-a", "chair-b"], 1)
    turned = views_of((10, 0), (10, -270))  # the same direction
    assert len(teacher.of("chair-a").predict(turned, "chair", PARTS)) == 2
    with pytest.raises(
        InputError, match=r"elevation 10, azimuth 90, but view 1 is from 40, 120; label with the --views"
    ):
        teacher.of("chair-a").predict(views_of((10, 0), (40, 120)), "chair", PARTS)


def test_who_must_be_told_asks_to_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs --detections FILE"):
        make_teacher("detections").check("chair", PARTS)
    with pytest.raises(SettingsError, match=r"ask `teacher.of\(shape.id\)`"):
        teacher_of(written(tmp_path, document())).predict(VIEWS, "chair", PARTS)
    with pytest.raises(SettingsError, match="unknown setting 'weights'"):
        make_teacher("detections", {"weights": "x"})


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one place in the document."""

    def change(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


DEFECTS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda c: c.pop("images"), "images: is missing, or no list"),
    (put("images", value={}), "images: is missing, or no list"),
    (put("images", 1, value=None), r"images\[1\]: is None, not an object"),
    (put("images", 1, "file_name", value=5), r"images\[1\]: file_name 5 is not <shape>/<view>.png"),
    (put("images", 1, "file_name", value="00.png"), r"images\[1\]: file_name '00.png' is not"),
    (put("images", 1, "file_name", value="chair-a/front.png"), "with a number for the view"),
    (put("images", 1, "file_name", value="chair-a/²2.png"), "with a number for the view"),
    (put("images", 1, "file_name", value="chair-a/" + "9" * 5000 + ".png"), "with a number for the view"),
    (put("images", 1, "id", value=7), r"images\[1\]: is the same image as images\[0\]"),
    (put("images", 1, "file_name", value="chair-a/0.png"), r"images\[1\]: is the same image as images\[0\]"),
    (put("images", 1, "id", value=True), r"images\[1\]: id True is neither a whole number nor a text"),
    (put("images", 1, "id", value=[1]), r"images\[1\]: id \[1\] is neither"),
    (put("images", 0, "width", value=0), r"images\[0\]: width 0 is no number that it may be"),
    (put("images", 0, "height", value="200"), r"images\[0\]: height '200' is no number"),
    (put("images", 1, "azimuth", value=math.nan), r"images\[1\]: azimuth nan is no number"),
    (put("categories", value=None), "categories: is missing, or no list"),
    (put("categories", 1, "id", value=3), r"categories\[1\]: needs a name and an id of its own"),
    (put("categories", 1, "name", value=3), r"categories\[1\]: needs a name and an id of its own"),
    (lambda c: c.pop("predictions"), "needs a list of detections under predictions or annotations"),
    (put("predictions", value={"a": 1}), "needs a list of detections under predictions or annotations"),
    (put("annotations", value=[1]), "and not under both"),
    (put("predictions", 1, value=[]), r"predictions\[1\]: is \[\], not an object"),
    (put("predictions", 1, "image_id", value=9), r"predictions\[1\]: image_id 9 is none of the images"),
    (put("predictions", 1, "image_id", value=None), r"predictions\[1\]: image_id None is neither"),
    (put("predictions", 1, "category_id", value=9), r"predictions\[1\]: category_id 9 is none of the categories"),
    (put("predictions", 1, "category_id", value=3.0), r"predictions\[1\]: category_id 3.0 is neither"),
    (put("predictions", 1, "category_name", value=9), r"predictions\[1\]: category_name 9 is no text"),
    (
        put("predictions", 1, "category_id", value=5),
        r"predictions\[1\]: category 'wheel' is none of the parts asked for",
    ),
    (put("predictions", 1, "score", value="0.5"), r"predictions\[1\]: needs a score, and a bbox of four numbers"),
    (put("predictions", 1, "score", value=True), r"predictions\[1\]: needs a score"),
    (put("predictions", 1, "score", value=1.5), r"predictions\[1\]: score 1.5 is not between 0 and 1"),
    (put("predictions", 1, "score", value=-0.1), r"predictions\[1\]: score -0.1 is not between 0 and 1"),
    (put("predictions", 1, "bbox", value=[1, 2, 3]), r"predictions\[1\]: needs a score, and a bbox of four numbers"),
    (put("predictions", 1, "bbox", value=[1, 2, 3, None]), r"predictions\[1\]: needs a score, and a bbox"),
    (put("predictions", 1, "bbox", value=[1, 2, -3, 4]), "has a negative size"),
]


@pytest.mark.parametrize(("change", "words"), DEFECTS)
def test_every_defect_is_named_with_its_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    content = document()
    change(content)
    with pytest.raises(InputError, match=words) as caught:
        teacher_of(written(tmp_path, content)).check("chair", PARTS)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'found.json'}: ") and len(line.splitlines()) == 1 and len(line) < 400


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"3", "is no COCO file"),
        (b'"x"', "is no COCO file"),
        (b"null", "is no COCO file"),
    ],
)
def test_what_is_no_such_file(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        teacher_of(written(tmp_path, content)).check("chair", PARTS)


def test_no_file_a_folder_and_one_that_is_too_large(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match="no such file; --detections names a JSON file"):
            teacher_of(path).check("chair", PARTS)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate((1 << 30) + 1)  # sparse
    with pytest.raises(InputError, match="has 1024 MiB, of at most 1024"):
        teacher_of(large).check("chair", PARTS)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60)
@given(st.data())
def test_any_change_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content: Any = copy.deepcopy(document())
    place = content
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()) or not isinstance(place[key], (dict, list)):
            place[key] = data.draw(JUNK)
            break
        place = place[key]
    teacher = teacher_of(written(tmp_path_factory.mktemp("junk"), content))
    try:
        teacher.check("chair", PARTS)
        teacher.check_shapes(["chair-a", "chair-b"], 3)
        for shape in ("chair-a", "chair-b"):
            for boxes in teacher.of(shape).predict(VIEWS, "chair", PARTS):
                assert np.isfinite(boxes.xyxy).all() and ((boxes.xyxy >= 0) & (boxes.xyxy <= 50)).all()
                assert ((boxes.score >= 0) & (boxes.score <= 1)).all()
    except Gen3dError as error:
        assert isinstance(error, (InputError, SettingsError)) and len(str(error).splitlines()) == 1
