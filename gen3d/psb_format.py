"""NPZ archives of many meshes, `v<id>`, `f<id>` and maybe `y<id>` each; as the Princeton benchmarks are kept.

A `meta.json` beside them may give, per archive, part names, ids, and rotations to the house frame. Errors about arrays
carry the reason only, those about `meta.json` its path too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int16

from gen3d.categories import category as category_row
from gen3d.errors import InputError, SettingsError
from gen3d.mesh_readers import MAX_BYTES, one_line
from gen3d.npz import array_names, read_arrays
from gen3d.shape import Shape

META = "meta.json"
_MAX_META = 1 << 24  # bytes


@dataclass(frozen=True)
class PsbNames:
    """What one category is called there, and which of our parts each of its parts is."""

    category: str
    parts: dict[str, str]


# "arm" of a PSB chair are the posts that carry the backrest: no chair of the set has arm rests.
PSB = {
    "airplane": PsbNames(
        "Airplane", {"body": "body", "wing": "wing", "stabilizer": "tail", "rudder": "tail", "engine": "engine"}
    ),
    "chair": PsbNames("Chair", {"backsupport": "back", "arm": "back", "support": "seat", "leg": "leg"}),
    "mug": PsbNames("Cup", {"handle": "handle", "body": "cup"}),
    "table": PsbNames("Table", {"support": "top", "leg": "leg"}),
}


class RawMesh(NamedTuple):
    """Arrays of one mesh as stored, unchecked."""

    vertices: np.ndarray
    faces: np.ndarray
    labels: np.ndarray | None


def read_entry(path: Path, name: str) -> dict[str, Any] | None:
    """The entry of an archive in a `meta.json`, with its lists `parts` and `ids`; None where there is none.

    Raises InputError for a file that is no JSON, or an entry without these lists.
    """
    try:
        if path.stat().st_size > _MAX_META:
            raise InputError(f"{path}: is larger than {_MAX_META >> 20} MiB; copy the file again")
        meta = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: can't be read as JSON ({first_line(error)}); copy the file again") from None
    entry = meta.get(name) if isinstance(meta, dict) else None
    if entry is None:
        return None
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), list) for key in ("parts", "ids")):
        raise InputError(f"{path}: has no entry {name!r} with lists of parts and ids; copy the file again")
    return entry


def label_table(parts: list[Any], category: str, name: str) -> Int16[np.ndarray, " P"]:
    """Our label of each of the archive's part indices.

    Args:
        parts: names from `meta.json`.
        category: of `gen3d.categories`.
        name: of the archive, such as "Chair". PSB's own names go by `PSB`, others by our names and synonyms.

    Raises:
        InputError: (reason only) a part that the category does not have.
    """
    row, psb = category_row(category), PSB.get(category)
    known = psb.parts if psb is not None and psb.category == name else None
    labels = []
    for part in parts:
        try:
            labels.append(row.part_index(known.get(str(part), "") if known else str(part)))
        except SettingsError:
            names = ", ".join(known or row.parts)
            raise InputError(f"parts {parts} of {category}; only {names} are known") from None
    if not labels:
        raise InputError(f"names no parts of {category}")
    return np.array(labels, np.int16)


def archive_ids(path: Path) -> list[str]:
    """The ids of all `v<id>` and `f<id>` pairs in an NPZ file, as stored; none where it is no archive of that kind."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return []
        names = dict.fromkeys(array_names(path))
    except Exception:  # zipfile leaks a dozen types on damaged files; reading the file as a shape says what is wrong
        return []
    return [name[1:] for name in names if name[0:1] == "v" and name[1:] and f"f{name[1:]}" in names]


def read_meshes(data: bytes, ids: Iterable[str]) -> dict[str, RawMesh]:
    """The meshes of an archive. May raise anything on damaged ones, KeyError where one is missing."""
    ids = list(ids)
    arrays = read_arrays(data, [f"{letter}{id}" for id in ids for letter in "vfy"])
    return {id: RawMesh(arrays[f"v{id}"], arrays[f"f{id}"], arrays.get(f"y{id}")) for id in ids}


def readable_meshes(data: bytes, ids: list[str]) -> dict[str, RawMesh | InputError]:
    """The meshes of an archive, or why each can't be had: in one go where that works, else one by one."""
    try:
        return dict(read_meshes(data, ids))
    except Exception:  # told below, shape by shape
        return {id: _read_one(data, id) for id in ids}


def mesh_shape(id: str, category: str, raw: RawMesh) -> Shape:
    """The checked mesh, unlabelled. Raises InputError (reason only)."""
    vertices, faces, _ = raw
    if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.dtype.kind != "f":
        raise InputError(f"vertices are {vertices.dtype} {vertices.shape}, not (V, 3) floats")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        raise InputError(f"faces are {faces.dtype} {faces.shape}, not (F, 3) integers")
    if not len(faces) or faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError(f"has no faces, or some that name vertices beyond its {len(vertices)}")
    return Shape(id, category, vertices.astype(np.float32), faces.astype(np.int64))


def face_labels(raw: RawMesh, table: Int16[np.ndarray, " P"]) -> Int16[np.ndarray, " F"]:
    """Our label of every face. Raises InputError (reason only)."""
    stored, count = raw.labels, len(raw.faces)
    if stored is None or not stored.size:
        raise InputError("has no labels; this set needs one per face")
    if stored.shape != (count,) or stored.dtype.kind not in "iu":
        raise InputError(f"labels are {stored.dtype} {stored.shape}, not one integer per face ({count})")
    if stored.min() < 0 or stored.max() >= len(table):
        raise InputError(f"labels {stored.min()} to {stored.max()}; only 0 to {len(table) - 1} have a name")
    return table[stored]


def _read_one(data: bytes, id: str) -> RawMesh | InputError:
    """One mesh, or the reason (only) why it can't be had."""
    try:
        return read_meshes(data, [id])[id]
    except InputError as error:
        return error
    except KeyError:
        return InputError("is missing")
    except Exception as error:  # zipfile and numpy leak a dozen types on damaged files
        return InputError(f"can't be read, it looks damaged ({type(error).__name__}: {one_line(str(error))})")


def rotation(rotations: Any, id: str, path: Path) -> Float64[np.ndarray, "3 3"]:
    """A shape's rotation to the house frame, out of an entry's `to_canonical`. Raises InputError where it has none."""
    stored = rotations.get(id) if isinstance(rotations, dict) else None
    if stored is None:
        raise InputError(f"{path}: shape {id} has no canonical pose; read it with pose 'raw'")
    try:
        matrix = np.asarray(stored, np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros((0, 0))
    proper = matrix.shape == (3, 3) and np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-4)
    if not proper or np.linalg.det(matrix) < 0:
        raise InputError(f"{path}: to_canonical of shape {id} is not a 3x3 rotation; copy the file again")
    return matrix


def first_line(error: Exception) -> str:
    """The first line of what a library says."""
    return (str(error).splitlines() or [type(error).__name__])[0]
