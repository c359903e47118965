"""GLB 2.0 as gen3d writes it: one vertex buffer, one node per part; exact, deterministic and fast enough for shards.

Layout: every part is a node, a mesh and one primitive of its own, named after the part; all of them index one shared
position accessor, so vertices come back bit-equal and in order. Faces come back grouped by label (ascending,
unlabelled last), in the given order within a group. Points are one POINTS node, with labels in the `_PART` attribute.
Own colours of vertices and points are in `_RGB`; what a viewer shows are the labels' colours, else the own ones.
Source of the format: Khronos glTF 2.0 specification, sections 3.6, 3.7 and 4.4.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, Int16, Int64, UInt8

from gen3d.categories import CATEGORIES
from gen3d.colors import part_color
from gen3d.errors import InputError, SettingsError
from gen3d.shape import UNLABELLED, Shape

GENERATOR = "gen3d"
UNLABELLED_NODE = "unlabelled"
_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_FLOAT, _UINT32, _UINT8 = 5126, 5125, 5121
_DTYPES = {_FLOAT: np.dtype("<f4"), _UINT32: np.dtype("<u4"), _UINT8: np.dtype("u1")}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
_POINTS, _TRIANGLES = 0, 4


# --- part names ---------------------------------------------------------------------------------------------------


def part_name(label: int, parts: tuple[str, ...]) -> str:
    """Node name of a part index; "part 7" where the table has no name for it, "unlabelled" for -1."""
    if label < 0:
        return UNLABELLED_NODE
    return parts[label] if label < len(parts) else f"part {label}"


def part_label(name: str, category: str) -> int | None:
    """Part index of a node or geometry name ("leg", "legs", "leg_2"), -1 for "unlabelled"; None for any other."""
    if name == UNLABELLED_NODE:
        return UNLABELLED
    if category not in CATEGORIES:
        return None
    for word in (name, re.sub(r"[ ._-]*[0-9]+$", "", name)):  # programs number nodes that share a name
        try:
            return CATEGORIES[category].part_index(word)
        except SettingsError:
            continue
    return None


# --- writing ------------------------------------------------------------------------------------------------------


class _Buffer:
    """The binary chunk and the glTF tables that describe it, filled side by side."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, array: np.ndarray, target: int) -> int:
        """Append a C-contiguous array of 4-byte rows as a buffer view; its index."""
        data = array.tobytes()
        self.views.append({"buffer": 0, "byteOffset": self.size, "byteLength": len(data), "target": target})
        self.chunks.append(data)
        self.size += len(data)
        return len(self.views) - 1

    def accessor(self, view: int, kind: int, width: str, count: int, **extra: Any) -> int:
        """Describe part of a view as an array; its index."""
        self.accessors.append({"bufferView": view, "componentType": kind, "type": width, "count": count, **extra})
        return len(self.accessors) - 1

    def positions(self, array: Float32[np.ndarray, "K 3"]) -> int:
        """Append positions with the bounds the specification asks for; the accessor's index."""
        bounds = {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        return self.accessor(self.view(array, 34962), _FLOAT, "VEC3", len(array), **bounds)


def glb_bytes(shape: Shape, parts: tuple[str, ...] | None = None) -> bytes:
    """The shape as a GLB file; the same shape gives the same bytes.

    Args:
        shape: mesh, points or both; vertices are kept bit for bit, also those no face uses.
        parts: node names in label order; the category's own where None.

    Raises:
        InputError: nothing to write, or a position that is not finite.
    """
    if parts is None:
        parts = CATEGORIES[shape.category].parts if shape.category in CATEGORIES else ()
    buffer = _Buffer()
    nodes: list[dict[str, Any]] = []
    meshes: list[dict[str, Any]] = []
    materials: list[dict[str, Any]] = []
    if shape.has_mesh:
        for label, primitive in _mesh_primitives(shape, buffer):
            name = "mesh" if shape.face_labels is None else part_name(label, parts)
            own = shape.face_labels is None and shape.vertex_colors is not None
            materials.append(_material(name, None if own else label))
            meshes.append({"name": name, "primitives": [{**primitive, "material": len(materials) - 1}]})
            nodes.append({"name": name, "mesh": len(meshes) - 1})
    if shape.points is not None and len(shape.points):
        meshes.append({"name": "points", "primitives": [_points_primitive(shape, buffer)]})
        nodes.append({"name": "points", "mesh": len(meshes) - 1})
    if not nodes:
        raise InputError(f"{shape.id}: has neither faces nor points to write")
    document = {
        "asset": {"version": "2.0", "generator": GENERATOR, "extras": {"category": shape.category}},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": meshes,
        **({"materials": materials} if materials else {}),  # the schema forbids empty arrays
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": buffer.size}],
    }
    return _pack(document, b"".join(buffer.chunks))


def _mesh_primitives(shape: Shape, buffer: _Buffer) -> list[tuple[int, dict[str, Any]]]:
    """Label and primitive of every part present, ascending, unlabelled last."""
    vertices, faces = shape.mesh
    order, starts = _grouped(np.zeros(len(faces), np.int16) if shape.face_labels is None else shape.face_labels)
    rows = faces if order is None else faces[order]
    attributes = {"POSITION": buffer.positions(_finite(shape.id, vertices))}
    if shape.vertex_colors is not None:
        attributes |= _own_colors(shape.vertex_colors, buffer, shown=shape.face_labels is None)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError(f"{shape.id}: a face refers to a vertex that does not exist")
    view = buffer.view(rows.astype("<u4"), 34963)
    result = []
    for label, start, stop in starts:
        index = buffer.accessor(view, _UINT32, "SCALAR", 3 * (stop - start), byteOffset=12 * start)
        result.append((label, {"attributes": attributes, "indices": index, "mode": _TRIANGLES}))
    return result


def _grouped(labels: Int[np.ndarray, " F"]) -> tuple[Int64[np.ndarray, " F"] | None, list[tuple[int, int, int]]]:
    """Stable order by label with unlabelled last (None where it already is so), and (label, start, stop) runs."""
    key = labels.astype(np.int32)
    key[key < 0] = 1 << 15  # past every int16
    order = None if (key[1:] >= key[:-1]).all() else np.argsort(key, kind="stable")
    ordered = key if order is None else key[order]
    cuts = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(ordered)]
    runs = zip(cuts[:-1], cuts[1:], strict=True)
    return order, [(UNLABELLED if ordered[a] == 1 << 15 else int(ordered[a]), a, b) for a, b in runs]


