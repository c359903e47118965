"""Lamps that stand: on a table, on a desk, on the floor, by a street."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.fittings import Path, Rng, Spot, Style, ball, bent, can, pick, placed, strut
from gen3d.generators.procedural.lamp_arms import arm_ring
from gen3d.generators.procedural.lamp_bases import base, tripod, vase
from gen3d.generators.procedural.lamp_poles import COLUMNS, bend, column, jointed, ribbed, tilt_at_end
from gen3d.generators.procedural.lamp_shades import shade

FEET = {"disc": 26, "domed": 17, "stepped": 20, "slab": 13, "block": 8, "claws": 8, "cross": 4, "ring": 4}
TABLE_SHADES = {
    "empire": 28, "drum": 20, "coolie": 11, "bell": 10, "cone": 6, "box": 5, "pyramid": 6, "dome": 5, "mushroom": 4,
    "pagoda": 3, "globe": 7, "tulip": 3, "lotus": 2, "bulb": 2, "lantern": 2, "tiers": 2, "saucer": 1, "teardrop": 2,
}  # fmt: skip
DESK_SHADES = {
    "reflector": 26, "spot": 15, "cone": 14, "dome": 13, "bell": 7, "trumpet": 6, "trough": 8, "rail": 6, "disc": 4,
    "saucer": 2, "drum": 2, "mushroom": 3, "globe": 2, "bulb": 2,
}  # fmt: skip
UP = ("globe", "tulip", "trumpet", "bulb", "candle", "lotus", "disc")  # whose light goes up where they stand
RESTING = ("lantern", "teardrop", "tube", "cage")  # which stand on their lower end


def table(rng: Rng, style: Style, made: Assembly) -> None:
    """A table lamp: a vase, a column or a small tripod under a shade, or a shade right on its base."""
    body = pick(rng, {"vase": 40, "column": 43, "tripod": 5, "direct": 8, "candelabrum": 4})
    size = rng.uniform(0.07, 0.13)
    if body == "vase":
        solids, top = vase(rng, size, style)
        made.traits["base"] = "vase"
    elif body == "tripod":
        tall = rng.uniform(0.2, 0.35)
        solids, top = tripod(rng, rng.uniform(0.4, 0.8) * tall, tall, style)
        made.traits["base"] = "tripod"
    else:
        solids, top = _foot(rng, FEET, size, style, made)
    made.add("base", *solids)
    made.traits["body"] = body
    if body == "direct":
        _on_base(rng, style, top, made)
        return
    radius = style.rod * rng.uniform(0.8, 1.6)
    if body in ("column", "candelabrum"):
        name = made.traits["pole"] = pick(rng, COLUMNS)
        start, top = top, top + rng.uniform(0.15, 0.4)
        made.add("pole", *column(rng, name, (start - 2e-3, top), radius * rng.uniform(1, 1.8), style))
        radius *= 0.8
    if body == "candelabrum":
        arm_ring(rng, style, made, (top, rng.uniform(0.12, 0.24)), True)
        return
    crown(rng, style, made, top, (radius, rng.uniform(0.13, 0.24)), TABLE_SHADES)


def _foot(rng: Rng, kinds: dict[str, int], size: float, style: Style, made: Assembly) -> tuple[list, float]:
    """A base of one of the kinds."""
    name = made.traits["base"] = pick(rng, kinds)
    return base(rng, name, size, style)


def _on_base(rng: Rng, style: Style, top: float, made: Assembly) -> None:
    """A shade that sits on the base itself."""
    name = pick(rng, {"globe": 3, "tube": 3, "mushroom": 1, "lantern": 2, "teardrop": 2, "lotus": 1, "dome": 1})
    head = shade(rng, name, rng.uniform(0.07, 0.15), style, made.traits)
    made.add("shade", *placed(head.solids, [0, top - head.low - 4e-3, 0]))
    if name in ("mushroom", "dome", "lotus"):  # held from within
        made.add("pole", can([0, top - 3e-3, 0], 1.5 * style.rod, -head.low, style))


def crown(
    rng: Rng, style: Style, made: Assembly, top: float, sizes: tuple[float, float], kinds: dict[str, int]
) -> None:
    """The shade on top of a standing lamp, with the rod that reaches into it from height `top`.

    Args:
        sizes: radius of the rod and of the shade.
    """
    radius, size = sizes
    name = pick(rng, kinds)
    small = {"globe": 0.6, "tulip": 0.55, "lotus": 0.6, "bulb": 0.22, "lantern": 0.5, "teardrop": 0.5}.get(name, 1.0)
    head = shade(rng, name, size * small, style, made.traits)
    gap = rng.uniform(0.01, 0.08)
    if name in UP or name in RESTING:
        hub = top + rng.choice([0.0, gap])
        lift = -head.low - 3e-3 if name in RESTING else 0.0
        made.add("shade", *placed(head.solids, [0, hub + lift, 0], 180.0 if name in UP else 0.0))
    else:
        hub = top + gap - head.low * rng.uniform(0.8, 1.0)
        made.add("shade", *placed(head.solids, [0, hub, 0]))
    if hub > top + 4e-3:
        made.add("pole", strut([0, top - 3e-3, 0], [0, hub, 0], radius, style))
        made.traits.setdefault("pole", "neck")


# --- desk lamps ---------------------------------------------------------------------------------------------------


def desk(rng: Rng, style: Style, made: Assembly) -> None:
    """A desk lamp whose arm carries a tilted head: jointed, bent, flexible, balanced, or a banker's lamp."""
    arm = pick(rng, {"jointed": 38, "gooseneck": 20, "bent": 20, "banker": 9, "balanced": 8, "straight": 5})
    made.traits["arm"] = arm
    feet = FEET | ({"clamp": 10, "ring": 1} if arm == "jointed" else {})
    solids, top = _foot(rng, feet, rng.uniform(0.07, 0.12), style, made)
    made.add("base", *solids)
    made.traits["pole"] = arm
    radius = style.rod * rng.uniform(0.8, 1.4)
    _DESKS[arm](rng, style, made, np.array([0, top - 2e-3, 0]), radius)


