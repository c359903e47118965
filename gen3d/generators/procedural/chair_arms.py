"""Arm rests of chairs: posted, looped, solid walls and single-post pads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.chair_backs import Back
from gen3d.generators.procedural.chair_frame import Plan, bent, limb, wire
from gen3d.generators.procedural.draws import pick
from gen3d.generators.procedural.solids import Solid, both, box, move, rod, spline, superellipse, sweep


def add_arms(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly, family: str, sided: bool) -> None:
    """Two arm rests that suit the chair."""
    odds = {"posted": 0.6, "loop": 0.2, "panel": 0.1, "tee": 0.1}
    if family == "soft":
        odds = {"posted": 0.9, "loop": 0.1}
    if family == "lounge":
        odds = {"posted": 0.25, "panel": 0.65, "loop": 0.1}
    if family == "office" or not sided:
        odds = {"tee": 0.45, "loop": 0.45, "panel": 0.1, "posted": 0.15 * sided}
    kind = pick(rng, odds)
    narrow = plan.seat.side(0.8 * back.foot) < 0.75 * plan.seat.side(0.0)
    kind = "loop" if kind == "panel" and narrow else kind  # walls go with straight sides
    out.traits["arm"] = kind
    for piece in ARMS[kind](rng, plan, back):
        out.add("arm", *both(piece))


def _rest(rng: np.random.Generator, plan: Plan, path: Float[np.ndarray, "S 3"]) -> Solid:
    """The bar the arm lies on: a round rod or a flat board."""
    if rng.random() < 0.4:
        return wire(path, plan.rod * rng.uniform(0.7, 1.1), 2.0, (0.0, 1.0, 0.0))
    thick, wide = rng.uniform(0.015, 0.05), rng.uniform(0.04, 0.09)
    ends = np.r_[rng.uniform(0.5, 1), np.ones(len(path) - 2), rng.uniform(0.5, 1)]
    return sweep(superellipse(2 * wide, 2 * thick, 4.0, 12), path, np.stack([ends, np.ones(len(path))], 1))


def posted(rng: np.random.Generator, plan: Plan, back: Back) -> list[Solid]:
    """A bar from the back to a post on the seat's side."""
    seat, h = plan.seat, min(rng.uniform(0.3, 0.55), 0.8 * back.height)
    z = seat.half[1] * rng.uniform(-0.1, 0.8)
    x = seat.side(z) - plan.rod
    rear = back.place(np.array([back.half, h, 0]))
    wide = x + rng.choice([0.0, rng.uniform(0, 0.12)])
    fore = z + rng.uniform(-0.05, 0.15)
    drop = rng.choice([0.0, rng.uniform(-0.08, 0.05)])
    knots = [
        rear,
        ((wide + rear[0]) / 2 + rng.uniform(0, 0.06), h + drop / 2, (rear[2] + fore) / 2),
        (wide, h + drop, fore),
        (wide, h + 1.5 * drop, fore + 0.12),
    ]
    low = float(seat.sag(x, z)) - 0.3 * seat.thick
    t = np.linspace(0, 1, 6)[:, None]
    bow = rng.choice([0.0, rng.uniform(-0.1, 0.1)]) * np.sin(np.pi * t) * [0, 0, 1]
    path = np.array([x, low, z]) * (1 - t) + np.array([wide, h + drop, fore]) * t + bow
    radius = plan.rod * rng.uniform(0.5, 0.95) * np.ones(6)
    pieces = [_rest(rng, plan, spline(knots, 12)), limb(path, radius, plan.exponent)]
    for s in np.linspace(0, 1, int(rng.choice([0, 0, 0, 2, 4])) + 2)[1:-1]:
        top = np.array(knots[0]) * (1 - s) + np.array(knots[2]) * s
        pieces.append(rod((seat.side(top[2]) - plan.rod, -0.2 * seat.thick, top[2]), top, 0.4 * plan.rod, count=6))
    return pieces


