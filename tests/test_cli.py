"""The command line as a user meets it: the whole chain at a tiny size."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_chain import DISTILL, EVAL, GENERATE, LABEL, STUDENT, Run, assert_refused, tree
from safetensors import safe_open
from tiny_pixel_teachers import write_tiny

from cli import main as cli
from gen3d.categories import CATEGORIES
from gen3d.collection import Collection
from gen3d.mesh_io import read_shape, write_shape
from gen3d.shape import Shape
from gen3d.teachers.lite.teacher import WEIGHTS

REPOSITORY = Path(__file__).resolve().parents[1]

# --- the chain ----------------------------------------------------------------------------------------------------


def test_the_chain_gives_data_on_stdout_and_is_done_the_second_time(home: Path, run: Run) -> None:
    shutil.rmtree(home / "runs")
    segment = ("segment", "chair.glb", "--student", STUDENT, "--out", "parts")
    for words, line in (
        (GENERATE, "runs/chair/generated: 3 shapes of chair"),
        (LABEL, "knowledge of lite on 3 shapes"),
        (DISTILL, f"{STUDENT}: student of chair, distilled from generated shapes"),
        (EVAL, "3 of 3 shapes"),
        (segment, "1 of 1 shapes labelled in parts"),
    ):
        if words is segment:
            write_shape(next(Collection.open("runs/chair/generated").shapes()), home / "chair.glb")
        first = run(*words)
        assert first.code == 0 and line in first.out, first
        assert "nothing to do" not in first.err
        before = tree(home)
        second = run(*words)
        assert second.code == 0 and second.err.count("nothing to do") == 1, second
        assert line in second.out and tree(home) == before
    assert not list(home.rglob(".tmp*"))


def test_mixed_sources_are_told_apart_in_what_the_student_keeps(home: Path, run: Run) -> None:
    shape = next(Collection.open("runs/chair/generated").shapes())
    (home / "scans").mkdir()
    write_shape(shape, home / "scans" / "chair.glb")
    (home / "one.yaml").write_text("distill: {batch: 1}")
    assert run("import", "scans", "--category", "chair").code == 0
    assert run("label", "runs/chair/real", *LABEL[2:]).code == 0
    mixed = ("distill", "--source", "mixed", *DISTILL[3:], "--ratio", 0.5)
    end = run(*mixed, "--json")
    assert end.code == 0 and json.loads(end.out)["student"] == "runs/chair/student-mixed"
    kept = json.loads((home / "runs/chair/student-mixed/config.json").read_text())["training"]
    assert kept["sources"] == {
        "generated": {"collection": "runs/chair/generated", "shapes": 3, "without_units": 0},
        "real": {"collection": "runs/chair/real", "shapes": 1, "without_units": 0},
    }
    assert kept["settings"]["ratio"] == 0.5 and "nothing to do" in run(*mixed).err
    assert "ratio was 0.5, now 0.25" in run(*mixed[:-1], 0.25).error
    assert "batch = 1: has no room" in run(*mixed, "--out", "small", "--preset", "one.yaml").error


def test_json_is_all_there_is_on_stdout(home: Path, run: Run) -> None:
    write_shape(next(Collection.open("runs/chair/generated").shapes()), home / "chair.glb")
    segment = ("segment", "chair.glb", "--student", STUDENT)
    answers = [json.loads(run(*words, "--json").out) for words in (GENERATE, LABEL, DISTILL, EVAL, segment)]
    generated, labelled, distilled, scored, segmented = answers
    assert generated.pop("failures") == [] and generated["failed"] == 0
    assert generated.pop("generator") == "procedural"
    assert generated == {"collection": "runs/chair/generated", "shapes": 3, "made_now": 0, "failed": 0}
    assert labelled["labelled"] == 3 and labelled["labelled_now"] == 0
    assert [row["part"] for row in labelled["parts"]] == list(CATEGORIES["chair"].parts)
    assert distilled == {"student": STUDENT, "finished_before": True, "epochs": 0}
    assert scored == json.loads((home / STUDENT / "eval-collection" / "scores.json").read_text())
    assert sum(segmented["shapes"][0]["counts"].values()) == len(read_shape(home / "chair.glb").mesh[1])
    assert all((home / file).is_file() for file in segmented["shapes"][0]["files"])


def test_resolved_settings_stand_beside_every_result(home: Path, run: Run) -> None:
    run(*EVAL)
    made = json.loads((home / "runs/chair/generated/collection.json").read_text())
    assert made["settings"]["n"] == 3 and made["settings"]["seed"] == 0
    known = json.loads((home / "runs/chair/generated/knowledge-lite.json").read_text())
    assert known["settings"]["views"] == 2 and known["parts"] == list(CATEGORIES["chair"].parts)
    trained = json.loads((home / STUDENT / "training.json").read_text())
    assert trained["settings"]["epochs"] == 1 and list(trained["collections"]) == ["runs/chair/generated"]
    scored = json.loads((home / STUDENT / "eval-collection" / "settings.json").read_text())
    assert scored["settings"]["points"] == 512


def test_the_same_seed_gives_the_same_bytes_everywhere(home: Path, finished: Path, run: Run) -> None:
    shutil.rmtree(home / "runs")
    for words in (GENERATE, LABEL, DISTILL):
        assert run(*words).code == 0
    first, second = ({k: v[2] for k, v in tree(folder / "runs").items()} for folder in (finished, home))
    assert first == second


def test_an_option_beats_the_preset_and_a_changed_one_is_refused(home: Path, run: Run) -> None:
    for words, field in (
        ((*GENERATE, "--n", 4), "was 3, now 4"),
        ((*GENERATE, "--seed", 1), "seed was 0, now 1"),
        ((*LABEL, "--views", 3), "settings.views was 2, now 3"),
        ((*LABEL, "--parts", "seat,legs"), "parts was"),
        ((*DISTILL, "--epochs", 2), "settings.epochs was 1, now 2"),
        ((*DISTILL, "--forward-only"), "settings.backward was true, now false"),
    ):
        before = tree(home)
        end = run(*words)
        assert end.code == 2 and field in end.error and "--overwrite" in end.error
        assert tree(home) == before
    assert run(*DISTILL, "--epochs", 2, "--overwrite").code == 0
    assert (home / STUDENT / "losses.csv").read_text().count("\n") == 3


def test_distilling_again_replaces_the_scores_of_the_old_student(home: Path, run: Run) -> None:
    assert run(*EVAL).code == 0 and (home / STUDENT / "eval-collection").is_dir()
    assert run(*DISTILL, "--overwrite").code == 0
    assert not (home / STUDENT / "eval-collection").exists() and not list(home.rglob(".tmp*"))


def test_votes_and_boxes_have_their_own_results(home: Path, run: Run) -> None:
    assert run(*LABEL, "--teacher", "lite-boxes").code == 0
    assert {*Collection.open("runs/chair/generated").ids("knowledge-lite-boxes")} == {
        f"chair-{i:06d}" for i in range(3)
    }
    assert run(*DISTILL, "--teacher", "lite-boxes", "--out", "boxes").code == 0
    votes = ("eval", "--method", "votes", "--category", "chair", "--root", "runs/chair/generated")
    end = run(*votes, "--preset", "tiny.yaml", "--leave-out", "arm, seat", "--yaw", "random", "--json")
    result = json.loads(end.out)
    assert result["method"] == "votes" and list(result["parts"]) == ["back", "leg"]
    assert (home / "runs/chair/eval-collection-yaw-arm-seat-lite-votes" / "report.png").is_file()


@pytest.mark.parametrize("method", ["votes", "tta"])
def test_a_pretrained_teacher_answers_with_its_options(home: Path, run: Run, tmp_path: Path, method: str) -> None:
    weights = write_tiny("clip", tmp_path / "clip")
    words: list[Any] = ["eval", "--method", method, "--teacher", "clip", "--option", f"weights={weights}", "--json"]
    words += ["--category", "chair", "--root", "runs/chair/generated", "--preset", "tiny.yaml"]
    words += ["--views", 2, "--size", 64, *(["--copies", 1, "--epochs", 1, "--passes", 1] if method == "tta" else [])]
    end = run(*words, "--option", "tokens=last")
    assert end.code == 0, end.err
    result = json.loads(end.out)
    assert (result["method"], result["shapes_scored"]) == (method, 3)
    folder = next((home / "runs/chair").glob(f"eval-collection-clip-{method}*"))
    label = json.loads((folder / "settings.json").read_text())["label"]
    assert (label["teacher"], label["options"]) == ("clip", {"tokens": "last"})
    refused = run(*words, "--option", "tokens=first")
    assert refused.code == 2 and "tokens" in refused.error


@pytest.mark.slow
def test_a_real_set_is_scored(home: Path, run: Run, shared_data: Path) -> None:
    end = run(
        "eval", "--student", STUDENT, "--dataset", "psb", "--root", shared_data / "psb", "--leave-out", "arm", "--json"
    )
    assert end.code == 0 and json.loads(end.out)["shapes_scored"] == 12


def test_a_cloud_is_segmented_into_clouds(home: Path, run: Run) -> None:
    points = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    write_shape(Shape("cloud", "unknown", points=points), home / "cloud.ply")
    result = json.loads(run("segment", "cloud.ply", "--student", STUDENT, "--up", "z", "--json").out)["shapes"][0]
    assert result["elements"] == "points" and sum(result["counts"].values()) == 700
    table = json.loads(next(home.glob("parts/cloud/*labels.json")).read_text())
    assert len(table["point_labels"]) == 700


def test_segmenting_another_file_or_with_other_options_starts_anew(home: Path, run: Run) -> None:
    shapes = list(Collection.open("runs/chair/generated").shapes())
    write_shape(shapes[0], home / "a.glb")
    words = ("segment", "a.glb", "--student", STUDENT, "--out", "parts")
    assert run(*words).code == 0
    for extra in (("--seed", 1), ("--up", "z", "--seed", 1)):
        assert "nothing to do" not in run(*words, *extra).err
        assert "nothing to do" in run(*words, *extra).err
    assert "nothing to do" not in run(*words, *extra, "--overwrite").err
    write_shape(shapes[1], home / "a.glb")
    assert "nothing to do" not in run(*words, *extra).err


def test_the_teacher_is_trained_by_a_command(home: Path, run: Run) -> None:
    words = (
        "train-teacher",
        "--out",
        "w.safetensors",
        "--steps",
        2,
        "--categories",
        "mug, cap",
        "--preset",
        "tiny.yaml",
    )
    scores = json.loads(run(*words, "--json").out)["held_out_miou"]
    assert set(scores) == {"mug", "cap"} and all(0 <= x <= 1 for x in scores.values())
    with safe_open(home / "w.safetensors", "pt") as file:
        assert json.loads(file.metadata()["settings"])["categories"] == ["mug", "cap"]


# --- help ---


def test_help_is_quick_to_import() -> None:
    code = (
        "import sys; from cli import main; sys.argv = ['gen3d', '--help']\ntry: main.main()\nexcept SystemExit: pass\n"
    )
    code += "print('loaded:', *sorted({name.partition('.')[0] for name in sys.modules}))"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    assert "typer" in loaded and not loaded & {
        "torch",
        "trimesh",
        "scipy",
        "numpy",
        "embreex",
        "huggingface_hub",
        "PIL",
        "rich",
        "pydantic",
        "yaml",
        "h5py",
        "viser",
    }
    for verb in ("generate", "label", "pretrain", "distill", "eval", "segment", "train-teacher", "reproduce", "show"):
        assert verb in done.stdout


def test_stages_are_quick_to_import() -> None:
    """A command with nothing to do, or a wrong option, ends before libraries of seconds are loaded."""
    code = "import sys, gen3d.generation, gen3d.labelling; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"ray", "torch", "trimesh", "scipy", "transformers", "huggingface_hub"}


VERBS = ["generate", "label", "pretrain", "distill", "eval", "segment", "train-teacher", "reproduce"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(run: Run, verb: str) -> None:
    end = run(verb, "--help")
    assert end.code == 0 and "--seed" in end.out and "--json" in end.out and not end.err


def test_no_word_at_all_gives_the_help(run: Run) -> None:
    end = run()
    assert end.code == 0 and "Commands" in end.out and run("--version").out.startswith("gen3d ")


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"no weights at {WEIGHTS} yet")
def test_the_shipped_teacher_makes_a_student_of_real_chairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text("distill: {batch: 4, epochs: 12}")
    out = ""
    for words in (
        "generate --category chair --n 60 --workers 1",
        "label runs/chair/generated --workers 1",
        "distill --source generated --category chair --preset small.yaml",
        f"eval --student runs/chair/student-generated --root {shared_data / 'psb'} --leave-out arm --json",
    ):
        monkeypatch.setattr(sys, "argv", ["gen3d", *words.split()])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out = str(capfd.readouterr().out)
        assert not end.value.code
    assert json.loads(out)["miou"] > 80


def test_a_run_is_reported_on_one_page_beside_it(home: Path, run: Run) -> None:
    assert run(*EVAL).code == 0
    end = run("report", "runs/chair", "--json")
    found = json.loads(end.out)
    page = home / "runs/chair-report.html"
    assert end.code == 0 and (home / found["out"]).samefile(page) and found["bytes"] == page.stat().st_size < 5_000_000
    assert {kind: found[kind] for kind in ("evaluations", "models", "collections", "experiments", "shapes")} == {
        "evaluations": 1, "models": 1, "collections": 1, "experiments": 0, "shapes": 6
    }  # fmt: skip
    first = page.read_bytes()
    assert run("report", "runs/chair", "--out", "again/a.html").out.startswith("again/a.html: 1 evaluations, 1 models")
    assert (home / "again/a.html").read_bytes() == first
    (home / "empty").mkdir()
    for words, reason in ((("empty",), "holds no collection"), (("tiny.yaml",), "is not a folder")):
        assert_refused(home, run, ("report", *words), 3, [reason])
