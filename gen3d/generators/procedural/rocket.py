"""Rockets: missiles, launchers of one or more stages with boosters, V2-like ones, comic and toy rockets, space planes.

Lengths are in lengths of the rocket, which stands on its tail (+Y is the nose). As human labels have it, `body` is all
that is neither fin (wings and legs count as fins) nor nose: boosters, engines and windows belong to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.rocket_fins import around, draw_fin, fin_solid, grid_fin, leg, tip
from gen3d.generators.procedural.rocket_hull import BODIES, Hull, nose
from gen3d.generators.procedural.rocket_parts import boosters, engines, portholes
from gen3d.generators.procedural.rocket_planes import space_plane
from gen3d.generators.procedural.vessel import pick
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator
Range = tuple[float, float]


class Kind(NamedTuple):
    """What one kind of rocket is drawn from.

    Args:
        weight: how often it is drawn, relative to the others.
        radius: range of the body's radius; `nose`: of the nose's length.
        bodies, noses, fins, counts: weights of the designs of body, nose and fins and of the number of fins.
        span, root: ranges of the fins' span (in body radii) and of the length of their root.
        engines: weights of the number of engines.
        boosters, windows, wings: chances of these.
        fin_thick: range of the fins' thickness.
    """

    weight: int
    radius: Range
    nose: Range
    bodies: dict[str, int]
    noses: dict[str, int]
    fins: dict[str, int]
    counts: dict[str, int]
    span: Range
    root: Range
    engines: dict[str, int]
    boosters: float = 0.0
    windows: float = 0.0
    wings: float = 0.0
    fin_thick: Range = (0.004, 0.014)


_FEW = {"none": 6, "one": 4}
KINDS = {
    "missile": Kind(
        24, (0.035, 0.075), (0.08, 0.25), {"straight": 6, "banded": 2, "tapered": 1, "staged": 1},
        {"cone": 3, "ogive": 5, "dome": 3, "needle": 2, "spike": 1, "stepped": 1},
        {"delta": 4, "trapezoid": 4, "swept": 2, "rectangle": 2, "clipped": 3}, {"4": 9, "3": 2, "6": 1},
        (0.9, 3.0), (0.08, 0.25), _FEW, wings=0.62,
    ),
    "launcher": Kind(
        22, (0.045, 0.11), (0.08, 0.25), {"staged": 5, "straight": 3, "bulged": 2, "tapered": 1, "banded": 2},
        {"cone": 3, "ogive": 3, "fairing": 3, "capsule": 4, "dome": 1, "stepped": 1},
        {"trapezoid": 3, "delta": 3, "swept": 1, "grid": 2, "none": 3, "clipped": 1}, {"4": 6, "3": 2},
        (0.4, 1.6), (0.06, 0.16), {"one": 3, "four": 3, "five": 3, "none": 2}, boosters=0.5,
    ),
    "v2": Kind(
        12, (0.07, 0.13), (0.2, 0.35), {"spindle": 8, "tapered": 2}, {"ogive": 5, "cone": 2, "needle": 1, "spike": 1},
        {"clipped": 3, "trapezoid": 3, "swept": 2, "delta": 1}, {"4": 8, "3": 2},
        (0.9, 1.8), (0.18, 0.35), {"none": 4, "one": 6},
    ),
    "comic": Kind(
        18, (0.12, 0.24), (0.15, 0.35), {"spindle": 8, "tapered": 1, "straight": 1},
        {"ogive": 4, "cone": 2, "spike": 2, "ball": 3, "needle": 1},
        {"curved": 6, "hook": 3, "swept": 2, "legs": 2, "elliptic": 1}, {"3": 6, "4": 4},
        (0.6, 1.5), (0.2, 0.42), {"one": 7, "none": 3}, windows=0.55, fin_thick=(0.012, 0.05),
    ),
    "toy": Kind(
        10, (0.1, 0.22), (0.15, 0.4), {"straight": 6, "banded": 2, "bulged": 1},
        {"cone": 5, "dome": 3, "ball": 1, "ogive": 2},
        {"trapezoid": 2, "delta": 3, "rectangle": 2, "curved": 2, "elliptic": 1, "legs": 1}, {"3": 4, "4": 5},
        (0.5, 1.3), (0.15, 0.4), {"none": 5, "one": 4}, boosters=0.12, windows=0.35, fin_thick=(0.015, 0.06),
    ),
    "model": Kind(
        9, (0.035, 0.06), (0.1, 0.22), {"straight": 8, "staged": 2, "bulged": 1}, {"ogive": 6, "cone": 3, "dome": 1},
        {"trapezoid": 4, "elliptic": 4, "swept": 3, "clipped": 2}, {"3": 5, "4": 5},
        (1.2, 2.6), (0.1, 0.2), {"none": 7, "one": 3},
    ),
}  # fmt: skip
PLANES = 7  # weight of the rockets with wings, beside those of KINDS
FINS = ("delta", "trapezoid", "swept", "rectangle", "elliptic", "curved", "hook", "clipped", "grid", "legs")
NAMES = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six"}


def rocket(rng: Rng) -> Assembly:
    """One rocket, nose up."""
    made = Assembly()
    name = pick(rng, {**{name: kind.weight for name, kind in KINDS.items()}, "shuttle": PLANES})
    made.traits["kind"] = name
    if name == "shuttle":
        space_plane(rng, made)
        return made
    kind = KINDS[name]
    traits = made.traits
    traits |= {"body": pick(rng, kind.bodies), "nose": pick(rng, kind.noses), "fin": pick(rng, kind.fins)}
    high = float(rng.uniform(*kind.nose))
    rows = BODIES[traits["body"]](rng, float(rng.uniform(*kind.radius)), 1 - high, traits)
    hull = Hull(rows, int(rng.choice([12, 16, 24, 32], p=[0.1, 0.25, 0.4, 0.25])))
    made.add("body", hull.solid())
    made.add("nose", *nose(rng, traits["nose"], hull, high))
    start, skin = float(rng.choice([0, 45, 60])), hull
    if rng.random() < kind.boosters:
        solids, skin = boosters(rng, hull, traits)
        made.add("body", *solids)
        start = 45.0 if traits["boosters"] in ("two", "four") else start
    if skin is not hull and traits["fin"] not in ("none", "grid", "legs") and rng.random() < 0.5:
        _booster_fins(rng, kind, skin, made)
    else:
        _fins(rng, kind, hull, start, made)
    traits["engines"] = pick(rng, kind.engines)
    made.add("body", *engines(rng, hull, traits["engines"]))
    if rng.random() < kind.windows:
        made.add("body", *portholes(rng, hull, traits))
    return made


def _fins(rng: Rng, kind: Kind, hull: Hull, start: float, made: Assembly) -> None:
    """All fins of a rocket: at the tail, and for some also wings further up."""
    style = made.traits["fin"]
    if style == "none":
        return
    count = int(pick(rng, kind.counts))
    made.traits["fins"] = NAMES[str(count)]
    radius = float(hull.rows[:, 0].max())
    span = radius * float(rng.uniform(*kind.span))
    if style == "grid":
        panel = grid_fin(rng, hull, hull.top * float(rng.uniform(0.75, 0.95)), float(rng.uniform(0.04, 0.08)))
        made.add("fin", *around(panel, count, start))
        return
    if style == "legs":
        stilt = leg(rng, hull, float(rng.uniform(0.1, 0.25)), span, float(rng.uniform(0.06, 0.15)))
        made.add("fin", *around(stilt, count, start))
        return
    root = float(rng.uniform(*kind.root))
    low = float(rng.choice([0.0, rng.uniform(0.0, 0.06)]))
    fin = draw_fin(rng, style, span, (low, low + root), float(rng.uniform(*kind.fin_thick)))
    made.add("fin", *around(fin_solid(hull, fin), count, start))
    if kind.windows and rng.random() < 0.12:
        made.traits["tips"] = "pods"
        made.add("fin", *around(tip(rng, fin, hull), count, start))
    if rng.random() < kind.wings:
        _wings(rng, hull, (low + root, span, count, start), float(fin.thick[0]), made)


def _booster_fins(rng: Rng, kind: Kind, skin: Hull, made: Assembly) -> None:
    """One fin on the outer side of every booster."""
    count = {"two": 2, "three": 3, "four": 4, "six": 6}[made.traits["boosters"]]
    made.traits["fins"] = NAMES[str(count)]
    span = float(kind.radius[1]) * float(rng.uniform(0.5, 1.2))
    low = float(skin.rows[0, 1]) + 0.01
    fin = draw_fin(rng, made.traits["fin"], span, (low, low + float(rng.uniform(*kind.root))), 0.008)
    made.add("fin", *around(fin_solid(skin, fin), count, 0.0))


def _wings(rng: Rng, hull: Hull, tail: tuple[float, float, int, float], thick: float, made: Assembly) -> None:
    """A second set of fins at the middle (wings, strakes) or near the nose (canards) of a missile."""
    above, span, count, start = tail
    kind = pick(rng, {"wings": 5, "strakes": 2, "canards": 3})
    made.traits["wings"] = kind
    at = {"wings": (0.4, 0.6), "strakes": (0.35, 0.5), "canards": (0.82, 0.93)}[kind]
    long = {"wings": (0.1, 0.25), "strakes": (0.25, 0.4), "canards": (0.04, 0.08)}[kind]
    share = {"wings": (0.7, 1.4), "strakes": (0.25, 0.5), "canards": (0.4, 0.8)}[kind]
    low = max(hull.top * float(rng.uniform(*at)), above + 0.02)
    top = min(low + float(rng.uniform(*long)), 0.98 * hull.top)
    outline = pick(rng, {"delta": 4, "trapezoid": 3, "clipped": 2})
    fin = draw_fin(rng, outline, span * float(rng.uniform(*share)), (low, top), thick)
    made.add("fin", *around(fin_solid(hull, fin), count, start))


WORDS: Vocabulary = {
    "missile": {"kind": ("missile",)},
    "space rocket": {"kind": ("launcher", "shuttle")},
    "launcher": {"kind": ("launcher",)},
    "v2": {"kind": ("v2",)},
    "comic": {"kind": ("comic",)},
    "cartoon": {"kind": ("comic",)},
    "retro": {"kind": ("comic", "v2")},
    "toy": {"kind": ("toy",)},
    "model": {"kind": ("model",)},
    "shuttle": {"kind": ("shuttle",)},
    "space shuttle": {"kind": ("shuttle",)},
    "space plane": {"plane": ("glider",)},
    "booster": {"boosters": ("two", "three", "four", "six")},
    "boosters": {"boosters": ("two", "three", "four", "six")},
    "two boosters": {"boosters": ("two",)},
    "four boosters": {"boosters": ("four",)},
    "multi-stage": {"body": ("staged",)},
    "two-stage": {"stages": ("two",)},
    "three-stage": {"stages": ("three",)},
    "pointed nose": {"nose": ("cone", "ogive", "needle", "spike")},
    "conical nose": {"nose": ("cone", "stepped")},
    "round nose": {"nose": ("dome", "blunt", "fairing")},
    "capsule": {"nose": ("capsule",)},
    "escape tower": {"nose": ("capsule",)},
    "fairing": {"nose": ("fairing",)},
    "antenna": {"nose": ("spike", "ball")},
    "three fins": {"fins": ("three",)},
    "four fins": {"fins": ("four",)},
    "curved fins": {"fin": ("curved", "hook")},
    "swept fins": {"fin": ("swept",)},
    "delta fins": {"fin": ("delta",)},
    "legs": {"fin": ("legs",)},
    "fins": {"fin": FINS},
    "finless": {"fin": ("none",)},
    "wings": {"wings": ("wings", "strakes", "plane")},
    "canards": {"wings": ("canards",)},
    "windows": {"windows": ("one", "two", "three")},
    "portholes": {"windows": ("one", "two", "three")},
    "nozzle": {"engines": ("one", "four", "five", "three")},
    "several engines": {"engines": ("four", "five", "three")},
    "fat": {"kind": ("comic", "toy")},
    "slim": {"kind": ("missile", "model")},
}
