"""Necks of guitars: finger board, shaft, heel, frets and strings, and the head put on top."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.guitar_heads import INLINE, SHAPES, head
from gen3d.generators.procedural.plates import Outline
from gen3d.generators.procedural.solids import Solid, box, loft, mirror, move, scale, superellipse, turn
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator


class Neck(NamedTuple):
    """Where the neck runs, along +Y over x = 0.

    Args:
        end: height where the finger board ends, over the body.
        joint: height where the neck leaves the body.
        nut: height where the head begins.
        bridge: height of the bridge, at which the strings end.
        half: half widths at the end and at the nut.
        face: z of the finger board's front.
        thick: of board and shaft together.
        heel: how far it reaches behind the body's front at the joint, 0 for none.
    """

    end: float
    joint: float
    nut: float
    bridge: float
    half: tuple[float, float]
    face: float
    thick: float
    heel: float

    def width(self, y: float) -> float:
        """Half width at a height."""
        return float(np.interp(y, [self.end, self.nut], self.half))


def neck_and_head(rng: Rng, neck: Neck, made: Assembly, style: tuple[str, str, bool]) -> None:
    """Finger board, shaft, heel, frets, strings and head. `style`: strings, family of heads, slotted."""
    strings, family, slotted = style
    _shaft(rng, neck, made)
    if rng.random() < 0.5:
        _frets(rng, neck, made)
    top = neck.face
    if rng.random() < 0.75:
        _strings(rng, neck, int(strings), made)
    made.traits["strings"] = strings
    half = neck.half[1]
    if family == "headless":
        tall = rng.uniform(0.05, 0.09)
        solid = box([2.2 * half, tall, 0.9 * neck.thick], 0.1 * half)
        made.add("head", move(solid, [0, neck.nut + 0.48 * tall, top - 0.5 * neck.thick]))
        made.traits["head"] = "headless"
        return
    _head(rng, neck, made, (strings, family, slotted))


def _head(rng: Rng, neck: Neck, made: Assembly, style: tuple[str, str, bool]) -> None:
    strings, family, slotted = style
    kind = pick(rng, SHAPES[family])
    inline = kind in INLINE
    slotted = slotted and not inline
    half, thick = neck.half[1], rng.uniform(0.03, 0.05)
    pegs = int(strings) if rng.random() < 0.88 else 0
    pegs += pegs % 2 if not inline else 0
    tall = rng.uniform(0.3, 0.42) if len(strings) == 1 else rng.uniform(0.45, 0.55)
    tall = max(tall * (0.6 + 9 * min(half, 0.1)), (5.5 if inline else 3.6) * half)
    tilt = rng.uniform(0, 6) if inline else rng.uniform(4, 17)
    flip = inline and rng.random() < 0.15
    for solid in head(rng, kind, (half, tall, thick), pegs, slotted):
        turned = turn(mirror(solid) if flip else solid, "x", -tilt)
        made.add("head", move(turned, [0, neck.nut - 0.005, neck.face - 0.004]))
    made.traits |= {"head": "slotted" if slotted else kind, "tuners": "yes" if pegs else "none"}


def _shaft(rng: Rng, neck: Neck, made: Assembly) -> None:
    """The board over the body and the shaft behind it."""
    section = pick(rng, {"d": 65, "round": 20, "box": 15})
    made.traits["neck"] = section
    wide, thin = neck.half
    plate = 0.35 * neck.thick
    ends = [[0, neck.end, neck.face - plate / 2], [0, neck.nut + 0.01, neck.face - plate / 2]]
    rings = _rings(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2 * [2, plate], ends, [wide, thin])
    made.add("neck", loft(rings))
    outline = superellipse(2, 1, {"d": 2.6, "round": 2.0, "box": 12.0}[section], 14)
    if section == "round":
        outline = outline * [0.85, 0.9 * neck.thick]
    else:  # flat in front, under the board
        outline = np.minimum(outline, [np.inf, 0.1]) * [1, neck.thick * (2.0 if section == "d" else 1.3)]
    middle = neck.face - (0.5 * neck.thick if section == "round" else plate)
    start = neck.joint - 0.06
    ends = [[0, start, middle], [0, neck.nut + 0.005, middle]]
    sizes = [0.97 * neck.width(start), 0.97 * thin]
    made.add("neck", loft(_rings(outline, ends, sizes)))
    if neck.heel > 0 and rng.random() < 0.85:
        made.traits["heel"] = "yes"
        made.add("neck", _heel(rng, neck))


def _rings(outline: Outline, ends: list[list[float]], sizes: list[float]) -> np.ndarray:
    """The outline, x times each size, in the XZ plane at each end along +Y; counter-clockwise for `loft`."""
    rows = []
    for end, size in zip(ends, sizes, strict=True):
        rows.append(np.stack([-outline[:, 0] * size, 0 * outline[:, 0], outline[:, 1]], 1) + end)
    return np.array(rows)


def _heel(rng: Rng, neck: Neck) -> Solid:
    """The block under the neck where it meets the body: below as deep as the body, above as the shaft."""
    t = np.linspace(0, 1, 6)
    out = neck.joint - 0.02 + t * rng.uniform(0.09, 0.16)
    low = -neck.heel * (1 - t) ** rng.uniform(1.0, 2.2)
    high = neck.face - 0.4 * neck.thick
    rows = []
    for y, z in zip(out, np.minimum(low, high - 0.01), strict=True):
        half = 0.9 * neck.width(float(y))
        ring = np.array([[half, z], [-half, z], [-half, high], [half, high]])
        rows.append(np.stack([ring[:, 0], np.full(4, y), ring[:, 1]], 1))
    return loft(np.array(rows))


def _frets(rng: Rng, neck: Neck, made: Assembly) -> None:
    length = neck.nut - neck.bridge
    y = neck.bridge + length * 2 ** (-np.arange(0, 23) / 12)
    fret = box([2, 0.008, 0.008])
    for at in y[y > neck.end + 0.01]:
        made.add("neck", move(scale(fret, [neck.width(float(at)), 1, 1]), [0, at, neck.face]))
    made.traits["frets"] = "yes"


def _strings(rng: Rng, neck: Neck, count: int, made: Assembly) -> None:
    """Strings from the nut to the bridge."""
    radius, high = rng.uniform(0.0015, 0.004), neck.face + rng.uniform(0.006, 0.014)
    section = radius * np.array([[0, 0, 1], [0.9, 0, -0.5], [-0.9, 0, -0.5]])
    faces = loft(np.stack([section, section + [0, 1, 0]])).faces  # of all of them
    share = np.linspace(-0.85, 0.85, min(count, 6))
    for s in share:
        nut = np.array([s * neck.half[1], neck.nut, high])
        saddle = np.array([s * neck.half[0] * 1.15, neck.bridge, high + 0.01])
        edge = nut + (saddle - nut) * (neck.nut - neck.joint) / (neck.nut - neck.bridge)
        for part, low, top in (("neck", edge, nut), ("body", saddle, edge)):
            made.add(part, Solid(np.concatenate([low + section, top + section, [low, top]]), faces))
    made.traits["strung"] = "yes"
