"""Triangles in place of the polygons of binary PLY files: trimesh refuses those of different numbers of corners."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gen3d.errors import InputError

_PLAIN = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4"}
_SIZED = {"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4", "float32": "f4"}
_TYPES = _PLAIN | _SIZED | {"double": "f8", "float64": "f8"}
_CORNERS = ("vertex_indices", "vertex_index")


class Property(NamedTuple):
    """One of a row's values; `count` is the type of a list's length; None for a single value."""

    name: str
    count: np.dtype | None
    item: np.dtype


class Element(NamedTuple):
    """A table of rows, such as "vertex"."""

    name: str
    rows: int
    properties: list[Property]


def triangulated(data: bytes) -> bytes:
    """A binary PLY file with every polygon as a fan of triangles that keep its single values, such as a label.

    Files in text, and those whose faces are all triangles or all quads, are given back as they are.

    Raises:
        InputError: (reason only) the faces go beyond the file's end.
        Exception: whatever a header that is none leads to; callers turn it into InputError.
    """
    head, end = read_header(data)
    order = {b"binary_little_endian": "<", b"binary_big_endian": ">"}.get(head[1].split()[1])
    elements = read_elements(head, order or "<")
    at = next((i for i, element in enumerate(elements) if element.name == "face"), None)
    if order is None or at is None or any(p.count is not None for e in elements[:at] for p in e.properties):
        return data
    start = end + sum(e.rows * sum(p.item.itemsize for p in e.properties) for e in elements[:at])
    face = elements[at]
    if _uniform(data, start, face):
        return data
    body, stop, count = _fans(data, start, face)
    return b"\n".join(_new_head(head, face, count)) + b"\n" + data[end:start] + body + data[stop:]


def read_header(data: bytes) -> tuple[list[bytes], int]:
    """The header's lines, `end_header` included, and where the rows start."""
    mark = data.index(b"end_header")
    end = data.index(b"\n", mark) + 1
    return [line.strip() for line in data[:end].splitlines()], end


def read_elements(head: list[bytes], order: str) -> list[Element]:
    """The tables that a header announces, their values in byte order `order`."""
    elements: list[Element] = []
    for words in (line.decode("ascii", "replace").split() for line in head):
        if words[:1] == ["element"]:
            elements.append(Element(words[1], int(words[2]), []))
        elif words[:2] == ["property", "list"]:
            count, item = (np.dtype(order + _TYPES[word]) for word in words[2:4])
            elements[-1].properties.append(Property(words[4], count, item))
        elif words[:1] == ["property"]:
            elements[-1].properties.append(Property(words[2], None, np.dtype(order + _TYPES[words[1]])))
    return elements


def _uniform(data: bytes, start: int, face: Element) -> bool:
    """Whether all faces are triangles, or all quads: what trimesh reads."""
    lists = [p for p in face.properties if p.count is not None]
    if len(lists) != 1 or lists[0] is not face.properties[0] or not face.rows:
        return not lists or not face.rows
    count = face.properties[0].count
    corners = int(np.frombuffer(data[start : start + 8], count, 1)[0])
    row = np.dtype([("n", count), ("i", lists[0].item, (corners,))] + [(p.name, p.item) for p in face.properties[1:]])
    if corners not in (3, 4) or len(data) < start + row.itemsize * face.rows:
        return False
    return bool((np.frombuffer(data, row, face.rows, start)["n"] == corners).all())


def _fans(data: bytes, at: int, face: Element) -> tuple[bytes, int, int]:
    """Rows of triangles (corners as int32, then the single values), where the old rows end, and how many are new."""
    rows: list[bytes] = []
    order = (
        ">" if any(p.item.byteorder == ">" or (p.count or p.item).byteorder == ">" for p in face.properties) else "<"
    )
    three = np.array(3, "u1").tobytes()
    for _ in range(face.rows):
        corners, single = np.zeros(0, order + "i4"), b""
        for name, count, item in face.properties:
            length = 1
            if count is not None:
                length, at = int(np.frombuffer(_piece(data, at, count.itemsize), count)[0]), at + count.itemsize
            piece, at = _piece(data, at, length * item.itemsize), at + length * item.itemsize
            if count is None:
                single += piece
            elif name in _CORNERS:
                corners = np.frombuffer(piece, item).astype(order + "i4")
        rows += [three + corners[[0, i, i + 1]].tobytes() + single for i in range(1, len(corners) - 1)]
    return b"".join(rows), at, len(rows)


def _piece(data: bytes, at: int, size: int) -> bytes:
    """Bytes of the file. Raises InputError where it ends before, or a length is below zero."""
    if size < 0 or at + size > len(data):
        raise InputError("is truncated or damaged: its faces go beyond the end of the file")
    return data[at : at + size]


def _new_head(head: list[bytes], face: Element, count: int) -> list[bytes]:
    """The header with `count` triangles in place of the faces; lists other than their corners are gone."""
    lines, inside = [], False
    for line in head:
        if line.startswith(b"element"):
            inside = line.split()[1] == b"face"
            line = b"element face %d\nproperty list uchar int vertex_indices" % count if inside else line
        elif inside and line.startswith(b"property list"):
            continue
        lines.append(line)
    return lines
