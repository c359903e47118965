"""What every teacher of `TEACHERS` keeps to, each from a tiny random configuration: saved, reloaded offline, asked."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tiny_detectors as detectors_of
import tiny_pixel_teachers as pixels_of
import torch
from tiny_detectors import table

from gen3d.asking import Group, LabelSettings, Renderers, label_shape
from gen3d.categories import category
from gen3d.errors import InputError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.knowledge import Knowledge, lift
from gen3d.part_words import Asked
from gen3d.rendering.cameras import rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.styles import style_of
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers import TEACHERS, ByShape, Pretrained, make_teacher, told
from gen3d.teachers.lite.network import LiteNetwork
from gen3d.teachers.lite.teacher import LiteTeacher, save_network
from gen3d.teachers.predictions import Boxes, Masks, PixelScores, Prediction, Teacher, check_predictions
from gen3d.teachers.pretrained import PretrainedTeacher, load

PARTS = category("chair").parts
ORDER = [2, 0, 3, 1]
SIZE = 64
# Finds one box per name, by numbers of its own file, and goes astray on pictures without any contrast.
DETECTOR = """
import zlib
from pathlib import Path

import numpy as np


def make():
    weights = np.load(Path(__file__).with_name("weights.npy"))

    def detect(images, names):
        for image in images:
            codes = [zlib.crc32(name.encode()) % len(weights) for name in names]
            corners = weights[codes, :2] * 30
            boxes = np.concatenate([corners, corners + 5 + weights[codes, 2:4] * 30], 1)
            scores = np.where(np.ptp(image) == 0, np.nan, 0.1 + 0.8 * weights[codes, 4] * image.mean() / 255)
            yield {"boxes": boxes, "labels": np.arange(len(names)), "scores": scores}

    return detect
"""


class Entry(NamedTuple):
    """A teacher: what it answers with, how its tiny self is saved into a folder, and made again from there."""

    answer: type[Prediction]
    save: Callable[[Path], object]
    load: Callable[[Path, Mapping[str, Any]], Teacher]


def save_lite(folder: Path) -> None:
    torch.manual_seed(0)
    known = ("mug", "chair")
    network = LiteNetwork((8, 8), len(known), sum(len(category(name).parts) for name in known))
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    save_network(network, {"categories": known, "widths": (8, 8)}, folder / "lite.safetensors")


def save_glip(folder: Path) -> None:
    (folder / "detector.py").write_text(DETECTOR)
    np.save(folder / "weights.npy", np.random.default_rng(0).random((97, 5)))


def save_detections(folder: Path) -> None:
    """Boxes of all parts in three views of the shapes "one" and "two"; of "flat" a score that is no number."""
    rng = np.random.default_rng(0)
    names = [f"{shape}/{view}.png" for shape in ("one", "flat", "two") for view in range(3)]
    found = [
        {"image_id": name, "category_name": part, "bbox": rng.uniform(5, 40, 4).tolist(), "score": rng.uniform(0.1, 1)}
        for name in names
        for part in PARTS
    ]
    found[12]["score"] = float("nan")  # in flat/0.png
    images = [{"id": name, "file_name": name} for name in names]
    (folder / "found.json").write_text(json.dumps({"images": images, "categories": [], "predictions": found}))


def load_pretrained(name: str, folder: Path, more: Mapping[str, Any]) -> Teacher:
    least: dict[str, Any] = {"threshold": 0.0} if name in detectors_of.NAMES else {}
    options = {"weights": str(folder), "precision": "float32"} | least | detectors_of.own_options(name) | dict(more)
    return make_teacher(name, options)


def load_glip(folder: Path, more: Mapping[str, Any]) -> Teacher:
    return make_teacher("glip", {"detector": f"{folder / 'detector.py'}:make", "threshold": 0.0, **more})


def load_detections(folder: Path, more: Mapping[str, Any]) -> Teacher:
    return make_teacher("detections", {"detections": str(folder / "found.json"), **more})


ENTRIES: dict[str, Entry] = {
    "lite": Entry(PixelScores, save_lite, lambda folder, _: LiteTeacher(folder / "lite.safetensors")),
    "lite-boxes": Entry(Boxes, save_lite, lambda folder, _: LiteTeacher(folder / "lite.safetensors", boxes=True)),
    "glip": Entry(Boxes, save_glip, load_glip),
    "detections": Entry(Boxes, save_detections, load_detections),
}
for own in pixels_of.NAMES:
    ENTRIES[own] = Entry(PixelScores, partial(pixels_of.write_tiny, own), partial(load_pretrained, own))
for own in detectors_of.NAMES:
    form = Masks if own == "sam3" else Boxes
    ENTRIES[own] = Entry(form, partial(detectors_of.write_tiny, own), partial(load_pretrained, own))
EACH = pytest.mark.parametrize("name", TEACHERS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder per teacher."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ENTRIES}
    for name, folder in folders.items():
        ENTRIES[name].save(folder)
    return folders


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here reaches for the network."""

    def refuse(*args: object) -> None:
        raise AssertionError("a teacher went online")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def views() -> list[View]:
    """Three views of the shape "one"."""
    return EmbreeRenderer(rings(3, SIZE)).render(ProceduralGenerator().generate("chair", 1, "one"))


