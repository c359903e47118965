"""Kinds of bags: each draws a body, adds it with its details to the assembly, and returns it for the handles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.bag_body import (
    Body,
    clasp,
    flap,
    fronted,
    piping,
    pocket,
    smoothed,
    stacked,
    standing,
    wrap,
)
from gen3d.generators.procedural.solids import (
    Solid,
    box,
    circle,
    cylinder,
    ellipsoid,
    lathe,
    loft,
    move,
    rounded_rectangle,
    superellipse,
    tube,
    turn,
)
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator


def tote(rng: Rng, made: Assembly) -> Body:
    """An open bag whose sides lean in or out."""
    high, deep = float(rng.uniform(0.6, 1.15)), float(rng.uniform(0.08, 0.26))
    foot, lip = float(rng.uniform(0.7, 1.0)), float(rng.uniform(0.25, 1.0))
    open_top = rng.random() < 0.75
    knots = np.array([(0.5 * foot, deep), (0.5 * (foot + 1) / 2, 0.9 * deep), (0.5, max(lip * deep, 0.03))])
    dip = float(rng.choice([0.0, rng.uniform(0.02, 0.12)])) if open_top else 0.0
    body = stacked(knots, (0, high / 2, high), float(rng.uniform(2.5, 9)), 0.014 if open_top else 0.0, dip)
    made.traits["top"] = "open" if open_top else "closed"
    made.add("body", body.solid)
    if rng.random() < 0.2:
        _pocket(rng, body, made)
    return body


def paper(rng: Rng, made: Assembly) -> Body:
    """A paper or gift bag: a sharp-edged open box, or folded shut towards its top."""
    high, deep = float(rng.uniform(0.9, 1.7)), float(rng.uniform(0.14, 0.34))
    lip = float(rng.choice([1.0, rng.uniform(0.1, 0.8)]))
    knots = np.array([(0.5, deep), (0.5, deep), (0.5, max(lip * deep, 0.02))])
    body = stacked(knots, (0, float(rng.uniform(0.2, 0.6)) * high, high), 24.0, 0.012)
    made.traits["top"] = "open"
    made.add("body", body.solid)
    return body


def handbag(rng: Rng, made: Assembly) -> Body:
    """A closed lady's bag: a box, trapeze or dome seen from the front, or a gable that closes at its top."""
    made.traits["form"] = form = pick(rng, {"gable": 4, "trapeze": 3, "box": 3, "dome": 3})
    high, deep = float(rng.uniform(0.5, 0.85)), float(rng.uniform(0.18, 0.45))
    if form == "gable":
        top = float(rng.uniform(0.65, 1.0))
        knots = np.array(
            [(0.47, 0.47 * deep), (0.5, deep / 2), (0.5 * (1 + top) / 2, 0.4 * deep), (0.5 * top, 0.06 * deep + 0.01)]
        )
        body = stacked(knots, (0, 0.12 * high, 0.5 * high, high), float(rng.uniform(2.5, 6)))
        made.add("body", body.solid)
    else:
        outline = _outline(rng, form, high)
        bevel = float(rng.uniform(0.0, 0.4)) * deep
        body = fronted(outline, deep, bevel)
        made.add("body", body.solid)
        if rng.random() < 0.25:
            made.traits["piping"] = "cords"
            made.add("body", *piping(outline, deep / 2 - max(bevel, 0.01), 0.012))
    _closing(rng, body, made, {"flap": 3, "clasp": 3, "zip": 2, "none": 4})
    if rng.random() < 0.25:
        made.add("body", *_feet(body))
    return body


def _outline(rng: Rng, form: str, high: float) -> np.ndarray:
    """What a handbag is from the front, standing on y = 0."""
    if form == "dome":
        t = np.linspace(0, np.pi, 15)
        power = float(rng.uniform(0.6, 1.0))
        arc = np.stack(
            [0.5 * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power, high * (0.3 + 0.7 * np.sin(t) ** power)], 1
        )
        return np.concatenate([arc, [(-0.47, 0.02), (-0.44, 0.0), (0.44, 0.0), (0.47, 0.02)]])
    flat = standing(rounded_rectangle(1.0, high, float(rng.uniform(0.02, 0.3)) * high, 4))
    if form == "trapeze":
        flat[:, 0] *= 1 - float(rng.uniform(0.15, 0.4)) * flat[:, 1] / high
    return flat


