"""The experiment with sources: what it runs, keeps and prints, at a tiny size."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run, tree
from PIL import Image

from distill.experiment_tables import PAPER, Cell, Row, bars, markdown
from distill.experiments import parse_real, parse_test
from gen3d.collection import Collection
from gen3d.errors import SettingsError
from gen3d.mesh_io import write_shape

TINY = """
experiment: {categories: [chair, mug], seeds: 1, n: 2, epochs: 1, steps: 2, align: false, passes: 1}
"""


def experiment(*more: object) -> tuple[object, ...]:
    words = (
        "--preset",
        "tiny-experiment.yaml",
        "--real",
        "scans",
        "--test",
        "collection=runs/chair/generated",
        "--workers",
        1,
    )
    return ("experiment", "sources", *words, "--out", "e", *more)


@pytest.fixture
def scans(home: Path) -> Path:
    """Two chairs of the chain's collection as files without labels' names."""
    (home / "scans").mkdir()
    for number, shape in enumerate(list(Collection.open("runs/chair/generated").shapes())[:2]):
        write_shape(shape, home / "scans" / f"scan-{number}.stl")
    (home / "tiny-experiment.yaml").write_text(TINY)
    return home


def test_all_sources_are_run_scored_and_kept_and_the_second_time_found(scans: Path, run: Run) -> None:
    first = run(*experiment("--json"))
    assert first.code == 0, first.err
    rows = {row["category"]: row for row in json.loads(first.out)["rows"]}
    assert [(c["source"], c["seed"]) for c in rows["chair"]["cells"]] == [
        (source, 0) for source in ("real", "generated", "mixed")
    ]
    assert (
        rows["mug"]["cells"] == [] and "not scored" in rows["mug"]["scored_on"] and "chair" in rows["mug"]["scored_on"]
    )
    for cell in rows["chair"]["cells"]:
        kept = json.loads((scans / f"e/chair/scores-{cell['source']}-{cell['seed']}/scores.json").read_text())
        assert kept["miou"] == cell["miou"] and kept["worst_half"] == cell["worst_half"]
        made = json.loads((scans / f"e/chair/student-{cell['source']}-{cell['seed']}/config.json").read_text())[
            "training"
        ]
        both = {"real": ["real"], "generated": ["generated"], "mixed": ["generated", "real"]}[cell["source"]]
        assert list(made["sources"]) == both and made["settings"]["steps"] == 2
    before = {
        name: row for name, row in tree(scans / "e").items() if not name.startswith(("experiment", "table", "sources"))
    }
    second = run(*experiment())
    assert second.code == 0 and (scans / "e/table.md").read_text() in second.out
    assert {name: row for name, row in tree(scans / "e").items() if name in before} == before


def test_other_settings_on_the_same_folder_are_refused_but_not_further_seeds(scans: Path, run: Run) -> None:
    (scans / "e").mkdir()
    assert run(*experiment("--categories", "mug")).code == 0
    assert "settings.epochs was 1, now 2" in run(*experiment("--categories", "mug", "--epochs", 2)).error
    assert run(*experiment("--categories", "mug", "--seeds", 2)).code == 0


def test_a_category_without_real_shapes_or_a_word_unknown(scans: Path, run: Run) -> None:
    assert "unknown category 'sofa'" in run(*experiment("--categories", "sofa")).error
    assert "NAME=DIR" in run(*experiment("--test", "psb")).error


def test_what_is_given_is_read() -> None:
    assert parse_test("shapenetpart=a/b,split=val") == ("shapenetpart", Path("a/b"), {"split": "val"})
    for text in ("", "psb", "psb=", "sofa=x", "psb=x,split", "psb=x,split="):
        with pytest.raises(SettingsError, match="NAME=DIR"):
            parse_test(text)
    found = parse_real(["pool", "chair=a=b", "odd=path", "lamp=not asked for"], ("chair", "mug"))
    assert found == {"chair": ["pool", "a=b", "odd=path"], "mug": ["pool", "odd=path"]}


def rows() -> list[Row]:
    scores = {"real": (90.0, 92.0), "generated": (93.0, 95.0), "mixed": (95.0, 96.0)}
    cells = [
        Cell(source, seed, x, x - 2, {"back": x}) for source, pair in scores.items() for seed, x in enumerate(pair)
    ]
    return [Row("chair", "psb, 12 shapes", cells), Row("guitar", "not scored: no set", []), Row("mug", "x", cells[2:4])]


def test_the_table_says_what_mixing_removes_beside_the_papers_figures() -> None:
    chair, guitar, mug = rows()
    assert (
        chair.removed() == pytest.approx(100 * (95.5 - 94) / (100 - 94)) and guitar.removed() is mug.removed() is None
    )
    text = markdown([chair, guitar, mug])
    line = next(line for line in text.splitlines() if line.startswith("| chair"))
    assert [cell.strip() for cell in line.split("|")[2:9]] == [
        "91.0 ± 1.0 (89.0)", "94.0 ± 1.0 (92.0)", "95.5 ± 0.5 (93.5)", "25 %", *(f"{x:.1f}" for x in PAPER["chair"])
    ]  # fmt: skip
    assert "removes 25.0 % of the error on average" in text and "| guitar | - | - | - | - | 76.8" in text


def test_bars_are_as_high_as_their_scores() -> None:
    picture = np.asarray(Image.open(io.BytesIO(bars(rows()))).convert("RGB")).astype(int)
    heights = [(np.abs(picture[50:330] - picture[17, 45 + 110 * i + 5]).sum(-1) == 0).any(1).sum() for i in range(3)]
    scores = np.array([91.0, 94.0, 95.5])
    assert heights[0] < heights[1] < heights[2]
    np.testing.assert_allclose(np.diff(heights) / np.diff(scores), 290 / 10, rtol=0.15)
    assert len(bars([])) > 100
