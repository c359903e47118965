"""Fields to meshes: closed, outward, where the formula says; pieces; errors."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from gen3d import isosurface
from gen3d.errors import InputError, MissingError
from gen3d.isosurface import (
    Field,
    check_library,
    evaluated,
    extract_mesh,
    grid_mesh,
    largest_component,
    sampled_grid,
    without_floaters,
)

SIDE = 49  # places along an axis


def ball(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> Field:
    """The signed distance of a ball, positive inside."""
    return lambda places: (radius - np.linalg.norm(places - np.array(centre, np.float32), axis=1)).astype(np.float32)


def union(*fields: Field) -> Field:
    return lambda places: np.max([field(places) for field in fields], axis=0)


def solid(vertices: np.ndarray, faces: np.ndarray) -> trimesh.Trimesh:
    """As trimesh sees it, nothing merged or turned; closed, and every face the right way round."""
    assert vertices.dtype == np.float32 and faces.dtype == np.int64
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.area_faces.min() > 0
    return mesh


@pytest.mark.parametrize("chunk", [1000, 10**9])
def test_a_ball_has_its_volume_and_area_and_looks_outward(chunk: int) -> None:
    centre = (0.1, -0.2, 0.05)
    mesh = solid(*extract_mesh(ball(0.7, centre), SIDE, chunk=chunk))
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.005)
    assert mesh.area == pytest.approx(4 * np.pi * 0.7**2, rel=0.005)
    out = mesh.vertices - centre
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 0.7, atol=1e-3)
    assert (np.einsum("fk,fk->f", mesh.face_normals, mesh.triangles_center - centre)[mesh.area_faces > 1e-9] > 0).all()


def test_chunks_do_not_matter_and_axes_keep_their_order() -> None:
    whole = sampled_grid(lambda places: places @ np.array([100, 10, 1], np.float32), 5, -2.0, 2.0, 7)
    x, y, z = np.meshgrid(*[np.linspace(-2, 2, 5)] * 3, indexing="ij")
    np.testing.assert_allclose(whole, 100 * x + 10 * y + z, rtol=1e-6)


def test_a_ball_that_the_box_cuts_is_closed_there() -> None:
    """A half ball: its centre lies on the border."""
    vertices, faces = extract_mesh(ball(0.8, (0, 0, 1)), SIDE)
    mesh = solid(vertices, faces)
    assert mesh.volume == pytest.approx(2 / 3 * np.pi * 0.8**3, rel=0.01)
    assert mesh.area == pytest.approx(3 * np.pi * 0.8**2, rel=0.01)
    assert np.abs(vertices).max() <= 1 + 2 / (SIDE - 1) * 1e-3 + 1e-6
    flat = mesh.face_normals[mesh.triangles_center[:, 2] > 1 - 1e-9]
    assert len(flat) > 100
    np.testing.assert_allclose(flat, np.broadcast_to([0, 0, 1], flat.shape), atol=1e-2)


def test_a_field_turned_inside_out_is_a_box_with_a_hole() -> None:
    inside = ball(0.6)
    mesh = solid(*extract_mesh(lambda places: -inside(places), SIDE))
    assert mesh.volume == pytest.approx(8 - 4 / 3 * np.pi * 0.6**3, rel=0.005)
    assert len(mesh.split(only_watertight=True)) == 2
    hole = np.linalg.norm(mesh.triangles_center, axis=1) < 0.7
    assert (np.einsum("fk,fk->f", mesh.face_normals, mesh.triangles_center)[hole] < 0).all()


def test_the_box_may_lie_anywhere() -> None:
    small, big = extract_mesh(ball(0.3), 17), extract_mesh(ball(3.0, (5, 5, 5)), 17, -5.0, 15.0)
    np.testing.assert_allclose(big[0], small[0] * 10 + 5, atol=1e-4)
    np.testing.assert_array_equal(big[1], small[1])


def test_values_of_zero_on_the_grid_leave_no_faces_without_area() -> None:
    """A cube whose sides go through grid points: there the field is 0 exactly."""
    cube = solid(*extract_mesh(lambda places: (0.5 - np.abs(places).max(1)).astype(np.float32), 17))
    np.testing.assert_array_equal(cube.bounds, [[-0.5] * 3, [0.5] * 3])
    assert 0.9 < cube.volume < 1  # edges and corners lie inside of cells, which cut them


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_any_values_give_closed_outward_surfaces(seed: int, resolution: int) -> None:
    values = np.random.default_rng(seed).normal(size=(resolution,) * 3).astype(np.float32)
    values.flat[:2] = 1, -1
    vertices, faces = grid_mesh(values, -1.0, 1.0)
    edges = np.concatenate([faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    back = edges[:, ::-1]
    assert sorted(map(tuple, edges.tolist())) == sorted(map(tuple, back.tolist()))  # every edge is passed both ways
    a, b, c = (vertices[faces[:, i]].astype(float) for i in range(3))
    assert (np.cross(a, b) * c).sum() > 0


# --- pieces -----------------------------------------------------------------------------------------------------------


def test_of_two_balls_the_larger_is_kept() -> None:
    both = extract_mesh(union(ball(0.4, (-0.5, 0, 0)), ball(0.2, (0.6, 0, 0))), SIDE)
    volumes = [4 / 3 * np.pi * radius**3 for radius in (0.4, 0.2)]
    assert solid(*both).volume == pytest.approx(sum(volumes), rel=0.02)
    kept = largest_component(*both)
    assert solid(*kept).volume == pytest.approx(volumes[0], rel=0.02)
    assert kept[0][:, 0].max() < 0 and len(np.unique(kept[1])) == len(kept[0])


def test_floaters_go_and_large_pieces_stay() -> None:
    three = extract_mesh(union(ball(0.4, (-0.5, 0, 0)), ball(0.2, (0.5, 0, 0)), ball(0.08, (0, 0.8, 0))), SIDE)
    for share, pieces in ((0.0, 3), (0.1, 2), (0.5, 1), (1.0, 1)):
        assert len(solid(*without_floaters(*three, share)).split()) == pieces
    whole = without_floaters(*three, 0.0)
    np.testing.assert_array_equal(whole[0], three[0])
    np.testing.assert_array_equal(whole[1], three[1])


def test_vertices_no_face_uses_go(rng: np.random.Generator) -> None:
    vertices, faces = extract_mesh(ball(0.5), 9)
    order = rng.permutation(len(vertices) + 5)
    more = np.full((len(order), 3), 9, np.float32)
    more[order[: len(vertices)]] = vertices
    kept = largest_component(more, order[faces])
    np.testing.assert_array_equal(kept[0][kept[1]], vertices[faces])
    assert len(kept[0]) == len(vertices)


def test_what_is_asked_at_the_vertices_that_stay_is_theirs() -> None:
    both = union(ball(0.4, (-0.5, 0, 0)), ball(0.2, (0.6, 0, 0)))
    vertices, _ = largest_component(*extract_mesh(both, SIDE))
    colors = evaluated(lambda places: places * 2 + 1, vertices, chunk=100)
    np.testing.assert_array_equal(colors, vertices * 2 + 1)
    np.testing.assert_allclose(evaluated(both, vertices, 64), 0, atol=0.01)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_no_number_is_refused(bad: float) -> None:
    def field(places: np.ndarray) -> np.ndarray:
        return np.where(places[:, 0] > 0.9, np.float32(bad), ball(0.5)(places))

    with pytest.raises(InputError, match="not finite"):
        extract_mesh(field, 9)


@pytest.mark.parametrize(("value", "words"), [(1, "all of the box"), (-1, "nothing of the box"), (0, "nothing of the")])
def test_a_field_without_a_surface_is_refused(value: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        extract_mesh(lambda places: np.full(len(places), value, np.float32), 5)


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isosurface, "find_spec", lambda name: None)
    for call in (check_library, lambda: extract_mesh(ball(0.5), 5)):
        with pytest.raises(MissingError, match=r"pip install 'gen3d\[pretrained\]'"):
            call()
