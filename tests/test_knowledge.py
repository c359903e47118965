"""Lifting: regions and boxes against loops, the folded loss against its units, bytes. (Visibility: test_seen.)"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sample_knowledge import cloud, face_labels, knowledge_of, painted, procedural, random_knowledge, toy_chair
from sample_shapes import same

from distill.losses import class_weights, distillation_loss
from distill.rescoring import rescore
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge, lift, lift_to_faces, seen
from gen3d.rendering.cameras import rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.teachers.predictions import MIN_PIXELS, Boxes, PixelScores

KINDS = pytest.mark.parametrize("pixel", [False, True], ids=["box", "pixel"])


def confidences(knowledge: Knowledge, k: int) -> np.ndarray:
    """c of unit k at every point, from the stored arrays in plain steps."""
    row = np.zeros(len(knowledge.points))
    if knowledge.scores is None:
        row[knowledge.mask[k]] = knowledge.confidence[k]
    else:
        start = int(knowledge.mask[:k].sum())
        row[knowledge.mask[k]] = knowledge.scores[start : start + int(knowledge.mask[k].sum())]
    return row


# --- the folded target and loss ------------------------------------------------------------------------------------


@KINDS
def test_target_equals_the_loop_over_units(pixel: bool, rng: np.random.Generator) -> None:
    for units in (0, 1, 9):
        knowledge = random_knowledge(rng, pixel, units, 37, 4)
        expected = np.zeros((37, 4))
        for v in range(37):
            count = sum(int(knowledge.mask[k, v]) for k in range(units))
            for k in range(units):
                expected[v, knowledge.part[k]] += confidences(knowledge, k)[v] / max(1, count)
        assert np.allclose(knowledge.target(4), expected, atol=1e-6)
        assert knowledge.coverage() == pytest.approx((expected.sum(1) > 0).mean())
        pairs = [sum(int(knowledge.mask[k].sum()) for k in range(units) if knowledge.part[k] == r) for r in range(4)]
        assert knowledge.pairs(4).tolist() == pairs


def explicit_loss(shapes: list[Knowledge], logits: np.ndarray, agree: np.ndarray | None) -> float:
    """Steps 1 to 4 of method.md, section 3, one cross-entropy per unit and point; with `agree` (B, N), re-scored."""
    parts = logits.shape[-1]
    pairs = [0] * parts
    for knowledge in shapes:
        for k, part in enumerate(knowledge.part):
            pairs[part] += int((confidences(knowledge, k) > 0).sum())
    weight = [min(4.0, max(1.0, math.log(sum(pairs) / (parts * n), 4) + 1)) if n else 4.0 for n in pairs]
    total = 0.0
    for b, knowledge in enumerate(shapes):
        c = np.array([confidences(knowledge, k) for k in range(len(knowledge.part))]).reshape(-1, logits.shape[1])
        m = c > 0
        if agree is not None:
            for k, part in enumerate(knowledge.part):
                c[k] = m[k] * (m[k] & (agree[b] == part)).sum() / max(1, m[k].sum())
        for v, row in enumerate(logits[b]):
            log_sum = math.log(sum(math.exp(x) for x in row))
            terms = [c[k, v] * weight[y] * (log_sum - row[y]) for k, y in enumerate(knowledge.part) if m[k, v]]
            total += sum(terms) / max(1, m[:, v].sum())
    return total / (logits.shape[0] * logits.shape[1])


@KINDS
@pytest.mark.parametrize("rescored", [False, True], ids=["forward", "backward"])
def test_folded_loss_equals_the_sum_over_units(pixel: bool, rescored: bool, rng: np.random.Generator) -> None:
    for units in ((7, 0, 12), (0, 0, 0), (1, 30, 3), (5, 5, 5)):
        parts = int(rng.integers(2, 6))
        shapes = [random_knowledge(rng, pixel, count, 41, parts) for count in units]
        logits, labels = rng.normal(size=(3, 41, parts)) * 3, rng.integers(0, parts, (3, 41))
        again = [rescore(k, row) if rescored else None for k, row in zip(shapes, labels, strict=True)]
        target = np.stack([k.target(parts, c) for k, c in zip(shapes, again, strict=True)])
        weights = class_weights(torch.from_numpy(np.sum([k.pairs(parts) for k in shapes], 0)))
        loss = distillation_loss(torch.from_numpy(logits), torch.from_numpy(target), weights)
        assert loss.item() == pytest.approx(explicit_loss(shapes, logits, labels if rescored else None), abs=1e-6)


@KINDS
def test_target_does_not_depend_on_the_order_of_units(pixel: bool, rng: np.random.Generator) -> None:
    knowledge = random_knowledge(rng, pixel, 15, 60, 3)
    order = rng.permutation(15)
    weights = np.stack([confidences(knowledge, k) for k in order]) if pixel else knowledge.confidence[order]
    other = knowledge_of(knowledge.points, knowledge.mask[order], knowledge.part[order], weights)
    assert np.allclose(other.target(3), knowledge.target(3), atol=1e-6)
    assert np.array_equal(other.pairs(3), knowledge.pairs(3)) and other.coverage() == knowledge.coverage()


def test_target_does_not_depend_on_the_order_of_views() -> None:
    shape = toy_chair(0)
    points, _ = cloud(shape, 512)
    views = EmbreeRenderer(rings(6, 96)).render(shape)
    said = [painted(view, face_labels(shape), 4) for view in views]
    turned = lift(views[::-1], said[::-1], points)
    assert np.allclose(turned.target(4), lift(views, said, points).target(4), atol=1e-6)


# --- votes ---------------------------------------------------------------------------------------------------------


def test_votes_take_the_best_part_and_fill_from_the_nearest_seen(rng: np.random.Generator) -> None:
    for pixel in (False, True):
        knowledge = random_knowledge(rng, pixel, 8, 80, 3)
        target, votes = knowledge.target(3), knowledge.votes(3)
        covered = np.flatnonzero(target.sum(1) > 0)
        assert 0 < len(covered) < 80
        for v in range(80):
            distance = ((knowledge.points[covered] - knowledge.points[v]) ** 2).sum(1)
            assert votes[v] == target[covered[distance.argmin()]].argmax()


def test_no_unit_means_no_vote() -> None:
    shape = toy_chair(0)
    views = EmbreeRenderer(rings(2, 64)).render(shape)
    points = cloud(shape, 100)[0]
    silent = [PixelScores(np.zeros((4, 64, 64), np.float16))] * 2
    none = [boxes_of([])] * 2
    knowledge = [lift(views, silent, points), lift(views, none, points), lift_to_faces(views, silent, *shape.mesh)]
    knowledge += [lift([], [], points), lift_to_faces(views, none, *shape.mesh)]
    knowledge += [lift(views, [boxes_of([((0, 0, 5, 5), 1, 0.9)])] * 2, points)]  # in the corner, where nothing is
    for k in knowledge:
        assert k.part.shape == (0,) and k.coverage() == 0 and (k.votes(4) == -1).all()
        assert not k.target(4).any() and not k.pairs(4).any()
        assert np.array_equal(Knowledge.from_bytes(k.to_bytes()).votes(4), k.votes(4))


# --- bytes ---------------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("units", [0, 5])
def test_bytes_round_trip(pixel: bool, units: int, rng: np.random.Generator) -> None:
    knowledge = random_knowledge(rng, pixel, units, 43, 3)
    knowledge.meta.update(prompt="a “chair”", nested={"views": [1, 2.5, None]})
    data = knowledge.to_bytes()
    back = Knowledge.from_bytes(data)
    for name in ("points", "part", "confidence", "packed", "view", "scores"):
        a, b = getattr(knowledge, name), getattr(back, name)
        assert same(a, b), name
    assert back.meta == knowledge.meta and back.to_bytes() == data == knowledge.to_bytes()
    assert np.array_equal(back.target(3), knowledge.target(3))


def refused(data: bytes) -> None:
    with pytest.raises(InputError, match="^chair-7: not a knowledge file") as caught:
        Knowledge.from_bytes(data, "chair-7")
    assert len(str(caught.value).splitlines()) == 1


def rewritten(data: bytes, change: Callable[[dict], None]) -> bytes:
    """The same file with another header."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[end:]


