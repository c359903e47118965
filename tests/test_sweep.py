"""`gen3d sweep`: one graph of many categories and settings, made once, gone on with, and told in one table."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from cli_chain import Run as Command
from cli_chain import assert_refused, tree
from killing import catches, start
from labelled import Stripes
from sample_sweep import FILE, named, write_sweep

from distill.html_report import write_page
from distill.sweep import Job, Result, run_sweep, states
from distill.sweep_settings import read_sweep
from gen3d.collection import Collection
from gen3d.teachers import TEACHERS
from gen3d.teachers.lite.teacher import WEIGHTS, LiteTeacher

OUT = Path("runs/sweep/tiny")
needs_weights = pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"no weights at {WEIGHTS}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path) -> Path:
    """A folder in which the sweep was run in one go."""
    home = tmp_path_factory.mktemp("whole")
    write_sweep(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setitem(TEACHERS, "lite", lambda: LiteTeacher(tiny_weights))
        swept()
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_teacher: None) -> Path:
    """An own copy, as the current folder."""
    shutil.copytree(whole, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def job(**options: Any) -> Job:
    """The sweep of the current folder."""
    return Job(read_sweep(FILE, **options), OUT)


def swept(**options: Any) -> tuple[Result, list[str]]:
    """The sweep of the current folder, run, and what it told."""
    told: list[str] = []
    return run_sweep(job(**options), told.append), told


def table(home: Path = Path()) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of table.json."""
    rows = json.loads((home / OUT / "table.json").read_bytes())["rows"]
    return {(row["category"], row["variant"]): row for row in rows}


# --- what is made -------------------------------------------------------------------------------------------------


def test_variants_share_what_they_agree_in(whole: Path) -> None:
    folders = {word: len(named(whole / OUT, word)) for word in ("generated", "labelled", "student", "scores", "fresh")}
    assert folders == {"generated": 2, "labelled": 4, "student": 4, "scores": 4, "fresh": 2}
    for category in ("chair", "mug"):
        made = Collection.open(next((whole / OUT / category).glob("generated-*")))
        labelled = [Collection.open(path) for path in sorted((whole / OUT / category).glob("labelled-*"))]
        assert {c.stage("knowledge-lite")["settings"]["views"] for c in labelled} == {1, 2}
        assert all(os.path.samefile(made.root / "shapes-00000.tar", c.root / "shapes-00000.tar") for c in labelled)
        assert not any(c.damage() for c in (made, *labelled))


def test_rows_say_what_the_scores_say(whole: Path) -> None:
    rows = table(whole)
    assert list(rows) == [
        (category, variant) for category in ("chair", "mug", "mean of 2") for variant in ("plain", "one-view")
    ]
    for (category, variant), row in list(rows.items())[:4]:
        (run,) = row["runs"]
        scores = json.loads((whole / OUT / run["scores"] / "scores.json").read_bytes())
        assert scores["category"] == category and [row["low"], row["high"]] == scores["interval_95"]
        for key in ("miou", "worst_half", "shapes_scored", "shapes_expected"):
            assert row[key] == scores[key]
        config = json.loads((whole / OUT / run["student"] / "config.json").read_bytes())["training"]
        (source,) = config["sources"].values()
        views = {"plain": 2, "one-view": 1}[variant]
        labelled = Collection.open(whole / source["collection"])
        assert labelled.stage("knowledge-lite")["settings"]["views"] == views
        assert row["shapes_trained"] == source["shapes"] == 2 and row["scored_on"] == "generated"
    for variant in ("plain", "one-view"):
        both = [rows[category, variant]["miou"] for category in ("chair", "mug")]
        assert rows["mean of 2", variant]["miou"] == pytest.approx(sum(both) / 2, abs=0.006)


def test_all_forms_of_the_table_agree_and_the_page_has_it(whole: Path, tmp_path: Path) -> None:
    rows, out = table(whole), whole / OUT
    lines = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert [line["miou"] for line in lines] == [str(row["miou"]) for row in rows.values()]
    text = (out / "table.md").read_text()
    for (category, variant), row in rows.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| {category} | {variant} |"))
        assert f"| {row['miou']:.1f} |" in line and "| generated |" in line
    assert "they say nothing of real shapes" in text
    page = out.with_name("tiny-report.html").read_text()
    counts, again = write_page(out, tmp_path / "page.html")
    assert counts["experiments"] == 1 and counts["evaluations"] == counts["models"] == 4
    assert again.read_text() == page and "no test label chose anything" in page.lower()


