"""Solids: every builder's surface is closed and faces outwards, and has the volume it should have."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen3d.generators.procedural import solids
from gen3d.generators.procedural.solids import Solid

LENGTHS = st.floats(0.05, 3)
SPIRAL = [(np.cos(t), 0.3 * t, np.sin(t)) for t in np.linspace(0, 6, 20)]
CIRCLE = [(np.cos(t), np.sin(t), 0.0) for t in np.linspace(0, 2 * np.pi, 40, endpoint=False)]
SEEDS = st.integers(0, 2**32 - 1)


def volume(solid: Solid) -> float:
    """Signed volume by the divergence theorem: positive where faces are counter-clockwise from outside."""
    a, b, c = (solid.vertices[solid.faces[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def ring_area(count: int) -> float:
    """Area of the regular polygon with `count` corners at radius 1."""
    return count / 2 * np.sin(2 * np.pi / count)


def assert_closed(solid: Solid) -> None:
    """Every edge, by the places of its ends, is run through as often one way as the other; no face is without area."""
    places = np.unique(solid.vertices.round(9) + 0.0, axis=0, return_inverse=True)[1].reshape(-1)
    corners = places[solid.faces]
    edges = Counter((int(f[i]), int(f[(i + 1) % 3])) for f in corners for i in range(3))
    assert edges and all(count == 1 and edges[b, a] == 1 for (a, b), count in edges.items())
    assert solid.vertices.dtype == np.float64 and solid.faces.dtype == np.int64
    assert np.isfinite(solid.vertices).all()


BUILT = {
    "box": solids.box((1, 2, 3)),
    "bevelled box": solids.box((1, 2, 3), 0.1),
    "over-bevelled box": solids.box((1, 2, 0.1), 5.0),
    "cylinder": solids.cylinder(0.5, 2),
    "tapered cylinder": solids.cylinder(0.5, 2, top=0.2),
    "cone": solids.cylinder(0.5, 2, top=0.0),
    "bevelled cylinder": solids.cylinder(0.5, 2, bevel=0.1),
    "flat bevelled cylinder": solids.cylinder(0.5, 0.02, bevel=0.1),
    "ellipsoid": solids.ellipsoid((1, 2, 3)),
    "extruded circle": solids.extrude(solids.circle(1.0), 0.5),
    "bevelled soft box": solids.extrude(solids.superellipse(2, 1, 4), 0.5, 0.1),
    "extruded rounded rectangle": solids.extrude(solids.rounded_rectangle(2, 1, 0.3), 0.5, 0.05),
    "vessel": solids.lathe([(0, 0), (1, 0), (1, 2), (0.9, 2), (0.9, 0.1), (0, 0.1)]),
    "torus by lathe": solids.lathe(solids.arc(0.2, 0, 330, 12) + [1, 0], closed=True),
    "torus by tube": solids.tube(CIRCLE, 0.2, closed=True),
    "spiral tube": solids.tube(SPIRAL, 0.1),
    "tapered tube": solids.tube(SPIRAL, np.linspace(0.2, 0.05, 20)),
    "swept bar": solids.sweep(solids.rounded_rectangle(0.3, 0.1, 0.02), SPIRAL, np.full((20, 2), [1.0, 0.5])),
    "rod": solids.rod((0, 0, 0), (1, 2, 3), 0.1, 0.05),
    "upright rod": solids.rod((0, 0, 0), (0, 1, 0), 0.1),
    "downward rod": solids.rod((0, 1, 0), (0, 0, 0), 0.1),
    "bar": solids.bar((0, 0, 0), (1, 0.5, 0), 0.2, 0.1),
    "upright bar": solids.bar((0, 0, 0), (0, 1, 0), 0.2, 0.1),
}


@pytest.mark.parametrize("name", BUILT)
def test_every_solid_is_closed_and_faces_outwards(name: str) -> None:
    assert_closed(BUILT[name])
    assert volume(BUILT[name]) > 0


EXACT = {
    "box": 6.0,
    "cylinder": 2 * 0.25 * ring_area(20),
    "cone": 2 * 0.25 * ring_area(20) / 3,
    "tapered cylinder": 2 / 3 * (0.25 + 0.1 + 0.04) * ring_area(20),
    "bevelled cylinder": ring_area(20) * (0.25 * 1.8 + 2 * 0.1 / 3 * (0.25 + 0.2 + 0.16)),
    "extruded circle": 0.5 * ring_area(16),
    "vessel": ring_area(32) * (2 - 0.81 * 1.9),
    "torus by lathe": ring_area(32) / np.pi * 2 * np.pi * 0.04 * ring_area(12),  # Pappus, on 32 corners
    "upright rod": 0.01 * ring_area(12),
    "rod": 14**0.5 / 3 * (0.01 + 0.005 + 0.0025) * ring_area(12),
    "bar": 1.25**0.5 * 0.02,
    "upright bar": 0.02,
}


@pytest.mark.parametrize("name", EXACT)
def test_volumes_are_exact(name: str) -> None:
    assert volume(BUILT[name]) == pytest.approx(EXACT[name], rel=1e-9)


def test_fine_curved_solids_approach_their_smooth_volumes() -> None:
    assert volume(solids.ellipsoid((1, 2, 3), 96)) == pytest.approx(8 * np.pi, rel=5e-3)
    path = [(np.cos(t), np.sin(t), 0.0) for t in np.linspace(0, 2 * np.pi, 96, endpoint=False)]
    assert volume(solids.tube(path, 0.2, 48, closed=True)) == pytest.approx(2 * np.pi**2 * 0.04, rel=1e-2)


# --- outlines and paths -------------------------------------------------------------------------------------------


@given(LENGTHS, LENGTHS, st.floats(0.7, 8), st.integers(4, 40))
def test_a_superellipse_satisfies_its_equation(width: float, height: float, exponent: float, count: int) -> None:
    x, y = solids.superellipse(width, height, exponent, count).T
    assert np.allclose(np.abs(2 * x / width) ** exponent + np.abs(2 * y / height) ** exponent, 1)
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0  # counter-clockwise


@given(LENGTHS, LENGTHS, st.floats(0, 2), st.integers(1, 6))
def test_a_rounded_rectangle_keeps_its_size_and_loses_its_corners(
    width: float, height: float, radius: float, corner: int
) -> None:
    points = solids.rounded_rectangle(width, height, radius, corner)
    assert np.allclose(np.ptp(points, 0), [width, height]) and len(points) == 4 * (corner + 1)
    r = np.clip(radius, 1e-4 * min(width, height), 0.4999 * min(width, height))
    inner = np.maximum(np.abs(points) - (np.array([width, height]) / 2 - r), 0)
    assert np.allclose(np.linalg.norm(inner, axis=1), r)
    (x, y), (x2, y2) = (np.roll(points, -1, 0) - points).T, (np.roll(points, -2, 0) - np.roll(points, -1, 0)).T
    assert (x * y2 - y * x2 > -1e-12).all()  # convex and counter-clockwise


@given(SEEDS, st.integers(2, 7), st.integers(2, 40))
def test_a_spline_meets_its_ends_and_knots(seed: int, knots: int, count: int) -> None:
    points = np.random.default_rng(seed).normal(size=(knots, 3))
    curve = solids.spline(points, count)
    assert curve.shape == (count, 3) and np.allclose(curve[[0, -1]], points[[0, -1]], atol=1e-6)
    through = solids.spline(points, 10 * (knots - 1) + 1)
    assert np.allclose(through[::10], points, atol=1e-6)


def test_an_arc_goes_counter_clockwise_from_x() -> None:
    assert np.allclose(solids.arc(2, 0, 90, 3), [[2, 0], [2**0.5, 2**0.5], [0, 2]])


# --- frames -------------------------------------------------------------------------------------------------------


def assert_frames(path: np.ndarray, up: np.ndarray, closed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The frames of the path, after checking that they are orthonormal and right-handed about the travel."""
    x, y = solids.frames(path, up, closed)
    travel = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    travel /= np.linalg.norm(travel, axis=1, keepdims=True)
    for a, b in ((x, x), (y, y)):
        assert np.allclose((a * b).sum(1), 1)
    for a, b in ((x, y), (x, travel), (y, travel)):
        assert np.allclose((a * b).sum(1), 0, atol=1e-9)
    assert np.allclose(np.cross(x, y), travel)
    return x, y