def made(name: str, saved: dict[str, Path], **more: Any) -> Teacher:
    """The teacher, about to be shown the shape "one"."""
    return told(ENTRIES[name].load(saved[name], more), "one")


def numbers(answer: Any, order: list[int] | None = None) -> np.ndarray:
    """All that an answer says; of one to prompts in that order, as if they had been asked in ours."""
    if isinstance(answer, PixelScores):
        return answer.scores.astype(np.float32)[np.argsort(order) if order else ...]
    return table(replace(answer, part=np.array(order, np.int16)[answer.part]) if order else answer)


def assert_alike(name: str, some: Any, others: Any, order: list[int] | None = None) -> None:
    for one, other in zip(some, others, strict=True):
        ours, theirs = numbers(one), numbers(other, order)
        assert ours.shape == theirs.shape
        # the lite teacher computes in bfloat16, and several views at once
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-2 if name.startswith("lite") else 2e-3)


def test_no_teacher_is_left_out() -> None:
    assert ENTRIES.keys() == TEACHERS.keys()


@EACH
def test_what_was_saved_answers_in_its_form_and_again(name: str, saved: dict[str, Path], views: list[View]) -> None:
    teacher = made(name, saved)
    assert isinstance(teacher, Teacher) and teacher.name == name
    teacher.check("chair", PARTS)
    said = teacher.predict(views, "chair", PARTS)
    check_predictions(said, views, len(PARTS))
    assert {type(answer) for answer in said} == {ENTRIES[name].answer}
    assert teacher.kind == {PixelScores: "pixel", Boxes: "box", Masks: "mask"}[ENTRIES[name].answer]
    for answer, view in zip(said, views, strict=True):
        if isinstance(answer, PixelScores):
            assert not answer.scores[:, ~view.hit].any() and (answer.scores[:, view.hit] > 0).all()
            assert answer.scores[:, view.hit].astype(np.float32).std(1).min() > 1e-3  # pixels differ
        elif isinstance(answer, Boxes):
            assert answer.xyxy.min() >= 0 and answer.xyxy.max() <= SIZE
            assert (answer.xyxy[:, 2:] > answer.xyxy[:, :2]).all()
        if not isinstance(answer, PixelScores):
            assert len(answer.part) and (answer.score > 0).all()
    load.cache_clear()
    again = made(name, saved).predict(views, "chair", PARTS)
    assert all(np.array_equal(numbers(one), numbers(other)) for one, other in zip(said, again, strict=True))


@EACH
def test_the_order_of_prompts_is_irrelevant(name: str, saved: dict[str, Path], views: list[View]) -> None:
    teacher = made(name, saved)
    turned = teacher.predict(views, "chair", tuple(PARTS[k] for k in ORDER))
    assert_alike(name, teacher.predict(views, "chair", PARTS), turned, ORDER)


@EACH
def test_the_size_of_a_batch_is_irrelevant(name: str, saved: dict[str, Path], views: list[View]) -> None:
    teacher = made(name, saved)
    whole = teacher.predict(views, "chair", PARTS)
    for count in (1, 2):
        some = teacher.predict(views[:count], "chair", PARTS)
        assert_alike(name, some, whole[:count])
        if isinstance(teacher, PretrainedTeacher) and not torch.cuda.is_available():  # asked view by view: to the bit
            assert all(np.array_equal(numbers(a), numbers(b)) for a, b in zip(some, whole[:count], strict=True))
    if not isinstance(teacher, ByShape):  # to whom a view is its number
        assert_alike(name, teacher.predict(views[::-1], "chair", PARTS)[::-1], whole)
    if isinstance(teacher, Pretrained):
        assert_alike(name, made(name, saved, batch=3).predict(views, "chair", PARTS), whole)


