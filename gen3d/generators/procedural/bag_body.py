"""Bodies of bags: stacks of level rings, or a front outline with some depth; and what lies on them.

A body stands on y = 0, its broad faces towards +Z and -Z; it is about 1 wide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.solids import Solid, box, extrude, loft, move, spline, superellipse, sweep, tube
from gen3d.generators.procedural.table_plan import place

Rng = np.random.Generator
Outline = Float[np.ndarray, "_ 2"]


class Body(NamedTuple):
    """How far a body reaches.

    Args:
        y: (S,) ascending heights; `half_x`, `half_z`: (S,) half width and half depth there.
        power: exponent of its plan (2 round, more is squarer).
        solid: the body itself, closed.
    """

    y: Float[np.ndarray, " S"]
    half_x: Float[np.ndarray, " S"]
    half_z: Float[np.ndarray, " S"]
    power: float
    solid: Solid

    @property
    def high(self) -> float:
        """Height of its highest place."""
        return float(self.y[-1])

    def side(self, y: float) -> float:
        """Half the width at a height."""
        return float(np.interp(y, self.y, self.half_x))

    def front(self, x: float, y: float) -> float:
        """Distance of the front face from the middle plane at (x, y)."""
        share = min(abs(x) / max(self.side(y), 1e-9), 0.98)
        return float(np.interp(y, self.y, self.half_z)) * (1 - share**self.power) ** (1 / self.power)

    def top(self, x: float) -> float:
        """Height of the body's upper side at x."""
        return float(self.y[self.half_x >= min(abs(x), float(self.half_x.max()))].max())


def stacked(knots: Outline, heights: tuple[float, ...], power: float, wall: float = 0.0, dip: float = 0.0) -> Body:
    """A body of level rings.

    Args:
        knots: (K, 2) half width and half depth at the given heights, from 0 up; straight between them.
        heights: (K,) ascending.
        power: exponent of the rings.
        wall: thickness of an open bag's wall, 0 for a closed body.
        dip: how far the rim of an open bag sags between its sides.
    """
    y = np.unique(np.concatenate([heights, np.linspace(0, heights[-1], 9)]))
    half = np.stack([np.interp(y, heights, column) for column in knots.T], 1)
    unit = superellipse(2, 2, power, 32)
    rows = [np.concatenate([half, y[:, None]], 1)]
    if wall > 0:
        inner = np.concatenate([np.maximum(half - wall, 0.2 * half), y[:, None]], 1)
        rows.append(inner[y >= 3 * wall][::-1])
    table = np.concatenate(rows)
    rings = place(unit * table[:, None, :2], table[:, 2:])
    sag = dip * (rings[..., 1] / y[-1]) ** 4 * (1 - (rings[..., 0] / half[:, 0].max()) ** 2)
    rings[..., 1] -= sag
    return Body(y, half[:, 0], half[:, 1], power, loft(rings))


def fronted(outline: Outline, depth: float, bevel: float) -> Body:
    """A body of one outline seen from the front, `depth` thick, its edges rounded; the outline stands on y = 0."""
    y = np.linspace(0, float(outline[:, 1].max()), 40)
    t = np.linspace(0, 1, 40)[:, None, None]
    x, level = (outline + t * (np.roll(outline, -1, 0) - outline)).reshape(-1, 2).T  # points all along the edges
    near = np.abs(level - y[:, None]) <= 0.02 * y[-1]
    half = np.where(near, x, 0.0).max(1)
    return Body(y, half, np.full(len(y), depth / 2), 40.0, extrude(outline, depth, bevel))


def standing(outline: Outline) -> Outline:
    """The outline lifted so that it stands on y = 0."""
    return outline - [0, outline[:, 1].min()]


# --- on the body --------------------------------------------------------------------------------------------------


