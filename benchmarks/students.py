"""Ways to a student, on the psb development shapes: test-time alignment, Pre, forward only, backward, which encoder.

    python benchmarks/students.py                                             # the table, three seeds (many hours)
    python benchmarks/students.py --categories chair --seeds 1 --cells forward,both
    python benchmarks/students.py --collections runs/main_job --epochs 32     # collections made before
    python benchmarks/students.py --encoders runs/encoders                    # encoders made before: small, point-m2ae

A collection that is not below --collections yet (`CATEGORY/generated-seedSEED`) is made there of --n shapes. Every
cell is resumable: run it again to go on. Scores are mIoU %, 2,048 points a shape, in --passes passes; airplanes without
engine points and predictions. Without --encoders, they are pre-trained on the points of the same collection.
Point-M2AE's is trained on with its head, but for `m2ae-frozen`, which is as PartDistill released it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")

CATEGORIES = "chair,table,mug,airplane"
LEFT_OUT = {"airplane": ("engine",)}


class Cell(NamedTuple):
    """A row of the table: how it is called there, the method, and what is set.

    `options` are of `TTASettings` for "tta", of `DistillSettings` for "student".
    """

    title: str
    method: str
    options: dict[str, Any]
    pretrained: bool = False
    start: str | None = None


M2AE = {"student": "point-m2ae", "finetune": True}
CELLS = {
    "votes": Cell("teacher's votes", "votes", {}),
    "tta-shape": Cell("TTA, a fresh student per shape", "tta", {"tta": "per-shape"}),
    "tta-joint": Cell("TTA, a fresh student for all shapes", "tta", {"tta": "joint"}),
    "tta-pre": Cell("Pre, then TTA for all shapes", "tta", {"tta": "joint"}, start="both"),
    "tta-pre-shape": Cell("Pre, then TTA per shape", "tta", {"tta": "per-shape"}, start="both"),
    "forward": Cell("Pre, small, forward only", "student", {"backward": False}),
    "both": Cell("Pre, small, forward + backward", "student", {}),
    "pretrained": Cell("Pre, small from a pre-trained encoder", "student", {}, pretrained=True),
    "m2ae": Cell("Pre, Point-M2AE from random weights", "student", M2AE),
    "m2ae-pretrained": Cell("Pre, Point-M2AE from a pre-trained encoder", "student", M2AE, pretrained=True),
    "m2ae-frozen": Cell(
        "Pre, Point-M2AE, a pre-trained encoder, frozen", "student", {"student": "point-m2ae"}, pretrained=True
    ),
}


class Job(NamedTuple):
    """All cells of one category and seed, one after the other: they share collection, encoders and students."""

    category: str
    seed: int
    args: argparse.Namespace

    @property
    def folder(self) -> Path:
        """For encoders, students and scores."""
        return self.args.out / self.category / f"seed{self.seed}"

    @property
    def collection(self) -> Path:
        """The generated shapes."""
        return self.args.collections / self.category / f"generated-seed{self.seed}"


def run(job: Job) -> dict[str, float]:
    """mIoU of every cell asked for."""
    import torch

    torch.set_num_threads(1)
    if not (job.collection / "collection.json").is_file():
        _make_collection(job)
    return {name: _score(job, name) for name in job.args.cells.split(",")}


def _make_collection(job: Job) -> None:
    """Generate and label."""
    from gen3d.generation import GenerateSettings, generate
    from gen3d.labelling import LabelSettings, label

    collection = generate(GenerateSettings(category=job.category, n=job.args.n, seed=job.seed), job.collection)
    label(collection, LabelSettings(seed=job.seed))


def _score(job: Job, name: str) -> float:
    """Make what the cell is about, and score it."""
    from distill.evaluation import EvalSettings
    from distill.scoring import Subject, score
    from distill.tta import TTASettings

    cell, student = CELLS[name], None
    if cell.method == "student" or cell.start is not None:
        student = _student(job, cell.start or name)
    tta = TTASettings()
    if cell.method == "tta":
        tta = TTASettings(**cell.options, epochs=job.args.tta_epochs, seed=job.seed)
    subject = Subject(method=cell.method, student=student and str(student), category=job.category, tta=tta)
    how = EvalSettings(leave_out=LEFT_OUT.get(job.category, ()), seed=job.seed, passes=job.args.passes)
    found, _, _ = score(subject, job.args.data / "psb", how, job.folder / "scores" / name, False)
    print(f"{job.category}, seed {job.seed}, {name}: {found['miou']:.1f}", flush=True)
    return found["miou"]


def _student(job: Job, name: str) -> Path:
    """A student of the prepared collection."""
    from distill.distillation import distill
    from distill.trainer import DistillSettings

    cell = CELLS[name]
    encoder = str(_encoder(job, cell.options.get("student", "small"))) if cell.pretrained else None
    shared = {"category": job.category, "seed": job.seed, "epochs": job.args.epochs, "encoder": encoder}
    distill({"generated": job.collection}, DistillSettings(**shared, **cell.options), job.folder / name)
    return job.folder / name


def _encoder(job: Job, student: str) -> Path:
    """An encoder made before, or one trained on the points of that collection."""
    if job.args.encoders is not None:
        return job.args.encoders / student
    from distill.masked_training import PretrainSettings
    from distill.pretraining import pretrain

    out = job.folder / f"encoder-{student}"
    mask = 0.7 if student == "small" else 0.8  # as much as Point-M2AE's authors hide
    settings = PretrainSettings(student=student, mask=mask, epochs=job.args.pretrain_epochs, seed=job.seed)
    pretrain([job.collection], settings, out)
    return out


def table(categories: list[str], cells: list[str], results: dict[str, list[dict[str, float]]]) -> str:
    """Markdown: a row per cell, a column per category; mean and deviation of the seeds."""
    lines = ["| | " + " | ".join(categories) + " |", "|---" * (len(categories) + 1) + "|"]
    for name in cells:
        values = [[run[name] for run in results[category]] for category in categories]
        row = [f"{np.mean(v):.1f}" + (f" ± {np.std(v):.1f}" if len(v) > 1 else "") for v in values]
        lines.append(f"| {CELLS[name].title} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with psb/")
    parser.add_argument("--collections", type=Path, default=Path("runs/students"))
    parser.add_argument("--encoders", type=Path, help="folder of encoders made before, named as their students")
    parser.add_argument("--out", type=Path, default=Path("runs/students"))
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--categories", default=CATEGORIES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n", type=int, default=300, help="generated shapes of a collection that is to be made")
    parser.add_argument("--epochs", type=int, default=20, help="of students")
    parser.add_argument("--pretrain-epochs", type=int, default=60, help="of encoders")
    parser.add_argument("--tta-epochs", type=int, help="as many as `gen3d eval` takes if not given")
    parser.add_argument("--passes", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    categories, cells = args.categories.split(","), args.cells.split(",")
    if unknown := [name for name in cells if name not in CELLS]:
        parser.error(f"unknown cell {unknown[0]!r}; known are: {', '.join(CELLS)}")
    jobs = [Job(category, seed, args) for seed in range(args.seeds) for category in categories]
    with ProcessPoolExecutor(args.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(run, jobs))
    results = {c: [scores for job, scores in zip(jobs, found, strict=True) if job.category == c] for c in categories}
    print(table(categories, cells, results))


if __name__ == "__main__":
    main()
