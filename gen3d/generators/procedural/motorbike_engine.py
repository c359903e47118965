"""Engines, frames and exhausts of motorbikes: all of them part `frame`."""

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
    lathe,
    mirror,
    move,
    spline,
    tube,
    turn,
)

Rng = np.random.Generator
Point = Float[np.ndarray, " 3"]


def add_engine(rng: Rng, assembly: Assembly, plan: Plan, style: str) -> None:
    """Crankcase, cylinders and covers."""
    wide, tall, long = float(rng.uniform(0.22, 0.34)), float(rng.uniform(0.2, 0.28)), float(rng.uniform(0.38, 0.52))
    centre = plan.crank
    assembly.add("frame", move(box((wide, tall, long), 0.05), centre))
    for side in (-1, 1):  # clutch and generator covers
        at = centre + [side * (wide / 2 - 0.02), 0, long * float(rng.uniform(-0.2, 0.2))]
        cover = cylinder(0.09 * float(rng.uniform(0.8, 1.2)), 0.05, count=plan.count, bevel=0.01)
        assembly.add("frame", move(turn(cover, "z", -90 * side), at))
    room = float(plan.spine(centre[2])) - centre[1] - 0.02
    for turned in _cylinders(rng, plan, style, max(room, 0.2), wide):
        assembly.add("frame", move(turned, centre))
    if style == "boxer":
        assembly.add("frame", move(box((0.16, room, 0.16), 0.02), centre + [0, room / 2, -0.08]))


def _cylinders(rng: Rng, plan: Plan, style: str, room: float, wide: float) -> list[Solid]:
    """The cylinders about the crankcase's middle; `room` is what is free above it."""
    radius = float(rng.uniform(0.065, 0.09))
    if style == "v-twin":
        half = float(rng.uniform(20, 42))
        one = _finned(radius, 0.96 * room / np.cos(np.radians(half)), plan.count)
        return [turn(one, "x", angle) for angle in (half, -half)]
    if style == "single":
        return [turn(_finned(1.15 * radius, 0.98 * room, plan.count), "x", float(rng.uniform(0, 18)))]
    if style == "boxer":
        one = move(turn(_finned(0.95 * radius, 0.2 + wide / 2, plan.count), "z", -90), (0, 0.03, 0.1))
        return [one, mirror(one)]
    if style == "inline":
        bank = []
        tall, across = 0.95 * room, 1.25 * wide
        for level in np.linspace(0.3, 0.75, 6):
            bank.append(move(box((across, 0.018, 0.22)), (0, level * tall, 0)))
        bank.append(move(box((0.9 * across, 0.8 * tall, 0.17)), (0, 0.4 * tall, 0)))
        bank.append(move(box((across, 0.2 * tall, 0.24), 0.02), (0, 0.88 * tall, 0)))
        return [turn(solid, "x", 15) for solid in bank]
    return [move(box((wide, 0.95 * room, 0.3), 0.03), (0, 0.47 * room, 0.02))]


def _finned(radius: float, height: float, count: int) -> Solid:
    """A cylinder about +Y with cooling fins between its foot and its head."""
    fins = 5
    y = np.linspace(0.35, 0.8, 2 * fins) * height
    r = np.where(np.arange(2 * fins) % 2, radius, 1.3 * radius)
    rows = [(0, 0), (radius, 0), (radius, 0.33 * height), *np.stack([r, y], 1), (1.15 * radius, 0.83 * height)]
    return lathe([*rows, (1.15 * radius, 0.97 * height), (0, height)], count)


