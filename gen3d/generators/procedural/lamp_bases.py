"""What holds lamps: feet, weights, vases and tripods on the floor or desk, and canopies on the ceiling or wall.

A base stands on y = 0 about the Y axis, and its second value is the height where the pole starts. A canopy hangs under
y = 0, and its second value is how far down it reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from gen3d.generators.procedural.fittings import (
    Rng,
    Style,
    around,
    ball,
    bent,
    can,
    hoop,
    pick,
    plate,
    polygon,
    spun,
    square,
    strut,
)
from gen3d.generators.procedural.solids import Solid, bar, box, circle, move, rod, spline, turn

Built: TypeAlias = tuple[list[Solid], float]


def base(rng: Rng, name: str, size: float, style: Style) -> Built:
    """The named base of radius about `size`."""
    return BASES[name](rng, size, style)


# --- feet and weights ---------------------------------------------------------------------------------------------


def _disc(rng: Rng, size: float, style: Style) -> Built:
    thick = size * rng.uniform(0.08, 0.3)
    solids = [plate(circle(1.0, style.around) * size, 0, thick, thick * rng.choice([0.0, rng.uniform(0.1, 0.7)]))]
    if rng.random() < 0.35:
        rise = size * rng.uniform(0.08, 0.3)
        solids.append(can([0, thick - 1e-3, 0], size * rng.uniform(0.12, 0.3), rise, style))
        thick += rise
    return solids, thick


def _domed(rng: Rng, size: float, style: Style) -> Built:
    tall, edge = size * rng.uniform(0.25, 0.9), size * rng.uniform(0.03, 0.12)
    power = rng.uniform(0.5, 1.6)
    u = np.linspace(0, 1, 9)
    rows = [(0, 0), (size, 0), *np.stack([size * (1 - u**1.5 * 0.85), edge + tall * u**power], 1)]
    return [spun([*rows, (0, edge + tall)], circle(1.0, style.around))], edge + tall


def _stepped(rng: Rng, size: float, style: Style) -> Built:
    """Turned mouldings, or steps of round, square or polygonal plan."""
    section = [circle(1.0, style.around), square(0.1) * 0.85, polygon(int(rng.choice([6, 8])))]
    plan = section[int(rng.choice(3, p=[0.65, 0.25, 0.1]))]
    rows, y, r = [(0.0, 0.0)], 0.0, size
    for _ in range(int(rng.integers(2, 5))):
        rise = size * rng.uniform(0.06, 0.22)
        rows += [(r, y), (r * rng.choice([1.0, 0.9]), y + rise)]
        y, r = y + rise, r * rng.uniform(0.5, 0.85)
    return [spun([*rows, (0, y)], plan)], y


def _slab(rng: Rng, size: float, style: Style) -> Built:
    """A flat square or oblong plate with sharp or round edges."""
    thick, ratio = size * rng.uniform(0.08, 0.35), rng.choice([1.0, rng.uniform(0.5, 0.95)])
    plan = square(rng.choice([0.0, rng.uniform(0.05, 0.5)])) * [size * 0.85, size * 0.85 * ratio]
    return [plate(plan, 0, thick, thick * rng.choice([0.0, 0.3]))], thick


def _block(rng: Rng, size: float, style: Style) -> Built:
    """A heavy cube, cylinder or truncated cone."""
    tall, section = size * rng.uniform(0.7, 1.6), square(rng.choice([0.0, 0.2])) * 0.8
    if rng.random() < 0.6:
        section = circle(1.0, style.around)
    top = rng.choice([1.0, rng.uniform(0.5, 0.95)])
    return [spun(np.array([(0, 0), (1, 0), (top, 1), (0, 1)]) * [0.75 * size, tall], section)], tall


def _ring(rng: Rng, size: float, style: Style) -> Built:
    """A hoop on the floor with spokes to the middle."""
    wire = max(1.2 * style.rod, size * rng.uniform(0.03, 0.08))
    spokes = [strut([0, wire, 0], [size, wire, 0], wire, style)]
    return [hoop(size, wire, style, wire), *around(spokes, int(rng.choice([1, 3, 4])))], 1.9 * wire


def _cross(rng: Rng, size: float, style: Style) -> Built:
    """Flat arms in a cross or star."""
    count, wide, tall = int(rng.choice([3, 4, 4, 5])), size * rng.uniform(0.1, 0.25), size * rng.uniform(0.06, 0.2)
    arm = bar([0, tall / 2, 0], [size, tall / 2, 0], wide, tall)
    return [*around([arm], count, 45), can([0, 0, 0], 0.75 * wide, tall * 1.5, style)], tall * 1.5


def _claws(rng: Rng, size: float, style: Style) -> Built:
    """Curved legs that end in feet, under a hub."""
    tall, thick = size * rng.uniform(0.4, 1.1), size * rng.uniform(0.05, 0.1)
    bow = rng.uniform(-0.25, 0.35)
    knots = [(0.02, 1.0), (0.4, 0.75 + bow), (0.75, 0.3 + bow / 2), (0.95, 0.04 + thick / tall)]
    flat = spline(knots, 12) * [size, tall]
    leg = bent(np.stack([flat[:, 0], flat[:, 1], np.zeros(12)], 1), np.linspace(1.1, 0.7, 12) * thick, style)
    toe = ball([flat[-1, 0], thick, 0], 1.3 * thick, style, 0.75)
    hub = can([0, 0.8 * tall, 0], 2.2 * thick, 0.28 * tall, style)
    return [hub, *around([leg, toe], int(rng.choice([3, 3, 4, 5])))], 1.08 * tall


def _clamp(rng: Rng, size: float, style: Style) -> Built:
    """A screw clamp for the edge of a desk; it reaches below the desk's top at y = 0.5 size."""
    wide, thin, gap = size * rng.uniform(0.4, 0.7), 0.16 * size, size * rng.uniform(0.7, 1.1)
    solids = [
        move(box([wide, thin, size]), [0, gap + 0.5 * thin, 0.3 * size]),
        move(box([wide, gap + 2 * thin, thin]), [0, 0.5 * gap, -0.2 * size]),
        move(box([wide, thin, 0.9 * size]), [0, -0.5 * thin, 0.25 * size]),
        rod([0, -0.6 * gap, 0.4 * size], [0, 0.6 * gap, 0.4 * size], 0.08 * size, count=8),
        can([0, 0.58 * gap, 0.4 * size], 0.2 * size, 0.08 * size, style),
        can([0, gap + thin - 1e-3, 0], 0.2 * size, 0.4 * size, style),
    ]
    return solids, gap + thin + 0.38 * size


