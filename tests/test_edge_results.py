"""Results at the edge: nothing seen, nothing found, one part, hundreds, odd names; and numbers that are not finite."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from labelled import LABEL, MAKE, Stripes, chairs
from sample_knowledge import exact_knowledge, toy_chair
from sample_students import quiet, settings, tiny

from distill.trainer import TrainingSet, distil
from gen3d.asking import LabelSettings, label_shape
from gen3d.collection import Collection
from gen3d.errors import Gen3dError, InputError, SettingsError
from gen3d.generation import generate
from gen3d.generators import GENERATORS
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.knowledge import Knowledge, lift
from gen3d.labelling import label
from gen3d.part_words import asked_parts
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers import TEACHERS
from gen3d.teachers.lite.teacher import LiteTeacher
from gen3d.teachers.predictions import Boxes, PixelScores, check_predictions

TINY = LabelSettings(views=2, size=32, points=512)
ODD_NAMES = ["椅子の背もたれ", "🪑", "a\nb\x00c", "../../etc/passwd", "x" * 10_240, "", "nan", '"}]']
NAN, INF = float("nan"), float("inf")


def mug(seed: int = 0) -> Shape:
    return ProceduralGenerator().generate("mug", seed, f"mug-{seed}")


def no_boxes() -> Boxes:
    return boxes([])


def boxes(rows: list[tuple[float, float, float, float, int, float]]) -> Boxes:
    """(left, top, right, bottom, part, score) of every box."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4].astype(np.int16), table[:, 5])


class Saying:
    """Gives the same answer for every view."""

    name, kind = "saying", "pixel"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[Any]:
        """The answer, or what it makes of a view and the prompts where it is a function."""
        return [self.answer(view, prompts) if callable(self.answer) else self.answer for view in views]


def everywhere(view: View, prompts: tuple[str, ...]) -> PixelScores:
    """Every prompt in turn, in stripes of one column."""
    size = view.camera.size
    return PixelScores(
        (np.arange(size) % len(prompts) == np.arange(len(prompts))[:, None, None]).repeat(size, 1).astype(np.float16)
    )


# --- defined answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        no_boxes(),
        boxes([(0, 0, 32, 32, 0, 0.0)]),  # a box of score 0
        boxes([(-50, -50, -1, -1, 0, 1.0)]),  # outside the image
        boxes([(20, 20, 10, 10, 1, 1.0)]),  # inside out
        boxes([(0, 0, 0.4, 0.4, 1, 1.0)]),  # a corner, which is background
        PixelScores(np.zeros((2, 32, 32), np.float16)),
    ],
)
def test_nothing_found_is_knowledge_without_units(answer: Boxes | PixelScores) -> None:
    knowledge = label_shape(mug(), Saying(answer), TINY, ("handle", "cup"))
    assert len(knowledge.part) == 0 and knowledge.coverage() == 0 and knowledge.mask.shape == (0, 512)
    assert (knowledge.target(2) == 0).all() and (knowledge.votes(2) == -1).all() and not knowledge.pairs(2).any()
    again = Knowledge.from_bytes(knowledge.to_bytes())
    assert again.to_bytes() == knowledge.to_bytes()


def test_views_that_hit_nothing_give_no_unit() -> None:
    """All background, whatever the teacher says of it."""
    from gen3d.rendering.cameras import rings

    empty = [
        View(
            camera,
            np.full((32, 32), -1, np.int32),
            np.full((32, 32), INF, np.float32),
            np.zeros((32, 32, 3), np.float32),
        )
        for camera in rings(2, 32)
    ]
    points = mug().sampled(512, 0).points
    assert points is not None
    for answer in (PixelScores(np.ones((2, 32, 32), np.float16)), boxes([(0, 0, 32, 32, 1, 1.0)])):
        assert len(lift(empty, [answer, answer], points).part) == 0


