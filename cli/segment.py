"""`gen3d segment`: a mesh or cloud in, its parts out."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    shape: Path = typer.Argument(..., help="GLB, glTF, OBJ, PLY, STL, OFF or NPZ."),
    student: str = typer.Option(..., "--student", help="A student's folder or Hub id."),
    out: Path = typer.Option(None, "--out", help="Folder for the results.  [default: NAME-parts]"),
    up: str = typer.Option("y", "--up", help="The file's upward axis: y or z."),
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Segment a shape: coloured GLB (PLY for clouds), one file per part, NAME_labels.json in its own order."""
    from distill.segmentation import segment

    folder = out or Path(f"{shape.stem}-parts")
    result, finished = segment(shape, student, folder, up, seed or 0, overwrite)
    if finished:
        output.say_nothing_to_do(folder, "segmented before by the same student")
    rows = [[part, str(count)] for part, count in result["counts"].items()]
    title = f"{shape.name}: {result['elements']} labelled in {folder}"
    output.show(result, as_json, lambda: output.print_table(title, ["part", result["elements"]], rows))
