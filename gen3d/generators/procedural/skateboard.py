"""Skateboards: street boards, longboards, cruisers, old school and sixties boards, mountain boards and toys.

Lengths are in halves of the deck's length: the deck reaches from z = -1 (tail) to z = 1 (nose), wheels are below it.
As human labels have it, `belt` is the whole truck: base plate, hanger and axle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.skateboard_deck import Deck, deck_solid, draw_deck, extras
from gen3d.generators.procedural.skateboard_trucks import TRUCKS, WHEELS, truck, wheel
from gen3d.generators.procedural.solids import mirror, move
from gen3d.generators.procedural.vessel import pick
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator
Range = tuple[float, float]


class Kind(NamedTuple):
    """What one kind of board is drawn from.

    Args:
        weight: how often it is drawn, relative to the others.
        width: range of half the deck's width; `thick`: of its thickness; `wheel`: of the wheels' radius.
        outlines, kicks, sides: weights of the deck's outline, of its upturned ends, and of its run between them.
        trucks, wheels: weights of their designs.
        reach: range of the wheels' outer faces, in half widths of the deck.
    """

    weight: int
    width: Range
    thick: Range
    wheel: Range
    outlines: dict[str, int]
    kicks: dict[str, int]
    sides: dict[str, int]
    trucks: dict[str, int]
    wheels: dict[str, int]
    reach: Range = (0.75, 1.05)


_PLAIN = {"flat": 80, "rocker": 12, "camber": 8}
_LONG = {"pintail": 5, "oval": 4, "double pin": 3, "cutout": 5, "square tail": 2, "popsicle": 2, "hammerhead": 2}
KINDS = {
    "street": Kind(
        40, (0.21, 0.29), (0.018, 0.05), (0.055, 0.09), {"popsicle": 12, "oval": 2, "square tail": 1},
        {"both": 90, "tail": 6, "none": 4}, _PLAIN, {"hanger": 8, "plain": 3, "block": 2}, WHEELS,
    ),
    "longboard": Kind(
        17, (0.19, 0.27), (0.018, 0.045), (0.06, 0.1), _LONG, {"none": 70, "tail": 18, "both": 12},
        {"flat": 40, "rocker": 15, "camber": 25, "drop": 20}, {"hanger": 8, "plain": 2, "block": 1}, WHEELS,
        (0.85, 1.2),
    ),
    "cruiser": Kind(
        13, (0.23, 0.31), (0.02, 0.06), (0.085, 0.13), {"penny": 5, "square tail": 4, "popsicle": 2, "oval": 1},
        {"tail": 80, "both": 12, "none": 8}, _PLAIN, {"hanger": 6, "plain": 3, "block": 1}, WHEELS,
    ),
    "old school": Kind(
        10, (0.27, 0.37), (0.02, 0.05), (0.065, 0.1), {"fish": 5, "square tail": 3, "coffin": 2},
        {"tail": 80, "both": 10, "none": 10}, _PLAIN, {"hanger": 6, "plain": 3, "block": 1}, WHEELS, (0.6, 0.9),
    ),
    "sixties": Kind(
        8, (0.17, 0.26), (0.03, 0.08), (0.05, 0.085),
        {"rectangle": 3, "oval": 2, "square tail": 2, "pintail": 1, "double pin": 1},
        {"none": 85, "tail": 15}, {"flat": 9, "rocker": 1}, {"plain": 3, "block": 3, "hanger": 1}, WHEELS,
    ),
    "mountain": Kind(
        5, (0.15, 0.22), (0.018, 0.045), (0.12, 0.2), {"oval": 2, "double pin": 2, "popsicle": 1},
        {"both": 75, "none": 25}, {"flat": 60, "camber": 40}, {"hanger": 3, "plain": 3},
        {"tyre": 6, "lipped": 2, "hub": 2}, (1.35, 2.0),
    ),
    "toy": Kind(
        7, (0.22, 0.36), (0.05, 0.12), (0.09, 0.19), {"popsicle": 4, "rectangle": 3, "oval": 2, "coffin": 1},
        {"both": 50, "tail": 15, "none": 35}, _PLAIN, {"block": 5, "plain": 3, "rail": 2},
        {"flat": 4, "round": 4, "hub": 2, "tyre": 1},
    ),
}  # fmt: skip


def skateboard(rng: Rng) -> Assembly:
    """One skateboard with its nose towards +Z."""
    made = Assembly()
    name = pick(rng, {name: kind.weight for name, kind in KINDS.items()})
    kind = KINDS[name]
    made.traits |= {
        "kind": name,
        "outline": pick(rng, kind.outlines),
        "kick": pick(rng, kind.kicks),
        "run": pick(rng, kind.sides),
        "truck": pick(rng, kind.trucks),
        "wheel": pick(rng, kind.wheels),
    }
    deck = draw_deck(rng, float(rng.uniform(*kind.width)), float(rng.uniform(*kind.thick)), made.traits)
    made.add("deck", deck_solid(rng, deck))
    _undercarriage(rng, kind, deck, made)
    extras(rng, deck, made)
    return made


def _undercarriage(rng: Rng, kind: Kind, deck: Deck, made: Assembly) -> None:
    """Two trucks with two wheels each."""
    radius = float(rng.uniform(*kind.wheel))
    made.traits["wheels"] = "large" if radius > 0.105 else "small" if radius < 0.07 else "medium"
    outer = float(rng.uniform(*kind.reach)) * deck.width
    wide = min(radius * float(rng.uniform(0.5, 1.15 if made.traits["wheel"] != "tyre" else 0.8)), 0.45 * outer)
    inner = outer - wide
    clear = 1.05 if outer - wide < deck.width else 0.6  # beside the deck a wheel may reach up past it
    drop = max(radius * float(rng.uniform(clear, clear + 0.6)), 0.045 + 0.4 * radius)
    spread = float(rng.uniform(*deck.wheelbase))
    style = TRUCKS[made.traits["truck"]]
    state = rng.bit_generator.state
    for side in (-1, 1):
        rng.bit_generator.state = state  # both trucks alike
        under = np.array([0, deck.height(side * spread) - 0.45 * deck.thick, side * spread])
        pieces = truck(rng, style, drop, outer * float(rng.uniform(0.92, 1.04)), inner)
        made.add("belt", *[move(mirror(p, "z") if side < 0 else p, under) for p in pieces])
        disc = wheel(rng, made.traits["wheel"], radius, wide)
        axle = under - [0, drop, 0]
        for solid in (disc, mirror(disc)):
            offset = (inner + wide / 2) * (1 if solid is disc else -1)
            made.add("wheel", move(solid, axle + [offset, 0, 0]))


WORDS: Vocabulary = {
    "street": {"kind": ("street",)},
    "street skateboard": {"kind": ("street",)},
    "popsicle": {"outline": ("popsicle",)},
    "longboard": {"kind": ("longboard",)},
    "cruiser": {"kind": ("cruiser",)},
    "penny": {"outline": ("penny",)},
    "old school": {"kind": ("old school",)},
    "sixties": {"kind": ("sixties",)},
    "vintage": {"kind": ("sixties", "old school")},
    "retro": {"kind": ("sixties", "old school", "cruiser")},
    "mountain board": {"kind": ("mountain",)},
    "off-road": {"kind": ("mountain",)},
    "toy": {"kind": ("toy",)},
    "pintail": {"outline": ("pintail", "double pin")},
    "pointed": {"outline": ("pintail", "double pin", "fish", "coffin")},
    "oval": {"outline": ("oval",)},
    "drop-through": {"outline": ("cutout", "hammerhead")},
    "cutout": {"outline": ("cutout", "hammerhead")},
    "square tail": {"outline": ("square tail", "fish")},
    "fish": {"outline": ("fish",)},
    "rectangular": {"outline": ("rectangle",)},
    "double kick": {"kick": ("both",)},
    "kick tail": {"kick": ("tail", "both")},
    "flat": {"kick": ("none",), "run": ("flat",)},
    "drop deck": {"run": ("drop",)},
    "cambered": {"run": ("camber",)},
    "curved": {"run": ("rocker", "camber")},
    "concave": {"concave": ("concave",)},
    "big wheels": {"wheels": ("large",)},
    "small wheels": {"wheels": ("small",)},
    "simple trucks": {"truck": ("block", "rail")},
    "grip tape": {"grip": ("tape",)},
    "four wheels": {},
    "rails": {"rails": ("two",)},
    "bolts": {"bolts": ("eight",)},
}
