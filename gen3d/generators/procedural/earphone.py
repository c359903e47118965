"""Earphones: headphones over and on the ears, headsets, neckbands, buds, clips and earpieces.

The ears lie along X, the crown of the head above them (+Y), the face towards +Z. As human labels have it, `headband`
is all that joins the cups and holds them, `wire` the cable with its plug, and `earcup` the rest.
"""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.earphone_bands import BANDS, Frame, band, yokes
from gen3d.generators.procedural.earphone_buds import buds, collar, earpiece
from gen3d.generators.procedural.earphone_cups import Cup, cup
from gen3d.generators.procedural.earphone_wires import cable, joined
from gen3d.generators.procedural.fittings import Rng, Spot, Style, ball, draw_style, pick
from gen3d.generators.procedural.solids import mirror, move, scale, spline, superellipse, sweep, tube, turn
from gen3d.generators.procedural.vocabulary import ABSENT, Vocabulary

KINDS = {
    "over-ear": 40, "on-ear": 16, "headset": 11, "neckband": 5, "buds": 16, "clip-on": 4, "collar": 4, "earpiece": 4,
}  # fmt: skip
WIRES = {"none": 40, "left": 30, "both": 22, "stub": 8}


def earphone(rng: Rng) -> Assembly:
    """One pair of earphones."""
    made = Assembly()
    made.traits["kind"] = kind = pick(rng, KINDS)
    style = draw_style(rng)
    if kind in ("buds", "clip-on"):
        buds(rng, style, made)
    elif kind == "collar":
        collar(rng, style, made)
    elif kind == "earpiece":
        earpiece(rng, style, made)
    elif kind == "neckband":
        _neckband(rng, style, made)
    else:
        _headphones(rng, style, made)
    stretch = np.exp(rng.normal(0, 0.06, 3))
    return Assembly([(part, scale(solid, stretch)) for part, solid in made.pieces], made.traits)


def _headphones(rng: Rng, style: Style, made: Assembly) -> None:
    """Two cups on a headband, perhaps with a microphone."""
    kind = made.traits["kind"]
    radius = rng.uniform(0.26, 0.36) if kind == "on-ear" or rng.random() < 0.15 else rng.uniform(0.36, 0.55)
    right = cup(rng, radius, style, made.traits)
    apart = rng.uniform(0.65, 0.85) - right.inner
    ear = np.array([apart, 0, 0])
    ends = right.tall + rng.uniform(0.06, 0.4)
    wide = apart + rng.uniform(-0.3, 0.8) * right.outer
    frame = Frame(ear, ends + rng.uniform(0.7, 1.1), wide, ends, float(rng.choice([2.0, rng.uniform(2, 3.2)])))
    made.add("headband", *band(rng, frame, style, made.traits), *yokes(rng, frame, right, style, made.traits))
    _add_cups(rng, right, ear, made)
    if kind == "headset" or (kind == "over-ear" and rng.random() < 0.04):
        made.traits["microphone"] = "yes"
        _microphone(rng, right, ear, style, made)
    _wire(rng, right, ear, style, made)


def _add_cups(rng: Rng, right: Cup, ear: Spot, made: Assembly) -> None:
    """Both cups, a little turned: in at the top, in at the back."""
    lean, toe = rng.uniform(-2, 9), rng.uniform(-3, 8)
    for solid in right.solids:
        placed = move(turn(turn(solid, "z", lean), "y", toe), ear)
        made.add("earcup", placed, mirror(placed))


def _microphone(rng: Rng, right: Cup, ear: Spot, style: Style, made: Assembly) -> None:
    """A boom from one cup to before the mouth."""
    start = ear + [0.5 * right.outer, -0.3 * right.tall, 0.5 * right.deep]
    out, drop = rng.uniform(0.6, 1.0), rng.uniform(0.1, 0.6)
    end = np.array([ear[0] * rng.uniform(0.2, 0.9), -drop - right.tall * 0.3, out])
    bulge = 0.55 * start + 0.45 * end + [0.1, -0.1, 0.15]
    path = spline([start, bulge, end], 18)
    thin = rng.uniform(0.02, 0.035)
    pieces = [tube(path, thin, 8), ball(start, rng.uniform(0.06, 0.12), style)]
    big = rng.uniform(1.5, 3.2) * thin
    tip = np.array([path[-1] + (path[-1] - path[-2]) * k for k in (-1.5, -1.2, 0, 1.2, 1.5)])
    pieces.append(tube(tip, np.array([0.6, 1, 1.1, 1, 0.6]) * big, 10))
    left = rng.random() < 0.5
    made.add("earcup", *(mirror(piece) if left else piece for piece in pieces))


