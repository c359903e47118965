"""What may stand for a shape in Python: a file, trimesh's objects, arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gen3d.errors import InputError
from gen3d.mesh_io import checked
from gen3d.shape import Shape

if TYPE_CHECKING:
    import trimesh

    ShapeLike = str | Path | Shape | np.ndarray | tuple[Any, Any] | trimesh.Trimesh | trimesh.PointCloud | trimesh.Scene
else:
    ShapeLike = Any  # trimesh is not loaded for its names

_NAME = "shape"  # of what has none
_KNOWN = "give a file, a trimesh object, a gen3d Shape, (vertices, faces), or an array of points"


def as_shape(thing: ShapeLike, category: str) -> Shape:
    """A shape of anything but a file, in its own frame and order.

    Args:
        thing: a `Shape` (as it is); a trimesh Trimesh, PointCloud or Scene (flattened to world space, all meshes in
            one); (V, 3) vertices and (F, 3) faces in a tuple; (N, 3) points. Of arrays, anything numpy understands.
        category: of the shape, where it has none.

    Raises InputError for anything else, and for what is not finite, has no size, or faces without vertices.
    """
    if isinstance(thing, Shape):
        return checked(lambda: thing, thing.id)
    return checked(lambda: _converted(thing, category), _NAME)


def _converted(thing: Any, category: str) -> Shape:
    import trimesh

    if isinstance(thing, trimesh.Scene):
        thing = thing.to_mesh()
    if isinstance(thing, trimesh.Trimesh):
        thing = thing.vertices, thing.faces
    if isinstance(thing, tuple) and len(thing) == 2:
        return _mesh(*thing, category)
    return _cloud(thing.vertices if isinstance(thing, trimesh.PointCloud) else thing, category)


def _mesh(vertices: Any, faces: Any, category: str) -> Shape:
    corners = np.asarray(faces)
    if corners.ndim != 2 or corners.shape[1] != 3 or corners.dtype.kind not in "iu":
        raise InputError(f"faces are {_told(corners)}, not (F, 3) whole numbers")
    return Shape(_NAME, category, vertices=_positions(vertices, "vertices"), faces=corners.astype(np.int64))


def _cloud(points: Any, category: str) -> Shape:
    return Shape(_NAME, category, points=_positions(points, "points"))


def _positions(array: Any, what: str) -> np.ndarray:
    """(K, 3) float32. Raises InputError (reason only)."""
    found = np.asarray(array)
    if found.dtype.kind not in "fiu":
        raise InputError(f"is a {type(array).__name__}, which can't be read as a shape; {_KNOWN}")
    if found.ndim != 2 or found.shape[1] != 3:
        raise InputError(f"{what} are {_told(found)}, not (N, 3)")
    return found.astype(np.float32)


def _told(array: np.ndarray) -> str:
    return f"an array {array.shape} of {array.dtype}"
