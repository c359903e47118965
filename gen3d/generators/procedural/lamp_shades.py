"""Shades of lamps: shells of any profile and section, globes, spots, bulbs, lanterns, troughs and cages.

A shade is built about its hub at the origin, where it is held; its light goes down (-Y). A size is its largest radius.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.fittings import (
    Plane,
    Rng,
    Style,
    around,
    ball,
    hoop,
    pick,
    polygon,
    shell,
    spun,
    square,
    wavy,
)
from gen3d.generators.procedural.solids import (
    Solid,
    arc,
    box,
    circle,
    cylinder,
    extrude,
    move,
    rod,
    spline,
    sweep,
    tube,
    turn,
)


class Shade(NamedTuple):
    """The pieces of one shade about its hub, how far it reaches below and above that, and its radius."""

    solids: list[Solid]
    low: float
    high: float
    radius: float


class Form(NamedTuple):
    """A family of shell profiles.

    Args:
        low, high: radii at even heights from the opening up, at the two ends of the family.
        tall: range of the height, in largest radii.
        closed: whether the upper end is closed.
        smooth: whether the profile is a curve rather than straight lines.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    tall: tuple[float, float]
    closed: bool
    smooth: bool


FORMS = {
    "cone": Form((1.0, 0.05), (1.0, 0.22), (0.7, 2.0), True, False),
    "empire": Form((1.0, 0.4), (1.0, 0.8), (0.9, 1.7), False, False),
    "drum": Form((1.0, 0.86), (1.0, 1.0), (0.55, 1.8), False, False),
    "coolie": Form((1.0, 0.15), (1.0, 0.36), (0.55, 1.0), False, False),
    "bell": Form((1.0, 0.66, 0.5, 0.4, 0.34), (1.0, 0.82, 0.7, 0.6, 0.48), (0.9, 1.6), False, True),
    "dome": Form((1.0, 0.95, 0.8, 0.55, 0.0), (1.0, 1.0, 0.95, 0.75, 0.0), (0.5, 1.15), True, True),
    "saucer": Form((1.0, 0.85, 0.6, 0.3, 0.08), (1.0, 0.97, 0.8, 0.45, 0.12), (0.15, 0.42), True, True),
    "tulip": Form((1.0, 0.76, 0.72, 0.62, 0.16), (1.0, 0.92, 0.95, 0.85, 0.3), (1.0, 2.0), True, True),
    "trumpet": Form((1.0, 0.5, 0.3, 0.2, 0.12), (1.0, 0.7, 0.42, 0.28, 0.2), (1.0, 2.4), True, True),
    "pagoda": Form((1.0, 0.7, 0.45, 0.28, 0.2), (1.0, 0.76, 0.55, 0.4, 0.36), (0.6, 1.1), False, True),
    "mushroom": Form((0.82, 1.0, 0.93, 0.66, 0.0), (0.95, 1.0, 0.97, 0.75, 0.0), (0.6, 1.0), True, True),
    "teardrop": Form((0.72, 1.0, 0.82, 0.45, 0.1), (0.9, 1.0, 0.75, 0.36, 0.16), (1.5, 2.6), True, True),
    "lotus": Form((0.7, 0.95, 1.0, 0.7, 0.25), (0.85, 1.0, 0.9, 0.55, 0.3), (0.7, 1.4), True, True),
    "reflector": Form((1.0, 0.86, 0.58, 0.42, 0.4, 0.4), (1.0, 0.95, 0.8, 0.5, 0.48, 0.45), (1.2, 1.9), True, False),
    "spot": Form((1.0, 1.0, 1.0, 0.72, 0.5, 0.5), (1.0, 1.0, 0.95, 0.9, 0.7, 0.6), (1.3, 2.6), True, False),
    "tube": Form((1.0, 1.0), (1.0, 1.0), (2.2, 6.0), True, False),
}

# What each form's section may be besides round.
SECTIONS = {"round": 70, "polygon": 8, "square": 6, "pleated": 6, "scalloped": 5, "oval": 5}
ROUND_ONLY = ("reflector", "spot", "trumpet", "mushroom", "teardrop")
SQUARE = ("box", "pyramid")
FLOORED = ("tube", "teardrop")  # closed below, too


