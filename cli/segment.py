"""`gen3d segment`: anybody's meshes and clouds in, their parts out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import output
from gen3d.errors import InputError

if TYPE_CHECKING:
    from distill.labellers import Labeller
    from distill.segmentation import Outcome


def command(
    context: typer.Context,
    paths: list[str] = typer.Argument(..., help="GLB, glTF, OBJ, PLY, STL, OFF or NPZ; folders; quoted patterns."),
    student: str = typer.Option(None, "--student", help="A student's folder, or Hub id."),
    category: str = typer.Option(None, "--category", help="What the shapes are; without --student, who labels them."),
    parts: str = typer.Option(None, "--parts", help="With --teacher: the parts to look for, as lid,body,spout."),
    teacher: str = typer.Option(None, "--teacher", help="Align on every shape by a teacher: see `gen3d label`."),
    option: list[str] = typer.Option([], "--option", help="The teacher's NAME=VALUE, as weights=DIR; may be repeated."),
    set_: list[str] = typer.Option([], "--set", help="With --teacher: NAME=VALUE, as epochs=20; may be repeated."),
    out: Path = typer.Option(Path("parts"), "--out", help="Holds a folder per shape."),
    up: str = typer.Option(None, "--up", help="The files' upward axis: y, z, or auto to find it.  [default: y]"),
    smooth: bool = typer.Option(False, "--smooth", help="Clean the boundaries of parts (meshes), by a graph cut."),
    meshes: bool = typer.Option(False, "--meshes", help="Write one mesh (or cloud) per part, too."),
    materials: bool = typer.Option(False, "--materials", help="Write the parts in the file's materials, too."),
    passes: int = typer.Option(None, "--passes", help="Samples of 2,048 points that are averaged.  [default: 4]"),
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Label every face (or point) of your own shapes: GLB with a node per part, PLY, labels as NPY and JSON.

    By the student that ships for a --category, by a --student of your own, or
    by --parts and a --teacher. Frame, scale and order are the file's. Run
    again to resume; a file that fails, fails alone.
    """
    from distill.segmentation import SegmentSettings, segment
    from gen3d.settings import resolve

    settings = resolve(SegmentSettings, None, **output.settings_given(context, SegmentSettings))
    labeller = _labeller(context, settings.seed)
    with output.progress("segmenting", None) as step:
        outcome = segment(paths, labeller, settings, out, overwrite, step)
    if not outcome.made_now and not outcome.failures:
        output.say_nothing_to_do(out, "segmented before with the same settings")
    if outcome.left_out:
        output.say(f"left out: {', '.join(outcome.left_out[:5])}{', ...' if len(outcome.left_out) > 5 else ''}")
    _show(outcome, labeller, out, as_json)
    for id, reason in outcome.failures:
        output.say(f"failed: {id}: {reason}")
    if outcome.failures:
        raise typer.Exit(InputError.exit_code)


def _labeller(context: typer.Context, seed: int) -> Labeller:
    """What labels the shapes, from the verb's options."""
    from distill.labellers import aligned_labeller, alignment_settings, trained_labeller
    from distill.tta import random_fresh_start
    from gen3d.asking import teacher_settings
    from gen3d.errors import SettingsError

    student, category, teacher, parts = (context.params[name] for name in ("student", "category", "teacher", "parts"))
    if teacher is not None:
        label = teacher_settings(teacher, output.assignments(context.params["option"]))
        tta = alignment_settings(output.assignments(context.params["set_"], "--set"), seed)
        if student is None and (note := random_fresh_start(tta)):
            output.say(note)
        return aligned_labeller(label, tta, output.names(parts), category, student)
    for name in ("parts", "option", "set_"):
        if context.params[name]:
            raise SettingsError(f"--{name.rstrip('_')}: is for --teacher; name one, or leave it out")
    return trained_labeller(student, category)


def _show(outcome: Outcome, labeller: Labeller, out: Path, as_json: bool) -> None:
    """The shapes on stdout."""
    start, rows = labeller.start, outcome.rows
    result: dict[str, Any] = {"out": str(out), "category": start.category, "parts": list(start.parts), "shapes": rows}
    result |= {"made_now": outcome.made_now, "failed": len(outcome.failures)}
    result |= {"failures": output.failure_rows(outcome.failures), "left_out": outcome.left_out}
    title = f"{len(rows)} of {len(rows) + len(outcome.failures)} shapes labelled in {out}"
    lines = [[row["shape"], *map(str, row["counts"].values()), f"{row['mean_confidence']:.2f}"] for row in rows]
    columns = ["shape", *start.parts, "confidence"]
    output.show(result, as_json, lambda: output.print_table(title, columns, lines))
