"""Wings, fins and stabilizers of the airplane grammar: panels lofted along their span that grow out of the fuselage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.airplane_fuselage import Fuselage, Range
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.draws import pick
from gen3d.generators.procedural.solids import Solid, both, loft, superellipse

Weights = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """Ranges of one planform.

    Args:
        taper: tip chord by root chord.
        sweep: degrees, of the line at fraction `align` of the chord; positive is backwards.
        align: 0 = leading edge, 1 = trailing edge.
        chord: root chord by span of one side.
        profile: how the chord goes from root to tip.
    """

    taper: Range
    sweep: Range
    align: float = 0.25
    chord: Range = (0.25, 0.5)
    profile: str = "linear"


PLANS: dict[str, Plan] = {
    "straight": Plan((0.8, 1.0), (-4, 6), 0.4, (0.19, 0.48)),
    "rounded": Plan((0.75, 1.0), (-4, 8), 0.4, (0.21, 0.48), "rounded"),
    "tapered": Plan((0.3, 0.75), (-2, 16), 0.35, (0.25, 0.56)),
    "swept": Plan((0.25, 0.85), (18, 48), 0.3, (0.28, 0.68)),
    "elliptic": Plan((0.1, 0.3), (-3, 10), 0.35, (0.3, 0.55), "elliptic"),
    "delta": Plan((0.02, 0.14), (-10, 14), 1.0, (0.9, 1.8)),
    "cropped": Plan((0.2, 0.5), (-14, 30), 0.9, (0.6, 1.2)),
    "ogive": Plan((0.05, 0.25), (-5, 10), 1.0, (1.2, 2.2), "ogive"),
    "forward": Plan((0.35, 0.8), (-32, -10), 0.35, (0.25, 0.55)),
    "cranked": Plan((0.2, 0.45), (22, 42), 0.0, (0.35, 0.65), "cranked"),
}

_GRID = np.linspace(0, 1, 33)  # span fractions at which planforms are tabulated


def _chords(profile: str, taper: float, kink: float) -> Float[np.ndarray, " 33"]:
    """Chord along the span by root chord."""
    t = _GRID
    if profile == "rounded":
        return (1 - (1 - taper) * t) * np.sqrt(1 - 0.8 * t ** (6 + 10 * kink))
    if profile == "elliptic":
        return taper * (1 - t) + (1 - taper) * np.sqrt(1 - 0.98 * t**2.2)
    if profile == "ogive":
        return taper * (1 - t) + (1 - taper) * ((1 - t) ** (1.3 + kink) + 0.35 * (1 - t)) / 1.35 + 0.06
    if profile == "cranked":
        return np.interp(t, [0, kink, 1], [1, 1 - (1 - taper) * (0.45 + 0.35 * kink), taper])
    return 1 - (1 - taper) * t


@dataclass(frozen=True, eq=False)
class Panel:
    """A lifting surface along its span, tabulated at even fractions of it.

    Args:
        length: span of this side.
        front, rear: (T,) z of the leading and trailing edge, 0 = middle of the root chord.
        half: (T,) half thickness.
        angle: (T,) direction of the span in the XY plane, degrees: 0 = +X, 90 = +Y.
        outline: (K, 2) section in the unit square about the origin; x from leading to trailing edge.
        fillet: reach of the widening at the root, and `swell`: how much chord and thickness grow there.
        tip: length of the rounding at the tip.
    """

    length: float
    front: Float[np.ndarray, " T"]
    rear: Float[np.ndarray, " T"]
    half: Float[np.ndarray, " T"]
    angle: Float[np.ndarray, " T"]
    outline: Float[np.ndarray, "K 2"]
    fillet: float = 0.0
    swell: tuple[float, float] = (0.0, 0.0)
    tip: float = 0.01


class Grown(NamedTuple):
    """A panel in place: its root collar and blade, and where it runs (for what hangs on it)."""

    collar: Solid | None
    blade: Solid
    spine: Float[np.ndarray, "S 2"]
    front: Float[np.ndarray, " S"]
    rear: Float[np.ndarray, " S"]
    half: Float[np.ndarray, " S"]
    reach: Float[np.ndarray, " S"]

    def at(self, fraction: float) -> tuple[float, float, float, float, float]:
        """(x, y, leading z, trailing z, half thickness) at a fraction of the span."""
        rows = (self.spine[:, 0], self.spine[:, 1], self.front, self.rear, self.half)
        x, y, front, rear, half = (float(np.interp(fraction, self.reach, row)) for row in rows)
        return x, y, front, rear, half


def foil(kind: str, count: int) -> Float[np.ndarray, "K 2"]:
    """Section in the unit square, counter-clockwise; x = -0.5 is the leading edge.

    "drop" is the NACA four-digit thickness form (Jacobs et al. 1933); the others are superellipses.
    """
    if kind != "drop":
        return superellipse(1.0, 1.0, {"oval": 2.0, "plate": 5.0, "soft": 2.6, "blade": 1.4}[kind], count)
    t = np.arange(count) * 2 * np.pi / count
    u = np.clip((1 + np.cos(t)) / 2, 0, 1)
    thick = 2.969 * np.sqrt(u) - 1.26 * u - 3.516 * u**2 + 2.843 * u**3 - 1.015 * u**4
    return np.stack([u - 0.5, 0.5 * thick * np.sign(np.sin(t).round(9))], 1)


def make_panel(
    rng: np.random.Generator, plan: Plan, length: float, angle: Float[np.ndarray, " T"], half: float, section: str
) -> Panel:
    """A panel drawn from a planform: `length` of one side, `angle` of its span, root half thickness `half`."""
    chord = length * rng.uniform(*plan.chord)
    chords = chord * _chords(plan.profile, rng.uniform(*plan.taper), rng.uniform(0.2, 0.45))
    line = -np.tan(np.radians(rng.uniform(*plan.sweep))) * length * _GRID
    front, rear = line + plan.align * chords, line - (1 - plan.align) * chords
    middle = (front[0] + rear[0]) / 2
    halves = np.minimum(half * (1 - rng.uniform(0.0, 0.5) * _GRID), 0.4 * chords)
    outline = foil(section, int(rng.choice([10, 12, 16])))
    return Panel(length, front - middle, rear - middle, halves, np.broadcast_to(angle, 33), outline, tip=half)


def grow(panel: Panel, anchor: Float[np.ndarray, " 3"], body: Fuselage | None, collar: int = 0) -> Grown:
    """Let a panel leave the body from `anchor`, a point inside it; without a body it starts at the anchor.

    The root follows the body's side. The first `collar` strips of the fillet are kept apart as the body's.
    """
    d, front, rear, half = _stations(panel, body is not None)
    heading = np.radians(np.interp(d / panel.length, _GRID, panel.angle))
    along = np.stack([np.cos(heading), np.sin(heading)], 1)  # (S, 2)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    chord, flat = front - rear, panel.outline
    z = anchor[2] + (front + rear)[:, None] / 2 - flat[:, 0] * chord[:, None]  # (S, K)
    offset = 2 * half[:, None, None] * flat[:, 1:] * across[:, None]  # (S, K, 2)
    shift, depth = np.zeros_like(z), 0.0
    if body is not None:
        seats = np.concatenate([anchor[:2] + offset[0], z[0][:, None]], 1)
        leave = body.exit(seats, along[0])
        depth = float(leave.mean())
        leave = np.maximum(leave, 0.25 * depth)
        run = min(panel.length, max(0.35 * panel.length, 2.5 * float(np.abs(leave - depth).max())))
        shift = (leave - depth) * np.clip(1 - np.maximum(d, 0) / run, 0, 1)[:, None] ** 2
        shift[0] -= 0.12 * leave
    step = np.maximum(np.diff(d, prepend=d[0]), 0)
    spine = anchor[:2] + depth * along[0] + np.cumsum(step[:, None] * along, 0)
    place = spine[:, None] + offset + shift[..., None] * along[0]
    blade = loft(np.concatenate([place, z[..., None]], -1))
    reach = d / panel.length
    parts = _split(blade, collar, len(flat)) if collar else (None, blade)
    return Grown(*parts, spine, front + anchor[2], rear + anchor[2], half, reach)


def _stations(panel: Panel, rooted: bool) -> tuple[Float[np.ndarray, " S"], ...]:
    """Span positions of the rings, with leading edge, trailing edge and half thickness there."""
    r = panel.fillet if rooted else 0.0
    tip = min(panel.tip, 0.35 * float(panel.front[-1] - panel.rear[-1]))
    root = r * np.array([0.0, 0.15, 0.35, 0.6, 1.0]) if r > 0 else np.zeros(1)
    outer = panel.length * (1 - np.linspace(1, 0, 12) ** 1.4)  # denser towards the tip, where outlines bend
    round_ = np.array([0.45, 0.8, 0.97])
    d = np.concatenate([root[:1]] * rooted + [root, outer[outer > 1.1 * root[-1] + 1e-9], panel.length + tip * round_])
    t = np.clip(d / panel.length, 0, 1)
    front, rear, half = (np.interp(t, _GRID, row) for row in (panel.front, panel.rear, panel.half))
    flare = np.clip(1 - d / max(r, 1e-9), 0, 1) ** 2 * (r > 0)
    thin = np.ones(len(d))
    thin[-3:] = np.sqrt(1 - round_**2)
    trim = np.minimum((1 - thin) * tip, 0.4 * (front - rear))
    return (
        d,
        front + panel.swell[0] * flare - trim,
        rear - panel.swell[0] * flare + trim,
        (half + panel.swell[1] * flare) * thin,
    )


def _split(solid: Solid, rings: int, size: int) -> tuple[Solid, Solid]:
    """The first `rings` strips of a loft (with their end) and the rest."""
    used = solid.faces
    total = solid.vertices.shape[0] - 2  # the last two are the ends' centres
    first = np.where(used >= total, np.where(used == total, 0, total), used).max(1) < (rings + 1) * size
    return tuple(compact(Solid(solid.vertices, solid.faces[mask])) for mask in (first, ~first))  # type: ignore[return-value]


def compact(solid: Solid) -> Solid:
    """The solid without vertices that no face uses."""
    used = np.zeros(len(solid.vertices), bool)
    used[solid.faces] = True
    return Solid(solid.vertices[used], (np.cumsum(used) - 1)[solid.faces])


def section_kind(rng: np.random.Generator, fat: float) -> str:
    """Kind of wing section: rounded for organic shapes, any for crisp ones."""
    if fat > 0.5:
        return pick(rng, {"oval": 0.35, "soft": 0.3, "drop": 0.35})
    return pick(rng, {"drop": 0.45, "plate": 0.3, "blade": 0.15, "oval": 0.1})


def filleted(
    rng: np.random.Generator, panel: Panel, fat: float, size: float, collars: tuple[float, ...]
) -> tuple[Panel, int]:
    """The panel with a widening root, and how many of its strips are the body's; crisp shapes often have none.

    `collars` are the odds of 0, 2, 3 and 4 such strips. People give a wing's fillet to the wing more often than a fin's
    to the fin (seen on the real airplanes of psb).
    """
    if rng.random() > 0.25 + 0.7 * fat:
        return panel, 0
    reach = min(size * rng.uniform(0.25, 1.0), 0.35 * panel.length)
    swell = (reach * rng.uniform(0.1, 0.8), reach * rng.uniform(0.1, 0.5))
    return replace(panel, fillet=reach, swell=swell), int(rng.choice([0, 2, 3, 4], p=collars))


def add_grown(assembly: Assembly, part: str, grown: Grown, paired: bool = True) -> Grown:
    """Add a grown panel, with its mirror image where it is one of a pair; the collar is the body's."""
    for name, solid in (("body", grown.collar), (part, grown.blade)):
        if solid is not None:
            assembly.add(name, *(both(solid) if paired else (solid,)))
    return grown
