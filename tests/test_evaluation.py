"""Scoring: known predictions give known scores, and what is written says what was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_teacher import Oracle
from toy_shards import stamps

from distill import evaluation, scoring
from distill.baselines import make_baseline
from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings, evaluate_baseline, evaluate_student, read_dataset
from distill.metrics import bootstrap_interval
from distill.predictions import FILE
from distill.report import MOST, draw_report
from distill.scores import Report
from distill.scoring import Subject, score
from distill.student import Student
from gen3d.categories import category
from gen3d.colors import part_color
from gen3d.errors import InputError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.labelling import LabelSettings
from gen3d.shape import Shape, yaw

CHAIR = category("chair")
VOTES = make_baseline("votes")
SETTINGS = EvalSettings(points=512, dataset="collection")


class Stub(Student):
    """A student of chairs whose logits are looked up by the cloud it is shown."""

    def __init__(self, answers: dict[bytes, np.ndarray], parts: tuple[str, ...] = CHAIR.parts) -> None:
        super().__init__("chair", list(parts), options={"width": 8, "depth": 1, "heads": 1})
        self.answers = answers

    def logits(self, clouds: list[np.ndarray], batch: int = 16) -> np.ndarray:
        """One-hot answers."""
        return np.stack([np.eye(len(self.parts), dtype=np.float32)[self.answers[c.tobytes()]] for c in clouds])


def chairs(count: int = 3, **changes: Any) -> LabelledSet:
    """Generated chairs with their exact labels."""
    shapes = [ProceduralGenerator().generate("chair", seed, f"chair-{seed}") for seed in range(count)]
    return replace(LabelledSet("made", "chair", CHAIR.parts, shapes, count), **changes)


def seen(labelled: LabelledSet, settings: EvalSettings = SETTINGS) -> list[Shape]:
    """The shapes as a student gets to see them."""
    return evaluation.posed(labelled, settings)


def knowing(labelled: LabelledSet, settings: EvalSettings = SETTINGS, swap: tuple[int, int] | None = None) -> Stub:
    """A student that gives every point its true part; `swap` = (true part, what it says instead)."""
    answers = {}
    for shape in seen(labelled, settings):
        assert shape.points is not None and shape.point_labels is not None
        labels = shape.point_labels.clip(0)
        answers[shape.points.tobytes()] = labels if swap is None else np.where(labels == swap[0], swap[1], labels)
    return Stub(answers)


# --- students -----------------------------------------------------------------------------------------------------


def test_the_exact_labels_score_100() -> None:
    labelled = chairs()
    report = evaluate_student(knowing(labelled), labelled, SETTINGS)
    assert report.miou == 100 and report.parts == CHAIR.parts and report.expected == 3
    assert all((s.ious == 1).all() and s.counted.all() for s in report.shapes)


def test_an_error_costs_what_the_metric_says() -> None:
    labelled = chairs()
    report = evaluate_student(knowing(labelled, swap=(0, 1)), labelled, SETTINGS)  # every back is called seat
    for scored, shape in zip(report.shapes, seen(labelled), strict=True):
        truth = shape.point_labels
        assert truth is not None
        back, seat = (truth == 0).sum(), (truth == 1).sum()
        np.testing.assert_allclose(scored.ious, [0, seat / (seat + back), 1, 1])  # absent arms count as 1
        assert scored.shape.id == shape.id


def test_parts_left_out_take_their_points_and_predictions_with_them() -> None:
    labelled = chairs(6)
    settings = SETTINGS.model_copy(update={"leave_out": ("backrest", "arm")})
    report = evaluate_student(knowing(labelled), labelled, settings)
    assert report.parts == ("seat", "leg") and report.miou == 100
    assert any(3 in s.shape.point_labels for s in report.shapes if s.shape.point_labels is not None)
    for scored in report.shapes:
        assert set(scored.prediction) <= {1, 2} and scored.ious.shape == (2,)
        assert scored.shape.point_labels is not None
        np.testing.assert_array_equal(scored.counted, np.isin(scored.shape.point_labels, [1, 2]))


def test_parts_the_set_does_not_define_are_never_predicted() -> None:
    labelled = chairs(6, parts=("back", "seat", "leg"))
    student = knowing(chairs(6), swap=(0, 3))  # says arm for every back
    report = evaluate_student(student, labelled, SETTINGS)
    assert report.parts == ("back", "seat", "leg")
    assert all(set(s.prediction) <= {0, 1, 2} for s in report.shapes)


def test_unlabelled_points_do_not_count() -> None:
    labelled = chairs(1)
    shape = labelled.shapes[0]
    assert shape.face_labels is not None
    labels = np.where(np.arange(len(shape.face_labels)) % 2, shape.face_labels, -1).astype(np.int16)
    half = replace(labelled, shapes=[replace(shape, face_labels=labels)])
    report = evaluate_student(knowing(half), half, SETTINGS)
    assert report.miou == 100 and not report.shapes[0].counted.all()


def test_a_student_of_fewer_parts_answers_with_the_categorys_labels() -> None:
    labelled = chairs(2)
    answers = {s.points.tobytes(): np.ones(512, int) for s in seen(labelled) if s.points is not None}
    student = Stub(answers, ("seat", "leg"))
    report = evaluate_student(student, labelled, SETTINGS)
    assert all((s.prediction == CHAIR.part_index("leg")).all() for s in report.shapes)
    only = SETTINGS.model_copy(update={"leave_out": ("seat", "leg")})
    with pytest.raises(InputError, match="knows none of the scored parts"):
        evaluate_student(student, labelled, only)


def test_a_random_yaw_turns_each_shape_its_own_way_and_scores_the_same() -> None:
    labelled = chairs()
    settings = SETTINGS.model_copy(update={"yaw": "random"})
    turned, again, other = (seen(labelled, s) for s in (settings, settings, settings.model_copy(update={"seed": 1})))
    for a, b, c, straight in zip(turned, again, other, labelled.shapes, strict=True):
        assert a.points is not None and b.points is not None and c.points is not None
        assert a.points.tobytes() == b.points.tobytes() != c.points.tobytes()
        assert np.isclose(np.linalg.norm(a.positions(), axis=1).max(), 1, atol=1e-5)
        np.testing.assert_allclose(_heights(a), _heights(straight), rtol=1e-4)  # about +Y alone
    assert evaluate_student(knowing(labelled, settings), labelled, settings).miou == 100


def _heights(shape: Shape) -> np.ndarray:
    """Sorted y of the vertices, over their range: what a yaw with normalisation leaves."""
    y = np.sort(shape.positions()[:, 1].astype(float))
    return ((y - y[0]) / (y[-1] - y[0])).round(3)


def test_wrong_categories_and_missing_labels_are_named() -> None:
    student = Stub({})
    tables = LabelledSet("made", "table", category("table").parts, [], 0)
    with pytest.raises(InputError, match="the student is of chair, the shapes are of table"):
        evaluate_student(student, tables, SETTINGS)
    labelled = chairs(1)
    bare = replace(labelled, shapes=[replace(labelled.shapes[0], face_labels=None)])
    with pytest.raises(InputError, match="chair-0: has no labels"):
        evaluate_student(knowing(labelled), bare, SETTINGS)
    with pytest.raises(SettingsError, match="unknown part 'wing' of chair"):
        evaluate_student(student, labelled, SETTINGS.model_copy(update={"leave_out": ("wing",)}))
    with pytest.raises(SettingsError, match="leaves no part to score"):
        evaluate_student(student, labelled, SETTINGS.model_copy(update={"leave_out": CHAIR.parts}))


# --- votes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [512, 1024])
def test_votes_of_a_teacher_that_knows_are_nearly_right(points: int) -> None:
    labelled = chairs(1)
    settings = SETTINGS.model_copy(update={"points": points, "seed": 5})
    report = evaluate_baseline(VOTES, Oracle(labelled.shapes[0]), labelled, settings, LabelSettings(views=10, size=160))
    truth = labelled.shapes[0].sampled(points, 5).point_labels
    assert report.miou > 90 and np.array_equal(report.shapes[0].shape.point_labels, truth)  # type: ignore[arg-type]
    assert report.method == "votes"


def test_votes_leave_parts_out_too() -> None:
    labelled = chairs(1)
    settings = SETTINGS.model_copy(update={"leave_out": ("seat",)})
    report = evaluate_baseline(VOTES, Oracle(labelled.shapes[0]), labelled, settings, LabelSettings(views=6, size=96))
    assert set(report.shapes[0].prediction) <= {0, 2, 3} and report.miou > 90


def test_votes_without_any_unit_are_no_part() -> None:
    labelled = chairs(1)
    teacher = Oracle(labelled.shapes[0])
    teacher.labels = np.full_like(teacher.labels, -5)  # no prompt
    report = evaluate_baseline(VOTES, teacher, labelled, SETTINGS, LabelSettings(views=2, size=64))
    assert (report.shapes[0].prediction == -1).all()
    np.testing.assert_allclose(report.shapes[0].ious[:3], 0)


# --- what is written ----------------------------------------------------------------------------------------------


def mixed_report(count: int) -> tuple[Report, np.ndarray]:
    """A report of shapes with different scores, and these."""
    labelled = chairs(count)
    right, wrong = knowing(labelled), knowing(labelled, swap=(0, 1))
    for shape in seen(labelled)[::2]:
        assert shape.points is not None
        right.answers[shape.points.tobytes()] = wrong.answers[shape.points.tobytes()]
    report = evaluate_student(right, labelled, SETTINGS)
    return report, np.array([s.ious.mean() for s in report.shapes])


def test_the_scores_in_json_are_those_of_the_shapes() -> None:
    report, scores = mixed_report(5)
    table = json.loads(json.dumps(report.as_dict(SETTINGS)))
    assert table["miou"] == round(100 * scores.mean(), 2) == round(report.miou, 2)
    assert table["worst_half"] == round(100 * np.sort(scores)[:3].mean(), 2) < table["miou"]
    low, high = bootstrap_interval(scores, seed=0)
    assert table["interval_95"] == [round(100 * low, 2), round(100 * high, 2)] and low < scores.mean() < high
    assert table["shapes"] == {f"chair-{i}": round(100 * s, 2) for i, s in enumerate(scores)}
    assert list(table["parts"]) == list(CHAIR.parts)
    assert np.isclose(np.mean(list(table["parts"].values())), table["miou"], atol=0.02)
    assert table["settings"] == json.loads(SETTINGS.model_dump_json())
    assert (table["shapes_scored"], table["shapes_expected"]) == (5, 5)
    assert (table["method"], table["category"]) == ("student", "chair") and "ShapeNetPart" in table["metric"]


@pytest.mark.parametrize("count", [1, 3, MOST + 2])
def test_the_picture_has_a_row_per_shape(tmp_path: Path, count: int) -> None:
    if count <= 3:
        report, _ = mixed_report(count)
    else:  # the same few again, as points: fast to draw
        few, _ = mixed_report(2)
        light = [replace(s, shape=replace(s.shape, vertices=None, faces=None)) for s in few.shapes]
        report = replace(few, shapes=[light[i % 2] for i in range(count)])
    draw_report(report, tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as image:
        width, height = image.size
        image.load()
        assert image.format == "PNG" and image.mode == "RGB" and len(image.getcolors(2**24) or []) > 50
    rows = min(count, MOST)
    assert width == 6 * 130 and rows * 130 < height <= rows * (130 + 24) + 60


def test_the_legend_has_the_colours_of_the_pictures_where_parts_are_left_out(tmp_path: Path) -> None:
    labelled = chairs(1)
    report = evaluate_student(knowing(labelled), labelled, SETTINGS.model_copy(update={"leave_out": ("back", "leg")}))
    draw_report(report, tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as image:
        strip = np.asarray(image)[18:22]
    shown = {tuple(color) for color in strip.reshape(-1, 3).tolist()}
    assert {tuple(part_color(label).tolist()) for label in (1, 3)} <= shown
    assert not {tuple(part_color(label).tolist()) for label in (0, 2)} & shown


# --- the stage ----------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Path]:
    """A collection of three chairs and an untrained student of chairs."""
    generate(GenerateSettings(category="chair", n=3), tmp_path / "chairs")
    Student("chair", list(CHAIR.parts), options={"width": 8, "depth": 1, "heads": 1}).save(tmp_path / "student")
    return tmp_path / "chairs", tmp_path / "student"


def subject(student: Path) -> Subject:
    return Subject(student=str(student))


def test_scores_settings_and_picture_are_kept_beside_the_student(place: tuple[Path, Path]) -> None:
    root, student = place
    result, folder, finished = score(subject(student), root, SETTINGS, None, False)
    assert not finished and folder.parent == student
    assert {p.name for p in folder.iterdir()} == {"scores.json", "settings.json", "report.png", FILE}
    assert json.loads((folder / "scores.json").read_bytes()) == json.loads(json.dumps(result))
    kept = json.loads((folder / "settings.json").read_bytes())
    assert kept["settings"] == json.loads(SETTINGS.model_dump_json()) and kept["root"] == str(root)

    before = stamps(folder)
    again, same_folder, finished = score(subject(student), root, SETTINGS, None, False)
    assert finished and same_folder == folder and stamps(folder) == before
    assert again == json.loads(json.dumps(result))

    (folder / "scores.json").unlink()  # half a result is none
    assert score(subject(student), root, SETTINGS, None, False)[2] is False and (folder / "scores.json").is_file()


def test_another_seed_goes_to_another_folder_and_is_refused_in_the_same_one(place: tuple[Path, Path]) -> None:
    root, student = place
    folder = score(subject(student), root, SETTINGS, None, False)[1]
    other = SETTINGS.model_copy(update={"seed": 1})
    assert score(subject(student), root, other, None, False)[1] != folder
    with pytest.raises(SettingsError, match=r"settings.seed was 0, now 1; .*--overwrite"):
        score(subject(student), root, other, folder, False)
    assert score(subject(student), root, other, folder, True)[2] is False


def test_another_student_in_the_same_folder_is_noticed(place: tuple[Path, Path]) -> None:
    root, student = place
    folder = score(subject(student), root, SETTINGS, None, False)[1]
    network = Student.load(student)
    for value in network.parameters():
        value.data += 1
    network.save(student.with_name("other"))
    (student.with_name("other") / "model.safetensors").replace(student / "model.safetensors")
    with pytest.raises(SettingsError, match="weights was"):
        score(subject(student), root, SETTINGS, folder, False)


def test_a_failed_second_run_leaves_no_old_settings_to_new_scores(
    place: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, student = place
    folder = score(subject(student), root, SETTINGS, None, False)[1]

    def full(path: Path, record: dict[str, Any]) -> None:
        raise InputError("stop")

    monkeypatch.setattr(scoring, "write_record", full)
    with pytest.raises(InputError, match="stop"):
        score(subject(student), root, SETTINGS, folder, True)
    assert not (folder / "settings.json").exists()


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"method": "guess"}, SettingsError, "unknown method 'guess'; known are: student, tta, supervised, votes"),
        ({"student": None}, SettingsError, "--student is missing"),
        ({"method": "votes", "student": None}, SettingsError, "--category is missing"),
        ({"method": "votes"}, SettingsError, "--student: --method votes has none"),
        (
            {"method": "votes", "student": None, "category": "chair", "options": {"a": 1}},
            SettingsError,
            "--set a: votes",
        ),
        ({"category": "table"}, InputError, "is a student of chair, not of table"),
    ],
)
def test_a_wrong_subject_is_named(place: tuple[Path, Path], changes: dict, kind: type[Exception], words: str) -> None:
    root, student = place
    with pytest.raises(kind, match=words):
        score(subject(student).model_copy(update=changes), root, SETTINGS, None, False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "imagenet"}, "unknown data set 'imagenet'; known are: collection, coseg, partdistill-h5, "),
        ({"dataset": "psb", "split": "val"}, "split: the psb data set has no such option"),
        ({"pose": "raw"}, "pose: the collection data set has no such option"),
    ],
)
def test_an_option_that_a_data_set_lacks_is_named(tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_dataset(SETTINGS.model_copy(update=changes), "chair", tmp_path)


def test_an_error_inside_a_reader_is_not_taken_for_a_wrong_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(root: Path, category: str) -> LabelledSet:
        raise TypeError("a bug")

    monkeypatch.setitem(evaluation.DATASETS, "broken", broken)
    with pytest.raises(TypeError, match="a bug"):
        read_dataset(SETTINGS.model_copy(update={"dataset": "broken"}), "chair", Path())


def test_real_shapes_are_scored(shared_data: Path) -> None:
    settings = EvalSettings(points=512, leave_out=("arm",))
    labelled = read_dataset(settings, "chair", shared_data / "psb")
    some = replace(labelled, shapes=labelled.shapes[:3])
    report = evaluate_student(knowing(some, settings), some, settings)
    assert report.miou == 100 and report.parts == ("back", "seat", "leg") and report.expected == 12


def test_yaw_is_the_rotation_it_says() -> None:
    np.testing.assert_allclose(yaw(90) @ [0, 0, 1], [1, 0, 0], atol=1e-12)


# --- faces of meshes ---

FACES = SETTINGS.model_copy(update={"elements": "faces"})


def faces_miou(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Naive: every face counts one, an absent part counts as 1."""
    ious = []
    for part in range(4):
        a, b = prediction == part, truth == part
        ious.append((a & b).sum() / (a | b).sum() if (a | b).any() else 1.0)
    return 100 * float(np.mean(ious))


