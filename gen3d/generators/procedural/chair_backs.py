"""Backs of chairs: built flat (x across, y up from the seat, z towards the sitter), then bent into place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.chair_frame import Plan, bent, limb, wire
from gen3d.generators.procedural.solids import Numbers, Solid, both, box, loft, move, superellipse

Curve = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Back:
    """Where a back stands and how it is bent.

    Args:
        height, half: of the whole back, and half its width at the seat.
        foot: z of its foot in the middle; round: how far z runs forwards there at x = half (follows the seat's rim).
        wrap: the same at the top; tilt: way backwards per height; lean: further way backwards, growing quadratically.
        flare: relative widening from foot to top.
    """

    height: float
    half: float
    foot: float
    round: float
    wrap: float
    tilt: float
    lean: float
    flare: float

    def bend(self, solid: Solid) -> Solid:
        """A flat piece where it belongs."""
        return Solid(self.place(solid.vertices), solid.faces)

    def place(self, positions: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Flat positions where they belong."""
        x, y, z = np.moveaxis(np.asarray(positions, float), -1, 0)
        rise = np.clip(y / self.height, 0, 1)
        side = (self.round * (1 - rise) + self.wrap * rise) * np.minimum((x / self.half) ** 2, 1.5)
        return np.stack(
            [x * (1 + self.flare * rise), y, z + self.foot + side - self.tilt * y - self.lean * y * rise], -1
        )


# --- flat pieces --------------------------------------------------------------------------------------------------


def plank(left: float, right: float, low: Curve, high: Curve, thick: float, exponent: float = 8.0) -> Solid:
    """A board from x = left to right between two curves of height over s = -1..1, its edges rounded by `exponent`."""
    s = np.linspace(-1, 1, 13)
    if exponent < 6:  # soft boards close to a blunt end
        s = np.concatenate([[-1, -0.985, -0.95], s[1:-1], [0.95, 0.985, 1]])
    close = np.minimum(1, (np.maximum(1 - np.abs(s), 0) / 0.07 + 0.02) ** 0.5) if exponent < 6 else np.ones(len(s))
    bottom, top = low(s), high(s)
    ring = (
        superellipse(1, 1, exponent, 24)[None]
        * np.stack([thick * close, (top - bottom) * (0.3 + 0.7 * close)], 1)[:, None]
    )
    x = (left + right) / 2 + s * (right - left) / 2
    y = (bottom + top)[:, None] / 2 + ring[..., 1]
    return loft(np.stack([np.broadcast_to(x[:, None], y.shape), y, -ring[..., 0]], -1))


def level(height: float) -> Curve:
    """The curve of constant height."""
    return lambda s: np.full(len(s), height)


def crest(rng: np.random.Generator, height: float, swing: float) -> tuple[Curve, str]:
    """An upper edge: straight, arched, sunk, eared, shouldered or waved by up to `swing`."""
    kind = str(rng.choice(["straight", "arch", "sunk", "ears", "round", "wave"], p=[0.35, 0.2, 0.12, 0.13, 0.12, 0.08]))
    a = swing * rng.uniform(0.3, 1.0)
    forms: dict[str, Curve] = {
        "straight": lambda s: 0 * s,
        "arch": lambda s: -a * s**2,
        "sunk": lambda s: -a * (1 - s**2),
        "ears": lambda s: a * (np.abs(s) ** 5 - 1),
        "round": lambda s: -a * np.abs(s) ** 5,
        "wave": lambda s: -a * 0.5 * (1 - np.cos(2 * np.pi * s) * (1 - 0.4 * s**2)),
    }
    return (lambda s: height + forms[kind](s)), kind


def post(back: Back, ends: Numbers, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Bent centre line and radii of a post between flat (x, y) ends, the lower one first."""
    (x0, y0), (x1, y1) = np.asarray(ends, float)
    t = np.concatenate([[0, 0.03, 0.07, 0.13], np.linspace(0.25, 1, 6)])
    flat = np.stack([x0 + (x1 - x0) * t, y0 + (y1 - y0) * t, 0 * t], 1)
    return back.place(flat), np.full(len(t), radius)


def stand(plan: Plan, back: Back, out: Assembly, xs: Numbers, top: float, radius: float) -> None:
    """Posts that stand on the seat at xs and end at the height `top`; soft ones flare at both ends.

    As with legs, the widest end of a flared joint belongs to the seat, which is where people draw the border.
    """
    flare = plan.flare
    for x in np.atleast_1d(xs):
        path, radii = post(back, [(x, -0.3 * plan.seat.thick), (x, top)], radius)
        far = np.linalg.norm(path - path[-1], axis=1)
        radii = radii * (1 + 0.5 * flare * np.exp(-far / (1.5 * radius)))
        near = np.linalg.norm(path - path[0], axis=1)
        radii = radii * (1 + flare * np.exp(-np.maximum(near - 0.3 * plan.seat.thick, 0) / radius))
        cut = int((path[:, 1] < 0.7 * radius).sum()) - 1 if plan.soft and flare > 0.2 else 0
        out.add("back", limb(path[cut:], radii[cut:], plan.exponent, (False, plan.soft)))
        if cut > 0:
            out.add("seat", limb(path[: cut + 1], radii[: cut + 1], plan.exponent))


def spaced(rng: np.random.Generator, count: int, half: float) -> Float[np.ndarray, " n"]:
    """x of `count` inner members within +-half: evenly spaced, drawn together, or in two groups."""
    x = np.linspace(-1, 1, count + 2)[1:-1] * half
    kind = rng.random()
    if kind < 0.2:
        return x * rng.uniform(0.4, 0.8)
    if kind < 0.35 and count >= 4:
        return np.where(x == 0, 0, np.sign(x) * half * 0.5 + (x - np.sign(x) * half * 0.5) * 0.6)
    return x


# --- kinds of back ------------------------------------------------------------------------------------------------


def rail(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """A top rail on 2 to 6 posts."""
    high, radius, h = plan.rod * rng.uniform(0.7, 1.1), plan.rod, back.height
    tall = h * rng.uniform(0.15, 0.5)
    count = int(rng.choice([2, 3, 4, 5, 6], p=[0.46, 0.08, 0.24, 0.14, 0.08]))
    out.traits["posts"] = str(count)
    thick = rng.uniform(1.9, 3.2) * plan.rod if plan.soft else rng.uniform(0.025, 0.09)
    upper, out.traits["crest"] = crest(rng, h, 0.35 * tall)
    waist = rng.choice([0.0, rng.uniform(0.05, 0.2)]) * tall
    reach = back.half + radius * rng.uniform(0.6, 1.3) + rng.choice([0.0, rng.uniform(0, 0.15)], p=[0.6, 0.4])
    exponent = rng.uniform(2.6, 4.5) if plan.soft else rng.uniform(6, 14)
    lower: Curve = lambda s: h - tall + waist * (1 - s**2)  # noqa: E731
    out.add("back", back.bend(plank(-reach, reach, lower, upper, thick, exponent)))
    low = float(lower(np.array([back.half / reach]))[0])
    through = not plan.soft and rng.random() < 0.3
    stand(plan, back, out, (-back.half, back.half), h + radius if through else low + 0.3 * tall, max(radius, high))
    if count > 2:
        inner = high * rng.uniform(0.35, 1.0)
        stand(plan, back, out, spaced(rng, count - 2, back.half), low + waist + 0.15 * tall, inner)


def solid(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """One board or upholstered slab, from the seat, above a gap, or down behind the seat."""
    h, thick = back.height, rng.choice([rng.uniform(0.02, 0.06), rng.uniform(0.06, 0.22)])
    low = rng.choice([-0.2 * plan.seat.thick, rng.uniform(0.1, 0.35) * h, -plan.seat.thick], p=[0.5, 0.3, 0.2])
    reach = back.half + plan.rod
    upper, out.traits["crest"] = crest(rng, h, h * rng.choice([0.04, 0.16]))
    exponent = rng.uniform(3, 5) if plan.soft else rng.uniform(6, 16)
    behind = Back(**{**back.__dict__, "foot": back.foot - thick / 2}) if low < -0.9 * plan.seat.thick else back
    narrow = reach * (rng.uniform(0.7, 1.0) if low > 0 else 1.0)
    out.add("back", behind.bend(plank(-narrow, narrow, level(low), upper, thick, exponent)))
    if low > 0:
        stand(plan, back, out, (-0.8 * narrow, 0.8 * narrow), low + 0.1 * h, plan.rod * 0.8)
    elif rng.random() < 0.25:
        cushion = plank(-0.85 * narrow, 0.85 * narrow, level(0.05 * h), level(rng.uniform(0.6, 0.95) * h), 0.16, 3.5)
        out.traits["cushion"] = "yes"
        out.add("back", behind.bend(move(cushion, (0, 0, thick / 2 + 0.05))))
    if rng.random() < 0.15:
        wing = rng.uniform(0.12, 0.4)
        board = move(box((0.07, 0.42 * h, wing), 0.03), (narrow - 0.05, 0.62 * h, wing / 2))
        out.traits["wings"] = "yes"
        out.add("back", *(behind.bend(side) for side in both(board)))


def slatted(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """Side posts and rails with upright slats or spindles between."""
    h, radius = back.height, plan.rod * rng.uniform(0.6, 1.0)
    tall, low = h * rng.uniform(0.06, 0.3), rng.choice([0.0, h * rng.uniform(0.08, 0.3)])
    upper, out.traits["crest"] = crest(rng, h, 0.5 * tall)
    reach = back.half + rng.choice([-0.2, 1.2]) * radius
    thick, exponent = radius * rng.uniform(0.9, 2.0), 4.0 if plan.soft else 10.0
    out.add("back", back.bend(plank(-reach, reach, level(h - tall), upper, thick, exponent)))
    stand(plan, back, out, (-back.half, back.half), h - (0.3 if reach > back.half else -0.1) * tall, radius)
    if low:
        beam = plank(-back.half, back.half, level(low), level(low + rng.uniform(0.05, 0.12) * h), 0.8 * thick, exponent)
        out.add("back", back.bend(beam))
    count = int(rng.integers(2, 9))
    width = back.half / (count + 1) * rng.uniform(0.15, 0.85)
    flat = rng.random() < 0.5
    out.traits["infill"] = "slats" if flat else "spindles"
    for x in spaced(rng, count, back.half):
        start = low + 0.02 * h if low else -0.2 * plan.seat.thick
        path, _ = post(back, [(x, start), (x, h - 0.75 * tall)], width)
        size = np.array([width, min(0.35 * thick, width)]) if flat else np.full(2, min(width, 0.6 * radius, 0.03))
        out.add("back", limb(path, np.tile(size, (len(path), 1)), 8.0 if flat else 2.0))


def ladder(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """Two posts with 1 to 6 rungs across."""
    h, radius, count = back.height, plan.rod * rng.uniform(0.7, 1.0), int(rng.integers(1, 7))
    out.traits["rungs"] = str(count)
    stand(plan, back, out, (-back.half, back.half), h * rng.uniform(1.0, 1.1), radius)
    room = h * rng.uniform(0.65, 0.9) / count
    tall = room * rng.uniform(0.25, 0.7)
    upper, kind = crest(rng, 0.0, 0.4 * tall)
    thick = radius * rng.uniform(0.5, 1.2)
    for i in range(count):
        top = h - i * room
        both_ways = kind in ("arch", "sunk")
        low: Curve = (lambda s, y=top - tall: upper(s) + y) if both_ways else level(top - tall)
        out.add(
            "back",
            back.bend(
                plank(-back.half, back.half, low, lambda s, y=top: upper(s) + y, thick, 5.0 if plan.soft else 9.0)
            ),
        )


def framed(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """A bent tube or hoop, open or holding a panel, an inner hoop, spindles, a splat or a cross."""
    h, radius = back.height, plan.rod * rng.uniform(0.5, 0.95)
    low = -0.3 * plan.seat.thick
    corner = rng.uniform(0.08, 0.4) if rng.random() < 0.5 else 0.9 * min(h, back.half)
    side, fine = back.half, np.linspace(0, 1, 7)

    def hoop(x: float, top: float, rounding: float) -> Float[np.ndarray, "S 3"]:
        knots = np.concatenate([[(-x, low)], [(-x, top * t) for t in fine[1:4] * 0.9], [(-x, top), (x, top)]])
        knots = np.concatenate([knots, [(x, top * t) for t in fine[3:0:-1] * 0.9], [(x, low)]])
        flat = bent(knots, rounding, 7)
        return np.stack([flat[:, 0], flat[:, 1], 0 * flat[:, 0]], 1)

    exponent = plan.exponent if rng.random() < 0.5 else 2.0
    out.add("back", wire(back.place(hoop(side, h, corner)), radius, exponent, (0.0, 0.0, 1.0)))
    kind = str(
        rng.choice(["open", "inner", "spindles", "panel", "splat", "cross"], p=[0.1, 0.14, 0.3, 0.22, 0.16, 0.08])
    )
    out.traits["infill"] = kind
    if kind == "inner":
        out.add("back", wire(back.place(hoop(side * 0.6, h * 0.75, 0.9 * side)), radius * 0.7, 2.0, (0.0, 0.0, 1.0)))
    if kind == "spindles":
        for x in spaced(rng, int(rng.integers(2, 9)), side):
            top = h - (
                corner * (1 - np.sqrt(1 - (np.maximum(abs(x) - side + corner, 0) / corner) ** 2)) if corner else 0
            )
            path, radii = post(back, [(x * 0.85, low), (x, top)], rng.uniform(0.25, 0.5) * radius)
            out.add("back", limb(path, radii))
    if kind == "panel":
        edge = min(0.3 * h, corner)
        form: Curve = lambda s: h - edge * np.abs(s) ** 4  # noqa: E731
        out.add(
            "back",
            back.bend(plank(-side, side, level(rng.uniform(0.0, 0.5) * h), form, radius * rng.uniform(0.5, 2.2), 6.0)),
        )
    if kind == "splat":
        _splat(rng, plan, back, out, h)
    for sign in (-1, 1) if kind == "cross" else ():
        ends = np.array([[-sign * side * 0.95, 0.05 * h, 0], [sign * side * 0.9, h - 0.35 * corner, 0]])
        out.add("back", limb(back.place(ends[0] + (ends[1] - ends[0]) * fine[:, None]), np.full(7, 0.6 * radius)))


def splat(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """Side posts and crest with one upright vase-shaped board."""
    h = back.height
    tall = h * rng.uniform(0.1, 0.25)
    upper, out.traits["crest"] = crest(rng, h, 0.5 * tall)
    reach = back.half + plan.rod * rng.uniform(0.8, 2.5)
    thick = rng.uniform(0.03, 0.08)
    out.add("back", back.bend(plank(-reach, reach, level(h - tall), upper, thick, 4.0 if plan.soft else 8.0)))
    stand(plan, back, out, (-back.half, back.half), h - 0.5 * tall, plan.rod * rng.uniform(0.6, 1.0))
    _splat(rng, plan, back, out, h - 0.7 * tall)


def _splat(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly, top: float) -> None:
    """The vase-shaped board from the seat to `top`."""
    t = np.linspace(0, 1, 12)
    low = -0.2 * plan.seat.thick
    wide = (
        back.half
        * rng.uniform(0.15, 0.5)
        * (1 + rng.uniform(0, 0.5) * np.sin(2 * np.pi * (t * rng.uniform(0.6, 1.6) + rng.random())))
    )
    path = back.place(np.stack([0 * t, low + (top - low) * t, 0 * t], 1))
    out.add("back", limb(path, np.stack([wide, np.full(12, rng.uniform(0.008, 0.025))], 1), 8.0))


def pad(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """A pad (rounded, oval or tapered) on one or two stalks."""
    h, wide = back.height, back.half * rng.uniform(0.75, 1.05)
    low, thick = h * rng.uniform(0.15, 0.6), rng.uniform(0.04, 0.2)
    power = rng.choice([2.0, 3.0, 6.0, 12.0])
    middle, tall, narrow = (h + low) / 2, (h - low) / 2, rng.uniform(-0.2, 0.2)
    bow: Curve = lambda s: tall * (1 - np.abs(s * 0.995) ** power) ** (1 / power)  # noqa: E731
    sheet = plank(-wide, wide, lambda s: middle - bow(s), lambda s: middle + bow(s), thick, 5.0 if plan.soft else 7.0)
    x, y, z = sheet.vertices.T
    sheet = Solid(np.stack([x * (1 + narrow * (y - middle) / tall), y, z], 1), sheet.faces)
    out.add("back", back.bend(sheet))
    radius = plan.rod * rng.uniform(0.5, 1.1)
    xs = (0.0,) if rng.random() < 0.6 else (-0.4 * wide, 0.4 * wide)
    stand(plan, back, out, xs, low + rng.uniform(0.25, 0.6) * (h - low) * (0.6 if power < 3 else 1.0), radius)


def tub(rng: np.random.Generator, plan: Plan, back: Back, out: Assembly) -> None:
    """A wall around the sides and back of the seat, falling towards the front."""
    rim = plan.seat.outline
    angle = np.linspace(rng.uniform(-60, 20), 90, 16)
    angle = np.radians(np.concatenate([angle, 180 - angle[-2::-1]]))
    index = (angle / (2 * np.pi) * len(rim)) % len(rim)
    closed = np.concatenate([rim, rim[:1]])
    base = np.stack([np.interp(index, np.arange(len(closed)), closed[:, i]) for i in (0, 1)], 1)
    thick, fall = rng.uniform(0.03, 0.16), rng.uniform(0.0, 0.75)
    along = np.abs(np.linspace(-1, 1, len(base)))
    tops = back.height * (1 - fall * along ** rng.uniform(1.2, 4)) * 0.8
    low = -plan.seat.thick * rng.uniform(0.2, 1.0)
    ring = superellipse(thick, 1, 8.0 if plan.soft else 14.0, 16)
    normal = np.gradient(base, axis=0)
    normal = np.stack([normal[:, 1], -normal[:, 0]], 1) / np.linalg.norm(normal, axis=1, keepdims=True)
    y = (tops + low)[:, None] / 2 + ring[None, :, 1] * (tops - low)[:, None]
    out_by = ring[None, :, 0] + 0.3 * thick + min(back.tilt, 0.12) * np.maximum(y, 0)
    flat = base[:, None] + out_by[..., None] * normal[:, None]
    out.add("back", loft(np.stack([flat[..., 0], y, -flat[..., 1]], -1)[::-1]))


BACKS: dict[str, Callable[[np.random.Generator, Plan, Back, Assembly], None]] = {
    "rail": rail,
    "solid": solid,
    "slatted": slatted,
    "ladder": ladder,
    "framed": framed,
    "splat": splat,
    "pad": pad,
    "tub": tub,
}
SIDED = ("rail", "solid", "slatted", "ladder", "splat")  # kinds with a member at x = +-half for arm rests to end at
