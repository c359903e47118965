"""What distillation costs, as ratios to the plain ways, in one run: `python benchmarks/distillation.py`.

    python benchmarks/distillation.py --parts loss,neighbourhoods       # a minute
    python benchmarks/distillation.py --parts step --students small
    python benchmarks/distillation.py --parts inference --rounds 1

loss: the folded cross-entropy against one term per unit and point (method.md, sections 3 and 4), forward and backward:
    120 units on 2,048 points, batches of 16. Equal in float64; time and memory in float32.
neighbourhoods: farthest points 2,048 -> 512 and 16 nearest of 512, for a batch of 16, against the naive torch form.
step: one training step with cached neighbourhoods against the same step that finds them again, as the released code
    does: naive farthest points, all distances per query, sorted in full for the interpolation.
inference: shapes per second, neighbourhoods included, in batches of 1 and 32.

The sides take turns; each figure is the least CPU time of the rounds on one thread. A ratio above 1 is in our favour.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.spatial import KDTree
from timing import least_times
from torch import Tensor, nn

from distill.losses import class_weights, distillation_loss
from distill.rescoring import rescore
from distill.steps import cast_forward
from distill.student import Student
from distill.students.point_m2ae import CENTRES, NEIGHBOURS, Scales
from distill.students.point_ops import Neighbourhoods, Patches, farthest_points, stack
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.knowledge import Knowledge

BATCH, POINTS, UNITS, PARTS = 16, 2048, 120, 4
STUDENTS = ("small", "point-m2ae")


def clouds(count: int) -> list[np.ndarray]:
    """Points on chairs of the grammar."""
    chairs = (ProceduralGenerator().generate("chair", seed, str(seed)) for seed in range(count))
    found = [chair.sampled(POINTS, seed).points for seed, chair in enumerate(chairs)]
    return [points for points in found if points is not None]


def boxes(points: np.ndarray, rng: np.random.Generator) -> Knowledge:
    """Units of random parts, each on the points within reach of a random one."""
    reach = rng.uniform(0.1, 0.9, UNITS)
    mask = (
        np.linalg.norm(points[None] - points[rng.integers(len(points), size=UNITS)][:, None], axis=-1) < reach[:, None]
    )
    part, confidence = rng.integers(PARTS, size=UNITS), rng.uniform(0.3, 1, UNITS)
    view = (np.arange(UNITS) % 10).astype(np.int16)
    return Knowledge(points, part.astype(np.int16), confidence.astype(np.float32), np.packbits(mask, axis=1), view)


def per_unit_loss(logits: Tensor, part: Tensor, confidence: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Sections 3 and 4 as they are written: logits (B, N, R), part (B, K), confidence and mask (B, N, K)."""
    batch, points, units = mask.shape
    spread = logits[:, :, None].expand(-1, -1, units, -1).flatten(0, 2)  # (B N K, R)
    wanted = part[:, None].expand(-1, points, -1).flatten()
    terms = nn.functional.cross_entropy(spread, wanted, weights, reduction="none").view(batch, points, units)
    return ((confidence * terms).sum(2) / mask.sum(2).clamp(min=1)).mean()


