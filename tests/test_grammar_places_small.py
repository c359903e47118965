"""Parts of bags, laptops, rockets and skateboards lie where their names say."""

from __future__ import annotations

import numpy as np
import pytest
from grammar_shapes import Part, parts, parts_of, pieces, shapes
from scipy.spatial import KDTree

from gen3d.categories import category
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.shape import Shape


def corners_of(shape: Shape, part: str) -> np.ndarray:
    """(V, 3) vertices of a part."""
    vertices, faces = shape.mesh
    assert shape.face_labels is not None
    chosen = shape.face_labels == category(shape.category).parts.index(part)
    return vertices[np.unique(faces[chosen])]


def centres_of(shape: Shape, part: str) -> np.ndarray:
    """(K, 3) middles of the bounding boxes of a part's connected pieces."""
    vertices, faces = shape.mesh
    assert shape.face_labels is not None
    piece, chosen = pieces(shape), shape.face_labels == category(shape.category).parts.index(part)
    corners = [vertices[np.unique(faces[piece == number])] for number in np.unique(piece[chosen])]
    return np.array([(c.min(0) + c.max(0)) / 2 for c in corners])


def mirrored_gap(points: np.ndarray, axis: int) -> float:
    """How far the mirror image of a point is from the next point, at most."""
    return float(KDTree(points).query(points * np.where(np.arange(3) == axis, -1, 1))[0].max())


def kept(name: str, trait: str, *values: str) -> list[tuple[Shape, dict[str, str], dict[str, Part]]]:
    """(shape, traits, parts) of the shapes whose trait has one of the values; there must be some."""
    rows = [(s, t, p) for s, (t, p) in zip(shapes(name), parts(name), strict=True) if t.get(trait, "") in values]
    assert rows, (name, trait, values)
    return rows


# --- bags ---------------------------------------------------------------------------------------------------------


def test_a_bags_handle_rises_above_its_body_which_stands_on_the_floor() -> None:
    for _, traits, found in kept("bag", "handle", "top", "pair", "vest", "strap", "both", "telescopic"):
        handle, body = found["handle"], found["body"]
        assert handle.high[1] > body.high[1] + 0.03 and handle.centre[1] > body.centre[1] + 0.1, traits
        assert body.low[1] < handle.low[1] + 1e-6, traits
    for _, found in parts("bag"):
        if "handle" in found:
            assert found["handle"].area < 1.2 * found["body"].area


def test_two_handles_are_on_either_side_of_a_bag() -> None:
    for shape, traits, found in kept("bag", "handle", "pair", "vest"):
        z = centres_of(shape, "handle")[:, 2]
        assert (np.abs(z) > 0.01).all() and 0.4 < (z > 0).mean() < 0.6, traits
        assert len(z) == 2 or traits["grip"] == "chain", traits
        assert np.abs(found["handle"].centre[[0, 2]] - found["body"].centre[[0, 2]]).max() < 0.25


def test_a_backpacks_straps_are_behind_it_and_a_trolleys_rods_are_at_its_back() -> None:
    for shape, _, found in kept("bag", "handle", "shoulder straps"):
        assert found["handle"].centre[2] < found["body"].centre[2] - 0.1
        assert found["handle"].low[2] < found["body"].low[2] < found["body"].high[2]
        assert len(centres_of(shape, "handle")) in (2, 3)
    for shape, _, found in kept("bag", "handle", "telescopic"):
        assert len(centres_of(shape, "handle")) == 3
        assert found["handle"].centre[2] < 0.5 * (found["body"].low[2] + found["body"].high[2])


def test_a_shoulder_strap_spans_a_bag_from_side_to_side() -> None:
    for _, traits, found in kept("bag", "handle", "strap"):
        handle, body = found["handle"], found["body"]
        least = 0.15 if traits["kind"] == "pouch" else 0.6  # a pouch hangs by its neck
        assert np.ptp([handle.low[0], handle.high[0]]) > least * np.ptp([body.low[0], body.high[0]])
        assert abs(handle.centre[0] - body.centre[0]) < 0.06


# --- laptops ------------------------------------------------------------------------------------------------------


def test_a_laptops_halves_are_as_wide_and_about_as_large_as_each_other() -> None:
    for traits, found in parts("laptop"):
        screen, keyboard = found["screen"], found["keyboard"]
        wide = [float(np.ptp([p.low[0], p.high[0]])) for p in (screen, keyboard)]
        assert 0.85 < wide[0] / wide[1] < 1.1, traits
        assert abs(screen.centre[0]) < 0.05 and 0.4 < screen.area / keyboard.area < 2.0, traits


def test_a_laptop_opens_to_the_front_by_the_angle_that_its_pose_says() -> None:
    ranges = {"upright": (70, 107), "open": (97, 137), "wide": (127, 173), "flat": (159, 181), "half": (35, 80)}
    ranges["nearly shut"] = (9, 45)
    for shape, (traits, found) in zip(shapes("laptop"), parts("laptop"), strict=True):
        if traits["pose"] not in ranges:
            continue
        screen, keyboard = found["screen"], found["keyboard"]
        assert screen.centre[1] > keyboard.centre[1] - 0.02 and keyboard.low[1] <= screen.low[1] + 0.05
        assert screen.centre[2] < keyboard.centre[2]
        angle = _opening(corners_of(shape, "screen"))
        low, high = ranges[traits["pose"]]
        assert low < angle < high, traits


