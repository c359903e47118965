"""Princeton Segmentation Benchmark meshes with the part names of Kalogerakis et al. 2010, one label per face.

A folder with `meta.json` (per category: part names, ids, and the rotation of some shapes to the house frame) and one
`<Category>.npz` per category with `v<id>`, `f<id>` and `y<id>` for every id.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int16

from distill.datasets.labelled import LabelledSet
from gen3d.categories import category as category_row
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape


@dataclass(frozen=True)
class _Names:
    """What one category is called there, and which of our parts each of its parts is."""

    category: str
    parts: dict[str, str]


# "arm" of a PSB chair are the posts that carry the backrest: no chair of the set has arm rests.
_NAMES = {
    "airplane": _Names(
        "Airplane", {"body": "body", "wing": "wing", "stabilizer": "tail", "rudder": "tail", "engine": "engine"}
    ),
    "chair": _Names("Chair", {"backsupport": "back", "arm": "back", "support": "seat", "leg": "leg"}),
    "mug": _Names("Cup", {"handle": "handle", "body": "cup"}),
    "table": _Names("Table", {"support": "top", "leg": "leg"}),
}
_Members = tuple[np.ndarray, np.ndarray, np.ndarray]
_POSES = ("canonical", "raw")


def read(root: Path, category: str, pose: str = "canonical") -> LabelledSet:
    """The meshes of one category, normalised, with our part indices as face labels.

    Args:
        root: folder with `meta.json` and `<Category>.npz`.
        category: airplane, chair, mug or table.
        pose: "canonical" turns every mesh to the house frame (+Y up, +Z front), "raw" leaves it as stored.

    Raises:
        SettingsError: for another category or pose.
        InputError: naming the file or shape that is missing, broken or labelled wrongly.
    """
    if category not in _NAMES:
        raise SettingsError(f"psb has no category {category!r}; known are: {', '.join(_NAMES)}")
    if pose not in _POSES:
        raise SettingsError(f"unknown pose {pose!r}; known are: {', '.join(_POSES)}")
    names, row = _NAMES[category], category_row(category)
    meta = _meta(root / "meta.json", names.category)
    labels = _label_table(meta["parts"], category, root / "meta.json")
    archive = root / f"{names.category}.npz"
    shapes = []
    for id, members in _members(archive, list(dict.fromkeys(str(x) for x in meta["ids"]))).items():
        shape = _shape(id, category, members, labels, archive)
        if pose == "canonical":
            shape = shape.transformed(_rotation(meta.get("to_canonical"), id, root / "meta.json"))
        shapes.append(shape.normalised())
    parts = tuple(part for part in row.parts if part in names.parts.values())
    return LabelledSet("psb", category, parts, shapes, len(shapes))


def _meta(path: Path, name: str) -> dict[str, Any]:
    """The category's entry of `meta.json`."""
    try:
        meta = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: not found; give the folder that holds meta.json and the .npz files") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read as JSON ({_line(error)}); copy the file again") from None
    entry = meta.get(name) if isinstance(meta, dict) else None
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), list) for key in ("parts", "ids")):
        raise InputError(f"{path}: has no entry {name!r} with lists of parts and ids; copy the file again")
    if not entry["ids"]:
        raise InputError(f"{path}: lists no shape of {name}; copy the file again")
    return entry


def _label_table(parts: list[Any], category: str, path: Path) -> Int16[np.ndarray, " P"]:
    """Our label of each of the file's part indices."""
    known, row = _NAMES[category].parts, category_row(category)
    unknown = [part for part in parts if part not in known]
    if unknown or not parts:
        raise InputError(f"{path}: parts {parts} of {category}; only {', '.join(known)} are known")
    return np.array([row.parts.index(known[part]) for part in parts], np.int16)


def _members(path: Path, ids: list[str]) -> dict[str, _Members]:
    """Vertices, faces and labels of every shape, as stored."""
    members, current = {}, "index"
    try:
        with path.open("rb") as file:  # opened here: numpy leaves a broken archive open
            if not zipfile.is_zipfile(file):
                raise InputError(f"{path}: not a whole .npz archive; copy the file again")
            file.seek(0)
            arrays = np.load(file, allow_pickle=False)
            for current in ids:
                members[current] = (arrays[f"v{current}"], arrays[f"f{current}"], arrays[f"y{current}"])
    except FileNotFoundError:
        raise InputError(f"{path}: not found; copy it beside meta.json") from None
    except KeyError as error:
        raise InputError(f"{path}: shape {current} is missing ({_line(error)}); copy the file again") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise InputError(f"{path}: its {current} can't be read ({_line(error)}); copy the file again") from None
    return members


def _shape(id: str, category: str, members: _Members, table: Int16[np.ndarray, " P"], path: Path) -> Shape:
    """The checked shape with our labels."""
    vertices, faces, stored = members
    where = f"{path}: shape {id}"
    if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.dtype.kind != "f":
        raise InputError(f"{where}: vertices are {vertices.dtype} {vertices.shape}, not (V, 3) floats")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        raise InputError(f"{where}: faces are {faces.dtype} {faces.shape}, not (F, 3) integers")
    if not len(faces) or faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError(f"{where}: has no faces, or some that name vertices beyond its {len(vertices)}")
    if not stored.size:
        raise InputError(f"{where}: has no labels; this set needs one per face")
    if stored.shape != (len(faces),) or stored.dtype.kind not in "iu":
        raise InputError(f"{where}: labels are {stored.dtype} {stored.shape}, not one integer per face ({len(faces)})")
    if stored.min() < 0 or stored.max() >= len(table):
        raise InputError(f"{where}: labels {stored.min()} to {stored.max()}; only 0 to {len(table) - 1} have a name")
    return Shape(id, category, vertices.astype(np.float32), faces.astype(np.int64), table[stored])


def _rotation(rotations: Any, id: str, path: Path) -> Float64[np.ndarray, "3 3"]:
    """The shape's rotation to the house frame."""
    stored = rotations.get(id) if isinstance(rotations, dict) else None
    if stored is None:
        raise InputError(f"{path}: shape {id} has no canonical pose; read it with pose 'raw'")
    try:
        rotation = np.asarray(stored, np.float64)
    except (TypeError, ValueError):
        rotation = np.zeros((0, 0))
    proper = rotation.shape == (3, 3) and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4)
    if not proper or np.linalg.det(rotation) < 0:
        raise InputError(f"{path}: to_canonical of shape {id} is not a 3x3 rotation; copy the file again")
    return rotation


def _line(error: Exception) -> str:
    """The first line of what a library says."""
    return (str(error).splitlines() or [type(error).__name__])[0]