def peak_memory(side: Callable[[], Any]) -> int:
    """The most bytes of torch that `side` holds at a time, beside what was there before."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        side()
    assert profile.profiler is not None and profile.profiler.kineto_results is not None
    found = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    changes = [e.nbytes() for e in sorted(found, key=lambda e: e.start_ns())]  # type: ignore[attr-defined]
    return int(np.cumsum(changes).max())


def row(what: str, ours: float, other: float, unit: str, goal: float) -> None:
    """Print one comparison."""
    print(
        f"{what}: ours {ours:.4g} {unit}, other {other:.4g} {unit}, ratio {other / ours:.2f}, goal {goal}", flush=True
    )


def loss_part(rounds: int, students: list[str]) -> None:
    """Folded against per unit; with the teacher's confidences, then with re-scored ones."""
    rng = np.random.default_rng(0)
    knowledge = [boxes(points, rng) for points in clouds(BATCH)]
    part = torch.from_numpy(np.stack([k.part for k in knowledge])).long()
    mask = torch.from_numpy(np.stack([k.mask.T for k in knowledge]))
    weights = class_weights(torch.from_numpy(np.stack([k.pairs(PARTS) for k in knowledge])).sum(0))
    start = torch.from_numpy(rng.normal(size=(BATCH, POINTS, PARTS)) * 3)
    scored = [rescore(k, labels) for k, labels in zip(knowledge, start.argmax(-1).numpy(), strict=True)]
    for name, values in (("teacher", [k.confidence for k in knowledge]), ("re-scored", scored)):
        target = torch.from_numpy(np.stack([k.target(PARTS, v) for k, v in zip(knowledge, values, strict=True)]))
        confidence = mask * torch.from_numpy(np.stack(values))[:, None]

        def gradient(kind: torch.dtype, folded: bool, target: Tensor = target, each: Tensor = confidence) -> Tensor:
            logits = start.to(kind, copy=True).requires_grad_()
            if folded:
                loss = distillation_loss(logits, target.to(kind), weights.to(kind))
            else:
                loss = per_unit_loss(logits, part, each.to(kind), mask, weights.to(kind))
            loss.backward()
            assert logits.grad is not None
            return torch.cat([loss.detach()[None], logits.grad.flatten() * BATCH * POINTS])

        ours, other = (gradient(torch.float64, folded) for folded in (True, False))
        print(f"loss, {name}: {other[0]:.6f}, differs by {(ours - other)[0].abs():.1e}; gradients per point by "
              f"{(ours - other)[1:].abs().max():.1e} (goal 1e-6)")  # fmt: skip
        sides = {"ours": lambda g=gradient: g(torch.float32, True), "other": lambda g=gradient: g(torch.float32, False)}
        times = least_times(sides, rounds)
        row(f"loss, {name}, time", times["ours"] * 1e3, times["other"] * 1e3, "ms", 20)
        row(f"loss, {name}, memory", *(peak_memory(side) / 2**20 for side in sides.values()), "MiB", 20)  # type: ignore[misc]


def naive_farthest(points: Tensor, count: int) -> Tensor:
    """Farthest points of a batch, (B, M), one after the other."""
    batch = torch.arange(len(points))
    chosen = torch.zeros(len(points), count, dtype=torch.long)
    distance = torch.full(points.shape[:2], torch.inf)
    for i in range(1, count):
        last = points[batch, chosen[:, i - 1]][:, None]
        distance = torch.minimum(distance, (points - last).square().sum(-1))
        chosen[:, i] = distance.argmax(1)
    return chosen


def naive_nearest(queries: Tensor, sources: Tensor, k: int) -> Tensor:
    """The k nearest sources of every query, (B, Q, k)."""
    distance = torch.cdist(queries, sources, compute_mode="donot_use_mm_for_euclid_dist")
    return distance.topk(k, largest=False)[1]


def sorted_nearest(queries: Tensor, sources: Tensor) -> Tensor:
    """The 3 nearest, as the released interpolation finds them: by a sort of all distances."""
    return torch.cdist(queries, sources).sort(-1)[1][..., :3]


def take(points: Tensor, index: Tensor) -> Tensor:
    """Rows of every batch item."""
    return points[torch.arange(len(points))[:, None], index]


def found_again(student: str, points: Tensor) -> Neighbourhoods:
    """The neighbourhoods of a batch, by the naive forms."""
    if student == "small":
        centres = naive_farthest(points, 512)
        middle = take(points, centres)
        tokens = take(middle, naive_farthest(middle, 128))
        groups = naive_nearest(middle, points, 16), naive_nearest(tokens, middle, 12)
        return Patches(centres, *groups, sorted_nearest(middle, tokens), sorted_nearest(points, middle))
    level, groups, back, first = points, [], [], None
    for count, k in zip(CENTRES, NEIGHBOURS, strict=True):
        chosen = naive_farthest(level, count)
        first = chosen if first is None else first
        middle = take(level, chosen)
        groups.append(naive_nearest(middle, level, k))
        back.append(sorted_nearest(points, middle))
        level = middle
    assert first is not None
    return Scales(first, *groups, *back)


