"""Masks of a teacher: lifted like boxes, against a naive loop; what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from sample_knowledge import cloud, toy_chair

from gen3d.errors import InputError
from gen3d.knowledge import Knowledge, lift, lift_to_faces, seen
from gen3d.rendering.cameras import rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.teachers.predictions import Boxes, Masks, check_predictions


def masks_of(inside: list[np.ndarray], part: list[int], score: list[float], size: int = 96) -> Masks:
    stack = np.array(inside, bool).reshape(-1, size, size)
    return Masks(stack, np.array(part, np.int16), np.array(score, np.float32))


def random_masks(rng: np.random.Generator, count: int) -> Masks:
    """Overlapping blobs of 12 x 12 blocks of pixels, one of them often in several pieces, some of score 0."""
    inside = (rng.random((count, 8, 8)) < 0.3).repeat(12, 1).repeat(12, 2)
    score = rng.uniform(0, 1, count) * (rng.random(count) < 0.8)
    return masks_of(list(inside), list(rng.integers(0, 4, count)), list(score))


def test_masks_cover_the_seen_points_inside_and_give_each_their_score(rng: np.random.Generator) -> None:
    shape = toy_chair(2)
    points = cloud(shape, 300)[0]
    views = EmbreeRenderer(rings(4, 96)).render(shape)
    said = [random_masks(rng, count) for count in (5, 0, 7, 1)]
    knowledge, k = lift(views, said, points, meta={"teacher": "test"}), 0
    for number, (view, masks) in enumerate(zip(views, said, strict=True)):
        shown, _ = seen(view, points)
        xy, _ = view.camera.project(points)
        for inside, part, score in zip(masks.inside, masks.part, masks.score, strict=True):
            covered = [v for v in range(300) if shown[v] and inside[int(xy[v, 1]), int(xy[v, 0])]]
            if not covered or score == 0:
                continue
            assert np.flatnonzero(knowledge.mask[k]).tolist() == covered
            assert (knowledge.view[k], knowledge.part[k], knowledge.confidence[k]) == (number, part, score)
            k += 1
    assert k == len(knowledge.part) > 5
    assert knowledge.scores is None and knowledge.meta == {"teacher": "test"}
    assert np.array_equal(Knowledge.from_bytes(knowledge.to_bytes()).target(4), knowledge.target(4))


def test_a_rectangular_mask_is_a_box_of_whole_pixels(rng: np.random.Generator) -> None:
    shape = toy_chair(0)
    points = cloud(shape, 400)[0]
    views = EmbreeRenderer(rings(3, 96)).render(shape)
    boxes, masks = [], []
    for _ in views:
        corners = np.sort(rng.integers(0, 97, (5, 2, 2)), 1)
        part, score = rng.integers(0, 4, 5).astype(np.int16), rng.uniform(0.1, 1, 5).astype(np.float32)
        boxes.append(Boxes(corners.reshape(5, 4).astype(np.float32), part, score))
        inside = np.zeros((5, 96, 96), bool)
        for k, ((left, top), (right, bottom)) in enumerate(corners):
            inside[k, top:bottom, left:right] = True
        masks.append(Masks(inside, part, score))
    assert lift(views, masks, points).to_bytes() == lift(views, boxes, points).to_bytes()
    assert lift_to_faces(views, masks, *shape.mesh).to_bytes() == lift_to_faces(views, boxes, *shape.mesh).to_bytes()


def test_a_mask_on_faces_covers_every_face_with_a_pixel_inside() -> None:
    shape = toy_chair(1)
    view = EmbreeRenderer(rings(1, 96)).render(shape)[0]
    inside = np.add.outer(np.arange(96), np.arange(96)) % 7 < 3
    knowledge = lift_to_faces([view], [masks_of([inside], [2], [0.7])], *shape.mesh)
    assert set(np.flatnonzero(knowledge.mask[0])) == set(view.element[inside & view.hit])
    assert knowledge.scores is None and knowledge.confidence[0] == np.float32(0.7)


def test_no_mask_no_unit_and_what_does_not_fit_is_refused() -> None:
    shape = toy_chair(0)
    views = EmbreeRenderer(rings(2, 96)).render(shape)
    none, whole = masks_of([], [], []), np.ones((96, 96), bool)
    assert not len(lift(views, [none, none], cloud(shape, 50)[0]).part)
    check_predictions([none, masks_of([whole], [1], [1])], views, 2)
    for bad, words in (
        (masks_of([whole], [2], [0.5]), "view 1 has another form"),
        (masks_of([whole], [-1], [0.5]), "view 1 has another form"),
        (masks_of([np.ones((64, 64), bool)], [0], [0.5], 64), "view 1 has another form"),
        (masks_of([whole], [0], [np.nan]), "view 1 are not finite"),
        (masks_of([whole], [0], [1.5]), "view 1 are not between 0 and 1"),
    ):
        with pytest.raises(InputError, match=words):
            check_predictions([none, bad], views, 2)
