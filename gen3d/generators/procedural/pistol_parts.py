"""Pieces that all pistols share: grips, triggers, barrels, hammers, sights.

A pistol lies along Z, the muzzle towards +Z, the grip down; the barrel's axis is at about y = 0, it is about 1 long.
"""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.knife_handles import grip as knife_grip
from gen3d.generators.procedural.plates import Outline, curve, side_plate
from gen3d.generators.procedural.solids import (
    Numbers,
    Solid,
    box,
    circle,
    cylinder,
    ellipsoid,
    loft,
    move,
    scale,
    spline,
    sweep,
    tube,
    turn,
)
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator
Spot = tuple[float, float]  # (z, y)


# --- bodies along the barrel --------------------------------------------------------------------------------------


def beam(outline: Outline, rows: Numbers) -> Solid:
    """An outline in the XY plane carried along Z; rows of (z, factor on x, factor on y, height)."""
    r = np.asarray(rows, float)
    x, y = outline[None, :, 0] * r[:, 1:2], outline[None, :, 1] * r[:, 2:3] + r[:, 3:4]
    return loft(np.stack([x, y, np.broadcast_to(r[:, :1], x.shape)], -1))


def round_bar(rows: Numbers, at: Spot = (0.0, 0.0), count: int = 14) -> Solid:
    """A round body along Z; rows of (z, radius); `at` is its axis (x, y). With 8 or 6 sides it stands on a flat."""
    r = np.asarray(rows, float)
    t = (np.arange(count) + 0.5) * 2 * np.pi / count
    flat = np.stack([np.cos(t), np.sin(t)], 1)
    return move(beam(flat, np.stack([r[:, 0], r[:, 1], r[:, 1], 0 * r[:, 0]], 1)), [*at, 0])


# Cross-sections of slides and boxes, half a unit each way.
SECTIONS: dict[str, list[Spot]] = {
    "box": [(0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)],
    "chamfered": [(0.5, -0.5), (0.5, 0.2), (0.28, 0.5), (-0.28, 0.5), (-0.5, 0.2), (-0.5, -0.5)],
    "ridged": [
        (0.5, -0.5),
        (0.5, 0.1),
        (0.3, 0.25),
        (0.22, 0.5),
        (-0.22, 0.5),
        (-0.3, 0.25),
        (-0.5, 0.1),
        (-0.5, -0.5),
    ],
    "hexagon": [
        (0.35, -0.5),
        (0.5, -0.1),
        (0.5, 0.2),
        (0.3, 0.5),
        (-0.3, 0.5),
        (-0.5, 0.2),
        (-0.5, -0.1),
        (-0.35, -0.5),
    ],
}


def section(kind: str) -> Outline:
    """One of `SECTIONS`, or `arched`: a box with a round top."""
    if kind == "arched":
        t = np.linspace(0, np.pi, 9)
        return np.concatenate([[(0.5, -0.5)], np.stack([0.5 * np.cos(t), 0.5 * np.sin(t)], 1), [(-0.5, -0.5)]])
    return np.array(SECTIONS[kind], float)


def block(low: Numbers, high: Numbers, bevel: float = 0.0) -> Solid:
    """A block between two corners."""
    a, b = np.asarray(low, float), np.asarray(high, float)
    return move(box(b - a, bevel), (a + b) / 2)


def slab(outline: Outline, depth: float, bevel: float = 0.0, x: float = 0.0) -> Solid:
    """An outline of (z, y), `depth` thick about `x`."""
    return move(side_plate(outline, depth, bevel), [x, 0, 0])


# --- grips --------------------------------------------------------------------------------------------------------


def grip(
    rng: Rng, made: Assembly, kind: str, spot: Spot, size: tuple[float, float, float], lean: tuple[float, float]
) -> Spot:
    """A grip.

    Args:
        rng: draws its section and moves its lines a little.
        made: takes the pieces and traits.
        kind: a contour of `knife_handles.CONTOURS`, or `wrapped`.
        spot: (z, y) of the middle of its top.
        size: length, depth along Z, half thickness.
        lean: degrees by which it leans back, and radians by which its end turns from there downwards.

    Returns:
        (z, y) of the middle of its end.
    """
    (long, deep, half), (rake, bend) = size, lean
    exponent = float(rng.choice([2.0, 2.6, 4.0, 8.0], p=[0.2, 0.3, 0.3, 0.2]))
    solid = knife_grip(rng, kind, (deep / long, half / long), exponent, bend)
    solid = turn(scale(solid, long), "x", -(90 - rake))
    made.add("handle", move(solid, [0, spot[1], spot[0]]))
    made.traits |= {"handle": kind, "grip": "curved" if bend else "raked" if rake > 20 else "steep"}
    end = solid.vertices[-2] + [0, spot[1], spot[0]]
    return float(end[2]), float(end[1])


