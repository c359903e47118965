"""Legs of a table, in many bends and profiles, and the rails, shelves and braces that tie them together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import (
    Solid,
    bar,
    circle,
    rod,
    spline,
    superellipse,
)
from gen3d.generators.procedural.table_plan import (
    Path,
    Plan,
    Plane,
    Rng,
    add_apron,
    column,
    log_uniform,
    pick,
    place,
    reach,
    rotated,
    stack,
    through,
)

SQUARE = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], float)
_CABRIOLE = spline([(0, 0.5), (0.1, 0.25), (0.3, -0.1), (0.75, 0.5), (0.9, 0.5), (1, 0.15)], 32)
BENDS = {
    "straight": lambda u: 0 * u,
    "splayed": lambda u: 1 - u,
    "inward": lambda u: u - 1,
    "sabre": lambda u: (1 - u) ** 2,
    "hooked": lambda u: np.minimum(1, 6 * (1 - u)) - 1,
    "bowed": lambda u: np.sin(np.pi * u),
    "waisted": lambda u: -np.sin(np.pi * u),
    "wave": lambda u: np.sin(2 * np.pi * u),
    "cabriole": lambda u: np.interp(u, *_CABRIOLE.T),
}
_BEND_CHANCES = {
    "straight": 0.46, "splayed": 0.23, "inward": 0.07, "sabre": 0.06, "hooked": 0.02, "bowed": 0.03, "waisted": 0.05,
    "wave": 0.03, "cabriole": 0.05,
}  # fmt: skip
PROFILES = {"plain": 0.45, "tapered": 0.32, "reverse": 0.06, "turned": 0.09, "barrel": 0.05, "footed": 0.03}


class LegStyle(NamedTuple):
    """What the legs of one table share: bend and profile by name, section (K, 2) of radius about 1, and lengths."""

    bend: str
    profile: str
    section: Plane
    radius: float
    lean: float
    taper: float
    flare: float


# --- legs ---------------------------------------------------------------------------------------------------------


def legs(rng: Rng, plan: Plan, made: Assembly) -> None:
    """Three to six legs, with or without what ties them together."""
    style = leg_style(rng, plan)
    out_of = max(0.0, style.lean if style.bend in ("splayed", "sabre", "bowed", "cabriole") else 0.0)
    inset = 0.0 if rng.random() < 0.4 else rng.uniform(0, 0.45) * float(plan.half.min())
    anchors = leg_anchors(rng, plan, 1.05 * style.radius + inset + rng.uniform(0, 0.9) * out_of)
    paths = add_legs(rng, plan, style, anchors, made)
    made.traits["rods"] = "thick" if style.radius > 0.042 else "thin" if style.radius < 0.0165 else "usual"
    tie = "none"
    if style.bend in ("straight", "splayed", "inward", "sabre", "cabriole"):
        tie = pick(rng, SOFT_TIES if plan.soft else CRISP_TIES)
    _TIES[tie](rng, plan, paths, style.radius, made)
    if rng.random() < (0.03 if plan.soft else 0.22):
        add_apron(rng, plan, inset + 0.6 * style.radius, made)
        made.traits["apron"] = "hoop"
    made.traits |= {"leg": f"{style.bend} {style.profile}", "legs": str(len(anchors)), "tie": tie}


def leg_style(rng: Rng, plan: Plan) -> LegStyle:
    """Bend, profile, section and sizes in keeping with the height."""
    bend = pick(rng, _BEND_CHANCES)
    profile = "tapered" if bend == "cabriole" else pick(rng, PROFILES)
    weight = pick(rng, {"wire": 0.1 if plan.soft else 0.17, "normal": 0.7, "stump": 0.17 if plan.soft else 0.13})
    low, high = {"wire": (0.006, 0.014), "normal": (0.016, 0.042), "stump": (0.042, 0.085)}[weight]
    radius = min(log_uniform(rng, low, high), 0.45 * float(plan.half.min()))
    round_chance = 0.85 if plan.soft or profile in ("turned", "barrel") else 0.42
    section = circle(1, 14)
    if rng.random() > round_chance:
        sharp = superellipse(2, 2, rng.uniform(3, 6), 16) if plan.soft or rng.random() < 0.3 else SQUARE * 0.9
        section = sharp * [1, rng.choice([1.0, rng.uniform(0.35, 1)])]
    lean = min(rng.uniform(0.06, 0.5) * plan.under, 0.3)
    if bend in ("inward", "waisted"):
        lean = min(lean, 0.6 * float(plan.half.min()))
    elif bend in ("wave", "cabriole", "bowed"):
        lean = min(0.35 * lean, 2.5 * radius)
    flare = rng.uniform(0.1, 0.7) if plan.soft and rng.random() < 0.6 else 0.0
    return LegStyle(bend, profile, section, radius, lean, rng.uniform(0.35, 0.85), flare)


def leg_anchors(rng: Rng, plan: Plan, margin: float) -> Plane:
    """Plan positions of the legs' upper ends, `margin` inside the outline."""
    corners = plan.corners
    is_round = abs(plan.half[0] - plan.half[1]) < 1e-6
    round_about = not len(corners) or (is_round and rng.random() < 0.15)
    if round_about:
        count = int(rng.choice([3, 4, 5, 6], p=[0.33, 0.5, 0.07, 0.1]))
        start = np.pi / 4 if count == 4 and rng.random() < 0.6 else rng.uniform(0, 2 * np.pi)
        corners = reach(plan.outline, start + np.arange(count) * 2 * np.pi / count)
    margin = min(margin, 0.65 * float(plan.half.min()))
    distance = np.linalg.norm(corners, axis=1, keepdims=True)
    inner = corners * (1 - margin / distance)
    if len(plan.corners) == 4 and not round_about:
        inner = corners - margin * np.where(np.abs(corners) < 1e-9, 0, np.sign(corners))
        if plan.half[1] < 0.27 and rng.random() < 0.15:  # a long table gets a pair in the middle
            middle = (inner + np.roll(inner, -1, 0))[::2] / 2
            inner = np.concatenate([inner[:1], middle[:1], inner[1:3], middle[1:], inner[3:]])
    return inner


