"""What safety costs a collection, as ratios to what the same work costs otherwise: `python benchmarks/collection.py`.

`writing`, `reading` and `many` as arguments give some of the figures:

1. Writing 60 kB samples in shards of 200, hashed, fsynced and renamed, against WebDataset's `TarWriter`, which does
   none of that (`pip install webdataset`; without it, against Python's tarfile under the final name), and against one
   temporary file, fsync and rename per sample.
2. Reading 1,000 labelled shapes back from a collection, against 1,000 PLY files through trimesh; verifying every bit.
3. The same command on a finished collection of 10,000 shapes; what making those does to memory and open files.

The sides take turns; each figure is the least of the rounds. CPU time is what a busy machine does not spoil; where a
disk is waited for, the time that the process was not kept waiting for a processor is given, too ("own time"). This file
is not called collections.py: `python benchmarks/x.py` puts this folder first on the path, where a file of that name
would hide Python's own module from every benchmark.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib.util
import io
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gen3d.collection import SHAPES, Collection, shape_members
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.mesh_io import shape_bytes
from gen3d.shape import Shape
from gen3d.shards import ShardContent
from gen3d.storage import atomic_write

ROUNDS = 4
SAMPLES, SHARD, SIZE = 1000, 200, 60_000
MANY = 10_000
INFO: dict[str, Any] = {"category": "chair"}


class Cost(NamedTuple):
    """Seconds of processor, and of wall clock less the time that other processes had the processor."""

    cpu: float
    own: float


def clock() -> Cost:
    """Both clocks; Linux tells how long this process stood ready without a processor."""
    schedule = Path("/proc/self/schedstat")
    waited = int(schedule.read_text().split()[1]) / 1e9 if schedule.exists() else 0.0
    return Cost(time.process_time(), time.perf_counter() - waited)


def least(sides: dict[str, Callable[[Path], Any]], folder: Path, rounds: int = ROUNDS) -> dict[str, Cost]:
    """The least cost of each side, each round in an empty folder; the sides take turns."""
    costs = dict.fromkeys(sides, Cost(np.inf, np.inf))
    for _ in range(rounds):
        for name, side in sides.items():
            root = Path(tempfile.mkdtemp(dir=folder))
            os.sync()
            start = clock()
            side(root)
            spent = (after - before for before, after in zip(start, clock(), strict=True))
            costs[name] = Cost(*map(min, costs[name], spent))
            shutil.rmtree(root)
    return costs


# --- writing ----------------------------------------------------------------------------------------------------------


def samples() -> list[tuple[str, bytes]]:
    """(id, incompressible bytes)."""
    rng = np.random.default_rng(0)
    return [(f"chair-{i:06d}", rng.bytes(SIZE)) for i in range(SAMPLES)]


def in_shards(root: Path, rows: list[tuple[str, bytes]]) -> None:
    """Ours: whole or not at all."""
    collection = Collection.create(root / "c", INFO)
    for number, start in enumerate(range(0, len(rows), SHARD)):
        some = rows[start : start + SHARD]
        content = ShardContent([(f"{id}.glb", data) for id, data in some], [id for id, _ in some])
        collection.add_shard(SHAPES, number, content)


def by_webdataset(root: Path, rows: list[tuple[str, bytes]]) -> None:
    """WebDataset's writer, straight under the final name."""
    from webdataset import TarWriter  # type: ignore[import-not-found]

    for number, start in enumerate(range(0, len(rows), SHARD)):
        with TarWriter(str(root / f"{number:05d}.tar")) as writer:
            for id, data in rows[start : start + SHARD]:
                writer.write({"__key__": id, "glb": data})


def by_tarfile(root: Path, rows: list[tuple[str, bytes]]) -> None:
    """Python's tarfile, straight under the final name."""
    for number, start in enumerate(range(0, len(rows), SHARD)):
        with tarfile.open(root / f"{number:05d}.tar", "w") as writer:
            for id, data in rows[start : start + SHARD]:
                info = tarfile.TarInfo(f"{id}.glb")
                info.size = len(data)
                writer.addfile(info, io.BytesIO(data))


def file_by_file(root: Path, rows: list[tuple[str, bytes]]) -> None:
    """Each sample safe on its own."""
    for id, data in rows:
        atomic_write(root / f"{id}.glb", data)


