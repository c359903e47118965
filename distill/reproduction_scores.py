"""What is kept of a cell of the paper's tables: where its scores are, and what they come to over seeds and categories.

Every number that a table shows stands in a scores.json: those of the seeds, of the cell, or of a row's Overall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distill.reproduction_plan import MADE, MIXED, REAL, STUDENT, Place, Row
from distill.reproduction_settings import ReproduceSettings
from distill.scores import over_seeds
from distill.scoring import is_whole
from gen3d.record import plain, read_record, write_record
from gen3d.storage import make_folder

SOURCES = (REAL, MADE, MIXED)
SCORES = "scores.json"


def cell_folder(settings: ReproduceSettings, out: Path, place: Place) -> Path:
    """Where a cell is kept. Rows that compute the same share it."""
    row = place.row
    return out / "cells" / f"{row.paper.data}-{row.run}-{settings.asking(place).teacher}" / place.column.key


def seed_folders(settings: ReproduceSettings, out: Path, place: Place) -> list[Path]:
    """Where the scores of every seed of a cell are kept; those of the experiment with sources by its own layout."""
    if place.row.run in SOURCES:
        home = out / "sources" / f"{place.column.key}-{settings.asking(place).teacher}" / place.column.category
        return [home / f"scores-{place.row.run}-{seed}" for seed in range(settings.seeds)]
    return [cell_folder(settings, out, place) / f"seed-{seed}" for seed in range(settings.seeds)]


def cell_scores(settings: ReproduceSettings, out: Path, place: Place) -> dict[str, Any] | None:
    """The scores of a cell over its finished seeds, which go into its own scores.json; None where there is none.

    Its mIoU is the mean over seeds, its interval the bootstrap over shapes of their means over seeds. PartNetE's metric
    is no mean over shapes: its interval is that of one seed.

    Raises InputError for a damaged file.
    """
    folders = [folder for folder in seed_folders(settings, out, place) if is_whole(folder)]
    if not folders:
        return None
    seeds = [read_record(folder / SCORES) or {} for folder in folders]
    first, metric = seeds[0], settings.plan.metric
    told = [seed[metric] if metric else seed for seed in seeds]
    numbers = [block["miou"] for block in told]
    if None in numbers:  # PartNetE: no shape has any of the parts
        return None
    shapes, interval = over_seeds(seeds)
    test, asked = first["settings"], settings.asking(place)
    found = {
        "miou": round(float(np.mean(numbers)), 2),
        "interval_95": interval if not metric else told[0]["interval_95"] if len(seeds) == 1 else None,
        "seeds": numbers,
        "seeds_expected": settings.seeds,
        "shapes_scored": first["shapes_scored"],
        "shapes_expected": first["shapes_expected"],
        "points": test["points"],
        "metric": told[0]["metric"],
        "dataset": test["dataset"],
        "split": test["split"],
        "stand_in": test["dataset"] not in (place.column.data or place.row.data),
        "teacher": asked.teacher,
        "prompts": asked.prompt_style or "the teacher's own",
        "distilled_from": _distilled_from(place, folders[0], out),
        "shapes": shapes,
    }
    return _written(cell_folder(settings, out, place), found)


def overall_scores(
    settings: ReproduceSettings, out: Path, row: Row, cells: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """A row's Overall over the categories that were measured, which goes into a scores.json of its own.

    Args:
        cells: column -> scores of the cell, one at least.

    Returns:
        `class_mean`, and `instance_mean` over all their shapes, None where the metric is not a mean over shapes.
    """
    instances = [score for cell in cells.values() for score in cell["shapes"].values()]
    found = {
        "class_mean": round(float(np.mean([cell["miou"] for cell in cells.values()])), 2),
        "instance_mean": None if settings.plan.metric else round(float(np.mean(instances)), 2),
        "categories": list(cells),
        "stand_ins": [name for name, cell in cells.items() if cell["stand_in"]],
        "categories_expected": len(settings.plan.columns),
        "shapes_scored": len(instances),
    }
    home = cell_folder(settings, out, Place(row, settings.plan.columns[0])).parent
    return _written(home / "overall", found)


def _distilled_from(place: Place, scored: Path, out: Path) -> str:
    """What the student of a cell was trained on, from its own record; empty where there is no student."""
    if place.row.run not in (STUDENT, *SOURCES):
        return ""
    subject = (read_record(scored / "settings.json") or {}).get("subject", {})
    home = out / "students" if place.row.run == STUDENT else scored.parent
    config = read_record(home / Path(str(subject.get("student"))).name / "config.json") or {}
    sources: Sequence[dict[str, Any]] = list(config.get("training", {}).get("sources", {}).values())
    return " and ".join(f"{source['shapes']} shapes ({Path(source['collection']).name})" for source in sources)


def _written(folder: Path, scores: dict[str, Any]) -> dict[str, Any]:
    """Keep them, where they are not there already."""
    path, new = make_folder(folder) / SCORES, plain(scores)
    if read_record(path) != new:
        write_record(path, new)
    return new
