"""The command line as a user meets it: the whole chain at a tiny size, and one line for everything that is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from safetensors import safe_open
from test_storage import file_size_limit

from cli import main as cli
from distill import distillation
from distill.student import Student
from gen3d import labelling
from gen3d.categories import CATEGORIES
from gen3d.collection import Collection
from gen3d.errors import MissingError
from gen3d.generators.procedural import GRAMMARS
from gen3d.mesh_io import read_shape, write_shape
from gen3d.shape import Shape
from gen3d.teachers import TEACHERS
from gen3d.teachers.lite.teacher import WEIGHTS

REPOSITORY = Path(__file__).resolve().parents[1]
PRESET = """
generate: {n: 3, shard: 2}
label: {views: 2, size: 64, points: 512}
distill: {epochs: 1, batch: 2}
eval: {points: 512, dataset: collection}
teacher: {shapes_per_step: 1, views_per_shape: 1, size: 64, widths: [8, 8], held_out: 1, workers: 0}
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr of a command that failed; nothing went to stdout."""
        assert self.out == "" and self.err.endswith("\n") and self.err.count("\n") == 1, self.err
        assert self.err.startswith("gen3d: ") and "Traceback" not in self.err
        return self.err


Run = Callable[..., Ended]


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below a folder with time, inode and content."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.stat().st_ino, p.read_bytes()) for p in files}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tiny_teacher: None) -> Run:
    """Runs `gen3d` with the given words in this process, with the tiny teacher."""

    def call(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["gen3d", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return Ended(int(end.value.code or 0), str(out), str(err))

    return call


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path) -> Path:
    """A folder in which the chain was run for chairs: preset, collection, student. Tests copy what they change."""
    home = tmp_path_factory.mktemp("chain")
    (home / "tiny.yaml").write_text(PRESET)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setitem(TEACHERS, "lite", lambda: lite(tiny_weights))
        for words in (
            "generate --category chair --preset tiny.yaml --workers 1",
            "label runs/chair/generated --preset tiny.yaml --workers 1",
            "distill --source generated --category chair --preset tiny.yaml",
        ):
            patch.setattr(sys, "argv", ["gen3d", *words.split()])
            with pytest.raises(SystemExit) as end:
                cli.main()
            assert not end.value.code
    return home


def lite(weights: Path) -> object:
    from gen3d.teachers.lite.teacher import LiteTeacher

    return LiteTeacher(weights)


@pytest.fixture
def home(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own copy of the finished chain, as the current folder."""
    shutil.copytree(finished, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


GENERATE = ("generate", "--category", "chair", "--preset", "tiny.yaml", "--workers", 1)
LABEL = ("label", "runs/chair/generated", "--preset", "tiny.yaml", "--workers", 1)
DISTILL = ("distill", "--source", "generated", "--category", "chair", "--preset", "tiny.yaml")
STUDENT = "runs/chair/student-generated"
EVAL = ("eval", "--student", STUDENT, "--root", "runs/chair/generated", "--preset", "tiny.yaml")


# --- the chain ----------------------------------------------------------------------------------------------------


def test_the_chain_gives_data_on_stdout_and_is_done_the_second_time(home: Path, run: Run) -> None:
    shutil.rmtree(home / "runs")
    segment = ("segment", "chair.glb", "--student", STUDENT, "--out", "parts")
    for words, line in (
        (GENERATE, "runs/chair/generated: 3 shapes of chair"),
        (LABEL, "knowledge of lite on 3 shapes"),
        (DISTILL, f"{STUDENT}: student of chair, distilled from generated shapes"),
        (EVAL, "3 of 3 shapes"),
        (segment, "chair.glb: faces labelled in parts"),
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


def test_json_is_all_there_is_on_stdout(home: Path, run: Run) -> None:
    write_shape(next(Collection.open("runs/chair/generated").shapes()), home / "chair.glb")
    segment = ("segment", "chair.glb", "--student", STUDENT)
    answers = [json.loads(run(*words, "--json").out) for words in (GENERATE, LABEL, DISTILL, EVAL, segment)]
    generated, labelled, distilled, scored, segmented = answers
    assert generated == {"collection": "runs/chair/generated", "shapes": 3, "made_now": 0, "failed": 0}
    assert labelled["labelled"] == 3 and labelled["labelled_now"] == 0
    assert [row["part"] for row in labelled["parts"]] == list(CATEGORIES["chair"].parts)
    assert distilled == {"student": STUDENT, "finished_before": True, "epochs": 0}
    assert scored == json.loads((home / STUDENT / "eval-collection" / "scores.json").read_text())
    assert sum(segmented["counts"].values()) == len(read_shape(home / "chair.glb").mesh[1])
    assert all((home / file).is_file() for file in segmented["files"]) and (home / "chair-parts").is_dir()


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


@pytest.mark.slow
def test_a_real_set_is_scored(home: Path, run: Run, shared_data: Path) -> None:
    end = run(
        "eval", "--student", STUDENT, "--dataset", "psb", "--root", shared_data / "psb", "--leave-out", "arm", "--json"
    )
    assert end.code == 0 and json.loads(end.out)["shapes_scored"] == 12


def test_a_cloud_is_segmented_into_clouds(home: Path, run: Run) -> None:
    points = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    write_shape(Shape("cloud", "unknown", points=points), home / "cloud.ply")
    result = json.loads(run("segment", "cloud.ply", "--student", STUDENT, "--up", "z", "--json").out)
    assert result["elements"] == "points" and sum(result["counts"].values()) == 700
    table = json.loads(next(home.glob("cloud-parts/*labels.json")).read_text())
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


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["generate", "--category", "sofa"], ["'sofa'", *CATEGORIES]),
        (["generate", "--category", "lamp"], ["'lamp'", *GRAMMARS]),
        (["generate", "--category", "chair", "--n", 0], ["n = 0", "greater than or equal to 1"]),
        (["generate", "--category", "chair", "--n", -5], ["n = -5"]),
        (["generate", "--category", "chair", "--generator", "dream"], ["'dream'", "procedural"]),
        (["generate", "--category", "chair", "--preset", "nothing"], ["'nothing'"]),
        ([*LABEL, "--parts", "seat,wing"], ["'wing'", "back", "seat", "leg", "arm"]),
        ([*LABEL, "--parts", " , "], ["no part is asked for"]),
        ([*LABEL, "--teacher", "clip"], ["'clip'", "lite, lite-boxes"]),
        ([*LABEL, "--renderer", "crayon"], ["'crayon'", "embree"]),
        ([*LABEL, "--views", 0], ["views = 0"]),
        ([*DISTILL, "--category", "sofa"], ["'sofa'", "airplane"]),
        ([*DISTILL, "--student", "giant", "--out", "new"], ["'giant'", "small"]),
        ([*DISTILL, "--source", "dreams"], ["source = 'dreams'"]),
        ([*DISTILL, "--epochs", 0, "--out", "new"], ["epochs = 0"]),
        ([*DISTILL, "--out", "runs"], ["runs: holds something else"]),
        ([*DISTILL, "--out", "tiny.yaml", "--overwrite"], ["tiny.yaml: holds something else"]),
        (["eval", "--root", "."], ["--student is missing"]),
        ([*EVAL, "--method", "guess"], ["'guess'", "student, votes"]),
        ([*EVAL, "--dataset", "imagenet"], ["'imagenet'", "psb"]),
        ([*EVAL, "--leave-out", "wing"], ["'wing'", "back"]),
        ([*EVAL, "--leave-out", "back,seat,leg,arm"], ["leaves no part"]),
        ([*EVAL, "--pose", "raw"], ["pose", "collection"]),
        (["eval", "--method", "votes", "--root", "."], ["--category is missing"]),
        (["segment", "x.glb", "--student", STUDENT, "--up", "x"], ["--up x", "y, z"]),
        (["generate", "--category", "chair", "--n", "many"], ["--n"]),
        (["generate", "--category", "chair", "--seed", -1], ["--seed"]),
        (["generate"], ["--category"]),
        (["paint"], ["paint"]),
        (["--colour"], ["--colour"]),
        (["generate", "--category", "chair", "--workers", 0], ["--workers"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(home: Path, run: Run, words: list, names: list[str]) -> None:
    before = tree(home)
    end = run(*words)
    assert end.code == 2 and all(name in end.error for name in names), end
    assert tree(home) == before


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["label", "nowhere"], ["nowhere: is not a collection", "gen3d generate"]),
        (["label", "runs"], ["runs: is not a collection"]),
        (["label", "tiny.yaml"], ["tiny.yaml: is not a collection"]),
        ([*DISTILL, "--generated", "nowhere", "--out", "new"], ["nowhere: is not a collection"]),
        ([*DISTILL, "--source", "mixed", "--out", "new"], ["runs/chair/real: is not a collection"]),
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
        (["segment", "tiny.yaml", "--student", STUDENT], ["tiny.yaml: unknown suffix '.yaml'", ".glb"]),
        (["segment", "runs", "--student", STUDENT], ["runs"]),
    ],
)
def test_unusable_input_is_one_line_and_exit_code_3(home: Path, run: Run, words: list, names: list[str]) -> None:
    before = tree(home)
    end = run(*words)
    assert end.code == 3 and all(name in end.error for name in names), end
    assert tree(home) == before


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
    end = run("segment", name, "--student", STUDENT, "--out", "parts")
    assert end.code == 3 and name in end.error
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


