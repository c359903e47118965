"""`gen3d sweep`: many categories and settings at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import output

if TYPE_CHECKING:
    from distill.sweep import Job, Result


def command(
    context: typer.Context,
    file: Path = typer.Argument(..., help="YAML, or a name in configs/: see docs/sweep.md."),
    categories: str = typer.Option(None, "--categories", help="Some of the 16, comma-separated, in the file's place."),
    root: list[str] = typer.Option(
        [], "--root", help="A test set's folder: psb=DIR, shapenetpart=DIR,split=val. Repeatable."
    ),
    seeds: int = typer.Option(None, "--seeds", help="Runs of each.  [default: the file's, or 1]"),
    seed: int = typer.Option(None, "--seed", help="The first of them.  [default: the file's, or 0]"),
    only: str = typer.Option(None, "--only", help="One stage: generate, label, distill or eval."),
    until: str = typer.Option(None, "--until", help="The stages up to that one."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what is done and what is left; make nothing."),
    out: Path = typer.Option(None, "--out", help="For everything.  [default: runs/sweep/NAME]"),
    offline: bool = output.OFFLINE,
    executor: str = output.EXECUTOR,
    address: str = output.ADDRESS,
    gpus_per_worker: float = output.GPUS,
    retries: int = output.RETRIES,
    workers: int = output.CREW,
    as_json: bool = output.JSON,
) -> None:
    """Generate, label, distil and score many categories, and print one table. Run again to go on.

    The file is a preset with a section `sweep` (categories, seeds, test sets,
    variants of the other sections). Results that variants have in common are
    made once; with other settings only what they change is made anew.
    The exit code is 3 where something failed.
    """
    from distill.sweep import Job, run_sweep, stages_of
    from distill.sweep_settings import read_sweep

    sweep = read_sweep(file, root, categories=output.names(categories), seeds=seeds, seed=seed)
    home = out or output.RUNS / "sweep" / sweep.settings.name
    job = Job(sweep, home, output.crew_given(context), stages_of(only, until))
    if dry_run:
        return _show_states(job, as_json)
    result = run_sweep(job, output.say)
    table = {"sweep": sweep.settings.name, "rows": result.rows, "page": str(result.page)}
    table |= {"failed": {name: cause.reason for name, cause in result.lost.items()}}
    output.show(table, as_json, lambda: _print(sweep.settings.name, result))
    output.say(f"{home}: table.md, table.json, scores.csv; the report: {result.page}")
    if result.lost:
        raise typer.Exit(3)


def _print(name: str, result: Result) -> None:
    """The table, and below it what is to be said of single rows."""
    from distill.sweep_tables import HEADS, cells

    rows = [cells(row) for row in result.rows]
    output.print_table(f"sweep {name}", list(HEADS[:-1]), [row[:-1] for row in rows])
    for category, variant, *_, note in rows:
        if note:
            print(f"{category}, {variant}: {note}")


def _show_states(job: Job, as_json: bool) -> None:
    """Every node, and how many are done and left."""
    from distill.sweep import states

    found = states(job)
    counts = Counter(found.values())
    result = {"out": str(job.out), "nodes": found, "done": counts["done"], "left": counts["left"]}
    lines = [f"{state:8}  {name}" for name, state in found.items()]
    lines += [f"{job.out}: {counts['done']} of {len(found)} results are there, {counts['left']} would be made"]
    output.show(result, as_json, lambda: print("\n".join(lines)))
