"""Hulls of rockets: the body as a surface of revolution about +Y, and the nose on top of it.

The body's lowest ring lies at y = 0; the whole rocket is about 1 long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.solids import Solid, cylinder, ellipsoid, lathe, move, rod, spline

Rng = np.random.Generator
Profile = Float[np.ndarray, "_ 2"]


class Hull(NamedTuple):
    """A body: (S, 2) rows of (radius, height) from the bottom up, and the number of points around."""

    rows: Profile
    count: int

    @property
    def top(self) -> float:
        """Height where the nose starts."""
        return float(self.rows[-1, 1])

    @property
    def rim(self) -> float:
        """Radius where the nose starts."""
        return float(self.rows[-1, 0])

    def radius(self, y: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"]:
        """Of the body at the given heights; as at the ends beyond them."""
        return np.asarray(np.interp(y, self.rows[:, 1], self.rows[:, 0]))

    def solid(self) -> Solid:
        """The closed body."""
        low, high = self.rows[0, 1], self.rows[-1, 1]
        return lathe(np.concatenate([[(0, low)], self.rows, [(0, high)]]), self.count)


# --- bodies: each draws the rows of a body of length about 0.6 to 0.9 ---------------------------------------------


def straight(rng: Rng, radius: float, length: float, traits: dict[str, str]) -> Profile:
    """One tube, with or without a narrower or wider tail."""
    tail = radius * float(rng.choice([1.0, rng.uniform(0.6, 0.95), rng.uniform(1.1, 1.4)], p=[0.6, 0.25, 0.15]))
    y = np.array([0, rng.uniform(0.04, 0.15), 1.0]) * length
    return np.stack([[tail, radius, radius], y], 1)


def tapered(rng: Rng, radius: float, length: float, traits: dict[str, str]) -> Profile:
    """A tube that narrows towards the nose."""
    y = np.linspace(0, 1, 8)
    top = float(rng.uniform(0.35, 0.8))
    return np.stack([radius * (1 + (top - 1) * y ** rng.uniform(0.8, 2.0)), y * length], 1)


def staged(rng: Rng, radius: float, length: float, traits: dict[str, str]) -> Profile:
    """Two to four stages, each narrower than the one below, with conical steps between them."""
    count = int(rng.choice([2, 3, 4], p=[0.45, 0.4, 0.15]))
    traits["stages"] = {2: "two", 3: "three", 4: "four"}[count]
    ends = np.cumsum(rng.dirichlet(np.full(count, 6.0)))
    rows, size, low = [(radius, 0.0)], radius, 0.0
    for i, high in enumerate(ends):
        step = float(rng.uniform(0.02, 0.08))
        rows.append((size, high - step if i < count - 1 else 1.0))
        if i < count - 1:
            size *= float(rng.uniform(0.55, 0.9))
            rows.append((size, high))
        low = high
    r, y = np.array(rows).T
    return np.stack([r, y * length / low], 1)


def spindle(rng: Rng, radius: float, length: float, traits: dict[str, str]) -> Profile:
    """Slender at the tail, widest below or about the middle, drawn in towards the nose (the V2, comic rockets)."""
    tail, top = float(rng.uniform(0.4, 0.75)), float(rng.uniform(0.5, 0.85))
    widest = float(rng.uniform(0.35, 0.6))
    knots = [
        (tail, 0),
        ((1 + tail) / 2 + 0.1, widest / 2),
        (1, widest),
        ((1 + top) / 2 + 0.08, (1 + widest) / 2),
        (top, 1),
    ]
    curve = spline(knots, 18)
    return np.stack([radius * curve[:, 0], length * np.maximum.accumulate(curve[:, 1])], 1)


def banded(rng: Rng, radius: float, length: float, traits: dict[str, str]) -> Profile:
    """A tube with raised rings."""
    rows = [(radius, 0.0)]
    for at in np.sort(rng.choice(np.linspace(0.05, 0.9, 8), int(rng.integers(1, 5)), replace=False)):
        proud, tall = radius * float(rng.uniform(1.04, 1.15)), 0.02 + 0.02 * float(rng.random())
        rows += [(radius, at), (proud, at), (proud, at + tall), (radius, at + tall)]
    return np.array([*rows, (radius, 1.0)]) * [1, length]


def bulged(rng: Rng, radius: float, length: float, traits: dict[str, str]) -> Profile:
    """A slender tube under a wide head, as with a large fairing."""
    slim, start = radius * float(rng.uniform(0.55, 0.85)), float(rng.uniform(0.55, 0.8))
    y = np.array([0, start - 0.06, start, 1.0]) * length
    return np.stack([[slim, slim, radius, radius], y], 1)


BODIES = {
    "straight": straight, "tapered": tapered, "staged": staged, "spindle": spindle, "banded": banded, "bulged": bulged,
}  # fmt: skip


# --- noses: each draws the solids of a nose whose lower rim has the hull's upper radius -----------------------------


def _turned(hull: Hull, radii: Float[np.ndarray, " S"], heights: Float[np.ndarray, " S"]) -> Solid:
    """Rows of (share of the rim's radius, height above it) as a closed solid."""
    rows = np.stack([hull.rim * radii, hull.top + heights], 1)
    return lathe(np.concatenate([[(0, hull.top)], rows, [(0, rows[-1, 1])]]), hull.count)


def nose(rng: Rng, kind: str, hull: Hull, high: float) -> list[Solid]:
    """A nose of the given kind and height, from the hull's upper rim to the tip."""
    u = np.linspace(0, 1, 11)
    if kind == "capsule":
        return _capsule(rng, hull, high)
    if kind == "stepped":  # two cones
        knee, share = float(rng.uniform(0.35, 0.6)), float(rng.uniform(0.55, 0.8))
        return [_turned(hull, np.array([1, share, 0.02]), high * np.array([0, knee, 1]))]
    if kind == "fairing":  # wider than the body below
        wide = float(rng.uniform(1.15, 1.5))
        rows = np.concatenate([[1, wide, wide], wide * np.sqrt(1 - u[1:] ** 2 * 0.998)])
        return [_turned(hull, rows, high * np.concatenate([[0, 0.12, 0.45], 0.45 + 0.55 * u[1:]]))]
    curve = {
        "cone": 1 - 0.99 * u,
        "ogive": 1 - u ** float(rng.uniform(1.5, 2.1)) * 0.99,
        "dome": np.sqrt(1 - 0.998 * u**2),
        "blunt": np.maximum(1 - float(rng.uniform(0.55, 0.8)) * u, 0) * np.sqrt(1 - 0.998 * u**8),
        "needle": (1 - u) ** float(rng.uniform(0.55, 0.8)) * 0.99 + 0.01,
    }["ogive" if kind in ("spike", "ball") else kind]
    solids = [_turned(hull, curve, high * u)]
    tip = hull.top + high
    if kind == "spike":
        thin = float(rng.uniform(0.03, 0.1)) * hull.rim
        solids.append(
            rod([0, tip - 0.1 * high, 0], [0, tip + float(rng.uniform(0.3, 1.0)) * high, 0], thin, 0.4 * thin, 8)
        )
    if kind == "ball":
        size = float(rng.uniform(0.12, 0.3)) * hull.rim
        stalk = float(rng.uniform(0.1, 0.5)) * high
        solids.append(rod([0, tip - 0.2 * high, 0], [0, tip + stalk, 0], 0.4 * size, count=8))
        solids.append(move(ellipsoid([size, size, size], 12), [0, tip + stalk, 0]))
    return solids


def _capsule(rng: Rng, hull: Hull, high: float) -> list[Solid]:
    """A cone with a flat top and an escape tower on it, the tower a pole or a lattice of rods."""
    share, part = float(rng.uniform(0.15, 0.4)), float(rng.uniform(0.4, 0.6))
    solids = [_turned(hull, np.array([1, share, 0.6 * share]), high * np.array([0, part, part + 0.03]))]
    foot, top = hull.top + part * high, hull.top + high
    thin = float(rng.uniform(0.25, 0.6)) * share * hull.rim
    if rng.random() < 0.4:
        knee = foot + 0.45 * (top - foot)
        for a in np.arange(4) * np.pi / 2 + np.pi / 4:
            start = 0.8 * share * hull.rim * np.array([np.cos(a), 0, np.sin(a)])
            solids.append(
                rod([start[0], foot, start[2]], [0.4 * start[0], knee + 0.01, 0.4 * start[2]], 0.3 * thin, count=5)
            )
        foot = knee
    solids.append(move(cylinder(thin, top - foot, count=10), [0, foot, 0]))
    solids.append(move(cylinder(thin, 0.6 * thin + 0.02, 0.1 * thin, 10), [0, top - 1e-3, 0]))
    return solids
