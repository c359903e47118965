"""Bodywork of motorbikes, all of it part `frame`: fairings, screens, bags, number plates, the shell of a scooter."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.copies import strut
from gen3d.generators.procedural.motorbike_plan import Plan
from gen3d.generators.procedural.solids import (
    Numbers,
    Solid,
    bar,
    box,
    ellipsoid,
    loft,
    mirror,
    move,
    rounded_rectangle,
    spline,
    superellipse,
    sweep,
    turn,
)

Rng = np.random.Generator
Nose = Float[np.ndarray, " 3"]


def hull(rows: Numbers, exponent: float, count: int = 14, smooth: int = 10) -> Solid:
    """A body along Z.

    Args:
        rows: (S, 4) of z (ascending), half width, bottom, top.
        exponent: of its sections, 2 round, 5 boxy.
        count: corners of a section.
        smooth: number of sections on a curve through the rows; 0 for the rows themselves.
    """
    knots = spline(rows, smooth) if smooth else np.asarray(rows, float)
    outline = superellipse(2.0, 1.0, exponent, count)
    tall = np.maximum(knots[:, 3] - knots[:, 2], 0.02)
    x = np.maximum(knots[:, 1:2], 0.01) * outline[None, :, 0]
    y = (knots[:, 2] + tall / 2)[:, None] + tall[:, None] * outline[None, :, 1]
    return loft(np.stack([x, y, np.repeat(knots[:, :1], count, 1)], -1))


def screen(foot: Numbers, half: tuple[float, float], high: float, lean: float, bow: float) -> Solid:
    """A curved pane that stands on `foot`; `half` widths below and above, `lean` back per height, `bow` its depth."""
    t = np.linspace(0, 1, 4)[:, None]
    across = np.linspace(-1, 1, 7)[None]
    wide = half[0] + (half[1] - half[0]) * t**1.5
    front = np.stack([wide * across, high * t + 0 * across, -lean * high * t - bow * across**2], -1)
    rings = np.concatenate([front, front[:, ::-1] - [0, 0, 0.012]], 1)
    return loft(rings + np.asarray(foot, float))


# --- fairings -----------------------------------------------------------------------------------------------------


def full_fairing(rng: Rng, assembly: Assembly, plan: Plan) -> Nose:
    """Bodywork from the nose down to the belly; gives where the headlight goes."""
    nose = half_fairing(rng, assembly, plan)
    front = float(plan.front[2]) - plan.radius[0] - 0.01
    rear = float(plan.crank[2]) - float(rng.uniform(0.15, 0.3))
    z = np.array([rear, (rear + front) / 2, front - 0.04, front + 0.06])
    half = np.array([0.15, 0.19, 0.19, 0.13]) * float(rng.uniform(0.9, 1.12))
    low = np.array([0.2, 0.14, 0.2, 0.48]) + float(rng.uniform(0, 0.05))
    top = plan.spine(z) - np.array([0.12, 0.02, 0.03, 0.06])
    assembly.add("frame", hull(np.stack([z, half, low, top], 1), float(rng.uniform(2.6, 4.5))))
    return nose


def half_fairing(rng: Rng, assembly: Assembly, plan: Plan) -> Nose:
    """A nose above the front wheel with a screen; gives where the headlight goes."""
    back, tip = plan.tank_front - 0.04, float(plan.front[2]) - float(rng.uniform(0.0, 0.16))
    high = float(plan.head[1])
    z = np.array([back, back + 0.4 * (tip - back), back + 0.8 * (tip - back), tip])
    half = np.array([0.2, 0.19, 0.14, 0.06]) * float(rng.uniform(0.85, 1.15))
    drop = float(rng.uniform(0.25, 0.4))
    clear = 2 * plan.radius[0] + 0.03
    low = np.maximum(high - np.array([drop, 0.9 * drop, 0.75 * drop, 0.6 * drop]), clear)
    top = np.maximum(high + np.array([-0.08, 0.02, -0.06, -0.17]), low + 0.07)
    assembly.add("frame", hull(np.stack([z, half, low, top], 1), float(rng.uniform(2.2, 3.5))))
    foot = np.array([0.0, top[1] - 0.05, z[2]])
    if rng.random() < 0.85:
        size = float(rng.uniform(0.12, 0.22))
        assembly.add("frame", screen(foot, (0.85 * half[1], 0.5 * half[1]), size, float(rng.uniform(0.9, 1.6)), 0.08))
    return np.array([0.0, (low[3] + top[3]) / 2 + 0.02, tip - 0.02])


def touring_fairing(rng: Rng, assembly: Assembly, plan: Plan) -> Nose:
    """A broad fairing with a tall screen in front of the bars, bags, often a top case."""
    high, ahead = float(plan.head[1]), float(plan.head[2]) + 0.14
    wide, tall = float(rng.uniform(0.26, 0.38)), float(rng.uniform(0.22, 0.34))
    shell = turn(ellipsoid((wide, tall / 2, 0.13), 16), "x", -float(rng.uniform(0, 15)))
    assembly.add("frame", move(shell, (0, high + 0.02, ahead)))
    pane = screen((0, high + 0.1, ahead + 0.03), (0.8 * wide, 0.6 * wide), float(rng.uniform(0.2, 0.42)), 0.5, 0.1)
    assembly.add("frame", pane)
    bags(rng, assembly, plan)
    if rng.random() < 0.5:
        for side in (-1, 1):  # leg shields
            shield = move(box((0.14, 0.4, 0.05), 0.02), (side * 0.24, plan.crank[1] + 0.12, plan.crank[2] + 0.34))
            tie = strut(
                (0, plan.crank[1] + 0.02, plan.crank[2] + 0.2),
                (side * 0.2, plan.crank[1] + 0.1, plan.crank[2] + 0.34),
                0.02,
                count=6,
            )
            assembly.add("frame", shield, tie)
    return np.array([0.0, high + 0.01, ahead + 0.11])


def windscreen(rng: Rng, assembly: Assembly, plan: Plan) -> None:
    """A pane in front of the bars, on two stays."""
    high, wide = float(rng.uniform(0.25, 0.5)), float(rng.uniform(0.18, 0.28))
    foot = plan.head + [0, 0.02, 0.13]
    assembly.add("frame", screen(foot, (wide, 0.75 * wide), high, float(rng.uniform(0.25, 0.6)), 0.06))
    for side in (-1, 1):
        assembly.add(
            "frame",
            strut(plan.head + [side * plan.fork, -0.03, 0], foot + [side * 0.5 * wide, 0.06, -0.03], 0.01, count=5),
        )


def bags(rng: Rng, assembly: Assembly, plan: Plan) -> None:
    """Side bags, and a case behind the seat now and then."""
    wide, tall, long = float(rng.uniform(0.14, 0.22)), float(rng.uniform(0.22, 0.34)), float(rng.uniform(0.36, 0.55))
    x = plan.tyre[1] / 2 + 0.06 + wide / 2
    y, z = plan.saddle - 0.06 - tall / 2, max(plan.rear[2] - 0.05, plan.seat_rear)
    bag = move(box((wide, tall, long), 0.05), (x, y, z))
    tie = strut((0, plan.saddle - 0.06, z + 0.12), (x, y + 0.4 * tall, z + 0.12), 0.02, count=6)
    assembly.add("frame", bag, mirror(bag), tie, mirror(tie))
    assembly.traits["bags"] = "sides"
    if rng.random() < 0.45:
        assembly.traits["bags"] = "sides and top"
        case = box((float(rng.uniform(0.32, 0.46)), float(rng.uniform(0.2, 0.3)), 0.32), 0.06)
        assembly.add("frame", move(case, (0, plan.saddle + 0.2, plan.seat_rear - 0.12)))
        assembly.add(
            "frame",
            bar(
                (0, plan.saddle - 0.05, plan.seat_rear + 0.1), (0, plan.saddle + 0.1, plan.seat_rear - 0.1), 0.16, 0.03
            ),
        )


def motocross(rng: Rng, assembly: Assembly, plan: Plan) -> None:
    """Shrouds beside the tank, number plates."""
    for side in (-1, 1):
        z = plan.seat_front + 0.3 * (plan.tank_front - plan.seat_front)
        at = np.array([side * 0.13, float(plan.spine(z)) - 0.08, z + 0.12])
        shroud = turn(box((0.03, float(rng.uniform(0.16, 0.24)), 0.3), 0.01), "x", float(rng.uniform(20, 40)))
        assembly.add("frame", move(shroud, at), strut([0, at[1], z], at, 0.02, count=6))
        plate = box((0.02, 0.2, 0.26), 0.005)
        foot = np.array([side * 0.1, plan.saddle - 0.16, plan.seat_rear + 0.25])
        assembly.add("frame", move(plate, foot), strut([0, plan.saddle - 0.06, foot[2]], foot, 0.015, count=6))
    if assembly.traits["light"] == "none":
        plate = turn(box((0.2, 0.24, 0.02), 0.005), "x", -15)
        assembly.add("frame", move(plate, plan.head + [0, -0.02, 0.09]))
        assembly.add("frame", strut(plan.head - [0, 0.05, 0], plan.head + [0, -0.02, 0.09], 0.02, count=6))


# --- scooters -----------------------------------------------------------------------------------------------------


def scooter_shell(rng: Rng, assembly: Assembly, plan: Plan) -> Nose:
    """Leg shield, floor board and the body under the seat; gives where the headlight goes."""
    floor = float(rng.uniform(0.24, 0.32))
    wide = float(rng.uniform(0.17, 0.24))
    gap = max(plan.seat_front - 0.02, float(plan.rear[2]) + 0.3)
    shield_foot = float(plan.front[2]) - plan.radius[0] - 0.06
    _shield(rng, assembly, plan, floor, (shield_foot, wide))
    long = shield_foot - gap + 0.24
    board = box((2 * wide * 0.9, 0.07, long), 0.02)
    assembly.add("frame", move(board, (0, floor, (shield_foot + gap - 0.12) / 2)))
    rear = plan.seat_rear - 0.06
    z = np.array([rear, rear + 0.12, (rear + gap) / 2, gap - 0.1, gap])
    half = np.array([0.07, 0.13, 0.17, 0.15, 0.11]) * float(rng.uniform(0.85, 1.15))
    top = plan.saddle - 0.04
    low = np.array([top - 0.2, top - 0.3, floor + 0.12, floor - 0.02, floor - 0.02])
    rows = np.stack([z, half, low, np.array([top - 0.05, top, top, top, top - 0.03])], 1)
    assembly.add("frame", hull(rows, float(rng.uniform(2.4, 4.5))))
    motor = move(box((0.1, 0.2, 0.42), 0.04), (-plan.tyre[1] / 2 - 0.07, plan.rear[1] + 0.03, plan.rear[2] + 0.12))
    assembly.add("frame", motor, strut(plan.rear - [0.15, 0, 0], plan.rear + [0.1, 0, 0], 0.02, count=8))
    cover = ellipsoid((float(rng.uniform(0.12, 0.2)), 0.07, 0.09), 12)
    assembly.add("handle", move(cover, plan.head + [0, 0.05, 0.02]))
    if rng.random() < 0.5:
        assembly.traits["lamp"] = "on the bars"
        return plan.head + [0, 0.06, 0.1]
    assembly.traits["lamp"] = "on the shield"
    return plan.head + np.array([0, -0.22, 0.13]) - 0.2 * plan.rise * [0, 0, 1]


def _shield(rng: Rng, assembly: Assembly, plan: Plan, floor: float, foot: tuple[float, float]) -> None:
    """The curved plate in front of the rider's legs, around the fork's upper half."""
    z0, wide = foot
    top = plan.head - [0, 0.08, -0.01]
    path = spline(
        [
            (0, floor, z0),
            (0, floor + 0.18, z0 + 0.01),
            (0, (floor + top[1]) / 2 + 0.08, (z0 + top[2]) / 2 + 0.04),
            (0, top[1], top[2] + 0.02),
        ],
        9,
    )
    outline = rounded_rectangle(2 * wide, 0.05, 0.02, 2)
    sizes = np.stack(
        [np.interp(np.linspace(0, 1, 9), [0, 0.6, 1], [0.9, 1.0, float(rng.uniform(0.4, 0.75))]), np.ones(9)], 1
    )
    assembly.add("frame", sweep(outline, path, sizes, up=(0, 0, 1)))
    low = plan.front + plan.rise * (plan.radius[0] + 0.05)
    nose = np.stack([path[2:, 2] * 0 + np.linspace(low[2] - 0.03, top[2] + 0.0, 7)], 1)
    spine = np.concatenate([np.zeros((7, 1)), np.linspace(low[1], top[1], 7)[:, None], nose + 0.03], 1)
    assembly.add("frame", sweep(superellipse(0.2, 0.17, 2.5, 12), spine, np.linspace(1.0, 0.75, 7), up=(0, 0, 1)))
