"""Farthest points and balls of points: what networks on clouds look at."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64


def farthest_points(points: Float32[np.ndarray, "N 3"], count: int) -> Int64[np.ndarray, " M"]:
    """Indices of `count` points, each the farthest from all before it; the first is point 0.

    Any prefix is the answer to the smaller count. Ties go to the lowest index (Eldar et al. 1997).
    """
    x, y, z = np.ascontiguousarray(points.T)  # one array per coordinate: several times faster than rows
    chosen = np.zeros(count, np.int64)
    distance = np.full(len(points), np.inf, np.float32)
    last = 0
    for i in range(1, count):
        dx, dy, dz = x - x[last], y - y[last], z - z[last]
        np.minimum(distance, dx * dx + dy * dy + dz * dz, out=distance)
        last = chosen[i] = distance.argmax()
    return chosen


def ball_points(
    points: Float32[np.ndarray, "N 3"], centres: Float32[np.ndarray, "M 3"], radius: float, most: int
) -> Int64[np.ndarray, "M k"]:
    """Indices of the points no farther than `radius` from each centre, ascending, the first `most` of them.

    The first one is repeated where there are fewer; k is `most`, or N if that is less (Qi et al. 2017, section 3.2).

    Args:
        points: N of them.
        centres: each has at least one point in reach, as have those that are points themselves.
        radius: in the points' unit.
        most: points per centre.
    """
    count = len(points)
    x, y, z = np.ascontiguousarray(points.T)
    squared = sum((axis - centre[:, None]) ** 2 for axis, centre in zip((x, y, z), centres.T, strict=True))  # (M, N)
    found = np.sort(np.where(squared <= np.float32(radius) ** 2, np.arange(count), count), axis=1)[:, :most]
    return np.where(found < count, found, found[:, :1])