@given(SEEDS, st.integers(2, 12), st.booleans())
def test_frames_are_orthonormal_and_right_handed(seed: int, count: int, closed: bool) -> None:
    rng = np.random.default_rng(seed)
    assert_frames(rng.normal(size=(count + closed, 3)), rng.normal(size=3), closed)


@pytest.mark.parametrize("up", [(0, 1, 0), (0, 0, 2), (1, 1, 0)])
def test_frames_stand_upright_on_a_level_path(up: tuple[float, float, float]) -> None:
    path = np.array([[0, 0, 0], [1, 0, 1], [2, 0, 1.5], [3, 0, 3]], float)
    _, top = assert_frames(path, np.array(up, float))
    assert (top @ up > 0).all()


def test_a_path_along_up_keeps_square_to_the_axes() -> None:
    x, y = assert_frames(np.array([[0, 0, 0], [0, 1, 0]], float), np.array([0, 1, 0], float))
    assert np.allclose(y, [0, 0, 1]) and np.allclose(np.abs(x), [1, 0, 0])
    upright = solids.bar((0, 0, 0), (0, 1, 0), 0.2, 0.1)
    assert np.allclose(np.ptp(upright.vertices, 0), [0.2, 1, 0.1])


@pytest.mark.parametrize("closed", [False, True])
def test_frames_turn_no_more_than_the_path_even_where_it_runs_along_up(closed: bool) -> None:
    """On a plane curve through `up` the outline's axes stay in the plane and square to it, without a jump."""
    x, y = assert_frames(np.array(CIRCLE), np.array([0.0, 1, 0]), closed)
    assert np.allclose(np.abs(x[:, 2]), 1) and np.allclose(y[:, 2], 0)
    assert ((y[1:] * y[:-1]).sum(1) > 0.9).all()
    assert not closed or y[0] @ y[-1] > 0.9


