"""`gen3d import`: anybody's meshes and clouds as a collection."""

from __future__ import annotations

import typer

from cli import output


def command(
    context: typer.Context,
    paths: list[str] = typer.Argument(..., help="Files, folders, or quoted patterns such as 'scans/**/*.obj'."),
    category: str = typer.Option(..., "--category", help="What all of them are, such as chair."),
    out: str = typer.Option(None, "--out", help="A folder or URL.  [default: runs/CATEGORY/real]"),
    up: str = typer.Option(None, "--up", help="Their upward axis: y, z, or auto to guess per shape.  [default: y]"),
    front: str = typer.Option(None, "--front", help="Axis that faces front: +x, -x, ...  [default: +z; -y if z is up]"),
    align: bool = typer.Option(None, "--align", help="Find the pose by comparing with generated shapes; any will do."),
    raw_pose: bool = typer.Option(None, "--raw-pose", help="Apply these options even where the pose is known."),
    licence: str = typer.Option(None, "--licence", help="Recorded in the collection.  [default: unknown]"),
    strict: bool = typer.Option(False, "--strict", help="Stop at the first file that can't be read."),
    shard: int = typer.Option(None, "--shard", help="Shapes per shard, the unit of resuming.  [default: 50]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    workers: int = output.CREW,
    executor: str = output.EXECUTOR,
    address: str = output.ADDRESS,
    gpus_per_worker: float = output.GPUS,
    retries: int = output.RETRIES,
    overwrite: bool = output.OVERWRITE,
    retry_failed: bool = output.RETRY_FAILED,
    as_json: bool = output.JSON,
) -> None:
    """Take in meshes and clouds as they are, with the labels they carry. Run again to resume."""
    from gen3d.importing import ImportSettings, import_shapes
    from gen3d.inputs import find_inputs
    from gen3d.settings import resolve

    options = {"up": up, "front": front, "align": align, "raw_pose": raw_pose, "licence": licence, "shard": shard}
    settings = resolve(ImportSettings, preset, category=category, **options, seed=seed)
    root, crew = out or output.RUNS / settings.category / "real", output.crew_given(context)
    listing = find_inputs(paths, settings.category)
    if listing.left_out:
        some = ", ".join(listing.left_out[:5]) + (", ..." if len(listing.left_out) > 5 else "")
        output.say(f"left out as links or of other categories: {some}")
    with output.progress(f"importing {settings.category}", len(listing.inputs)) as step:
        count = output.Count(step)
        collection = import_shapes(settings, listing, root, crew, overwrite, count, retry_failed, strict)
    output.say_unknown(settings.category)
    failures = collection.failures()
    if not count.made:
        output.say_nothing_to_do(root, "finished before with the same settings and files", retry_failed)
    result = {"collection": str(root), "shapes": len(collection), "made_now": count.made, "failed": len(failures)}
    result |= {"failures": output.failure_rows(failures), "left_out": listing.left_out}
    output.show(result, as_json, lambda: print(f"{root}: {len(collection)} shapes of {settings.category}"))
    output.say_failures(failures)
