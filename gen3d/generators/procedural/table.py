"""Tables: a top of any outline on legs, a pedestal, panels or frames, with or without drawers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import Solid, box, ellipsoid, move, rod
from gen3d.generators.procedural.table_legs import BENDS, PROFILES, add_legs, leg_anchors, leg_style, legs
from gen3d.generators.procedural.table_plan import Plan, Rng, add_top, draw_plan, log_uniform, pick, trimmed
from gen3d.generators.procedural.table_supports import bistro, panels, pedestal, plinth, sled, trestle, wire
from gen3d.generators.procedural.vocabulary import Vocabulary

Spot = Float[np.ndarray, " 3"]


def table(rng: Rng) -> Assembly:
    """One table."""
    made = Assembly()
    soft = bool(rng.random() < 0.42)
    family = pick(rng, _SOFT_FAMILIES if soft else _CRISP_FAMILIES)
    made.traits |= {"base": family, "finish": "soft" if soft else "crisp", "drawers": "none"}
    plan = draw_plan(rng, family, soft, made)
    _FAMILIES[family](rng, plan, made)
    level = plan.under + 0.16 * plan.thick
    made.pieces = [(part, trimmed(solid, 0, level) if part == "leg" else solid) for part, solid in made.pieces]
    add_top(rng, plan, made)
    return made


def shifted(at: Spot, x: float, y: float, z: float) -> Spot:
    """The position moved by (x, y, z)."""
    return at + np.array([x, y, z])


# --- drawers ------------------------------------------------------------------------------------------------------


def drawers(rng: Rng, plan: Plan, made: Assembly) -> None:
    """A table that holds drawers: under the top between legs, in one or two pedestals, or all over the front."""
    square = made.traits["outline"] in ("rectangle", "square")
    kind = pick(rng, {"row": 0.4, "pedestals": 0.36, "chest": 0.24}) if square else "row"
    _DRAWER_KINDS[kind](rng, plan, made)
    made.traits["drawers"] = kind


def _fronts(rng: Rng, size: Spot, centre: Spot, grid: tuple[int, int], made: Assembly) -> None:
    """A block of `grid` (columns, rows) drawers of one design that fills `size`, facing +Z."""
    x, y, z = size
    cx, cy, cz = centre
    columns, rows = grid
    proud, gap = rng.uniform(0.006, 0.02), rng.uniform(0.003, 0.01)
    width, tall = x / columns, y / rows
    knob = pick(rng, {"knob": 0.4, "bar": 0.3, "two": 0.12, "none": 0.18})
    made.traits["grip"] = knob
    grip = min(0.25 * tall, log_uniform(rng, 0.008, 0.022))
    bevel = rng.choice([0.0, 0.4]) * proud
    for i in range(columns):
        for j in range(rows):
            at = np.array([cx - x / 2 + (i + 0.5) * width, cy - y / 2 + (j + 0.5) * tall, cz])
            made.add("drawer", move(box([width - 2 * gap, tall, z]), at))
            face = shifted(at, 0, 0, z / 2 + proud / 2 - 1e-3)
            made.add("drawer", move(box([width - gap, tall - 0.5 * gap, proud], bevel), face))
            made.add("drawer", *_grips(knob, width, grip, shifted(face, 0, 0, proud / 2)))


def _grips(kind: str, width: float, size: float, at: Spot) -> list[Solid]:
    """Knobs or a handle on a drawer's face."""
    if kind == "none":
        return []
    if kind == "bar":
        half = 0.22 * width
        feet = [
            rod(shifted(at, s * half, 0, -2e-3), shifted(at, s * half, 0, size), 0.3 * size, count=6) for s in (-1, 1)
        ]
        return [*feet, rod(shifted(at, -1.2 * half, 0, size), shifted(at, 1.2 * half, 0, size), 0.35 * size, count=8)]
    places = (0.0,) if kind == "knob" else (-0.25 * width, 0.25 * width)
    return [move(ellipsoid([size, size, size], 8), shifted(at, x, 0, 0.7 * size)) for x in places]


