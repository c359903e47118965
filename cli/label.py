"""`gen3d label`: a teacher's knowledge beside the shapes of a collection."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output

_TEACHERS = (
    "lite", "lite-boxes", "clip", "siglip2", "clipseg", "owlv2", "grounding-dino", "mm-grounding-dino", "sam3", "glip",
    "detections",
)  # fmt: skip
_STYLES = ("names", "of", "ensemble", "partdistill", "pointclip-v2")


def command(
    collection: Path = typer.Argument(..., help="A collection's folder."),
    teacher: str = typer.Option(None, "--teacher", help=f"{', '.join(_TEACHERS)}.  [default: lite]"),
    parts: str = typer.Option(None, "--parts", help="Parts, comma-separated; your own words too.  [default: all]"),
    weights: Path = typer.Option(None, "--weights", help="Folder of weights.  [default: the Hub's cache]"),
    model: str = typer.Option(None, "--model", help="A size of the teacher, such as l14, or an id on the Hub."),
    revision: str = typer.Option(None, "--revision", help="Commit, branch or tag of the model on the Hub."),
    precision: str = typer.Option(None, "--precision", help="bf16, fp16 or float32.  [default: what is fast here]"),
    batch: int = typer.Option(None, "--batch", help="Views at once.  [default: 32 on a GPU, else 1]"),
    prompt_style: str = typer.Option(None, "--prompt-style", help=f"{', '.join(_STYLES)}.  [default: the teacher's]"),
    threshold: float = typer.Option(None, "--threshold", help="Of boxes and masks.  [default: the teacher's]"),
    detections: Path = typer.Option(
        None, "--detections", help="detections: JSON file of COCO's form; see `gen3d views`."
    ),
    detector: str = typer.Option(None, "--detector", help="glip: module:function or file.py:function of your build."),
    option: list[str] = typer.Option([], "--option", help="NAME=VALUE of one teacher alone; may be repeated."),
    renderer: str = typer.Option(
        None, "--renderer", help="auto, embree, points, pytorch3d, kaolin or open3d.  [default: auto]"
    ),
    views: int = typer.Option(None, "--views", help="Views per shape.  [default: 10]"),
    size: int = typer.Option(None, "--size", help="Pixels along a view's side.  [default: what suits the teacher]"),
    points: int = typer.Option(None, "--points", help="Points per shape.  [default: 2048]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    offline: bool = output.OFFLINE,
    workers: int = output.WORKERS,
    overwrite: bool = output.OVERWRITE,
    retry_failed: bool = output.RETRY_FAILED,
    as_json: bool = output.JSON,
) -> None:
    """Render a collection, ask a 2D teacher for its parts, lift the answers to 3D.

    lite knows ShapeNetPart's categories and parts alone. The others understand
    any words, so that any category can be labelled with --parts fin,tail,body;
    their weights come from --weights, the Hub's cache or the Hub. detections
    reads what any detector wrote; glip calls your own build of one.
    """
    from gen3d.collection import Collection
    from gen3d.label_pictures import draw_sheet
    from gen3d.labelling import LabelSettings, label, labelled_summary, renderers_used
    from gen3d.settings import resolve

    options = {"teacher": teacher, "parts": output.names(parts), "renderer": renderer, "views": views, "size": size}
    options |= {"weights": None if weights is None else str(weights), "model": model, "revision": revision}
    options |= {"precision": precision, "batch": batch, "prompt_style": prompt_style}
    options |= {"threshold": threshold, "detector": detector}
    options |= {"detections": None if detections is None else str(detections)}
    options |= {"options": output.assignments(option) or None}
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
    sheet = draw_sheet(opened, stem, again=count.made > 0)
    result |= {"parts": [row._asdict() for row in rows], "renderers": renderers_used(opened, stem)}
    result |= {"sheet": str(sheet)}
    title = f"{collection}: knowledge of {settings.teacher} on {len(opened.ids(stem))} shapes"
    table = [[r.part, str(r.units), f"{r.coverage:.1%}", f"{r.confidence:.2f}"] for r in rows]
    columns = ["part", "units", "points covered", "mean confidence"]
    output.show(result, as_json, lambda: output.print_table(title, columns, table))
    output.say(f"pictures of what was found: {sheet}")
    output.say_failures(failures)
    output.say_renderers(result["renderers"])
