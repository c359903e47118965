"""Fins of rockets: plates, wedges and curved legs round the body, grids, wings, and what stands at their tips."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.rocket_hull import Hull
from gen3d.generators.procedural.solids import Solid, box, cylinder, ellipsoid, loft, merge, move, rod, tube, turn

Rng = np.random.Generator
Curve = Float[np.ndarray, " S"]


class Fin(NamedTuple):
    """One fin towards +X.

    Args:
        span: (S,) distances from the body's wall.
        lead, trail: (S,) heights of its upper and lower edge there.
        thick: (S,) thickness there.
        sharp: whether its section is a lens, or a plate with square edges.
    """

    span: Curve
    lead: Curve
    trail: Curve
    thick: Curve
    sharp: bool


# How a fin of unit span and unit root (from 1 at the top to 0 at the bottom) runs: knots of (span, lead, trail).
# The lower and upper ends of each family.
OUTLINES = {
    "delta": (((0, 1, 0), (1, 0.08, -0.1)), ((0, 1, 0), (1, 0.2, 0.1))),
    "trapezoid": (((0, 1, 0), (1, 0.45, -0.1)), ((0, 1, 0), (1, 0.8, 0.2))),
    "swept": (((0, 1, 0), (1, 0.1, -0.7)), ((0, 1, 0), (1, 0.5, -0.2))),
    "rectangle": (((0, 1, 0), (1, 0.95, -0.02)), ((0, 1, 0), (1, 1.0, 0.05))),
    "elliptic": (
        ((0, 1, 0), (0.3, 0.95, 0.02), (0.6, 0.8, 0.1), (0.85, 0.55, 0.2), (1, 0.35, 0.28)),
        ((0, 1, 0), (0.3, 0.9, 0), (0.6, 0.65, 0), (0.85, 0.4, 0.03), (1, 0.25, 0.1)),
    ),
    "curved": (
        ((0, 1, 0.1), (0.25, 0.9, 0.05), (0.5, 0.65, -0.12), (0.75, 0.25, -0.4), (1, -0.5, -0.9)),
        ((0, 1, 0.3), (0.25, 0.85, 0.3), (0.5, 0.6, 0.2), (0.75, 0.3, 0.0), (1, -0.1, -0.35)),
    ),
    "hook": (
        ((0, 1, 0), (0.4, 0.75, -0.05), (0.7, 0.5, -0.2), (1, 0.35, -0.6)),
        ((0, 1, 0.2), (0.4, 0.9, 0.15), (0.7, 0.7, 0), (1, 0.55, -0.3)),
    ),
    "clipped": (((0, 1, 0), (0.6, 0.45, 0), (1, 0.4, 0)), ((0, 1, 0), (0.6, 0.7, 0), (1, 0.6, 0.05))),
}


def draw_fin(rng: Rng, kind: str, span: float, root: tuple[float, float], thick: float) -> Fin:
    """A fin of a family; `root` gives the heights of its lower and upper end at the wall."""
    low, high = (np.array(ends, float) for ends in OUTLINES[kind])
    knots = low + (high - low) * rng.random()
    s = np.linspace(0, 1, 9 if len(knots) > 2 else 3)
    lead, trail = (np.interp(s, knots[:, 0], knots[:, i]) for i in (1, 2))
    lead = np.maximum(lead, trail + 0.02)
    tip = float(rng.choice([1.0, rng.uniform(0.15, 0.7)]))
    return Fin(
        s * span,
        root[0] + lead * (root[1] - root[0]),
        root[0] + trail * (root[1] - root[0]),
        thick * (1 + (tip - 1) * s),
        bool(rng.random() < 0.4),
    )


def fin_solid(hull: Hull, fin: Fin) -> Solid:
    """The fin as a closed solid, its root sunk into the body's wall."""
    c = np.linspace(0, 1, 9)
    half = np.sqrt(np.clip(1 - (2 * c - 1) ** 2, 0, 1)) if fin.sharp else np.ones(9)
    down = np.concatenate([c, c[::-1]])  # from the leading edge down on the +Z side and up again on the other
    side = np.concatenate([np.maximum(half, 0.08), -np.maximum(half, 0.08)[::-1]])
    y = fin.lead[:, None] + (fin.trail - fin.lead)[:, None] * down
    flush = 1 - fin.span[:, None] / fin.span[-1]  # the root follows the body, the tip is upright
    root = 0.93 * hull.radius(np.clip(y, 0, hull.top))
    straight = float(hull.radius(float(np.clip(fin.trail[0], 0, hull.top))))
    x = flush * root + (1 - flush) * straight + fin.span[:, None]
    return loft(np.stack([x, y, side * fin.thick[:, None] / 2], -1))


def around(solid: Solid, count: int, start: float) -> list[Solid]:
    """Copies of a solid at even angles about +Y, the first turned by `start` degrees."""
    return [turn(solid, "y", start + i * 360 / count) for i in range(count)]


# --- others -------------------------------------------------------------------------------------------------------


def grid_fin(rng: Rng, hull: Hull, at: float, size: float) -> Solid:
    """A lattice panel that stands off the body towards +X, on a short arm."""
    inner = float(hull.radius(at))
    cells, thin = int(rng.integers(3, 5)), 0.06 * size
    slats = [box([size, 0.25 * size, thin]) for _ in range(cells + 1)]
    cross = [box([thin, 0.25 * size, size]) for _ in range(cells + 1)]
    places = np.linspace(-size / 2, size / 2, cells + 1)
    lattice = [move(s, [0, 0, p]) for s, p in zip(slats, places, strict=True)]
    lattice += [move(s, [p, 0, 0]) for s, p in zip(cross, places, strict=True)]
    arm = rod([-0.9 * size, 0, 0], [0, 0, 0], 0.1 * size, count=8)
    return move(merge([*lattice, arm]), [inner + 0.75 * size, at, 0])


def leg(rng: Rng, hull: Hull, high: float, reach: float, drop: float) -> Solid:
    """A thin bent leg that carries the rocket, with a foot."""
    start = float(hull.radius(high))
    x = start + reach * np.array([-0.1, 0.45, 0.85, 1.0])
    path = np.stack([x, [high, 0.75 * high, 0.25 * high - 0.4 * drop, -drop], np.zeros(4)], 1)
    thick = float(rng.uniform(0.012, 0.03))
    foot = move(cylinder(2.2 * thick, 0.8 * thick, count=12), [x[-1], -drop, 0])
    return merge([tube(path, [1.2 * thick, 1.2 * thick, thick, thick], 8), foot])


def tip(rng: Rng, fin: Fin, hull: Hull) -> Solid:
    """A pod or ball at the end of a fin."""
    middle, long = (fin.lead[-1] + fin.trail[-1]) / 2, max(float(fin.lead[-1] - fin.trail[-1]), 0.08)
    x = float(hull.radius(float(np.clip(fin.trail[0], 0, hull.top)))) + fin.span[-1]
    thick = max(1.6 * float(fin.thick[-1]), 0.018)
    pod = ellipsoid([thick, 0.7 * long if rng.random() < 0.6 else thick, thick], 12)
    return move(pod, [x, middle, 0])
