"""Lamps that hang from the ceiling: pendants, clusters, chandeliers, spot rails, flush lights. The ceiling is y = 0."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.fittings import (
    Rng,
    Style,
    around,
    ball,
    can,
    direction,
    hoop,
    pick,
    placed,
    strut,
)
from gen3d.generators.procedural.lamp_arms import DOWN_LIGHTS, UP_LIGHTS, arm_ring
from gen3d.generators.procedural.lamp_bases import bar_canopy, canopy
from gen3d.generators.procedural.lamp_poles import CORDS, column, hanging
from gen3d.generators.procedural.lamp_shades import shade
from gen3d.generators.procedural.solids import move, rod

CANOPIES = {"disc": 32, "dome": 22, "cone": 12, "can": 9, "bell": 8, "stepped": 10, "square": 7}
PENDANT_SHADES = {
    "dome": 15, "cone": 13, "drum": 12, "empire": 8, "bell": 9, "globe": 13, "saucer": 6, "tulip": 6, "trumpet": 4,
    "teardrop": 4, "coolie": 5, "tiers": 7, "lantern": 5, "bulb": 4, "cage": 4, "box": 4, "pyramid": 3, "tube": 3,
    "reflector": 3, "mushroom": 2, "lotus": 3, "pagoda": 2, "spot": 2, "disc": 2,
}  # fmt: skip
SMALL = {"bulb": 0.3, "tube": 0.35, "spot": 0.45, "teardrop": 0.6, "cage": 0.55, "trumpet": 0.8, "lantern": 0.65}


def ceiling(rng: Rng, style: Style, made: Assembly) -> None:
    """A ceiling lamp."""
    kind = pick(
        rng,
        {
            "pendant": 34, "cluster": 13, "chandelier": 18, "hoop": 7, "sputnik": 5, "rail": 7, "linear": 6, "flush": 5,
            "semi-flush": 6,
        },
    )  # fmt: skip
    made.traits["kind"] = kind
    _CEILINGS[kind](rng, style, made)


FLAT = {"disc": 6, "stepped": 2, "square": 2}


def _canopy(rng: Rng, style: Style, made: Assembly, size: float, kinds: dict[str, int] = CANOPIES) -> float:
    """A round or square canopy; how far down it reaches, a little less."""
    name = made.traits["canopy"] = pick(rng, kinds)
    solids, thick = canopy(rng, name, size, style)
    made.add("canopy", *solids)
    return -thick + 3e-3


def _pendant(rng: Rng, style: Style, made: Assembly) -> None:
    top = _canopy(rng, style, made, rng.uniform(0.045, 0.1))
    name = pick(rng, PENDANT_SHADES)
    size = rng.uniform(0.11, 0.26) * SMALL.get(name, 1.0)
    head = shade(rng, name, size, style, made.traits)
    cord = made.traits["pole"] = pick(rng, CORDS)
    drop = np.array([0, top - rng.choice([rng.uniform(0.08, 0.3), rng.uniform(0.3, 1.0)]), 0])
    drop[1] -= max(head.high, 0)
    up = name in ("saucer", "dome", "tulip") and rng.random() < 0.25
    if up:  # a bowl that hangs by three strands from a knob
        made.traits |= {"light": "up", "pole": "strands"}
        strands = [strut([0, top, 0], [0.97 * head.radius, drop[1], 0], 0.4 * style.rod, style)]
        made.add("pole", *around(strands, 3))
        made.add("shade", *(move(s, [0, drop[1] + head.low + 2e-3, 0]) for s in placed(head.solids, [0, 0, 0], 180)))
        return
    made.add("pole", *hanging(rng, cord, np.array([0, top, 0]), drop, style.rod, style))
    made.add("shade", *placed(head.solids, drop + [0, 2e-3, 0]))
    if rng.random() < 0.4:
        made.add("shade", can(drop - [0, 0.01, 0], 2.2 * style.rod, 0.03, style))


def _spots(rng: Rng, count: int, spread: float) -> np.ndarray:
    """(count, 3) places round the middle, or one there and the others round it."""
    ring = count if count < 5 or rng.random() < 0.5 else count - 1
    t = np.arange(ring) * 2 * np.pi / ring + rng.uniform(0, 6)
    places = spread * np.stack([np.cos(t), 0 * t, np.sin(t)], 1)
    return np.concatenate([places, np.zeros((count - ring, 3))])


def _cluster(rng: Rng, style: Style, made: Assembly) -> None:
    """Several pendants from one canopy, in a row or round the middle, all of one length or not."""
    row, count = rng.random() < 0.45, int(rng.integers(2, 7))
    name = pick(rng, PENDANT_SHADES)
    size = rng.uniform(0.05, 0.12) * SMALL.get(name, 1.0)
    head = shade(rng, name, size, style._replace(around=min(style.around, 16)), made.traits)
    gap = 2.2 * head.radius + rng.uniform(0.02, 0.1)
    if row:
        made.traits["canopy"] = "bar"
        solids, thick = bar_canopy(rng, (count - 1) * gap / 2 + 0.05, rng.uniform(0.03, 0.07), style)
        made.add("canopy", *solids)
        top, x = -thick + 3e-3, (np.arange(count) - (count - 1) / 2) * gap
        spots = np.stack([x, 0 * x, 0 * x], 1)
    else:
        spread = max(gap / (2 * np.sin(np.pi / count)), 0.05)
        top = _canopy(rng, style, made, spread * rng.uniform(1.1, 1.4), FLAT)
        spots = _spots(rng, count, spread)
    cord = made.traits["pole"] = pick(rng, {"cord": 6, "rod": 3, "chain": 1})
    uneven, drop = rng.choice([0.0, rng.uniform(0.1, 0.5)]), rng.uniform(0.2, 0.7)
    for spot in spots:
        start = spot + [0, 0.4 * top, 0]  # from within the canopy, which may step back
        end = spot + [0, top - drop - uneven * rng.random() - max(head.high, 0), 0]
        made.add("pole", *hanging(rng, cord, start - [0, 4e-3, 0], end, style.rod, style))
        made.add("shade", *placed(head.solids, end + [0, 2e-3, 0]))
    made.traits |= {"lights": str(count), "row": "yes" if row else "no"}


def _chandelier(rng: Rng, style: Style, made: Assembly) -> None:
    """Arms from a turned column, in one or two tiers, below a chain or rod."""
    reach, tall = rng.uniform(0.25, 0.45), rng.uniform(0.2, 0.5)
    top = _canopy(rng, style, made, rng.uniform(0.05, 0.09))
    cord = made.traits["pole"] = pick(rng, {"chain": 5, "rod": 4, "pipe": 2, "cord": 1})
    neck = top - rng.choice([rng.uniform(0.03, 0.12), rng.uniform(0.15, 0.5)])
    foot = neck - tall
    made.add("pole", *hanging(rng, cord, np.array([0, top, 0]), np.array([0, neck, 0]), style.rod, style))
    kind = made.traits["column"] = pick(rng, {"turned": 6, "balls": 2, "sleeves": 2, "plain": 1, "pipes": 1})
    made.add("pole", *column(rng, kind, (foot, neck + 3e-3), rng.uniform(0.012, 0.028), style))
    made.add("pole", ball([0, foot, 0], rng.uniform(0.02, 0.05), style, rng.uniform(0.8, 1.5)))
    arm_ring(rng, style, made, (foot + tall * rng.uniform(0.05, 0.35), reach))
    if rng.random() < 0.18:
        made.traits["tiers"] = "2"
        small = Assembly()
        arm_ring(rng, style, small, (foot + 0.8 * tall, 0.55 * reach))
        made.pieces += small.pieces
        made.traits["lights"] = str(int(made.traits["lights"]) + int(small.traits["lights"]))


def _hoop(rng: Rng, style: Style, made: Assembly) -> None:
    """A ring or wheel on strands, with lights on or under it, or a luminous ring."""
    radius, wire = rng.uniform(0.22, 0.42), rng.uniform(0.008, 0.025)
    top = _canopy(rng, style, made, rng.uniform(0.05, 0.1))
    low = top - rng.uniform(0.25, 0.8)
    made.traits["pole"] = "strands"
    count = int(rng.choice([3, 4]))
    strand = strut([0.015, top, 0], [radius, low, 0], 0.4 * style.rod, style)
    made.add("pole", *around([strand], count))
    if rng.random() < 0.3:
        made.traits |= {"shade": "ring", "lights": "1"}
        made.add("shade", hoop(radius, 1.4 * wire, style._replace(around=32), low))
        return
    made.add("pole", hoop(radius, wire, style._replace(around=24), low))
    if rng.random() < 0.4:
        made.add("pole", *around([strut([-radius, low, 0], [radius, low, 0], 0.7 * wire, style)], 2))
    up, lights = rng.random() < 0.6, int(rng.integers(4, 11))
    name = pick(rng, UP_LIGHTS if up else DOWN_LIGHTS)
    small = {"bulb": 0.35, "candle": 0.55, "cage": 0.6}.get(name, 1.0)
    few = style._replace(around=min(style.around, 12))
    head = shade(rng, name, radius * min(0.3, 1.8 / lights) * small, few, made.traits)
    up = up and name != "empire"
    at = [radius, low + (0.9 if up else -0.9) * wire, 0]
    made.add("shade", *around(placed(head.solids, at, 180.0 if up else 0.0), lights, 20))
    made.traits |= {"lights": str(lights), "light": "up" if up else "down"}


def _sputnik(rng: Rng, style: Style, made: Assembly) -> None:
    """Rods from a ball to all sides with a bulb on each."""
    top = _canopy(rng, style, made, rng.uniform(0.05, 0.09))
    reach, core = rng.uniform(0.18, 0.35), rng.uniform(0.03, 0.06)
    middle = np.array([0, top - reach - rng.uniform(0.15, 0.5), 0])
    made.traits["pole"] = "spokes"
    made.add("pole", *hanging(rng, "rod", np.array([0, top, 0]), middle, style.rod, style), ball(middle, core, style))
    head = shade(
        rng, pick(rng, {"globe": 3, "bulb": 3, "tulip": 1, "cone": 1}), 0.03, style._replace(around=10), made.traits
    )
    count = int(rng.integers(8, 17))
    for i in range(count):  # a spiral of even steps over the sphere, but for the pole's own direction
        tilt = np.degrees(np.arccos(np.clip(1 - 1.8 * (i + 0.5) / count, -1, 1)))
        yaw = 137.5 * i
        out = direction(tilt, yaw)
        end = middle + reach * out
        made.add("pole", strut(middle + 0.8 * core * out, end, 0.6 * style.rod, style))
        made.add("shade", *placed(head.solids, end - 2e-3 * out, tilt, yaw))
    made.traits["lights"] = str(count)


def _rail(rng: Rng, style: Style, made: Assembly) -> None:
    """Spots on short stalks under a long or round canopy."""
    count, gap = int(rng.integers(2, 6)), rng.uniform(0.16, 0.3)
    size = rng.uniform(0.035, 0.06)
    if row := rng.random() < 0.75:
        made.traits["canopy"] = "bar"
        solids, thick = bar_canopy(rng, (count - 0.4) * gap / 2, rng.uniform(0.02, 0.05) + 0.02 * count, style)
        made.add("canopy", *solids)
        x = (np.arange(count) - (count - 1) / 2) * gap
        top, spots = -thick + 3e-3, np.stack([x, 0 * x, 0 * x], 1)
    else:
        top = _canopy(rng, style, made, 0.12)
        spots = _spots(rng, count, 0.07)
        top = 0.6 * top
    name = pick(rng, {"spot": 6, "reflector": 3, "cone": 2, "tulip": 2, "bell": 1, "globe": 1})
    head = shade(rng, name, size, style._replace(around=min(style.around, 16)), made.traits)
    made.traits |= {"pole": "stalk", "lights": str(count), "row": "yes" if row else "no"}
    drop, wild = rng.uniform(0.03, 0.12), rng.choice([0.0, 60.0])
    tilt, yaw = rng.uniform(0, 60), rng.uniform(0, 360)
    for spot in spots:
        end = spot + [0, top - drop, 0]
        made.add("pole", strut(spot + [0, top, 0], end, 0.8 * style.rod, style))
        made.add("shade", *placed(head.solids, end, tilt + rng.uniform(0, 0.3) * wild, yaw + rng.uniform(-1, 1) * wild))
        made.add("shade", ball(end, 1.8 * style.rod, style))


def _linear(rng: Rng, style: Style, made: Assembly) -> None:
    """A long light on two cords or rods, from one canopy or two."""
    name = pick(rng, {"rail": 5, "trough": 3, "box": 2})
    head = shade(rng, name, rng.uniform(0.15, 0.28), style, made.traits)
    pieces, wide = head.solids, head.radius
    if name == "box":
        stretch, wide = np.array([1.0, 0.5, 0.45]), 0.8 * head.radius
        pieces = [s._replace(vertices=s.vertices * stretch) for s in pieces]
    else:
        pieces = [s._replace(vertices=s.vertices * [1, 1, 1.5]) for s in pieces]
    at, drop = wide * rng.uniform(0.4, 0.75), rng.uniform(0.15, 0.6)
    if rng.random() < 0.5:
        made.traits["canopy"] = "bar"
        solids, thick = bar_canopy(rng, at * rng.uniform(1.1, 1.4), rng.uniform(0.04, 0.08), style)
        made.add("canopy", *solids)
        spots, top = np.array([[-at, 0, 0], [at, 0, 0]]), -thick + 3e-3
    else:
        made.traits["canopy"] = canopy_name = pick(rng, CANOPIES)
        solids, thick = canopy(rng, canopy_name, rng.uniform(0.04, 0.07), style)
        made.add("canopy", *(move(s, [x, 0, 0]) for x in (-at, at) for s in solids))
        spots, top = np.array([[-at, 0, 0], [at, 0, 0]]), -thick + 3e-3
    cord = made.traits["pole"] = pick(rng, {"cord": 5, "rod": 4, "chain": 1})
    for spot in spots:
        end = spot + [0, top - drop, 0]
        inner = end - [0, 0.3 * -head.low if name == "box" else 0.0, 0]
        made.add("pole", *hanging(rng, cord, spot + [0, top, 0], inner, style.rod, style))
    if name == "box":  # an open frame is held by a bar between the cords
        made.add("pole", strut(inner * [-1.0, 1, 1], inner, 0.8 * style.rod, style))
        made.add("shade", *placed(pieces, inner))
        return
    made.add("shade", *placed(pieces, np.array([0, top - drop + 3e-3, 0])))


def _flush(rng: Rng, style: Style, made: Assembly) -> None:
    """A bowl, drum or panel right under its canopy."""
    size = rng.uniform(0.15, 0.25)
    top = _canopy(rng, style, made, size * rng.uniform(0.75, 1.08), {"disc": 3, "square": 1}) * 0.9
    name = pick(rng, {"dome": 6, "saucer": 4, "drum": 3, "disc": 3, "box": 1, "globe": 2, "mushroom": 1})
    head = shade(rng, name, size, style, made.traits)
    bowl = name in ("dome", "saucer", "mushroom")
    lift = head.low if bowl else -head.high
    made.add("shade", *placed(head.solids, [0, top + lift + 4e-3, 0], 180.0 if bowl else 0.0))
    if bowl:  # its fitting: the rim may be wider than the canopy
        made.add("shade", rod([0, top, 0], [0, top + lift + 4e-3, 0], 2 * style.rod, count=style.few))


def _semi_flush(rng: Rng, style: Style, made: Assembly) -> None:
    """A wide shade or bowl close below the canopy, on a short stem."""
    size = rng.uniform(0.14, 0.24)
    top = _canopy(rng, style, made, size * rng.uniform(0.35, 0.6))
    made.traits["pole"] = kind = pick(rng, {"plain": 2, "turned": 3, "sleeves": 2})
    name = pick(rng, {"dome": 5, "saucer": 4, "drum": 4, "tiers": 2, "globe": 2, "bell": 1, "lantern": 1})
    head = shade(rng, name, size, style, made.traits)
    drop = rng.uniform(0.06, 0.2)
    bowl = name in ("dome", "saucer")
    low = top - drop - max(head.high, 0) - (-head.low if bowl else 0.0)
    made.add("pole", *column(rng, kind, (low, top), 1.3 * style.rod, style))
    made.add("shade", *placed(head.solids, [0, low + 2e-3, 0], 180.0 if bowl else 0.0))
    if bowl and rng.random() < 0.6:
        made.add("pole", ball([0, low, 0], 2.5 * style.rod, style, 1.4))


_CEILINGS = {
    "pendant": _pendant, "cluster": _cluster, "chandelier": _chandelier, "hoop": _hoop, "sputnik": _sputnik,
    "rail": _rail, "linear": _linear, "flush": _flush, "semi-flush": _semi_flush,
}  # fmt: skip
