"""Two processes that train together against one at the same global batch, and what keeping a training costs.

    python benchmarks/scale_ddp.py                    # 64 chairs, the default student, float32 and bfloat16: minutes
    python benchmarks/scale_ddp.py --shapes 32 --epochs 2 --precision float32

loss: the largest difference of an epoch's mean loss.
wall, CPU: seconds of the fastest epoch, CPU over all processes; on a machine that others use only the CPU says much.
    Each process has one thread. What two of them do twice (drawing, moving points) or wait for is in the CPU ratio.
checkpoint: seconds to make and write all of a training once, as happens after every epoch, against those of an epoch of
    this size; larger collections have longer epochs and the same checkpoints, but for 4 kB a shape once re-scored.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")


def work(args: argparse.Namespace) -> None:
    """One process's part: train, and write what was measured to a file of its rank."""
    import torch

    from distill.parallel import Ranks
    from distill.resuming import Checkpoint
    from distill.starting import fresh_student
    from distill.supervised import true_knowledge
    from distill.trainer import DistillSettings, Training, TrainingSet
    from gen3d.categories import CATEGORIES
    from gen3d.generators.procedural import ProceduralGenerator

    torch.set_num_threads(1)
    parts = CATEGORIES["chair"].parts
    shapes = [ProceduralGenerator().generate("chair", seed, str(seed)).normalised() for seed in range(args.shapes)]
    how = DistillSettings(
        category="chair", epochs=args.epochs, batch=args.batch, precision=args.precision, device="cpu"
    )
    student = fresh_student("chair", list(parts), how, {})
    data = TrainingSet.build([[true_knowledge(shape, parts, 2048, 0) for shape in shapes]], student)
    training, rows = Training(student, data, how), []
    cpu = time.process_time()
    for epoch in training.epochs():
        rows.append({"loss": epoch.loss, "wall": epoch.seconds, "cpu": time.process_time() - cpu})
        cpu = time.process_time()
    data.labels = torch.zeros(data.points.shape[:2], dtype=torch.int16)  # as large as after re-scoring
    checkpoint, costs = Checkpoint(args.out / "student", {}), []
    if Ranks.here().first:
        for _ in range(5):
            start, before = time.monotonic(), time.process_time()
            checkpoint.write(training)
            costs.append({"wall": time.monotonic() - start, "cpu": time.process_time() - before})
    size = checkpoint.file.stat().st_size if costs else 0
    found = {"epochs": rows, "checkpoint": costs, "bytes": size}
    (args.out / f"{Ranks.here().rank}.json").write_text(json.dumps(found))


def measured(args: argparse.Namespace, precision: str, count: int) -> list[dict[str, Any]]:
    """What so many processes measured, one entry each."""
    with tempfile.TemporaryDirectory() as folder:
        words = [__file__, "--work", "--out", folder, "--precision", precision]
        words += ["--shapes", str(args.shapes), "--epochs", str(args.epochs), "--batch", str(args.batch)]
        launch = ["-m", "torch.distributed.run", "--nproc_per_node", str(count)] if count > 1 else []
        subprocess.run([sys.executable, *launch, *words], check=True)
        return [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(count)]


def least(found: dict[str, Any], what: str, kind: str) -> float:
    """The least of the epochs or checkpoints."""
    return min(row[kind] for row in found[what])


def main() -> None:
    """Print a line per precision, and one for the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", type=int, default=64, help="chairs")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--precision", default="float32,bfloat16")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        from distill.parallel import joined, launched

        if not launched():
            return work(args)
        with joined():
            return work(args)
    for precision in args.precision.split(","):
        (one,), two = measured(args, precision, 1), measured(args, precision, 2)
        apart = max(abs(a["loss"] - b["loss"]) for a, b in zip(one["epochs"], two[0]["epochs"], strict=True))
        walls = least(one, "epochs", "wall"), least(two[0], "epochs", "wall")
        cpus = least(one, "epochs", "cpu"), sum(least(each, "epochs", "cpu") for each in two)
        print(f"{precision}: loss apart {apart:.1e}; wall {walls[0]:.1f} -> {walls[1]:.1f} s an epoch", end="")
        print(f" ({walls[1] / walls[0]:.2f}), CPU {cpus[0]:.1f} -> {cpus[1]:.1f} s ({cpus[1] / cpus[0]:.2f})")
        wall, cpu = least(one, "checkpoint", "wall"), least(one, "checkpoint", "cpu")
        print(
            f"  checkpoint {one['bytes'] / 1e6:.1f} MB: {wall:.3f} s, {100 * wall / walls[0]:.1f} % of an epoch", end=""
        )
        print(f" ({cpu:.3f} CPU s, {100 * cpu / cpus[0]:.1f} %)")


if __name__ == "__main__":
    main()
