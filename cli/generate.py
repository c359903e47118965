"""`gen3d generate`: shapes of a category as a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import output

if TYPE_CHECKING:
    from gen3d.generation import GenerateSettings


def command(
    category: str = typer.Option(..., "--category", help="A ShapeNetPart category, such as chair."),
    prompt: str = typer.Option(None, "--prompt", help='Such as "an office chair with arm rests".  [default: any]'),
    vocabulary: bool = typer.Option(False, "--vocabulary", help="List the words that --prompt knows; make nothing."),
    n: int = typer.Option(None, "--n", help="Number of shapes.  [default: 500]"),
    generator: str = typer.Option(None, "--generator", help="What makes them.  [default: procedural]"),
    shard: int = typer.Option(None, "--shard", help="Shapes per shard, the unit of resuming.  [default: 50]"),
    out: Path = typer.Option(None, "--out", help="The collection's folder.  [default: runs/CATEGORY/generated]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
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
    """
    from gen3d.generation import GenerateSettings, generate
    from gen3d.settings import resolve

    options = {"category": category, "prompt": prompt, "n": n, "generator": generator, "shard": shard}
    settings = resolve(GenerateSettings, preset, **options, seed=seed)
    if vocabulary:
        _show_vocabulary(settings, as_json)
        return
    root = out or output.RUNS / settings.category / "generated"
    with output.progress(f"generating {settings.category}", settings.n) as step:
        count = output.Count(step)
        collection = generate(settings, root, workers, overwrite, count, retry_failed)
    failures = collection.failures()
    if not count.made:
        output.say_nothing_to_do(root, "finished before with the same settings", retry_failed)
    result = {"collection": str(root), "shapes": len(collection), "made_now": count.made, "failed": len(failures)}
    result["failures"] = output.failure_rows(failures)
    output.show(result, as_json, lambda: print(f"{root}: {len(collection)} shapes of {settings.category}"))
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
