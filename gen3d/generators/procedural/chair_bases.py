"""What chairs stand on: legs with and without stretchers, stars, pedestals, sleds, panels, plinths and rockers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.chair_frame import CORNERS, RIM, Plan, add_limb, bent, limb, wire
from gen3d.generators.procedural.solids import (
    Numbers,
    bar,
    both,
    box,
    cylinder,
    ellipsoid,
    lathe,
    loft,
    move,
    rod,
    spline,
    superellipse,
    sweep,
    turn,
)

# --- legs ---------------------------------------------------------------------------------------------------------

_T = np.concatenate([[0, 0.015, 0.035, 0.06, 0.1], np.linspace(0.17, 1, 9)])  # dense where a leg flares into the seat
# way of a leg's foot outwards, and its radius, from the seat down: (offset knots, radius knots)
LEG_SHAPES: dict[str, tuple[list[float], list[float]]] = {
    "straight": ([0, 1], [1, 1]),
    "tapered": ([0, 1], [1.1, 0.55]),
    "sabre": ([0, 0.02, 0.3, 1], [1.1, 1, 0.8, 0.7]),
    "cabriole": ([0, 0.9, 0.7, -0.3, -0.5, 0.9], [1.2, 1.35, 1.0, 0.75, 0.65, 0.9]),
    "wave": ([0, 0.7, 1.1, 0.5, 0.2, 0.9], [1.1, 1.1, 1, 0.95, 0.9, 0.9]),
    "bowed": ([0, 0.9, 1.1, 0.6, 0], [0.9, 1.05, 1, 0.9, 0.8]),
    "club": ([0, 1], [0.7, 0.95, 1.2, 1.25]),
    "turned": ([0, 1], [1.1, 1.15, 0.6, 1.2, 0.9, 0.55, 1.0, 0.5, 0.75]),
}
_LEG_ODDS = (0.32, 0.22, 0.1, 0.08, 0.06, 0.04, 0.09, 0.09)


def leg_path(
    shape: str, plan: Plan, top: Numbers, foot: Numbers
) -> tuple[Float[np.ndarray, "S 3"], Float[np.ndarray, " S"]]:
    """Centre line (rising) and radii of a leg from `top` (x, y, z); `foot` is the way (x, z) its foot goes outwards."""
    offsets, sizes = LEG_SHAPES[shape]
    t = np.linspace(0, 1, 40)
    off = np.interp(_T, t, spline(np.array(offsets)[:, None], 40)[:, 0])
    size = np.interp(_T, t, spline(np.array(sizes)[:, None], 40)[:, 0]) * plan.rod
    start, way = np.asarray(top, float), np.asarray(foot, float)
    y = start[1] + (-plan.floor - start[1]) * _T
    path = np.stack([start[0] + way[0] * off, y, start[2] + way[1] * off], 1)
    return path[::-1], size[::-1]


def four_legs(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """Four (seldom three) legs, with or without stretchers."""
    front = str(rng.choice(list(LEG_SHAPES), p=_LEG_ODDS))
    back = front if rng.random() < 0.75 else str(rng.choice(["straight", "tapered", "sabre"]))
    out.traits["leg"] = front if front == back else f"{front}+{back}"
    splay = plan.floor * rng.choice([0.0, rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.25)], p=[0.35, 0.45, 0.2])
    splay *= 0.6 if front in ("sabre", "bowed") else 1.0
    swing = np.array([rng.choice([0.0, 0.5, 1.0]), rng.uniform(0.3, 1.0)]) * splay
    tight = rng.uniform(1.0, 1.3) if rng.random() < 0.75 else rng.uniform(1.3, 4.0)
    curves = []
    for corner, shape in zip(CORNERS, (front, front, back, back), strict=True):
        x, z = plan.seat.corner(corner, plan.rod * tight)
        around = [(x, z), (x - np.sign(x) * plan.rod, z), (x, z + np.sign(z) * plan.rod)]
        high = min(plan.seat.under(*place) for place in around) + 0.3 * plan.seat.thick
        way = (
            swing
            if corner in CORNERS[:2]
            else swing * np.array([1.0, rng.uniform(0.6, 1.2) if shape == "sabre" else 1.0])
        )
        if plan.rear is not None and corner in CORNERS[2:]:
            x, z, high = np.sign(x) * plan.rear[0], plan.rear[1], -0.15 * plan.seat.thick
        curves.append(leg_path(shape, plan, (x, high, z), np.sign([x, z]) * way))
    curves[2] = (curves[3][0] * [-1, 1, 1], curves[3][1])
    if rng.random() < 0.03 and plan.rear is None:
        curves[2:] = [(curves[2][0] * [0, 1, 1], curves[2][1])]
    out.traits["legs"] = str(len(curves))
    for path, radii in curves:
        add_limb(out, "leg", path, radii, plan)
    if len(curves) == 4 and front not in ("cabriole", "wave") and rng.random() < (0.12 if plan.soft else 0.45):
        _stretchers(rng, plan, out, [path for path, _ in curves])


def _stretchers(rng: np.random.Generator, plan: Plan, out: Assembly, paths: list[Float[np.ndarray, "S 3"]]) -> None:
    """Bars between the legs: a box, an H, rows of rungs, an X, or a ring."""
    kind = str(rng.choice(["box", "H", "rows", "X", "low"], p=[0.4, 0.22, 0.18, 0.1, 0.1]))
    out.traits["stretcher"] = kind
    radius = plan.rod * rng.uniform(0.4, 0.85)

    def at(leg: int, level: float) -> Float[np.ndarray, " 3"]:
        path = paths[leg]
        y = -plan.floor + level * (plan.floor - plan.seat.thick)
        return np.array([np.interp(y, path[:, 1], path[:, i]) if i != 1 else y for i in range(3)])

    def join(a: Float[np.ndarray, " 3"], b: Float[np.ndarray, " 3"]) -> None:
        flat = plan.exponent > 6
        out.add("leg", bar(a, b, 1.6 * radius, 2.2 * radius) if flat else rod(a, b, radius, count=8))

    level = rng.uniform(0.2, 0.65)
    step = rng.choice([0.0, rng.uniform(0.05, 0.2)])
    if kind == "X":
        join(at(0, level), at(2, level))
        join(at(1, level), at(3, level))
        return
    levels = {"rows": [level * 0.5, level * 0.5 + 0.3], "low": [0.05]}.get(kind, [level])
    for y in levels:
        join(at(0, y), at(3, y))
        join(at(1, y), at(2, y))
        if kind == "H":
            join((at(0, y) + at(3, y)) / 2, (at(1, y) + at(2, y)) / 2)
        else:
            join(at(0, y + step), at(1, y + step))
            join(at(2, y + step), at(3, y + step))


def crossed(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """Legs that cross: as scissors seen from the side, or (a folding director's chair) from the front."""
    half, y0, y1 = plan.seat.half, -plan.floor, -0.85 * plan.seat.thick
    thick = plan.rod * rng.uniform(0.8, 1.6)
    frontal = rng.random() < 0.5
    a, b = (half * rng.uniform(0.78, 0.95))[[0, 1] if frontal else [1, 0]]
    spread = a * rng.uniform(0.8, 1.1)
    for end in (-1, 1):
        for sign in (-1, 1):
            ends = np.array(
                [[sign * spread, y0, end * (b + 0.4 * sign * thick)], [-sign * a, y1, end * (b + 0.4 * sign * thick)]]
            )
            ends = ends if frontal else ends[:, [2, 1, 0]]
            up = (0, 0, 1) if frontal else (1, 0, 0)
            out.add(
                "leg",
                bar(ends[0], ends[1], 1.8 * thick, 1.2 * thick, up) if plan.exponent > 6 else wire(ends, thick, up=up),
            )
    for sign in (-1, 1):
        ends = np.array([[sign * spread, y0, -b], [sign * spread, y0, b]])
        ends = ends if frontal else ends[:, [2, 1, 0]]
        out.add("leg", rod(ends[0], ends[1], 0.8 * thick, count=8))


# --- other bases --------------------------------------------------------------------------------------------------


def star(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """A column on spokes, with castors, glides or nothing."""
    count = int(rng.choice([3, 4, 5, 6], p=[0.06, 0.34, 0.54, 0.06]))
    reach = plan.seat.half.mean() * rng.uniform(0.75, 1.25)
    wheel = rng.choice([0.0, rng.uniform(0.03, 0.08)], p=[0.35, 0.65])
    out.traits |= {"spokes": str(count)} | ({"castors": "yes"} if wheel else {})
    column, thick = rng.uniform(0.03, 0.09), rng.uniform(0.02, 0.05)
    low = -plan.floor + 1.6 * wheel
    hub = low + thick + rng.uniform(0, 0.2) * plan.floor
    top = plan.seat.under(0, 0) + 0.2 * plan.seat.thick
    out.add("leg", move(cylinder(column, top - hub + thick, column * rng.uniform(0.5, 1), 12), (0, hub - thick, 0)))
    if rng.random() < 0.5:
        out.add(
            "leg",
            move(cylinder(column * 1.6, (top - hub) * rng.uniform(0.3, 0.7), column * 1.4, 14), (0, hub - thick, 0)),
        )
    if rng.random() < 0.4:
        out.add(
            "seat",
            move(box((rng.uniform(0.2, 0.6), 0.06, rng.uniform(0.2, 0.6))), (0, plan.seat.under(0, 0) - 0.02, 0)),
        )
    path = spline(
        [
            (0, hub, 0.3 * column),
            (0, (hub + low) / 2 + rng.uniform(-0.02, 0.05), reach / 2),
            (0, low + thick / 2, reach),
        ],
        5,
    )
    spoke = sweep(superellipse(2, 2, plan.exponent, 8), path, np.linspace(1.0, rng.uniform(0.5, 1), 5) * thick)
    foot = [spoke]
    if wheel and rng.random() < 0.6:
        roll = turn(cylinder(wheel, wheel, count=12), "z", 90)
        foot += [
            move(roll, (wheel * 0.1, low - 0.6 * wheel, reach)),
            move(roll, (wheel * 1.2, low - 0.6 * wheel, reach)),
        ]
    elif wheel:
        foot.append(move(ellipsoid((wheel, wheel, wheel), 10), (0, low - 0.6 * wheel, reach)))
    start = rng.uniform(0, 360 / count) if rng.random() < 0.4 else 0.0
    for i in range(count):
        out.add("leg", *(turn(piece, "y", start + 360 * i / count) for piece in foot))


def pedestal(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """A column on a disc or trumpet, one surface of revolution."""
    foot, column = plan.seat.half.mean() * rng.uniform(0.55, 1.1), rng.uniform(0.03, 0.12)
    rim, top = rng.uniform(0.01, 0.06), plan.seat.under(0, 0) + 0.2 * plan.seat.thick
    bend = rng.uniform(0.1, 0.8) * (top + plan.floor)
    t = np.linspace(0, 1, 8)
    trumpet = np.stack([column + (foot - column) * (1 - t) ** rng.uniform(2, 5), -plan.floor + rim + bend * t], 1)
    head = column * rng.uniform(1.0, 2.5)
    rows = [(0, -plan.floor), (foot, -plan.floor), *trumpet, (column, top - 0.12), (head, top), (0, top)]
    out.add("leg", lathe(rows, 24))


def sled(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """A bent runner on either side, joined by cross bars."""
    half, radius = plan.seat.half, plan.rod * rng.uniform(0.45, 0.9)
    x, front, rear = (
        half[0] * rng.uniform(0.8, 0.98),
        half[1] * rng.uniform(0.7, 0.95),
        -half[1] * rng.uniform(0.65, 0.95),
    )
    front = min(front, half[1] - plan.seat.margin)
    top = [plan.seat.under(x * 0.95, z) + 0.4 * plan.seat.thick for z in (front, rear)]
    reach = rng.uniform(-0.05, 0.2, 2)
    wide = x + rng.choice([0.0, rng.uniform(0, 0.12)])
    knots = [
        (x, top[0], front),
        (wide, -plan.floor, front + reach[0]),
        (wide, -plan.floor, rear - reach[1]),
        (x, top[1], rear),
    ]
    exponent = plan.exponent
    out.add("leg", *both(wire(bent(knots, rng.uniform(0.02, 0.25)), radius, exponent)))
    for z in ((front + reach[0]) * 0.6, (rear - reach[1]) * 0.6)[: int(rng.integers(0, 3))]:
        out.add("leg", rod((-wide, -plan.floor, z), (wide, -plan.floor, z), radius * 0.9, count=8))
    y = plan.seat.under(0, front) - 0.5 * radius
    out.add("leg", rod((-x, y, front), (x, y, front), radius * 0.9, count=8))


def cantilever(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """One tube: under the seat, down its front, back over the floor and across."""
    half, radius = plan.seat.half, plan.rod * rng.uniform(0.5, 0.9)
    x, front, rear = (
        half[0] * rng.uniform(0.8, 0.95),
        half[1] * rng.uniform(0.8, 0.95),
        -half[1] * rng.uniform(0.7, 1.15),
    )
    y = min(plan.seat.under(x, z) for z in (-half[1], 0, front * 0.8)) + 0.3 * plan.seat.thick - 0.5 * radius
    slant = rng.uniform(-0.15, 0.2)
    right = [(x, y, -half[1] * 0.8), (x, y, front), (x, -plan.floor, front + slant), (x, -plan.floor, rear)]
    left = [(-a, b, c) for a, b, c in right[::-1]]
    out.add(
        "leg", sweep(superellipse(2, 2, 2, 10), bent([*right, *left], rng.uniform(0.06, 0.25)), radius, (0.1, 1, 0.2))
    )


def panels(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """Upright boards under both sides, sometimes joined behind."""
    half, thick = plan.seat.half, rng.uniform(0.03, 0.12)
    x, depth = half[0] * rng.uniform(0.8, 1.0) - thick / 2, 2 * half[1] * rng.uniform(0.7, 1.0)
    high = plan.floor + min(plan.seat.under(x, z) for z in (-0.4 * depth, 0, 0.4 * depth)) + 0.3 * plan.seat.thick
    board = box((thick, high, depth), 0.3 * thick if plan.soft else 0.0)
    lean = rng.choice([0.0, rng.uniform(-8, 12)])
    out.add("leg", *both(move(turn(board, "z", lean, (0, high / 2, 0)), (x, -plan.floor + high / 2, 0))))
    if rng.random() < 0.4:
        tall = high * rng.uniform(0.3, 1.0)
        y = -plan.floor + high - tall / 2 if rng.random() < 0.6 else -plan.floor + high / 2
        out.add("leg", move(box((2 * x, tall, thick)), (0, y, rng.uniform(-0.45, 0.1) * depth)))


def block(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """A solid plinth, straight or tapered, sometimes on small feet."""
    foot = rng.uniform(0.7, 1.05) if rng.random() < 0.5 else rng.uniform(0.95, 1.0)
    feet = rng.random() < 0.4
    low = -plan.floor + (rng.uniform(0.05, 0.3) * plan.floor if feet else 0.0)
    rings = []
    for y, size in ((low, foot), (-0.9 * plan.seat.thick, rng.uniform(0.85, 0.99))):
        x, v = (plan.seat.outline * size).T
        rings.append(np.stack([x, np.full(RIM, y), -v], 1))
    out.add("leg", loft(np.array(rings)))
    for corner in CORNERS if feet else ():
        x, z = plan.seat.corner(corner, plan.rod * 1.5) * foot * 0.95
        out.add("leg", limb([(x, -plan.floor, z), (x, low + 0.02, z)], np.array([0.7, 1.0]) * plan.rod, plan.exponent))


def rocker(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """Four legs on two curved runners."""
    four_legs(rng, plan, out)
    feet = [
        s.vertices[s.vertices[:, 1] < s.vertices[:, 1].min() + 0.5 * plan.rod].mean(0)
        for p, s in out.pieces
        if p == "leg"
    ]
    low = np.array([f for f in feet if f[1] < -plan.floor + 1.5 * plan.rod])
    x, y = float(np.abs(low[:, 0]).max()), float(low[:, 1].mean())
    front, rear = low[:, 2].max(), low[:, 2].min()
    far = np.array([front + rng.uniform(0.1, 0.35), rear - rng.uniform(0.2, 0.6)])
    rise = rng.uniform(0.15, 0.35)
    z = np.linspace(far[0], far[1], 14)
    curve = rise * ((z - (front + rear) / 2) ** 2 - (front - rear) ** 2 / 4)
    out.add(
        "leg", *both(wire(np.stack([np.full(14, x), y + curve, z], 1), plan.rod * rng.uniform(0.6, 1.0), plan.exponent))
    )


BASES: dict[str, Callable[[np.random.Generator, Plan, Assembly], None]] = {
    "legs": four_legs,
    "crossed": crossed,
    "star": star,
    "pedestal": pedestal,
    "sled": sled,
    "cantilever": cantilever,
    "panels": panels,
    "block": block,
    "rocker": rocker,
}
