"""Poles of lamps: turned and plain columns, jointed and bent arms, cords and chains."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.fittings import (
    Path,
    Rng,
    Spot,
    Style,
    around,
    ball,
    pick,
    spun,
    square,
    strut,
)
from gen3d.generators.procedural.solids import Solid, circle, cylinder, loft, move, spline, sweep, tube, turn

COLUMNS = {
    "plain": 40, "tapered": 8, "turned": 16, "balls": 5, "twisted": 4, "bamboo": 4, "bundle": 9, "pipes": 8,
    "fluted": 4, "sleeves": 6,
}  # fmt: skip


def column(rng: Rng, name: str, span: tuple[float, float], radius: float, style: Style) -> list[Solid]:
    """An upright pole about the Y axis from the first to the second height of `span`."""
    low, high = span
    tall, section = high - low, circle(1.0, max(8, style.few))
    if name == "twisted":
        return [_twisted(rng, span, 1.6 * radius)]
    if name == "bundle":
        return _bundle(rng, span, radius, style)
    if name == "fluted":
        t = np.arange(24) * np.pi / 12
        section = circle(1.0, 24) * (1 + 0.18 * np.cos(8 * t))[:, None]
    u, r = COLUMN_PROFILES.get(name, _plain)(rng, tall / radius)
    r = r * radius * (1.7 if name in ("turned", "balls", "fluted") else 1.0)
    if name == "plain" and style.square:
        section = square() * 0.9
    rows = np.stack([np.clip(r, 0.3 * radius, None), low + tall * u], 1)
    return [spun([(0, low), *rows, (0, high)], section)]


def _plain(rng: Rng, slim: float) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(0, 1, 4), np.ones(4)


def _tapered(rng: Rng, slim: float) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(0, 1, 4), np.linspace(rng.uniform(1.4, 2.4), 0.8, 4)


def _turned(rng: Rng, slim: float) -> tuple[np.ndarray, np.ndarray]:
    """Swellings, necks and rings as of a turned baluster."""
    knots = int(rng.integers(5, 10))
    r = rng.uniform(0.5, 1.5, knots)
    r[:: max(2, knots // 3)] *= rng.uniform(1.1, 1.7)
    rows = spline(np.stack([np.linspace(0, 1, knots), np.minimum(r, 0.12 * slim)], 1), 4 * knots)
    return rows[:, 0], rows[:, 1]


def _balls(rng: Rng, slim: float) -> tuple[np.ndarray, np.ndarray]:
    """Spheres on top of each other."""
    count = int(rng.integers(3, 8))
    u = np.linspace(0, 1, 8 * count + 1)
    big = min(0.3 * slim / count, 2.2)
    return u, 0.4 + big * np.sqrt(np.clip(1 - (2 * (u * count % 1) - 1) ** 2, 0, None))


def _bamboo(rng: Rng, slim: float) -> tuple[np.ndarray, np.ndarray]:
    count = int(rng.integers(4, 9))
    u = np.linspace(0, 1, 6 * count + 1)
    return u, 1.1 + 0.3 * np.cos(2 * np.pi * u * count) ** 8


def _pipes(rng: Rng, slim: float) -> tuple[np.ndarray, np.ndarray]:
    """Pipes that slide into each other, thinner upwards."""
    count = int(rng.integers(2, 5))
    edges = np.sort(rng.uniform(0.15, 0.9, count - 1))
    u = np.concatenate([[0], np.repeat(edges, 2), [1]])
    u[2::2] += 1e-3
    return u, np.repeat(np.linspace(1.5, 0.75, count), 2)


def _sleeves(rng: Rng, slim: float) -> tuple[np.ndarray, np.ndarray]:
    """A plain rod with a few rings or knobs."""
    u, r = [0.0], [1.0]
    for at in np.sort(rng.uniform(0.05, 0.95, int(rng.integers(1, 4)))):
        half, big = rng.uniform(0.006, 0.03), rng.uniform(1.4, 2.4)
        u += [at - half, at - 0.8 * half, at + 0.8 * half, at + half]
        r += [1, big, big, 1]
    order = np.clip(np.maximum.accumulate([*u, 1.0]), 0, 1)
    return order, np.array([*r, 1.0])


COLUMN_PROFILES = {
    "tapered": _tapered, "turned": _turned, "balls": _balls, "bamboo": _bamboo, "pipes": _pipes, "sleeves": _sleeves,
}  # fmt: skip


def _twisted(rng: Rng, span: tuple[float, float], radius: float) -> Solid:
    y = np.linspace(*span, 30)
    turns = rng.uniform(0.5, 3) * 2 * np.pi * np.linspace(0, 1, 30)[:, None]
    flat = square(0.2) * radius
    x = flat[:, 0] * np.cos(turns) - flat[:, 1] * np.sin(turns)
    v = flat[:, 0] * np.sin(turns) + flat[:, 1] * np.cos(turns)
    return loft(np.stack([x, np.repeat(y[:, None], len(flat), 1), -v], -1))


def _bundle(rng: Rng, span: tuple[float, float], radius: float, style: Style) -> list[Solid]:
    """Two to four thin rods side by side, tied by discs."""
    count, off = int(rng.integers(2, 5)), radius * rng.uniform(1.3, 3.0)
    rods = around([strut([off, span[0], 0], [off, span[1], 0], 0.7 * radius, style)], count)
    ties = np.linspace(*span, int(rng.integers(3, 6)))
    tall = 0.8 * radius
    low = [span[0], *(ties[1:-1] - tall / 2), span[1] - tall]
    return [*rods, *(move(cylinder(off + radius, tall, count=12), [0, y, 0]) for y in low)]


# --- arms ---------------------------------------------------------------------------------------------------------


def jointed(rng: Rng, knots: Path, radius: float, style: Style) -> list[Solid]:
    """Straight pieces between joints: single or twin rods or flat bars, knuckles at the joints, springs beside."""
    kind = pick(rng, {"single": 4, "twin": 5, "bar": 2})
    shortest = float(np.linalg.norm(np.diff(knots, axis=0), axis=1).min())
    radius = min(radius, 0.05 * shortest)
    gap = min(radius * rng.uniform(1.2, 2.6), 0.07 * shortest)
    across = np.array([1.0, 0, 0])
    solids: list[Solid] = []
    for a, b in zip(knots[:-1], knots[1:], strict=True):
        along = (b - a) / np.linalg.norm(b - a)
        side = across if rng.random() < 0.5 else np.cross(across, along)
        shifts = [-gap * side, gap * side] if kind == "twin" else [0 * side]
        thick = 1.5 * radius if kind == "bar" else radius
        solids += [strut(a + s, b + s, thick * (0.75 if kind == "twin" else 1), style) for s in shifts]
        if kind == "twin" or rng.random() < 0.3:
            solids.append(_spring(a, b, 1.5 * radius, rng.uniform(0.3, 0.5)))
    wide = 1.3 * (gap + radius) if kind == "twin" else 2.2 * radius
    knuckle = pick(rng, {"drum": 3, "ball": 1})
    for at in knots:
        if knuckle == "ball":
            solids.append(ball(at, wide, style))
        else:
            drum = move(cylinder(rng.uniform(0.9, 1.3) * wide, 1.6 * wide, count=12), [0, -0.8 * wide, 0])
            solids.append(move(turn(drum, "z", 90), at))
    return solids


def _spring(a: Spot, b: Spot, radius: float, share: float) -> Solid:
    """A coil spring round the start of an arm, as a rod with ridges."""
    u = np.linspace(0, share, 24)
    sizes = radius * (0.85 + 0.15 * (np.arange(24) % 2))
    return tube(a + u[:, None] * (b - a), sizes, 6)


def bend(kind: str, rng: Rng, start: Spot, tall: float, out: float) -> Path:
    """The path of a bent pole from its foot, `tall` high and reaching `out` towards +Z."""
    if kind == "arc":
        t = np.linspace(0, np.pi * rng.uniform(0.72, 0.95), 26)
        flat = np.stack([(1 - np.cos(t)) / 2 * out, np.sin(t)], 1)
        rise = rng.uniform(0.3, 0.7) * tall
        flat = np.concatenate([[[0, 0]], flat * [1, tall - rise] + [0, rise]])
    else:
        knots = {
            "gooseneck": [(0, 0), (-0.05, 0.5), (0.2, 0.92), (0.65, 1.0), (1, 0.78)],
            "crook": [(0, 0), (0, 0.55), (0.02, 0.85), (0.3, 1.0), (0.75, 0.97), (1, 0.85)],
            "wave": [(0, 0), (-0.35, 0.3), (0.25, 0.7), (0.7, 1.0), (1, 0.85)],
            "bow": [(0, 0), (0.05, 0.4), (0.25, 0.8), (0.6, 0.98), (1, 1.0)],
            "lean": [(0, 0), (0.5, 0.5), (1, 1)],
            "elbow": [(0, 0), (0, 0.45), (0, 0.9), (0.02, 0.97), (0.1, 1.0), (0.5, 1.0), (1, 1.0)],
        }[kind]
        moved = np.array(knots) + rng.normal(0, 0.02, (len(knots), 2)) * (np.arange(len(knots)) > 0)[:, None]
        flat = spline(moved, 26) * [out, tall]
    return start + np.stack([np.zeros(len(flat)), flat[:, 1], flat[:, 0]], 1)


def ribbed(path: Path, radius: float, style: Style) -> Solid:
    """A flexible neck: a tube with ridges."""
    fine = spline(path, 72)
    return tube(fine, radius * (1.3 + 0.3 * (np.arange(72) % 2)), style.few)


def tilt_at_end(path: Path) -> float:
    """Degrees off straight down of the path's last step, towards +Z (90: level)."""
    step = path[-1] - path[-2]
    return float(np.degrees(np.arctan2(step[2], -step[1])))


