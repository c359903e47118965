"""Handles and straps of bags: arches, loops, shoulder straps, chains and telescopic rods."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.bag_body import Body
from gen3d.generators.procedural.solids import (
    Solid,
    box,
    circle,
    frames,
    lathe,
    merge,
    move,
    rod,
    rounded_rectangle,
    spline,
    sweep,
    turn,
)
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator
Path = Float[np.ndarray, "_ 3"]


def strand(rng: Rng, kind: str, path: Path, size: float) -> list[Solid]:
    """A strap along a path: "flat" (broad along Z), "ribbon" (broad in the plane of its bend), "round", "grip" (a round
    one with a thicker middle) or "chain".
    """
    if kind == "chain":
        return _chain(path, max(0.45 * size, 0.018))
    t = np.linspace(0, 1, len(path))
    if kind in ("round", "grip"):
        middle = 1 + (0.7 * np.clip(1.6 - 5 * np.abs(t - 0.5), 0, 1) if kind == "grip" else 0.0 * t)
        return [sweep(circle(0.28 * size, 10), path, middle, up=(0, 0, 1))]
    thin = float(rng.uniform(0.012, 0.025))
    wide, deep = (thin, size) if kind == "flat" else (size, thin)
    outline = rounded_rectangle(wide, deep, 0.4 * thin, 1)
    return [sweep(outline, path, up=(0, 0, 1))]


def _chain(path: Path, size: float) -> list[Solid]:
    """Links of a chain, each turned against the next."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    count = int(np.clip(length[-1] / (1.5 * size), 4, 32))
    at = np.linspace(0, length[-1], count)
    spots = np.stack([np.interp(at, length, column) for column in path.T], 1)
    long = 0.72 * length[-1] / (count - 1)
    t = np.linspace(0, 2 * np.pi, 5, endpoint=False)
    thick = 0.16 * long
    link = lathe(np.stack([1 - thick / long + thick / long * np.cos(t), thick * np.sin(t)], 1), 9, closed=True)
    side, top = frames(spots, np.array([0.0, 0.0, 1.0]))
    ahead = np.cross(side, top)
    links = []
    for i, spot in enumerate(spots):
        axes = (side[i], top[i]) if i % 2 else (top[i], -side[i])
        x, y, z = link.vertices.T[:, :, None]
        links.append(Solid(spot + x * long * ahead[i] + z * 0.6 * long * axes[0] - y * axes[1], link.faces))
    return [merge(links)]


def arch(half: float, high: float, power: float, sink: float = 0.0, count: int = 25) -> Path:
    """An arch in the XY plane over (-half, 0) and (half, 0); `sink` lengthens its feet downwards."""
    t = np.linspace(0, np.pi, count)
    x = half * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / power)
    y = high * np.abs(np.sin(t)) ** (2 / power)
    path = np.stack([x, y, np.zeros(count)], 1)
    feet = [[half, -sink, 0]], [[-half, -sink, 0]]
    return np.concatenate([feet[0], path, feet[1]]) if sink > 0 else path


# --- where handles are fixed --------------------------------------------------------------------------------------


def top_handle(rng: Rng, body: Body, kind: str, high: float, share: float) -> list[Solid]:
    """One handle over the middle of the top."""
    half = share * body.side(0.8 * body.high)
    foot = body.top(half)
    path = arch(half, high, float(rng.choice([2.0, 3.0, 5.0])), 0.03) + [0, foot, 0]
    return strand(rng, kind, path, float(rng.uniform(0.05, 0.1)))


def pair(rng: Rng, body: Body, kind: str, high: float, share: float) -> list[Solid]:
    """Two handles, one on the front face and one on the back; some lean outwards, some have fallen over."""
    half, start = share * body.side(0.8 * body.high), float(rng.choice([0.95, rng.uniform(0.4, 0.9)])) * body.high
    rise, size = body.high - start + high, float(rng.uniform(0.05, 0.11))
    power = float(rng.choice([2.0, 2.6, 4.0]))
    lean = float(rng.choice([0.0, rng.uniform(0, 0.2), rng.uniform(0.3, 0.9)], p=[0.35, 0.45, 0.2]))
    found = []
    for side in (-1, 1):
        path = arch(half, rise, power)
        above = np.clip(path[:, 1] - (body.high - start), 0, None)
        face = [body.front(half, min(start + v, body.high)) for v in path[:, 1]]
        z = np.array(face) + 0.008 + lean * above
        path = np.stack([path[:, 0], start + path[:, 1] - 0.3 * lean * above, side * z], 1)
        found += strand(rng, kind, path, size)
    return found


