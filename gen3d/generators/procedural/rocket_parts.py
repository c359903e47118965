"""What belongs to a rocket's body beside its hull: boosters, engines, portholes."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.rocket_fins import around
from gen3d.generators.procedural.rocket_hull import Hull
from gen3d.generators.procedural.solids import Solid, ellipsoid, lathe, merge, move, turn

Rng = np.random.Generator


def boosters(rng: Rng, hull: Hull, traits: dict[str, str]) -> tuple[list[Solid], Hull]:
    """Two to six smaller rockets round the lower part of the body, and the hull that their outer sides lie on."""
    count = int(rng.choice([2, 3, 4, 6], p=[0.5, 0.08, 0.32, 0.1]))
    traits["boosters"] = {2: "two", 3: "three", 4: "four", 6: "six"}[count]
    core = float(hull.rows[:, 0].max())
    size = core * float(rng.uniform(0.35, 0.6 if count > 3 else 1.0))
    long, tip = hull.top * float(rng.uniform(0.3, 0.8)), size * float(rng.uniform(1.2, 3.5))
    low = float(rng.choice([0.0, rng.uniform(-0.04, 0.04)]))
    u = np.linspace(0, 1, 6)
    curve = 1 - u ** float(rng.choice([1.0, 1.8])) * 0.98
    conical = rng.random() < 0.2  # as those of Soyuz
    widths = np.linspace(1, 0.35, 3) if conical else np.array([1.0, 1.0, 1.0])
    rows = [(0, low), *zip(size * widths, low + long * np.array([0, 0.5, 1]), strict=True)]
    top = [(size * widths[-1] * c, low + long + tip * h) for c, h in zip(curve[1:], u[1:], strict=True)]
    solid = lathe(np.array([*rows, *top, (0, low + long + tip)]), 16)
    if rng.random() < 0.6:
        solid = merge([solid, move(bell(rng, 0.7 * size), [0, low, 0])])
    wall = float(hull.radius(0.3 * long))
    if conical:  # lean against the body
        solid = turn(solid, "z", float(np.degrees(np.arctan2(0.5 * size, long))))
    outer = wall + 1.9 * size * (0.75 if conical else 1.0)
    skin = Hull(np.array([(outer, low), (outer, low + long)]), hull.count)
    return around(move(solid, [wall + 0.93 * size, 0, 0]), count, 0.0), skin


def bell(rng: Rng, radius: float) -> Solid:
    """A hollow nozzle that hangs from y = 0."""
    high = radius * float(rng.uniform(0.8, 1.8))
    u = np.linspace(0, 1, 6)
    throat = float(rng.uniform(0.35, 0.7))
    outer = radius * (throat + (1 - throat) * u ** float(rng.uniform(0.5, 1.0)))
    deep = [(0.82 * r, -high * x) for r, x in zip(outer[:0:-1], u[:0:-1], strict=True)]
    rows = [(0, -0.3 * high), *deep[::-1][1:], *[(r, -high * x) for r, x in zip(outer[::-1], u[::-1], strict=True)]]
    return lathe(np.array([*rows, (outer[0], 0.15 * high), (0, 0.15 * high)]), 16)


def engines(rng: Rng, hull: Hull, count: str) -> list[Solid]:
    """None, one, or a ring of nozzles (with one in the middle where there are five) below the body."""
    base = float(hull.rows[0, 0])
    if count == "none":
        return []
    if count == "one":
        return [bell(rng, base * float(rng.uniform(0.5, 0.95)))]
    nozzle = bell(rng, base * float(rng.uniform(0.26, 0.34)))
    ring = around(move(nozzle, [0.6 * base, 0, 0]), 3 if count == "three" else 4, 45.0)
    return [*ring, nozzle] if count == "five" else ring


def portholes(rng: Rng, hull: Hull, traits: dict[str, str]) -> list[Solid]:
    """One to three round windows with frames in a column on the side towards +Z."""
    count = int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
    traits["windows"] = {1: "one", 2: "two", 3: "three"}[count]
    high, found = hull.top * float(rng.uniform(0.65, 0.88)), []
    size = 0.35 * float(hull.radius(high)) * float(rng.uniform(0.7, 1.2))
    t = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    thick = 0.22 * size
    frame = lathe(np.stack([size + thick * np.cos(t), thick * np.sin(t)], 1), 20, closed=True)
    glass = ellipsoid([size, 0.25 * size, size], 14)
    for i in range(count):
        y = high - 2.8 * i * size
        wall = float(hull.radius(y))
        slope = np.degrees(np.arctan2(float(hull.radius(y - size) - hull.radius(y + size)), 2 * size))
        facing = turn(merge([frame, glass]), "x", 90 - float(slope))
        found.append(move(facing, [0, y, wall - 0.35 * size * size / wall]))
    return found
