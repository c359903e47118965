"""What a sweep file may say, what of a sweep is run, and what it is scored on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_chain import Run as Command
from cli_chain import assert_refused, tree
from sample_sweep import FILE, write_sweep

from distill.sweep_plan import Plan, Run, planned
from distill.sweep_settings import FRESH_SEED, Fresh, read_sweep
from distill.sweep_tables import rows_of
from distill.trainer import DistillSettings
from gen3d.asking import LabelSettings
from gen3d.categories import CATEGORIES
from gen3d.generation import GenerateSettings, generate
from gen3d.graph import Lost

OUT = Path("runs/sweep/tiny")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file alone, as the current one."""
    monkeypatch.chdir(tmp_path)
    write_sweep(tmp_path)
    return tmp_path


def stages(plan: Plan, stage: str) -> list[Any]:
    """The settings of all nodes of a stage."""
    return [node.settings for node in plan.nodes.values() if node.stage == stage]


# --- the file -----------------------------------------------------------------------------------------------------


def test_the_shipped_students_are_made_with_the_settings_of_the_single_verbs(empty: Path) -> None:
    plan = planned(read_sweep("shipped-students"), OUT)
    assert [run.category for run in plan.runs] == list(CATEGORIES)
    made = [how for how in stages(plan, "generate") if how.seed != FRESH_SEED]
    assert made == [GenerateSettings(category=c, generator="procedural", n=300) for c in CATEGORIES]
    assert stages(plan, "label") == [LabelSettings()] * 16
    tiny: dict[str, Any] = {"student": "tiny", "epochs": 40, "steps": 19}
    assert stages(plan, "distill") == [DistillSettings(category=c, **tiny) for c in CATEGORIES]
    assert len(plan.nodes) == 16 * 5 and len({node.name for node in plan.nodes.values()}) == 16 * 5


def test_shapenetpart_is_scored_where_it_is_said_to_be(empty: Path) -> None:
    sweep = read_sweep("shapenetpart", ["shapenetpart=elsewhere", "psb=b,pose=raw"], categories=("mug", "mug"))
    psb, shapenetpart, fresh = sweep.tests
    assert psb == ("psb", Path("b"), {"pose": "raw"})
    assert shapenetpart == ("shapenetpart", Path("elsewhere"), {"split": "test"})
    assert isinstance(fresh, Fresh) and (fresh.settings.n, fresh.settings.seed) == (50, FRESH_SEED)
    assert sweep.categories == ("mug",) and sweep.settings.name == "shapenetpart"
    (run,) = planned(sweep, OUT).runs
    assert "not on psb: b/meta.json" in run.passed and "not on shapenetpart: elsewhere/" in run.passed


def test_a_variant_changes_its_own_settings_alone_and_may_unset_one(empty: Path) -> None:
    variants = {"plain": {}, "unset": {"distill": {"clip": None}, "label": {"views": 5}}}
    write_sweep(empty, sweep={"variants": variants, "categories": "all", "seeds": 2, "seed": 3})
    sweep = read_sweep(FILE)
    plain, unset = sweep.variants
    assert (plain.distill.clip, unset.distill.clip) == (1.0, None) and unset.distill.epochs == plain.distill.epochs
    assert (plain.label.views, unset.label.views) == (2, 5) and unset.generate == plain.generate
    assert sweep.categories == tuple(CATEGORIES) and list(sweep.seeds) == [3, 4]
    plan = planned(sweep, OUT)
    counts = [len(stages(plan, stage)) for stage in ("generate", "label", "distill", "eval")]
    assert counts == [16 * 2 + 16, 16 * 4, 16 * 4, 16 * 4]


