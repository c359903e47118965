"""From a field to the closed mesh around its inside: marching cubes by scikit-image, and pieces that float removed.

A field is positive inside; negate a distance that is negative inside. Colours and the like are asked for at the
vertices that were kept, by `evaluated`: so they stay with them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from gen3d.environment import INSTALL_PRETRAINED
from gen3d.errors import InputError, MissingError

CHUNK = 65_536  # places per question
# From places (P, 3) float32 to numbers (P,) or (P, K) float32.
Field: TypeAlias = Callable[[Float32[np.ndarray, "P 3"]], Float32[np.ndarray, "P *K"]]

_BEYOND = -1000.0  # outside of the box, in largest values: caps lie a thousandth of a cell beyond it at most


class ColoredMesh(NamedTuple):
    """A closed surface in its field's frame.

    Args:
        vertices: (V, 3) float32.
        faces: (F, 3) int64, counter-clockwise from outside.
        colors: (V, 3) uint8 sRGB.
    """

    vertices: Float32[np.ndarray, "V 3"]
    faces: Int64[np.ndarray, "F 3"]
    colors: UInt8[np.ndarray, "V 3"]


def extract_mesh(
    field: Field, resolution: int, lower: float = -1.0, upper: float = 1.0, chunk: int = CHUNK
) -> tuple[Float32[np.ndarray, "V 3"], Int64[np.ndarray, "F 3"]]:
    """Vertices and outward faces of the surface where a field is 0; closed, also where the box cuts it.

    Args:
        field: positive inside; asked at places of the box.
        resolution: places along each axis, both ends included.
        lower, upper: ends of the box on every axis, in the field's frame.
        chunk: places per question.

    Raises:
        MissingError: scikit-image is not installed.
        InputError: an answer is not finite, or there is no surface (the reason only).
    """
    return grid_mesh(sampled_grid(field, resolution, lower, upper, chunk), lower, upper)


def sampled_grid(
    field: Field, resolution: int, lower: float, upper: float, chunk: int = CHUNK
) -> Float32[np.ndarray, "R R R"]:
    """The field at the places of a cubic grid, x slowest; see `extract_mesh`."""
    axis = np.linspace(lower, upper, resolution, dtype=np.float32)
    values = np.zeros(resolution**3, np.float32)
    for start in range(0, len(values), chunk):
        cells = np.arange(start, min(start + chunk, len(values)))
        x, y, z = np.unravel_index(cells, (resolution,) * 3)
        values[cells] = field(np.stack([axis[x], axis[y], axis[z]], 1))
    return values.reshape((resolution,) * 3)


def grid_mesh(
    values: Float32[np.ndarray, "R R R"], lower: float, upper: float
) -> tuple[Float32[np.ndarray, "V 3"], Int64[np.ndarray, "F 3"]]:
    """The same of a field's values on a grid (Lorensen and Cline 1987; Lewiner et al. 2003). Raises as it does."""
    if not np.isfinite(values).all():
        raise InputError("the field's answer is not finite (NaN or Inf)")
    if (values > 0).all() or (values <= 0).all():
        raise InputError(f"there is no surface: {'all' if values.flat[0] > 0 else 'nothing'} of the box is inside")
    top = np.abs(values).max()
    closed = np.pad(values / top, 1, constant_values=_BEYOND)
    spots, corners = _marching_cubes()(closed, 0.0, allow_degenerate=False)[:2]
    step = (upper - lower) / (len(values) - 1)
    vertices = (lower + (spots.astype(np.float64) - 1) * step).astype(np.float32)
    faces = np.ascontiguousarray(corners, dtype=np.int64)
    outward = _volume(vertices, faces) > 0  # how the library turns its faces is its own affair
    return vertices, faces if outward else np.ascontiguousarray(faces[:, ::-1])


def largest_component(
    vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]
) -> tuple[Float32[np.ndarray, "W 3"], Int64[np.ndarray, "G 3"]]:
    """The piece with the largest area, of pieces whose faces share vertices; the first of equal ones."""
    piece, areas = _pieces(vertices, faces)
    return _used(vertices, faces[piece == areas.argmax()])


def without_floaters(
    vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"], share: float = 0.02
) -> tuple[Float32[np.ndarray, "W 3"], Int64[np.ndarray, "G 3"]]:
    """The mesh without its pieces of less than `share` of the largest one's area; nor unused vertices."""
    piece, areas = _pieces(vertices, faces)
    return _used(vertices, faces[areas[piece] >= share * areas.max()])


def evaluated(field: Field, places: Float32[np.ndarray, "P 3"], chunk: int = CHUNK) -> Float32[np.ndarray, "P *K"]:
    """The field at places, a chunk at a time: colours at vertices, for example."""
    return np.concatenate([field(places[start : start + chunk]) for start in range(0, len(places), chunk)])


def check_library() -> None:
    """Raise MissingError where scikit-image is not installed; imports nothing."""
    if find_spec("skimage") is None:
        raise MissingError(f"surfaces need scikit-image; install it with `{INSTALL_PRETRAINED}`")


def _marching_cubes() -> Callable[..., Any]:
    """The library's function. Raises MissingError."""
    check_library()
    return importlib.import_module("skimage.measure").marching_cubes


def _volume(vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]) -> float:
    """Of a closed mesh; negative where its faces look inward (divergence theorem)."""
    a, b, c = (vertices[faces[:, i]].astype(np.float64) for i in range(3))  # (F, 3) each
    return float((np.cross(a, b) * c).sum() / 6)


def _pieces(
    vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]
) -> tuple[Int64[np.ndarray, " F"], Float64[np.ndarray, " K"]]:
    """Which piece every face belongs to, and the area of every piece."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    from gen3d.shape import face_normals

    rows, columns = faces[:, [0, 1]].reshape(-1), faces[:, [1, 2]].reshape(-1)
    linked = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(vertices),) * 2)
    piece = connected_components(linked, directed=False)[1][faces[:, 0]].astype(np.int64)
    return piece, np.bincount(piece, face_normals(vertices.astype(np.float64), faces)[1])


def _used(
    vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]
) -> tuple[Float32[np.ndarray, "W 3"], Int64[np.ndarray, "G 3"]]:
    """The faces with the vertices they use, in their order."""
    kept, place = np.unique(faces, return_inverse=True)
    return vertices[kept], place.reshape(-1, 3).astype(np.int64)
