"""Pieces of caps: crowns and what is sewn on them, peaks and brims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.cap_forms import (
    Grid,
    Ring,
    along,
    level_rings,
    open_sheet,
    ring_normals,
    shell,
    smooth_step,
)
from gen3d.generators.procedural.solids import ellipsoid, loft, move, tube
from gen3d.shape import unit


class Cap(NamedTuple):
    """What all kinds of caps share: the dice, the assembly, and the walls.

    Args:
        wall: distance of the crown's inside from its outside; None for one open surface.
        plate: thickness of peak or brim, 0 for a sheet with both faces in one place.
        columns: points around the head.
    """

    rng: np.random.Generator
    assembly: Assembly
    wall: float | None
    plate: float
    columns: int

    @property
    def angles(self) -> Float[np.ndarray, " K"]:
        """Angle of every column from the front, radians."""
        return np.arange(self.columns) * 2 * np.pi / self.columns

    def draw(self, low: float, high: float) -> float:
        """A uniform number."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < probability)

    def pick(self, trait: str, weights: Mapping[str, float]) -> str:
        """One of the words, by weight; noted among the traits."""
        word = pick(self.rng, weights)
        self.assembly.traits[trait] = word
        return word


class Hat(NamedTuple):
    """Ranges of one style of brimmed hat; no taper = a dome. Brim: width, rise per width, side roll, drop in front."""

    weight: float
    height: tuple[float, float]
    width: tuple[float, float]
    slope: tuple[float, float]
    taper: tuple[float, float] | None = None
    corner: tuple[float, float] = (0.05, 0.3)
    dip: tuple[float, float] = (-0.08, 0.03)
    roll: tuple[float, float] = (0.0, 0.0)
    droop: tuple[float, float] = (-0.1, 0.1)


def pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """One of the words, by weight."""
    p = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=p / p.sum()))


# --- crowns -----------------------------------------------------------------------------------------------------------


def outline(c: Cap, depth: float) -> Float[np.ndarray, "K 2"]:
    """(x, z) of the head's outline: half width 1, half depth `depth`, rounder or squarer, fuller in front or behind."""
    s, k = np.sin(c.angles), np.cos(c.angles)
    exponent = c.draw(1.95, 2.4)
    radius = (np.abs(s) ** exponent + np.abs(k) ** exponent) ** (-1 / exponent)
    egg = 1 + c.draw(-0.1, 0.1) * k * c.chance(0.6)
    return np.stack([radius * s * egg, radius * k * depth], 1)


def panels(c: Cap, grid: Grid) -> Grid:
    """Seams that sink in between bulging panels."""
    count = int(c.pick("panels", {"0": 0.45, "5": 0.1, "6": 0.35, "8": 0.1}))
    if not count:
        return grid
    sunk = c.draw(0.01, 0.05) * (1 - np.abs(np.sin(count * c.angles / 2))) ** 2
    return grid * np.stack([1 - sunk, np.ones_like(sunk), 1 - sunk], -1)


def rim_wave(c: Cap, grid: Grid, amount: float) -> Grid:
    """Moves the rim up and down around the head: front against back and sides against both."""
    wave = c.draw(-amount, amount) * np.cos(c.angles) + c.draw(-0.3, 1) * amount * np.cos(2 * c.angles)
    y = grid[..., 1]
    fade = (1 - y / y.max()).clip(0) ** 2
    return grid + np.stack([0 * y, fade * wave, 0 * y], -1)


def creased(c: Cap, grid: Grid, height: float) -> Grid:
    """A crown pinched at its front and sunk along its middle, as of fedoras and cowboy hats."""
    grid = grid.copy()
    x, y, z = np.moveaxis(grid, -1, 0)
    upper = smooth_step(y / height * 1.6 - 0.6)
    ahead = smooth_step(z / z.max() * 0.5 + 0.4)
    grid[..., 0] = x * (1 - c.draw(0.0, 0.45) * upper * ahead)
    width = c.draw(0.12, 0.3)
    dent = c.draw(0.05, 0.4) * np.exp(-((x / width) ** 2)) * upper
    grid[..., 1] -= dent * (1 if c.chance(0.5) else 0.3 + 0.7 * ahead)
    grid[..., 1] += c.draw(-0.1, 0.2) * z * upper
    return grid


