"""Parts of cars and motorbikes lie where their names say."""

from __future__ import annotations

import numpy as np
import pytest
from grammar_shapes import SEEDS, parts, pieces, shapes
from scipy.spatial import KDTree

from gen3d.categories import category
from gen3d.generators.procedural.copies import repeated, strut
from gen3d.generators.procedural.solids import Solid, bar, merge, rod, turn
from gen3d.shape import Shape, face_normals, sample_surface

EPS = 1e-5


def _of(shape: Shape, part: str) -> np.ndarray:
    """(F,) bool: the faces of a part."""
    assert shape.face_labels is not None
    return shape.face_labels == category(shape.category).parts.index(part)


def _wheel_pieces(shape: Shape) -> list[np.ndarray]:
    """(V, 3) vertices of every connected piece of the part wheel."""
    chosen = _of(shape, "wheel")
    vertices, faces = shape.mesh
    owner = pieces(shape)[chosen]
    return [vertices[np.unique(faces[chosen][owner == number])] for number in np.unique(owner)]


# --- cars ---------------------------------------------------------------------------------------------------------


def test_a_cars_roof_is_on_top_its_hood_in_front_and_its_wheels_below() -> None:
    for traits, found in parts("car"):
        body, wheel = found["body"], found["wheel"]
        assert wheel.low[1] <= body.low[1] + EPS and wheel.centre[1] < body.centre[1], traits
        if "spare wheel" not in traits:
            assert wheel.high[1] < 0.2 and wheel.high[2] < body.high[2] + EPS, traits
        if "roof" in found:
            roof = found["roof"]
            assert roof.centre[1] > body.centre[1] + 0.1 and roof.low[1] > wheel.centre[1], traits
            assert abs(roof.centre[2]) < 0.5
        if "hood" in found:
            hood = found["hood"]
            assert hood.centre[2] > body.centre[2] + 0.2 and hood.centre[1] > wheel.centre[1], traits
            if "roof" in found:
                assert hood.centre[1] < found["roof"].centre[1] and hood.low[2] > found["roof"].high[2] - 0.12, traits


def test_a_car_is_its_own_mirror_image_but_for_steering_wheel_and_exhaust() -> None:
    for traits, found in parts("car"):
        for name, part in found.items():
            assert abs(part.centre[0]) < (0.02 if name == "body" else 1e-3), (traits, name)
            assert abs(part.low[0] + part.high[0]) < 1e-4, (traits, name)


def test_a_car_has_as_many_wheels_as_it_says_and_they_are_round_and_stand_on_the_ground() -> None:
    for shape, (traits, found) in zip(shapes("car"), parts("car"), strict=True):
        discs = [points for points in _wheel_pieces(shape) if np.ptp(points[:, 2]) > 0.8 * np.ptp(points[:, 1]) > 0.05]
        ground = found["wheel"].low[1]
        standing = [points for points in discs if points[:, 1].min() < ground + 1e-4]
        assert len(standing) == int(traits["wheels"]), traits
        for points in standing:
            middle = (points.min(0) + points.max(0)) / 2
            reach = np.linalg.norm((points - middle)[:, 1:], axis=1)
            assert np.ptp(points[:, 1]) == pytest.approx(np.ptp(points[:, 2]), rel=0.08)
            assert reach.max() == pytest.approx(np.ptp(points[:, 1]) / 2, rel=0.1)
        sides = np.sign([points[:, 0].mean() for points in standing])
        assert sides.sum() == 0 and (np.abs(sides) == 1).all()


def test_roofs_and_bonnets_face_upwards() -> None:
    for shape, (traits, _) in zip(shapes("car"), parts("car"), strict=True):
        normals, areas = face_normals(shape.mesh[0].astype(float), shape.mesh[1])
        for part, word in (("roof", "rack"), ("hood", "scoop")):
            chosen = _of(shape, part)
            if chosen.any() and word not in traits:  # what stands on them are solids, with sides
                up = np.average(normals[chosen][:, 1], weights=areas[chosen])
                assert up > 0.6 and (normals[chosen][:, 1] * areas[chosen]).min() > -1e-4, (traits, part)


def test_nothing_of_the_body_lies_close_under_the_middle_of_a_roof_or_bonnet() -> None:
    """Points of an underlay would be seen through the panel (`gen3d.knowledge`) and learnt as roof."""
    for shape, (traits, found) in list(zip(shapes("car"), parts("car"), strict=True))[::2]:
        vertices, faces = shape.mesh
        points, _, face = sample_surface(vertices, faces, 12_000, np.random.default_rng(0))
        body = KDTree(points[_of(shape, "body")[face]])
        for part, words in (("roof", {"rack", "sign"}), ("hood", {"scoop"})):
            if part not in found or words & set(traits):
                continue
            chosen = points[_of(shape, part)[face]]
            low, high = found[part].low[[0, 2]], found[part].high[[0, 2]]
            inner = (np.abs(chosen[:, [0, 2]] - (low + high) / 2) < 0.3 * (high - low)).all(1)
            assert body.query(chosen[inner])[0].min(initial=1) > 0.012, (traits, part)