def shade(rng: Rng, name: str, size: float, style: Style, traits: dict[str, str]) -> Shade:
    """The named shade with largest radius about `size`; its name and its section are noted in the traits."""
    traits["shade"] = name
    if name in SPECIAL:
        return SPECIAL[name](rng, size, style)
    form = FORMS[{"box": "drum", "pyramid": pick(rng, {"empire": 2, "cone": 1})}.get(name, name)]
    traits["section"] = kind = "square" if name in SQUARE else pick(rng, _sections(name))
    section = _section(rng, kind, style)
    profile = _profile(rng, form) * size
    thick = size * rng.uniform(0.015, 0.05)
    solids = [shell(profile, thick, section)]
    top, narrow = float(profile[-1, 1]), float(profile[-1, 0])
    if form.closed:
        hub = top - 0.5 * thick
        if narrow > 0:
            solids.append(spun([(0, top - thick), (narrow * 0.98, top - thick), (narrow, top), (0, top)], section))
        if name in FLOORED:
            solids.append(spun(np.array([(0, 0), (0.99, 0), (0.99, thick), (0, thick)]) * [profile[0, 0], 1], section))
    else:
        hub = top * rng.uniform(0.78, 0.97)
        solids += _harness(rng, profile, hub, section, size)
    if round_shade := kind == "round":
        solids += _trims(rng, profile, style)
    low = 0.0
    if rng.random() < (0.35 if round_shade else 0.2) and top > 0.6 * size:
        solids += bulb_below(rng, hub, min(0.3 * size, 0.35 * hub), style)
    return Shade([move(solid, [0, -hub, 0]) for solid in solids], low - hub, top - hub, size)


def bulb_below(rng: Rng, hub: float, size: float, style: Style) -> list[Solid]:
    """A bulb with its socket that hangs from height `hub`."""
    socket = rng.uniform(0.5, 0.9) * size
    return [
        move(cylinder(0.55 * size, socket, count=max(6, style.few)), [0, hub - socket, 0]),
        ball([0, hub - socket - 0.75 * size, 0], size, style),
    ]


def _sections(name: str) -> dict[str, int]:
    return {"round": 1} if name in ROUND_ONLY else SECTIONS


def _section(rng: Rng, kind: str, style: Style) -> Plane:
    """Outline of a shade seen from above; about 1 in radius."""
    if kind == "square":
        return square(rng.choice([0.0, rng.uniform(0.05, 0.5)])) * [1, rng.choice([1.0, rng.uniform(0.5, 0.95)])] * 0.9
    if kind == "polygon":
        return polygon(int(rng.choice([5, 6, 8, 10])), float(rng.choice([0.0, 0.5])))
    if kind == "pleated":
        folds = int(rng.integers(12, 28 if style.around > 12 else 14))
        return wavy(2 * folds, folds, rng.uniform(0.04, 0.12))
    if kind == "scalloped":
        folds = int(rng.integers(5, 11 if style.around > 12 else 7))  # small shades come in dozens
        return wavy((6 if style.around > 12 else 4) * folds, folds, rng.uniform(0.08, 0.25))
    return circle(1.0, style.around) * ([1, rng.uniform(0.55, 0.85)] if kind == "oval" else 1)


def _profile(rng: Rng, form: Form) -> Float[np.ndarray, "S 2"]:
    """(radius, height) from the opening up, in largest radii."""
    mix = rng.random(len(form.low)) * 0.3 + rng.random() * 0.7
    radii = np.array(form.low) * (1 - mix) + np.array(form.high) * mix
    tall = rng.uniform(*form.tall)
    rows = np.stack([radii, np.linspace(0, tall, len(radii))], 1)
    if form.smooth:
        rows = spline(rows, int(rng.integers(8, 15)))
        rows[:, 0] = np.clip(rows[:, 0], 0, None)
        rows[-1, 0] = radii[-1]
    lip = rng.random()
    if lip < 0.2:  # a straight band round the opening
        band = rng.uniform(0.04, 0.15) * tall
        rows[:, 1] += band
        rows = np.concatenate([[[rows[0, 0], 0]], rows])
    return rows / [rows[:, 0].max(), 1]