def process(home: Path, body: str, *words: object) -> subprocess.Popen[str]:
    """`gen3d` in a fresh Python, after `body`."""
    code = f"{body}\nfrom cli import main\nmain.main()"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_an_interrupt_is_one_line_and_keeps_what_was_finished(home: Path, number: signal.Signals, workers: int) -> None:
    words = ("generate", "--category", "mug", "--n", 1000, "--preset", "tiny.yaml", "--workers", workers)
    child = process(home, "", *words)
    manifest = home / "runs/mug/generated/manifest.jsonl"
    while child.poll() is None and not (manifest.is_file() and manifest.read_bytes().count(b"\n") >= 3):
        time.sleep(0.01)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert Ended(child.returncode, out, err).error.startswith("gen3d: interrupted") and child.returncode == 128 + number
    collection = Collection.open(manifest.parent)
    assert 4 <= len(collection) < 1000 and not collection.damage()


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
    }
    for verb in ("generate", "label", "distill", "eval", "segment", "train-teacher"):
        assert verb in done.stdout


@pytest.mark.parametrize("verb", ["generate", "label", "distill", "eval", "segment", "train-teacher"])
def test_every_verb_has_help(run: Run, verb: str) -> None:
    end = run(verb, "--help")
    assert end.code == 0 and "--seed" in end.out and "--json" in end.out and not end.err


def test_no_word_at_all_gives_the_help(run: Run) -> None:
    end = run()
    assert end.code == 0 and "Commands" in end.out and run("--version").out.startswith("gen3d ")


def test_a_reader_that_goes_away_is_no_traceback(home: Path) -> None:
    child = process(home, "import os; os.close(1); r, w = os.pipe(); os.close(r)", *GENERATE, "--json")
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

    monkeypatch.setattr(distillation, "distil", greedy)
    end = run(*DISTILL, "--overwrite")
    assert end.code == 1 and "out of memory" in end.error and Student.load(home / STUDENT).category == "chair"


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"no weights at {WEIGHTS} yet")
def test_the_shipped_teacher_makes_a_student_that_beats_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    scores = {}
    for words in (
        "generate --category mug --n 60 --workers 1",
        "label runs/mug/generated --workers 1",
        "distill --source generated --category mug --epochs 8",
        f"eval --student runs/mug/student-generated --dataset psb --root {shared_data / 'psb'} --json",
    ):
        monkeypatch.setattr(sys, "argv", ["gen3d", *words.split()])
        capfd.readouterr()
        with pytest.raises(SystemExit):
            cli.main()
        scores = capfd.readouterr().out
    assert json.loads(str(scores))["miou"] > 80
