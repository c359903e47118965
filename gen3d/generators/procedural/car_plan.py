"""The plan of a car: what kind it is, and the heights and stations along it that every part keeps to.

Lengths are in metres, the ground is at y = 0. A station is a place along the car as a share of its length: 0 front,
1 rear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

Rng = np.random.Generator
Range: TypeAlias = tuple[float, float]


class Kind(NamedTuple):
    """Ranges of one kind of car.

    Args:
        share: how often it is drawn, relative to the others.
        length, width, height, wheel, clearance: in metres; `wheel` is a radius, `clearance` is below the sills.
        stations: of the cowl (where bonnet and windscreen meet), the front of the roof, its rear, the foot of the rear
            window.
        belt: height of the cowl, as a share of the height.
        nose, tail: height of the front and rear ends, as shares of the belt.
        axles: stations of the front and rear axle.
        soft: how far edges are smoothed, 0 creased to 1 blown up.
    """

    share: int
    length: Range
    width: Range
    height: Range
    wheel: Range
    clearance: Range
    stations: tuple[Range, Range, Range, Range]
    belt: Range
    nose: Range
    tail: Range
    axles: tuple[Range, Range] = ((0.17, 0.22), (0.78, 0.84))
    soft: Range = (0.0, 0.7)


# fmt: off
KINDS = {
    "sedan": Kind(
        20, (4.1, 5.1), (1.65, 1.92), (1.33, 1.52), (0.29, 0.36), (0.16, 0.3),
        ((0.25, 0.34), (0.39, 0.47), (0.64, 0.72), (0.77, 0.87)), (0.6, 0.7), (0.68, 0.92), (0.9, 1.06),
    ),
    "hatchback": Kind(
        10, (3.4, 4.4), (1.55, 1.82), (1.35, 1.62), (0.27, 0.34), (0.15, 0.28),
        ((0.19, 0.29), (0.33, 0.43), (0.8, 0.9), (0.92, 0.985)), (0.58, 0.68), (0.68, 0.9), (0.85, 1.02),
    ),
    "estate": Kind(
        7, (4.2, 5.1), (1.65, 1.9), (1.36, 1.6), (0.29, 0.36), (0.16, 0.3),
        ((0.23, 0.31), (0.36, 0.45), (0.87, 0.94), (0.955, 0.99)), (0.58, 0.68), (0.68, 0.92), (0.85, 1.0),
    ),
    "suv": Kind(
        10, (4.0, 5.1), (1.72, 2.0), (1.62, 1.95), (0.34, 0.43), (0.26, 0.45),
        ((0.22, 0.3), (0.32, 0.42), (0.86, 0.94), (0.95, 0.99)), (0.56, 0.68), (0.75, 0.98), (0.85, 1.0),
    ),
    "pickup": Kind(
        7, (4.6, 5.9), (1.7, 2.05), (1.55, 1.95), (0.33, 0.45), (0.28, 0.5),
        ((0.22, 0.31), (0.3, 0.4), (0.46, 0.6), (0.5, 0.64)), (0.58, 0.68), (0.8, 1.0), (0.9, 1.0),
    ),
    "van": Kind(
        7, (3.9, 5.8), (1.65, 2.05), (1.75, 2.5), (0.3, 0.38), (0.18, 0.34),
        ((0.06, 0.2), (0.17, 0.32), (0.9, 0.96), (0.97, 0.99)), (0.45, 0.58), (0.7, 0.95), (0.85, 1.0),
        ((0.14, 0.2), (0.76, 0.84)),
    ),
    "bus": Kind(
        2, (6.0, 11.0), (2.0, 2.5), (2.4, 3.2), (0.38, 0.5), (0.25, 0.4),
        ((0.004, 0.012), (0.018, 0.05), (0.96, 0.985), (0.99, 0.996)), (0.38, 0.5), (0.92, 1.0), (0.9, 1.0),
        ((0.14, 0.24), (0.7, 0.82)),
    ),
    "coupe": Kind(
        9, (4.1, 5.0), (1.68, 1.92), (1.22, 1.42), (0.3, 0.36), (0.13, 0.25),
        ((0.29, 0.37), (0.44, 0.51), (0.6, 0.68), (0.76, 0.96)), (0.6, 0.7), (0.66, 0.9), (0.88, 1.06),
    ),
    "sports car": Kind(
        10, (3.9, 4.8), (1.75, 2.05), (1.08, 1.3), (0.29, 0.37), (0.09, 0.18),
        ((0.24, 0.38), (0.44, 0.52), (0.58, 0.66), (0.74, 0.97)), (0.58, 0.7), (0.55, 0.82), (0.9, 1.12),
        soft=(0.1, 1.0),
    ),
    "race car": Kind(
        4, (4.2, 5.0), (1.8, 2.1), (0.98, 1.22), (0.31, 0.36), (0.06, 0.13),
        ((0.24, 0.36), (0.4, 0.5), (0.56, 0.64), (0.72, 0.95)), (0.55, 0.68), (0.5, 0.8), (0.9, 1.15), soft=(0.1, 1.0),
    ),
    "convertible": Kind(
        9, (3.6, 5.2), (1.6, 1.95), (1.1, 1.4), (0.28, 0.36), (0.12, 0.26),
        ((0.27, 0.38), (0.36, 0.46), (0.6, 0.68), (0.64, 0.76)), (0.66, 0.78), (0.66, 0.92), (0.88, 1.08),
    ),
    "jeep": Kind(
        5, (3.3, 4.3), (1.5, 1.85), (1.6, 1.95), (0.34, 0.46), (0.3, 0.5),
        ((0.3, 0.36), (0.32, 0.4), (0.93, 0.97), (0.975, 0.99)), (0.54, 0.64), (0.88, 1.0), (0.88, 1.0),
        soft=(0.0, 0.15),
    ),
    "oldtimer": Kind(
        6, (3.3, 4.8), (1.55, 1.85), (1.5, 1.95), (0.33, 0.45), (0.3, 0.45),
        ((0.38, 0.48), (0.41, 0.53), (0.82, 0.9), (0.88, 0.97)), (0.55, 0.65), (0.85, 1.0), (0.6, 0.95),
        ((0.13, 0.18), (0.8, 0.86)), (0.0, 0.5),
    ),
    "limousine": Kind(
        4, (5.6, 8.5), (1.75, 2.0), (1.4, 1.62), (0.31, 0.37), (0.16, 0.28),
        ((0.16, 0.23), (0.24, 0.31), (0.74, 0.82), (0.83, 0.9)), (0.6, 0.68), (0.75, 0.95), (0.9, 1.05),
        ((0.11, 0.15), (0.84, 0.88)),
    ),
    "beetle": Kind(
        3, (3.2, 4.3), (1.5, 1.75), (1.4, 1.6), (0.3, 0.35), (0.2, 0.3),
        ((0.27, 0.35), (0.38, 0.46), (0.6, 0.68), (0.88, 0.96)), (0.56, 0.66), (0.6, 0.75), (0.6, 0.8), soft=(0.7, 1.0),
    ),
    "micro": Kind(
        3, (2.5, 3.4), (1.4, 1.65), (1.38, 1.62), (0.25, 0.31), (0.15, 0.24),
        ((0.1, 0.2), (0.28, 0.38), (0.82, 0.92), (0.94, 0.985)), (0.55, 0.65), (0.65, 0.85), (0.85, 1.0),
        ((0.15, 0.2), (0.8, 0.86)), (0.3, 0.9),
    ),
    "fifties": Kind(
        5, (4.8, 5.8), (1.8, 2.05), (1.38, 1.6), (0.31, 0.37), (0.17, 0.28),
        ((0.29, 0.36), (0.38, 0.45), (0.58, 0.66), (0.66, 0.76)), (0.6, 0.7), (0.85, 1.0), (0.92, 1.05),
        ((0.17, 0.22), (0.74, 0.8)), (0.1, 0.7),
    ),
    "formula": Kind(
        2, (4.2, 5.2), (1.7, 2.0), (0.9, 1.1), (0.28, 0.36), (0.06, 0.12),
        ((0.35, 0.42), (0.42, 0.46), (0.58, 0.62), (0.62, 0.68)), (0.5, 0.6), (0.4, 0.6), (0.6, 0.9),
        ((0.2, 0.28), (0.82, 0.88)),
    ),
}
# fmt: on
FENDERED = ("oldtimer", "beetle", "jeep")  # wheels outside of a narrower body, under fenders of their own
TOPLESS = ("convertible", "formula")


@dataclass(frozen=True)
class Plan:
    """One car's measures, in metres; z = length * (0.5 - station).

    Args:
        kind: its name in KINDS.
        wheel, tread: radius and breadth of a wheel.
        cowl, roof_front, roof_rear, glass_end: stations, as in `Kind`.
        belt, nose, tail: heights of the body at the cowl, in front and behind.
        axles: stations, front to rear.
        body_half: half the width of the body without separate fenders.
        soft: 0 creased to 1 blown up.
        dense: whether there are stations between the named ones; a plan that is not gives a low-poly car.
    """

    kind: str
    length: float
    width: float
    height: float
    wheel: float
    tread: float
    clearance: float
    cowl: float
    roof_front: float
    roof_rear: float
    glass_end: float
    belt: float
    nose: float
    tail: float
    axles: tuple[float, ...]
    body_half: float
    soft: float
    dense: bool

    @property
    def fendered(self) -> bool:
        """Whether its wheels stand outside of the body."""
        return self.body_half < 0.49 * self.width

    def z(self, station: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"]:
        """Position along the car of a station."""
        return np.asarray(self.length * (0.5 - station))

    def deck(self, station: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"]:
        """Height of the body's upper side without the cabin."""
        ends = 0.03 + 0.03 * self.soft
        at = [0, ends, self.cowl, self.glass_end, max(1 - ends, self.glass_end + 1e-3), 1]
        droop = 1 - 0.35 * self.soft
        heights = [
            self.nose * droop, self.nose, self.belt, self.belt * (0.3 + 0.7 * self.tail / self.belt), self.tail,
            self.tail * droop,
        ]  # fmt: skip
        fine = np.linspace(0, 1, 121)
        return np.asarray(np.interp(station, fine, _smooth(np.interp(fine, at, heights), int(1 + 6 * self.soft))))

    def line(self, station: Float[np.ndarray, "*n"] | float, arch: float, bubble: float) -> Float[np.ndarray, "*n"]:
        """Height of the cabin's middle line: windscreen, roof, rear window.

        Args:
            station: where.
            arch: how far the roof's ends lie below its middle, metres.
            bubble: how far the line is smoothed, in hundredths of the length.
        """
        at = [self.cowl, self.roof_front, self.roof_rear, self.glass_end]
        low, high = self.height - arch, self.height
        fine = np.linspace(0, 1, 201)
        inner = [float(self.deck(self.cowl)), low, low, float(self.deck(self.glass_end))]
        middle, half = (self.roof_front + self.roof_rear) / 2, (self.roof_rear - self.roof_front) / 2
        dome = np.clip(1 - ((fine - middle) / half) ** 2, 0, None) * (high - low)
        heights = _smooth(np.interp(fine, at, inner) + dome, int(1 + 2 * bubble))
        heights = np.minimum(heights * high / heights.max(), high)
        return np.maximum(np.interp(station, fine, heights), self.deck(station) - 0.01)


