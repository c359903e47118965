"""Supports other than plain legs: pedestals, bent bistro legs, trestles, panels, sleds, plinths and wire frames."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.draws import log_uniform, pick
from gen3d.generators.procedural.solids import (
    bar,
    box,
    circle,
    cylinder,
    lathe,
    loft,
    move,
    rod,
    spline,
    superellipse,
    tube,
)
from gen3d.generators.procedural.table_legs import SQUARE
from gen3d.generators.procedural.table_plan import (
    Plan,
    Plane,
    Rng,
    add_apron,
    column,
    place,
    reach,
    rotated,
    stack,
    upright,
)

Spot = tuple[float, float]

# --- pedestals ----------------------------------------------------------------------------------------------------


def pedestal(rng: Rng, plan: Plan, made: Assembly) -> None:
    """One column in the middle, two along a long table, or a bundle of thin ones; with its foot."""
    long = plan.half[1] < 0.35
    count = 2 if long and rng.random() < 0.6 else 1
    spots = np.array([[0.0, 0.0]]) if count == 1 else np.array([[-1, 0], [1, 0]]) * rng.uniform(0.2, 0.32)
    spread = float(min(plan.half)) * rng.uniform(0.45, 0.95)
    radius = min(log_uniform(rng, 0.02, 0.09) * min(1.3, 0.6 + plan.height), 0.6 * spread)
    foot = pick(rng, {"disc": 0.28, "dome": 0.14, "feet": 0.34, "plate": 0.1, "none": 0.14})
    shape = pick(rng, _COLUMN_CHANCES)
    if foot == "none" and shape != "bundle":
        shape, radius = pick(rng, {"cone": 0.3, "waisted": 0.4, "drum": 0.3}), 0.6 * spread
    state = rng.bit_generator.state
    for spot in spots:
        rng.bit_generator.state = state  # both columns alike
        part = Assembly()
        low = _FEET[foot](rng, plan, spread, radius, part)
        _column(rng, plan, shape, radius, low, part)
        _column_head(rng, plan, radius, part)
        made.add("leg", *[move(solid, [spot[0], 0, 0]) for _, solid in part.pieces])
    made.traits |= {"column": shape, "foot": foot, "columns": str(count)}


_COLUMN_CHANCES = {
    "straight": 0.3, "tapered": 0.15, "turned": 0.24, "square": 0.1, "waisted": 0.08, "twisted": 0.03, "bundle": 0.1,
}  # fmt: skip


def _column(rng: Rng, plan: Plan, shape: str, radius: float, low: float, part: Assembly) -> None:
    """The upright from height `low` into the top."""
    high = plan.under + 0.15 * plan.thick
    u = np.linspace(0, 1, 24)
    y = low + (high - low) * u
    section = circle(1, int(rng.choice([6, 8, 20], p=[0.06, 0.09, 0.85])))
    if shape == "bundle":
        turn = rng.uniform(0, np.pi)
        count = int(rng.integers(3, 6))
        thin = circle(min(radius * 0.4, 0.02), 10)
        top_spread, low_spread = radius * rng.uniform(0.8, 2.2), radius
        for angle in turn + np.arange(count) * 2 * np.pi / count:
            out = np.array([np.cos(angle), np.sin(angle)])
            path = place(out * np.array([[low_spread], [top_spread]]), [low, high])
            part.add("leg", column(path, thin, 1.0))
        return
    if shape in ("square", "twisted"):
        twist = rng.uniform(2, 9) if shape == "twisted" else 0.0
        part.add("leg", column(upright([0, 0], y), SQUARE * [1, rng.uniform(0.4, 1)], 0.8 * radius, twist))
        return
    knots = rng.uniform(0.45, 1.3, int(rng.integers(4, 10)))
    turned = np.interp(u, np.linspace(0, 1, 64), spline(knots[:, None], 64)[:, 0].clip(0.35, 1.4))
    narrow = rng.uniform(0.3, 0.7)
    sizes = {
        "straight": np.ones(24),
        "tapered": 1 - (1 - narrow) * u,
        "turned": turned,
        "waisted": narrow + (1 - narrow) * np.abs(2 * u - rng.uniform(0.8, 1.5)) ** rng.uniform(1.2, 2.5),
        "cone": np.abs(rng.integers(2) - (1 - narrow * 0.7) * u) + 0.05,
        "drum": 1 - 0.12 * np.sin(np.pi * u) * rng.integers(2),
    }[shape]
    if plan.soft:
        sizes = sizes + rng.uniform(0, 0.6) * np.exp(-(1 - u) / 0.06)
    part.add("leg", column(upright([0, 0], y), section, radius * sizes.clip(0.2, 1.6)))


def _column_head(rng: Rng, plan: Plan, radius: float, part: Assembly) -> None:
    """What spreads the load under the top: nothing, a disc or crossing bars."""
    kind = pick(rng, {"none": 0.6, "disc": 0.2, "cross": 0.2})
    size = float(min(plan.half)) * rng.uniform(0.35, 0.75)
    if kind == "disc":
        part.add("leg", move(cylinder(size * 0.6, 0.03, size * 0.8), [0, plan.under - 0.029, 0]))
    elif kind == "cross":
        y = plan.under - 0.014
        part.add("leg", bar([-size, y, 0], [size, y, 0], 0.04, 0.03), bar([0, y, -size], [0, y, size], 0.04, 0.03))


def _disc_foot(rng: Rng, plan: Plan, spread: float, radius: float, part: Assembly) -> float:
    thick = min(log_uniform(rng, 0.012, 0.07), 0.15 * plan.under)
    bevel = 0.3 * thick * rng.integers(2)
    part.add("leg", cylinder(spread, thick, spread * rng.uniform(0.8, 1), count=28, bevel=bevel))
    return 0.9 * thick


def _dome_foot(rng: Rng, plan: Plan, spread: float, radius: float, part: Assembly) -> float:
    tall = plan.under * rng.uniform(0.08, 0.3)
    t, power = np.linspace(0, 1, 8), rng.uniform(0.4, 3.0)
    wall = np.stack([radius + (spread - radius) * (1 - t) ** power, 0.015 + t * tall], 1)
    part.add("leg", lathe(np.concatenate([[(0, 0), (spread, 0)], wall, [(0, 0.015 + tall)]]), 28))
    return 0.9 * tall


def _plate_foot(rng: Rng, plan: Plan, spread: float, radius: float, part: Assembly) -> float:
    thick = min(log_uniform(rng, 0.012, 0.09), 0.2 * plan.under)
    half = spread * 0.8
    part.add("leg", stack(superellipse(2 * half, 2 * half * rng.uniform(0.7, 1), 40, 24), [(0, 0), (0, thick)]))
    return 0.9 * thick


def _no_foot(rng: Rng, plan: Plan, spread: float, radius: float, part: Assembly) -> float:
    return 0.0


def _splayed_feet(rng: Rng, plan: Plan, spread: float, radius: float, part: Assembly) -> float:
    """Three to five arms from the column down to the floor."""
    count = int(rng.choice([3, 4, 5], p=[0.4, 0.48, 0.12]))
    start = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else np.pi / 4 * rng.integers(2)
    thick = radius * rng.uniform(0.35, 0.8)
    rise = thick if rng.random() < 0.4 else plan.under * rng.uniform(0.1, 0.55)
    arch = pick(rng, {"straight": 0.4, "over": 0.35, "under": 0.25})
    bend = {"straight": 0.0, "over": 0.35, "under": -0.25}[arch] * (rise - thick)
    knots = np.array([[0.0, rise], [0.5 * spread, (rise + thick) / 2 + bend], [spread, thick]])
    line = spline(knots, 9 if bend else 2)
    sizes = np.linspace(thick, thick * rng.uniform(0.45, 1), len(line))
    square = rng.random() < 0.45
    for angle in start + np.arange(count) * 2 * np.pi / count:
        path = np.stack([line[:, 0] * np.cos(angle), line[:, 1], line[:, 0] * np.sin(angle)], 1)
        arm = bar(path[0], path[-1], 1.5 * thick, 2 * thick) if square and len(path) == 2 else tube(path, sizes, 10)
        part.add("leg", arm)
    return max(rise - 1.2 * thick, 0.0) if rng.random() < 0.7 else 0.0


_FEET = {"disc": _disc_foot, "dome": _dome_foot, "plate": _plate_foot, "feet": _splayed_feet, "none": _no_foot}

# --- bent rods ----------------------------------------------------------------------------------------------------


def bistro(rng: Rng, plan: Plan, made: Assembly) -> None:
    """Thin legs that swing in to meet, or nearly, under the middle and out again."""
    count, radius = int(rng.choice([3, 4, 5], p=[0.6, 0.32, 0.08])), log_uniform(rng, 0.009, 0.035)
    half, gap = float(plan.half.min()), rng.uniform(0.9, 3.5) * radius
    top, foot = half * rng.uniform(0.4, 0.85), half * rng.uniform(0.5, 0.95)
    waist = rng.uniform(0.3, 0.7)
    knots = [(foot, radius * 0.9), (gap + 0.25 * (foot - gap), 0.45 * waist * plan.under), (gap, waist * plan.under)]
    knots += [(gap + 0.25 * (top - gap), (0.55 + 0.45 * waist) * plan.under), (top, plan.under + 0.2 * plan.thick)]
    line = spline(knots, 20)
    for angle in rng.uniform(0, 2 * np.pi) + np.arange(count) * 2 * np.pi / count:
        path = np.stack([line[:, 0] * np.cos(angle), line[:, 1], line[:, 0] * np.sin(angle)], 1)
        made.add("leg", tube(path, radius, 10))
    if rng.random() < 0.35:  # a ring, small shelf or knot where they meet
        y = waist * plan.under
        made.add("leg", move(cylinder(gap + 0.5 * radius, rng.uniform(0.5, 2) * radius), [0, y, 0]))
    made.traits |= {"legs": str(count)}


def wire(rng: Rng, plan: Plan, made: Assembly) -> None:
    """A folding frame: two or four crossing pairs of thin rods, with rings of rods above and below."""
    radius = log_uniform(rng, 0.005, 0.014)
    aspect = np.array([rng.uniform(1, plan.half[0] / plan.half[1]), 1.0])
    size = float(plan.half.min()) * rng.uniform(0.35, 0.65) * aspect
    turn = rng.uniform(0, np.pi) if not len(plan.corners) else 0.0
    square = rotated(SQUARE * size, turn)
    low, high = place(square, radius), place(square * rng.uniform(0.8, 1.1), plan.under)
    step = 1 if rng.random() < 0.6 else 2
    for i in range(0, 4, step):
        j = (i + 1) % 4
        made.add("leg", rod(low[i], high[j], radius, count=8), rod(low[j], high[i], radius, count=8))
    for ring in (low, high):
        made.add("leg", *[rod(ring[i], ring[(i + 1) % 4], radius, count=8) for i in range(4)])
    if rng.random() < 0.4:
        made.add("leg", *[rod(low[i], high[i], radius, count=8) for i in range(4)])


# --- frames and panels --------------------------------------------------------------------------------------------


def _ends(rng: Rng, plan: Plan) -> tuple[float, float]:
    """How far out the end frames stand along X, and half their depth along Z."""
    x = rng.uniform(0.2, 0.42) if not len(plan.corners) else rng.uniform(0.28, 0.46)
    corner = reach(plan.outline, np.arctan2([plan.half[1], -plan.half[1]], [x, x]))  # (2, 2)
    return x, float(np.abs(corner[:, 1]).min()) * rng.uniform(0.7, 0.95)


def trestle(rng: Rng, plan: Plan, made: Assembly) -> None:
    """Two end frames of slanting, crossing or T form, mostly joined by a beam."""
    x, z = _ends(rng, plan)
    kind = pick(rng, {"a": 0.25, "x": 0.25, "i": 0.3, "v": 0.1, "scissor": 0.1})
    width, deep = log_uniform(rng, 0.018, 0.06), log_uniform(rng, 0.018, 0.05)
    top, floor = plan.under + 0.1 * plan.thick, 0.5 * deep
    if kind == "scissor":  # the legs cross in the long plane
        for side, s in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            at = side * (z - s * 0.3 * deep)
            made.add("leg", bar([-s * x, 0, at], [s * x, top, at], deep, width, (1, 0, 0)))
        made.add("leg", bar([0, top / 2, -z], [0, top / 2, z], width, width))
    else:
        for side in (-1, 1):
            for a, b in _frame_lines(rng, kind, z, floor, top):
                made.add("leg", bar([side * x, *a], [side * x, *b], width, deep))
    beam = pick(rng, {"none": 0.3, "mid": 0.45, "low": 0.25 if kind == "i" else 0.0})
    height = {"none": 0.0, "mid": plan.under * 0.5, "low": floor + 0.5 * deep}[beam]
    if beam != "none" and kind != "scissor":
        made.add("leg", bar([-x, height, 0], [x, height, 0], 0.8 * width, 0.8 * deep))
    if kind in ("a", "v"):
        y, out = plan.under * 0.5, 0.62 * z
        made.add("leg", *[bar([s * x, y, -out], [s * x, y, out], 0.8 * width, 0.8 * deep) for s in (-1, 1)])
    made.traits |= {"trestle": kind, "beam": beam}


def _frame_lines(rng: Rng, kind: str, z: float, floor: float, top: float) -> list[tuple[Spot, Spot]]:
    """(height, z) ends of the bars of one end frame."""
    if kind == "a":
        return [((0, s * z), (top, s * 0.2 * z)) for s in (-1, 1)]
    if kind == "v":
        return [((0, s * 0.25 * z), (top, s * z)) for s in (-1, 1)]
    if kind == "x":
        return [((0, s * z), (top, -s * z)) for s in (-1, 1)]
    head = 0.75 * z
    return [((floor, -z), (floor, z)), ((0.5 * floor, 0), (top, 0)), ((top - floor, -head), (top - floor, head))]


def panels(rng: Rng, plan: Plan, made: Assembly) -> None:
    """Boards that carry the top: two ends, a cross, fins or slats."""
    x, z = _ends(rng, plan)
    thick, height = log_uniform(rng, 0.012, 0.07), plan.under + 0.1 * plan.thick
    kind = pick(rng, {"ends": 0.55, "cross": 0.12, "slats": 0.18, "cut": 0.15})
    y = height / 2
    if kind == "cross":
        angle = rng.uniform(0.5, 1.07) if plan.half[1] > 0.4 else 0.0
        for a in (angle, -angle) if angle else (0.0, np.pi / 2):
            out = 0.8 * reach(plan.outline, np.array([a, a + np.pi]))
            start, stop = place(out, y)
            made.add("leg", bar(start, stop, thick, height))
    for side in (-1, 1) if kind != "cross" else ():
        if kind == "ends":
            lean = rng.choice([0.0, 0.06])
            made.add("leg", bar([side * (x + lean), 0, 0], [side * (x - lean), height, 0], 2 * z, thick, (1, 0, 0)))
        elif kind == "slats":
            slats = np.linspace(-z, z, int(rng.integers(3, 7)))
            made.add("leg", *[move(box([thick, height, 0.16 * z]), [side * x, y, s]) for s in slats])
            made.add("leg", move(box([0.9 * thick, 0.03, 2 * z]), [side * x, rng.uniform(0.1, 0.9) * height, 0]))
        else:  # a board with a waist
            waist = np.array([1, 0.95, rng.uniform(0.35, 0.8), rng.uniform(0.4, 0.8), 0.9])
            flat = SQUARE * np.stack([0 * waist + thick / 2, waist * z], 1)[:, None]  # (5, 4, 2)
            path = upright([side * x, 0], height * np.array([0, 0.12, 0.45, 0.75, 1]))
            made.add("leg", loft(path[:, None] + place(flat, 0.0)))
    if kind != "cross" and rng.random() < 0.5:
        _panel_filler(rng, x, z, thick, height, made)
    made.traits["panels"] = kind


def _panel_filler(rng: Rng, x: float, z: float, thick: float, height: float, made: Assembly) -> None:
    """A back board, a shelf or a beam between two end panels."""
    kind = pick(rng, {"back": 0.4, "shelf": 0.35, "beam": 0.25})
    if kind == "back":
        tall = height * rng.uniform(0.3, 0.95)
        made.add("leg", move(box([2 * x, tall, 0.8 * thick]), [0, height - tall / 2, rng.choice([-0.7, 0]) * z]))
    elif kind == "shelf":
        made.add("leg", move(box([2 * x, 0.8 * thick, 1.8 * z]), [0, height * rng.uniform(0.15, 0.6), 0]))
    else:
        made.add("leg", move(box([2 * x, 0.06, 0.8 * thick]), [0, height * rng.uniform(0.3, 0.8), 0]))


def sled(rng: Rng, plan: Plan, made: Assembly) -> None:
    """Two loops, U frames or T legs of bar, at the ends or along the long sides."""
    x, z = _ends(rng, plan)
    size, height = log_uniform(rng, 0.008, 0.04), plan.under + 0.1 * plan.thick
    kind = pick(rng, {"loop": 0.4, "u": 0.4, "c": 0.2})
    along = rng.random() < 0.25 and kind != "c"
    half, at = (x, z) if along else (z, x)
    top_half = half * (rng.uniform(0.6, 1.0) if rng.random() < 0.4 else 1.0)
    up, down = height - (0.5 * size if kind == "loop" else 0.0), 0.5 * size
    line: list[tuple[float, float]] = [(top_half, up), (half, down), (-half, down), (-top_half, up)]
    ends = list(zip(line, line[1:] + line[:1], strict=True))[: {"loop": 4, "u": 3, "c": 2}[kind]]
    for side in (-1, 1):
        for (a, b), (c, d) in ends:
            start, stop = ([a, b, side * at], [c, d, side * at]) if along else ([side * at, b, a], [side * at, d, c])
            piece = rod(start, stop, 0.5 * size, count=10) if plan.soft else bar(start, stop, size, size, (1, 0, 0))
            made.add("leg", piece)
    if kind == "c" or rng.random() < 0.4:
        a, b = ([0, down, at], [0, down, -at]) if along else ([at, down, half], [-at, down, half])
        made.add("leg", rod(a, b, 0.5 * size, count=10))
    made.traits |= {"sled": kind, "sides": "long" if along else "ends"}


def plinth(rng: Rng, plan: Plan, made: Assembly) -> None:
    """A box, drum or frustum, hidden well under the top or nearly as wide."""
    shrink = rng.uniform(0.45, 0.96)
    width, depth = 1.4 * plan.half * shrink
    outline: Plane = plan.outline * shrink if rng.random() < 0.6 else superellipse(width, depth, 40, 24)
    taper = rng.choice([0.0, rng.uniform(-0.25, 0.3)]) * float(np.ptp(outline, 0).min())
    made.add("leg", stack(outline, [(max(taper, 0), 0), (max(-taper, 0), plan.under + 0.1 * plan.thick)]))
    if rng.random() < 0.2:
        add_apron(rng, plan, 0.02, made)
