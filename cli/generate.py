"""`gen3d generate`: shapes of a category as a collection."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import output
from gen3d.filter_names import FILTER_NAMES

if TYPE_CHECKING:
    from gen3d.collection import Collection
    from gen3d.crew import Crew
    from gen3d.generation import GenerateSettings


def command(
    context: typer.Context,
    category: str = typer.Option(..., "--category", help="What the shapes are, such as chair."),
    prompt: str = typer.Option(None, "--prompt", help='Such as "an office chair with arm rests".  [default: any]'),
    vocabulary: bool = typer.Option(False, "--vocabulary", help="List the words that --prompt knows; make nothing."),
    prompts_file: str = typer.Option(None, "--prompts-file", help="Text, a prompt per line, drawn for each shape."),
    n: int = typer.Option(None, "--n", help="Number of shapes.  [default: 500]"),
    generator: str = typer.Option(None, "--generator", help="procedural, shap-e, point-e, others.  [default: auto]"),
    shard: int = typer.Option(None, "--shard", help="Shapes per shard, the unit of resuming.  [default: 50]"),
    weights: Path = typer.Option(None, "--weights", help="Folder of shap-e's (Hub's layout) or point-e's weights."),
    revision: str = typer.Option(None, "--revision", help="shap-e: commit or branch in the Hub.  [default: main]"),
    guidance: float = typer.Option(None, "--guidance", help="How much text counts.  [default: shap-e 15, point-e 3]"),
    steps: int = typer.Option(None, "--steps", help="shap-e, point-e: 16 are four times as fast.  [default: 64]"),
    points: int = typer.Option(None, "--points", help="point-e: 1024 skip the upsampler.  [default: 4096]"),
    precision: str = typer.Option(None, "--precision", help="shap-e (or float16), point-e: float32, bfloat16."),
    mesh: bool = typer.Option(None, "--mesh/--cloud", help="point-e: a surface or its points.  [default: cloud]"),
    resolution: int = typer.Option(None, "--resolution", help="Of the grid of shap-e, or --mesh.  [default: 128]"),
    heading: str = typer.Option(None, "--heading", help="shap-e, point-e: auto faces +Z, or keep.  [default: auto]"),
    batch: int = typer.Option(None, "--batch", help="shap-e, point-e: at once.  [default: 32 on a GPU, else 1]"),
    filter: str = typer.Option(None, "--filter", help=f"Some of: {', '.join(FILTER_NAMES)}.  [default: none]"),
    max_components: int = typer.Option(None, "--max-components", help="components: pieces apart.  [default: 1]"),
    max_aspect: float = typer.Option(None, "--max-aspect", help="aspect: longest by middle extent.  [default: 25]"),
    min_thickness: float = typer.Option(None, "--min-thickness", help="thin: shortest by longest.  [default: 0.02]"),
    min_closed: float = typer.Option(None, "--min-closed", help="watertight: edges with two faces.  [default: 1]"),
    min_coverage: float = typer.Option(None, "--min-coverage", help="teacher: of the points.  [default: 0.4]"),
    min_agreement: float = typer.Option(None, "--min-agreement", help="teacher: of its units.  [default: 0.95]"),
    min_clip: float = typer.Option(None, "--min-clip", help="clip: probability of the word.  [default: 0.25]"),
    clip_weights: Path = typer.Option(None, "--clip-weights", help="clip: a model's folder.  [default: ViT-L/14]"),
    min_distance: float = typer.Option(None, "--min-distance", help="duplicates: Chamfer.  [default: 0.0005]"),
    attempts: int = typer.Option(None, "--attempts", help="Seeds tried for a shape that is rejected.  [default: 10]"),
    out: str = typer.Option(None, "--out", help="A folder or URL.  [default: runs/CATEGORY/generated]"),
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
    """Generate labelled shapes from a sentence. Run again to resume; the bytes depend on the settings alone.

    A prompt steers the procedural generator: every shape is what all of its
    words ask for, "without arms" and "armless" for the opposite, "oval or
    round" for either; an unknown word is refused. --vocabulary lists them.

    A shape that a --filter rejects is replaced by that of a further seed.
    duplicates looks at all shapes before, in one process; teacher at what the
    embedded one covers and agrees on; clip at what CLIP takes the views for.
    --generator auto takes a pretrained one where its weights and a GPU are.
    """
    settings = _settings(context)
    if vocabulary:
        return _show_vocabulary(settings, as_json)
    _make(settings, out, output.crew_given(context), overwrite, retry_failed, as_json)


def _settings(context: typer.Context) -> GenerateSettings:
    """From the verb's options."""
    from gen3d.generation import GenerateSettings
    from gen3d.settings import resolve

    options = output.settings_given(context, GenerateSettings) | {"filter": output.names(context.params["filter"])}
    return resolve(GenerateSettings, context.params["preset"], **options)


def _make(
    settings: GenerateSettings, out: str | None, crew: Crew, overwrite: bool, retry_failed: bool, as_json: bool
) -> None:
    """Make the collection, with a bar, and say what came of it."""
    from gen3d.generation import generate

    root = out or output.RUNS / settings.category / "generated"
    with output.progress(f"generating {settings.category}", settings.n) as step:
        count = output.Count(step)
        collection = generate(settings, root, crew, overwrite, count, retry_failed, output.say)
    output.say_unknown(settings.category)
    if not count.made:
        output.say_nothing_to_do(root, "finished before with the same settings", retry_failed)
    _show(collection, count.made, bool(settings.filter), as_json)


def _show(collection: Collection, made: int, filtered: bool, as_json: bool) -> None:
    """What is there now, what failed, and what filters rejected."""
    from gen3d.filters import rejections

    root, failures = collection.root, collection.failures()
    rejected = rejections(collection) if filtered else []
    result = {"collection": str(root), "shapes": len(collection), "made_now": made, "failed": len(failures)}
    result |= {"failures": output.failure_rows(failures), "generator": collection.info["generator"]}
    result |= {"rejected": [row._asdict() for row in rejected]} if filtered else {}
    output.show(result, as_json, lambda: print(f"{root}: {len(collection)} shapes of {collection.category}"))
    for name, times in sorted(Counter(row.reason.partition(":")[0] for row in rejected).items()):
        output.say(f"rejected and replaced: {times} by {name} (--json lists all)")
    output.say_failures(failures)


def _show_vocabulary(settings: GenerateSettings, as_json: bool) -> None:
    """The words that prompts may have, a line for every trait; words that ask for the same are joined by =."""
    from gen3d.generation import vocabulary

    found = vocabulary(settings)

    def table() -> None:
        print(f"{settings.category}: words of --prompt, by the trait they ask for")
        for trait, phrases in found.items():
            alike: dict[str, list[str]] = {}
            for phrase, wish in phrases.items():
                alike.setdefault(str(wish), []).append(phrase)
            line = ", ".join(" = ".join(group) for group in alike.values())
            print(f"{trait or 'known, but asking for nothing new'}: {line}")

    output.show({"category": settings.category, "vocabulary": found}, as_json, table)