def test_a_sweep_makes_the_bytes_of_the_single_verbs(home: Path, run: Command) -> None:
    for words in (
        "generate --category mug --seed 0 --out single --workers 1",
        "label single --workers 1",
        "distill --category mug --generated single --out student",
        "generate --category mug --n 2 --seed 1000000 --out fresh --workers 1",
        "eval --student student --dataset collection --root fresh --out scores",
    ):
        end = run(*words.split(), "--preset", FILE)
        assert end.code == 0, end.err
    row = table()["mug", "plain"]
    student = OUT / row["runs"][0]["student"]
    assert (student / "model.safetensors").read_bytes() == Path("student/model.safetensors").read_bytes()
    assert (student / "losses.csv").read_bytes() == Path("student/losses.csv").read_bytes()
    assert row["miou"] == json.loads(Path("scores/scores.json").read_bytes())["miou"]
    (made,) = (OUT / "mug").glob("generated-*")
    for name in ("collection.json", "shapes-00000.tar", "shapes-00001.tar"):
        assert (made / name).read_bytes() == Path("single", name).read_bytes()


# --- going on -----------------------------------------------------------------------------------------------------


def test_typed_again_it_changes_nothing(home: Path, run: Command) -> None:
    before = tree(home / OUT)
    first = run("sweep", FILE, "--workers", 1)
    assert first.code == 0 and "(1 of" not in first.err and first.err.count("\n") == 1, first.err
    assert tree(home / OUT) == before
    told = json.loads(run("sweep", FILE, "--json").out)
    assert told["rows"] == list(table().values()) and told["failed"] == {} and Path(told["page"]).is_file()


def test_other_settings_make_what_they_change_and_delete_nothing(home: Path) -> None:
    before = tree(home / OUT)
    write_sweep(home, distill={"epochs": 2})
    assert {name.split("/")[1].split("-")[0] for name, state in states(job()).items() if state == "left"} == {
        "student", "scores"
    }  # fmt: skip
    write_sweep(home, sweep={"categories": ["chair"], "variants": {"more": {"distill": {"epochs": 2}}}})
    result, told = swept()
    assert [line.split(": ")[1].split()[0] for line in told] == ["distill", "eval"]
    (row,) = result.rows
    assert row["state"] == "measured" and row["miou"] is not None
    after = tree(home / OUT)
    assert {name for name in before if after[name] != before[name]} == {
        "table.md", "table.json", "scores.csv", "settings.json"
    }  # fmt: skip


def test_shapes_that_nothing_needs_any_more_are_not_made_again(home: Path) -> None:
    before = tree(home / OUT)
    for folder in named(OUT, "generated") + named(OUT, "labelled") + named(OUT, "fresh"):
        shutil.rmtree(folder)
    assert set(states(job()).values()) == {"done", "not needed"}
    assert swept()[1] == [] and tree(home / OUT).items() <= before.items()
    shutil.rmtree(OUT / table()["mug", "plain"]["runs"][0]["scores"])
    left = {name.split("-")[0] for name, state in states(job()).items() if state == "left"}
    assert left == {"mug/fresh", "mug/scores"}, "a student is there"


def test_a_folder_of_something_else_is_refused(home: Path, run: Command) -> None:
    student = OUT / table()["mug", "plain"]["runs"][0]["scores"]
    assert_refused(home, run, ["sweep", FILE, "--out", student], 2, [str(student), "--out"])


def test_seeds_are_runs_of_their_own(home: Path) -> None:
    write_sweep(home, sweep={"categories": ["mug"], "variants": {"plain": {}}, "seeds": 2})
    result, told = swept()
    assert len(told) == 4, "of the second seed alone; the fresh shapes are the same"
    (row,) = result.rows
    scores = [json.loads((OUT / run["scores"] / "scores.json").read_bytes()) for run in row["runs"]]
    first, second = (score["miou"] for score in scores)
    assert [run["seed"] for run in row["runs"]] == [0, 1] and row["seeds"] == row["seeds_expected"] == 2
    assert row["miou"] == pytest.approx((first + second) / 2, abs=0.006)
    assert row["deviation"] == pytest.approx(abs(first - second) / 2, abs=0.006)
    assert scores[0]["shapes"].keys() == scores[1]["shapes"].keys()
    assert f"{row['miou']:.1f} ± {row['deviation']:.1f}" in (OUT / "table.md").read_text()


