"""Bags: totes, handbags, backpacks, suitcases, duffels, briefcases, paper bags, pouches and clutches.

Lengths are in widths of the bag, which stands on y = 0 with its broad faces towards +Z and -Z. As human labels have it,
`handle` is every strap, loop, chain or rod that it is carried by; all else is `body`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural import bag_handles as handles
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.bag_body import Body
from gen3d.generators.procedural.bag_kinds import KINDS
from gen3d.generators.procedural.solids import Solid
from gen3d.generators.procedural.vessel import pick
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator

_WEIGHTS = {
    "tote": 17, "handbag": 24, "backpack": 11, "suitcase": 10, "paper bag": 8, "duffel": 7, "messenger": 5,
    "briefcase": 6, "bucket": 4, "clutch": 5, "pouch": 3, "hobo": 4,
}  # fmt: skip
# What each kind is carried by; "top" one handle in the middle, "pair" one on either face, "strap" from side to side.
_HANDLES = {
    "tote": {"pair": 8, "strap": 1, "vest": 1},
    "handbag": {"pair": 6, "top": 5, "strap": 4, "fallen": 1},
    "backpack": {"shoulder straps": 1},
    "suitcase": {"top": 5, "telescopic": 4},
    "paper bag": {"pair": 8, "none": 1},
    "duffel": {"pair": 7, "strap": 2, "both": 2},
    "messenger": {"strap": 7, "fallen": 2, "top": 1},
    "briefcase": {"top": 8, "pair": 1, "both": 1},
    "bucket": {"strap": 6, "pair": 3, "top": 1},
    "clutch": {"none": 6, "strap": 2, "wrist loop": 3},
    "pouch": {"none": 4, "strap": 2, "wrist loop": 1},
    "hobo": {"strap": 1},
}
_GRIPS = {"flat": 40, "ribbon": 18, "round": 28, "chain": 8, "grip": 6}
_STIFF = {"round": 4, "grip": 4, "flat": 4}
_SOFT = ("tote", "handbag", "backpack", "duffel", "messenger", "bucket", "pouch", "hobo")


def bag(rng: Rng) -> Assembly:
    """One bag."""
    made = Assembly()
    made.traits["kind"] = kind = pick(rng, _WEIGHTS)
    body = KINDS[kind](rng, made)
    made.traits["handle"] = way = pick(rng, _HANDLES[kind])
    if way != "none":
        _carried(rng, kind, way, body, made)
    if kind in _SOFT and rng.random() < 0.5:
        made.traits["finish"] = "soft"
        _crumple(rng, made)
    return made


def _carried(rng: Rng, kind: str, way: str, body: Body, made: Assembly) -> None:
    """Add the handle or handles."""
    hard = kind in ("suitcase", "briefcase")
    grip = pick(rng, _STIFF if hard else _GRIPS)
    if way in ("pair", "vest", "both") and grip == "chain" and kind != "handbag":
        grip = "flat"
    if way == "vest":  # as of thin plastic bags
        grip = "ribbon"
    if way not in ("shoulder straps", "telescopic"):
        made.traits["grip"] = grip
    tall = float(rng.uniform(0.08, 0.2) if hard else rng.uniform(0.15, 0.6))
    long = float(rng.uniform(0.35, 1.3))
    share = float(rng.uniform(0.15, 0.35) if hard else rng.uniform(0.25, 0.7))
    solids = {
        "top": lambda: handles.top_handle(rng, body, grip, tall, share),
        "pair": lambda: handles.pair(rng, body, grip, tall, share),
        "vest": lambda: handles.pair(rng, body, grip, float(rng.uniform(0.3, 0.5)), 0.8),
        "strap": lambda: handles.side_strap(rng, body, grip, long),
        "both": lambda: [
            *handles.pair(rng, body, grip, 0.5 * tall, share),
            *handles.side_strap(rng, body, grip, long),
        ],
        "fallen": lambda: handles.fallen_strap(rng, body, grip),
        "shoulder straps": lambda: handles.carry_straps(rng, body),
        "telescopic": lambda: handles.telescopic(rng, body),
        "wrist loop": lambda: handles.wrist_loop(rng, body, grip),
    }[way]()
    if way in ("strap", "both"):
        made.traits["strap"] = "long" if long > 0.75 else "short"
    made.add("handle", *solids)


def _crumple(rng: Rng, made: Assembly) -> None:
    """Soft folds over the whole bag: one smooth random displacement."""
    waves = rng.normal(0, 1, (6, 3))
    waves *= (2 * np.pi / rng.uniform(0.5, 1.5, 6) / np.linalg.norm(waves, axis=1))[:, None]
    phase, push = rng.uniform(0, 2 * np.pi, 6), rng.normal(0, float(rng.uniform(0.002, 0.012)), (6, 3))

    def moved(v: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        return v + np.sin(v @ waves.T + phase) @ push

    made.pieces = [(part, Solid(moved(solid.vertices), solid.faces)) for part, solid in made.pieces]


_CARRIED = ("top", "pair", "vest", "strap", "both", "fallen", "shoulder straps", "telescopic", "wrist loop")
WORDS: Vocabulary = {
    "tote": {"kind": ("tote",)},
    "shopping bag": {"kind": ("tote", "paper bag")},
    "shopping": {"kind": ("tote", "paper bag")},
    "handbag": {"kind": ("handbag",)},
    "purse": {"kind": ("handbag", "clutch")},
    "satchel": {"kind": ("messenger", "briefcase")},
    "backpack": {"kind": ("backpack",)},
    "school": {"kind": ("backpack",), "form": ("school",)},
    "rucksack": {"kind": ("backpack",), "form": ("rucksack",)},
    "suitcase": {"kind": ("suitcase",)},
    "luggage": {"kind": ("suitcase", "duffel")},
    "trolley": {"handle": ("telescopic",)},
    "wheels": {"wheels": ("wheels",)},
    "paper": {"kind": ("paper bag",)},
    "gift": {"kind": ("paper bag",)},
    "duffel": {"kind": ("duffel",)},
    "sports": {"kind": ("duffel",)},
    "travel": {"kind": ("duffel", "suitcase")},
    "messenger": {"kind": ("messenger",)},
    "briefcase": {"kind": ("briefcase",)},
    "bucket": {"kind": ("bucket",)},
    "clutch": {"kind": ("clutch",)},
    "pouch": {"kind": ("pouch",)},
    "sack": {"kind": ("pouch",)},
    "hobo": {"kind": ("hobo",)},
    "open": {"top": ("open",)},
    "flap": {"closing": ("flap",)},
    "drawstring": {"cord": ("drawstring",)},
    "front pocket": {"pocket": ("front",)},
    "pocket": {"pocket": ("front", "ends")},
    "handle": {"handle": _CARRIED},
    "top handle": {"handle": ("top",)},
    "two handles": {"handle": ("pair", "vest", "both")},
    "shoulder strap": {"handle": ("strap", "both", "fallen")},
    "strap": {"handle": ("strap", "both", "fallen", "shoulder straps", "wrist loop")},
    "long strap": {"strap": ("long",)},
    "shoulder straps": {"handle": ("shoulder straps",)},
    "wrist loop": {"handle": ("wrist loop",)},
    "chain": {"grip": ("chain",)},
    "soft": {"finish": ("soft",)},
}
