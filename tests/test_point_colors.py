"""Colours of a cloud's points: kept by a GLB to the last bit, and with their points through every step."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_shapes import assert_same

from gen3d.collection import shape_members, shape_of
from gen3d.errors import InputError
from gen3d.glb import build, glb_bytes
from gen3d.mesh_io import shape_from_glb
from gen3d.parts_io import write_parts
from gen3d.shape import Shape


@pytest.fixture
def cloud(rng: np.random.Generator) -> Shape:
    """Every point's colour follows from its place."""
    points = rng.uniform(-1, 1, (60, 3)).astype(np.float32)
    return Shape("a", "chair", points=points, point_colors=colors_of(points))


def colors_of(points: np.ndarray) -> np.ndarray:
    return ((points.astype(np.float64) + 1) * 127).astype(np.uint8)


@pytest.mark.parametrize("labelled", [False, True])
def test_a_glb_keeps_colours_and_shows_labels_first(cloud: Shape, labelled: bool) -> None:
    labels = (np.arange(60) % 4).astype(np.int16) if labelled else None
    shape = replace(cloud, point_labels=labels)
    data = glb_bytes(shape)
    assert_same(shape_from_glb(data, "a", "chair", {}), shape)
    assert_same(shape_of("a", {name.split(".")[1]: part for name, part in shape_members(shape)}), shape)
    document = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    (primitive,) = document["meshes"][0]["primitives"]
    shown, own = primitive["attributes"]["COLOR_0"], primitive["attributes"]["_RGB"]
    assert (shown == own) is not labelled


def test_colours_go_with_their_points(cloud: Shape) -> None:
    for count in (20, 200):
        drawn = cloud.sampled(count, 3)
        assert drawn.points is not None
        np.testing.assert_array_equal(drawn.point_colors, colors_of(drawn.points))
    turned = cloud.transformed(np.eye(3)[::-1]).normalised()
    np.testing.assert_array_equal(turned.point_colors, cloud.point_colors)


def test_points_drawn_on_a_mesh_have_none(cloud: Shape) -> None:
    corners = np.eye(3, dtype=np.float32)
    mesh = replace(cloud, vertices=corners, faces=np.array([[0, 1, 2]]))
    assert mesh.sampled(5, 0).point_colors is None


def test_parts_of_a_coloured_cloud_are_written(cloud: Shape, tmp_path: Path) -> None:
    labelled = replace(cloud, point_labels=(np.arange(60) % 4).astype(np.int16))
    bare = replace(labelled, point_colors=None)
    coloured, plain = (
        [path.read_bytes() for path in write_parts(shape, ("back", "seat", "leg", "arm"), tmp_path / name)]
        for shape, name in ((labelled, "a"), (bare, "b"))
    )
    assert coloured == plain  # PLY files show the parts


def test_another_number_of_colours_is_refused(cloud: Shape) -> None:
    with pytest.raises(InputError, match="point_colors"):
        build("a", "chair", {"points": cloud.points, "point_colors": np.zeros((59, 3), np.uint8)})
