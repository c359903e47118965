"""Heads of guitars with their tuners. A head stands on y = 0, where the neck ends; its front lies at z = 0."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.plates import Outline, curve, mapped, plate, rounded
from gen3d.generators.procedural.solids import Solid, box, cylinder, ellipsoid, merge, mirror, move, rod, turn

Rng = np.random.Generator

# Outlines from the nut (half width 1) upwards to height 1: right half of those that are alike on both sides.
# fmt: off
_SIDED = {
    "flat": ((1, 0, 1), (1.5, 0.14), (1.6, 0.5), (1.7, 1, 1)),
    "open book": ((1, 0, 1), (1.4, 0.12), (1.55, 0.5), (1.75, 0.93, 1), (0.7, 1.0), (0, 0.94, 1)),
    "rounded": ((1, 0, 1), (1.5, 0.15), (1.6, 0.6), (1.3, 0.92), (0, 1)),
    "snakehead": ((1, 0, 1), (1.7, 0.16), (1.6, 0.5), (1.15, 0.98, 1), (0, 1)),
    "crown": ((1, 0, 1), (1.45, 0.14), (1.5, 0.7), (1.75, 0.86, 1), (0.9, 0.9), (0, 1, 1)),
    "arrow": ((1, 0, 1), (1.9, 0.2, 1), (1.3, 0.6), (0.35, 1, 1)),
    "winged": ((1, 0, 1), (1.3, 0.25), (2.1, 1, 1), (0.5, 0.82), (0, 0.7, 1)),
}
_INLINE = {
    "ball": (
        (1, 0, 1), (1.15, 0.1), (0.9, 0.35), (1.0, 0.7), (1.25, 0.88), (0.6, 1.0), (-0.5, 0.98), (-1.2, 0.86),
        (-1.95, 0.3), (-1.9, 0.17), (-1.1, 0.1), (-1, 0, 1),
    ),
    "hockey": (
        (1, 0, 1), (1.2, 0.08), (0.8, 0.3), (0.6, 0.7), (0.9, 0.85, 1), (0.2, 1.0), (-1.0, 0.95, 1), (-1.9, 0.25, 1),
        (-1.1, 0.1), (-1, 0, 1),
    ),
    "pointed": ((1, 0, 1), (1.35, 0.12, 1), (0.7, 0.4), (0.9, 1, 1), (-0.6, 0.72), (-1.95, 0.2, 1), (-1, 0, 1)),
    "drooping": (
        (1, 0, 1), (1.2, 0.1), (0.9, 0.6), (-0.2, 0.85), (-2.2, 1, 1), (-1.3, 0.6), (-1.7, 0.2, 1), (-1, 0, 1),
    ),
}
SHAPES = {
    "acoustic": {"flat": 5, "open book": 3, "rounded": 3, "snakehead": 2, "crown": 3},
    "electric": {
        "ball": 8, "hockey": 4, "pointed": 5, "drooping": 1, "open book": 5, "flat": 2, "arrow": 2, "winged": 1,
        "rounded": 2, "snakehead": 2,
    },
}
# fmt: on
INLINE = tuple(_INLINE)


def head(rng: Rng, kind: str, size: tuple[float, float, float], pegs: int, slotted: bool) -> list[Solid]:
    """A head with its tuners.

    Args:
        rng: draws how it looks.
        kind: a shape of `SHAPES`.
        size: half width at the nut, length and thickness.
        pegs: number of tuners, 0 for none.
        slotted: with two slots in it, as on classical guitars.
    """
    half, tall, thick = size
    outline = head_outline(kind)
    outline = mapped(outline, (half, tall))
    slots = []
    if slotted:
        slot = rounded(np.array([[-0.28, 0.2], [0.28, 0.2], [0.28, 0.82], [-0.28, 0.82]]) * [half, tall], 0.2, 2)
        slots = [(slot + [side * 0.72 * half, 0], 0.7 * thick) for side in (-1, 1)]
    solids = [move(plate(outline, thick, rng.choice([0.0, 0.15]) * thick, slots), [0, 0, -thick / 2])]
    if pegs:
        solids += _tuners(rng, kind, outline, size, pegs, slotted)
    return solids


def head_outline(kind: str) -> Outline:
    """Outline of a head of that kind, one half nut wide per unit of x and one head long per unit of y."""
    if kind in _INLINE:
        return curve(_INLINE[kind], 4)
    right = list(_SIDED[kind])
    left = [(-k[0], *k[1:]) for k in right[::-1] if k[0] > 0]
    return curve([*right, *left], 3)


def _tuners(
    rng: Rng, kind: str, outline: Outline, size: tuple[float, float, float], pegs: int, slotted: bool
) -> list[Solid]:
    half, tall, thick = size
    sides = (-1,) if kind in _INLINE else (-1, 1)
    count = pegs // len(sides)
    low, high = (0.24, 0.8) if len(sides) == 1 else (0.25, 0.8)
    if kind == "arrow":
        high = 0.7
    button = str(rng.choice(["egg", "box", "disc"]))
    big = min(rng.uniform(0.26, 0.4) * half * 1.6, 0.36 * tall * (high - low) / max(count - 1, 1) + 0.1 * half)
    out = rng.uniform(0.25, 0.7) * half
    z = -0.5 * thick if slotted else -0.7 * thick
    shaft = [rod([-0.4 * half, 0, z], [out, 0, z], 0.09 * half, count=5), move(_button(button, big), [out, 0, z])]
    if not slotted:
        post = turn(cylinder(0.16 * half, 0.3 * half + 0.5 * thick, count=6), "x", 90)
        shaft.append(move(post, [-0.5 * half, 0, -0.5 * thick]))
    tuner = merge(shaft)
    spots = [(side, y) for y in np.linspace(low, high, count) * tall for side in sides]
    return [move(tuner if side > 0 else mirror(tuner), [side * _reach(outline, y, side), y, 0]) for side, y in spots]


def _reach(outline: Outline, y: float, side: int) -> float:
    """How far the outline reaches to that side at height `y`: the outermost crossing."""
    a, b = outline, np.roll(outline, -1, 0)
    cross = (a[:, 1] <= y) != (b[:, 1] <= y)
    a, b = a[cross], b[cross]
    x = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return float((side * x).max())


def _button(kind: str, size: float) -> Solid:
    if kind == "egg":
        return ellipsoid(size * np.array([0.55, 0.45, 0.25]), 8)
    if kind == "box":
        return box(size * np.array([0.9, 0.7, 0.35]))
    return turn(move(cylinder(0.5 * size, 0.5 * size, count=8), [0, -0.25 * size, 0]), "z", 90)