def looped(rng: np.random.Generator, plan: Plan, back: Back) -> list[Solid]:
    """A bent rod from the side of the seat up, along and down again."""
    seat, h = plan.seat, rng.uniform(0.3, 0.55)
    front, rear = seat.half[1] * rng.uniform(0.2, 0.8), -seat.half[1] * rng.uniform(0.2, 0.75)
    radius, out = plan.rod * rng.uniform(0.4, 0.8), rng.uniform(0.02, 0.15)
    low = [(seat.side(z) - 0.3 * radius, seat.under(seat.side(z), z) + 0.5 * seat.thick, z) for z in (front, rear)]
    x = max(low[0][0], low[1][0]) + out
    knots = [
        low[0],
        (x, 0.02, front),
        (x, h, front + rng.uniform(-0.1, 0.15)),
        (x, h, rear - rng.uniform(-0.1, 0.1)),
        (x, 0.02, rear),
        low[1],
    ]
    path = bent(knots, rng.uniform(0.05, 0.25))
    pieces = [wire(path, radius, 2.0)]
    if rng.random() < 0.5:
        rest = np.linspace((x, h + 0.5 * radius, front * 0.85), (x, h + 0.5 * radius, rear * 0.85), 4)
        pieces.append(sweep(superellipse(0.13, 0.06, 4.0, 12), rest))
    return pieces


def panel(rng: np.random.Generator, plan: Plan, back: Back) -> list[Solid]:
    """An upholstered or boarded side from the seat (or lower) up."""
    seat = plan.seat
    thick, h = rng.choice([rng.uniform(0.03, 0.08), rng.uniform(0.1, 0.28)]), min(rng.uniform(0.2, 0.5), back.height)
    low = -rng.choice([seat.thick, plan.floor * rng.uniform(0.6, 1.0)], p=[0.75, 0.25])
    front, rear = seat.half[1] * rng.uniform(0.75, 1.02), back.foot - rng.uniform(0, 0.06)
    x = seat.side(0.0) + 0.45 * thick
    bevel = thick * (rng.uniform(0.1, 0.49) if plan.soft or rng.random() < 0.5 else 0.0)
    wall = box((thick, h - low, front - rear), bevel)
    y = wall.vertices[:, 1:2]
    slope = rng.choice([0.0, rng.uniform(-0.35, 0.1)]) * h
    drop = np.where(y > 0, slope * (wall.vertices[:, 2:] / (front - rear) + 0.5), 0)
    wall = move(wall, np.concatenate([0 * drop, drop, 0 * drop], 1))
    turned = wall.vertices * [1, 1, 1]
    # follow the seat's sides where it narrows towards the back
    pull = (seat.side(0.85 * rear) - seat.side(0.0)) * np.clip(-wall.vertices[:, 2:] / (front - rear) * 2, 0, 1)
    turned[:, :1] += pull
    pieces = [move(Solid(turned, wall.faces), (x, (h + low) / 2, (front + rear) / 2))]
    if rng.random() < 0.2:
        pieces.append(
            move(box((thick * 1.3, 0.06, front - rear), 0.02), (x, h + min(slope, 0) * 0.5, (front + rear) / 2))
        )
    return pieces


def tee(rng: np.random.Generator, plan: Plan, back: Back) -> list[Solid]:
    """A pad on one post beside the seat."""
    seat, h, z = plan.seat, rng.uniform(0.28, 0.5), seat_middle(rng, plan)
    edge, out = seat.side(z), rng.uniform(0.03, 0.14)
    wide, deep = rng.uniform(0.03, 0.06), rng.uniform(0.025, 0.08)
    y = seat.under(edge, z) + 0.5 * seat.thick
    knots = [(edge - 0.06, y, z), (edge + out, y, z), (edge + out, h, z + rng.uniform(-0.05, 0.1))]
    section = superellipse(2 * deep, wide, plan.exponent, 8)
    pad = box(
        (rng.uniform(0.08, 0.14), rng.uniform(0.03, 0.08), rng.uniform(0.35, 0.7)), 0.03 if rng.random() < 0.7 else 0
    )
    return [sweep(section, bent(knots, 0.06), up=(0.0, 0.0, -1.0)), move(pad, (edge + out, h + 0.01, z + 0.05))]


def seat_middle(rng: np.random.Generator, plan: Plan) -> float:
    """A z about the middle of the seat."""
    return float(plan.seat.half[1] * rng.uniform(-0.3, 0.25))


ARMS: dict[str, Callable[[np.random.Generator, Plan, Back], list[Solid]]] = {
    "posted": posted,
    "loop": looped,
    "panel": panel,
    "tee": tee,
}
