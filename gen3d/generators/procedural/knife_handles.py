"""Handles of knives with their guards, pommels and rivets. A handle runs from z = -1 to 0 along Z."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.plates import ribbon
from gen3d.generators.procedural.solids import (
    Solid,
    box,
    circle,
    cylinder,
    ellipsoid,
    lathe,
    mirror,
    move,
    rod,
    spline,
    superellipse,
    sweep,
    tube,
    turn,
)

Rng = np.random.Generator
Line = tuple[tuple[float, float], ...]

# Top and bottom line of a handle from its front (0) to its end (1), in shares of its height.
# fmt: off
CONTOURS: dict[str, tuple[Line, Line]] = {
    "straight": (((0, 0.5), (1, 0.5)), ((0, -0.5), (1, -0.5))),
    "western": (
        ((0, 0.45), (0.25, 0.4), (0.8, 0.5), (1, 0.3)),
        ((0, -0.4), (0.3, -0.34), (0.7, -0.45), (0.92, -0.8), (1, -0.6)),
    ),
    "barrel": (((0, 0.34), (0.45, 0.5), (0.9, 0.4), (1, 0.3)), ((0, -0.34), (0.45, -0.5), (0.9, -0.4), (1, -0.3))),
    "waisted": (((0, 0.5), (0.4, 0.34), (0.8, 0.52), (1, 0.4)), ((0, -0.5), (0.4, -0.34), (0.8, -0.52), (1, -0.4))),
    "flared": (((0, 0.3), (0.6, 0.38), (1, 0.55)), ((0, -0.3), (0.6, -0.38), (1, -0.55))),
    "drop": (((0, 0.24), (0.5, 0.34), (0.85, 0.5), (1, 0.28)), ((0, -0.24), (0.5, -0.34), (0.85, -0.5), (1, -0.28))),
    "belly": (((0, 0.4), (0.5, 0.5), (1, 0.36)), ((0, -0.3), (0.15, -0.22), (0.5, -0.5), (0.85, -0.32), (1, -0.5))),
    "grooved": (
        ((0, 0.45), (0.5, 0.52), (1, 0.42)),
        ((0, -0.55), (0.12, -0.34), (0.25, -0.54), (0.37, -0.36), (0.5, -0.54), (0.62, -0.36), (0.75, -0.54),
         (0.87, -0.36), (1, -0.6)),
    ),
    "hooked": (((0, 0.4), (0.7, 0.42), (1, 0.1)), ((0, -0.4), (0.6, -0.42), (0.85, -0.7), (0.96, -1.1), (1, -1.05))),
}
# fmt: on


def grip(rng: Rng, kind: str, size: tuple[float, float], exponent: float, bend: float = 0.0) -> Solid:
    """The bare grip.

    Args:
        rng: moves its lines a little.
        kind: a name of `CONTOURS`, or `wrapped`, a straight one with ridges.
        size: height and half thickness.
        exponent: of its cross-section: 2 oval, 8 a box.
        bend: by how many radians its end turns down.
    """
    height, half = size
    top, bottom = (np.array(line, float) for line in CONTOURS.get(kind, CONTOURS["straight"]))
    for line in (top, bottom):
        line[:, 1] *= 1 + rng.normal(0, 0.04, len(line))
    u = np.linspace(0, 1, 22 if kind != "wrapped" else 4 * int(rng.integers(6, 14)))
    u = np.concatenate([u[:-1], [0.975, 0.99, 1.0]]) if kind != "wrapped" else u
    u.sort()
    high, low = (np.asarray(PchipInterpolator(line[:, 0], line[:, 1])(u)) * height for line in (top, bottom))
    ridge = 1 + 0.12 * (np.arange(len(u)) % 4 < 2) if kind == "wrapped" else np.ones(len(u))
    ends = np.sqrt(np.clip(1 - (np.clip(u - 0.94, 0, 1) / 0.062) ** 2, 0.04, 1)) if rng.random() < 0.7 else 1.0
    swell = 1 + rng.uniform(-0.2, 0.3) * np.sin(np.pi * u)
    middle = (high + low) / 2
    high, low = middle + (high - middle) * ridge * ends, middle + (low - middle) * ridge * ends
    thick = half * ridge * swell * (0.5 + 0.5 * ends)
    angle = bend * np.clip(u - 0.35, 0, 1) * 1.5
    step = np.diff(u, prepend=0.0)
    path = np.stack([-np.cumsum(step * np.cos(angle)), -np.cumsum(step * np.sin(angle))], 1)
    outline = superellipse(2, 1, exponent, 12 if exponent < 5 else 16) + [0, 0.5]
    return ribbon(path[::-1], low[::-1], high[::-1], np.asarray(thick)[::-1], outline)


# --- fittings -----------------------------------------------------------------------------------------------------


def rivets(rng: Rng, half: float, made: Assembly) -> None:
    """Two to four pins through the handle."""
    count, radius = int(rng.choice([2, 3, 4], p=[0.3, 0.6, 0.1])), rng.uniform(0.018, 0.032)
    tall = 2 * half * 1.24
    pin = turn(move(cylinder(radius, tall, count=10), [0, -tall / 2, 0]), "z", 90)
    for z in np.linspace(-0.16, -0.84, count):
        made.add("handle", move(pin, [0, 0, z]))
    made.traits["rivets"] = str(count)


def guard(rng: Rng, kind: str, size: tuple[float, float], made: Assembly) -> None:
    """What keeps the hand from the blade. `size`: height and half thickness of the grip."""
    height, half = size
    made.traits["guard"] = kind
    if kind != "none":
        made.add("handle", *_GUARDS[kind](rng, height, half))


def _bolster(rng: Rng, height: float, half: float) -> list[Solid]:
    tall, thick, long = height * rng.uniform(0.9, 1.25), half * rng.uniform(1.0, 1.3), rng.uniform(0.08, 0.2)
    section = superellipse(2 * thick, tall, rng.uniform(2, 6), 14)
    path = [[0, 0, -0.6 * long], [0, 0, 0], [0, 0, 0.4 * long]]
    return [sweep(section, path, [1, 1, rng.uniform(0.5, 1)])]


def _bar(rng: Rng, height: float, half: float) -> list[Solid]:
    up, down = rng.uniform(0.8, 1.9, 2) * height
    down = up if rng.random() < 0.7 else down
    long, thick = rng.uniform(0.035, 0.09), half * rng.uniform(1.1, 1.7)
    return [move(box([2 * thick, up + down, long], 0.2 * long * rng.integers(2)), [0, (up - down) / 2, 0])]


def _finger(rng: Rng, height: float, half: float) -> list[Solid]:
    down, long = rng.uniform(0.7, 1.3) * height, rng.uniform(0.04, 0.09)
    return [move(box([2.3 * half, down + 0.5 * height, long]), [0, 0.25 * height - down / 2, 0])]


def _quillons(rng: Rng, height: float, half: float) -> list[Solid]:
    """Two curved arms, towards blade or handle, or one each way."""
    out, sweep_ = rng.uniform(0.22, 0.45), rng.uniform(0.0, 0.4) * rng.choice([-1, 1])
    radius, both = half * rng.uniform(0.5, 0.8), rng.random() < 0.75
    solids = []
    for side in (1, -1):
        way = sweep_ if both or side > 0 else -sweep_
        y = np.array([0, 0.45, 0.8, 1]) * out
        path = np.stack([0 * y, side * y, way * (y / out) ** 2.2], 1)
        line = spline(path, 10)
        solids.append(tube(line, radius * np.linspace(1.2, 0.7, 10), 8))
        if rng.random() < 0.35:
            solids.append(move(ellipsoid(np.full(3, 1.3 * radius), 8), line[-1]))
    return solids


def _disc(rng: Rng, height: float, half: float) -> list[Solid]:
    radius, long = height * rng.uniform(0.9, 1.7), rng.uniform(0.02, 0.06)
    section = superellipse(2 * radius * rng.uniform(0.7, 1), 2 * radius, rng.choice([2.0, 2.0, 4.0]), 20)
    return [sweep(section, [[0, 0, -long / 2], [0, 0, long / 2]])]


def _bow(rng: Rng, height: float, half: float) -> list[Solid]:
    """A bar and a bow in front of the fingers, back to the handle's end."""
    deep, radius = rng.uniform(0.25, 0.4), half * rng.uniform(0.35, 0.6)
    knots = [[0, 0, 0], [0, -0.8 * deep, -0.03], [0, -deep, -0.35], [0, -0.85 * deep, -0.75], [0, 0, -0.96]]
    return [tube(spline(knots, 18), radius, 8), *_bar(rng, 0.7 * height, half)]


