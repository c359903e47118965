"""Cars that drive towards +Z: sedans, pickups, vans, convertibles, jeeps, old-timers, racers and more.

As human labels have it, `roof` is the upper panel of the cabin and `hood` the bonnet; windows, lights, mirrors, seats,
fenders and bumpers are `body`. Body, bonnet and roof are patches of one skin that meet at their edges.
"""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.car_cabin import (
    Cabin,
    add_cabin,
    add_seats,
    add_windscreen,
    choose_glazing,
    draw_cabin,
)  # fmt: skip
from gen3d.generators.procedural.car_formula import add_formula
from gen3d.generators.procedural.car_plan import KINDS, Plan, draw_plan
from gen3d.generators.procedural.car_shell import Opening, add_body, draw_form
from gen3d.generators.procedural.car_trim import add_trim
from gen3d.generators.procedural.car_wheels import add_fenders, add_wheels
from gen3d.generators.procedural.draws import pick
from gen3d.generators.procedural.solids import both, box, ellipsoid, move, spline, tube
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator


def car(rng: Rng) -> Assembly:
    """One car."""
    kind = pick(rng, {name: row.share for name, row in KINDS.items()})
    plan = draw_plan(rng, kind)
    assembly = Assembly(traits={"kind": kind, "detail": "smooth" if plan.dense else "low poly"})
    if kind == "formula":
        add_formula(rng, assembly, plan)
        return assembly
    form, cabin = draw_form(rng, plan, assembly.traits), draw_cabin(rng, plan)
    top = _top(rng, kind)
    assembly.traits["roof"] = top
    glazing = choose_glazing(rng, plan) if top == "hard" else "none"
    assembly.traits["glazing"] = glazing
    openings = _openings(rng, plan, assembly.traits)
    add_body(rng, assembly, plan, form, openings)
    if top == "none":
        _open_car(rng, assembly, plan, cabin)
    else:
        add_cabin(rng, assembly, plan, cabin, glazing if top == "hard" else "flush")
    if openings and (top == "none" or glazing == "open"):
        add_seats(rng, assembly, plan, openings[0].floor, (openings[0].start, openings[0].stop))
    add_wheels(rng, assembly, plan)
    if plan.fendered:
        add_fenders(rng, assembly, plan)
    add_trim(rng, assembly, plan, form)
    return assembly


def _top(rng: Rng, kind: str) -> str:
    """Hard, soft (a hood of cloth) or none."""
    chances = {"convertible": {"none": 84, "soft": 16}, "jeep": {"none": 45, "soft": 25, "hard": 30}}
    chances["oldtimer"] = {"hard": 66, "none": 22, "soft": 12}
    chances["sports car"] = {"hard": 85, "none": 15}
    return pick(rng, chances.get(kind, {"hard": 1}))


def _openings(rng: Rng, plan: Plan, traits: dict[str, str]) -> list[Opening]:
    """The cockpit where one can look into it, and the load bed of a pickup."""
    floor = plan.clearance + 0.12 + 0.25 * (plan.belt - plan.clearance)
    found = []
    if traits["roof"] == "none" or traits["glazing"] == "open":
        stop = plan.glass_end - 0.01 if traits["roof"] == "none" else plan.roof_rear
        found.append(Opening(plan.cowl + 0.015, stop, floor))
    if plan.kind == "pickup":
        traits["cargo"] = kind = pick(rng, {"bed": 85, "covered": 15})
        if kind == "bed":
            found.append(Opening(plan.glass_end + 0.015, 0.985, 0.35 * plan.belt + 0.65 * plan.clearance + 0.12))
    elif plan.kind == "van":
        traits["cargo"] = pick(rng, {"minibus": 60, "panel van": 40})
    return found