def _wire(rng: Rng, right: Cup, ear: Spot, style: Style, made: Assembly) -> None:
    """No wire, one from the left cup, two that meet, or the stub of one."""
    kind = pick(rng, WIRES)
    if kind == "none":
        return
    made.traits["wire"] = kind
    thick = rng.uniform(0.018, 0.045)
    start = ear * [-1, 1, 1] + [-0.25 * right.outer, -0.85 * right.tall, 0]
    relief = tube([start + [0, 0.12, 0], start - [0, 0.1, 0]], [1.8 * thick, 1.2 * thick], 8)
    if kind == "both":
        other = start * [-1, 1, 1]
        low = start[1] - rng.uniform(0.4, 1.0)
        wires, meet = joined(rng, (start, other), low, thick, style)
        made.add("wire", *wires, relief, mirror(relief))
        made.add("wire", *cable(rng, meet, rng.uniform(0.4, 1.6), thick, style, made.traits))
        return
    length = rng.uniform(0.3, 0.6) if kind == "stub" else rng.uniform(0.8, 2.6)
    made.add("wire", relief, *cable(rng, start, length, thick, style, made.traits))


def _neckband(rng: Rng, style: Style, made: Assembly) -> None:
    """Two small cups on a bow that goes over the ears and behind the neck."""
    right = cup(rng, rng.uniform(0.24, 0.36), style, made.traits)
    ear = np.array([rng.uniform(0.65, 0.8) - right.inner, 0, 0])
    rise, back, drop = rng.uniform(0.15, 0.4) + right.tall, rng.uniform(0.8, 1.2), rng.uniform(-0.1, 0.5)
    x = ear[0] + 0.3 * right.outer
    side = np.array([
        [x, 0.6 * right.tall, 0.3 * right.deep], [x, rise, 0], [x, 0.75 * rise, -0.45], [0.95 * x, -0.6 * drop, -0.7],
        [0.6 * x, -drop, -back], [0, -drop, -1.1 * back],
    ])  # fmt: skip
    path = spline(np.concatenate([side, (side * [-1, 1, 1])[-2::-1]]), 61)
    thin = rng.uniform(0.03, 0.06)
    section = superellipse(2 * thin, rng.uniform(1, 3) * 2 * thin, 3, 12)
    made.add("headband", sweep(section, path, up=(0, 1, 0.3)))
    made.traits["band"] = "neckband"
    if rng.random() < 0.4:
        made.add("headband", sweep(1.5 * section, path[20:41], up=(0, 1, 0.3)))
    _add_cups(rng, right, ear, made)
    _wire(rng, right, ear, style, made)


# --- words --------------------------------------------------------------------------------------------------------

_HEAD = {"kind": ("over-ear", "on-ear", "headset")}
_BUDS = {"kind": ("buds",)}
_WIRED = {"wire": ("left", "both", "stub")}
_NO_WIRE = {"wire": (ABSENT,)}
_BANDED = {"band": (*BANDS, "neckband", "collar")}
WORDS: Vocabulary = {
    "headphone": _HEAD, "over ear": {"kind": ("over-ear",)}, "on ear": {"kind": ("on-ear",)},
    "headset": {"microphone": ("yes",)}, "microphone": {"microphone": ("yes",)}, "mic": {"microphone": ("yes",)},
    "gaming": {"kind": ("headset",)}, "neckband": {"kind": ("neckband",)}, "collar": {"kind": ("collar",)},
    "earbud": _BUDS, "bud": _BUDS, "in ear": {"kind": ("buds", "clip-on", "collar")},
    "clip on": {"kind": ("clip-on",)}, "clip": {"kind": ("clip-on",)}, "hook": {"hook": ("yes",)},
    "earpiece": {"kind": ("earpiece",)}, "bluetooth": {"kind": ("earpiece", "collar")}, "remote": {"remote": ("yes",)},
    # cups
    "round cup": {"plan": ("round",)}, "oval cup": {"plan": ("oval", "egg")}, "square cup": {"plan": ("square",)},
    "flat cup": {"shell": ("flat", "slim")}, "domed cup": {"shell": ("domed",)}, "stepped cup": {"shell": ("stepped",)},
    "foam": {"cushion": ("foam",)}, "cushion": {"cushion": ("ring", "slab", "foam")},
    "ring cushion": {"cushion": ("ring",)},
    # headband
    "headband": _BANDED, "padded": {"band": ("padded", "cushioned")}, "wire headband": {"band": ("wire",)},
    "double headband": {"band": ("double",)}, "suspended headband": {"band": ("suspended",)},
    "wide headband": {"band": ("wide",)}, "plain headband": {"band": ("strip",)}, "fork": {"yoke": ("fork",)},
    "yoke": {"yoke": ("fork",)}, "dj": {"kind": ("over-ear",), "yoke": ("fork", "stem", "housing")},
    # wire
    "wire": _WIRED, "wired": _WIRED, "cable": _WIRED, "cord": _WIRED, "wireless": _NO_WIRE, "cordless": _NO_WIRE,
    "coiled wire": {"course": ("coil",)}, "straight wire": {"course": ("straight",)},
    "bundled wire": {"course": ("bundle",)}, "one wire": {"wire": ("left", "stub")}, "y wire": {"wire": ("both",)},
}  # fmt: skip
