"""The lower body of a car: sides with wheel arches, the bonnet, openings for a cockpit or a load bed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.car_plan import Plan
from gen3d.generators.procedural.car_skin import Skin, swell
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator
EDGE = 0.0015  # stations between the two sides of an upright wall
# columns of half a ring, from the middle of the floor over the side to the middle of the deck
FLOOR, WELL, SILL, SHOULDER, TOP, RAIL, INNER, MIDDLE = 0, 2, 3, 6, 8, 9, 10, 12


class Opening(NamedTuple):
    """A hollow in the deck between two stations, whose floor lies at a height."""

    start: float
    stop: float
    floor: float


class Form(NamedTuple):
    """How the body's sections are shaped.

    Args:
        arch: radius of the wheel arches; 0 for none.
        under, over: how far the side comes in at the sill and at the shoulder, shares of the half width.
        corner: radius of the shoulder, metres.
        crown: how far the deck's edge lies below its middle.
        rail: half the bonnet's and the openings' width, as a share of the deck's.
        taper: how much narrower the front and the rear end are, shares.
        bow: how far the front and the rear end are bent back at the sides, metres.
    """

    arch: float
    under: float
    over: float
    corner: float
    crown: float
    rail: float
    taper: tuple[float, float]
    bow: tuple[float, float]


def draw_form(rng: Rng, plan: Plan, traits: dict[str, str]) -> Form:
    """Shape of the body's sections."""
    arches = "fenders" if plan.fendered else pick(rng, {"cut": 80, "none": 8, "skirts": 12})
    traits["arches"] = arches
    ratio = 0.0 if arches in ("fenders", "none") else float(rng.uniform(1.06, 1.3))
    soft = plan.soft
    taper = rng.uniform(0.0, 0.12, 2) * (0.5 + soft)
    if plan.kind == "oldtimer":
        taper[0] = rng.uniform(0.25, 0.45)
    if plan.kind in ("beetle", "formula"):
        taper = rng.uniform(0.15, 0.3, 2)
    bow = rng.uniform(0.02, 0.12, 2) + soft * rng.uniform(0.05, 0.3, 2)
    low = 0.3 if plan.kind in ("jeep", "van", "bus", "oldtimer") else 1.0
    return Form(
        ratio * plan.wheel, float(rng.uniform(0, 0.09)) * low, float(rng.uniform(0, 0.1)) * low,
        0.012 + 0.12 * soft * float(rng.random()), float(rng.uniform(0.0, 0.03 + 0.1 * soft)),
        float(rng.uniform(0.76, 0.93)), (float(taper[0]), float(taper[1])), (low * float(bow[0]), low * float(bow[1])),
    )  # fmt: skip


def add_body(rng: Rng, assembly: Assembly, plan: Plan, form: Form, openings: list[Opening]) -> None:
    """The lower body, and the bonnet where the kind has one."""
    front = float(rng.uniform(0.012, 0.06)) if plan.cowl > 0.06 else plan.cowl
    stations = _stations(plan, form, [front, front + EDGE, plan.cowl], openings)
    skin = Skin(_rings(plan, form, stations, openings), True)
    middles = (stations[1:] + stations[:-1]) / 2
    rows = (middles > front) & (middles < plan.cowl)
    hood = skin.quads()
    traits = assembly.traits
    if plan.cowl - front > 0.035 and plan.kind != "formula":
        wide = rng.random() < 0.15
        first = TOP - 1 if wide else RAIL
        hood[rows, first : hood.shape[1] - first] = True
        traits["hood"] = "clamshell" if wide else "panel"
        seam = float(rng.choice([1.0, 1.006])) if rng.random() < 0.3 else 1.0
        assembly.add("hood", swell(skin.patch(hood), seam))
    else:
        traits["hood"] = "none"
    assembly.add("body", skin.patch(~hood), skin.cap(False), skin.cap(True))


def _stations(plan: Plan, form: Form, extra: list[float], openings: list[Opening]) -> Float[np.ndarray, " S"]:
    """Where the rings are, descending: rear to front."""
    found = [0.0, 0.01, 0.03 + 0.03 * plan.soft, 0.99, 0.97 - 0.03 * plan.soft, plan.glass_end, *extra]
    for opening in openings:
        found += [opening.start, opening.start + EDGE, opening.stop - EDGE, opening.stop]
    if plan.dense:
        found += np.linspace(0, 1, 16).tolist()
    for axle in plan.axles if form.arch > 0 else ():
        turns = np.cos(np.linspace(0, np.pi, 9 if plan.dense else 5))
        found += (axle + turns * form.arch / plan.length).tolist()
        found += (axle + np.array([-1, 1]) * (form.arch / plan.length + EDGE)).tolist()
    found_array = np.unique(np.clip(np.array(found), 0, 1))
    return found_array[np.diff(found_array, prepend=-1) > 1e-5][::-1]


