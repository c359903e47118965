"""PartDistill's preprocessed shapes, in files written here: units against a loop over boxes, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from sample_partdistill import CHAIR, content, folder, no_boxes, path_of, write, write_lists
from test_datasets import check_error

from distill.datasets import DATASETS, LabelledSet
from distill.datasets.partdistill_h5 import read_knowledge, shape_files
from gen3d.errors import InputError, SettingsError
from gen3d.knowledge import Knowledge
from gen3d.shapenet_frame import to_house


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return folder(tmp_path)


def read(root: Path, **options: Any) -> LabelledSet:
    return DATASETS["partdistill-h5"](root, "chair", **options)


def units(path: Path, points: int = 600, seed: int = 0) -> Knowledge:
    return read_knowledge("a0", path, CHAIR, points, seed)


def normalised(xyz: np.ndarray) -> np.ndarray:
    centre = (xyz.min(0) + xyz.max(0)) / 2
    return to_house((xyz - centre) / np.linalg.norm(xyz - centre, axis=1).max())


def places(knowledge: Knowledge, xyz: np.ndarray) -> np.ndarray:
    """Which stored point every drawn one is."""
    distance = np.linalg.norm(knowledge.points[:, None] - normalised(xyz.astype(np.float64))[None], axis=2)
    assert distance.min(1).max() < 1e-6
    return distance.argmin(1)


def released(boxes: np.ndarray, part: np.ndarray, parts: int) -> np.ndarray:
    """The target of method.md, section 3, point by point and box by box."""
    target = np.zeros((len(boxes), parts))
    for v in range(len(boxes)):
        covering = [k for k in range(len(part)) if max(boxes[v, k]) > 0]
        for k in covering:
            target[v, part[k]] += max(boxes[v, k]) / max(1, len(covering))
    return target


@pytest.mark.parametrize("varying", [False, True])
def test_boxes_become_the_units_of_the_released_loss(root: Path, varying: bool) -> None:
    raw = content(0)
    boxes = raw["conf_bbox"]
    if varying:  # a confidence of its own at every point, as the format allows
        boxes = boxes * np.random.default_rng(0).uniform(0.2, 1, (*boxes.shape[:2], 1)).astype(np.float32)
    knowledge = units(write(root, "a0", 0, conf_bbox=boxes))
    place = places(knowledge, raw["xyz"])
    expected = released(boxes[place], raw["cls_bbox"][0], 4)
    assert (knowledge.scores is None) is not varying
    tolerance = 1e-3 if varying else 1e-6  # scores per point are kept as float16
    np.testing.assert_allclose(knowledge.target(4), expected, rtol=tolerance)
    pairs = [(boxes[place].max(2) > 0)[:, raw["cls_bbox"][0] == part].sum() for part in range(4)]
    assert knowledge.pairs(4).tolist() == pairs
    assert knowledge.meta == {"id": "a0", "teacher": "partdistill-h5", "parts": list(CHAIR.parts)}


def test_points_are_drawn_by_seed_and_id_and_few_are_repeated(root: Path) -> None:
    path, xyz = path_of(root, "a0"), content(0)["xyz"]
    first = places(units(path), xyz)
    assert np.array_equal(first, places(units(path), xyz)) and len(set(first)) == 600
    assert not np.array_equal(first, places(units(path, seed=1), xyz))
    assert not np.array_equal(first, places(read_knowledge("a1", path, CHAIR, 600, 0), xyz))
    counts = np.bincount(places(units(path, 2048), xyz), minlength=700)
    assert set(counts) == {2, 3} and (counts == 3).sum() == 2048 - 2 * 700


def test_labels_and_view_arrays_are_not_needed_to_train(root: Path) -> None:
    whole = units(path_of(root, "a0"))
    bare = units(write(root, "a0", 0, gt_semantic_seg=None, cls_view=None, conf_view=None))
    assert whole.to_bytes() == bare.to_bytes()


def test_a_shape_without_boxes_and_boxes_without_drawn_points(root: Path) -> None:
    none = units(write(root, "a0", 0, **no_boxes()))
    assert len(none.part) == 0 and none.target(4).sum() == 0 and none.coverage() == 0
    boxes = content(0)["conf_bbox"]
    boxes[:, 2] = 0
    assert units(write(root, "a0", 0, conf_bbox=boxes)).part.tolist() == [0, 1, 3, 0]


def test_the_lists_say_which_shapes_are_of_a_split(root: Path) -> None:
    assert list(shape_files(root, CHAIR, "train")) == ["a0", "a1", "a2", "a3"]
    assert list(shape_files(root, CHAIR, "all")) == ["a0", "a1", "a2", "a3", "z0", "z1"]
    chairs = read(root)
    assert [shape.id for shape in chairs.shapes] == ["z0", "z1"] and chairs.expected == 2
    assert (chairs.name, chairs.category, chairs.parts) == ("partdistill-h5", "chair", CHAIR.parts)


def test_labelled_clouds_are_those_that_training_normalises(root: Path) -> None:
    for seed, shape in enumerate(read(root, split="all").shapes):
        raw = content(seed)
        assert shape.points is not None and shape.point_labels is not None
        np.testing.assert_allclose(shape.points, normalised(raw["xyz"]), atol=1e-6)
        assert shape.point_labels.tolist() == (raw["gt_semantic_seg"] - CHAIR.first_label).tolist()
        drawn = shape.sampled(600, 5).points
        assert drawn is not None
        again = read_knowledge(shape.id, path_of(root, shape.id), CHAIR, 600, 5).points
        assert drawn.tobytes() == again.tobytes()


def test_missing_files_are_an_error_or_counted(root: Path) -> None:
    path_of(root, "z0").unlink()
    check_error(lambda: read(root), InputError, str(path_of(root, "z0")), "not found")
    some = read(root, missing="skip")
    assert [shape.id for shape in some.shapes] == ["z1"] and some.expected == 2
    path_of(root, "z0").parent.mkdir(exist_ok=True, parents=True)
    path_of(root, "z0").write_bytes(b"broken")
    assert "z0" in read(root, missing="skip").skipped[0][1] and len(read(root, missing="skip").shapes) == 1
    check_error(lambda: read(root), InputError, str(path_of(root, "z0")))
    path_of(root, "z0").unlink()
    path_of(root, "z1").unlink()
    check_error(lambda: read(root, missing="skip"), InputError, "as 2 of 2 chair of split test; copy the shapes")
    check_error(lambda: read(root, split="val"), InputError, "holds no chair of split val")
    check_error(lambda: read(root, split="dev"), SettingsError, "'dev'", "train, val, test, trainval, all")
    check_error(lambda: read(root, missing="maybe"), SettingsError, "'maybe'")


def test_without_lists_there_is_no_test_set_to_score(tmp_path: Path) -> None:
    write(tmp_path, "a0", 0)
    check_error(lambda: read(tmp_path), InputError, "train_test_split: not found", "--split all")
    assert len(read(tmp_path, split="all").shapes) == 1
    write_lists(tmp_path, test=["a0"])
    assert len(read(tmp_path).shapes) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"conf_bbox": None}, ["no dataset 'conf_bbox'"]),
        ({"xyz": np.zeros((700, 2), np.float32)}, ["xyz (700, 2)"]),
        ({"xyz": np.zeros((9, 3), np.float32)}, ["xyz (9, 3)", "conf_bbox (700, 5, 4)"]),
        ({"xyz": np.zeros((700, 3), np.float32)}, ["zero or unbounded size"]),
        ({"xyz": np.full((700, 3), 1e300)}, ["not finite"]),
        ({"cls_bbox": np.zeros((1, 4), int)}, ["cls_bbox (1, 4)", "(1, B)"]),
        ({"cls_bbox": np.array([[0, 1, 2, 3, 4]])}, ["parts other than 0 to 3"]),
        ({"cls_bbox": np.array([[0, 1, 2, 3, np.nan]])}, ["parts other than 0 to 3"]),
        ({"conf_bbox": np.zeros((700, 5, 0), np.float32)}, ["conf_bbox (700, 5, 0)"]),
        ({"conf_bbox": np.full((700, 5, 4), np.nan, np.float32)}, ["outside of 0 ... 1"]),
        ({"conf_bbox": np.full((700, 5, 4), 1.5, np.float32)}, ["outside of 0 ... 1"]),
        ({"conf_bbox": np.float32(1)}, ["conf_bbox ()"]),
    ],
)
def test_broken_boxes_are_one_line(root: Path, changes: dict[str, Any], words: list[str]) -> None:
    path = write(root, "a0", 0, **changes)
    check_error(lambda: units(path), InputError, str(path), *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gt_semantic_seg": np.full(700, 11)}, ["part ids 11 to 11", "chair has 12 to 15"]),
        ({"gt_semantic_seg": np.full(700, np.nan)}, ["0 labels"]),
        ({"gt_semantic_seg": np.full(699, 12)}, ["700 points and 699 labels"]),
        ({"gt_semantic_seg": None}, ["no dataset 'gt_semantic_seg'"]),
        ({"xyz": np.zeros((0, 3), np.float32), "gt_semantic_seg": np.zeros(0)}, ["xyz (0, 3)"]),
    ],
)
def test_broken_labels_are_one_line(root: Path, changes: dict[str, Any], words: list[str]) -> None:
    path = write(root, "z0", 0, **changes)
    check_error(lambda: read(root), InputError, str(path), *words)


def test_damaged_files_and_links_are_refused(root: Path) -> None:
    path = path_of(root, "z0")
    path.write_bytes(path.read_bytes()[:500])
    check_error(lambda: read(root), InputError, str(path), "looks damaged")
    write(root, "z0", 0, xyz=None)
    with h5py.File(path, "a") as file:
        file["xyz"] = h5py.ExternalLink("other.h5", "/xyz")
    check_error(lambda: read(root), InputError, str(path), "link or a group")
