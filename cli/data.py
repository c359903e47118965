"""`gen3d data`: folders of human-labelled data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import output

if TYPE_CHECKING:
    from distill.data_check import Verdict

app = typer.Typer(add_completion=False, help="Folders of human-labelled data sets.")
_FEW = 3  # missing and broken shapes that are named without --json


@app.callback()
def _data() -> None:
    """Keeps `check` a word of its own while it is the only one."""


@app.command("check")
def check(
    dataset: str = typer.Argument(..., help="As of `gen3d eval --dataset`."),
    root: Path = typer.Option(..., "--root", help="The data set's folder."),
    category: str = typer.Option(None, "--category", help="That one alone.  [default: all in the folder]"),
    split: str = typer.Option(None, "--split", help="Of sets that have them.  [default: as of `gen3d eval`]"),
    as_json: bool = output.JSON,
) -> None:
    """Say what a folder holds of a data set, what is missing or broken, and where it is had. Exit code 3 if broken."""
    from distill.data_check import check_data
    from gen3d.errors import InputError

    with output.progress(f"reading {dataset}", None) as step:
        verdict = check_data(dataset, root, category, split, step)
    result = {"dataset": dataset, "root": str(root)} | verdict.as_dict()
    title = f"{dataset}{f', split {verdict.split}' if verdict.split else ''}: {root}"
    output.show(result, as_json, lambda: output.print_table(title, _COLUMNS, _rows(verdict)))
    for line in _lines(verdict):
        output.say(line)
    if verdict.broken:
        raise InputError(
            f"{root}: {verdict.broken} broken (--json lists all); copy them again from {verdict.source.page}"
        )


_COLUMNS = ["category", "official", "listed", "sound", "missing", "broken"]


def _rows(verdict: Verdict) -> list[list[str]]:
    """The table, the total last."""
    rows = [
        [f.category, _number(f.official), str(f.listed), str(f.sound), str(len(f.missing)), str(len(f.broken))]
        for f in verdict.found
    ]
    total = verdict.as_dict()["total"]
    return [*rows, ["all", *(_number(total[name]) for name in _COLUMNS[1:])]] if len(rows) > 1 else rows


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _lines(verdict: Verdict) -> list[str]:
    """The first missing and broken shapes of every category, what is odd, and where the set is had."""
    lines = []
    for found in verdict.found:
        for word, names in (("missing", found.missing), ("broken", [reason for _, reason in found.broken])):
            more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
            lines += [f"{found.category}: {word}: {'; '.join(names[:_FEW])}{more}"] if names else []
        lines += [f"{found.category}: {found.note}"] if found.note else []
    lines += [*verdict.faults, *verdict.notes]
    return [*lines, f"to be had at: {verdict.source.page}", f"terms: {verdict.source.terms}"]