def add_legs(rng: Rng, plan: Plan, style: LegStyle, anchors: Plane, made: Assembly) -> list[Path]:
    """One leg at each anchor; the paths they follow."""
    u, sizes = leg_sizes(rng, plan, style)
    shift = style.lean * BENDS[style.bend](u)
    radial = rng.random() < 0.6
    collar = style.flare > 0 and rng.random() < 0.5  # people often give the fillet to the top
    cut = int(np.searchsorted(u, 1 - 0.5 * style.radius / plan.under)) if collar else len(u)
    paths = []
    for anchor in anchors:
        out = anchor / max(float(np.linalg.norm(anchor)), 1e-9)
        path = place(anchor + shift[:, None] * out, u * (plan.under + 0.15 * plan.thick))
        section = rotated(style.section, np.arctan2(out[1], out[0])) if radial else style.section
        made.add("leg", column(path[: cut + 1], section, sizes[: cut + 1]))
        if cut < len(u) - 1:
            made.add("top", column(path[cut:], section, sizes[cut:]))
        paths.append(path)
    return paths


def leg_sizes(rng: Rng, plan: Plan, style: LegStyle) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """Fractions of the height from floor to top, and the section's size at each."""
    end = min(1.2 * style.radius / plan.under, 0.3)
    plain = style.bend in ("straight", "splayed", "inward") and style.profile in ("plain", "tapered", "reverse")
    u = np.array([0.0, 1.0]) if plain else np.linspace(0, 1, 26 if style.profile == "turned" else 14)
    if plan.soft or style.flare:
        middle = end + (1 - 2 * end) * u
        u = np.concatenate([end * np.array([0, 0.15, 0.5]), middle, 1 - end * np.array([0.6, 0.3, 0])])
    size = _profile(rng, style, u)
    if plan.soft and rng.random() < 0.8:  # rounded foot
        low = np.minimum(u / end, 1)
        size = size * np.maximum(np.sqrt(1 - (1 - low) ** 2), 0.3)
    return u, style.radius * size * (1 + style.flare * np.exp(-(1 - u) / (0.4 * end)))


