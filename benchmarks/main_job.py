"""The main job's figures: students distilled from generated shapes alone, scored on real human-labelled shapes.

    python benchmarks/main_job.py --data ../shared/data                  # all categories, three seeds (about an hour)
    python benchmarks/main_job.py --data ../shared/data --categories chair --seeds 1

Every stage is resumable: run it again to go on. Scores are mIoU % as in `distill.metrics`, 2,048 points a shape.
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

os.environ.setdefault("OMP_NUM_THREADS", "1")


class Row(NamedTuple):
    """A line of the table: data set, its folder below --data, reader options, the figure asked for."""

    dataset: str
    folder: str
    options: dict[str, Any]
    goal: float


ROWS = {
    "chair": Row("psb", "psb", {}, 97),
    "table": Row("psb", "psb", {}, 97),
    "mug": Row("psb", "psb", {}, 94),
    "airplane": Row("psb", "psb", {"leave_out": ("engine",)}, 88),
    "cap": Row("shapenetpart", "shapenetpart_sample", {"split": "val", "missing": "skip"}, 75),
}


def run(category: str, seed: int, data: Path, out: Path, n: int) -> dict[str, Any]:
    """One category and seed: make the students (or find them made) and score them in every way."""
    from distill.distillation import distill
    from distill.evaluation import EvalSettings, evaluate_student, evaluate_votes, read_dataset
    from distill.trainer import DistillSettings
    from gen3d.generation import GenerateSettings, generate
    from gen3d.labelling import LabelSettings, label
    from gen3d.teachers import make_teacher

    row, home, spent = ROWS[category], out / category / f"seed{seed}", {}
    kept = home / "scores.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    clock = time.process_time()
    collection = generate(GenerateSettings(category=category, n=n, seed=seed), home / "generated")
    spent["generate"], clock = time.process_time() - clock, time.process_time()
    label(collection, LabelSettings(seed=seed), workers=1)
    spent["label"], clock = time.process_time() - clock, time.process_time()
    students = {}
    for name, backward in (("forward", False), ("forward + backward", True)):
        settings = DistillSettings(category=category, seed=seed, backward=backward)
        students[name], _ = distill([home / "generated"], settings, home / f"student-{'fb' if backward else 'f'}")
    spent["distill, both"] = time.process_time() - clock
    base = EvalSettings(dataset=row.dataset, seed=seed, **row.options)
    real = read_dataset(base, category, data / row.folder)
    scores = {"votes": evaluate_votes(make_teacher("lite"), real, base, LabelSettings(seed=seed)).as_dict(base)}
    scores |= {name: evaluate_student(student, real, base).as_dict(base) for name, student in students.items()}
    final = students["forward + backward"]
    turned = base.model_copy(update={"yaw": "random"})
    scores["any yaw"] = evaluate_student(final, real, turned).as_dict(turned)
    if row.dataset == "psb":
        raw = base.model_copy(update={"pose": "raw"})
        scores["raw pose"] = evaluate_student(final, read_dataset(raw, category, data / row.folder), raw).as_dict(raw)
    if base.leave_out:
        whole = base.model_copy(update={"leave_out": ()})
        scores["with " + ", ".join(base.leave_out)] = evaluate_student(final, real, whole).as_dict(whole)
    result = {"scores": scores, "cpu_seconds": {k: round(v, 1) for k, v in spent.items()}}
    kept.write_text(json.dumps(result, indent=1))
    return result


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: a row per category, means over seeds with their spread for the main figure."""
    columns = ["votes", "forward", "forward + backward", "any yaw", "raw pose", "with engine"]
    lines = ["| category | goal | " + " | ".join(columns) + " | worst half |", "|---" * (len(columns) + 3) + "|"]
    for category, runs in results.items():
        cells = []
        for column in columns:
            values = [r["scores"][column]["miou"] for r in runs if column in r["scores"]]
            spread = f" ± {np.std(values):.1f}" if column == "forward + backward" else ""
            cells.append(f"{np.mean(values):.1f}{spread}" if values else "-")
        worst = np.mean([r["scores"]["forward + backward"]["worst_half"] for r in runs])
        lines.append(f"| {category} | {ROWS[category].goal} | " + " | ".join(cells) + f" | {worst:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for and print the table, the parts and the CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs/main_job"))
    parser.add_argument("--categories", default=",".join(ROWS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n", type=int, default=300, help="generated shapes per category and seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    categories = args.categories.split(",")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, mp_context=context) as pool:
        futures = {
            (c, s): pool.submit(run, c, s, args.data, args.out, args.n) for s in range(args.seeds) for c in categories
        }
        results = {c: [futures[c, s].result() for s in range(args.seeds)] for c in categories}
    print(f"mIoU %, mean over {args.seeds} seeds; {args.n} generated shapes each, 2,048 points, teacher lite\n")
    print(table(results))
    for category, runs in results.items():
        parts = [r["scores"]["forward + backward"]["parts"] for r in runs]
        print(f"\n{category}: " + ", ".join(f"{p} {np.mean([x[p] for x in parts]):.1f}" for p in parts[0]))
        spent = [r["cpu_seconds"] for r in runs]
        print("  CPU s: " + ", ".join(f"{k} {np.mean([x[k] for x in spent]):.0f}" for k in spent[0]))


if __name__ == "__main__":
    main()
