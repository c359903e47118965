"""Plates of any outline, concave ones and ones with pockets included: bodies of guitars, frames of pistols, grips.

An outline is (K, 2), counter-clockwise and without crossings; a plate is closed and faces outwards like every solid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int64

from gen3d.generators.procedural.solids import Numbers, Solid, loft, spline, turn

Outline: TypeAlias = Float[np.ndarray, "_ 2"]
Pocket: TypeAlias = tuple[np.ndarray, float]  # outline, and how deep it goes from the front


# --- outlines -----------------------------------------------------------------------------------------------------


def curve(knots: Sequence[Sequence[float]], fine: int = 5) -> Outline:
    """Closed outline through knots (x, y) or (x, y, 1): smooth at the former, with a corner at the latter.

    Args:
        knots: counter-clockwise.
        fine: points per knot where the curve is smooth.
    """
    flat = np.array([k[:2] for k in knots], float)
    corners = [i for i, k in enumerate(knots) if len(k) > 2 and k[2]]
    if not corners:
        around = np.concatenate([flat[-2:], flat, flat[:3]])
        dense = spline(around, (len(around) - 1) * fine + 1)
        return dense[2 * fine : 2 * fine + len(flat) * fine]
    runs = []
    for start, stop in zip(corners, [*corners[1:], corners[0] + len(flat)], strict=True):
        run = flat[np.arange(start, stop + 1) % len(flat)]
        runs.append(spline(run, fine * (len(run) - 1) + 1)[:-1] if len(run) > 2 else run[:1])
    return np.concatenate(runs)


def rounded(outline: Outline, share: float = 0.25, rounds: int = 2) -> Outline:
    """The outline with its corners cut (Chaikin 1974); the first cut removes `share` of each side's ends."""
    for s in (share, 0.25, 0.25)[:rounds]:
        ahead = np.roll(outline, -1, 0)
        outline = np.stack([outline + s * (ahead - outline), ahead - s * (ahead - outline)], 1).reshape(-1, 2)
    return outline


def mapped(outline: Numbers, widths: Numbers = 1.0, offset: Numbers = 0.0) -> Outline:
    """The outline scaled by `widths` (a number or (x, y)), then moved by `offset`."""
    return np.asarray(outline, float) * np.asarray(widths, float) + np.asarray(offset, float)


def inset(outline: Outline, distance: float) -> Outline:
    """The outline moved inwards; corners are mitred up to twice the distance. Meant for small distances."""
    edge = np.roll(outline, -1, 0) - outline
    edge = edge / np.maximum(np.linalg.norm(edge, axis=1, keepdims=True), 1e-12)
    inward = np.stack([-edge[:, 1], edge[:, 0]], 1)
    both = inward + np.roll(inward, 1, 0)
    both = both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9)
    stretch = 1 / np.maximum((both * inward).sum(1, keepdims=True), 0.5)
    return outline + distance * stretch * both


# --- plates -------------------------------------------------------------------------------------------------------


def plate(outline: Outline, depth: float, bevel: float = 0.0, pockets: Sequence[Pocket] = ()) -> Solid:
    """An outline in the XY plane, pulled from -depth/2 to +depth/2 along Z.

    Args:
        outline: (K, 2), counter-clockwise, need not be star-shaped.
        depth: its thickness.
        bevel: radius that rounds the front and back edges; must be small against the outline's features.
        pockets: hollows in the front, well inside the outline and apart from each other.
    """
    bevel = min(bevel, 0.49 * depth)
    t = np.linspace(0, np.pi / 2, 4 if bevel > 0 else 1)
    far = bevel * np.concatenate([1 - np.sin(t), 1 - np.sin(t)[::-1]])
    z = np.concatenate([-depth / 2 + bevel * (1 - np.cos(t)), depth / 2 - bevel * (1 - np.cos(t[::-1]))])
    if bevel <= 0:
        far = np.zeros(2)
    flat = np.stack([inset(outline, d) if d else outline for d in far])  # (S, K, 2)
    rings = np.concatenate([flat, np.broadcast_to(z[:, None, None], (*flat.shape[:2], 1))], -1)
    first, last = np.arange(len(outline)), np.arange(len(outline)) + (len(z) - 1) * len(outline)
    vertices, faces = [rings.reshape(-1, 3)], [loft(rings, caps=False).faces, first[triangulate([flat[0]])[:, ::-1]]]
    index, count = [last], rings.shape[0] * rings.shape[1]
    for rim, deep in pockets:
        hollow = _hollow(rim, z[-1], min(deep, 0.9 * depth))
        vertices.append(hollow.vertices)
        faces.append(hollow.faces + count)
        index.append(count + np.arange(len(rim))[::-1])
        count += len(hollow.vertices)
    front = triangulate([flat[-1], *[rim[::-1] for rim, _ in pockets]])
    return Solid(np.concatenate(vertices), np.concatenate([*faces, np.concatenate(index)[front]]))