def test_damaged_bytes_are_refused_or_read_as_arrays_that_fit(rng: np.random.Generator) -> None:
    data = random_knowledge(rng, True, 5, 43, 3).to_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    for size in [0, 1, 7, 8, 9, 100, end, len(data) - 1]:
        refused(data[:size])
    for junk in (b"\0" * 64, b"\xff" * 64, b"PK\3\4" + data, data + b"x"):
        refused(junk)
    read = 0
    for position in range(end):  # damage of the arrays themselves is caught by the hash of their shard
        broken = bytearray(data)
        broken[position] ^= 1 << int(rng.integers(8))
        try:
            knowledge = Knowledge.from_bytes(bytes(broken), "chair-7")
        except InputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            read += 1
            assert knowledge.target(int(knowledge.part.max()) + 1).shape[0] == 43
    assert read < end / 4


def test_arrays_that_do_not_fit_together_are_refused(rng: np.random.Generator) -> None:
    data = random_knowledge(rng, True, 5, 43, 3).to_bytes()

    def set_kind(name: str, kind: str) -> Callable[[dict], None]:
        return lambda header: header[name].update(dtype=kind)

    def set_shape(name: str, *shape: int) -> Callable[[dict], None]:
        return lambda header: header[name].update(shape=list(shape))

    changes = [
        lambda header: header.pop("__metadata__"),
        lambda header: header["__metadata__"].pop("meta"),
        lambda header: header["__metadata__"].update(meta="[1]"),
        lambda header: header["__metadata__"].update(meta="{"),
        lambda header: header["__metadata__"].update(meta="[" * 100000),
        lambda header: header.update(score=header.pop("scores")),
        lambda header: header.update(parts=header.pop("part")),
        set_kind("points", "I32"), set_kind("part", "U16"), set_kind("scores", "BF16"), set_kind("packed", "BOOL"),
        set_shape("points", 3, 43), set_shape("points", 129), set_shape("packed", 6, 5), set_shape("packed", 30),
        set_shape("view", 5, 1),
    ]  # fmt: skip
    for change in changes:
        refused(rewritten(data, change))
    for change, word in (
        (set_shape("points", 3, 43), "points is not float32"),
        (set_shape("view", 5, 1), "view is not int16"),
    ):
        with pytest.raises(InputError, match=word):  # said by the reader itself, which also runs without the type hook
            Knowledge.from_bytes(rewritten(data, change))


