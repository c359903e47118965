"""What a glTF document may ask for, checked before trimesh reads it: sizes, instances, nesting, references.

Functions raise InputError with the reason only, or anything at all on documents that are damaged; `gen3d.mesh_io` names
the file and turns the rest into InputError.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gen3d.errors import InputError

MAX_BYTES = 1 << 30  # of all files that a document refers to
SMALL = 10_000_000  # vertices and corners that any scene may unfold to
MAX_NODES = 100_000
MAX_DEPTH = 1000
MAX_STEPS = 400_000  # from the root to every mesh, all added up: each costs trimesh a matrix product


def buffers(document: dict[str, Any], path: Path) -> dict[str, bytes]:
    """The files that a document's buffers refer to, by the name it has for them; no other reference is ever followed.

    They must be plain files inside the document's folder, also after symbolic links.
    """
    folder, found, total = path.resolve().parent, {}, 0
    for buffer in document.get("buffers", []):
        uri = buffer.get("uri", "data:")
        if uri in found or uri.startswith("data:"):
            continue
        file = _inside(folder, uri)
        total += file.stat().st_size
        if total > MAX_BYTES:
            raise InputError(f"its buffers hold more than {MAX_BYTES >> 20} MiB; simplify it first")
        found[uri] = file.read_bytes()
    return found


def _inside(folder: Path, uri: str) -> Path:
    """The plain file of that name in the folder or below."""
    shown = "".join(c if c.isprintable() else "?" for c in uri)[:100]
    if "://" in uri or "\0" in uri:
        raise InputError(f"refers to {shown!r}; only files in its own folder are read")
    for name in (uri, unquote(uri)):  # the specification wants spaces as %20, not every program cares
        file = (folder / name).resolve()
        if not file.is_relative_to(folder):
            raise InputError(f"refers to {shown!r} outside its folder; copy that file beside it")
        if file.is_file():
            return file
    raise InputError(f"refers to {shown!r}, which is not there; copy that file beside it")


def check_document(document: dict[str, Any], size: int) -> None:
    """Raise InputError for what trimesh would fill with zeros instead of refusing, or unfold beyond all measure.

    Args:
        document: glTF 2.0.
        size: bytes of the file and of all buffers: a scene may unfold to as many vertices, or to `SMALL`.
    """
    views = document.get("bufferViews", [])
    for extension in document.get("extensionsRequired", []):
        if re.search("draco|meshopt", str(extension)):
            raise InputError(
                f"is compressed with {' '.join(str(extension).split())[:80]}; export it without compression"
            )
    for accessor in document.get("accessors", []):
        if "bufferView" not in accessor or "sparse" in accessor:
            raise InputError("has compressed or sparse arrays; export it without compression")
        if not 0 <= accessor["count"] <= views[accessor["bufferView"]]["byteLength"]:
            raise InputError("is damaged: an array reaches past the end of its buffer")
    rows = [sum(_rows(document, p) for p in mesh["primitives"]) for mesh in document.get("meshes", [])]
    nodes = document.get("nodes", [])
    if len(nodes) > MAX_NODES or len(rows) > MAX_NODES:
        raise InputError(f"has more than {MAX_NODES} nodes or meshes; simplify it first")
    placed = [node["mesh"] for node in nodes if "mesh" in node]
    total = sum(a["count"] for a in document.get("accessors", [])) + sum(rows) + sum(rows[mesh] for mesh in placed)
    if total > max(SMALL, 2 * size):
        raise InputError(f"unfolds to {total} vertices and corners; simplify it first")
    _check_nesting(document, nodes)


def _rows(document: dict[str, Any], primitive: dict[str, Any]) -> int:
    """Vertices and corners of a primitive; every corner of a strip starts a triangle."""
    accessors = document["accessors"]
    vertices = accessors[primitive["attributes"]["POSITION"]]["count"]
    corners = accessors[primitive["indices"]]["count"] if "indices" in primitive else vertices
    return vertices + corners * (3 if primitive.get("mode", 4) > 4 else 1)


def _check_nesting(document: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    """Raise InputError where meshes lie so deep in the tree of nodes that placing them would take minutes."""
    index = document.get("scene", 0)
    front = document["scenes"][index].get("nodes", []) if document.get("scenes") else []
    depth, steps, edges = 1, 0, 0
    while front:
        children = [nodes[i].get("children", []) for i in front]
        edges += sum(map(len, children)) + 1
        steps += depth * sum("mesh" in nodes[i] for i in front)
        if depth > MAX_DEPTH or steps > MAX_STEPS or edges > MAX_STEPS:
            raise InputError("nests its nodes too deep, or in a circle; flatten it first")
        front = [child for some in children for child in some]
        depth += 1
