"""Engines and small fittings of the airplane grammar, placed on what is already built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gen3d.generators.procedural.airplane_fuselage import Fuselage
from gen3d.generators.procedural.airplane_surfaces import Grown
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import (
    Numbers,
    Solid,
    bar,
    both,
    box,
    cylinder,
    ellipsoid,
    lathe,
    loft,
    merge,
    move,
    rod,
    turn,
)


@dataclass(frozen=True)
class Plane:
    """An airplane under construction.

    Args:
        assembly: where the parts go.
        body: the fuselage.
        wing: the right main wing.
        fin: the (right) fin, `stabilizer` the right tail plane where there is one.
        fat: 0 = crisp and thin, 1 = organic and rounded.
    """

    assembly: Assembly
    body: Fuselage
    wing: Grown
    fin: Grown
    stabilizer: Grown | None
    fat: float


# --- forms along Z ------------------------------------------------------------------------------------------------


def along_z(profile: Numbers, count: int = 14) -> Solid:
    """Surface of revolution about Z from (radius, z) rows that run forwards on the outside."""
    return turn(lathe(profile, count), "x", 90)


def nacelle(rng: np.random.Generator, radius: float, length: float, fat: float) -> Solid:
    """A jet engine's housing about the origin, nose forwards: an egg, a plugged tube or one with an open intake."""
    back, z = rng.uniform(0.35, 0.8), length / 2
    if rng.random() < 0.5 * fat:
        t = np.linspace(0, 1, 9)
        bulk = np.sqrt(np.clip(1 - (2 * t - 1) ** 2, 0, 1)) ** rng.uniform(0.5, 1.0)
        return along_z(np.stack([radius * bulk, length * (t - 0.5)], 1))
    rear = [(0, -z), (0.6 * back * radius, -z), (back * radius, -z), (0.95 * radius, -0.3 * z), (radius, 0.4 * z)]
    lip = [(0.94 * radius, 0.9 * z), (0.84 * radius, z)]
    deep = 0.75 * z if rng.random() < 0.5 else 0.97 * z
    intake = [(0.74 * radius, 0.95 * z), (0.7 * radius, deep), (0, deep + rng.uniform(0, 0.2) * z)]
    return along_z(rear + lip + intake, int(rng.choice([10, 14, 18])))


def propeller(rng: np.random.Generator, radius: float, hub: float, length: float, fat: float) -> Solid:
    """Spinner and blades (or the disc they sweep) about the origin, facing +Z; `length` is the spinner's."""
    blunt = rng.uniform(1.0, 2.2)
    t = np.linspace(0, 1, 7)
    nose = np.stack([hub * (1 - t**blunt) ** 0.6, length * t], 1)
    parts = [along_z([(0, -0.15 * hub), (hub, -0.15 * hub), *nose], 12)]
    z, thick = rng.uniform(0.05, 0.5) * length, radius * (0.015 + 0.03 * fat)
    if rng.random() < 0.12:
        disc = turn(cylinder(radius, 2 * thick, count=24, bevel=thick * 0.6), "x", 90)
        return merge([*parts, move(disc, (0, 0, z - thick))])
    wide, pitch, start = radius * rng.uniform(0.05, 0.14), rng.uniform(10, 50), rng.uniform(0, 180)
    blade = turn(ellipsoid((wide, (radius - 0.3 * hub) / 2, max(thick, 0.15 * wide)), 8), "y", pitch)
    blade = move(blade, (0, (radius + 0.3 * hub) / 2, z))
    count = int(rng.choice([2, 3, 4, 5], p=[0.5, 0.3, 0.15, 0.05]))
    return merge(parts + [turn(blade, "z", start + 360 * i / count) for i in range(count)])


# --- engines ------------------------------------------------------------------------------------------------------


def _none(rng: np.random.Generator, plane: Plane) -> None:
    """A glider, or engines inside that do not show."""


