"""`gen3d pretrain`: a student's encoder from unlabelled shapes."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    collections: list[str] = typer.Argument(..., help="Collections, generated or imported; labels are not read."),
    student: str = typer.Option(None, "--student", help="Whose encoder.  [default: small]"),
    epochs: int = typer.Option(None, "--epochs", help="Passes over the shapes.  [default: 60]"),
    batch: int = typer.Option(None, "--batch", help="Shapes per step.  [default: 32]"),
    accumulate: int = typer.Option(None, "--accumulate", help="Pieces of a batch, one at a time.  [default: 1]"),
    device: str = typer.Option(None, "--device", help="auto, cpu or cuda.  [default: auto]"),
    mask: float = typer.Option(None, "--mask", help="Share of the patches that are hidden.  [default: 0.7]"),
    lr: float = typer.Option(None, "--lr", help="Learning rate.  [default: 0.001]"),
    out: Path = typer.Option(..., "--out", help="Folder for the weights, for `gen3d distill --encoder`."),
    logged: str = output.LOG,
    preset: str = output.PRESET,
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Train the encoder to guess hidden patches of shapes from the rest. Typed again it goes on where it stopped."""
    from distill.logs import training_log
    from distill.masked_training import PretrainEpoch, PretrainSettings
    from distill.pretraining import pretrain
    from gen3d.settings import resolve
    from gen3d.storage import place

    options = {"student": student, "epochs": epochs, "batch": batch, "mask": mask, "lr": lr}
    options |= {"accumulate": accumulate, "device": device}
    settings = resolve(PretrainSettings, preset, **options, seed=seed)
    log: list[PretrainEpoch] = []
    with training_log(logged, out, settings) as add, output.progress("pre-training", settings.epochs) as step:

        def report(epoch: PretrainEpoch) -> None:
            log.append(epoch)
            add(epoch)
            step(1 if len(log) > 1 else epoch.epoch, f"loss {epoch.loss:.4f}")

        finished = pretrain([place(root) for root in collections], settings, out, overwrite, report)
    if finished:
        output.say_nothing_to_do(out, "finished before from the same collections and settings")
    result = {"encoder": str(out), "finished_before": finished, "epochs": len(log)}
    result |= {"loss": log[-1].loss} if log else {}
    output.show(result, as_json, lambda: print(f"{out}: encoder of the {settings.student} student"))