def grip_panels(rng: Rng, made: Assembly, spot: Spot, size: tuple[float, float, float], rake: float) -> None:
    """Two plates on the sides of a grip, with a screw each."""
    long, deep, half = size
    u, v = np.array([[-0.33, -0.1], [-0.33, -0.82], [0.33, -0.86], [0.33, -0.14]]).T
    outline = np.stack([u * deep, v * long], 1)
    plate = slab(outline, 2 * half + 0.03, 0.0)
    pin = turn(move(cylinder(0.02, 2 * half + 0.05, count=8), [0, -half - 0.025, 0]), "z", 90)
    for solid in (plate, move(pin, [0, -0.5 * long, 0])):
        made.add("handle", move(turn(solid, "x", rake), [0, spot[1], spot[0]]))
    made.traits["panels"] = "yes"


# --- triggers -----------------------------------------------------------------------------------------------------


def trigger(rng: Rng, made: Assembly, span: tuple[float, float], top: float, weights: dict[str, int]) -> None:
    """The trigger and its guard.

    Args:
        rng: draws how they look.
        made: takes the pieces and traits.
        span: z of the guard's rear and front end, both in or at the frame or grip.
        top: y of the frame's lower side.
        weights: how often each guard.
    """
    back, front = span
    made.traits["trigger guard"] = kind = pick(rng, weights)
    deep, radius = (front - back) * rng.uniform(0.55, 0.85), rng.uniform(0.009, 0.018)
    if kind != "none":
        made.add("trigger", _guard(rng, kind, (back, front, top, deep), radius))
    z = back + (front - back) * rng.uniform(0.4, 0.6)
    tall = deep * rng.uniform(0.55, 0.8)
    shape = pick(rng, {"crescent": 5, "rod": 3, "blade": 2})
    hook = rng.uniform(0.15, 0.5) * tall
    knots = np.array([[0, top + 0.03, z], [0, top - 0.4 * tall, z - 0.3 * hook], [0, top - tall, z + hook * 0.5]])
    if shape == "blade":
        line = np.array(
            [[-0.02, 0.03], [0.02, 0.03], [0.012, -0.5 * tall], [0.03, -tall], [0.0, -tall], [-0.02, -0.5 * tall]]
        )
        made.add("trigger", slab((line + [z, top])[::-1], 2.0 * radius + 0.012))
    else:
        wide = 1.6 if shape == "crescent" else 1.0
        path = spline(knots, 8)
        sizes = np.stack([np.full(8, wide), np.linspace(1.2, 0.7, 8)], 1)
        made.add("trigger", sweep(circle(max(radius, 0.012), 8), path, sizes, (0, 0, 1)))


def _guard(rng: Rng, kind: str, place: tuple[float, float, float, float], radius: float) -> Solid:
    """A bow from the frame in front of the trigger to the one behind it. `place`: back, front, top, depth."""
    back, front, top, deep = place
    middle, half = (front + back) / 2, (front - back) / 2
    t = np.linspace(0, np.pi, 17)
    power = {"round": 1.0, "square": 0.45, "oval": 0.8, "hooked": 0.5}[kind]
    z = middle + half * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power
    y = top + 0.02 - deep * np.sin(t) ** power
    if kind == "hooked":  # drawn forward at the lower front corner
        z = z + 0.25 * half * np.exp(-(((t - 0.7) / 0.35) ** 2))
    path = np.stack([0 * t, y, z], 1)
    path = np.concatenate([path[:1] + [0, 0.03, 0], path, path[-1:] + [0, 0.03, 0]])
    flat = rng.random() < 0.5  # a strip rather than a rod
    outline = np.array([[-1.6, -0.6], [1.6, -0.6], [1.6, 0.6], [-1.6, 0.6]]) if flat else circle(1.0, 8)
    return loft(_strap(outline * radius, path))


