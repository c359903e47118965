"""The paper's tables, measured at a tiny size: every state of a cell, resuming, and no number without its scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_chain import tree
from labelled import Stripes
from sample_reproduction import PRE, TTA, TWIN, Ignorant, Weightless, cell, job, kept_numbers, write_chairs

from distill import scoring
from distill.baselines import BASELINES
from distill.baselines.votes import Votes
from distill.datasets import DATASETS
from distill.experiments import ExperimentSettings
from distill.metrics import bootstrap_interval
from distill.reproduction import Result, reproduce
from distill.reproduction_plan import TABLES, Place, chosen
from distill.reproduction_scores import cell_folder, cell_scores, overall_scores, seed_folders
from distill.reproduction_settings import ReproduceSettings, by_owner, real_shapes, roots_of, settings_of
from distill.reproduction_tables import records, write_tables
from distill.unlabelled import unlabelled
from gen3d.asking import LabelSettings
from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.shape import Shape
from gen3d.teachers import TEACHERS


class Unequipped(Votes):
    """A baseline that lacks a library."""

    name = "satr"

    def check(self, shapes: Iterable[Shape]) -> None:
        raise MissingError("satr needs a compass; buy one")


@pytest.fixture(scope="module")
def chairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chairs(tmp_path_factory.mktemp("toys"))


@pytest.fixture(autouse=True)
def stripes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEACHERS, "stripes", Stripes)


@pytest.fixture(scope="module")
def measured(chairs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A table with two rows measured, written; only read."""
    out = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TEACHERS, "stripes", Stripes)
        result = reproduce(job(out, {"shapenetpart": chairs}, [TTA, PRE, TWIN], ["chair", "mug"]))
    write_tables(result, out)
    return out, result


# --- numbers ---


def test_what_can_be_measured_is_and_rows_that_compute_the_same_share_it(measured: tuple[Path, Result]) -> None:
    out, result = measured
    assert not result.failed
    for row in (TTA, PRE, TWIN):
        found = cell(result, row)
        assert found.state == "measured" and found.scores is not None
        assert (found.scores["shapes_scored"], found.scores["shapes_expected"], found.scores["points"]) == (2, 2, 512)
        assert cell(result, row, "mug").state == "needs data" and "'mug'" in cell(result, row, "mug").detail
        assert result.overall[row]["categories"] == ["chair"]
    assert cell(result, TTA).scores == cell(result, TWIN).scores
    assert len(list((out / "cells").glob("points-tta-stripes/chair/seed-*"))) == 1
    assert cell(result, PRE).scores["distilled_from"] == "2 shapes (chair-shapenetpart-train)"  # type: ignore[index]
    assert cell(result, "clip-points-openscene").state == "not run"


def test_every_number_stands_in_a_scores_json(measured: tuple[Path, Result]) -> None:
    out, _ = measured
    known = kept_numbers(out)
    shown = [row for row in json.loads((out / "table.json").read_text())["cells"] if row["miou"] is not None]
    assert {row["category"] for row in shown} == {"chair", "overall-class-mean", "overall-instance-mean"}
    assert {row[key] for row in shown for key in ("miou", "low", "high")} - {None} <= known
    shutil.copytree(out, out.parent / "emptied", ignore=shutil.ignore_patterns("scores.json"))
    again = reproduce(job(out.parent / "emptied", {}, [TTA, PRE], ["chair"]))
    assert not again.overall and all(c.scores is None for c in again.cells)


def test_a_train_split_is_taken_without_its_labels_and_they_change_nothing(
    measured: tuple[Path, Result], chairs: Path, tmp_path: Path
) -> None:
    out, result = measured
    train = list(Collection.open(out / "shapes/chair-shapenetpart-train").shapes())
    assert len(train) == 2 and all(s.point_labels is None and s.face_labels is None for s in train)
    shutil.copytree(chairs, tmp_path / "moved")
    for path in (tmp_path / "moved" / "03001627").glob("*.txt"):  # every label becomes the next one
        rows = [line.rsplit(" ", 1) for line in path.read_text().splitlines()]
        path.write_text("".join(f"{row} {12 + (int(label) - 11) % 4}\n" for row, label in rows))
    moved = reproduce(job(tmp_path / "out", {"shapenetpart": tmp_path / "moved"}, [PRE]))
    weights = [
        home / "students/chair-shapenetpart-train-stripes-0/model.safetensors" for home in (out, tmp_path / "out")
    ]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert cell(moved, PRE).scores["miou"] != cell(result, PRE).scores["miou"]  # type: ignore[index]


