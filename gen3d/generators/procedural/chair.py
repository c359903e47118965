"""Chairs: dining, office, lounge and soft-formed ones (parts back, seat, leg, arm).

Border conventions follow human labels: a back leg that runs on upwards is `back` above the seat's level; the apron is
`seat`; everything below is `leg`; posts that carry a back rest are `back`, those that carry an arm rest `arm`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.chair_arms import ARMS, add_arms
from gen3d.generators.procedural.chair_backs import BACKS, SIDED, Back
from gen3d.generators.procedural.chair_bases import BASES
from gen3d.generators.procedural.chair_frame import CORNERS, RIM, Plan, Seat, bent, pick, slab
from gen3d.generators.procedural.solids import Solid, bar, box, loft, move, scale, superellipse
from gen3d.generators.procedural.vocabulary import ABSENT, Vocabulary

Odds = dict[str, float]


@dataclass(frozen=True)
class Family:
    """What a kind of chair is made of: odds of seats, bases, backs and arms, and ranges in seat widths."""

    seats: Odds
    bases: Odds
    backs: Odds
    arms: float
    floor: tuple[float, float]
    height: tuple[float, float]
    soft: float


_ALL_BASES = {"legs": 0.3, "sled": 0.15, "star": 0.15, "pedestal": 0.1, "cantilever": 0.1, "panels": 0.1, "rocker": 0.1}
FAMILIES = {
    # few forms, fat rounded rods, a top rail on posts
    "soft": Family(
        {"plate": 0.75, "saddle": 0.25},
        {"legs": 1.0},
        {"rail": 0.72, "slatted": 0.06, "solid": 0.08, "ladder": 0.05, "framed": 0.05, "splat": 0.04},
        0.08,
        (0.75, 1.4),
        (0.65, 1.35),
        1.0,
    ),
    "dining": Family(
        {"plate": 0.3, "apron": 0.25, "saddle": 0.1, "cushion": 0.1, "topped": 0.2, "slats": 0.05},
        {"legs": 0.84, "sled": 0.04, "crossed": 0.04, "panels": 0.04, "rocker": 0.04},
        {"rail": 0.2, "solid": 0.17, "slatted": 0.2, "ladder": 0.15, "framed": 0.18, "splat": 0.1},
        0.38,
        (0.75, 1.3),
        (0.7, 1.6),
        0.25,
    ),
    "bar": Family(
        {"plate": 0.5, "apron": 0.2, "saddle": 0.15, "topped": 0.15},
        {"legs": 0.75, "pedestal": 0.25},
        {"rail": 0.3, "solid": 0.2, "slatted": 0.2, "ladder": 0.2, "framed": 0.1},
        0.1,
        (1.4, 2.2),
        (0.35, 1.0),
        0.25,
    ),
    "office": Family(
        {"cushion": 0.6, "plate": 0.2, "saddle": 0.2},
        {"star": 0.85, "pedestal": 0.15},
        {"pad": 0.5, "solid": 0.4, "framed": 0.1},
        0.75,
        (0.65, 1.1),
        (0.7, 1.5),
        0.5,
    ),
    "lounge": Family(
        {"cushion": 0.6, "topped": 0.25, "slats": 0.15},
        {"legs": 0.4, "block": 0.25, "sled": 0.1, "panels": 0.1, "star": 0.1, "rocker": 0.05},
        {"solid": 0.65, "slatted": 0.15, "tub": 0.2},
        0.8,
        (0.35, 0.75),
        (0.5, 1.1),
        0.4,
    ),
    "shell": Family({"shell": 1.0}, _ALL_BASES, {"shell": 1.0}, 0.25, (0.6, 1.2), (0.6, 1.4), 0.4),
    "mixed": Family(
        {"plate": 0.3, "apron": 0.1, "saddle": 0.2, "cushion": 0.2, "topped": 0.2},
        {**_ALL_BASES, "legs": 0.2, "block": 0.05, "crossed": 0.05},
        {"rail": 0.2, "solid": 0.2, "slatted": 0.15, "ladder": 0.1, "framed": 0.15, "pad": 0.1, "tub": 0.1},
        0.5,
        (0.6, 1.4),
        (0.6, 1.4),
        0.4,
    ),
}
_FAMILY_ODDS = (0.3, 0.28, 0.05, 0.11, 0.1, 0.07, 0.09)


def chair(rng: np.random.Generator) -> Assembly:
    """A chair of any common kind."""
    out = Assembly()
    name = str(rng.choice(list(FAMILIES), p=_FAMILY_ODDS))
    family = FAMILIES[name]
    kind, base_kind, back_kind = (pick(rng, odds) for odds in (family.seats, family.bases, family.backs))
    soft = rng.random() < family.soft
    out.traits.update(family=name, seat=kind, base=base_kind, back=back_kind, soft="yes" if soft else "no")
    seat, out.traits["outline"] = draw_seat(rng, kind, soft)
    plan = draw_plan(rng, seat, rng.uniform(*family.floor), soft)
    back = draw_back(rng, plan, rng.uniform(*family.height), name)
    out.traits |= _sizes(plan, back)
    if back_kind in SIDED and base_kind in ("legs", "rocker") and rng.random() < 0.5:
        plan = Plan(**{**plan.__dict__, "rear": (back.half, back.foot + back.round)})
    BASES[base_kind](rng, plan, out)
    if back_kind == "shell":
        shell(rng, plan, back, out)
    else:
        SEATS[kind](rng, plan, out)
        BACKS[back_kind](rng, plan, back, out)
    if rng.random() < family.arms and back_kind != "tub":
        add_arms(rng, plan, back, out, name, back_kind in SIDED)
    if rng.random() < 0.3:
        wide = rng.uniform(1.2, 2.6) if name == "lounge" and rng.random() < 0.5 else rng.uniform(0.85, 1.2)
        out.traits["wide"] = "yes" if wide > 1.2 else "no"
        out.pieces = [(part, scale(solid, (wide, 1, 1))) for part, solid in out.pieces]
    if soft and rng.random() < 0.7:
        out.pieces = lumpy(rng, out.pieces)
    return out


def lumpy(rng: np.random.Generator, pieces: list[tuple[str, Solid]]) -> list[tuple[str, Solid]]:
    """The pieces in a field of small smooth displacements, as hand-made and scanned surfaces have them."""
    waves = rng.normal(0, 1, (3, 4, 3)) * rng.uniform(2, 9, (1, 4, 1))  # (axis, wave, xyz)
    phase, size = rng.uniform(0, 2 * np.pi, (3, 4)), rng.uniform(0.001, 0.007)
    moved = []
    for part, solid in pieces:
        field = np.sin(np.einsum("vi,awi->vaw", solid.vertices, waves) + phase).sum(2) * size
        moved.append((part, move(solid, field)))
    return moved


def _sizes(plan: Plan, back: Back) -> dict[str, str]:
    """Sizes that people have words for, as traits."""
    sizes = {"level": (plan.floor, 0.65, 1.4), "height": (back.height, 0.75, 1.2), "rods": (plan.rod, 0.028, 0.05)}
    words = {"level": ("low", "high"), "height": ("low", "high"), "rods": ("thin", "thick")}
    traits = {"recline": "yes"} if back.tilt > 0.25 else {}
    for trait, (size, low, high) in sizes.items():
        traits[trait] = words[trait][0] if size < low else words[trait][1] if size > high else "usual"
    return traits


def draw_seat(rng: np.random.Generator, kind: str, soft: bool) -> tuple[Seat, str]:
    """The seat's outline and bends, and what the outline is called."""
    depth = rng.uniform(0.78, 1.2)
    odds = [0.74, 0.06, 0.12, 0.08] if soft else [0.6, 0.12, 0.14, 0.14]
    form = str(rng.choice(["square", "round", "D", "front"], p=odds))
    sharp = rng.uniform(4, 12) if soft else rng.uniform(5, 30)
    if kind in ("shell", "slats"):
        form = "square"
    front, rear = {"square": (sharp, sharp), "round": (2.2, 2.2), "D": (2.2, sharp), "front": (sharp, 2.4)}[form]
    fore, aft = superellipse(1, depth, front, RIM), superellipse(1, depth, rear, RIM)
    rim = np.where(aft[:, 1:] >= 0, aft, fore)
    taper = rng.choice([0.0, rng.uniform(0.03, 0.32), rng.uniform(-0.12, 0)], p=[0.4, 0.55, 0.05])
    bow = rng.choice([0.0, rng.uniform(0.03, 0.15)], p=[0.6, 0.4])
    v = rim[:, 1] / depth
    rim[:, 1] -= bow * np.clip(-4 * v, 0, 1) * (1 - np.minimum(4 * rim[:, 0] ** 2, 1))
    if rear > 3 and rng.random() < 0.25:  # rear edge drawn in between the corners
        rim[:, 1] -= rng.uniform(0.02, 0.1) * np.clip(4 * v, 0, 1) * (1 - np.minimum(4 * rim[:, 0] ** 2, 1))
    rim[:, 0] *= 1 - taper * (v + 0.5)
    thick = rng.uniform(0.05, 0.16) if soft else rng.uniform(0.025, 0.12)
    if kind == "cushion":
        thick = rng.uniform(0.1, 0.32)
    bends = {}
    if kind == "saddle" or rng.random() < 0.2:
        bends = {"curl": rng.uniform(-0.02, 0.08), "dish": rng.uniform(0.0, 0.05), "roll": rng.uniform(0, 0.2)}
    if rng.random() < 0.35:
        bends["pitch"] = rng.uniform(-0.01, 0.06)
    if kind == "shell":
        thick, bends = rng.uniform(0.015, 0.06), {"curl": rng.choice([0.0, rng.uniform(0, 0.15)]), "margin": 0.15}
    return Seat(rim, thick, **bends), form