def _strap(outline: Outline, path: np.ndarray) -> np.ndarray:
    """Rings of the outline along a path in the YZ plane; the outline's x lies along X."""
    travel = np.gradient(path, axis=0)
    travel /= np.linalg.norm(travel, axis=1, keepdims=True)
    side = np.array([1.0, 0, 0])
    normal = np.cross(travel, side)
    return path[:, None] + outline[None, :, :1] * side + outline[None, :, 1:] * normal[:, None]


# --- small pieces -------------------------------------------------------------------------------------------------


def hammer(rng: Rng, made: Assembly, spot: Spot, size: float) -> None:
    """A hammer with its spur, standing up and back from a spot."""
    kind = pick(rng, {"spur": 5, "ring": 2, "stub": 2})
    made.traits["hammer"] = kind
    if kind == "spur":
        knots = [(0.3, -0.5, 1), (0.25, 0.4), (-0.1, 0.75), (-0.75, 1.0, 1), (-0.45, 0.55), (-0.3, -0.5, 1)]
        solid = slab(curve(knots, 3) * size, 0.35 * size + 0.015)
    elif kind == "ring":
        t = np.arange(12) * np.pi / 6
        path = np.stack([0 * t, 0.32 * size * np.sin(t) + 0.35 * size, 0.32 * size * np.cos(t) - 0.3 * size], 1)
        solid = tube(path, 0.14 * size, 6, closed=True)
        made.add("barrel", move(block([-0.12 * size, -0.5 * size, -0.3 * size], [0.12 * size, 0.2 * size, 0.2 * size]),
                                [0, spot[1], spot[0]]))  # fmt: skip
    else:
        solid = block([-0.2 * size, -0.5 * size, -0.5 * size], [0.2 * size, 0.5 * size, 0.3 * size])
    made.add("barrel", move(solid, [0, spot[1], spot[0]]))


def sights(rng: Rng, made: Assembly, rear: Spot, front: Spot) -> None:
    """A rear sight and a front one on top, at (z, y) each."""
    tall = rng.uniform(0.02, 0.05)
    for (z, y), wide in ((rear, 0.035), (front, 0.012)):
        made.add("barrel", move(block([-wide, -0.02, -0.022], [wide, tall, 0.022]), [0, y, z]))
    made.traits["sights"] = "yes"


def scope(rng: Rng, made: Assembly, top: float, middle: float, long: float) -> None:
    """A telescope on two feet above the barrel."""
    radius = rng.uniform(0.035, 0.055)
    y = top + radius + rng.uniform(0.02, 0.05)
    flare = rng.uniform(1.0, 1.4)
    rows = [
        (-0.5, flare),
        (-0.32, flare),
        (-0.25, 0.75),
        (0.22, 0.75),
        (0.3, flare),
        (0.5, flare * rng.uniform(0.9, 1.2)),
    ]
    made.add("barrel", round_bar([(middle + z * long, r * radius) for z, r in rows], (0, y)))
    for z in (-0.15, 0.15):
        made.add("barrel", block([-0.02, top - 0.02, middle + z * long - 0.02], [0.02, y, middle + z * long + 0.02]))
    made.traits["scope"] = "yes"


def muzzle(rng: Rng, made: Assembly, z: float, radius: float, y: float = 0.0) -> None:
    """A silencer, flash hider or compensator in front of a barrel that ends at `z`."""
    kind = pick(rng, {"silencer": 5, "hider": 2, "compensator": 2})
    made.traits["muzzle"] = kind
    if kind == "silencer":
        long, wide = rng.uniform(0.45, 0.85), radius * rng.uniform(1.5, 2.2)
        rows = [(z - 0.03, 0.7 * wide), (z + 0.02, wide), (z + long - 0.02, wide), (z + long, 0.85 * wide)]
        made.add("barrel", round_bar(rows, (0, y), 16))
    elif kind == "hider":
        long = rng.uniform(0.1, 0.2)
        made.add(
            "barrel", round_bar([(z - 0.02, 1.2 * radius), (z + long, radius * rng.uniform(1.6, 2.6))], (0, y), 12)
        )
    else:
        made.add(
            "barrel", block([-1.5 * radius, y - 1.7 * radius, z - 0.01], [1.5 * radius, y + 1.7 * radius, z + 0.14])
        )


def knob(at: Numbers, radius: float, long: float) -> Solid:
    """A pin along X, centred on `at`."""
    return move(turn(move(cylinder(radius, long, count=10), [0, -long / 2, 0]), "z", 90), at)


def ball(at: Numbers, radii: Numbers) -> Solid:
    """An ellipsoid at a place."""
    return move(ellipsoid(radii, 12), at)
