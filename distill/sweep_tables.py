"""The table of a sweep: a row per category and variant, from the scores that are kept; Markdown, JSON and CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distill.scores import over_seeds
from distill.scoring import is_whole
from distill.sweep_plan import Plan, Run
from distill.sweep_settings import FRESH
from distill.tables import as_csv, escaped, markdown_table, write_changed
from gen3d.graph import Lost
from gen3d.record import plain, read_record, record_bytes

MEASURED, FAILED, UNSCORED, NOT_RUN = "measured", "failed", "not scored", "not run"
FIELDS = (
    "category", "variant", "state", "detail", "miou", "deviation", "low", "high", "worst_half", "scored_on", "split",
    "shapes_scored", "shapes_expected", "shapes_trained", "seeds", "seeds_expected",
)  # fmt: skip
HEADS = ("category", "variant", "mIoU %", "95 % interval", "worst half", "shapes", "scored on", "trained on", "note")
_NOTE = (
    "mIoU %: mean over the parts, then over the shapes, then over the seeds, ± their deviation. The interval is a "
    "bootstrap over shapes. Worst half: mean over the worse half of the shapes. No test label chose anything."
)
_FRESH_NOTE = (
    f"Scored on {FRESH}: against the exact labels of fresh shapes of the generator that students learned from. Such "
    "scores compare settings; they say nothing of real shapes."
)


def rows_of(plan: Plan, out: Path, lost: Mapping[str, Lost]) -> list[dict[str, Any]]:
    """A record of every category and variant, then of the means over categories.

    Args:
        plan: see `distill.sweep_plan`.
        out: the sweep's folder, where the scores are.
        lost: nodes that came to nothing.
    """
    runs: dict[tuple[str, str], list[Run]] = {}
    for run in plan.runs:
        runs.setdefault((run.category, run.variant), []).append(run)
    rows = [_row(plan, some, out, lost) for some in runs.values()]
    return [plain(row) for row in rows + _means(rows)]


def write_tables(name: str, rows: Sequence[dict[str, Any]], out: Path) -> None:
    """table.md, table.json and scores.csv, each whole or not at all, where they are not there already."""
    files = {
        "table.md": markdown(name, rows).encode(),
        "table.json": record_bytes({"sweep": name, "rows": list(rows)}),
        "scores.csv": as_csv(FIELDS, [{field: row[field] for field in FIELDS} for row in rows]).encode(),
    }
    write_changed(out, files)


def markdown(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The table with what is to be said of it."""
    lines = markdown_table(HEADS, [[escaped(cell) for cell in cells(row)] for row in rows])
    notes = [_NOTE] + ([_FRESH_NOTE] if any(row["scored_on"] == FRESH for row in rows) else [])
    return "\n".join([f"# Sweep {escaped(name)}", "", *lines, "", "\n\n".join(notes), ""])


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row as it is printed, plain text under `HEADS`."""
    named = [row["category"], row["variant"]]
    if row["miou"] is None:
        return [*named, row["state"], "", "", "", "", "", row["detail"]]
    spread = f" ± {row['deviation']:.1f}" if row["deviation"] is not None else ""
    interval = f"{row['low']:.1f} to {row['high']:.1f}" if row["low"] is not None else ""
    scored, expected = row["shapes_scored"], row["shapes_expected"]
    shapes = str(scored) if scored == expected else f"{scored} of {expected}"
    on = " ".join(filter(None, (row["scored_on"], row["split"])))
    trained = "" if row["shapes_trained"] is None else f"{row['shapes_trained']} shapes"
    few = f"{row['seeds']} of {row['seeds_expected']} seeds" if row["seeds"] != row["seeds_expected"] else ""
    note = "; ".join(filter(None, (few, row["detail"])))
    return [*named, f"{row['miou']:.1f}{spread}", interval, f"{row['worst_half']:.1f}", shapes, on, trained, note]


def _row(plan: Plan, runs: list[Run], out: Path, lost: Mapping[str, Lost]) -> dict[str, Any]:
    """The record of one category and variant over its seeds."""
    found = [_run(plan, run, out, lost) for run in runs]
    row: dict[str, Any] = dict.fromkeys(FIELDS)
    row |= {"category": runs[0].category, "variant": runs[0].variant, "seeds_expected": len(runs)}
    row |= {"detail": "; ".join(dict.fromkeys(run["detail"] for run in found if run["detail"]))}
    measured = [run for run, one in zip(runs, found, strict=True) if one["state"] == MEASURED]
    row |= {"state": MEASURED if measured else found[0]["state"], "seeds": len(measured), "runs": found}
    return row | (_scores(plan, measured, out) if measured else {})


def _run(plan: Plan, run: Run, out: Path, lost: Mapping[str, Lost]) -> dict[str, Any]:
    """What came of one seed."""
    record: dict[str, Any] = {"seed": run.seed, "student": run.student, "scores": run.scores, "miou": None}
    if run.scores is not None and is_whole(out / run.scores):
        scores = read_record(out / run.scores / "scores.json") or {}
        return record | {
            "state": MEASURED,
            "detail": run.passed,
            "miou": scores["miou"],
            "worst_half": scores["worst_half"],
        }
    if origin := _origin(plan, run.scores or run.student, lost):
        return record | {"state": FAILED, "detail": f"{origin}: {lost[origin].reason}"}
    if run.scores is None:
        return record | {"state": UNSCORED, "detail": run.passed}
    return record | {"state": NOT_RUN, "detail": ""}


def _origin(plan: Plan, name: str, lost: Mapping[str, Lost]) -> str | None:
    """The node that failed, of a node and all that it is made of; None where none did."""
    if name in lost:
        return lost[name].origin
    return next(filter(None, (_origin(plan, need, lost) for need in plan.nodes[name].needs)), None)


def _scores(plan: Plan, runs: list[Run], out: Path) -> dict[str, Any]:
    """What the scores of some seeds come to."""
    seeds = [read_record(out / str(run.scores) / "scores.json") or {} for run in runs]
    first, numbers = seeds[0], [seed["miou"] for seed in seeds]
    _, (low, high) = over_seeds(seeds)
    fresh = plan.nodes[str(runs[0].scores)].test is None
    config = read_record(out / runs[0].student / "config.json") or {}
    sources = config.get("training", {}).get("sources", {}).values()
    return {
        "miou": round(float(np.mean(numbers)), 2),
        "deviation": round(float(np.std(numbers)), 2) if len(numbers) > 1 else None,
        "low": low,
        "high": high,
        "worst_half": round(float(np.mean([seed["worst_half"] for seed in seeds])), 2),
        "scored_on": FRESH if fresh else first["settings"]["dataset"],
        "split": first["settings"]["split"],
        "shapes_scored": first["shapes_scored"],
        "shapes_expected": first["shapes_expected"],
        "shapes_trained": sum(source["shapes"] for source in sources) or None,
    }


def _means(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means over the categories that every variant was measured on, for each kind of test shapes with two or more."""
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    found: list[dict[str, Any]] = []
    for kind in dict.fromkeys((row["scored_on"], row["split"]) for row in rows if row["miou"] is not None):
        some = [row for row in rows if row["miou"] is not None and (row["scored_on"], row["split"]) == kind]
        counts = [row["category"] for row in some]
        shared = [name for name in dict.fromkeys(counts) if counts.count(name) == len(variants)]
        for variant in variants if len(shared) > 1 else ():
            found.append(_mean(variant, [r for r in some if r["variant"] == variant and r["category"] in shared]))
    return found


def _mean(variant: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One variant's mean over categories."""
    mean: dict[str, Any] = dict.fromkeys(FIELDS)
    mean |= {key: round(float(np.mean([row[key] for row in rows])), 2) for key in ("miou", "worst_half")}
    mean |= {key: sum(row[key] for row in rows) for key in ("shapes_scored", "shapes_expected")}
    mean |= {key: rows[0][key] for key in ("scored_on", "split", "seeds_expected")}
    named = {"category": f"mean of {len(rows)}", "variant": variant, "state": MEASURED, "detail": ""}
    return mean | named | {"seeds": min(row["seeds"] for row in rows)}