@pytest.mark.parametrize("kind", ["boxes", "pixels"])
def test_a_collection_in_which_nothing_is_found_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    answer = no_boxes() if kind == "boxes" else PixelScores(np.zeros((4, 32, 32), np.float16))
    monkeypatch.setitem(TEACHERS, "saying", lambda: Saying(answer))
    with pytest.raises(InputError, match="none of its 10 shapes could be labelled; chair-000000: no view shows any of"):
        label(chairs(tmp_path / "c"), LABEL.model_copy(update={"teacher": "saying"}))
    text = (tmp_path / "c" / "README.md").read_text()
    assert "0 shapes labelled in 2D views, 10 failed." in text and "| back | 0 | 0 | 0.0% | 0.00 |" in text


def test_one_part_and_one_box() -> None:
    knowledge = label_shape(mug(), Saying(boxes([(0, 0, 32, 32, 0, 0.75)])), TINY, ("cup",))
    assert knowledge.part.tolist() == [0, 0] and knowledge.confidence.tolist() == [0.75, 0.75]
    assert (knowledge.votes(1) == 0).all() and set(np.unique(knowledge.target(1))) <= {0, 0.75}


def test_three_hundred_parts() -> None:
    parts = tuple(f"part {i}" for i in range(300))
    rows = [(0.0, 0.0, 32.0, 32.0, i, 0.5) for i in range(300)]
    knowledge = label_shape(mug(), Saying(boxes(rows)), TINY, parts)
    assert knowledge.part.tolist() == [*range(300), *range(300)]
    target = knowledge.target(300)
    seen = knowledge.mask.any(0)
    assert np.allclose(target[seen], 0.5 / 300) and (knowledge.votes(300) == 0).all()  # a tie goes to the first
    assert Knowledge.from_bytes(knowledge.to_bytes()).meta["parts"] == list(parts)
    pixels = label_shape(mug(), Saying(everywhere), LabelSettings(views=1, size=256, points=512), parts)
    assert len(np.unique(pixels.part)) > 50 and pixels.part.max() < 300


@pytest.mark.parametrize(
    "name", ["椅子の背もたれ", "🪑", "a\nb\x00c", "../../etc/passwd", "x" * 10_240, "", "nan", '"}]']
)
def test_odd_part_names_are_kept_to_the_letter_or_refused_in_a_line(name: str) -> None:
    knowledge = label_shape(mug(), Saying(boxes([(0, 0, 32, 32, 0, 1.0)])), TINY, (name, "cup"))
    assert Knowledge.from_bytes(knowledge.to_bytes()).meta["parts"] == [name, "cup"]
    with pytest.raises(SettingsError, match="unknown part"):
        asked_parts("mug", (name,))