# --- motorbikes ---------------------------------------------------------------------------------------------------


def test_a_motorbikes_handlebar_and_light_are_in_front_its_seat_behind_its_tank() -> None:
    for traits, found in parts("motorbike"):
        seat, handle, wheel = found["seat"], found["handle"], found["wheel"]
        assert handle.centre[1] > wheel.centre[1] + 0.2 and handle.centre[2] > seat.centre[2] + 0.2, traits
        assert seat.centre[1] > wheel.centre[1] + 0.1 and handle.high[1] > seat.low[1]
        if "tank" in found:
            tank = found["tank"]
            assert seat.centre[2] + 0.1 < tank.centre[2] < handle.centre[2] + 0.1, traits
            assert tank.centre[1] > wheel.centre[1] + 0.15 and tank.high[1] < handle.high[1] + 0.2, traits
        if "light" in found:
            ahead = found["light"].high[2]
            assert ahead > handle.centre[2] and ahead > seat.high[2] + 0.1, traits
            assert found["light"].centre[1] > wheel.centre[1] + 0.1
            assert (found["light"].low[2] < seat.centre[2]) == ("tail light" in traits), traits


def test_a_motorbikes_wheels_are_in_line_or_one_before_two_and_on_the_ground() -> None:
    for shape, (traits, found) in zip(shapes("motorbike"), parts("motorbike"), strict=True):
        wheel, frame = found["wheel"], found["frame"]
        assert wheel.low[1] <= min(part.low[1] for part in found.values()) + EPS, traits
        assert wheel.high[2] > found["seat"].high[2] and wheel.low[2] < found["seat"].centre[2], traits
        tyres = [points for points in _wheel_pieces(shape) if points[:, 1].min() < wheel.low[1] + 1e-3]
        tyres = [points for points in tyres if np.ptp(points[:, 2]) > 0.2]
        assert len(tyres) == (3 if traits["kind"] == "trike" else 2), traits
        for points in tyres:
            assert np.ptp(points[:, 1]) == pytest.approx(np.ptp(points[:, 2]), rel=0.04)
            assert np.ptp(points[:, 0]) < 0.6 * np.ptp(points[:, 1])
        narrow = np.ptp([wheel.low[0], wheel.high[0]]) < np.ptp([frame.low[0], frame.high[0]])
        assert narrow or traits["kind"] == "trike", traits


def test_a_motorbike_is_symmetric_but_for_its_engine_side() -> None:
    for traits, found in parts("motorbike"):
        handle = found["handle"]
        middle = (handle.low[0] + handle.high[0]) / 2  # exhausts stand out on one side
        for name, part in found.items():
            lopsided = 0.06 if name in ("frame", "wheel") else 1e-3  # brake discs
            assert abs(part.centre[0] - middle) < lopsided, (traits, name)
        assert abs(middle) < 0.03 and np.ptp([handle.low[0], handle.high[0]]) > np.ptp(
            [found["seat"].low[0], found["seat"].high[0]]
        ), traits


# --- what they are made of --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_struts_are_rods_and_copies_are_turned_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, stop = rng.normal(size=(2, 3))
    stop = start + [[0, 0, 1], [0, 0, -1], stop][min(seed, 2)]
    fast, plain = strut(start, stop, 0.2, 7), rod(start, stop, 0.2, count=7)
    assert _volume(fast) == pytest.approx(_volume(plain)) and _volume(fast) > 0
    way = (stop - start) / np.linalg.norm(stop - start)
    along = (fast.vertices - start) @ way
    away = np.linalg.norm(fast.vertices - start - along[:, None] * way, axis=1)
    np.testing.assert_allclose(np.sort(away), [0, 0, *[0.2] * 14], atol=1e-9)
    np.testing.assert_allclose(np.sort(along), np.repeat(np.array([0, np.linalg.norm(stop - start)]), 8), atol=1e-9)
    one = bar((0.2, 0, 0), (1, 0.1, 0), 0.1, 0.2)
    several = merge([turn(one, "y", 360 * i / 5) for i in range(5)])
    np.testing.assert_allclose(repeated(one, 5).vertices, several.vertices, atol=1e-12)
    np.testing.assert_array_equal(repeated(one, 5).faces, several.faces)


def _volume(solid: Solid) -> float:
    a, b, c = solid.vertices[solid.faces].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)