def _pods(rng: np.random.Generator, plane: Plane, fractions: tuple[float, ...]) -> None:
    """Jets under (seldom over) the wings on pylons, or fused to the wing where there is no room between."""
    girth = float(plane.body.width.max())
    radius = rng.uniform(0.3, 0.65) * girth * (1.0 if len(fractions) == 1 else 0.8)
    length = radius * rng.uniform(2.4, 5.5)
    side = -1.0 if rng.random() < 0.92 else 1.0
    gap, ahead = rng.uniform(-0.1, 0.7) * radius, rng.uniform(-0.15, 0.55) * length
    pod = nacelle(rng, radius, length, plane.fat)
    for fraction in fractions:
        x, y, front, rear, half = plane.wing.at(fraction)
        drop = side * (radius + half * 0.6 + gap)
        at = np.array([x, y + drop, front - 0.5 * length + ahead + 0.1 * length])
        foot = np.array([x, y + 0.2 * side * half, front - 0.35 * (front - rear)])
        low, high = at + [0, -0.6 * side * radius, -0.1 * length], at + [0, -0.6 * side * radius, 0.2 * length]
        pylon = _blade(foot, low, high, min(0.45 * (front - rear), 0.6 * length), 0.18 * radius)
        plane.assembly.add("engine", *both(move(pod, at)), *both(pylon))


def _blade(foot: np.ndarray, low: np.ndarray, high: np.ndarray, chord: float, half: float) -> Solid:
    """A flat pylon from `foot` (its middle) down to the edge from `low` (behind) to `high` (ahead)."""
    start = foot + np.array([[0, 0, -0.5 * chord], [0, 0, 0.5 * chord]])
    stop = np.stack([low, high])
    travel = stop.mean(0) - foot
    side = np.array([-travel[1], travel[0], 0.0])
    side *= half / max(float(np.linalg.norm(side)), 1e-9)

    def ring(edge: np.ndarray) -> np.ndarray:
        middle = edge.mean(0)
        return np.stack([edge[1], middle + side, edge[0], middle - side])

    rings = np.stack([ring(start), ring(stop)])
    normal = np.cross(rings[0, 1] - rings[0, 0], rings[0, 2] - rings[0, 1])
    return loft(rings if normal @ travel > 0 else rings[:, ::-1])


def _under(count: int) -> Callable[[np.random.Generator, Plane], None]:
    def place(rng: np.random.Generator, plane: Plane) -> None:
        first = rng.uniform(0.15, 0.4)
        _pods(rng, plane, (first,) if count == 2 else (first, first + rng.uniform(0.2, 0.35)))

    return place


def _rear(count: int) -> Callable[[np.random.Generator, Plane], None]:
    def place(rng: np.random.Generator, plane: Plane) -> None:
        body = plane.body
        z = rng.uniform(-0.65, -0.3)
        width, top, _, centre, _ = body.section(z)[:, 0]
        radius = rng.uniform(0.35, 0.65) * float(body.width.max())
        length = radius * rng.uniform(2.5, 5.0)
        at = np.array([width + radius * rng.uniform(0.75, 1.5), centre + rng.uniform(0.0, 0.6) * top, z])
        foot = np.array([0.75 * width, at[1] - 0.1 * top, z])
        inner = at - [0.7 * radius, 0, 0]
        pylon = _blade(foot, inner - [0, 0, 0.25 * length], inner + [0, 0, 0.2 * length], 0.5 * length, 0.18 * radius)
        pod = nacelle(rng, radius, length, plane.fat)
        plane.assembly.add("engine", *both(move(pod, at)), *both(pylon))
        if count == 3:
            _, _, front, rear, _ = plane.fin.at(0.0)
            z_fin = (front + rear) / 2
            y = float(body.section(max(z_fin, -0.97))[3, 0] + body.section(max(z_fin, -0.97))[1, 0])
            plane.assembly.add("engine", move(pod, (0, y + 0.55 * radius, front - 0.2 * length)))

    return place


