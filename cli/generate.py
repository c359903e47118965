"""`gen3d generate`: shapes of a category as a collection."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import output

if TYPE_CHECKING:
    from gen3d.collection import Collection
    from gen3d.generation import GenerateSettings

_FILTERS = ("finite", "components", "aspect", "thin", "watertight", "duplicates")


def command(
    category: str = typer.Option(..., "--category", help="What the shapes are, such as chair."),
    prompt: str = typer.Option(None, "--prompt", help='Such as "an office chair with arm rests".  [default: any]'),
    vocabulary: bool = typer.Option(False, "--vocabulary", help="List the words that --prompt knows; make nothing."),
    prompts_file: str = typer.Option(None, "--prompts-file", help="Text, a prompt per line, drawn for each shape."),
    n: int = typer.Option(None, "--n", help="Number of shapes.  [default: 500]"),
    generator: str = typer.Option(None, "--generator", help="procedural, point-e, or a plug-in's.  [default: auto]"),
    shard: int = typer.Option(None, "--shard", help="Shapes per shard, the unit of resuming.  [default: 50]"),
    weights: Path = typer.Option(None, "--weights", help="point-e: folder of converted weights."),
    guidance: float = typer.Option(None, "--guidance", help="point-e: how much the text counts.  [default: 3]"),
    steps: int = typer.Option(None, "--steps", help="point-e: per stage; 16 are four times as fast.  [default: 64]"),
    points: int = typer.Option(None, "--points", help="point-e: 1024 skip the upsampler.  [default: 4096]"),
    batch: int = typer.Option(None, "--batch", help="point-e: at once.  [default: 32 on a GPU, else 1]"),
    filter: str = typer.Option(None, "--filter", help=f"Some of: {', '.join(_FILTERS)}.  [default: none]"),
    max_components: int = typer.Option(None, "--max-components", help="components: pieces apart.  [default: 1]"),
    max_aspect: float = typer.Option(None, "--max-aspect", help="aspect: longest by middle extent.  [default: 25]"),
    min_thickness: float = typer.Option(None, "--min-thickness", help="thin: shortest by longest.  [default: 0.02]"),
    min_closed: float = typer.Option(None, "--min-closed", help="watertight: edges with two faces.  [default: 1]"),
    min_distance: float = typer.Option(None, "--min-distance", help="duplicates: Chamfer.  [default: 0.0005]"),
    attempts: int = typer.Option(None, "--attempts", help="Seeds tried for a shape that is rejected.  [default: 10]"),
    out: Path = typer.Option(None, "--out", help="The collection's folder.  [default: runs/CATEGORY/generated]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    offline: bool = output.OFFLINE,
    workers: int = output.WORKERS,
    overwrite: bool = output.OVERWRITE,
    retry_failed: bool = output.RETRY_FAILED,
    as_json: bool = output.JSON,
) -> None:
    """Generate labelled shapes from a sentence. Run again to resume; the bytes depend on the settings alone.

    A prompt steers the procedural generator: each of its words chooses among
    what the grammar of the category can vary, and every shape is what all of
    them ask for. "without arms", "no arms" and "armless" ask for the opposite,
    "oval or round" for either; plurals and hyphens make no difference;
    an unknown word is refused. --vocabulary lists the known ones by the trait
    they ask for.

    A shape that a --filter rejects is replaced by that of a further seed; one
    is a failure if all --attempts were rejected. duplicates looks at all
    shapes before, so one process works. --generator auto takes a pretrained
    one where its weights and a GPU are there, else procedural, and says so.
    """
    from gen3d.generation import GenerateSettings, generate
    from gen3d.settings import resolve

    options = {"category": category, "prompt": prompt, "n": n, "generator": generator, "shard": shard}
    options |= {"batch": batch}
    options |= {"weights": None if weights is None else str(weights), "guidance": guidance, "steps": steps}
    limits = {"max_components": max_components, "max_aspect": max_aspect, "min_thickness": min_thickness}
    limits |= {"min_closed": min_closed, "min_distance": min_distance, "attempts": attempts}
    options |= {"prompts_file": prompts_file, "filter": output.names(filter)}
    settings = resolve(GenerateSettings, preset, **options, **limits, points=points, seed=seed)
    if vocabulary:
        _show_vocabulary(settings, as_json)
        return
    root = out or output.RUNS / settings.category / "generated"
    with output.progress(f"generating {settings.category}", settings.n) as step:
        count = output.Count(step)
        collection = generate(settings, root, workers, overwrite, count, retry_failed, output.say)
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
