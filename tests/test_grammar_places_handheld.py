"""Parts of guitars, knives and pistols lie where their names say; plates keep their area and volume."""

from __future__ import annotations

import numpy as np
import pytest
from grammar_shapes import Part, parts, shapes

from gen3d.generators.procedural.guitar_bodies import HOLLOW, SOLID, solid_outline, waisted
from gen3d.generators.procedural.knife_blades import Blade, blade
from gen3d.generators.procedural.plates import Outline, inset, plate, triangulate
from gen3d.generators.procedural.solids import circle
from gen3d.shape import face_normals


def span(part: Part) -> np.ndarray:
    """(3,) size of a part."""
    return part.high - part.low


# --- guitars ------------------------------------------------------------------------------------------------------


def test_a_guitars_head_tops_its_neck_and_its_neck_tops_its_body() -> None:
    for traits, found in parts("guitar"):
        head, neck, body = found["head"], found["neck"], found["body"]
        assert head.centre[1] > neck.centre[1] > body.centre[1] + 0.3, traits
        assert body.low[1] < neck.low[1] - 0.1 and head.high[1] >= neck.high[1]
        assert abs(head.low[1] - neck.high[1]) < 0.06, traits  # the head begins where the neck ends
        assert neck.low[1] < body.high[1], traits  # and the neck reaches over the body


def test_a_guitars_body_is_wide_and_flat_and_its_neck_narrow_and_straight() -> None:
    for traits, found in parts("guitar"):
        body, neck, head = (span(found[p]) for p in ("body", "neck", "head"))
        assert body[2] < 0.6 * body[0] or traits["kind"] == "paddle", traits
        assert body[0] > 1.3 * neck[0] or traits["kind"] == "paddle", traits
        if traits.get("necks") != "2":
            assert neck[1] > 4 * neck[0], traits
            assert abs(found["neck"].centre[0] - found["head"].centre[0]) < 0.05, traits
        assert head[1] < 0.8 * neck[1], traits


def test_strings_of_a_guitar_lie_in_front_and_a_headless_one_has_next_to_no_head() -> None:
    seen = set()
    for traits, found in parts("guitar"):
        if traits.get("head") == "headless":
            assert span(found["head"])[1] < 0.1
        elif traits.get("tuners") == "yes" and traits.get("necks") != "2":
            assert span(found["head"])[0] > span(found["neck"])[0]
        if traits.get("heel") == "yes":
            assert found["neck"].low[2] < found["head"].centre[2], traits
        seen.add((traits["family"], traits.get("strings")))
    assert {family for family, _ in seen} >= {"acoustic", "electric"}
    assert {strings for _, strings in seen} >= {"4", "6", "12"}


@pytest.mark.parametrize("kind", [*HOLLOW, *SOLID])
def test_an_outline_of_a_guitar_never_crosses_itself(kind: str) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        cuts = ("none", "round", "sharp")
        outline = waisted(rng, kind, cuts[seed % 3]) if kind in HOLLOW else solid_outline(rng, kind)
        assert _area(outline) > 0.1
        assert not _crossings(outline)


def test_acoustic_guitars_without_a_cutaway_are_symmetric() -> None:
    count = 0
    for traits, found in parts("guitar"):
        if traits.get("cutaway") == "none" and "strap buttons" not in traits:
            body = found["body"]
            assert abs(body.low[0] + body.high[0]) < 0.06, traits
            count += 1
    assert count >= 5


# --- knives -------------------------------------------------------------------------------------------------------


def test_a_knifes_blade_is_in_front_of_its_handle_and_thin() -> None:
    for traits, found in parts("knife"):
        blade, handle = found["blade"], found["handle"]
        if traits["kind"] not in ("double ended", "pocket tool"):
            assert blade.centre[2] > handle.centre[2] + 0.1, traits
            assert blade.high[2] >= handle.high[2] - 0.2, traits
        if traits.get("opened") != "half" and traits["kind"] not in ("double ended", "pocket tool"):
            assert handle.low[2] < blade.low[2] and blade.high[2] > handle.high[2], traits
        assert span(blade)[0] < 0.6 * max(span(blade)[1:]), traits  # flat in the YZ plane
        assert abs(blade.centre[0]) < 0.03 or traits["kind"] == "pocket tool", traits


def test_a_knifes_traits_show() -> None:
    for traits, found in parts("knife"):
        blade, handle = span(found["blade"]), span(found["handle"])
        ahead = blade[2] / handle[2]
        if traits["family"] == "sword":
            assert ahead > 1.3, traits
        if traits["kind"] == "cleaver":
            assert blade[1] > 1.2 * handle[1], traits
        if traits.get("guard") in ("disc", "quillons", "prongs"):
            assert handle[1] > 0.13 * handle[2], traits
        if traits.get("bend") == "down" and traits["kind"] == "karambit":
            assert found["blade"].low[1] < found["handle"].centre[1] - 0.2, traits
        if traits.get("bend") == "up":
            assert found["blade"].high[1] > found["blade"].centre[1] + 0.04, traits