# --- lifting pixel scores ------------------------------------------------------------------------------------------


def test_faces_get_back_the_elements_that_were_seen() -> None:
    for shape in (toy_chair(0), procedural("mug", 1)):
        labels = face_labels(shape)
        parts = int(labels.max()) + 1
        views = EmbreeRenderer(rings(4, 128)).render(shape)
        said = [painted(view, labels, parts) for view in views]
        knowledge = lift_to_faces(views, said, *shape.mesh)
        covered = knowledge.mask.any(0)
        assert np.array_equal(knowledge.votes(parts)[covered], labels[covered])
        assert np.array_equal(knowledge.target(parts)[covered], np.eye(parts, dtype=np.float32)[labels[covered]])
        expected = np.zeros_like(covered)
        for view, prediction in zip(views, said, strict=True):
            expected[view.element[(prediction.regions()[0] >= 0) & view.hit]] = True
        assert np.array_equal(covered, expected) and covered.sum() > 100


def test_a_face_takes_the_mean_score_of_its_pixels(rng: np.random.Generator) -> None:
    shape = toy_chair(0)
    views = EmbreeRenderer(rings(3, 96)).render(shape)
    said = [PixelScores(rng.uniform(0.1, 1, (2, 96, 96)).astype(np.float16)) for _ in views]
    knowledge, k = lift_to_faces(views, said, *shape.mesh), 0
    for number, (view, prediction) in enumerate(zip(views, said, strict=True)):
        regions, parts = prediction.regions()
        for region, part in enumerate(parts):
            here = (regions == region) & view.hit
            if not here.any():
                continue
            scores = confidences(knowledge, k)
            assert (knowledge.view[k], knowledge.part[k]) == (number, part)
            assert set(np.flatnonzero(knowledge.mask[k])) == set(view.element[here])
            for face in np.unique(view.element[here]):
                mean = prediction.scores[part][here & (view.element == face)].astype(float).mean()
                assert scores[face] == pytest.approx(mean, abs=1e-3)
            assert knowledge.confidence[k] == pytest.approx(scores[knowledge.mask[k]].mean(), abs=1e-6)
            k += 1
    assert k == len(knowledge.part) > 3


def test_points_take_the_score_of_their_pixel_in_every_region(rng: np.random.Generator) -> None:
    shape = toy_chair(3)
    points = cloud(shape, 300)[0]
    views = EmbreeRenderer(rings(3, 96)).render(shape)
    coarse = rng.random((3, 3, 12, 12)).repeat(8, 2).repeat(8, 3).astype(np.float16)
    said = [PixelScores(scores) for scores in coarse]
    knowledge, k = lift(views, said, points, meta={"teacher": "test"}), 0
    for number, (view, prediction) in enumerate(zip(views, said, strict=True)):
        shown, _ = seen(view, points)
        xy, _ = view.camera.project(points)
        regions, parts = prediction.regions()
        for region, part in enumerate(parts):
            covered = [v for v in range(300) if shown[v] and regions[int(xy[v, 1]), int(xy[v, 0])] == region]
            if not covered:
                continue
            assert (knowledge.view[k], knowledge.part[k]) == (number, part)
            assert np.flatnonzero(knowledge.mask[k]).tolist() == covered
            expected = [float(prediction.scores[part, int(xy[v, 1]), int(xy[v, 0])]) for v in covered]
            assert confidences(knowledge, k)[covered].tolist() == expected
            assert knowledge.confidence[k] == pytest.approx(sum(expected) / len(expected), abs=1e-6)
            k += 1
    assert k == len(knowledge.part) > 10 and knowledge.meta == {"teacher": "test"}