def draw_plan(rng: np.random.Generator, seat: Seat, floor: float, soft: bool) -> Plan:
    """Thickness, section and joints of the rods."""
    if soft:
        radius = rng.choice([rng.uniform(0.045, 0.08), rng.uniform(0.02, 0.045)], p=[0.7, 0.3])
        section = float(rng.choice([2.0, 2.6, 4.0], p=[0.6, 0.25, 0.15]))
        return Plan(seat, floor + seat.thick, radius, section, True, rng.uniform(0.1, 0.9))
    radius = rng.choice([rng.uniform(0.012, 0.028), rng.uniform(0.028, 0.065)], p=[0.3, 0.7])
    flare = rng.choice([0.0, rng.uniform(0.1, 0.6)], p=[0.7, 0.3])
    return Plan(seat, floor + seat.thick, radius, float(rng.choice([2.0, 12.0])), False, flare)


def draw_back(rng: np.random.Generator, plan: Plan, height: float, family: str) -> Back:
    """Where the back stands and how it bends."""
    rear = plan.seat.corner(CORNERS[3], plan.rod * 1.05)
    half = rear[0] * (rng.uniform(0.93, 1.0) if rng.random() < 0.75 else rng.uniform(0.65, 0.93))
    inset = plan.rod * rng.uniform(0.9, 1.3)
    foot = plan.seat.rear(0.0) + inset
    lift = plan.seat.rear(half) + inset - foot
    wrap = rng.choice([0.0, rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.3), max(lift, 0.0)], p=[0.35, 0.35, 0.15, 0.15])
    tilt = rng.choice([0.0, rng.uniform(0.0, 0.2), rng.uniform(0.15, 0.5)], p=[0.15, 0.6, 0.25])
    lean = rng.choice([0.0, rng.uniform(-0.08, 0.15)])
    if family == "lounge":
        tilt = max(tilt, rng.uniform(0, 0.4))
    flare = rng.choice([0.0, rng.uniform(-0.15, 0.25)])
    return Back(height, half, foot, lift, wrap, tilt, lean, flare)


