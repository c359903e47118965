"""The plan of a table and its top: outlines, edges, leaves and aprons.

Lengths are in units of the top's length (along X); the floor is at y = 0. Plan positions are (x, -z), so that an
outline that is counter-clockwise in them is counter-clockwise seen from above.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import Numbers, Solid, box, circle, loft, move, rounded_rectangle, superellipse

Rng = np.random.Generator
# dimensions without a name: two of these in one signature need not be of one length
Plane = Float[np.ndarray, "_ 2"]
Path = Float[np.ndarray, "_ 3"]


@dataclass(frozen=True)
class Plan:
    """What every part of a table must know of the top.

    Args:
        outline: (K, 2) of (x, -z), counter-clockwise seen from above, convex or nearly so.
        corners: (C, 2) points of the outline where legs go by nature; none where any direction is as good.
        height: of the upper surface above the floor.
        thick: of the top.
        soft: everything rounded and blended, as in scanned or modelled-in-clay tables.
    """

    outline: Plane
    corners: Plane
    height: float
    thick: float
    soft: bool

    @property
    def under(self) -> float:
        """Height of the top's lower surface."""
        return self.height - self.thick

    @property
    def half(self) -> Float[np.ndarray, " 2"]:
        """Half the extent along X and Z."""
        return np.ptp(self.outline, 0) / 2


def pick(rng: Rng, weights: dict[str, float]) -> str:
    """A key, with chances in proportion to the values."""
    p = np.array(list(weights.values()), float)
    return list(weights)[int(rng.choice(len(p), p=p / p.sum()))]


# --- geometry -----------------------------------------------------------------------------------------------------


def place(plan_xy: Float[np.ndarray, "*batch 2"], height: Numbers) -> Float[np.ndarray, "*batch 3"]:
    """Plan positions (x, -z) lifted to a height (a number, or one per position)."""
    y = np.broadcast_to(np.asarray(height, float), plan_xy.shape[:-1])
    return np.stack([plan_xy[..., 0], y, -plan_xy[..., 1]], -1)


def stack(outline: Plane, rows: Numbers, closed: bool = False) -> Solid:
    """The outline at each row's (inset, height), skinned from the first row to the last."""
    inset, y = np.asarray(rows, float).T
    centre = outline.mean(0)
    shrink = 1 - inset[:, None] / (np.ptp(outline, 0) / 2)  # (S, 2)
    rings = (outline - centre)[None] * np.maximum(shrink, 0.02)[:, None] + centre
    return loft(place(rings, y[:, None]), closed)


def column(path: Path, section: Plane, sizes: Numbers, twist: float = 0.0) -> Solid:
    """A section carried up a path while it stays level, so that both ends are flush with floor and top."""
    s = np.broadcast_to(np.asarray(sizes, float), len(path))
    angle = twist * (path[:, 1] - path[0, 1])
    rings = section * s[:, None, None]  # (S, K, 2)
    if twist:
        rings = np.stack([rotated(ring, a) for ring, a in zip(rings, angle, strict=True)])
    return loft(path[:, None] + place(rings, 0.0))


def upright(at: Numbers, heights: Numbers) -> Path:
    """A vertical path over the plan position `at`."""
    y = np.asarray(heights, float)
    return place(np.broadcast_to(np.asarray(at, float), (len(y), 2)), y)


def trimmed(solid: Solid, low: float, high: float) -> Solid:
    """What sticks out below or above is pressed flat, as slanting bars are sawn off level."""
    x, y, z = solid.vertices.T
    return Solid(np.stack([x, y.clip(low, high), z], 1), solid.faces)


def rotated(outline: Plane, radians: float) -> Plane:
    """The outline turned counter-clockwise about the origin."""
    c, s = np.cos(radians), np.sin(radians)
    return outline @ np.array([[c, s], [-s, c]])


