"""Blades of knives: profiles, cross-sections, bends, teeth.

A knife lies along Z with its handle about 1 long from z = -1 to 0, its blade from there towards +Z, the edge down.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator

from gen3d.generators.procedural.plates import Outline, ribbon
from gen3d.generators.procedural.solids import Solid, superellipse

Rng = np.random.Generator
Line = tuple[tuple[float, float], ...]


class Profile(NamedTuple):
    """A blade seen from the side: (share of its length, height in shares of the blade's) of back and edge."""

    back: Line
    edge: Line
    straight: bool = False


def _even(back: Line, straight: bool = False) -> Profile:
    return Profile(back, tuple((t, -y) for t, y in back), straight)


PROFILES = {
    "chef": Profile(
        ((0, 0.5), (0.5, 0.46), (0.8, 0.25), (1, -0.2)), ((0, -0.5), (0.5, -0.49), (0.8, -0.38), (1, -0.22))
    ),
    "santoku": Profile(((0, 0.5), (0.65, 0.5), (0.88, 0.28), (1, -0.4)), ((0, -0.5), (0.7, -0.49), (1, -0.42))),
    "spear": _even(((0, 0.4), (0.6, 0.42), (0.85, 0.24), (1, 0.01))),
    "paring": Profile(((0, 0.4), (0.6, 0.36), (1, 0.0)), ((0, -0.4), (0.6, -0.38), (0.85, -0.24), (1, -0.02))),
    "slicer": Profile(((0, 0.5), (0.85, 0.46), (0.96, 0.2), (1, -0.3)), ((0, -0.5), (0.9, -0.5), (1, -0.34))),
    "round": Profile(
        ((0, 0.5), (0.9, 0.47), (0.97, 0.3), (1, 0.05)), ((0, -0.5), (0.9, -0.48), (0.97, -0.3), (1, 0.0))
    ),
    "cleaver": Profile(((0, 0.5), (0.6, 0.5), (1, 0.47)), ((0, -0.5), (0.6, -0.49), (1, -0.45))),
    "fillet": Profile(((0, 0.4), (0.4, 0.22), (1, 0.5)), ((0, -0.5), (0.4, -0.32), (0.8, -0.1), (1, 0.46))),
    "boning": Profile(((0, 0.5), (0.2, 0.3), (0.7, 0.15), (1, 0.1)), ((0, -0.5), (0.2, -0.3), (0.8, -0.12), (1, 0.08))),
    "clip": Profile(
        ((0, 0.5), (0.55, 0.5), (0.6, 0.47), (0.8, 0.22), (1, 0.16)),
        ((0, -0.45), (0.55, -0.5), (0.8, -0.36), (0.93, -0.1), (1, 0.13)),
    ),
    "drop": Profile(
        ((0, 0.48), (0.5, 0.45), (0.8, 0.25), (1, -0.05)), ((0, -0.4), (0.5, -0.48), (0.8, -0.36), (1, -0.07))
    ),
    "trailing": Profile(((0, 0.4), (0.5, 0.34), (1, 0.62)), ((0, -0.4), (0.5, -0.5), (0.8, -0.2), (1, 0.6))),
    "tanto": Profile(((0, 0.5), (0.8, 0.5), (1, 0.42)), ((0, -0.5), (0.74, -0.5), (1, 0.4)), True),
    "sheepsfoot": Profile(((0, 0.5), (0.6, 0.5), (0.85, 0.25), (1, -0.45)), ((0, -0.5), (1, -0.47))),
    "dagger": _even(((0, 0.5), (0.65, 0.42), (1, 0.01))),
    "needle": _even(((0, 0.5), (1, 0.02)), True),
    "leaf": _even(((0, 0.3), (0.2, 0.27), (0.55, 0.5), (0.8, 0.33), (1, 0.01))),
    "long": _even(((0, 0.5), (0.85, 0.4), (1, 0.02))),
    "butter": Profile(
        ((0, 0.22), (0.3, 0.3), (0.7, 0.5), (0.9, 0.46), (0.97, 0.3), (1, 0.1)),
        ((0, -0.22), (0.5, -0.36), (0.8, -0.5), (0.93, -0.42), (0.98, -0.2), (1, 0.05)),
    ),
    "table": Profile(
        ((0, 0.35), (0.7, 0.42), (0.9, 0.4), (1, 0.05)),
        ((0, -0.35), (0.1, -0.5), (0.8, -0.5), (0.95, -0.3), (1, 0.0)),
    ),
    "snap": Profile(((0, 0.5), (0.7, 0.5), (1, -0.45)), ((0, -0.5), (1, -0.5)), True),
    "claw": _even(((0, 0.5), (0.4, 0.46), (0.8, 0.24), (1, 0.01))),
    "belly": Profile(
        ((0, 0.25), (0.3, 0.28), (0.65, 0.45), (0.85, 0.3), (1, 0.0)),
        ((0, -0.25), (0.3, -0.3), (0.68, -0.55), (1, -0.03)),
    ),
    "machete": Profile(((0, 0.3), (0.8, 0.36), (1, 0.1)), ((0, -0.3), (0.75, -0.55), (0.92, -0.35), (1, 0.06))),
    "katana": Profile(((0, 0.5), (0.93, 0.42), (1, 0.36)), ((0, -0.5), (0.9, -0.42), (1, 0.34))),
    "sabre": Profile(((0, 0.4), (0.7, 0.4), (1, 0.0)), ((0, -0.4), (0.7, -0.5), (0.9, -0.25), (1, -0.02))),
    "scimitar": Profile(((0, 0.3), (0.65, 0.3), (0.7, 0.4), (1, 0.0)), ((0, -0.3), (0.7, -0.6), (1, -0.03))),
    "spatula": _even(((0, 0.2), (0.1, 0.2), (0.25, 0.5), (0.85, 0.45), (0.96, 0.3), (1, 0.1))),
}

# Cross-sections: (x in half thicknesses, height from 0 at the edge to 1 at the back), counter-clockwise seen from +Z.
_SECTIONS = {
    "wedge": [(0.06, 0), (1, 1), (-1, 1), (-0.06, 0)],
    "ground": [(0.06, 0), (1, 0.3), (0.9, 1), (-0.9, 1), (-1, 0.3), (-0.06, 0)],
    "flat": [(0.7, 0), (1, 0.06), (1, 0.94), (0.7, 1), (-0.7, 1), (-1, 0.94), (-1, 0.06), (-0.7, 0)],
    "diamond": [(0.04, 0), (1, 0.5), (0.04, 1), (-0.04, 1), (-1, 0.5), (-0.04, 0)],
    "hexagon": [(0.05, 0), (1, 0.25), (1, 0.75), (0.05, 1), (-0.05, 1), (-1, 0.75), (-1, 0.25), (-0.05, 0)],
    "fuller": [
        (0.04, 0), (1, 0.34), (0.4, 0.46), (0.4, 0.54), (1, 0.66), (0.04, 1),
        (-0.04, 1), (-1, 0.66), (-0.4, 0.54), (-0.4, 0.46), (-1, 0.34), (-0.04, 0),
    ],
    "hollow": [(0.05, 0), (0.3, 0.25), (0.8, 0.55), (1, 0.75), (1, 1), (-1, 1), (-1, 0.75), (-0.8, 0.55), (-0.3, 0.25),
               (-0.05, 0)],
}  # fmt: skip


def section(kind: str) -> Outline:
    """A cross-section, see above; `round` is a circle."""
    if kind == "round":
        return superellipse(2, 1, 2.0, 10) + [0, 0.5]
    return np.array(_SECTIONS[kind], float)


class Blade(NamedTuple):
    """What one blade is like.

    Args:
        profile: a name of `PROFILES`.
        length, height, half: lengths in handles; `half` is half the thickness.
        section: a cross-section.
        bend: by how many radians it turns upwards on its way.
        wave: by how much it snakes, as a kris does.
        teeth: (number on the edge, on the back), 0 for none.
        neck: (length, height) of a thinner piece before it.
        lift: how far its middle lies above the handle's.
    """

    profile: str
    length: float
    height: float
    half: float
    section: str
    bend: float = 0.0
    wave: float = 0.0
    teeth: tuple[int, int] = (0, 0)
    neck: tuple[float, float] = (0.0, 0.0)
    lift: float = 0.0


def blade(rng: Rng, made: Blade) -> Solid:
    """The solid of a blade; it starts a little inside the handle."""
    profile = PROFILES[made.profile]
    count = (26 if not made.wave else 70) if not any(made.teeth) else int(np.clip(4 * max(made.teeth), 26, 140))
    t = np.linspace(0, 1, count)
    t = 1 - (1 - t) ** 1.25 if not any(made.teeth) else t  # closer at the tip
    high, low = (_line(rng, line, t, profile.straight) * made.height for line in (profile.back, profile.edge))
    width = np.maximum(high - low, 0.012 * made.height)
    low = _toothed(low, t, width, made.teeth[0], made.height)
    high = -_toothed(-high, t, width, made.teeth[1], made.height)
    high = np.maximum(high, low + 0.012 * made.height)
    half = made.half * (1 - 0.55 * t) * np.clip(2.5 * width / made.height, 0.25, 1)
    if made.section == "round":
        half = 0.5 * width
    path = bent(t, made.length, made.bend, made.lift)
    path[:, 1] += made.wave * made.height * np.sin(t * np.pi * 2 * 4.5) * np.minimum(1, 4 * t)
    if made.neck[0] > 0:
        path, low, high, half = _with_neck(made, path, (low, high, half))
    path[0, 0] -= 0.04
    return ribbon(path, low, high, half, section(made.section))


def _line(rng: Rng, line: Line, t: Float[np.ndarray, " S"], straight: bool) -> Float[np.ndarray, " S"]:
    """Heights along a back or edge, its inner knots moved a little."""
    knots = np.array(line, float)
    knots[1:-1, 0] += rng.uniform(-0.3, 0.3, len(knots) - 2) * np.diff(knots[:, 0]).min()
    knots[1:-1, 1] *= 1 + rng.normal(0, 0.05, len(knots) - 2)
    if straight or len(knots) < 3:
        return np.interp(t, knots[:, 0], knots[:, 1])
    return np.asarray(PchipInterpolator(knots[:, 0], knots[:, 1])(t))


def _toothed(
    line: Float[np.ndarray, " S"], t: Float[np.ndarray, " S"], width: Float[np.ndarray, " S"], teeth: int, height: float
) -> Float[np.ndarray, " S"]:
    """The line with teeth cut into it, up to where the blade gets narrow."""
    if not teeth:
        return line
    deep = min(0.1 * height, 0.3 / teeth)
    room = (width > 0.5 * height) & (t > 0.06)
    return line + deep * (np.arange(len(t)) % 4 < 2) * room


def bent(t: Float[np.ndarray, " S"], length: float, bend: float, lift: float) -> Float[np.ndarray, "S 2"]:
    """(z, y) of a path from (0, lift), which first runs along Z and turns by `bend` radians, ever faster."""
    angle = bend * t**1.2
    step = np.diff(t, prepend=t[:1]) * length
    return np.stack([np.cumsum(step * np.cos(angle)), lift + np.cumsum(step * np.sin(angle))], 1)


def _with_neck(
    made: Blade,
    path: Float[np.ndarray, "S 2"],
    lines: tuple[Float[np.ndarray, " S"], Float[np.ndarray, " S"], Float[np.ndarray, " S"]],
) -> tuple[
    Float[np.ndarray, "T 2"], Float[np.ndarray, " T"], Float[np.ndarray, " T"], Float[np.ndarray, " T"]
]:  # fmt: skip
    """The blade moved on, a narrow piece between it and the handle."""
    long, tall = made.neck
    low, high, half = lines
    start = np.array([[0.0, made.lift], [0.92 * long, made.lift]])
    low_start, high_start = np.array([-tall / 2, -tall / 2]), np.array([tall / 2, tall / 2])
    path = np.concatenate([start, path + [long, 0]])
    halves = np.concatenate([np.full(2, max(half[0], 0.3 * tall)), half])
    return path, np.concatenate([low_start, low]), np.concatenate([high_start, high]), halves