def _nose(rng: np.random.Generator, plane: Plane) -> None:
    """One propeller at the nose."""
    body = plane.body
    inner = np.flatnonzero(body.width > rng.uniform(0.25, 0.5) * body.width.max())[-1]
    z = max(float(body.z[inner]), 1 - 0.5 * float(body.width.max()))
    width, top, bottom, centre, _ = body.section(min(z, 0.995))[:, 0]
    hub = max(0.9 * min(width, (top + bottom) / 2), 0.15 * float(body.width.max()))
    length = (1 - z) + hub * rng.uniform(0.4, 1.6)
    radius = max(rng.uniform(0.16, 0.36), 1.6 * hub)
    spin = propeller(rng, radius, hub, length, plane.fat)
    plane.assembly.add("engine", move(spin, (0, centre + (top - bottom) / 2, z)))


def _wing_props(count: int) -> Callable[[np.random.Generator, Plane], None]:
    def place(rng: np.random.Generator, plane: Plane) -> None:
        first = rng.uniform(0.12, 0.4)
        hub = rng.uniform(0.25, 0.5) * float(plane.body.width.max())
        spin_length, reach = hub * rng.uniform(0.5, 1.5), rng.uniform(0.05, 0.3)
        x0, _, front, rear, _ = plane.wing.at(first)
        length = (front - rear) * rng.uniform(0.5, 1.1) + reach
        room = 0.9 * (x0 - float(plane.body.width.max()))
        spin = propeller(
            rng, max(min(rng.uniform(2.5, 4.5) * hub, room), 1.7 * hub), 0.75 * hub, spin_length, plane.fat
        )
        t = np.linspace(0, 1, 9)
        shape = np.minimum(1, (t / rng.uniform(0.4, 0.8)) ** 0.6) * (1 - 0.25 * t**4)
        house = along_z([*np.stack([hub * shape, length * (t - 1)], 1), (0, 0)], 14)
        for fraction in (first,) if count == 2 else (first, first + rng.uniform(0.22, 0.35)):
            x, y, front, _, _ = plane.wing.at(fraction)
            at = (x, y + rng.uniform(-0.5, 0.3) * hub, front + reach)
            plane.assembly.add("engine", *both(move(house, at)), *both(move(spin, at)))

    return place


def _buried(rng: np.random.Generator, plane: Plane) -> None:
    """Jets in the wing roots, one or two a side."""
    _, _, front, rear, half = plane.wing.at(0.12)
    radius = max(rng.uniform(1.0, 1.6) * half, 0.2 * float(plane.body.width.max()))
    length = (front - rear) * rng.uniform(0.9, 1.25)
    pod = nacelle(rng, radius, length, plane.fat)
    for i in range(int(rng.integers(1, 3))):
        x, y, front, rear, _ = plane.wing.at(0.04)
        at = (x + radius * (0.6 + 1.9 * i), y, (front + rear) / 2 + rng.uniform(-0.05, 0.1))
        plane.assembly.add("engine", *both(move(pod, at)))


def _nozzle(rng: np.random.Generator, plane: Plane) -> None:
    """One or two exhausts at the end of the fuselage."""
    body = plane.body
    z = rng.uniform(-0.97, -0.88)
    width, top, bottom, centre, _ = body.section(z)[:, 0]
    twin = rng.random() < 0.45
    radius = max((0.62 if twin else 0.9) * min(width, (top + bottom) / 2), 0.2 * float(body.width.max()))
    length = radius * rng.uniform(0.8, 2.0) + (z + 1)
    r, out = radius, radius * rng.uniform(0.65, 0.95)
    deep = -length + 0.4 * radius
    rows = [
        (0, deep),
        (0.8 * out, deep),
        (0.85 * out, -length),
        (out, -length),
        (r, -0.3 * length),
        (r, 0.05),
        (0, 0.08),
    ]
    for x in (-0.85 * radius, 0.85 * radius) if twin else (0.0,):
        plane.assembly.add("engine", move(along_z(rows), (x, centre + (top - bottom) / 2, z)))


def _pusher(rng: np.random.Generator, plane: Plane) -> None:
    """A propeller behind the fuselage."""
    _, top, bottom, centre, _ = plane.body.section(-0.985)[:, 0]
    hub = max((top + bottom) / 2, 0.2 * float(plane.body.width.max()))
    spin = turn(propeller(rng, rng.uniform(0.14, 0.26), hub, hub * rng.uniform(0.7, 1.5), plane.fat), "y", 180)
    plane.assembly.add("engine", move(spin, (0, centre + (top - bottom) / 2, -0.985)))


