"""What a user can do wrong: one line on stderr that names it, the right exit code, and nothing half-written."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from pathlib import Path

import killing
import pytest
from cli_chain import DISTILL, EVAL, GENERATE, LABEL, STUDENT, Ended, Run, assert_refused, tree
from test_storage import file_size_limit

from distill import distillation
from distill.student import Student
from gen3d import labelling
from gen3d.categories import CATEGORIES
from gen3d.collection import Collection
from gen3d.errors import MissingError
from gen3d.mesh_io import write_shape
from gen3d.teachers import TEACHERS

REPOSITORY = Path(__file__).resolve().parents[1]

# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["generate", "--category", "sofa"], ["'sofa'", *CATEGORIES]),
        (["generate", "--category", "chair", "--prompt", "a blue chair"], ["'blue'", "--vocabulary"]),
        (["generate", "--category", "chair", "--n", 0], ["n = 0", "greater than or equal to 1"]),
        (["generate", "--category", "chair", "--n", -5], ["n = -5"]),
        (["generate", "--category", "chair", "--generator", "dream"], ["'dream'", "procedural"]),
        (["generate", "--category", "chair", "--preset", "nothing"], ["'nothing'"]),
        ([*LABEL, "--parts", "seat,wing"], ["'wing'", "back", "seat", "leg", "arm"]),
        ([*LABEL, "--parts", " , "], ["no part is asked for"]),
        ([*LABEL, "--teacher", "clop"], ["'clop'", "lite, lite-boxes"]),
        ([*LABEL, "--renderer", "crayon"], ["'crayon'", "embree"]),
        ([*LABEL, "--views", 0], ["views = 0"]),
        ([*DISTILL, "--category", "So/fa"], ["'So/fa'", "airplane"]),
        ([*DISTILL, "--student", "giant", "--out", "new"], ["'giant'", "small"]),
        ([*DISTILL, "--source", "dreams"], ["source = 'dreams'"]),
        ([*DISTILL, "--epochs", 0, "--out", "new"], ["epochs = 0"]),
        ([*DISTILL, "--real", "nowhere", "--out", "new"], ["--real: is not read with source = generated"]),
        ([*DISTILL, "--select", "best", "--out", "new"], ["select = 'best': known are: last, validation"]),
        ([*DISTILL, "--out", "runs"], ["runs: holds something else"]),
        ([*DISTILL, "--out", "tiny.yaml", "--overwrite"], ["tiny.yaml: holds something else"]),
        (["eval", "--root", "."], ["--student is missing"]),
        ([*EVAL, "--method", "guess"], ["'guess'", "student, tta, supervised, votes"]),
        ([*EVAL, "--dataset", "imagenet"], ["'imagenet'", "psb"]),
        ([*EVAL, "--leave-out", "wing"], ["'wing'", "back"]),
        ([*EVAL, "--leave-out", "back,seat,leg,arm"], ["leaves no part"]),
        ([*EVAL, "--pose", "raw"], ["pose", "collection"]),
        (["eval", "--method", "votes", "--root", "."], ["--category is missing"]),
        ([*EVAL, "--teacher", "clip"], ["--teacher", "tta or a baseline"]),
        ([*EVAL, "--set", "a=1"], ["--set a", "a baseline"]),
        (["eval", "--method", "votes", "--root", ".", "--category", "chair", "--copies", 2], ["--copies", "tta"]),
        (["eval", "--method", "votes", "--root", ".", "--category", "chair", "--set", "a"], ["--set a", "NAME=VALUE"]),
        (["segment", "x.glb", "--student", STUDENT, "--up", "x"], ["up = 'x'", "'y', 'z' or 'auto'"]),
        (["segment", "x.glb"], ["--student, --category or --teacher is missing", "student that ships"]),
        (["segment", "x.glb", "--student", STUDENT, "--parts", "lid"], ["--parts: is for --teacher"]),
        (["segment", "x.glb", "--student", STUDENT, "--set", "epochs=1"], ["--set: is for --teacher"]),
        (["segment", "x.glb", "--student", STUDENT, "--option", "weights=x"], ["--option: is for --teacher"]),
        (["segment", "x.glb", "--teacher", "clip"], ["object is none of", "--parts back,seat,leg"]),
        (["segment", "x.glb", "--teacher", "nobody"], ["unknown teacher 'nobody'"]),
        (["segment", "x.glb", "--teacher", "lite", "--category", "mug", "--set", "tta=joint"], ["--set tta", "alone"]),
        (["segment", "x.glb", "--teacher", "lite", "--category", "mug", "--set", "epocs=2"], ["setting 'epocs'"]),
        (["segment", "x.glb", "--teacher", "lite", "--student", STUDENT, "--parts", "leg"], ["--parts: a --student"]),
        (["show", "runs/chair/generated", "--port", 70000], ["port = 70000"]),
        (["show", "runs/chair/generated", "--up", "x"], ["up = 'x'", "'y', 'z' or 'auto'"]),
        (["show", "runs/chair/generated", "--category", "mug"], ["--category: is for files and data sets"]),
        (["show"], ["paths"]),
        (["generate", "--category", "chair", "--n", "many"], ["--n"]),
        (["generate", "--category", "chair", "--seed", -1], ["--seed"]),
        (["generate"], ["--category"]),
        (["paint"], ["paint"]),
        (["--colour"], ["--colour"]),
        (["generate", "--category", "chair", "--workers", 0], ["--workers"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(home: Path, run: Run, words: list, names: list[str]) -> None:
    assert_refused(home, run, words, 2, names)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["label", "nowhere"], ["nowhere: is not a collection", "gen3d generate"]),
        (["label", "runs"], ["runs: is not a collection"]),
        (["label", "tiny.yaml"], ["tiny.yaml: is not a collection"]),
        ([*DISTILL, "--generated", "nowhere", "--out", "new"], ["nowhere: is not a collection"]),
        ([*DISTILL, "--source", "mixed", "--out", "new"], ["runs/chair/real: is not a collection", "gen3d import"]),
        ([*DISTILL, "--category", "mug", "--generated", "runs/chair/generated"], ["collection of chair, not of mug"]),
        (
            [*DISTILL, "--teacher", "lite-boxes", "--out", "new"],
            ["no knowledge of the lite-boxes teacher", "gen3d label"],
        ),
        ([*EVAL, "--category", "table"], [STUDENT, "student of chair, not of table"]),
        ([*EVAL, "--root", "nowhere"], ["nowhere: is not a collection"]),
        ([*EVAL, "--dataset", "psb"], ["meta.json"]),
        (["eval", "--student", "runs", "--root", "."], ["runs", "config.json"]),
        (["eval", "--student", "runs/chair/none", "--root", "."], ["runs/chair/none"]),
        (["segment", "nothing.glb", "--student", STUDENT], ["nothing.glb: no such file"]),
        (["segment", "runs", "--student", STUDENT], ["runs", "holds no shape of chair"]),
        (["segment", "nothing*.glb", "--student", STUDENT], ["nothing*.glb: no file or folder matches"]),
        (["segment", "tiny.yaml", "--student", STUDENT, "--category", "mug"], ["student of chair, not of mug"]),
    ],
)
def test_unusable_input_is_one_line_and_exit_code_3(home: Path, run: Run, words: list, names: list[str]) -> None:
    assert_refused(home, run, words, 3, names)


BAD_MESHES = {
    "empty.obj": "",
    "blank.stl": " \n",
    "noise.glb": "\0\1\2 this is no GLB",
    "noise.ply": "ply\nformat ascii 1.0\nelement vertex 99\nend_header\n",
    "nan.obj": "v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n",
    "inf.off": "OFF\n3 1 0\n0 0 0\n1 0 inf\n0 1 0\n3 0 1 2\n",
    "flat.obj": "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n",
    "dot.obj": "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n",
    "faceless.obj": "v 0 0 0\nv 1 0 0\nv 0 1 0\n",
    "faceless.off": "OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n",
    "loose.obj": "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n",
}


@pytest.mark.parametrize("name", BAD_MESHES)
def test_a_bad_mesh_is_named_and_nothing_is_written(home: Path, run: Run, name: str) -> None:
    (home / name).write_text(BAD_MESHES[name])
    before = tree(home)
    end = run("segment", name, "--student", STUDENT, "--out", "parts", "--json")
    assert end.code == 3 and name in end.err and end.err.count("\n") == 1 and "Traceback" not in end.err
    told = json.loads(end.out)
    assert told["failed"] == 1 and told["shapes"] == [] and name in told["failures"][0]["reason"]
    assert tree(home) == before and not (home / "parts").exists()


def test_a_student_of_another_category_can_not_score_a_collection(home: Path, run: Run) -> None:
    assert run("generate", "--category", "mug", "--n", 1).code == 0
    end = run(*EVAL, "--root", "runs/mug/generated")
    assert end.code == 3 and "runs/mug/generated: is a collection of mug, not of chair" in end.error


def test_missing_labels_are_named(home: Path, run: Run) -> None:
    manifest = home / "runs/chair/generated/manifest.jsonl"
    lines = manifest.read_bytes().splitlines(True)
    manifest.write_bytes(b"".join(line for line in lines if b'"knowledge-lite-00000.tar"' not in line))
    end = run(*DISTILL, "--out", "new")
    assert end.code == 3 and "2 of its 3 shapes have no knowledge of the lite teacher; run `gen3d label`" in end.error
    assert not (home / "new").exists()


def test_no_visible_part_is_said(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from test_labelling import Blank

    monkeypatch.setitem(TEACHERS, "blank", Blank)
    for _ in range(2):
        end = run(*LABEL, "--teacher", "blank")
        assert end.code == 3 and "none of its 3 shapes could be labelled" in end.error and "no view shows" in end.error
    end = run(*DISTILL, "--teacher", "blank", "--out", "new")
    assert end.code == 3 and "none of its shapes could be labelled" in end.error and not (home / "new").exists()


def test_a_damaged_shard_is_named(home: Path, run: Run) -> None:
    shard = home / "runs/chair/generated/knowledge-lite-00001.tar"
    shard.write_bytes(b"\0" * shard.stat().st_size)
    end = run(*DISTILL, "--out", "new")
    assert end.code == 3 and "knowledge-lite-00001.tar" in end.error and not (home / "new").exists()


def test_something_to_install_is_exit_code_4(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> object:
        raise MissingError("the clip weights are missing;\nrun X first")

    monkeypatch.setitem(TEACHERS, "clip", missing)
    end = run(*LABEL, "--teacher", "clip")
    assert end.code == 4 and end.error == "gen3d: the clip weights are missing; run X first\n"


@pytest.mark.parametrize("words", [GENERATE, LABEL, DISTILL, EVAL], ids=lambda words: words[0])
def test_a_place_that_can_not_be_written_is_exit_code_5(home: Path, run: Run, words: tuple) -> None:
    if words is LABEL:
        shutil.rmtree(home / "runs/chair/generated")
        assert run(*GENERATE).code == 0
        (home / "runs/chair/generated/knowledge-lite.json").mkdir()  # no file can take that name
        end = run(*words)
        assert end.code in (3, 5) and "knowledge-lite.json" in end.error
        return
    (home / "file").write_text("x")
    end = run(*words, "--out", "file/below")
    assert end.code == 5 and "file" in end.error and (home / "file").read_text() == "x"


@pytest.mark.parametrize("verb", ["generate", "label", "distill", "eval", "segment"])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(home: Path, run: Run, verb: str) -> None:
    write_shape(next(Collection.open("runs/chair/generated").shapes()), home / "chair.glb")
    words: tuple = {
        "generate": (*GENERATE, "--overwrite", "--seed", 9),
        "label": (*LABEL, "--overwrite", "--seed", 9),
        "distill": (*DISTILL, "--overwrite", "--seed", 9),
        "eval": EVAL,
        "segment": ("segment", "chair.glb", "--student", STUDENT, "--out", "parts"),
    }[verb]
    before = {name: entry[2] for name, entry in tree(home).items()}
    with file_size_limit(9000):
        end = run(*words)
    assert end.code == 5 and re.search("can't (be written|write)|file size limit|too large", end.error), end
    after = {name: entry[2] for name, entry in tree(home).items()}
    assert not [name for name in after if ".tmp" in name]
    if verb in ("distill", "eval", "segment"):  # the old student is whole, no new name is half full
        assert {name: data for name, data in after.items() if name in before} == before
        assert not any(Path(name).suffix in (".png", ".glb") for name in after if name not in before)
    assert run(*words).code == 0  # with space again it goes through


# --- in a process of its own --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_an_interrupt_is_one_line_and_keeps_what_was_finished(home: Path, number: signal.Signals, workers: int) -> None:
    words = ("generate", "--category", "mug", "--n", 1000, "--preset", "tiny.yaml", "--workers", workers)
    child = killing.start(home, *words)
    manifest = home / "runs/mug/generated/manifest.jsonl"
    while child.poll() is None and not (manifest.is_file() and manifest.read_bytes().count(b"\n") >= 3):
        time.sleep(0.01)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert Ended(child.returncode, out, err).error.startswith("gen3d: interrupted") and child.returncode == 128 + number
    collection = Collection.open(manifest.parent)
    assert 4 <= len(collection) < 1000 and not collection.damage()


def test_a_reader_that_goes_away_is_no_traceback(home: Path) -> None:
    child = killing.start(home, *GENERATE, "--json", body="import os; os.close(1); r, w = os.pipe(); os.close(r)")
    _, err = child.communicate(timeout=60)
    assert "Traceback" not in err


def test_a_bug_is_a_traceback(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(labelling, "label", broken)
    with pytest.raises(ZeroDivisionError):
        run(*LABEL)


def test_running_out_of_memory_is_one_line(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(distillation, "Training", greedy)
    end = run(*DISTILL, "--overwrite")
    assert end.code == 1 and "out of memory" in end.error and Student.load(home / STUDENT).category == "chair"