def wrap(body: Body, x: float, half: float, ends: tuple[float, float], thin: float) -> Solid:
    """A band of width 2 half over the top at x, from height ends[0] on the front to ends[1] on the back."""
    top = body.top(abs(x) + 0.5 * half) if body.power > 30 else body.high
    front = np.linspace(min(ends[0], 0.97 * top), 0.985 * top, 7)
    back = np.linspace(min(ends[1], 0.97 * top), 0.985 * top, 5)
    lift = 0.3 * thin
    rows = [(x, y, body.front(x, y) + lift) for y in front]
    reach = body.front(x, 0.985 * top)
    rows += [(x, top + lift, s * reach) for s in (0.9, 0.0, -0.9)]
    rows += [(x, y, -body.front(x, y) - lift) for y in back[::-1]]
    outline = np.array([[-thin, -2 * half], [thin, -2 * half], [thin, 2 * half], [-thin, 2 * half]]) / 2
    return sweep(outline, rows, up=(1, 0, 0))


def flap(rng: Rng, body: Body, share: float, low: float) -> Solid:
    """A flap from the back over the top and down the front to height `low`, square or rounded below."""
    top, thin = body.high, float(rng.uniform(0.012, 0.03))
    y = np.linspace(low, 0.985 * top, 12)
    rows = [(0, v, body.front(0, v) + 0.3 * thin) for v in y]
    reach = body.front(0, 0.985 * top)
    rows += [(0, top + 0.3 * thin, s * reach) for s in (0.9, 0.0, -0.9)]
    rows += [(0, v, -body.front(0, v) - 0.3 * thin) for v in (0.985 * top, 0.8 * top)]
    half = share * min(body.side(0.7 * top), body.side(0.97 * top) + 0.05)
    outline = np.array([[-thin, -2 * half], [thin, -2 * half], [thin, 2 * half], [-thin, 2 * half]]) / 2
    length = float(rng.choice([0.0, 0.25, 0.9])) * half
    sizes = np.ones((len(rows), 2))
    if length > 0:
        down = np.clip(1 - (y - low) / length, 0, 1)
        sizes[: len(y), 1] = np.sqrt(np.maximum(1 - 0.95 * down**2, 0.05))
    return sweep(outline, rows, sizes, up=(1, 0, 0))


def pocket(rng: Rng, body: Body, share: tuple[float, float], low: float, side: int = 1) -> Solid:
    """A pocket on the front (or back) face: share of (width, height), its lower edge at height `low`."""
    wide, high = 2 * share[0] * body.side(0.4 * body.high), share[1] * body.high
    deep = float(rng.uniform(0.04, 0.16))
    outline = superellipse(wide, high, float(rng.uniform(3, 10)), 24)
    middle = low + high / 2
    solid = extrude(outline, 2 * deep, float(rng.uniform(0.2, 0.8)) * deep)
    return move(solid, [0, middle, side * body.front(0, middle)])


def clasp(rng: Rng, body: Body, x: float, y: float) -> Solid:
    """A buckle, lock or latch on the front face."""
    size = float(rng.uniform(0.02, 0.06))
    plate = box([2 * size, float(rng.uniform(1, 2.5)) * size, 0.05], 0.01)
    return move(plate, [x, y, body.front(x, y) + 0.005])


def piping(outline: Outline, z: float, thin: float) -> list[Solid]:
    """Two cords along the edges of a body of one outline, `z` before and behind its middle plane."""
    ring = np.concatenate([outline, np.zeros((len(outline), 1))], 1)
    return [tube(ring + [0, 0, side * z], thin, 6, closed=True) for side in (-1, 1)]


def smoothed(knots: Outline, heights: tuple[float, ...], count: int = 18) -> tuple[Outline, tuple[float, ...]]:
    """More knots for `stacked`, on a smooth curve through the given ones."""
    curve = spline(np.concatenate([knots, np.array(heights)[:, None]], 1), count)
    return np.maximum(curve[:, :2], 0.01), tuple(np.maximum.accumulate(curve[:, 2] + 1e-6 * np.arange(count)))