ENGINES: dict[str, Callable[[np.random.Generator, Plane], None]] = {
    "none": _none,
    "under two": _under(2),
    "under four": _under(4),
    "rear two": _rear(2),
    "rear three": _rear(3),
    "nose propeller": _nose,
    "wing propellers two": _wing_props(2),
    "wing propellers four": _wing_props(4),
    "buried": _buried,
    "nozzle": _nozzle,
    "pusher": _pusher,
}


# --- fittings -----------------------------------------------------------------------------------------------------


def intakes(rng: np.random.Generator, plane: Plane) -> None:
    """Air intakes along the sides of a fighter; part of the body."""
    front, rear = rng.uniform(0.0, 0.35), rng.uniform(-0.75, -0.2)
    width, top, bottom, centre, _ = plane.body.section((front + rear) / 2)[:, 0]
    size = np.array([0.7 * width, (top + bottom) * rng.uniform(0.5, 0.8)])
    duct = box((size[0], size[1], front - rear), 0.3 * size.min())
    lift = centre + (top - bottom) / 2 + rng.uniform(-0.2, 0.15) * top
    plane.assembly.add("body", *both(move(duct, (width * rng.uniform(0.8, 1.05), lift, (front + rear) / 2))))


def canopy(rng: np.random.Generator, plane: Plane) -> None:
    """A glazed bubble on the nose; part of the body."""
    body, z = plane.body, rng.uniform(0.2, 0.6)
    width, top, _, centre, _ = body.section(z)[:, 0]
    radii = (width * rng.uniform(0.4, 0.75), top * rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.24))
    plane.assembly.add("body", move(ellipsoid(radii, 16), (0, centre + 0.75 * top, z)))


def fairing(rng: np.random.Generator, plane: Plane) -> None:
    """A belly under the wing roots; part of the body."""
    _, _, front, rear, _ = plane.wing.at(0.0)
    width, _, bottom, centre, _ = plane.body.section((front + rear) / 2)[:, 0]
    radii = (width * rng.uniform(0.8, 1.15), bottom * rng.uniform(0.3, 0.6), (front - rear) * rng.uniform(0.5, 0.8))
    plane.assembly.add("body", move(ellipsoid(radii, 16), (0, centre - 0.75 * bottom, (front + rear) / 2)))


def gear(rng: np.random.Generator, plane: Plane) -> None:
    """Two main wheels and one at the nose or tail, on legs; part of the body."""
    wheel, drop = rng.uniform(0.03, 0.06), rng.uniform(0.08, 0.2)
    _, _, front, rear, _ = plane.wing.at(0.0)
    middle = (front + rear) / 2
    at_tail = rng.random() < 0.5
    for z, x in ((middle + (0.1 if at_tail else -0.08), rng.uniform(0.08, 0.2)), (-0.8 if at_tail else 0.7, 0.0)):
        width, _, bottom, centre, _ = plane.body.section(z)[:, 0]
        size = wheel if x else 0.7 * wheel
        start = np.array([0.5 * width if x else 0.0, centre - 0.7 * bottom, z])
        stop = np.array([x, centre - bottom - (drop if x else 0.7 * drop), z])
        tyre = turn(cylinder(size, 0.6 * size, bevel=0.2 * size, count=14), "z", 90)
        parts = [rod(start, stop, 0.25 * size, count=6), move(tyre, stop + [0.3 * size, 0, 0])]
        for part in parts:
            plane.assembly.add("body", *(both(part) if x else (part,)))


def struts(rng: np.random.Generator, plane: Plane) -> None:
    """A bracing strut a side from the belly to a high wing; part of the wing."""
    x, y, front, rear, _ = plane.wing.at(rng.uniform(0.35, 0.6))
    z = 0.6 * front + 0.4 * rear
    width, _, bottom, centre, _ = plane.body.section(z)[:, 0]
    thick = rng.uniform(0.008, 0.016)
    strut = bar((0.85 * width, centre - 0.5 * bottom, z), (x, y, z), thick, 3 * thick, up=(0, 0, 1))
    plane.assembly.add("wing", *both(strut))