# --- not finite ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (PixelScores(np.full((2, 32, 32), NAN, np.float16)), "view 0 are not finite"),
        (PixelScores(np.full((2, 32, 32), INF, np.float16)), "view 0 are not finite"),
        (PixelScores(np.full((2, 32, 32), 1.5, np.float16)), "view 0 are not between 0 and 1"),
        (PixelScores(np.full((2, 32, 32), -0.5, np.float16)), "view 0 are not between 0 and 1"),
        (PixelScores(np.zeros((3, 32, 32), np.float16)), "view 0 has another form"),
        (PixelScores(np.zeros((2, 16, 32), np.float16)), "view 0 has another form"),
        (boxes([(0, 0, 9, 9, 0, NAN)]), "view 0 are not finite"),
        (boxes([(0, 0, 9, 9, 0, 0.5), (0, NAN, 9, 9, 0, 0.5)]), "view 0 are not finite"),
        (boxes([(0, 0, INF, 9, 0, 0.5)]), "view 0 are not finite"),
        (boxes([(0, 0, 9, 9, 0, 2.0)]), "view 0 are not between 0 and 1"),
        (boxes([(0, 0, 9, 9, 2, 0.5)]), "view 0 has another form"),
        (boxes([(0, 0, 9, 9, -1, 0.5)]), "view 0 has another form"),
    ],
)
def test_an_answer_that_is_of_no_use_is_one_line(answer: PixelScores | Boxes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        label_shape(mug(), Saying(answer), TINY, ("handle", "cup"))


def test_as_many_answers_as_views() -> None:
    with pytest.raises(InputError, match="answered for 1 of 0 views"):
        check_predictions([no_boxes()], [], 2)


class Sick(Stripes):
    """One NaN among the scores of every third shape."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        """Stripes, mostly."""
        answers = super().predict(views, category, prompts)
        if self.asked % 3 == 0:
            answers[1].scores[0, 16, 16] = NAN
        return answers


def test_a_shape_whose_scores_are_not_finite_is_a_failure_and_never_knowledge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = Sick()
    monkeypatch.setitem(TEACHERS, "stripes", lambda: sick)
    label(chairs(tmp_path / "c"), LABEL)
    collection = Collection.open(tmp_path / "c")
    ids = collection.ids()
    reason = "the teacher's scores for view 1 are not finite (NaN or Inf)"
    assert collection.failures("knowledge-stripes") == [(id, reason) for id in ids[2::3]]
    for id, data in collection.members("knowledge-stripes", "safetensors"):
        knowledge = Knowledge.from_bytes(data, id)
        assert np.isfinite(knowledge.confidence).all() and np.isfinite(knowledge.weights()).all()


def test_a_network_that_gives_nan_is_noticed(tiny_weights: Path) -> None:
    """The embedded teacher itself, with one weight gone bad."""
    teacher = LiteTeacher(tiny_weights)
    teacher.network = copy.deepcopy(teacher.network)  # that of the file is shared by all teachers of this process
    with torch.no_grad():
        next(teacher.network.parameters()).fill_(NAN)
    for kind in ("pixel", "box"):
        teacher.kind = kind
        with pytest.raises(InputError, match="not finite"):
            label_shape(mug(), teacher, LabelSettings(views=1, size=64, points=512), ("handle", "cup"))


class Broken(ProceduralGenerator):
    """Shapes with a NaN where they are told to have one."""

    def __init__(self, where: str) -> None:
        self.where = where

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """A broken one for every other id."""
        shape = super().generate(category, seed, id, prompt)
        if int(id[-1]) % 2:
            if self.where == "meta":
                shape.meta["score"] = NAN
            else:
                shape.mesh[0][0] = {"nan": NAN, "inf": INF}[self.where]
        return shape


@pytest.mark.parametrize("where", ["nan", "inf", "meta"])
def test_a_generated_shape_that_is_not_finite_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setitem(GENERATORS, "procedural", lambda: Broken(where))
    collection = generate(MAKE.model_copy(update={"n": 4}), tmp_path / "c")
    assert [id for id, _ in collection.failures()] == ["chair-000001", "chair-000003"]
    assert all(("not finite" in why) or ("can't be stored" in why) for _, why in collection.failures())
    assert [shape.id for shape in collection.shapes()] == ["chair-000000", "chair-000002"]


def test_a_step_that_is_not_finite_changes_nothing_and_is_counted() -> None:
    student = tiny()
    data = TrainingSet.build([[exact_knowledge(toy_chair(seed), 520) for seed in range(4)]], student)
    data.target[3] = NAN  # one of two batches of every epoch
    log = distil(student, data, settings(epochs=2, batch=2, backward=False), quiet)
    assert [row.skipped for row in log] == [1, 1] and all(np.isfinite(row.loss) for row in log)
    assert all(torch.isfinite(value).all() for value in student.state_dict().values())


def test_training_that_diverged_stops_and_leaves_nothing_to_save() -> None:
    student = tiny()
    data = TrainingSet.build([[exact_knowledge(toy_chair(seed), 520) for seed in range(2)]], student)
    data.target[:] = NAN
    with pytest.raises(Gen3dError, match="epoch 1: training diverged, no step had a finite loss; nothing was saved"):
        distil(student, data, settings(epochs=2, batch=2), quiet)
