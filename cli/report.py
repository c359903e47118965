"""`gen3d report`: a run on one page."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    run: str = typer.Argument(..., help="Folder of a student, a collection (or its URL), scores or an experiment."),
    out: Path = typer.Option(None, "--out", help="The page.  [default: RUN-report.html]"),
    as_json: bool = output.JSON,
) -> None:
    """Write one HTML page with all that a run holds; it opens without network.

    Settings, scores with intervals, a table of the parts, curves of the
    training, the best and the worst shapes to turn, and the cards. It shows
    shapes of your data: look before you publish it.
    """
    from distill.html_report import write_page
    from gen3d.storage import place

    result, page = write_page(place(run), out)
    counts = ", ".join(f"{count} {kind}" for kind, count in result.items() if count and kind != "bytes")
    line = f"{page}: {counts}; {result['bytes'] / 1e6:.1f} MB"
    output.show({"run": str(run), "out": str(page)} | result, as_json, lambda: print(line))
