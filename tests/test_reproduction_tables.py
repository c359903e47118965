"""The paper's tables as files: figures as published, four formats that say the same, and no number of no scores."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill import other
from distill.experiment_tables import PAPER
from distill.metrics import partnete_part_ious
from distill.other import partnete_report
from distill.published import GENERATED, OVERALL, PARTNETE, SHAPENETPART
from distill.reproduction import MEASURED, NOT_RUN, Cell, Result
from distill.reproduction_plan import METHODS, STANDING_FOR, TABLES, Place, Table
from distill.reproduction_tables import FIELDS, latex, markdown, records, sheet, write_tables
from distill.scoring import METHODS as SCORED
from distill.tables import as_csv
from gen3d.teachers import TEACHERS

NASTY = "50 % of a_b & c#d: {x} <y> ~^\\ $z [1] | é"


def scores(miou: float, shapes: int = 5, **changes: Any) -> dict[str, Any]:
    """What a measured cell keeps."""
    found = {
        "miou": miou, "interval_95": [miou - 1.5, miou + 1.25], "seeds": [miou], "seeds_expected": 1, "points": 512,
        "shapes_scored": shapes, "shapes_expected": 11, "metric": "mIoU %", "dataset": "shapenetpart", "split": "val",
        "stand_in": False, "teacher": "lite", "prompts": "its own", "distilled_from": "", "shapes": {},
    }  # fmt: skip
    return found | changes


def result(table: Table, measured: dict[tuple[int, int], dict[str, Any]], detail: str = NASTY) -> Result:
    """A table with some cells measured, one failed, the others not run."""
    cells = []
    for i, row in enumerate(table.rows):
        for j, column in enumerate(table.columns):
            found = measured.get((i, j))
            state = MEASURED if found else "failed" if (i, j) == (0, 1) else NOT_RUN
            cells.append(Cell(Place(row, column), state, detail if state == "failed" else "", found))
    means = {"class_mean": 33.33, "instance_mean": 44.44, "categories": [table.columns[0].key], "shapes_scored": 5}
    means |= {"categories_expected": 16, "stand_ins": []}
    overall = {table.rows[i].key: means for i in {i for i, _ in measured} if OVERALL in table.rows[i].paper.figures}
    return Result(table, [f"A note: {NASTY}"], cells, overall)


@pytest.fixture
def some() -> Result:
    found = {(0, 0): scores(61.24), (3, 0): scores(72.5, 11), (1, 9): scores(12.0, stand_in=True, dataset="psb")}
    return result(TABLES["shapenetpart"], found)


# --- what is published ---


def test_figures_are_those_of_the_reference_page(shared_data: Path) -> None:
    page = shared_data.parent / "reference" / "results.md"
    if not page.is_file():
        pytest.skip(f"no {page}")
    text = page.read_text()
    for number, rows in ((1, SHAPENETPART), (2, PARTNETE), (3, GENERATED)):
        section = text.split(f"\n## {number}. ")[1].split("\n## ")[0]
        lines = [line for line in section.splitlines() if line.startswith("|")][2:]
        found = [re.findall(r"\| *(\d+\.\d)", line) for line in lines]
        assert [[float(x) for x in line] for line in found] == [list(row.figures.values()) for row in rows]
        for line, row in zip(lines, rows, strict=True):
            words = [word.strip() for word in re.split(r"[|/]", line.replace(" (baseline)", "")) if word.strip()]
            assert row.method in words and (number == 3 or words[:3] == [row.vlm, row.data, row.method])


def test_every_row_has_a_teacher_a_method_and_a_name_of_its_own() -> None:
    for table in TABLES.values():
        assert len({row.key for row in table.rows}) == len(table.rows)
        assert len({column.key for column in table.columns}) == len(table.columns)
        for row in table.rows:
            assert set(row.paper.figures) <= {OVERALL, *(column.key for column in table.columns)}
            assert METHODS[row.paper.method] == row.run and STANDING_FOR[row.paper.vlm] in TEACHERS
    assert [len(TABLES[name].columns) for name in ("shapenetpart", "partnete", "generated")] == [16, 45, 5]
    assert {"student", "tta"} <= set(SCORED)
    assert PAPER == {"airplane": (69.3, 69.0, 70.8), "chair": (86.2, 85.3, 88.4), "guitar": (76.8, 75.6, 78.3)}


# --- the formats ---


def test_csv_and_json_hold_the_same(some: Result, tmp_path: Path) -> None:
    write_tables(some, tmp_path)
    told = json.loads((tmp_path / "table.json").read_text())
    lines = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text())))
    assert told["cells"] == records(some) and list(lines[0]) == list(FIELDS) and len(lines) == 160 + 3 * 2
    assert lines == [{key: "" if v is None else str(v) for key, v in row.items()} for row in told["cells"]]
    assert NASTY in {row["detail"] for row in lines} and (tmp_path / "table.csv").read_text() == as_csv(
        FIELDS, records(some)
    )


def test_papers_figures_are_always_marked_and_all_others_measured(some: Result) -> None:
    measured = {
        f"{x:.1f}" for cell in some.cells if cell.scores for x in (cell.scores["miou"], *cell.scores["interval_95"])
    }
    measured |= {"33.3", "44.4"}
    papers = {f"{x:.1f}" for row in some.table.rows for x in row.paper.figures.values()}
    rows = [line for line in markdown(sheet(some)).splitlines() if line.startswith("|")]
    body = latex(sheet(some)).split(r"\end{tabular}")[0]
    for text, mark in (("\n".join(rows), r"\*paper ([\d.]+)\*"), (body, r"\\textit\{paper ([\d.]+)\}")):
        assert set(re.findall(mark, text)) == papers
        assert set(re.findall(r"\d+\.\d", re.sub(mark, "", text))) == measured


def test_the_cell_says_how_much_was_scored_on_what(some: Result) -> None:
    lines = {line.split(" | ")[2]: line for line in markdown(sheet(some)).splitlines() if line.startswith("| CLIP")}
    assert "61.2 (59.7 to 62.5) 5 of 11 shapes [1] *paper 22.0*" in lines["PointCLIP"]
    assert "failed [2] *paper 44.8*" in lines["PointCLIP"] and "not run *paper 13.4*" in lines["PointCLIP"]
    assert "33.3 / 44.4 1 of 16 categories [3] *paper 31.0*" in lines["PointCLIP"]
    assert "72.5 (71.0 to 73.8) 11 shapes" in lines["PartDistill TTA"]
    assert "on psb, 5 of 11 shapes" in lines["PointCLIPv2"] and "no number *paper 52.9*" in lines["OpenScene"]
    heads = markdown(sheet(some)).splitlines()[2]
    assert "Knife" not in heads and "Laptop" in heads  # no figure of the paper's; one of ours


def test_a_table_without_an_overall_has_none() -> None:
    found = sheet(result(TABLES["generated"], {(0, 0): scores(1.0)}))
    assert len(found.heads) == 5 and all(len(texts) == 5 for _, texts in found.rows)
    partnete = result(TABLES["partnete"], {(0, 0): scores(1.0, interval_95=None)})
    partnete.overall["glip-points-partslip"]["instance_mean"] = None
    assert "33.3 / -" in markdown(sheet(partnete))
    assert [r["category"] for r in records(partnete) if "overall" in r["category"]] == ["overall-class-mean"]


# --- LaTeX that compiles: a small checker of what a fragment may hold ---

COMMANDS = {
    "begin", "end", "hline", "par", "shortstack", "textsuperscript", "textit", "textbackslash", "textasciitilde",
    "textasciicircum", "textless", "textgreater", "textbar",
}  # fmt: skip


def check_latex(text: str) -> None:
    """Balanced braces and environments, known commands only, no loose special character, rows of one length."""
    assert text.isascii()
    assert re.findall(r"\\(begin|end)\{(\w+)\}", text) == [("begin", "tabular"), ("end", "tabular")]
    bare = re.sub(r"\\[{}$&#%_]", "", text)
    depth = 0
    for c in bare:
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert depth == 0 and set(re.findall(r"\\([A-Za-z]+)", bare)) <= COMMANDS
    assert not re.search(r"\\[^A-Za-z\\]", bare.replace(r"\\", "")), "an unknown escape"
    head, body = bare.split(r"\end{tabular}")[0].split("\\hline", 1)
    columns = len(re.search(r"\{([lc]+)\}", head).group(1))  # type: ignore[union-attr]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert rows and all(row.count("&") == columns - 1 for row in rows)
    assert "&" not in bare.split(r"\end{tabular}")[1]
    assert not set(bare.replace("&", "")) & set('$#%_~^<>"|') and not re.search(r"\\\\\s*[\[*]", bare)


def test_latex_is_a_fragment_that_compiles(some: Result) -> None:
    check_latex(latex(sheet(some)))
    assert r"50 \% of a\_b \& c\#d: \{x\} \textless{}y\textgreater{} \textasciitilde{}" in latex(sheet(some))


@settings(max_examples=30)
@given(st.text(max_size=40))
def test_any_reason_can_be_printed(detail: str) -> None:
    found = sheet(result(TABLES["generated"], {}, detail))
    check_latex(latex(found))
    rows = [line for line in markdown(found).splitlines() if line.startswith("| GLIP")]
    assert len(rows) == 3 and all(len(re.findall(r"(?<!\\)\|", row)) == 9 for row in rows)


@pytest.mark.parametrize(
    "text", ["\\begin{tabular}{ll}\n\\hline\na & b & c \\\\\n\\end{tabular}", "50 % \\hline", "\\foo"]
)
def test_the_checker_finds_faults(text: str) -> None:
    with pytest.raises(AssertionError):
        check_latex(text)


# --- PartNetE's metric ---


def test_partnetes_score_is_the_mean_over_parts_of_the_mean_over_shapes_that_have_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(other, "_DRAWS", 200)
    rng = np.random.default_rng(0)
    truths = [rng.integers(-1, 3, 60).astype(np.int16) for _ in range(6)]
    truths[0][truths[0] == 2] = -1
    guesses = [np.where(rng.random(60) < 0.6, t, rng.integers(-1, 3, 60)).astype(np.int16) for t in truths]
    pairs = list(zip(guesses, truths, strict=True))
    found = partnete_report(pairs, ("a", "b", "c"), seed=1)["partnete"]
    expected = partnete_part_ious(guesses, truths, 3)
    assert found["miou"] == round(100 * expected.mean(), 2) and list(found["parts"]) == ["a", "b", "c"]
    draws = []
    for pick in np.random.default_rng(1).integers(6, size=(200, 6)):  # the naive twin: each draw scored as a data set
        draws.append(np.nanmean(partnete_part_ious([guesses[i] for i in pick], [truths[i] for i in pick], 3)))
    assert found["interval_95"] == pytest.approx(100 * np.quantile(draws, [0.025, 0.975]), abs=0.011)
    low, high = found["interval_95"]
    assert low < found["miou"] < high
    nothing = [(g, np.full(60, -1, np.int16)) for g in guesses]
    assert partnete_report(nothing, ("a", "b", "c"), 0)["partnete"]["miou"] is None
