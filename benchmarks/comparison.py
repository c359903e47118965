"""Every method on the same real shapes, with the same teacher: docs/results.md.

    python benchmarks/comparison.py --students runs/main_job            # all of them, three seeds (hours)
    python benchmarks/comparison.py --categories chair --methods votes,satr --seeds 1

Test shapes: psb's development set and ShapeNetPart's Cap val, as in `main_job.py`, whose students are the row "Pre".
A seed draws the points, the shapes that students learnt from and their training. Every cell is resumable: run it again
to go on. Scores are mIoU %, 2,048 points a shape; airplanes without engine points and predictions.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from main_job import ROWS, student_name

os.environ.setdefault("OMP_NUM_THREADS", "1")

BASELINES = ("votes", "pointclip", "pointclip-v2", "openscene", "partslip", "satr")
METHODS = {  # name here: (title, method, options); `pre` needs students
    **{name: (name, name, {}) for name in BASELINES},
    "tta": ("PartDistill TTA (ours)", "tta", {}),
    "pre": ("PartDistill Pre (ours)", "student", {}),
    "few": ("tiny student, 3 labelled shapes", "supervised", {"network": "tiny", "shots": 3, "batch": 8}),
    "full": ("tiny student, labels of the other folds", "supervised", {"network": "tiny"}),
}


class Task(NamedTuple):
    """A cell with one seed."""

    category: str
    method: str
    seed: int
    args: argparse.Namespace

    @property
    def folder(self) -> Path:
        """Of its scores."""
        return self.args.out / self.category / f"{self.method}-{self.seed}"


def run(task: Task) -> dict[str, Any]:
    """Scores of one cell, or the reason why there are none."""
    import torch

    from distill.evaluation import EvalSettings
    from distill.scoring import Subject, score
    from distill.tta import TTASettings
    from gen3d.errors import Gen3dError

    torch.set_num_threads(1)
    row, (_, method, options) = ROWS[task.category], METHODS[task.method]
    how = EvalSettings(dataset=row.dataset, seed=task.seed, **row.options)
    student = task.args.students / task.category / student_name(task.seed, True) if task.method == "pre" else None
    tta = TTASettings(seed=task.seed)
    subject = Subject(method=method, student=student and str(student), category=task.category, options=options, tta=tta)
    clock, known = time.process_time(), task.folder / "cpu_seconds.json"
    try:
        found, _, before = score(subject, task.args.data / row.folder, how, task.folder, False)
    except Gen3dError as error:
        return {"reason": str(error)}
    if not before:
        known.write_text(json.dumps(time.process_time() - clock))
    print(f"{task.category}, {task.method}, seed {task.seed}: {found['miou']}", flush=True)
    return found | {"cpu_seconds": json.loads(known.read_text())}


def cell(found: list[dict[str, Any]]) -> str:
    """Mean and deviation over seeds, with the worse half of the shapes in brackets."""
    scores = [f["miou"] for f in found if "miou" in f]
    if not scores:
        return "-"
    worst = np.mean([f["worst_half"] for f in found if "miou" in f])
    return f"{np.mean(scores):.1f} ± {np.std(scores):.1f} ({worst:.1f})"


def table(results: dict[str, dict[str, list[dict[str, Any]]]], categories: list[str]) -> str:
    """Markdown: a row per method, a column per category; the mean over categories where all are there."""
    lines = [
        "| method | " + " | ".join(categories) + " | mean | CPU s per shape |",
        "|---" * (len(categories) + 3) + "|",
    ]
    for method, row in results.items():
        means = [np.mean([f["miou"] for f in row[c] if "miou" in f]) for c in categories if "miou" in row[c][0]]
        cost = [f["cpu_seconds"] / f["shapes_scored"] for c in categories for f in row[c] if "miou" in f]
        mean = f"{np.mean(means):.1f}" if len(means) == len(categories) else "-"
        cells = [cell(row[c]) for c in categories]
        lines.append(
            f"| {METHODS[method][0]} | " + " | ".join(cells) + f" | {mean} | {np.mean(cost):.1f} |" if cost else ""
        )
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for and print the table, and why cells are empty."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--students", type=Path, default=Path("runs/main_job"), help="--out of main_job.py")
    parser.add_argument("--out", type=Path, default=Path("runs/comparison"))
    parser.add_argument("--categories", default=",".join(ROWS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    categories, methods = args.categories.split(","), args.methods.split(",")
    tasks = [Task(c, m, s, args) for s in range(args.seeds) for m in methods for c in categories]
    results: dict[str, dict[str, list[dict[str, Any]]]] = {m: {c: [] for c in categories} for m in methods}
    with ProcessPoolExecutor(args.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for task, found in zip(tasks, pool.map(run, tasks), strict=True):
            results[task.method][task.category].append(found)
    print(f"\nmIoU %, mean ± deviation of {args.seeds} seeds (worse half of the shapes), 2,048 points, teacher lite\n")
    print(table(results, categories))
    for method, row in results.items():
        for category in categories:
            for reason in {found["reason"] for found in row[category] if "reason" in found}:
                print(f"\n{METHODS[method][0]}, {category}: {reason}")


if __name__ == "__main__":
    main()
