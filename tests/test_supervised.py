"""The ceiling: it learns from human labels, and never from those of the shapes that it is scored on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from cli_chain import Run
from hypothesis import given
from hypothesis import strategies as st

from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings
from distill.supervised import SupervisedSettings, drawn, evaluate_supervised, folds, true_knowledge
from gen3d.categories import category
from gen3d.errors import InputError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.shape import Shape

CHAIR = category("chair")
HOW = SupervisedSettings(folds=2, copies=1, steps=2, batch=2)
SETTINGS = EvalSettings(points=512, passes=1)


def chairs(count: int = 4) -> list[Shape]:
    return [ProceduralGenerator().generate("chair", seed, f"chair-{seed}") for seed in range(count)]


def labelled(shapes: list[Shape]) -> LabelledSet:
    return LabelledSet("made", "chair", CHAIR.parts, shapes, len(shapes))


@given(st.integers(2, 40), st.integers(2, 50), st.one_of(st.none(), st.integers(1, 5)), st.integers(0, 3))
def test_every_shape_is_scored_once_and_never_learnt_from_then(
    count: int, groups: int, shots: int | None, seed: int
) -> None:
    rounds = list(folds(count, SupervisedSettings(folds=groups, shots=shots), seed))
    assert sorted(i for held, _ in rounds for i in held) == list(range(count))
    for held, others in rounds:
        assert not set(held) & set(others) and len(others) == min(shots or count, count - len(held)) > 0


def test_shots_are_drawn_by_the_seed() -> None:
    few = SupervisedSettings(shots=3)
    draws = {tuple(drawn(20, few, seed)) for seed in range(10)}
    assert len(draws) > 5 and all(len(set(d)) == 3 for d in draws)
    assert drawn(20, few, 1) == drawn(20, few, 1) and drawn(4, SupervisedSettings(), 0) == [0, 1, 2, 3]


def test_true_knowledge_is_the_labels() -> None:
    shape = chairs(1)[0]
    assert shape.face_labels is not None
    bare = np.where(np.arange(len(shape.face_labels)) % 5 == 0, -1, shape.face_labels).astype(np.int16)
    shape = replace(shape, face_labels=bare)
    target = true_knowledge(shape, CHAIR.parts, 512, 3).target(4)
    labels = shape.sampled(512, 3).point_labels
    assert labels is not None and (labels < 0).any()
    assert np.array_equal(target, np.where(labels[:, None] == np.arange(4), 1.0, 0.0))


def test_labels_of_a_shape_do_not_change_its_own_prediction() -> None:
    shapes = chairs()
    first = evaluate_supervised(labelled(shapes), SETTINGS, HOW)
    for number, shape in enumerate(shapes):
        assert shape.face_labels is not None
        swapped = [*shapes[:number], replace(shape, face_labels=shape.face_labels[::-1].copy()), *shapes[number + 1 :]]
        again = evaluate_supervised(labelled(swapped), SETTINGS, HOW)
        assert np.array_equal(again.shapes[number].prediction, first.shapes[number].prediction)
        if number == 0:
            others = zip(again.shapes[1:], first.shapes[1:], strict=True)
            assert any(not np.array_equal(a.prediction, b.prediction) for a, b in others)


def test_a_training_split_takes_the_place_of_folds() -> None:
    shapes = chairs(6)
    how = HOW.model_copy(update={"shots": 2})
    report = evaluate_supervised(labelled(shapes[:3]), SETTINGS, how, labelled(shapes[3:]))
    assert report.extra["learnt_from"] == [2] and len(report.shapes) == 3
    assert "human labels" in report.extra["ceiling"]


def test_what_can_not_be_learnt_from_is_named() -> None:
    with pytest.raises(InputError, match="1 shapes: the supervised reference learns from other ones"):
        evaluate_supervised(labelled(chairs(1)), SETTINGS, HOW)
    bare = [replace(shape, face_labels=None) for shape in chairs(2)]
    other = [replace(shape, id=f"other-{shape.id}") for shape in bare]
    with pytest.raises(InputError, match="train: 2 of its shapes are scored, as chair-0"):
        evaluate_supervised(labelled(chairs(2)), SETTINGS, HOW, labelled(chairs(4)))
    with pytest.raises(InputError, match="chair-0: has no labels to learn from"):
        evaluate_supervised(labelled(chairs(2)), SETTINGS, HOW, labelled(other))


@pytest.mark.slow
def test_it_learns_what_labels_say() -> None:
    how = SupervisedSettings(folds=2, copies=4, steps=160)
    assert evaluate_supervised(labelled(chairs(12)), EvalSettings(points=1024, passes=1), how).miou > 70


def test_the_command(home: object, run: Run) -> None:
    words = ["eval", "--method", "supervised", "--category", "chair", "--root", "runs/chair/generated"]
    words += ["--preset", "tiny.yaml"]
    fast = [x for name in ("folds=3", "copies=1", "steps=1") for x in ("--set", name)]
    end = run(*words, *fast, "--json")
    assert end.code == 0, end.err
    result = json.loads(end.out)
    assert result["method"] == "supervised" and result["learnt_from"] == [2, 2, 2] and result["shapes_scored"] == 3
    assert "nothing to do" in run(*words, *fast).err
    assert "--set depth: supervised has no such option" in run(*words, "--set", "depth=3").error
    assert "--teacher: is for --method tta or a baseline" in run(*words, "--teacher", "clip").error