# --- hanging ------------------------------------------------------------------------------------------------------


CORDS = {"cord": 45, "rod": 28, "chain": 15, "pipe": 7, "pair": 5}


def hanging(rng: Rng, name: str, start: Spot, stop: Spot, radius: float, style: Style) -> list[Solid]:
    """What a lamp hangs on, between two points above each other."""
    length = float(np.linalg.norm(stop - start))
    if name == "chain":
        return _chain(rng, start, stop, radius)
    if name == "pair":
        shift = np.array([1.0, 0, 0]) * radius * rng.uniform(1.5, 3)
        return [strut(start + s * shift, stop + s * shift, max(0.45 * radius, 0.003 * length), style) for s in (-1, 1)]
    if name == "pipe":
        span = (float(stop[1]), float(start[1]))
        kind = pick(rng, {"turned": 2, "sleeves": 2, "pipes": 1, "plain": 1})
        return [move(s, [start[0], 0, start[2]]) for s in column(rng, kind, span, 1.3 * radius, style)]
    size = max(0.55 * radius, 0.0035 * length) if name == "cord" else 1.1 * radius
    path = np.linspace(start, stop, 3)
    return [tube(path, size, 6 if name == "cord" else style.few)]


def _chain(rng: Rng, start: Spot, stop: Spot, radius: float) -> list[Solid]:
    """Oval links, each a quarter turn from the one before."""
    length = float(np.linalg.norm(stop - start))
    count = int(np.clip(length / (7 * radius), 3, 22))
    half = length / count / 2
    wire = min(0.2 * half, 0.8 * radius)
    t = np.arange(10) * np.pi / 5
    oval: Float[np.ndarray, "10 3"] = np.stack([0.5 * half * np.cos(t), (half + wire) * np.sin(t), 0 * t], 1)
    link = sweep(circle(wire, 5), oval, up=(0, 0, 1), closed=True)
    along = (stop - start) / count
    return [move(turn(link, "y", 90 * (i % 2)), start + (i + 0.5) * along) for i in range(count)]