def tripod(rng: Rng, size: float, tall: float, style: Style) -> Built:
    """Long straight legs from a hub at height `tall`, three or four, with or without a brace."""
    count, thick = int(rng.choice([3, 3, 3, 4])), max(style.rod, tall * rng.uniform(0.008, 0.022))
    top = np.array([1.4 * thick, tall, 0])
    foot = np.array([size, 0.8 * thick, 0])
    legs = around([strut(top, foot, thick, style)], count)
    hub = can([0, tall - 2.5 * thick, 0], 3.0 * thick, 4 * thick, style)
    solids = [*legs, hub]
    if rng.random() < 0.35:
        u = rng.uniform(0.25, 0.6)
        at = top + u * (foot - top)
        if rng.random() < 0.5:
            solids.append(hoop(float(at[0]), 0.5 * thick, style, float(at[1])))
        else:
            solids += around([strut([0, at[1], 0], at, 0.6 * thick, style)], count)
    return solids, tall + 1.4 * thick


# --- bodies of table lamps ----------------------------------------------------------------------------------------


# Radii at even heights, from the foot to the neck.
VASES = {
    "urn": (0.55, 0.5, 0.8, 1.0, 0.95, 0.5, 0.3, 0.36),
    "ginger jar": (0.62, 0.72, 0.9, 1.0, 1.0, 0.85, 0.45, 0.42),
    "gourd": (0.7, 1.0, 0.95, 0.55, 0.5, 0.7, 0.6, 0.25),
    "bottle": (0.9, 1.0, 0.98, 0.85, 0.5, 0.3, 0.26, 0.26),
    "teardrop": (0.6, 0.95, 1.0, 0.85, 0.62, 0.42, 0.28, 0.2),
    "trumpet": (1.0, 0.6, 0.42, 0.4, 0.46, 0.6, 0.78, 0.7),
    "sphere": (0.3, 0.8, 0.97, 1.0, 0.97, 0.8, 0.5, 0.25),
    "cylinder": (0.98, 1.0, 1.0, 1.0, 1.0, 1.0, 0.98, 0.6),
    "cone": (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3),
    "baluster": (1.0, 0.5, 0.7, 0.85, 0.6, 0.35, 0.3, 0.45),
    "double": (0.5, 1.0, 0.5, 0.9, 0.4, 0.75, 0.35, 0.3),
}