def reach(outline: Plane, angles: Float[np.ndarray, " A"]) -> Float[np.ndarray, "A 2"]:
    """Where rays from the origin leave the outline."""
    ray = np.stack([np.cos(angles), np.sin(angles)], 1)[:, None]  # (A, 1, 2)
    a, edge = outline[None], np.roll(outline, -1, 0)[None] - outline[None]
    det = ray[..., 0] * edge[..., 1] - ray[..., 1] * edge[..., 0]
    det = np.where(np.abs(det) < 1e-12, np.inf, det)
    far = (a[..., 0] * edge[..., 1] - a[..., 1] * edge[..., 0]) / det
    along = (a[..., 0] * ray[..., 1] - a[..., 1] * ray[..., 0]) / det
    inside = (along > -1e-9) & (along < 1 + 1e-9) & (far > 0)
    return ray[:, 0] * np.where(inside, far, 0).max(1, keepdims=True)


def through(path: Path, height: float) -> Float[np.ndarray, " 3"]:
    """The path's point at a height."""
    x, y, z = path.T
    return np.array([np.interp(height, y, x), height, np.interp(height, y, z)])


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A draw with equal chance per ratio."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


# --- top ----------------------------------------------------------------------------------------------------------


def draw_plan(rng: Rng, family: str, soft: bool, made: Assembly) -> Plan:
    """Outline, height and thickness that suit the base."""
    kind = pick(rng, _OUTLINE_CHANCES[family])
    width = 1.0 if kind in ("round", "square") else rng.uniform(0.34, 1.0)
    if family == "drawers":
        width = rng.uniform(0.4, 0.8)
    outline, corners = _OUTLINES[kind](rng, width)
    outline, corners = _lengthwise(outline, corners)
    ranges = {"low": (0.14, 0.4), "dining": (0.4, 0.7), "side": (0.7, 1.15), "bar": (1.15, 2.1)}
    low_chance = {"bistro": 0.04, "pedestal": 0.1, "drawers": 0.05}.get(family, 0.35)
    bar_chance = {"pedestal": 0.14, "bistro": 0.14, "drawers": 0.0}.get(family, 0.03)
    stature = pick(rng, {"low": low_chance, "dining": 0.4, "side": 0.22, "bar": bar_chance})
    height = rng.uniform(*ranges[stature])
    thick = min(log_uniform(rng, 0.022, 0.11) if soft else log_uniform(rng, 0.012, 0.085), 0.3 * height)
    half = np.ptp(outline, 0).min() / 2
    proportion = "long" if half < 0.26 else "compact" if half > 0.45 else "usual"
    weight = "thick" if thick > 0.06 else "thin" if thick < 0.025 else "usual"
    made.traits |= {"outline": kind, "stature": stature, "proportion": proportion, "slab": weight}
    return Plan(outline, corners, height, thick, soft)


def _lengthwise(outline: Plane, corners: Plane) -> tuple[Plane, Plane]:
    """Outline and corners about the middle, the longer side along X and of length 1."""
    middle, size = (outline.max(0) + outline.min(0)) / 2, np.ptp(outline, 0)
    turn = np.pi / 2 if size[1] > size[0] * (1 + 1e-6) else 0.0
    return rotated(outline - middle, turn) / size.max(), rotated(corners - middle, turn) / size.max()


def _no_corners(outline: Plane) -> tuple[Plane, Plane]:
    return outline, np.zeros((0, 2))


def _rectangle(rng: Rng, width: float) -> tuple[Plane, Plane]:
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [0.5, width / 2]
    return corners, corners


def _rounded(rng: Rng, width: float) -> tuple[Plane, Plane]:
    radius = width * rng.uniform(0.04, 0.49)
    corners = _rectangle(rng, width)[1]
    return rounded_rectangle(1, width, radius, 6), corners - 0.25 * radius * np.sign(corners)


def _superellipse(rng: Rng, width: float) -> tuple[Plane, Plane]:
    outline = superellipse(1, width, rng.uniform(2.3, 6), 40)
    return outline, reach(outline, np.arctan2(width * np.array([1, 1, -1, -1]), [1, -1, -1, 1]))


