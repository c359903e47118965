"""Princeton Segmentation Benchmark meshes with the part names of Kalogerakis et al. 2010, one label per face.

A folder with `meta.json` (per category: part names, ids, and the rotation of some shapes to the house frame) and one
`<Category>.npz` per category with `v<id>`, `f<id>` and `y<id>` for every id. See `gen3d.psb_format`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int16

from distill.datasets.labelled import LabelledSet
from gen3d.categories import category as category_row
from gen3d.errors import InputError, SettingsError
from gen3d.psb_format import (
    META,
    PSB,
    RawMesh,
    face_labels,
    first_line,
    label_table,
    mesh_shape,
    read_entry,
    readable_meshes,
    rotation,
)
from gen3d.shape import Shape

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
    if category not in PSB:
        raise SettingsError(f"psb has no category {category!r}; known are: {', '.join(PSB)}")
    if pose not in _POSES:
        raise SettingsError(f"unknown pose {pose!r}; known are: {', '.join(_POSES)}")
    names, row, path = PSB[category], category_row(category), root / META
    meta = _meta(path, names.category)
    try:
        labels = label_table(meta["parts"], category, names.category)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    archive = root / f"{names.category}.npz"
    shapes = []
    for id, raw in _meshes(archive, list(dict.fromkeys(str(x) for x in meta["ids"]))).items():
        shape = _shape(id, category, raw, labels, archive)
        if pose == "canonical":
            shape = shape.transformed(rotation(meta.get("to_canonical"), id, path))
        shapes.append(shape.normalised())
    parts = tuple(part for part in row.parts if part in names.parts.values())
    return LabelledSet("psb", category, parts, shapes, len(shapes))


def _meta(path: Path, name: str) -> dict[str, Any]:
    """The category's entry of `meta.json`."""
    entry = read_entry(path, name)
    if entry is None and not path.exists():
        raise InputError(f"{path}: not found; give the folder that holds meta.json and the .npz files")
    if entry is None:
        raise InputError(f"{path}: has no entry {name!r} with lists of parts and ids; copy the file again")
    if not entry["ids"]:
        raise InputError(f"{path}: lists no shape of {name}; copy the file again")
    return entry


def _meshes(path: Path, ids: list[str]) -> dict[str, RawMesh]:
    """The arrays of every shape, as stored."""
    try:
        found = readable_meshes(path.read_bytes(), ids)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; copy it beside meta.json") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({first_line(error)}); copy the file again") from None
    meshes = {}
    for id, raw in found.items():
        if isinstance(raw, InputError) or raw.labels is None:
            reason = raw if isinstance(raw, InputError) else f"is missing (y{id} is not in the archive)"
            raise InputError(f"{path}: shape {id} {reason}; copy the file again")
        meshes[id] = raw
    return meshes


def _shape(id: str, category: str, raw: RawMesh, table: Int16[np.ndarray, " P"], path: Path) -> Shape:
    """The checked shape with our labels."""
    try:
        return replace(mesh_shape(id, category, raw), face_labels=face_labels(raw, table))
    except InputError as error:
        raise InputError(f"{path}: shape {id}: {error}") from None
