"""Clouds for teachers: closed surfaces of discs, and PointCLIP V2's depth maps, against naive twins and the mesh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes

from gen3d.errors import InputError
from gen3d.generators.procedural import ProceduralGenerator, solids
from gen3d.rendering.cameras import NEAR, Camera, rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.points import PointsRenderer
from gen3d.rendering.realistic_depth import SIDE, realistic_depth, smoothed_grid
from gen3d.rendering.surfels import COVERED, FACING, SurfelRenderer, spacing
from gen3d.shape import Shape, unit

SEEDS = st.integers(0, 2**32 - 1)


def solid_shape(solid: solids.Solid, points: int) -> Shape:
    return Shape("solid", "chair", solid.vertices.astype(np.float32), solid.faces).normalised().sampled(points, 0)


# --- discs --------------------------------------------------------------------------------------------------------


def naive_surfels(camera: Camera, shape: Shape, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Element, depth and normal, pixel by pixel and disc by disc."""
    assert shape.points is not None and shape.normals is not None
    points = shape.points.astype(np.float64) @ camera.axes.T - [0, 0, camera.distance]
    radius = reach * spacing(shape.points.astype(np.float64))
    normals = shape.normals.astype(np.float64) @ camera.axes.T
    normals *= np.where((normals * points).sum(1) > 0, -1, 1)[:, None]
    back = unit(-points)
    planes = unit(normals + np.maximum(FACING - (normals * back).sum(1), 0)[:, None] * back)
    size = camera.size
    element, depth, normal = np.full((size, size), -1), np.full((size, size), np.inf), np.zeros((size, size, 3))
    for row in range(size):
        for column in range(size):
            ray = np.array([column + 0.5 - size / 2, size / 2 - row - 0.5, -camera.focal]) / camera.focal
            met = []
            for i, (point, plane) in enumerate(zip(points, planes, strict=True)):
                if -point[2] <= NEAR:
                    continue
                far = (point @ plane) / (ray @ plane)
                off = ((far * ray - point) ** 2).sum() / radius[i] ** 2
                if off < 1 and far > NEAR:
                    met.append((far, i, (1 - off) ** 2))
            met.sort()
            while met:
                layer = [m for m in met if m[0] <= met[0][0] + radius[m[1]]]
                total = sum(m[2] for m in layer)
                if total >= COVERED:
                    element[row, column] = layer[0][1]
                    depth[row, column] = sum(m[0] * m[2] for m in layer) / total
                    normal[row, column] = unit(np.array([normals[m[1]] * m[2] for m in layer]).sum(0))
                    break
                met = [m for m in met if m not in layer]
    return element, depth, normal


