"""Baselines: what all of them are given, and what their framework promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_teacher import Oracle

from distill.baselines import BASELINES, make_baseline
from distill.baselines.baseline import observe
from gen3d.asking import LabelSettings, label_shape
from gen3d.categories import category
from gen3d.errors import SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.shape import Shape
from gen3d.teachers.predictions import Boxes, Masks, PixelScores, as_boxes, as_pixel_scores

CHAIR = category("chair")
LABEL = LabelSettings(views=3, size=64, points=512)


@pytest.fixture(scope="module")
def chair() -> Shape:
    return ProceduralGenerator().generate("chair", 1, "chair-1").sampled(512, 0)


def test_unknown_baselines_and_options_are_named() -> None:
    with pytest.raises(SettingsError, match="unknown baseline 'guess'; known are: "):
        make_baseline("guess")
    with pytest.raises(SettingsError, match="--set depth: votes has no such option; it has: none"):
        make_baseline("votes", {"depth": 3})


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_are_entered_under_their_own_name(name: str) -> None:
    assert make_baseline(name).name == name


def test_no_human_label_reaches_what_is_observed(chair: Shape) -> None:
    (one,) = observe([chair], make_baseline("votes"), Oracle(chair), LABEL, CHAIR.parts)
    assert one.shape.face_labels is None and one.shape.point_labels is None
    assert one.parts == CHAIR.parts and len(one.views) == len(one.predictions) == 3


def test_points_observed_are_those_that_are_scored_and_lie_on_their_faces(chair: Shape) -> None:
    (one,) = observe([chair], make_baseline("votes"), Oracle(chair), LABEL, CHAIR.parts)
    assert chair.points is not None and np.array_equal(one.points, chair.points) and one.face is not None
    vertices, faces = chair.mesh
    a, b, c = (vertices[faces[one.face][:, i]].astype(float) for i in range(3))
    normal = np.cross(b - a, c - a)
    off = np.abs(((one.points - a) * normal).sum(1)) / np.linalg.norm(normal, axis=1)
    assert off.max() < 1e-5
    cloud = replace(chair, vertices=None, faces=None, face_labels=None)
    (one,) = observe([cloud], make_baseline("votes"), Oracle(chair), LABEL, CHAIR.parts)
    assert one.face is None


def test_votes_are_those_of_the_knowledge(chair: Shape) -> None:
    votes, teacher = make_baseline("votes"), Oracle(chair)
    (found,) = votes.labels(observe([chair], votes, teacher, LABEL, CHAIR.parts))
    assert np.array_equal(found, label_shape(chair, teacher, LABEL, CHAIR.parts).votes(4))


# --- answers of one kind as another ---


def test_pixels_of_boxes_are_the_best_of_those_that_hold_their_centre() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-3, 19, (6, 2, 2)).astype(np.float32)
    xyxy = np.concatenate([corners.min(1), corners.max(1)], 1)
    boxes = Boxes(xyxy, rng.integers(0, 3, 6).astype(np.int16), rng.random(6).astype(np.float32))
    found = as_pixel_scores(boxes, 3, (16, 16)).scores
    for part in range(3):
        for y in range(16):
            for x in range(16):
                held = [
                    np.float16(s)
                    for (left, top, right, bottom), p, s in zip(boxes.xyxy, boxes.part, boxes.score, strict=True)
                    if p == part and left <= x + 0.5 < right and top <= y + 0.5 < bottom
                ]
                assert found[part, y, x] == max(held, default=0)


def test_masks_become_pixels_and_boxes_and_empty_ones_become_nothing() -> None:
    inside = np.zeros((3, 8, 8), bool)
    inside[0, 2:4, 3:7] = inside[1, 3:8, 0] = True
    masks = Masks(inside, np.array([1, 0, 1], np.int16), np.array([0.5, 0.25, 0.75], np.float32))
    boxes = as_boxes(masks)
    assert boxes.xyxy.tolist() == [[3, 2, 7, 4], [0, 3, 1, 8]]
    assert boxes.part.tolist() == [1, 0] and boxes.score.tolist() == [0.5, 0.25]
    scores = as_pixel_scores(masks, 2, (8, 8)).scores
    assert np.array_equal(scores[1], inside[0] * np.float16(0.5)) and scores[0].sum() == 5 * 0.25


def test_answers_of_the_asked_kind_stay_as_they_are() -> None:
    pixels = PixelScores(np.random.default_rng(0).random((2, 8, 8)).astype(np.float16))
    boxes = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int16), np.zeros(0, np.float32))
    assert as_pixel_scores(pixels, 2, (8, 8)) is pixels and as_boxes(boxes) is boxes
    assert not as_pixel_scores(boxes, 2, (8, 8)).scores.any()
