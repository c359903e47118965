"""What labelling costs: rendering, lifting and asking teachers.

    python benchmarks/labelling.py                       # all three, the teachers at a small size: a minute or two
    python benchmarks/labelling.py lifting               # one of them
    python benchmarks/labelling.py teachers --real       # the networks at their real size, with random weights

- rendering: ten views of a mesh against the rays of embreex and against trimesh's default (see rendering.py).
- lifting: 10 views of boxes, and of pixel scores, to 2,048 and 10,000 points, against two plain forms that give the
  same result: loops over views, boxes and points as one writes them first, and one in which numpy does the points but
  every box of every view starts anew. Goal: at least 10x against the first.
- teachers: one shape of ten views at a time, as `gen3d label` asks: CPU seconds of one thread per shape, or shapes per
  second where there is a GPU (`--batch` views at once there). Random weights cost what trained ones cost.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from rendering import fine_chair, report
from teacher_sizes import SIZES, write_network

from gen3d.generators.procedural import ProceduralGenerator
from gen3d.knowledge import TOLERANCE, Knowledge, lift, seen
from gen3d.rendering import make_renderer
from gen3d.rendering.cameras import rings
from gen3d.rendering.styles import style_of
from gen3d.rendering.view import View
from gen3d.teachers import make_teacher
from gen3d.teachers.predictions import MIN_PIXELS, Boxes, PixelScores

PARTS = ("back", "seat", "leg", "arm")
ROUNDS = 5
VIEWS = 10
Found = set[tuple[int, int, bytes]]  # view, part and mask of every unit


# --- lifting ------------------------------------------------------------------------------------------------------


def lifting() -> None:
    """Print the ratios of boxes and pixel scores at two numbers of points."""
    shape = ProceduralGenerator().generate("chair", 0, "chair")
    views = make_renderer("embree", rings(10, 224), mesh=True).render(shape)
    assert shape.face_labels is not None
    labels = shape.face_labels
    pixels = [
        PixelScores(((labels[v.element] == np.arange(4)[:, None, None]) & v.hit).astype(np.float16)) for v in views
    ]
    rng = np.random.default_rng(0)
    boxes = [_boxes(rng) for _ in views]
    for count in (2048, 10_000):
        points = shape.sampled(count, 0).points
        kinds: tuple[tuple[str, Any, Any, Any], ...] = (
            ("boxes", boxes, plain_boxes, numpy_boxes),
            ("pixel scores", pixels, plain_regions, numpy_regions),
        )
        for name, answers, plain, per_unit in kinds:
            asked: tuple[Any, ...] = (views, answers, points)
            ours = min(_seconds(lambda: lift(*asked))[0] for _ in range(ROUNDS))  # noqa: B023
            expected = _found(lift(*asked))
            for what, form, goal in (("plain loops", plain, ", goal >= 10"), ("numpy per unit", per_unit, "")):
                other, found = _seconds(lambda: form(*asked))  # noqa: B023
                same = "same units" if found == expected else "OTHER UNITS"
                ratio = f"ours {ours:.4f} s, {what} {other:.3f} s, ratio {other / ours:.0f}{goal}, {same}"
                print(f"lifting {name} of 10 views to {count} points: {ratio}", flush=True)


def _boxes(rng: np.random.Generator) -> Boxes:
    """Twelve boxes of a view, three per part."""
    corner = rng.uniform(20, 160, (12, 2))
    xyxy = np.concatenate([corner, corner + rng.uniform(10, 90, (12, 2))], 1).astype(np.float32)
    return Boxes(xyxy, np.arange(12, dtype=np.int16) % 4, rng.uniform(0.1, 1, 12).astype(np.float32))


def _found(knowledge: Knowledge) -> Found:
    """The units, whatever their order."""
    rows = zip(knowledge.view.tolist(), knowledge.part.tolist(), knowledge.packed, strict=True)
    return {(view, part, packed.tobytes()) for view, part, packed in rows}


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _unit(number: int, part: int, mask: np.ndarray) -> Found:
    return {(number, part, np.packbits(mask).tobytes())} if mask.any() else set()


class Plain:
    """A view as plain numbers, so that the loops below pay for nothing but themselves."""

    def __init__(self, view: View) -> None:
        camera = view.camera
        self.axes, self.focal, self.far, self.size = (
            camera.axes.tolist(),
            float(camera.focal),
            camera.distance,
            camera.size,
        )
        self.depth, self.normal = view.depth.tolist(), view.normal.tolist()

    def pixel(self, point: list[float]) -> tuple[int, int] | None:
        """Row and column of the pixel that shows a point, by the rule of `gen3d.knowledge.seen`; None where hidden."""
        px, py, pz = point
        x, y, z = (a * px + b * py + c * pz for a, b, c in self.axes)
        depth, half, focal = self.far - z, self.size / 2, self.focal
        right, down = x / depth * focal, -y / depth * focal
        i, j = math.floor(half + down), math.floor(half + right)
        if not (0 <= i < self.size and 0 <= j < self.size) or math.isinf(self.depth[i][j]):
            return None
        surface = self.depth[i][j]
        across = right / focal * depth - (j + 0.5 - half) / focal * surface
        below = down / focal * depth - (i + 0.5 - half) / focal * surface
        a, b, c = self.normal[i][j]
        off = abs(a * across - b * below + c * (surface - depth))
        near = abs(surface - depth) <= 4 * surface / focal + TOLERANCE
        return (i, j) if off <= TOLERANCE and near else None


def plain_boxes(views: list[View], answers: list[Boxes], points: np.ndarray) -> Found:
    """Every point asked about every box of every view."""
    units: Found = set()
    for number, (view, boxes) in enumerate(zip(views, answers, strict=True)):
        plain = Plain(view)
        for (left, top, right, bottom), part in zip(boxes.xyxy.tolist(), boxes.part.tolist(), strict=True):
            mask = np.zeros(len(points), bool)
            for n, point in enumerate(points.tolist()):
                pixel = plain.pixel(point)
                if pixel is not None:
                    mask[n] = left <= pixel[1] + 0.5 <= right and top <= pixel[0] + 0.5 <= bottom
            units |= _unit(number, part, mask)
    return units


def plain_regions(views: list[View], answers: list[PixelScores], points: np.ndarray) -> Found:
    """Every point asked about every region of every view."""
    units: Found = set()
    for number, (view, pixels) in enumerate(zip(views, answers, strict=True)):
        plain = Plain(view)
        for part, region in _flooded(pixels):
            mask = np.zeros(len(points), bool)
            for n, point in enumerate(points.tolist()):
                mask[n] = plain.pixel(point) in region
            units |= _unit(number, part, mask)
    return units


def _flooded(pixels: PixelScores) -> list[tuple[int, set[tuple[int, int]]]]:
    """Part and pixels of every region, found by walking from neighbour to neighbour."""
    best, top = pixels.scores.argmax(0).tolist(), pixels.scores.max(0).tolist()
    size, regions = len(best), []
    left = {(i, j) for i in range(size) for j in range(size) if top[i][j] > 0}
    while left:
        start = left.pop()
        part, region, edge = best[start[0]][start[1]], {start}, [start]
        while edge:
            i, j = edge.pop()
            for near in ((i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
                if near in left and best[near[0]][near[1]] == part:
                    left.remove(near)
                    region.add(near)
                    edge.append(near)
        if len(region) >= MIN_PIXELS:
            regions.append((part, region))
    return regions


def numpy_boxes(views: list[View], answers: list[Boxes], points: np.ndarray) -> Found:
    """Every box for itself: the points projected and tested anew."""
    units: Found = set()
    for number, (view, boxes) in enumerate(zip(views, answers, strict=True)):
        for (left, top, right, bottom), part in zip(boxes.xyxy, boxes.part, strict=True):
            visible, pixel = seen(view, points)
            x, y = pixel % view.camera.size + 0.5, pixel // view.camera.size + 0.5
            units |= _unit(number, int(part), visible & (x >= left) & (x <= right) & (y >= top) & (y <= bottom))
    return units


def numpy_regions(views: list[View], answers: list[PixelScores], points: np.ndarray) -> Found:
    """Every region for itself."""
    units: Found = set()
    for number, (view, pixels) in enumerate(zip(views, answers, strict=True)):
        regions, parts = pixels.regions()
        for k, part in enumerate(parts.tolist()):
            visible, pixel = seen(view, points)
            units |= _unit(number, part, visible & ((regions == k).reshape(-1)[pixel]))
    return units


# --- teachers -----------------------------------------------------------------------------------------------------


class Ask(NamedTuple):
    """How teachers are asked: see the options of this file."""

    real: bool
    batch: int | None
    precision: str
    views: int  # of each shape


def teachers(names: list[str], ask: Ask) -> None:
    """Print what a shape costs with each teacher; the seconds are those of the views asked about, never scaled up."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            millions = write_network(name, Path(folder), ask.real)
            options = {"weights": folder, "precision": ask.precision}
            options |= {} if ask.batch is None else {"batch": ask.batch}
            teacher = make_teacher(SIZES[name].teacher, options)
            views = _styled_views(teacher, max(1, (ask.batch or ask.views) // ask.views), ask.views)
            shapes = len(views) // ask.views
            teacher.predict(views[:1], "chair", PARTS)  # loads, and encodes the texts
            cpu, wall = time.process_time(), time.perf_counter()
            teacher.predict(views, "chair", PARTS)
            cpu, wall = (time.process_time() - cpu) / shapes, (time.perf_counter() - wall) / shapes
        size, shown = f"{millions:.1f} M parameters", f"{ask.views} views of {views[0].camera.size}"
        if torch.cuda.is_available():
            cost = f"{1 / wall:.1f} shapes per second"
        else:
            cost = f"{cpu:.2f} CPU s per shape" if ask.views == VIEWS else f"{cpu:.2f} CPU s for {ask.views} views"
        print(f"{name}, {size}, {ask.precision}, {shown}, {len(PARTS)} parts: {cost}", flush=True)


def _styled_views(teacher: Any, shapes: int, count: int) -> list[View]:
    """That many views of each of some chairs, of the size that suits the teacher."""
    renderer = make_renderer("embree", rings(count, style_of(teacher).size), mesh=True)
    made = ProceduralGenerator()
    return [view for seed in range(shapes) for view in renderer.render(made.generate("chair", seed, "chair"))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="rendering, lifting, teachers; all by default")
    parser.add_argument("--names", default=",".join(SIZES), help="teachers and sizes")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument(
        "--views", type=int, default=VIEWS, help="per shape, where ten of a large network take too long"
    )
    args = parser.parse_args()
    if unknown := [name for name in args.names.split(",") if name not in SIZES]:
        parser.error(f"unknown teacher {unknown[0]!r}; known are: {', '.join(SIZES)}")
    chosen = args.what or ["rendering", "lifting", "teachers"]
    if "rendering" in chosen:
        report(fine_chair(), 224)
    if "lifting" in chosen:
        lifting()
    if "teachers" in chosen:
        teachers(args.names.split(","), Ask(args.real, args.batch, args.precision, args.views))
