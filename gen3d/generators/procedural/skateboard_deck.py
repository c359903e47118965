"""Decks of skateboards: outlines, upturned ends, concave, and what is fixed to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import Solid, cylinder, loft, move, spline, tube

Rng = np.random.Generator


class Outline(NamedTuple):
    """A family of outlines.

    Args:
        low, high: half widths at even steps from tail to nose, relative to the widest place; ends of the family.
        tail, nose: (range of the length of the rounded end in half widths, its exponent: 2 round, more squarer).
        curved: whether a smooth curve runs through the half widths, or straight lines.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    tail: tuple[float, float, float]
    nose: tuple[float, float, float]
    curved: bool = True


ROUND, BLUNT = (0.8, 1.3, 2.1), (0.1, 0.35, 2.5)
OUTLINES = {
    "popsicle": Outline((0.97, 1, 1, 1, 0.97), (1, 1, 1, 1, 1), ROUND, ROUND),
    "oval": Outline((0.6, 0.9, 1, 0.9, 0.6), (0.85, 0.96, 1, 0.97, 0.85), ROUND, ROUND),
    "pintail": Outline((0.2, 0.7, 1, 0.9, 0.5), (0.4, 0.85, 1, 1, 0.8), BLUNT, ROUND),
    "double pin": Outline((0.15, 0.75, 1, 0.75, 0.15), (0.35, 0.9, 1, 0.9, 0.35), BLUNT, BLUNT),
    "cutout": Outline((0.6, 0.4, 0.95, 1, 0.95, 0.4, 0.6), (0.8, 0.6, 1, 1, 1, 0.6, 0.8), ROUND, ROUND),
    "hammerhead": Outline((0.8, 0.5, 0.97, 1, 0.97, 0.5, 0.8), (0.95, 0.7, 1, 1, 1, 0.7, 0.95), BLUNT, BLUNT),
    "square tail": Outline((0.6, 0.88, 1, 0.95, 0.6), (0.85, 0.97, 1, 1, 0.8), (0.04, 0.2, 3), ROUND),
    "fish": Outline((0.6, 0.85, 1, 0.97, 0.45), (0.85, 0.95, 1, 1, 0.65), (0.04, 0.25, 3), (0.3, 0.8, 2)),
    "penny": Outline((0.7, 0.92, 1, 0.95, 0.6), (0.85, 0.98, 1, 1, 0.75), (0.2, 0.45, 2.5), (0.6, 1.2, 2.1)),
    "coffin": Outline((0.45, 0.85, 1, 0.9, 0.4), (0.7, 0.95, 1, 1, 0.6), (0.02, 0.1, 4), (0.02, 0.1, 4), False),
    "rectangle": Outline((0.95, 1, 1, 1, 0.95), (1, 1, 1, 1, 1), (0.05, 0.4, 2.5), (0.05, 0.4, 2.5)),
}


class Deck(NamedTuple):
    """A deck as heights and half widths along z.

    Args:
        z: (S,) from tail to nose; `heights` (S,) of its middle plane on the centre line; `halves` (S,) half widths.
        width: half of it at the widest place.
        thick: of the board.
        concave: how far the edges stand above the middle, in thirds of the half width.
        wheelbase: range of the trucks' distance from the middle.
    """

    z: Float[np.ndarray, " S"]
    heights: Float[np.ndarray, " S"]
    halves: Float[np.ndarray, " S"]
    width: float
    thick: float
    concave: float
    wheelbase: tuple[float, float]

    def height(self, z: float) -> float:
        """Of the middle plane on the centre line."""
        return float(np.interp(z, self.z, self.heights))

    def half(self, z: float) -> float:
        """Half the width there."""
        return float(np.interp(z, self.z, self.halves))


# --- drawing ------------------------------------------------------------------------------------------------------


def draw_deck(rng: Rng, width: float, thick: float, traits: dict[str, str]) -> Deck:
    """A deck after the traits `outline`, `kick` and `run`; adds `concave` to them."""
    steps = int(rng.choice([24, 32, 44]))
    z = np.sin(np.linspace(-np.pi / 2, np.pi / 2, steps))
    halves = width * _half_widths(rng, OUTLINES[traits["outline"]], z, width)
    kinked = traits["outline"] in ("cutout", "hammerhead")
    start = float(rng.uniform(0.6, 0.72)) if traits["kick"] != "none" else 0.86
    heights = _run(rng, traits["run"], z) + _kicks(rng, traits["kick"], z, start)
    concave = float(rng.uniform(0.15, 0.4)) if rng.random() < 0.45 else 0.0
    if concave:
        traits["concave"] = "concave"
    base = (0.6, 0.72) if kinked else (start - 0.2, start - 0.06)
    return Deck(z, heights, halves, width, thick, concave, base)