def _row(rng: Rng, plan: Plan, made: Assembly) -> None:
    """A row of drawers right under the top of a table with legs."""
    style = leg_style(rng, plan)
    margin = 1.1 * style.radius + rng.choice([0.0, rng.uniform(0, 0.1)])
    add_legs(rng, plan, style, leg_anchors(rng, plan, margin), made)
    inner = np.maximum(plan.half - margin, 0.3 * plan.half)
    half_x, half_z = inner if len(plan.corners) else 0.65 * inner
    tall = min(rng.uniform(0.05, 0.16), 0.4 * plan.under)
    span = rng.choice([1.0, rng.uniform(0.4, 0.9)])
    deep = rng.uniform(0.5, 1.0) * 2 * half_z
    columns, rows = int(rng.integers(1, 5)) if span == 1 else int(rng.integers(1, 3)), 1 if rng.random() < 0.85 else 2
    centre = np.array([0, plan.under - tall / 2, half_z - deep / 2])
    size = np.array([2 * half_x * span, tall, deep])
    if rng.random() < 0.5:  # held in a case with sides and a bottom
        size = _case(rng, size, centre, made)
    _fronts(rng, size, centre, (columns, rows), made)
    made.traits |= {"leg": f"{style.bend} {style.profile}"}


def _case(rng: Rng, size: Spot, centre: Spot, made: Assembly) -> Spot:
    """Side, back and bottom boards around a block of drawers; what is left inside for these."""
    wall = rng.uniform(0.008, 0.022)
    x, y, z = size
    for s in (-1, 1):
        made.add("leg", move(box([wall, y, z]), shifted(centre, s * (x - wall) / 2, 0, 0)))
    made.add("leg", move(box([x, wall, z]), shifted(centre, 0, -y / 2 + wall / 2, 0)))
    made.add("leg", move(box([x, y, wall]), shifted(centre, 0, 0, -z / 2 + wall / 2)))
    return size - [2 * wall, wall, wall]


def _pedestals(rng: Rng, plan: Plan, made: Assembly) -> None:
    """A desk on one or two blocks of drawers."""
    half_x, half_z = plan.half * rng.uniform(0.85, 0.99, 2)
    wide, feet = 2 * half_x * rng.uniform(0.2, 0.34), rng.choice([0.0, rng.uniform(0.03, 0.3)]) * plan.under
    tall = plan.under - feet
    sides = [(-1,), (1,), (-1, 1)][int(rng.choice(3, p=[0.25, 0.3, 0.45]))]
    rows, inner_rows = int(rng.integers(2, 5)), np.array([wide, tall, 2 * half_z])
    state = rng.bit_generator.state
    for side in (-1, 1):
        x = side * (half_x - wide / 2)
        if side in sides:
            rng.bit_generator.state = state  # both blocks alike
            centre = np.array([x, feet + tall / 2, 0])
            inside = _case(rng, inner_rows, centre, made)
            _fronts(rng, inside, centre, (1, rows), made)
            _stumps(feet, x, wide, half_z, made)
        else:
            _other_end(rng, plan, side * half_x * 0.97, half_z, made)
    if rng.random() < 0.5:  # modesty panel
        drop = plan.under * rng.uniform(0.2, 0.9)
        made.add("leg", move(box([1.9 * half_x, drop, 0.015]), [0, plan.under - drop / 2, -0.9 * half_z]))
    made.traits["pedestals"] = str(len(sides))
    if rng.random() < 0.12 and plan.half[1] < 0.38:
        _return(rng, plan, float(rng.choice([-1, 1])), made)


def _return(rng: Rng, plan: Plan, side: float, made: Assembly) -> None:
    """The short arm of an L-shaped desk, towards the one who sits at it."""
    wide, long = rng.uniform(0.22, 0.4), min(rng.uniform(0.2, 0.5), 0.98 - 2 * plan.half[1])
    x, z = side * (plan.half[0] - wide / 2), plan.half[1] + long / 2
    made.add("top", move(box([wide, plan.thick, long]), [x, plan.height - plan.thick / 2, z - 2e-3]))
    end = [x, plan.under / 2, z + 0.5 * long - 0.03]
    made.add("leg", move(box([0.95 * wide, plan.under * 1.004, 0.02]), end))
    made.traits["return"] = "left" if side < 0 else "right"


