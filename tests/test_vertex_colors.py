"""Colours of a mesh's vertices: kept by a GLB to the last bit, and with their vertices through every step."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from sample_shapes import assert_same, random_mesh

from gen3d.collection import shape_members, shape_of
from gen3d.errors import InputError
from gen3d.glb import build, glb_bytes, grouped_faces
from gen3d.mesh_io import read_shape, shape_from_glb
from gen3d.parts_io import write_parts
from gen3d.shape import Shape


def colors_of(vertices: np.ndarray) -> np.ndarray:
    """Every vertex's colour follows from its place."""
    return np.frombuffer(vertices.astype(np.float32).tobytes(), np.uint8).reshape(len(vertices), 12)[:, 1:4].copy()


def coloured(seed: int, labelled: bool) -> Shape:
    shape = random_mesh(seed, labelled)
    assert shape.vertices is not None
    return replace(shape, vertex_colors=colors_of(shape.vertices))


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_glb_keeps_colours_and_shows_labels_first(labelled: bool, seed: int) -> None:
    shape = coloured(seed, labelled)
    data = glb_bytes(shape)
    assert_same(shape_from_glb(data, "mesh", "chair", {}), grouped_faces(shape))
    found = shape_of("mesh", {name.split(".")[1]: part for name, part in shape_members(shape)})
    assert_same(found, grouped_faces(shape))
    document = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    for mesh, material in zip(document["meshes"], document["materials"], strict=True):
        (primitive,) = mesh["primitives"]
        assert ("COLOR_0" in primitive["attributes"]) is not labelled
        white = material["pbrMetallicRoughness"]["baseColorFactor"] == [1, 1, 1, 1]
        assert white is not labelled  # a viewer multiplies both


def test_other_programs_see_them() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    colors = np.array([[255, 0, 10], [0, 255, 20], [0, 0, 255]], np.uint8)
    shape = Shape("a", "chair", corners, np.array([[0, 1, 2]]), vertex_colors=colors)
    seen: Any = trimesh.load(io.BytesIO(glb_bytes(shape)), "glb", force="mesh", process=False)
    np.testing.assert_array_equal(seen.vertex_attributes["_RGB"][:, :3], colors)  # the same accessor as COLOR_0


def test_colours_go_with_their_vertices(tmp_path: Path) -> None:
    shape = coloured(0, True)
    turned = shape.transformed(np.eye(3)[::-1])
    np.testing.assert_array_equal(turned.vertex_colors, shape.vertex_colors)
    for path in write_parts(shape, ("back", "seat", "leg", "arm"), tmp_path):
        if path.suffix == ".glb":
            part = read_shape(path, "chair")
            assert part.vertices is not None
            np.testing.assert_array_equal(part.vertex_colors, colors_of(part.vertices))


def test_another_number_of_colours_is_refused() -> None:
    shape = random_mesh(0)
    rows = {"vertices": shape.vertices, "faces": shape.faces, "vertex_colors": np.zeros((1, 3), np.uint8)}
    with pytest.raises(InputError, match="vertex_colors"):
        build("a", "chair", rows)
