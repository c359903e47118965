"""Drinking vessels for the mug grammar: one loft from the bottom, over the rim, down to the floor inside.

The largest radius is about 1, the bottom lies at y = 0 and a stem below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.solids import Solid, ellipsoid, lathe, loft, move, spline, superellipse

Rng = np.random.Generator


class Body(NamedTuple):
    """A family of vessel profiles.

    Args:
        weight: how often it is drawn, relative to the others.
        low, high: radii at even heights from bottom to rim, at the two ends of the family.
        height: range of the height, in largest radii.
        rounding: range of the radius of the bottom edge.
    """

    weight: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    height: tuple[float, float]
    rounding: tuple[float, float]


BODIES = {
    "straight": Body(25, (1.0, 1.0), (1.0, 1.0), (1.5, 2.8), (0.02, 0.4)),
    "tapered": Body(13, (0.62, 1.0), (0.93, 1.0), (1.6, 2.8), (0.02, 0.35)),
    "widening": Body(6, (1.0, 0.68), (1.0, 0.94), (1.4, 2.6), (0.02, 0.3)),
    "cone": Body(4, (0.38, 1.0), (0.58, 1.0), (1.5, 2.6), (0.02, 0.2)),
    "bowl": Body(12, (0.42, 0.7, 0.87, 0.96, 1.0), (0.62, 0.9, 1.0, 1.02, 1.0), (1.05, 1.8), (0.1, 0.5)),
    "hemisphere": Body(5, (0.25, 0.66, 0.86, 0.97, 1.0), (0.45, 0.8, 0.95, 1.0, 0.97), (0.8, 1.25), (0.05, 0.25)),
    "barrel": Body(8, (0.7, 0.92, 1.0, 0.94, 0.76), (0.9, 0.98, 1.0, 0.98, 0.93), (1.7, 3.0), (0.02, 0.4)),
    "belly": Body(8, (0.78, 1.0, 0.97, 0.86, 0.78), (0.94, 1.0, 1.0, 0.97, 0.93), (1.4, 2.4), (0.15, 0.7)),
    "pear": Body(3, (0.6, 0.97, 0.93, 0.62, 0.6), (0.8, 1.0, 0.95, 0.75, 0.85), (1.7, 2.5), (0.1, 0.3)),
    "tulip": Body(6, (0.58, 0.78, 0.76, 0.83, 1.0), (0.75, 0.93, 0.86, 0.88, 1.0), (1.7, 2.8), (0.03, 0.3)),
    "waisted": Body(7, (0.95, 0.8, 0.74, 0.82, 1.0), (1.0, 0.94, 0.91, 0.93, 0.98), (1.8, 3.0), (0.02, 0.25)),
    "stein": Body(6, (0.98, 0.92, 0.86), (1.0, 1.0, 1.0), (2.7, 4.0), (0.02, 0.2)),
    "soup": Body(4, (0.5, 0.8, 0.95, 1.0), (0.78, 0.97, 1.02, 1.0), (0.65, 1.15), (0.05, 0.3)),
    "espresso": Body(5, (0.55, 0.82, 0.96, 1.0), (0.8, 0.95, 1.0, 1.0), (1.3, 1.9), (0.05, 0.4)),
}

BOWLS = {
    "martini": Body(4, (0.08, 1.0), (0.16, 1.0), (0.7, 1.3), (0.01, 0.02)),
    "wine": Body(4, (0.14, 0.8, 1.0, 0.92, 0.7), (0.22, 0.92, 1.02, 1.0, 0.88), (1.3, 2.2), (0.01, 0.03)),
    "coupe": Body(2, (0.14, 0.72, 0.95, 1.0), (0.22, 0.88, 1.0, 1.0), (0.55, 1.0), (0.01, 0.03)),
    "flute": Body(2, (0.2, 0.78, 0.95, 0.95, 0.88), (0.3, 0.9, 1.0, 1.0, 1.0), (2.4, 4.2), (0.01, 0.05)),
    "goblet": Body(3, (0.28, 0.78, 0.93, 0.98, 1.0), (0.4, 0.92, 1.0, 1.0, 0.95), (1.2, 2.2), (0.02, 0.1)),
    "thistle": Body(1, (0.25, 0.75, 0.7, 0.82, 1.0), (0.35, 0.9, 0.8, 0.86, 1.0), (1.3, 2.2), (0.02, 0.1)),
}


class Wall(NamedTuple):
    """The outer wall that handles are fixed to.

    Args:
        heights: (S,) ascending.
        radii: (S,) of a round vessel.
        share: (S,) how much of `section` is applied at each height, 0 = round.
        section: (K,) radius of the cross-section at even angles, round = 1.
        thickness: of the wall.
    """

    heights: Float[np.ndarray, " S"]
    radii: Float[np.ndarray, " S"]
    share: Float[np.ndarray, " S"]
    section: Float[np.ndarray, " K"]
    thickness: float

    @property
    def top(self) -> float:
        """Height of the rim."""
        return float(self.heights[-1])

    def radius(self, y: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"]:
        """Distance of the wall from the axis towards +X."""
        round_one, share = np.interp(y, self.heights, self.radii), np.interp(y, self.heights, self.share)
        return np.asarray(round_one * (1 + share * (self.section[0] - 1)))

    def reach(self, y: Float[np.ndarray, "*n"], angle: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Distance of the wall from the axis in any direction (radians about +Y), its flat facets included."""
        share = np.interp(y, self.heights, self.share)
        facets = _facets(np.ones_like(self.section), angle) * (1 - share) + _facets(self.section, angle) * share
        return np.interp(y, self.heights, self.radii) * facets


