"""Solids for the grammars: every form is a loft of rings, so every surface is closed and faces outwards.

A solid is a `Solid(vertices, faces)`: (V, 3) float64 and (F, 3) int64, counter-clockwise seen from outside. Lengths are
in whatever unit the grammar uses; shapes are normalised at the end. +Y is up, +Z the front.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int64

Numbers: TypeAlias = float | int | Sequence[Any] | np.ndarray  # what numpy.asarray takes


class Solid(NamedTuple):
    """A triangle mesh: (V, 3) float64 positions and (F, 3) int64 corner indices."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int64[np.ndarray, "F 3"]


# --- outlines and paths -------------------------------------------------------------------------------------------


def superellipse(width: float, height: float, exponent: float = 2.0, count: int = 24) -> Float[np.ndarray, "K 2"]:
    """Closed outline |2x/width|^e + |2y/height|^e = 1, counter-clockwise from +x; e: 2 ellipse, 4 soft box, 1 rhomb."""
    t = np.arange(count) * 2 * np.pi / count
    c, s = np.cos(t), np.sin(t)
    # a point of the curve in each direction, rather than the usual parameter, so that corners get their points too
    radius = (np.abs(c) ** exponent + np.abs(s) ** exponent) ** (-1 / exponent)
    return np.stack([radius * c * width / 2, radius * s * height / 2], 1)


def circle(radius: float, count: int = 16) -> Float[np.ndarray, "K 2"]:
    """Closed circular outline, counter-clockwise from +x."""
    return superellipse(2 * radius, 2 * radius, 2.0, count)


def rounded_rectangle(width: float, height: float, radius: float, corner: int = 4) -> Float[np.ndarray, "K 2"]:
    """Closed outline of a rectangle with circular corners, each of `corner` + 1 points; counter-clockwise."""
    radius = float(np.clip(radius, 1e-4 * min(width, height), 0.4999 * min(width, height)))
    t = np.linspace(0, np.pi / 2, corner + 1)
    quarter = np.stack([np.cos(t), np.sin(t)], 1) * radius
    inner = np.array([width / 2 - radius, height / 2 - radius])
    turns = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    rows = []
    for i, sign in enumerate(turns):
        c, s = np.cos(i * np.pi / 2), np.sin(i * np.pi / 2)
        rows.append(quarter @ np.array([[c, s], [-s, c]]) + inner * sign)
    return np.concatenate(rows)


def spline(knots: Numbers, count: int = 16) -> Float[np.ndarray, "S D"]:
    """`count` points on a smooth (centripetal-free, uniform Catmull-Rom) curve through the knots, ends included."""
    k = np.asarray(knots, float)
    if len(k) < 3:
        return np.linspace(k[0], k[-1], count)
    k = np.concatenate([2 * k[:1] - k[1:2], k, 2 * k[-1:] - k[-2:-1]])
    u = np.linspace(0, len(k) - 3 - 1e-9, count)
    i, t = u.astype(int), (u % 1)[:, None]
    a, b, c, d = k[i], k[i + 1], k[i + 2], k[i + 3]
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def arc(radius: float, start: float, stop: float, count: int = 16) -> Float[np.ndarray, "S 2"]:
    """Points of a circle from `start` to `stop` degrees (0 = +x, counter-clockwise), ends included."""
    t = np.radians(np.linspace(start, stop, count))
    return radius * np.stack([np.cos(t), np.sin(t)], 1)


# --- solids -------------------------------------------------------------------------------------------------------


def loft(rings: Float[np.ndarray, "S K 3"], closed: bool = False, caps: bool = True) -> Solid:
    """Skin over S rings of K points each.

    Args:
        rings: (S, K, 3), each ring counter-clockwise when seen from the last ring looking back to the first.
        closed: join the last ring to the first (a torus) instead of capping the ends.
        caps: close the ends by a fan about each end ring's mean (rings must be star-shaped about it).
    """
    count, size = rings.shape[:2]
    vertices = rings.reshape(-1, 3)
    row = np.arange(count if closed else count - 1)[:, None]
    col = np.arange(size)[None]
    a, b = row * size + col, row * size + (col + 1) % size
    c, d = (row + 1) % count * size + col, (row + 1) % count * size + (col + 1) % size
    faces = [np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)]
    if caps and not closed:
        ends = rings[[0, -1]].mean(1)  # (2, 3)
        first, last, n = np.arange(size), (count - 1) * size + np.arange(size), len(vertices)
        faces.append(np.stack([np.roll(first, -1), first, np.full(size, n)], -1))
        faces.append(np.stack([last, np.roll(last, -1), np.full(size, n + 1)], -1))
        vertices = np.concatenate([vertices, ends])
    return _tidy(vertices, np.concatenate(faces))


