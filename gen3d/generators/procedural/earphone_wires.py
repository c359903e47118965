"""Wires of earphones: from one cup or both, straight, in waves, coiled or bundled, with a plug at the end."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.fittings import Path, Rng, Spot, Style, ball, pick
from gen3d.generators.procedural.solids import Solid, box, move, spline, tube

COURSES = {"straight": 22, "wavy": 34, "coil": 12, "bundle": 12, "drape": 20}


def cable(rng: Rng, start: Spot, length: float, thick: float, style: Style, traits: dict[str, str]) -> list[Solid]:
    """One wire down from `start` with its plug, `length` long in height, `thick` in radius."""
    traits["course"] = kind = pick(rng, COURSES)
    path = course(rng, kind, start, length)
    count = 8 if style.around > 16 else 6
    return [tube(path, thick, count), *_plug(rng, path, thick, style)]


def course(rng: Rng, kind: str, start: Spot, length: float) -> Path:
    """The path of a wire down from `start`."""
    if kind == "coil":
        return _coil(rng, start, length)
    if kind == "bundle":
        return _bundle(rng, start, length)
    wild = {"straight": 0.04, "wavy": 0.3, "drape": 0.15}[kind] * length
    count = int(rng.integers(4, 8))
    u = np.linspace(0, 1, count)[:, None]
    knots = start + u * [0, -length, 0] + rng.normal(0, wild, (count, 3)) * [1, 0.25, 0.6] * np.minimum(4 * u, 1)
    if kind == "drape":  # the far end lies on the table
        run, floor = rng.uniform(0.5, 1.2) * length, knots[-1]
        out = np.array([rng.choice([-1.0, 1.0]), 0, rng.uniform(-1, 1)])
        tail = floor + np.arange(1, 5)[:, None] / 4 * run * out + rng.normal(0, 0.1 * run, (4, 3)) * [1, 0, 1]
        knots = np.concatenate([knots, tail])
    return spline(knots, 12 * count)


def _coil(rng: Rng, start: Spot, length: float) -> Path:
    """Straight, then a spiral cord, then straight."""
    turns, radius = int(rng.integers(8, 16)), rng.uniform(0.05, 0.09)
    a, b = sorted(rng.uniform(0.1, 0.9, 2)) if rng.random() < 0.4 else (0.12, 0.88)
    u = np.linspace(0, 1, 10 * turns)
    t = 2 * np.pi * turns * u
    grow = radius * np.minimum(1, 12 * np.minimum(u, 1 - u))
    helix = np.stack([grow * np.sin(t), -length * (a + (b - a) * u), grow * np.cos(t)], 1)
    bow = np.sin(np.pi * u)[:, None] * rng.normal(0, 0.12, 3) * length * [1, 0, 1]
    return start + np.concatenate([[[0, 0, 0]], helix + bow, [[0, -length, 0]]])


def _bundle(rng: Rng, start: Spot, length: float) -> Path:
    """Down, and then round and round in a loose ring."""
    turns, radius = float(rng.uniform(1.5, 3.5)), rng.uniform(0.25, 0.5) * min(length, 1.2)
    u = np.linspace(0, 1, int(18 * turns))
    t = 2 * np.pi * turns * u
    flat = radius * (1 + 0.12 * np.sin(2.3 * t)) * np.stack([np.sin(t), np.cos(t)])
    tilt = rng.uniform(-0.5, 0.9)
    ring = np.stack([flat[0], (flat[1] - radius) * np.cos(tilt), (flat[1] - radius) * np.sin(tilt) + 0.1 * u], 1)
    down = np.linspace(0, 1, 5)[:-1, None] * [0, -0.6 * length, 0]
    return spline(start + np.concatenate([down, ring + [0, -0.6 * length, 0]]), len(ring) + 10)


def _plug(rng: Rng, path: Path, thick: float, style: Style) -> list[Solid]:
    """A jack in the direction of the wire's end: a sleeve and a pin; or nothing."""
    if rng.random() < 0.2:
        return []
    along = path[-1] - path[-2]
    along = along / np.linalg.norm(along)
    big, long = thick * rng.uniform(1.8, 3.2), thick * rng.uniform(6, 12)
    at = np.array([0, 0.1, 0.6, 0.62, 1.0]) * long
    rod = tube(path[-1] + (at - 0.05 * long)[:, None] * along, [1.1 * thick, big, big, 0.5 * big, 0.45 * big], 8)
    return [rod]


def joined(rng: Rng, ends: tuple[Spot, Spot], low: float, thick: float, style: Style) -> tuple[list[Solid], Spot]:
    """Two wires that meet in a junction at height `low`; the pieces, and where the one wire goes on."""
    meet = np.array([0.1 * rng.normal(), low, 0.15 * rng.normal()])
    solids: list[Solid] = []
    for end in ends:
        knots = np.array([end, end - [0, 0.15, 0], 0.5 * (end + meet), meet + [0, 0.12, 0], meet])
        knots[2] += rng.normal(0, 0.1, 3)
        solids.append(tube(spline(knots, 26), 0.8 * thick, 6))
    if rng.random() < 0.5:
        solids.append(ball(meet, 2.2 * thick, style, 2.0))
    else:
        solids.append(move(box([5 * thick, 8 * thick, 2.6 * thick], thick), meet))
    return solids, meet