def backpack(rng: Rng, made: Assembly) -> Body:
    """A school or hiking backpack, its straps on the back (-Z)."""
    made.traits["form"] = form = pick(rng, {"school": 6, "rucksack": 4})
    high, deep = float(rng.uniform(1.2, 1.7)), float(rng.uniform(0.35, 0.65))
    if form == "rucksack":
        neck = float(rng.uniform(0.75, 1.05))
        knots = np.array([(0.44, 0.44 * deep), (0.5, deep / 2), (0.5 * neck, 0.5 * neck * deep)])
        body = stacked(knots, (0, 0.15 * high, high), float(rng.uniform(2.2, 4)))
        lid = ellipsoid([0.54 * neck, float(rng.uniform(0.08, 0.16)), 0.58 * neck * deep], 18)
        made.add("body", move(lid, [0, high, 0]))
    else:
        flat = standing(rounded_rectangle(1.0, high, float(rng.uniform(0.2, 0.45)), 6))
        low = flat[:, 1] < 0.4 * high
        flat[low] = _squarer(flat[low], float(rng.uniform(0.4, 1.0)))
        body = fronted(flat, deep, float(rng.uniform(0.15, 0.45)) * deep)
    made.add("body", body.solid)
    if rng.random() < 0.75:
        made.traits["pocket"] = "front"
        made.add("body", pocket(rng, body, (float(rng.uniform(0.55, 0.9)), float(rng.uniform(0.3, 0.5))), 0.08 * high))
    if rng.random() < 0.35:
        made.add("body", *_side_pockets(rng, body))
    if rng.random() < 0.15:
        made.traits["roll"] = "mat"
        roll = turn(cylinder(0.13, 1.15, count=16, bevel=0.02), "z", -90)
        made.add("body", move(roll, [-0.575, body.high + 0.1, 0]))
    return body


def _squarer(points: np.ndarray, share: float) -> np.ndarray:
    """Lower corners pulled outwards, as a bag's bottom is squarer than its top."""
    side = np.sign(points[:, :1])
    corner = np.concatenate([0.5 * side, 0 * side], 1)
    return points + 0.25 * (1 - share) * (corner - points)


def _side_pockets(rng: Rng, body: Body) -> list[Solid]:
    high, size = float(rng.uniform(0.25, 0.4)) * body.high, float(rng.uniform(0.08, 0.15))
    pouch = ellipsoid([size, high / 2, 1.4 * size], 14)
    y = 0.12 * body.high + high / 2
    return [move(pouch, [side * body.side(y), y, 0]) for side in (-1, 1)]


def suitcase(rng: Rng, made: Assembly) -> Body:
    """A hard or soft case with corners, ribs, belts or wheels; standing on its narrow or its long side."""
    tall = rng.random() < 0.55
    high, deep = float(rng.uniform(1.2, 1.65) if tall else rng.uniform(0.6, 0.8)), float(rng.uniform(0.25, 0.5))
    flat = standing(rounded_rectangle(1.0, high, float(rng.choice([0.02, rng.uniform(0.05, 0.2)])), 4))
    body = fronted(flat, deep, float(rng.choice([0.0, rng.uniform(0.05, 0.3)])) * deep)
    made.traits["form"] = "tall" if tall else "wide"
    made.add("body", body.solid)
    detail = pick(rng, {"ribs": 3, "belts": 2, "pocket": 2, "plain": 3})
    made.traits["detail"] = detail
    if detail == "ribs":
        count = int(rng.integers(3, 8))
        for x in np.linspace(-0.38, 0.38, count):
            rib = box([0.4 / count, 0.86 * high, deep + 0.03], 0.012)
            made.add("body", move(rib, [x, high / 2, 0]))
    elif detail == "belts":
        made.add("body", *[wrap(body, x, 0.04, (0.02, 0.02), 0.03) for x in (-0.28, 0.28)])
    elif detail == "pocket":
        _pocket(rng, body, made)
    if not tall and rng.random() < 0.5:
        made.add("body", *[move(box([0.1, 0.06, 0.1], 0.01), [x, high, deep / 2 - 0.04]) for x in (-0.3, 0.3)])
    if tall and rng.random() < 0.65:
        made.traits["wheels"] = "wheels"
        wheel = turn(cylinder(0.06, 0.05, count=14), "z", -90)
        places = [(x, z) for x in (-0.38, 0.33) for z in ((-0.4, 0.3) if rng.random() < 0.6 else (-0.4,))]
        made.add("body", *[move(wheel, [x, -0.02, z * deep]) for x, z in places])
    return body


def briefcase(rng: Rng, made: Assembly) -> Body:
    """A thin case for papers, with latches or a flap."""
    high, deep = float(rng.uniform(0.6, 0.78)), float(rng.uniform(0.12, 0.3))
    flat = standing(rounded_rectangle(1.0, high, float(rng.uniform(0.02, 0.1)), 3))
    body = fronted(flat, deep, float(rng.choice([0.0, rng.uniform(0.05, 0.4)])) * deep)
    made.add("body", body.solid)
    _closing(rng, body, made, {"latches": 5, "flap": 3, "belts": 2, "none": 3})
    return body


