"""The table and the chart of the experiment with sources: Markdown and PNG, the paper's figures beside ours."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from distill.published import GENERATED
from distill.tables import markdown_table
from gen3d.colors import PALETTE

SOURCES = ("real", "generated", "mixed")  # in the paper's order
# mIoU of the paper's students from the train set, from generated shapes, and from both, on ShapeNetPart.
PAPER = {name: tuple(row.figures[name] for row in GENERATED) for name in ("airplane", "chair", "guitar")}


class Cell(NamedTuple):
    """One student's scores in percent: mean over the shapes, over the worse half of them, and per part."""

    source: str
    seed: int
    miou: float
    worst_half: float
    parts: dict[str, float]


@dataclass(frozen=True)
class Row:
    """A category, what it is scored on (or why it is not), and the students' scores."""

    category: str
    scored_on: str
    cells: list[Cell] = field(default_factory=list)

    def scores(self, source: str, key: str = "miou") -> Float64[np.ndarray, " S"]:
        """One number per seed."""
        return np.array([getattr(cell, key) for cell in self.cells if cell.source == source])

    def removed(self, key: str = "miou") -> float | None:
        """Share of the error that the better single source leaves which `mixed` removes, in percent."""
        single = [self.scores(source, key) for source in SOURCES[:2]]
        mixed = self.scores("mixed", key)
        if not len(mixed) or not all(map(len, single)):
            return None
        best = max(float(scores.mean()) for scores in single)
        return 100 * (float(mixed.mean()) - best) / max(100 - best, 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"cells": [cell._asdict() for cell in self.cells], "mixed_removes": self.removed()}


def markdown(rows: list[Row]) -> str:
    """The table: mean ± deviation over seeds; the mean over the worse half of the shapes in brackets."""
    heads = ["category", *SOURCES, "mixed removes", *(f"paper: {source}" for source in SOURCES), "scored on"]
    lines = []
    for row in rows:
        removed = row.removed()
        ours = [_cell(row, source) for source in SOURCES] + ["-" if removed is None else f"{removed:.0f} %"]
        paper = [f"{value:.1f}" for value in PAPER.get(row.category, ())] or ["-"] * len(SOURCES)
        lines.append([row.category, *ours, *paper, row.scored_on])
    shares = [share for row in rows if (share := row.removed()) is not None]
    mean = f" Mixed removes {np.mean(shares):.1f} % of the error on average." if shares else ""
    note = (
        "mIoU %, mean ± deviation over seeds (worse half of the shapes). *Mixed removes*: share of the error that the "
        "better single source leaves. The paper's figures: its own teacher, generator and the ShapeNetPart test set; "
        "ours are of another teacher, generator and test shapes, so only the differences compare."
    )
    return "\n".join([*markdown_table(heads, lines), "", note + mean, ""])


def _cell(row: Row, source: str) -> str:
    scores = row.scores(source)
    if not len(scores):
        return "-"
    return f"{scores.mean():.1f} ± {scores.std():.1f} ({row.scores(source, 'worst_half').mean():.1f})"


def bars(rows: list[Row], width: int = 900, height: int = 380) -> bytes:
    """A PNG: a bar per category and source, from the lowest multiple of 10 below all, with a dot per seed."""
    from PIL import Image, ImageDraw, ImageFont

    shown = [row for row in rows if row.cells]
    lowest = min((float(row.scores(s).min()) for row in shown for s in SOURCES if len(row.scores(s))), default=90.0)
    floor = min(90.0, 10 * np.floor(lowest / 10))
    picture = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=13)
    left, bottom, top = 45, height - 50, 40

    def at(score: float) -> float:
        return bottom - (score - floor) / (100 - floor) * (bottom - top)

    for mark in np.linspace(floor, 100, 6):
        draw.line([(left, at(mark)), (width - 10, at(mark))], fill=(225, 225, 225))
        draw.text((left - 8, at(mark)), f"{mark:.0f}", fill="black", font=font, anchor="rm")
    slot = (width - left - 10) / max(len(shown), 1)
    for number, row in enumerate(shown):
        for i, source in enumerate(SOURCES):
            scores, x = row.scores(source), left + slot * (number + 0.12 + 0.26 * i)
            if len(scores):
                draw.rectangle([x, at(float(scores.mean())), x + 0.22 * slot, bottom], fill=tuple(PALETTE[i].tolist()))
                draw.text((x + 0.11 * slot, at(float(scores.max())) - 12), f"{scores.mean():.1f}", "black", font, "mm")
                for score in scores:
                    draw.ellipse([x + 0.11 * slot - 3, at(score) - 3, x + 0.11 * slot + 3, at(score) + 3], fill="black")
        draw.text((left + slot * (number + 0.5), bottom + 14), row.category, fill="black", font=font, anchor="mm")
    for i, source in enumerate(SOURCES):
        draw.rectangle([left + 110 * i, 10, left + 110 * i + 14, 24], fill=tuple(PALETTE[i].tolist()))
        draw.text((left + 110 * i + 20, 17), source, fill="black", font=font, anchor="lm")
    draw.text((width - 10, 17), "mIoU %, mean of seeds (dots)", fill="black", font=font, anchor="rm")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
