"""A toy ShapeNetPart and tiny settings for the tests of `gen3d reproduce`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelled import Stripes
from sample_exports import made

from distill.evaluation import EvalSettings
from distill.experiments import ScoredOn
from distill.reproduction import Cell, Job, Result
from distill.reproduction_plan import chosen
from distill.reproduction_settings import ReproduceSettings
from distill.trainer import DistillSettings
from distill.tta import TTASettings
from gen3d.asking import LabelSettings
from gen3d.errors import MissingError, SettingsError
from gen3d.generation import GenerateSettings, generate

TTA, PRE = "clip-points-partdistill-tta", "clip-points-partdistill-pre"
TWIN = "glip-points-partdistill-tta"  # with one teacher for all rows it computes what TTA does
STAGES: dict[str, Any] = {
    "eval": EvalSettings(points=512, passes=1),
    "label": LabelSettings(views=2, size=32, points=512),
    "distill": DistillSettings(category="chair", source="real", epochs=1, batch=2, steps=1),
    "tta": TTASettings(views=2, size=32, copies=1, epochs=1, batch=2, steps=1),
}


class Weightless(Stripes):
    """A teacher whose weights are nowhere; counts how often it was looked for."""

    looked = 0

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """They never are."""
        type(self).looked += 1
        raise MissingError("stripes need a brush; buy one")


class Ignorant(Stripes):
    """A teacher that knows no word."""

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Not this one either."""
        raise SettingsError(f"knows no {category}")


def write_chairs(root: Path) -> Path:
    """A folder of ShapeNetPart's text form with two chairs to train on and two to test on."""
    generate(GenerateSettings(category="chair", n=4, seed=5), root / "made")
    made(root / "made", root / "shapenetpart", "shapenetpart-txt", points=512, split=(0.5, 0.0, 0.5))
    return root / "shapenetpart"


def job(
    out: Path,
    roots: dict[str, Path],
    rows: Sequence[str] | None = (TTA,),
    categories: Sequence[str] | None = ("chair",),
    **options: Any,
) -> Job:
    """A run at a tiny size, of the teacher "stripes" if no other is given."""
    given: dict[str, Any] = {"table": "shapenetpart", "teacher": "stripes"} | STAGES | options
    settings = ReproduceSettings(**given)
    found = {name: ScoredOn(name, root, {}) for name, root in roots.items()}
    return Job(settings, chosen(settings.plan, rows, categories, None), found, {}, out)


def cell(result: Result, row: str = TTA, category: str = "chair") -> Cell:
    """One cell of a result."""
    (found,) = [c for c in result.cells if (c.place.row.key, c.place.column.key) == (row, category)]
    return found


def kept_numbers(out: Path) -> set[float]:
    """Every mIoU, mean and end of an interval that a scores.json below a folder holds."""
    found: set[float] = set()
    for path in out.rglob("scores.json"):
        scores = json.loads(path.read_text())
        numbers = [scores.get(key) for key in ("miou", "class_mean", "instance_mean")]
        found |= {x for x in [*numbers, *(scores.get("interval_95") or [])] if x is not None}
    return found
