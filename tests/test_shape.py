"""Shape: the house frame, moving, and points drawn on a surface or from a cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen3d.errors import InputError
from gen3d.shape import Shape, estimate_normals, face_normals, frame, unit, yaw

SEEDS = st.integers(0, 2**32 - 1)


def soup(seed: int, faces: int = 30) -> Shape:
    """A labelled triangle soup far from the origin, with unused vertices and faces without area."""
    rng = np.random.default_rng(seed)
    vertices = (rng.normal(size=(20, 3)) * rng.uniform(0.1, 50) + rng.normal(size=3) * 20).astype(np.float32)
    corners = np.stack([rng.permutation(16)[:3] for _ in range(faces)]).astype(np.int64)  # 16 to 19 are in no face
    corners[:: faces // 3, 1] = corners[:: faces // 3, 0]
    return Shape("soup", "chair", vertices, corners, rng.integers(-1, 4, faces).astype(np.int16))


def cloud(seed: int, count: int = 40) -> Shape:
    """A labelled cloud whose label is its row, so that a choice can be traced back."""
    points = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    return Shape("cloud", "chair", points=points, normals=unit(points), point_labels=np.arange(count, dtype=np.int16))


def refused(shape: Shape) -> str:
    """Normalising raises InputError in one line that names the shape; the message."""
    with pytest.raises(InputError) as caught:
        shape.normalised()
    assert len(str(caught.value).splitlines()) == 1 and str(caught.value).startswith(f"{shape.id}: ")
    return str(caught.value)


# --- the house frame ----------------------------------------------------------------------------------------------


@given(SEEDS)
def test_normalised_has_its_box_centre_at_0_and_largest_radius_1(seed: int) -> None:
    shape = soup(seed)
    used = shape.normalised().positions()
    assert np.abs(used.min(0) + used.max(0)).max() < 1e-5
    assert np.linalg.norm(used, axis=1).max() == pytest.approx(1, abs=1e-5)
    assert len(used) == len(np.unique(shape.mesh[1]))


@given(SEEDS)
def test_normalised_moves_and_scales_evenly(seed: int) -> None:
    """Distances keep their ratios, axes their direction: the shape is neither turned nor stretched."""
    shape = soup(seed)
    before, after = shape.positions().astype(np.float64), shape.normalised().positions().astype(np.float64)
    _, radius = frame(shape.positions(), "soup")
    assert np.abs((before - before[0]) / radius - (after - after[0])).max() < 1e-5


def test_unused_vertices_do_not_count() -> None:
    shape = soup(0)
    vertices, faces = shape.mesh
    far = vertices.copy()
    far[16:] = [[1e6, 0, 0], [0, -1e6, 0], [np.inf, 0, 0], [np.nan, 0, 0]]
    a, b = shape.normalised(), Shape("far", "chair", far, faces).normalised()
    assert np.array_equal(a.positions(), b.positions())


@given(SEEDS)
def test_a_cloud_is_normalised_too_and_keeps_its_normals(seed: int) -> None:
    shape = cloud(seed)
    result = shape.normalised()
    assert result.points is not None and result.normals is not None and shape.normals is not None
    assert np.linalg.norm(result.points, axis=1).max() == pytest.approx(1, abs=1e-5)
    assert np.allclose(result.normals, shape.normals, atol=1e-6)


@pytest.mark.parametrize("size", [1e-15, 1e15])
def test_tiny_and_huge_shapes_are_normalised(size: float) -> None:
    shape = soup(1)
    assert shape.vertices is not None
    scaled = Shape("scaled", "chair", (shape.vertices * size).astype(np.float32), shape.faces).normalised()
    assert np.allclose(scaled.positions(), shape.normalised().positions(), atol=1e-5)


def test_bad_shapes_are_refused_in_one_line() -> None:
    points = np.ones((5, 3), np.float32)
    assert "empty" in refused(Shape("nothing", "chair"))
    assert "empty" in refused(Shape("none", "chair", points=points[:0]))
    assert "zero" in refused(Shape("dot", "chair", points=points))
    for bad in (np.nan, np.inf, -np.inf):
        broken = points.copy()
        broken[3, 1] = bad
        assert "finite" in refused(Shape("broken", "chair", points=broken))


def test_a_shape_without_faces_has_no_mesh() -> None:
    for shape in (cloud(0), Shape("empty", "chair", np.ones((3, 3), np.float32), np.zeros((0, 3), np.int64))):
        assert not shape.has_mesh
        with pytest.raises(InputError, match=f"^{shape.id}: has no faces"):
            _ = shape.mesh


# --- points -------------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(SEEDS)
def test_sampled_points_lie_on_the_face_they_take_their_label_from(seed: int) -> None:
    shape = soup(seed)
    vertices, faces = shape.mesh
    assert shape.face_labels is not None
    faces_by_id = Shape("soup", "chair", vertices, faces, np.arange(len(faces), dtype=np.int16)).sampled(300, seed)
    result = shape.sampled(300, seed)
    assert result.points is not None and result.normals is not None and faces_by_id.point_labels is not None
    face = faces_by_id.point_labels.astype(int)
    assert result.point_labels is not None
    assert np.array_equal(shape.face_labels[face], result.point_labels)
    a, b, c = (vertices[faces[face, i]].astype(np.float64) for i in range(3))
    for i in range(300):  # the point's weights for the corners, and what they leave unexplained
        edges = np.stack([b[i] - a[i], c[i] - a[i]], 1)
        weights, *_ = np.linalg.lstsq(edges, result.points[i] - a[i], rcond=None)
        size = np.abs(edges).max() + np.abs(a[i]).max()
        assert np.abs(edges @ weights + a[i] - result.points[i]).max() < 1e-6 * size
        tolerance = 1e-4 * size**2 / np.linalg.norm(np.cross(*edges.T))
        assert weights.min() > -tolerance and weights.sum() < 1 + tolerance
    assert np.allclose(result.normals, face_normals(vertices.astype(np.float64), faces)[0][face], atol=1e-6)


@given(SEEDS, st.integers(1, 2000))
def test_every_run_of_faces_gets_its_share_of_points(seed: int, count: int) -> None:
    """Stratified by area: each single face, and each run of them, has its share to within two points."""
    shape = soup(seed)
    vertices, faces = shape.mesh
    labels = np.arange(len(faces), dtype=np.int16)
    result = Shape("soup", "chair", vertices, faces, labels).sampled(count, seed)
    assert result.point_labels is not None and len(result.point_labels) == count
    drawn = np.bincount(result.point_labels, minlength=len(faces))
    area = face_normals(vertices.astype(np.float64), faces)[1]
    share = count * area / area.sum()
    assert np.abs(drawn - share).max() < 2 + 1e-6
    assert np.abs(np.cumsum(drawn) - np.cumsum(share)).max() < 1 + 1e-6
    assert not drawn[area == 0].any()


def test_points_spread_evenly_within_a_face() -> None:
    """In a right triangle the weights of the corners are uniform: mean 1/3, variance 1/18."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    points = Shape("one", "chair", corners, np.array([[0, 1, 2]])).sampled(20000, 0).points
    assert points is not None
    assert np.allclose(points[:, :2].mean(0), 1 / 3, atol=5e-3)
    assert np.allclose(points[:, :2].var(0), 1 / 18, atol=2e-3)


