"""Fuselages of the airplane grammar: superellipse sections lofted along Z.

Unit: half the fuselage's length, so that it runs from z = -1 (tail) to about z = 1 (nose).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.solids import Solid, loft

Range = tuple[float, float]


@dataclass(frozen=True)
class FuselageKind:
    """Ranges of one kind of fuselage; lengths are fractions of its own, sizes of its largest radius.

    Args:
        radius: largest half width, in half lengths.
        tall: half height by half width.
        exponent: of the superellipse sections: 2 round, 4 soft box.
        nose: (length) and `point`: 2 round, 1 cone; `blunt`: radius of the flat front.
        tail: (length), `bow`: 1 straight cone, 2.5 full; `end`: radius at the end; `rise`: how far the end is lifted.
        waist: how much is taken off amidships.
        canopy: how much the cockpit stands out.
    """

    radius: Range
    tall: Range = (0.9, 1.15)
    exponent: Range = (2.0, 2.3)
    nose: Range = (0.12, 0.3)
    point: Range = (1.6, 2.1)
    blunt: Range = (0.0, 0.0)
    tail: Range = (0.3, 0.55)
    bow: Range = (1.4, 2.4)
    end: Range = (0.1, 0.3)
    rise: Range = (0.2, 0.8)
    waist: Range = (0.0, 0.0)
    canopy: Range = (0.0, 0.3)


FUSELAGES: dict[str, FuselageKind] = {
    "tube": FuselageKind((0.085, 0.16), tail=(0.25, 0.45), rise=(0.4, 1.0), canopy=(0.0, 0.1)),
    "dart": FuselageKind(
        (0.08, 0.17), (0.75, 1.1), (2.0, 3.0), (0.3, 0.55), (1.15, 1.6), (0.0, 0.05), (0.2, 0.5), (1.5, 3.0),
        (0.3, 0.75), (-0.2, 0.4), (0.0, 0.2), (0.1, 0.5),
    ),
    "stubby": FuselageKind((0.19, 0.32), (0.9, 1.25), (2.0, 2.8), (0.15, 0.3), tail=(0.4, 0.65), end=(0.08, 0.3)),
    "cone": FuselageKind(
        (0.13, 0.24), (0.95, 1.35), (2.0, 2.8), (0.05, 0.2), (1.7, 2.4), (0.25, 0.7), (0.5, 0.72), (1.1, 2.0),
        (0.08, 0.3), (-0.1, 0.5), canopy=(0.1, 0.6),
    ),
    "pod": FuselageKind(
        (0.07, 0.16), (1.0, 1.5), (2.0, 2.8), (0.12, 0.3), (1.4, 2.2), (0.0, 0.2), (0.55, 0.75), (0.5, 0.8),
        (0.14, 0.45), (-0.2, 0.8), canopy=(0.0, 0.3),
    ),
    "stick": FuselageKind(
        (0.022, 0.06), (1.0, 2.0), (2.2, 8.0), (0.03, 0.2), (1.5, 2.2), (0.2, 0.8), (0.3, 0.8), (1.0, 2.0), (0.35, 0.8),
        (-0.5, 0.5), canopy=(0.0, 0.8),
    ),
    "waisted": FuselageKind(
        (0.12, 0.22), (0.85, 1.15), nose=(0.3, 0.5), point=(1.2, 2.0), tail=(0.3, 0.5), end=(0.2, 0.5),
        waist=(0.15, 0.4),
    ),
    "slab": FuselageKind(
        (0.1, 0.22), (0.8, 1.35), (3.5, 9.0), (0.1, 0.35), (1.1, 2.0), (0.2, 0.6), (0.3, 0.65), (1.0, 1.8), (0.1, 0.5),
        (0.0, 0.9), canopy=(0.0, 0.6),
    ),
    "plain": FuselageKind(
        (0.11, 0.27), (0.85, 1.25), (1.9, 2.6), (0.15, 0.45), (1.4, 2.3), tail=(0.3, 0.7), end=(0.15, 0.6),
        rise=(-0.1, 0.8), waist=(0.0, 0.2), canopy=(0.0, 0.45),
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Fuselage:
    """Superellipse sections along Z, from tail to nose.

    Args:
        z: (S,) increasing station positions.
        width, top, bottom: (S,) half sizes to the sides, above and below the centre line.
        centre: (S,) height of the centre line.
        exponent: (S,) of the superellipse.
    """

    z: Float[np.ndarray, " S"]
    width: Float[np.ndarray, " S"]
    top: Float[np.ndarray, " S"]
    bottom: Float[np.ndarray, " S"]
    centre: Float[np.ndarray, " S"]
    exponent: Float[np.ndarray, " S"]

    def section(self, z: float | Float[np.ndarray, " K"]) -> Float[np.ndarray, "5 K"]:
        """Rows width, top, bottom, centre, exponent at any z; sizes are next to 0 beyond the ends."""
        at = np.atleast_1d(z)
        rows = [np.interp(at, self.z, row, 1e-6, 1e-6) for row in (self.width, self.top, self.bottom)]
        return np.stack([*rows, np.interp(at, self.z, self.centre), np.interp(at, self.z, self.exponent)])

    def solid(self, count: int) -> Solid:
        """The closed surface with `count` points around."""
        t = np.arange(count) * 2 * np.pi / count
        c, s, e = np.cos(t)[None], np.sin(t)[None], self.exponent[:, None]
        radius = (np.abs(c) ** e + np.abs(s) ** e) ** (-1 / e)  # (S, K)
        height = np.where(s > 0, self.top[:, None], self.bottom[:, None])
        x, y = radius * c * self.width[:, None], radius * s * height + self.centre[:, None]
        return loft(np.stack([x, y, np.broadcast_to(self.z[:, None], x.shape)], -1))

    def exit(self, points: Float[np.ndarray, "K 3"], heading: Float[np.ndarray, " 2"]) -> Float[np.ndarray, " K"]:
        """How far each point can go along `heading` (in the XY plane) until it leaves the body; 0 if outside."""
        width, top, bottom, centre, exponent = self.section(points[:, 2])
        low, high = np.zeros(len(points)), np.full(len(points), 3 * self.width.max() + 3 * self.top.max())
        for _ in range(11):  # bisection
            middle = (low + high) / 2
            x = points[:, 0] + middle * heading[0]
            y = points[:, 1] + middle * heading[1] - centre
            across = np.minimum(np.abs(x) / width, 2.0)
            upwards = np.minimum(np.abs(y) / np.where(y > 0, top, bottom), 2.0)
            inside = across**exponent + upwards**exponent < 1
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        return low


def make_fuselage(rng: np.random.Generator, kind: FuselageKind, wobble: float = 0.0, stations: int = 32) -> Fuselage:
    """A fuselage with sizes drawn from the kind's ranges; `wobble` is how far sizes stray from a smooth outline."""
    r, tall, exponent = (rng.uniform(*x) for x in (kind.radius, kind.tall, kind.exponent))
    nose, point, blunt = (rng.uniform(*x) for x in (kind.nose, kind.point, kind.blunt))
    tail, bow, end, rise = (rng.uniform(*x) for x in (kind.tail, kind.bow, kind.end, kind.rise))
    nose, tail = np.array([nose, tail]) * min(1.0, 0.97 / (nose + tail))
    # stations crowd at the two ends, where the section changes fastest; u = 0 at the nose
    u = (1 - np.cos(np.linspace(0, np.pi, stations))) / 2
    u = 0.55 * u + 0.45 * np.linspace(0, 1, stations)
    ahead, behind = np.clip(1 - u / nose, 0, 1), np.clip((u - 1 + tail) / tail, 0, 1)
    front = blunt + (1 - blunt) * (1 - ahead**point) ** (1 / point)
    back = _pod(behind, end) if bow < 1 else end + (1 - end) * (1 - behind**bow)
    size = front * back * (1 - rng.uniform(*kind.waist) * np.exp(-(((u - 0.52) / 0.13) ** 2)))
    cut = rng.uniform(0.004, 0.03)  # a rounded end instead of an edge
    size *= np.sqrt(np.clip(1 - (np.clip(u - 1 + cut, 0, None) / cut) ** 2, 0.02, 1))
    size *= np.sqrt(np.clip(1 - (np.clip(cut * blunt - u, 0, None) / (cut * blunt + 1e-9)) ** 2, 0.05, 1))
    lift = rise * (1 - back) - rng.uniform(-0.1, 0.5) * (1 - front) * ahead
    bump = rng.uniform(*kind.canopy) * _bump(u, rng.uniform(0.1, 0.4), rng.uniform(0.03, 0.1), rng.uniform(0.06, 0.3))
    stray = 1 + wobble * np.sin(rng.uniform(8, 30, (2, 1)) * u + rng.uniform(0, 6, (2, 1)))  # (2, S)
    width, height = r * size * stray[0], r * tall * size * stray[1]
    exponents = exponent - (exponent - 1.7) * np.clip(bump, 0, 1) + (2.1 - exponent) * behind**2
    rows = (1 - 2 * u, width, height * (1 + bump), height, r * tall * lift, exponents)
    return Fuselage(*(row[::-1].copy() for row in rows))


def _pod(behind: Float[np.ndarray, " S"], end: float) -> Float[np.ndarray, " S"]:
    """A cabin that goes over into a thin boom in the first half of the tail."""
    t = np.clip(behind / 0.5, 0, 1)
    return end + (1 - end) * (1 - t * t * (3 - 2 * t)) - 0.25 * end * behind


def _bump(u: Float[np.ndarray, " S"], at: float, steep: float, long: float) -> Float[np.ndarray, " S"]:
    """A bell with a steep front and a long back."""
    return np.exp(-(((u - at) / np.where(u < at, steep, long)) ** 2))