# --- sewn on ----------------------------------------------------------------------------------------------------------


def add_crown(c: Cap, grid: Grid, floor: float | None = None) -> None:
    """The crown's walls; `floor` closes it inside at about that height."""
    c.assembly.add("crown", shell(grid, c.wall))
    if floor is not None:
        c.assembly.traits["inside"] = "closed"
        i = int(np.abs(grid[..., 1].mean(1) - floor).argmin())
        ring = grid[i] * [0.99, 1, 0.99]
        centre = np.broadcast_to(ring.mean(0), ring.shape)
        c.assembly.add("crown", shell(np.stack([ring, (ring + centre) / 2, centre]), c.wall))


def add_button(c: Cap, grid: Grid) -> None:
    c.assembly.traits["button"] = "yes"
    r = c.draw(0.04, 0.1)
    c.assembly.add("crown", move(ellipsoid([r, r * c.draw(0.4, 0.8), r], 10), grid[-1, 0]))


def add_belt(c: Cap, grid: Grid, low: float, high: float) -> None:
    """A ribbon around the crown."""
    c.assembly.traits["band"] = "yes"
    ring = level_rings(grid, low, high, 3)
    out = ring + ring_normals(ring) * c.draw(0.012, 0.05)
    c.assembly.add("crown", loft(np.concatenate([ring[:1], out, ring[-1:]]), caps=False))


def add_badge(c: Cap, grid: Grid, height: float) -> None:
    c.assembly.traits["badge"] = "yes"
    column = grid[:-7, 0]
    at = [0.0, height, np.interp(height, column[:, 1], column[:, 2])]
    c.assembly.add("crown", move(ellipsoid([c.draw(0.06, 0.15), c.draw(0.07, 0.18), 0.04], 10), at))


def add_chin_strap(c: Cap, grid: Grid, height: float) -> None:
    c.assembly.traits["strap"] = "chin"
    span = np.radians(np.linspace(-1, 1, 15) * c.draw(50, 80))
    path = along(grid[0], span) * 1.01 + [0, height, 0]
    c.assembly.add("crown", tube(path, c.draw(0.015, 0.035), 6))


def add_strap(c: Cap, grid: Grid, half: float, width: float) -> None:
    """Closes the gap at the back along the rim's ellipse."""
    c.assembly.traits["strap"] = "behind"
    reach = np.abs(c.angles - np.pi) < half + 2 * np.pi / c.columns
    ends = grid[0, reach][[0, -1]]
    t = np.linspace(-1, 1, 11)[:, None]
    path = ends[0] * (1 - t) / 2 + ends[1] * (1 + t) / 2
    back = 1.0 / max(np.cos(half), 0.5) - 1
    path[:, 2] += (1 - t[:, 0] ** 2) * ends[:, 2].mean() * back
    rows = np.stack([path, path + np.array([0, width, 0])])
    c.assembly.add("crown", open_sheet(rows, 0.02))


# --- visors -----------------------------------------------------------------------------------------------------------