def add_frame(rng: Rng, assembly: Assembly, plan: Plan, style: str) -> None:
    """The frame's tubes: a single or double cradle, a lattice, or broad beams."""
    head = plan.head - 0.14 * plan.rise - [0, 0, 0.05]
    low, front, rear = plan.crank[1] - 0.13, plan.crank[2] + 0.26, plan.crank[2] - 0.2
    saddle = np.array([0, float(plan.spine(plan.seat_front)), plan.seat_front])
    thin = float(rng.uniform(0.014, 0.022))
    spine = tube([head, (head + saddle) / 2 - [0, 0.015, 0], saddle], 1.4 * thin, 8)
    solids = [spine]
    for side in (-1, 1):
        out = np.array([side * 0.11, 0, 0])
        if style == "beam":
            middle = (head + plan.crank) / 2 + [side * 0.15, 0.1, -0.05]
            knots = spline([head, middle, plan.crank + [side * 0.14, 0.12, -0.24]], 7)
            solids.append(tube(knots, 0.04, 6))
        else:
            foot = 0.9 * out if style != "single" else 0.0 * out
            knots = [head, (0, low + 0.12, front), (0, low, front - 0.08), (0, low, rear + 0.03), (0, low + 0.12, rear)]
            path = np.array([*knots, saddle - [0, 0.02, 0.02]]) + np.array([0, 1, 1, 1, 1, 0.5])[:, None] * foot
            solids.append(tube(spline(path, 11), thin, 6))
            if style == "lattice":
                solids += [
                    strut(head + [0, -0.02, 0], plan.crank + out + [0, 0.15, -0.05], thin, count=6),
                    strut(plan.crank + out + [0, 0.15, -0.05], saddle, thin, count=6),
                    strut((head + saddle) / 2, plan.crank + out + [0, 0.1, 0.1], thin, count=6),
                ]
    solids.append(strut(plan.crank - [0, 0.02, 0], [0, low, plan.crank[2]], 0.05, count=6))
    solids += _pegs(plan)
    assembly.add("frame", *solids)


def _pegs(plan: Plan) -> list[Solid]:
    """Foot pegs."""
    y, z = plan.crank[1] - 0.06, plan.crank[2] - 0.12
    return [strut((-0.3, y, z), (0.3, y, z), 0.016, count=6)]


def add_exhaust(rng: Rng, assembly: Assembly, plan: Plan, style: str) -> None:
    """Pipes and silencers: on one side, on both, two on one side (double) or high up."""
    if plan.kind == "scooter":
        near = plan.rear + [0.07 + plan.tyre[1] / 2, 0.02, 0]
        assembly.add("frame", silencer(np.linspace(near + [0, 0.02, 0.3], near, 5), 0.05, 0.25, plan.count))
        return
    sides = {"side": (1,), "both": (1, -1), "double": (1, 1), "high": (1,)}[style]
    if style == "high" and rng.random() < 0.3:
        sides = (1, -1)
    fat, long = float(rng.uniform(0.035, 0.06)), float(rng.uniform(0.3, 0.6))
    for number, side in enumerate(sides):
        drop = 0.1 * number if style == "double" else 0.0
        start = plan.crank + [side * 0.06, 0.2, 0.1]
        x = side * (0.17 + 0.02 * (style == "double"))
        y = plan.crank[1] - 0.1 + drop
        end = np.array(
            [side * (0.13 + plan.tyre[1] / 2), y + 0.04, plan.rear[2] - 0.05 + float(rng.uniform(0.6, 1.0)) * long]
        )
        if style == "high":
            end = np.array([side * 0.15, plan.saddle - 0.14, plan.seat_rear + 0.6 * long])
            knots = [
                start,
                start + [side * 0.06, -0.02, 0.16],
                (x, y + 0.15, plan.crank[2] + 0.05),
                (x, y + 0.2, plan.crank[2] - 0.2),
                end,
            ]
        else:
            knots = [
                start,
                start + [side * 0.05, -0.06, 0.2],
                (x, y, plan.crank[2] + 0.12),
                (x, y, plan.crank[2] - 0.2),
                end,
            ]
        path = spline(knots, 11)
        assembly.add("frame", tube(path, 0.022, 8))
        assembly.add("frame", silencer(path, fat, long, plan.count))


def silencer(path: Float[np.ndarray, "_ 3"], fat: float, long: float, count: int) -> Solid:
    """A silencer that runs on from the end of a pipe."""
    way = (path[-1] - path[-3]) * [0, 0.3, 1]  # straight back and nearly level, however the pipe runs
    way = way / np.linalg.norm(way)
    at = np.array([-0.12, 0.0, 0.12, 0.9, 1.0]) * long
    return tube(path[-1] + at[:, None] * way, np.array([0.4, 0.8, 1.0, 1.0, 0.75]) * fat, count)
