"""`gen3d reproduce`: the paper's tables, measured here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import output

if TYPE_CHECKING:
    from distill.reproduction import Result


def command(
    table: str = typer.Option(..., "--table", help="shapenetpart, partnete or generated."),
    root: list[str] = typer.Option(
        [], "--root", help="The table's data: DIR, or NAME=DIR[,option=value] of any data set. Repeatable."
    ),
    real: list[str] = typer.Option(
        [], "--real", help="Unlabelled shapes in the place of the train split: a path, or CATEGORY=PATH. Repeatable."
    ),
    teacher: str = typer.Option(None, "--teacher", help="For all rows.  [default: CLIP: clip, GLIP: grounding-dino]"),
    option: list[str] = typer.Option([], "--option", help="A teacher's [TEACHER.]NAME=VALUE. Repeatable."),
    set_: list[str] = typer.Option([], "--set", help="A baseline's METHOD.NAME=VALUE. Repeatable."),
    rows: str = typer.Option(None, "--rows", help="Some rows, as clip-points-openscene, comma-separated."),
    categories: str = typer.Option(None, "--categories", help="Some categories, comma-separated."),
    cell: str = typer.Option(None, "--cell", help="One cell alone: ROW/CATEGORY."),
    split: str = typer.Option(None, "--split", help="Scored, of sets with official splits.  [default: test]"),
    missing: str = typer.Option(None, "--missing", help="skip: score what is there of an incomplete set."),
    source: str = typer.Option(None, "--source", help="Pre rows: train split, or generated shapes.  [default: train]"),
    n: int = typer.Option(None, "--n", help="Generated shapes per category and seed.  [default: 500]"),
    epochs: int = typer.Option(None, "--epochs", help="Of students that are distilled.  [default: 20]"),
    seeds: int = typer.Option(None, "--seeds", help="Runs of each cell.  [default: 1]"),
    out: Path = typer.Option(None, "--out", help="For tables and scores.  [default: runs/reproduce/TABLE]"),
    preset: str = output.PRESET,
    offline: bool = output.OFFLINE,
    workers: int = output.WORKERS,
    as_json: bool = output.JSON,
) -> None:
    """Measure a table of the paper, cell by cell, and print it beside the paper's figures. Run again to go on.

    A cell without data, weights or meshes says what it needs: no number is shown that was not measured. The exit code
    is 3 where a cell failed for another reason.
    """
    from distill.reproduction import Job, reproduce
    from distill.reproduction_plan import chosen
    from distill.reproduction_settings import by_owner, real_shapes, roots_of, settings_of
    from distill.reproduction_tables import records, write_tables

    given = {"teacher": teacher, "split": split, "missing": missing, "source": source, "seeds": seeds}
    owned = {"options": by_owner(option, "--option", "teacher"), "baselines": by_owner(set_, "--set", "method")}
    settings = settings_of(preset, table=table, **given, **owned, n=n, epochs=epochs)
    places = chosen(settings.plan, output.names(rows), output.names(categories), cell)
    home = out or output.RUNS / "reproduce" / table
    job = Job(settings, places, roots_of(root, settings.plan), real_shapes(real, settings.plan), home, workers)
    result = reproduce(job, output.say, lambda found: write_tables(found, home))
    output.show({"table": table, "cells": records(result)}, as_json, lambda: _print(result))
    output.say(f"{home}: table.md, table.tex, table.csv, table.json; scores in cells/")
    if result.failed:
        raise typer.Exit(3)


def _print(result: Result) -> None:
    """The table in pieces that fit a terminal, with its notes."""
    from distill.reproduction_tables import sheet

    shown, most = sheet(result), 5
    for first in range(0, len(shown.heads), most):
        table = []
        for names, texts in shown.rows:
            some = texts[first : first + most]
            cells = [
                "\n".join([*t.lines[:-1], t.lines[-1] + "".join(f" [{m}]" for m in t.marks), t.paper]) for t in some
            ]
            table.append(["\n".join([names[2], " ".join(names[:2])]), *cells])
        output.print_table(shown.title, ["method", *shown.heads[first : first + most]], table)
    for line in [*shown.preface, *(f"[{number}] {note}" for number, note in enumerate(shown.notes, 1))]:
        print(line)
