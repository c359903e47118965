"""What a rider sees: handlebars, mirrors and lights."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.copies import strut
from gen3d.generators.procedural.motorbike_plan import Plan
from gen3d.generators.procedural.solids import (
    Solid,
    bar,
    box,
    cylinder,
    ellipsoid,
    lathe,
    mirror,
    move,
    spline,
    tube,
    turn,
)

Rng = np.random.Generator

# The right half of every handlebar from the middle outwards: (x, y, z) from the fork's upper end, metres.
BARS = {
    "clip-on": ((0.06, 0.0, 0.0), (0.12, 0.0, 0.0), (0.22, -0.02, -0.04), (0.33, -0.05, -0.11)),
    "flat": ((0, 0.06, 0.01), (0.12, 0.06, 0.01), (0.24, 0.07, -0.02), (0.37, 0.06, -0.1)),
    "raised": ((0, 0.05, 0), (0.08, 0.05, 0), (0.17, 0.13, -0.03), (0.26, 0.14, -0.07), (0.39, 0.12, -0.15)),
    "crossbar": ((0, 0.05, 0), (0.08, 0.05, 0), (0.16, 0.14, -0.01), (0.26, 0.15, -0.03), (0.41, 0.14, -0.1)),
    "pulled": ((0, 0.06, 0), (0.1, 0.07, 0.01), (0.2, 0.15, -0.03), (0.3, 0.16, -0.12), (0.4, 0.11, -0.3)),
    "drag": ((0, 0.12, 0), (0.15, 0.12, 0), (0.27, 0.12, -0.02), (0.39, 0.12, -0.06)),
    "ape": ((0, 0.05, 0), (0.12, 0.06, 0), (0.2, 0.2, 0.01), (0.25, 0.38, 0), (0.32, 0.42, -0.03), (0.42, 0.39, -0.14)),
    "swept": ((0, 0.05, 0.02), (0.16, 0.07, 0.02), (0.29, 0.07, -0.06), (0.34, 0.04, -0.2), (0.35, 0.02, -0.38)),
}


def add_bars(rng: Rng, assembly: Assembly, plan: Plan, style: str) -> None:
    """Handlebar, grips, levers and mirrors (part handle)."""
    size = np.array([rng.uniform(0.85, 1.1), rng.uniform(0.8, 1.25), rng.uniform(0.8, 1.2)])
    half = np.array(BARS[style]) * size
    thin = float(rng.uniform(0.012, 0.018))
    if style == "clip-on":
        path = spline(half, 9) + plan.head
        right = tube(path, thin, 8)
        assembly.add("handle", right, mirror(right))
        clamp = strut(plan.head + [plan.fork, -0.02, 0], path[1] + [0, 0.01, 0], 0.025, count=8)
        assembly.add("handle", clamp, mirror(clamp))
    else:
        both = np.concatenate([half[:0:-1] * [-1, 1, 1], half])
        path = spline(both, 19) + plan.head
        assembly.add("handle", tube(path, thin, 8))
        for side in (-1, 1):
            assembly.add(
                "handle",
                strut(plan.head + [side * 0.04, -0.01, 0], plan.head + half[0] + [side * 0.04, 0.01, 0], 0.02, count=6),
            )
        path = path[10:]
        if style == "crossbar":
            across = plan.head + half[2] * [1, 0.85, 1]
            assembly.add("handle", strut(across, across * [-1, 1, 1], thin, count=6))
    _grips(rng, assembly, path)
    if rng.random() < (0.1 if plan.kind in ("dirt", "old", "cafe racer") else 0.6):
        assembly.traits["mirrors"] = "yes"
        _mirrors(rng, assembly, path[-3] if len(path) > 3 else path[-1])


def _grips(rng: Rng, assembly: Assembly, path: Float[np.ndarray, "_ 3"]) -> None:
    """Grips over the ends of the bar and levers in front of them."""
    way = path[-1] - path[-3]
    way = way / np.linalg.norm(way)
    start, end = path[-1] - 0.1 * way, path[-1] + 0.02 * way
    grip = strut(start, end, float(rng.uniform(0.018, 0.027)), count=8)
    assembly.add("handle", grip, mirror(grip))
    if rng.random() < 0.6:
        ahead = np.array([0, 0.005, 0.055])
        lever = bar(start - 0.03 * way + [0, 0, 0.015], end + ahead - 0.02 * way, 0.012, 0.018)
        assembly.add("handle", lever, mirror(lever))


def _mirrors(rng: Rng, assembly: Assembly, foot: Float[np.ndarray, " 3"]) -> None:
    """Mirrors on stalks."""
    high = float(rng.uniform(0.1, 0.2))
    top = foot + [float(rng.uniform(-0.06, 0.08)), high, 0.03]
    stalk = strut(foot, top, 0.008, count=5)
    if rng.random() < 0.5:
        glass = turn(cylinder(0.055, 0.02, count=12), "x", 90)
    else:
        glass = box((0.13, 0.075, 0.025), 0.01)
    glass = move(glass, top + [0, 0.03, 0])
    assembly.add("handle", stalk, mirror(stalk), glass, mirror(glass))


def add_light(rng: Rng, assembly: Assembly, plan: Plan, style: str, nose: Float[np.ndarray, " 3"] | None) -> None:
    """The headlight: round, three, box, slim or twin; on the fork, or at the `nose` of a fairing."""
    size = float(rng.uniform(0.075, 0.11))
    at = plan.head - 0.12 * plan.rise + [0, 0, 0.08 + size] if nose is None else nose
    if style in ("round", "three"):
        assembly.add("light", move(_lamp(rng, size, plan.count), at))
        if style == "three":
            small = move(_lamp(rng, 0.6 * size, plan.count), at + [0.19, -0.03, 0.0])
            assembly.add("light", small, mirror(small))
            assembly.add("frame", strut(at - [0.19, 0.03, 0.03], at + [0.19, -0.03, -0.03], 0.015, count=6))
    elif style == "twin":
        eye = move(turn(ellipsoid((0.075, 0.045, 0.05), 12), "z", 15), at + [0.08, 0, 0])
        assembly.add("light", eye, mirror(eye))
    else:
        tall, wide = (0.08, 0.24) if style == "slim" else (0.14, 0.18)
        assembly.add("light", move(box((wide, tall, 0.1), 0.025), at))
    if nose is None:
        stay = plan.head - 0.12 * plan.rise
        assembly.add("frame", strut(stay, at - [0, 0, 0.03], 0.03, count=6))


def _lamp(rng: Rng, radius: float, count: int) -> Solid:
    """A round headlight that faces +Z, with a bowl behind."""
    deep = radius * float(rng.uniform(0.8, 1.6))
    t = np.linspace(0, np.pi / 2, 5)[1:]
    bowl = np.stack([radius * np.sin(t), -deep * np.cos(t)], 1)
    return turn(lathe([(0, -deep), *bowl, (0.95 * radius, 0.25 * radius), (0, 0.33 * radius)], count), "x", 90)


def add_tail_light(rng: Rng, assembly: Assembly, plan: Plan) -> None:
    """A small light behind the seat on a plate holder (part light; the holder is frame)."""
    assembly.traits["tail light"] = "yes"
    at = np.array([0, plan.saddle - 0.06, plan.seat_rear - 0.06])
    inner = np.array([0, float(plan.spine(plan.seat_rear + 0.06)), plan.seat_rear + 0.06])
    assembly.add("frame", bar(inner, at, 0.08, 0.03))
    if rng.random() < 0.5:
        assembly.add("light", move(box((0.12, 0.06, 0.05), 0.015), at - [0, 0, 0.015]))
    else:
        assembly.add("light", move(ellipsoid((0.045, 0.045, 0.04), 10), at - [0, 0, 0.015]))
