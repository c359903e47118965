"""Trucks and wheels of skateboards.

A truck hangs from y = 0 (the deck's lower face) and looks towards +Z: its kingpin leans to -Z. Its axle lies along X at
y = -drop, z = 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gen3d.generators.procedural.solids import (
    Solid,
    box,
    cylinder,
    lathe,
    loft,
    merge,
    move,
    rod,
    turn,
)

Rng = np.random.Generator
WHEELS = {"lipped": 4, "round": 4, "flat": 3, "hub": 3, "conical": 2}

# Draws the pieces of one truck from (dice, drop, half length of the axle, distance of the wheels' inner faces).
Style = Callable[[Rng, float, float, float], list[Solid]]


def truck(rng: Rng, style: Style, drop: float, axle: float, inner: float) -> list[Solid]:
    """The pieces of one truck, its axle included, which ends `axle` from the middle."""
    thin = min(0.18 * drop, 0.02)
    return [rod([-axle, -drop, 0], [axle, -drop, 0], thin, count=10), *style(rng, drop, axle, inner)]


def _hanger(rng: Rng, drop: float, axle: float, inner: float) -> list[Solid]:
    """Base plate, kingpin with bushings, and a triangular hanger."""
    long, wide, plate = rng.uniform(0.1, 0.15), rng.uniform(0.06, 0.09), 0.14 * drop
    pieces = [move(box([2 * wide, 2 * plate, 2 * long], 0.3 * plate), [0, -0.5 * plate, 0])]
    if rng.random() < 0.3:  # riser pad
        pieces.append(move(box([2.1 * wide, 1.2 * plate, 2.1 * long]), [0, 0, 0]))
    lean = rng.uniform(0.2, 0.8) * drop
    foot = [0, -0.9 * drop, -0.5 * lean]
    bush = rng.uniform(0.03, 0.045)
    pieces += [rod([0, -plate, -0.1 * lean - 0.02], foot, bush, 0.9 * bush, 12)]
    if rng.random() < 0.7:  # nut of the kingpin
        pieces.append(rod(foot, [0, -1.1 * drop, -0.62 * lean], 0.45 * bush, count=6))
    pieces.append(_triangle(rng, drop, min(0.97 * inner, axle), bush))
    if rng.random() < 0.6:  # pivot
        pieces.append(rod([0, -0.9 * drop, 0.01], [0, -0.8 * plate, 0.75 * long], 0.022, 0.03, 8))
    return pieces


def _triangle(rng: Rng, drop: float, half: float, bush: float) -> Solid:
    """A body along the axle, high and deep in the middle and slender at its ends."""
    x = np.linspace(-1, 1, 9)
    peak = (1 - np.abs(x)) ** rng.uniform(0.8, 1.6)
    slim = rng.uniform(0.16, 0.24) * drop
    tall, deep = slim + (0.45 * drop - slim) * peak, slim + (1.5 * bush - slim) * peak
    t = np.arange(10) * 2 * np.pi / 10
    y = -drop + 0.25 * drop * peak[:, None] + tall[:, None] * np.sin(t)
    z = -deep[:, None] * np.cos(t)  # counter-clockwise seen from +X: y towards +Y, z towards -Z
    return loft(np.stack([np.broadcast_to(half * x[:, None], y.shape), y, z], -1))


def _plain(rng: Rng, drop: float, axle: float, inner: float) -> list[Solid]:
    """A base plate, a post and a thick axle housing, round or square."""
    half, thick = min(0.97 * inner, axle), rng.uniform(0.24, 0.4) * drop
    pieces = [move(box([rng.uniform(0.09, 0.16), 0.3 * drop, rng.uniform(0.14, 0.26)]), [0, -0.1 * drop, 0])]
    post = rng.uniform(0.025, 0.05)
    pieces.append(rod([0, -drop, 0], [0, 0, 0], post, post * rng.uniform(1, 1.6), int(rng.choice([4, 12]))))
    if rng.random() < 0.5:
        return [*pieces, rod([-half, -drop, 0], [half, -drop, 0], thick, count=12)]
    return [*pieces, move(box([2 * half, 2 * thick, 2 * thick], 0.2 * thick), [0, -drop, 0])]


def _block(rng: Rng, drop: float, axle: float, inner: float) -> list[Solid]:
    """One block, narrower below or not, that holds the axle."""
    half = min(rng.uniform(0.3, 0.97) * inner, axle)
    upper, deep = half * rng.uniform(0.5, 1.0), rng.uniform(0.05, 0.12)
    down = drop * rng.uniform(1.05, 1.3)
    x, z = np.array([1, 1, -1, -1]), np.array([1, -1, -1, 1])  # counter-clockwise seen from above
    low = np.stack([x * half, np.full(4, -down), z * deep * rng.uniform(0.4, 1.0)], 1)
    high = np.stack([x * upper, np.full(4, 0.0), z * deep], 1)
    return [loft(np.stack([low, high]))]


def _rail(rng: Rng, drop: float, axle: float, inner: float) -> list[Solid]:
    """Two cheeks that hold the axle between them, as on toys."""
    out, thick, deep = rng.uniform(0.55, 0.9) * inner, rng.uniform(0.02, 0.04), rng.uniform(0.04, 0.09)
    cheek = box([thick, 1.25 * drop, 2 * deep])
    sides = [move(cheek, [side * (out - thick / 2), -0.6 * drop, 0]) for side in (-1, 1)]
    return [*sides, move(box([2 * out, 0.25 * drop, 2 * deep]), [0, -0.08 * drop, 0])]


TRUCKS: dict[str, Style] = {"hanger": _hanger, "plain": _plain, "block": _block, "rail": _rail}


# --- wheels -------------------------------------------------------------------------------------------------------


def wheel(rng: Rng, kind: str, radius: float, width: float) -> Solid:
    """A wheel about the X axis, its middle at the origin, its outer face towards +X."""
    half, count = width / 2, int(rng.choice([14, 20, 28]))
    if kind == "tyre":
        thick = radius * rng.uniform(0.3, 0.42)
        t = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        ring = np.stack([radius - thick + thick * np.cos(t), half * np.sin(t)], 1)
        rim = cylinder(radius - 0.8 * thick, 0.9 * half, count=count)
        return _sideways(merge([lathe(ring, count, closed=True), move(rim, [0, -0.45 * half, 0])]))
    if kind == "flat":
        return _sideways(move(cylinder(radius, width, count=count, bevel=0.03 * radius), [0, -half, 0]))
    if kind == "round":
        t = np.linspace(-np.pi / 2, np.pi / 2, 9)
        core = radius * rng.uniform(0.3, 0.6)
        curve = np.stack([core + (radius - core) * np.cos(t) ** 0.8, half * np.sin(t)], 1)
        curve[[0, -1], 0] = core
        return _sideways(lathe(np.concatenate([[(0, -half)], curve, [(0, half)]]), count))
    bevel = rng.uniform(0.08, 0.35) * min(radius, half)
    inner = radius * (rng.uniform(0.62, 0.75) if kind == "conical" else 1.0)
    hub = rng.uniform(0.35, 0.65) * radius
    deep = rng.uniform(0.35, 0.8) * half if kind == "hub" else 0.92 * half
    rows = [(0, -deep), (0.9 * hub, -deep), (hub, -half), (inner - bevel, -half), (inner, -half + bevel)]
    rows += [(radius, half - bevel), (radius - bevel, half), (hub, half), (0.9 * hub, deep), (0, deep)]
    return _sideways(lathe(rows, count))


def _sideways(solid: Solid) -> Solid:
    """What stands along +Y laid along +X."""
    return turn(solid, "z", -90)