def test_killed_in_the_middle_it_ends_in_the_same_table(
    whole: Path, tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, tiny_teacher: None
) -> None:
    write_sweep(tmp_path)
    body = (
        "from pathlib import Path\nfrom gen3d.teachers import TEACHERS\n"
        "from gen3d.teachers.lite.teacher import LiteTeacher\n"
        f"TEACHERS['lite'] = lambda: LiteTeacher(Path({str(tiny_weights)!r}))"
    )
    child = start(tmp_path, "sweep", FILE, "--workers", 1, body=body)
    while child.poll() is None and not list((tmp_path / OUT).glob("*/student-*")):
        time.sleep(0.005)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait(60) == -signal.SIGKILL and not (tmp_path / OUT / "mug").exists()
    child.communicate()
    monkeypatch.chdir(tmp_path)
    _, told = swept()
    assert 8 <= len(told) < 16
    assert_same(tmp_path / OUT, whole / OUT)


def test_what_a_training_killed_at_its_very_end_left_goes_with_the_next_run(home: Path, whole: Path) -> None:
    student = next((home / OUT).glob("*/student-*"))
    left = student.with_name(f".training-{student.name}")
    left.mkdir()
    (left / "checkpoint.safetensors").write_bytes(b"")
    for scores in student.parent.glob("scores-*"):  # what a run that was killed then had not come to
        shutil.rmtree(scores)
    swept()
    assert not left.exists()
    assert_same(home / OUT, whole / OUT)


@needs_weights
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_several_workers_interrupted_end_in_the_files_of_one(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
        write_sweep(tmp_path / name)
    monkeypatch.chdir(tmp_path / "one")
    swept()
    child = start(tmp_path / "many", "sweep", FILE, "--workers", 3)
    while child.poll() is None and not list((tmp_path / "many" / OUT).glob("*/labelled-*")):
        time.sleep(0.005)
    assert catches(child.pid, signal.SIGTERM)
    os.kill(child.pid, number)
    out, err = child.communicate(timeout=60)  # its pipes close once every worker is gone, too
    if number == signal.SIGINT:
        assert child.returncode == 130 and out == "" and "Traceback" not in err
        assert err.splitlines()[-1].startswith("gen3d: interrupted")
    again = start(tmp_path / "many", "sweep", FILE, "--workers", 3)
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert_same(tmp_path / "many" / OUT, tmp_path / "one" / OUT)


def assert_same(folder: Path, other: Path) -> None:
    """All files have the same bytes; manifests but for the order, predictions but for that within their header."""
    found, wanted = ({n: f for n, f in tree(root).items() if "/.lock-" not in n} for root in (folder, other))
    assert found.keys() == wanted.keys()
    for name, (_, _, data) in found.items():
        if name.endswith("manifest.jsonl"):
            assert sorted(data.splitlines()) == sorted(wanted[name][2].splitlines())
        elif not name.endswith("predictions.safetensors"):
            assert data == wanted[name][2], name


# --- failures -----------------------------------------------------------------------------------------------------


def test_a_node_that_fails_is_a_row_and_the_others_go_on(
    home: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TEACHERS, "stripes", lambda: Stripes(lambda number: True))
    write_sweep(home, sweep={"variants": {"plain": {}, "odd": {"label": {"teacher": "stripes"}}}})
    before = tree(home / OUT)
    end = run("sweep", FILE, "--workers", 1, "--categories", "mug,chair")
    assert end.code == 3 and "call 1 was refused" in end.out and "Traceback" not in end.err
    rows = table()
    assert [(*place, row["state"]) for place, row in rows.items()] == [
        ("mug", "plain", "measured"), ("mug", "odd", "failed"),
        ("chair", "plain", "measured"), ("chair", "odd", "failed"),
    ]  # fmt: skip
    detail = rows["mug", "odd"]["detail"]
    assert detail.startswith("mug/labelled-0-") and "call 1 was refused" in detail
    assert rows["mug", "odd"]["miou"] is None and "call 1 was refused" in (OUT / "table.md").read_text()
    assert f"{rows['mug', 'odd']['runs'][0]['student']}: needs mug/labelled-0-" in end.err
    kept = tree(home / OUT)
    assert all(kept[name] == row for name, row in before.items() if "/" in name)
    monkeypatch.setitem(TEACHERS, "stripes", Stripes)
    result, told = swept(categories=("mug",))
    assert [row["state"] for row in result.rows] == ["measured", "measured"] and result.lost == {}
    assert [line.split(": ")[1].split()[0] for line in told] == ["label", "distill", "eval"]
