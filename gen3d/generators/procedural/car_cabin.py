"""What stands on a car's body: the cabin with its windows and roof, the windscreen of an open car, seats."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.car_plan import Plan
from gen3d.generators.procedural.car_skin import Skin, swell
from gen3d.generators.procedural.solids import Solid, box, move, tube, turn
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator
# columns of half a section, from the foot of the side to the roof's middle line
SIDE = (0.0, 0.1, 0.5, 0.9)
GLASS, EAVES, ROOF = slice(1, 3), 4, 6  # the side window's quads; the first column of the corner; of the roof


class Cabin(NamedTuple):
    """The shape of a cabin.

    Args:
        foot, eaves: half its width at the belt and at the roof, metres.
        arch: how far the roof's ends lie below its middle.
        bubble: how far the middle line is smoothed.
        corner: radius between side and roof.
        crown: how far the roof's edge lies below its middle line.
        bow: how far windscreen and rear window are bent back at the sides.
    """

    foot: float
    eaves: float
    arch: float
    bubble: float
    corner: float
    crown: float
    bow: tuple[float, float]


def draw_cabin(rng: Rng, plan: Plan) -> Cabin:
    """Shape of the cabin."""
    upright = plan.kind in ("van", "bus", "jeep", "oldtimer")
    foot = plan.body_half * float(rng.uniform(0.84, 0.97) if not upright else rng.uniform(0.92, 0.985))
    eaves = foot * float(rng.uniform(0.88, 1.0) if upright else rng.uniform(0.7, 0.92))
    soft = plan.soft
    bubble = {"beetle": 6.0, "coupe": 2.0, "sports car": 2.0, "micro": 2.0}.get(plan.kind, 0.8) * soft
    return Cabin(
        foot, eaves, float(rng.uniform(0.0, 0.06)) + (0.1 * soft if plan.kind == "beetle" else 0.0), bubble,
        float(rng.uniform(0.0, 0.04)) + 0.1 * soft * float(rng.random()), float(rng.uniform(0.0, 0.04)) * (0.5 + soft),
        (float(rng.uniform(0.0, 0.25)) * (0.2 if upright else 1.0), float(rng.uniform(0.0, 0.15))),
    )  # fmt: skip


def add_cabin(rng: Rng, assembly: Assembly, plan: Plan, cabin: Cabin, glazing: str) -> None:
    """Roof (part roof), pillars and windows (part body); `glazing` is flush, inset, raised or open."""
    pillars = _pillars(rng, plan)
    stations = _stations(plan, pillars)
    skin = Skin(section_rings(plan, cabin, stations), False)
    middles = (stations[1:] + stations[:-1]) / 2
    roof = skin.quads()
    # people draw the roof's border at the eaves or, where the corner is wide, above it
    first = ROOF if rng.random() < 0.6 else EAVES
    roof[(middles > plan.roof_front) & (middles < plan.roof_rear), first:-first] = True
    assembly.add("roof", skin.patch(roof))
    windows = [] if glazing == "flush" else _windows(plan, skin, middles, pillars, assembly.traits)
    rest = ~roof
    for window in windows:
        rest &= ~window
        if glazing != "open" and window.any():
            assembly.add("body", swell(skin.patch(window), 0.97 if glazing == "inset" else 1.01))
    assembly.add("body", skin.patch(rest))


def add_windscreen(rng: Rng, assembly: Assembly, plan: Plan, cabin: Cabin) -> None:
    """The screen of a car without a roof: a pane, or an empty frame."""
    stations = np.linspace(plan.roof_front, plan.cowl, 7)
    skin = Skin(section_rings(plan, cabin, stations), False)
    pane = skin.quads()
    pane[:, EAVES:-EAVES] = True
    if rng.random() < 0.4:
        pane[1:-1, EAVES + 2 : -EAVES - 2] = False
    assembly.add("body", skin.patch(pane))


def _pillars(rng: Rng, plan: Plan) -> list[tuple[float, float]]:
    """(start, stop) stations of the pillars between the side windows, front to rear."""
    count = {"bus": int(rng.integers(4, 9)), "limousine": int(rng.integers(2, 5)), "pickup": int(rng.integers(0, 2))}
    two_doors = plan.kind in ("coupe", "sports car", "race car", "micro", "beetle", "jeep")
    number = count.get(plan.kind, 1 if two_doors else int(rng.integers(1, 4)))
    wide = 0.06 / plan.length
    first, last = plan.roof_front - 0.3 * (plan.roof_front - plan.cowl), plan.glass_end - 0.03
    centres = np.linspace(first, last, number + 2)[1:-1]
    return [(float(c - wide), float(c + wide)) for c in centres]


def _stations(plan: Plan, pillars: list[tuple[float, float]]) -> Float[np.ndarray, " S"]:
    rise = plan.roof_front - plan.cowl
    found = [plan.cowl, plan.cowl + 0.12 * rise, plan.roof_front - 0.1 * rise, plan.roof_front, plan.roof_rear]
    fall = plan.glass_end - plan.roof_rear
    found += [plan.roof_rear + 0.12 * fall, plan.glass_end - 0.12 * fall, plan.glass_end, *np.ravel(pillars)]
    if plan.dense:
        found += np.linspace(plan.cowl, plan.glass_end, 11).tolist()
    found_array = np.unique(np.array(found))
    return found_array[np.diff(found_array, prepend=-1) > 1e-4][::-1]


def section_rings(plan: Plan, cabin: Cabin, stations: Float[np.ndarray, " S"]) -> Float[np.ndarray, "S K 3"]:
    """Sections of the cabin from its right foot over the roof to the left."""
    ridge = plan.line(stations, cabin.arch, cabin.bubble)
    foot = np.minimum(plan.deck(stations) - 0.015, ridge)
    tall = ridge - foot
    crown, corner = np.minimum(cabin.crown, 0.2 * tall), np.minimum(cabin.corner, 0.35 * tall)
    eaves = ridge - crown
    lean = (cabin.foot - cabin.eaves) / max(plan.height - plan.belt, 0.1)

    def reach(y: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
        return cabin.foot - lean * np.clip(y - foot, 0, None)

    columns = [(reach(y), y) for y in (foot + share * (eaves - corner - foot) for share in SIDE)]
    edge = reach(eaves - corner)
    for angle in (0, 45, 90):
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        columns.append((edge - corner * (1 - c), eaves - corner * (1 - s)))
    wide = edge - corner
    columns += [(share * wide, eaves + crown * (1 - share**2)) for share in (0.94, 0.5, 0.0)]
    right = np.array(columns).transpose(2, 0, 1)
    ring = np.concatenate([right, right[:, -2::-1] * [-1, 1]], 1)
    z = np.repeat(plan.z(stations)[:, None], ring.shape[1], 1)
    out = (ring[..., 0] / cabin.foot) ** 2
    middle, half = (plan.cowl + plan.glass_end) / 2, (plan.glass_end - plan.cowl) / 2
    away = (middle - stations)[:, None] / half
    z = z - out * (cabin.bow[0] * np.clip(away, 0, 1) ** 2 - cabin.bow[1] * np.clip(-away, 0, 1) ** 2)
    return np.concatenate([ring, z[..., None]], -1)


def _windows(
    plan: Plan,
    skin: Skin,
    middles: Float[np.ndarray, " R"],
    pillars: list[tuple[float, float]],
    traits: dict[str, str],
) -> list[Bool[np.ndarray, "R C"]]:
    """Masks of the panes: windscreen, rear window, and the side windows between the pillars."""
    rise, fall = plan.roof_front - plan.cowl, plan.glass_end - plan.roof_rear
    panes = [
        (middles > plan.cowl + 0.1 * rise) & (middles < plan.roof_front - 0.08 * rise),
        (middles < plan.glass_end - 0.1 * fall) & (middles > plan.roof_rear + 0.1 * fall),
    ]
    masks = []
    for rows in panes:
        mask = skin.quads()
        mask[rows, ROOF + 1 : -ROOF - 1] = True
        masks.append(mask)
    ends = [plan.cowl + 0.25 * rise, *np.ravel(pillars), plan.glass_end - max(0.02, 0.35 * fall)]
    number = 1 if traits["kind"] in ("van", "pickup") and "panel van" in traits.get("cargo", "") else len(ends) // 2
    for start, stop in list(zip(ends[::2], ends[1::2], strict=True))[:number]:
        rows = (middles > start) & (middles < stop)
        for columns in (GLASS, slice(-GLASS.stop, -GLASS.start)):
            mask = skin.quads()
            mask[rows, columns] = True
            masks.append(mask)
    return masks


# --- inside -------------------------------------------------------------------------------------------------------


def add_seats(rng: Rng, assembly: Assembly, plan: Plan, floor: float, span: tuple[float, float]) -> None:
    """Seats and a steering wheel (part body) on the floor of the opening between two stations."""
    step = 0.95 / plan.length
    rows = np.arange(span[0] + 0.7 * step, span[1] - 0.35 * step, step)
    width, tall = 0.36 * plan.body_half * 2, plan.belt - floor + float(rng.uniform(-0.05, 0.25))
    for station in rows[:4]:
        z = float(plan.z(float(station)))
        for side in (-1, 1):
            pad = move(box((width, 0.18, 0.5)), (side * 0.24 * 2 * plan.body_half * 0.92, floor + 0.08, z))
            rest = move(box((width, tall, 0.14)), (side * 0.44 * plan.body_half, floor + tall / 2, z - 0.25))
            assembly.add("body", pad, turn(rest, "x", -8, (0, floor, z - 0.25)))
    assembly.add("body", *_steering(plan, floor, float(plan.z(span[0])) - 0.25))


def _steering(plan: Plan, floor: float, z: float) -> list[Solid]:
    t = np.arange(14) * 2 * np.pi / 14
    ring = tube(np.stack([0.18 * np.cos(t), 0.18 * np.sin(t), 0 * t], 1), 0.018, 6, closed=True)
    centre = np.array([-0.44 * plan.body_half, max(plan.belt - 0.02, floor + 0.25), z])
    column = tube([centre + [0, -0.05, -0.02], centre + [0, -0.12, 0.3]], 0.03, 6)
    spoke = move(box((0.36, 0.03, 0.02)), centre)
    return [turn(move(ring, centre), "x", 25, centre), column, turn(spoke, "x", 25, centre)]


def choose_glazing(rng: Rng, plan: Plan) -> str:
    """How the windows are made."""
    if not plan.dense:
        return "flush"
    return pick(rng, {"flush": 28, "inset": 30, "raised": 12, "open": 30})
