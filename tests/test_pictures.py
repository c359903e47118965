"""Pictures: tinted views, tiles and captions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen3d.colors import PALETTE, UNLABELLED_GREY
from gen3d.generators.procedural import solids
from gen3d.pictures import caption, paint, portraits, tile
from gen3d.rendering.cameras import Camera
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.shape import Shape

FRONT = ((0.0, 0.0), (10.0, 120.0))
BLOCK = solids.box((1, 1, 1))


def block() -> Shape:
    return Shape("block", "chair", BLOCK.vertices.astype(np.float32), BLOCK.faces).normalised()


@pytest.mark.parametrize("label", [-1, 0, 3, 6, 7, 40])
def test_paint_tints_by_the_part_and_leaves_the_background_white(label: int) -> None:
    (view,) = EmbreeRenderer((Camera(20, 30, size=40),)).render(block())
    image = paint(view, np.full(len(BLOCK.faces), label, np.int16))
    assert (image[~view.hit] == 255).all()
    color = (UNLABELLED_GREY if label < 0 else PALETTE[label % 7]).astype(float)
    expected = (view.color[view.hit] * (color / 200)).clip(0, 255)
    assert np.abs(image[view.hit] - expected).max() <= 1


def test_paint_without_labels_is_the_plain_view() -> None:
    (view,) = EmbreeRenderer((Camera(20, 30, size=40),)).render(block())
    assert np.array_equal(paint(view, None), view.color)


def test_each_pixel_takes_the_colour_of_its_own_face() -> None:
    (view,) = EmbreeRenderer((Camera(20, 30, size=40),)).render(block())
    labels = np.arange(len(BLOCK.faces)) % 9 - 1
    image = paint(view, labels)
    for face in np.unique(view.element[view.hit]):
        shown = view.element == face
        assert np.array_equal(image[shown], paint(view, np.full(len(labels), labels[face]))[shown])


def test_portraits_of_a_mesh_and_of_a_cloud_agree() -> None:
    shape = block()
    vertices, faces = shape.mesh
    labelled = Shape("block", "chair", vertices, faces, (faces[:, 0] % 2).astype(np.int16)).sampled(6000, 0)
    cloud = Shape("cloud", "chair", points=labelled.points, normals=labelled.normals)
    meshes = portraits(shape, labelled.face_labels, FRONT, 48)
    clouds = portraits(cloud, labelled.point_labels, FRONT, 48)
    for mesh, points in zip(meshes, clouds, strict=True):
        assert mesh.shape == points.shape == (48, 48, 3)
        assert (np.abs(mesh.astype(int) - points).max(-1) < 30).mean() > 0.8


@given(st.integers(1, 12), st.integers(1, 5))
def test_tiles_hold_every_image_in_reading_order(count: int, columns: int) -> None:
    images = [np.full((3, 4, 3), i, np.uint8) for i in range(count)]
    sheet = tile(images, columns)
    rows = -(-count // columns)
    assert sheet.shape == (3 * rows, 4 * columns, 3)
    for i in range(rows * columns):
        row, column = divmod(i, columns)
        cell = sheet[3 * row : 3 * row + 3, 4 * column : 4 * column + 4]
        assert (cell == (i if i < count else 255)).all()


def test_a_caption_goes_above_the_image() -> None:
    image = np.zeros((20, 120, 3), np.uint8)
    result = caption(image, "chair 0", height=18, color=(200, 0, 0))
    assert result.shape == (38, 120, 3) and np.array_equal(result[18:], image)
    ink = (result[:18] != 255).any(-1)
    assert 20 < ink.sum() < 18 * 60 and (result[:18][..., 0] >= 200).all()
    assert (caption(image, "")[:16] == 255).all()