# --- vessel -------------------------------------------------------------------------------------------------------


def vessel(rng: Rng, bodies: dict[str, Body], traits: dict[str, str]) -> tuple[Wall, Solid]:
    """A vessel of one of the families: its outer wall and the whole solid."""
    kind = pick(rng, {name: body.weight for name, body in bodies.items()})
    body = bodies[kind]
    stemmed = kind in BOWLS
    section = _section(rng, stemmed, traits)
    height = float(rng.uniform(*body.height))
    thickness = float(np.exp(rng.uniform(*np.log([0.02, 0.2]))))
    heights, plain = _body_profile(rng, body, height)
    radii = plain + _lip(rng, heights / height, traits)
    if rng.random() < 0.05:
        radii = radii + _hoops(rng, heights / height)
        traits["relief"] = "hoops"
    traits["wall"] = "thick" if thickness > 0.12 else "thin" if thickness < 0.035 else "usual"
    traits["stature"] = "tall" if height > 2.4 else "low" if height < 1.3 else "usual"
    foot = _foot(rng, radii, height) if not stemmed and rng.random() < 0.22 else np.array([[0.0, 0.0]])
    if len(foot) > 1:
        traits["foot"] = "ring"
    wall_start = foot[-1, 1]
    outside = np.stack([radii, heights + wall_start], 1)
    rim, inside = _inside(rng, np.stack([plain, outside[:, 1]], 1), outside[-1], thickness, traits)
    profile = np.concatenate([foot, outside, rim, inside])
    share = np.ones(len(profile))
    if traits["section"] == "flutes":  # only outside, and fading out towards bottom and rim
        up = heights / height
        low, high = rng.uniform(0.02, 0.12), rng.uniform(0.8, 0.95)
        band = np.clip((up - low) / 0.05, 0, 1) * np.clip((high - up) / 0.05, 0, 1)
        share = np.concatenate([np.zeros(len(foot)), band, np.zeros(len(rim) + len(inside))])
    elif rng.random() < 0.3:  # a round rim or a round bottom on a square vessel
        y = profile[:, 1] / profile[:, 1].max()
        share = np.interp(y, [0, 1], rng.permutation([1.0, rng.uniform(0, 0.6)]))
    wall_rows = slice(len(foot) - (len(foot) > 1), len(foot) + len(outside))
    traits["vessel"] = kind
    wall = Wall(profile[wall_rows, 1], profile[wall_rows, 0], share[wall_rows], section, thickness)
    return wall, loft(_rings(profile, share, section))


def _rings(
    profile: Float[np.ndarray, "S 2"], share: Float[np.ndarray, " S"], section: Float[np.ndarray, " K"]
) -> Float[np.ndarray, "S K 3"]:
    t = -np.arange(len(section)) * 2 * np.pi / len(section)  # clockwise from above, as in `lathe`
    radius = profile[:, :1] * (1 + share[:, None] * (section - 1))
    return np.stack([radius * np.cos(t), np.broadcast_to(profile[:, 1:], radius.shape), radius * np.sin(t)], -1)


