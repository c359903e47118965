"""What generated, real and mixed shapes are worth on human-labelled ones; and what more of them, or more views, add.

    python benchmarks/sources.py                                    # the table: five categories, three seeds (hours)
    python benchmarks/sources.py --categories chair --seeds 1 --n 100
    python benchmarks/sources.py --curve shapes --categories chair  # mIoU against the number of generated shapes
    python benchmarks/sources.py --curve views --categories chair   # mIoU against the number of views

Real shapes: princeton_pool (chairs: shapenet_chairs too), unlabelled, posed by `--align`. Test shapes: psb, and
ShapeNetPart's Cap val. Every stage is resumable: run it again to go on. Scores are mIoU %, 2,048 points a shape,
students in 16 passes; airplanes without engine points and predictions.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

CATEGORIES = "chair,table,airplane,mug,cap"
LEFT_OUT = {"airplane": ("engine",)}
SHAPES = (10, 30, 100, 300, 1000, 2000)
VIEWS = (1, 2, 4, 6, 10, 16, 24)


def run(category: str, args: argparse.Namespace) -> Any:
    """The experiment of one category in a folder of its own; its row."""
    import torch

    from distill.experiment_tables import Cell, Row
    from distill.experiments import ExperimentSettings, Sources, parse_real, parse_test, run_sources

    torch.set_num_threads(1)
    left_out = {category: LEFT_OUT[category]} if category in LEFT_OUT else {}
    chosen = {"seeds": args.seeds, "n": args.n, "epochs": args.epochs, "ratio": args.ratio}
    settings = ExperimentSettings(categories=(category,), leave_out=left_out, **chosen)
    real = parse_real([str(args.data / "princeton_pool"), f"chair={args.data / 'shapenet_chairs'}"], (category,))
    tests = [parse_test(f"psb={args.data / 'psb'}")]
    tests.append(parse_test(f"shapenetpart={args.data / 'shapenetpart_sample'},split=val,missing=skip"))
    (row,) = run_sources(Sources(settings, real, tests, args.out / category), print)["rows"]
    return Row(row["category"], row["scored_on"], [Cell(**cell) for cell in row["cells"]])


def curve(category: str, args: argparse.Namespace) -> Iterator[tuple[int, float, float]]:
    """(number of shapes or views, mIoU, worse half) of one seed; every student takes the same number of steps."""
    from distill.distillation import distill
    from distill.evaluation import EvalSettings
    from distill.scoring import Subject, score
    from distill.trainer import DistillSettings
    from gen3d.generation import GenerateSettings, generate
    from gen3d.labelling import LabelSettings, label

    numbers = [int(word) for word in args.numbers.split(",")] if args.numbers else None
    for number in numbers or (SHAPES if args.curve == "shapes" else VIEWS):
        folder = args.out / f"{category}-{args.curve}-{number}"
        n, views = (number, LabelSettings().views) if args.curve == "shapes" else (args.n, number)
        collection = generate(GenerateSettings(category=category, n=n), folder / "generated", args.jobs)
        label(collection, LabelSettings(views=views), args.jobs)
        how = DistillSettings(category=category, epochs=args.epochs, steps=-(-args.n // 16))
        distill({"generated": folder / "generated"}, how, folder / "student")
        scoring = EvalSettings(dataset="psb", leave_out=LEFT_OUT.get(category, ()))
        subject = Subject(student=str(folder / "student"), category=category)
        found, _, _ = score(subject, args.data / "psb", scoring, folder / "scores", False)
        yield number, found["miou"], found["worst_half"]


def main() -> None:
    """Print the table, or a curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs/sources"))
    parser.add_argument("--categories", default=CATEGORIES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n", type=int, default=500, help="generated shapes")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--ratio", type=float, default=0.5)
    parser.add_argument("--curve", choices=("shapes", "views"))
    parser.add_argument("--numbers", help="points of the curve, such as 10,100,1000; all if not given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    categories = args.categories.split(",")
    if args.curve:
        for category in categories:
            print(f"{category}: mIoU % (worse half) against the number of {args.curve}, one seed")
            for number, miou, worse in curve(category, args):
                print(f"  {number:>5}  {miou:5.1f} ({worse:.1f})", flush=True)
        return
    from distill.experiment_tables import bars, markdown

    with ProcessPoolExecutor(args.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        rows = list(pool.map(run, categories, [args] * len(categories)))
    print(markdown(rows))
    (args.out / "sources.png").write_bytes(bars(rows))


if __name__ == "__main__":
    main()
