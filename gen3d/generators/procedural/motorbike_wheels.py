"""Wheels of motorbikes with brake discs, their fenders, the fork and the swing arm."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.copies import repeated, strut
from gen3d.generators.procedural.motorbike_plan import Plan
from gen3d.generators.procedural.solids import (
    Solid,
    bar,
    box,
    cylinder,
    lathe,
    merge,
    mirror,
    move,
    rounded_rectangle,
    superellipse,
    sweep,
    tube,
    turn,
)
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator


def bike_wheel(rng: Rng, plan: Plan, which: int, rims: str) -> Solid:
    """The front (0) or rear (1) wheel about the X axis, centred on the origin; `rims` is wire, cast or disc."""
    radius, breadth = plan.radius[which], plan.tyre[which]
    count = 2 * plan.count
    tall = min(breadth * float(rng.uniform(0.7, 1.0)), 0.4 * radius)
    section = superellipse(tall, breadth, float(rng.uniform(2, 3.2)), 8)
    tyre = lathe(section + [radius - tall / 2, 0], count, closed=True)
    inner = radius - tall
    edge = 0.35 * breadth
    rim = lathe(
        np.array([(inner - 0.035, -edge), (inner + 0.02, -edge), (inner + 0.02, edge), (inner - 0.035, edge)]),
        count,
        closed=True,
    )
    hub = max(0.12 * radius, 0.03)
    solids = [tyre, rim, move(cylinder(hub, 1.2 * breadth, count=10), (0, -0.6 * breadth, 0))]
    if rims == "disc":
        solids.append(move(cylinder(inner, 0.8 * edge, count=count), (0, -0.4 * edge, 0)))
    else:
        solids += _spokes(rng, inner - 0.02, hub, breadth, rims)
    if rng.random() < 0.6:
        solids.append(move(cylinder(0.5 * radius, 0.012, count=count), (0, 0.55 * breadth, 0)))
    return turn(merge(solids), "z", -90)


def _spokes(rng: Rng, inner: float, hub: float, breadth: float, rims: str) -> list[Solid]:
    """Spokes about +Y between the hub and the rim."""
    if rims == "wire":
        groups, thick = int(rng.integers(5, 10)), float(rng.uniform(0.004, 0.008))
        found = []
        for i in range(4):  # to the left and right flange of the hub, leaning forwards and backwards
            angle, side, skew = i * np.pi / 2 / groups, (-1) ** i * 0.5 * breadth, (-1) ** (i // 2) * 0.25
            start = (hub * np.cos(angle + skew), side, hub * np.sin(angle + skew))
            found.append(strut(start, (inner * np.cos(angle), 0, inner * np.sin(angle)), thick, count=4))
        return [repeated(merge(found), groups)]
    number = int(rng.integers(3, 8))
    wide, deep = float(rng.uniform(0.08, 0.22)) * inner, float(rng.uniform(0.25, 0.6)) * breadth
    return [repeated(bar((0.5 * hub, 0, 0), (inner, 0, 0), wide, deep), number)]


def add_wheels(rng: Rng, assembly: Assembly, plan: Plan, rims: str) -> None:
    """Both wheels, or the three of a trike, on their axles."""
    assembly.add("wheel", move(bike_wheel(rng, plan, 0, rims), plan.front))
    rear = bike_wheel(rng, plan, 1, "disc" if rims == "wire" and rng.random() < 0.2 else rims)
    if plan.kind == "trike":
        track = float(rng.uniform(0.38, 0.55))
        assembly.add("wheel", *[move(rear, plan.rear + [side * track, 0, 0]) for side in (-1, 1)])
        assembly.add("frame", strut(plan.rear - [track, 0, 0], plan.rear + [track, 0, 0], 0.05, count=plan.count))
    else:
        assembly.add("wheel", move(rear, plan.rear))


def add_fork(rng: Rng, assembly: Assembly, plan: Plan, style: str) -> None:
    """The front fork with its yokes: telescopic, upside down, springer (with links) or girder (part frame)."""
    side = np.array([plan.fork, 0, 0])
    thin = float(rng.uniform(0.016, 0.026))
    long = float(np.linalg.norm(plan.head - plan.front))
    joint = plan.front + plan.rise * long * (0.55 if style == "telescopic" else 0.4)
    upper, lower = (thin, 1.45 * thin) if style == "telescopic" else (1.45 * thin, thin)
    solids = []
    for s in (-1, 1):
        if style in ("springer", "girder"):
            bend = np.array([0, 0, 0.07])
            solids.append(strut(plan.front + s * side, plan.head + s * side, thin, count=6))
            solids.append(
                tube([plan.front + s * side, joint + s * side + bend, plan.head + s * 0.6 * side + bend], thin, 6)
            )
        else:
            solids.append(strut(plan.front - 0.03 * plan.rise + s * side, joint + s * side, lower, count=plan.count))
            solids.append(strut(joint + s * side, plan.head + s * side, upper, count=plan.count))
    solids.append(strut(plan.front - 1.15 * side, plan.front + 1.15 * side, 0.02, count=8))
    for down in (0.0, 0.2):
        yoke = box((2 * plan.fork + 0.07, 0.035, 0.09), 0.01)
        solids.append(move(turn(yoke, "x", -np.degrees(np.arccos(plan.rise[1]))), plan.head - plan.rise * down))
    solids.append(
        strut(plan.head - [0, 0, 0.045], plan.head - 0.22 * plan.rise - [0, 0, 0.045], 0.035, count=plan.count)
    )
    assembly.add("frame", *solids)


def add_swing_arm(rng: Rng, assembly: Assembly, plan: Plan, shocks: str) -> None:
    """What carries the rear wheel (part frame); `shocks` is twin, mono or none (a hard tail)."""
    pivot = plan.crank + [0, 0.06, -0.16]
    half = 0.03 + plan.tyre[1] / 2 if plan.kind != "trike" else 0.08
    solids = [strut(plan.rear - [half + 0.03, 0, 0], plan.rear + [half + 0.03, 0, 0], 0.018, count=8)]
    seat = np.array([0.0, float(plan.spine(plan.seat_rear + 0.15)) - 0.02, plan.seat_rear + 0.15])
    top = np.array([0.0, seat[1], max(seat[2], plan.rear[2] + 0.12)])
    for s in (-1, 1):
        out = np.array([s * half, 0, 0])
        solids.append(bar(pivot + 0.9 * out, plan.rear + out, 0.03, float(rng.uniform(0.035, 0.07))))
        if shocks == "none":
            solids.append(strut(plan.rear + out, top + 0.4 * out, 0.017, count=6))
        elif shocks == "twin":
            lower, upper = plan.rear + out + [s * 0.03, 0, 0.03], top + 0.9 * out
            solids.append(strut(lower, upper, 0.015, count=6))
            solids.append(strut(lower + 0.35 * (upper - lower), lower + 0.9 * (upper - lower), 0.034, count=8))
    if shocks == "mono":
        solids.append(
            strut(
                pivot + [0, 0, -0.06], np.array([0, float(plan.spine(plan.seat_front)), plan.seat_front]), 0.04, count=8
            )
        )
    assembly.add("frame", *solids)


def fender(rng: Rng, plan: Plan, which: int, span: tuple[float, float], gap: float) -> Solid:
    """A mudguard over the front (0) or rear (1) wheel; `span` in degrees from straight ahead, over the top."""
    wide = plan.tyre[which] + 2 * float(rng.uniform(0.012, 0.03))
    radius = plan.radius[which] + gap
    t = np.radians(np.linspace(*span, 9))
    centre = (plan.front, plan.rear)[which]
    path = np.stack([0 * t, np.sin(t) * radius, np.cos(t) * radius], 1) + centre
    if rng.random() < 0.5:  # flat
        outline = rounded_rectangle(wide, 0.014, 0.005, 1)
    else:  # hollow below, so that it reaches down beside the tyre
        deep = float(rng.uniform(0.03, 0.09))
        x = np.array([0.5, 0.5, 0.3, -0.3, -0.5, -0.5, -0.44, -0.27, 0.27, 0.44]) * wide
        outline = np.stack([x, np.array([-deep, -0.3 * deep, 0.012, 0.012, -0.3 * deep, -deep, -deep, 0, 0, -deep])], 1)
    return sweep(outline, path, up=(0, 1, 1e-3))


def add_fenders(rng: Rng, assembly: Assembly, plan: Plan, kind: str) -> None:
    """Mudguards by kind: none, short, long or high (part frame)."""
    if kind == "none":
        return
    sides = {"short": (60, 150), "long": (25, 195), "high": (45, 145)}[kind]
    gap = 0.02 if kind != "high" else 0.16
    if kind != "short" or rng.random() < 0.8:
        assembly.add("frame", fender(rng, plan, 0, sides, gap))
        stay = plan.front + plan.rise * (plan.radius[0] + gap)
        assembly.add("frame", move(box((2 * plan.fork, 0.03, 0.05)), stay))
    if plan.kind == "trike":
        track = max(float(s.vertices[:, 0].max()) for p, s in assembly.pieces if p == "wheel") - plan.tyre[1] / 2
        one = move(fender(rng, plan, 1, (15, 165), 0.025), (track, 0, 0))
        post = strut(
            plan.rear + [track - plan.tyre[1] / 2 - 0.03, 0, 0],
            plan.rear + [track - plan.tyre[1] / 2 + 0.01, plan.radius[1] + 0.03, 0],
            0.02,
            count=6,
        )
        assembly.add("frame", one, mirror(one), post, mirror(post))
        return
    assembly.add("frame", fender(rng, plan, 1, (40, 200) if kind == "long" else (75, 170), 0.025))
    top = plan.rear + [0, plan.radius[1] + 0.02, 0]
    under = np.array([0.0, float(plan.spine(plan.seat_rear + 0.1)), plan.seat_rear + 0.12])
    assembly.add("frame", bar(top, under, 0.06, 0.03, up=(0, 0, 1)))


def fender_kind(rng: Rng, name: str) -> str:
    """Which mudguards a kind of bike has."""
    chances = {
        "dirt": {"high": 1},
        "cruiser": {"long": 7, "short": 3},
        "trike": {"long": 1},
        "old": {"long": 6, "none": 3},
        "chopper": {"none": 3, "short": 4, "long": 2},
        "tourer": {"long": 1},
        "scooter": {"short": 1},
    }
    return pick(rng, chances.get(name, {"short": 8, "none": 1, "long": 2}))