def _cup(rng: Rng, height: float, half: float) -> list[Solid]:
    radius, deep = rng.uniform(0.22, 0.34), rng.uniform(0.08, 0.2)
    t = np.linspace(0, np.pi / 2, 7)
    outside = np.stack([radius * np.sin(t), deep * (1 - np.cos(t))], 1)
    inside = outside[::-1] * [0.9, 0.9] + [0, 0.025]
    rows = np.concatenate([outside, inside])
    rows[[0, -1], 0] = 0
    return [move(turn(lathe(rows, 20), "x", -90), [0, 0, 0.03])]


def _prongs(rng: Rng, height: float, half: float) -> list[Solid]:
    """The two long prongs of a sai."""
    out, long, radius = rng.uniform(0.3, 0.45), rng.uniform(0.45, 0.8), half * rng.uniform(0.45, 0.65)
    knots = np.array([[0, 0, 0], [0, 0.65 * out, 0.02], [0, 0.95 * out, 0.3 * long], [0, 1.05 * out, long]])
    arm = tube(spline(knots, 14), radius * np.linspace(1, 0.35, 14), 8)
    return [arm, mirror(arm, "y")]


def _muzzle_ring(rng: Rng, height: float, half: float) -> list[Solid]:
    """A bar with the ring that goes over a rifle's muzzle."""
    radius, thin = rng.uniform(0.09, 0.13), rng.uniform(0.02, 0.035)
    solid = ring(radius, thin)
    bar = move(box([2.2 * half, 2.0 * height, 0.05]), [0, 0, 0])
    return [bar, move(turn(solid, "x", 90), [0, height + radius, 0])]


