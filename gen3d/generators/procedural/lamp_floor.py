"""Lamps that stand on the floor or by a street."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.fittings import Rng, Style, ball, bent, can, pick, placed, strut
from gen3d.generators.procedural.lamp_bases import base, tripod
from gen3d.generators.procedural.lamp_poles import COLUMNS, bend, column, jointed, ribbed, tilt_at_end
from gen3d.generators.procedural.lamp_shades import shade
from gen3d.generators.procedural.lamp_standing import FEET, RESTING, UP, crown

FLOOR_SHADES = {
    "empire": 26, "drum": 26, "coolie": 9, "bell": 8, "cone": 8, "box": 5, "pyramid": 5, "dome": 4, "pagoda": 2,
    "globe": 4, "mushroom": 2, "tiers": 2, "lantern": 1,
}  # fmt: skip
KINDS = {
    "standard": 30, "torchiere": 16, "arc": 13, "tripod": 10, "jointed": 6, "tree": 9, "screen": 9, "crook": 7,
}  # fmt: skip


def floor(rng: Rng, style: Style, made: Assembly) -> None:
    """A floor lamp."""
    made.traits["body"] = kind = pick(rng, KINDS)
    style = style._replace(rod=style.rod * rng.uniform(1.3, 2.0))
    if kind == "tripod":
        tall = rng.uniform(0.6, 1.2)
        solids, top = tripod(rng, rng.uniform(0.3, 0.55) * tall, tall, style)
        made.traits["base"] = "tripod"
        made.add("base", *solids)
        crown(rng, style, made, top, (style.rod, rng.uniform(0.2, 0.34)), FLOOR_SHADES)
        return
    name = made.traits["base"] = pick(rng, FEET)
    solids, top = base(rng, name, rng.uniform(0.13, 0.22), style)
    made.add("base", *solids)
    _FLOORS[kind](rng, style, made, top - 3e-3)


def _standard(rng: Rng, style: Style, made: Assembly, low: float) -> None:
    made.traits["pole"] = name = pick(rng, COLUMNS)
    top = low + rng.uniform(0.8, 1.3)
    made.add("pole", *column(rng, name, (low, top), style.rod, style))
    crown(rng, style, made, top - 2e-3, (0.8 * style.rod, rng.uniform(0.17, 0.32)), FLOOR_SHADES)


def _torchiere(rng: Rng, style: Style, made: Assembly, low: float) -> None:
    """A bowl that throws its light at the ceiling, perhaps with a reading light half way up."""
    made.traits |= {"pole": (name := pick(rng, COLUMNS)), "light": "up"}
    top = low + rng.uniform(1.2, 1.6)
    made.add("pole", *column(rng, name, (low, top), style.rod, style))
    bowl = pick(rng, {"saucer": 4, "dome": 4, "trumpet": 3, "cone": 3, "tulip": 2, "lotus": 1, "disc": 1})
    head = shade(rng, bowl, rng.uniform(0.13, 0.24), style, made.traits)
    made.add("shade", *placed(head.solids, [0, top - 3e-3, 0], 180))
    if rng.random() < 0.25:
        path = bend("gooseneck", rng, np.array([0, low + 0.7 * (top - low), 0]), 0.2, 0.25)
        made.add("pole", bent(path, np.full(len(path), 0.5 * style.rod), style))
        small = shade(rng, pick(rng, {"cone": 1, "bell": 1, "dome": 1}), 0.07, style, dict(made.traits))
        made.add("shade", *placed(small.solids, path[-1], tilt_at_end(path)))
        made.traits["lights"] = "2"


def _arc(rng: Rng, style: Style, made: Assembly, low: float) -> None:
    """A long bow with a shade that hangs from its end; a heavy base."""
    made.traits["pole"] = "arc"
    count = int(rng.choice([1, 3, 5], p=[0.78, 0.15, 0.07]))
    name = pick(rng, {"dome": 8, "globe": 3, "cone": 2, "drum": 3, "empire": 2, "reflector": 1, "tulip": 1})
    head = shade(rng, name, rng.uniform(0.13, 0.22) * (0.7 if count > 1 else 1), style, made.traits)
    tall, out = rng.uniform(1.2, 1.7), rng.uniform(0.5, 1.1)
    for i in range(count):
        yaw = (i - (count - 1) / 2) * rng.uniform(28, 35)
        share = 1 - 0.12 * (i % 3)
        path = bend("arc", rng, np.zeros(3), tall * share, out * share)
        tube = placed([bent(path, np.full(len(path), style.rod), style)], [0, low, 0], 0, yaw)
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
        end = np.array([path[-1, 2] * s, low + path[-1, 1], path[-1, 2] * c])
        made.add("pole", *tube)
        made.add("shade", *placed(head.solids, end, rng.uniform(0, 12), yaw), ball(end, 1.5 * style.rod, style))
    made.traits["lights"] = str(count)


def _jointed(rng: Rng, style: Style, made: Assembly, low: float) -> None:
    """A post with a jointed arm on top."""
    made.traits["pole"] = "jointed"
    top = low + rng.uniform(0.5, 0.95)
    made.add("pole", *column(rng, "plain", (low, top), style.rod, style))
    lengths, angles = rng.uniform(0.25, 0.5, 2), np.radians([rng.uniform(-45, 10), rng.uniform(30, 95)])
    steps = lengths[:, None] * np.stack([np.zeros(2), np.cos(angles), np.sin(angles)], 1)
    knots = np.array([0, top, 0]) + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, 0)])
    made.add("pole", *jointed(rng, knots, 0.8 * style.rod, style))
    name = pick(rng, {"reflector": 5, "cone": 4, "dome": 3, "drum": 2, "spot": 2, "bell": 1})
    head = shade(rng, name, rng.uniform(0.1, 0.18), style, made.traits)
    made.add("shade", *placed(head.solids, knots[-1], rng.uniform(-5, 50)))


def _tree(rng: Rng, style: Style, made: Assembly, low: float) -> None:
    """A post with several heads on short or flexible arms at different heights."""
    made.traits["pole"] = "tree"
    top, count = low + rng.uniform(1.1, 1.5), int(rng.integers(2, 6))
    made.add("pole", *column(rng, pick(rng, {"plain": 3, "pipes": 1, "bamboo": 1}), (low, top), style.rod, style))
    name = pick(rng, {"reflector": 3, "spot": 3, "cone": 4, "bell": 2, "tulip": 2, "dome": 2, "globe": 1, "trumpet": 1})
    head = shade(rng, name, rng.uniform(0.07, 0.13), style._replace(around=min(style.around, 16)), made.traits)
    for i in range(count):
        at = np.array([0, top - 0.02 - i * rng.uniform(0.1, 0.25), 0])
        path = bend(
            pick(rng, {"gooseneck": 2, "bow": 2, "lean": 2}), rng, at, rng.uniform(0.05, 0.2), rng.uniform(0.1, 0.3)
        )
        yaw = 360 * i / count + rng.uniform(-20, 20)
        arm = (
            ribbed(path, 0.5 * style.rod, style)
            if i == 0 and rng.random() < 0.2
            else bent(path, 0.6 * style.rod, style)
        )
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
        end = np.array([path[-1, 2] * s, path[-1, 1], path[-1, 2] * c])
        made.add("pole", *placed([arm], [0, 0, 0], 0, yaw))
        made.add("shade", *placed(head.solids, end, rng.uniform(10, 130), yaw), ball(end, 0.9 * style.rod, style))
    made.traits["lights"] = str(count)


def _screen(rng: Rng, style: Style, made: Assembly, low: float) -> None:
    """A tall shade that stands on the base itself, as paper lamps do."""
    name = pick(rng, {"tube": 4, "box": 3, "teardrop": 2, "lantern": 1, "globe": 1})
    size = rng.uniform(0.1, 0.18)
    head = shade(rng, name, size, style, made.traits)
    stretch = np.array([1, 1 if name in RESTING or name in UP else rng.uniform(2.5, 6.0), 1])
    pieces = [s._replace(vertices=s.vertices * stretch) for s in head.solids]
    made.add("shade", *placed(pieces, [0, low + 3e-3 - head.low * stretch[1] - 4e-3, 0]))
    if name == "box":
        hub = low - head.low * stretch[1]
        made.add("pole", strut([0, low, 0], [0, hub, 0], style.rod, style))
        made.traits["pole"] = "plain"


def _crook(rng: Rng, style: Style, made: Assembly, low: float) -> None:
    """A post that bends over at its top, as of reading lamps."""
    kind = made.traits["pole"] = pick(rng, {"crook": 3, "gooseneck": 2, "elbow": 2, "lean": 1})
    path = bend(kind, rng, np.array([0, low, 0]), rng.uniform(1.0, 1.5), rng.uniform(0.2, 0.5))
    made.add("pole", bent(path, 0.9 * style.rod, style))
    name = pick(
        rng, {"bell": 3, "dome": 3, "cone": 3, "reflector": 3, "drum": 3, "empire": 2, "tulip": 2, "trumpet": 1}
    )
    head = shade(rng, name, rng.uniform(0.09, 0.18), style, made.traits)
    tilt = 0.0 if name in ("drum", "empire") else float(np.clip(tilt_at_end(path), -20, 60))
    made.add("shade", *placed(head.solids, path[-1], tilt), ball(path[-1], 1.4 * style.rod, style))


_FLOORS = {
    "standard": _standard, "torchiere": _torchiere, "arc": _arc, "jointed": _jointed, "tree": _tree,
    "screen": _screen, "crook": _crook,
}  # fmt: skip


def street(rng: Rng, style: Style, made: Assembly) -> None:
    """A street or garden lamp: one light on the post, or one to four on arms."""
    style = style._replace(rod=style.rod * rng.uniform(2, 3.5))
    name = made.traits["base"] = pick(rng, {"stepped": 5, "block": 3, "disc": 2, "domed": 2})
    solids, low = base(rng, name, rng.uniform(0.12, 0.2), style)
    made.add("base", *solids)
    made.traits["pole"] = pole = pick(
        rng, {"tapered": 4, "turned": 2, "fluted": 3, "plain": 3, "pipes": 2, "sleeves": 2}
    )
    top = low + rng.uniform(1.2, 2.2)
    made.add("pole", *column(rng, pole, (low - 3e-3, top), style.rod, style))
    count = int(rng.choice([1, 2, 3, 4], p=[0.6, 0.25, 0.08, 0.07]))
    made.traits["lights"] = str(count)
    name = pick(rng, {"lantern": 6, "globe": 3, "saucer": 1, "dome": 2, "reflector": 2, "disc": 1})
    head = shade(rng, name, rng.uniform(0.1, 0.18), style, made.traits)
    if count == 1 and name in ("lantern", "globe"):
        lift = -head.low - 3e-3
        made.add(
            "shade",
            *placed(head.solids, [0, top + (lift if name == "lantern" else -3e-3), 0], 180.0 * (name == "globe")),
        )
        return
    kind = pick(rng, {"gooseneck": 3, "arc": 2, "bow": 2, "elbow": 2})
    path = bend(kind, rng, np.array([0, top - 0.04, 0]), rng.uniform(0.1, 0.3), rng.uniform(0.25, 0.45))
    made.add("pole", can([0, top - 0.06, 0], 1.4 * style.rod, 0.08, style))
    light = placed(head.solids, path[-1] + [0, 2e-3, 0], 0)
    for i in range(count):
        yaw = 360 * i / count
        made.add("pole", *placed([bent(path, 0.55 * style.rod, style)], [0, 0, 0], 0, yaw))
        made.add("shade", *placed([*light, ball(path[-1], 0.8 * style.rod, style)], [0, 0, 0], 0, yaw))