def side_strap(rng: Rng, body: Body, kind: str, high: float) -> list[Solid]:
    """A shoulder strap from one side over the top to the other."""
    start = float(rng.uniform(0.6, 0.97)) * body.high
    half = 0.97 * body.side(start)
    path = arch(half, body.high - start + high, float(rng.choice([1.6, 2.0, 2.6, 4.0])), 0.02, 33) + [0, start, 0]
    bend = float(rng.choice([0.0, rng.uniform(-0.3, 0.3)]))
    path[:, 2] += bend * np.clip(path[:, 1] - body.high, 0, None)
    return strand(rng, kind, path, float(rng.uniform(0.04, 0.09)))


def fallen_strap(rng: Rng, body: Body, kind: str) -> list[Solid]:
    """A shoulder strap from side to side that hangs down before the front face."""
    start, out = 0.93 * body.high, float(body.half_z.max()) + 0.03
    half, low = 0.97 * body.side(start), float(rng.uniform(0.1, 0.6)) * body.high
    knots = [(half, start, 0), (1.06 * half + 0.03, start + 0.08, 0.5 * out), (0.85 * half, 0.8 * start, out)]
    knots += [(0.45 * half, 0.3 * start + 0.7 * low, out + 0.02), (0, low, out + 0.02)]
    mirrored = [(-x, y, z) for x, y, z in knots[-2::-1]]
    return strand(rng, "round" if kind == "flat" else kind, spline([*knots, *mirrored], 37), 0.05)


def carry_straps(rng: Rng, body: Body) -> list[Solid]:
    """The two shoulder straps of a backpack, on its back (-Z), and often a loop on top."""
    apart, out = float(rng.uniform(0.25, 0.5)), float(rng.uniform(0.1, 0.35))
    high, low = float(rng.uniform(0.82, 0.95)) * body.high, float(rng.uniform(0.05, 0.25)) * body.high
    wide, thin = float(rng.uniform(0.08, 0.17)), float(rng.uniform(0.02, 0.05))
    outline, found = rounded_rectangle(thin, wide, 0.4 * thin, 1), []
    sizes = np.ones((22, 2))
    if rng.random() < 0.6:  # padded above, a web below
        sizes = np.interp(np.linspace(0, 1, 22), [0, 0.55, 0.62, 1], [1, 1, 0.4, 0.4])[:, None] * [1, 1]
    for side in (-1, 1):
        x = side * apart * body.side(high)
        wall = [body.front(x, y) for y in (high, low)]
        knots = [(x, high, -0.97 * wall[0]), (1.05 * x, high - 0.02, -wall[0] - 0.7 * out)]
        knots += [
            (1.2 * x, 0.6 * high + 0.4 * low, -wall[0] - out),
            (1.35 * x, 0.3 * high + 0.7 * low, -wall[1] - 0.6 * out),
        ]
        knots += [(1.4 * x, low, -0.97 * body.front(1.4 * x, low))]
        found.append(sweep(outline, spline(knots, 22), sizes, up=(1, 0, 0)))
    if rng.random() < 0.7:
        loop = arch(float(rng.uniform(0.06, 0.12)), float(rng.uniform(0.06, 0.14)), 2.5, 0.02)
        back = float(rng.uniform(0.0, 0.8)) * -body.front(0, 0.97 * body.high)
        found += strand(rng, pick(rng, {"flat": 2, "round": 1}), loop + [0, body.high, back], 0.04)
    return found


def telescopic(rng: Rng, body: Body) -> list[Solid]:
    """Two rods with a grip at the back of a trolley, drawn out."""
    half, high = float(rng.uniform(0.25, 0.6)) * body.side(0.5 * body.high), float(rng.uniform(0.25, 0.8))
    z, thin = -float(rng.uniform(0.4, 0.85)) * body.front(0, 0.5 * body.high), float(rng.uniform(0.01, 0.02))
    foot = body.top(half) - 0.05
    rods = [rod([side * half, foot, z], [side * half, body.high + high, z], thin, count=8) for side in (-1, 1)]
    bar = box([2 * half + 0.08, 0.05, 0.05], 0.02)
    return [*rods, move(bar, [0, body.high + high, z])]


def wrist_loop(rng: Rng, body: Body, kind: str) -> list[Solid]:
    """A loop that hangs from one side."""
    start = float(rng.uniform(0.6, 0.9)) * body.high
    long = float(rng.uniform(0.2, 0.45))
    loop = turn(Solid(arch(0.06, long, 2.6), np.zeros((0, 3), np.int64)), "z", -float(rng.uniform(95, 165))).vertices
    return strand(rng, "round" if kind == "grip" else kind, loop + [0.97 * body.side(start), start, 0], 0.04)
