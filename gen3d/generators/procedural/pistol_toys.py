"""Pistols of toy boxes and films, and plain ones: ray guns, blasters, water pistols, flare guns, simple shapes."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural import pistol_parts as parts
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.pistol_parts import SECTIONS, ball, beam, block, knob, round_bar, section, slab
from gen3d.generators.procedural.plates import rounded
from gen3d.generators.procedural.solids import cylinder, lathe, move, spline, turn
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator

_CONTOURS = {"straight": 3, "flared": 2, "belly": 2, "grooved": 3, "waisted": 1}
_GUARDS = {"round": 5, "oval": 3, "square": 2, "none": 1}


def ray_gun(rng: Rng, made: Assembly) -> None:
    """A bulging body turned on a lathe, with discs, fins and a ball or dish at the muzzle."""
    z = np.linspace(0, 0.62, 20)
    fat = rng.uniform(0.11, 0.19)
    knots = (
        np.array([0.3, rng.uniform(0.8, 1.1), rng.uniform(0.85, 1.2), rng.uniform(0.5, 0.9), rng.uniform(0.25, 0.45)])
        * fat
    )
    radius = np.interp(z, np.linspace(0, 0.62, 60), spline(knots[:, None], 60)[:, 0])
    made.add("barrel", round_bar(np.stack([z, radius], 1), count=18))
    made.add("barrel", round_bar([(-0.02, 0.12 * fat), (0.01, 0.4 * fat)], count=12))
    tip = rng.uniform(0.2, 0.4) * fat
    made.add("barrel", round_bar([(0.58, tip * 1.2), (0.96, tip)], count=12))
    count = int(rng.integers(0, 5))
    for at in np.linspace(0.66, 0.88, count):
        wide = tip * rng.uniform(1.6, 3.0)
        made.add("barrel", round_bar([(at - 0.012, wide), (at + 0.012, wide)], count=16))
    made.traits["discs"] = str(count)
    end = pick(rng, {"ball": 4, "dish": 3, "cone": 3})
    made.traits["muzzle"] = end
    if end == "ball":
        made.add("barrel", ball([0, 0, 1.0], np.full(3, tip * rng.uniform(1.3, 2.2))))
    else:
        wide = tip * rng.uniform(1.5, 3.0)
        rows = [(0.94, tip), (1.06, wide), (1.065, 0.8 * wide)] if end == "dish" else [(0.94, wide), (1.06, 0.3 * tip)]
        made.add("barrel", round_bar(rows, count=16))
    if rng.random() < 0.6:  # fins like a rocket's
        fin = np.array(
            [(0.05, 0.0), (0.45, 0.0), (0.2, fat * rng.uniform(1.3, 1.9)), (0.0, fat * rng.uniform(1.2, 2.0))]
        )
        for angle in (0,) if rng.random() < 0.6 else (0, 90, -90):
            made.add("barrel", turn(slab(fin, 0.025), "z", angle))
        made.traits["fins"] = "yes"
    low = -float(radius[(z > 0.2) & (z < 0.45)].max())
    size = (rng.uniform(0.4, 0.55), rng.uniform(0.16, 0.22), rng.uniform(0.06, 0.09))
    lean = (rng.uniform(5, 28), rng.choice([0.0, rng.uniform(0.2, 0.5)]))
    parts.grip(rng, made, pick(rng, _CONTOURS), (0.2, 0.6 * low), size, lean)
    parts.trigger(rng, made, (0.26, rng.uniform(0.42, 0.5)), 0.95 * low, _GUARDS)


def blaster(rng: Rng, made: Assembly) -> None:
    """Blocks and tubes put together as in films, often with a telescope."""
    tall, half = rng.uniform(0.14, 0.24), rng.uniform(0.06, 0.1)
    body = rng.uniform(0.45, 0.75)
    outline = section(pick(rng, dict.fromkeys(SECTIONS, 1))) + [0, 0.5]
    rows = [(0, 0.8, 0.8), (rng.uniform(0.05, 0.15), 1, 1), (body - rng.uniform(0.03, 0.15), 1, 1), (body, 0.7, 0.7)]
    made.add("barrel", beam(outline, [(z, x * 2 * half, y * tall, (1 - y) * 0.5 * tall) for z, x, y in rows]))
    radius, y = rng.uniform(0.03, 0.06), tall * rng.uniform(0.45, 0.6)
    kind = pick(rng, {"round": 5, "box": 3, "twin": 2})
    made.traits["barrel"] = kind
    if kind == "round":
        made.add("barrel", round_bar([(body - 0.05, radius), (1, radius)], (0, y)))
        for z in np.linspace(body + 0.04, 0.92, int(rng.integers(0, 5))):
            made.add("barrel", round_bar([(z - 0.015, 1.35 * radius), (z + 0.015, 1.35 * radius)], (0, y)))
    elif kind == "box":
        made.add("barrel", beam(section("hexagon"), [(z, 2.4 * radius, 3 * radius, y) for z in (body - 0.05, 1.0)]))
    else:
        for dy in (-radius, radius):
            made.add("barrel", round_bar([(body - 0.05, 0.9 * radius), (1, 0.9 * radius)], (0, y + dy)))
    if rng.random() < 0.35:
        parts.muzzle(rng, made, 1.0, radius, y)
    if rng.random() < 0.5:
        parts.scope(rng, made, tall, body * 0.5, rng.uniform(0.35, 0.6))
    for _ in range(int(rng.integers(0, 5))):
        _lump(rng, made, (tall, half, body))
    size = (rng.uniform(0.38, 0.55), rng.uniform(0.15, 0.24), half * rng.uniform(0.6, 1.0))
    z = rng.uniform(0.12, 0.24)
    parts.grip(rng, made, pick(rng, _CONTOURS), (z, 0.04), size, (rng.uniform(0, 30), 0.0))
    front = z + 0.5 * size[1] + rng.uniform(0.15, 0.2)
    parts.trigger(rng, made, (z + 0.4 * size[1], min(front, body - 0.02)), 0.01, _GUARDS)


def _lump(rng: Rng, made: Assembly, size: tuple[float, float, float]) -> None:
    """Some box or knob on the side of a blaster, or below it."""
    tall, half, body = size
    z, long = rng.uniform(0.45, 0.8) * body, rng.uniform(0.05, 0.16)
    kind = pick(rng, {"side": 3, "knob": 3, "below": 2})
    if kind == "side":
        y = rng.uniform(0.3, 0.6) * tall
        made.add("barrel", block([-1.2 * half, y, z - long], [1.2 * half, y + 0.3 * tall, z], 0.01))
    elif kind == "knob":
        made.add("barrel", knob([0, 0.5 * tall, z - long], rng.uniform(0.2, 0.4) * tall, 2.4 * half))
    else:
        made.add("barrel", block([-0.5 * half, -rng.uniform(0.05, 0.15), z], [0.5 * half, 0.3 * tall, z + 0.12]))


def water_pistol(rng: Rng, made: Assembly) -> None:
    """A plump body with a tank on top or behind, and a nozzle."""
    tall, half = rng.uniform(0.18, 0.28), rng.uniform(0.07, 0.11)
    outline = np.array(
        [(-0.02, 0), (0.6, 0), (0.75, 0.25), (0.95, 0.3), (0.95, 0.75), (0.7, 0.85), (0.5, 1), (0.05, 1)]
    )
    outline = outline * [1, tall] * (1 + rng.normal(0, 0.04, (8, 1)))
    made.add("barrel", slab(rounded(outline, 0.25, 2), 2 * half, 0.25 * half))
    made.add("barrel", round_bar([(0.85, 0.05), (1.0, 0.045), (1.03, 0.02)], (0, 0.5 * tall)))
    tank = pick(rng, {"top": 5, "none": 4, "rear": 2})
    made.traits["tank"] = tank
    if tank == "top":
        long, radius, y = rng.uniform(0.3, 0.5), rng.uniform(0.08, 0.13), tall
        z = rng.uniform(0.1, 0.2)
        rows = [(z, 0.6 * radius), (z + 0.05, radius), (z + long - 0.06, radius), (z + long, 0.5 * radius)]
        made.add("barrel", round_bar(rows, (0, y + 0.75 * radius), 18))
    elif tank == "rear":
        made.add("barrel", ball([0, 0.7 * tall, 0.0], [0.12, 0.13, 0.15]))
    if rng.random() < 0.5:
        made.add("barrel", move(turn(cylinder(0.03, 0.06), "x", -90), [0, 0.7 * tall, -0.0]))
    size = (rng.uniform(0.38, 0.5), rng.uniform(0.18, 0.24), 0.8 * half)
    parts.grip(rng, made, pick(rng, _CONTOURS), (0.13, 0.05), size, (rng.uniform(5, 25), 0.0))
    parts.trigger(rng, made, (0.2, rng.uniform(0.38, 0.46)), 0.01, {"round": 5, "square": 3, "oval": 2})


def flare_gun(rng: Rng, made: Assembly) -> None:
    """A wide short barrel hinged on a slim frame."""
    radius, start = rng.uniform(0.07, 0.12), rng.uniform(0.15, 0.3)
    rim = radius * rng.uniform(1.0, 1.25)
    rows = [(start, 1.1 * radius), (start + 0.08, radius), (0.93, radius), (0.94, rim), (1.0, rim)]
    made.add("barrel", round_bar(rows, count=18))
    hollow = lathe([(0.75 * radius, 0), (rim * 0.95, 0), (rim * 0.95, 0.02), (0.75 * radius, 0.02)], 18, closed=True)
    made.add("barrel", move(turn(hollow, "x", 90), [0, 0, 0.985]))
    low, half = -radius - rng.uniform(0.02, 0.06), radius * rng.uniform(0.5, 0.8)
    outline = [
        (-0.02, low),
        (start + 0.25, low),
        (start + 0.3, -0.5 * radius),
        (start + 0.05, 0.5 * radius),
        (0.02, 0.6 * radius),
    ]
    made.add("barrel", slab(np.array(outline), 2 * half, 0.01))
    made.add("barrel", knob([0, low + 0.03, start + 0.22], 0.03, 2.3 * half))
    parts.hammer(rng, made, (0.03, 0.5 * radius), rng.uniform(0.1, 0.14))
    size = (rng.uniform(0.4, 0.52), rng.uniform(0.15, 0.2), half * rng.uniform(0.8, 1.0))
    lean = (rng.uniform(15, 40), rng.uniform(0.0, 0.6))
    parts.grip(rng, made, pick(rng, _CONTOURS), (0.05, 0.5 * low), size, lean)
    parts.trigger(rng, made, (0.1, rng.uniform(0.32, 0.4)), low + 0.01, {"round": 4, "oval": 3, "square": 1})


def plain(rng: Rng, made: Assembly) -> None:
    """What a sketch or a child's toy has: a bar, a grip, a trigger."""
    thick = rng.uniform(0.08, 0.16)
    if rng.random() < 0.5:
        made.add("barrel", round_bar([(0, thick), (0.35, thick), (0.36, 0.6 * thick), (1, 0.6 * thick)], count=12))
        if rng.random() < 0.5:
            made.add("barrel", round_bar([(0.8, thick), (1.02, thick)], count=12))
        made.traits["body"] = "tube"
    else:
        step = rng.uniform(0.3, 0.6)
        made.add("barrel", block([-0.6 * thick, -thick, 0], [0.6 * thick, thick, step]))
        made.add("barrel", round_bar([(step - 0.05, 0.55 * thick), (1, 0.5 * thick)], count=8))
        made.traits["body"] = "box"
    size = (rng.uniform(0.3, 0.5), rng.uniform(0.14, 0.22), 0.5 * thick)
    parts.grip(
        rng, made, pick(rng, {"straight": 4, "flared": 1}), (0.15, -0.5 * thick), size, (rng.uniform(0, 40), 0.0)
    )
    parts.trigger(rng, made, (0.2, rng.uniform(0.36, 0.42)), -0.95 * thick, _GUARDS)
    made.add("barrel", block([-0.01, 0.3 * thick, 0.93], [0.01, rng.uniform(0.9, 1.3) * thick, 0.97]))
