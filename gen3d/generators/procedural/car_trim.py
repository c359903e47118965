"""Small things on cars: bumpers, lights, mirrors, spoilers, racks, spare wheels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.car_plan import Plan
from gen3d.generators.procedural.car_shell import Form
from gen3d.generators.procedural.car_wheels import wheel
from gen3d.generators.procedural.draws import pick
from gen3d.generators.procedural.solids import (
    both,
    box,
    cylinder,
    ellipsoid,
    move,
    rounded_rectangle,
    spline,
    sweep,
    tube,
    turn,
)

Rng = np.random.Generator


def _end(plan: Plan, form: Form, x: float, front: bool) -> float:
    """Position along the car of its end at a distance from the middle plane."""
    share = 1 - form.taper[0 if front else 1]
    bow = form.bow[0 if front else 1] * min(abs(x) / (share * plan.body_half), 1.0) ** 3
    return (plan.length / 2 - bow) * (1 if front else -1)


def bumpers(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """A bar along each end."""
    kind = pick(rng, {"bar": 6, "block": 5})
    size = (0.09, 0.1) if kind == "bar" else (0.14, float(rng.uniform(0.16, 0.3)))
    outline = rounded_rectangle(*size, 0.03, 2)
    for front in (True, False):
        half = plan.width / 2 * (0.97 if plan.fendered else 0.99 * (1 - form.taper[0 if front else 1]))
        x = np.linspace(-half, half, 9)
        z = np.array([_end(plan, form, float(v), front) for v in x])
        y = max(plan.clearance + 0.12, 0.55 * plan.nose)
        path = np.stack([x, np.full(9, y), z + (0.01 if front else -0.01)], 1)
        assembly.add("body", sweep(outline, path))


def lights(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """Headlights and tail lights."""
    kind = pick(rng, {"round": 5, "box": 5, "slim": 3})
    assembly.traits["lights"] = kind
    x = plan.body_half * (1 - form.taper[0]) * float(rng.uniform(0.66, 0.82))
    for front, share in ((True, 0.8), (False, 0.78)):
        y = share * (plan.nose if front else plan.tail)
        z = _end(plan, form, x, front)
        size = min(0.1 + 0.03 * float(rng.random()), 0.16 * plan.nose)
        if kind == "round" and front:
            one = ellipsoid((size, size, 0.07), 12)
        else:
            wide, tall = (0.28, 0.1) if kind == "slim" else (0.24, 0.16)
            one = box((min(wide, 0.3 * plan.body_half), tall, 0.08), 0.02)
        assembly.add("body", *both(move(one, (x, y, z))))


def stalked_lamps(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """Two big lamps beside the radiator of an old car."""
    assembly.traits["lights"] = "lamps"
    size = float(rng.uniform(0.11, 0.16))
    x, y = plan.body_half * (1 - form.taper[0]) + 0.6 * size, 0.85 * plan.nose
    z = plan.length / 2 - float(rng.uniform(0.1, 0.4))
    lamp = turn(cylinder(0.6 * size, 1.4 * size, size, 12), "x", 90)
    assembly.add("body", *both(move(lamp, (x, y, z))))


def grille(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """A radiator grille of bars, or one block."""
    wide, tall = plan.body_half * float(rng.uniform(0.5, 0.95)), 0.35 * plan.nose
    z = plan.length / 2 + 0.005
    y = 0.7 * plan.nose
    if rng.random() < 0.5:
        assembly.add("body", move(box((wide, tall, 0.05), 0.01), (0, y, z)))
        return
    for level in np.linspace(-tall / 2, tall / 2, int(rng.integers(3, 6))):
        assembly.add("body", move(box((wide, 0.025, 0.05)), (0, y + level, z)))


def mirrors(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """Mirrors at the front of the doors."""
    size = float(rng.uniform(0.07, 0.11))
    y, z = plan.belt + 0.5 * size, float(plan.z(plan.cowl + 0.25 * (plan.roof_front - plan.cowl) + 0.02))
    x = plan.body_half * 0.98
    arm = tube([(0.8 * x, plan.belt - 0.05, z), (x + size, y, z)], 0.022, 6)
    assembly.add("body", *both(arm), *both(move(box((2 * size, 1.3 * size, size), 0.02), (x + 1.6 * size, y, z))))


def spoiler(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """A wing on the tail, on two posts."""
    racing = plan.kind == "race car"
    high = float(rng.uniform(0.2, 0.45) if racing else rng.uniform(0.08, 0.25))
    half, deep = plan.body_half * float(rng.uniform(0.75, 0.97)), float(rng.uniform(0.18, 0.4))
    base, z = float(plan.deck(0.955)), float(plan.z(0.955))
    blade = sweep(rounded_rectangle(deep, 0.05, 0.02, 2), [(-half, base + high, z), (half, base + high, z)])
    assembly.add("body", blade)
    post = box((0.05, high + 0.12, 0.7 * deep))
    assembly.add("body", *both(move(post, (0.7 * half, base + high / 2 - 0.05, z))))


def roof_bars(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """Rails along the roof, sometimes with bars across (part roof)."""
    x, y = 0.55 * plan.body_half, plan.height + 0.02
    front, rear = float(plan.z(plan.roof_front + 0.03)), float(plan.z(plan.roof_rear - 0.03))
    rail = tube(spline([(x, y - 0.08, front), (x, y + 0.03, front - 0.15), (x, y + 0.03, rear + 0.15),
                        (x, y - 0.08, rear)], 9), 0.025, 6)  # fmt: skip
    assembly.add("roof", *both(rail))
    if rng.random() < 0.5:
        for z in np.linspace(front - 0.25, rear + 0.25, int(rng.integers(2, 6))):
            assembly.add("roof", move(box((2 * x, 0.03, 0.05)), (0, y + 0.03, z)))


def spare_wheel(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """A spare wheel upright on the tail."""
    one = turn(wheel(rng, 0.95 * plan.wheel, plan.tread * 0.9, "dish", 16), "y", 90)
    y = max(0.55 * (plan.tail + plan.clearance) + 0.1, plan.wheel)
    assembly.add("wheel", move(one, (0, y, -plan.length / 2 - 0.36 * plan.tread)))


def taxi_sign(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """A sign or a bar of lights across the roof (part body)."""
    wide = plan.body_half * float(rng.uniform(0.4, 1.3))
    z = float(plan.z((plan.roof_front + plan.roof_rear) / 2 - 0.02))
    assembly.add("body", move(box((wide, 0.16, 0.2), 0.03), (0, plan.height + 0.05, z)))


def scoop(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """A bulge or an air scoop on the bonnet."""
    middle = 0.5 * plan.cowl + 0.03
    wide, long = plan.body_half * float(rng.uniform(0.3, 0.7)), 0.5 * plan.cowl * plan.length
    tall = float(rng.uniform(0.04, 0.1))
    one = ellipsoid((wide / 2, tall, long / 2), 14) if rng.random() < 0.5 else box((wide, 2 * tall, long), 0.03)
    assembly.add("hood", move(one, (0, float(plan.deck(middle)) - 0.25 * tall, float(plan.z(middle)))))


def exhausts(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """Pipes below the tail."""
    pipe = turn(cylinder(0.045, 0.3, count=8), "x", 90)
    y, x = plan.clearance + 0.08, 0.55 * plan.body_half * (1 - form.taper[1])
    pipes = both(move(pipe, (x, y, -plan.length / 2 - 0.1)))
    assembly.add("body", *pipes[: int(rng.integers(1, 3))])


def fins(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """Tail fins of the fifties."""
    tall = float(rng.uniform(0.1, 0.3))
    x = plan.body_half * (1 - form.taper[1]) * 0.9
    z = np.linspace(float(plan.z(0.72)), -plan.length / 2 - 0.05 - 0.2 * tall, 8)
    share = np.linspace(0, 1, 8)
    y = plan.deck(0.72 + 0.28 * share) - 0.05 + 0.5 * tall * share**1.4
    heights = np.stack([0.1 + 0 * share, 0.12 + tall * share**1.4], 1)
    path = np.stack([np.full(8, x), np.maximum(y, plan.tail - 0.1 + 0.5 * tall * share), z], 1)
    assembly.add("body", *both(sweep(rounded_rectangle(1.0, 1.0, 0.3, 2), path, heights)))


Add = Callable[[Rng, Assembly, Plan, Form], None]
# how often a car has each thing; kinds that differ from the others are named
TRIM: dict[str, tuple[Add, float, Mapping[str, float]]] = {
    "bumpers": (bumpers, 0.45, {"race car": 0.0, "sports car": 0.15, "fifties": 0.95, "oldtimer": 0.6}),
    "grille": (grille, 0.3, {"oldtimer": 0.7, "race car": 0.0, "sports car": 0.1, "beetle": 0.0}),
    "mirrors": (mirrors, 0.6, {"oldtimer": 0.15}),
    "spoiler": (spoiler, 0.04, {"race car": 0.9, "sports car": 0.3, "coupe": 0.2, "van": 0.0, "bus": 0.0, "suv": 0.0,
                                "pickup": 0.0, "oldtimer": 0.0, "jeep": 0.0, "convertible": 0.05, "beetle": 0.0}),
    "rack": (roof_bars, 0.03, {"estate": 0.45, "suv": 0.45, "jeep": 0.1, "van": 0.12, "convertible": 0.0,
                               "sports car": 0.0, "race car": 0.0, "coupe": 0.0, "oldtimer": 0.05, "fifties": 0.0}),
    "spare wheel": (spare_wheel, 0.0, {"jeep": 0.65, "suv": 0.2, "oldtimer": 0.3}),
    "sign": (taxi_sign, 0.01, {"sedan": 0.14, "suv": 0.06, "convertible": 0.0, "jeep": 0.0}),
    "scoop": (scoop, 0.06, {"coupe": 0.2, "sports car": 0.12, "race car": 0.2, "van": 0.0, "bus": 0.0}),
    "exhausts": (exhausts, 0.3, {"oldtimer": 0.05}),
    "fins": (fins, 0.0, {"fifties": 0.7}),
}  # fmt: skip


def add_trim(rng: Rng, assembly: Assembly, plan: Plan, form: Form) -> None:
    """What the dice give of all of it; recorded as traits."""
    if not plan.fendered or plan.kind != "oldtimer":
        if rng.random() < 0.75:
            lights(rng, assembly, plan, form)
    elif rng.random() < 0.9:
        stalked_lamps(rng, assembly, plan, form)
    for name, (add, chance, others) in TRIM.items():
        impossible = (name == "scoop" and assembly.traits["hood"] == "none") or (
            name in ("rack", "sign") and assembly.traits["roof"] == "none"
        )
        if rng.random() < others.get(plan.kind, chance) and not impossible:
            add(rng, assembly, plan, form)
            assembly.traits[name] = "yes"
