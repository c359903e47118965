"""Grammar of guitars: hollow, solid and semi-hollow ones, basses, ukuleles; they stand upright, strings towards +Z.

The unit is the height of the body, from y = 0 up; its front lies at z = 0. Strings belong to the neck as far as the
body's edge and to the body from there on.
"""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural import guitar_hardware as hardware
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.guitar_bodies import (
    FULL,
    HOLLOW,
    SOLID,
    board,
    carved,
    is_star,
    solid_outline,
    waisted,
)
from gen3d.generators.procedural.guitar_hardware import Front
from gen3d.generators.procedural.guitar_necks import Neck, neck_and_head
from gen3d.generators.procedural.plates import Outline
from gen3d.generators.procedural.solids import Solid, mirror, move, scale, turn
from gen3d.generators.procedural.vessel import pick
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator


def guitar(rng: Rng) -> Assembly:
    """A random guitar."""
    made = Assembly()
    kinds = {name: row.weight for name, row in [*HOLLOW.items(), *SOLID.items()]}
    kind = pick(rng, kinds)
    made.traits["kind"] = kind
    if kind in HOLLOW:
        _hollow(rng, kind, made)
    else:
        _electric(rng, kind, made)
    if rng.random() < 0.1:
        made.traits["hand"] = "left"
        made.pieces = [(part, mirror(solid)) for part, solid in made.pieces]
    stretch = np.exp(rng.normal(0, [0.05, 0.0, 0.18]))  # toys and sketches are thicker or thinner
    size = np.ptp(np.concatenate([solid.vertices for _, solid in made.pieces]), 0)
    stretch[2] = max(stretch[2], 0.06 * size[1] / size[2])
    made.pieces = [(part, scale(solid, stretch)) for part, solid in made.pieces]
    return made


# --- hollow guitars -----------------------------------------------------------------------------------------------


def _hollow(rng: Rng, kind: str, made: Assembly) -> None:
    row = HOLLOW[kind]
    cutaway = pick(rng, {"none": 65, "round": 20, "sharp": 15} if kind != "ukulele" else {"none": 1})
    outline, depth = waisted(rng, kind, cutaway), rng.uniform(*row.depth)
    bridge, scale_length = rng.uniform(0.26, 0.36), rng.uniform(*row.scale)
    nut = bridge + scale_length
    arched = kind == "archtop"
    half_nut = rng.uniform(0.065, 0.085) if kind == "ukulele" else rng.uniform(0.04, 0.055)
    end = rng.uniform(0.68, 0.76)
    face = rng.uniform(0.05, 0.08) if arched else rng.uniform(0.012, 0.025)
    heel = depth * rng.uniform(0.5, 0.95)
    thick = face + rng.uniform(0.035, 0.055)
    neck = Neck(end, 0.995, nut, bridge, (half_nut * rng.uniform(1.2, 1.4), half_nut), face, thick, heel)
    top = "arched" if arched or (is_star(outline) and rng.random() < 0.06) else "flat"
    bulge = rng.uniform(0.03, 0.06) if top == "arched" else 0.0
    front = Front(outline, depth, bulge, bridge, end, 2 * neck.half[0], made)
    made.traits |= {"family": "resonator" if kind == "resonator" else "acoustic", "cutaway": cutaway, "top": top}
    hole = _box_body(rng, kind, front)
    if kind == "resonator":
        hardware.resonator_cone(rng, front)
    elif arched or hole == "f-holes":
        hardware.floating_bridge(rng, front)
    else:
        hardware.flat_bridge(rng, front)
    if hole == "round" and rng.random() < 0.35 and hardware.pick_guard(rng, front, True):
        made.traits["pick guard"] = "yes"
    if arched and rng.random() < 0.5:
        made.traits["pickups"] = str(hardware.pickups(rng, front))
    _fittings(rng, front)
    strings = "4" if kind == "ukulele" else pick(rng, {"6": 90, "12": 10})
    slotted = kind in ("classical", "parlour", "ukulele") and rng.random() < 0.65
    neck_and_head(rng, neck, made, (strings, "acoustic", slotted))