def test_a_prefix_of_the_sample_is_spread_over_the_whole_surface() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [6, 0, 0], [5, 1, 0]], np.float32)
    shape = Shape("two", "chair", vertices, np.arange(6).reshape(2, 3), np.array([0, 1], np.int16)).sampled(4000, 0)
    assert shape.point_labels is not None
    assert 0.4 < shape.point_labels[:500].mean() < 0.6


@pytest.mark.parametrize("make", [soup, cloud])
def test_the_sample_depends_on_the_seed_and_the_id_alone(make: Callable[[int], Shape]) -> None:
    shape = make(3)
    again, renamed = replace(make(3), category="table", meta={"prompt": "other"}), replace(shape, id="renamed")
    one, same, other_seed, other_id = (
        s.sampled(64, seed).points for s, seed in ((shape, 5), (again, 5), (shape, 6), (renamed, 5))
    )
    assert one is not None and same is not None and other_seed is not None and other_id is not None
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other_seed) and not np.array_equal(one, other_id)


@given(SEEDS, st.integers(0, 130))
def test_a_cloud_gives_each_point_equally_often(seed: int, count: int) -> None:
    """Every row is drawn count // N times, and the remainder without repetition; all its arrays follow."""
    shape = cloud(seed)
    result = shape.sampled(count, seed)
    assert shape.points is not None and shape.normals is not None
    assert result.points is not None and result.normals is not None and result.point_labels is not None
    times = np.bincount(result.point_labels, minlength=40)
    assert len(result.points) == count and times.min() == count // 40 and times.max() <= count // 40 + 1
    assert np.array_equal(result.points, shape.points[result.point_labels])
    assert np.array_equal(result.normals, shape.normals[result.point_labels])


def test_a_mesh_without_labels_gives_points_without_labels() -> None:
    shape = soup(0)
    assert Shape("plain", "chair", shape.vertices, shape.faces).sampled(10, 0).point_labels is None


def test_what_cannot_be_sampled_is_refused_in_one_line() -> None:
    vertices = np.zeros((3, 3), np.float32)
    flat = Shape("flat", "chair", vertices, np.array([[0, 1, 2], [0, 0, 1]]))
    broken = Shape("broken", "chair", vertices + np.array([[0], [1], [np.inf]], np.float32), np.array([[0, 1, 2]]))
    for shape in (flat, broken, Shape("nothing", "chair")):
        with pytest.raises(InputError) as caught:
            shape.sampled(10, 0)
        assert str(caught.value).startswith(f"{shape.id}: ") and len(str(caught.value).splitlines()) == 1


