"""The tank and the seat of a motorbike: lofts along the frame's upper tube."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.copies import strut
from gen3d.generators.procedural.motorbike_plan import Plan
from gen3d.generators.procedural.solids import (
    Solid,
    box,
    cylinder,
    ellipsoid,
    loft,
    move,
    rounded_rectangle,
    spline,
    superellipse,
    sweep,
    tube,
    turn,
)

Rng = np.random.Generator

# Tanks from rear to front: half widths and heights above the frame's tube, metres; exponent of the section.
TANKS = {
    "teardrop": ((0.05, 0.11, 0.15, 0.155, 0.07), (0.06, 0.15, 0.21, 0.2, 0.09), 2.2),
    "peanut": ((0.05, 0.08, 0.1, 0.1, 0.06), (0.06, 0.11, 0.15, 0.15, 0.09), 2.1),
    "sculpted": ((0.1, 0.1, 0.15, 0.19, 0.12), (0.08, 0.17, 0.24, 0.25, 0.14), 2.8),
    "fat": ((0.11, 0.15, 0.18, 0.19, 0.13), (0.1, 0.2, 0.25, 0.24, 0.14), 2.6),
    "boxy": ((0.11, 0.125, 0.13, 0.13, 0.11), (0.14, 0.19, 0.2, 0.2, 0.16), 5.0),
    "slim": ((0.07, 0.09, 0.11, 0.12, 0.09), (0.08, 0.12, 0.16, 0.18, 0.1), 2.8),
    "flat": ((0.07, 0.09, 0.09, 0.09, 0.07), (0.06, 0.07, 0.07, 0.07, 0.06), 6.0),
}


def add_tank(rng: Rng, assembly: Assembly, plan: Plan, style: str) -> None:
    """The fuel tank, with its cap sometimes."""
    half, tall, exponent = TANKS[style]
    size = float(rng.uniform(0.85, 1.15))
    rows = spline(np.stack([np.array(half) * size, np.array(tall) * float(rng.uniform(0.85, 1.15))], 1), 12)
    rows = np.concatenate([rows[:1] * 0.6, rows, rows[-1:] * 0.55])
    t = np.concatenate([[-0.02], np.linspace(0, 1, 12), [1.03]])
    z = plan.seat_front + t * (plan.tank_front - plan.seat_front)
    base = plan.spine(z) - (0.05 if style != "flat" else 0.14)
    count = max(plan.count, 8)
    outline = superellipse(2.0, 2.0, exponent + float(rng.uniform(-0.2, 0.6)), count + count % 2)
    low = np.maximum(outline[:, 1], -0.55)  # flat below
    height = rows[:, 1:] + (0.05 if style != "flat" else 0.13)
    y = base[:, None] + height * (low[None] + 0.55) / 1.55
    x = rows[:, :1] * outline[None, :, 0]
    assembly.add("tank", loft(np.stack([x, y, np.repeat(z[:, None], len(outline), 1)], -1)))
    if rng.random() < 0.5:
        i = 8
        lid = move(cylinder(0.035, 0.03, count=10), (0, base[i] + height[i, 0] - 0.012, z[i]))
        assembly.add("tank", lid)


def add_seat(rng: Rng, assembly: Assembly, plan: Plan, style: str) -> None:
    """The seat, with a back rest or springs where its style has them."""
    long = plan.seat_front - plan.seat_rear
    front, rear = plan.seat_front + 0.02, plan.seat_rear
    if style in ("solo", "sprung"):
        rear = max(rear, front - float(rng.uniform(0.28, 0.4)))
        assembly.add("seat", _pad(plan, (rear, front), _SOLO[0], _SOLO[1], 0.07))
        if style == "sprung":
            for side in (-1, 1):
                low = np.array([side * 0.08, plan.saddle - 0.12, rear + 0.06])
                assembly.add("seat", strut(low, low + [0, 0.14, 0], 0.025, count=8))
                rail = np.array([0.0, float(plan.spine(rear + 0.1)) - 0.02, rear + 0.1])
                assembly.add("frame", strut(low, rail, 0.015, count=6))
        return
    thick = float(rng.uniform(0.06, 0.12))
    if style == "dirt":
        front = plan.seat_front + float(rng.uniform(0.1, 0.22))
    rise = float(rng.uniform(0.6, 1.4)) * np.array(_RISES[style])
    half = float(rng.uniform(0.85, 1.15)) * np.array(_HALVES[style])
    assembly.add("seat", _pad(plan, (rear, front), rise, half, thick))
    if style == "hump":
        top = plan.saddle + float(rise[0])
        assembly.add("seat", move(ellipsoid((0.12, 0.09, 0.16), 12), (0, top - 0.01, rear + 0.08)))
    if style == "king":
        _back_rest(rng, assembly, plan, rear, plan.saddle + float(rise[0]), long)


# from rear to front: how far the seat rises above its lowest place, and its half widths, metres
_SOLO = (np.array([0.07, 0.02, 0.0, 0.01, 0.04]), np.array([0.13, 0.16, 0.15, 0.1, 0.06]))
_RISES = {
    "bench": (0.02, 0.02, 0.01, 0.0, 0.02), "stepped": (0.12, 0.11, 0.09, 0.0, 0.03),
    "hump": (0.06, 0.02, 0.0, 0.0, 0.03),
    "sporty": (0.2, 0.16, 0.11, 0.0, 0.03), "king": (0.13, 0.12, 0.11, 0.0, 0.04), "dirt": (0.02, 0.0, 0.0, 0.03, 0.12),
}  # fmt: skip
_HALVES = {
    "bench": (0.11, 0.13, 0.14, 0.13, 0.1), "stepped": (0.1, 0.12, 0.13, 0.15, 0.09),
    "king": (0.12, 0.15, 0.15, 0.17, 0.11),
    "hump": (0.12, 0.14, 0.14, 0.13, 0.09), "sporty": (0.05, 0.09, 0.11, 0.14, 0.08),
    "dirt": (0.08, 0.1, 0.1, 0.09, 0.06),
}  # fmt: skip


def _pad(
    plan: Plan,
    span: tuple[float, float],
    rise: Float[np.ndarray, " 5"],
    half: Float[np.ndarray, " 5"],
    thick: float,
) -> Solid:
    """A cushion over `span` of z (rear, front); its underside reaches the frame's tube."""
    t = np.linspace(0, 1, 14)
    knots = np.linspace(0, 1, 5)
    top = plan.saddle + np.interp(t, knots, rise)
    wide = spline(half[:, None], 14)[:, 0]
    z = span[0] + t * (span[1] - span[0])
    tall = np.maximum(thick, np.minimum(top - plan.spine(z) + 0.01, 2.4 * thick))
    ends = np.ones(14)
    ends[[0, -1]] = 0.7
    count = max(plan.count, 8)
    outline = superellipse(2.0, 1.0, 3.5, count + count % 2)
    x = outline[None, :, 0] * (wide * ends)[:, None]
    y = (top - tall / 2)[:, None] + outline[None, :, 1] * (tall * ends)[:, None]
    return loft(np.stack([x, y, np.repeat(z[:, None], len(outline), 1)], -1))


