"""The vertices of a PLY file as columns of single values: what a coloured cloud needs, and no more of the file."""

from __future__ import annotations

import io

import numpy as np

from gen3d.errors import InputError
from gen3d.ply_polygons import Element, read_elements, read_header

_ORDERS = {b"ascii": "<", b"binary_little_endian": "<", b"binary_big_endian": ">"}


def read_vertices(data: bytes) -> dict[str, np.ndarray]:
    """The single values of every vertex by name, (n,) each, in the file's types. Vertices must come first in the file.

    Raises:
        InputError: (reason only) no PLY file, one without vertices, or one that ends before its last vertex.
        Exception: whatever a header that is none leads to; callers turn it into InputError.
    """
    if not data.startswith(b"ply"):
        raise InputError("is no PLY file")
    head, start = read_header(data)
    form = next((line.split()[1] for line in head if line.startswith(b"format")), b"")
    elements = read_elements(head, _ORDERS[form])
    if not elements or elements[0].name != "vertex" or elements[0].rows < 1:
        raise InputError("has no vertices")
    if any(p.count is not None for p in elements[0].properties):
        raise InputError("has lists in its vertices")
    table = (_text if form == b"ascii" else _binary)(data, start, elements[0])
    return {name: table[name] for name in table.dtype.names or ()}


def _row(vertex: Element) -> np.dtype:
    return np.dtype([(p.name, p.item) for p in vertex.properties])


def _binary(data: bytes, start: int, vertex: Element) -> np.ndarray:
    """The rows as they lie in the file."""
    if len(data) - start < vertex.rows * _row(vertex).itemsize:
        raise InputError(f"is truncated or damaged: it should have {vertex.rows} vertices")
    return np.frombuffer(data, _row(vertex), vertex.rows, start)


def _text(data: bytes, start: int, vertex: Element) -> np.ndarray:
    """The rows of a file in text."""
    lines = data[start:].splitlines()[: vertex.rows]
    if len(lines) < vertex.rows:
        raise InputError(f"is truncated or damaged: it should have {vertex.rows} vertices")
    return np.loadtxt(io.BytesIO(b"\n".join(lines)), _row(vertex), ndmin=1)