def _opening(screen: np.ndarray) -> float:
    """Angle between the floor in front and a flat lid, from its longer direction in the YZ plane; degrees."""
    flat = screen[:, 1:] - screen[:, 1:].mean(0)
    y, z = np.linalg.svd(flat, full_matrices=False)[2][0]
    return float(np.degrees(np.arctan2(abs(y), z * np.sign(y)))) if abs(y) > 1e-6 else 180.0


_TURNED = ("tent", "stand")


def test_a_tent_stands_on_both_edges_and_a_stand_shows_its_screen_in_front() -> None:
    poses = {p: [parts_of(ProceduralGenerator().generate("laptop", i, p, p)) for i in range(4)] for p in _TURNED}
    for found in poses["tent"]:
        assert abs(found["screen"].low[1] - found["keyboard"].low[1]) < 0.15
        assert found["screen"].high[1] > 0.1 < found["keyboard"].high[1]
    for found in poses["stand"]:
        assert found["screen"].centre[2] > found["keyboard"].low[2] and found["keyboard"].high[2] > 0.1
        assert found["screen"].centre[1] > found["keyboard"].centre[1] + 0.1


# --- rockets ------------------------------------------------------------------------------------------------------


def test_a_rockets_nose_is_on_top_and_its_fins_are_outside_its_body() -> None:
    for traits, found in parts("rocket"):
        nose, body = found["nose"], found["body"]
        if traits["kind"] != "shuttle":
            assert nose.low[1] > body.centre[1] + 0.1 and nose.high[1] > body.high[1], traits
            assert np.abs((nose.centre - body.centre)[[0, 2]]).max() < 0.1, traits
        assert nose.centre[1] > body.centre[1] + 0.2, traits
        if "fin" in found:
            assert found["fin"].high[1] < nose.high[1], traits
            assert max(np.ptp([found["fin"].low[i], found["fin"].high[i]]) for i in (0, 2)) > 0.05


@pytest.mark.parametrize("count", ["three", "four"])
def test_the_fins_of_a_rocket_are_copies_at_even_angles(count: str) -> None:
    turn = 2 * np.pi / {"three": 3, "four": 4}[count]
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    for shape, traits, found in kept("rocket", "fins", count):
        points = corners_of(shape, "fin").astype(float)
        points = points - (found["nose"].low + found["nose"].high) / 2 * [1, 0, 1]  # the axis
        assert KDTree(points).query(points @ rotation.T)[0].max() < 1e-4, traits
        if traits["fin"] not in ("grid", "legs") and "wings" not in traits:
            assert found["fin"].centre[1] < found["body"].centre[1], traits


def test_a_space_plane_is_its_own_mirror_image() -> None:
    for shape, _, found in kept("rocket", "kind", "shuttle"):
        assert mirrored_gap(corners_of(shape, "fin"), 0) < 0.02
        assert found["fin"].high[0] > 0 > found["fin"].low[0]


def test_boosters_and_engines_belong_to_a_rockets_body() -> None:
    count = {"two": 2, "three": 3, "four": 4, "six": 6}
    for shape, traits, _ in kept("rocket", "boosters", *count):
        if traits["kind"] != "shuttle":
            away = np.linalg.norm(centres_of(shape, "body")[:, [0, 2]], axis=1)
            assert (away > 0.04).sum() >= count[traits["boosters"]], traits


# --- skateboards --------------------------------------------------------------------------------------------------


def test_a_skateboard_lies_along_z_with_its_deck_on_trucks_on_wheels() -> None:
    for traits, found in parts("skateboard"):
        deck, belt, wheel = found["deck"], found["belt"], found["wheel"]
        assert deck.centre[1] > belt.centre[1] > wheel.centre[1] - 0.02, traits
        assert wheel.low[1] <= min(belt.low[1], deck.low[1]) + 1e-6, traits
        x, y, z = deck.high - deck.low
        assert z > 2 * x > 2 * y, traits
        for part in found.values():
            assert abs(part.low[0] + part.high[0]) < 1e-5, traits


def test_a_skateboard_has_four_wheels_in_its_four_corners() -> None:
    for shape in shapes("skateboard"):
        points = corners_of(shape, "wheel")
        sides = points - [0, 0, (points[:, 2].min() + points[:, 2].max()) / 2]
        clusters = [sides[(np.sign(sides[:, 0]) == a) & (np.sign(sides[:, 2]) == b)] for a in (-1, 1) for b in (-1, 1)]
        sizes = np.array([np.ptp(c, 0) for c in clusters])
        assert len(points) == sum(len(c) for c in clusters)
        np.testing.assert_allclose(sizes, np.broadcast_to(sizes[0], sizes.shape), atol=1e-4)
        np.testing.assert_allclose(sizes[:, 1], sizes[:, 2], rtol=0.06)  # round
        assert mirrored_gap(points, 0) < 1e-4


def test_upturned_ends_rise_above_the_middle_of_a_deck() -> None:
    ends = {"both": (True, True), "tail": (True, False), "none": (False, False)}
    for shape, (traits, _) in zip(shapes("skateboard"), parts("skateboard"), strict=True):
        points = corners_of(shape, "deck")
        z = points[:, 2] / np.abs(points[:, 2]).max()
        middle = points[np.abs(z) < 0.3, 1].min()
        risen = [points[side * z > 0.97, 1].min() - middle for side in (-1, 1)]
        if traits["run"] == "flat" and "rails" not in traits:
            assert tuple(rise > 0.015 for rise in risen) == ends[traits["kick"]], traits
        elif traits["run"] in ("rocker", "drop"):
            assert min(risen) > 0.0, traits