def _harness(rng: Rng, profile: Plane, hub: float, section: Plane, size: float) -> list[Solid]:
    """Spokes that hold an open shade at its hub, and the cap they meet in; now and then a finial on top."""
    wall = float(np.interp(hub, profile[:, 1], profile[:, 0]))
    thin, count = 0.012 * size + 0.02 * wall * rng.random(), int(rng.choice([2, 3, 3, 4]))
    corners = section[:: max(1, len(section) // count)][:count]
    ends = [np.array([wall * x, hub, -wall * v]) * [0.985, 1, 0.985] for x, v in corners]
    pieces = [rod([0, hub, 0], end, thin, count=5) for end in ends]
    pieces.append(move(cylinder(4 * thin, 4 * thin, count=8), [0, hub - 2 * thin, 0]))
    if rng.random() < 0.25:
        stalk = profile[-1, 1] - hub + rng.uniform(0.05, 0.2) * size
        pieces.append(rod([0, hub, 0], [0, hub + stalk, 0], thin, count=6))
        pieces.append(move(ball([0, 0, 0], 0.05 * size, Style(16, thin, False), 1.4), [0, hub + stalk, 0]))
    return pieces


def _trims(rng: Rng, profile: Plane, style: Style) -> list[Solid]:
    """Bands round the rims of some shades."""
    if rng.random() > 0.2:
        return []
    wire = rng.uniform(0.015, 0.04) * float(profile[:, 0].max())
    return [hoop(float(r), wire, style, float(y)) for r, y in profile[[0, -1]] if r > 3 * wire]


# --- shades that are no shells ------------------------------------------------------------------------------------


def _globe(rng: Rng, size: float, style: Style) -> Shade:
    """A closed ball, tall or flat or round, smooth or ribbed as paper lanterns are, with a short neck."""
    tall = rng.choice([1.0, rng.uniform(0.6, 0.9), rng.uniform(1.1, 1.7)], p=[0.6, 0.25, 0.15]) * size
    t = np.linspace(-np.pi / 2, np.pi / 2, 33 if (ribbed := rng.random() < 0.2) else style.few + 5)
    r = size * np.cos(t) * (1 - 0.05 * (np.arange(len(t)) % 2 if ribbed else 0))
    rows = np.stack([r.round(9), tall * np.sin(t)], 1)
    neck, rise = rng.uniform(0.12, 0.4) * size, rng.uniform(0.08, 0.3) * size
    base = float(tall * np.sqrt(1 - (neck / size) ** 2)) * 0.97
    top = base + rise
    solids = [spun(rows, circle(1.0, style.around)), move(cylinder(neck, rise, count=style.around), [0, base, 0])]
    return Shade([move(solid, [0, -top, 0]) for solid in solids], -tall - top, 0.0, size)


def _bulb(rng: Rng, size: float, style: Style) -> Shade:
    """A bare bulb in its socket: pear, round, tubular or a candle's flame."""
    kind = pick(rng, {"pear": 3, "round": 2, "tube": 1, "flame": 2})
    knots = {
        "pear": [(0, -3), (0.6, -2.8), (1, -2), (0.75, -1.2), (0.42, -0.5), (0.4, 0)],
        "round": [(0, -2.6), (0.75, -2.3), (1, -1.6), (0.75, -0.8), (0.4, -0.4), (0.4, 0)],
        "tube": [(0, -4), (0.55, -3.8), (0.6, -3), (0.6, -1), (0.42, -0.4), (0.4, 0)],
        "flame": [(0, -3.2), (0.2, -2.6), (0.62, -1.4), (0.6, -0.8), (0.36, -0.2), (0.36, 0)],
    }[kind]
    rows = spline(knots, 13) * size
    rows[:, 0] = np.clip(rows[:, 0], 0, None)
    rows[0, 0] = 0
    socket = rng.uniform(0.6, 1.6) * size
    body = spun(np.concatenate([rows, [(0, 0)]]), circle(1.0, max(8, style.few)))
    holder = cylinder(rng.uniform(0.45, 0.75) * size, socket + 0.1 * size, count=max(8, style.few))
    solids = [move(body, [0, -socket, 0]), move(holder, [0, -socket - 0.1 * size, 0])]
    return Shade(solids, float(rows[0, 1]) - socket, 0.0, size)


def _lantern(rng: Rng, size: float, style: Style) -> Shade:
    """A case with corner posts, a floor and a roof, glass within or a candle."""
    section = polygon(int(rng.choice([4, 4, 6, 8])))
    tall, slope = size * rng.uniform(1.4, 3.0), rng.uniform(0.65, 1.15)
    bottom, top = min(1.0, slope) * size * 0.85, min(1.0, 1 / slope) * size * 0.85
    roof = size * rng.uniform(0.3, 0.9)
    solids = [
        spun([(0, -0.08 * size), (bottom, -0.08 * size), (bottom * 1.06, 0), (0, 0.03 * size)], section),
        spun(
            [
                (0, tall - 0.04 * size), (top, tall - 0.04 * size), (top * 1.18, tall),
                (top * rng.uniform(0.3, 0.6), tall + 0.7 * roof), (0.08 * size, tall + roof), (0, tall + roof),
            ],
            section,
        ),
    ]  # fmt: skip
    for x, v in section:
        ends = [[bottom * x * 0.96, -0.02 * size, -bottom * v * 0.96], [top * x * 0.96, tall, -top * v * 0.96]]
        solids.append(rod(ends[0], ends[1], 0.05 * size, count=5))
    if rng.random() < 0.6:
        rows = [(0, 0), (0.93 * bottom, 0), (0.93 * top, tall), (0, tall)]
        solids.append(spun(rows, section))
    else:
        stick = 0.5 * tall
        solids.append(cylinder(0.16 * size, stick, count=max(8, style.few)))
        solids.append(ball([0, stick + 0.2 * size, 0], 0.18 * size, style, 1.6))
    hub = tall + roof
    return Shade([move(s, [0, -hub, 0]) for s in solids], -hub - 0.08 * size, 0.0, size)


def _trough(rng: Rng, size: float, style: Style) -> Shade:
    """A half cylinder along X, as of a banker's lamp, with closed or open ends; a tube of light within."""
    half, bow = size * rng.uniform(1.0, 1.5), size * rng.uniform(0.45, 0.75)
    spread = rng.uniform(65, 100)
    flat = arc(bow, 90 - spread, 90 + spread, 12)
    path = np.stack([np.zeros(12), flat[:, 1], -flat[:, 0]], 1)
    thick = 0.06 * bow
    section = np.array([[-thick, -half], [thick, -half], [thick, half], [-thick, half]]) * [0.5, 1]
    solids = [sweep(section, path, up=(1.0, 0.0, 0.0))]
    if rng.random() < 0.7:
        end = extrude(flat, thick)
        solids += [move(turn(end, "y", 90), [s * (half - thick), 0, 0]) for s in (-1, 1)]
    light = tube([[-0.92 * half, 0.45 * bow, 0], [0.92 * half, 0.45 * bow, 0]], 0.16 * bow, style.few)
    props = [
        rod([s * 0.85 * half, 0.45 * bow, 0], [s * 0.85 * half, 0.98 * bow, 0], 0.05 * bow, count=5) for s in (-1, 1)
    ]
    return Shade([move(s, [0, -bow, 0]) for s in [*solids, light, *props]], -bow, 0.0, half)


def _rail(rng: Rng, size: float, style: Style) -> Shade:
    """A long level tube or bar of light along X."""
    half, thin = size * rng.uniform(1.6, 2.6), size * rng.uniform(0.14, 0.32)
    if rng.random() < 0.5:
        body = tube([[-half, -thin, 0], [half, -thin, 0]], thin, max(8, style.few))
    else:
        body = move(box([2 * half, 2 * thin, 2 * thin * rng.uniform(0.8, 2.2)], 0.15 * thin), [0, -thin, 0])
    ends = [move(box([0.3 * thin, 2.3 * thin, 2.3 * thin]), [s * half, -thin, 0]) for s in (-1, 1)]
    return Shade([body, *(ends if rng.random() < 0.4 else [])], -2 * thin, 0.0, half)


def _disc(rng: Rng, size: float, style: Style) -> Shade:
    """A flat round or square panel."""
    thick = size * rng.uniform(0.08, 0.3)
    section = square(0.1) * 0.9 if rng.random() < 0.3 else circle(1.0, style.around)
    rows = np.array([(0, -1.0), (0.9, -1), (1, -0.8), (1, -0.2), (0.9, 0), (0, 0)]) * [size, thick]
    return Shade([spun(rows, section)], -thick, 0.0, size)


def _candle(rng: Rng, size: float, style: Style) -> Shade:
    """A candle with its flame or bulb, standing in a small pan (light up, so it is built upside down)."""
    stick, thin = size * rng.uniform(1.8, 3.6), size * rng.uniform(0.25, 0.4)
    count = max(8, style.few)
    pan = size * rng.uniform(0.6, 1.0)
    rows = [(0, -0.28 * size), (pan, -0.3 * size), (pan, -0.2 * size), (0.35 * pan, 0), (0, 0)]
    flame = spline([(0, -1.5), (0.2, -1.1), (0.42, -0.5), (0.36, -0.1), (0.15, 0)], 9) * size
    flame[0, 0] = 0
    flame = np.concatenate([flame, [(0, 0)]])
    solids = [
        spun(rows, circle(1.0, count)),
        move(cylinder(thin, stick, count=count), [0, -stick - 0.2 * size, 0]),
        move(spun(flame, circle(1.0, count)), [0, -stick - 0.15 * size, 0]),
    ]
    return Shade(solids, -stick - 1.7 * size, 0.0, pan)


def _tiers(rng: Rng, size: float, style: Style) -> Shade:
    """Shallow cones or cylinders above each other round one core."""
    count, step = int(rng.integers(2, 5)), size * rng.uniform(0.25, 0.5)
    grow = rng.choice([-1.0, 0.0, 1.0])
    solids, thick = [], 0.03 * size
    for i in range(count):
        radius = size * (1 - 0.45 * (i if grow >= 0 else count - 1 - i) / count * abs(grow))
        slant = rng.uniform(0.5, 0.95) if i == 0 else slant
        rows = np.array([(radius, i * step), (slant * radius * 0.8, (i + 0.9) * step)])
        solids.append(shell(rows, thick, circle(1.0, style.around)))
        spokes = rod([0, rows[1, 1] - thick, 0], [rows[1, 0] * 0.99, rows[1, 1] - thick, 0], 0.6 * thick, count=5)
        solids += around([spokes], 3)
    top = count * step
    solids.append(cylinder(0.08 * size, top, count=8))
    solids.append(ball([0, 0.1 * step, 0], 0.22 * size, style))
    return Shade([move(s, [0, -top, 0]) for s in solids], -top - 0.2 * size, 0.0, size)


def _cage(rng: Rng, size: float, style: Style) -> Shade:
    """Wires and hoops around a bulb."""
    tall = size * rng.uniform(1.4, 2.6)
    low = rng.uniform(0.3, 1.0)
    knots = np.array([(low, -1.0), (1, -0.75), (rng.uniform(0.7, 1), -0.4), (0.3, -0.05), (0.15, 0)]) * [size, tall]
    path = spline(knots, 9)
    wire = 0.03 * size
    line = tube(np.stack([path[:, 0], path[:, 1], np.zeros(9)], 1), wire, 5)
    solids = around([line], int(rng.integers(4, 11)))
    solids += [hoop(float(path[i, 0]), wire, Style(16, wire, False), float(path[i, 1])) for i in (0, 3)]
    solids.append(move(cylinder(0.3 * size, 0.25 * tall, count=10), [0, -0.25 * tall, 0]))
    solids.append(ball([0, -0.5 * tall, 0], 0.36 * size, style, 1.2))
    return Shade(solids, -tall, 0.0, size)


SPECIAL: dict[str, Callable[[Rng, float, Style], Shade]] = {
    "globe": _globe, "bulb": _bulb, "lantern": _lantern, "trough": _trough, "rail": _rail, "disc": _disc,
    "candle": _candle, "tiers": _tiers, "cage": _cage,
}  # fmt: skip
