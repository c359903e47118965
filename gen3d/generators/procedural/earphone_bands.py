"""Headbands with their sliders and yokes, neckbands and collars."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gen3d.generators.procedural.earphone_cups import Cup
from gen3d.generators.procedural.fittings import Path, Plane, Rng, Spot, Style, ball, pick
from gen3d.generators.procedural.solids import (
    Numbers,
    Solid,
    arc,
    box,
    circle,
    mirror,
    move,
    rounded_rectangle,
    spline,
    superellipse,
    sweep,
    tube,
)

BANDS = {
    "strip": 22, "padded": 26, "wire": 8, "double": 10, "suspended": 9, "cushioned": 12, "wide": 7, "stepped": 6,
}  # fmt: skip
YOKES = {"stem": 26, "fork": 28, "direct": 24, "twin": 9, "housing": 13}


class Frame(NamedTuple):
    """Where the right cup hangs and how the band runs over the head.

    Args:
        ear: middle of the right cup.
        top: height of the band's crown over the ears.
        wide: half the distance of the band's ends, at height `ends` over the ears.
        ends: see `wide`.
        square: exponent of the arch: 2 an ellipse, 3 flat on top.
    """

    ear: Spot
    top: float
    wide: float
    ends: float
    square: float


def arch(frame: Frame, count: int = 41, grow: float = 0.0) -> Path:
    """The band's middle line from the left end over the head to the right end; `grow` moves it outwards."""
    t = np.linspace(np.pi, 0, count)
    c, s = np.cos(t), np.sin(t)
    x = np.sign(c) * np.abs(c) ** (2 / frame.square) * (frame.wide + grow)
    y = frame.ends + np.abs(s) ** (2 / frame.square) * (frame.top - frame.ends + grow)
    flat = np.stack([x, y], 1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(flat, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count)  # even steps
    return np.stack([np.interp(at, length, x), np.interp(at, length, y), np.zeros(count)], 1)


def strip(outline: Plane, path: Path, sizes: Numbers = 1.0) -> Solid:
    """A band along a path in the XY plane; the outline's second axis is its width, along Z."""
    return sweep(outline, path, sizes, up=(0.0, 0.0, 1.0))


def band(rng: Rng, frame: Frame, style: Style, traits: dict[str, str]) -> list[Solid]:
    """The band over the head."""
    traits["band"] = kind = pick(rng, BANDS)
    path = arch(frame)
    thick, wide = rng.uniform(0.03, 0.08), rng.uniform(0.12, 0.34)
    flat = superellipse(2 * thick, 2 * wide, rng.uniform(2.5, 7), 12)
    if kind == "wire":
        count = int(rng.choice([1, 2], p=[0.7, 0.3]))
        shifts = [0.0] if count == 1 else [-0.5 * wide, 0.5 * wide]
        return [tube(path + [0, 0, z], rng.uniform(0.03, 0.055), style.few) for z in shifts]
    if kind == "double":
        gap, rail = wide * rng.uniform(0.7, 1.1), superellipse(1.6 * thick, rng.uniform(1.5, 4) * thick, 3, 10)
        bow = np.sin(np.linspace(0, np.pi, len(path)))[:, None] * [0, 0, 1]  # the rails meet at the ends
        return [strip(rail, path + side * gap * bow) for side in (-1, 1)] + _tips(path, thick, style)
    if kind == "wide":
        return [strip(flat * [0.8, 1.8], path, _fade(len(path), 0.35))]
    if kind == "padded":
        swell = np.stack([_fade(len(path), rng.uniform(0.4, 0.7)), _fade(len(path), rng.uniform(0.6, 1.0))], 1)
        return [strip(superellipse(thick * 3.6, 2 * wide, rng.uniform(2, 3.5), 14), path, swell)]
    solids = [strip(flat * ([0.7, 0.8] if kind != "strip" else [1, 1]), path)]
    if kind == "cushioned":
        pad = path[8:-8] - [0, 1.3 * thick, 0]
        solids.append(strip(superellipse(2.6 * thick, 2.1 * wide, 2.5, 14), pad, _fade(len(pad), 0.45)))
    elif kind == "stepped":
        share = int(rng.integers(6, 13))
        solids += [strip(flat * [1.6, 1.25], path[share:-share])]
    elif kind == "suspended":
        outer = arch(frame, grow=rng.uniform(0.12, 0.22))
        bend = np.sin(np.linspace(0, np.pi, len(path)))[:, None] ** 0.5
        outer = path + (outer - path) * bend
        rod = circle(rng.uniform(0.022, 0.04), style.few)
        shifts = [-0.6 * wide, 0.6 * wide] if rng.random() < 0.6 else [0.0]
        solids += [sweep(rod, outer + [0, 0, z], up=(0, 0, 1)) for z in shifts]
    return solids


def _tips(path: Path, thick: float, style: Style) -> list[Solid]:
    return [ball(path[i], 2.2 * thick, style) for i in (0, -1)]


def _fade(count: int, least: float) -> np.ndarray:
    """Sizes along a band: 1 in the middle, `least` at the ends."""
    return least + (1 - least) * np.sin(np.linspace(0, np.pi, count)) ** 0.5


# --- yokes --------------------------------------------------------------------------------------------------------


def yokes(rng: Rng, frame: Frame, cup: Cup, style: Style, traits: dict[str, str]) -> list[Solid]:
    """What joins the band's ends to the cups, on both sides."""
    traits["yoke"] = kind = pick(rng, YOKES)
    end = np.array([frame.wide, frame.ends, 0])
    made = {"stem": _stem, "fork": _fork, "direct": _direct, "twin": _twin, "housing": _housing}[kind](
        rng, end, frame.ear, cup, style
    )
    return [*made, *(mirror(solid) for solid in made)]


def _stem(rng: Rng, end: Spot, ear: Spot, cup: Cup, style: Style) -> list[Solid]:
    """One flat or round bar down the outside of the cup to its middle, or into its top."""
    if rng.random() < 0.5:
        out = ear + [cup.outer + 0.03, rng.uniform(-0.1, 0.4) * cup.tall, 0]
        path = spline([end, [max(end[0], out[0]), 0.5 * (end[1] + ear[1] + cup.tall), 0], out, out - [0.12, 0, 0]], 16)
    else:
        path = spline(
            [end, ear + [0.3 * cup.outer, cup.tall + 0.05, 0], ear + [0.3 * cup.outer, 0.7 * cup.tall, 0]], 10
        )
    wide = rng.uniform(0.04, 0.14)
    section = circle(0.05, style.few) if rng.random() < 0.35 else rounded_rectangle(0.07, 2 * wide, 0.03, 2)
    return [strip(section, path), ball(end, 0.075, style)]


def _fork(rng: Rng, end: Spot, ear: Spot, cup: Cup, style: Style) -> list[Solid]:
    """A half ring round the cup whose ends hold it at the sides."""
    x = ear[0] + rng.uniform(0.15, 0.6) * cup.outer
    spread, gap = rng.uniform(80, 110), rng.uniform(0.02, 0.06)
    flat = arc(1.0, 90 - spread, 90 + spread, 25) * [cup.deep + gap, cup.tall + gap]
    path = np.stack([np.full(25, x), ear[1] + flat[:, 1], ear[2] + flat[:, 0]], 1)
    thin = rng.uniform(0.02, 0.045)
    section = circle(thin, style.few) if rng.random() < 0.4 else rounded_rectangle(1.6 * thin, 4 * thin, 0.6 * thin, 2)
    crown = np.array([x, ear[1] + cup.tall + gap, ear[2]])
    stalk = spline([end, 0.5 * (end + crown) + [0.02, 0, 0], crown], 9)
    pins = [
        tube([p, p + np.sign(ear[2] - p[2]) * np.array([0, 0, gap + 0.25 * cup.deep])], 1.1 * thin, style.few)
        for p in path[[0, -1]]
    ]
    return [
        sweep(section, path, up=(1, 0, 0)),
        strip(rounded_rectangle(2.2 * thin, rng.uniform(3, 7) * thin, 0.8 * thin, 2), stalk),
        ball(end, max(0.06, 1.8 * thin), style),
        *pins,
    ]


def _direct(rng: Rng, end: Spot, ear: Spot, cup: Cup, style: Style) -> list[Solid]:
    """The band runs on into the top of the cup."""
    stop = ear + [rng.uniform(0.2, 0.7) * cup.outer, rng.uniform(0.5, 0.85) * cup.tall, 0]
    path = spline([end + [0, 0.03, 0], 0.5 * (end + stop), stop], 9)
    wide = rng.uniform(0.08, 0.25)
    section = superellipse(rng.uniform(0.08, 0.16), 2 * wide, 4, 12)
    return [strip(section, path, np.linspace(1, rng.uniform(0.8, 1.5), 9))]


def _twin(rng: Rng, end: Spot, ear: Spot, cup: Cup, style: Style) -> list[Solid]:
    """Two thin rods side by side, and the block that they slide in."""
    gap, thin = rng.uniform(0.06, 0.16), rng.uniform(0.018, 0.03)
    stop = ear + [0.4 * cup.outer, 0.75 * cup.tall, 0]
    path = spline([end, 0.5 * (end + stop) + [0.03, 0, 0], stop], 9)
    block = move(box([0.12, 0.16, 2 * gap + 6 * thin], 0.03), end)
    return [block, *(tube(path + [0, 0, z], thin, style.few) for z in (-gap, gap))]


def _housing(rng: Rng, end: Spot, ear: Spot, cup: Cup, style: Style) -> list[Solid]:
    """A slab that starts at the band and covers the upper part of the cup's outer face."""
    low = ear + [cup.outer + 0.02, rng.uniform(-0.3, 0.3) * cup.tall, 0]
    mid = ear + [cup.outer + 0.05, cup.tall, 0]
    path = spline([end, mid, low], 12)
    wide = cup.deep * rng.uniform(0.3, 0.75)
    sizes = np.stack([np.ones(12), np.linspace(rng.uniform(0.3, 0.7), 1.0, 12)], 1)
    return [strip(superellipse(0.13, 2 * wide, 4, 14), path, sizes), ball(end, 0.08, style)]