def _box_body(rng: Rng, kind: str, front: Front) -> str:
    """The hollow body of a guitar with its sound hole; what hole it got."""
    made = front.made
    weights = {"round": 85, "f-holes": 4, "none": 11}
    weights = {"archtop": {"f-holes": 75, "none": 15, "round": 10}, "resonator": {"none": 1}}.get(kind, weights)
    made.traits["hole"] = hole = pick(rng, weights)
    rims = [hardware.round_hole(rng, front)] if hole == "round" else hardware.f_holes(rng, front)
    back = pick(rng, {"flat": 75, "arched": 15, "bowl": 10})
    star = is_star(front.outline)
    if front.bulge > 0 or (star and back != "flat" and hole == "none"):
        deep = {"flat": 0.0, "arched": 0.04, "bowl": 0.6 * front.depth}[back]
        made.add("body", carved(front.outline, front.depth - (deep if back == "bowl" else 0.0), front.bulge, deep))
        made.traits["back"] = back
        if hole != "none":  # no hollows in a bulging top, only slabs where the holes are
            _dark_slabs(rims, front)
        return hole
    pockets = hardware.as_pockets(rims, rng.uniform(0.3, 0.85) * front.depth) if hole != "none" else []
    if hole == "round" and rng.random() < 0.25:
        pockets = []  # drawn as a ring only
        made.traits["rosette"] = "yes"
    elif hole == "round" and rng.random() < 0.3:
        made.traits["rosette"] = "yes"
    if "rosette" in made.traits:
        hardware.rosette(rng, rims[0], made)
    body = board(front.outline, front.depth, rng.choice([0.0, rng.uniform(0.005, 0.02)]), pockets)
    made.add("body", _tapered(rng, body, back, front.depth))
    made.traits["back"] = back
    return hole


def _dark_slabs(rims: list[Outline], front: Front) -> None:
    for rim in rims:
        low = min(front.level(float(x), float(y)) for x, y in rim)
        made = board(rim, 0.02, 0.0, [])
        front.made.add("body", move(made, [0, 0, low + 0.012]))


def _tapered(rng: Rng, body: Solid, back: str, depth: float) -> Solid:
    """The body shallower towards the neck, and its back's edge drawn in where it is a bowl."""
    v = body.vertices.copy()
    slope = rng.uniform(0, 0.25) * (rng.random() < 0.6)
    deep = np.clip(-v[:, 2] / depth, 0, 1)
    v[:, 2] *= 1 - slope * np.clip(v[:, 1], 0, 1)
    shrink = {"flat": 0.0, "arched": 0.03, "bowl": 0.25}[back] * deep**2
    v[:, :2] += (np.array([0, 0.5]) - v[:, :2]) * shrink[:, None]
    return Solid(v, body.faces)


# --- electric guitars ---------------------------------------------------------------------------------------------


def _electric(rng: Rng, kind: str, made: Assembly) -> None:
    row, full = SOLID[kind], kind in FULL
    bass = rng.random() < (0.9 if kind == "violin" else 0.18)
    outline = solid_outline(rng, kind)
    depth = rng.uniform(0.12, 0.2) if full else rng.uniform(0.08, 0.13)
    bridge = rng.uniform(0.2, 0.3) if kind != "flying v" else rng.uniform(0.42, 0.48)
    nut = bridge + (rng.uniform(1.75, 2.05) if bass else rng.uniform(1.4, 1.65))
    nut = max(nut, row.joint + rng.uniform(0.75, 0.9))
    end = min(row.joint - 0.04, bridge + rng.uniform(0.34, 0.42) * (1.2 if bass else 1.0))
    half_nut, face = rng.uniform(0.042, 0.056), rng.uniform(0.02, 0.045)
    thick = min(face + 0.7 * depth, rng.uniform(0.055, 0.085))
    heel = rng.choice([0.0, 0.9 * depth], p=[0.6, 0.4])
    twin = rng.random() < 0.05 and kind not in ("flying v", "warlock", "paddle", "violin")
    star = is_star(outline) and not twin
    top = "arched" if star and rng.random() < (0.7 if full or kind == "les paul" else 0.1) else "flat"
    bulge = min(rng.uniform(0.012, 0.035), 0.9 * face) if top == "arched" else 0.0
    if twin:
        outline = outline * [1.5, 1.0]
    neck = Neck(end, row.joint, nut, bridge, (half_nut * rng.uniform(1.2, 1.35), half_nut), face, thick, heel)
    front = Front(outline, depth, bulge, bridge, end, 2 * neck.half[0], made)
    made.traits |= {"family": "semi-hollow" if full else "electric", "top": top, "necks": "2" if twin else "1"}
    _board_body(rng, full, front)
    strings = pick(rng, {"4": 80, "5": 20} if bass else {"6": 88, "7": 6, "12": 6})
    made.traits["role"] = "bass" if bass else "guitar"
    headless = rng.random() < (0.7 if kind == "paddle" else 0.03)
    style = "headless" if headless else "electric"
    if twin:
        _twin(rng, front, neck, (strings, style))
    else:
        _electric_fittings(rng, front)
        neck_and_head(rng, neck, made, (strings, style, False))
    _fittings(rng, front)