def _rings(
    plan: Plan, form: Form, stations: Float[np.ndarray, " S"], openings: list[Opening]
) -> Float[np.ndarray, "S K 3"]:
    half, top, floor = _outline(plan, form, stations)
    low = np.maximum(floor, _arch(plan, form, stations))
    shoulder = np.maximum(top - form.crown - form.corner, floor + 0.04)
    low = np.minimum(low, shoulder - 0.03)
    well = np.minimum(half - 0.02, max(plan.body_half - 1.2 * plan.tread, 0.3 * plan.body_half))
    hollow = np.full(len(stations), np.inf)
    for opening in openings:
        inside = (stations > opening.start + EDGE / 2) & (stations < opening.stop - EDGE / 2)
        hollow[inside] = opening.floor
    columns = [(0 * half, floor), (well, floor), (well, low)]
    for share in (0.0, 0.4, 0.75, 1.0):
        y = low + share * (shoulder - low)
        columns.append((half * _side(form, (y - floor) / (shoulder - floor)), y))
    edge = half * (1 - form.over)
    for angle in (45, 90):
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        columns.append((edge - form.corner * (1 - c), shoulder + form.corner * s))
    deck = edge - form.corner
    columns.append((form.rail * deck, shoulder + form.corner + form.crown * (1 - form.rail**2)))
    for share in (0.995 * form.rail, 0.5 * form.rail, 0.0):
        y = shoulder + form.corner + form.crown * (1 - share**2)
        columns.append((share * deck, np.minimum(y, hollow)))
    right = np.array(columns).transpose(2, 0, 1)  # (S, H, 2)
    ring = np.concatenate([right, right[:, -2:0:-1] * [-1, 1]], 1)
    return _bent(plan, form, stations, ring)


def _outline(
    plan: Plan, form: Form, stations: Float[np.ndarray, " S"]
) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """Half width, height of the deck and of the floor at every station."""
    reach = np.array([max(plan.cowl, 0.15) if plan.kind == "oldtimer" else 0.25, 0.25])
    ends = np.stack([stations, 1 - stations])
    narrow = form.taper @ np.clip(1 - ends / reach[:, None], 0, 1) ** (1.2 if plan.kind == "oldtimer" else 2)
    rise = np.interp(ends.min(0), [0, 0.09], [0.12 * plan.wheel, 0])
    floor = np.minimum(plan.clearance + rise, 0.7 * min(plan.nose, plan.tail))
    pinch = 1 - (0.05 + 0.2 * plan.soft) * (ends.min(0) < 0.005)  # the very ends are rounded over
    top = plan.deck(stations)
    middle = (top + floor) / 2
    return plan.body_half * (1 - narrow) * pinch, middle + (top - middle) * pinch, middle + (floor - middle) * pinch


def _arch(plan: Plan, form: Form, stations: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Height of the wheel arches' edges; 0 where there is none."""
    height = np.zeros(len(stations))
    for axle in plan.axles if form.arch > 0 else ():
        away = (stations - axle) * plan.length / form.arch
        height = np.maximum(height, np.where(np.abs(away) <= 1 + 1e-9, plan.wheel, 0) + form.arch * _upper(away))
    return height


def _upper(away: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    return np.sqrt(np.clip(1 - away**2, 0, None))


def _side(form: Form, up: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Share of the half width at heights 0 (sill) to 1 (shoulder)."""
    return 1 - form.under * np.clip(1 - 2 * up, 0, 1) ** 2 - form.over * np.clip(2 * up - 1, 0, 1) ** 2


def _bent(
    plan: Plan, form: Form, stations: Float[np.ndarray, " S"], ring: Float[np.ndarray, "S K 2"]
) -> Float[np.ndarray, "S K 3"]:
    """The sections at their places along the car, the ends bent back towards the sides."""
    z = np.repeat(plan.z(stations)[:, None], ring.shape[1], 1)
    out = np.abs(ring[..., 0] / plan.body_half) ** 3
    reach = form.arch / plan.length + 0.01
    front = np.clip(1 - stations / max(plan.axles[0] - reach, 0.05), 0, 1)
    rear = np.clip(1 - (1 - stations) / max(1 - plan.axles[-1] - reach, 0.05), 0, 1)
    z = z - form.bow[0] * front[:, None] * out + form.bow[1] * rear[:, None] * out
    return np.concatenate([ring, z[..., None]], -1)
