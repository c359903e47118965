"""Laptops: thin, wedge-shaped, classic, thick old ones and clamshells, open at all angles, convertibles and tablets.

Lengths are in widths of the laptop. The lower half lies with its floor at y = 0 and the hinge at the back (-Z). As
human labels have it, `keyboard` is the whole lower half and `screen` the whole lid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.laptop_pieces import (
    Case,
    Window,
    barrels,
    floored,
    keys,
    touch_pad,
    track_ball,
)
from gen3d.generators.procedural.solids import Solid, box, cylinder, ellipsoid, move, turn
from gen3d.generators.procedural.vessel import pick
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator
Range = tuple[float, float]


class Kind(NamedTuple):
    """What one kind of laptop is drawn from.

    Args:
        weight: how often it is drawn, relative to the others.
        depth: range of the depth; `base`: of the lower half's thickness; `lid`: of the lid's, in those of the base.
        corner: range of the radius of the corners.
        poses, hinges, keys, pointers: weights.
        wedge: chance and least thickness of the front edge, in those of the back.
    """

    weight: int
    depth: Range
    base: Range
    lid: Range
    corner: Range
    poses: dict[str, int]
    hinges: dict[str, int]
    keys: dict[str, int]
    pointers: dict[str, int]
    wedge: tuple[float, float] = (0.15, 0.6)


_OPEN = {"upright": 34, "open": 40, "wide": 12, "flat": 4, "half": 7, "nearly shut": 6}
_PANELS, _PLAIN_PANELS = {"sunk": 60, "flush": 25, "raised": 15}, {"sunk": 25, "flush": 75}
_PADS = {"touch pad": 75, "none": 20, "stick": 5}
KINDS = {
    "modern": Kind(
        34, (0.6, 0.75), (0.022, 0.06), (0.3, 0.7), (0.005, 0.05), _OPEN, {"edge": 4, "long": 4, "knuckles": 3},
        {"tiles": 5, "caps": 2, "plate": 2, "well": 2, "bars": 1}, _PADS,
    ),
    "ultrabook": Kind(
        14, (0.62, 0.72), (0.014, 0.035), (0.3, 0.6), (0.01, 0.05), _OPEN, {"edge": 3, "long": 5, "knuckles": 1},
        {"tiles": 5, "plate": 2, "well": 2, "none": 1}, {"touch pad": 85, "none": 15}, (0.6, 0.25),
    ),
    "classic": Kind(
        22, (0.7, 0.88), (0.06, 0.12), (0.25, 0.6), (0.0, 0.05), _OPEN, {"edge": 3, "knuckles": 6, "long": 2},
        {"caps": 5, "tiles": 3, "plate": 2, "well": 2, "bars": 1}, {"touch pad": 65, "stick": 12, "none": 23},
    ),
    "old": Kind(
        9, (0.75, 0.95), (0.12, 0.26), (0.25, 0.6), (0.0, 0.04), {"upright": 40, "open": 50, "wide": 10},
        {"edge": 2, "knuckles": 4, "step": 6}, {"caps": 7, "tiles": 3, "bars": 2},
        {"track ball": 40, "none": 50, "touch pad": 10}, (0.35, 0.4),
    ),
    "clamshell": Kind(
        5, (0.75, 0.95), (0.06, 0.13), (0.5, 0.95), (0.12, 0.3), _OPEN, {"knuckles": 3, "long": 3},
        {"caps": 3, "tiles": 2, "none": 2, "well": 1}, _PADS,
    ),
    "netbook": Kind(
        5, (0.68, 0.85), (0.05, 0.1), (0.35, 0.8), (0.01, 0.06), _OPEN, {"edge": 2, "knuckles": 4, "long": 3},
        {"tiles": 4, "caps": 2, "plate": 1}, {"touch pad": 95, "none": 5},
    ),
    "plain": Kind(
        7, (0.6, 0.9), (0.03, 0.14), (0.3, 1.0), (0.0, 0.04), {**_OPEN, "wide": 20}, {"edge": 1}, {"none": 1},
        {"none": 1},
    ),
    "convertible": Kind(
        5, (0.6, 0.75), (0.02, 0.05), (0.4, 0.9), (0.005, 0.05), {"tent": 4, "stand": 4, "flat": 1, "open": 1},
        {"edge": 3, "knuckles": 4}, {"tiles": 4, "plate": 2, "well": 1}, _PADS, (0.0, 0.6),
    ),
    "tablet": Kind(
        6, (0.62, 0.75), (0.012, 0.03), (0.8, 2.2), (0.01, 0.05), {"upright": 3, "open": 6, "wide": 1},
        {"edge": 6, "swivel": 4}, {"tiles": 4, "plate": 3, "none": 1}, _PADS, (0.0, 0.6),
    ),
}  # fmt: skip
ANGLES = {  # between the keyboard and the screen, degrees
    "nearly shut": (14, 40), "half": (40, 75), "upright": (75, 102), "open": (102, 132), "wide": (132, 168),
    "flat": (164, 171), "tent": (282, 322), "stand": (285, 325),
}  # fmt: skip


def laptop(rng: Rng) -> Assembly:
    """One laptop that opens towards +Z."""
    made = Assembly()
    name = pick(rng, {name: kind.weight for name, kind in KINDS.items()})
    kind = KINDS[name]
    made.traits |= {
        "kind": name,
        "pose": pick(rng, kind.poses),
        "hinge": pick(rng, kind.hinges),
        "keys": pick(rng, kind.keys) if rng.random() < 0.9 else "none",
        "pointer": pick(rng, kind.pointers),
    }
    base = _base_case(rng, kind)
    _lower_half(rng, base, made)
    _wedge(rng, kind, base, made)
    lid = _lid_case(rng, kind, base)
    angle = float(rng.uniform(*ANGLES[made.traits["pose"]]))
    if made.traits["pose"] == "flat" and base.thick > 0.095:
        angle = 180.0  # thinner ones lie a little less flat, so that every shape has some height
    _hinged(rng, base, lid, angle, made)
    _pose(made, base, lid, angle)
    return made


# --- lower half ---------------------------------------------------------------------------------------------------


def _base_case(rng: Rng, kind: Kind) -> Case:
    bow = float(rng.uniform(0.02, 0.08)) if rng.random() < 0.12 else 0.0
    thick, corner = float(rng.uniform(*kind.base)), float(rng.uniform(*kind.corner))
    bevel = float(rng.choice([0.0, 0.15, 0.4])) * thick
    return Case(1.0, float(rng.uniform(*kind.depth)) - bow, thick, corner, min(bevel, corner), bow)


def _lower_half(rng: Rng, base: Case, made: Assembly) -> None:
    """The lower half with its keys, in the case's frame laid down."""
    margin = float(rng.uniform(0.03, 0.1)) + 0.3 * base.corner
    back = float(rng.uniform(0.06, 0.2)) * base.tall + (0.08 if made.traits["hinge"] == "step" else 0.0)
    front = float(rng.uniform(0.3, 0.48) if made.traits["pointer"] != "none" else rng.uniform(0.05, 0.4)) * base.tall
    half = np.array([0.5 - margin, (base.tall - back - front) / 2])
    area = Window(np.array([0.0, back + half[1]]), half, 0.0)
    lift = min(0.2 * base.thick, float(rng.uniform(0.004, 0.014)))
    well = made.traits["keys"] == "well" or rng.random() < 0.35
    if well:
        deep = lift * float(rng.uniform(0.5, 1.0))
        area = area._replace(depth=deep)
    window = area._replace(half=half + 0.01) if well else None
    solids = [base.solid(window)]
    if made.traits["keys"] not in ("none", "well"):
        solids += keys(rng, made.traits["keys"], area, lift)
    solids += _pointer(rng, made.traits["pointer"], base, front, area, lift)
    if made.traits["kind"] in ("classic", "old", "modern") and rng.random() < 0.4:
        made.traits["details"] = "ports"
        solids += _ports(rng, base)
    made.add("keyboard", *[move(floored(solid), [0, base.thick, -base.tall / 2]) for solid in solids])
    if rng.random() < 0.2:
        made.traits["feet"] = "four"
        foot = cylinder(0.025, 0.02, count=10)
        for x in (-0.42, 0.42):
            made.add("keyboard", *[move(foot, [x, -0.012, s * 0.4 * base.tall]) for s in (-1, 1)])