def add_peak(
    c: Cap,
    rim: Ring,
    half: float,
    length: float,
    slope: float | None = None,
    bend: float | None = None,
) -> None:
    """A peak along the front of the rim.

    Args:
        rim: (K, 3) lowest ring of the crown.
        half: half of the angle it takes, degrees.
        length: how far its tip lies before the rim.
        slope: rise per length; drawn where None. bend: drop of its sides, drawn where None.
    """
    style = c.pick("peak", {"curved": 0.55, "flat": 0.3, "curled up": 0.07, "duck bill": 0.08})
    bends = {"curved": (0.1, 0.6), "flat": (-0.03, 0.05), "curled up": (-0.4, -0.05), "duck bill": (0.1, 0.5)}
    bend = c.draw(*bends[style]) if bend is None else bend
    slope = c.draw(-0.45, 0.15) * (style != "flat" or c.chance(0.4)) if slope is None else slope
    exponent = c.draw(1.9, 2.5) if c.chance(0.6) else c.draw(2.5, 4.5)
    half = half * (0.75 if style == "duck bill" else 1)
    u = np.linspace(-1, 1, 25)
    inner = along(rim, u * np.radians(half))  # (25, 3)
    side, root, tip = inner[-1, 0], inner[[0, -1], 2].mean(), inner[:, 2].max() + length
    s, k = np.sin(u * np.pi / 2), np.cos(u * np.pi / 2).clip(0)
    radius = (np.abs(s) ** exponent + k**exponent) ** (-1 / exponent)
    x = side * radius * s * (1 + 2 * c.draw(-0.03, 0.2) * np.abs(s) * k)
    outer = np.stack([x, inner[:, 1], root + (tip - root) * radius * k], 1)
    t = np.linspace(1, 0, 7)[:, None]  # 1 at the outer edge, 0 at the rim
    grid = inner + (outer - inner) * t[..., None]
    across = (grid[..., 0] / side) ** 2
    off = (np.linalg.norm(grid - inner, axis=-1) / length).clip(max=1)  # 0 at the rim, 1 at the tip
    rise = slope * off ** c.draw(0.8, 1.8) - bend * across * off ** c.draw(0.5, 1.0) - c.draw(-0.05, 0.15) * off**3
    grid[..., 1] += length * rise
    seam = c.pick("seam", {"edge": 0.75, "fold": 0.12, "tucked in": 0.13})
    if seam == "fold":  # stands up along the crown
        grid = np.concatenate([grid, inner[None] * [1.01, 1, 1.01] + [0, c.draw(0.03, 0.1), 0]])
    elif seam == "tucked in":  # reaches in under the crown
        tuck = c.draw(0.75, 0.97)
        grid = np.concatenate([grid, inner[None] * [tuck, 1, tuck]])
    c.assembly.add("visor", open_sheet(grid, c.plate))


def add_brim(c: Cap, rim: Ring, hat: Hat) -> None:
    """A brim all around the rim."""
    width, slope, roll, droop = (c.draw(*span) for span in (hat.width, hat.slope, hat.roll, hat.droop))
    longer, lip = c.draw(-0.1, 0.3), c.draw(0.0, 0.12) * c.chance(0.4)
    corners = int(c.rng.choice([2, 3], p=[0.93, 0.07]))  # three = a tricorne
    c.assembly.traits["brim"] = "wide" if width > 0.7 else "narrow" if width < 0.35 else "usual"
    k = np.cos(c.angles)
    rolled = (1 - np.cos(corners * c.angles)) / 2
    reach = width * (1 + longer * k**2 + c.draw(-0.1, 0.1) * k)
    away = unit(rim * [1, 0, 1])
    t = np.linspace(1, 0, 9)[:, None]  # 1 at the outer edge
    rise = slope * width * t ** c.draw(0.8, 2.0) + roll * width * rolled * t ** c.draw(1.2, 2.5)
    rise = rise - droop * width * k**2 * t**1.5 + lip * (5 * (t - 0.8)).clip(0) ** 2
    inward = 1 - 0.25 * np.abs(roll) * rolled * t**2  # a rolled side reaches less far
    grid = rim + away * (reach * t * inward)[..., None]
    grid[..., 1] += rise + c.draw(0.0, 0.04) * c.chance(0.3) * np.sin(c.draw(0, 7) + 3 * c.angles) * t
    c.assembly.add("visor", shell(grid, c.plate))
