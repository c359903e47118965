"""Single-seaters with open wheels: a slender body, wings in front and behind, suspension rods."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.car_plan import Plan
from gen3d.generators.procedural.car_wheels import wheel
from gen3d.generators.procedural.solids import (
    Solid,
    both,
    box,
    ellipsoid,
    loft,
    move,
    rod,
    rounded_rectangle,
    spline,
    superellipse,
    sweep,
)  # fmt: skip

Rng = np.random.Generator


def add_formula(rng: Rng, assembly: Assembly, plan: Plan) -> None:
    """All of a single-seater; it has neither roof nor bonnet."""
    assembly.traits.update(hood="none", roof="none", arches="open", wheels="4", rims="disc", glazing="none")
    tub = _tub(rng, plan)
    assembly.add("body", tub, *_pods(rng, plan), *_wings(rng, plan))
    track = plan.width / 2 - plan.tread / 2
    for axle in plan.axles:
        z = float(plan.z(axle))
        one = wheel(rng, plan.wheel, plan.tread * (1.15 if axle > 0.5 else 0.9), "disc", 20)
        assembly.add("wheel", *both(move(one, (track, plan.wheel, z))))
        for height, away in ((0.75, -0.3), (0.75, 0.3), (1.25, -0.3), (1.25, 0.3)):
            y = height * plan.wheel
            assembly.add("body", *both(rod((0.02, y, z + away), (track, y, z), 0.022, count=6)))
        assembly.add("body", move(box((0.3, 0.6 * plan.wheel, 0.8), 0.05), (0, plan.wheel, z)))
    if rng.random() < 0.6:
        seat = float(plan.z(0.5))
        assembly.add("body", move(ellipsoid((0.13, 0.15, 0.15), 12), (0, 0.66 * plan.height + 0.05, seat)))


def _tub(rng: Rng, plan: Plan) -> Solid:
    """The body from the tail to the nose, with the air box behind the driver."""
    at = np.array([1.0, 0.8, 0.62, 0.56, 0.48, 0.4, 0.15, 0.02])
    nose = float(rng.uniform(0.3, 0.55)) * plan.height
    box_top = plan.height * float(rng.uniform(0.75, 1.0))
    low = plan.height * 0.66
    top = np.array([0.4 * plan.height, 0.55 * plan.height, box_top, box_top, low, low, nose + 0.1, nose])
    half = np.array([0.1, 0.2, 0.28, 0.3, 0.3, 0.28, 0.15, 0.08]) * float(rng.uniform(0.85, 1.2))
    bottom = np.array([0.2, 0.1, 0.07, 0.07, 0.07, 0.08, nose - 0.15, nose - 0.08])
    rows = spline(np.stack([plan.z(at), top, half, bottom], 1), 26)
    outline = superellipse(1.0, 1.0, float(rng.uniform(2.2, 4)), 20)
    tall = np.maximum(rows[:, 1] - rows[:, 3], 0.08)
    x = outline[None, :, 0] * 2 * rows[:, 2:3]
    y = outline[None, :, 1] * tall[:, None] + (rows[:, 1] - tall / 2)[:, None]
    return loft(np.stack([x, y, np.repeat(rows[:, :1], 20, 1)], -1))


def _pods(rng: Rng, plan: Plan) -> list[Solid]:
    """Side pods and the floor."""
    long = plan.length * float(rng.uniform(0.25, 0.38))
    wide, tall = float(rng.uniform(0.3, 0.48)), plan.height * float(rng.uniform(0.3, 0.48))
    outline = rounded_rectangle(wide, tall, 0.1, 3)
    z = float(plan.z(0.56))
    path = np.stack(
        [np.full(5, 0.2 + wide / 2), np.full(5, 0.09 + tall / 2), np.linspace(z - long / 2, z + long / 2, 5)]
    )
    sizes = np.array([0.55, 0.85, 1.0, 1.0, 0.85])
    floor = move(box((2 * wide + 0.5, 0.04, long * 1.15)), (0, 0.09, z))
    return [*both(sweep(outline, path.T, sizes)), floor]


def _wings(rng: Rng, plan: Plan) -> list[Solid]:
    """Front and rear wing with end plates."""
    half, front = plan.width / 2 * float(rng.uniform(0.85, 1.0)), plan.length / 2 - 0.12
    nose = 0.32 * plan.height
    found = [
        move(box((2 * half, 0.04, 0.35), 0.01), (0, 0.14, front)),
        move(box((0.08, nose, 0.2)), (0, nose / 2 + 0.13, front)),
    ]
    found += both(move(box((0.03, 0.2, 0.42)), (half, 0.18, front)))
    high, back = plan.height * float(rng.uniform(0.8, 1.0)), -plan.length / 2 + 0.15
    wide = half * float(rng.uniform(0.55, 0.85))
    for level in range(int(rng.integers(1, 4))):
        found.append(move(box((2 * wide, 0.035, 0.3), 0.01), (0, high - 0.12 * level, back)))
    found += both(move(box((0.03, 0.45, 0.45)), (wide, high - 0.17, back)))
    found.append(move(box((0.08, high - 0.2, 0.15)), (0, (high + 0.2) / 2, back + 0.05)))
    return found
