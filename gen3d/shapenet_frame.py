"""ShapeNetPart's frame (front +X) and ours (front +Z), turned without rounding: what we write is read back exactly."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.shape import Shape, frame

_CLOSE = 1e-6  # radii; what rounding to float32 leaves of "centre 0, radius 1" and "length 1" is a tenth of it


def to_house(rows: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Positions or directions with the front +X turned to the front +Z; exact, dtype kept."""
    return rows[:, [2, 1, 0]] * np.array([-1, 1, 1], rows.dtype)


def to_shapenet(rows: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Inverse of `to_house`."""
    return rows[:, [2, 1, 0]] * np.array([1, 1, -1], rows.dtype)


def settled(cloud: Shape) -> Shape:
    """The cloud normalised (see `Shape.normalised`); one that already is stays as it is, bit for bit."""
    centre, radius = frame(cloud.positions(), cloud.id)
    return cloud if abs(radius - 1) <= _CLOSE and np.abs(centre).max() <= _CLOSE else cloud.normalised()


def unit_rows(rows: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """The rows at length 1; those that already are, and zeros, stay as they are, bit for bit."""
    length = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return rows / np.where((length == 0) | (np.abs(length - 1) <= _CLOSE), 1, length)
