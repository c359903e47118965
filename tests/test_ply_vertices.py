"""Vertices of PLY files: the same in all three forms, and as trimesh reads them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from gen3d.errors import InputError
from gen3d.ply_vertices import read_vertices

TYPES = {"double": "f8", "float": "f4", "uchar": "u1", "int": "i4"}
FIELDS = (("x", "double"), ("y", "double"), ("z", "float"), ("red", "uchar"), ("green", "uchar"), ("blue", "uchar"))


def table(count: int, seed: int) -> np.ndarray:
    """Rows of numbers of every type."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, [(name, TYPES[kind]) for name, kind in FIELDS])
    for name, kind in FIELDS:
        rows[name] = rng.integers(0, 256, count) if kind == "uchar" else rng.normal(size=count).astype(TYPES[kind])
    return rows


def ply(rows: np.ndarray, form: str, more: bytes = b"") -> bytes:
    """A PLY file of one of the three forms, with an element of faces behind the vertices."""
    properties = "".join(f"property {kind} {name}\n" for name, kind in FIELDS)
    faces = "element face 0\nproperty list uchar int vertex_indices\n"
    head = f"ply\nformat {form} 1.0\ncomment ours\nelement vertex {len(rows)}\n{properties}{faces}end_header\n"
    if form == "ascii":
        body = "".join(" ".join(repr(value) for value in row) + "\n" for row in rows.tolist()).encode()
    else:
        body = rows.astype(rows.dtype.newbyteorder("<" if "little" in form else ">")).tobytes()
    return head.encode() + body + more


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_all_forms_are_the_same_and_as_trimesh_reads_them(count: int, seed: int) -> None:
    rows = table(count, seed)
    for form in ("ascii", "binary_little_endian", "binary_big_endian"):
        columns = read_vertices(ply(rows, form, b"more"))
        assert list(columns) == [name for name, _ in FIELDS]
        for name in columns:
            np.testing.assert_array_equal(columns[name], rows[name])
    cloud: Any = trimesh.load(io.BytesIO(ply(rows, "binary_little_endian")), file_type="ply")
    np.testing.assert_array_equal(cloud.vertices, np.stack([rows[axis] for axis in "xyz"], 1))
    np.testing.assert_array_equal(cloud.colors[:, :3], np.stack([rows[c] for c in ("red", "green", "blue")], 1))


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_cut_off_anywhere_is_an_error(form: str) -> None:
    whole = ply(table(4, 0), form)
    rows_end = len(whole) - (2 if form == "ascii" else 1)  # a text may lose the last line's end, or a digit of it
    for length in range(0, rows_end - 4):
        with pytest.raises((InputError, ValueError, LookupError)):
            read_vertices(whole[:length])


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"solid\n", "no PLY file"),
        (b"ply\nformat ascii 1.0\nend_header\n", "no vertices"),
        (b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n", "no vertices"),
        (b"ply\nformat ascii 1.0\nelement face 1\nproperty float x\nend_header\n0\n", "no vertices"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty list uchar int x\nend_header\n0\n", "lists"),
        (b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nend_header\n0\n", "should have 2 vertices"),
        (
            b"ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\nend_header\n0000000",
            "2 vertices",
        ),
    ],
)
def test_files_without_vertices(head: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_vertices(head)
