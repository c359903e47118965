"""What is on a guitar's front: bridges, tailpieces, pickups, knobs, plates, holes. All of it is `body`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.guitar_bodies import HEART
from gen3d.generators.procedural.plates import Outline, Pocket, curve, plate
from gen3d.generators.procedural.solids import Solid, box, circle, cylinder, lathe, move, rod, spline, tube, turn
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator


@dataclass
class Front:
    """The front of a body, on which things lie.

    Args:
        outline: of the body.
        depth: of the body, at its rim.
        bulge: by how much the front's middle lies above z = 0.
        bridge: height of the bridge.
        end: height at which the finger board ends.
        wide: width of the finger board there.
        made: takes the pieces and traits.
    """

    outline: Outline
    depth: float
    bulge: float
    bridge: float
    end: float
    wide: float
    made: Assembly

    def level(self, x: float, y: float) -> float:
        """About how high the front lies at (x, y), a little too low rather than too high."""
        far = np.linalg.norm(self.outline - HEART, axis=1)
        return self.bulge * max(0.0, 1 - float((np.hypot(x, y - HEART[1]) / (0.75 * far.mean())) ** 2))

    def block(self, at: tuple[float, float], size: tuple[float, float, float], bevel: float = 0.0) -> None:
        """A block of that (x, y) size that stands out by size[2]."""
        level, sunk = self.level(*at), 0.01 + 0.3 * self.bulge
        solid = box([size[0], size[1], size[2] + sunk], bevel)
        self.made.add("body", move(solid, [*at, level + (size[2] - sunk) / 2]))

    def knob(self, at: tuple[float, float], radius: float, height: float, top: float = 0.85) -> None:
        """A round thing that stands out."""
        sunk = 0.01 + 0.3 * self.bulge
        solid = turn(cylinder(radius, height + sunk, top * radius, count=10), "x", 90)
        self.made.add("body", move(solid, [*at, self.level(*at) - sunk]))

    def inside(self, at: tuple[float, float], margin: float) -> bool:
        """Whether a spot lies in the outline, at least `margin` from its rim."""
        x, y = self.outline.T
        ahead = np.roll(self.outline, -1, 0)
        cross = (y <= at[1]) != (ahead[:, 1] <= at[1])
        a, b = self.outline[cross], ahead[cross]
        right = (a[:, 0] + (at[1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0]) > at[0]).sum() % 2 == 1
        return bool(right and np.hypot(x - at[0], y - at[1]).min() > margin)


# --- holes --------------------------------------------------------------------------------------------------------


def round_hole(rng: Rng, front: Front) -> Outline:
    """Rim of the sound hole below the finger board."""
    radius, squash = rng.uniform(0.085, 0.115), rng.choice([1.0, rng.uniform(0.75, 0.9)], p=[0.9, 0.1])
    return circle(radius, 20) * [1, squash] + [0, front.end - 0.9 * radius * squash + 0.0]


def f_holes(rng: Rng, front: Front) -> list[Outline]:
    """Rims of two slits beside the bridge."""
    tall, thin = rng.uniform(0.16, 0.24), rng.uniform(0.018, 0.03)
    u = np.linspace(-1, 1, 11)
    bow = 0.035 * np.sin(np.pi * u)
    wide = thin * (1 + 0.7 * np.abs(u) ** 4) / 2
    right, left = np.stack([bow + wide, tall * u / 2], 1), np.stack([bow - wide, tall * u / 2], 1)[::-1]
    slit = np.concatenate([right, left])
    at = np.array([rng.uniform(0.2, 0.23), front.bridge + rng.uniform(0.0, 0.08)])
    return [slit + at, (slit * [-1, 1])[::-1] + at * [-1, 1]]


def rosette(rng: Rng, hole: Outline, made: Assembly) -> None:
    """A thin ring round a sound hole, or a disc in its place."""
    centre, radius = hole.mean(0), float(np.ptp(hole[:, 0])) / 2
    wide, high = rng.uniform(0.015, 0.035), rng.uniform(0.004, 0.01)
    rows = [(radius, -high), (radius + wide, -high), (radius + wide, high), (radius, high)]
    ring = turn(lathe(rows, 24, closed=True), "x", 90)
    made.add("body", move(ring, [*centre, 0]))


def as_pockets(rims: list[Outline], deep: float) -> list[Pocket]:
    """The rims as hollows of one depth."""
    return [(rim, deep) for rim in rims]


# --- bridges ------------------------------------------------------------------------------------------------------


def flat_bridge(rng: Rng, front: Front) -> None:
    """A glued-on bridge with its saddle, and pins or a tie block."""
    wide, tall, high = rng.uniform(0.3, 0.4), rng.uniform(0.05, 0.075), rng.uniform(0.015, 0.03)
    y = front.bridge
    if rng.random() < 0.4:  # swept ends
        wing = [(-0.5, 0.1), (-0.2, -0.5), (0.2, -0.5), (0.5, 0.1), (0.42, 0.35), (0, 0.5), (-0.42, 0.35)]
        solid = plate(curve(wing) * [wide, 1.3 * tall], 2 * high)
        front.made.add("body", move(solid, [0, y, 0]))
    else:
        front.block((0, y), (wide, tall, high), rng.choice([0.0, 0.3]) * high)
    front.block((0, y + 0.15 * tall), (0.55 * wide, 0.014, high + 0.014))
    if rng.random() < 0.5:
        for x in np.linspace(-0.24, 0.24, 6) * wide:
            front.knob((float(x), y - 0.25 * tall), 0.008, high + 0.012)


def floating_bridge(rng: Rng, front: Front) -> None:
    """A bridge with a tailpiece that holds the strings at the rim, as on archtops."""
    wide, high = rng.uniform(0.2, 0.28), rng.uniform(0.04, 0.07)
    front.block((0, front.bridge), (wide, 0.03, high))
    front.block((0, front.bridge), (1.25 * wide, 0.045, 0.4 * high))
    low = float(front.outline[:, 1].min())
    if rng.random() < 0.5:  # a trapeze
        tops = front.bridge - rng.uniform(0.1, 0.18)
        for side in (-1, 1):
            front.made.add("body", rod([0.025 * side, low, 0.01], [0.07 * side, tops, 0.35 * high], 0.008, count=6))
        front.block((0, tops), (0.2, 0.035, 0.45 * high))
        return
    tops = front.bridge - 0.1
    outline = np.array([[-0.04, low - 0.01], [0.04, low - 0.01], [0.09, tops], [-0.09, tops]])
    front.made.add("body", move(plate(outline, 0.025), [0, 0, 0.012 + 0.4 * front.bulge]))


def electric_bridge(rng: Rng, front: Front) -> None:
    """A bar with a stop, a plate with saddles or a tremolo unit."""
    kind = pick(rng, {"bar": 4, "plate": 5, "block": 2})
    y = front.bridge
    if kind == "bar":
        front.block((0, y), (0.22, 0.03, 0.04), 0.006)
        front.block((0, y - rng.uniform(0.07, 0.12)), (0.23, 0.035, 0.035), 0.01)
    elif kind == "plate":
        front.block((0, y - 0.03), (0.2, 0.11, 0.014))
        for x in np.linspace(-0.075, 0.075, 6):
            front.block((float(x), y), (0.022, 0.05, 0.03))
    else:
        front.block((0, y - 0.02), (0.21, rng.uniform(0.08, 0.16), 0.03), 0.008)


def whammy(rng: Rng, front: Front) -> None:
    """The arm of a tremolo."""
    x, y = 0.09, front.bridge - 0.02
    reach, high = rng.uniform(0.15, 0.3), rng.uniform(0.05, 0.09)
    angle = rng.uniform(-0.3, 0.9)
    tip = np.array([x, y, high])
    out = np.array([np.sin(angle), np.cos(angle), 0]) * reach
    knots = [[x, y, -0.01], [x, y, 0.6 * high], tip + 0.3 * out, tip + out]
    front.made.add("body", tube(spline(knots, 10), 0.009, 6))


# --- electric fittings --------------------------------------------------------------------------------------------


def pickups(rng: Rng, front: Front) -> int:
    """One to three pickups between bridge and finger board; how many."""
    room = front.end - front.bridge - 0.05
    count = min(int(rng.choice([1, 2, 3], p=[0.15, 0.5, 0.35])), max(1, int(room / 0.09)))
    wide = rng.uniform(1.25, 1.6) * front.wide
    for i in range(count):
        y = front.bridge + 0.05 + room * (i + 0.5) / count
        double = rng.random() < 0.5
        tall = min(rng.uniform(0.07, 0.1) if double else rng.uniform(0.03, 0.045), 0.8 * room / count)
        high = rng.uniform(0.014, 0.026)
        if double and rng.random() < 0.5:
            front.block((0, y), (wide + 0.03, tall + 0.02, 0.5 * high))
        front.block((0, y), (wide, tall, high), 0.3 * high)
    return count


def knobs(rng: Rng, front: Front, count: int) -> None:
    """Knobs on the lower treble side, and mostly a switch."""
    radius, high = rng.uniform(0.02, 0.032), rng.uniform(0.02, 0.045)
    start = np.array([rng.uniform(0.15, 0.24), front.bridge + rng.uniform(-0.02, 0.08)])
    step = np.array([rng.uniform(0.0, 0.05), -rng.uniform(0.075, 0.095)])
    for i in range(count):
        x, y = start + (step * i if i < 3 else step * (i - 3) + [0.09, 0.03])
        if front.inside((x, y), radius):
            front.knob((x, y), radius, high)
    spot = (rng.uniform(0.15, 0.3), rng.uniform(0.45, 0.62)) if rng.random() < 0.5 else (-0.2, rng.uniform(0.7, 0.8))
    if rng.random() < 0.6 and front.inside(spot, 0.03):
        front.knob(spot, 0.008, 0.035, 0.6)
        front.knob(spot, 0.02, 0.006, 1.0)


def pick_guard(rng: Rng, front: Front, acoustic: bool) -> bool:
    """A thin plate on the treble side; whether it found room."""
    high = rng.uniform(0.006, 0.012)
    if acoustic:
        y = front.end - rng.uniform(0.12, 0.16)
        leaf = [(0.09, 0.09), (0.03, 0.0), (0.06, -0.12), (0.15, -0.2), (0.23, -0.17), (0.2, -0.05), (0.14, 0.06)]
        knots = [(x + 0.03, v + y) for x, v in leaf]
    else:
        y, wide = front.bridge, 1.5 * front.wide
        knots = [(wide, y + 0.03), (0.22, y - 0.14), (0.32, y - 0.08), (0.27, 0.45), (0.24, 0.6), (0.14, 0.66)]
        knots += [(0.02, 0.66), (-0.7 * wide, 0.64), (-0.2, 0.66), (-0.22, 0.52), (-0.9 * wide, y + 0.12)]
        knots += [(-0.6 * wide, y + 0.05)]
    outline = curve(knots, 3)
    if not all(front.inside((float(x), float(v)), 0.005) for x, v in outline[::2]):
        return False
    level = min(front.level(float(x), float(v)) for x, v in outline[::4])
    front.made.add("body", move(plate(outline, 2 * high + 0.01), [0, 0, level + 0.5 * high]))
    return True


def strap_buttons(front: Front) -> None:
    """A button at the bottom and one on the bass shoulder."""
    low = front.outline[front.outline[:, 1].argmin()]
    shoulder = front.outline[(front.outline[:, 1] - 0.8 * front.outline[:, 0]).argmax()]
    for spot, way in ((low, [0.0, -1.0]), (shoulder, [-0.5, 0.85])):
        z, out = -0.5 * front.depth, np.array(way)
        a, b = spot - 0.03 * out, spot + 0.03 * out
        front.made.add("body", rod([*a, z], [*b, z], 0.01, 0.018, count=8))


def resonator_cone(rng: Rng, front: Front) -> None:
    """The metal cover of a resonator with its ring, and two small screens."""
    radius, high = rng.uniform(0.22, 0.28), rng.uniform(0.02, 0.05)
    rows = [(0, -0.02), (radius, -0.02), (radius, 0.012), (0.93 * radius, 0.018), (0.85 * radius, 0.012)]
    cover: Solid = turn(lathe([*rows, (0.35 * radius, high), (0, high)], 28), "x", 90)
    front.made.add("body", move(cover, [0, front.bridge, 0]))
    front.block((0, front.bridge), (0.55 * radius, 0.04, high + 0.03))
    if rng.random() < 0.7:
        for side in (-1, 1):
            front.knob((0.17 * side, 0.76), rng.uniform(0.05, 0.065), 0.014, 0.95)