@pytest.mark.parametrize("teeth", [0, 8, 20])
@pytest.mark.parametrize("end", [0, 1])
def test_a_serrated_edge_goes_up_and_down_as_often_as_it_has_teeth(teeth: int, end: int) -> None:
    count = (teeth, 0) if end == 0 else (0, teeth)
    row = Blade("cleaver", 2.0, 0.3, 0.02, "wedge", teeth=count)
    corners = blade(np.random.default_rng(0), row).vertices[:-2].reshape(-1, 4, 3)
    line = corners[:, 0 if end == 0 else 1, 1]
    turns = (np.diff(np.sign(np.diff(line)[np.abs(np.diff(line)) > 1e-3])) != 0).sum()
    assert 1.5 * teeth <= turns <= 2 * teeth
    assert (corners[:, 1, 1] > corners[:, 0, 1]).all()


# --- pistols ------------------------------------------------------------------------------------------------------


def test_a_pistols_grip_hangs_below_its_barrel_behind_the_muzzle() -> None:
    for traits, found in parts("pistol"):
        barrel, handle, trigger = found["barrel"], found["handle"], found["trigger"]
        assert handle.centre[1] < barrel.centre[1] - 0.1, traits
        assert handle.low[1] < barrel.centre[1] - 0.2, traits
        assert handle.centre[2] < barrel.centre[2] - 0.05, traits
        assert barrel.high[2] == max(part.high[2] for part in found.values())  # the muzzle
        assert handle.centre[2] < trigger.centre[2] < barrel.high[2], traits
        assert trigger.centre[1] < barrel.centre[1] and trigger.area < 0.25 * barrel.area, traits


def test_a_pistols_trigger_can_be_seen() -> None:
    """It reaches below what it hangs from."""
    for shape, (traits, found) in zip(shapes("pistol"), parts("pistol"), strict=True):
        vertices, faces = shape.mesh
        assert shape.face_labels is not None
        body = vertices[np.unique(faces[shape.face_labels == 0])]
        trigger = found["trigger"]
        near = np.abs(body[:, 2] - trigger.centre[2]) < 0.02
        assert trigger.low[1] < (body[near, 1].min() if near.any() else 9), traits


def test_revolvers_have_round_drums_and_pistols_are_slim() -> None:
    kinds = set()
    for traits, found in parts("pistol"):
        kinds.add(traits["kind"])
        width = span(found["barrel"])[0]
        assert width < 0.5 * span(found["barrel"])[2], traits
        assert abs(found["handle"].centre[0] - found["trigger"].centre[0]) < 0.01, traits
        if traits["kind"] == "revolver":
            assert width > 1.2 * span(found["trigger"])[0] and traits["chambers"] in "568", traits
    assert len(kinds) >= 8


# --- plates -------------------------------------------------------------------------------------------------------


def _area(outline: Outline) -> float:
    x, y = outline.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def _crossings(outline: Outline) -> bool:
    """Whether any two sides of the outline that are no neighbours cross."""
    a, b = outline, np.roll(outline, -1, 0)

    def side(p: Outline, q: Outline, r: Outline) -> np.ndarray:
        first, second = q[:, None] - p[:, None], r[None] - p[:, None]
        return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]

    one = side(a, b, a) * side(a, b, b) < -1e-18
    return bool((one & one.T).any())


def star(points: int, inner: float) -> Outline:
    """A concave outline."""
    t = np.arange(2 * points) * np.pi / points
    return (np.where(np.arange(2 * points) % 2, inner, 1.0) * np.array([np.cos(t), np.sin(t)])).T


@pytest.mark.parametrize(("points", "inner"), [(3, 0.3), (5, 0.4), (12, 0.7)])
@pytest.mark.parametrize("holes", [0, 1, 2])
def test_triangles_cover_an_outline_less_its_holes(points: int, inner: float, holes: int) -> None:
    rings = [star(points, inner)]
    rings += [(circle(0.1, 9) + [0.15 * (-1) ** i, 0.02 * i])[::-1] for i in range(holes)]
    corners = np.concatenate(rings)
    faces = triangulate(rings)
    areas = np.array([_area(corners[face]) for face in faces])
    assert areas.min() > 0 and np.isclose(areas.sum(), sum(map(_area, rings)))
    assert len(faces) == len(corners) - 2 + 2 * holes
    assert len(np.unique(faces)) == len(corners)


@pytest.mark.parametrize("bevel", [0.0, 0.02])
def test_a_plate_has_the_volume_of_its_outline_less_its_pockets(bevel: float) -> None:
    rim = circle(0.1, 12)
    outline = star(5, 0.5)
    solid = plate(outline, 0.4, bevel, [(rim, 0.3)])
    a, b, c = solid.vertices[solid.faces].transpose(1, 0, 2)
    volume = float((a * np.cross(b, c)).sum() / 6)
    whole = 0.4 * _area(outline) - 0.3 * _area(rim)
    assert np.isclose(volume, whole) if not bevel else 0.95 * whole < volume < whole
    edges = np.sort(np.concatenate([solid.faces[:, [0, 1]], solid.faces[:, [1, 2]], solid.faces[:, [2, 0]]]), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert face_normals(solid.vertices, solid.faces)[1].min() > 0


def test_an_inset_moves_every_side_by_the_distance() -> None:
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    np.testing.assert_allclose(inset(square, 0.25), 0.75 * square)
    assert _area(inset(star(5, 0.5), 0.02)) < _area(star(5, 0.5))
