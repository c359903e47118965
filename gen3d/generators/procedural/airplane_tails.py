"""Tails of the airplane grammar: fins and stabilizers on the fuselage, on the fin, or on booms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gen3d.generators.procedural.airplane_fuselage import Fuselage, Range
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
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.draws import pick
from gen3d.generators.procedural.solids import both, ellipsoid, move, tube


@dataclass(frozen=True)
class TailSize:
    """Sizes of a tail; lengths in half fuselage lengths.

    Args:
        fin, stabilizer: height of the fin and span of one stabilizer.
        half: root half thickness.
        fat: 0 = crisp, 1 = organic.
        end: z of the trailing edges' roots.
        wing: the main wing, for booms that start there.
    """

    fin: float
    stabilizer: float
    half: float
    fat: float
    end: float
    wing: Grown

    @staticmethod
    def draw(rng: np.random.Generator, panel: Panel, wing: Grown, fat: float) -> TailSize:
        """Sizes in proportion to the wing, within what a fuselage can carry."""
        stabilizer = float(np.clip(panel.length * rng.uniform(0.25, 0.5), 0.18, 0.5))
        fin = float(np.clip(stabilizer * rng.uniform(0.55, 1.15), 0.14, 0.42))
        half = float(np.clip(panel.half[0] * rng.uniform(0.55, 1.0), 0.004, 0.05))
        return TailSize(fin, stabilizer, half, fat, rng.uniform(-1.0, -0.88), wing)


_FIN_PLANS = {"swept": 0.5, "cropped": 0.25, "tapered": 0.15, "rounded": 0.1}
_STABILIZER_PLANS = {
    "swept": 0.42,
    "tapered": 0.22,
    "straight": 0.14,
    "rounded": 0.1,
    "cropped": 0.07,
    "elliptic": 0.05,
}


def _tail_panel(rng: np.random.Generator, size: TailSize, length: float, weights: Weights, angle: float) -> Panel:
    """A fin or stabilizer: shorter and deeper than a wing of the same kind."""
    plan = PLANS[pick(rng, weights)]
    low, high = plan.chord
    plan = replace(plan, chord=(max(low, 0.45), min(max(high, 0.65) * 1.5, 1.25)))
    panel = make_panel(rng, plan, length, np.full(33, angle), size.half, section_kind(rng, size.fat))
    room = rng.uniform(0.5, 1.0) * float((size.wing.front - size.wing.rear).max())
    ratio = min(1.0, room / float((panel.front - panel.rear).max()))  # not deeper than the wing
    tip = size.half * rng.uniform(0.3, 1.5) * (0.4 + size.fat)
    return replace(panel, front=panel.front * ratio, rear=panel.rear * ratio, tip=tip)


def _dorsal(rng: np.random.Generator, panel: Panel) -> Panel:
    """The fin with a leading edge that runs out forwards on the fuselage's back, in one of three."""
    if rng.random() > 0.33:
        return panel
    t = np.linspace(0, 1, 33)
    reach = rng.uniform(0.3, 1.2) * float(panel.front[0] - panel.rear[0])
    return replace(panel, front=panel.front + reach * np.clip(1 - t / rng.uniform(0.15, 0.45), 0, 1) ** 1.5)


def _rooted(
    rng: np.random.Generator, assembly: Assembly, body: Fuselage, panel: Panel, place: tuple[float, float, float]
) -> Grown:
    """Grow a tail panel from the fuselage; `place` = (x and y in half sizes of the section, z of the trailing edge)."""
    fat = 1.0 if assembly.traits["style"] == "organic" else 0.1
    size = float(body.section(-0.8)[0, 0])
    panel, collar = filleted(rng, panel, fat, size, collars=(0.05, 0.15, 0.35, 0.45))
    overhang = float(panel.rear[0] - panel.rear.min())  # swept tips may reach beyond the end, but not far
    z = max(place[2] - float(panel.rear[0]), rng.uniform(-1.12, -0.98) + overhang - float(panel.rear[0]))
    width, top, bottom, centre, _ = body.section(np.clip(z, -0.95, 0.95))[:, 0]
    anchor = np.array([place[0] * width, centre + place[1] * (top if place[1] > 0 else bottom), z])
    paired = bool(panel.angle[0] < 80) or place[0] > 0
    return add_grown(assembly, "tail", grow(panel, anchor, body, collar), paired=paired)


def _fin(rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize, scale: float = 1.0) -> Grown:
    """One fin on the fuselage's back."""
    panel = _dorsal(rng, _tail_panel(rng, size, scale * size.fin, _FIN_PLANS, 90.0))
    return _rooted(rng, assembly, body, panel, (0.0, 0.2, size.end))


def _stabilizers(rng: np.random.Generator, size: TailSize, angle: float | None = None) -> Panel:
    angle = rng.normal(0, 3) + (8 if rng.random() < 0.15 else 0) if angle is None else angle
    return _tail_panel(rng, size, size.stabilizer, _STABILIZER_PLANS, angle)


def _conventional(
    rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize
) -> tuple[Grown, Grown | None]:
    fin = _fin(rng, assembly, body, size)
    place = (0.0, rng.uniform(-0.4, 0.6), size.end + rng.uniform(-0.06, 0.12))
    return fin, _rooted(rng, assembly, body, _stabilizers(rng, size), place)