def test_names_depend_on_settings_and_parents_and_on_nothing_else(empty: Path) -> None:
    names = set(planned(read_sweep(FILE), OUT).nodes)
    assert names == set(planned(read_sweep(str(empty / FILE)), Path("elsewhere")).nodes)
    write_sweep(empty, sweep={"variants": {"b": {"label": {"views": 1}}, "a": {"label": {"views": 2}}}})
    assert set(planned(read_sweep(FILE), OUT).nodes) == names
    write_sweep(empty, generate={"n": 3})
    assert set(planned(read_sweep(FILE), OUT).nodes).isdisjoint(n for n in names if "/fresh" not in n)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sweep": {"colour": 1}}, ["'colour'", "variants"]),
        ({"sweep": {"categories": ["sofa"]}}, ["'sofa'", "airplane"]),
        ({"sweep": {"categories": []}}, ["categories = []"]),
        ({"sweep": {"seeds": 0}}, ["seeds = 0"]),
        ({"sweep": {"seed": FRESH_SEED}}, ["seed = 1000000", "generated"]),
        ({"sweep": {"name": "a/b"}}, ["name = 'a/b'"]),
        ({"sweep": {"test": "imagenet=x"}}, ["imagenet=x", "psb"]),
        ({"sweep": {"test": ["psb=a", "psb=b"]}}, ["twice"]),
        ({"sweep": {"test": "generated,k=3"}}, ["generated,k=3", "n=24"]),
        ({"sweep": {"test": "generated,n=none"}}, ["n = 'none'"]),
        ({"sweep": {"test": "psb=a,colour=3"}}, ["psb", "colour"]),
        ({"sweep": {"variants": {"a": {"lable": {}}}}}, ["variants.a", "'lable'", "generate, label"]),
        ({"sweep": {"variants": {"a": {"label": {"vieuws": 1}}}}}, ["variants.a", "label", "'vieuws'"]),
        ({"sweep": {"variants": {"a": {"label": {"teacher": "clop"}}}}}, ["variants.a", "'clop'", "lite"]),
        ({"sweep": {"variants": {}}}, ["variants = {}"]),
        ({"generate": {"n": 0}}, ["generate: n = 0"]),
        ({"generate": {"generator": "dreams"}}, ["'dreams'", "procedural"]),
        ({"generate": {"category": "mug"}}, ["generate.category", "leave it out"]),
        ({"label": {"seed": 1}}, ["label.seed", "leave it out"]),
        ({"distill": {"teacher": "clip"}}, ["distill.teacher", "leave it out"]),
        ({"distill": {"student": "huge"}}, ["'huge'", "tiny"]),
        ({"eval": {"dataset": "psb"}}, ["eval.dataset", "leave it out"]),
    ],
)
def test_a_wrong_file_is_one_line(empty: Path, run: Command, changes: dict, words: list[str]) -> None:
    write_sweep(empty, **changes)
    assert_refused(empty, run, ["sweep", FILE], 2, words)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["nothing"], ["'nothing'", "configs/"]),
        ([FILE, "--only", "bake"], ["--only bake", "generate, label, distill, eval"]),
        ([FILE, "--until", "bake"], ["--until bake"]),
        ([FILE, "--until", "label", "--only", "label"], ["--only", "--until"]),
        ([FILE, "--root", "sofa"], ["'sofa'", "NAME=DIR"]),
        ([FILE, "--categories", "sofa"], ["'sofa'"]),
        ([FILE, "--seeds", "0"], ["seeds = 0"]),
        ([FILE, "--workers", "0"], ["--workers"]),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_written(
    empty: Path, run: Command, words: list[str], names: list[str]
) -> None:
    assert_refused(empty, run, ["sweep", *words], 2, names)


# --- what is run --------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_is_done_and_left_and_makes_nothing(empty: Path, run: Command) -> None:
    before = tree(empty)
    end = run("sweep", FILE, "--dry-run")
    assert end.code == 0 and "0 of 16 results are there, 16 would be made" in end.out and tree(empty) == before
    assert not OUT.exists()
    few = run("sweep", FILE, "--dry-run", "--json", "--until", "label", "--categories", "mug")
    told = json.loads(few.out)
    assert (told["done"], told["left"]) == (0, 4)  # shapes, fresh ones, and the knowledge of two variants
    assert {state for name, state in told["nodes"].items() if "/s" in name} == {"left out"}