def grouped_faces(shape: Shape) -> Shape:
    """The mesh with its faces in the order a GLB keeps them: by label, unlabelled last."""
    if shape.faces is None or shape.face_labels is None:
        return shape
    order, _ = _grouped(shape.face_labels)
    return shape if order is None else replace(shape, faces=shape.faces[order], face_labels=shape.face_labels[order])


def _points_primitive(shape: Shape, buffer: _Buffer) -> dict[str, Any]:
    """POINTS primitive with positions, normals, labels and their colours."""
    assert shape.points is not None
    count = len(shape.points)
    attributes = {"POSITION": buffer.positions(_finite(shape.id, shape.points))}
    if shape.normals is not None:
        normals = _finite(shape.id, shape.normals)
        attributes["NORMAL"] = buffer.accessor(buffer.view(normals, 34962), _FLOAT, "VEC3", count)
    if shape.point_labels is not None:
        view = buffer.view(shape.point_labels.astype("<f4"), 34962)  # floats are exact for int16
        attributes["_PART"] = buffer.accessor(view, _FLOAT, "SCALAR", count)
        view = buffer.view(label_colors(shape.point_labels, alpha=True), 34962)
        attributes["COLOR_0"] = buffer.accessor(view, _UINT8, "VEC4", count, normalized=True)
    if shape.point_colors is not None:
        attributes |= _own_colors(shape.point_colors, buffer, shown="COLOR_0" not in attributes)
    return {"attributes": attributes, "mode": _POINTS}


def _own_colors(colors: UInt8[np.ndarray, "K 3"], buffer: _Buffer, shown: bool) -> dict[str, int]:
    """Attributes that keep the colours, and show them."""
    view = buffer.view(np.pad(colors, ((0, 0), (0, 1)), constant_values=255), 34962)
    kept = buffer.accessor(view, _UINT8, "VEC4", len(colors), normalized=True)
    return {"_RGB": kept} | ({"COLOR_0": kept} if shown else {})