def _low(rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize) -> tuple[Grown, Grown | None]:
    """A fighter's: one fin, all-moving stabilizers low and far back."""
    fin = _fin(rng, assembly, body, size, 1.15)
    panel = _tail_panel(
        rng, size, 0.85 * size.stabilizer, {"swept": 0.5, "cropped": 0.4, "delta": 0.1}, rng.uniform(-12, 3)
    )
    return fin, _rooted(rng, assembly, body, panel, (0.0, rng.uniform(-0.6, 0.0), size.end - rng.uniform(0, 0.1)))


def _only_fin(
    rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize
) -> tuple[Grown, Grown | None]:
    return _fin(rng, assembly, body, size, 1.2), None


def _twin(rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize) -> tuple[Grown, Grown | None]:
    """Two fins on the fuselage, mostly canted outwards."""
    panel = _tail_panel(rng, size, size.fin, _FIN_PLANS, 90 - rng.uniform(0, 28))
    fin = _rooted(rng, assembly, body, panel, (rng.uniform(0.55, 0.8), 0.1, size.end + rng.uniform(0, 0.12)))
    if assembly.traits["role"] == "delta":
        return fin, None
    place = (0.0, rng.uniform(-0.4, 0.2), size.end - rng.uniform(0, 0.08))
    return fin, _rooted(rng, assembly, body, _stabilizers(rng, size, rng.uniform(-6, 3)), place)


def _v(rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize) -> tuple[Grown, Grown | None]:
    angle = rng.uniform(30, 55) * (1 if rng.random() < 0.9 else -1)
    panel = _stabilizers(rng, size, angle)
    fin = _rooted(rng, assembly, body, panel, (0.0, 0.1, size.end))
    return fin, None


def _on_fin(
    rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize, at: Range
) -> tuple[Grown, Grown | None]:
    """Stabilizers carried by the fin, at a height drawn from `at`."""
    fin = _fin(rng, assembly, body, size, rng.uniform(0.9, 1.3))
    _, y, front, rear, half = fin.at(rng.uniform(*at))
    panel = _stabilizers(rng, replace(size, stabilizer=0.9 * size.stabilizer))
    z = (front + rear) / 2 + rng.uniform(-0.4, 0.2) * (front - rear)
    stabilizer = grow(panel, np.array([0.0, y, z]), None)
    add_grown(assembly, "tail", stabilizer)
    if rng.random() < 0.2:
        bullet = ellipsoid((2.2 * half, 2.2 * half, 0.6 * (front - rear)), 10)
        assembly.add("tail", move(bullet, (0, y, (front + rear) / 2)))
    return fin, stabilizer


def _t(rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize) -> tuple[Grown, Grown | None]:
    return _on_fin(rng, assembly, body, size, (0.93, 1.0))


def _cruciform(
    rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize
) -> tuple[Grown, Grown | None]:
    return _on_fin(rng, assembly, body, size, (0.2, 0.75))


def _h(rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize) -> tuple[Grown, Grown | None]:
    """Fins at the ends of the stabilizers."""
    stabilizer = _rooted(rng, assembly, body, _stabilizers(rng, size, 3.0), (0.0, 0.4, size.end))
    x, y, front, rear, _ = stabilizer.at(rng.uniform(0.85, 1.0))
    panel = _tail_panel(rng, size, 0.75 * size.fin, {"rounded": 0.5, "tapered": 0.3, "swept": 0.2}, 90.0)
    for angle, part in ((90.0, 1.0), (-90.0, rng.uniform(0.2, 0.7))):
        side = replace(panel, angle=np.full(33, angle), length=panel.length * part)
        fin = add_grown(assembly, "tail", grow(side, np.array([x, y, (front + rear) / 2]), None))
    return fin, stabilizer


def _booms(rng: np.random.Generator, assembly: Assembly, body: Fuselage, size: TailSize) -> tuple[Grown, Grown | None]:
    """Two booms from the wing backwards, a fin on each and a stabilizer between them; booms are body."""
    x, y, front, rear, half = size.wing.at(rng.uniform(0.12, 0.3))
    panel = _tail_panel(rng, size, size.fin, _FIN_PLANS, 90.0)
    chord = float(panel.front[0] - panel.rear[0])
    end = rng.uniform(-1.3, -0.95)
    path = np.array([[x, y, front + 0.1], [x, y, front], [x, y, rear], [x, y, end + chord], [x, y, end]])
    radius = max(0.25 * float(body.width.max()), 1.2 * half) * rng.uniform(0.8, 1.2)
    assembly.add("body", *both(tube(path, radius * np.array([0.2, 1.0, 1.0, 0.7, 0.25]), 12)))
    fin = add_grown(assembly, "tail", grow(panel, np.array([x, y + 0.3 * radius, end - float(panel.rear[0])]), None))
    flat = _tail_panel(rng, size, x, {"straight": 1.0}, 0.0)
    depth = float(flat.front[0] - flat.rear[0])
    ratio = min(1.0, 0.9 * chord / depth)
    flat = replace(flat, front=flat.front * ratio, rear=flat.rear * ratio, tip=0.1 * size.half)
    _, height, lead, trail, _ = fin.at(0.0 if rng.random() < 0.6 else 0.85)
    place = np.array([0.0, height, (lead + trail) / 2])
    return fin, add_grown(assembly, "tail", grow(flat, place, None))


TailMaker = Callable[[np.random.Generator, Assembly, Fuselage, TailSize], tuple[Grown, Grown | None]]
TAILS: dict[str, TailMaker] = {
    "conventional": _conventional, "low": _low, "fin": _only_fin, "twin": _twin, "v": _v, "t": _t,
    "cruciform": _cruciform, "h": _h, "booms": _booms,
}  # fmt: skip
