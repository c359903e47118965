"""`gen3d distill`: a student from labelled collections."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    category: str = typer.Option(..., "--category", help="What the student is for."),
    source: str = typer.Option(None, "--source", help="generated, real or mixed.  [default: generated]"),
    generated: Path = typer.Option(None, "--generated", help="Collection.  [default: runs/CATEGORY/generated]"),
    real: Path = typer.Option(None, "--real", help="Collection.  [default: runs/CATEGORY/real]"),
    ratio: float = typer.Option(None, "--ratio", help="Share of real shapes in mixed batches.  [default: 0.5]"),
    fade: float = typer.Option(None, "--fade", help="Share of the training in which that falls to 0.  [default: 0.8]"),
    teacher: str = typer.Option(None, "--teacher", help="Whose knowledge to distil.  [default: lite]"),
    student: str = typer.Option(None, "--student", help="The network.  [default: small]"),
    epochs: int = typer.Option(None, "--epochs", help="Passes over the shapes.  [default: 20]"),
    steps: int = typer.Option(None, "--steps", help="Batches per epoch.  [default: as many as hold every shape]"),
    backward: bool = typer.Option(None, "--backward/--forward-only", help="Re-score the teacher.  [default: backward]"),
    out: Path = typer.Option(None, "--out", help="The student.  [default: runs/CATEGORY/student-SOURCE]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Distil the teacher's knowledge into a 3D student. No label of any shape is looked at."""
    from distill.distillation import distill, source_folders
    from distill.trainer import DistillSettings, Epoch
    from gen3d.categories import category as known_category
    from gen3d.settings import resolve

    name = known_category(category).name
    options = {"source": source, "teacher": teacher, "student": student, "epochs": epochs, "backward": backward}
    options |= {"ratio": ratio, "fade": fade, "steps": steps}
    settings = resolve(DistillSettings, preset, category=name, **options, seed=seed)
    home = output.RUNS / name
    folders = source_folders(settings.source, generated or home / "generated", real or home / "real")
    target = out or home / f"student-{settings.source}"
    log: list[Epoch] = []
    with output.progress(f"distilling {name}", settings.epochs) as step:

        def report(epoch: Epoch) -> None:
            log.append(epoch)
            step(1, f"loss {epoch.loss:.4f}{' re-scored' if epoch.rescored else ''}")

        _, finished = distill(folders, settings, target, overwrite, report)
    if finished:
        output.say(f"{target}: finished before from the same collections and settings; nothing to do")
    result = {"student": str(target), "finished_before": finished, "epochs": len(log)}
    result |= {"loss": log[-1].loss, "rescored": log[-1].rescored} if log else {}
    output.show(result, as_json, lambda: print(f"{target}: student of {name}, distilled from {settings.source} shapes"))