def side_plate(outline: Outline, depth: float, bevel: float = 0.0, pockets: Sequence[Pocket] = ()) -> Solid:
    """A plate in the YZ plane, centred on x = 0: the outline's x runs along +Z, and its y up."""
    return turn(plate(outline, depth, bevel, pockets), "y", -90)


def _hollow(rim: np.ndarray, z: float, deep: float) -> Solid:
    """Wall and floor of a pocket, facing into it; its rim comes first."""
    rows = np.stack([np.concatenate([rim, np.full((len(rim), 1), h)], 1) for h in (z, z - deep)])
    wall = loft(rows, caps=False)  # downwards, so that it faces the pocket's inside
    return Solid(wall.vertices, np.concatenate([wall.faces, triangulate([rim]) + len(rim)]))


def ribbon(
    path: Float[np.ndarray, "S 2"],
    low: Float[np.ndarray, " S"],
    high: Float[np.ndarray, " S"],
    half: Float[np.ndarray, " S"],
    outline: Outline,
) -> Solid:
    """A solid along a path in the YZ plane.

    Args:
        path: (S, 2) of (z, y), mostly towards +Z.
        low, high: (S,) how far it reaches across the path, downwards (negative) and upwards.
        half: (S,) half its thickness along X.
        outline: (K, 2) cross-section: x in half thicknesses, height from 0 (low) to 1 (high); counter-clockwise.
    """
    travel = np.gradient(path, axis=0)
    travel /= np.maximum(np.linalg.norm(travel, axis=1, keepdims=True), 1e-12)
    normal = np.stack([-travel[:, 1], travel[:, 0]], 1)  # (z, y), upwards
    across = low[:, None] + outline[None, :, 1] * (high - low)[:, None]  # (S, K)
    flat = path[:, None] + across[..., None] * normal[:, None]
    return loft(np.stack([half[:, None] * outline[None, :, 0], flat[..., 1], flat[..., 0]], -1))


# --- triangles ----------------------------------------------------------------------------------------------------


def triangulate(rings: Sequence[np.ndarray]) -> Int64[np.ndarray, "F 3"]:
    """Triangles of an outline less its holes, by cutting off ears (Meisters 1975).

    Args:
        rings: (K, 2) each: the outline counter-clockwise, then the holes clockwise.

    Returns:
        Counter-clockwise corners, as indices into the concatenated rings.
    """
    points = np.concatenate(rings)
    starts = np.cumsum([0] + [len(r) for r in rings])
    path = list(range(len(rings[0])))
    for first, last in zip(starts[1:-1], starts[2:], strict=True):
        path = _bridged(points, path, list(range(int(first), int(last))))
    x, y = points[:, 0].tolist(), points[:, 1].tolist()
    faces: list[tuple[int, int, int]] = []
    at, idle = 0, 0
    while len(path) > 3:
        at %= len(path)
        a, b, c = path[at - 1], path[at], path[(at + 1) % len(path)]
        # where rounding leaves no ear, the next corner is cut off all the same
        if idle > len(path) or _is_ear(x, y, path, (a, b, c)):
            faces.append((a, b, c))
            del path[at]
            at, idle = at + 1, 0  # going on beyond the cut keeps the triangles from fanning out of one corner
        else:
            at, idle = at + 1, idle + 1
    faces.append((path[0], path[1], path[2]))
    return np.array(faces, np.int64)


def _is_ear(x: list[float], y: list[float], path: list[int], corner: tuple[int, int, int]) -> bool:
    """Whether the corner is convex and no other point of the path lies in its triangle."""
    a, b, c = corner
    ax, ay, bx, by, cx, cy = x[a], y[a], x[b], y[b], x[c], y[c]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if area <= 0:
        return area > -1e-15 and (a == c or (bx - ax) * (cx - bx) + (by - ay) * (cy - by) >= 0)
    low_x, high_x, low_y, high_y = min(ax, bx, cx), max(ax, bx, cx), min(ay, by, cy), max(ay, by, cy)
    for p in path:
        px, py = x[p], y[p]
        if low_x <= px <= high_x and low_y <= py <= high_y and p not in corner:
            inside = (
                (bx - ax) * (py - ay) - (by - ay) * (px - ax) >= 0
                and (cx - bx) * (py - by) - (cy - by) * (px - bx) >= 0
                and (ax - cx) * (py - cy) - (ay - cy) * (px - cx) >= 0
            )
            if inside:
                return False
    return True


def _bridged(points: np.ndarray, path: list[int], hole: list[int]) -> list[int]:
    """One path that runs to the hole, round it and back, between the two corners nearest to each other."""
    far = np.linalg.norm(points[path][:, None] - points[hole][None], axis=2)
    i, j = divmod(int(far.argmin()), len(hole))
    return path[: i + 1] + hole[j:] + hole[: j + 1] + path[i:]
