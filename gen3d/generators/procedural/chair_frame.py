"""What every part of a chair is built with: the seat's form, limbs (legs and posts) and bent rods.

Heights are measured from the seat's top (y = 0), lengths in seat widths. Outlines of seats are (x, v) with v = -z, so
that a counter-clockwise outline faces up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import Numbers, Solid, loft, move, superellipse, sweep

RIM = 40  # points of a seat's outline
CORNERS = (35, 25, 15, 5)  # points of the outline: front right, front left, rear left, rear right


@dataclass(frozen=True)
class Seat:
    """Where the seat is: what bases, backs and arms hold on to.

    Args:
        outline: (RIM, 2) of (x, v = -z), about the origin.
        thick: height from the underside to the top of the plate.
        curl: rise of the two sides; dish: fall of the middle; roll: fall of the front edge; pitch: rise of the front.
        margin: width of a rim that is too thin or too curved to hold a leg.
    """

    outline: Float[np.ndarray, "K 2"]
    thick: float
    curl: float = 0.0
    dish: float = 0.0
    roll: float = 0.0
    pitch: float = 0.0
    margin: float = 0.0

    @property
    def half(self) -> Float[np.ndarray, " 2"]:
        """Half the extent along x and z."""
        return np.ptp(self.outline, 0) / 2

    def sag(self, x: Numbers, z: Numbers) -> Float[np.ndarray, "*n"] | float:
        """How far the seat lies above its flat form at (x, z)."""
        a, b = np.asarray(x) / self.half[0], np.asarray(z) / self.half[1]
        front = np.maximum(b - 0.4, 0) ** 2
        return self.curl * a**2 + self.dish * np.minimum(a**2 + b**2 - 1, 0.3) - self.roll * front + self.pitch * b

    def under(self, x: float, z: float) -> float:
        """Height of the underside at (x, z)."""
        return float(self.sag(x, z)) - self.thick

    def corner(self, index: int, inset: float) -> Float[np.ndarray, " 2"]:
        """(x, z) of a corner of the rim, moved inwards by `inset` along both axes."""
        x, v = self.outline[index] - np.sign(self.outline[index]) * max(inset, self.margin)
        return np.array([x, -v])

    def rear(self, x: float) -> float:
        """z of the rear rim at x."""
        back = self.outline[self.outline[:, 1] > 0]
        back = back[np.argsort(back[:, 0])]
        return -float(np.interp(x, back[:, 0], back[:, 1]))

    def side(self, z: float) -> float:
        """x of the right rim at z."""
        right = self.outline[self.outline[:, 0] > 0]
        right = right[np.argsort(right[:, 1])]
        return float(np.interp(-z, right[:, 1], right[:, 0]))

    def shaped(self, solid: Solid) -> Solid:
        """A flat piece of the seat, bent as the seat is."""
        lift = self.sag(solid.vertices[:, 0], solid.vertices[:, 2])
        return move(solid, np.stack([0 * lift, lift, 0 * lift], 1))


@dataclass(frozen=True)
class Plan:
    """What a base has to fit: the seat, the floor's distance below its top, and the style of the rods.

    Args:
        rod: radius of legs and posts; exponent: their section's (2 round, 12 square); soft: rounded ends.
        flare: relative widening of posts and legs at their joints.
        rear: (x, z) where the rear legs must end because back posts go on from there, or None.
    """

    seat: Seat
    floor: float
    rod: float
    exponent: float
    soft: bool
    flare: float
    rear: tuple[float, float] | None = None


# --- pieces -------------------------------------------------------------------------------------------------------


def slab(outline: Float[np.ndarray, "K 2"], low: float, high: float, bevel: float, crown: float = 0.0) -> Solid:
    """A plate over an (x, v) outline from height `low` to `high`; edges rounded by `bevel`, top raised by `crown`."""
    centre, half = outline.mean(0), np.ptp(outline, 0) / 2
    bevel = min(bevel, 0.499 * (high - low), 0.6 * float(half.min()))
    t = np.linspace(0, np.pi / 2, 4)
    inset, rise = bevel * (1 - np.sin(t)), bevel * (1 - np.cos(t))
    edge = 1 - np.concatenate([inset, inset[::-1]])[:, None] / half
    inner = np.array([[0.4], [0.75]])
    scale = np.concatenate([inner * edge[:1], edge, inner[::-1] * edge[-1:]])
    y = np.concatenate([[low, low], low + rise, high - rise[::-1], [high, high]])
    y[6:] += crown * (1 - scale[6:].mean(1) ** 2)
    flat = (outline - centre) * scale[:, None] + centre
    return loft(np.stack([flat[..., 0], np.broadcast_to(y[:, None], flat.shape[:2]), -flat[..., 1]], -1))


def limb(path: Numbers, radii: Numbers, exponent: float = 2.0, blunt: tuple[bool, bool] = (False, False)) -> Solid:
    """A leg or post with level cross-sections.

    Args:
        path: (S, 3) rising in y.
        radii: (S,) or (S, 2) half sizes along x and z.
        exponent: of the section: 2 round, 4 soft square, 12 square.
        blunt: round off the (lower, upper) end, which makes it longer by its radius.
    """
    p, r = np.asarray(path, float), np.asarray(radii, float)
    r = np.broadcast_to(r[:, None] if r.ndim == 1 else r, (len(p), 2))
    if blunt[0]:
        p, r = _blunt(p, r)
    if blunt[1]:
        p, r = (x[::-1] for x in _blunt(p[::-1], r[::-1]))
    flat = superellipse(2, 2, exponent, 8 if exponent > 6 else 12)[None] * r[:, None]
    return loft(p[:, None] + np.stack([flat[..., 0], 0 * flat[..., 0], -flat[..., 1]], -1))


def _blunt(
    path: Float[np.ndarray, "S 3"], radii: Float[np.ndarray, "S 2"]
) -> tuple[Float[np.ndarray, "T 3"], Float[np.ndarray, "T 2"]]:
    """The path and radii with a quarter circle before the first point."""
    away = (path[0] - path[1]) / np.linalg.norm(path[0] - path[1]) * radii[0].mean()
    ends = path[0] + np.array([[0.98], [0.85], [0.5]]) * away
    return np.concatenate([ends, path]), np.concatenate([radii[0] * np.array([[0.2], [0.53], [0.87]]), radii])


def bent(knots: Numbers, radius: float, steps: int = 5) -> Float[np.ndarray, "S D"]:
    """The polyline through the knots with its corners rounded (quadratic Bezier over `radius` each side)."""
    k = np.asarray(knots, float)
    t = np.linspace(0, 1, steps)[:, None]
    rows = [k[:1]]
    for before, here, after in zip(k[:-2], k[1:-1], k[2:], strict=True):
        a, b = before - here, after - here
        la, lb = np.linalg.norm(a), np.linalg.norm(b)
        reach = min(radius, 0.45 * la, 0.45 * lb)
        start, stop = here + a / la * reach, here + b / lb * reach
        rows.append((1 - t) ** 2 * start + 2 * t * (1 - t) * here + t**2 * stop)
    return np.concatenate([*rows, k[-1:]])


def wire(path: Numbers, radius: float, exponent: float = 2.0, up: Numbers = (1.0, 0.0, 0.0)) -> Solid:
    """A rod of constant section along a path that keeps clear of the `up` direction."""
    return sweep(superellipse(2, 2, exponent, 8 if exponent > 6 else 10), path, radius, up)


def add_limb(
    out: Assembly, part: str, path: Float[np.ndarray, "S 3"], radii: Float[np.ndarray, " S"], plan: Plan
) -> None:
    """Add a limb that meets the seat with its last point.

    Two stretches of it belong to the seat, as people draw the border: the widest end of a flared soft joint, and what
    stands beside the seat where a rear leg runs on upwards as a post.
    """
    away = np.linalg.norm(path - path[-1], axis=1)
    wide = radii * (1 + plan.flare * np.exp(-away / (1.2 * plan.rod)))
    cut = -3 if plan.flare > 0.25 and plan.soft else None
    beside = int((path[:, 1] > -plan.seat.thick).sum())
    if path[-1, 1] > -0.3 * plan.seat.thick and beside >= 2:
        cut = min(-beside, cut or 0)
    body = slice(None) if cut is None else slice(None, cut + 1 or None)
    out.add(part, limb(path[body], wide[body], plan.exponent, (plan.soft, False)))
    if cut is not None:
        out.add("seat", limb(path[cut:], wide[cut:], plan.exponent))
