"""Reading and writing shapes: GLB, glTF, OBJ, PLY, STL, OFF and NPZ. Bad content raises InputError and nothing else.

Vertex and face order are the file's; nothing is merged or dropped. Polygons become triangle fans in place. Scenes are
flattened to world space, node by node. Frame and scale stay as they are: see `Shape.normalised`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gen3d.errors import InputError
from gen3d.glb import decode, glb_bytes, is_own, unpack
from gen3d.mesh_readers import MAX_BYTES, READERS, one_line, slug
from gen3d.mesh_writers import WRITERS, shape_bytes
from gen3d.shape import Shape, face_normals, frame
from gen3d.storage import atomic_write

__all__ = ["READABLE", "WRITABLE", "glb_bytes", "read_shape", "shape_bytes", "shape_from_glb", "slug", "write_shape"]

READABLE, WRITABLE = tuple(READERS), tuple(WRITERS)
_FAR, _AREA, _GLANCE = 1e19, 1e-30, 32  # within the bounds of `frame`; twice the area of a face; faces looked at
_NEXT, _LAST = [1, 2, 0], [2, 0, 1]  # axes of a cross product


# --- reading ------------------------------------------------------------------------------------------------------


def read_shape(path: str | Path, category: str = "unknown") -> Shape:
    """The mesh or cloud in a file, in the file's own frame.

    Args:
        path: one of the suffixes in `READABLE`. Files it refers to are only followed within its own folder.
        category: its parts name the nodes of a GLB that carries labels; gen3d's own files bring theirs along.

    Returns:
        Shape named after the file, finite and of non-zero size. Labels: GLB nodes that are all parts of the category,
        integer PLY properties `label`, NPZ `face_labels` and `labels`.

    Raises:
        InputError: one line naming the file and the reason, for anything that is not a usable shape.
    """
    path = Path(path)
    name = one_line(str(path))
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{name}: unknown suffix {path.suffix!r}; known are: {', '.join(READABLE)}")
    try:
        return checked(lambda: reader(file_content(path), path, category), name)
    except MemoryError:
        raise InputError(f"{name}: needs more memory than there is; simplify it first") from None


def shape_from_glb(data: bytes, id: str, category: str, meta: dict[str, Any]) -> Shape:
    """The shape that `glb_bytes` wrote: float32 positions bit-equal, faces grouped by label. Raises InputError."""

    def read() -> Shape:
        document, binary = unpack(data)
        if not is_own(document):
            raise InputError("was not written by gen3d; read it with read_shape")
        return decode(document, binary, id, category, meta)

    return checked(read, id)


def checked(read: Callable[[], Shape], name: str) -> Shape:
    """What `read` gives, checked. The one place where the errors of all libraries become InputError."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", "string or file could not be read")  # numpy's word for cut-off text
            shape = read()
            if _plainly_sound(shape):
                return shape
            reason = _flaw(shape)
    except InputError as error:
        reason, shape = str(error), None
    except MemoryError:
        raise
    except Exception as error:  # trimesh, numpy and json leak a dozen types on damaged files
        reason, shape = f"can't be read, it looks damaged ({type(error).__name__}: {one_line(str(error))})", None
    if shape is None or reason:
        raise InputError(f"{name}: {reason}")
    frame(shape.positions(), name)
    return shape


def _plainly_sound(shape: Shape) -> bool:
    """Whether a mesh passes all checks by a glance, at a tenth of their cost; where it says no, they decide."""
    if not shape.has_mesh or shape.points is not None:
        return False
    vertices, faces = shape.mesh
    within = vertices.min() > -_FAR and vertices.max() < _FAR  # neither is true of NaN
    if not within or faces.min() < 0 or faces.max() >= len(vertices):
        return False
    a, b, c = vertices[faces[:_GLANCE].T].astype(np.float64)  # (G, 3) each
    ab, ac = b - a, c - a
    cross = ab[:, _NEXT] * ac[:, _LAST] - ab[:, _LAST] * ac[:, _NEXT]  # np.cross takes longer than all the rest
    return bool(np.abs(cross).max() > _AREA)


def _flaw(shape: Shape) -> str | None:
    """Why the shape is unusable, or None."""
    if not shape.has_mesh and (shape.points is None or not len(shape.points)):
        return "has neither faces nor points"
    for array in (shape.vertices, shape.points, shape.normals):
        if array is not None and not np.isfinite(array).all():
            return "has positions or normals that are not finite (NaN or Inf)"
    if shape.has_mesh:
        vertices, faces = shape.mesh
        if faces.min() < 0 or faces.max() >= len(vertices):
            return f"has a face that refers to a vertex outside 0..{len(vertices) - 1}"
        if not face_normals(vertices.astype(np.float64), faces)[1].sum() > 0:
            return "has no area: all faces are degenerate"
    return None


def file_content(path: Path) -> bytes:
    """All bytes of a regular file. Raises InputError (reason only)."""
    try:
        if path.is_dir():
            raise InputError("is a folder, not a file")
        if not path.exists():
            raise InputError("no such file")
        if not path.is_file():
            raise InputError("is not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"is larger than {MAX_BYTES >> 20} MiB; simplify it first")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"can't be opened ({(error.strerror or type(error).__name__).lower()})") from None
    if not data.strip():
        raise InputError("is empty")
    return data


# --- writing ------------------------------------------------------------------------------------------------------


def write_shape(shape: Shape, path: str | Path) -> None:
    """Write a shape in the format of the suffix, whole or not at all.

    Args:
        shape: GLB and NPZ keep all of it (a GLB groups the faces by label); PLY keeps the mesh with its labels, or the
            cloud; OBJ and OFF the mesh; STL its triangles.
        path: one of the suffixes in `WRITABLE`; replaced where it exists.

    Raises:
        InputError: unknown suffix, or nothing in the shape that the format can hold.
        StorageError: the disk is full, read-only or gone.
    """
    path = Path(path)
    atomic_write(path, shape_bytes(shape, path.suffix))
