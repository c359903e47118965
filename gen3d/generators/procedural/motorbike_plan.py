"""The plan of a motorbike: its kind, and the points that every part keeps to.

Lengths are in metres, the ground is at y = 0, the wheels' middle at z = 0, and the bike drives towards +Z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

Rng = np.random.Generator
Range: TypeAlias = tuple[float, float]
Weights: TypeAlias = dict[str, int]


class Kind(NamedTuple):
    """Ranges and choices of one kind.

    Args:
        share: how often it is drawn, relative to the others.
        base: distance between the axles.
        front, rear: (radius, breadth) of the tyres.
        rake: of the fork, degrees from upright.
        head: height of the fork's upper end.
        saddle: height of the seat's lowest place.
        tank_length, seat_length: along the bike.
        tank, seat, bars, light, engine, rims, exhaust, dress: weights of the choices.
    """

    share: int
    base: Range
    front: tuple[Range, Range]
    rear: tuple[Range, Range]
    rake: Range
    head: Range
    saddle: Range
    tank_length: Range
    seat_length: Range
    tank: Weights
    seat: Weights
    bars: Weights
    light: Weights
    engine: Weights
    rims: Weights
    exhaust: Weights
    dress: Weights


# fmt: off
KINDS = {
    "sports": Kind(
        22, (1.3, 1.45), ((0.27, 0.32), (0.1, 0.13)), ((0.28, 0.33), (0.15, 0.22)), (21, 28), (0.9, 1.02), (0.74, 0.86),
        (0.4, 0.52), (0.5, 0.75), {"sculpted": 6, "fat": 3, "boxy": 1}, {"sporty": 6, "stepped": 3, "hump": 2},
        {"clip-on": 8, "flat": 2}, {"twin": 5, "slim": 3, "round": 2}, {"inline": 5, "block": 4, "v-twin": 1},
        {"cast": 8, "disc": 1}, {"side": 5, "high": 3, "both": 3}, {"full fairing": 7, "half fairing": 3},
    ),
    "naked": Kind(
        17, (1.3, 1.5), ((0.27, 0.33), (0.08, 0.12)), ((0.28, 0.33), (0.12, 0.19)), (22, 29),
        (0.95, 1.08), (0.74, 0.84),
        (0.4, 0.52), (0.5, 0.75), {"sculpted": 3, "teardrop": 3, "boxy": 2, "fat": 2},
        {"bench": 4, "stepped": 4, "sporty": 2}, {"flat": 4, "raised": 5, "clip-on": 1},
        {"round": 7, "box": 2, "slim": 1}, {"inline": 4, "v-twin": 3, "single": 2, "boxer": 2}, {"cast": 6, "wire": 3},
        {"side": 5, "both": 4, "high": 2}, {"none": 8, "screen": 2},
    ),
    "cruiser": Kind(
        18, (1.5, 1.75), ((0.29, 0.36), (0.09, 0.14)), ((0.28, 0.34), (0.15, 0.24)), (28, 36),
        (0.9, 1.05), (0.62, 0.72),
        (0.42, 0.6), (0.5, 0.8), {"teardrop": 7, "fat": 3}, {"stepped": 4, "solo": 4, "king": 3},
        {"pulled": 6, "raised": 3, "drag": 2, "ape": 1}, {"round": 6, "three": 4},
        {"v-twin": 8, "inline": 1, "boxer": 1}, {"wire": 5, "cast": 4, "disc": 2}, {"both": 4, "double": 4, "side": 2},
        {"none": 6, "screen": 3, "bags": 3},
    ),
    "chopper": Kind(
        9, (1.75, 2.2), ((0.3, 0.38), (0.05, 0.09)), ((0.28, 0.36), (0.15, 0.28)), (38, 49), (0.95, 1.15), (0.55, 0.68),
        (0.4, 0.55), (0.35, 0.65), {"peanut": 5, "teardrop": 5}, {"solo": 5, "king": 4, "stepped": 2},
        {"ape": 6, "drag": 3, "pulled": 2}, {"round": 8, "none": 2}, {"v-twin": 9, "single": 1},
        {"wire": 7, "cast": 3}, {"double": 6, "both": 3, "side": 1}, {"none": 1},
    ),
    "tourer": Kind(
        9, (1.45, 1.75), ((0.29, 0.34), (0.1, 0.14)), ((0.29, 0.34), (0.14, 0.2)), (24, 31), (0.98, 1.12), (0.7, 0.8),
        (0.42, 0.58), (0.65, 0.9), {"fat": 6, "sculpted": 2, "teardrop": 2}, {"king": 4, "stepped": 5, "bench": 2},
        {"pulled": 4, "raised": 5}, {"slim": 3, "twin": 4, "round": 3}, {"boxer": 4, "v-twin": 3, "block": 3},
        {"cast": 8, "wire": 1}, {"both": 8, "side": 2}, {"touring": 7, "half fairing": 3},
    ),
    "dirt": Kind(
        9, (1.3, 1.5), ((0.33, 0.37), (0.07, 0.1)), ((0.3, 0.35), (0.09, 0.13)), (24, 29), (1.05, 1.22), (0.85, 0.98),
        (0.32, 0.42), (0.6, 0.8), {"slim": 1}, {"dirt": 1}, {"crossbar": 8, "raised": 2},
        {"none": 5, "box": 4, "round": 1}, {"single": 8, "block": 2}, {"wire": 9, "cast": 1}, {"high": 8, "side": 2},
        {"motocross": 1},
    ),
    "old": Kind(
        7, (1.25, 1.5), ((0.3, 0.36), (0.05, 0.09)), ((0.3, 0.36), (0.05, 0.1)), (23, 30), (0.88, 1.05), (0.66, 0.78),
        (0.4, 0.55), (0.28, 0.5), {"flat": 5, "teardrop": 4, "peanut": 2}, {"sprung": 7, "bench": 2, "solo": 2},
        {"swept": 6, "raised": 2, "flat": 2}, {"round": 8, "none": 2}, {"single": 5, "v-twin": 4, "boxer": 2},
        {"wire": 1}, {"side": 8, "both": 2}, {"none": 1},
    ),
    "cafe racer": Kind(
        5, (1.3, 1.45), ((0.29, 0.33), (0.07, 0.1)), ((0.29, 0.33), (0.09, 0.14)), (23, 28), (0.9, 1.0), (0.72, 0.8),
        (0.45, 0.6), (0.45, 0.65), {"teardrop": 4, "boxy": 4, "sculpted": 2}, {"hump": 7, "bench": 3},
        {"clip-on": 6, "flat": 3}, {"round": 1}, {"inline": 4, "v-twin": 2, "single": 3, "boxer": 2},
        {"wire": 7, "cast": 3}, {"both": 5, "side": 5}, {"none": 7, "half fairing": 2},
    ),
    "scooter": Kind(
        10, (1.1, 1.4), ((0.18, 0.27), (0.08, 0.12)), ((0.18, 0.26), (0.09, 0.13)), (22, 30), (0.85, 1.0), (0.7, 0.8),
        (0.3, 0.42), (0.5, 0.75), {"none": 1}, {"bench": 5, "stepped": 4, "solo": 2}, {"flat": 5, "raised": 3},
        {"round": 5, "slim": 2, "box": 2}, {"block": 1}, {"cast": 5, "disc": 5}, {"side": 1}, {"scooter": 1},
    ),
    "trike": Kind(
        4, (1.5, 1.9), ((0.28, 0.35), (0.09, 0.13)), ((0.28, 0.36), (0.2, 0.32)), (28, 42), (0.92, 1.1), (0.62, 0.72),
        (0.42, 0.58), (0.55, 0.8), {"teardrop": 6, "fat": 4}, {"king": 4, "stepped": 4, "bench": 2},
        {"pulled": 4, "ape": 3, "raised": 3}, {"round": 6, "three": 3}, {"v-twin": 7, "boxer": 2},
        {"cast": 6, "wire": 3}, {"both": 6, "double": 3}, {"none": 7, "screen": 3},
    ),
}
# fmt: on


@dataclass(frozen=True)
class Plan:
    """One bike's measures, in metres.

    Args:
        kind: its name in KINDS.
        front, rear: axles.
        radius, tyre: radii and breadths of the front and rear wheel.
        rise: unit vector up the fork.
        head: upper end of the fork.
        fork: half the distance between the fork's tubes.
        saddle: height of the seat's lowest place.
        seat_front, seat_rear: where it begins and ends along the bike.
        count: corners of round things; few in a low-poly bike.
    """

    kind: str
    front: Float[np.ndarray, " 3"]
    rear: Float[np.ndarray, " 3"]
    radius: tuple[float, float]
    tyre: tuple[float, float]
    rise: Float[np.ndarray, " 3"]
    head: Float[np.ndarray, " 3"]
    fork: float
    saddle: float
    seat_front: float
    seat_rear: float
    count: int

    @property
    def tank_front(self) -> float:
        """Where the tank ends in front."""
        return float(self.head[2]) - 0.02

    def spine(self, z: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"]:
        """Height of the frame's upper tube, on which tank and seat rest."""
        high = float(self.head[1]) - 0.16
        at = [self.seat_rear, self.seat_front, float(self.head[2])]
        return np.asarray(np.interp(z, at, [self.saddle - 0.03, self.saddle - 0.08, high]))

    @property
    def crank(self) -> Float[np.ndarray, " 3"]:
        """Middle of the crankcase."""
        z = 0.3 * self.seat_front + 0.7 * (self.front[2] - self.radius[0] + self.rear[2] + self.radius[1]) / 2
        return np.array([0.0, 0.28 + 0.25 * (self.saddle - 0.6), min(float(z), self.seat_front + 0.2)])


def draw_plan(rng: Rng, name: str) -> Plan:
    """A plan of that kind."""
    kind = KINDS[name]
    base, rake, head, saddle = (float(rng.uniform(*r)) for r in (kind.base, kind.rake, kind.head, kind.saddle))
    (rf, tf), (rr, tr) = ((float(rng.uniform(*a)), float(rng.uniform(*b))) for a, b in (kind.front, kind.rear))
    rise = np.array([0.0, np.cos(np.radians(rake)), -np.sin(np.radians(rake))])
    front, rear = np.array([0, rf, base / 2]), np.array([0, rr, -base / 2])
    top = front + rise * (head - rf) / rise[1]
    seat_front = float(top[2]) - float(rng.uniform(*kind.tank_length))
    seat_rear = max(seat_front - float(rng.uniform(*kind.seat_length)), float(rear[2]) - rr)
    low = rng.random() < 0.1
    return Plan(
        name, front, rear, (rf, rr), (tf, tr), rise, top, tf / 2 + float(rng.uniform(0.03, 0.06)), saddle, seat_front,
        seat_rear, 6 if low else int(rng.choice([10, 12, 14])),
    )  # fmt: skip
