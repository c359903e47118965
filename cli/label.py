"""`gen3d label`: a teacher's knowledge beside the shapes of a collection."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    collection: Path = typer.Argument(..., help="A collection's folder."),
    teacher: str = typer.Option(None, "--teacher", help="lite (pixels) or lite-boxes.  [default: lite]"),
    parts: str = typer.Option(None, "--parts", help="Part names or synonyms, comma-separated.  [default: all]"),
    renderer: str = typer.Option(None, "--renderer", help="auto, embree, points, pytorch3d, kaolin or open3d.  [default: auto]"),
    views: int = typer.Option(None, "--views", help="Views per shape.  [default: 10]"),
    size: int = typer.Option(None, "--size", help="Pixels along a view's side.  [default: what suits the teacher]"),
    points: int = typer.Option(None, "--points", help="Points per shape.  [default: 2048]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    workers: int = output.WORKERS,
    overwrite: bool = output.OVERWRITE,
    retry_failed: bool = output.RETRY_FAILED,
    as_json: bool = output.JSON,
) -> None:
    """Render a collection, ask a 2D teacher for its parts, lift the answers to 3D."""
    from gen3d.collection import Collection
    from gen3d.labelling import LabelSettings, label, labelled_summary, renderers_used
    from gen3d.settings import resolve

    options = {"teacher": teacher, "parts": output.names(parts), "renderer": renderer, "views": views, "size": size}
    settings = resolve(LabelSettings, preset, **options, points=points, seed=seed)
    opened = Collection.open(collection)
    with output.progress(f"labelling {opened.category}", len(opened)) as step:
        count = output.Count(step)
        stem = label(opened, settings, workers, overwrite, count, retry_failed)
    if not count.made:
        output.say_nothing_to_do(collection, "labelled before with the same settings", retry_failed)
    opened = Collection.open(collection)
    failures = opened.failures(stem)
    rows = labelled_summary(opened, stem)
    result = {"collection": str(collection), "labelled": len(opened.ids(stem)), "labelled_now": count.made}
    result |= {"failed": len(failures), "failures": output.failure_rows(failures)}
    result |= {"parts": [row._asdict() for row in rows], "renderers": renderers_used(opened, stem)}
    title = f"{collection}: knowledge of {settings.teacher} on {len(opened.ids(stem))} shapes"
    table = [[r.part, str(r.units), f"{r.coverage:.1%}", f"{r.confidence:.2f}"] for r in rows]
    columns = ["part", "units", "points covered", "mean confidence"]
    output.show(result, as_json, lambda: output.print_table(title, columns, table))
    output.say_failures(failures)
    output.say_renderers(result["renderers"])
