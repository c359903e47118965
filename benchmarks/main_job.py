"""The main job's figures: students distilled from generated shapes alone, scored on real human-labelled shapes.

    python benchmarks/main_job.py --data ../shared/data           # all categories, three seeds (over two CPU hours)
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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from distill.evaluation import EvalSettings

os.environ.setdefault("OMP_NUM_THREADS", "1")


class Row(NamedTuple):
    """A line of the table: data set, its folder below --data, reader options, generated shapes and epochs, the goal."""

    dataset: str
    folder: str
    options: dict[str, Any]
    n: int
    epochs: int
    goal: float


ROWS = {
    "chair": Row("psb", "psb", {}, 300, 32, 97),
    "table": Row("psb", "psb", {}, 300, 20, 97),
    "mug": Row("psb", "psb", {}, 300, 20, 94),
    "airplane": Row("psb", "psb", {"leave_out": ("engine",)}, 500, 32, 88),
    "cap": Row("shapenetpart", "shapenetpart_sample", {"split": "val", "missing": "skip"}, 300, 20, 75),
}


def prepare(category: str, seed: int, data: Path, out: Path) -> dict[str, Any]:
    """Generate and label one collection, and score the teacher's votes on the real shapes."""
    from distill.baselines import make_baseline
    from distill.evaluation import evaluate_baseline, read_dataset
    from gen3d.generation import GenerateSettings, generate
    from gen3d.labelling import LabelSettings, label
    from gen3d.teachers import make_teacher

    kept = out / category / f"votes-seed{seed}.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    clock = time.process_time()
    settings = GenerateSettings(category=category, n=ROWS[category].n, seed=seed)
    collection = generate(settings, collection_folder(out, category, seed))
    middle = time.process_time()
    label(collection, LabelSettings(seed=seed))
    spent = {"generate": middle - clock, "label": time.process_time() - middle}
    how = _settings(category, seed)
    real = read_dataset(how, category, data / ROWS[category].folder)
    votes = evaluate_baseline(make_baseline("votes"), make_teacher("lite"), real, how, LabelSettings())
    return _keep(kept, {"votes": votes.as_dict(how)}, spent)


def train(category: str, seed: int, backward: bool, out: Path) -> float:
    """Distil one student from the prepared collection, unless it is there; CPU seconds spent."""
    from distill.distillation import distill
    from distill.trainer import DistillSettings

    clock = time.process_time()
    settings = DistillSettings(category=category, seed=seed, backward=backward, epochs=ROWS[category].epochs)
    distill(
        {"generated": collection_folder(out, category, seed)}, settings, out / category / student_name(seed, backward)
    )
    return time.process_time() - clock


def score(category: str, seed: int, backward: bool, data: Path, out: Path) -> dict[str, Any]:
    """Distil a student and score it in every way asked for."""
    from distill.evaluation import evaluate_student, read_dataset
    from distill.student import Student

    row, name = ROWS[category], student_name(seed, backward)
    spent = train(category, seed, backward, out)
    kept = out / category / f"{name}.scores.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    student, base = Student.load(out / category / name), _settings(category, seed)
    ways = {"forward + backward" if backward else "forward": base}
    if backward:
        ways["one pass"] = base.model_copy(update={"passes": 1})
        ways["any yaw"] = base.model_copy(update={"yaw": "random"})
        if row.dataset == "psb":
            ways["raw pose"] = base.model_copy(update={"pose": "raw"})
        if base.leave_out:
            ways["with engine"] = base.model_copy(update={"leave_out": ()})
    scores = {}
    for way, how in ways.items():
        report = evaluate_student(student, read_dataset(how, category, data / row.folder), how)
        scores[way] = report.as_dict(how)
    return _keep(kept, scores, {"distil": spent} if spent > 10 else {})


def collection_folder(out: Path, category: str, seed: int) -> Path:
    """Folder of a collection: every seed has shapes, points and training of its own."""
    return out / category / f"generated-seed{seed}"


def student_name(seed: int, backward: bool) -> str:
    """Folder of a student."""
    return f"student-{'fb' if backward else 'f'}-seed{seed}"


def _settings(category: str, seed: int) -> EvalSettings:
    """How the category's real shapes are read and scored."""
    from distill.evaluation import EvalSettings

    return EvalSettings(dataset=ROWS[category].dataset, seed=seed, **ROWS[category].options)


def _keep(path: Path, scores: dict[str, Any], spent: dict[str, float]) -> dict[str, Any]:
    """Write a result, so that the next run finds it."""
    result = {"scores": scores, "cpu_seconds": {k: round(v, 1) for k, v in spent.items()}}
    path.write_text(json.dumps(result, indent=1))
    return result


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: a row per category, means over seeds with their spread for the main figure."""
    columns = ["votes", "forward", "one pass", "forward + backward", "any yaw", "raw pose", "with engine"]
    lines = ["| category | goal | " + " | ".join(columns) + " | worst half |", "|---" * (len(columns) + 3) + "|"]
    for category, runs in results.items():
        cells = []
        for column in columns:
            values = [r["scores"][column]["miou"] for r in runs if column in r["scores"]]
            spread = f" ± {np.std(values):.1f}" if values and column.startswith("forward") else ""
            cells.append(f"{np.mean(values):.1f}{spread}" if values else "-")
        main = [r["scores"]["forward + backward"] for r in runs if "forward + backward" in r["scores"]]
        worst = np.mean([scores["worst_half"] for scores in main])
        lines.append(f"| {category} | {ROWS[category].goal} | " + " | ".join(cells) + f" | {worst:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for, a seed at a time, and print the table, the parts and the CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs/main_job"))
    parser.add_argument("--categories", default=",".join(ROWS))
    parser.add_argument("--seeds", type=int, default=3, help="collections per category, with a student each")
    parser.add_argument("--forward-seeds", type=int, default=3, help="how many of them train forward only, too")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    categories, place = args.categories.split(","), (args.data, args.out)
    runs = [(c, seed) for seed in range(args.seeds) for c in categories]
    results: dict[str, list[dict[str, Any]]] = {c: [] for c in categories}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, mp_context=context) as pool:
        for c, first in [(c, pool.submit(prepare, c, seed, *place)) for c, seed in runs]:
            results[c].append(first.result())
        plan = [(c, seed, True) for c, seed in runs] + [(c, s, False) for c, s in runs if s < args.forward_seeds]
        for task, future in [(task, pool.submit(score, *task, *place)) for task in plan]:
            results[task[0]].append(future.result())
    print(f"mIoU %, mean (± deviation) of {args.seeds} seeds, each with its own generated shapes, training and points;")
    print(f"forward only of {args.forward_seeds}; 2,048 points per shape, teacher lite; students in 16 passes (voting)")
    print("but for 'one pass'; airplane without engine points and predictions but for 'with engine'\n")
    print(table(results))
    for category, runs in results.items():
        parts = [r["scores"]["forward + backward"]["parts"] for r in runs if "forward + backward" in r["scores"]]
        print(f"\n{category}: " + ", ".join(f"{p} {np.mean([x[p] for x in parts]):.1f}" for p in parts[0]))
        for step in ("generate", "label", "distil"):
            spent = [r["cpu_seconds"][step] for r in runs if step in r["cpu_seconds"]]
            print(f"  {step}: " + (f"{np.mean(spent):.0f} CPU s" if spent else "found done"))


if __name__ == "__main__":
    main()