@pytest.mark.parametrize("method", ["votes", "student"])
def test_every_face_of_a_mesh_is_labelled_and_counts_one(method: str) -> None:
    labelled = chairs(2)
    if method == "votes":
        teacher = Oracle(labelled.shapes[0])
        report = evaluate_baseline(VOTES, teacher, labelled, FACES, LabelSettings(views=6, size=96))
    else:
        student = Student("chair", list(CHAIR.parts), options={"width": 8, "depth": 1, "heads": 1})
        report = evaluate_student(student, labelled, FACES)
        for scored, shape in zip(report.shapes, labelled.shapes, strict=True):
            assert np.array_equal(scored.prediction, student.label_faces(shape)[0])
    for scored, shape in zip(report.shapes, labelled.shapes, strict=True):
        assert shape.face_labels is not None and len(scored.prediction) == len(shape.face_labels)
        assert 100 * scored.ious.mean() == pytest.approx(faces_miou(scored.prediction, shape.face_labels))
    assert "over faces" in report.as_dict(FACES)["metric"]


def test_faces_are_seen_where_points_are() -> None:
    """With a teacher that is right everywhere, faces that views show are right; the others take their neighbour's."""
    labelled = chairs(1)
    report = evaluate_baseline(VOTES, Oracle(labelled.shapes[0]), labelled, FACES, LabelSettings(views=10, size=160))
    assert report.miou > 90


def test_clouds_have_no_faces_to_score() -> None:
    clouds = [replace(shape.sampled(600, 0), vertices=None, faces=None, face_labels=None) for shape in chairs(1).shapes]
    with pytest.raises(InputError, match="chair-0: is a cloud without faces; score its points, with --elements points"):
        evaluate_baseline(VOTES, Oracle(chairs(1).shapes[0]), chairs(1, shapes=clouds), FACES, LabelSettings())