def neighbourhoods_part(rounds: int, students: list[str]) -> None:
    """Farthest points and nearest neighbours, in index and time."""
    some = clouds(BATCH)
    points = torch.from_numpy(np.stack(some))
    chosen = np.stack([farthest_points(cloud, 512) for cloud in some])
    middle = [cloud[index] for cloud, index in zip(some, chosen, strict=True)]
    queries = torch.from_numpy(np.stack(middle))

    def nearest() -> np.ndarray:
        return np.stack([KDTree(cloud).query(centres, k=16)[1] for cloud, centres in zip(some, middle, strict=True)])

    def farthest() -> np.ndarray:
        return np.stack([farthest_points(cloud, 512) for cloud in some])

    for what, ours, other, exact in (
        ("farthest points", farthest, lambda: naive_farthest(points, 512), lambda: naive_farthest(points, 512)),
        ("16 nearest", nearest, lambda: naive_nearest(queries, points, 16),
         lambda: naive_nearest(queries.double(), points.double(), 16)),
    ):  # fmt: skip
        rounded, true = (int((ours() != form().numpy()).sum()) for form in (other, exact))
        note = f"; {rounded} where the naive form rounds distances to float32" if rounded != true else ""
        print(f"neighbourhoods, {what}: {true} of {other().numel()} indices differ{note}")
        times = least_times({"ours": ours, "other": other}, rounds)
        row(f"neighbourhoods, {what}, time", times["ours"] * 1e3, times["other"] * 1e3, "ms", 3)


def step_part(rounds: int, students: list[str]) -> None:
    """A training step with cached neighbourhoods, and with found ones; in both precisions."""
    some = clouds(BATCH)
    points = torch.from_numpy(np.stack(some))
    target, weights = torch.rand(BATCH, POINTS, PARTS), torch.ones(PARTS)
    for name in students:
        torch.manual_seed(0)
        network = Student("chair", ["back", "seat", "leg", "arm"], name).network.train()
        optimiser = torch.optim.AdamW(network.parameters(), 1e-4)
        cached = stack([network.prepare(cloud) for cloud in some])  # type: ignore[operator]

        def step(kind: torch.dtype, again: bool, name: str = name, network: Any = network, cached: Any = cached,
                 optimiser: Any = optimiser) -> None:  # fmt: skip
            near = found_again(name, points) if again else cached[:]
            logits = cast_forward(network, kind, points, near)
            optimiser.zero_grad()
            distillation_loss(logits.float(), target, weights).backward()
            optimiser.step()

        sides = {
            f"{kind}{' again' * again}": lambda kind=kind, again=again, step=step: step(getattr(torch, kind), again)
            for kind in ("float32", "bfloat16") for again in (False, True)
        }  # fmt: skip
        times = least_times(sides, rounds + 1)  # the first round warms up
        row(f"step, {name}, float32", times["float32"], times["float32 again"], "s", 1.5)
        row(f"step, {name}, bfloat16", times["bfloat16"], times["bfloat16 again"], "s", 3)
        row(f"step, {name}, bfloat16 against float32", times["bfloat16"], times["float32 again"], "s", 3)


def inference_part(rounds: int, students: list[str]) -> None:
    """Shapes per second of every student, one at a time and 32 at a time, in float32."""
    some = clouds(32)
    for name in students:
        student = Student("chair", ["back", "seat", "leg", "arm"], name)
        for batch, count in ((1, 4), (32, 32)):
            sides = {"ours": lambda s=student, c=count, b=batch: s.logits(some[:c], batch=b)}
            seconds = least_times(sides, rounds)["ours"]
            print(f"inference, {name}, batch {batch}: {count / seconds:.2f} shapes per second", flush=True)


PARTS_OF_IT = {"loss": loss_part, "neighbourhoods": neighbourhoods_part, "step": step_part, "inference": inference_part}


def main() -> None:
    """Print the figures of the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS_OF_IT))
    parser.add_argument("--students", default=",".join(STUDENTS))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for part in args.parts.split(","):
        PARTS_OF_IT[part](args.rounds, args.students.split(","))


if __name__ == "__main__":
    main()
