"""What lamps and earphones are made of: sections, shells, turned and swept pieces, and where a piece is put.

Plans are (x, -z), counter-clockwise seen from above.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.solids import (
    Numbers,
    Solid,
    circle,
    cylinder,
    ellipsoid,
    lathe,
    loft,
    move,
    rod,
    rounded_rectangle,
    sweep,
    turn,
)

Rng = np.random.Generator
Spot = Float[np.ndarray, " 3"]
Plane = Float[np.ndarray, "_ 2"]
Path = Float[np.ndarray, "_ 3"]


class Style(NamedTuple):
    """What all pieces of one shape share.

    Args:
        around: points around a large round piece; small pieces take fewer.
        rod: radius of its rods, in the grammar's unit.
        square: whether rods are square bars.
    """

    around: int
    rod: float
    square: bool

    @property
    def few(self) -> int:
        """Points around a small round piece."""
        return max(6, self.around // 2)


def pick(rng: Rng, weights: Mapping[str, float]) -> str:
    """A key, with chances in proportion to the values."""
    p = np.array(list(weights.values()), float)
    return list(weights)[int(rng.choice(len(p), p=p / p.sum()))]


def draw_style(rng: Rng) -> Style:
    """The style of one lamp (in metres): from few flat faces to smooth ones, from wire to thick tubes."""
    around = int(rng.choice([8, 12, 16, 24, 32], p=[0.08, 0.17, 0.27, 0.3, 0.18]))
    return Style(around, float(np.exp(rng.uniform(*np.log([0.0035, 0.011])))), bool(rng.random() < 0.12))


# --- solids -------------------------------------------------------------------------------------------------------


def spun(profile: Numbers, outline: Plane, closed: bool = False) -> Solid:
    """A lathe whose section is `outline` (about 1 in radius) rather than a circle; profile rows as in `lathe`."""
    p = np.asarray(profile, float)
    # a repeated row would cut the skin in two
    p = p[np.concatenate([[True], np.abs(np.diff(p, axis=0)).max(1) > 1e-9])]
    y = np.repeat(p[:, 1:], len(outline), 1)
    return loft(np.stack([p[:, :1] * outline[:, 0], y, -p[:, :1] * outline[:, 1]], -1), closed)


def shell(profile: Numbers, thick: float, outline: Plane) -> Solid:
    """A wall of the given thickness inside an outer (radius, height) profile that runs from the bottom up."""
    p = np.asarray(profile, float)
    along = np.gradient(p, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    inner = p + thick * np.stack([-along[:, 1], along[:, 0]], 1)
    inner[:, 0] = np.minimum(np.maximum(inner[:, 0], 0), p[:, 0])
    return spun(np.concatenate([p, inner[::-1]]), outline, closed=True)


def plate(outline: Plane, low: float, high: float, bevel: float = 0.0) -> Solid:
    """A flat piece over a plan outline from height `low` to `high`, its upper edge cut by `bevel`."""
    size = float(np.abs(outline).max())
    b = min(bevel, 0.9 * (high - low), 0.5 * size)
    rows = [(0, low), (1, low), (1, high - b), (1 - b / size, high), (0, high)]
    return spun(rows, outline)


def hoop(radius: float, rod_radius: float, style: Style, height: float = 0.0) -> Solid:
    """A level ring of round wire about the Y axis."""
    t = np.linspace(0, 2 * np.pi, style.few, endpoint=False)
    rows = np.stack([radius + rod_radius * np.cos(t), height + rod_radius * np.sin(t)], 1)
    return lathe(rows, style.around, closed=True)


def strut(start: Numbers, stop: Numbers, radius: float, style: Style) -> Solid:
    """A straight rod, or a square bar where that is the style."""
    if not style.square:
        return rod(start, stop, radius, count=style.few)
    return sweep(1.25 * radius * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]]), [start, stop])


def bent(path: Numbers, radii: Numbers, style: Style) -> Solid:
    """A rod along a path, round or square."""
    r = np.asarray(radii, float)
    section = 1.2 * rounded_rectangle(2, 2, 0.2, 1) if style.square else circle(1.0, style.few)
    return sweep(section, path, r)


def ball(at: Numbers, radius: float, style: Style, tall: float = 1.0) -> Solid:
    """A sphere, or an ellipsoid `tall` times as high as wide."""
    return move(ellipsoid([radius, radius * tall, radius], max(8, style.few)), at)


def can(at: Numbers, radius: float, height: float, style: Style) -> Solid:
    """A cylinder that stands on a point."""
    return move(cylinder(radius, height, count=max(8, style.few)), at)


# --- sections, paths and places -----------------------------------------------------------------------------------


def polygon(corners: int, start: float = 0.5) -> Plane:
    """A regular polygon whose corners lie at radius 1; `start` turns it by that part of a corner's angle."""
    t = (np.arange(corners) + start) * 2 * np.pi / corners
    return np.stack([np.cos(t), np.sin(t)], 1)


def square(soft: float = 0.0) -> Plane:
    """A square of half width 1, its corners rounded by `soft` (0 to 1)."""
    return rounded_rectangle(2, 2, soft, 3) if soft > 0.02 else polygon(4) * np.sqrt(2)


def wavy(count: int, folds: int, deep: float) -> Plane:
    """A circle with `folds` waves of depth `deep`, as of pleats and scallops."""
    t = np.arange(count) * 2 * np.pi / count
    r = 1 + deep * (np.cos(folds * t) - 1) / 2
    return np.stack([r * np.cos(t), r * np.sin(t)], 1)


def direction(tilt: float, yaw: float) -> Spot:
    """Unit vector `tilt` degrees off straight down, turned towards +Z (yaw 0) or +X (yaw 90)."""
    a, b = np.radians([tilt, yaw])
    return np.array([np.sin(a) * np.sin(b), -np.cos(a), np.sin(a) * np.cos(b)])


def placed(solids: list[Solid], at: Numbers, tilt: float = 0.0, yaw: float = 0.0) -> list[Solid]:
    """Pieces whose light goes down, turned so that it goes along `direction(tilt, yaw)`, and moved to a point."""
    return [move(turn(turn(solid, "x", -tilt), "y", yaw), at) for solid in solids]


def around(solids: list[Solid], count: int, first: float = 0.0) -> list[Solid]:
    """Copies of the pieces at even angles about the Y axis."""
    return [turn(solid, "y", first + 360 * i / count) for i in range(count) for solid in solids]
