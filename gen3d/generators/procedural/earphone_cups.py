"""Ear cups: shells, cushions and what is on them.

A cup is built about the X axis as the right one: its cushion looks to -X, towards the head, and its middle is the
origin. Lengths are in half widths of a head, about.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.fittings import Plane, Rng, Style, around, pick, spun
from gen3d.generators.procedural.solids import Solid, box, circle, cylinder, lathe, move, superellipse, turn

PLANS = {"round": 48, "oval": 26, "egg": 8, "d": 6, "square": 8, "polygon": 4}
SHELLS = {"flat": 26, "domed": 22, "stepped": 18, "cone": 10, "barrel": 10, "dished": 8, "slim": 6}
CUSHIONS = {"ring": 46, "slab": 18, "foam": 26, "none": 10}
BADGES = {"none": 40, "disc": 22, "ring": 14, "grille": 10, "bar": 8, "knob": 6}


class Cup(NamedTuple):
    """The pieces of a cup, its half height and half depth (Z), and where it starts and ends along X."""

    solids: list[Solid]
    tall: float
    deep: float
    inner: float
    outer: float


def cup(rng: Rng, radius: float, style: Style, traits: dict[str, str]) -> Cup:
    """A right cup of mean radius `radius`; what was chosen is noted in the traits."""
    traits["plan"] = plan = pick(rng, PLANS)
    traits["shell"] = kind = pick(rng, SHELLS)
    traits["cushion"] = cushion = pick(rng, CUSHIONS)
    outline = _outline(rng, plan, style)
    outline = outline * radius
    shell = _shell(rng, kind) * [1.0, radius * rng.uniform(0.3, 0.75)]
    solids, inner = _cushion(rng, cushion, outline, radius)
    solids.append(spun(np.concatenate([[(0, 0)], shell, [(0, shell[-1, 1])]]), outline))
    solids += _badge(rng, traits, shell, outline, style)
    tall, deep = np.abs(outline).max(0)
    turned = [turn(solid, "z", -90) for solid in solids]  # the axis +Y becomes +X, the plan's x points down
    return Cup(turned, float(tall), float(deep), -inner, float(shell[:, 1].max()))


def _outline(rng: Rng, plan: str, style: Style) -> Plane:
    """Outline of a cup, about 1 in radius; its first axis is the vertical one, downwards."""
    count = max(style.around, 12)
    t = np.arange(count) * 2 * np.pi / count
    ring = circle(1.0, count)
    if plan == "oval":
        return ring * [rng.uniform(1.1, 1.45), rng.uniform(0.8, 1.0)]
    if plan == "egg":
        return ring * np.stack([np.full(count, 1.2), 0.95 - rng.uniform(0.1, 0.25) * np.cos(t)], 1)
    if plan == "d":
        return np.stack([1.15 * np.cos(t), np.sin(t) * np.where(np.sin(t) > 0, 1.0, rng.uniform(0.55, 0.8))], 1)
    if plan == "square":
        return superellipse(2 * rng.uniform(0.95, 1.3), 1.9, rng.uniform(3, 7), max(count, 24))
    return circle(1.0, int(rng.choice([6, 8, 10]))) if plan == "polygon" else ring


def _shell(rng: Rng, kind: str) -> Float[np.ndarray, "S 2"]:
    """(radius, distance outwards) rows of a housing from the cushion's plate to the outer face; both about 1."""
    u = np.linspace(0, np.pi / 2, 7)
    if kind == "domed":
        flat = rng.uniform(0.0, 0.4)
        return np.concatenate([[(1, 0)], np.stack([np.cos(u) * (1 - 0.1 * flat), flat + (1 - flat) * np.sin(u)], 1)])
    if kind == "stepped":
        a, b = rng.uniform(0.75, 0.92), rng.uniform(0.4, 0.7)
        return np.array([(1, 0), (1, 0.35), (a, 0.4), (a, 0.7), (b, 0.75), (b, 1)])
    if kind == "cone":
        return np.array([(1, 0), (1, 0.2), (rng.uniform(0.35, 0.75), 1)])
    if kind == "barrel":
        return np.array([(0.85, 0), (1.0, 0.25), (1.0, 0.7), (0.85, 1)])
    if kind == "dished":
        return np.array([(1, 0), (1, 0.9), (0.92, 1), (0.8, 1), (0.7, 0.75)])
    tall = 0.5 if kind == "slim" else 1.0
    return np.array([(1, 0), (1, 0.8), (rng.uniform(0.8, 0.96), 1)]) * [1, tall]


def _cushion(rng: Rng, kind: str, outline: Plane, radius: float) -> tuple[list[Solid], float]:
    """The soft part on the inner side, and how far it reaches inwards."""
    if kind == "none":
        thick = radius * rng.uniform(0.05, 0.15)
        return [spun([(0, -thick), (0.8, -thick), (0.95, 0.01), (0, 0.01)], outline)], thick
    thick = radius * rng.uniform(0.25, 0.65)
    if kind == "ring":
        size, tube = rng.uniform(0.92, 1.08), rng.uniform(0.17, 0.3)
        t = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        rows = np.stack([size - tube + tube * np.cos(t), -0.5 * thick + 0.52 * thick * np.sin(t)], 1)
        plate = spun([(0, -0.2 * thick), (0.75, -0.2 * thick), (0.75, 0.01), (0, 0.01)], outline)
        return [spun(rows, outline, closed=True), plate], thick
    size = rng.uniform(0.8, 1.05)
    if kind == "slab":
        rows = [(0, -thick), (0.85, -thick), (0.97, -0.85 * thick), (1, -0.5 * thick), (0.97, 0.01), (0, 0.01)]
        return [spun(np.array(rows) * [size, 1], outline)], thick
    u = np.linspace(-np.pi / 2, np.pi / 4, 8)
    rows = np.stack([size * np.cos(u), 0.6 * thick * np.sin(u) - 0.35 * thick], 1)
    rows[0, 0] = 0
    return [spun(np.concatenate([rows, [(0, rows[-1, 1])]]), outline)], 0.95 * thick


def _badge(rng: Rng, traits: dict[str, str], shell: Plane, outline: Plane, style: Style) -> list[Solid]:
    """What stands on the outer face."""
    traits["badge"] = kind = pick(rng, BADGES)
    size, top = float(np.abs(outline).min(0).min() + np.abs(outline).max(0).min()) * 0.5, float(shell[-1, 1])
    wide = max(0.45, float(shell[-1, 0])) * np.abs(outline).max(0).min()
    thin = 0.04 * size + 0.01
    if kind == "disc":
        return [move(cylinder(wide * rng.uniform(0.4, 0.85), 2 * thin, count=style.around), [0, top - thin, 0])]
    if kind == "knob":
        return [move(cylinder(wide * 0.3, 5 * thin, count=style.few), [0, top - thin, 0])]
    if kind == "ring":
        at, t = wide * rng.uniform(0.5, 0.8), np.linspace(0, 2 * np.pi, 6, endpoint=False)
        rows = np.stack([at + thin * np.cos(t), top + thin * np.sin(t)], 1)
        return [lathe(rows, style.around, closed=True)]
    if kind == "bar":
        return [move(box([1.1 * wide, 2 * thin, 0.3 * wide]), [0, top, 0])]
    if kind == "grille":
        return around([move(box([0.8 * wide, thin, 0.08 * wide]), [0.42 * wide, top, 0])], int(rng.integers(4, 9)))
    return []
