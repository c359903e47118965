"""`gen3d quality`: how good a collection's shapes are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import output

if TYPE_CHECKING:
    from gen3d.quality import Quality


def command(
    context: typer.Context,
    collection: str = typer.Argument(..., help="A collection's folder or URL."),
    reference: str = typer.Option(None, "--reference", help="A collection, or a folder of meshes, to compare with."),
    points: int = typer.Option(None, "--points", help="Points per shape for distances.  [default: 2048]"),
    most: int = typer.Option(None, "--most", help="Shapes of each set that are compared.  [default: all]"),
    features: Path = typer.Option(None, "--features", help="Converted pointnet.pt: adds P-IS and P-FID."),
    picture: Path = typer.Option(None, "--picture", help="PNG of worst and best.  [default: COLLECTION-quality.png]"),
    seed: int = output.SEED,
    workers: int = output.CREW,
    executor: str = output.EXECUTOR,
    address: str = output.ADDRESS,
    gpus_per_worker: float = output.GPUS,
    retries: int = output.RETRIES,
    as_json: bool = output.JSON,
) -> None:
    """Measure shapes, and compare them with a reference: coverage, minimum matching distance, 1-NN accuracy.

    With the weights of Point-E's feature network also P-IS, and P-FID beside
    the reference. Download pointnet.pt from Point-E's authors and run
    `gen3d convert pointnet pointnet.pt`.

    Distances are Chamfer's: squared, means over the points, both directions
    added, at radius 1. As many shapes of both sets are compared, drawn by the
    seed. Meshes are read as `gen3d import` reads them; import those first
    that are not y up with +z in front.
    """
    from gen3d.collection import Collection
    from gen3d.quality import QualitySettings, quality
    from gen3d.quality_report import as_json as json_of
    from gen3d.quality_report import draw_extremes
    from gen3d.settings import resolve
    from gen3d.storage import beside

    weights = {"features": None if features is None else str(features)}
    settings = resolve(QualitySettings, None, points=points, most=most, seed=seed, **weights)
    opened, crew = Collection.open(collection), output.crew_given(context)
    with output.progress(f"measuring {opened.category}", len(opened)) as step:
        found = quality(opened, reference, settings, crew, lambda count: step(count, ""))
    path = picture or beside(opened.root, "-quality.png")
    draw_extremes(opened, found, path)
    result = {"collection": str(collection), "reference": None if reference is None else str(reference)}
    result |= {"picture": str(path), **json_of(found)}
    output.show(result, as_json, lambda: _print(found, collection, reference, path))
    for id, reason in found.left_out[:5]:
        output.say(f"left out of the reference: {id}: {reason}")
    if reference is not None and features is None:
        output.say("P-FID and P-IS are left out: they need the weights of Point-E's feature network (--features)")


def _print(found: Quality, collection: str, reference: str | None, picture: Path) -> None:
    """The measures as a table and a few lines."""
    from gen3d.quality_report import rejected, summary

    rows = [[name, *(f"{value:.4g}" for value in values)] for name, values in summary(found).items()]
    output.print_table(f"{collection}: {len(found.shapes)} shapes", ["", "least", "median", "most"], rows)
    counts = ", ".join(f"{name} {count}" for name, count in rejected(found).items())
    print(f"filters would reject, at their own limits: {counts or 'none'}")
    if found.sets is not None:
        print(f"beside {reference}, {found.compared} shapes of each:")
        print(f"COV {found.sets.coverage:.3f}  MMD {found.sets.mmd:.5f}  1-NNA {found.sets.one_nna:.3f}")
    if found.features is not None:
        p_fid = "" if found.features.p_fid is None else f"P-FID {found.features.p_fid:.4g}  "
        print(f"by the features of {found.compared} shapes: {p_fid}P-IS {found.features.p_is:.4g}")
    print(f"worst and best: {picture}")
