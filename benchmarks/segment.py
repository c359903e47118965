"""`gen3d segment` on a large mesh: CPU seconds and peak memory of the whole command, for every format.

    python benchmarks/segment.py                           # a million faces, an untrained student
    python benchmarks/segment.py --formats glb obj --smooth
    python benchmarks/segment.py --student runs/chair/student-generated

The mesh is a procedural chair whose faces are cut in four until there are enough, scattered a little so that its
numbers have as many digits as those of scans. Aims: 10 CPU seconds and 2 GB. Both are of one process from its start to
its end, libraries included (importing torch alone takes about 2 s); on a busy machine CPU seconds come out longer.
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

import numpy as np

SECONDS, MEGABYTES = 10, 2000


def divided(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every face cut in four at the middles of its edges, which neighbours share."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    ends, index = np.unique(edges, axis=0, return_inverse=True)
    (a, b, c), (ab, bc, ca) = faces.T, index.reshape(-1, 3).T + len(vertices)
    corners = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
    middles = vertices[ends].mean(1)
    return np.concatenate([vertices, middles]), np.concatenate([np.stack(some, 1) for some in corners])


def write_meshes(folder: Path, count: int, formats: list[str]) -> None:
    """The chair of `count` faces, as a file of each format."""
    from gen3d.generators.procedural import ProceduralGenerator
    from gen3d.mesh_io import write_shape
    from gen3d.shape import Shape

    vertices, faces = ProceduralGenerator().generate("chair", 0, "chair").mesh
    vertices = vertices.astype(np.float64)
    while len(faces) < count:
        some = -(-(count - len(faces)) // 3)  # every one that is cut makes three more
        vertices, cut = divided(vertices, faces[:some])
        faces = np.concatenate([cut, faces[some:]])
    vertices = vertices + np.random.default_rng(1).normal(0, 1e-5, vertices.shape)
    shape = Shape("chair", "chair", vertices.astype(np.float32), faces[:count])
    for suffix in formats:
        write_shape(shape, folder / f"chair.{suffix}")


def measured(words: list[str]) -> tuple[float, float, float]:
    """CPU seconds, peak resident megabytes and seconds of a command."""
    began = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.perf_counter() - began


def main() -> None:
    """Print a line per format, and whether both aims are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=["glb", "ply", "stl", "obj", "off", "npz"])
    parser.add_argument("--student", type=Path, help="a student of chairs; an untrained one if not given")
    parser.add_argument("--smooth", action="store_true")
    args = parser.parse_args()
    from distill.student import Student

    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_meshes(folder, args.faces, args.formats)
        if args.student is None:
            Student("chair", ["back", "seat", "leg", "arm"]).save(folder / "student")
        for suffix in args.formats:
            words = [sys.executable, "-m", "cli.main", "segment", str(folder / f"chair.{suffix}"), "--overwrite"]
            words += ["--student", str(args.student or folder / "student"), "--out", str(folder / "parts")]
            seconds, peak, wall = measured(words + (["--smooth"] if args.smooth else []))
            ratio = max(seconds / SECONDS, peak / MEGABYTES)
            results[suffix] = {"cpu_s": round(seconds, 1), "peak_mb": round(peak), "of_aim": round(ratio, 2)}
            print(f"{suffix}: {seconds:.1f} CPU s, {peak:.0f} MB, {wall:.0f} s; {ratio:.2f} of the aim", flush=True)
    print(json.dumps({"faces": args.faces, "smooth": args.smooth, "formats": results}))


if __name__ == "__main__":
    main()
