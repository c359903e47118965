"""Pieces of laptops: flat cases with or without a sunken panel, key boards, touch pads and hinges.

A case lies in its own frame: width along X, from y = 0 (at the hinge) to y = `tall`, its upper or inner face at z = 0
and its body below (z < 0). `floored` lays such a piece down with its face up and its hinge side to the back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.solids import Solid, box, cylinder, loft, move, rounded_rectangle, turn

Rng = np.random.Generator


class Window(NamedTuple):
    """A rectangle on a case's face: its centre (x, y), half extents (x, y), and how deep it is sunk (< 0: raised)."""

    centre: Float[np.ndarray, " 2"]
    half: Float[np.ndarray, " 2"]
    depth: float


class Case(NamedTuple):
    """A flat case: width, height, thickness, radius of its corners, bevel of its edges, bow of the edge away from
    the hinge (as a share of the width), in lengths of the laptop's width.
    """

    wide: float
    tall: float
    thick: float
    corner: float
    bevel: float
    bow: float

    def solid(self, window: Window | None = None) -> Solid:
        """The closed case; a window is sunk into (or raised from) its face."""
        edge, back = min(self.bevel, 0.4 * self.thick), -self.thick
        rows = [(edge, back), (0.3 * edge, back + 0.3 * edge), (0.0, back + edge)] if edge > 0 else [(0.0, back)]
        rows += [(0.0, -edge), (0.3 * edge, -0.3 * edge), (edge, 0.0)] if edge > 0 else [(0.0, 0.0)]
        rings = [self._ring(inset, z) for inset, z in rows]
        if window is not None:
            a, b = (float(half) for half in window.half)
            flat = rounded_rectangle(2 * a, 2 * b, 0.04 * min(a, b), 3) + window.centre
            flat = _with_edges(flat)
            slope = 0.3 * abs(window.depth)
            inner = (flat - window.centre) * (1 - slope / window.half) + window.centre
            rings += [_at(flat, 0.0), _at(inner, -window.depth)]
        return loft(np.stack(rings))

    def _ring(self, inset: float, z: float) -> Float[np.ndarray, "K 3"]:
        flat = _with_edges(rounded_rectangle(self.wide - 2 * inset, self.tall - 2 * inset, self.corner - inset, 3))
        up = np.clip(2 * flat[:, 1] / self.tall, 0, 1)
        flat[:, 1] += self.bow * self.wide * up * (1 - (2 * flat[:, 0] / self.wide) ** 2)
        return _at(flat + [0, self.tall / 2], z)


def _at(flat: Float[np.ndarray, "K 2"], z: float) -> Float[np.ndarray, "K 3"]:
    return np.concatenate([flat, np.full((len(flat), 1), z)], 1)


def _with_edges(outline: Float[np.ndarray, "K 2"], count: int = 4) -> Float[np.ndarray, "L 2"]:
    """A rounded rectangle of 4 points a corner with `count` more points on each of its four straight sides."""
    t = np.linspace(0, 1, count + 2)[1:-1, None]
    corners = outline.reshape(4, 4, 2)
    rows = [
        np.concatenate([c, c[-1] + t * (n[0] - c[-1])]) for c, n in zip(corners, np.roll(corners, -1, 0), strict=True)
    ]
    return np.concatenate(rows)


# --- on the face --------------------------------------------------------------------------------------------------


def blocks(centres: Float[np.ndarray, "N 3"], sizes: Float[np.ndarray, "N 3"], taper: float = 1.0) -> Solid:
    """Many boxes as one solid; `taper` is the upper (+Z) face's share of the lower one."""
    unit = box([1, 1, 1])
    corner = unit.vertices.copy()
    corner[:, :2] *= np.where(corner[:, 2:] > 0, taper, 1.0)
    vertices = centres[:, None] + sizes[:, None] * corner
    faces = unit.faces + len(corner) * np.arange(len(centres))[:, None, None]
    return Solid(vertices.reshape(-1, 3), faces.reshape(-1, 3))


