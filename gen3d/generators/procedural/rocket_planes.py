"""Rockets with wings: space planes that stand on their tail, alone or on a tank with boosters."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.rocket_fins import draw_fin, fin_solid
from gen3d.generators.procedural.rocket_hull import Hull, nose
from gen3d.generators.procedural.rocket_parts import bell
from gen3d.generators.procedural.solids import Solid, lathe, mirror, move, turn
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator


def space_plane(rng: Rng, made: Assembly) -> None:
    """A winged rocket, its back towards -Z and its tail fin towards +Z; some carried by a tank with two boosters."""
    made.traits |= {"plane": pick(rng, {"glider": 6, "stack": 4}), "body": "straight", "fin": "delta", "wings": "plane"}
    made.traits["nose"] = pick(rng, {"ogive": 5, "dome": 3, "blunt": 3, "cone": 2})
    radius, high = float(rng.uniform(0.06, 0.1)), float(rng.uniform(0.12, 0.28))
    tail = radius * float(rng.uniform(0.8, 1.1))
    hull = Hull(np.array([(tail, 0.0), (radius, 0.15), (radius, 1 - high)]), 20)
    flat = np.array([1.0, 1.0, float(rng.uniform(0.75, 1.1))])
    pieces: list[tuple[str, Solid]] = [("body", hull.solid())]
    pieces += [("nose", solid) for solid in nose(rng, made.traits["nose"], hull, high)]
    thick = float(rng.uniform(0.008, 0.025))
    span, root = float(rng.uniform(0.15, 0.32)), float(rng.uniform(0.3, 0.6))
    wing = fin_solid(
        hull, draw_fin(rng, pick(rng, {"delta": 5, "clipped": 3, "trapezoid": 1}), span, (0.02, root), thick)
    )
    wing = move(wing, [0, 0, -0.4 * radius])
    pieces += [("fin", wing), ("fin", mirror(wing))]
    upright = fin_solid(hull, draw_fin(rng, "trapezoid", 0.5 * span + 0.05, (0.0, 0.45 * root), thick))
    pieces.append(("fin", turn(upright, "y", -90)))
    made.traits["engines"] = count = pick(rng, {"none": 3, "one": 3, "three": 4})
    for a in {"none": (), "one": (0.0,), "three": (90.0, 210.0, 330.0)}[count]:
        away = 0.0 if count == "one" else 0.5 * tail
        nozzle = bell(rng, tail * (0.8 if count == "one" else 0.38))
        pieces.append(("body", turn(move(nozzle, [away, 0, 0]), "y", a)))
    made.pieces += [(part, Solid(solid.vertices * flat, solid.faces)) for part, solid in pieces]
    if made.traits["plane"] == "stack":
        made.traits["boosters"] = "two"
        _stack(rng, radius * float(flat[2]), made)


def _stack(rng: Rng, back: float, made: Assembly) -> None:
    """A tank behind the plane (its tip is `nose` too) with a booster on either side."""
    size, high = float(rng.uniform(0.11, 0.15)), float(rng.uniform(0.95, 1.15))
    tank = Hull(np.array([(0.7 * size, 0.05), (size, 0.1), (size, 0.75 * high)]), 24)
    behind = [0.0, 0.0, -back - 0.96 * size]
    made.add("body", move(tank.solid(), behind))
    made.add("nose", *[move(solid, behind) for solid in nose(rng, "ogive", tank, 0.25 * high)])
    slim, long = 0.42 * size, 0.85 * high
    rows = [(0, -0.05), (1.25 * slim, -0.05), (slim, 0.03), (slim, long - 0.1), (0.15 * slim, long), (0, long)]
    booster = lathe(np.array(rows), 16)
    for side in (-1, 1):
        made.add("body", move(booster, [side * (size + 0.93 * slim), 0, behind[2]]))
