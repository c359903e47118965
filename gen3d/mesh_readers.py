"""One reader per shape format. They raise InputError with the reason only, or whatever their library raises.

`gen3d.mesh_io` names the file and turns everything else into InputError; use `read_shape`.
"""

from __future__ import annotations

import io
import json
import logging
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from gen3d.errors import InputError
from gen3d.glb import build, decode, is_own, own_nodes, part_label, spread, unpack, whole_labels
from gen3d.gltf_check import buffers, check_document
from gen3d.npz import read_arrays
from gen3d.ply_polygons import triangulated
from gen3d.shape import Shape
from gen3d.text_rows import indices, plain_lines, positions

MAX_BYTES = 1 << 30  # larger files are refused before they are read

logging.getLogger("trimesh").addHandler(logging.NullHandler())  # else it prints tracebacks of damaged files to stderr


def one_line(text: str) -> str:
    """The text on one line, shortened and without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:300]


def slug(text: str) -> str:
    """A safe file and sample name: letters, digits, `-`, `_` and single inner dots; never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_text)).strip("-.")[:100].strip("-.") or "shape"


def _triangles(polygons: list[list[int]]) -> Int64[np.ndarray, "F 3"]:
    """Fans of polygons, in place; those with fewer than three corners have no area and are left out."""
    corners = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.array(corners, np.int64).reshape(-1, 3)


def _read_obj(data: bytes, path: Path, category: str) -> Shape:
    """Positions and faces in file order. Own parser: trimesh regroups faces by material, splits vertices at seams."""
    regular = _regular_obj(data)
    if regular is not None:
        return _mesh(path, category, *regular)
    text = data.decode("utf-8-sig", "replace").replace("\\\r\n", " ").replace("\\\n", " ")
    rows: list[list[str]] = []
    polygons: list[list[int]] = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if words[0] == "v":
            rows.append(words[1:4])
        elif words[0] == "f":
            corners = [int(word.split("/", 1)[0]) for word in words[1:]]
            if 0 in corners:
                raise InputError("has a face index 0; OBJ counts vertices from 1")
            polygons.append([c - 1 if c > 0 else len(rows) + c for c in corners])
    return _mesh(path, category, np.array(rows, np.float64), _triangles(polygons))


def _regular_obj(data: bytes) -> tuple[np.ndarray, np.ndarray] | None:
    """The same of triangles whose corners count from the start, ten times as fast; None of anything else."""
    lines = plain_lines(data)
    if lines is None:
        return None
    rows = [line[2:] for line in lines if line.startswith(b"v ")]
    corners = [line[2:] for line in lines if line.startswith(b"f ")]
    others = (line.split(None, 1)[0] for line in lines if not line.startswith((b"v ", b"f ", b"vn ", b"vt ", b"#")))
    if not rows or not corners or any(word in (b"v", b"f") for word in others):
        return None
    if b"/" in corners[0]:
        corners = re.sub(rb"/[0-9/-]*", b"", b"\n".join(corners)).split(b"\n")
    vertices, faces = positions(rows), indices(corners, 3)
    if vertices is None or faces is None or not faces.all():
        return None
    return vertices, faces - 1


def _mesh(path: Path, category: str, vertices: np.ndarray, faces: np.ndarray) -> Shape:
    """A mesh read from a file. Raises InputError (reason only) where there is no face."""
    if not len(faces):
        raise InputError("has no faces; save point clouds as PLY or NPZ" if len(vertices) else "has no vertices")
    return Shape(slug(path.stem), category, vertices.astype(np.float32), faces.astype(np.int64))


def _read_stl(data: bytes, path: Path, category: str) -> Shape:
    """Triangle soup, after the length checks that trimesh leaves out."""
    size = 84 + 50 * int.from_bytes(data[80:84], "little")
    if len(data) < 84 or size != len(data):
        _check_ascii_stl(data, size)
    flat = _flatten(_load(data, "stl", {}))
    return _mesh(path, category, flat.vertices, flat.faces)


def _check_ascii_stl(data: bytes, binary_size: int) -> None:
    """Raises InputError unless the text is a whole ASCII STL."""
    text = data.lower()
    if not text.lstrip().startswith(b"solid") or b"facet" not in text or b"\0" in text:
        raise InputError(f"is truncated or damaged: its header asks for {binary_size} bytes, it has {len(data)}")
    number = (
        rb"[ \t]+[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?)"  # one way to match: no backtracking
    )

    def count(pattern: bytes) -> int:
        return len(re.findall(rb"^[ \t]*" + pattern, text, re.MULTILINE))

    whole, opened, closed = count(rb"vertex" + number * 3 + rb"[ \t\r]*$"), count(rb"facet\b"), count(rb"endfacet\b")
    solids, ends = count(rb"solid\b"), count(rb"endsolid\b")
    if whole != 3 * opened or opened != closed or solids != ends:
        raise InputError("is truncated or damaged: a facet or solid of the text is not complete")