def keys(rng: Rng, kind: str, area: Window, lift: float) -> list[Solid]:
    """Key relief in a rectangle of the face (which lies at z = -depth there): caps, flat tiles, bars or one plate."""
    (x, y), (a, b), floor = area.centre, area.half, -area.depth
    if kind == "plate":
        return [move(box([2 * a, 2 * b, 2 * lift], 0.4 * lift), [x, y, floor])]
    rows = int(rng.integers(4, 7))
    columns = 1 if kind == "bars" else int(rng.integers(9, 15))
    gap = float(rng.uniform(0.06, 0.25))
    step = np.array([2 * a / columns, 2 * b / rows])
    spots, sizes = [], []
    for j in range(rows):
        ends = _row(rng, columns, j == 0 and kind != "bars", staggered=0 < j < rows - 1)
        for left, right in zip(ends[:-1], ends[1:], strict=True):
            spots.append([x - a + (left + right) / 2 * step[0], y - b + (j + 0.5) * step[1], floor])
            sizes.append([(right - left - gap) * step[0], (1 - gap) * step[1], 2 * lift])
    wide = np.array(sizes)
    wide[:, 0] = np.maximum(wide[:, 0], 0.3 * step[0])
    taper = {"caps": float(rng.uniform(0.55, 0.8)), "tiles": 1.0, "bars": 1.0}[kind]
    return [blocks(np.array(spots), wide, taper)]


def _row(rng: Rng, columns: int, space: bool, staggered: bool) -> list[float]:
    """Where the keys of one row start and end, in columns."""
    if space:  # the row nearest the user has the space bar
        left = int(rng.integers(2, max(3, columns // 3)))
        right = left + max(3, columns // 2 - 1)
        return [*range(left + 1), *range(min(right, columns - 1), columns + 1)]
    ends = [float(i) for i in range(columns + 1)]
    shift = float(rng.uniform(0.2, 0.6)) if staggered and columns > 4 else 0.0
    return [ends[0], *[e + shift for e in ends[1:-1]], ends[-1]] if shift else ends


def touch_pad(rng: Rng, spot: Float[np.ndarray, " 2"], half: Float[np.ndarray, " 2"], thin: float) -> list[Solid]:
    """A pad that stands a hair's breadth above the face, with one, two or no buttons."""
    (x, y), (a, b) = spot, half
    pad = move(box([2 * a, 2 * b, 2 * thin], 0.3 * thin), [x, y, 0])
    count = int(rng.choice([0, 1, 2], p=[0.4, 0.2, 0.4]))
    tall = 0.35 * b
    places = {0: (), 1: (0.0,), 2: (-0.52, 0.52)}[count]
    wide = 2 * a if count == 1 else 0.96 * a
    return [pad, *[move(box([wide, tall, 3 * thin]), [x + s * a, y - b - 0.7 * tall, 0]) for s in places]]


def track_ball(spot: Float[np.ndarray, " 2"], radius: float) -> list[Solid]:
    """A ball in a ring."""
    ring, ball = (
        cylinder(1.5 * radius, 0.4 * radius, 1.3 * radius, 14),
        cylinder(radius, 0.7 * radius, 0.5 * radius, 12),
    )
    solids = [turn(ring, "x", 90), turn(ball, "x", 90)]
    return [move(solid, [*spot, -0.1 * radius]) for solid in solids]


# --- hinges -------------------------------------------------------------------------------------------------------


def barrels(spans: list[tuple[float, float]], radius: float) -> list[Solid]:
    """Cylinders along X about the origin, from and to the given x."""
    return [move(turn(cylinder(radius, b - a, count=12), "z", -90), [a, 0, 0]) for a, b in spans]


def floored(solid: Solid) -> Solid:
    """A case's frame laid down: the face up (+Y), away from the hinge = +Z, x kept (so the solid is not mirrored)."""
    x, y, z = solid.vertices.T
    return Solid(np.stack([-x, z, y], 1), solid.faces)