@EACH
def test_an_empty_answer_is_an_ordinary_one(name: str, saved: dict[str, Path], views: list[View]) -> None:
    """No pixel shows anything, or no score passes the threshold: an answer all the same, and no unit."""
    kind = ENTRIES[name].answer
    sure = {} if kind is PixelScores or name == "lite-boxes" else {"threshold": 1.0}
    bare = np.full((SIZE, SIZE), -1, np.int32)
    depth, normal = np.full((SIZE, SIZE), np.inf, np.float32), np.zeros((SIZE, SIZE, 3), np.float32)
    shown = views if sure else [View(view.camera, bare, depth, normal) for view in views]
    said = made(name, saved, **sure).predict(shown, "chair", PARTS)
    check_predictions(said, shown, len(PARTS))
    for answer in said:
        assert isinstance(answer, kind)
        assert not answer.scores.any() if isinstance(answer, PixelScores) else not len(answer.part)
    points = ProceduralGenerator().generate("chair", 1, "one").sampled(512, 0).points
    assert points is not None and not len(lift(shown, said, points).part)


def flat() -> Shape:
    """A wall across the only view: a picture without any contrast."""
    right, up, _ = rings(1)[0].axes * 9
    corners = np.stack([-right - up, right - up, right + up, up - right]).astype(np.float32)
    return Shape("flat", "chair", corners, np.array([[0, 1, 2], [0, 2, 3]]))


@contextmanager
def sick(teacher: Teacher) -> Iterator[None]:
    """Its network answers a picture without contrast with what is no number. `glip` and `detections` do so anyway."""

    def spoil(module: torch.nn.Module, given: tuple[torch.Tensor, ...], said: torch.Tensor) -> torch.Tensor:
        images = given[0].flatten(2)
        bad = (images.amax(2) - images.amin(2)).amax(1) < 1e-3
        return torch.where(bad[:, None, None, None], torch.nan, said)

    if not isinstance(teacher, LiteTeacher | PretrainedTeacher):
        yield
        return
    network = teacher.network if isinstance(teacher, LiteTeacher) else teacher._loaded().network
    first = next(module for module in network.modules() if isinstance(module, torch.nn.Conv2d))
    with first.register_forward_hook(spoil):
        yield


@EACH
def test_scores_that_are_no_numbers_cost_their_shape_alone(name: str, saved: dict[str, Path]) -> None:
    teacher, settings = ENTRIES[name].load(saved[name], {}), LabelSettings(views=1, size=SIZE, points=512)
    shapes = [
        ProceduralGenerator().generate("chair", 1, "one"),
        flat(),
        ProceduralGenerator().generate("chair", 2, "two"),
    ]
    renderers, asked = Renderers(settings, style_of(teacher)), Asked(PARTS, PARTS)
    group = Group(shapes, teacher, settings, asked)
    if isinstance(teacher, ByShape):  # who is asked about one at a time
        groups = [(Group([shape], teacher, settings, asked), 0) for shape in shapes]
    else:
        groups = [(group, number) for number in range(3)]
    with sick(teacher):
        with pytest.raises(InputError, match="not finite"):
            groups[1][0].members(groups[1][1], renderers)
        for shape, (one, number) in zip((shapes[0], shapes[2]), groups[::2], strict=True):
            ((_, data),) = one.members(number, renderers)
            knowledge = Knowledge.from_bytes(data, shape.id)
            assert len(knowledge.part) and np.isfinite(knowledge.confidence).all()


@EACH
def test_what_is_kept_of_it_is_json(name: str, saved: dict[str, Path]) -> None:
    teacher, shape = ENTRIES[name].load(saved[name], {}), ProceduralGenerator().generate("chair", 1, "one")
    knowledge = label_shape(shape, teacher, LabelSettings(views=2, size=SIZE, points=512), PARTS)
    how = teacher.how("chair", PARTS) if isinstance(teacher, Pretrained) else {}
    assert json.loads(json.dumps(how)) == how and knowledge.meta["teacher"] == name
    assert json.loads(json.dumps(knowledge.meta)) == knowledge.meta and how.items() <= knowledge.meta.items()
    assert not how or len(how["prompts"]) == len(PARTS)
