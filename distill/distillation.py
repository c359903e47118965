"""The `distill` stage: the knowledge of one or more collections (or other data) becomes a student on disk."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distill.datasets.partdistill_h5 import ALL
from distill.epochs import FOLDER, save_epoch
from distill.knowledge_sources import DATA, Source
from distill.other import OTHER, with_other
from distill.parallel import Ranks
from distill.rescoring import why_never
from distill.resuming import Checkpoint, restore
from distill.starting import fresh_student, starting_weights
from distill.steps import DivergedError
from distill.student import Student
from distill.trainer import DistillSettings, Epoch, Training, TrainingSet
from gen3d.errors import InputError, SettingsError
from gen3d.knowledge import Knowledge
from gen3d.record import plain, read_record, same_record, write_record
from gen3d.storage import Place, atomic_write, place
from gen3d.whole_folder import whole_folder

RECORD = "training.json"


def source_folders(source: str, generated: Place, real: Place) -> dict[str, Place]:
    """The collections that a source (generated, real or mixed) consists of, by their own source."""
    both = {"generated": generated, "real": real}
    return both if source == "mixed" else {source: both[source]}


def knowledge_folders(
    settings: DistillSettings, generated: str | Place, real: str | Place, root: Path | None
) -> dict[str, Place]:
    """What to distil from: collections by their source, or the one folder of other data.

    Raises SettingsError where `root` is missing, or given for collections.
    """
    if settings.data == "collection":
        if root is not None:
            raise SettingsError("--root: is for --data partdistill-h5; collections are --generated and --real")
        return source_folders(settings.source, place(generated), place(real))
    if root is None:
        raise SettingsError(f"--root is missing: the folder of the {settings.data} data")
    return {settings.data: root}


def source_name(settings: DistillSettings) -> str:
    """A word for what a student is distilled from."""
    return settings.source if settings.data == "collection" else settings.data


def kept_epoch(log: list[Epoch]) -> int:
    """The number of the epoch whose weights are kept: the last one where there was no validation."""
    judged = [(line.rescored, -line.validation, -line.epoch) for line in log if line.validation is not None]
    return -max(judged)[2] if judged else log[-1].epoch


def notes(student: Student, log: list[Epoch]) -> list[str]:
    """What a user should know of a training: edge cases in the data, in a line each."""
    found = []
    if len(student.parts) == 1:
        found.append("one part alone teaches nothing: all points will be it; --other learns it against the rest")
    sources = student.training_record["sources"].values()
    shapes, bare = (sum(source.get(key, 0) for source in sources) for key in ("shapes", "without_units"))
    if bare:
        found.append(f"{bare} of {shapes} shapes have no unit; they are kept and teach nothing")
    if unnamed := student.training_record.get("never_named"):
        found.append(f"the teacher never names {', '.join(unnamed)}: no student can learn that")
    if any(source.get("split") == ALL for source in sources):
        found.append("there are no lists of a split: all shapes were trained on, those of the test set too")
    if empty := sum(epoch.empty for epoch in log):
        found.append(f"{empty} batches had no unit at all; their loss is 0")
    if skipped := sum(epoch.skipped for epoch in log):
        found.append(f"{skipped} steps were skipped: their loss or gradient was not finite")
    made = student.training_record["settings"]
    if log and made["backward"] and not log[-1].rescored:
        why = why_never([epoch.loss for epoch in log], made["threshold"], made["after"], made["epochs"])
        found.append(f"the teacher was not re-scored: {why}")
    return found


def distill(
    folders: Mapping[str, Place],
    settings: DistillSettings,
    out: Path,
    overwrite: bool = False,
    report: Callable[[Epoch], None] = lambda epoch: None,
    keep_epochs: bool = False,
) -> tuple[Student, bool]:
    """Train a student on labelled shapes and save it in `out`; goes on from its last epoch where it was killed.

    Of processes that train together the first one writes and reports.

    Args:
        folders: source -> collection of the settings' category with knowledge of their teacher; one, or two that every
            batch mixes, of which the second one has the settings' `ratio`. Of other `data`: one folder.
        settings: see `DistillSettings`.
        out: the student's folder; `training.json` and `losses.csv` go there too.
        overwrite: train again where a student is there already; all that was in its folder goes.
        report: called after every epoch, and first for those that were there already.
        keep_epochs: save the weights after every epoch too, for `gen3d eval --every-epoch`.

    Returns:
        The student, and whether it was there already from the same shapes and settings.

    Raises:
        SettingsError: `out` holds a student of other settings or shapes, or other files; a batch too small to mix.
        InputError: a collection of another category, or without knowledge of that teacher.
        StorageError: the disk is full; an old student is still there then.
    """
    if out.exists() and not (out / "config.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out}: holds something else than a student; choose an empty or a new folder")
    if settings.batch < len(folders):
        raise SettingsError(f"batch = {settings.batch}: has no room for a shape of every source; use 2 or more")
    sources = {name: DATA[settings.data](folder, settings) for name, folder in folders.items()}
    record: dict[str, Any] = {
        "settings": settings.model_dump(),
        "collections": {str(source.root): source.fingerprint for source in sources.values()},
    }
    record |= starting_weights(settings)
    if keep_epochs:
        record["keep_epochs"] = True
    ranks, checkpoint = Ranks.here(), Checkpoint(out, record)
    ranks.agree(checkpoint.record)
    if ranks.told(ranks.first and not overwrite and _is_done(out, record, checkpoint)):
        return Student.load(out), True
    student, data = _prepared({name: source.read() for name, source in sources.items()}, sources, settings)
    training = Training(student, data, settings)
    with whole_folder(out) if ranks.first else contextlib.nullcontext(out) as temporary:
        if ranks.first and overwrite:
            checkpoint.remove()
        _train(training, checkpoint, report, keep_epochs)
        if ranks.first:
            _save(training, record, checkpoint, temporary)
    if ranks.first:
        checkpoint.remove()
    ranks.told(True)  # nobody ends well unless the student is there
    return student, False


def _is_done(out: Path, record: dict[str, Any], checkpoint: Checkpoint) -> bool:
    """Whether the student is there. Raises SettingsError where another one is.

    An old one may still be there when a training that was told to overwrite it was killed.
    """
    if read_record(out / RECORD) != plain(record) and checkpoint.fits():
        return False
    done = same_record(out / RECORD, record)
    if done:
        checkpoint.remove()  # of a training that was killed between its last two steps
    return done


def _train(training: Training, checkpoint: Checkpoint, report: Callable[[Epoch], None], keep_epochs: bool) -> None:
    """Train to the end, from where a training of the same record was killed."""
    first = training.ranks.first
    if kept := training.ranks.told_bytes(checkpoint.read() if first else b""):
        restore(training, kept, str(checkpoint.file))
    for row in training.log if first else ():
        report(row)
    try:
        for epoch in training.epochs():
            if first and keep_epochs:
                save_epoch(training.student, checkpoint.folder, epoch.epoch)
            if first:
                checkpoint.write(training)
                report(epoch)
    except DivergedError:
        if first:
            checkpoint.remove()  # it would diverge again
        raise
    training.finish()


def _prepared(
    knowledge: dict[str, list[Knowledge]], sources: dict[str, Source], settings: DistillSettings
) -> tuple[Student, TrainingSet]:
    """A fresh student and what it is trained on."""
    if settings.other:
        knowledge = {name: [with_other(k) for k in some] for name, some in knowledge.items()}
    every = [k for some in knowledge.values() for k in some]
    parts = _common_parts(every)
    named = {parts[i] for k in every for i in set(k.part.tolist())}
    training: dict[str, Any] = {
        "sources": {
            name: {
                "collection": str(sources[name].root),
                "shapes": len(some),
                "without_units": sum(not len(k.part) for k in some),
            }
            | ({"split": sources[name].split} if sources[name].split else {})
            for name, some in knowledge.items()
        },
        "never_named": [part for part in parts if part not in named | {OTHER}],
    }
    training |= {"settings": settings.model_dump()} | starting_weights(settings)
    student = fresh_student(settings.category, parts, settings, training)
    return student, TrainingSet.build(list(knowledge.values()), student)


def _common_parts(knowledge: list[Knowledge]) -> list[str]:
    """The parts that all of it is about. Raises InputError where it can't be learned from together."""
    parts, points = knowledge[0].meta["parts"], len(knowledge[0].points)
    for k in knowledge:
        if k.meta["parts"] != parts or len(k.points) != points:
            now, was = (f"{', '.join(p)} on {n} points" for p, n in ((k.meta["parts"], len(k.points)), (parts, points)))
            raise InputError(f"{k.meta['id']}: was labelled with {now}, others with {was}; label all of them alike")
    return parts


def _save(training: Training, record: dict[str, Any], checkpoint: Checkpoint, folder: Path) -> None:
    """The student, its record and the log, and the epochs that were kept."""
    if (checkpoint.folder / FOLDER).is_dir():
        shutil.copytree(checkpoint.folder / FOLDER, folder / FOLDER)
    training.student.save(folder)
    atomic_write(folder / "losses.csv", _table(training.log).encode())
    write_record(folder / RECORD, record)


def _table(log: list[Epoch]) -> str:
    """The log as CSV, without the times: the same seed gives the same bytes."""
    rows: list[dict[str, Any]] = [asdict(epoch) for epoch in log]
    for row in rows:
        del row["seconds"]
    lines = [",".join(rows[0]), *(",".join("" if x is None else str(x) for x in row.values()) for row in rows)]
    return "\n".join(lines) + "\n"
