"""Forms of caps: profiles, the grids spanned between them, and the surfaces made of grids.

A grid is S rings of K points from a rim (row 0) upwards, or from a brim's outer edge inwards; column k stands at the
angle 2 pi k / K, measured from the front (+Z) towards +X. So every grid faces outwards. Unit: half head widths.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.solids import Numbers, Solid, loft
from gen3d.shape import unit

Grid = Float[np.ndarray, "S K 3"]
Ring = Float[np.ndarray, "K 3"]
Profile = Float[np.ndarray, "S 2"]  # (radius, height) from the rim to the apex


def dome(exponent: float, height: float, straight: float, rows: int = 20) -> Profile:
    """Quarter superellipse above a straight wall that takes the given share of the height."""
    t = np.linspace(0, np.pi / 2, rows - 3)
    radius, rise = np.cos(t).clip(0) ** (2 / exponent), np.sin(t) ** (2 / exponent)
    radius[-1] = 0
    foot = np.linspace(0, straight, 4)[:-1]
    return np.stack([np.r_[np.ones(3), radius], height * np.r_[foot, straight + (1 - straight) * rise]], 1)


def barrel(height: float, taper: float, corner: float, dip: float) -> Profile:
    """Tapered wall, rounded edge and a top that sinks (or swells) by `dip` in the middle; 20 rows."""
    top = 1 - taper
    corner = min(corner, 0.9 * top, 0.5 * height)
    t = np.linspace(0, np.pi / 2, 6)
    edge = np.stack([top - corner * (1 - np.cos(t)), height - corner * (1 - np.sin(t))], 1)
    wall = np.linspace([1.0, 0.0], edge[0], 8)[:-1]
    x = np.linspace(1, 0, 8)[1:]
    roof = np.stack([x * edge[-1, 0], height - dip * (1 - x**2)], 1)
    return np.concatenate([wall, edge, roof])


def drum(band: float, rise: float, flare: float, edge: float, apex: float) -> Profile:
    """Upright band, wall flaring outwards, rounded edge, top plate that runs to height `apex`; 19 rows."""
    wide = 1 + flare
    low = np.stack([np.ones(5), np.linspace(0, band, 5)], 1)
    wall = np.linspace([1.0, band], [wide, band + rise], 6)[1:]
    t = np.linspace(0, np.pi, 5)[1:]
    rim = np.stack([wide + edge * 0.7 * np.sin(t), band + rise + edge * (1 - np.cos(t)) / 2], 1)
    x = np.linspace(1, 0, 7)[1:]
    top = np.stack([x * wide, apex + (rim[-1, 1] - apex) * x**2], 1)
    return np.concatenate([low, wall, rim, top])


def bag(band: float, bulge: float, height: float) -> Profile:
    """Low band and a soft bag that hangs out over it; 20 rows."""
    t = np.linspace(-np.pi / 2 * 0.8, np.pi / 2, 17)
    low, mid = np.array([[1.0, 0.0], [1.0, band / 2], [1.0, band]]), band + 0.35 * (height - band)
    side = np.where(t < 0, 1 + bulge * (1 + np.sin(t)), (1 + bulge) * np.cos(t) ** 0.8)
    rise = np.where(t < 0, mid + (mid - band) * np.sin(t), mid + (height - mid) * np.sin(t))
    side[-1] = 0
    return np.concatenate([low, np.stack([side, rise], 1)])


def skin(
    front: Profile, back: Profile, outline: Float[np.ndarray, "K 2"], start: Float[np.ndarray, " K"] | None = None
) -> Grid:
    """Grid between a front and a back profile over an outline; `start` is each column's share of rows left out."""
    count, columns = len(front), len(outline)
    first = np.zeros(columns) if start is None else start * (count - 1)
    row = first + np.linspace(0, 1, count)[:, None] * (count - 1 - first)  # (S, K)
    i = row.astype(int).clip(max=count - 2)
    t = (row - i)[..., None]
    forward = ((1 + np.cos(np.arange(columns) * 2 * np.pi / columns)) / 2)[:, None]
    profiles = [p[i] * (1 - t) + p[i + 1] * t for p in (front, back)]  # (S, K, 2)
    radius, height = np.moveaxis(profiles[0] * forward + profiles[1] * (1 - forward), -1, 0)
    return np.stack([radius * outline[:, 0], height, radius * outline[:, 1]], -1)


def shell(grid: Grid, wall: float | None) -> Solid:
    """The grid as an open surface (None), or with an inside at the given distance."""
    if wall is None:
        return loft(grid, caps=False)
    return loft(np.concatenate([grid, (grid - wall * ring_normals(grid))[::-1]]), closed=True)


def ring_normals(grid: Grid) -> Grid:
    """Outward unit normals of a grid closed around; an apex takes its neighbours' mean."""
    around = np.roll(grid, -1, 1) - np.roll(grid, 1, 1)
    normals = unit(np.cross(around, np.gradient(grid, axis=0)))
    if np.ptp(grid[-1], 0).max() < 1e-9:
        normals[-1] = unit(normals[-2].mean(0))
    return normals


def level_rings(grid: Grid, low: float, high: float, rows: int) -> Float[np.ndarray, "rows K 3"]:
    """`rows` rings at even heights; every column is followed on its own and must rise."""
    levels, columns = np.linspace(low, high, rows), []
    for column in grid.transpose(1, 0, 2):  # np.interp takes one curve at a time
        columns.append([np.interp(levels, column[:, 1], column[:, axis]) for axis in range(3)])
    return np.array(columns).transpose(2, 0, 1)


def smooth_step(t: Numbers) -> np.ndarray:
    """Smooth step from 0 at t = 0 to 1 at t = 1."""
    u = np.clip(t, 0, 1)
    return u * u * (3 - 2 * u)


def along(rim: Ring, angles: Float[np.ndarray, " A"]) -> Float[np.ndarray, "A 3"]:
    """Points of a ring at the given angles from the front, radians."""
    at = np.arange(len(rim)) * 2 * np.pi / len(rim)
    return np.stack([np.interp(angles, at, rim[:, i], period=2 * np.pi) for i in range(3)], 1)


def open_sheet(grid: Grid, thickness: float) -> Solid:
    """A grid that does not close around, with an underside at the given distance."""
    normals = unit(np.cross(np.gradient(grid, axis=1), np.gradient(grid, axis=0)))
    under = grid - thickness * normals
    return loft(np.concatenate([under, grid[::-1]]).transpose(1, 0, 2), caps=False)
