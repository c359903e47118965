"""The embedded teacher as a judge of shapes: what it knows well passes, what it does not is rejected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run
from toy_shards import contents

from gen3d.categories import category
from gen3d.collection import shape_id, shape_seed
from gen3d.errors import InputError, SettingsError
from gen3d.filters import FilterSettings, Panel, first_accepted, rejections
from gen3d.generation import GenerateSettings, generate
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.judges import TeacherJudge
from gen3d.knowledge import TOLERANCE, lift
from gen3d.measures import teacher_signals
from gen3d.rendering.cameras import rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.shape import Shape
from gen3d.teachers import TEACHERS
from gen3d.teachers.lite.teacher import LiteTeacher

ON = FilterSettings(filter=("teacher",), attempts=1)


def made(name: str, seed: int) -> Shape:
    return ProceduralGenerator().generate(name, seed, shape_id(name, seed))


def noise(name: str) -> Shape:
    """A cloud that fills a ball: no view shows a surface."""
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(2048, 3))
    ball *= rng.random((2048, 1)) ** (1 / 3) / np.linalg.norm(ball, axis=1, keepdims=True)
    return Shape(shape_id(name, 0), name, points=ball.astype(np.float32)).normalised()


@pytest.fixture(scope="module")
def judge() -> TeacherJudge:
    """With the weights that ship."""
    return TeacherJudge()


@pytest.mark.parametrize("name", ["chair", "table", "mug"])
def test_what_the_teacher_was_made_for_passes_and_noise_does_not(judge: TeacherJudge, name: str) -> None:
    for seed in range(3):
        signals = judge.signals(made(name, seed))
        assert signals.coverage > ON.min_coverage + 0.05 and signals.agreement > ON.min_agreement
    assert judge.signals(noise(name)).coverage < 0.2 < ON.min_coverage
    panel = Panel(ON)
    shape = made(name, 0)
    assert first_accepted(lambda attempt: shape, panel) is shape
    with pytest.raises(InputError, match=r"the last by teacher: coverage 0\.\d+, at least 0\.4"):
        first_accepted(lambda attempt: noise(name), panel)


def test_one_thing_for_another_is_two_things_at_once(judge: TeacherJudge) -> None:
    """Of airplanes that are called chairs, units of different parts claim the same points."""
    right = np.mean([judge.signals(made("chair", seed)).agreement for seed in range(4)])
    wrong = [replace(made("airplane", seed), category="chair", face_labels=None) for seed in range(4)]
    assert np.mean([judge.signals(shape).agreement for shape in wrong]) < right - 0.02
    strict = Panel(FilterSettings(filter=("teacher",), attempts=1, min_agreement=1.0))
    with pytest.raises(InputError, match=r"teacher: agreement 0\.\d+, at least 1"):
        first_accepted(lambda attempt: wrong[0], strict)


def test_the_signals_are_those_of_labelling_with_four_views(judge: TeacherJudge) -> None:
    shape, parts = made("chair", 5), category("chair").parts
    sampled = shape.sampled(1024, 0)
    assert sampled.points is not None
    views = EmbreeRenderer(rings(4, 224)).render(sampled)
    answer = LiteTeacher().predict(views, "chair", parts)
    expected = teacher_signals(lift(views, answer, sampled.points, TOLERANCE, {"id": shape.id, "parts": list(parts)}))
    assert judge.signals(shape) == expected == TeacherJudge().signals(shape)


def test_what_can_not_be_drawn_is_a_reason(judge: TeacherJudge) -> None:
    point = Shape("point-000000", "chair", points=np.zeros((5, 3), np.float32))
    with pytest.raises(InputError, match="zero or unbounded size"):
        judge.signals(point)
    with pytest.raises(InputError, match="teacher: has zero or unbounded size"):
        first_accepted(lambda attempt: point, Panel(ON))


@pytest.mark.slow
def test_the_bytes_are_the_same_whatever_the_workers(tmp_path: Path) -> None:
    chosen = GenerateSettings(category="chair", n=4, shard=1, filter=("teacher",), min_agreement=0.99)
    whole = generate(chosen, tmp_path / "a")
    generate(chosen, tmp_path / "b", workers=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b") and rejections(whole)
    assert "filter_weights" not in whole.info and whole.info["settings"]["min_agreement"] == 0.99


def test_the_command_line_replaces_what_the_teacher_rejects(run: Run, tmp_path: Path) -> None:
    """The tiny teacher of the tests is of many minds, and by a limit between its agreements some shapes pass."""
    judge = TeacherJudge()
    agreements = [judge.signals(made_as(0, attempt)).agreement for attempt in range(3)]
    limit = sorted(agreements)[-1] - 1e-6
    words = ("generate", "--category", "chair", "--n", 1, "--filter", "teacher", "--min-agreement", limit)
    ended = run(*words, "--min-coverage", 0, "--workers", 1, "--out", tmp_path / "c")
    first = int(np.argmax(np.array(agreements) >= limit))
    assert ended.code == 0 and (first == 0 or f"rejected and replaced: {first} by teacher" in ended.err)


def made_as(index: int, attempt: int) -> Shape:
    """The shape of an attempt at a chair, run seed 0."""
    return ProceduralGenerator().generate("chair", shape_seed(0, index, attempt), shape_id("chair", index))


def test_a_category_that_the_teacher_does_not_know_ends_before_the_start(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few() -> LiteTeacher:
        teacher = LiteTeacher()
        teacher.categories = ("mug", "table")
        return teacher

    monkeypatch.setitem(TEACHERS, "lite", few)
    ended = run("generate", "--category", "chair", "--n", 1, "--filter", "teacher", "--out", tmp_path / "c")
    assert ended.code == 2 and not (tmp_path / "c").exists()
    assert "--filter teacher: the lite teacher does not know 'chair'; it knows: mug, table" in ended.error
    with pytest.raises(SettingsError):
        TeacherJudge().check("chair")
    TeacherJudge().check("mug")
    for option in ("--min-coverage", "--min-agreement"):
        ended = run("generate", "--category", "chair", option, 0.5, "--out", tmp_path / "c")
        assert ended.code == 2 and f"{option}: has no effect" in ended.error