@pytest.mark.parametrize("name", ["toy 0", "toy 1", "mug 0", "mug 1", "mug 2", "table 0"])
def test_exact_pictures_give_exact_points(name: str) -> None:
    kind, seed = name.split()
    shape = toy_chair(int(seed)) if kind == "toy" else procedural(kind, int(seed))
    points, labels = cloud(shape, 2048)
    parts = int(labels.max()) + 1
    views = EmbreeRenderer(rings()).render(shape)
    knowledge = lift(views, [painted(view, face_labels(shape), parts) for view in views], points)
    right, covered = knowledge.votes(parts) == labels, knowledge.mask.any(0)
    assert right[covered].mean() > 0.99 and covered.mean() > 0.7
    assert right.mean() > 0.94  # undersides and hidden contacts take the nearest point's label


# --- lifting boxes --------------------------------------------------------------------------------------------------


def boxes_of(rows: list[tuple[tuple[float, float, float, float], int, float]]) -> Boxes:
    xyxy = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    return Boxes(xyxy, np.array([row[1] for row in rows], np.int16), np.array([row[2] for row in rows], np.float32))


def test_boxes_cover_the_seen_points_inside(rng: np.random.Generator) -> None:
    shape = toy_chair(0)
    points = cloud(shape, 400)[0]
    views = EmbreeRenderer(rings(4, 96)).render(shape)
    said = []
    for _ in views:
        corners = np.sort(rng.uniform(0, 96, (6, 2, 2)), 1).reshape(6, 4)
        said.append(boxes_of([(tuple(c), int(rng.integers(4)), float(rng.uniform(0.1, 1))) for c in corners]))
    knowledge, k = lift(views, said, points), 0
    assert knowledge.scores is None
    for number, (view, boxes) in enumerate(zip(views, said, strict=True)):
        shown, _ = seen(view, points)
        xy = np.floor(view.camera.project(points)[0]) + 0.5
        for (left, top, right, bottom), part, score in zip(boxes.xyxy, boxes.part, boxes.score, strict=True):
            inside = [v for v in range(400) if left <= xy[v, 0] <= right and top <= xy[v, 1] <= bottom and shown[v]]
            if not inside:
                continue
            assert np.flatnonzero(knowledge.mask[k]).tolist() == inside
            assert (knowledge.view[k], knowledge.part[k], knowledge.confidence[k]) == (number, part, score)
            k += 1
    assert k == len(knowledge.part) > 10


def test_a_box_holds_the_pixels_it_is_made_of_and_no_other() -> None:
    """Box (left, top, right, bottom) of whole pixels, as `boxes_from_pixels` makes them, against its neighbours."""
    shape = toy_chair(0)
    view = EmbreeRenderer(rings(1, 96)).render(shape)[0]
    points = cloud(shape, 2000)[0]
    shown, pixel = seen(view, points)
    i, j = divmod(int(pixel[shown][0]), 96)
    knowledge = lift([view], [boxes_of([((j, i, j + 1, i + 1), 0, 0.5), ((j, i, j + 1, i + 1), 1, 0.0)])], points)
    assert knowledge.part.tolist() == [0]  # a score of 0 is no detection
    assert np.array_equal(knowledge.mask[0], shown & (pixel == i * 96 + j))


def test_boxes_on_faces_cover_every_face_with_a_pixel_inside() -> None:
    shape = toy_chair(1)
    view = EmbreeRenderer(rings(1, 96)).render(shape)[0]
    knowledge = lift_to_faces([view], [boxes_of([((20, 10, 60, 50), 2, 0.7)])], *shape.mesh)
    inside = view.element[10:50, 20:60]
    assert set(np.flatnonzero(knowledge.mask[0])) == set(inside[inside >= 0])
    assert knowledge.scores is None and knowledge.confidence[0] == np.float32(0.7)


def test_dust_gives_no_unit() -> None:
    shape = toy_chair(0)
    views = EmbreeRenderer(rings(1, 64)).render(shape)
    scores = np.zeros((1, 64, 64), np.float16)
    i, j = np.argwhere(views[0].hit)[len(np.argwhere(views[0].hit)) // 2]
    scores[0, i, j : j + MIN_PIXELS - 1] = 1
    assert not len(lift(views, [PixelScores(scores)], cloud(shape, 4000)[0]).part)