def _pointer(rng: Rng, kind: str, base: Case, front: float, area: Window, lift: float) -> list[Solid]:
    """What moves the pointer: a pad or ball before the keys, or a stick among them."""
    spot = np.array([float(rng.choice([0.0, rng.uniform(-0.1, 0.1)])), base.tall - 0.5 * front])
    if kind == "touch pad":
        half = np.array([rng.uniform(0.09, 0.17), rng.uniform(0.55, 0.75) * front / 2])
        return touch_pad(rng, spot, half, min(lift, float(rng.uniform(0.002, 0.006))))
    if kind == "track ball":
        return track_ball(spot, min(0.25 * front, float(rng.uniform(0.025, 0.05))))
    if kind == "stick":
        return [move(ellipsoid([0.012, 0.012, 0.02], 8), [*area.centre, lift - area.depth])]
    return []


def _ports(rng: Rng, base: Case) -> list[Solid]:
    """Blocks a little proud of the sides: drives, plugs and battery."""
    found = []
    for _ in range(int(rng.integers(1, 5))):
        long, side = float(rng.uniform(0.04, 0.25)) * base.tall, int(rng.choice([-1, 1]))
        high = float(rng.uniform(0.25, 0.6)) * base.thick
        spot = [side * 0.5, float(rng.uniform(0.25, 0.75)) * base.tall, -0.5 * base.thick]
        found.append(move(box([0.016, long, high]), spot))
    return found


