"""`gen3d generate`: shapes of a category as a collection."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    category: str = typer.Option(..., "--category", help="A ShapeNetPart category, such as chair."),
    n: int = typer.Option(None, "--n", help="Number of shapes.  [default: 500]"),
    generator: str = typer.Option(None, "--generator", help="What makes them.  [default: procedural]"),
    out: Path = typer.Option(None, "--out", help="The collection's folder.  [default: runs/CATEGORY/generated]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    workers: int = output.WORKERS,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Generate labelled shapes from a word. Run again to resume; the bytes depend on the settings alone."""
    from gen3d.generation import GenerateSettings, generate
    from gen3d.settings import resolve

    settings = resolve(GenerateSettings, preset, category=category, n=n, generator=generator, seed=seed)
    root = out or output.RUNS / settings.category / "generated"
    made = 0
    with output.progress(f"generating {settings.category}", settings.n) as step:

        def progress(count: int) -> None:
            nonlocal made
            made += count
            step(count, "")

        collection = generate(settings, root, workers, overwrite, progress)
    if not made:
        output.say(f"{root}: finished before with the same settings; nothing to do")
    failures = collection.failures()
    result = {"collection": str(root), "shapes": len(collection), "made_now": made, "failed": len(failures)}
    output.show(result, as_json, lambda: print(f"{root}: {len(collection)} shapes of {settings.category}"))
    for id, reason in failures[:5]:
        output.say(f"failed: {id}: {reason}")