def test_stages_may_be_run_one_after_the_other(empty: Path, run: Command) -> None:
    write_sweep(empty, sweep={"categories": ["mug"], "variants": {"plain": {}}, "test": []})
    words = ("sweep", FILE, "--workers", 1)
    early = run(*words, "--only", "distill")
    assert early.code == 3 and "mug/student-0-" in early.err and "needs mug/labelled-0-" in early.err
    assert "which is not there" in early.out
    assert run(*words, "--until", "generate").code == 0
    rows = json.loads((OUT / "table.json").read_bytes())["rows"]
    assert [row["state"] for row in rows] == ["not scored"] and rows[0]["detail"] == "no test set is named"
    told = json.loads(run(*words, "--dry-run", "--json").out)
    assert list(told["nodes"].values()) == ["done", "left", "left"]
    end = run(*words)
    assert end.code == 0 and "(1 of 2)" in end.err and "(2 of 2)" in end.err
    assert (next(OUT.glob("mug/student-0-*")) / "model.safetensors").is_file()


def test_a_category_is_scored_on_the_first_set_that_has_it(empty: Path, tiny_teacher: None) -> None:
    generate(GenerateSettings(category="chair", generator="procedural", n=3, seed=9), "own")
    write_sweep(empty, sweep={"test": ["psb=nowhere", "collection=moved"], "variants": {"plain": {}}})
    assert {run.scores for run in planned(read_sweep(FILE), OUT).runs} == {None}
    chair, mug = planned(read_sweep(FILE, ["collection=own"]), OUT).runs
    assert chair.scores is not None and chair.passed.startswith("not on psb: nowhere/meta.json: not found")
    assert mug.scores is None and "own: is a collection of chair" in mug.passed


# --- the table ----------------------------------------------------------------------------------------------------


def test_rows_of_several_seeds_of_which_one_failed(empty: Path) -> None:
    sweep = read_sweep(FILE, categories=("mug",), seeds=3)
    plan = planned(sweep, OUT)
    runs = [run for run in plan.runs if run.variant == "plain"]
    for run, miou in zip(runs[:2], (60.0, 70.0), strict=True):
        write_scores(run, miou)
    (label,) = {name for name in plan.nodes if "labelled-2" in name} - {
        plan.nodes[plan.nodes[r.student].name].needs[0] for r in plan.runs if r.variant != "plain"
    }
    lost = {label: Lost("it rained", label), runs[2].student: Lost(f"needs {label}", label)}
    row, other = rows_of(plan, OUT, lost)
    assert (row["miou"], row["deviation"], row["worst_half"], row["seeds"]) == (65.0, 5.0, 45.0, 2)
    assert 55 <= row["low"] < 65 < row["high"] <= 75 and row["detail"] == f"{label}: it rained"
    assert [run["state"] for run in row["runs"]] == ["measured", "measured", "failed"]
    assert other["state"] == "not run" and other["miou"] is None and other["seeds"] == 0


def write_scores(run: Run, miou: float) -> None:
    """What `eval` keeps, as far as tables read it; three shapes around the mean."""
    folder = OUT / str(run.scores)
    folder.mkdir(parents=True)
    scores = {
        "miou": miou, "worst_half": miou - 20, "interval_95": [miou - 5, miou + 5], "shapes_scored": 3,
        "shapes_expected": 3, "shapes": {"a": miou - 10, "b": miou, "c": miou + 10},
        "settings": {"dataset": "collection", "split": None},
    }  # fmt: skip
    (folder / "scores.json").write_text(json.dumps(scores))
    (folder / "settings.json").write_text("{}")


def test_a_mean_is_over_categories_that_every_variant_has(empty: Path) -> None:
    write_sweep(empty, sweep={"categories": ["chair", "mug", "cap"]})
    plan = planned(read_sweep(FILE), OUT)
    for place, run in enumerate(plan.runs[:-1]):
        write_scores(run, 50.0 + 10 * place)
    means = [row for row in rows_of(plan, OUT, {}) if row["category"].startswith("mean")]
    assert [(row["category"], row["variant"], row["miou"]) for row in means] == [
        ("mean of 2", "plain", 60.0), ("mean of 2", "one-view", 70.0)
    ]  # fmt: skip
    shutil.rmtree(OUT / str(plan.runs[0].scores))
    assert not [row for row in rows_of(plan, OUT, {}) if row["category"].startswith("mean")]
