"""Test-time alignment: no label enters, the student given stays as it is, and a shape is worth what it is alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_chain import STUDENT, Run, assert_refused, tree
from labelled import Stripes
from sample_students import tiny
from tiny_teacher import Oracle

from distill.baselines import make_baseline
from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings, evaluate_baseline, evaluate_student, evaluate_tta
from distill.scores import Report
from distill.student import Student
from distill.tta import NothingSeenError, TTASettings, align, random_fresh_start, training_settings, untrained
from gen3d.asking import LabelSettings, label_samplings, label_shape
from gen3d.categories import category
from gen3d.errors import SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.rendering.view import View
from gen3d.teachers.predictions import PixelScores

CHAIR = category("chair")
HOW = EvalSettings(points=512, passes=1)
FAST = TTASettings(copies=2, epochs=2, batch=4, views=3, size=48, points=512)


class Blind(Stripes):
    """Sees nothing on the shapes that `sees` is not true of; told apart by their number, from 1."""

    def __init__(self, sees: Callable[[int], bool] = lambda number: False) -> None:
        super().__init__()
        self.sees = sees

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        """Scores of 0 where it is blind."""
        found = super().predict(views, category, prompts)
        return found if self.sees(self.asked) else [replace(f, scores=np.zeros_like(f.scores)) for f in found]


def chairs(count: int = 2) -> LabelledSet:
    """Generated chairs with their exact labels."""
    shapes = [ProceduralGenerator().generate("chair", seed, f"chair-{seed}") for seed in range(count)]
    return LabelledSet("made", "chair", CHAIR.parts, shapes, count)


def answers(report: Report) -> list[bytes]:
    """The predictions, shape by shape."""
    return [scored.prediction.tobytes() for scored in report.shapes]


def weights(student: Student) -> torch.Tensor:
    """All of them in a row."""
    return torch.cat([p.detach().flatten() for p in student.parameters()])


def relabelled(labelled: LabelledSet, change: Callable[[np.ndarray], np.ndarray]) -> LabelledSet:
    """The set with other labels on the same shapes."""
    shapes = [replace(s, face_labels=change(s.face_labels)) for s in labelled.shapes if s.face_labels is not None]
    return replace(labelled, shapes=shapes)


# --- labels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "started"), [("joint", False), ("joint", True), ("per-shape", True)])
def test_permuted_labels_change_no_prediction(mode: str, started: bool) -> None:
    labelled, tta = chairs(), FAST.model_copy(update={"tta": mode, "epochs": 1, "copies": 1})
    start = tiny() if started else None
    permuted = relabelled(labelled, lambda x: ((x + 1) % 4).astype(np.int16))
    unlabelled = relabelled(labelled, lambda x: np.where(np.arange(len(x)) % 7, -1, x).astype(np.int16))
    true, other, few = (evaluate_tta(Stripes(), s, HOW, tta, start) for s in (labelled, permuted, unlabelled))
    assert answers(true) == answers(other) == answers(few) and true.miou != other.miou


def test_a_student_is_aligned_on_shapes_without_labels_alike() -> None:
    shapes = list(chairs().shapes)
    bare = [replace(shape, face_labels=None) for shape in shapes]
    one, other = (weights(align(tiny(), s, Stripes(), FAST)) for s in (shapes, bare))
    assert torch.equal(one, other)


# --- alignment ----------------------------------------------------------------------------------------------------


def test_the_student_given_stays_and_its_copy_repeats_with_the_seed() -> None:
    student = tiny()
    before, shapes = weights(student), list(chairs(1).shapes)
    aligned = align(student, shapes, Stripes(), FAST)
    assert torch.equal(weights(student), before) and "tta" not in student.training_record
    assert not torch.equal(weights(aligned), before) and aligned.training_record["tta"]["copies"] == 2
    assert torch.equal(weights(aligned), weights(align(student, shapes, Stripes(), FAST)))
    other = FAST.model_copy(update={"seed": 1})
    assert not torch.equal(weights(aligned), weights(align(student, shapes, Stripes(), other)))


def test_one_shape_and_a_teacher_that_knows_are_enough() -> None:
    labelled = chairs(1)
    tta = TTASettings(tta="per-shape", epochs=40, copies=4, batch=4, lr=5e-3, views=8, size=96)
    student = tiny()
    before = evaluate_student(student, labelled, HOW).miou
    after = evaluate_tta(Oracle(labelled.shapes[0]), labelled, HOW, tta, student).miou
    assert after > max(85, before + 30), (before, after)


def test_alone_a_shape_is_aligned_as_among_others_and_jointly_it_is_not() -> None:
    both, one = chairs(2), chairs(1)
    per_shape, joint = (FAST.model_copy(update={"tta": mode, "lr": 1e-2}) for mode in ("per-shape", "joint"))
    first = answers(evaluate_tta(Stripes(), both, HOW, per_shape, tiny()))[0]
    assert first == answers(evaluate_tta(Stripes(), one, HOW, per_shape, tiny()))[0]
    assert first == answers(evaluate_tta(Stripes(), one, HOW, joint, tiny()))[0]
    assert first != answers(evaluate_tta(Stripes(), both, HOW, joint, tiny()))[0]


@pytest.mark.parametrize("yaw", ["none", "random"])
@pytest.mark.parametrize("clouds", [False, True])
def test_the_points_scored_are_those_of_the_other_methods(yaw: str, clouds: bool) -> None:
    labelled, how = chairs(2), HOW.model_copy(update={"yaw": yaw, "seed": 4})
    if clouds:
        dots = [replace(s.sampled(700, 0), vertices=None, faces=None, face_labels=None) for s in labelled.shapes]
        labelled = replace(labelled, shapes=dots)
    label = LabelSettings(views=2, size=32)
    votes, student = (
        evaluate_baseline(make_baseline("votes"), Stripes(), labelled, how, label),
        evaluate_student(tiny(), labelled, how),
    )
    aligned = evaluate_tta(Stripes(), labelled, how, FAST.model_copy(update={"epochs": 1}), tiny())
    for a, b, c in zip(votes.shapes, student.shapes, aligned.shapes, strict=True):
        assert a.shape.points is not None and b.shape.points is not None and c.shape.points is not None
        assert a.shape.points.tobytes() == b.shape.points.tobytes() == c.shape.points.tobytes()
    assert aligned.method == "tta" and aligned.as_dict(how)["tta"] == FAST.recorded() | {
        "epochs": 1,
        "seed": 4,
    }


def test_samplings_differ_and_the_teacher_is_asked_once() -> None:
    shape, teacher = chairs(1).shapes[0], Stripes()
    settings = LabelSettings(views=2, size=32, points=512, seed=3)
    found = label_samplings(shape, teacher, settings, CHAIR.parts, copies=3)
    assert teacher.asked == 1 and len(found) == 3
    for number, knowledge in enumerate(found):
        expected = shape.sampled(512, 3 + number).points
        assert expected is not None and knowledge.points.tobytes() == expected.tobytes()
    assert found[0].to_bytes() == label_shape(shape, Stripes(), settings, CHAIR.parts).to_bytes()


def test_a_trained_student_is_trained_gently() -> None:
    settings, students = TTASettings(), (untrained("chair", CHAIR.parts, FAST), tiny())
    fresh, trained = (training_settings(s, settings, 12 * 8) for s in students)
    assert (fresh.epochs, fresh.lr, trained.epochs, trained.lr) == (40, 1.5e-3, 10, 3e-4)
    alone = [training_settings(s, settings, 8).epochs for s in students]
    many = [training_settings(s, settings, 100 * 8).epochs for s in students]
    assert (alone, many) == ([240, 60], [40, 10])  # of one batch each: as many steps as twelve shapes get together
    assert training_settings(students[0], TTASettings(steps=100), 8).epochs == 40
    late = [[training_settings(s, settings, n * 8).after for n in (1, 10, 11)] for s in students]
    assert late == [[0.75, 0.75, 0.5], [0.5, 0.5, 0.5]]  # few batches of a fresh student: none is re-scored at half
    chosen = TTASettings(epochs=3, lr=0.1, steps=2, backward=False, batch=5, seed=6)
    for student in (untrained("chair", CHAIR.parts, FAST), tiny()):
        made = training_settings(student, chosen, 8)
        assert (made.epochs, made.lr, made.steps, made.backward, made.batch, made.seed) == (3, 0.1, 2, False, 5, 6)


def test_a_fresh_point_m2ae_that_is_trained_whole_has_its_rate() -> None:
    for finetune, given, lr in ((False, None, 1.5e-3), (True, None, 5e-4), (True, 1e-3, 1e-3)):
        settings = TTASettings(network="point-m2ae", finetune=finetune, lr=given)
        student = untrained("chair", CHAIR.parts, settings)
        assert training_settings(student, settings, 8).lr == lr
        assert student.network.frozen != settings.finetune
        assert ("stays so" in str(random_fresh_start(settings))) != settings.finetune
    assert random_fresh_start(TTASettings()) is None


# --- "other" --------------------------------------------------------------------------------------------------------


def test_on_partnete_a_fresh_student_learns_what_is_none_of_the_parts() -> None:
    """Else a category of one part would be that part everywhere, and its score on labelled points 100."""
    labelled, without = chairs(1), ("back", "leg", "arm")
    how = HOW.model_copy(update={"dataset": "partnete", "leave_out": without})
    tta = TTASettings(epochs=60, copies=2, batch=2, lr=1e-3, views=8, size=96)
    teacher = Oracle(labelled.shapes[0])
    learnt, plain = (
        evaluate_tta(teacher, labelled, how, tta.model_copy(update={"other": other})) for other in (None, False)
    )
    assert learnt.extra["tta"]["other"] is True and set(plain.shapes[0].prediction.tolist()) == {1}
    assert set(learnt.shapes[0].prediction.tolist()) == {-1, 1}
    own, constant = (report.as_dict(how)["partnete"]["miou"] for report in (learnt, plain))
    assert own > 80 and own > constant + 30 and plain.miou == 100, (own, constant)
    assert learnt.extra["other"]["miou"] == own and "other" not in plain.extra
    elsewhere = evaluate_tta(Stripes(), labelled, HOW, FAST)
    assert "other" not in elsewhere.extra["tta"] and (elsewhere.shapes[0].prediction >= 0).all()


def test_other_can_not_be_a_part_too() -> None:
    with pytest.raises(SettingsError, match="other: is one of the parts"):
        untrained("anything", ["other", "lid"], FAST.model_copy(update={"other": True}))


# --- teachers that see nothing --------------------------------------------------------------------------------------


def test_a_shape_of_which_nothing_is_seen_keeps_the_answer_of_the_start() -> None:
    labelled, tta = chairs(2), FAST.model_copy(update={"tta": "per-shape"})
    plain = answers(evaluate_student(tiny(), labelled, HOW))
    found = answers(evaluate_tta(Blind(lambda number: number == 2), labelled, HOW, tta, tiny()))
    assert found[0] == plain[0] and found[1] != plain[1]
    nothing = evaluate_tta(Blind(), labelled, HOW, tta)
    assert all((scored.prediction == -1).all() for scored in nothing.shapes)
    with pytest.raises(NothingSeenError, match="back, seat, leg, arm") as caught:
        align(tiny(), list(labelled.shapes), Blind(), FAST)
    assert len(str(caught.value).splitlines()) == 1 and caught.value.exit_code == 3


# --- the command ----------------------------------------------------------------------------------------------------

TTA = ("eval", "--method", "tta", "--root", "runs/chair/generated", "--preset", "tiny.yaml", "--passes", 1)
SHORT = ("--copies", 1, "--epochs", 1, "--views", 2, "--size", 64)


def test_the_command_scores_and_is_done_the_second_time(home: Path, run: Run) -> None:
    end = run(*TTA, *SHORT, "--category", "chair", "--json")
    folder = home / "runs/chair/eval-collection-lite-tta-joint"
    assert end.code == 0 and json.loads(end.out) == json.loads((folder / "scores.json").read_text())
    result = json.loads(end.out)
    assert result["method"] == "tta" and result["tta"]["epochs"] == 1 and result["shapes_scored"] == 3
    assert (folder / "report.png").is_file() and json.loads((folder / "settings.json").read_text())["tta"]
    before = tree(home)
    again = run(*TTA, *SHORT, "--category", "chair")
    assert "nothing to do" in again.err and "3 of 3 shapes" in again.out and tree(home) == before
    assert "tta.copies was 1, now 2" in run(*TTA, *SHORT, "--category", "chair", "--copies", 2).error
    started = run(*TTA, *SHORT, "--student", STUDENT, "--tta", "per-shape", "--forward-only")
    assert started.code == 0 and (home / STUDENT / "eval-collection-lite-tta-per-shape" / "scores.json").is_file()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([*TTA, "--category", "chair", "--tta", "sometimes"], ["tta = 'sometimes'", "known are: per-shape, joint"]),
        ([*TTA, "--category", "chair", "--copies", 0], ["copies = 0"]),
        ([*TTA, "--category", "chair", "--network", "giant"], ["'giant'", "small"]),
        ([*TTA, "--category", "chair", "--teacher", "dream"], ["'dream'", "lite"]),
        (TTA, ["--category is missing", "--student"]),
        (
            [*TTA, "--student", STUDENT, "--network", "point-m2ae"],
            ["network: is for tta of students", "--student"],
        ),
        ([*TTA, "--student", STUDENT, "--encoder", "nowhere"], ["encoder", "start fresh", "--student"]),
        ([*TTA, "--student", STUDENT, "--other"], ["other", "start fresh", "--student"]),
        (["eval", "--student", STUDENT, "--root", ".", "--copies", 2], ["--copies", "--method tta"]),
    ],
)
def test_wrong_usage_is_one_line(home: Path, run: Run, words: list, names: list[str]) -> None:
    assert_refused(home, run, words, 2, names)


def test_options_that_are_off_are_recorded_as_before_there_were_any() -> None:
    """So that scores of older versions stay where nothing changed; only PartNetE's fresh students are other ones."""
    plain = TTASettings()
    assert not {"finetune", "other"} & plain.recorded().keys()
    assert plain.settled("psb", trained=False).recorded() == plain.recorded()
    assert plain.settled("partnete", trained=False).recorded()["other"] is True
    assert TTASettings(other=False).settled("partnete", trained=False).recorded() == plain.recorded()
    preset = TTASettings(network="point-m2ae", finetune=True, lr=0.1)
    assert preset.settled("partnete", trained=True) == TTASettings(lr=0.1)
