"""`gen3d label`: a teacher's knowledge beside the shapes of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import output

if TYPE_CHECKING:
    from gen3d.crew import Crew
    from gen3d.labelling import LabelSettings

_TEACHERS = (
    "lite", "lite-boxes", "clip", "siglip2", "clipseg", "owlv2", "grounding-dino", "mm-grounding-dino", "sam3", "glip",
    "detections",
)  # fmt: skip
_RENDERERS = ("auto", "embree", "points", "open3d", "pytorch3d", "kaolin")
_STYLES = ("names", "of", "ensemble", "pointclip", "partdistill", "pointclip-v2")


def command(
    context: typer.Context,
    collection: str = typer.Argument(..., help="A collection's folder or URL."),
    teacher: str = typer.Option(None, "--teacher", help=f"{', '.join(_TEACHERS)}.  [default: lite]"),
    parts: str = typer.Option(None, "--parts", help="Parts, comma-separated; your own words too.  [default: all]"),
    weights: Path = typer.Option(None, "--weights", help="Folder of weights.  [default: the Hub's cache]"),
    model: str = typer.Option(None, "--model", help="A size of the teacher, such as l14, or an id on the Hub."),
    revision: str = typer.Option(None, "--revision", help="Commit, branch or tag of the model on the Hub."),
    precision: str = typer.Option(None, "--precision", help="float32, bfloat16 or float16.  [default: what is fast]"),
    batch: int = typer.Option(None, "--batch", help="Views at once.  [default: 32 on a GPU, else 1]"),
    prompt_style: str = typer.Option(None, "--prompt-style", help=f"{', '.join(_STYLES)}.  [default: the teacher's]"),
    threshold: float = typer.Option(None, "--threshold", help="Of boxes and masks.  [default: the teacher's]"),
    detections: Path = typer.Option(None, "--detections", help="detections: JSON, COCO's form; see `gen3d views`."),
    detector: str = typer.Option(None, "--detector", help="glip: module:function or file.py:function of your build."),
    option: list[str] = typer.Option([], "--option", help="NAME=VALUE of one teacher alone; may be repeated."),
    renderer: str = typer.Option(None, "--renderer", help=f"{', '.join(_RENDERERS)}.  [default: auto]"),
    views: int = typer.Option(None, "--views", help="Views per shape.  [default: 10]"),
    size: int = typer.Option(None, "--size", help="Pixels along a view's side.  [default: what suits the teacher]"),
    points: int = typer.Option(None, "--points", help="Points per shape.  [default: 2048]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    offline: bool = output.OFFLINE,
    workers: int = output.CREW,
    executor: str = output.EXECUTOR,
    address: str = output.ADDRESS,
    gpus_per_worker: float = output.GPUS,
    retries: int = output.RETRIES,
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
    from gen3d.labelling import LabelSettings
    from gen3d.settings import resolve

    options = output.settings_given(context, LabelSettings) | {"parts": output.names(parts)}
    settings = resolve(LabelSettings, preset, **options, options=output.assignments(option) or None)
    _label(collection, settings, output.crew_given(context), overwrite, retry_failed, as_json)


def _label(
    folder: str, settings: LabelSettings, crew: Crew, overwrite: bool, retry_failed: bool, as_json: bool
) -> None:
    """Label what is not labelled yet, with a bar, and show what is known then."""
    from gen3d.collection import Collection
    from gen3d.label_pictures import draw_sheet
    from gen3d.labelling import label, labelled_summary, renderers_used

    opened = Collection.open(folder)
    with output.progress(f"labelling {opened.category}", len(opened)) as step:
        count = output.Count(step)
        stem = label(opened, settings, crew, overwrite, count, retry_failed)
    if not count.made:
        output.say_nothing_to_do(folder, "labelled before with the same settings", retry_failed)
    failures, rows = opened.failures(stem), labelled_summary(opened, stem)
    sheet = draw_sheet(opened, stem, again=count.made > 0)
    result = {"collection": str(folder), "labelled": len(opened.ids(stem)), "labelled_now": count.made}
    result |= {"failed": len(failures), "failures": output.failure_rows(failures)}
    result |= {"parts": [row._asdict() for row in rows], "renderers": renderers_used(opened, stem)}
    result |= {"sheet": str(sheet)}
    title = f"{folder}: knowledge of {settings.teacher} on {len(opened.ids(stem))} shapes"
    table = [[r.part, str(r.units), f"{r.coverage:.1%}", f"{r.confidence:.2f}"] for r in rows]
    columns = ["part", "units", "points covered", "mean confidence"]
    output.show(result, as_json, lambda: output.print_table(title, columns, table))
    output.say(f"pictures of what was found: {sheet}")
    output.say_failures(failures)
    output.say_renderers(result["renderers"])