def test_seeds_are_averaged_shape_by_shape(tmp_path: Path) -> None:
    settings = ReproduceSettings(table="shapenetpart", teacher="stripes", seeds=3)
    place = chosen(settings.plan, [TTA], ["cap"], None)[0]
    assert cell_scores(settings, tmp_path, place) is None
    shapes = np.random.default_rng(0).uniform(20, 90, (2, 5)).round(2)
    for folder, scores in zip(seed_folders(settings, tmp_path, place), shapes, strict=False):
        folder.mkdir(parents=True)
        row = {"shapes": {f"s{i}": x for i, x in enumerate(scores)}, "miou": round(scores.mean(), 2), "metric": "m"}
        row |= {"interval_95": [0, 1], "shapes_scored": 5, "shapes_expected": 11}
        row |= {"settings": {"points": 512, "dataset": "psb", "split": None}}
        (folder / "scores.json").write_text(json.dumps(row))
        assert cell_scores(settings, tmp_path, place) is None or folder.name != "seed-0"  # not finished yet
        (folder / "settings.json").write_text("{}")
    found = cell_scores(settings, tmp_path, place)
    assert found is not None and found["seeds"] == [round(x, 2) for x in shapes.mean(1)]
    assert found["miou"] == pytest.approx(shapes.mean(), abs=0.011)
    assert found["interval_95"] == pytest.approx(bootstrap_interval(shapes.mean(0).round(2)), abs=0.01)
    assert found["stand_in"] and found["seeds_expected"] == 3
    assert found == json.loads((cell_folder(settings, tmp_path, place) / "scores.json").read_text())


def test_overall_weighs_classes_or_shapes_alike(tmp_path: Path) -> None:
    settings = ReproduceSettings(table="shapenetpart", teacher="stripes")
    cells = {
        "cap": {"miou": 50.0, "shapes": {"a": 40.0, "b": 60.0}, "stand_in": False},
        "mug": {"miou": 80.0, "shapes": {"c": 80.0}, "stand_in": True},
    }
    found = overall_scores(settings, tmp_path, settings.plan.rows[0], cells)
    assert (found["class_mean"], found["instance_mean"]) == (65.0, 60.0)
    assert found["categories"] == ["cap", "mug"] and found["stand_ins"] == ["mug"] and found["shapes_scored"] == 3


# --- cells without a number ---


def state(out: Path, roots: dict[str, Path], **options: object) -> tuple[str, str]:
    """State and reason of one cell."""
    rows = options.pop("rows", [TTA])
    result = reproduce(job(out, roots, rows, **options))  # type: ignore[arg-type]
    found = cell(result, rows[0])  # type: ignore[index]
    assert found.scores is None and not kept_numbers(out) and not result.overall
    return found.state, found.detail