def _wedge(rng: Rng, kind: Kind, base: Case, made: Assembly) -> None:
    """Thin the front of all that is there."""
    chance, least = kind.wedge
    if rng.random() >= chance:
        return
    share = float(rng.uniform(least, 0.85))
    made.traits["shape"] = "wedge"

    def thinned(solid: Solid) -> Solid:
        x, y, z = solid.vertices.T
        return Solid(np.stack([x, y * (share + (1 - share) * (0.5 - z / base.tall)), z], 1), solid.faces)

    made.pieces = [(part, thinned(solid)) for part, solid in made.pieces]


# --- upper half ---------------------------------------------------------------------------------------------------


def _lid_case(rng: Rng, kind: Kind, base: Case) -> Case:
    thick = max(base.thick * float(rng.uniform(*kind.lid)), 0.008)
    wide = 1.0 if rng.random() < 0.75 else float(rng.uniform(0.9, 1.04))
    tall = base.tall * (1.0 if rng.random() < 0.6 else float(rng.uniform(0.82, 1.03)))
    bevel = min(float(rng.choice([0.0, 0.15, 0.4])) * thick, base.corner)
    return Case(wide, tall, thick, base.corner, bevel, base.bow)


def _lid(rng: Rng, lid: Case, made: Assembly) -> list[Solid]:
    """The lid in its own frame, its screen towards +Z."""
    frame = float(np.exp(rng.uniform(*np.log([0.015, 0.11])))) + 0.25 * lid.corner
    chin = frame * float(rng.uniform(1.0, 2.2))
    tall = lid.tall - frame - chin
    window = Window(np.array([0.0, chin + tall / 2]), np.array([lid.wide / 2 - frame, tall / 2]), 0.0)
    made.traits["panel"] = kind = pick(rng, _PLAIN_PANELS if made.traits["kind"] == "plain" else _PANELS)
    depth = min(0.25 * lid.thick, float(rng.uniform(0.003, 0.012)))
    sign = {"sunk": 1, "flush": 0, "raised": -1}[kind]
    solids = [lid.solid(window._replace(depth=sign * depth) if sign else None)]
    if rng.random() < 0.15:  # camera or latch at the upper edge
        solids.append(move(box([0.05, 0.4 * frame, 0.012]), [0, lid.tall - 0.45 * frame, 0]))
    if rng.random() < 0.12:
        made.traits["logo"] = "relief"
        disc = turn(cylinder(float(rng.uniform(0.04, 0.08)), 0.008, count=16), "x", -90)
        solids.append(move(disc, [0, lid.tall / 2, -lid.thick + 0.002]))
    return solids


