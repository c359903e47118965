"""What Ray costs beside local processes: `gen3d generate` and `gen3d label` of the same chairs, two workers each.

    python benchmarks/scale_ray.py                    # 120 chairs, 2 rounds: some minutes on two cores
    python benchmarks/scale_ray.py --n 400 --rounds 3

Local processes and Ray take turns, so that a busy machine slows both; the least of each counts. Ray is there twice: a
cluster that runs already, and an instance that every command starts and ends. What start and end cost is told apart by
a collection of two shapes. CPU seconds are of all processes of a command and of the cluster, Ray's own servers
included, looked up four times a second. Goal: at most 15 % more than local processes. The folders must be equal.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from ray.cluster_utils import Cluster

EXECUTORS = {
    "local": (),
    "cluster": ("--executor", "ray", "--address"),
    "own": ("--executor", "ray", "--address", "local"),
}
_MARK, _CLUSTER = "GEN3D_BENCHMARK", "cluster"
_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float


class Meter(threading.Thread):
    """Adds up the CPU seconds of all processes that were started with one of some marks in their environment."""

    def __init__(self, *marks: str) -> None:
        super().__init__(daemon=True)
        self._marks, self._done = {f"{_MARK}={mark}".encode() for mark in marks}, threading.Event()
        self._before: dict[tuple[int, int], float] = {}
        self._spent: dict[tuple[int, int], float] = {}  # by process and its start, as numbers come back

    def run(self) -> None:
        """Look until told to stop; what was spent at the first look does not count."""
        self._look()
        self._before = dict(self._spent)
        while not self._done.wait(0.25):
            self._look()

    def total(self) -> float:
        """All that was spent until now; ends the thread."""
        self._done.set()
        self.join()
        return sum(spent - self._before.get(process, 0) for process, spent in self._spent.items())

    def _look(self) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if not self._marks & set((folder / "environ").read_bytes().split(b"\0")):
                    continue
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # gone meanwhile
                continue
            self._spent[int(folder.name), int(fields[19])] = (int(fields[11]) + int(fields[12])) / _TICKS


def cost(root: Path, n: int, shard: int, words_of_executor: tuple[str, ...]) -> Cost:
    """Of generating and labelling that many chairs in two workers."""
    mark = str(time.monotonic_ns())
    environment = os.environ | {_MARK: mark, "OMP_NUM_THREADS": "1"}
    meter, start = Meter(mark, _CLUSTER), time.perf_counter()
    meter.start()
    for words in (
        ("generate", "--category", "chair", "--n", n, "--shard", shard, "--generator", "procedural", "--out", root),
        ("label", root),
    ):
        command = [sys.executable, "-m", "cli.main", *map(str, words), "--workers", "2", *words_of_executor]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    return Cost(time.perf_counter() - start, meter.total())


def contents(root: Path) -> dict[str, list[bytes]]:
    """Every file's lines; the manifest's sorted, since their order is that of completion."""
    files = {path.name: path.read_bytes().splitlines() for path in root.iterdir() if path.suffix != ".png"}
    return {name: sorted(lines) if name == "manifest.jsonl" else lines for name, lines in files.items()}


def main() -> None:
    """Print the costs and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=120)
    parser.add_argument("--shard", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    taken: dict[tuple[str, int], list[Cost]] = {}
    os.environ |= {_MARK: _CLUSTER, "OMP_NUM_THREADS": "1"}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    words = EXECUTORS | {"cluster": (*EXECUTORS["cluster"], str(cluster.address))}
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for n in (2, args.n):
                for executor in EXECUTORS:
                    found = cost(Path(folder) / f"{executor}-{n}", n, 1 if n == 2 else args.shard, words[executor])
                    taken.setdefault((executor, n), []).append(found)
                    print(
                        f"round {number}, {executor}, {n} chairs: {found.wall:.1f} s, {found.cpu:.1f} CPU s", flush=True
                    )
                made = [contents(Path(folder) / f"{executor}-{n}") for executor in EXECUTORS]
                print("same bytes" if all(one == made[0] for one in made) else "OTHER BYTES", flush=True)
    cluster.shutdown()
    for what in Cost._fields:
        least = {key: min(getattr(found, what) for found in costs) for key, costs in taken.items()}
        for name in ("cluster", "own"):
            whole = least[name, args.n] / least["local", args.n]
            rest = (least[name, args.n] - least[name, 2]) / (least["local", args.n] - least["local", 2])
            start = least[name, 2] - least["local", 2]
            print(f"{what}: {name} / local {whole:.2f} (goal <= 1.15); start {start:+.1f} s, all after it {rest:.2f}")


if __name__ == "__main__":
    main()