def test_missing_data_are_named(chairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert state(out, {}) == ("needs data", "shapenetpart: give its folder, --root shapenetpart=DIR")
    found, reason = state(out, {"shapenetpart": tmp_path})
    assert found == "needs data" and str(tmp_path) in reason
    found, reason = state(tmp_path / "mesh", {"shapenetpart": chairs}, rows=["glip-mesh-satr"])
    assert (found, "shapenetpart-mesh" in reason) == ("needs data", True)
    found, reason = state(tmp_path / "train", {"collection": chairs.parent / "made"}, rows=[PRE])
    assert found == "needs data" and "--real chair=PATH" in reason and "--source generated" in reason
    found, reason = state(tmp_path / "split", {"shapenetpart": chairs}, rows=[PRE], split="train")
    assert (found, "split train holds" in reason) == ("needs data", True)


def test_missing_weights_are_looked_for_once(chairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEACHERS, "stripes", Weightless)
    monkeypatch.setattr(Weightless, "looked", 0)
    found = state(tmp_path, {"shapenetpart": chairs}, rows=[TTA, PRE, TWIN])
    assert found == ("needs weights", "stripes: stripes need a brush; buy one") and Weightless.looked == 1


def test_the_tables_own_teachers_say_which_weights_they_lack(chairs: Path, tmp_path: Path) -> None:
    options = {"teacher": None, "options": {"clip": {"weights": str(tmp_path / "nowhere")}}}
    found, reason = state(tmp_path / "out", {"shapenetpart": chairs}, **options)
    assert found == "needs weights" and reason.startswith("clip: ") and "nowhere" in reason


def test_a_teacher_that_does_not_know_the_words(chairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEACHERS, "stripes", Ignorant)
    assert state(tmp_path, {"shapenetpart": chairs}) == ("needs another teacher", "knows no chair")


def test_meshes_libraries_and_methods_that_are_not_there(
    chairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds = unlabelled(DATASETS["shapenetpart"](chairs, "chair"), tmp_path / "clouds", "test").root
    monkeypatch.setitem(DATASETS, "collection", lambda root, category: DATASETS["shapenetpart"](chairs, category))
    row = ["glip-mesh-satr"]
    assert state(tmp_path / "a", {"collection": clouds}, rows=row)[0] == "needs meshes"
    monkeypatch.undo()
    monkeypatch.setitem(TEACHERS, "stripes", Stripes)
    monkeypatch.delitem(BASELINES, "satr", raising=False)
    meshes = {"collection": chairs.parent / "made"}
    assert state(tmp_path / "b", meshes, rows=row) == ("needs method", "gen3d has no method 'satr'")
    monkeypatch.setitem(BASELINES, "satr", lambda: Unequipped)
    monkeypatch.setattr(scoring, "METHODS", (*scoring.METHODS, "satr"))
    assert state(tmp_path / "c", meshes, rows=row) == ("needs extra", "satr needs a compass; buy one")


def test_a_cell_that_fails_does_not_end_the_others(
    chairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cells" / "points-tta-stripes").mkdir(parents=True)
    (tmp_path / "cells" / "points-tta-stripes" / "chair").write_text("in the way")
    with pytest.raises(Exception, match="chair"):  # a storage error ends the run
        reproduce(job(tmp_path, {"shapenetpart": chairs}))
    refused = Stripes(lambda number: number == 1)
    monkeypatch.setitem(TEACHERS, "stripes", lambda: refused)
    result = reproduce(job(tmp_path / "out", {"shapenetpart": chairs}, [TTA, PRE]))
    assert [cell(result, row).state for row in (TTA, PRE)] == ["failed", "measured"]
    assert result.failed == [cell(result)] and "call 1 was refused" in cell(result).detail
    assert reproduce(job(tmp_path / "out", {"shapenetpart": chairs}, [TTA])).failed == []  # it is tried again


# --- going on ---


def test_a_run_that_was_killed_goes_on_and_ends_in_the_same_table(
    measured: tuple[Path, Result], chairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(result: Result) -> None:
        raise KeyboardInterrupt

    whole = job(tmp_path, {"shapenetpart": chairs}, [TTA, PRE, TWIN], ["chair", "mug"])
    with pytest.raises(KeyboardInterrupt):
        reproduce(whole, shown=kill)
    done = tree(tmp_path / "cells")
    assert done and not list(tmp_path.glob("cells/points-student*"))
    result = reproduce(whole)
    assert {name: row for name, row in tree(tmp_path / "cells").items() if name in done} == done
    assert records(result) == records(measured[1])
    before, lines = tree(tmp_path), []
    monkeypatch.setitem(TEACHERS, "stripes", Weightless)  # nothing is asked for what is there
    alone = reproduce(job(tmp_path, {}, [PRE]), lines.append)
    assert tree(tmp_path) == before and lines == [] and cell(alone, TTA).scores is not None


def test_other_settings_are_refused_and_further_seeds_and_roots_are_not(
    measured: tuple[Path, Result], chairs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(measured[0], out)
    with pytest.raises(SettingsError, match=r"settings.missing was null, now \"skip\"; give another --out"):
        reproduce(job(out, {}, missing="skip"))
    with pytest.raises(SettingsError, match=r"roots.shapenetpart.* was "):
        reproduce(job(out, {"shapenetpart": tmp_path}))
    result = reproduce(job(out, {"psb": tmp_path, "shapenetpart": chairs}, seeds=2))
    assert len(cell(result).scores["seeds"]) == 2  # type: ignore[index]


def test_an_unknown_teacher_or_option_ends_the_run_before_anything_is_written(tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"teacher": "clop"}, "unknown teacher 'clop'"),
        ({"baselines": {"votes": {"depth": "3"}}}, "--set depth"),
        ({"options": {"": {"depth": "3"}}}, "depth = '3'"),
    ]
    for options, word in wrong:
        with pytest.raises(SettingsError, match=word):
            reproduce(job(tmp_path / "out", {}, **options))
    assert not (tmp_path / "out").exists()


# --- the table of sources ---


def test_the_table_of_sources_is_run_by_its_experiment(chairs: Path, tmp_path: Path) -> None:
    small = ExperimentSettings(n=2, epochs=1, steps=1, align=False, passes=1)
    options = {"table": "generated", "experiment": small}
    result = reproduce(job(tmp_path, {"shapenetpart": chairs}, None, ["chair", "coseg-chair"], **options))
    rows = ("train-set", "generated", "generated-train-set")
    assert [cell(result, row).state for row in rows] == ["measured"] * 3, result.cells
    assert [cell(result, row, "coseg-chair").state for row in rows] == ["needs data"] * 3
    from_ = [cell(result, row).scores["distilled_from"] for row in rows]  # type: ignore[index]
    train, generated = "2 shapes (chair-shapenetpart-train)", "2 shapes (generated-0)"
    assert from_ == [train, generated, f"{generated} and {train}"] and not result.overall
    for row, source in zip(rows, ("real", "generated", "mixed"), strict=True):
        kept = json.loads((tmp_path / f"sources/chair-stripes/chair/scores-{source}-0/scores.json").read_text())
        assert kept["miou"] == cell(result, row).scores["miou"] and kept["settings"]["points"] == 512  # type: ignore[index]


# --- options ---


def test_cells_are_chosen_by_their_names() -> None:
    table = TABLES["shapenetpart"]
    assert len(chosen(table, None, None, None)) == 160
    assert [p.address for p in chosen(table, None, None, "glip-mesh-satr/cap")] == ["glip-mesh-satr/cap"]
    assert [p.address for p in chosen(table, [TTA, TTA], ["mug", "bag"], None)] == [f"{TTA}/mug", f"{TTA}/bag"]
    for given, words in (
        ((["sofa"], None, None), "--rows sofa: is no row of the table; known are: clip-points-pointclip"),
        ((None, ["sofa"], None), "--categories sofa: is no category"),
        ((None, None, "cap"), "--cell cap: is no ROW/CATEGORY"),
        (([TTA], None, f"{TTA}/cap"), "leave out --rows"),
        (([], None, None), "--rows: names nothing"),
        ((None, [], None), "--categories: names nothing"),
    ):
        with pytest.raises(SettingsError, match=words):
            chosen(table, *given)


def test_options_have_owners() -> None:
    found = by_owner(["weights=a=b", "clip.prompt-style=of", "grounding-dino.weights=c"], "--option", "teacher")
    assert found == {"": {"weights": "a=b"}, "clip": {"prompt_style": "of"}, "grounding-dino": {"weights": "c"}}
    assert by_owner(["votes.a=1"], "--set", "method") == {"votes": {"a": "1"}}
    for texts, kind in (
        (["a=1"], "method"),
        (["clop.a=1"], "teacher"),
        (["a"], "teacher"),
        (["a=1", "a=2"], "teacher"),
    ):
        with pytest.raises(SettingsError, match="twice" if len(texts) > 1 else "NAME=VALUE"):
            by_owner(texts, "--x", kind)


def test_teachers_are_asked_in_published_words_unless_others_are_given() -> None:
    options = {
        "": {"size": "64"},
        "clip": {"weights": "a"},
        "grounding-dino": {"prompt_style": "of", "shortest": "400"},
    }
    settings = ReproduceSettings(table="shapenetpart", options=options)
    clip, glip = (settings.asking(Place(settings.plan.row(key), settings.plan.columns[0])) for key in (TTA, TWIN))
    assert (clip.teacher, clip.prompt_style, clip.weights, clip.size) == ("clip", "partdistill", "a", 64)
    assert (glip.teacher, glip.prompt_style, glip.options) == ("grounding-dino", "of", {"shortest": "400"})
    lite = ReproduceSettings(table="shapenetpart", teacher="lite")
    assert lite.asking(Place(lite.plan.rows[0], lite.plan.columns[0])).prompt_style is None


def test_roots_and_real_shapes_are_read() -> None:
    table = TABLES["shapenetpart"]
    found = roots_of(["a/b", "psb=c", "shapenetpart-h5=d,split=val"], table)
    assert {name: (str(at.root), at.options) for name, at in found.items()} == {
        "shapenetpart": ("a/b", {}), "psb": ("c", {}), "shapenetpart-h5": ("d", {"split": "val"})
    }  # fmt: skip
    assert list(roots_of(["x"], TABLES["partnete"])) == ["partnete"]
    for texts, words in ((["imagenet=x"], "no data set 'imagenet'"), (["a", "shapenetpart=b"], "given twice")):
        with pytest.raises(SettingsError, match=words):
            roots_of(texts, table)
    assert real_shapes(["chair=p"], table) == {"chair": ["p"]} and real_shapes([], table) == {}


def test_settings_come_from_the_stages_sections(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "label: {views: 3}\nreproduce: {seeds: 2}\nexperiment: {n: 7}\ndistill: {lr: 0.01}"
    )
    found = settings_of(tmp_path / "p.yaml", table="shapenetpart", epochs=4, n=None)
    assert (found.label.views, found.seeds, found.experiment.n, found.distill.lr) == (3, 2, 7, 0.01)
    assert found.distill.epochs == found.experiment.epochs == 4
    with pytest.raises(SettingsError, match="table"):
        settings_of(None, table="imagenet")


def test_a_row_with_views_of_its_own_is_measured_beside_those_that_are_told_theirs(
    chairs: Path, tmp_path: Path
) -> None:
    rows = ["clip-points-pointclip", "clip-points-pointclipv2", TTA]
    whole = job(tmp_path / "out", {"shapenetpart": chairs}, rows, label=LabelSettings(views=2, points=512))
    result = reproduce(whole)
    assert [cell(result, row).state for row in rows] == ["measured"] * 3, [cell(result, row).detail for row in rows]


def test_a_root_with_an_option_that_its_data_set_lacks_is_refused(chairs: Path, tmp_path: Path) -> None:
    whole = job(tmp_path / "out", {"shapenetpart": chairs})
    wrong = {"shapenetpart": whole.roots["shapenetpart"]._replace(options={"colour": "red"})}
    with pytest.raises(SettingsError, match="colour"):
        reproduce(whole._replace(roots=wrong))
    options = {"pose": "raw"}  # an option of other data sets: the cell says so
    result = reproduce(whole._replace(roots={"shapenetpart": whole.roots["shapenetpart"]._replace(options=options)}))
    assert cell(result).state == "needs data" and "pose" in cell(result).detail


# --- shapes without labels ---


def test_shapes_keep_all_but_their_labels_and_shards_are_resumed(chairs: Path, tmp_path: Path) -> None:
    labelled = DATASETS["shapenetpart"](chairs, "chair")
    made = list(unlabelled(labelled, tmp_path / "c", "test").shapes())
    for bare, shape in zip(made, labelled.shapes, strict=True):
        assert bare.id == shape.id and bare.point_labels is None and bare.points is not None
        np.testing.assert_array_equal(bare.points, shape.points)
    before = tree(tmp_path / "c")
    unlabelled(labelled, tmp_path / "c", "test")
    assert tree(tmp_path / "c") == before
    with pytest.raises((SettingsError, InputError)):
        unlabelled(labelled, tmp_path / "c", "train")