def _read_off(data: bytes, path: Path, category: str) -> Shape:
    """OFF, COFF and NOFF text. Own parser: trimesh accepts files whose last faces are missing."""
    regular = _regular_off(data)
    if regular is not None:
        return _mesh(path, category, *regular)
    text = data.decode("utf-8-sig", "replace")
    lines = [words for line in text.splitlines() if (words := line.split("#", 1)[0].split())]
    if not lines or lines[0][0].upper() not in ("OFF", "COFF", "NOFF", "CNOFF"):
        raise InputError("is not an OFF text file")
    lines[0] = lines[0][1:]
    lines = lines if lines[0] else lines[1:]
    v, f = (int(word) for word in lines[0][:2])
    if v < 0 or f < 0 or len(lines) < 1 + v + f:
        raise InputError(f"is truncated or damaged: it should have {v} vertices and {f} faces")
    polygons = [[int(word) for word in words[1 : 1 + int(words[0])]] for words in lines[1 + v : 1 + v + f]]
    if any(len(polygon) != int(words[0]) for polygon, words in zip(polygons, lines[1 + v :], strict=False)):
        raise InputError("is truncated or damaged: a face has fewer corners than it says")
    return _mesh(path, category, np.array([words[:3] for words in lines[1 : 1 + v]], np.float64), _triangles(polygons))


def _regular_off(data: bytes) -> tuple[np.ndarray, np.ndarray] | None:
    """The same of plain triangles, ten times as fast; None of anything else."""
    lines = plain_lines(data)
    if lines is None or len(lines) < 2 or lines[0].strip().upper() != b"OFF":
        return None
    counts = indices([lines[1]], 3)
    v, f = (0, 0) if counts is None else (int(n) for n in counts[0, :2])
    if not v or not f or len(lines) < 2 + v + f:
        return None
    vertices, faces = positions(lines[2 : 2 + v]), indices(lines[2 + v : 2 + v + f], 4)
    if vertices is None or faces is None or (faces[:, 0] != 3).any():
        return None
    return vertices, faces[:, 1:]


def _read_ply(data: bytes, path: Path, category: str) -> Shape:
    """A mesh, or a cloud where there is no face element; `label` properties of faces or vertices."""
    scene = _load(triangulated(data), "ply", {}, fix_texture=False)
    raw = next(iter(scene.geometry.values())).metadata["_ply_raw"] if scene.geometry else {}
    _check_ply(raw)
    vertices, faces, points, _ = _flatten(scene)
    if raw.get("face", {}).get("length"):
        labels, count = _ply_labels(raw["face"]), raw["face"]["length"]
        if len(faces) == 2 * count and (faces[:count, [2, 0]] == faces[count:, [0, 2]]).all():
            faces = faces.reshape(2, -1, 3).transpose(1, 0, 2).reshape(-1, 3)  # quads: trimesh puts second halves last
            labels = None if labels is None else labels.repeat(2)
        return build(slug(path.stem), category, {"vertices": vertices, "faces": faces, "face_labels": labels})
    if not len(points):
        raise InputError("has neither faces nor points")
    axes = [_ply_column(raw["vertex"], axis) for axis in ("nx", "ny", "nz")]
    normals = np.stack([a for a in axes if a is not None], 1).astype(np.float32) if axes[0] is not None else None
    cloud = {"points": points, "normals": normals, "point_labels": _ply_labels(raw["vertex"])}
    return build(slug(path.stem), category, cloud)


def _check_ply(raw: dict[str, Any]) -> None:
    """Raises InputError where an element has fewer rows than the header says (trimesh takes what there is)."""
    for key in ("vertex", "face"):
        element = raw.get(key, {})
        if not element.get("length"):
            continue
        table = element.get("data")
        columns = list(table.values()) if isinstance(table, dict) else [table]
        if any(column is None or len(column) != element["length"] for column in columns):
            raise InputError(f"is truncated or damaged: it should have {element['length']} rows of {key}")


def _ply_column(element: dict[str, Any], name: str) -> np.ndarray | None:
    """One scalar property of a PLY element as (n,), or None."""
    if name not in element["properties"] or "LIST" in element["properties"][name]:
        return None
    return np.asarray(element["data"][name]).reshape(-1)


def _ply_labels(element: dict[str, Any] | None) -> np.ndarray | None:
    """The integer property `label` of a PLY element, or None."""
    column = None if element is None else _ply_column(element, "label")
    return None if column is None or column.dtype.kind not in "iu" else whole_labels(column)


def _read_glb(data: bytes, path: Path, category: str) -> Shape:
    """gen3d's own files exactly; others through trimesh."""
    document, binary = unpack(data)
    if is_own(document):
        return decode(document, binary, slug(path.stem), category, {})
    return _read_scene(data, "glb", path, category, document)


def _read_gltf(data: bytes, path: Path, category: str) -> Shape:
    """A glTF document with its buffers in the same folder or inside it."""
    document = json.loads(data)
    if not isinstance(document, dict):
        raise InputError("has no glTF document")
    return _read_scene(data, "gltf", path, category, document)


