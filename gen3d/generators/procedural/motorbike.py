"""Motorbikes that drive towards +Z: sports, naked, cruisers, choppers, tourers, dirt bikes, old ones, scooters, trikes.

As human labels have it, `frame` is all that is nothing else: engine, fork, exhaust, mudguards, fairings, bags; `handle`
is the handlebar with grips, levers and mirrors.
"""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.motorbike_dress import (
    Nose,
    bags,
    full_fairing,
    half_fairing,
    motocross,
    scooter_shell,
    touring_fairing,
    windscreen,
)
from gen3d.generators.procedural.motorbike_engine import add_engine, add_exhaust, add_frame
from gen3d.generators.procedural.motorbike_front import add_bars, add_light, add_tail_light
from gen3d.generators.procedural.motorbike_plan import KINDS, Plan, draw_plan
from gen3d.generators.procedural.motorbike_seat import add_seat, add_tail, add_tank
from gen3d.generators.procedural.motorbike_wheels import (
    add_fenders,
    add_fork,
    add_swing_arm,
    add_wheels,
    fender_kind,
)
from gen3d.generators.procedural.vessel import pick
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator
DRESSES = {
    "full fairing": full_fairing,
    "half fairing": half_fairing,
    "touring": touring_fairing,
    "scooter": scooter_shell,
    "screen": windscreen,
    "bags": bags,
    "motocross": motocross,
}
FORKS = {
    "old": {"girder": 5, "springer": 3, "telescopic": 4}, "chopper": {"springer": 4, "telescopic": 6},
    "sports": {"upside down": 7, "telescopic": 3}, "dirt": {"upside down": 6, "telescopic": 4},
}  # fmt: skip
SHOCKS = {
    "sports": {"mono": 1}, "dirt": {"mono": 1}, "chopper": {"none": 7, "twin": 3}, "old": {"none": 7, "twin": 2},
    "trike": {"none": 1}, "naked": {"mono": 5, "twin": 5},
}  # fmt: skip
FRAMES = {
    "sports": {"beam": 7, "lattice": 2}, "naked": {"double": 4, "lattice": 4, "beam": 3},
    "old": {"single": 7, "double": 2},
    "dirt": {"single": 5, "double": 4},
}  # fmt: skip


def motorbike(rng: Rng) -> Assembly:
    """One motorbike."""
    name = pick(rng, {key: kind.share for key, kind in KINDS.items()})
    plan, kind = draw_plan(rng, name), KINDS[name]
    assembly = Assembly(traits={"kind": name, "detail": "low poly" if plan.count < 8 else "smooth"})
    traits = assembly.traits
    for choice in ("tank", "seat", "bars", "light", "engine", "rims", "exhaust", "dress"):
        traits[choice] = pick(rng, getattr(kind, choice))
    traits["fork"] = pick(rng, FORKS.get(name, {"telescopic": 8, "upside down": 2}))
    traits["fenders"] = fender_kind(rng, name)
    if name != "scooter":
        _running_gear(rng, assembly, plan)
    add_fork(rng, assembly, plan, traits["fork"])
    add_wheels(rng, assembly, plan, traits["rims"])
    add_seat(rng, assembly, plan, traits["seat"])
    add_fenders(rng, assembly, plan, traits["fenders"])
    add_exhaust(rng, assembly, plan, traits["exhaust"])
    add_bars(rng, assembly, plan, traits["bars"])
    nose: Nose | None = DRESSES[traits["dress"]](rng, assembly, plan) if traits["dress"] != "none" else None
    if traits["light"] != "none":
        add_light(rng, assembly, plan, traits["light"], nose)
        if rng.random() < 0.35:
            add_tail_light(rng, assembly, plan)
    return assembly


def _running_gear(rng: Rng, assembly: Assembly, plan: Plan) -> None:
    """What a scooter hides or lacks: tank, tail, engine, frame and swing arm."""
    name, traits = plan.kind, assembly.traits
    traits["frame"] = pick(rng, FRAMES.get(name, {"double": 7, "single": 3}))
    traits["shocks"] = pick(rng, SHOCKS.get(name, {"twin": 8, "mono": 2}))
    add_tank(rng, assembly, plan, traits["tank"])
    add_tail(rng, assembly, plan, traits["seat"])
    add_engine(rng, assembly, plan, traits["engine"])
    add_frame(rng, assembly, plan, traits["frame"])
    add_swing_arm(rng, assembly, plan, traits["shocks"])


def _kinds(*names: str) -> dict[str, tuple[str, ...]]:
    return {"kind": names}


WORDS: Vocabulary = {
    "sports": _kinds("sports"), "sport": _kinds("sports"), "sporty": _kinds("sports", "cafe racer"),
    "racing": _kinds("sports", "cafe racer"), "superbike": {"kind": ("sports",), "dress": ("full fairing",)},
    "naked": _kinds("naked"), "street": _kinds("naked", "sports"), "cruiser": _kinds("cruiser"),
    "chopper": _kinds("chopper"), "tourer": _kinds("tourer"), "touring": _kinds("tourer"), "dirt": _kinds("dirt"),
    "motocross": _kinds("dirt"), "enduro": {"kind": ("dirt",), "light": ("box", "round")}, "off-road": _kinds("dirt"),
    "scooter": _kinds("scooter"), "moped": _kinds("scooter"), "cafe racer": _kinds("cafe racer"),
    "trike": _kinds("trike"), "three-wheeled": _kinds("trike"), "old": _kinds("old"), "vintage": _kinds("old"),
    "antique": _kinds("old"), "classic": _kinds("old", "cafe racer"), "custom": _kinds("chopper"),
    "fairing": {"dress": ("full fairing", "half fairing", "touring")}, "windscreen": {"dress": ("screen", "touring")},
    "bags": {"bags": ("sides", "sides and top")}, "panniers": {"bags": ("sides", "sides and top")},
    "saddlebags": {"bags": ("sides", "sides and top")}, "top case": {"bags": ("sides and top",)},
    "mirrors": {"mirrors": ("yes",)}, "back rest": {"seat": ("king",)}, "sissy bar": {"seat": ("king",)},
    "solo seat": {"seat": ("solo", "sprung")}, "ape hangers": {"bars": ("ape",)},
    "high handlebars": {"bars": ("ape",)}, "clip-on handlebars": {"bars": ("clip-on",)},
    "spoked wheels": {"rims": ("wire",)}, "wire wheels": {"rims": ("wire",)}, "disc wheels": {"rims": ("disc",)},
    "v-twin": {"engine": ("v-twin",)}, "boxer": {"engine": ("boxer",)}, "two exhausts": {"exhaust": ("both", "double")},
    "headlight": {"light": ("round", "three", "box", "slim", "twin")}, "round headlight": {"light": ("round",)},
    "light": {"light": ("round", "three", "box", "slim", "twin")}, "tail light": {"tail light": ("yes",)},
    "tank": {"tank": ("teardrop", "peanut", "sculpted", "fat", "boxy", "slim", "flat")},
    "teardrop tank": {"tank": ("teardrop",)}, "mudguards": {"fenders": ("short", "long", "high")},
    "low poly": {"detail": ("low poly",)},
}  # fmt: skip