def messenger(rng: Rng, made: Assembly) -> Body:
    """A soft box with a large flap."""
    high, deep = float(rng.uniform(0.6, 0.85)), float(rng.uniform(0.15, 0.35))
    knots = np.array([(0.47, 0.45 * deep), (0.5, deep / 2), (0.49, 0.38 * deep)])
    body = stacked(knots, (0, 0.1 * high, high), float(rng.uniform(5, 12)))
    made.add("body", body.solid)
    _closing(rng, body, made, {"flap": 9, "zip": 1})
    return body


def duffel(rng: Rng, made: Assembly) -> Body:
    """A lying cylinder or loaf, for sport and travel; some with the flat ends piped."""
    high, deep = float(rng.uniform(0.4, 0.6)), float(rng.uniform(0.4, 0.62))
    power = float(rng.uniform(2.0, 4.5))
    round_end = float(rng.uniform(0.02, 0.2))
    s = np.array([-1, -0.97, -0.85, 0.85, 0.97, 1])
    sizes = np.array([1 - 2 * round_end, 1 - round_end, 1, 1, 1 - round_end, 1 - 2 * round_end])
    ring = superellipse(deep, high, power, 24)
    rings = np.stack(
        [np.stack([np.full(24, 0.5 * a), k * ring[:, 1], -k * ring[:, 0]], 1) for a, k in zip(s, sizes, strict=True)]
    )
    from_above = Solid(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    v = np.linspace(-1, 1, 15)
    half_z = deep / 2 * np.maximum(1 - np.abs(v) ** power, 0) ** (1 / power)
    body = Body((v + 1) * high / 2, np.full(15, 0.5), np.maximum(half_z, 0.01), 40.0, from_above)
    made.add("body", move(loft(rings), [0, high / 2, 0]))
    if rng.random() < 0.5:
        made.traits["pocket"] = "ends"
        disc = turn(lathe([(0, 0), (0.4 * high, 0), (0.34 * high, 0.05), (0, 0.05)], 18), "z", -90)
        made.add("body", move(disc, [0.49, high / 2, 0]), move(turn(disc, "y", 180), [-0.49, high / 2, 0]))
    if rng.random() < 0.4:
        made.add("body", tube([(x, high, 0) for x in (-0.4, 0.0, 0.4)], 0.012, 6))
    return body


def bucket(rng: Rng, made: Assembly) -> Body:
    """A round or oval open bag, wider above or below, or a straw basket."""
    high, foot = float(rng.uniform(0.8, 1.3)), float(rng.uniform(0.6, 1.0))
    oval = float(rng.uniform(0.6, 1.0))
    knots = np.array(
        [(0.5 * foot, 0.5 * foot * oval), (0.5, 0.5 * oval), (0.5 * float(rng.uniform(0.75, 1.0)), 0.42 * oval)]
    )
    table = knots, (0, float(rng.uniform(0.3, 0.7)) * high, high)
    body = stacked(*(smoothed(*table) if rng.random() < 0.6 else table), float(rng.uniform(2, 2.8)), 0.016)
    made.traits["top"] = "open"
    made.add("body", body.solid)
    if rng.random() < 0.4:
        band = float(rng.uniform(0.7, 0.9)) * high
        t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        x, z = body.side(band), body.front(0, band)
        ring = np.stack([x * np.cos(t), np.full(24, band), -z * np.sin(t)], 1)
        made.traits["cord"] = "drawstring"
        made.add("body", tube(ring, 0.016, 6, closed=True))
    return body


def pouch(rng: Rng, made: Assembly) -> Body:
    """A sack tied at its neck, with a ruffle above."""
    high, neck, oval = float(rng.uniform(0.9, 1.4)), float(rng.uniform(0.15, 0.35)), float(rng.uniform(0.6, 1.0))
    at = float(rng.uniform(0.68, 0.85))
    x = np.array([0.36, 0.48, 0.5, 0.4, 0.5 * neck, 0.5 * neck, float(rng.uniform(0.18, 0.35))])
    knots = np.stack([x, oval * x], 1)
    heights = tuple(high * np.array([0, 0.1, 0.32, 0.3 + 0.6 * at / 1.4 + 0.05, at, at + 0.03, 1.0]))
    body = stacked(*smoothed(knots, heights, 24), 2.0)
    made.traits["cord"] = "drawstring"
    made.add("body", body.solid)
    ring = np.concatenate([circle(1.0, 16), np.zeros((16, 1))], 1)[:, [0, 2, 1]] * [1, 1, -1]
    made.add(
        "body", tube(ring * [0.5 * neck, 0, 0.5 * neck * oval] + [0, (at + 0.015) * high, 0], 0.025, 6, closed=True)
    )
    return body


def clutch(rng: Rng, made: Assembly) -> Body:
    """A flat evening bag or purse."""
    made.traits["form"] = form = pick(rng, {"box": 5, "kiss lock": 3, "dome": 2})
    high, deep = float(rng.uniform(0.45, 0.8)), float(rng.uniform(0.16, 0.3))
    outline = standing(superellipse(1.0, high, 2.6, 32)) if form == "kiss lock" else _outline(rng, form, high)
    body = fronted(outline, deep, float(rng.uniform(0.1, 0.45)) * deep)
    made.add("body", body.solid)
    if form == "kiss lock":
        half = 0.32
        bar = [(x, body.top(x) - 0.005, 0) for x in np.linspace(-half, half, 9)]
        made.add("body", tube(bar, 0.03, 8))
        ball = ellipsoid([0.04, 0.04, 0.04], 10)
        made.add("body", *[move(ball, [side * 0.025, body.high + 0.05, side * 0.015]) for side in (-1, 1)])
    else:
        _closing(rng, body, made, {"flap": 5, "clasp": 2, "none": 3})
    return body


def hobo(rng: Rng, made: Assembly) -> Body:
    """A slouchy crescent that hangs from a strap fixed to its two horns."""
    high, deep, lift = float(rng.uniform(0.45, 0.65)), float(rng.uniform(0.14, 0.3)), float(rng.uniform(0.15, 0.4))
    flat = rounded_rectangle(1.0, high, 0.45 * high, 8)
    pillow = fronted(standing(flat), deep, 0.45 * deep)
    x, y, z = pillow.solid.vertices.T
    solid = Solid(np.stack([x, y + lift * (2 * x) ** 2, z * (1 - 0.4 * np.abs(2 * x))], 1), pillow.solid.faces)
    made.add("body", solid)
    horn = np.abs(np.abs(solid.vertices[:, 0]) - 0.42) < 0.06
    top = float(solid.vertices[horn, 1].min() + solid.vertices[horn, 1].max()) / 2  # inside the horns
    return Body(np.linspace(0, top, 9), np.full(9, 0.42), np.full(9, 0.5 * deep), 3.0, solid)


KINDS: dict[str, Callable[[Rng, Assembly], Body]] = {
    "tote": tote, "paper bag": paper, "handbag": handbag, "backpack": backpack, "suitcase": suitcase,
    "briefcase": briefcase, "messenger": messenger, "duffel": duffel, "bucket": bucket, "pouch": pouch,
    "clutch": clutch, "hobo": hobo,
}  # fmt: skip


# --- details ------------------------------------------------------------------------------------------------------


def _closing(rng: Rng, body: Body, made: Assembly, weights: dict[str, int]) -> None:
    """What shuts a bag."""
    made.traits["closing"] = kind = pick(rng, weights)
    high = body.high
    if kind == "flap":
        low = float(rng.uniform(0.15, 0.65)) * high
        made.add("body", flap(rng, body, float(rng.uniform(0.75, 1.0)), low))
        if rng.random() < 0.5:
            made.add("body", clasp(rng, body, 0.0, low + 0.04))
    elif kind == "clasp":
        made.add("body", clasp(rng, body, 0.0, 0.85 * high))
    elif kind == "latches":
        made.add("body", *[clasp(rng, body, x, 0.88 * high) for x in (-0.3, 0.3)])
    elif kind == "belts":
        low = float(rng.uniform(0.2, 0.6)) * high
        for x in (-0.28, 0.28):
            made.add("body", wrap(body, x, 0.035, (low, 0.6 * high), 0.03), clasp(rng, body, x, low))
    elif kind == "zip":
        half = 0.8 * body.side(0.95 * high)
        made.add("body", tube([(x, body.top(x), 0) for x in np.linspace(-half, half, 7)], 0.014, 6))


def _pocket(rng: Rng, body: Body, made: Assembly) -> None:
    made.traits["pocket"] = "front"
    share = (float(rng.uniform(0.4, 0.8)), float(rng.uniform(0.3, 0.5)))
    made.add("body", pocket(rng, body, share, float(rng.uniform(0.08, 0.2)) * body.high))


def _feet(body: Body) -> list[Solid]:
    """Four studs below."""
    stud = cylinder(0.025, 0.04, count=8)
    z = 0.6 * float(body.half_z[len(body.y) // 4])
    return [move(stud, [x, -0.02, s * z]) for x in (-0.34, 0.34) for s in (-1, 1)]