def _board_body(rng: Rng, full: bool, front: Front) -> None:
    made = front.made
    holes = full and rng.random() < 0.75
    made.traits["hole"] = "f-holes" if holes else "none"
    rims = hardware.f_holes(rng, front) if holes else []
    rims = [rim for rim in rims if all(front.inside((float(x), float(y)), 0.02) for x, y in rim)]
    if front.bulge > 0:
        made.add("body", carved(front.outline, front.depth, front.bulge, front.bulge * rng.integers(2)))
        _dark_slabs(rims, front)
        return
    bevel = rng.choice([0.0, rng.uniform(0.06, 0.3) * front.depth], p=[0.3, 0.7])
    rims = [rim for rim in rims if all(front.inside((float(x), float(y)), 0.03 + bevel) for x, y in rim)]
    made.add("body", board(front.outline, front.depth, min(bevel, 0.03), hardware.as_pockets(rims, 0.6 * front.depth)))


def _electric_fittings(rng: Rng, front: Front) -> None:
    traits = front.made.traits
    if rng.random() < 0.1:
        traits["fittings"] = "none"
        hardware.electric_bridge(rng, front)
        return
    if front.bulge == 0 and rng.random() < 0.45 and hardware.pick_guard(rng, front, False):
        traits["pick guard"] = "yes"
    hardware.electric_bridge(rng, front)
    traits["pickups"] = str(hardware.pickups(rng, front))
    hardware.knobs(rng, front, int(rng.integers(1, 5)))
    if rng.random() < 0.25:
        hardware.whammy(rng, front)
        traits["whammy"] = "yes"


def _twin(rng: Rng, front: Front, neck: Neck, style: tuple[str, str]) -> None:
    """Two necks side by side, each with its own bridge and pickups."""
    apart, lean = rng.uniform(0.17, 0.22), rng.uniform(0, 3)
    for side in (-1, 1):
        single = Assembly()
        half = Front(front.outline, front.depth, 0.0, front.bridge, front.end, front.wide, single)
        hardware.electric_bridge(rng, half)
        front.made.traits["pickups"] = str(hardware.pickups(rng, half))
        neck_and_head(rng, neck, single, (style[0] if side < 0 else "6", style[1], False))
        front.made.traits |= single.traits
        for part, solid in single.pieces:
            front.made.add(part, move(turn(solid, "z", -side * lean, (0, neck.bridge, 0)), [side * apart, 0, 0]))


def _fittings(rng: Rng, front: Front) -> None:
    if rng.random() < 0.35:
        hardware.strap_buttons(front)
        front.made.traits["strap buttons"] = "yes"


# --- words -----------------------------------------------------------------------------------------------------------

WORDS: Vocabulary = {
    "acoustic": {"family": ("acoustic",)},
    "electric": {"family": ("electric", "semi-hollow")},
    "semi-hollow": {"family": ("semi-hollow",)},
    "resonator": {"kind": ("resonator",)},
    "dobro": {"kind": ("resonator",)},
    "dreadnought": {"kind": ("dreadnought",)},
    "classical": {"kind": ("classical",)},
    "spanish": {"kind": ("classical",)},
    "parlour": {"kind": ("parlour",)},
    "parlor": {"kind": ("parlour",)},
    "jumbo": {"kind": ("jumbo",)},
    "archtop": {"kind": ("archtop",)},
    "ukulele": {"kind": ("ukulele",)},
    "stratocaster": {"kind": ("stratocaster", "superstrat")},
    "strat": {"kind": ("stratocaster", "superstrat")},
    "telecaster": {"kind": ("telecaster",)},
    "les paul": {"kind": ("les paul",)},
    "sg": {"kind": ("sg",)},
    "flying v": {"kind": ("flying v",)},
    "explorer": {"kind": ("explorer",)},
    "teardrop": {"kind": ("teardrop",)},
    "pointed": {"kind": ("flying v", "explorer", "warlock", "star")},
    "heavy metal": {"kind": ("flying v", "explorer", "warlock", "star", "superstrat")},
    "bass": {"role": ("bass",)},
    "cutaway": {"cutaway": ("round", "sharp")},
    "headless": {"head": ("headless",)},
    "slotted head": {"head": ("slotted",)},
    "double neck": {"necks": ("2",)},
    "twelve-string": {"strings": ("12",)},
    "sound hole": {"hole": ("round",)},
    "f-holes": {"hole": ("f-holes",)},
    "pickguard": {"pick guard": ("yes",)},
    "pick guard": {"pick guard": ("yes",)},
    "whammy bar": {"whammy": ("yes",)},
    "frets": {"frets": ("yes",)},
    "strings": {"strung": ("yes",)},
    "carved top": {"top": ("arched",)},
    "bowl back": {"back": ("bowl",)},
    "left-handed": {"hand": ("left",)},
}
