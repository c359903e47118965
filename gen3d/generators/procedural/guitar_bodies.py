"""Bodies of guitars: outlines of known kinds, as boxes, plates or carved tops.

The body is about 1 long, from y = 0 up to where the neck goes on; its front lies at z = 0, its treble side towards +X.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gen3d.generators.procedural.plates import Outline, Pocket, curve, plate, rounded
from gen3d.generators.procedural.solids import Solid, loft, move

Rng = np.random.Generator
Knots = tuple[tuple[float, ...], ...]


class Hollow(NamedTuple):
    """A kind of guitar with a waisted box: how often, half widths below, at the waist and above, depth, scale."""

    weight: int
    half: tuple[float, float, float]
    depth: tuple[float, float]
    scale: tuple[float, float]


class Solidbody(NamedTuple):
    """A kind of electric guitar.

    Args:
        weight: how often.
        joint: height at which the neck comes out of the body.
        knots: outline, see `curve`; of the treble half only, from the bottom to the neck, where `mirrored`.
        mirrored: whether the bass half is like the treble half.
        straight: whether the knots are corners of a polygon.
    """

    weight: int
    joint: float
    knots: Knots
    mirrored: bool = False
    straight: bool = False


HOLLOW = {
    "dreadnought": Hollow(14, (0.39, 0.285, 0.3), (0.2, 0.26), (1.24, 1.36)),
    "classical": Hollow(10, (0.38, 0.245, 0.29), (0.18, 0.23), (1.26, 1.4)),
    "parlour": Hollow(5, (0.35, 0.22, 0.26), (0.18, 0.23), (1.3, 1.42)),
    "jumbo": Hollow(5, (0.42, 0.25, 0.31), (0.2, 0.26), (1.18, 1.3)),
    "archtop": Hollow(6, (0.41, 0.25, 0.3), (0.12, 0.2), (1.2, 1.32)),
    "resonator": Hollow(3, (0.37, 0.26, 0.29), (0.16, 0.2), (1.22, 1.34)),
    "ukulele": Hollow(5, (0.35, 0.23, 0.27), (0.2, 0.3), (1.3, 1.55)),
}

# fmt: off
SOLID = {
    "stratocaster": Solidbody(12, 0.74, (
        (0.05, 0), (0.25, 0.025), (0.38, 0.13), (0.4, 0.28), (0.29, 0.55), (0.32, 0.71), (0.32, 0.83), (0.22, 0.8),
        (0.11, 0.73), (0.075, 0.72, 1), (-0.075, 0.8, 1), (-0.12, 0.79), (-0.2, 0.87), (-0.3, 0.99), (-0.37, 0.93),
        (-0.32, 0.72), (-0.3, 0.56), (-0.37, 0.4), (-0.42, 0.24), (-0.33, 0.07), (-0.15, 0.01),
    )),
    "telecaster": Solidbody(6, 0.78, (
        (0, 0), (0.25, 0.02), (0.38, 0.12), (0.4, 0.28), (0.31, 0.52), (0.32, 0.68), (0.33, 0.8), (0.26, 0.85),
        (0.17, 0.8), (0.1, 0.74), (0.078, 0.76, 1), (-0.078, 0.96, 1), (-0.14, 0.99), (-0.26, 0.97), (-0.33, 0.86),
        (-0.32, 0.7), (-0.31, 0.54), (-0.4, 0.28), (-0.38, 0.12), (-0.25, 0.02),
    )),
    "les paul": Solidbody(7, 0.84, (
        (0, 0), (0.22, 0.02), (0.36, 0.13), (0.385, 0.28), (0.26, 0.55), (0.27, 0.68), (0.285, 0.8), (0.22, 0.86, 1),
        (0.14, 0.79), (0.09, 0.81), (0.075, 0.93, 1), (-0.075, 0.985, 1), (-0.2, 0.97), (-0.29, 0.84), (-0.26, 0.6),
        (-0.385, 0.28), (-0.36, 0.13), (-0.22, 0.02),
    )),
    "sg": Solidbody(4, 0.7, (
        (0, 0), (0.2, 0.01), (0.36, 0.1), (0.41, 0.25), (0.3, 0.52), (0.31, 0.7), (0.37, 0.93, 1), (0.22, 0.82),
        (0.11, 0.7), (0.075, 0.69, 1),
    ), True),
    "flying v": Solidbody(5, 0.95, (
        (0, 0.34), (0.27, 0.02), (0.33, 0), (0.43, 0.04), (0.44, 0.09), (0.13, 0.96), (0.08, 1),
    ), True, True),
    "explorer": Solidbody(4, 0.8, (
        (-0.5, 0.1), (-0.42, 0), (0.2, 0.12), (0.33, 0.2), (0.22, 0.48), (0.46, 0.8), (0.36, 0.9), (0.09, 0.76),
        (-0.08, 0.92), (-0.22, 0.9), (-0.24, 0.52),
    ), False, True),
    "offset": Solidbody(5, 0.76, (
        (-0.1, 0), (0.12, 0), (0.33, 0.08), (0.41, 0.24), (0.33, 0.45), (0.27, 0.6), (0.34, 0.76), (0.3, 0.86),
        (0.2, 0.82), (0.1, 0.73), (0.075, 0.72, 1), (-0.075, 0.84, 1), (-0.15, 0.86), (-0.25, 0.97), (-0.34, 0.93),
        (-0.33, 0.78), (-0.28, 0.62), (-0.36, 0.42), (-0.4, 0.22), (-0.31, 0.06),
    )),
    "double cutaway": Solidbody(6, 0.78, (
        (0, 0), (0.24, 0.02), (0.38, 0.14), (0.385, 0.28), (0.27, 0.54), (0.3, 0.74), (0.33, 0.86), (0.25, 0.88),
        (0.14, 0.76), (0.075, 0.75, 1), (-0.075, 0.84, 1), (-0.15, 0.86), (-0.25, 0.98), (-0.33, 0.95),
        (-0.3, 0.76), (-0.27, 0.56), (-0.385, 0.28), (-0.38, 0.14), (-0.24, 0.02),
    )),
    "superstrat": Solidbody(6, 0.7, (
        (0.05, 0), (0.25, 0.03), (0.38, 0.14), (0.4, 0.28), (0.29, 0.55), (0.33, 0.75), (0.39, 0.93, 1), (0.24, 0.8),
        (0.1, 0.68), (0.075, 0.68, 1), (-0.075, 0.76, 1), (-0.14, 0.8), (-0.28, 0.9), (-0.42, 1.02, 1), (-0.34, 0.8),
        (-0.29, 0.57), (-0.37, 0.42), (-0.41, 0.26), (-0.33, 0.07), (-0.15, 0.01),
    )),
    "warlock": Solidbody(4, 0.74, (
        (0, 0.19), (0.16, 0.12), (0.43, 0), (0.34, 0.25), (0.22, 0.45), (0.34, 0.62), (0.46, 0.88), (0.26, 0.79),
        (0.12, 0.7), (0.08, 0.72), (-0.08, 0.78), (-0.2, 0.82), (-0.46, 1), (-0.35, 0.65), (-0.22, 0.46),
        (-0.36, 0.27), (-0.46, 0.03), (-0.16, 0.12),
    ), False, True),
    "star": Solidbody(3, 0.76, (
        (0, 0.2), (0.36, 0), (0.42, 0.06), (0.2, 0.45), (0.4, 0.9), (0.33, 0.95), (0.1, 0.76),
    ), True, True),
    "teardrop": Solidbody(3, 0.97, (
        (0, 0), (0.25, 0.02), (0.4, 0.14), (0.42, 0.3), (0.33, 0.52), (0.2, 0.78), (0.1, 0.97, 1),
    ), True),
    "reversed": Solidbody(2, 0.84, (
        (0, 0), (0.25, 0.05), (0.37, 0.2), (0.38, 0.35), (0.3, 0.55), (0.34, 0.72), (0.42, 0.9), (0.34, 0.95),
        (0.2, 0.88), (0.075, 0.86, 1), (-0.075, 0.8, 1), (-0.2, 0.78), (-0.33, 0.84), (-0.37, 0.78), (-0.3, 0.55),
        (-0.36, 0.35), (-0.32, 0.15), (-0.2, 0.03),
    )),
    "semi-hollow": Solidbody(5, 0.84, (
        (0, 0), (0.22, 0.01), (0.38, 0.12), (0.42, 0.28), (0.27, 0.56), (0.28, 0.68), (0.33, 0.83), (0.25, 0.91),
        (0.14, 0.84), (0.075, 0.81, 1),
    ), True),
    "violin": Solidbody(2, 0.98, (
        (0, 0), (0.2, 0.01), (0.34, 0.1), (0.37, 0.24), (0.35, 0.35, 1), (0.25, 0.44), (0.23, 0.55), (0.3, 0.66, 1),
        (0.31, 0.8), (0.22, 0.94), (0.08, 1, 1),
    ), True),
    "box": Solidbody(2, 1.0, ((0, 0), (0.29, 0), (0.3, 0.5), (0.29, 1), (0.08, 1.001)), True, True),
    "paddle": Solidbody(3, 0.96, ((0, 0), (0.17, 0), (0.2, 0.4), (0.16, 0.92), (0.08, 1)), True, True),
}
# fmt: on
FULL = ("semi-hollow", "violin")  # of electric guitars: those with a box rather than a board


def waisted(rng: Rng, kind: str, cutaway: str) -> Outline:
    """Outline of a hollow body; `cutaway`: none, round or sharp, on the treble side."""
    low, waist, high = np.array(HOLLOW[kind].half) * (1 + rng.normal(0, 0.03, 3))
    at = 0.6 + rng.normal(0, 0.015)
    shoulder = rng.uniform(0.86, 0.99)  # of the upper bout, how square it is at the top
    bottom = rng.uniform(0.45, 0.6)
    lower = [(bottom * low, 0.012), (0.84 * low, 0.085), (low, 0.27), (0.5 * (low + waist), at - 0.15), (waist, at)]
    upper = [(high, 0.8), (0.83 * high, 0.93), (0.4 * high, 0.93 + 0.065 * shoulder)]
    cut: list[tuple[float, ...]] = [*upper, (0.08, 1.0, 1.0)]
    if cutaway == "round":
        cut = [(0.93 * high, 0.71), (0.98 * high, 0.8), (0.8 * high, 0.86), (0.5 * high, 0.8), (0.35 * high, 0.8)]
    elif cutaway == "sharp":
        cut = [(0.93 * high, 0.72), (0.96 * high, 0.87, 1), (0.6 * high, 0.775), (0.4 * high, 0.785)]
    if cutaway != "none":
        cut += [(0.085, 0.86), (0.075, 0.99, 1)]
    left = [(-x, y) for x, y in [*lower, *upper]][::-1]
    return curve([(0.0, 0.0), *lower, *cut, (-0.08, 1.0, 1.0), *left])


def solid_outline(rng: Rng, kind: str) -> Outline:
    """Outline of an electric guitar's body, a little bent so that no two are alike."""
    form = SOLID[kind]
    knots = list(form.knots)
    if form.mirrored:
        turned = [(-x, *rest) for x, *rest in knots[::-1]]
        knots += turned[:-1] if knots[0][0] == 0 else turned
    if form.straight:
        outline = rounded(np.array([k[:2] for k in knots], float), rng.uniform(0.04, 0.2), int(rng.integers(1, 4)))
    else:
        outline = curve(knots, 4)
    x, y = outline.T
    sway, phase = rng.normal(0, 0.035), rng.uniform(0, 6.3)
    wide = rng.uniform(0.9, 1.1) * (1 + sway * np.sin(5 * y + phase))
    near = np.clip(np.abs(x) / 0.15, 0, 1)  # where the neck goes in stays as wide as it is
    return np.stack([x * (1 + near * (wide - 1)), y + 0.03 * rng.normal() * near * np.sin(3 * x + phase)], 1)


