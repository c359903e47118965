"""One input as a shape: what `read_shape` reads, ShapeNetPart's text, and archives of many meshes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int16

from gen3d.categories import CATEGORIES, Category
from gen3d.errors import InputError, SettingsError
from gen3d.glb import is_own, part_label, part_name, unpack
from gen3d.inputs import TEXT, Input
from gen3d.mesh_io import checked, file_content, read_shape
from gen3d.mesh_readers import one_line
from gen3d.psb_format import META, RawMesh, face_labels, label_table, mesh_shape, read_entry, readable_meshes, rotation
from gen3d.shape import Shape, unit
from gen3d.shapenetpart_text import parse_cloud
from gen3d.upright import turn

SHAPENETPART_UP, SHAPENETPART_FRONT = "y", "+x"


class Found(NamedTuple):
    """A shape as its file has it.

    Args:
        shape: in the file's frame, with the labels that mean parts of the category.
        pose: rotation to the house frame, and where that is known from; None where the file does not say.
        unlabelled: why labels it carries were not taken.
    """

    shape: Shape
    pose: tuple[Float64[np.ndarray, "3 3"], str] | None = None
    unlabelled: str | None = None


class ShapeReader:
    """Reads the inputs of one shard, of which it keeps no more than one archive.

    Args:
        row: the category that all of them are taken for.
        inputs: those it will be asked for; an archive's are read together.
    """

    def __init__(self, row: Category, inputs: Sequence[Input]) -> None:
        self._row = row
        self._inputs = inputs
        self._archive: tuple[Path, dict[str, RawMesh | InputError]] | None = None

    def read(self, item: Input) -> Found:
        """One of them. Raises InputError in one line that names it."""
        if item.fault is not None:
            raise InputError(f"{one_line(str(item.path))}: {item.fault}")
        if item.key is not None:
            return self._member(item, item.key)
        if item.path.suffix.lower() == TEXT:
            return self._text_cloud(item)
        return self._plain(item)

    def _plain(self, item: Input) -> Found:
        """A file of one shape."""
        own, names = _node_names(item.path) if item.path.suffix.lower() in (".glb", ".gltf") else (None, [])
        shape = read_shape(item.path, own or self._row.name)
        if own not in (None, self._row.name, "unknown"):
            return _from_other(shape, own or "", self._row)
        strange = [name for name in names if part_label(name, self._row.name) is None]
        if shape.has_mesh and shape.face_labels is None and len(names) > 1 and strange:
            reason = f"parts {_quoted(strange)} are none of {self._row.name}"
            return Found(replace(shape, category=self._row.name), unlabelled=reason)
        return _in_range(replace(shape, category=self._row.name), self._row)

    def _text_cloud(self, item: Input) -> Found:
        """A cloud of ShapeNetPart."""

        def read() -> Shape:
            text = file_content(item.path).decode("utf-8", "replace")
            points, normals, labels = parse_cloud(text, self._row)
            sizes = points.astype(np.float32), unit(normals).astype(np.float32)
            return Shape(item.id, self._row.name, points=sizes[0], normals=sizes[1], point_labels=labels)

        pose = turn(SHAPENETPART_UP, SHAPENETPART_FRONT), "ShapeNetPart"
        return Found(checked(read, one_line(str(item.path))), pose)

    def _member(self, item: Input, key: str) -> Found:
        """A mesh of an archive."""
        where = f"{one_line(str(item.path))}: shape {one_line(key)}"
        raw = self._raw(item.path, key)
        if isinstance(raw, InputError):
            raise InputError(f"{where}: {raw}")
        shape = checked(lambda: mesh_shape(item.id, self._row.name, raw), where)
        meta = item.path.with_name(META)
        entry = read_entry(meta, item.path.stem)
        rotations = None if entry is None else entry.get("to_canonical")
        pose = None if rotations is None else (rotation(rotations, key, meta), META)
        if raw.labels is None or not raw.labels.size:
            return Found(shape, pose)
        try:
            labels = self._labels(raw, entry, item.path.stem)
        except InputError as error:
            return Found(shape, pose, str(error))
        return Found(replace(shape, face_labels=labels), pose)

    def _labels(self, raw: RawMesh, entry: dict[str, Any] | None, name: str) -> Int16[np.ndarray, " F"]:
        """Our labels of an archive's mesh. Raises InputError (reason only) where they are none of the category."""
        if entry is None:
            raise InputError(f"its labels have no names: no {META} beside it has an entry {name}")
        return face_labels(raw, label_table(entry["parts"], self._row.name, name))

    def _raw(self, path: Path, key: str) -> RawMesh | InputError:
        """Arrays of one shape, or why they can't be had."""
        if self._archive is None or self._archive[0] != path:
            self._archive = None  # before the next one is read
            keys = [item.key for item in self._inputs if item.path == path and item.key is not None]
            self._archive = (path, _read_together(path, keys))
        return self._archive[1].pop(key)


def _read_together(path: Path, keys: list[str]) -> dict[str, RawMesh | InputError]:
    """The shapes of an archive."""
    try:
        return readable_meshes(file_content(path), keys)
    except InputError as error:
        return dict.fromkeys(keys, error)


def _node_names(path: Path) -> tuple[str | None, list[str]]:
    """Of a glTF file: the category, where gen3d wrote it (else None), and the names of its nodes that may be parts."""
    try:
        data = file_content(path)
        document = unpack(data)[0] if path.suffix.lower() == ".glb" else json.loads(data)
        names = [str(node.get("name", "")) for node in document.get("nodes", []) if "mesh" in node]
        if not is_own(document):
            return None, names
        category = str(document["asset"].get("extras", {}).get("category", "unknown"))
        return category, [name for name in names if name not in ("mesh", "points")]
    except Exception:  # reading it as a shape says what is wrong
        return None, []


def _from_other(shape: Shape, other: str, row: Category) -> Found:
    """A shape that gen3d stored for another category: its labels are translated by part name, all or none."""
    if shape.face_labels is None and shape.point_labels is None:
        return Found(replace(shape, category=row.name))
    parts: tuple[str, ...] = CATEGORIES[other].parts if other in CATEGORIES else ()
    used = np.unique(np.concatenate([x for x in (shape.face_labels, shape.point_labels) if x is not None]))
    table = np.full(int(used.max(initial=0)) + 2, -1, np.int16)  # the last one is that of -1
    strange: list[str] = []
    for label in used[used >= 0].tolist():
        name = part_name(label, parts)
        try:
            table[label] = row.part_index(name)
        except SettingsError:
            strange.append(name)
    if strange:
        bare = replace(shape.bare(), category=row.name)
        return Found(
            bare, unlabelled=f"was stored as {one_line(other)}; its parts {_quoted(strange)} are none of {row.name}"
        )
    faces, points = (None if x is None else table[x] for x in (shape.face_labels, shape.point_labels))
    return Found(replace(shape, category=row.name, face_labels=faces, point_labels=points))


def _in_range(shape: Shape, row: Category) -> Found:
    """The shape, without labels that name no part of the category."""
    for labels in (shape.face_labels, shape.point_labels):
        if labels is not None and len(labels) and labels.max() >= len(row.parts):
            known = f"0 to {len(row.parts) - 1}" if row.parts else "no parts of its own"
            reason = f"label {labels.max()} is none of {row.name}, which has {known}"
            return Found(shape.bare(), unlabelled=reason)
    return Found(shape)


def _quoted(names: list[str]) -> str:
    """At most four names."""
    return ", ".join(repr(one_line(name)[:40]) for name in names[:4]) + (", ..." if len(names) > 4 else "")