def _hinged(rng: Rng, base: Case, lid: Case, angle: float, made: Assembly) -> None:
    """Put the lid on its hinge, opened by `angle` degrees, and add the hinge."""
    kind, back, behind = made.traits["hinge"], -base.tall / 2, angle > 182
    radius = max(0.012, 0.3 * base.thick) if base.thick < 0.1 else 0.025
    lift = {"long": 0.5 * radius, "step": 0.0, "swivel": 0.025}.get(kind, 0.0)
    axis = np.array([0.0, -lift if behind else base.thick + lift, back])
    if kind == "step":  # the lid stands before a raised block that reaches to the back
        axis[2] += 0.06 + lid.thick
    solids = _lid(rng, lid, made)
    shift = np.array([0, 0.4 * radius if kind == "long" else 0.0, lid.thick if behind else 0.0])
    for solid in solids:
        made.add("screen", move(turn(move(solid, shift), "x", 90 - angle), axis))
    if rng.random() < 0.15 and made.traits["kind"] == "tablet" and not behind:
        made.traits["kickstand"] = "leg"
        _kickstand(rng, lid, angle, axis, made)
    _HINGES[kind](rng, base, radius, axis, made)


def _edge(rng: Rng, base: Case, radius: float, axis: np.ndarray, made: Assembly) -> None:
    """Lid and lower half touch; nothing shows but a thin rod."""
    rod = barrels([(-0.4, 0.4)], max(0.004, 0.25 * radius))
    made.add("keyboard", *[move(solid, axis) for solid in rod])


def _long(rng: Rng, base: Case, radius: float, axis: np.ndarray, made: Assembly) -> None:
    """One long barrel that turns with the lid."""
    half = float(rng.uniform(0.3, 0.46))
    made.add("screen", *[move(solid, axis) for solid in barrels([(-half, half)], radius)])


def _knuckles(rng: Rng, base: Case, radius: float, axis: np.ndarray, made: Assembly) -> None:
    """Two short barrels on the lower half."""
    at, wide = float(rng.uniform(0.22, 0.42)), float(rng.uniform(0.05, 0.14))
    spans = [(-at - wide / 2, -at + wide / 2), (at - wide / 2, at + wide / 2)]
    made.add("keyboard", *[move(solid, axis) for solid in barrels(spans, radius)])


def _step(rng: Rng, base: Case, radius: float, axis: np.ndarray, made: Assembly) -> None:
    """A block over the back of the lower half, as high as its lid is thick, and knuckles before it."""
    deep, high = 0.06, float(rng.uniform(0.02, 0.09))
    made.add(
        "keyboard", move(box([1.0, high + 0.01, deep], 0.006), [0, base.thick + high / 2, -base.tall / 2 + deep / 2])
    )
    _knuckles(rng, base, radius, axis, made)


def _swivel(rng: Rng, base: Case, radius: float, axis: np.ndarray, made: Assembly) -> None:
    """A disc or neck in the middle."""
    neck = float(rng.uniform(0.04, 0.12))
    made.add("keyboard", move(cylinder(neck, 0.03 + 0.3 * base.thick, count=16), [0, 0.7 * base.thick, axis[2]]))


