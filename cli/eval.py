"""`gen3d eval`: scores on human-labelled shapes."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    student: Path = typer.Option(None, "--student", help="A student's folder or Hub id."),
    method: str = typer.Option("student", "--method", help="student, or votes: the teacher alone."),
    category: str = typer.Option(None, "--category", help="For --method votes."),
    teacher: str = typer.Option("lite", "--teacher", help="For --method votes."),
    dataset: str = typer.Option(None, "--dataset", help="psb, shapenetpart or collection.  [default: psb]"),
    root: Path = typer.Option(..., "--root", help="The data set's folder."),
    split: str = typer.Option(None, "--split", help="shapenetpart: train, val, trainval or test."),
    missing: str = typer.Option(None, "--missing", help="shapenetpart: skip = score what is there."),
    pose: str = typer.Option(None, "--pose", help="psb: canonical or raw."),
    yaw: str = typer.Option(None, "--yaw", help="random: turn every shape about +Y first.  [default: none]"),
    passes: int = typer.Option(None, "--passes", help="Passes of the student that are averaged.  [default: 16]"),
    leave_out: str = typer.Option(None, "--leave-out", help="Parts not to score, comma-separated."),
    out: Path = typer.Option(None, "--out", help="For scores.json and report.png.  [default: beside the student]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Score a student, or the teacher's votes, on shapes with human labels; writes scores.json and report.png."""
    from distill.evaluation import EvalSettings
    from distill.scoring import score
    from gen3d.settings import resolve

    options = {"dataset": dataset, "split": split, "missing": missing, "pose": pose, "yaw": yaw, "passes": passes}
    settings = resolve(EvalSettings, preset, **options, leave_out=output.names(leave_out), seed=seed)
    subject = {"method": method, "student": student, "category": category, "teacher": teacher}
    result, folder, finished = score(subject, root, settings, out, overwrite)
    if finished:
        output.say(f"{folder}: scored before with the same settings; nothing to do")
    rows = [[part, f"{value:.1f}"] for part, value in result["parts"].items()]
    low, high = result["interval_95"]
    rows += [["mean", f"{result['miou']:.1f}"], ["  95 % interval", f"{low:.1f} to {high:.1f}"]]
    rows += [["worst half", f"{result['worst_half']:.1f}"]]
    found = f"{result['shapes_scored']} of {result['shapes_expected']} shapes"
    title = f"{result['category']}, {settings.dataset}, {found}, {method}: mIoU %, {settings.points} points"
    output.show(result, as_json, lambda: output.print_table(title, ["part", "IoU"], rows))
    output.say(f"pictures: {folder / 'report.png'}")
