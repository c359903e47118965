"""`gen3d reproduce` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_chain import Run, assert_refused, tree
from labelled import Stripes
from sample_reproduction import PRE, TTA

from gen3d.teachers import TEACHERS

TINY = """
label: {views: 2, size: 32, points: 512}
distill: {epochs: 1, batch: 2, steps: 1}
tta: {views: 2, size: 32, copies: 1, epochs: 1, batch: 2, steps: 1}
eval: {points: 512, passes: 1}
experiment: {n: 2, align: false}
"""
WORDS = ("reproduce", "--table", "shapenetpart", "--teacher", "stripes", "--preset", "small.yaml", "--workers", 1)
DATA = ("--root", "collection=runs/chair/generated", "--source", "generated", "--categories", "chair")


@pytest.fixture
def small(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The chain's folder with a preset, and a teacher without weights that never tires."""
    (home / "small.yaml").write_text(TINY)
    monkeypatch.setitem(TEACHERS, "stripes", Stripes)
    return home


def test_a_table_is_printed_kept_and_there_the_second_time(small: Path, run: Run) -> None:
    first = run(*WORDS, *DATA, "--rows", f"{TTA}, {PRE}")
    assert first.code == 0, first.err
    out = small / "runs/reproduce/shapenetpart"
    assert {"table.md", "table.tex", "table.csv", "table.json", "settings.json"} <= {p.name for p in out.iterdir()}
    cells = [row for row in json.loads((out / "table.json").read_text())["cells"] if row["category"] == "chair"]
    shown = {row["row"]: f"{row['miou']:.1f} ({row['low']:.1f} to {row['high']:.1f})" for row in cells if row["miou"]}
    assert set(shown) == {TTA, PRE, "glip-points-partdistill-tta", "glip-points-partdistill-pre"}
    assert all(text in first.out for text in shown.values()) and "paper 65.0" in first.out
    assert "on collection, 3 shapes" in first.out and "Teacher of all rows: stripes" in first.out
    before = tree(out)
    second = run(*WORDS, *DATA, "--rows", f"{TTA}, {PRE}")
    assert second.out == first.out and tree(out) == before
    one = run(*WORDS, *DATA[:-2], "--cell", f"{TTA}/chair", "--json")
    assert json.loads(one.out)["cells"] == json.loads((out / "table.json").read_text())["cells"]


def test_a_table_without_any_data_says_what_it_needs(small: Path, run: Run) -> None:
    for table, name in (("partnete", "partnete"), ("generated", "coseg"), ("shapenetpart", "shapenetpart-mesh")):
        end = run("reproduce", "--table", table, "--out", table)
        assert end.code == 0 and "needs data" in end.out and f"--root {name}=DIR" in end.out
        cells = json.loads((small / table / "table.json").read_text())["cells"]
        assert {row["state"] for row in cells} == {"needs data"} and {row["miou"] for row in cells} == {None}
        assert not list((small / table).rglob("scores.json"))


def test_a_failed_cell_gives_code_3_and_the_whole_table(small: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEACHERS, "stripes", lambda: Stripes(lambda number: True))
    end = run(*WORDS, *DATA, "--rows", TTA)
    assert end.code == 3 and "call 1 was refused" in end.err and "failed" in end.out and "Traceback" not in end.err
    cells = json.loads((small / "runs/reproduce/shapenetpart/table.json").read_text())["cells"]
    assert [row["detail"] for row in cells if row["state"] == "failed"] == ["call 1 was refused"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--table", "imagenet"], ["imagenet", "shapenetpart"]),
        (["--rows", "sofa"], ["--rows sofa", "clip-points-pointclip"]),
        (["--categories", "sofa"], ["--categories sofa", "airplane"]),
        (["--cell", "cap"], ["--cell cap", "ROW/CATEGORY"]),
        (["--teacher", "clop"], ["'clop'", "lite"]),
        (["--set", "a=1"], ["--set a=1", "METHOD.NAME=VALUE"]),
        (["--option", "clop.a=1"], ["--option clop.a=1", "TEACHER.NAME=VALUE"]),
        (["--root", "imagenet=x"], ["--root imagenet=x", "psb"]),
        (["--source", "dreams"], ["source = 'dreams'"]),
        (["--seeds", 0], ["seeds = 0"]),
        (["--n", 0], ["n = 0"]),
        (["--epochs", 0], ["epochs = 0"]),
        (["--preset", "nothing"], ["'nothing'"]),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_written(small: Path, run: Run, words: list, names: list[str]) -> None:
    assert_refused(small, run, ["reproduce", "--table", "shapenetpart", *words], 2, names)


def test_a_folder_of_other_settings_is_refused(small: Path, run: Run) -> None:
    assert run("reproduce", "--table", "partnete", "--cell", "glip-points-partslip/kettle", "--out", "t").code == 0
    assert_refused(small, run, ["reproduce", "--table", "generated", "--out", "t"], 2, ["settings.table", "--out"])