def _read_scene(data: bytes, kind: str, path: Path, category: str, document: dict[str, Any]) -> Shape:
    """A glTF scene in world space, with labels where all of its node or geometry names are parts."""
    vertices, faces, points, names = _scene(data, kind, path, document)
    if not len(faces):
        return Shape(slug(path.stem), category, points=points)
    labels = None
    for choice in range(2):
        found = [part_label(both[choice], category) for *both, _ in names]
        labels = spread(found, [count for *_, count in names]) if labels is None else labels
    return Shape(slug(path.stem), category, vertices, faces, labels)


def _scene(data: bytes, kind: str, path: Path, document: dict[str, Any]) -> _Flat:
    """A glTF scene in world space. Raises InputError (reason only) for one that asks for too much."""
    files = buffers(document, path)
    check_document(document, len(data) + sum(map(len, files.values())))
    return _flatten(_load(data, kind, files))


def node_sizes(data: bytes, path: Path) -> list[tuple[str, int]]:
    """Name and number of faces of the nodes of a glTF file that have any, in the order in which they are read.

    Of any other file none. It may raise anything on a damaged one, so read that as a shape first.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("glb", "gltf"):
        return []
    document = unpack(data)[0] if kind == "glb" else json.loads(data)
    if kind == "glb" and is_own(document):
        return own_nodes(document)
    return [(node, count) for node, _, count in _scene(data, kind, path, document).names]


def _load(data: bytes, kind: str, files: dict[str, bytes], **options: Any) -> Any:
    """trimesh's scene of the bytes: nothing merged, no textures, no file read but the ones given by name."""
    import trimesh

    return trimesh.load_scene(
        io.BytesIO(data), file_type=kind, resolver=files, process=False, skip_materials=True, **options
    )


class _Flat(NamedTuple):
    """A scene in world space; `names` holds (node, geometry, face count) of every mesh."""

    vertices: Float32[np.ndarray, "V 3"]
    faces: Int64[np.ndarray, "F 3"]
    points: Float32[np.ndarray, "N 3"]
    names: list[tuple[str, str, int]]


def _flatten(scene: Any) -> _Flat:
    """Vertices, faces and loose points of a trimesh scene, meshes in the file's order."""
    order = {name: i for i, name in enumerate(scene.geometry)}
    placed = [(node, *scene.graph[node]) for node in scene.graph.nodes_geometry]
    vertices, points, faces, names, offset = [np.zeros((0, 3))], [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], [], 0
    for node, matrix, key in sorted(placed, key=lambda row: order[row[2]]):
        geometry = scene.geometry[key]
        world = np.asarray(geometry.vertices, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        if not len(getattr(geometry, "faces", ())):
            points.append(world)
            continue
        flip = -1 if np.linalg.det(matrix[:3, :3]) < 0 else 1  # a mirrored part must still face outwards
        rows = np.asarray(geometry.faces, np.int64)[:, ::flip]
        if rows.min() < 0 or rows.max() >= len(world):
            raise InputError(f"has a face that refers to a vertex outside 0..{len(world) - 1}")
        faces.append(rows + offset)
        vertices.append(world)
        names.append((str(node), str(key), len(rows)))
        offset += len(world)
    clouds = np.concatenate(points).astype(np.float32)
    return _Flat(np.concatenate(vertices).astype(np.float32), np.concatenate(faces), clouds, names)


def _read_npz(data: bytes, path: Path, category: str) -> Shape:
    """Arrays `points` [`normals`, `labels`] and/or `vertices`, `faces` [`face_labels`]."""
    arrays = read_arrays(data, ("points", "normals", "labels", "vertices", "faces", "face_labels"))
    for key, array in arrays.items():
        rows = array.ndim == 1 if "labels" in key else array.ndim == 2 and array.shape[1] == 3
        if not rows or (key == "faces" and array.dtype.kind == "f"):
            raise InputError(f"array `{key}` has shape {array.shape} and type {array.dtype}; see docs for the layout")
    if not {"points", "vertices"} & arrays.keys():
        raise InputError("has no array `points` or `vertices`")
    if ("vertices" in arrays) != ("faces" in arrays):
        raise InputError("needs both `vertices` and `faces` for a mesh; a cloud is called `points`")
    fields: dict[str, np.ndarray | None] = {
        key: arrays[key].astype(np.float32) if key in arrays else None for key in ("points", "normals", "vertices")
    }
    fields["faces"] = arrays["faces"].astype(np.int64) if "faces" in arrays else None
    for field, key in (("point_labels", "labels"), ("face_labels", "face_labels")):
        fields[field] = whole_labels(arrays[key]) if key in arrays else None
    return build(slug(path.stem), category, fields)


READERS: dict[str, Callable[[bytes, Path, str], Shape]] = {
    ".glb": _read_glb, ".gltf": _read_gltf, ".obj": _read_obj, ".ply": _read_ply, ".stl": _read_stl, ".off": _read_off,
    ".npz": _read_npz,
}  # fmt: skip
