"""`gen3d views`: a collection's views as pictures."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    collection: str = typer.Argument(..., help="A collection's folder or URL."),
    out: Path = typer.Option(..., "--out", help="Folder for the pictures and images.json."),
    parts: str = typer.Option(None, "--parts", help="Categories of images.json, comma-separated.  [default: all]"),
    renderer: str = typer.Option(None, "--renderer", help="As at `gen3d label`.  [default: auto]"),
    views: int = typer.Option(None, "--views", help="Views per shape.  [default: 10]"),
    size: int = typer.Option(None, "--size", help="Pixels along a view's side.  [default: 800]"),
    look: str = typer.Option(None, "--look", help="shaded (default), normals, depth, realistic-depth, sparse-depth"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Write views as pictures for a detector that runs elsewhere.

    They come with images.json, a list of COCO's form. Let a detector write its
    boxes for them into a JSON file, as COCO results or with the list, then:

        gen3d label COLLECTION --teacher detections --detections FILE
    """
    from gen3d.collection import Collection
    from gen3d.picturing import ViewsSettings, write_views
    from gen3d.settings import resolve

    options = {"parts": output.names(parts), "renderer": renderer, "views": views, "size": size, "look": look}
    settings = resolve(ViewsSettings, preset, **options, seed=seed)
    opened = Collection.open(collection)
    with output.progress(f"showing {opened.category}", len(opened)) as step:
        result = write_views(opened, settings, out, overwrite, output.Count(step))
    line = f"{out}: {result['images']} views of {result['shapes']} shapes"
    output.show({"out": str(out)} | result, as_json, lambda: print(line))
    output.say_failures([(row["id"], row["reason"]) for row in result["failures"]])
