"""`gen3d experiment`: the experiments of the paper, on shapes of yours."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output

app = typer.Typer(add_completion=False, help="The paper's experiments with shapes of yours. Run again to resume.")


@app.callback()
def _experiments() -> None:
    """Keeps `sources` a word of its own while it is the only experiment."""


@app.command("sources")
def sources(
    categories: str = typer.Option(None, "--categories", help="[default: chair,table,airplane,mug,guitar]"),
    real: list[str] = typer.Option([], "--real", help="Unlabelled shapes: a path, or CATEGORY=PATH. Repeatable."),
    test: list[str] = typer.Option(
        ..., "--test", help="Labelled set: psb=DIR, shapenetpart=DIR,split=val. Repeatable."
    ),
    seeds: int = typer.Option(None, "--seeds", help="Runs of each.  [default: 3]"),
    n: int = typer.Option(None, "--n", help="Generated shapes per category and seed.  [default: 500]"),
    epochs: int = typer.Option(None, "--epochs", help="[default: 20]"),
    steps: int = typer.Option(
        None, "--steps", help="Batches per epoch.  [default: as many as hold the generated shapes]"
    ),
    ratio: float = typer.Option(None, "--ratio", help="Share of real shapes in mixed batches.  [default: 0.5]"),
    teacher: str = typer.Option(None, "--teacher", help="Whose knowledge is distilled.  [default: lite]"),
    out: Path = typer.Option(output.RUNS / "sources", "--out", help="Folder of everything."),
    preset: str = output.PRESET,
    workers: int = output.WORKERS,
    as_json: bool = output.JSON,
) -> None:
    """Distil students from generated, real and mixed shapes, and print their scores beside the paper's."""
    from distill.experiments import ExperimentSettings, Sources, parse_real, parse_test, run_sources
    from gen3d.settings import resolve

    options = {"seeds": seeds, "n": n, "epochs": epochs, "steps": steps, "ratio": ratio, "teacher": teacher}
    settings = resolve(ExperimentSettings, preset, categories=output.names(categories), **options)
    job = Sources(settings, parse_real(real, settings.categories), [parse_test(t) for t in test], out, workers)
    result = run_sources(job, output.say)
    output.show(result, as_json, lambda: print((out / "table.md").read_text()))
    output.say(f"{out}: table.md, sources.png, experiment.json")
