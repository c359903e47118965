"""The paper's tables, measured here cell by cell: what is run, what is kept, and why a cell has no number.

Every cell's scores are a folder of their own, so a run that was killed goes on, and one cell can be computed alone. A
cell that fails, or for which data or weights are missing, does not end the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from distill.experiments import ScoredOn
from distill.published import OVERALL
from distill.reproduction_plan import STANDING_FOR, SUCCESSOR, Place, Table
from distill.reproduction_runs import Run, UnmetError
from distill.reproduction_scores import cell_scores, overall_scores
from distill.reproduction_settings import ReproduceSettings
from gen3d.errors import Gen3dError, SettingsError, StorageError
from gen3d.record import differences, plain, read_record, write_record
from gen3d.storage import make_folder

MEASURED, FAILED, NOT_RUN = "measured", "failed", "not run"
_NOT_SET = "not set"  # how `differences` calls what was not there


class Job(NamedTuple):
    """One run.

    Args:
        settings: see `ReproduceSettings`.
        places: the cells to compute; of the others only what is there is shown.
        roots: data set -> where it is.
        real: category -> paths of unlabelled shapes as `gen3d import` takes them, in the place of the train split.
        out: gets `cells`, what they are made of, and `settings.json`.
        workers: processes.
    """

    settings: ReproduceSettings
    places: Sequence[Place]
    roots: Mapping[str, ScoredOn]
    real: Mapping[str, Sequence[str]]
    out: Path
    workers: int = 1


class Cell(NamedTuple):
    """One cell of a table as it stands.

    Args:
        state: "measured", "needs data" (or weights, ...), "failed" or "not run".
        detail: what is missing or went wrong.
        scores: see `cell_scores`; None where nothing was measured.
    """

    place: Place
    state: str
    detail: str
    scores: dict[str, Any] | None = None


class Result(NamedTuple):
    """A table as it stands: every cell, and every row's Overall.

    Args:
        notes: what a reader must know of all of it: teachers, cautions.
        cells: row by row.
        overall: row -> scores over the categories that were measured; no entry where there is none.
    """

    table: Table
    notes: list[str]
    cells: list[Cell]
    overall: dict[str, dict[str, Any]]

    @property
    def failed(self) -> list[Cell]:
        """Cells that failed for another reason than what is missing."""
        return [cell for cell in self.cells if cell.state == FAILED]


def reproduce(
    job: Job,
    report: Callable[[str], None] = lambda text: None,
    shown: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Measure the cells that are asked for and not there yet.

    Args:
        job: see `Job`.
        report: called with a line for every step.
        shown: called with the table so far after every cell that was measured, and at the end.

    Raises:
        SettingsError: `out` holds a table of other settings; an unknown teacher, method or option.
        StorageError: the disk is full, read-only or gone.
    """
    run = Run(job.settings, job.roots, job.real, job.out, job.workers, report)
    run.check(job.places)
    _settle(job)
    unmet: dict[Place, tuple[str, str]] = {}
    for place in job.places:
        try:
            if run.measure(place):
                shown(_result(job, unmet))
        except UnmetError as lacking:
            unmet[place] = (lacking.state, lacking.reason)
        except StorageError:
            raise
        except Gen3dError as error:
            unmet[place] = (FAILED, str(error))
        if place in unmet:
            report(f"{place.address}: {': '.join(unmet[place])}")
    result = _result(job, unmet)
    shown(result)
    return result


def _settle(job: Job) -> None:
    """Keep the settings beside the cells. Raises SettingsError where there are cells of others; roots may be added."""
    path = make_folder(job.out) / "settings.json"
    old = read_record(path) or {}
    roots = {name: [str(at.root), at.options] for name, at in job.roots.items()}
    new = plain(
        {
            "settings": job.settings.model_dump(exclude={"seeds"}),
            "roots": dict(old.get("roots", {})) | roots,
            "real": dict(old.get("real", {})) | {name: list(paths) for name, paths in job.real.items()},
        }
    )
    for field, was, now in differences(old, new) if old else ():
        if was != _NOT_SET or field.startswith("settings"):
            raise SettingsError(f"{path}: {field} was {was}, now {now}; give another --out, or the same again")
    if new != old:
        write_record(path, new)


def _result(job: Job, unmet: Mapping[Place, tuple[str, str]]) -> Result:
    """The table with all that is kept in `out`."""
    settings, table = job.settings, job.settings.plan
    cells, means = [], {}
    for row in table.rows:
        found: dict[str, dict[str, Any]] = {}
        for column in table.columns:
            place = Place(row, column)
            scores = cell_scores(settings, job.out, place)
            if scores is not None and place not in unmet:
                found[column.key] = scores
                cells.append(Cell(place, MEASURED, "", scores))
            else:
                cells.append(Cell(place, *unmet.get(place, (NOT_RUN, ""))))
        if found and OVERALL in row.paper.figures:
            means[row.key] = overall_scores(settings, job.out, row, found)
    return Result(table, _notes(settings), cells, means)


def _notes(settings: ReproduceSettings) -> list[str]:
    """What holds for the whole table."""
    if settings.teacher is not None:
        mark = f"Teacher of all rows: {settings.teacher}" + (
            " (embedded), not CLIP or GLIP: no number here compares with the paper's rows of either."
            if settings.teacher.startswith("lite")
            else f"; the paper's are CLIP and GLIP. {SUCCESSOR.get(settings.teacher, '')}".rstrip()
        )
    else:
        used = {row.paper.vlm: STANDING_FOR[row.paper.vlm] for row in settings.plan.rows}
        mark = "Teachers: " + "; ".join(f"{vlm} rows: {SUCCESSOR.get(name, name)}" for vlm, name in used.items()) + "."
    return [mark, "Figures marked 'paper' are the paper's; all others were measured here.", *settings.plan.cautions]
