"""The paper's tables as text: Markdown, LaTeX, CSV, JSON. Measured numbers beside the paper's, which are marked so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from distill.published import OVERALL
from distill.reproduction import FAILED, MEASURED, Cell, Result
from distill.reproduction_plan import Column, Row
from distill.tables import as_csv, escaped, markdown_table, write_changed
from gen3d.record import record_bytes

FIELDS: tuple[str, ...] = (
    "row", "vlm", "data", "method", "category", "state", "detail", "miou", "low", "high", "paper", "shapes_scored",
    "shapes_expected", "points", "seeds", "seeds_expected", "dataset", "split", "stand_in", "teacher", "prompts",
    "metric", "distilled_from",
)  # fmt: skip
_SAME = ("shapes_scored", "shapes_expected", "points", "seeds_expected", "dataset", "split", "stand_in", "teacher",
         "prompts", "metric", "distilled_from")  # fmt: skip


class Text(NamedTuple):
    """One cell as it is printed.

    Args:
        lines: the number and what belongs to it, or why there is none.
        marks: numbers of its notes, from 1.
        paper: the paper's figure; empty where there is none.
    """

    lines: tuple[str, ...]
    marks: tuple[int, ...]
    paper: str


class Sheet(NamedTuple):
    """A table as it is printed, before any markup.

    Args:
        heads: of the columns after those three that name a row.
        rows: VLM, data and method of every row with its cells.
        notes: numbered from 1.
        preface: what holds for all of it.
    """

    title: str
    heads: list[str]
    rows: list[tuple[tuple[str, str, str], list[Text]]]
    notes: list[str]
    preface: list[str]


def records(result: Result) -> list[dict[str, Any]]:
    """A flat record of every cell and, after a row's cells, of both its means; None where something is not known."""
    found = []
    for row in result.table.rows:
        found += [_record(cell) for cell in result.cells if cell.place.row is row]
        found += _means(result, row)
    return found


def sheet(result: Result) -> Sheet:
    """The table as it is printed: columns of the paper, and those with a number or a failure."""
    notes: list[str] = []
    columns = [column for column in result.table.columns if _shown(result, column)]
    cells = {(cell.place.row.key, cell.place.column.key): cell for cell in result.cells}
    rows = []
    for row in result.table.rows:
        texts = [_text(cells[row.key, column.key], notes) for column in columns]
        if OVERALL in row.paper.figures:
            texts.append(_overall(result, row, notes))
        rows.append(((row.paper.vlm, row.paper.data, row.paper.method), texts))
    heads = [column.title for column in columns]
    heads += ["Overall: class mean / instance mean"] if len(rows[0][1]) > len(heads) else []
    rest = sum(not _shown(result, column) for column in result.table.columns)
    preface = [*result.notes] + ([f"{rest} more categories have no number yet: see table.json."] if rest else [])
    return Sheet(f"{result.table.title}: mIoU %", heads, rows, notes, preface)


def write_tables(result: Result, folder: Path) -> None:
    """table.md, .tex, .csv and .json, each whole or not at all, where they are not there already.

    Raises StorageError.
    """
    shown = sheet(result)
    record = {"table": result.table.name, "title": result.table.title, "notes": result.notes}
    files = {
        "table.md": markdown(shown).encode(),
        "table.tex": latex(shown).encode(),
        "table.csv": as_csv(FIELDS, records(result)).encode(),
        "table.json": record_bytes(record | {"cells": records(result)}),
    }
    write_changed(folder, files)


def markdown(shown: Sheet) -> str:
    """The table with its notes below."""

    def cell(text: Text) -> str:
        marks = "".join(f" [{mark}]" for mark in text.marks)
        return escaped(" ".join(text.lines)) + marks + (f" *{text.paper}*" if text.paper else "")

    heads = ["VLM", "data", "method", *map(escaped, shown.heads)]
    lines = markdown_table(heads, [[*names, *map(cell, texts)] for names, texts in shown.rows])
    notes = [f"[{number}] {escaped(note)}" for number, note in enumerate(shown.notes, 1)]
    preface = [f"- {escaped(line)}" for line in shown.preface]
    return "\n".join([f"# {shown.title}", "", *lines, "", *preface, "", "\n\n".join(notes), ""])


def latex(shown: Sheet) -> str:
    """A fragment of plain LaTeX for a document of any class; ASCII, no package needed."""

    def cell(text: Text) -> str:
        marks = ",".join(map(str, text.marks))
        lines = [_tex(line) for line in text.lines]
        lines[-1] += rf"\textsuperscript{{{marks}}}" if marks else ""
        lines += [rf"\textit{{{_tex(text.paper)}}}"] if text.paper else []
        return r"\shortstack{" + r"\\ ".join(lines) + "}"

    heads = ["VLM", "data", "method", *map(_tex, shown.heads)]
    rows = [[*map(_tex, names), *map(cell, texts)] for names, texts in shown.rows]
    body = [" & ".join(row) + r" \\" for row in rows]
    notes = [rf"\textsuperscript{{{number}}} {_tex(note)}\par" for number, note in enumerate(shown.notes, 1)]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{lll{'c' * len(shown.heads)}}}",
            r"\hline",
            " & ".join(heads) + r" \\",
            r"\hline",
            *body,
            r"\hline",
            r"\end{tabular}\par",
            rf"{_tex(shown.title)}\par",
            *(rf"{_tex(line)}\par" for line in shown.preface),
            *notes,
            "",
        ]
    )


