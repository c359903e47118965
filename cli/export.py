"""`gen3d export`: labelled data for anybody's training code."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    collection: str = typer.Argument(..., help="A collection's folder or URL."),
    format: str = typer.Option(
        ..., "--format", help="glb, ply, shapenetpart-h5, shapenetpart-txt, webdataset or parquet."
    ),
    out: Path = typer.Option(..., "--out", help="A new folder."),
    labels: str = typer.Option(None, "--labels", help="exact, teacher or student.  [default: exact]"),
    teacher: str = typer.Option(None, "--teacher", help="For --labels teacher.  [default: lite]"),
    student: str = typer.Option(None, "--student", help="For --labels student: its folder or Hub id."),
    points: int = typer.Option(
        None, "--points", help="Points per shape; 0: a cloud's own, in their order.  [default: 2048]"
    ),
    split: str = typer.Option(
        None, "--split", help="shapenetpart: shares of train, val and test.  [default: 0.8,0.1,0.1]"
    ),
    shard: int = typer.Option(
        None, "--shard", help="webdataset, parquet, shapenetpart-h5: most shapes per file.  [default: 1000]"
    ),
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Write a collection's shapes with exact labels, a teacher's votes or a student's predictions."""
    from distill.exporting import ExportSettings, export
    from gen3d.collection import Collection
    from gen3d.settings import resolve
    from gen3d.storage import place

    shares = None if split is None else tuple(share.strip() for share in split.split(","))
    options = {"labels": labels, "teacher": teacher, "student": student, "points": points, "shard": shard}
    settings = resolve(ExportSettings, None, format=format, **options, split=shares, seed=seed)
    opened = Collection.open(collection)
    with output.progress(f"exporting {opened.category}", len(opened)) as step:
        result, finished = export(place(collection), settings, out, overwrite, lambda count: step(count, ""))
    if finished:
        output.say_nothing_to_do(out, "exported before with the same settings")
    rows = [[p["part"], f"{p['elements']:,}", f"{p['share']:.1%}", str(p["shapes"])] for p in result["parts"]]
    title = f"{out}: {result['shapes']} shapes as {result['format']}, {result['labels']} labels"
    columns = ["part", result["elements"], "share", "shapes with it"]
    shown = {"collection": str(collection), "out": str(out), **result}
    output.show(shown, as_json, lambda: output.print_table(title, columns, rows))
    for failure in result["failures"][:5]:
        output.say(f"left out: {failure['id']}: {failure['reason']}")
