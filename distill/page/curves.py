"""Curves and bars as SVG that takes its colours from the page, so that it reads in print and in the dark."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from distill.page.text import folded, table, text
from gen3d.errors import InputError

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 34  # room around the curves
MARKS = 4  # steps of the scale
MOST_ROWS = 200  # epochs in the table below the curves


class Line(NamedTuple):
    """One epoch: its number, its losses (None where there is none), and whether it came after re-scoring."""

    epoch: int
    loss: float | None
    validation: float | None
    rescored: bool


def read_losses(path: Path) -> list[Line]:
    """The lines of a losses.csv; none where there is no file. Raises InputError for a damaged one."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_line(row) for row in csv.DictReader(file)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: can't be read ({' '.join(str(error).split())[:200]}); train again") from None


def _line(row: dict[str, str]) -> Line:
    """One line of the file; a loss that is not finite counts as none."""
    values = [float(row.get(name) or "nan") for name in ("loss", "validation")]
    losses = [value if math.isfinite(value) else None for value in values]
    return Line(int(row["epoch"]), losses[0], losses[1], row.get("rescored") == "True")


def loss_curves(lines: Sequence[Line]) -> str:
    """Loss and validation loss over the epochs, with a mark where re-scoring began, and the numbers below."""
    kinds = [("loss", [line.loss for line in lines]), ("validation", [line.validation for line in lines])]
    kinds = [(name, values) for name, values in kinds if any(value is not None for value in values)]
    if not kinds:
        return "<p>No losses were recorded.</p>"
    finite = [value for _, values in kinds for value in values if value is not None]
    scale = _Scale((min(line.epoch for line in lines), max(line.epoch for line in lines)), (min(finite), max(finite)))
    began = next((line.epoch for line in lines if line.rescored), None)
    last = ", ".join(f"{name} {_last(values):.4g}" for name, values in kinds)
    title = f"Losses over {len(lines)} epochs; at the end: {last}."
    drawn = [scale.axes(), *(scale.curve(name, lines, values) for name, values in kinds)]
    if began is not None:
        title += f" Knowledge was re-scored before epoch {began}."
        drawn.append(scale.upright(began, "re-scored"))
    picture = _svg("curves", title, drawn)
    keys = "".join(f'<li class="key-{name}">{name}</li>' for name, _ in kinds)
    return f'<figure>{picture}<ul class="keys">{keys}</ul><figcaption>{text(title)}</figcaption></figure>' + _numbers(
        lines
    )


class _Scale(NamedTuple):
    """Places of epochs and losses in the picture."""

    epochs: tuple[int, int]
    losses: tuple[float, float]

    def x(self, epoch: float) -> float:
        """From the left."""
        first, last = self.epochs
        return LEFT + (epoch - first) / max(last - first, 1) * (WIDTH - LEFT - RIGHT)

    def y(self, loss: float) -> float:
        """From the top."""
        low, high = self.losses
        share = (loss - low) / (high - low) if high > low else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def axes(self) -> str:
        """Lines and numbers of both scales."""
        (first, last), (low, high) = self.epochs, self.losses
        marks = []
        for loss in sorted({low + (high - low) * i / MARKS for i in range(MARKS + 1)}):
            y = self.y(loss)
            marks.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            marks.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{loss:.3g}</text>')
        for epoch in sorted({round(first + (last - first) * i / MARKS) for i in range(MARKS + 1)}):
            marks.append(
                f'<text x="{self.x(epoch):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{epoch}</text>'
            )
        marks.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">epoch</text>')
        return "".join(marks)

    def curve(self, name: str, lines: Sequence[Line], values: Sequence[float | None]) -> str:
        """One curve; it has dots as well, so that a single epoch shows."""
        places = [
            (self.x(line.epoch), self.y(value)) for line, value in zip(lines, values, strict=True) if value is not None
        ]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        few = places if len(places) <= 50 else []
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in few)
        return f'<g class="curve-{name}"><polyline points="{joined}"/>{dots}</g>'

    def upright(self, epoch: int, name: str) -> str:
        """A named line before an epoch."""
        x = self.x(epoch - 0.5) if epoch > self.epochs[0] else self.x(epoch)
        anchor, shift = ("start", 4) if x < WIDTH / 2 else ("end", -4)
        words = f'<text x="{x + shift:.1f}" y="{TOP + 10}" text-anchor="{anchor}">{name}</text>'
        return f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>{words}'


def interval_bar(score: float, low: float, high: float) -> str:
    """A score from 0 to 100 with its interval as a strip beside its number; says nothing that the numbers do not."""
    places = [min(max(value, 0.0), 100.0) for value in (score, low, high)]
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'<rect class="ground" width="100" height="10"/><rect class="fill" width="{places[0]:.2f}" height="10"/>'
        f'<rect class="interval" x="{places[1]:.2f}" y="3.5" width="{places[2] - places[1]:.2f}" height="3"/></svg>'
    )


def _svg(kind: str, title: str, drawn: list[str]) -> str:
    frame = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}"'
    return f'<svg class="{kind}" {frame}>{"".join(drawn)}</svg>'


def _last(values: Sequence[float | None]) -> float:
    return next(value for value in reversed(values) if value is not None)


def _numbers(lines: Sequence[Line]) -> str:
    """The numbers behind the curves; of very many epochs evenly spread ones."""
    step = -(-len(lines) // MOST_ROWS)
    shown = [*lines[:-1:step], lines[-1]]
    rows = [
        [str(n.epoch), *("-" if v is None else f"{v:.6g}" for v in (n.loss, n.validation)), "yes" if n.rescored else ""]
        for n in shown
    ]
    name = "Losses in numbers" if step == 1 else f"Losses in numbers, every {step} epochs"
    return folded(name, table(name, ["epoch", "loss", "validation", "re-scored"], rows))
