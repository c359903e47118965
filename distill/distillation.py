"""The `distill` stage: the knowledge of one or more collections becomes a student on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from distill.student import Student
from distill.trainer import DistillSettings, Epoch, TrainingSet, distil
from gen3d.categories import category
from gen3d.collection import SHAPES, Collection
from gen3d.errors import InputError, SettingsError
from gen3d.knowledge import Knowledge
from gen3d.labelling import read_knowledge
from gen3d.record import same_record, write_record
from gen3d.storage import atomic_write
from gen3d.whole_folder import whole_folder

RECORD = "training.json"


def source_folders(source: str, generated: Path, real: Path) -> dict[str, Path]:
    """The collections that a source (generated, real or mixed) consists of, by their own source."""
    both = {"generated": generated, "real": real}
    return both if source == "mixed" else {source: both[source]}


def distill(
    folders: dict[str, Path],
    settings: DistillSettings,
    out: Path,
    overwrite: bool = False,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[Student, bool]:
    """Train a student on labelled collections and save it in `out`.

    Args:
        folders: source -> collection of the settings' category with knowledge of their teacher; one, or two that every
            batch mixes, of which the second one has the settings' `ratio`.
        settings: see `DistillSettings`.
        out: the student's folder; `training.json` and `losses.csv` go there too.
        overwrite: train again where a student is there already; all that was in its folder goes.
        report: called after every epoch.

    Returns:
        The student, and whether it was there already from the same collections and settings.

    Raises:
        SettingsError: `out` holds a student of other settings or collections, or other files; a batch too small to mix.
        InputError: a collection of another category, or without knowledge of that teacher.
        StorageError: the disk is full; an old student is still there then.
    """
    if out.exists() and not (out / "config.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out}: holds something else than a student; choose an empty or a new folder")
    if settings.batch < len(folders):
        raise SettingsError(f"batch = {settings.batch}: has no room for a shape of every source; use 2 or more")
    row, teacher = category(settings.category), settings.teacher
    collections = {source: Collection.open(folder) for source, folder in folders.items()}
    for collection in collections.values():
        if collection.category != row.name:
            raise InputError(f"{collection.root}: is a collection of {collection.category}, not of {row.name}")
    record = {
        "settings": settings.model_dump(),
        "collections": {str(c.root): c.fingerprint((SHAPES, f"knowledge-{teacher}")) for c in collections.values()},
    }
    if not overwrite and same_record(out / RECORD, record):
        return Student.load(out), True
    knowledge = [read_knowledge(collection, teacher) for collection in collections.values()]
    parts = _common_parts([k for source in knowledge for k in source])
    torch.manual_seed(settings.seed)
    training = {
        "sources": {
            source: {"collection": str(collection.root), "shapes": len(found)}
            for (source, collection), found in zip(collections.items(), knowledge, strict=True)
        }
    }
    student = Student(row.name, parts, settings.student, training=training | {"settings": settings.model_dump()})
    log = distil(student, TrainingSet.build(knowledge, student), settings, report)
    with whole_folder(out) as temporary:
        student.save(temporary)
        atomic_write(temporary / "losses.csv", _table(log).encode())
        write_record(temporary / RECORD, record)
    return student, False


def _common_parts(knowledge: list[Knowledge]) -> list[str]:
    """The parts that all of it is about. Raises InputError where it can't be learned from together."""
    parts, points = knowledge[0].meta["parts"], len(knowledge[0].points)
    for k in knowledge:
        if k.meta["parts"] != parts or len(k.points) != points:
            now, was = (f"{', '.join(p)} on {n} points" for p, n in ((k.meta["parts"], len(k.points)), (parts, points)))
            raise InputError(f"{k.meta['id']}: was labelled with {now}, others with {was}; label all of them alike")
    return parts


def _table(log: list[Epoch]) -> str:
    """The log as CSV, without the times: the same seed gives the same bytes."""
    rows: list[dict[str, Any]] = [asdict(epoch) for epoch in log]
    for row in rows:
        del row["seconds"]
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    return "\n".join(lines) + "\n"