_TEX = {c: f"\\{c}" for c in "{}$&#%_"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "[": "{[}", "]": "{]}", '"': "''", "|": r"\textbar{}",
}  # fmt: skip


def _tex(text: str) -> str:
    """Escaped; what is not printable ASCII turns into a question mark."""
    return escaped("".join(c if c.isascii() and (c.isprintable() or c.isspace()) else "?" for c in text), _TEX)


def _shown(result: Result, column: Column) -> bool:
    """Whether a column is printed."""
    cells = [cell for cell in result.cells if cell.place.column is column]
    published = any(column.key in row.paper.figures for row in result.table.rows)
    return published or any(cell.state in (MEASURED, FAILED) for cell in cells)


def _text(cell: Cell, notes: list[str]) -> Text:
    """A cell as it is printed; what is to be said of it becomes a note."""
    figure = cell.place.row.paper.figures.get(cell.place.column.key)
    paper = "" if figure is None else f"paper {figure:.1f}"
    scores = cell.scores
    if scores is None:
        return Text((cell.state,), _marks(cell.detail, notes), paper)
    low_high = scores["interval_95"]
    lines = [f"{scores['miou']:.1f}" + (f" ({low_high[0]:.1f} to {low_high[1]:.1f})" if low_high else "")]
    lines.append(f"{'on ' + scores['dataset'] + ', ' if scores['stand_in'] else ''}{_count(scores)} shapes")
    return Text(tuple(lines), _marks(_footnote(scores), notes), paper)


def _overall(result: Result, row: Row, notes: list[str]) -> Text:
    """A row's Overall as it is printed."""
    paper = f"paper {row.paper.figures[OVERALL]:.1f}"
    means = result.overall.get(row.key)
    if means is None:
        return Text(("no number",), (), paper)
    both = [means["class_mean"], means["instance_mean"]]
    line = " / ".join("-" if value is None else f"{value:.1f}" for value in both)
    share = f"{len(means['categories'])} of {means['categories_expected']} categories"
    return Text((line, share), _marks(_covered(means), notes), paper)


def _marks(note: str, notes: list[str]) -> tuple[int, ...]:
    """The number of a note, which is entered where it is new; none for an empty one."""
    if not note:
        return ()
    if note not in notes:
        notes.append(note)
    return (notes.index(note) + 1,)


def _footnote(scores: dict[str, Any]) -> str:
    """How a number was measured."""
    split = f", split {scores['split']}" if scores["split"] else ""
    instead = " (a stand-in: not the paper's data set)" if scores["stand_in"] else ""
    seeds = f"{len(scores['seeds'])} of {scores['seeds_expected']} seeds"
    student = f"; student distilled from {scores['distilled_from']}" if scores["distilled_from"] else ""
    return (
        f"{scores['dataset']}{split}{instead}, {scores['points']} points per shape, {seeds}; {scores['metric']}; "
        f"95 % interval over shapes; teacher {scores['teacher']}, prompts: {scores['prompts']}{student}."
    )


def _covered(means: dict[str, Any]) -> str:
    count = f"{len(means['categories'])} of {means['categories_expected']} categories"
    stood = f"; on stand-ins, not the paper's data: {', '.join(means['stand_ins'])}" if means["stand_ins"] else ""
    names = ", ".join(means["categories"])
    return f"Overall here: over {count}: {names}; {means['shapes_scored']} shapes{stood}."


def _count(scores: dict[str, Any]) -> str:
    scored, expected = scores["shapes_scored"], scores["shapes_expected"]
    return str(scored) if scored == expected else f"{scored} of {expected}"


def _record(cell: Cell) -> dict[str, Any]:
    """A cell as a flat record."""
    row, column = cell.place
    found = _named(row, column.key) | {"state": cell.state, "detail": cell.detail}
    found["paper"] = row.paper.figures.get(column.key)
    if cell.scores is not None:
        low, high = cell.scores["interval_95"] or (None, None)
        found |= {"miou": cell.scores["miou"], "low": low, "high": high, "seeds": len(cell.scores["seeds"])}
        found |= {key: cell.scores[key] for key in _SAME}
    return found


def _means(result: Result, row: Row) -> list[dict[str, Any]]:
    """Both means of a row as flat records; none where there is none."""
    means = result.overall.get(row.key)
    named: dict[str, Callable[[dict[str, Any]], Any]] = {
        "overall-class-mean": lambda found: found["class_mean"],
        "overall-instance-mean": lambda found: found["instance_mean"],
    }
    return [
        _named(row, key)
        | {"state": MEASURED, "detail": _covered(means), "miou": value(means), "paper": row.paper.figures[OVERALL]}
        | {"shapes_scored": means["shapes_scored"]}
        for key, value in named.items()
        if means is not None and value(means) is not None
    ]


def _named(row: Row, category: str) -> dict[str, Any]:
    """A record in which only its place is known."""
    empty: dict[str, Any] = dict.fromkeys(FIELDS)
    paper = row.paper
    return empty | {"row": row.key, "vlm": paper.vlm, "data": paper.data, "method": paper.method, "category": category}