def _half_widths(rng: Rng, outline: Outline, z: Float[np.ndarray, " S"], width: float) -> Float[np.ndarray, " S"]:
    """Half widths relative to the widest place."""
    low, high = np.array(outline.low), np.array(outline.high)
    knots = low + (high - low) * rng.random()
    curve = spline(knots[:, None], 60)[:, 0] if outline.curved else knots
    half = np.interp(z, np.linspace(-1, 1, len(curve)), curve)
    for side, (least, most, power) in ((-1, outline.tail), (1, outline.nose)):
        length = width * float(rng.uniform(least, most)) * float(knots[0 if side < 0 else -1])
        into = np.clip((side * z - 1 + length) / length, 0, 1)
        half = half * (1 - into**power) ** (1 / power)
    return np.maximum(half, 0.03)


def _run(rng: Rng, kind: str, z: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Heights of the board between its ends: flat, a trough, an arch, or lowered between the trucks."""
    if kind == "drop":
        depth, edge, soft = rng.uniform(0.05, 0.12), rng.uniform(0.42, 0.55), rng.uniform(0.05, 0.12)
        return -depth * 0.5 * (1 + np.tanh((edge - np.abs(z)) / soft))
    bend = {"flat": 0.0, "rocker": rng.uniform(0.02, 0.1), "camber": -rng.uniform(0.02, 0.09)}[kind]
    return bend * z**2


def _kicks(rng: Rng, kind: str, z: Float[np.ndarray, " S"], start: float) -> Float[np.ndarray, " S"]:
    """Heights of the upturned ends."""
    rise = np.zeros_like(z)
    for side in {"none": (), "tail": (-1,), "both": (-1, 1)}[kind]:
        slope, power = np.tan(np.radians(rng.uniform(10, 34))), rng.uniform(1.15, 1.8)
        into = np.clip((side * z - start) / (1 - start), 0, 1)
        rise = rise + (1 - start) * slope * into**power
    return rise


# --- solids -------------------------------------------------------------------------------------------------------


def _slab(deck: Deck, low: float, high: float, edge: float, inset: float = 0.0) -> Solid:
    """The board between two levels about its middle plane, its edges more or less rounded."""
    across = np.cos(np.linspace(0, np.pi, 10))
    bulge = (1 - np.abs(across) ** edge) ** (1 / edge)
    s = np.concatenate([across, across[-2:0:-1]])  # (K,) from +x over the top to -x and back below
    level = np.concatenate([bulge * (high - low) / 2, -bulge[-2:0:-1] * (high - low) / 2]) + (high + low) / 2
    rows = slice(None) if inset == 0 else np.abs(deck.z) < 1 - inset
    half = np.maximum(deck.halves[rows] - inset, 0.02)
    x = half[:, None] * s
    dish = deck.concave / 3 * deck.width * (x / deck.width) ** 2
    z = np.broadcast_to(deck.z[rows][:, None], x.shape)
    return loft(np.stack([x, deck.heights[rows][:, None] + level + dish, z], -1))


def deck_solid(rng: Rng, deck: Deck) -> Solid:
    """The board itself."""
    return _slab(deck, -deck.thick / 2, deck.thick / 2, float(rng.choice([6, 16, 60])))


def extras(rng: Rng, deck: Deck, made: Assembly) -> None:
    """Grip tape, bolts, and rails below the board; all of the part `deck`."""
    half = deck.thick / 2
    if rng.random() < 0.3:
        inset = float(rng.choice([0.004, 0.02]))
        made.add("deck", _slab(deck, 0.3 * half, half + rng.uniform(0.002, 0.008), 40.0, inset))
        made.traits["grip"] = "tape"
    if rng.random() < 0.22:
        made.traits["bolts"] = "eight"
        _bolts(rng, deck, made)
    if rng.random() < 0.1:
        made.traits["rails"] = "two"
        z = np.linspace(-0.35, 0.35, 9)
        for side in (-1, 1):
            path = [(side * 0.72 * deck.half(at), deck.height(at) - 0.9 * half, at) for at in z]
            lift = deck.concave / 3 * deck.width * 0.72**2
            made.add("deck", move(tube(path, rng.uniform(0.012, 0.02), 8), [0, lift, 0]))


def _bolts(rng: Rng, deck: Deck, made: Assembly) -> None:
    """Two times four heads of bolts on the upper face, over the trucks."""
    head = cylinder(float(rng.uniform(0.008, 0.016)), 0.01, count=8)
    middle = float(np.mean(deck.wheelbase))
    for z in (-middle - 0.06, -middle + 0.06, middle - 0.06, middle + 0.06):
        for x in (-0.05, 0.05):
            made.add("deck", move(head, [x, deck.height(z) + deck.thick / 2 - 0.004, z]))