def lathe(profile: Numbers, count: int = 32, closed: bool = False) -> Solid:
    """Surface of revolution about +Y.

    Args:
        profile: (S, 2) of (radius, height). Going along it, the outside lies to the right: an outer wall runs upwards.
            For a thick vessel go up outside, over the rim and down inside. Radius 0 at both ends closes it.
        closed: join the profile's end to its start (a ring such as a torus).
    """
    p = np.asarray(profile, float)
    t = -np.arange(count) * 2 * np.pi / count  # clockwise about +Y seen from above = counter-clockwise ring for loft
    rings = np.stack([p[:, :1] * np.cos(t), np.repeat(p[:, 1:], count, 1), p[:, :1] * np.sin(t)], -1)
    return loft(rings, closed)


def extrude(outline: Float[np.ndarray, "K 2"], depth: float, bevel: float = 0.0) -> Solid:
    """An outline in the XY plane, pulled from -depth/2 to +depth/2 along Z; `bevel` rounds the two edges.

    The outline is counter-clockwise and star-shaped about its mean.
    """
    bevel = min(bevel, 0.49 * depth, 0.45 * float(np.ptp(outline, 0).min()))
    if bevel <= 0:
        inset, z = np.zeros(2), np.array([-depth / 2, depth / 2])
    else:
        t = np.linspace(0, np.pi / 2, 4)
        inset = bevel * np.concatenate([1 - np.sin(t), 1 - np.sin(t)[::-1]])
        z = np.concatenate([-depth / 2 + bevel * (1 - np.cos(t)), depth / 2 - bevel * (1 - np.cos(t[::-1]))])
    centre = outline.mean(0)
    size = np.ptp(outline, 0) / 2
    scale = 1 - inset[:, None] / size  # (S, 2)
    rings = (outline - centre)[None] * scale[:, None] + centre
    return loft(np.concatenate([rings, np.broadcast_to(z[:, None, None], (*rings.shape[:2], 1))], -1))


def box(size: Numbers, bevel: float = 0.0) -> Solid:
    """A block of the given (x, y, z) size about the origin; `bevel` rounds all edges."""
    x, y, z = np.asarray(size, float)
    if bevel <= 0:
        return extrude(np.array([[-x, -y], [x, -y], [x, y], [-x, y]]) / 2, z)
    bevel = min(bevel, 0.49 * min(x, y, z))
    return extrude(rounded_rectangle(x, y, bevel, 3), z, bevel)


def cylinder(radius: float, height: float, top: float | None = None, count: int = 20, bevel: float = 0.0) -> Solid:
    """A (tapered) cylinder about +Y from 0 to `height`; `top` is the upper radius."""
    upper = radius if top is None else top
    b = min(bevel, 0.49 * height, 0.9 * min(radius, upper))
    if b <= 0:
        return lathe([(0, 0), (radius, 0), (upper, height), (0, height)], count)
    rows = [(0, 0), (radius - b, 0), (radius, b), (upper, height - b), (upper - b, height), (0, height)]
    return lathe(rows, count)