def _open_car(rng: Rng, assembly: Assembly, plan: Plan, cabin: Cabin) -> None:
    """What stands up from a car without a roof."""
    add_windscreen(rng, assembly, plan, cabin)
    if plan.kind == "jeep" or (plan.kind == "convertible" and rng.random() < 0.15):
        assembly.traits["roll bar"] = "yes"
        x, low = 0.85 * plan.body_half, plan.belt - 0.1
        z = float(plan.z(plan.roof_front + 0.55 * (plan.glass_end - plan.roof_front)))
        top = plan.belt + 0.8 * (plan.height - plan.belt)
        knots = [
            (x, low, z),
            (x, top - 0.1, z),
            (x - 0.12, top, z),
            (0.12 - x, top, z),
            (-x, top - 0.1, z),
            (-x, low, z),
        ]
        assembly.add("body", tube(spline(knots, 21), 0.035, 8))
    elif rng.random() < 0.4:
        assembly.traits["folded top"] = "yes"
        z, y = float(plan.z(plan.glass_end + 0.015)), float(plan.deck(plan.glass_end + 0.01))
        assembly.add("body", move(ellipsoid((0.8 * plan.body_half, 0.13, 0.22), 14), (0, y, z)))
    if rng.random() < 0.3:  # head rests seen behind the seats
        z, y = float(plan.z(plan.glass_end)) + 0.1, plan.belt + 0.02
        assembly.add("body", *both(move(box((0.25, 0.3, 0.12), 0.04), (0.42 * plan.body_half, y, z))))


def _kinds(*names: str) -> dict[str, tuple[str, ...]]:
    return {"kind": names}


_OPEN = {"roof": ("none",)}
WORDS: Vocabulary = {
    "sedan": _kinds("sedan"), "saloon": _kinds("sedan"), "hatchback": _kinds("hatchback"),
    "estate": _kinds("estate"), "station wagon": _kinds("estate"), "wagon": _kinds("estate"),
    "suv": _kinds("suv"), "off-road": _kinds("suv", "jeep"), "pickup": _kinds("pickup"), "truck": _kinds("pickup"),
    "pickup truck": _kinds("pickup"), "van": _kinds("van"), "minivan": {"kind": ("van",), "cargo": ("minibus",)},
    "minibus": {"kind": ("van",), "cargo": ("minibus",)}, "delivery van": {"kind": ("van",), "cargo": ("panel van",)},
    "bus": _kinds("bus"), "coupe": _kinds("coupe"), "sports car": _kinds("sports car"), "sporty": _kinds(
        "sports car", "race car", "coupe"),
    "race car": _kinds("race car", "formula"), "racing car": _kinds("race car", "formula"),
    "formula one": _kinds("formula"), "convertible": _kinds("convertible"), "cabriolet": _kinds("convertible"),
    "roadster": {"kind": ("convertible", "sports car"), **_OPEN}, "jeep": _kinds("jeep"),
    "old-timer": _kinds("oldtimer"), "oldtimer": _kinds("oldtimer"), "vintage": _kinds("oldtimer", "fifties"),
    "antique": _kinds("oldtimer"), "classic": _kinds("oldtimer", "fifties", "beetle"), "old": _kinds(
        "oldtimer", "fifties", "beetle"),
    "limousine": _kinds("limousine"), "limo": _kinds("limousine"), "beetle": _kinds("beetle"),
    "small": _kinds("micro", "hatchback", "beetle"), "city car": _kinds("micro"), "fifties": _kinds("fifties"),
    "taxi": {"sign": ("yes",)}, "police car": {"sign": ("yes",)}, "tail fins": {"fins": ("yes",)},
    "rear wing": {"spoiler": ("yes",)}, "spoiler": {"spoiler": ("yes",)},
    "roof rack": {"rack": ("yes",)}, "spare wheel": {"spare wheel": ("yes",)}, "bumpers": {"bumpers": ("yes",)},
    "mirrors": {"mirrors": ("yes",)}, "grille": {"grille": ("yes",)},
    "roof": {"roof": ("hard", "soft")}, "open": _OPEN, "soft top": {"roof": ("soft",)},
    "open windows": {"glazing": ("open",)},
    "hood": {"hood": ("panel", "clamshell")}, "bonnet": {"hood": ("panel", "clamshell")},
    "spoked wheels": {"rims": ("spokes", "wire")},
    "fenders": {"arches": ("fenders",)}, "low poly": {"detail": ("low poly",)},
}  # fmt: skip