def label_colors(labels: Int[np.ndarray, " N"], alpha: bool = False) -> np.ndarray:
    """(N, 3) or (N, 4) uint8 colour of every label."""
    values, inverse = np.unique(labels, return_inverse=True)
    table = np.array([[*part_color(int(v)), 255] for v in values], np.uint8).reshape(-1, 4)
    return np.ascontiguousarray(table[inverse, : 4 if alpha else 3])


def _finite(name: str, array: np.ndarray) -> Float32[np.ndarray, "K 3"]:
    """The rows as little-endian float32. Raises InputError where one is not finite."""
    rows = np.ascontiguousarray(array, "<f4")
    if not np.isfinite(rows).all():
        raise InputError(f"{name}: has positions that are not finite (NaN or Inf)")
    return rows


def _material(name: str, label: int | None) -> dict[str, Any]:
    """Matt, two-sided material in the part's colour; glTF factors are linear, the palette is sRGB (IEC 61966-2-1).

    White without a label: the vertices' colours are multiplied by it.
    """
    srgb = np.ones(3) if label is None else part_color(label if name != "mesh" else UNLABELLED) / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    surface = {"baseColorFactor": [*linear.round(6).tolist(), 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.8}
    return {"name": name, "pbrMetallicRoughness": surface, "doubleSided": True}


def _pack(document: dict[str, Any], binary: bytes) -> bytes:
    """Header and the two chunks, each padded to four bytes."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    head = struct.pack("<5I", _MAGIC, 2, 28 + len(text) + len(binary), len(text), _JSON)
    return b"".join([head, text, struct.pack("<2I", len(binary), _BIN), binary])


# --- reading ------------------------------------------------------------------------------------------------------


def unpack(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """JSON document and binary chunk of any GLB. Raises InputError (reason only) where the container is broken."""
    if len(data) < 20:
        raise InputError("is too short for a GLB file")
    magic, version, length, size, kind = struct.unpack_from("<5I", data)
    if magic != _MAGIC or kind != _JSON:
        raise InputError("is not a GLB file")
    if version != 2:
        raise InputError(f"is glTF version {version}; only version 2 can be read")
    if length != len(data) or 20 + size > length:
        raise InputError(f"is truncated or damaged: the header says {length} bytes, the file has {len(data)}")
    document = json.loads(data[20 : 20 + size])
    if not isinstance(document, dict):
        raise InputError("has no glTF document")
    start = 20 + size
    if start + 8 > length:
        return document, memoryview(b"")
    size, kind = struct.unpack_from("<2I", data, start)
    if start + 8 + size > length:
        raise InputError("is truncated or damaged: its binary chunk is cut off")
    return document, memoryview(data)[start + 8 : start + 8 + size] if kind == _BIN else memoryview(b"")


def is_own(document: dict[str, Any]) -> bool:
    """Whether gen3d wrote this document."""
    asset = document.get("asset")
    return isinstance(asset, dict) and asset.get("generator") == GENERATOR


def decode(document: dict[str, Any], binary: memoryview, id: str, category: str, meta: dict[str, Any]) -> Shape:
    """The shape of a document that `is_own`. May raise anything on damaged ones: callers turn it into InputError."""
    if category == "unknown":
        category = str(document["asset"].get("extras", {}).get("category", category))
    faces: list[np.ndarray] = []
    labels: list[int | None] = []
    used: dict[str, np.ndarray | None] = {}
    position = None
    for index in document["scenes"][document["scene"]]["nodes"]:
        node = document["nodes"][index]
        (primitive,) = document["meshes"][node["mesh"]]["primitives"]
        if primitive["mode"] == _POINTS:
            used |= _read_points(document, binary, primitive["attributes"])
            continue
        if position not in (None, primitive["attributes"]["POSITION"]):
            raise InputError("is damaged: its parts do not share their vertices")
        position = primitive["attributes"]["POSITION"]
        used |= _read_colors(document, binary, primitive["attributes"], "vertex_colors")
        faces.append(_array(document, binary, primitive["indices"], np.uint32, 1).reshape(-1, 3))
        numbered = re.fullmatch(r"part ([0-9]{1,5})", node["name"])
        labels.append(int(numbered[1]) if numbered else part_label(node["name"], category))
    if position is not None:
        used["vertices"] = _array(document, binary, position, np.float32, 3).copy()
        used["faces"] = np.concatenate(faces).astype(np.int64)
        used["face_labels"] = spread(labels, [len(f) for f in faces])
    return build(id, category, used, meta)


def own_nodes(document: dict[str, Any]) -> list[tuple[str, int]]:
    """Name and number of faces of the nodes of a document that `decode` reads, in its order; not those of points."""
    nodes = [document["nodes"][index] for index in document["scenes"][document["scene"]]["nodes"]]
    named = [(node["name"], document["meshes"][node["mesh"]]["primitives"][0]) for node in nodes]
    count = document["accessors"]
    return [(name, count[one["indices"]]["count"] // 3) for name, one in named if one["mode"] != _POINTS]


def build(id: str, category: str, arrays: dict[str, np.ndarray | None], meta: dict[str, Any] | None = None) -> Shape:
    """A Shape of arrays from a file. Raises InputError (reason only) where their lengths don't go together."""
    cloud = ("point_labels", "normals", "point_colors")
    for rows, others in (("faces", ("face_labels",)), ("vertices", ("vertex_colors",)), ("points", cloud)):
        base = arrays.get(rows)
        for array in map(arrays.get, others):
            if array is not None and (base is None or len(array) != len(base)):
                raise InputError(f"has another number of {' or '.join(others)} than of {rows}")
    return Shape(id, category, **arrays, meta=meta or {})


def spread(labels: list[int | None], counts: list[int]) -> Int16[np.ndarray, " F"] | None:
    """One label per face from one per node; None where a node is no part, or none is one."""
    known = [label for label in labels if label is not None]
    if not known or len(known) < len(labels):
        return None
    return np.repeat(np.array(known, np.int16), counts)


def _read_points(document: dict[str, Any], binary: memoryview, attributes: dict[str, int]) -> dict[str, np.ndarray]:
    """Shape fields of a POINTS primitive."""
    used = {"points": _array(document, binary, attributes["POSITION"], np.float32, 3).copy()}
    if "NORMAL" in attributes:
        used["normals"] = _array(document, binary, attributes["NORMAL"], np.float32, 3).copy()
    if "_PART" in attributes:
        used["point_labels"] = whole_labels(_array(document, binary, attributes["_PART"], np.float32, 1)[:, 0])
    return used | _read_colors(document, binary, attributes, "point_colors")


def _read_colors(document: dict[str, Any], binary: memoryview, attributes: dict[str, int], field: str) -> dict:
    """The field of a shape that holds own colours; nothing where there are none."""
    if "_RGB" not in attributes:
        return {}
    return {field: _array(document, binary, attributes["_RGB"], np.uint8, 4)[:, :3].copy()}


def whole_labels(values: np.ndarray) -> Int16[np.ndarray, " N"]:
    """Labels as int16. Raises InputError (reason only) for anything that is not a whole number from -1 to 32767."""
    labels = np.asarray(values)
    if labels.dtype.kind not in "iuf" or not ((labels >= -1) & (labels <= 32767) & (labels == np.floor(labels))).all():
        raise InputError("has labels that are not part indices (whole numbers from -1 = unlabelled to 32767)")
    return labels.astype(np.int16)


def _array(document: dict[str, Any], binary: memoryview, index: int, dtype: type, width: int) -> np.ndarray:
    """(count, width) view of an accessor, with every bound checked."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    kind = _DTYPES[accessor["componentType"]]
    count, offset = accessor["count"], accessor.get("byteOffset", 0)
    if kind != dtype or _WIDTHS[accessor["type"]] != width or count < 0 or offset < 0 or index < 0:
        raise InputError("is damaged: an array has an unexpected type")
    end = offset + count * width * kind.itemsize
    if end > view["byteLength"] or view["byteOffset"] < 0 or view["byteOffset"] + end > len(binary):
        raise InputError("is damaged: an array reaches past the end of the file")
    return np.frombuffer(binary, kind, count * width, view["byteOffset"] + offset).reshape(count, width)
