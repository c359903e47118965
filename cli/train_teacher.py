"""`gen3d train-teacher`: the embedded teacher, from procedural shapes alone."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    out: Path = typer.Option(..., "--out", help="Where the weights go (safetensors)."),
    steps: int = typer.Option(None, "--steps", help="Training steps.  [default: 1200]"),
    categories: str = typer.Option(None, "--categories", help="Comma-separated.  [default: all with a grammar]"),
    loaders: int = typer.Option(None, "--loaders", help="Processes that make and render shapes.  [default: 1]"),
    start: Path = typer.Option(None, "--start", help="Weights to go on from."),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Train the lite teacher only on renders of procedural shapes, and score it on shapes it never saw."""
    from gen3d.settings import resolve
    from gen3d.teachers.lite.training import TeacherSettings, train_teacher

    options = {"steps": steps, "categories": output.names(categories), "workers": loaders}
    options |= {"start": None if start is None else str(start)}
    settings = resolve(TeacherSettings, preset, **options, seed=seed)
    with output.progress("training the lite teacher", settings.steps) as step:
        scores, finished = train_teacher(settings, out, lambda _, loss: step(1, f"loss {loss:.3f}"), overwrite)
    if finished:
        output.say_nothing_to_do(out, "trained before with the same settings")
    rows = [[name, f"{100 * score:.1f}"] for name, score in scores.items()]
    result = {"weights": str(out), "finished_before": finished, "held_out_miou": scores}
    output.show(result, as_json, lambda: output.print_table(f"{out}: pixel mIoU % on fresh shapes", ["", "mIoU"], rows))