def report_writing(folder: Path) -> None:
    """Samples per second."""
    rows = samples()
    known = importlib.util.find_spec("webdataset") is not None
    other = "WebDataset's TarWriter" if known else "tarfile (no webdataset here)"
    sides: dict[str, Callable[[Path], Any]] = {
        "ours": lambda root: in_shards(root, rows),
        other: lambda root: (by_webdataset if known else by_tarfile)(root, rows),
        "one fsync per file": lambda root: file_by_file(root, rows[:SHARD]),
    }
    costs = least(sides, folder)
    ours = costs["ours"]
    for name, count, goal in ((other, SAMPLES, 0.8), ("one fsync per file", SHARD, 20)):
        cost = costs[name]
        for word, mine, theirs in (("own time", ours.own, cost.own), ("CPU", ours.cpu, cost.cpu)):
            speed, unsafe = SAMPLES / mine, count / theirs
            row = f"ours {speed:,.0f}/s, other {unsafe:,.0f}/s, ratio {speed / unsafe:.2f}, target >= {goal}"
            print(f"writing {SIZE // 1000} kB samples, {word}, against {name}: {row}", flush=True)
    bound = SAMPLES / costs[other].own / (SHARD / costs["one fsync per file"].own)
    pause = 1e3 * (costs["one fsync per file"].own - costs["one fsync per file"].cpu) / SHARD
    print(
        f"  (this disk takes {pause:.2f} ms to make a file safe: {other} itself is {bound:.1f} times as fast as that)"
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def labelled_shapes(count: int, category: str) -> list[Shape]:
    """Procedural shapes with exact labels, a few of them again and again under other names."""
    known = [ProceduralGenerator().generate(category, seed, "x") for seed in range(20)]
    return [replace(known[i % len(known)], id=f"{category}-{i:06d}") for i in range(count)]


def report_reading(folder: Path) -> None:
    """Shapes per second, and the bytes verified per second."""
    import trimesh

    shapes, plys = labelled_shapes(SAMPLES, "chair"), folder / "ply"
    plys.mkdir()
    collection = Collection.create(folder / "chairs", INFO)
    for number, start in enumerate(range(0, SAMPLES, 50)):
        some = shapes[start : start + 50]
        content = ShardContent([m for shape in some for m in shape_members(shape)], [shape.id for shape in some])
        collection.add_shard(SHAPES, number, content)
    for shape in shapes:
        (plys / f"{shape.id}.ply").write_bytes(shape_bytes(shape, ".ply"))
    paths = sorted(plys.iterdir())
    back = list(Collection.open(collection.root).shapes())
    assert all((a.face_labels == b.face_labels).all() for a, b in zip(back, shapes, strict=True) if b.faces is not None)
    sides: dict[str, Callable[[Path], Any]] = {
        "ours": lambda root: list(Collection.open(collection.root).shapes()),
        "trimesh": lambda root: [trimesh.load_mesh(path, process=False) for path in paths],
        "verify": lambda root: collection.damage(),
    }
    costs = least(sides, folder)
    ours, other = costs["ours"].cpu, costs["trimesh"].cpu
    faces = np.mean([len(shape.mesh[1]) for shape in shapes])
    row = f"ours {SAMPLES / ours:,.0f}/s, other {SAMPLES / other:,.0f}/s, ratio {other / ours:.1f}, target >= 10"
    print(
        f"reading {SAMPLES} labelled shapes of {faces:,.0f} faces, CPU, against PLY through trimesh: {row}", flush=True
    )
    size = sum(path.stat().st_size for path in collection.root.glob("*.tar"))
    print(f"verifying {size / 1e6:.0f} MB: {size / 1e6 / costs['verify'].cpu:,.0f} MB per CPU second", flush=True)


# --- many shapes ------------------------------------------------------------------------------------------------------


class Tetrahedra:
    """A generator whose shapes cost next to nothing."""

    name, licence = "tetrahedra", "none"

    def check(self, category: str, prompt: str | None = None) -> None:
        """Takes any."""

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """A random tetrahedron with four labels."""
        corners = np.random.default_rng(seed).normal(size=(4, 3)).astype(np.float32)
        faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
        return Shape(id, category, corners, faces, np.arange(4, dtype=np.int16)).normalised()


def held() -> tuple[float, int]:
    """MB of resident memory, and open files."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return pages * resource.getpagesize() / 2**20, len(os.listdir("/proc/self/fd"))


def make_many(root: Path) -> None:
    """Make `MANY` shapes; memory and open files at a fifth of the way, and at the end."""
    GENERATORS["tetrahedra"] = Tetrahedra
    seen: list[tuple[float, int]] = []
    settings = GenerateSettings(category="chair", generator="tetrahedra", n=MANY)
    generate(settings, root, progress=lambda count: seen.append(held()))
    (early, files), (late, files_late) = seen[len(seen) // 5], seen[-1]
    row = f"{early:.1f} MB at a fifth, {late:.1f} MB at the end, growth {late / early - 1:.1%}, target < 5%"
    print(f"making {MANY} shapes: {row}; open files {files}, {files_late}", flush=True)


def report_many(folder: Path) -> None:
    """The figures of a large collection, each measured in a process of its own."""
    head = "import sys; from benchmarks.collection import GENERATORS, Path, Tetrahedra, make_many; "
    make = [sys.executable, "-c", f"{head}make_many(Path(sys.argv[1]))", str(folder / "many")]
    body = "GENERATORS['tetrahedra'] = Tetrahedra; from cli import main; main.main()"
    words = ["generate", "--category", "chair", "--generator", "tetrahedra", "--out", str(folder / "many")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    subprocess.run(make, env=environment, check=True)
    costs = []
    for count in (MANY, None):  # without a collection: what starting Python costs
        again = words + ["--n", str(count)] if count else ["--version"]
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", head + body, *again], env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        costs.append(Cost(cpu, time.perf_counter() - wall))
    total, start = costs
    row = f"CPU {total.cpu:.2f} s ({start.cpu:.2f} s of it to start Python), wall {total.own:.2f} s, target <= 1 s"
    print(f"the same command on {MANY} finished shapes: {row}", flush=True)


FIGURES = {"writing": report_writing, "reading": report_reading, "many": report_many}

if __name__ == "__main__":
    for figure in sys.argv[1:] or FIGURES:
        with tempfile.TemporaryDirectory() as temporary:
            FIGURES[figure](Path(temporary))
