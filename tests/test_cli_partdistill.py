"""The released code's experiment from the command line, at a tiny size: distil, score, and the score that is unfair."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run, tree
from sample_partdistill import content, folder, no_boxes, path_of, write
from sample_shapes import same

from distill.epochs import WARNING
from distill.student import Student
from gen3d.mesh_io import write_shape
from gen3d.shape import Shape

PRESET = """
distill: {student: small, epochs: 2, batch: 2, points: 512, schedule: cosine, clip: null, lr: 0.002, weight_decay: 0,
  augmentation: released, stretch: 0.1, jitter: 0.01, after: 0, threshold: 1.0}
eval: {dataset: partdistill-h5, split: test, passes: 1, points: 512}
"""
STUDENT = "runs/chair/student-partdistill-h5"
DISTILL = ("distill", "--data", "partdistill-h5", "--root", "data", "--category", "chair", "--preset", "tiny.yaml")
EVAL = ("eval", "--student", STUDENT, "--root", "data", "--preset", "tiny.yaml")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four chairs to train on, one of them without any box, and two to test on."""
    folder(tmp_path / "data")
    write(tmp_path / "data", "a3", 3, **no_boxes())
    (tmp_path / "tiny.yaml").write_text(PRESET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_experiment_from_data_to_both_scores(place: Path, run: Run) -> None:
    words = (*DISTILL, "--epochs", 6, "--keep-epochs", "--select", "validation")
    end = run(*words, "--json")
    assert end.code == 0, end
    result = json.loads(end.out)
    assert result["student"] == STUDENT and result["epochs"] == 6
    assert "1 of 4 shapes have no unit; they are kept" in end.err
    table = [line.split(",") for line in (place / STUDENT / "losses.csv").read_text().splitlines()]
    assert table[0] == ["epoch", "loss", "rescored", "skipped", "empty", "validation", "lr"]
    kept = min(table[1:], key=lambda row: (row[2] == "False", float(row[5])))  # those after re-scoring come first
    assert result["kept_epoch"] == int(kept[0]) and all(float(row[5]) > 0 for row in table[1:])

    end = run(*EVAL, "--every-epoch", "--json")
    assert end.code == 0, end
    scores = json.loads(end.out)
    assert scores["selected"] == scores["miou"] == scores["epochs"][kept[0]] and scores["shapes_scored"] == 2
    assert list(scores["epochs"]) == [str(number) for number in range(1, 7)]
    best = scores["test_selected"]
    assert best["miou"] == max(scores["epochs"].values()) == scores["epochs"][str(best["epoch"])]
    assert best["warning"] == WARNING and "not a fair score" in WARNING
    assert scores["settings"]["split"] == "test" and scores["settings"]["passes"] == 1

    before = tree(place)
    assert "finished before" in run(*words).err
    again = run(*EVAL, "--every-epoch")
    assert "scored before" in again.err and "test-selected" in again.out and "not a fair score" in again.out
    assert f"{best['miou']:.1f}" in again.out and tree(place) == before


def test_the_last_epoch_is_the_one_saved_and_labels_are_never_read(place: Path, run: Run) -> None:
    assert run(*DISTILL).code == 0
    first = Student.load(STUDENT).state_dict()
    for number in range(4):  # other human labels, in training and in test files
        path = path_of(place / "data", f"a{number}")
        extra = no_boxes() if number == 3 else {}
        write(place / "data", f"a{number}", number, gt_semantic_seg=np.full(700, 12), **extra)
        assert path.is_file()
    for id in ("z0", "z1"):
        path_of(place / "data", id).unlink()
    assert run(*DISTILL, "--out", "other", "--keep-epochs").code == 0
    again = Student.load("other").state_dict()
    assert all(same(first[name].numpy(), again[name].numpy()) for name in first)
    assert sorted(p.name for p in (place / "other" / "epochs").iterdir()) == [f"{n:04d}.safetensors" for n in (1, 2)]


def test_an_output_for_what_is_no_part(place: Path, run: Run) -> None:
    for number in range(3):  # nothing covers the legs
        boxes = content(number)["conf_bbox"]
        boxes[:, 2] = 0
        write(place / "data", f"a{number}", number, conf_bbox=boxes)
    assert run(*DISTILL, "--other").code == 0
    student = Student.load(STUDENT)
    assert student.parts == ("back", "seat", "leg", "arm", "other")
    end = run(*EVAL, "--json")
    scores = json.loads(end.out)
    assert end.code == 0 and set(scores["parts"]) == {"back", "seat", "leg", "arm"} == set(scores["other"]["parts"])
    points = np.random.default_rng(0).normal(size=(600, 3)).astype(np.float32)
    write_shape(Shape("cloud", "chair", points=points), place / "cloud.ply")
    end = run("segment", "cloud.ply", "--student", STUDENT, "--out", "parts", "--json")
    assert end.code == 0 and "other" in json.loads(end.out)["shapes"][0]["counts"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("distill", "--data", "partdistill-h5", "--category", "chair"), 2, "--root is missing"),
        (("distill", "--root", "data", "--category", "chair"), 2, "--root: is for --data partdistill-h5"),
        (("distill", "--data", "h5", "--category", "chair"), 2, "data = 'h5'"),
        ((*DISTILL, "--select", "test"), 2, "select = 'test'"),
        ((*DISTILL, "--generated", "nowhere"), 2, "--generated: is for collections"),
        ((*DISTILL, "--source", "mixed"), 2, "--source: is for collections"),
        ((*DISTILL, "--teacher", "clip"), 2, "--teacher: is for collections"),
        ((*DISTILL[:6], "knife"), 3, "ktrain/extracted/preprocess.h5: not found"),
        ((*EVAL, "--every-epoch", "--method", "votes", "--category", "chair"), 2, "--every-epoch: is for"),
    ],
)
def test_what_is_wrong_is_one_line(place: Path, run: Run, words: tuple, code: int, error: str) -> None:
    end = run(*words)
    assert end.code == code and error in end.error


