"""Measures of single shapes, held against shapes of which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from gen3d.errors import InputError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.knowledge import Knowledge
from gen3d.measures import (
    SIDE,
    Examined,
    ViewScorer,
    category_score,
    closed_share,
    components,
    extents,
    is_finite,
    teacher_signals,
)
from gen3d.rendering import make_renderer
from gen3d.rendering.cameras import rings
from gen3d.rendering.view import View
from gen3d.shape import Shape, yaw


def boxes(*places: tuple[float, float, float], size: tuple[float, float, float] = (0.2, 0.2, 0.2)) -> Shape:
    """Boxes of one size with their centres at the places."""
    solids = [trimesh.creation.box(size, transform=trimesh.transformations.translation_matrix(p)) for p in places]
    vertices = np.concatenate([solid.vertices for solid in solids]).astype(np.float32)
    faces = np.concatenate([solid.faces + 8 * i for i, solid in enumerate(solids)]).astype(np.int64)
    return Shape("boxes", "chair", vertices, faces)


@pytest.mark.parametrize(
    ("places", "count"),
    [
        ([(0, 0, 0)], 1),
        ([(0, 0, 0), (0.15, 0, 0)], 1),  # one reaches into the other
        ([(-0.8, 0, 0), (0.8, 0, 0)], 2),
        ([(-0.8, 0, 0), (0, 0.8, 0), (0.8, 0, 0), (0, -0.8, 0.5)], 4),
        ([(0, 0, 0), (0.199, 0.199, 0.199)], 1),  # they share a corner's neighbourhood
    ],
)
def test_pieces_are_counted_by_what_touches_not_by_shared_vertices(
    places: list[tuple[float, float, float]], count: int
) -> None:
    assert components(boxes(*places)) == count
    cloud = Shape("cloud", "chair", points=boxes(*places).sampled(4096, 0).points)
    assert components(cloud) == count


@settings(max_examples=25)
@given(st.floats(0.02, 0.6), st.integers(0, 2), st.floats(0.1, 100))
def test_a_gap_that_two_voxels_fit_in_parts_and_less_than_one_joins(gap: float, axis: int, scale: float) -> None:
    place = np.zeros(3)
    place[axis] = 0.2 + gap
    shape = boxes((0, 0, 0), (float(place[0]), float(place[1]), float(place[2])))
    radius = np.linalg.norm(np.ptp(shape.positions(), axis=0)) / 2
    found = components(shape.transformed(np.eye(3) * scale))
    if gap / radius > 2.01 * SIDE:
        assert found == 2
    elif gap / radius < 0.1 * SIDE:
        assert found == 1


@pytest.mark.parametrize("angle", [0, 33, 90])
def test_long_slivers_stay_in_one_piece_and_extents_turn_with_the_shape(angle: float) -> None:
    rod = boxes((0, 0, 0), size=(2.0, 0.1, 0.02)).transformed(yaw(angle) @ np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]))
    examined = Examined(rod)
    found = examined.measures()
    assert found.components == 1 and found.closed == 1
    assert np.allclose(extents(rod), (2.0, 0.1, 0.02), rtol=0.06)  # its axes are found by sampling
    assert found.aspect == examined.aspect == pytest.approx(20, rel=0.06)
    assert found.thickness == examined.thickness == pytest.approx(0.01, rel=0.06)


def test_a_line_has_an_aspect_that_json_can_hold() -> None:
    line = Shape("line", "chair", points=np.linspace((0, 0, 0), (1, 0, 0), 50).astype(np.float32))
    assert Examined(line).aspect <= 1e6 and Examined(line).thickness < 1e-6


def naive_closed(shape: Shape) -> float:
    """Edges by places in a dictionary."""
    vertices, faces = shape.mesh
    runs: dict[tuple, list[bool]] = {}
    for face in faces:
        places = [tuple(vertices[v].tolist()) for v in face]
        if len(set(places)) < 3:
            continue
        for a, b in zip(places, [*places[1:], places[0]], strict=True):
            runs.setdefault((min(a, b), max(a, b)), []).append(a < b)
    return sum(sorted(run) == [False, True] for run in runs.values()) / len(runs) if runs else 0.0


def test_closed_edges_against_the_naive_count() -> None:
    box = boxes((0, 0, 0))
    vertices, faces = box.mesh
    assert closed_share(box) == 1
    open_box = Shape("open", "chair", vertices, faces[:-1])
    assert closed_share(open_box) == naive_closed(open_box) == 15 / 18
    soup = Shape("soup", "chair", vertices[faces].reshape(-1, 3), np.arange(36).reshape(12, 3))
    assert closed_share(soup) == 1  # vertices at one place are one
    turned = Shape("turned", "chair", vertices, np.concatenate([faces[:-1], faces[-1:, ::-1]]))
    assert closed_share(turned) == naive_closed(turned) == 15 / 18
    for seed in range(3):
        chair = ProceduralGenerator().generate("chair", seed, "x")
        assert closed_share(chair) == pytest.approx(naive_closed(chair), abs=1e-12)
    flat = Shape("flat", "chair", vertices, np.zeros((2, 3), np.int64))
    assert closed_share(flat) == 0.0 and closed_share(Shape("c", "chair", points=vertices)) is None


def test_what_is_not_finite_or_empty_is_told() -> None:
    vertices, faces = boxes((0, 0, 0)).mesh
    bad = vertices.copy()
    bad[3, 1] = np.nan
    assert is_finite(boxes((0, 0, 0))) and not is_finite(Shape("nan", "chair", bad, faces))
    assert not is_finite(Shape("none", "chair"))
    for shape in (Shape("nan", "chair", bad, faces), Shape("none", "chair")):
        with pytest.raises(InputError, match=shape.id):
            Examined(shape).measures()


def knowledge(mask: list[list[int]], part: list[int], confidence: list[float]) -> Knowledge:
    count = len(mask[0])
    packed = np.packbits(np.array(mask, bool), axis=1)
    arrays = np.array(part, np.int16), np.array(confidence, np.float32), packed, np.zeros(len(part), np.int16)
    return Knowledge(np.zeros((count, 3), np.float32), *arrays, meta={"parts": ["a", "b"], "id": "x"})


def test_teachers_signals_by_hand() -> None:
    found = teacher_signals(knowledge([[1, 1, 0, 0], [0, 1, 1, 0]], [0, 1], [0.6, 0.2]))
    assert found.coverage == 0.75 and found.agreement == pytest.approx((1 + 0.75 + 1) / 3)
    agreed = teacher_signals(knowledge([[1, 1, 0, 0], [0, 1, 1, 0]], [1, 1], [0.6, 0.2]))
    assert agreed.agreement == 1 and teacher_signals(knowledge([[0, 0]], [0], [1.0])) == (0, 0)


class Filled:
    """Scores a view by the share of pixels that show something."""

    def score(self, views: list[View], category: str) -> np.ndarray:
        """The share."""
        return np.array([view.hit.mean() for view in views])


def test_the_category_score_is_the_mean_over_views_of_what_a_scorer_says() -> None:
    scorer, renderer = Filled(), make_renderer("auto", rings(3, 32), mesh=True)
    assert isinstance(scorer, ViewScorer)
    thick, thin = boxes((0, 0, 0), size=(1, 1, 1)).normalised(), boxes((0, 0, 0), size=(2, 0.1, 0.1)).normalised()
    assert category_score(thick, renderer, scorer) > 2 * category_score(thin, renderer, scorer) > 0
