"""Evaluations that stop in the middle: what was answered is not asked for again, and the end is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_chain import Run as Command
from cli_chain import tree
from labelled import Stripes
from test_tta import FAST, HOW, answers, chairs

from distill import evaluation
from distill.baselines import make_baseline
from distill.evaluation import Run, evaluate_baseline, evaluate_tta
from distill.kept_answers import FOLDER, KeptAnswers
from gen3d.asking import LabelSettings
from gen3d.errors import InputError


def clouds(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Points, and a part of each."""
    rng = np.random.default_rng(seed)
    points = [rng.normal(size=(size, 3)).astype(np.float32) for size in (5, 1, 9)]
    return points, [rng.integers(-1, 4, len(p)).astype(np.int16) for p in points]


def test_answers_are_found_by_question_and_points(tmp_path: Path) -> None:
    points, labels = clouds(0)
    kept = KeptAnswers(tmp_path / "scores", {"asked": 1})
    assert kept.read(points) is None
    kept.write(labels, points)
    found = KeptAnswers(tmp_path / "scores", {"asked": 1}).read(points)
    assert found is not None and all(np.array_equal(a, b) for a, b in zip(found, labels, strict=True))
    assert KeptAnswers(tmp_path / "scores", {"asked": 2}).read(points) is None
    assert kept.read(points[:2]) is None and kept.read(clouds(1)[0]) is None
    assert kept.read([points[0] + 1e-6, *points[1:]]) is None
    kept.remove()
    assert kept.read(points) is None and not (tmp_path / "scores" / FOLDER).exists()


def test_equal_points_of_other_shapes_are_other_questions(tmp_path: Path) -> None:
    """Teachers may know shapes by their name, and see colours; samples are drawn by the name too."""
    kept, labels = KeptAnswers(tmp_path, {}), [np.zeros(64, np.int16)]
    shape = chairs(1).shapes[0].sampled(64, 0)
    kept.write(labels, [shape])
    colors = np.full((64, 3), 7, np.uint8)
    assert shape.vertices is not None
    moved = replace(shape, vertices=shape.vertices + 1)
    for other in (replace(shape, id="b"), replace(shape, point_colors=colors), moved):
        assert kept.read([other]) is None
    assert kept.read([shape], [shape]) is None and kept.read([shape]) is not None
    assert kept.read([replace(shape, point_labels=None, face_labels=None)]) is not None  # no label is asked


@pytest.mark.parametrize("damage", [b"", b"no safetensors", None])
def test_damaged_answers_are_none(tmp_path: Path, damage: bytes | None) -> None:
    points, labels = clouds(0)
    kept = KeptAnswers(tmp_path, {})
    kept.write(labels, points)
    (file,) = (tmp_path / FOLDER).iterdir()
    file.write_bytes(file.read_bytes()[:-4] if damage is None else damage)
    assert kept.read(points) is None
    kept.write([some[:-1] for some in labels], points)  # of other points
    assert kept.read(points) is None


@pytest.mark.parametrize("method", ["tta", "votes"])
def test_what_was_answered_is_not_asked_again(tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_OBSERVED", 1)
    labelled, run = chairs(3), Run(kept=KeptAnswers(tmp_path, {}))

    def score(teacher: Stripes, run: Run) -> Any:
        if method == "tta":
            tta = FAST.model_copy(update={"tta": "per-shape", "epochs": 1, "copies": 1})
            return evaluate_tta(teacher, labelled, HOW, tta, None, run)
        return evaluate_baseline(make_baseline("votes"), teacher, labelled, HOW, LabelSettings(views=2, size=32), run)

    whole = score(Stripes(), evaluation.ALONE)
    with pytest.raises(InputError, match="call 3 was refused"):
        score(Stripes(lambda number: number == 3), run)
    heard: list[int] = []
    left = Stripes()
    found = score(left, run._replace(heard=heard.append))
    assert left.asked == 1 and heard == [1, 1, 1] and answers(found) == answers(whole)


def test_the_command_goes_on_and_leaves_nothing_behind(
    home: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("eval", "--method", "tta", "--tta", "per-shape", "--category", "chair", "--root", "runs/chair/generated",
             "--preset", "tiny.yaml", "--copies", 1, "--epochs", 1, "--views", 2, "--size", 64)  # fmt: skip
    assert run(*words, "--out", "whole").code == 0
    calls, real = [], evaluation.align

    def stopped(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(evaluation, "align", stopped)
    assert run(*words, "--out", "again").code == 130
    assert len(list((home / "again" / FOLDER).iterdir())) == 2
    assert run(*words, "--out", "again").code == 0 and len(calls) == 4
    (home / "again" / FOLDER).mkdir()  # as where it is killed at its very end
    assert "nothing to do" in run(*words, "--out", "again").err
    again, whole = ({name: entry[2] for name, entry in tree(home / at).items()} for at in ("again", "whole"))
    assert again == whole and len(whole) == 4