def test_notes_name_what_the_data_lack(place: Path, run: Run) -> None:
    end = run(*DISTILL)
    assert end.code == 0 and "never names" not in end.err and "no lists" not in end.err
    assert "the teacher was not re-scored: the loss did not settle in time (2 epochs)" in end.err
    assert json.loads((place / STUDENT / "config.json").read_text())["training"]["sources"] == {
        "partdistill-h5": {"collection": "data", "shapes": 4, "without_units": 1, "split": "train"}
    }
    for number, id in enumerate(("a0", "a1", "a2", "z0", "z1")):
        boxes = content(number)["conf_bbox"]
        boxes[:, 2] = 0
        write(place / "data", id, number, conf_bbox=boxes)
    shutil.rmtree(place / "data" / "train_test_split")
    end = run(*DISTILL, "--forward-only", "--out", "other")
    assert end.code == 0 and "the teacher never names leg: no student can learn that" in end.err
    assert "all shapes were trained on, those of the test set too" in end.err and "re-scored" not in end.err
    made = json.loads((place / "other/config.json").read_text())["training"]
    assert made["never_named"] == ["leg"] and made["sources"]["partdistill-h5"]["split"] == "all"


def test_a_missing_training_file_is_named_before_anything_is_trained(place: Path, run: Run) -> None:
    path_of(Path("data"), "a1").unlink()
    end = run(*DISTILL)
    assert end.code == 3 and f"{path_of(Path('data'), 'a1')}: not found, as 1 of 4 chair" in end.error
    assert not Path("runs").exists()


def test_epochs_that_were_not_kept_or_are_of_another_student_are_named(place: Path, run: Run) -> None:
    Student("chair", ["back", "seat", "leg", "arm"], options={"width": 16, "depth": 1}).save(place / STUDENT)
    assert "keeps no epochs" in run(*EVAL, "--every-epoch").err
    kept = place / STUDENT / "epochs"
    kept.mkdir()
    (kept / "0001.safetensors").write_bytes((place / STUDENT / "model.safetensors").read_bytes()[:100])
    end = run(*EVAL, "--every-epoch")
    assert end.code == 3 and "0001.safetensors: is not of this student" in end.err


@pytest.mark.slow
def test_the_preset_itself_with_the_papers_student(place: Path, run: Run) -> None:
    words = (*DISTILL[:-1], "paper", "--epochs", 2, "--steps", 2, "--keep-epochs")
    assert run(*words).code == 0
    kept = json.loads((place / STUDENT / "training.json").read_text())["settings"]
    assert (kept["student"], kept["schedule"], kept["clip"]) == ("point-m2ae", "cosine", None)
    end = run(*EVAL[:-1], "paper", "--every-epoch", "--json")
    scores = json.loads(end.out)
    assert end.code == 0 and scores["epochs"]["2"] == scores["miou"] and scores["settings"]["points"] == 2048
    sizes = [path.stat().st_size for path in (place / STUDENT / "epochs").iterdir()]
    assert max(sizes) < (place / STUDENT / "model.safetensors").stat().st_size / 5  # the frozen encoder is kept once