def vase(rng: Rng, size: float, style: Style) -> Built:
    """The pottery, glass or wooden body of a table lamp, perhaps on a foot plate, with a neck."""
    radii = np.array(VASES[pick(rng, dict.fromkeys(VASES, 1))])
    tall = size * rng.uniform(1.4, 3.6)
    rows = np.stack([radii * rng.uniform(0.9, 1.1, len(radii)), np.linspace(0, 1, len(radii))], 1)
    rows = spline(rows, 17) * [size, tall]
    plans = [circle(1.0, style.around), square(rng.uniform(0, 0.4)) * 0.85, polygon(int(rng.choice([6, 8])))]
    plan = plans[int(rng.choice(3, p=[0.8, 0.12, 0.08]))]
    foot = size * rng.uniform(0.05, 0.2) if rng.random() < 0.5 else 0.0
    solids = [spun([(0, foot), *(rows + [0, foot]), (0, foot + tall)], plan)]
    if foot:
        wide = rows[0, 0] * rng.uniform(1.05, 1.4)
        solids.append(plate((plan if rng.random() < 0.6 else square() * 0.9) * wide, 0, foot + 1e-3))
    if rng.random() < 0.15:  # two handles, as of an amphora
        at = float(np.interp(0.75, np.linspace(0, 1, 17), rows[:, 0]))
        flat = spline([(0, 0.9), (0.5, 0.95), (0.75, 0.7), (0, 0.5)], 12)
        path = np.stack([0.8 * at + 0.6 * size * flat[:, 0], foot + tall * flat[:, 1], np.zeros(12)], 1)
        solids += around([bent(path, 0.07 * size, style)], 2)
    return solids, foot + tall


# --- canopies -----------------------------------------------------------------------------------------------------


def canopy(rng: Rng, name: str, size: float, style: Style) -> Built:
    """The named canopy of radius about `size`, hanging under y = 0."""
    tall = size * {"dome": rng.uniform(0.4, 1.0), "cone": rng.uniform(0.6, 1.8), "can": rng.uniform(0.5, 1.4)}.get(
        name, rng.uniform(0.12, 0.4)
    )
    u = np.linspace(0, 1, 7)
    rows = {
        "dome": np.stack([np.sin(u * np.pi / 2), -np.cos(u * np.pi / 2)], 1),
        "cone": np.stack([0.18 + 0.82 * u, u - 1], 1),
        "bell": np.stack([0.25 + 0.75 * u**2.2, u - 1], 1),
        "stepped": np.array([(0.4, -1), (0.45, -0.6), (0.75, -0.6), (0.8, -0.3), (1, -0.3), (1, 0)]),
    }.get(name, np.array([(0.94, -1), (1, -0.9), (1, 0)]))
    rows = np.concatenate([[(0, -1)], rows, [(0, 0)]]) * [size, tall]
    rows[1:-1, 1] -= 0.04 * size * (rows[1:-1, 1] == 0)
    rows[-1, 1] = 0
    rows = np.insert(rows, len(rows) - 1, [rows[-2, 0], 0], 0)
    plan = {"square": square(0.15) * 0.88, "shield": polygon(6, 0.0)}.get(name, circle(1.0, style.around))
    if name == "oval":
        plan = plan * [0.6, 1.0]
    return [spun(rows, plan)], tall


def bar_canopy(rng: Rng, half: float, size: float, style: Style) -> Built:
    """A long canopy along X, square or round at its ends."""
    thick = size * rng.uniform(0.25, 0.6)
    if rng.random() < 0.3:
        plan = np.concatenate([arc_end(half, size), -arc_end(half, size)])
    else:
        plan = square() * [half, size]
    return [plate(plan, -thick, 0)], thick


def arc_end(half: float, size: float) -> np.ndarray:
    """The round end at +X of a strip: (7, 2)."""
    t = np.linspace(-np.pi / 2, np.pi / 2, 7)
    return np.stack([half - size + size * np.cos(t), size * np.sin(t)], 1)


def wall_plate(rng: Rng, name: str, size: float, style: Style) -> Built:
    """A canopy turned onto the wall z = 0, facing +Z."""
    solids, thick = canopy(rng, name, size, style)
    return [turn(solid, "x", -90) for solid in solids], thick


BASES: dict[str, Callable[[Rng, float, Style], Built]] = {
    "disc": _disc, "domed": _domed, "stepped": _stepped, "slab": _slab, "block": _block, "ring": _ring,
    "cross": _cross, "claws": _claws, "clamp": _clamp, "vase": vase,
}  # fmt: skip