def _section(rng: Rng, always_round: bool, traits: dict[str, str]) -> Float[np.ndarray, " K"]:
    """Radii of the horizontal cross-section at even angles from +X; about 1."""
    kind = pick(rng, {"round": 82, "square": 8, "polygon": 5, "flutes": 5})
    traits["section"] = kind = "round" if always_round and kind == "square" else kind
    if kind == "square":
        corner = superellipse(2.0, 2.0, float(rng.uniform(2.4, 6)), 48)
        radius = np.linalg.norm(corner, axis=1)
        return np.roll(radius / radius.mean(), 6 if rng.random() < 0.15 else 0)
    if kind == "polygon":
        sides = int(rng.choice([6, 8, 10, 12]))
        t = np.arange(4 * sides) * np.pi / 2 / sides
        radius = np.cos(np.pi / sides) / np.cos((t + np.pi / sides) % (2 * np.pi / sides) - np.pi / sides)
        return radius / radius.mean()
    if kind == "flutes":
        count = int(rng.integers(4, 9)) * 2
        wave = np.abs(np.cos(np.arange(4 * count) * np.pi / 4)) * rng.choice([-1, 1])
        return 1 + rng.uniform(0.015, 0.05) * wave
    return np.ones(int(rng.choice([16, 24, 32, 48], p=[0.05, 0.13, 0.32, 0.5])))


def _body_profile(rng: Rng, body: Body, height: float) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """Heights from 0 up, and the outer radius at each, with a rounded bottom edge."""
    low, high = np.array(body.low), np.array(body.high)
    knots = low + (high - low) * rng.random()
    if len(knots) > 2:
        knots = knots + rng.normal(0, 0.012, len(knots))
    sharp, soft = body.rounding
    edge = (sharp + (soft - sharp) * rng.random() ** 1.7) * min(1.0, height / 1.5)
    tall = edge * float(rng.uniform(0.7, 1.5))
    t = np.linspace(0, np.pi / 2, 7)[:-1]
    y = np.concatenate(
        [tall * (1 - np.cos(t)), np.linspace(tall, 0.9 * height, 11), height * np.array([0.93, 0.955, 0.975, 0.99, 1])]
    )
    dense = spline(knots[:, None], 80)[:, 0]
    radius = np.interp(y / height, np.linspace(0, 1, len(dense)), dense)
    cut = min(edge, 0.8 * float(knots[0]))
    return y, radius - cut * (1 - np.sqrt(1 - np.clip(1 - y / tall, 0, 1) ** 2))


def _lip(rng: Rng, up: Float[np.ndarray, " S"], traits: dict[str, str]) -> Float[np.ndarray, " S"]:
    """What the rim adds to the outer radius at heights `up` in 0..1."""
    traits["lip"] = kind = pick(rng, {"plain": 66, "flared": 18, "bead": 10, "drawn in": 6})
    if kind == "plain":
        return np.zeros_like(up)
    if kind == "bead":
        return rng.uniform(0.02, 0.06) * (up > 1 - rng.uniform(0.03, 0.08))
    start, size = rng.uniform(0.72, 0.92), rng.uniform(0.03, 0.14)
    bend = np.clip((up - start) / (1 - start), 0, 1) ** 2
    return bend * (size if kind == "flared" else -0.6 * size)


