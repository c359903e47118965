"""Lamps on a wall (z = 0), which they face towards +Z: sconces, swing arms, lanterns, picture lights, flush lights."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.fittings import Path, Rng, Style, ball, bent, can, pick, placed, strut
from gen3d.generators.procedural.lamp_bases import wall_plate
from gen3d.generators.procedural.lamp_poles import jointed, ribbed
from gen3d.generators.procedural.lamp_shades import shade
from gen3d.generators.procedural.solids import move, rod, spline, turn

PLATES = {"disc": 28, "oval": 18, "square": 16, "dome": 12, "stepped": 10, "shield": 6, "bell": 6}
KINDS = {"sconce": 50, "swing": 15, "wall lantern": 12, "picture": 10, "wall flush": 13}
# (distance from the wall, height) along the arm, from the plate to the light; its light may stand, hang or both
ARMS = {
    "s": [(0, 0), (0.35, -0.3), (0.75, -0.35), (0.98, -0.1), (1, 0.2)],
    "elbow": [(0, 0), (0.5, 0), (0.9, 0.02), (1, 0.12), (1, 0.3)],
    "hook": [(0, 0), (0.3, 0.35), (0.7, 0.42), (0.97, 0.15), (1, -0.1)],
    "straight": [(0, 0), (0.5, 0.0), (1, 0.0)],
    "bow": [(0, -0.2), (0.5, -0.15), (0.9, 0.1), (1, 0.4)],
}
UP_SHADES = {
    "candle": 14,
    "tulip": 20,
    "empire": 18,
    "globe": 14,
    "trumpet": 8,
    "bulb": 8,
    "lotus": 6,
    "bell": 8,
    "cone": 6,
}
DOWN_SHADES = {
    "bell": 14, "dome": 14, "cone": 14, "tulip": 14, "globe": 10, "reflector": 8, "lantern": 7, "spot": 8, "bulb": 6,
    "cage": 4, "teardrop": 3,
}  # fmt: skip


def wall(rng: Rng, style: Style, made: Assembly) -> None:
    """A wall lamp."""
    made.traits["kind"] = kind = pick(rng, KINDS)
    made.traits["canopy"] = name = pick(rng, PLATES)
    size = rng.uniform(0.05, 0.09)
    solids, thick = wall_plate(rng, name, size, style)
    if kind == "wall flush":
        made.traits["canopy"] = pick(rng, {"disc": 3, "oval": 1, "square": 1})
        _flush(rng, style, made)
        return
    stretch = np.array([1, rng.choice([1.0, rng.uniform(1.1, 2.4)]), 1])
    made.add("canopy", *(s._replace(vertices=s.vertices * stretch) for s in solids))
    _WALLS[kind](rng, style, made, thick - 3e-3)


def _sconce(rng: Rng, style: Style, made: Assembly, out: float) -> None:
    """One to three curved arms with a light each."""
    count = int(rng.choice([1, 2, 3], p=[0.68, 0.24, 0.08]))
    curve = made.traits["pole"] = pick(rng, dict.fromkeys(ARMS, 1))
    up = curve in ("s", "elbow", "bow") or (curve == "straight" and rng.random() < 0.5)
    path = _arm(rng, curve, out, rng.uniform(0.1, 0.24))
    name = pick(rng, UP_SHADES if up else DOWN_SHADES)
    small = {"bulb": 0.3, "candle": 0.45, "spot": 0.6, "cage": 0.6, "lantern": 0.8}.get(name, 1.0)
    head = shade(rng, name, rng.uniform(0.055, 0.1) * small, style, made.traits)
    tip = path[-1]
    if up and name == "empire":
        rise = -0.8 * head.low
        light = [*placed(head.solids, tip + [0, rise, 0]), can(tip - [0, 2e-3, 0], 0.22 * head.radius, rise, style)]
    else:
        light = placed(head.solids, tip, 180.0 if up else float(rng.choice([0.0, rng.uniform(0, 40)])))
    pieces = [bent(path, np.full(len(path), style.rod), style)]
    spread = rng.uniform(35, 65)
    for i in range(count):
        yaw = (i - (count - 1) / 2) * spread
        made.add("pole", *(turn(s, "y", yaw, (0, 0, 0.5 * out)) for s in pieces))
        made.add("shade", *(turn(s, "y", yaw, (0, 0, 0.5 * out)) for s in [*light, ball(tip, 1.6 * style.rod, style)]))
    made.traits |= {"lights": str(count), "light": "up" if up else "down"}


def _arm(rng: Rng, curve: str, out: float, reach: float) -> Path:
    flat = spline(np.array(ARMS[curve]) * [1, rng.uniform(0.6, 1.2)], 16) * reach
    flat[:, 1] -= flat[0, 1]
    return np.stack([np.zeros(16), flat[:, 1], 0.6 * out + flat[:, 0]], 1)


def _swing(rng: Rng, style: Style, made: Assembly, out: float) -> None:
    """A jointed or flexible arm with a reading light."""
    flexible = rng.random() < 0.3
    made.traits["pole"] = "gooseneck" if flexible else "jointed"
    start = np.array([0, 0, 0.6 * out])
    turns = np.radians([rng.uniform(-60, 60), rng.uniform(-60, 60)])
    rise = rng.choice([0.0, rng.uniform(-0.1, 0.2)], size=2)
    steps = rng.uniform(0.12, 0.25, 2)[:, None] * np.stack([np.sin(turns), rise, np.cos(turns)], 1)
    steps = np.concatenate([[[0, 0, 0.03 + 0.5 * out]], steps])
    knots = start + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, 0)])
    if flexible:
        made.add("pole", ribbed(spline(knots, 20), 0.9 * style.rod, style))
    else:
        made.add("pole", strut(knots[0], knots[1], style.rod, style), *jointed(rng, knots[1:], style.rod, style))
    name = pick(rng, {"reflector": 4, "cone": 4, "dome": 3, "empire": 5, "drum": 4, "spot": 3, "bell": 3})
    size = rng.uniform(0.05, 0.11)
    head = shade(rng, name, size, style, made.traits)
    tilt = 0.0 if name in ("empire", "drum") else rng.uniform(0, 60)
    made.add("shade", *placed(head.solids, knots[-1], tilt), ball(knots[-1], 1.6 * style.rod, style))


def _lantern(rng: Rng, style: Style, made: Assembly, out: float) -> None:
    """A lantern that hangs from a bracket or stands on one."""
    head = shade(rng, "lantern", rng.uniform(0.06, 0.11), style, made.traits)
    reach = head.radius * rng.uniform(1.1, 1.6)
    hangs = rng.random() < 0.55
    made.traits["pole"] = curve = pick(rng, {"hook": 3, "straight": 1} if hangs else {"s": 2, "elbow": 2, "bow": 1})
    path = _arm(rng, curve, out, reach)
    made.add("pole", bent(path, np.full(len(path), style.rod), style))
    lift = 2e-3 if hangs else -head.low - 4e-3
    made.add("shade", *placed(head.solids, path[-1] + [0, lift, 0]))
    made.traits["light"] = "down" if hangs else "up"


def _picture(rng: Rng, style: Style, made: Assembly, out: float) -> None:
    """A long light along X on a short arm."""
    made.traits["pole"] = curve = pick(rng, {"hook": 2, "straight": 2, "elbow": 1})
    path = _arm(rng, curve, out, rng.uniform(0.06, 0.16))
    head = shade(rng, pick(rng, {"rail": 2, "trough": 2}), rng.uniform(0.1, 0.16), style, made.traits)
    arm = bent(path, np.full(len(path), style.rod), style)
    for x in (0.0,) if rng.random() < 0.6 else (-0.025, 0.025):
        made.add("pole", move(arm, [x, 0, 0]))
    made.add("shade", *placed(head.solids, path[-1] + [0, 3e-3, 0], rng.uniform(-20, 40)))


def _flush(rng: Rng, style: Style, made: Assembly) -> None:
    """A shade right on its wall plate: a half bowl, a box, a cylinder or a globe."""
    name = pick(rng, {"dome": 4, "disc": 2, "globe": 2, "tube": 3, "box": 3, "saucer": 3})
    size = rng.uniform(0.1, 0.16)
    if name in ("tube", "box"):
        head = shade(rng, name, 0.5 * size, style, made.traits)
        tall, wide = head.high - head.low, 1.02 * head.radius
        solids, thick = wall_plate(rng, "square", rng.uniform(0.3, 0.5) * tall, style)
        made.traits["canopy"] = "square"
        narrow = np.array([rng.uniform(0.8, 1.4) * head.radius / (0.45 * tall), 1, 1])
        made.add("canopy", *(s._replace(vertices=s.vertices * narrow) for s in solids))
        middle = np.array([0, -(head.low + head.high) / 2, thick + 0.88 * wide - 4e-3])
        made.add("shade", *placed(head.solids, middle))
        made.add("canopy", strut([0, 0, 0.5 * thick], [0, 0, middle[2]], style.rod, style))
        return
    head = shade(rng, name, size, style, made.traits)
    solids, thick = wall_plate(rng, made.traits["canopy"], size * rng.uniform(0.7, 1.1), style)
    bowl = name in ("dome", "saucer")
    made.add("canopy", *solids)
    out = thick - 4e-3 - (head.low if bowl else 0.0)
    if bowl:  # its fitting: the rim may be wider than the plate
        made.add("shade", rod([0, 0, thick - 3e-3], [0, 0, out], 2 * style.rod, count=style.few))
    made.add("shade", *placed(head.solids, [0, 0, out], -90.0 if bowl else 90.0))


_WALLS = {"sconce": _sconce, "swing": _swing, "wall lantern": _lantern, "picture": _picture}
