"""`gen3d eval`: scores on human-labelled shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import output

if TYPE_CHECKING:
    from distill.trainer import Epoch
    from distill.tta import TTASettings


def command(
    student: Path = typer.Option(None, "--student", help="A student's folder or Hub id; tta starts from it."),
    method: str = typer.Option("student", "--method", help="student, votes (the teacher alone), tta (aligned)."),
    category: str = typer.Option(None, "--category", help="For --method votes, and tta without --student."),
    teacher: str = typer.Option("lite", "--teacher", help="For --method votes and tta."),
    dataset: str = typer.Option(None, "--dataset", help="psb (default), shapenetpart(-h5), partdistill-h5, collection"),
    root: Path = typer.Option(..., "--root", help="The data set's folder."),
    split: str = typer.Option(None, "--split", help="Of sets that have them: train, val, trainval or test."),
    missing: str = typer.Option(None, "--missing", help="Of sets with lists: skip = score what is there."),
    pose: str = typer.Option(None, "--pose", help="psb: canonical or raw."),
    yaw: str = typer.Option(None, "--yaw", help="random: turn every shape about +Y first.  [default: none]"),
    passes: int = typer.Option(None, "--passes", help="Passes of the student that are averaged.  [default: 16]"),
    tta: str = typer.Option(None, "--tta", help="joint: a student for all test shapes; per-shape.  [default: joint]"),
    network: str = typer.Option(None, "--network", help="tta without --student: the network.  [default: small]"),
    encoder: Path = typer.Option(None, "--encoder", help="tta without --student: see `gen3d distill`."),
    copies: int = typer.Option(None, "--copies", help="tta: point samplings per test shape.  [default: 8]"),
    epochs: int = typer.Option(None, "--epochs", help="tta: passes over them.  [default: 40, with --student 10]"),
    steps: int = typer.Option(None, "--steps", help="tta: batches per epoch.  [default: as many as hold every copy]"),
    lr: float = typer.Option(None, "--lr", help="tta: learning rate.  [default: 0.0015, with --student 0.0003]"),
    backward: bool = typer.Option(None, "--backward/--forward-only", help="tta: re-score.  [default: backward]"),
    renderer: str = typer.Option(None, "--renderer", help="votes and tta: see `gen3d label`.  [default: auto]"),
    views: int = typer.Option(None, "--views", help="tta: cameras.  [default: 10]"),
    size: int = typer.Option(None, "--size", help="tta: pixels along a view's side.  [default: the teacher's]"),
    every_epoch: bool = typer.Option(False, "--every-epoch", help="Score every epoch that --keep-epochs kept, too."),
    leave_out: str = typer.Option(None, "--leave-out", help="Parts not to score, comma-separated."),
    out: Path = typer.Option(None, "--out", help="For scores.json and report.png.  [default: beside the student]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Score a student, one aligned on the test shapes themselves without their labels, or the teacher's votes.

    Test shapes have human labels, which the score alone uses. Writes scores.json and report.png.
    """
    from distill.epochs import score_epochs
    from distill.evaluation import EvalSettings
    from distill.scoring import score
    from gen3d.errors import SettingsError
    from gen3d.settings import resolve

    options = {"dataset": dataset, "split": split, "missing": missing, "pose": pose, "yaw": yaw, "passes": passes}
    settings = resolve(EvalSettings, preset, **options, leave_out=output.names(leave_out), seed=seed)
    subject: dict[str, Any] = {"method": method, "student": student, "category": category, "teacher": teacher}
    chosen = {"tta": tta, "network": network, "copies": copies, "epochs": epochs, "steps": steps, "lr": lr}
    chosen |= {"encoder": encoder and str(encoder), "backward": backward, "views": views, "size": size}
    chosen |= {"renderer": renderer}
    subject |= _alignment(method, preset, chosen, {"points": settings.points, "seed": settings.seed})
    if every_epoch and method != "student":
        raise SettingsError("--every-epoch: is for --method student; leave it out, or choose that method")
    with output.progress(f"scoring: {method}", None) as step:
        result, folder, finished = score(subject, root, settings, out, overwrite, _losses(step))
    if finished:
        output.say(f"{folder}: scored before with the same settings; nothing to do")
    if every_epoch:
        result |= score_epochs(student, root, settings, result, folder, overwrite)
    title = f"{result['category']}, {settings.dataset}, {_found(result)}, {method}: mIoU %, {settings.points} points"
    output.show(result, as_json, lambda: output.print_table(title, ["part", "IoU"], _rows(result)))
    output.say_renderers(result.get("renderers", {}))
    output.say(f"pictures: {folder / 'report.png'}")


def _alignment(
    method: str, preset: str | None, chosen: dict[str, Any], shared: dict[str, Any]
) -> dict[str, TTASettings | str]:
    """The settings of test-time alignment, for that method alone; of votes the renderer, where one is asked for.

    Raises SettingsError for options of other methods.
    """
    from distill.tta import TTASettings
    from gen3d.errors import SettingsError
    from gen3d.settings import resolve

    if method == "tta":
        return {"tta": resolve(TTASettings, preset, **chosen, **shared)}
    given = {name: value for name, value in chosen.items() if value is not None}
    kept = {"renderer": given.pop("renderer")} if method == "votes" and "renderer" in given else {}
    for name in given:
        methods = "votes or tta" if name == "renderer" else "tta"
        raise SettingsError(f"--{name}: is for --method {methods}; leave it out, or choose that method")
    return kept


def _losses(step: Callable[[int, str], None]) -> Callable[[Epoch], None]:
    """Moves a bar by epochs, with their loss."""
    return lambda epoch: step(1, f"loss {epoch.loss:.4f}")


def _found(result: dict[str, Any]) -> str:
    return f"{result['shapes_scored']} of {result['shapes_expected']} shapes"


def _rows(result: dict[str, Any]) -> list[list[str]]:
    """The table."""
    low, high = result["interval_95"]
    rows = [[part, f"{value:.1f}"] for part, value in result["parts"].items()]
    rows += [["mean", f"{result['miou']:.1f}"], ["  95 % interval", f"{low:.1f} to {high:.1f}"]]
    rows += [["worst half", f"{result['worst_half']:.1f}"]]
    if best := result.get("test_selected"):
        rows += [[f"test-selected (epoch {best['epoch']}), not a fair score", f"{best['miou']:.1f}"]]
    return rows