def _profile(rng: Rng, style: LegStyle, u: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Thickness along the leg, about 1."""
    if style.profile == "tapered":
        return style.taper + (1 - style.taper) * u
    if style.profile == "reverse":
        return 1 - (1 - style.taper) * u
    if style.profile == "barrel":
        return 0.75 + 0.35 * np.sin(np.pi * u)
    if style.profile == "footed":
        return np.where(u < 0.1, 1.3, 0.8)
    if style.profile == "turned":
        knots = np.concatenate([[1.0], rng.uniform(0.4, 1.3, int(rng.integers(4, 10))), [1.15, 1.15]])
        return np.interp(u, np.linspace(0, 1, 64), spline(knots[:, None], 64)[:, 0].clip(0.3, 1.4))
    return np.ones_like(u)


# --- what ties legs together --------------------------------------------------------------------------------------


def _no_tie(rng: Rng, plan: Plan, paths: list[Path], radius: float, made: Assembly) -> None:
    """Legs that stand alone."""


def _rail(rng: Rng, a: Float[np.ndarray, " 3"], b: Float[np.ndarray, " 3"], size: float, square: bool) -> Solid:
    return bar(a, b, size * 1.4, size * 2) if square else rod(a, b, size, count=8)


def _stretchers(rng: Rng, plan: Plan, paths: list[Path], radius: float, made: Assembly) -> None:
    """Rails around, an H, or spokes that meet in the middle."""
    y, size, square = rng.uniform(0.06, 0.5) * plan.under, radius * rng.uniform(0.35, 0.75), rng.random() < 0.5
    points = [through(p, y) for p in paths]
    middle = np.mean(points, 0)
    kind = pick(rng, {"around": 0.45, "h": 0.35 if len(points) == 4 else 0.0, "spokes": 0.2})
    if kind == "around":
        ends = list(zip(points, points[1:] + points[:1], strict=True))
    elif kind == "h":  # corners run around, so the first and last share an end of the table
        left, right = (points[0] + points[3]) / 2, (points[1] + points[2]) / 2
        ends = [(points[0], points[3]), (points[1], points[2]), (left, right)]
    else:
        ends = [(p, middle) for p in points]
    made.add("leg", *[_rail(rng, a, b, size, square) for a, b in ends])
    if kind == "around" and rng.random() < 0.2:  # spindles from the rails up to the top
        for a, b in ends:
            for t in np.linspace(0, 1, int(rng.integers(4, 8)))[1:-1]:
                low = a + t * (b - a)
                made.add("leg", rod(low, [low[0], plan.under, low[2]], 0.4 * size + 0.002, count=6))


def _shelf(rng: Rng, plan: Plan, paths: list[Path], radius: float, made: Assembly) -> None:
    """A lower shelf or a grid of bars that the legs carry."""
    y = rng.uniform(0.12, 0.55) * plan.under
    points = np.array([through(p, y) for p in paths])
    outline = points[:, [0, 2]] * [1, -1]
    if len(paths) == 4 and rng.random() < 0.25:
        size = radius * rng.uniform(0.3, 0.6)
        a, b, c, d = points
        made.add("leg", rod(a, d, size), rod(b, c, size))
        for t in np.linspace(0, 1, int(rng.integers(4, 9))).tolist():
            made.add("leg", rod(a + t * (d - a), b + t * (c - b), 0.7 * size, count=8))
        return
    far, thick = float(np.linalg.norm(outline, axis=1).max()), rng.uniform(0.01, 0.035)
    grow = 1 + rng.uniform(0, 0.6) * radius / max(far, 0.05)
    if not len(plan.corners) and plan.half[1] > 0.499 and rng.random() < 0.6:
        outline = circle(far, 28)
    made.add("leg", stack(outline * grow, [(0, y), (0, y + thick)]))


def _braces(rng: Rng, plan: Plan, paths: list[Path], radius: float, made: Assembly) -> None:
    """Crossing bars between neighbouring legs."""
    low, high = rng.uniform(0.04, 0.25) * plan.under, rng.uniform(0.75, 0.97) * plan.under
    size = radius * rng.uniform(0.35, 0.7)
    pairs = list(zip(paths, paths[1:] + paths[:1], strict=True))
    if len(pairs) == 4 and rng.random() < 0.5:
        pairs = pairs[1::2]
    for a, b in pairs:
        made.add("leg", *[rod(through(p, low), through(q, high), size, count=8) for p, q in ((a, b), (b, a))])


_TIES = {"none": _no_tie, "stretchers": _stretchers, "shelf": _shelf, "braces": _braces}
SOFT_TIES = {"none": 0.9, "stretchers": 0.06, "shelf": 0.03, "braces": 0.01}
CRISP_TIES = {"none": 0.56, "stretchers": 0.2, "shelf": 0.16, "braces": 0.08}