def _stumps(feet: float, x: float, wide: float, half_z: float, made: Assembly) -> None:
    """Four short feet under a block, where it stands off the floor."""
    for sx in (-1, 1) if feet > 0 else ():
        for sz in (-1, 1):
            at = np.array([x + sx * 0.4 * wide, 0, sz * 0.85 * half_z])
            made.add("leg", rod(at, shifted(at, 0, feet + 0.004, 0), 0.016, 0.02, count=8))


def _other_end(rng: Rng, plan: Plan, x: float, half_z: float, made: Assembly) -> None:
    """A panel or two legs at the end of a desk that has no drawers."""
    high = plan.under + 0.1 * plan.thick
    if rng.random() < 0.5:
        made.add("leg", move(box([rng.uniform(0.012, 0.03), high, 2 * half_z]), [x, high / 2, 0]))
        return
    radius = rng.uniform(0.012, 0.03)
    for z in (-0.9 * half_z, 0.9 * half_z):
        made.add("leg", rod([x, 0, z], [x, high, z], 0.7 * radius, radius, count=10))


def _chest(rng: Rng, plan: Plan, made: Assembly) -> None:
    """A nightstand or chest: drawers over the whole front, on feet or a plinth, or above an open shelf."""
    half_x, half_z = plan.half * rng.uniform(0.84, 0.99)
    feet = plan.under * rng.choice([0.0, rng.uniform(0.06, 0.6)], p=[0.25, 0.75])
    tall = plan.under - feet
    centre = np.array([0, feet + tall / 2, 0])
    inside = _case(rng, np.array([2 * half_x, tall, 2 * half_z]), centre, made)
    if rng.random() < 0.35:  # drawers in the upper part only
        share = rng.uniform(0.35, 0.6)
        made.add("leg", move(box([inside[0], 0.012, inside[2]]), shifted(centre, 0, (0.5 - share) * tall, 0)))
        inside, centre = inside * [1, share, 1], shifted(centre, 0, tall / 2 - share * inside[1] / 2, 0)
    _fronts(rng, inside, centre, (int(rng.integers(1, 4)), int(rng.integers(1, 4))), made)
    if feet == 0:
        return
    _stumps(feet, 0, 2.2 * half_x, half_z, made)
    if feet > 0.25 * plan.under and rng.random() < 0.4:
        made.add("leg", move(box([1.9 * half_x, 0.02, 1.8 * half_z]), [0, 0.3 * feet, 0]))


_DRAWER_KINDS = {"row": _row, "pedestals": _pedestals, "chest": _chest}
_FAMILIES = {
    "legs": legs, "pedestal": pedestal, "bistro": bistro, "wire": wire, "trestle": trestle, "panels": panels,
    "sled": sled, "plinth": plinth, "drawers": drawers,
}  # fmt: skip
_SOFT_FAMILIES = {
    "legs": 0.68, "pedestal": 0.12, "bistro": 0.07, "trestle": 0.03, "panels": 0.03, "sled": 0.03, "plinth": 0.01,
    "drawers": 0.03,
}  # fmt: skip
_CRISP_FAMILIES = {
    "legs": 0.32, "pedestal": 0.12, "bistro": 0.02, "wire": 0.03, "trestle": 0.07, "panels": 0.07, "sled": 0.05,
    "plinth": 0.02, "drawers": 0.3,
}  # fmt: skip


# --- words --------------------------------------------------------------------------------------------------------


def _bent(*bends: str) -> tuple[str, ...]:
    """Values of the trait `leg` with one of these bends."""
    return tuple(f"{bend} {profile}" for bend in bends for profile in PROFILES)


def _turned(*profiles: str) -> tuple[str, ...]:
    """Values of the trait `leg` with one of these profiles."""
    return tuple(f"{bend} {profile}" for bend in BENDS for profile in profiles)