def draw_plan(rng: Rng, name: str) -> Plan:
    """A plan of that kind."""
    kind = KINDS[name]
    length, width, height, wheel, clearance = (float(rng.uniform(*r)) for r in kind[1:6])
    cowl, roof_front, roof_rear, glass_end = (float(rng.uniform(*r)) for r in kind.stations)
    belt = height * float(rng.uniform(*kind.belt))
    front, rear = (float(rng.uniform(*r)) for r in kind.axles)
    wheel = min(wheel, 0.43 * belt)
    between = () if length < 9.5 or rng.random() < 0.5 else (rear - 2.3 * wheel / length,)
    tread = wheel * float(rng.uniform(0.45, 0.8)) * (0.7 if name == "oldtimer" else 1.25 if name == "formula" else 1.0)
    fendered = name in FENDERED and (name != "jeep" or rng.random() < 0.4)
    share = rng.uniform(0.62, 0.8) if fendered else 1.0
    half = min(share * width / 2, width / 2 - 0.6 * tread) if fendered else width / 2
    nose, tail = belt * float(rng.uniform(*kind.nose)), belt * float(rng.uniform(*kind.tail))
    if not fendered:  # so high that no wheel comes through the deck
        along = max(front - 0.05, 0.0) / max(cowl - 0.05, front)
        nose = max(nose, min((2.25 * wheel - along * belt) / (1 - along), belt))
        tail = max(tail, 2.25 * wheel)
    return Plan(
        name, length, width, height, wheel, tread, min(clearance, 1.2 * wheel), cowl,
        max(roof_front, cowl + 0.01), roof_rear, max(glass_end, roof_rear + 0.012),
        belt, nose, tail, (front, *between, rear), half,
        float(rng.uniform(*kind.soft)), bool(rng.random() > 0.08),
    )  # fmt: skip


def _smooth(heights: Float[np.ndarray, " S"], reach: int) -> Float[np.ndarray, " S"]:
    """A running mean over `reach` neighbours on each side, ends kept."""
    padded = np.concatenate([np.full(reach, heights[0]), heights, np.full(reach, heights[-1])])
    total = np.concatenate([[0.0], np.cumsum(padded)])
    return (total[2 * reach + 1 :] - total[: -2 * reach - 1]) / (2 * reach + 1)