def ellipsoid(radii: Numbers, count: int = 20) -> Solid:
    """An ellipsoid about the origin with the given (x, y, z) radii."""
    t = np.linspace(-np.pi / 2, np.pi / 2, count // 2 + 1)
    return scale(lathe(np.stack([np.cos(t).round(9), np.sin(t)], 1), count), radii)


def sweep(
    outline: Float[np.ndarray, "K 2"],
    path: Numbers,
    sizes: Numbers = 1.0,
    up: Numbers = (0.0, 1.0, 0.0),
    closed: bool = False,
) -> Solid:
    """An outline carried along a path.

    Args:
        outline: (K, 2) counter-clockwise. Its y axis stays as near to `up` as the path allows; its x axis is
            y cross (direction of travel), see `frames`.
        path: (S, 3) positions.
        sizes: factor on the outline along the path: a number, (S,), or (S, 2) for (x, y) apart.
        up: (3,) reference direction. Where the path runs along it the frame is carried over from the step before
            (at the start: from the first step that differs; on a straight path: y is +Z, or +X where `up` is that).
        closed: join the end to the start.
    """
    p = np.asarray(path, float)
    side, top = frames(p, np.asarray(up, float), closed)
    s = np.asarray(sizes, float)
    s = np.broadcast_to(s[:, None] if s.ndim == 1 else s, (len(p), 2))
    flat = outline[None] * s[:, None]  # (S, K, 2)
    rings = p[:, None] + flat[..., :1] * side[:, None] + flat[..., 1:] * top[:, None]
    return loft(rings, closed)


def frames(
    path: Float[np.ndarray, "S 3"], up: Float[np.ndarray, " 3"], closed: bool = False
) -> tuple[Float[np.ndarray, "S 3"], Float[np.ndarray, "S 3"]]:
    """Unit (x, y) axes of a swept outline at every path point, with x cross y along the direction of travel.

    The y axis is `up` as far as the direction of travel allows.
    """
    if closed:
        travel = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    else:
        travel = np.gradient(path, axis=0)
    travel = travel / np.maximum(np.linalg.norm(travel, axis=1, keepdims=True), 1e-12)
    tilts = up - travel * (travel @ up)[:, None]
    usable = np.linalg.norm(tilts, axis=1) >= 0.2 * np.linalg.norm(up)
    # a path that starts along `up` starts with the frame it gets later, so that it need not turn on the way; one
    # that runs along it for good keeps to +Z, or +X where `up` is that
    spare = np.eye(3)[0 if abs(up[2]) > 0.9 * np.linalg.norm(up) else 2]
    tops, reference = [], tilts[usable.argmax()] if usable.any() else spare
    for direction, tilt, good in zip(travel, tilts, usable, strict=True):  # each step starts from the frame before
        top = tilt if good else reference - direction * (reference @ direction)
        if np.linalg.norm(top) < 1e-6:
            top = np.cross(direction, [0.36, 0.48, 0.8])
        elif tops and top @ tops[-1] < 0:  # keep from flipping over where the path passes through `up`
            top = -top
        reference = top / np.linalg.norm(top)
        tops.append(reference)
    top = np.array(tops)
    return np.cross(top, travel), top


def tube(path: Numbers, radius: Numbers, count: int = 12, closed: bool = False) -> Solid:
    """A round rod along a path; `radius` is a number or one per path point."""
    return sweep(circle(1.0, count), path, radius, closed=closed)


def rod(start: Numbers, stop: Numbers, radius: float, end_radius: float | None = None, count: int = 12) -> Solid:
    """A straight round rod between two points, tapered to `end_radius`."""
    return tube([start, stop], [radius, radius if end_radius is None else end_radius], count)


def bar(start: Numbers, stop: Numbers, width: float, height: float, up: Numbers = (0, 1, 0)) -> Solid:
    """A straight rectangular bar between two points; `height` lies along `up`, `width` across."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    return sweep(corners * [width, height], [start, stop], up=up)


# --- changes ------------------------------------------------------------------------------------------------------


def move(solid: Solid, offset: Numbers) -> Solid:
    """Shift by (x, y, z)."""
    return Solid(solid.vertices + np.asarray(offset, float), solid.faces)


def scale(solid: Solid, factors: Numbers) -> Solid:
    """Scale about the origin by a number or (x, y, z), all positive."""
    return Solid(solid.vertices * np.asarray(factors, float), solid.faces)


def turn(solid: Solid, axis: str, degrees: float, about: Numbers = (0.0, 0.0, 0.0)) -> Solid:
    """Rotate about the 'x', 'y' or 'z' axis through `about`; right-handed."""
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotation = np.eye(3)
    rotation[j, j], rotation[j, k], rotation[k, j], rotation[k, k] = c, -s, s, c
    centre = np.asarray(about, float)
    return Solid((solid.vertices - centre) @ rotation.T + centre, solid.faces)


def mirror(solid: Solid, axis: str = "x") -> Solid:
    """Reflect in the plane through the origin across 'x', 'y' or 'z'; faces keep facing outwards."""
    sign = np.ones(3)
    sign["xyz".index(axis)] = -1
    return Solid(solid.vertices * sign, solid.faces[:, ::-1].copy())


def both(solid: Solid) -> tuple[Solid, Solid]:
    """A solid of one side and its mirror image across x."""
    return solid, mirror(solid)


def merge(solids: list[Solid]) -> Solid:
    """One solid of several."""
    offsets = np.cumsum([0] + [len(s.vertices) for s in solids[:-1]])
    return Solid(
        np.concatenate([s.vertices for s in solids]),
        np.concatenate([s.faces + o for s, o in zip(solids, offsets, strict=True)]),
    )


def _tidy(vertices: Float[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]) -> Solid:
    """Drop faces without area (poles of a lathe, repeated rings)."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    keep = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-14
    return Solid(vertices, faces[keep].astype(np.int64))
