"""`gen3d report`: every kind of run on one page that is whole, safe and says what the files say."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_walk import Page, read_page
from labelled import Stripes

from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings
from distill.html_report import write_page
from distill.metrics import part_ious
from distill.page.clouds import Cloud, Layer, extremes, quota
from distill.page.curves import BOTTOM, HEIGHT, TOP, loss_curves, read_losses
from distill.page.text import safe_json
from distill.predictions import FILE, Case, read_predictions, write_predictions
from distill.scores import report_on
from distill.scoring import Subject, score
from distill.student import Student
from gen3d.categories import category
from gen3d.collection import Collection
from gen3d.errors import InputError, StorageError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.labelling import LabelSettings, label
from gen3d.teachers import TEACHERS

LOSSES = "epoch,loss,rescored,skipped,empty,validation\n1,0.75,False,0,0,0.5\n2,0.25,False,0,0,\n3,nan,True,0,0,0.375\n"
HOSTILE = ["</script><script>alert(1)</script>", '"><img src=http://x.y/z onerror=alert(1)>', "<!--", "a & b\x00\ud800"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run: a labelled collection, an unlabelled one, a student with losses, and its scores on 4 chairs."""
    home = tmp_path_factory.mktemp("report") / "run"
    generate(GenerateSettings(category="chair", n=4, shard=3), home / "generated")
    shutil.copytree(home / "generated", home / "bare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TEACHERS, "stripes", Stripes)
        label(Collection.open(home / "generated"), LabelSettings(teacher="stripes", views=2, size=32, points=512))
    parts = list(category("chair").parts)
    Student("chair", parts, options={"width": 8, "depth": 1, "heads": 1}).save(home / "student")
    (home / "student/losses.csv").write_text(LOSSES)
    (home / "student/training.json").write_text('{"settings": {"category": "chair", "epochs": 3}}')
    scored(home, home / "student/eval")
    return home


def scored(home: Path, out: Path, **changes: Any) -> dict[str, Any]:
    settings = EvalSettings(points=512, dataset="collection", passes=1, **changes)
    return score(Subject(student=str(home / "student")), home / "bare", settings, out, True)[0]


@pytest.fixture
def run_folder(made: Path, tmp_path: Path) -> Path:
    """An own copy."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def page_of(run: Path, out: Path) -> Page:
    write_page(run, out)
    return read_page(out)


def scores_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "student/eval/scores.json").read_bytes())


def array(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


# --- what is shown ------------------------------------------------------------------------------------------------


def test_numbers_are_those_of_the_files(made: Path, tmp_path: Path) -> None:
    page, scores = page_of(made, tmp_path / "page.html"), scores_of(made)
    assert {part: float(cell) for part, cell in page.column("Mean IoU of every part").items()} == scores["parts"]
    assert {id: float(cell) for id, cell in page.column("All 4 shapes").items()} == scores["shapes"]
    other = page.column("The same answers by other metrics; they do not compare")
    assert {name: float(cell) for name, cell in other.items()} == scores["other_metrics"]
    low, high = scores["interval_95"]
    assert f"{scores['miou']:.2f} % mIoU, 95 % interval {low:.2f} to {high:.2f}" in page.text
    assert f"worst half of the shapes {scores['worst_half']:.2f} %" in page.text
    settings = page.column("Settings of the evaluation")
    assert settings["settings.points"] == "512" and settings["root"] == str(made / "bare")
    losses = page.tables["Losses in numbers"]
    assert losses[1:] == [["1", "0.75", "0.5", ""], ["2", "0.25", "-", ""], ["3", "-", "0.375", "yes"]]
    assert "gen3d student: chair" in page.text and "How to read it" in page.text  # both kinds of cards
    assert page.count("section") == 4 and "Knowledge was re-scored before epoch 3" in page.text


KINDS = {
    "student": ("student", "Model student", 4, 3),
    "evaluation": ("student/eval", "Scores eval", 4, 3),
    "labelled collection": ("generated", "Collection generated", 4, 2),
    "unlabelled collection": ("bare", "Collection bare", 4, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_has_a_page(kind: str, made: Path, tmp_path: Path) -> None:
    name, title, shapes, layers = KINDS[kind]
    page = page_of(made / name, tmp_path / "page.html")
    assert title in page.text and len(page.data["clouds"]) == page.count("div", role="application") == shapes
    assert all(len(cloud["layers"]) == layers for cloud in page.data["clouds"])
    assert page.count("canvas") == shapes * layers


def test_an_experiment_shows_its_table_and_all_scores(run_folder: Path, tmp_path: Path) -> None:
    (run_folder / "experiment.json").write_text("{}")
    (run_folder / "settings.json").write_text('{"settings": {"seeds": 7}}')
    (run_folder / "table.md").write_text(
        "| category | real |\n|---|---|\n| chair <b> | 91.0 ± 1.0 |\n\n[1] ![x](http://a.b/c)"
    )
    shutil.copytree(run_folder / "student/eval", run_folder / "again")
    page, scores = page_of(run_folder, tmp_path / "page.html"), scores_of(run_folder)
    assert "91.0 ± 1.0" in page.text and "chair <b>" in page.text and page.count("img") == 0
    assert page.column("Settings of the experiment") == {"settings.seeds": "7"}
    rows = page.column("Mean IoU in percent of every evaluation", 5)
    assert rows == dict.fromkeys(("again", "student/eval"), f"{scores['miou']:.2f}")


def test_scores_without_predictions_show_their_picture(run_folder: Path, tmp_path: Path) -> None:
    (run_folder / "student/eval" / FILE).unlink()
    page = page_of(run_folder / "student/eval", tmp_path / "page.html")
    picture = next(str(found["src"]) for tag, found in page.tags if tag == "img")
    data = base64.b64decode(picture.removeprefix("data:image/png;base64,"))
    assert data == (run_folder / "student/eval/report.png").read_bytes()
    assert page.data["clouds"] == [] and "--overwrite" in page.text


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(made: Path, run_folder: Path, tmp_path: Path) -> None:
    pages = [tmp_path / f"{number}.html" for number in range(2)]
    write_page(made / "student", pages[0])
    write_page(run_folder / "student", pages[1])
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_cases_in_the_page_are_those_that_were_scored(made: Path, tmp_path: Path) -> None:
    page, folder = page_of(made / "student", tmp_path / "page.html"), made / "student/eval"
    order = extremes(scores_of(made)["shapes"], 4)
    parts, cases = read_predictions(folder, order)
    assert parts == list(category("chair").parts)
    for id, cloud in zip(order, page.data["clouds"], strict=True):
        case, labels = cases[id], [array(layer["labels"], "i1") for layer in cloud["layers"]]
        points = array(cloud["points"], "<i2").reshape(-1, 3) / 32767
        spread = case.points.max(0) - case.points.min(0)
        factor = (points.max(0) - points.min(0)) / spread  # one for all axes: nothing is stretched, mirrored or turned
        np.testing.assert_allclose(factor, factor[0], rtol=2e-3)
        moved = case.points.astype(float) * factor[0]
        np.testing.assert_allclose(points - points[0], moved - moved[0], atol=2e-3)
        assert np.linalg.norm(points, axis=1).max() == pytest.approx(1, abs=1e-3)
        np.testing.assert_array_equal(labels[0], case.truth)
        np.testing.assert_array_equal(labels[1], case.prediction)
        np.testing.assert_array_equal(labels[2], np.where(case.truth < 0, -1, case.truth != case.prediction))


# --- predictions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", [(), ("seat",), ("back", "arm")])
def test_predictions_kept_give_the_scores_again(made: Path, tmp_path: Path, left_out: tuple[str, ...]) -> None:
    scores = scored(made, tmp_path / "eval", leave_out=left_out)
    parts, cases = read_predictions(tmp_path / "eval", scores["shapes"])
    assert parts == list(scores["parts"]) and set(cases) == set(scores["shapes"])
    for id, case in cases.items():
        assert case.points.dtype == np.float16 and case.truth.dtype == case.prediction.dtype == np.int16
        ious = part_ious(case.prediction, case.truth, len(parts))
        assert round(100 * float(ious.mean()), 2) == scores["shapes"][id]


def hostile_report() -> tuple[Any, LabelledSet]:
    """A scored chair whose id and parts are hostile."""
    row = replace(category("chair"), parts=tuple(HOSTILE))
    shape = replace(ProceduralGenerator().generate("chair", 0, HOSTILE[0]), category="chair").sampled(512, 0)
    assert shape.point_labels is not None
    labelled = LabelledSet("made", "chair", tuple(HOSTILE), [shape], 1, own=row)
    return report_on("student", labelled, [0, 1, 2, 3], [shape], [shape.point_labels]), labelled


# --- hostile content ----------------------------------------------------------------------------------------------


def test_hostile_names_and_cards_are_text(run_folder: Path, tmp_path: Path) -> None:
    folder, (report, _) = run_folder / "student/eval", hostile_report()
    scores = report.as_dict(EvalSettings(points=512, dataset="</script>")) | {"method": HOSTILE[1]}
    (folder / "scores.json").write_text(json.dumps(scores))
    safe = replace(report, parts=tuple(name.replace("\ud800", "") for name in report.parts))  # a header is UTF-8
    write_predictions(safe, folder)
    (run_folder / "student/README.md").write_text(
        f"---\nx: {HOSTILE[1]}\n---\n# {HOSTILE[0]}\n<iframe src='http://x.y'></iframe> <http://x.y> [a](javascript:b)"
    )
    page = page_of(run_folder / "student", tmp_path / "page.html")  # walking through it is the test
    assert list(page.column("Mean IoU of every part"))[:3] == HOSTILE[:3]
    assert list(page.column("All 1 shapes")) == [HOSTILE[0]] and len(page.data["clouds"]) == 1
    assert page.count("img") == page.count("iframe") == 0 and page.count("script") == 2
    assert page.text.count(HOSTILE[1]) >= 2 and "a & b\ufffd\ufffd" in page.text and "javascript:b" in page.text
    labels = [str(found["aria-label"]) for tag, found in page.tags if found.get("role") == "application"]
    assert len(labels) == 1 and labels[0].startswith(HOSTILE[0])


def test_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    report, _ = hostile_report()
    report = replace(report, parts=("a", "b", "c", "d"))
    written = set()
    for _ in range(8):  # the library's own order of the header's two entries changes from call to call
        write_predictions(report, tmp_path)
        written.add((tmp_path / FILE).read_bytes())
    assert len(written) == 1


def test_json_within_the_page_can_not_leave_its_element() -> None:
    for value in HOSTILE:
        found = safe_json({value: [value, "\u2028"]})
        assert found.isascii() and not set("<>&") & set(found) and json.loads(found) == {value: [value, "\u2028"]}


# --- sizes --------------------------------------------------------------------------------------------------------


def test_very_large_clouds_are_thinned_alike_in_all_layers(rng: np.random.Generator) -> None:
    points = rng.normal(size=(30_000, 3)).astype(np.float32)
    labels = (points[:, 0] > 0).astype(np.int16)
    found = Cloud("a", "", points, None, [Layer("x", "parts", labels), Layer("y", "errors", 1 - labels)]).as_json()
    kept = array(found["points"], "<i2").reshape(-1, 3)
    first, second = (array(layer["labels"], "i1") for layer in found["layers"])
    assert len(kept) == len(first) == 2048 and len(np.unique(kept, axis=0)) > 2000
    np.testing.assert_array_equal(first, 1 - second)
    centre = (points.min(0) + points.max(0))[0] / 2
    middle = -centre / np.linalg.norm(points - (points.min(0) + points.max(0)) / 2, axis=1).max()
    far = np.abs(kept[:, 0] / 32767 - middle) > 0.1  # the thinned cloud's own middle is near that of all
    np.testing.assert_array_equal(first[far], kept[far, 0] / 32767 > middle)
    assert len(json.dumps(found)) < 40_000  # of 24 shapes: below 1 MB


@pytest.mark.parametrize(("places", "each"), [(0, 12), (1, 12), (2, 12), (3, 8), (5, 4), (12, 2), (24, 2)])
def test_shapes_are_shared_out(places: int, each: int) -> None:
    assert quota(places) == each


def test_extremes_are_the_worst_and_the_best(rng: np.random.Generator) -> None:
    scores = {f"{number}": float(score) for number, score in enumerate(rng.integers(0, 9, 40))}
    ordered = sorted(scores, key=lambda id: (scores[id], id))
    for most in (2, 5, 12):
        found = extremes(scores, most)
        worst, best = found[: (most + 1) // 2], found[(most + 1) // 2 :]
        assert found == [id for id in ordered if id in found] and len(found) == most
        assert max(scores[id] for id in worst) <= sorted(scores.values())[len(worst) - 1]
        assert not best or min(scores[id] for id in best) >= sorted(scores.values())[-len(best)]
    assert extremes(scores, 40) == extremes(scores, 99) == ordered


# --- curves -------------------------------------------------------------------------------------------------------


def test_curves_stand_where_their_losses_are(tmp_path: Path) -> None:
    (tmp_path / "losses.csv").write_text(LOSSES)
    picture = loss_curves(read_losses(tmp_path / "losses.csv")).split("<details>")[0]
    curves = [part.split('"')[1] for part in picture.split("<polyline")[1:]]
    loss, validation = [[tuple(map(float, p.split(","))) for p in curve.split()] for curve in curves]
    assert [y for _, y in loss] == [TOP, HEIGHT - BOTTOM]  # the largest and the least of all; nan is left out
    assert [y for _, y in validation] == [(TOP + HEIGHT - BOTTOM) / 2, TOP + 0.75 * (HEIGHT - TOP - BOTTOM)]
    assert loss[0][0] == validation[0][0] < loss[1][0] < validation[1][0]


@pytest.mark.parametrize("rows", ["1,0.5,False,0,0,", "1,inf,False,0,0,", ""])
def test_curves_of_hardly_any_loss(tmp_path: Path, rows: str) -> None:
    (tmp_path / "losses.csv").write_text(f"epoch,loss,rescored,skipped,empty,validation\n{rows}\n")
    found = loss_curves(read_losses(tmp_path / "losses.csv"))
    assert ("0.5" in found) == ("0.5" in rows) and ("No losses" in found) == ("0.5" not in rows)


# --- errors --------------------------------------------------------------------------------------


def broken(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes(change((run / name).read_bytes()))


def scores_with(**changes: Any) -> Callable[[Path], object]:
    return broken("student/eval/scores.json", lambda data: json.dumps(json.loads(data) | changes).encode())


DAMAGE = {
    "no JSON": (broken("student/eval/scores.json", lambda data: data[:50]), "scores.json: is damaged"),
    "a word for a score": (scores_with(miou="high"), "scores.json: miou: "),
    "no interval": (scores_with(interval_95=[1.0]), "scores.json: interval_95"),
    "no number": (scores_with(parts={"back": float("nan")}), "scores.json: parts.back"),
    "cut predictions": (broken(f"student/eval/{FILE}", lambda data: data[:-9]), f"{FILE}: can't be read"),
    "predictions of nothing": (broken(f"student/eval/{FILE}", lambda data: b""), f"{FILE}: can't be read"),
    "odd losses": (broken("student/losses.csv", lambda data: data + b"four,1,,,,\n"), "losses.csv: can't be read"),
    "a cut shard": (broken("generated/shapes-00000.tar", lambda data: data[:999]), "shapes-00000.tar"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_files_are_named(run_folder: Path, tmp_path: Path, what: str) -> None:
    damage, words = DAMAGE[what]
    damage(run_folder)
    with pytest.raises(InputError, match=words) as caught:
        write_page(run_folder, tmp_path / "page.html")
    assert "\n" not in str(caught.value) and not (tmp_path / "page.html").exists()


def test_labels_of_no_part_are_refused(run_folder: Path) -> None:
    case = Case(np.zeros((2, 3), np.float16), np.array([0, 9], np.int16), np.zeros(2, np.int16))
    from safetensors.numpy import save_file

    tensors = {f"0.{name}": value for name, value in case._asdict().items()}
    save_file(tensors, run_folder / FILE, {"parts": '["a"]', "ids": '["x"]'})
    with pytest.raises(InputError, match="labels name no part"):
        read_predictions(run_folder, ["x"])
    assert read_predictions(run_folder, ["y"]) == (["a"], {})


@pytest.mark.parametrize(("name", "words"), [("empty", "holds no collection"), ("absent", "is not a folder")])
def test_folders_of_nothing_are_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/scores.json").write_text('{"of": "something else"}')
    (tmp_path / "empty/config.json").write_text('{"model_type": "of another program"}')
    with pytest.raises(InputError, match=f"{name}: {words}"):
        write_page(tmp_path / name)


def test_a_page_that_can_not_be_written(made: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        write_page(made / "student/eval", tmp_path)
