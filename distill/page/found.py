"""What a folder holds that a report can show: models, evaluations, collections, experiments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from gen3d.collection import INFO, read_info
from gen3d.errors import InputError
from gen3d.record import read_record
from gen3d.remote import Remote
from gen3d.storage import Place

DEPTH = 6  # folders below the run that are looked into; the deepest of ours is 4
_SCORES = {"miou", "parts", "shapes"}  # what tells scores of an evaluation from other files of that name


class Scores(BaseModel):
    """What a page needs of a scores.json; all in percent."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    method: str
    category: str
    metric: str
    settings: dict[str, Any]
    shapes_expected: int
    shapes_scored: int
    miou: float
    interval_95: tuple[float, float]
    worst_half: float
    parts: dict[str, float]
    shapes: dict[str, float]
    other_metrics: dict[str, float | None] = {}


class Evaluation(NamedTuple):
    """One folder with scores, and what was scored how."""

    folder: Path
    scores: Scores
    record: dict[str, Any]


class Model(NamedTuple):
    """A student, or an encoder that was pre-trained: its config.json and training.json."""

    folder: Path
    config: dict[str, Any]
    record: dict[str, Any]


class Experiment(NamedTuple):
    """A table of many evaluations, and the settings of all."""

    folder: Path
    record: dict[str, Any]


class Found(NamedTuple):
    """All that a run holds, each kind in the order of its folders."""

    root: Place
    experiments: list[Experiment]
    evaluations: list[Evaluation]
    models: list[Model]
    collections: list[Place]

    def name(self, folder: Place) -> str:
        """What the page calls a folder: its place below the run."""
        if isinstance(folder, Remote) or isinstance(self.root, Remote):
            return folder.name
        return folder.relative_to(self.root).as_posix() if folder != self.root else self.root.name


def find(run: Place) -> Found:
    """Look through a folder and those below it; a URL is that of a collection.

    Raises InputError where it is no folder or holds nothing of ours, and for damaged files.
    """
    if isinstance(run, Remote):
        read_info(run)
        return Found(run, [], [], [], [run])
    if not run.is_dir():
        raise InputError(f"{run}: is not a folder; give one that `gen3d generate`, distill, eval or experiment made")
    root = run.resolve()
    found = Found(root, [], [], [], [])
    for folder in folders(root):
        _sort_in(folder, found)
    if not any(found[1:]):
        hint = "give a folder that `gen3d generate`, import, distill, eval or experiment made"
        raise InputError(f"{run}: holds no collection, student, scores or experiment; {hint}")
    return found


def folders(root: Path) -> Iterator[Path]:
    """The folder and those below it, in order; not hidden ones, nor what a collection holds."""
    for place, names, files in os.walk(root):
        folder = Path(place)
        deep = len(folder.relative_to(root).parts) >= DEPTH or INFO in files
        names[:] = [] if deep else sorted(name for name in names if not name.startswith("."))
        yield folder


def _sort_in(folder: Path, found: Found) -> None:
    """Add what one folder holds."""
    if (folder / INFO).is_file():
        found.collections.append(folder)
        return
    if (folder / "table.md").is_file() and any((folder / name).is_file() for name in ("experiment.json", "table.json")):
        found.experiments.append(Experiment(folder, read_record(folder / "settings.json") or {}))
    config, record = read_record(folder / "config.json") or {}, read_record(folder / "training.json") or {}
    if {"category", "parts"} <= set(config) or ("student" in config and record):
        found.models.append(Model(folder, config, record))
    scores = read_record(folder / "scores.json") or {}
    if set(scores) >= _SCORES:
        record = read_record(folder / "settings.json") or {}
        found.evaluations.append(Evaluation(folder, _scores(folder, scores), record))


def _scores(folder: Path, scores: dict[str, Any]) -> Scores:
    """The checked content of a scores.json. Raises InputError naming the field that is wrong."""
    try:
        return Scores(**scores)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        hint = "score again with --overwrite"
        raise InputError(f"{folder / 'scores.json'}: {field}: {first['msg'].lower()}; {hint}") from None
