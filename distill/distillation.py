"""The `distill` stage: the knowledge of one or more collections becomes a student on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from distill.student import Student
from distill.trainer import DistillSettings, Epoch, TrainingSet, distil
from gen3d.categories import category
from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.labelling import read_knowledge
from gen3d.record import same_record, write_record
from gen3d.storage import atomic_write

RECORD = "training.json"


def source_folders(source: str, generated: Path, real: Path) -> list[Path]:
    """The collections of a source: generated, real or mixed."""
    return {"generated": [generated], "real": [real], "mixed": [generated, real]}[source]


def distill(
    folders: list[Path],
    settings: DistillSettings,
    out: Path,
    overwrite: bool = False,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[Student, bool]:
    """Train a student on labelled collections and save it in `out`.

    Args:
        folders: collections of the settings' category with knowledge of their teacher.
        settings: see `DistillSettings`.
        out: the student's folder; `training.json` and `losses.csv` go there too.
        overwrite: train again where a student is there already.
        report: called after every epoch.

    Returns:
        The student, and whether it was there already from the same collections and settings.
    """
    row, teacher = category(settings.category), settings.teacher
    collections = [Collection.open(folder) for folder in folders]
    for collection in collections:
        if collection.category != row.name:
            raise InputError(f"{collection.root}: is a collection of {collection.category}, not of {row.name}")
    record = {
        "settings": settings.model_dump(),
        "collections": {str(c.root): fingerprint(c, teacher) for c in collections},
    }
    if not overwrite and same_record(out / RECORD, record):
        return Student.load(out), True
    knowledge = [k for collection in collections for k in read_knowledge(collection, teacher)]
    parts = knowledge[0].meta["parts"]
    if any(k.meta["parts"] != parts for k in knowledge):
        raise InputError("the collections were labelled with different parts; label them with the same --parts")
    torch.manual_seed(settings.seed)
    training = {"shapes": len(knowledge), "collections": [str(c.root) for c in collections]}
    student = Student(row.name, parts, settings.student, training=training | {"settings": settings.model_dump()})
    log = distil(student, TrainingSet.build(knowledge, student), settings, report)
    student.save(out)
    atomic_write(out / "losses.csv", _table(log).encode())
    write_record(out / RECORD, record)
    return student, False


def fingerprint(collection: Collection, teacher: str) -> str:
    """Hash of the collection's shapes and of a teacher's knowledge: the manifest's lines of both."""
    stems = ("shapes", f"knowledge-{teacher}")
    rows = [f"{r.shard} {r.sha256}" for stem in stems for r in collection.records(stem)]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def _table(log: list[Epoch]) -> str:
    """The log as CSV."""
    rows: list[dict[str, Any]] = [asdict(epoch) for epoch in log]
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    return "\n".join(lines) + "\n"
