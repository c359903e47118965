"""Airplanes of every common kind, crisp or organic: nose towards +Z, wings along X, fins upwards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.airplane_engines import ENGINES, Plane, canopy, fairing, gear, intakes, struts
from gen3d.generators.procedural.airplane_fuselage import FUSELAGES, Fuselage, Range, make_fuselage
from gen3d.generators.procedural.airplane_surfaces import (
    PLANS,
    Grown,
    Panel,
    Weights,
    add_grown,
    filleted,
    grow,
    make_panel,
    section_kind,
)
from gen3d.generators.procedural.airplane_tails import TAILS, TailSize
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.draws import pick
from gen3d.generators.procedural.solids import Solid, both, loft, rod
from gen3d.generators.procedural.vocabulary import Vocabulary


@dataclass(frozen=True)
class Role:
    """What kinds of parts go together in one role of airplane.

    Args:
        share: how often the role is drawn.
        fuselage, plan, tail, engine: weights of the kinds.
        span: length of one wing, in half fuselage lengths.
        height: where the wing leaves the fuselage: -1 bottom, 1 top.
        position: where along the fuselage its root's middle is: 0 nose, 1 tail.
    """

    share: float
    fuselage: Weights
    plan: Weights
    tail: Weights
    engine: Weights
    span: Range
    height: Range = (-0.75, 0.2)
    position: Range = (0.38, 0.55)


_CLASSIC = {"conventional": 0.78, "t": 0.1, "cruciform": 0.05, "twin": 0.02, "v": 0.03, "booms": 0.02}
ROLES: dict[str, Role] = {
    "plain": Role(
        0.3, {"plain": 0.58, "tube": 0.12, "waisted": 0.12, "cone": 0.12, "stubby": 0.06},
        {"straight": 0.14, "tapered": 0.26, "swept": 0.34, "rounded": 0.1, "elliptic": 0.06, "cropped": 0.1},
        _CLASSIC, {"none": 0.8, "nose propeller": 0.1, "under four": 0.03, "rear two": 0.04, "under two": 0.03},
        (0.65, 1.5), (-0.7, 0.75),
    ),
    "liner": Role(
        0.2, {"tube": 0.9, "stubby": 0.1}, {"swept": 0.5, "cranked": 0.4, "tapered": 0.1},
        {"conventional": 0.68, "t": 0.28, "cruciform": 0.04},
        {"none": 0.17, "under two": 0.35, "under four": 0.18, "rear two": 0.2, "rear three": 0.08, "buried": 0.02},
        (0.65, 1.05), (-0.8, -0.4), (0.42, 0.56),
    ),
    "fighter": Role(
        0.17, {"dart": 0.75, "waisted": 0.15, "plain": 0.1},
        {"swept": 0.35, "cropped": 0.35, "delta": 0.18, "forward": 0.04, "tapered": 0.04, "ogive": 0.04},
        {"low": 0.4, "conventional": 0.2, "twin": 0.22, "fin": 0.12, "t": 0.06},
        {"none": 0.66, "nozzle": 0.24, "under two": 0.05, "rear two": 0.05}, (0.35, 0.75), (-0.6, 0.7), (0.5, 0.65),
    ),
    "light": Role(
        0.13, {"cone": 0.5, "slab": 0.2, "plain": 0.2, "pod": 0.1},
        {"straight": 0.34, "rounded": 0.2, "tapered": 0.3, "elliptic": 0.16}, _CLASSIC,
        {"none": 0.2, "nose propeller": 0.55, "wing propellers two": 0.2, "pusher": 0.05}, (0.8, 1.6), (-0.75, 0.95),
        (0.3, 0.45),
    ),
    "glider": Role(
        0.08, {"pod": 0.5, "stick": 0.35, "plain": 0.15}, {"straight": 0.4, "tapered": 0.4, "elliptic": 0.2},
        {"conventional": 0.5, "t": 0.3, "v": 0.15, "cruciform": 0.05}, {"none": 0.96, "nose propeller": 0.04},
        (1.2, 2.6), (0.0, 0.95), (0.28, 0.45),
    ),
    "transport": Role(
        0.06, {"stubby": 0.5, "tube": 0.3, "slab": 0.2}, {"straight": 0.25, "tapered": 0.5, "swept": 0.25},
        {"conventional": 0.5, "t": 0.28, "h": 0.13, "booms": 0.09},
        {"wing propellers two": 0.3, "wing propellers four": 0.4, "under four": 0.2, "none": 0.1},
        (0.9, 1.4), (0.3, 0.9),
    ),
    "delta": Role(
        0.06, {"dart": 0.7, "plain": 0.3}, {"delta": 0.5, "ogive": 0.3, "cropped": 0.2},
        {"fin": 0.6, "twin": 0.2, "low": 0.2},
        {"none": 0.55, "nozzle": 0.15, "under two": 0.1, "buried": 0.2}, (0.4, 0.85), (-0.6, 0.2), (0.55, 0.65),
    ),
}  # fmt: skip


def airplane(rng: np.random.Generator) -> Assembly:
    """One airplane. Its role draws the kinds; one in ten swaps some for those of another role."""
    name = pick(rng, {k: role.share for k, role in ROLES.items()})
    role = ROLES[name]
    if rng.random() < 0.1:
        other = ROLES[pick(rng, dict.fromkeys(ROLES, 1.0))]
        role = replace(role, plan=other.plan, tail=other.tail)
    fat = float(np.clip(rng.normal(0.85 if name == "plain" else 0.4, 0.3), 0, 1))
    kinds = {k: pick(rng, getattr(role, k)) for k in ("fuselage", "plan", "tail", "engine")}
    assembly = Assembly(traits={"role": name, **kinds, "style": "organic" if fat > 0.5 else "crisp"})
    body = make_fuselage(rng, FUSELAGES[kinds["fuselage"]], 0.05 * max(fat - 0.4, 0))
    assembly.add("body", body.solid(int(rng.choice([20, 24, 28]))))
    wing, panel = _wings(rng, assembly, body, role, fat)
    fin, stabilizer = TAILS[kinds["tail"]](rng, assembly, body, TailSize.draw(rng, panel, wing, fat))
    plane = Plane(assembly, body, wing, fin, stabilizer, fat)
    ENGINES[kinds["engine"]](rng, plane)
    _fit_out(rng, plane, name)
    return assembly


def _fit_out(rng: np.random.Generator, plane: Plane, role: str) -> None:
    """Canopy, intakes, belly and landing gear, as often as the role has them."""
    chances = {
        "canopy": (canopy, {"fighter": 0.45, "light": 0.3, "glider": 0.15}.get(role, 0.03)),
        "intakes": (intakes, {"fighter": 0.35, "delta": 0.2}.get(role, 0.0)),
        "fairing": (fairing, {"liner": 0.25, "transport": 0.1}.get(role, 0.03)),
        "gear": (gear, {"light": 0.22, "stick": 0.1}.get(role, 0.04)),
    }
    for trait, (add, chance) in chances.items():
        if rng.random() < chance:
            add(rng, plane)
            plane.assembly.traits[trait] = "yes"


# --- wings --------------------------------------------------------------------------------------------------------


def _bend(rng: np.random.Generator, height: float) -> tuple[str, Float[np.ndarray, " 33"]]:
    """Direction of the span from root to tip: straight with dihedral, gull, polyhedral, or with a winglet."""
    t = np.linspace(0, 1, 33)
    base = rng.uniform(-1, 8) if height < 0.2 else rng.uniform(-7, 4)
    kind = pick(rng, {"straight": 0.76, "winglet": 0.12, "polyhedral": 0.05, "gull": 0.04, "inverted gull": 0.03})
    at = rng.uniform(0.2, 0.45)
    blend = np.clip((t - at) / 0.08 + 0.5, 0, 1)
    if kind == "winglet":
        up = rng.uniform(45, 85)
        return kind, base + (up - base) * np.clip((t - rng.uniform(0.86, 0.93)) / 0.06, 0, 1)
    if kind == "polyhedral":
        return kind, base + rng.uniform(6, 18) * np.clip((t - at - 0.2) / 0.05, 0, 1)
    if kind == "straight":
        return kind, np.full(33, base)
    inner = rng.uniform(10, 25) * (1 if kind == "gull" else -1)
    return kind, inner * (1 - blend) + (0 if kind == "gull" else 6) * blend


def _wings(rng: np.random.Generator, assembly: Assembly, body: Fuselage, role: Role, fat: float) -> tuple[Grown, Panel]:
    """Main wings: a pair from the sides, one above the fuselage, or both (a biplane).

    A wing that rests on the fuselage is a pair, too: people call what lies between its halves body (psb).
    """
    height, span = rng.uniform(*role.height), rng.uniform(*role.span)
    plan = PLANS[assembly.traits["plan"]]
    bend, angle = _bend(rng, height)
    assembly.traits |= {"bend": bend, "height": "high" if height > 0.35 else "low" if height < -0.35 else "mid"}
    half = 0.004 + 0.02 * rng.random() ** 2 + fat * rng.uniform(0.02, 0.08)
    panel = make_panel(rng, plan, span, angle, half, section_kind(rng, fat))
    ratio = min(1.0, rng.uniform(1.2, 1.6) / float(panel.front[0] - panel.rear[0]))  # shorter than the fuselage
    panel = replace(panel, front=panel.front * ratio, rear=panel.rear * ratio)
    panel = replace(panel, tip=half * rng.uniform(0.4, 2.0) * (0.4 + fat))
    z = 1 - 2 * rng.uniform(*role.position)
    z = min(z, 0.93 - panel.front[0])  # a long root stays behind the nose
    z = max(z, -0.97 - panel.rear[0])
    _, top, bottom, centre, _ = body.section(z)[:, 0]
    above = rng.random() < (0.15 if assembly.traits["fuselage"] in ("pod", "stick", "slab", "cone") else 0.01)
    biplane = assembly.traits["role"] == "light" and rng.random() < 0.13
    if above and not biplane:
        return _parasol(rng, assembly, body, panel, z), panel
    size = float(body.width.max())
    reach = size * (rng.uniform(1.0, 2.5) if rng.random() < 0.15 else 1.0)
    panel, collar = filleted(rng, panel, fat, reach, collars=(0.45, 0.3, 0.15, 0.1))
    anchor = np.array([0.0, centre + height * (top if height > 0 else bottom), z])
    wing = add_grown(assembly, "wing", grow(panel, anchor, body, collar))
    if biplane:
        _upper_wing(rng, assembly, body, panel, wing)
    elif rng.random() < {"fighter": 0.1, "delta": 0.12}.get(assembly.traits["role"], 0.01):
        _canards(rng, assembly, body, panel)
    return wing, panel


def _parasol(rng: np.random.Generator, assembly: Assembly, body: Fuselage, panel: Panel, z: float) -> Grown:
    """A wing in one piece on a pylon above the fuselage."""
    assembly.traits["mount"] = "above"
    width, top, _, centre, _ = body.section(z)[:, 0]
    y = centre + top + rng.uniform(0.02, 0.12) + 0.3 * panel.half[0]
    wing = add_grown(assembly, "wing", grow(panel, np.array([0.0, y, z]), None))
    chord = panel.front[0] - panel.rear[0]
    assembly.add("body", _column(0.3 * width, 0.35 * chord, np.array([0, centre + 0.8 * top, z]), y))
    if rng.random() < 0.5:
        assembly.traits["struts"] = "yes"
        struts(rng, Plane(assembly, body, wing, wing, None, 0.0))
    return wing


def _column(half_width: float, half_length: float, foot: Float[np.ndarray, " 3"], top: float) -> Solid:
    """A streamlined post from `foot` up to the height `top`."""
    t = -np.arange(12) * np.pi / 6  # clockwise from above: counter-clockwise seen back from the upper ring
    ring = np.stack([half_width * np.cos(t), np.zeros(12), half_length * np.sin(t)], 1)
    return loft(np.stack([ring + foot, ring + [0, top, foot[2]]]))


def _upper_wing(rng: np.random.Generator, assembly: Assembly, body: Fuselage, panel: Panel, lower: Grown) -> None:
    """The second wing of a biplane with its struts."""
    assembly.traits["mount"] = "biplane"
    z = float(lower.front[0] + lower.rear[0]) / 2 + rng.uniform(0.0, 0.12)
    width, top, _, centre, _ = body.section(z)[:, 0]
    y = centre + top + rng.uniform(0.05, 0.16)
    upper = add_grown(assembly, "wing", grow(replace(panel, length=panel.length * 1.08), np.array([0.0, y, z]), None))
    radius = rng.uniform(0.006, 0.012)
    for fraction in (rng.uniform(0.6, 0.8),):
        for chordwise in (0.25, 0.7):
            (x0, y0, f0, r0, _), (x1, y1, f1, r1, _) = lower.at(fraction), upper.at(fraction)
            ends = ((x0, y0, f0 + chordwise * (r0 - f0)), (x1, y1, f1 + chordwise * (r1 - f1)))
            assembly.add("wing", *both(rod(*ends, radius, count=6)))
    for shift in (-0.25, 0.25):
        at = z + shift * (panel.front[0] - panel.rear[0])
        assembly.add("wing", *both(rod((0.5 * width, centre + 0.7 * top, at), (0.7 * width, y, at), radius, count=6)))


def _canards(rng: np.random.Generator, assembly: Assembly, body: Fuselage, panel: Panel) -> None:
    """Small wings at the nose."""
    assembly.traits["canards"] = "yes"
    small = make_panel(
        rng, PLANS[pick(rng, {"swept": 1, "cropped": 1, "delta": 1})], panel.length * rng.uniform(0.2, 0.35),
        np.full(33, rng.uniform(-5, 10)), 0.5 * float(panel.half[0]), "drop",
    )  # fmt: skip
    z = rng.uniform(0.5, 0.65)
    add_grown(assembly, "wing", grow(small, np.array([0.0, float(body.section(z)[3, 0]), z]), body))


# --- words --------------------------------------------------------------------------------------------------------

_JETS = ("under two", "under four", "rear two", "rear three", "buried", "nozzle")
_PODS = ("under two", "under four", "rear two", "rear three")
_PROPELLERS = ("nose propeller", "wing propellers two", "wing propellers four", "pusher")
_LINER = {"role": ("liner",)}
_ENGINES = {"engine": (*_JETS, *_PROPELLERS)}
_SAILS = {"role": ("glider",)}
WORDS: Vocabulary = {
    "aeroplane": {}, "plane": {}, "aircraft": {},
    # roles
    "airliner": _LINER, "liner": _LINER, "passenger": _LINER, "commercial": _LINER, "fighter": {"role": ("fighter",)},
    "combat": {"role": ("fighter",)}, "light": {"role": ("light",)}, "sport": {"role": ("light",)},
    "small": {"role": ("light",)}, "glider": _SAILS, "sailplane": _SAILS, "transport": {"role": ("transport",)},
    "cargo": {"role": ("transport",)}, "bomber": {"role": ("transport",)}, "military": {"role": ("fighter", "delta")},
    "biplane": {"mount": ("biplane",)}, "parasol": {"mount": ("above",)}, "parasol wing": {"mount": ("above",)},
    # engines
    "engines": _ENGINES, "engine": _ENGINES, "motor": _ENGINES, "jet": {"engine": _JETS},
    "jets": {"engine": _JETS}, "jet engine": {"engine": _JETS}, "propeller": {"engine": _PROPELLERS},
    "prop": {"engine": _PROPELLERS}, "turboprop": {"engine": _PROPELLERS},
    "propeller nose": {"engine": ("nose propeller",)}, "nose propeller": {"engine": ("nose propeller",)},
    "wing propellers": {"engine": _PROPELLERS[1:3]},
    "two propellers": {"engine": ("wing propellers two",)}, "four propellers": {"engine": ("wing propellers four",)},
    "one propeller": {"engine": ("nose propeller", "pusher")},
    "single propeller": {"engine": ("nose propeller", "pusher")},
    "two engines": {"engine": ("under two", "rear two", "wing propellers two")},
    "twin engines": {"engine": ("under two", "rear two", "wing propellers two")},
    "twin engined": {"engine": ("under two", "rear two", "wing propellers two")},
    "four engines": {"engine": ("under four", "wing propellers four")},
    "four engined": {"engine": ("under four", "wing propellers four")}, "podded engines": {"engine": _PODS},
    "rear engines": {"engine": ("rear two", "rear three")}, "buried engines": {"engine": ("buried",)},
    "engines under the wings": {"engine": ("under two", "under four")},
    "underwing engines": {"engine": ("under two", "under four")}, "nozzle": {"engine": ("nozzle",)},
    "afterburner": {"engine": ("nozzle",)},
    # wings
    "swept": {"plan": ("swept", "cranked")}, "swept wings": {"plan": ("swept", "cranked")},
    "straight wings": {"plan": ("straight",)}, "rectangular wings": {"plan": ("straight",)},
    "tapered wings": {"plan": ("tapered",)}, "elliptic wings": {"plan": ("elliptic",)},
    "elliptical wings": {"plan": ("elliptic",)}, "rounded wings": {"plan": ("rounded", "elliptic")},
    "delta": {"plan": ("delta", "ogive")}, "delta wing": {"plan": ("delta", "ogive")},
    "triangular wings": {"plan": ("delta", "ogive")}, "cropped wings": {"plan": ("cropped",)},
    "cranked wings": {"plan": ("cranked",)}, "winglets": {"bend": ("winglet",)},
    "gull wing": {"bend": ("gull", "inverted gull")}, "gull wings": {"bend": ("gull", "inverted gull")},
    "high wing": {"height": ("high",)}, "low wing": {"height": ("low",)}, "mid wing": {"height": ("mid",)},
    "canards": {"canards": ("yes",)}, "foreplanes": {"canards": ("yes",)}, "struts": {"struts": ("yes",)},
    # tail
    "conventional tail": {"tail": ("conventional",)}, "t tail": {"tail": ("t",)}, "v tail": {"tail": ("v",)},
    "cruciform tail": {"tail": ("cruciform",)}, "twin tail": {"tail": ("twin", "h", "booms")},
    "twin fins": {"tail": ("twin", "h", "booms")}, "twin boom": {"tail": ("booms",)}, "tailless": {"tail": ("fin",)},
    # fuselage and fittings
    "tube": {"fuselage": ("tube",)}, "tubular": {"fuselage": ("tube",)}, "slender": {"fuselage": ("dart", "stick")},
    "slim": {"fuselage": ("dart", "stick")}, "stubby": {"fuselage": ("stubby",)}, "fat": {"fuselage": ("stubby",)},
    "canopy": {"canopy": ("yes",)}, "cockpit": {"canopy": ("yes",)}, "landing gear": {"gear": ("yes",)},
    "gear": {"gear": ("yes",)}, "wheels": {"gear": ("yes",)}, "undercarriage": {"gear": ("yes",)},
    "intakes": {"intakes": ("yes",)}, "air intakes": {"intakes": ("yes",)}, "organic": {"style": ("organic",)},
    "rounded": {"style": ("organic",)}, "toy": {"style": ("organic",)}, "crisp": {"style": ("crisp",)},
    "sharp": {"style": ("crisp",)},
}  # fmt: skip
