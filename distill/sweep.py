"""Many categories at once: shapes, knowledge, students and scores for every category and variant, as one graph.

Every stage is resumable and every node has a folder of its own, so a sweep typed again goes on where it stopped, and
with other settings makes what they change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from distill.html_report import write_page
from distill.sweep_plan import EVAL, GENERATE, LABEL, Node, Plan, is_done, make, planned
from distill.sweep_settings import STAGES, Sweep
from distill.sweep_tables import rows_of, write_tables
from distill.tables import write_changed
from gen3d.asking import LabelSettings
from gen3d.crew import Workers
from gen3d.environment import has_gpu
from gen3d.errors import SettingsError
from gen3d.generation import GenerateSettings
from gen3d.generators.choice import EMBEDDED
from gen3d.graph import Lost, Task, run_nodes
from gen3d.record import read_record, record_bytes
from gen3d.settings import Settings
from gen3d.storage import make_folder
from gen3d.teachers import Pretrained, make_teacher

SETTINGS = "settings.json"
_SPREAD = (GENERATE, LABEL)  # stages that work on their shards in several processes


class Job(NamedTuple):
    """One run of a sweep.

    Args:
        sweep: see `read_sweep`.
        out: gets a folder per category, the table and the settings; the page goes beside it.
        workers: who makes the nodes.
        stages: those that are run.
    """

    sweep: Sweep
    out: Path
    workers: Workers = 1
    stages: tuple[str, ...] = tuple(STAGES)


class Result(NamedTuple):
    """A sweep as it stands.

    Args:
        rows: see `distill.sweep_tables`.
        lost: nodes that came to nothing.
        page: the report.
    """

    rows: list[dict[str, Any]]
    lost: dict[str, Lost]
    page: Path


def stages_of(only: str | None, until: str | None) -> tuple[str, ...]:
    """The stages that are run. Raises SettingsError for one that there is not, or both options."""
    if only is not None and until is not None:
        raise SettingsError("--only and --until: give one of them")
    for option, stage in (("--only", only), ("--until", until)):
        if stage is not None and stage not in STAGES:
            raise SettingsError(f"{option} {stage}: is no stage; known are: {', '.join(STAGES)}")
    names = tuple(STAGES)
    return (only,) if only is not None else names[: names.index(until) + 1] if until is not None else names


def run_sweep(job: Job, report: Callable[[str], None] = lambda text: None) -> Result:
    """Make what is missing of a sweep, then its table and page.

    A node that fails ends none but those that are made of it. The table is written anew whenever scores were added.

    Args:
        job: see `Job`.
        report: called with a line for every node.

    Raises:
        SettingsError: `out` holds something else.
        InputError: a damaged record.
        StorageError: the disk is full, read-only or gone.
    """
    plan = planned(job.sweep, job.out)
    tasks, lost = _tasks(job, plan)
    _refuse_other(job.out)
    write_changed(make_folder(job.out), {SETTINGS: record_bytes(job.sweep.recorded())})
    for node, cause in lost.items():
        report(f"{node}: {cause.reason}")
    name, count = job.sweep.settings.name, iter(range(1, len(tasks) + 1))

    def table() -> list[dict[str, Any]]:
        rows = rows_of(plan, job.out, lost)
        write_tables(name, rows, job.out)
        return rows

    def ended(node: str, cause: Lost | None) -> None:
        if cause is not None:
            lost[node] = cause
            report(f"{node}: {cause.reason}")
        elif plan.nodes[node].stage == EVAL:
            table()

    def started(node: str) -> None:
        report(f"{node}: {plan.nodes[node].stage} ({next(count)} of {len(tasks)})")

    run_nodes(tasks, job.workers, started, ended)
    rows = table()
    _, page = write_page(job.out)
    return Result(rows, lost, page)


def _refuse_other(out: Path) -> None:
    """Raise SettingsError for a folder with the table of something else."""
    if "variants" not in (read_record(out / SETTINGS) or {"variants": None}):
        raise SettingsError(f"{out}: holds something else than a sweep; choose another --out")


def states(job: Job) -> dict[str, str]:
    """What would be done: every node as "done", "left", "left out", "not needed", or why it can't be made.

    Nothing is computed.
    """
    plan = planned(job.sweep, job.out)
    tasks, lost = _tasks(job, plan)
    found: dict[str, str] = {}
    for name, node in plan.nodes.items():
        undone = "not needed" if node.stage in job.stages else "left out"
        undone = "left" if name in tasks else lost[name].reason if name in lost else undone
        found[name] = "done" if is_done(node, job.out) else undone
    return found


def _tasks(job: Job, plan: Plan) -> tuple[dict[str, Task], dict[str, Lost]]:
    """What is to be made, and what can't be since a stage that is left out has not made what it needs."""
    done = {name for name, node in plan.nodes.items() if is_done(node, job.out)}
    needed = _needed(job, plan, done)
    tasks: dict[str, Task] = {}
    lost: dict[str, Lost] = {}
    for name, node in plan.nodes.items():
        missing = [need for need in node.needs if need not in done and need not in tasks]
        if name in needed and missing:
            lost[name] = Lost(f"needs {missing[0]}, which is not there", name)
        elif name in needed:
            tasks[name] = _task(node, job.out)
    return tasks, lost


def _needed(job: Job, plan: Plan, done: Collection[str]) -> set[str]:
    """The nodes that are asked for and not there, but for those of which all that is made of them is there."""
    children: dict[str, list[str]] = {name: [] for name in plan.nodes}
    needed: set[str] = set()
    for name, node in reversed(plan.nodes.items()):
        for need in node.needs if node.stage in job.stages else ():
            children[need].append(name)
        wanted = not children[name] or not needed.isdisjoint(children[name])
        if node.stage in job.stages and name not in done and wanted:
            needed.add(name)
    return needed


def _task(node: Node, out: Path) -> Task:
    """A node as work for `run_nodes`; what asks a pretrained model on a GPU gets it to itself."""
    alone = node.stage in _SPREAD and has_gpu() and _is_pretrained(node.settings)
    return Task(make, (node, out), node.needs, node.stage in _SPREAD and not alone, alone)


def _is_pretrained(settings: Settings) -> bool:
    if isinstance(settings, GenerateSettings):
        return settings.generator != EMBEDDED
    if isinstance(settings, LabelSettings):
        return isinstance(make_teacher(settings.teacher, settings.teacher_options()), Pretrained)
    return False
