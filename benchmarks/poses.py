"""How well `import --align` and `--up auto` set raw real shapes upright, held against psb's human-made `to_canonical`.

Per category: the share upright (within 15 degrees) and, of all, that with the right heading too, allowing for what the
shape looks the same in: turned on by what is left of the error it must lie on itself to within 0.05 radii on average.
Each shape is seen as its file has it and, for `align`, tilted to no axis at all. Run as `python benchmarks/poses.py`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from jaxtyping import Float64
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from distill.datasets import DATASETS
from gen3d.alignment import Aligner
from gen3d.shape import Shape
from gen3d.upright import FRONTS, guess_up, turn

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "psb"
CATEGORIES = ("airplane", "chair", "mug", "table")
UPRIGHT, HEADING, ITSELF = 15.0, 15.0, 0.05  # degrees, degrees, radii
Poser = Callable[[Shape], Float64[np.ndarray, "3 3"]]


def angle(rotation: Float64[np.ndarray, "3 3"], axis: int) -> float:
    """Degrees between an axis and where it is turned to."""
    return float(np.degrees(np.arccos(np.clip(rotation[axis, axis], -1, 1))))


def verdict(canonical: Shape, left: Float64[np.ndarray, "3 3"]) -> tuple[bool, bool]:
    """Whether a shape that ends up turned by `left` from its canonical pose is upright, and heads the right way."""
    upright = angle(left, 1) < UPRIGHT
    points = canonical.sampled(2000, 0).points
    assert points is not None
    apart = KDTree(points).query(points @ left.T)[0].mean()
    return upright, upright and bool(angle(left, 2) < HEADING or apart < ITSELF)


def cases(category: str) -> Iterator[tuple[Shape, Shape, Float64[np.ndarray, "3 3"]]]:
    """The canonical shape, the raw one, and the rotation from the first to the second."""
    canonical, raw = (DATASETS["psb"](DATA, category, pose=pose).shapes for pose in ("canonical", "raw"))
    for right, wrong in zip(canonical, raw, strict=True):
        yield right, wrong, Rotation.align_vectors(wrong.mesh[0], right.mesh[0])[0].as_matrix()


def report(category: str, name: str, pose: Poser, tilted: bool = False) -> None:
    """Print a row."""
    verdicts, start = [], time.process_time()
    tilts = Rotation.from_quat(np.random.default_rng(0).normal(size=(100, 4))).as_matrix()
    for (right, wrong, there), tilt in zip(cases(category), tilts, strict=False):
        more = tilt if tilted else np.eye(3)
        verdicts.append(verdict(right, pose(wrong.transformed(more).normalised()) @ more @ there))
    upright, heading = 100 * np.mean(verdicts, axis=0)
    seconds = (time.process_time() - start) / len(verdicts)
    row = f"upright {upright:5.1f} %, heading too {heading:5.1f} %, {seconds:.2f} CPU s a shape"
    print(f"{category:9s} {name:16s} {row}, {len(verdicts)} shapes", flush=True)


def guessed(shape: Shape) -> Float64[np.ndarray, "3 3"]:
    """What `--up auto` alone does."""
    up = guess_up(shape, 0).up
    return turn(up, FRONTS[up])


def main() -> None:
    """Print all rows."""
    if not DATA.is_dir():
        sys.exit(f"no real shapes at {DATA}")
    for category in CATEGORIES:
        start = time.process_time()
        aligner = Aligner(category)
        print(f"{category}: references made in {time.process_time() - start:.1f} CPU s", flush=True)
        report(category, "as stored", lambda shape: np.eye(3))
        report(category, "--up auto", guessed)
        report(category, "--align", lambda shape, aligner=aligner: aligner(shape, 0).rotation)
        report(category, "--align, tilted", lambda shape, aligner=aligner: aligner(shape, 0).rotation, tilted=True)


if __name__ == "__main__":
    main()
