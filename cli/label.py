"""`gen3d label`: a teacher's knowledge beside the shapes of a collection."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    collection: Path = typer.Argument(..., help="A collection's folder."),
    teacher: str = typer.Option(None, "--teacher", help="lite (pixels) or lite-boxes.  [default: lite]"),
    parts: str = typer.Option(None, "--parts", help="Part names or synonyms, comma-separated.  [default: all]"),
    renderer: str = typer.Option(None, "--renderer", help="auto, embree or points.  [default: auto]"),
    views: int = typer.Option(None, "--views", help="Views per shape.  [default: 10]"),
    size: int = typer.Option(None, "--size", help="Pixels along a view's side.  [default: 224]"),
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
    from gen3d.labelling import LabelSettings, label, labelled_summary
    from gen3d.settings import resolve

    names = None if parts is None else tuple(name.strip() for name in parts.split(",") if name.strip())
    options = {"teacher": teacher, "parts": names, "renderer": renderer, "views": views, "size": size}
    settings = resolve(LabelSettings, preset, **options, points=points, seed=seed)
    opened = Collection.open(collection)
    done = 0
    with output.progress(f"labelling {opened.category}", len(opened)) as step:

        def progress(count: int) -> None:
            nonlocal done
            done += count
            step(count, "")

        stem = label(opened, settings, workers, overwrite, progress, retry_failed)
    if not done:
        before = "no shape failed" if retry_failed else "labelled before with the same settings"
        output.say(f"{collection}: {before}; nothing to do")
    opened = Collection.open(collection)
    failures = opened.failures(stem)
    rows = labelled_summary(opened, stem)
    result = {"collection": str(collection), "labelled": len(opened.ids(stem)), "labelled_now": done}
    result |= {"failed": len(failures), "failures": output.failure_rows(failures)}
    result |= {"parts": [row._asdict() for row in rows]}
    title = f"{collection}: knowledge of {settings.teacher} on {len(opened.ids(stem))} shapes"
    table = [[r.part, str(r.units), f"{r.coverage:.1%}", f"{r.confidence:.2f}"] for r in rows]
    columns = ["part", "units", "points covered", "mean confidence"]
    output.show(result, as_json, lambda: output.print_table(title, columns, table))
    output.say_failures(failures)