@settings(max_examples=8)
@given(SEEDS, st.integers(1, 40), st.sampled_from([1.0, 0.6, 2.2]))
def test_discs_are_what_a_loop_over_pixels_blends(seed: int, count: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    shape = Shape(
        "cloud",
        "chair",
        points=(scale * unit(rng.normal(size=(count, 3)))).astype(np.float32),
        normals=unit(rng.normal(size=(count, 3))).astype(np.float32),
    )
    camera = Camera(rng.uniform(-80, 80), rng.uniform(0, 360), fov=rng.uniform(30, 80), size=12)
    (view,) = SurfelRenderer((camera,), reach=0.6).render(shape)
    element, depth, normal = naive_surfels(camera, shape, 0.6)
    assert np.array_equal(view.element, element)
    assert np.allclose(view.depth, depth, atol=1e-4) and np.allclose(view.normal, normal, atol=1e-4)
    assert view.barycentric is None


@pytest.mark.parametrize("normals", [True, False])
@pytest.mark.parametrize("solid", [solids.ellipsoid((1, 0.7, 0.4)), solids.box((1, 1.5, 0.5))])
def test_a_sparse_cloud_is_drawn_without_holes_and_looks_like_its_mesh(solid: solids.Solid, normals: bool) -> None:
    shape = solid_shape(solid, 1500)
    cloud = replace(shape, vertices=None, faces=None, normals=shape.normals if normals else None)
    cameras = rings(4, 96)
    meshes, discs = EmbreeRenderer(cameras).render(shape), SurfelRenderer(cameras).render(cloud)
    for mesh, view in zip(meshes, discs, strict=True):
        assert (binary_fill_holes(view.hit) != view.hit).sum() < 0.001 * view.hit.sum()
        assert (mesh.hit & ~view.hit).sum() < 0.005 * mesh.hit.sum()
        both = mesh.hit & view.hit
        assert both.sum() / view.hit.sum() > 0.78  # discs stick out by less than their radius
        assert np.median(np.abs(mesh.depth[both] - view.depth[both])) < 0.01
        assert np.median((mesh.normal * view.normal).sum(-1)[both]) > 0.97


def test_discs_that_are_blended_are_smoother_than_single_ones() -> None:
    """Closer to the mesh's normals and shading, on the same points."""
    shape = ProceduralGenerator().generate("airplane", 1, "airplane").sampled(2048, 0)
    cameras = rings(3, 96)
    meshes = EmbreeRenderer(cameras).render(shape)
    for mesh, single, view in zip(
        meshes, PointsRenderer(cameras).render(shape), SurfelRenderer(cameras).render(shape), strict=True
    ):
        both = mesh.hit & single.hit & view.hit
        errors = [np.abs(mesh.color.astype(int) - other.color)[both].mean() for other in (single, view)]
        assert errors[1] < 0.8 * errors[0]
        assert (mesh.hit & ~view.hit).sum() < 0.03 * mesh.hit.sum()


def test_lonely_points_make_no_large_discs() -> None:
    points = np.concatenate([np.random.default_rng(0).uniform(-0.1, 0.1, (100, 3)), [[0.9, 0, 0]]])
    far = spacing(points)
    assert far.max() <= 2 * np.median(far) * 1.001 and far[-1] == far.max()
    assert np.allclose(spacing(np.tile(points, (3, 1)))[:101], far)  # repeated points count once


def test_a_cloud_renderer_needs_points() -> None:
    with pytest.raises(InputError, match="^nothing: has no points"):
        SurfelRenderer(rings(1)).render(Shape("nothing", "chair"))


# --- depth maps ---------------------------------------------------------------------------------------------------


def naive_map(cell: np.ndarray, value: np.ndarray, side: int) -> np.ndarray:
    """Pooling and smoothing as written down, of the first `side` cells: one point, and one weight, after the other."""
    grid = np.zeros((112, side, side))
    for (x, y), v in zip(cell, value, strict=True):
        z = int(np.ceil(v))
        block = grid[max(z - 2, 0) : z + 3, max(y - 5, 0) : y + 6, max(x - 5, 0) : x + 6]
        np.maximum(block, v, out=block)
    padded, smooth, whole = np.pad(grid, 2), np.zeros_like(grid), 0.0
    for a, b, c in np.ndindex(5, 5, 5):
        weight = np.exp(-((a - 2) ** 2) / 8 - (b - 2) ** 2 / 2 - (c - 2) ** 2 / 2)
        smooth += weight * padded[a : a + 112, b : b + side, c : c + side]
        whole += weight
    return smooth.max(0) / whole


@pytest.mark.parametrize("far", [False, True])
def test_depth_maps_are_pooled_and_smoothed_as_written_down(far: bool, rng: np.random.Generator) -> None:
    """Up to the borders of the grid, and of its first and its last cells alike."""
    cell = np.concatenate([rng.integers(1, 30, (12, 2)), [[1, 1], [1, 20]]])
    value = np.concatenate([rng.uniform(1, 110, 12), [110.0, 1.0]])
    grid = smoothed_grid(SIDE - 1 - cell if far else cell, value)
    image = grid.image()[::-1, ::-1] if far else grid.image()
    assert np.allclose(image[:40, :40], naive_map(cell, value, 40), atol=1e-3)
    assert not image[40:].any() and not image[:, 40:].any()


def test_a_depth_map_is_dark_near_and_white_where_there_is_nothing() -> None:
    near, far = [-0.4, 0.0, 0.5], [0.4, 0.0, -0.5]
    image = realistic_depth(Camera(0, 0), np.array([near, far], np.float32))
    assert image.shape == (224, 224) and image.dtype == np.float32 and image.min() == 0
    (left, right), _ = Camera(0, 0).project(np.array([near, far], np.float32))
    assert image[112, int(left[0])] < 0.05 and 0.3 < image[112, int(right[0])] < 0.95
    assert image[0].min() == 1 and image[112, 112] == 1


@pytest.mark.parametrize("size", [224, 96, 400])
def test_depth_maps_lie_over_the_views_they_are_made_for(size: int) -> None:
    """Every pixel that the mesh fills is dark, and the dark spot reaches 8 cells further at most, in any size."""
    from scipy.ndimage import binary_dilation

    shape = ProceduralGenerator().generate("mug", 1, "mug").sampled(4000, 0)
    assert shape.points is not None
    for camera, view in zip(rings(4, size), EmbreeRenderer(rings(4, size)).render(shape), strict=True):
        drawn = realistic_depth(camera, shape.points) < 0.99
        assert (view.hit & ~drawn).mean() < 0.002
        wide = int(np.ceil(9 * size / 224))
        around = np.asarray(binary_dilation(view.hit, np.ones((3, 3)), iterations=wide), bool)
        assert not (drawn & ~around).any()
        assert drawn.shape == view.hit.shape


def test_nearer_surfaces_hide_farther_ones_in_depth_maps(rng: np.random.Generator) -> None:
    """A plate before another one: the map is that of the front plate alone where it stands."""
    plate = np.concatenate([rng.uniform(-0.3, 0.3, (3000, 2)), np.full((3000, 1), 0.6)], 1)
    behind = np.concatenate([rng.uniform(-0.9, 0.9, (6000, 2)), np.full((6000, 1), -0.6)], 1)
    image = realistic_depth(Camera(0, 0), np.concatenate([plate, behind]).astype(np.float32))
    assert image[92:132, 92:132].max() < 0.05 and image[60, 60] > 0.3
