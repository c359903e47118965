"""`gen3d generate`: shapes of a category as a collection."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    category: str = typer.Option(..., "--category", help="A ShapeNetPart category, such as chair."),
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
    """Generate labelled shapes from a word. Run again to resume; the bytes depend on the settings alone."""
    from gen3d.generation import GenerateSettings, generate
    from gen3d.settings import resolve

    options = {"category": category, "n": n, "generator": generator, "shard": shard}
    settings = resolve(GenerateSettings, preset, **options, seed=seed)
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
