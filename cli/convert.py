"""`gen3d convert`: published weights as safetensors."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import output


def command(
    network: str = typer.Argument(..., help="Whose weights: point-m2ae, point-e, shap-e, pointnet."),
    file: Path = typer.Argument(..., help="Checkpoint (.pth, .pt; shap-e: folder); nothing in it is run."),
    out: Path = typer.Option(None, "--out", help="Where the weights go.  [default: beside it, named after it]"),
    as_json: bool = output.JSON,
) -> None:
    """Convert the authors' checkpoint of a network to safetensors, strictly.

    pointnet is Point-E's classifier, which `gen3d quality` takes features from.
    """
    from distill.conversion import convert

    result = convert(network, file, out)
    text = f"{result['weights']}: {result['parameters']:,} parameters of {network}"
    output.show(result, as_json, lambda: print(text))
