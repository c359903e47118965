"""Wheels of cars, with tyre and rim, and the fenders of old ones."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.car_plan import Plan
from gen3d.generators.procedural.copies import repeated
from gen3d.generators.procedural.draws import pick
from gen3d.generators.procedural.solids import Solid, bar, both, cylinder, lathe, merge, move, superellipse, sweep, turn

Rng = np.random.Generator


def wheel(rng: Rng, radius: float, width: float, style: str, count: int) -> Solid:
    """A wheel about the X axis, centred on the origin.

    Args:
        rng: draws proportions.
        radius, width: of the tyre.
        style: block, disc, dish, hubcap, spokes or wire.
        count: corners of its outline.
    """
    half = width / 2
    if style == "block":
        return _across(lathe([(0, -half), (radius, -half), (radius, half), (0, half)], count))
    rim, edge = radius * float(rng.uniform(0.55, 0.76)), min(0.3 * width, 0.12 * radius)
    tread = [(rim, -half), (radius - edge, -half), (radius, edge - half), (radius, half - edge)]
    side = [(radius - edge, half), (rim, half)]
    if style in ("spokes", "wire"):
        inner = 0.93 * rim
        tyre = lathe([*tread, *side, (inner, 0.8 * half), (inner, -0.8 * half)], count, closed=True)
        return _across(merge([tyre, *_spokes(rng, inner, half, style)]))
    depth, hub = half * float(rng.uniform(-0.1, 0.6)), rim * float(rng.uniform(0.2, 0.45))
    if style == "disc":
        face = [(0, half)]
    elif style == "hubcap":
        face = [(0.97 * rim, 0.8 * half), (0.7 * rim, 0.95 * half), (0.3 * rim, 1.05 * half), (0, 1.07 * half)]
    else:
        face = [(0.93 * rim, half - depth), (hub, half - 0.8 * depth), (0.9 * hub, half - 0.2 * depth)]
        face += [(0, half - 0.2 * depth)]
    back = [(r, -y) for r, y in reversed(face)]
    return _across(lathe([*back, *tread, *side, *face], count))


def _across(solid: Solid) -> Solid:
    return turn(solid, "z", -90)


def _spokes(rng: Rng, inner: float, half: float, style: str) -> list[Solid]:
    """Hub and spokes about +Y."""
    wire = style == "wire"
    number = int(rng.integers(10, 17)) if wire else int(rng.integers(3, 11))
    hub = inner * float(rng.uniform(0.15, 0.3))
    deep, wide = (0.12, 0.05) if wire else (float(rng.uniform(0.3, 1.0)), float(rng.uniform(0.1, 0.3)))
    level = half * float(rng.uniform(0.2, 0.5)) if not wire else 0.0
    spoke = bar((0.7 * hub, level, 0), (1.02 * inner, 0.8 * level, 0), wide * inner, deep * half)
    return [move(cylinder(hub, 1.7 * half, count=10), (0, -0.8 * half, 0)), repeated(spoke, number)]


STYLES = {"block": 8, "disc": 16, "dish": 28, "hubcap": 14, "spokes": 34}


def add_wheels(rng: Rng, assembly: Assembly, plan: Plan) -> None:
    """The wheels on their axles."""
    old = {"wire": 50, "disc": 25, "spokes": 25} if plan.kind == "oldtimer" else STYLES
    style = "block" if not plan.dense and rng.random() < 0.7 else pick(rng, old)
    count = int(rng.choice([8, 12])) if not plan.dense else int(rng.choice([12, 16, 20]))
    assembly.traits.update(rims=style, wheels=str(2 * len(plan.axles)))
    one = wheel(rng, plan.wheel, plan.tread, style, count)
    inset = 0.0 if plan.fendered else plan.tread * float(rng.uniform(-0.08, 0.2))
    if assembly.traits["arches"] == "none":
        inset = -plan.tread * float(rng.uniform(0.15, 0.6))
    out = plan.width / 2 - plan.tread / 2 - inset
    for axle in plan.axles:
        assembly.add("wheel", *both(move(one, (out, plan.wheel, float(plan.z(axle))))))


def add_fenders(rng: Rng, assembly: Assembly, plan: Plan) -> None:
    """Fenders over wheels that stand outside of the body, joined by running boards or not (part body)."""
    style = pick(rng, {"swept": 45, "cycle": 20, "bulged": 35} if plan.kind != "jeep" else {"flat": 1})
    assembly.traits["fenders"] = style
    inner, outer = 0.75 * plan.body_half * (0.7 if plan.kind == "oldtimer" else 1.0), plan.width / 2 + 0.02
    wide, x = outer - inner, (outer + inner) / 2
    radius = plan.wheel * float(rng.uniform(1.1, 1.25))
    thick = {"bulged": 0.3, "flat": 0.06}.get(style, 0.07)
    outline = superellipse(wide, thick, 4.0 if style == "bulged" else 6.0, 12)
    for axle, front in ((plan.axles[0], True), (plan.axles[-1], False)):
        z = float(plan.z(axle))
        path = _fender_path(style, radius + (0.3 * thick), front)
        solid = sweep(outline, np.concatenate([np.full((len(path), 1), x), path + [plan.wheel, z]], 1), up=(0, 1, 1e-3))
        assembly.add("body", *both(solid))
    if style in ("swept", "bulged") or rng.random() < 0.4:
        front, rear = float(plan.z(plan.axles[0])) - radius, float(plan.z(plan.axles[-1])) + radius
        board = move(superellipse_board(wide, front - rear + 0.1), (x, 0.85 * plan.wheel, (front + rear) / 2))
        assembly.add("body", *both(board))


def superellipse_board(width: float, length: float) -> Solid:
    """A running board along Z, centred on the origin."""
    return sweep(superellipse(width, 0.06, 6.0, 12), [(0, 0, -length / 2), (0, 0, length / 2)])


def _fender_path(style: str, radius: float, front: bool) -> np.ndarray:
    """(S, 2) of (height above the axle, way ahead), from front to rear."""
    if style == "flat":
        path = np.array([(0.85, 1.3), (0.95, 1.0), (1.0, 0.0), (0.95, -1.0), (0.3, -1.35)]) * radius
        return path if front else path * [1, 1]
    reach = (15, 185) if style == "bulged" else (-5, 150)
    t = np.radians(np.linspace(*reach, 12)) if front else np.radians(np.linspace(180 - reach[0], 180 - reach[1], 12))
    path = np.stack([np.sin(t), np.cos(t)], 1) * radius
    if style == "swept" and front:  # runs out backwards to the running board
        path = np.concatenate([path, [(-0.1 * radius, -1.5 * radius)]])
    return path if front else path[::-1]