def _head(rng: Rng, style: Style, made: Assembly, at: Spot, tilt: float) -> None:
    """A desk lamp's shade held at a point, its light `tilt` degrees off straight down."""
    name = pick(rng, DESK_SHADES)
    size = rng.uniform(0.05, 0.1) * {"dome": 1.2, "cone": 1.2, "bulb": 0.35, "spot": 0.8, "globe": 0.8}.get(name, 1.0)
    head = shade(rng, name, size, style, made.traits)
    level = name in ("trough", "rail", "disc")
    made.add("shade", *placed(head.solids, at, 0.3 * tilt if level else tilt))
    made.add("shade", ball(at, 1.6 * style.rod, style))


def _jointed(rng: Rng, style: Style, made: Assembly, foot: Spot, radius: float) -> None:
    lengths, angles = rng.uniform(0.16, 0.32, 2), np.radians([rng.uniform(-50, 15), rng.uniform(25, 100)])
    steps = lengths[:, None] * np.stack([np.zeros(2), np.cos(angles), np.sin(angles)], 1)
    if rng.random() < 0.15:
        steps = np.concatenate([steps, [[0, -0.5 * abs(steps[1, 1]), 0.06]]])
    knots = foot + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, 0)])
    knots[:, 1] += 0.012 + 2 * radius
    made.add("pole", can(foot - [0, 4e-3, 0], 1.8 * radius, 0.025 + 2 * radius, style))
    made.add("pole", *jointed(rng, knots, radius, style))
    _head(rng, style, made, knots[-1], rng.uniform(-15, 65))


def _bent(rng: Rng, style: Style, made: Assembly, foot: Spot, radius: float) -> None:
    flexible = made.traits["arm"] == "gooseneck"
    kind = pick(
        rng, {"gooseneck": 3, "crook": 2, "wave": 1 if flexible else 0, "arc": 1, "elbow": 0 if flexible else 2}
    )
    path: Path = bend(kind, rng, foot, rng.uniform(0.28, 0.5), rng.uniform(0.12, 0.3))
    made.traits["bend"] = kind
    made.add("pole", ribbed(path, radius, style) if flexible else bent(path, np.full(len(path), radius), style))
    _head(rng, style, made, path[-1], float(np.clip(tilt_at_end(path) + rng.normal(0, 12), -20, 80)))


def _banker(rng: Rng, style: Style, made: Assembly, foot: Spot, radius: float) -> None:
    """A trough along X on an upright column, held by a fork or by a short arm."""
    made.traits["pole"] = name = pick(rng, COLUMNS)
    high = foot[1] + rng.uniform(0.18, 0.32)
    made.add("pole", *column(rng, name, (float(foot[1]), high), radius, style))
    kind = pick(rng, {"trough": 4, "rail": 1})
    head = shade(rng, kind, rng.uniform(0.1, 0.15), style, made.traits)
    out = rng.choice([0.0, rng.uniform(0.02, 0.07)])
    hub = np.array([0, high + 0.02 + (head.radius * 0.2 if out == 0 else 0), out])
    made.add("pole", strut([0, high - 3e-3, 0], hub, 0.7 * radius, style))
    made.add("shade", *placed(head.solids, hub, rng.uniform(0, 25)))


def _balanced(rng: Rng, style: Style, made: Assembly, foot: Spot, radius: float) -> None:
    """A beam that swings on a post, with a counterweight at its back and a small head in front."""
    post, pitch = rng.uniform(0.08, 0.3), np.radians(rng.uniform(5, 50))
    pivot = foot + [0, post, 0]
    along = np.array([0, np.sin(pitch), np.cos(pitch)])
    front, back = pivot + along * rng.uniform(0.25, 0.45), pivot - along * rng.uniform(0.08, 0.2)
    thin = 0.7 * radius
    for side in (-1, 1) if rng.random() < 0.5 else (0,):
        shift = np.array([2.0 * side * radius, 0, 0])
        made.add(
            "pole", strut(foot + shift, pivot + shift, thin, style), strut(back + shift, front + shift, thin, style)
        )
    made.add("pole", *placed([can([0, -3 * radius, 0], 1.4 * radius, 6 * radius, style)], pivot, 90, 90))
    weight = 4.5 * radius
    made.add("pole", *placed([can([0, -weight, 0], weight, 2 * weight, style)], back, 90, float(rng.choice([0, 90]))))
    head = shade(rng, pick(rng, {"trough": 2, "disc": 2, "saucer": 2, "spot": 1, "rail": 1}), 0.045, style, made.traits)
    made.add("shade", *placed(head.solids, front, rng.uniform(-10, 40)), ball(front, 2.6 * radius, style))


def _straight(rng: Rng, style: Style, made: Assembly, foot: Spot, radius: float) -> None:
    made.traits["pole"] = name = pick(rng, COLUMNS)
    high = foot[1] + rng.uniform(0.2, 0.4)
    made.add("pole", *column(rng, name, (float(foot[1]), high), radius, style))
    _head(rng, style, made, np.array([0, high, 0]), rng.uniform(20, 80))


_DESKS = {
    "jointed": _jointed, "gooseneck": _bent, "bent": _bent, "banker": _banker, "balanced": _balanced,
    "straight": _straight,
}  # fmt: skip