def _polygon(rng: Rng, width: float) -> tuple[Plane, Plane]:
    count = int(rng.choice([3, 5, 6, 8, 8, 10, 12]))
    turn = np.pi / count * rng.integers(2)
    outline = rotated(circle(0.5, count), turn) * [1, rng.choice([1.0, max(width, 0.6)])]
    outline = outline / np.ptp(outline[:, 0])
    return outline, outline if count < 8 else outline[:: count // 4][:4]


def _quad(rng: Rng, width: float) -> tuple[Plane, Plane]:
    corners = _rectangle(rng, max(width, 0.45))[1] + rng.uniform(-0.11, 0.11, (4, 2))
    if rng.random() < 0.4:  # trapezoid
        corners = _rectangle(rng, width)[1] * np.where(np.arange(4)[:, None] < 2, [rng.uniform(0.45, 0.85), 1], 1)
    return corners, corners


def _half_round(rng: Rng, width: float) -> tuple[Plane, Plane]:
    t = np.linspace(0, np.pi, 20)
    outline = np.stack([0.5 * np.cos(t), max(0.4, width * 0.7) * np.sin(t)], 1)  # straight side to the front
    return outline, outline[[0, 6, 13, 19]] if rng.random() < 0.6 else outline[[0, 10, 19]]


def _freeform(rng: Rng, width: float) -> tuple[Plane, Plane]:
    t = np.arange(40) * 2 * np.pi / 40
    radius = 1 + sum(rng.uniform(-0.11, 0.11) / k * np.cos((k + 1) * t + rng.uniform(0, 6)) for k in (1, 2, 3))
    outline = np.stack([radius * np.cos(t), width * radius * np.sin(t)], 1)
    return _no_corners(outline / np.ptp(outline[:, 0]))


def _edge_rows(rng: Rng, kind: str, plan: Plan) -> Float[np.ndarray, "S 2"]:
    """(inset, height) rows of a slab with the named edge."""
    low, high, t, size = plan.under, plan.height, plan.thick, float(plan.half.min())
    b = min(t * rng.uniform(0.2, 0.49), 0.3 * size)
    q = np.linspace(0, np.pi / 2, 4)
    inner, outer = b * (1 - np.sin(q)), b * (1 - np.cos(q))
    lower, upper = np.stack([inner, low + outer], 1), np.stack([inner, high - outer], 1)[::-1]
    if kind == "flat":
        return np.array([[0, low], [0, high]])
    if kind == "under":  # cut away below, thin at the rim
        return np.array([[size * rng.uniform(0.05, 0.35), low], [0, high - t * rng.uniform(0.2, 0.5)], [0, high]])
    if kind == "ogee":
        return np.array([[0.7, 0], [0.5, 0.3], [0, 0.6], [0, 0.85], [0.15, 1]]) * t + [0, low]
    if kind == "bowl":  # round edge, thicker towards the middle
        return np.concatenate([[[size * 0.6, low - 0.02], [size * 0.3, low]], lower[2:], upper])
    rows = np.concatenate([lower, upper])
    if kind == "bevel":
        rows = np.array([[b, low], [0, low + b], [0, high - b], [b, high]])
    if kind == "dished":
        rim, deep = size * rng.uniform(0.06, 0.3), t * rng.uniform(0.2, 0.6)
        rows = np.concatenate([rows, [[rim, high], [rim + 0.7 * deep, high - deep]]])
    return rows


def add_top(rng: Rng, plan: Plan, made: Assembly) -> None:
    """The top itself: one slab, two leaves or planks, now and then with a low apron."""
    edge = pick(rng, _SOFT_EDGES if plan.soft else _CRISP_EDGES)
    rectangular = made.traits["outline"] in ("rectangle", "square")
    halves = made.traits["outline"] in ("rectangle", "square", "rounded", "oval", "round", "superellipse")
    leaves = pick(
        rng,
        {"one": 0.9, "two": (0.025 if plan.soft else 0.06) if halves else 0.0, "planks": 0.05 if rectangular else 0.0},
    )
    if leaves == "one":
        made.add("top", stack(plan.outline, _edge_rows(rng, edge, plan)))
    else:
        edge = edge if edge in ("flat", "round", "bevel") else "flat"
        count = 2 if leaves == "two" else int(rng.integers(4, 9))
        gap = rng.uniform(0.006, 0.02)
        for low, high in _strips(count, plan.half[1 if leaves == "planks" else 0], gap):
            axis = 1 if leaves == "planks" else 0
            piece = plan.outline.copy()
            piece[:, axis] = piece[:, axis].clip(low, high)
            made.add("top", stack(piece, _edge_rows(rng, edge, plan)))
        _battens(plan, leaves, made)
    made.traits |= {"edge": edge, "leaves": leaves}


def _strips(count: int, half: float, gap: float) -> Float[np.ndarray, "N 2"]:
    """(low, high) of strips that share -half to half with gaps between."""
    edges = np.linspace(-half, half, count + 1)
    return np.stack([edges[:-1] + gap / 2, edges[1:] - gap / 2], 1)


def _battens(plan: Plan, leaves: str, made: Assembly) -> None:
    """Two strips under the top that hold its pieces together."""
    x, z = 0.62 * plan.half
    y, t = plan.under, 0.3 * plan.thick
    for side in (-1, 1):
        across = (0.06, t, 2.8 * z), (side * x, y, 0)
        along = (2 * x, t, 0.05), (0, y, side * z * 0.8)
        size, at = across if leaves == "planks" else along
        made.add("top", move(box(size), at))


def add_apron(rng: Rng, plan: Plan, inset: float, made: Assembly) -> None:
    """A low frame right under the top, which people count as top."""
    depth = min(rng.uniform(0.02, 0.07), 0.14 * plan.under)
    wall = rng.uniform(0.012, 0.03)
    inset = min(inset, 0.5 * float(plan.half.min()))
    low, high = plan.under - depth, plan.under + 0.1 * plan.thick
    rows = [(inset, low), (inset, high), (inset + wall, high), (inset + wall, low)]
    made.add("top", stack(plan.outline, rows, closed=True))


_OUTLINES: dict[str, Callable[[Rng, float], tuple[Plane, Plane]]] = {
    "rectangle": _rectangle,
    "square": _rectangle,
    "rounded": _rounded,
    "superellipse": _superellipse,
    "round": lambda rng, width: _no_corners(circle(0.5, 40)),
    "oval": lambda rng, width: _no_corners(superellipse(1, width, 2, 40)),
    "polygon": _polygon,
    "quad": _quad,
    "half-round": _half_round,
    "freeform": _freeform,
}
_ANY = {
    "rectangle": 0.24, "square": 0.08, "rounded": 0.11, "superellipse": 0.07, "round": 0.2, "oval": 0.12,
    "polygon": 0.05, "quad": 0.07, "half-round": 0.03, "freeform": 0.03,
}  # fmt: skip
_COMPACT = {
    "round": 0.5, "square": 0.13, "oval": 0.07, "polygon": 0.15, "rounded": 0.08, "superellipse": 0.04,
    "freeform": 0.03,
}  # fmt: skip
_LONG = {"rectangle": 0.55, "rounded": 0.17, "superellipse": 0.08, "square": 0.05, "oval": 0.09, "polygon": 0.06}
_STRAIGHT = {"rectangle": 0.81, "square": 0.09, "rounded": 0.06, "round": 0.04}
_OUTLINE_CHANCES = {
    "legs": _ANY, "pedestal": _COMPACT, "bistro": _COMPACT, "wire": _COMPACT | {"rectangle": 0.3}, "plinth": _ANY,
    "trestle": _LONG, "panels": _LONG, "sled": _LONG, "drawers": _STRAIGHT,
}  # fmt: skip
_SOFT_EDGES = {"round": 0.72, "dished": 0.1, "bowl": 0.1, "bevel": 0.08}
_CRISP_EDGES = {"flat": 0.55, "bevel": 0.12, "round": 0.15, "under": 0.08, "ogee": 0.05, "dished": 0.05}
