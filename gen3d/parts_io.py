"""A segmented shape in files: the coloured whole with a node per part, the labels, on request a file per part."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int16

from gen3d.colors import part_color
from gen3d.errors import InputError
from gen3d.glb import glb_bytes, part_name
from gen3d.mesh_io import file_content, read_shape, shape_bytes, slug
from gen3d.shape import UNLABELLED, Shape
from gen3d.storage import atomic_write, make_folder

_TABLE = "_labels.json"
_ROWS = ("points", "normals", "point_labels", "point_colors")  # of a cloud


def write_parts(
    shape: Shape,
    parts: tuple[str, ...],
    folder: str | Path,
    confidence: Float32[np.ndarray, " E"] | None = None,
    meshes: bool = False,
) -> list[Path]:
    """Write a labelled shape and its parts, in the shape's own frame.

    `<id>.glb` is the whole in colours with one node per part, `<id>.ply` the whole with labels and colours in the order
    of `shape`; `<id>_labels.npy`, `<id>_confidence.npy` (float32) and, with both, `<id>_labels.json` say it of every
    face (or point) in that order. `<id>_<part>.glb` is each part that occurs (clouds: PLY). Files are replaced.

    Args:
        shape: with `face_labels`; or, where it has none, with `point_labels`.
        parts: names in label order.
        folder: created where absent.
        confidence: of every label; its files are left out where None.
        meshes: whether to write a file per part.

    Returns:
        The files written: the whole, the parts in label order, the labels.

    Raises:
        InputError: no labels, or labels that `parts` does not name.
        StorageError: the disk is full, read-only or gone.
    """
    mesh = shape.has_mesh and shape.face_labels is not None
    labels = _checked(shape, mesh, parts)
    whole = replace(shape, **dict.fromkeys(_ROWS)) if mesh else _cloud(shape, slice(None))
    stem = slug(shape.id)
    content = {f"{stem}.glb": glb_bytes(whole, parts) if mesh else _cloud_glb(whole, parts)}
    content[f"{stem}.ply"] = shape_bytes(whole, ".ply")
    if meshes:
        content |= _pieces(whole, labels, parts)
    content[f"{stem}_labels.npy"] = _npy(labels)
    if confidence is not None:
        content[f"{stem}_confidence.npy"] = _npy(confidence)
    content[f"{stem}{_TABLE}"] = _table(shape, labels, confidence, parts)
    folder = make_folder(folder)
    for name, data in content.items():
        atomic_write(folder / name, data)
    return [folder / name for name in content]


class Parts(NamedTuple):
    """What `write_parts` wrote of a shape: it with labels, their names in order, and their confidence if there is one.

    Args:
        shape: in the frame and order of the shape that was written.
        parts: names in label order.
        confidence: (E,) of every face (or point).
    """

    shape: Shape
    parts: tuple[str, ...]
    confidence: Float32[np.ndarray, " E"] | None


def is_parts(folder: Path) -> bool:
    """Whether `write_parts` wrote into a folder that is named after the shape, as `gen3d segment` has it do."""
    return (folder / f"{folder.name}{_TABLE}").is_file()


def read_parts(folder: Path) -> Parts:
    """Inverse of `write_parts`, of a folder that is named after the shape. Raises InputError for a damaged one."""
    name = folder.name
    whole = read_shape(folder / f"{name}.ply")
    labels = whole.face_labels if whole.has_mesh else whole.point_labels
    table = folder / f"{name}{_TABLE}"
    try:
        found = json.loads(file_content(table))
        parts = tuple(map(str, found["parts"]))
        confidence = np.array(found["confidence"], np.float32) if "confidence" in found else None
        if labels is None or labels.max(initial=UNLABELLED) >= len(parts):
            raise ValueError("it does not name the labels of the PLY file beside it")
        if confidence is not None and confidence.shape != labels.shape:
            raise ValueError("its confidence does not fit the PLY file beside it")
    except (InputError, ValueError, TypeError, LookupError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{table}: can't be read ({reason}); segment the shape again with --overwrite") from None
    return Parts(whole, parts, confidence)


def _pieces(whole: Shape, labels: Int16[np.ndarray, " E"], parts: tuple[str, ...]) -> dict[str, bytes]:
    """The file of every part that occurs."""
    found: dict[str, bytes] = {}
    suffix = ".glb" if whole.has_mesh else ".ply"
    for label in np.unique(labels[labels != UNLABELLED]).tolist():
        chosen = labels == label
        name = _file_name(f"{slug(whole.id)}_{slug(parts[label])}", label, suffix, found)
        part = piece(whole, chosen)
        found[name] = glb_bytes(part, parts) if whole.has_mesh else shape_bytes(part, suffix)
    return found


def piece(shape: Shape, chosen: Bool[np.ndarray, " E"]) -> Shape:
    """Some faces of a mesh with just the vertices they use, or some points of a cloud; all in their order."""
    return _submesh(shape, chosen) if shape.has_mesh else _cloud(shape, chosen)


def _cloud_glb(cloud: Shape, parts: tuple[str, ...]) -> bytes:
    """A cloud with a node per part, which gen3d's own form (one node of points in their order) does not have."""
    import trimesh

    assert cloud.points is not None and cloud.point_labels is not None
    scene = trimesh.Scene()
    for label in np.unique(cloud.point_labels).tolist():
        name, chosen = part_name(label, parts), cloud.points[cloud.point_labels == label]
        colors = np.tile([*part_color(label), 255], (len(chosen), 1)).astype(np.uint8)
        scene.add_geometry(trimesh.PointCloud(chosen, colors), node_name=name, geom_name=name)
    return bytes(scene.export(file_type="glb"))  # type: ignore[arg-type]