_HINGES = {"edge": _edge, "long": _long, "knuckles": _knuckles, "step": _step, "swivel": _swivel}


def _kickstand(rng: Rng, lid: Case, angle: float, axis: np.ndarray, made: Assembly) -> None:
    """A plate from the back of the lid down to the floor behind it."""
    high = float(rng.uniform(0.35, 0.6)) * lid.tall
    lean = np.radians(angle - 90)
    top = axis + high * np.array([0, np.cos(lean), -np.sin(lean)]) - [0, 0, lid.thick]
    plate = box([0.6, float(np.hypot(top[1], 0.25 * lid.tall)), 0.01])
    plate = turn(
        move(plate, [0, -np.ptp(plate.vertices[:, 1]) / 2, 0]),
        "x",
        float(np.degrees(np.arctan2(0.25 * lid.tall, top[1]))),
    )
    made.add("screen", move(plate, top))


# --- pose ---------------------------------------------------------------------------------------------------------


def _pose(made: Assembly, base: Case, lid: Case, angle: float) -> None:
    """Turn a tent onto its two edges and a stand onto its keys; the others stay on the lower half."""
    pose = made.traits["pose"]
    if pose == "stand":
        made.pieces = [(part, turn(solid, "z", 180)) for part, solid in made.pieces]
        made.pieces = [(part, turn(solid, "y", 180)) for part, solid in made.pieces]
    elif pose == "tent":
        back, half = np.radians(360 - angle), base.tall / 2
        tip = np.array([lid.tall * -np.sin(back), lid.tall * np.cos(back) - half])  # (y, z) of the lid's far edge
        tilt = np.degrees(np.arctan2(tip[0], half - tip[1]))
        made.pieces = [(part, turn(solid, "x", -tilt)) for part, solid in made.pieces]


WORDS: Vocabulary = {
    "modern": {"kind": ("modern", "ultrabook")},
    "thin": {"kind": ("ultrabook", "tablet")},
    "slim": {"kind": ("ultrabook", "tablet")},
    "ultrabook": {"kind": ("ultrabook",)},
    "classic": {"kind": ("classic",)},
    "old": {"kind": ("old",)},
    "thick": {"kind": ("old",)},
    "bulky": {"kind": ("old",)},
    "vintage": {"kind": ("old",)},
    "clamshell": {"kind": ("clamshell",)},
    "rounded": {"kind": ("clamshell",)},
    "plain": {"kind": ("plain",)},
    "simple": {"kind": ("plain",)},
    "netbook": {"kind": ("netbook",)},
    "convertible": {"kind": ("convertible",)},
    "tablet": {"kind": ("tablet",)},
    "detachable": {"kind": ("tablet",)},
    "wedge": {"shape": ("wedge",)},
    "open": {"pose": ("upright", "open", "wide")},
    "upright screen": {"pose": ("upright",)},
    "wide open": {"pose": ("wide", "flat")},
    "flat": {"pose": ("flat",)},
    "half open": {"pose": ("half", "nearly shut")},
    "nearly closed": {"pose": ("nearly shut",)},
    "tent": {"pose": ("tent",)},
    "stand": {"pose": ("stand",)},
    "keys": {"keys": ("caps", "tiles")},
    "touch pad": {"pointer": ("touch pad",)},
    "touchpad": {"pointer": ("touch pad",)},
    "track ball": {"pointer": ("track ball",)},
    "pointing stick": {"pointer": ("stick",)},
    "key relief": {"keys": ("caps", "tiles", "bars", "plate")},
    "ports": {"details": ("ports",)},
    "feet": {"feet": ("four",)},
    "barrel hinge": {"hinge": ("long",)},
    "logo": {"logo": ("relief",)},
}