def board(outline: Outline, depth: float, bevel: float, pockets: list[Pocket]) -> Solid:
    """A body with a flat front at z = 0."""
    return move(plate(outline, depth, bevel, pockets), [0, 0, -depth / 2])


def is_star(outline: Outline) -> bool:
    """Whether the outline can be shrunk towards `HEART` without leaving itself."""
    rim = outline - HEART
    return bool((rim[:, 0] * np.roll(rim[:, 1], -1) > np.roll(rim[:, 0], -1) * rim[:, 1]).all())


HEART = np.array([0.0, 0.45])


def carved(outline: Outline, depth: float, front: float, back: float) -> Solid:
    """A body whose front and back bulge by `front` and `back` beyond its sides; its outline must be `is_star`."""
    shares = np.array([0.3, 0.55, 0.75, 0.88, 0.96, 1.0])
    low = -depth - back * (1 - shares**2)
    high = front * (1 - shares**2)[::-1]
    sizes, z = np.concatenate([shares, shares[::-1]]), np.concatenate([low, high])
    flat = HEART + (outline - HEART)[None] * sizes[:, None, None]
    rings = np.concatenate([flat, np.broadcast_to(z[:, None, None], (*flat.shape[:2], 1))], -1)
    return _capped(rings, np.array([-depth - back, front]))


def _capped(rings: np.ndarray, ends: np.ndarray) -> Solid:
    """The rings with a point at `HEART` on either side, so that no cap cuts off the bulge."""
    tips = np.repeat(np.array([[*HEART, z] for z in ends])[:, None], rings.shape[1], 1)
    return loft(np.concatenate([tips[:1], rings, tips[1:]]), caps=False)