def _hoops(rng: Rng, up: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Raised bands round the wall, each one row of the profile high."""
    rows = np.flatnonzero((up > 0.1) & (up < 0.9))
    first, step = int(rng.integers(0, 3)), int(rng.integers(2, 6))
    bump = np.zeros_like(up)
    bump[rows[first::step]] = rng.uniform(0.015, 0.05)
    return bump


def _foot(rng: Rng, radii: Float[np.ndarray, " S"], height: float) -> Float[np.ndarray, "R 2"]:
    """Profile of a foot ring, from the middle of the hollow below to where the wall starts."""
    tall = rng.uniform(0.015, 0.06) * height
    outer = radii[0] * rng.uniform(0.75, 1.0)
    hollow = rng.uniform(0.4, 0.95) * tall
    upper = outer * rng.uniform(0.9, 1.0)
    return np.array([(0, hollow), (0.8 * outer, hollow), (0.86 * outer, 0), (outer, 0), (upper, tall)])


def _inside(
    rng: Rng, plain: Float[np.ndarray, "S 2"], rim: Float[np.ndarray, " 2"], thickness: float, traits: dict[str, str]
) -> tuple[Float[np.ndarray, "R 2"], Float[np.ndarray, "I 2"]]:
    """Profile over the rim and down inside to the middle of the floor; `plain` is the outer wall without reliefs."""
    traits["inside"] = kind = pick(rng, {"hollow": 88, "filled": 7, "solid": 5})
    base, top = plain[0, 1], rim[1]
    if kind == "solid":
        return np.zeros((0, 2)), np.array([[0.0, top]])
    depth = rng.uniform(0.05, 0.5) if kind == "filled" else 1.0
    floor = max(base + thickness * float(rng.uniform(0.8, 1.6)), top - depth * (top - base))
    slope = np.clip(np.gradient(plain[:, 0], plain[:, 1] + 1e-9 * np.arange(len(plain))), -2, 2)
    inner = np.maximum(plain[:, 0] - thickness * np.sqrt(1 + slope**2), 0)
    edge = min(float(rng.uniform(0.03, 0.4)), 0.4 * (top - floor))
    t = np.linspace(0, np.pi / 2, 6)[:-1]
    y = np.concatenate([floor + edge * (1 - np.cos(t)), np.linspace(floor + edge, top, 11)])[::-1]
    radius = np.interp(y, plain[:, 1], inner)
    radius = np.maximum(radius - edge * (1 - np.sqrt(1 - np.clip(1 - (y - floor) / edge, 0, 1) ** 2)), 0)
    inner_rim = radius[0] + (rim[0] - plain[-1, 0]) * 0.8  # a flared lip is flared inside too
    round_share = rng.choice([0.15, 1.0], p=[0.4, 0.6])
    crown = min(round_share * (rim[0] - inner_rim) / 2, 0.04 * (top - base))
    a = np.linspace(0, np.pi, 6)[1:-1]
    middle, half = (rim[0] + inner_rim) / 2, (rim[0] - inner_rim) / 2
    over = np.stack([middle + half * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.7, top + crown * np.sin(a)], 1)
    radius = radius + (inner_rim - radius[0]) * np.clip(1 - (top - y) / (0.15 * (top - base)), 0, 1) ** 2
    return over, np.concatenate([np.stack([radius, y], 1), [[0, floor]]])


def stem_and_foot(rng: Rng, bowl: float, short: bool) -> Solid:
    """Stem and foot below a bowl whose bottom has radius `bowl`, at y = 0."""
    tall = rng.uniform(0.15, 0.5) if short else rng.uniform(0.4, 2.4)
    foot = rng.uniform(0.45, 0.95)
    stem = rng.uniform(0.6, 0.9) * bowl if short else rng.uniform(0.05, 0.16)
    y = np.linspace(0, 1, 22) ** 1.3 * tall
    radius = stem + (foot - stem) * np.exp(-y / (tall * rng.uniform(0.03, 0.15)))
    radius += (bowl - stem) * np.exp(-(tall - y) / (tall * rng.uniform(0.03, 0.2)))
    for _ in range(rng.choice([0, 1, 2, 3], p=[0.45, 0.35, 0.12, 0.08])):
        spread = rng.uniform(0.06, 0.14) * min(tall, 1)
        radius += rng.uniform(0.4, 1.2) * stem * np.exp(-(((y - rng.uniform(0.2, 0.92) * tall) / spread) ** 2))
    edge = rng.uniform(0.01, 0.06)
    rows = np.stack([np.maximum(radius, 0.02), y + edge], 1)
    profile = np.concatenate([[(0, 0), (rows[0, 0], 0)], rows, [(0, tall + edge)]])
    return move(lathe(profile, 28), np.array([0, 0.012 - tall - edge, 0]))


def lid(rng: Rng, wall: Wall) -> list[Solid]:
    """A round lid with a knob."""
    radius, edge, dome = wall.radii[-1] + 0.02, rng.uniform(0.03, 0.1), rng.uniform(0.02, 0.5)
    t = np.linspace(0, np.pi / 2, 7)
    arch = np.stack([radius * np.cos(t), edge + dome * np.sin(t)], 1)
    arch[-1, 0] = 0
    cap = move(lathe(np.concatenate([[(0, 0), (radius, 0)], arch])), np.array([0, wall.top - 0.01, 0]))
    size = rng.uniform(0.08, 0.18)
    knob = ellipsoid(size * np.array([1, rng.uniform(0.6, 1.3), 1]), 14)
    return [cap, move(knob, np.array([0, wall.top + edge + dome + 0.4 * size, 0]))]


# --- small helpers ------------------------------------------------------------------------------------------------


def pick(rng: Rng, weights: Mapping[str, int]) -> str:
    """One of the names, as often as its weight says."""
    p = np.array(list(weights.values()), float)
    return str(rng.choice(list(weights), p=p / p.sum()))


def _facets(section: Float[np.ndarray, " K"], angle: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Radius of a polygon, given by its corners' radii at even angles clockwise from +X, in the given directions."""
    step = 2 * np.pi / len(section)
    k = (-angle / step) % len(section)
    i = k.astype(int) % len(section)
    a, b, t = section[i], section[(i + 1) % len(section)], (k % 1) * step
    return a * b * np.sin(step) / (a * np.sin(t) + b * np.sin(step - t))