# --- seats --------------------------------------------------------------------------------------------------------


def plate(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """A board, its edges rounded in soft chairs."""
    seat = plan.seat
    bevel = seat.thick * (rng.uniform(0.35, 0.5) if plan.soft else rng.uniform(0, 0.3))
    crown = rng.choice([0.0, rng.uniform(0, 0.03)])
    out.add("seat", seat.shaped(slab(seat.outline, -seat.thick, 0, bevel, crown)))


def apron(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """A board over a frame."""
    plate(rng, plan, out)
    tall = rng.uniform(0.05, 0.18)
    frame = slab(plan.seat.outline * rng.uniform(0.86, 0.97), -plan.seat.thick - tall, -0.9 * plan.seat.thick, 0.0)
    out.add("seat", plan.seat.shaped(frame))


def cushion(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """A thick upholstered block."""
    seat = plan.seat
    out.add(
        "seat",
        seat.shaped(slab(seat.outline, -seat.thick, 0, seat.thick * rng.uniform(0.15, 0.5), rng.uniform(0, 0.06))),
    )


def topped(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """A board or frame with a cushion on it."""
    plate(rng, plan, out)
    tall = rng.uniform(0.04, 0.2)
    rim = plan.seat.outline * rng.uniform(0.82, 1.0) * [0.97, 1.0]
    rim = np.stack([rim[:, 0], np.minimum(rim[:, 1], plan.seat.half[1] - 2.4 * plan.rod)], 1)
    out.add(
        "seat",
        plan.seat.shaped(slab(rim, -0.1 * plan.seat.thick, tall, tall * rng.uniform(0.2, 0.5), rng.uniform(0, 0.04))),
    )


def slats(rng: np.random.Generator, plan: Plan, out: Assembly) -> None:
    """Boards with gaps, on three bearers."""
    seat, count = plan.seat, int(rng.integers(4, 9))
    low, deep = -seat.thick, 2 * seat.half[1] / count
    thin = seat.thick * rng.uniform(0.3, 0.5)
    for z in -seat.half[1] + deep * (np.arange(count) + 0.5):
        wide = 2 * seat.side(0.96 * z)
        out.add("seat", seat.shaped(move(box((wide, thin, deep * 0.8)), (0, -thin / 2, z))))
    rail = bar(
        (0, (low - 0.9 * thin) / 2, -0.98 * seat.half[1]),
        (0, (low - 0.9 * thin) / 2, 0.98 * seat.half[1]),
        0.09,
        seat.thick - 0.9 * thin,
    )
    for sign in (-1, 0, 1):
        out.add("seat", seat.shaped(move(rail, (sign * (seat.side(-0.95 * seat.half[1]) - 0.06), 0, 0))))


SEATS: dict[str, Callable[[np.random.Generator, Plan, Assembly], None]] = {
    "plate": plate,
    "saddle": plate,
    "apron": apron,
    "cushion": cushion,
    "topped": topped,
    "slats": slats,
}


def shell(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """Seat and back in one bent sheet; the border runs along the fold."""
    seat, h = plan.seat, back.height
    (w, d), mid = seat.half, -seat.thick / 2
    fall, tilt = rng.uniform(0.0, 0.12), rng.uniform(0.08, 0.6)
    fold = rng.uniform(0.1, 0.35)
    top = (-d - tilt * h, h)
    knee = (-d - tilt * h * 0.55 + rng.uniform(-0.02, 0.08), 0.55 * h)
    flat = bent([(d, mid - fall), (0.75 * d, mid), (-d, mid), knee, top], fold, 7)
    extra = np.linspace(flat[-2], flat[-1], 5)[1:-1]
    flat = np.concatenate([flat[:8], np.linspace(flat[7], flat[8], 4)[1:-1], flat[8:-1], extra, flat[-1:]])
    path = np.stack([0 * flat[:, 0], flat[:, 1], flat[:, 0]], 1)
    travel = np.gradient(path, axis=0)
    travel /= np.linalg.norm(travel, axis=1, keepdims=True)
    up = np.stack([0 * travel[:, 0], -travel[:, 2], travel[:, 1]], 1)  # out of the sheet, towards the sitter
    share = np.clip(np.cumsum(np.r_[0, np.linalg.norm(np.diff(path, axis=0), axis=1)]) / (2 * d + h), 0, 1)
    close = (
        rng.uniform(0, 0.5) * np.maximum(share - 0.85, 0) / 0.15
        + rng.uniform(0, 0.2) * np.maximum(0.1 - share, 0) / 0.1
    )
    wide = w * (1 - rng.uniform(-0.1, 0.25) * share) * np.sqrt(1 - close**2)
    ring = superellipse(seat.thick, 2, 12.0, 32)
    lift = ring[None, :, 0] + seat.curl * ring[None, :, 1] ** 2
    rings = path[:, None] + lift[..., None] * up[:, None]
    rings[..., 0] = ring[None, :, 1] * wide[:, None]
    cut = int(np.argmax((travel[:, 1] > 0.6) & (path[:, 2] < 0)))
    out.add("seat", loft(rings[: cut + 1]))
    out.add("back", loft(rings[cut:]))


# --- words --------------------------------------------------------------------------------------------------------


def _legs(*shapes: str) -> tuple[str, ...]:
    """Values of the trait `leg` with one of these shapes in front."""
    return tuple(shape + rear for shape in shapes for rear in ("", "+straight", "+tapered", "+sabre"))


_ARMS = {"arm": tuple(ARMS)}
_SWIVEL = {"base": ("star",)}
_WHEELS = {"castors": ("yes",)}
_CUSHIONED = {"seat": ("cushion", "topped")}
WORDS: Vocabulary = {
    "seating": {},
    # kinds
    "dining": {"family": ("dining",)}, "kitchen": {"family": ("dining",)}, "office": {"family": ("office",)},
    "desk": {"family": ("office",)}, "task": {"family": ("office",)}, "lounge": {"family": ("lounge",)},
    "easy": {"family": ("lounge",)}, "bar": {"family": ("bar",)}, "bar stool": {"family": ("bar",)},
    "shell": {"family": ("shell",)}, "bucket": {"family": ("shell",)}, "soft": {"soft": ("yes",)},
    "rounded": {"soft": ("yes",)}, "crisp": {"soft": ("no",)}, "angular": {"soft": ("no",)},
    "wide": {"wide": ("yes",)}, "loveseat": {"wide": ("yes",)},
    # base
    "swivel": _SWIVEL, "swivel base": _SWIVEL, "star base": _SWIVEL, "wheels": _WHEELS, "castors": _WHEELS,
    "casters": _WHEELS, "rolling": _WHEELS, "five spokes": {"spokes": ("5",)}, "four spokes": {"spokes": ("4",)},
    "pedestal": {"base": ("pedestal",)}, "tulip": {"base": ("pedestal",)}, "sled base": {"base": ("sled",)},
    "sled": {"base": ("sled",)}, "runners": {"base": ("sled", "rocker")}, "cantilever": {"base": ("cantilever",)},
    "rocking": {"base": ("rocker",)}, "rocker": {"base": ("rocker",)}, "folding": {"base": ("crossed",)},
    "crossed legs": {"base": ("crossed",)}, "director": {"base": ("crossed",)}, "plinth": {"base": ("block",)},
    "block": {"base": ("block",)}, "panel legs": {"base": ("panels",)}, "four legs": {"legs": ("4",)},
    "four legged": {"legs": ("4",)}, "straight legs": {"leg": _legs("straight")},
    "tapered legs": {"leg": _legs("tapered")}, "turned legs": {"leg": _legs("turned")},
    "sabre legs": {"leg": _legs("sabre")}, "cabriole legs": {"leg": _legs("cabriole")},
    "club legs": {"leg": _legs("club")}, "curved legs": {"leg": _legs("sabre", "cabriole", "wave", "bowed")},
    "thin legs": {"rods": ("thin",)}, "slender": {"rods": ("thin",)}, "thick legs": {"rods": ("thick",)},
    "sturdy": {"rods": ("thick",)}, "stretchers": {"stretcher": ("box", "H", "rows", "X", "low")},
    "stretcher": {"stretcher": ("box", "H", "rows", "X", "low")},
    "rungs": {"stretcher": ("box", "H", "rows", "X", "low")},
    # seat
    "cushion": _CUSHIONED, "cushioned": _CUSHIONED, "upholstered": _CUSHIONED, "padded": _CUSHIONED,
    "plain seat": {"seat": ("plate",)}, "saddle seat": {"seat": ("saddle",)}, "slatted seat": {"seat": ("slats",)},
    "round seat": {"outline": ("round",)}, "square seat": {"outline": ("square",)}, "low": {"level": ("low",)},
    "low seat": {"level": ("low",)}, "high seat": {"level": ("high",)}, "tall": {"level": ("high",)},
    # back
    "high back": {"height": ("high",)}, "tall back": {"height": ("high",)}, "low back": {"height": ("low",)},
    "reclined": {"recline": ("yes",)}, "leaning back": {"recline": ("yes",)}, "rail back": {"back": ("rail",)},
    "solid back": {"back": ("solid",)}, "panel back": {"back": ("solid",)}, "slatted": {"back": ("slatted",)},
    "slat back": {"back": ("slatted",)}, "slatted back": {"back": ("slatted",)}, "slats": {"infill": ("slats",)},
    "spindles": {"infill": ("spindles",)}, "spindle back": {"infill": ("spindles",)}, "ladder": {"back": ("ladder",)},
    "ladder back": {"back": ("ladder",)}, "hoop back": {"back": ("framed",)}, "framed back": {"back": ("framed",)},
    "windsor": {"back": ("framed", "slatted"), "infill": ("spindles",)}, "splat": {"back": ("splat",)},
    "splat back": {"back": ("splat",)}, "pad back": {"back": ("pad",)}, "tub": {"back": ("tub",)},
    "barrel": {"back": ("tub",)}, "wing": {"wings": ("yes",)}, "wings": {"wings": ("yes",)},
    "winged": {"wings": ("yes",)}, "wing back": {"wings": ("yes",)}, "arched back": {"crest": ("arch",)},
    "straight back": {"crest": ("straight",)}, "wavy back": {"crest": ("wave",)},
    # arms
    "arm": _ARMS, "arms": _ARMS, "arm rests": _ARMS, "armrests": _ARMS, "armchair": _ARMS, "arm chair": _ARMS,
    "side chair": {"arm": (ABSENT,)}, "posted arms": {"arm": ("posted",)}, "loop arms": {"arm": ("loop",)},
    "panel arms": {"arm": ("panel",)}, "solid arms": {"arm": ("panel",)}, "t arms": {"arm": ("tee",)},
}  # fmt: skip