# --- extrusion ----------------------------------------------------------------------------------------------------


@given(LENGTHS, LENGTHS, LENGTHS, st.floats(0, 1))
def test_a_bevel_stays_inside_the_sharp_block(width: float, height: float, depth: float, bevel: float) -> None:
    solid = solids.box((width, height, depth), bevel)
    assert_closed(solid)
    assert np.allclose(np.ptp(solid.vertices, 0), [width, height, depth])
    assert np.abs(solid.vertices).max(0) == pytest.approx(np.array([width, height, depth]) / 2)
    assert 0.3 * width * height * depth < volume(solid) <= width * height * depth * (1 + 1e-9)


@given(SEEDS, LENGTHS, st.floats(0, 1))
def test_a_bevel_only_shrinks_the_outline(seed: int, depth: float, bevel: float) -> None:
    """For any outline, off-centre and concave but star-shaped: each ring lies within it and the solid is closed."""
    rng = np.random.default_rng(seed)
    outline = solids.circle(1.0, 12) * rng.uniform(0.8, 1.2, (12, 1)) + rng.normal(size=2)
    solid, sharp = solids.extrude(outline, depth, bevel), solids.extrude(outline, depth)
    assert_closed(solid)
    centre = outline.mean(0)
    angle = np.arctan2(*(outline - centre).T[::-1])
    order = np.argsort(angle)
    for x, y in solid.vertices[:, :2] - centre:
        # the outline's edge in the direction of the vertex: on which side of it the vertex lies
        i = np.searchsorted(angle[order], np.arctan2(y, x)) % len(order)
        a, b = outline[order[i - 1]] - centre, outline[order[i]] - centre
        assert (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) > -1e-6
    assert np.abs(solid.vertices[:, 2]).max() == pytest.approx(depth / 2)
    assert 0 < volume(solid) <= volume(sharp) * (1 + 1e-9)


# --- changes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_mirror_image_still_faces_outwards(axis: str) -> None:
    solid = BUILT["spiral tube"]
    image = solids.mirror(solid, axis)
    assert_closed(image)
    assert volume(image) == pytest.approx(volume(solid))
    back = solids.mirror(image, axis)
    assert np.array_equal(back.vertices, solid.vertices) and np.array_equal(back.faces, solid.faces)
    index = "xyz".index(axis)
    assert np.array_equal(image.vertices[:, index], -solid.vertices[:, index])


@given(SEEDS, st.sampled_from("xyz"), st.floats(-360, 360))
def test_turning_keeps_the_axis_the_distances_and_the_volume(seed: int, axis: str, degrees: float) -> None:
    about = np.random.default_rng(seed).normal(size=3)
    solid = BUILT["rod"]
    turned = solids.turn(solid, axis, degrees, about)
    before, after = solid.vertices - about, turned.vertices - about
    index = "xyz".index(axis)
    assert np.allclose(before[:, index], after[:, index])
    assert np.allclose(np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1))
    assert volume(turned) == pytest.approx(volume(solid))
    assert np.allclose(solids.turn(turned, axis, -degrees, about).vertices, solid.vertices)


@pytest.mark.parametrize(
    ("axis", "point", "expected"),
    [("x", (0, 1, 0), (0, 0, 1)), ("y", (0, 0, 1), (1, 0, 0)), ("z", (1, 0, 0), (0, 1, 0))],
)
def test_turning_is_right_handed(axis: str, point: tuple[float, ...], expected: tuple[float, ...]) -> None:
    one = Solid(np.array([point], float), np.zeros((0, 3), np.int64))
    assert np.allclose(solids.turn(one, axis, 90).vertices, [expected])


@given(SEEDS, st.floats(0.1, 5))
def test_moving_and_scaling(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    solid, offset, factors = BUILT["vessel"], rng.normal(size=3), rng.uniform(0.1, 3, 3)
    assert np.array_equal(solids.move(solid, offset).vertices, solid.vertices + offset)
    assert volume(solids.move(solid, offset)) == pytest.approx(volume(solid))
    assert volume(solids.scale(solid, factors)) == pytest.approx(volume(solid) * factors.prod())
    assert volume(solids.scale(solid, factor)) == pytest.approx(volume(solid) * factor**3)


def test_merging_keeps_every_solid() -> None:
    parts = [solids.move(solid, (10.0 * i, 0, 0)) for i, solid in enumerate(BUILT.values())]
    whole = solids.merge(parts)
    assert_closed(whole)
    assert len(whole.faces) == sum(len(p.faces) for p in parts)
    assert volume(whole) == pytest.approx(sum(volume(p) for p in parts))