def _npy(array: np.ndarray) -> bytes:
    """The array as a file of numpy's own format."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _checked(shape: Shape, mesh: bool, parts: tuple[str, ...]) -> Int16[np.ndarray, " E"]:
    """The labels to write. Raises InputError where there are none or they don't fit."""
    labels = shape.face_labels if mesh else shape.point_labels
    if labels is None:
        raise InputError(f"{shape.id}: has no labels to write; segment it first")
    if labels.min(initial=UNLABELLED) < UNLABELLED or labels.max(initial=UNLABELLED) >= len(parts):
        raise InputError(f"{shape.id}: has label {labels.max()}, but only {len(parts)} parts are named")
    return labels


def _submesh(shape: Shape, chosen: Bool[np.ndarray, " F"]) -> Shape:
    """See `piece`."""
    vertices, faces = shape.mesh
    used, index = np.unique(faces[chosen], return_inverse=True)
    labels = None if shape.face_labels is None else shape.face_labels[chosen]
    colors = None if shape.vertex_colors is None else shape.vertex_colors[used]
    rows = {"faces": index.reshape(-1, 3).astype(np.int64), "face_labels": labels}
    return replace(shape, vertices=vertices[used], vertex_colors=colors, **rows)


def _cloud(shape: Shape, chosen: Bool[np.ndarray, " N"] | slice) -> Shape:
    """The chosen points alone."""
    rows = {key: getattr(shape, key) for key in _ROWS}
    kept = {key: None if value is None else value[chosen] for key, value in rows.items()}
    return replace(shape, vertices=None, vertex_colors=None, faces=None, face_labels=None, **kept)


def _file_name(stem: str, label: int, suffix: str, taken: dict[str, bytes]) -> str:
    """The part's file name; numbered where another part's name comes out the same."""
    name = f"{stem}{suffix}"
    return name if name not in taken else f"{stem}_{label}{suffix}"


def _table(
    shape: Shape, labels: Int16[np.ndarray, " E"], confidence: Float32[np.ndarray, " E"] | None, parts: tuple[str, ...]
) -> bytes:
    """`<id>_labels.json`: label i belongs to face (or point) i of the shape as it was given."""
    every = [*range(len(parts)), UNLABELLED]
    table: dict[str, Any] = {
        "id": shape.id,
        "category": shape.category,
        "parts": list(parts),
        "colors": {part_name(i, parts): part_color(i).tolist() for i in every},
        "counts": {part_name(i, parts): int((labels == i).sum()) for i in every},
        "face_labels" if shape.has_mesh and shape.face_labels is not None else "point_labels": labels.tolist(),
    }
    if confidence is not None:
        table["confidence"] = confidence.astype(np.float64).round(4).tolist()
    return (json.dumps(table, ensure_ascii=False) + "\n").encode()