_GUARDS = {
    "bolster": _bolster,
    "bar": _bar,
    "finger": _finger,
    "quillons": _quillons,
    "disc": _disc,
    "bow": _bow,
    "cup": _cup,
    "prongs": _prongs,
    "muzzle ring": _muzzle_ring,
}


def ring(radius: float, thin: float, count: int = 20) -> Solid:
    """A ring about the Y axis."""
    t = np.arange(count) * 2 * np.pi / count
    path = np.stack([radius * np.sin(t), 0 * t, radius * np.cos(t)], 1)
    return sweep(circle(thin, 8), path, closed=True)


def pommel(rng: Rng, kind: str, size: tuple[float, float], end: tuple[float, float], made: Assembly) -> None:
    """What ends the handle. `size`: height and half thickness of the grip; `end`: z and y of its end."""
    height, half = size
    made.traits["pommel"] = kind
    if kind == "none":
        return
    big = height * rng.uniform(0.5, 0.85)
    if kind == "ball":
        solid = ellipsoid([min(big, 1.6 * half + 0.02), big, big * rng.uniform(0.7, 1.1)], 12)
    elif kind == "cap":
        long = rng.uniform(0.05, 0.12)
        section = superellipse(2.4 * half, 1.15 * height, rng.uniform(2, 6), 14)
        solid = sweep(section, [[0, 0, -0.6 * long], [0, 0, 0.6 * long]], [rng.uniform(0.8, 1.1), 1])
    elif kind == "wheel":
        tall = 2.2 * half
        solid = turn(move(cylinder(1.1 * big, tall, count=16, bevel=0.2 * tall), [0, -tall / 2, 0]), "z", 90)
    elif kind == "ring":
        radius = rng.uniform(0.1, 0.16)
        solid = move(turn(ring(radius, 0.3 * radius), "z", 90), [0, 0, -0.85 * radius])
    else:  # a stack of discs
        rows = [
            (0, 0),
            (0.5 * big, 0),
            (0.9 * big, 0.05),
            (0.5 * big, 0.1),
            (0.6 * big, 0.14),
            (0.2 * big, 0.22),
            (0, 0.22),
        ]
        solid = turn(lathe(rows, 14), "x", -90)
        solid = move(solid, [0, 0, 0.02])
    made.add("handle", move(solid, [0, end[1], end[0]]))


def clip(rng: Rng, half: float, made: Assembly) -> None:
    """A clip on the side of a pocket knife."""
    long = rng.uniform(0.4, 0.65)
    made.add("handle", move(box([0.012, 0.06, long]), [half + 0.02, 0.0, -0.95 + long / 2]))
    made.add("handle", move(box([0.04, 0.06, 0.05]), [half, 0, -0.93]))
    made.traits["clip"] = "yes"


def slider(rng: Rng, size: tuple[float, float], made: Assembly) -> None:
    """The thumb slider of a cutter, with ridges, on its back."""
    height, half = size
    z, top = rng.uniform(-0.5, -0.15), 0.5 * height
    made.add("handle", move(box([half, 0.06, 0.14]), [0, top, z]))
    for dz in (-0.03, 0, 0.03):
        made.add("handle", rod([-0.5 * half, top + 0.03, z + dz], [0.5 * half, top + 0.03, z + dz], 0.01, count=6))
    made.traits["slider"] = "yes"