_DRAWERS = {"drawers": tuple(_DRAWER_KINDS)}
_DESK = {"drawers": ("pedestals",)}
WORDS: Vocabulary = {
    # kinds
    "dining": {"stature": ("dining",)}, "coffee": {"stature": ("low",)}, "low": {"stature": ("low",)},
    "side": {"stature": ("side",)}, "end": {"stature": ("side",)}, "bar": {"stature": ("bar",)},
    "high": {"stature": ("bar",)}, "desk": _DESK, "writing": _DESK, "office": _DESK,
    "nightstand": {"drawers": ("chest",)},
    "bedside": {"drawers": ("chest",)}, "chest": {"drawers": ("chest",)}, "bistro": {"base": ("bistro",)},
    "cafe": {"base": ("bistro", "pedestal")}, "trestle": {"base": ("trestle",)}, "picnic": {"trestle": ("a", "x")},
    "folding": {"base": ("wire",)}, "wire": {"base": ("wire",)}, "pedestal": {"base": ("pedestal",)},
    "sled": {"base": ("sled",)}, "sled base": {"base": ("sled",)}, "panel legs": {"base": ("panels",)},
    "panels": {"base": ("panels",)}, "plinth": {"base": ("plinth",)}, "block": {"base": ("plinth",)},
    # top
    "round": {"outline": ("round",)}, "circular": {"outline": ("round",)}, "oval": {"outline": ("oval",)},
    "square": {"outline": ("square",)}, "rectangular": {"outline": ("rectangle",)},
    "rounded corners": {"outline": ("rounded", "superellipse")}, "polygonal": {"outline": ("polygon",)},
    "freeform": {"outline": ("freeform",)}, "organic": {"outline": ("freeform", "superellipse")},
    "long": {"proportion": ("long",)}, "narrow": {"proportion": ("long",)}, "thick top": {"slab": ("thick",)},
    "thin top": {"slab": ("thin",)}, "beveled edge": {"edge": ("bevel",)}, "round edge": {"edge": ("round",)},
    "rounded edge": {"edge": ("round",)}, "rim": {"edge": ("dished",)}, "tray": {"edge": ("dished",)},
    "planks": {"leaves": ("planks",)}, "planked": {"leaves": ("planks",)}, "two leaves": {"leaves": ("two",)},
    "extending": {"leaves": ("two",)}, "apron": {"apron": ("hoop",)},
    # legs
    "three legs": {"legs": ("3",)}, "three legged": {"legs": ("3",)}, "tripod": {"legs": ("3",)},
    "four legs": {"legs": ("4",)}, "four legged": {"legs": ("4",)}, "six legs": {"legs": ("6",)},
    "straight legs": {"leg": _bent("straight")}, "splayed legs": {"leg": _bent("splayed")},
    "tapered legs": {"leg": _turned("tapered")}, "turned legs": {"leg": _turned("turned")},
    "cabriole legs": {"leg": _bent("cabriole")}, "curved legs": {"leg": _bent("sabre", "bowed", "wave", "cabriole")},
    "thin legs": {"rods": ("thin",)}, "thick legs": {"rods": ("thick",)}, "stretchers": {"tie": ("stretchers",)},
    "stretcher": {"tie": ("stretchers",)}, "shelf": {"tie": ("shelf",)},
    "turned column": {"column": ("turned",)}, "splayed feet": {"foot": ("feet",)},
    "round foot": {"foot": ("disc", "dome")}, "beam": {"beam": ("mid", "low")},
    # drawers and style
    "drawers": _DRAWERS, "drawer": _DRAWERS, "row of drawers": {"drawers": ("row",)},
    "drawers under the top": {"drawers": ("row",)},
    "knobs": {"grip": ("knob", "two")}, "bar handles": {"grip": ("bar",)},
    "soft": {"finish": ("soft",)}, "crisp": {"finish": ("crisp",)}, "angular": {"finish": ("crisp",)},
}  # fmt: skip