def _back_rest(rng: Rng, assembly: Assembly, plan: Plan, rear: float, top: float, long: float) -> None:
    """A cushion for the back at the seat's end (part seat), on a hoop of tube (part frame) or a stem."""
    high, wide = float(rng.uniform(0.12, 0.28)), 0.13
    pad = turn(box((2 * wide, high, 0.06), 0.02), "x", -float(rng.uniform(5, 20)))
    assembly.add("seat", move(pad, (0, top + high / 2 + 0.02, rear - 0.02)))
    tall = high + float(rng.uniform(0.0, 0.25))
    knots = [
        (wide, top - 0.12, rear + 0.05),
        (wide, top, rear - 0.02),
        (wide, top + 0.8 * tall, rear - 0.07),
        (0, top + tall + 0.02, rear - 0.09),
        (-wide, top + 0.8 * tall, rear - 0.07),
        (-wide, top, rear - 0.02),
        (-wide, top - 0.12, rear + 0.05),
    ]
    assembly.add("frame", tube(spline(knots, 13), 0.012, 6))


def add_tail(rng: Rng, assembly: Assembly, plan: Plan, style: str) -> None:
    """Bodywork below the rear of the seat (part frame), and the tubes that carry the seat."""
    rear, front = plan.seat_rear, plan.seat_front
    for side in (-1, 1):
        z = np.array([rear + 0.02, (rear + front) / 2, front, front + 0.06])
        y = plan.spine(z) - np.array([0.0, 0.01, 0.0, 0.0])
        x = side * np.array([0.06, 0.08, 0.07, 0.03])
        assembly.add("frame", tube(np.stack([x, y, z], 1), 0.015, 6))
    if style in ("sporty", "dirt") or (style in ("stepped", "hump") and rng.random() < 0.6):
        lift = (0.16 if style == "sporty" else 0.05) * float(rng.uniform(0.7, 1.2))
        outline = rounded_rectangle(0.2, 0.13, 0.04, 2)
        y = plan.saddle - 0.05
        path = [
            (0, y + lift, rear - 0.12),
            (0, y + 0.7 * lift, rear + 0.05),
            (0, y - 0.02, (rear + front) / 2),
            (0, y - 0.03, front),
        ]
        assembly.add("frame", sweep(outline, spline(path, 9), np.linspace(0.45, 1.05, 9)))
