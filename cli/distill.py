"""`gen3d distill`: a student from labelled collections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import output

if TYPE_CHECKING:
    from distill.student import Student
    from distill.trainer import Epoch


def command(
    context: typer.Context,
    category: str = typer.Option(..., "--category", help="What the student is for."),
    data: str = typer.Option(None, "--data", help="collection, or partdistill-h5: --root.  [default: collection]"),
    root: Path = typer.Option(None, "--root", help="Folder of PartDistill's preprocessed shapes."),
    source: str = typer.Option(None, "--source", help="generated, real or mixed.  [default: generated]"),
    generated: str = typer.Option(None, "--generated", help="Collection.  [default: runs/CATEGORY/generated]"),
    real: str = typer.Option(None, "--real", help="Collection.  [default: runs/CATEGORY/real]"),
    ratio: float = typer.Option(None, "--ratio", help="Share of real shapes in mixed batches.  [default: 0.5]"),
    fade: float = typer.Option(None, "--fade", help="Share of the training in which that falls to 0.  [default: 0.8]"),
    teacher: str = typer.Option(None, "--teacher", help="Whose knowledge to distil.  [default: lite]"),
    student: str = typer.Option(None, "--student", help="The network.  [default: small]"),
    encoder: Path = typer.Option(None, "--encoder", help="From `pretrain` or `convert`.  [default: random]"),
    finetune: bool = typer.Option(None, "--finetune/--frozen", help="point-m2ae: its encoder.  [default: frozen]"),
    epochs: int = typer.Option(None, "--epochs", help="Passes over the shapes.  [default: 20]"),
    steps: int = typer.Option(None, "--steps", help="Batches per epoch.  [default: as many as hold every shape]"),
    batch: int = typer.Option(None, "--batch", help="Shapes per step, of all processes together.  [default: 16]"),
    accumulate: int = typer.Option(None, "--accumulate", help="Pieces of a batch, one at a time.  [default: 1]"),
    device: str = typer.Option(None, "--device", help="auto, cpu or cuda.  [default: auto]"),
    backward: bool = typer.Option(None, "--backward/--forward-only", help="Re-score the teacher.  [default: backward]"),
    select: str = typer.Option(None, "--select", help="Which epoch is kept: last, or validation.  [default: last]"),
    other: bool = typer.Option(None, "--other/--no-other", help='Learn "other" too: points that no unit covers.'),
    keep_epochs: bool = typer.Option(False, "--keep-epochs", help="Keep every epoch for `eval --every-epoch`."),
    compile: bool = typer.Option(None, "--compile/--no-compile", help="torch.compile the step.  [default: no-compile]"),
    out: Path = typer.Option(None, "--out", help="The student.  [default: runs/CATEGORY/student-SOURCE]"),
    logged: str = output.LOG,
    preset: str = output.PRESET,
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Distil the teacher's knowledge into a 3D student. No label of any shape is looked at."""
    from distill.distillation import distill, knowledge_folders, source_name
    from distill.logs import training_log
    from distill.starting import random_start
    from distill.trainer import DistillSettings
    from gen3d.categories import any_category
    from gen3d.settings import resolve

    name = any_category(category).name
    settings = resolve(DistillSettings, preset, **output.settings_given(context, DistillSettings) | {"category": name})
    home = output.RUNS / name
    folders = knowledge_folders(settings, generated or home / "generated", real or home / "real", root)
    target = out or home / f"student-{source_name(settings)}"
    _refuse_unread(context, settings.data, settings.source)
    if note := random_start(settings):
        output.say(note)
    log: list[Epoch] = []
    with training_log(logged, target, settings) as add, output.progress(f"distilling {name}", settings.epochs) as step:

        def report(epoch: Epoch) -> None:
            log.append(epoch)
            add(epoch)
            step(1, f"loss {epoch.loss:.4f}{' re-scored' if epoch.rescored else ''}")

        made, finished = distill(folders, settings, target, overwrite, report, keep_epochs)
    if finished:
        output.say_nothing_to_do(target, "finished before from the same collections and settings")
    result, kind = _result(target, made, finished, log), source_name(settings)
    output.show(result, as_json, lambda: print(f"{target}: student of {name}, distilled from {kind} shapes"))


def _refuse_unread(context: typer.Context, data: str, source: str) -> None:
    """Raise SettingsError for collections, or options of them, that would not be read."""
    from gen3d.errors import SettingsError

    for name in ("source", "generated", "real", "ratio", "fade", "teacher"):
        if data != "collection" and context.params[name] is not None:
            raise SettingsError(f"--{name}: is for collections; leave it out, or leave --data {data} out")
    for name in ("generated", "real"):
        if source not in (name, "mixed") and context.params[name] is not None:
            raise SettingsError(f"--{name}: is not read with source = {source}; give --source {name}, or mixed")


def _result(target: Path, made: Student, finished: bool, log: list[Epoch]) -> dict[str, Any]:
    """What --json prints; notes go to stderr."""
    from distill.distillation import kept_epoch, notes

    for note in notes(made, log):
        output.say(f"{target}: {note}")
    result: dict[str, Any] = {"student": str(target), "finished_before": finished, "epochs": len(log)}
    if log:
        result |= {"loss": log[-1].loss, "rescored": log[-1].rescored, "kept_epoch": kept_epoch(log)}
    return result
