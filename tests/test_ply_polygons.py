"""Binary PLY files with polygons of any kind read as the same files in text do."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from sample_shapes import survives

from gen3d.mesh_io import read_shape

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 1.5, 1], [0.5, 0.5, 2]], np.float32)
MIXED = [([0, 1, 2], 0), ([0, 1, 2, 3], 1), ([0, 1, 2, 4, 3], 2), ([5, 0, 1], 3)]
FANS = [[0, 1, 2], [0, 1, 2], [0, 2, 3], [0, 1, 2], [0, 2, 4], [0, 4, 3], [5, 0, 1]]


def ply(faces: list[tuple[list[int], int]], order: str, extra: bool = False) -> bytes:
    """A binary PLY of `CORNERS` and labelled polygons; `extra` adds another list and an element of edges."""
    name = {"<": "little", ">": "big"}[order]
    head = f"ply\nformat binary_{name}_endian 1.0\ncomment made by hand\nelement vertex {len(CORNERS)}\n"
    head += "property float x\nproperty float y\nproperty float z\n"
    head += f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
    head += ("property list uchar float texcoord\n" if extra else "") + "property int label\n"
    head += ("element edge 1\nproperty int vertex1\nproperty int vertex2\n" if extra else "") + "end_header\n"
    body = CORNERS.astype(order + "f4").tobytes()
    for corners, label in faces:
        body += struct.pack(f"{order}B{len(corners)}i", len(corners), *corners)
        body += (
            struct.pack(f"{order}B{2 * len(corners)}f", 2 * len(corners), *[0.5] * 2 * len(corners)) if extra else b""
        )
        body += struct.pack(f"{order}i", label)
    return head.encode() + body + (struct.pack(f"{order}2i", 0, 1) if extra else b"")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("extra", [False, True])
def test_mixed_polygons_become_fans_that_keep_their_label(tmp_path: Path, order: str, extra: bool) -> None:
    path = tmp_path / "mixed.ply"
    path.write_bytes(ply(MIXED, order, extra))
    shape = read_shape(path, "chair")
    np.testing.assert_array_equal(shape.mesh[0], CORNERS)
    np.testing.assert_array_equal(shape.mesh[1], FANS)
    np.testing.assert_array_equal(shape.face_labels, [0, 1, 1, 2, 2, 2, 3])


@pytest.mark.parametrize("sides", [3, 4, 5])
def test_polygons_of_one_kind_read_the_same_way(tmp_path: Path, sides: int) -> None:
    path = tmp_path / "even.ply"
    path.write_bytes(ply([([0, 1, 2, 3, 4][:sides], 1), ([1, 2, 3, 4, 5][:sides], 2)], "<"))
    shape = read_shape(path, "chair")
    fans = [[k, k + i, k + i + 1] for k in (0, 1) for i in range(1, sides - 1)]
    np.testing.assert_array_equal([np.roll(face, -face.argmin()) for face in shape.mesh[1]], fans)  # from any corner
    np.testing.assert_array_equal(shape.face_labels, np.repeat([1, 2], sides - 2))


def test_every_shortened_or_changed_file_is_refused_in_one_line_or_sound(tmp_path: Path) -> None:
    whole, path = ply(MIXED, "<", True), tmp_path / "cut.ply"
    for size in range(len(whole) - 8):
        path.write_bytes(whole[:size])
        assert not survives(path) or size > len(ply(MIXED, "<")), size
    rng = np.random.default_rng(0)
    for _ in range(200):
        changed = bytearray(whole)
        changed[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        survives(path)