def test_faces_without_area_at_either_end_get_no_point() -> None:
    """The sum of areas rounds: a draw must not run past the last face that has an area."""
    rng = np.random.default_rng(0)
    vertices = rng.random((300, 3)).astype(np.float32)
    faces = np.concatenate([np.zeros((5, 3), int), rng.integers(0, 300, (5000, 3)), np.full((5, 3), 7)])
    labels = np.zeros(len(faces), np.int16)
    labels[:5] = labels[-5:] = 1
    for seed in range(30):
        drawn = Shape("ends", "chair", vertices, faces, labels).sampled(5000, seed).point_labels
        assert drawn is not None and not drawn.any()


# --- moving -------------------------------------------------------------------------------------------------------


@given(SEEDS, st.booleans())
def test_normals_stay_square_to_a_stretched_surface(seed: int, reflect: bool) -> None:
    """Any invertible matrix: stored normals agree with the moved faces', and still point outside."""
    rng = np.random.default_rng(seed)
    matrix = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.3, 3, 3)
    if (np.linalg.det(matrix) < 0) != reflect:
        matrix[:, 0] *= -1
    corners = rng.normal(size=(3, 3)).astype(np.float32)
    shape = Shape("face", "chair", corners, np.array([[0, 1, 2]])).sampled(5, seed)
    moved = shape.transformed(matrix, rng.normal(size=3))
    vertices, faces = moved.mesh
    expected, area = face_normals(vertices.astype(np.float64), faces)
    assert moved.normals is not None
    assert np.abs(moved.normals - expected).max() < 1e-4 / min(1.0, float(area[0]))


def test_moving_is_matrix_then_offset_for_vertices_and_points() -> None:
    shape = soup(2).sampled(20, 0)
    matrix, offset = yaw(30) * 2, np.array([1.0, -2.0, 3.0])
    moved = shape.transformed(matrix, offset)
    for before, after in ((shape.vertices, moved.vertices), (shape.points, moved.points)):
        assert before is not None and after is not None and after.dtype == np.float32
        assert np.allclose(after, [matrix @ x + offset for x in before], rtol=1e-5, atol=1e-4)
    assert np.array_equal(moved.mesh[1], shape.mesh[1]) and moved.face_labels is shape.face_labels


def test_yaw_turns_the_front_to_x() -> None:
    assert np.allclose(yaw(90) @ [0, 0, 1], [1, 0, 0])
    assert np.allclose(yaw(90) @ [1, 0, 0], [0, 0, -1])
    assert np.allclose(yaw(37) @ [0, 1, 0], [0, 1, 0])
    assert np.allclose(yaw(37) @ yaw(53), yaw(90)) and np.linalg.det(yaw(37)) == pytest.approx(1)


# --- normals ------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), st.floats(1e-15, 1e15))
def test_unit_vectors_have_length_1_at_any_scale(vector: list[float], scale: float) -> None:
    scaled = np.array([vector]) * scale
    length = np.linalg.norm(unit(scaled))
    assert length == pytest.approx(1) if np.linalg.norm(scaled) > 1e-140 else length in (0, pytest.approx(1))


def test_face_normals_point_outside_a_counter_clockwise_face() -> None:
    corners = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0]], np.float64)
    normals, areas = face_normals(corners, np.array([[0, 1, 2], [0, 2, 1], [0, 0, 1]]))
    assert np.array_equal(normals, [[0, 0, 1], [0, 0, -1], [0, 0, 0]]) and np.array_equal(areas, [3, 3, 0])


def test_estimated_normals_of_a_sphere_and_a_plane(rng: np.random.Generator) -> None:
    sphere = unit(rng.normal(size=(3000, 3))).astype(np.float32)
    along = np.abs((estimate_normals(sphere) * sphere).sum(1))
    assert along.min() > 0.97 and along.mean() > 0.999
    normal = unit(rng.normal(size=3))
    plane = rng.normal(size=(400, 3))
    plane = (plane - (plane @ normal)[:, None] * normal).astype(np.float32)
    assert np.abs(estimate_normals(plane) @ normal).min() > 1 - 1e-6


def test_repeated_points_do_not_spoil_estimated_normals(rng: np.random.Generator) -> None:
    sphere = unit(rng.normal(size=(500, 3))).astype(np.float32)
    assert np.array_equal(estimate_normals(np.tile(sphere, (20, 1))), np.tile(estimate_normals(sphere), (20, 1)))


def test_estimated_normals_of_hardly_any_points_are_unit() -> None:
    for count in (1, 2, 3):
        normals = estimate_normals(np.eye(3, dtype=np.float32)[:count])
        assert np.allclose(np.linalg.norm(normals, axis=1), 1)
