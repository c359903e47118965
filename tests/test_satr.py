"""SATR's rules: what a box gives the faces that it shows; distances and rings on meshes."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Sequence

import numpy as np
import pytest
import trimesh
from sample_knowledge import toy_chair
from tiny_teacher import Oracle

from distill.baselines import make_baseline
from distill.baselines.baseline import observe
from distill.baselines.satr import SATR, BoxFaces, SATROptions, box_faces, face_labels, face_scores
from distill.baselines.surface import EDGES, HEAT, Surface
from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings, evaluate_baseline
from gen3d.asking import LabelSettings
from gen3d.categories import category
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers.predictions import Boxes

CHAIR = category("chair").parts
LABEL = LabelSettings(size=96, points=512)
BY_EDGES = SATROptions(geodesics="edges")


@pytest.fixture
def heat() -> str:
    """The heat method, where it is installed."""
    pytest.importorskip("potpourri3d", reason="the heat method needs potpourri3d: pip install 'gen3d[baselines]'")
    return HEAT


def strip(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangles in a row, each sharing an edge with the next; two per unit of length."""
    vertices = np.array([[i // 2, i % 2, 0] for i in range(count + 2)], np.float32)
    return vertices, np.array([[i, i + 1, i + 2] for i in range(count)])


def surface(mesh: tuple[object, object], geodesics: str = EDGES) -> Surface:
    return Surface(np.asarray(mesh[0], np.float32), np.asarray(mesh[1], np.int64), geodesics)


def box(part: int, faces: Sequence[int], pixels: Sequence[int] = (), score: float = 1.0) -> BoxFaces:
    return BoxFaces(part, score, np.array(faces), np.array(pixels or [1] * len(faces)))


# --- what a box shows ---


def view(element: object) -> View:
    table = np.array(element, np.int32)
    empty = np.zeros((*table.shape, 3), np.float32)
    return View(Camera(0, 0, size=len(table)), table, np.ones(table.shape, np.float32), empty, empty[..., :2])


def shown(corners: Sequence[float]) -> dict[int, int]:
    """Pixels per face in a box of a small view."""
    image = view([[-1, 0, 0, 5], [-1, 1, 2, 5], [1, 1, 2, 3], [-1, 1, -1, 3]])
    found = box_faces(image, Boxes(np.array([corners], np.float32), np.zeros(1, np.int16), np.ones(1, np.float32)))
    assert len(found) < 2
    return dict(zip(found[0].faces.tolist(), found[0].pixels.tolist(), strict=True)) if found else {}


def test_corners_are_truncated_and_upper_ends_excluded() -> None:
    assert shown([1, 1, 3, 3]) == {1: 2, 2: 2}
    assert shown([1.9, 1.9, 3.9, 3.9]) == {1: 2, 2: 2}
    assert shown([0, 0, 4, 4]) == shown([-7.5, -7.5, 99, 99]) == {0: 2, 1: 4, 2: 2, 3: 2, 5: 2}


def test_boxes_that_show_nothing_are_left_out() -> None:
    assert shown([0, 0, 1, 1.9]) == shown([1.2, 0, 1.9, 4]) == shown([3, 3, 1, 1]) == shown([-9, -9, -4, -4]) == {}


# --- rings and distances ---


def naive_ring(faces: np.ndarray, start: int, steps: int) -> set[int]:
    """Faces met in so many steps over shared edges, where the first step leaves the face."""
    sides = [{frozenset((f[0], f[1])), frozenset((f[1], f[2])), frozenset((f[2], f[0]))} for f in faces.tolist()]
    ring, last = set(), {start}
    for _ in range(steps):
        last = {j for i in last for j in range(len(faces)) if j != i and sides[i] & sides[j]}
        ring |= last
    return ring


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_rings_are_those_of_a_walk_over_edges(steps: int) -> None:
    ball = trimesh.creation.icosphere(subdivisions=1)
    fan = np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4], [5, 6, 7], [4, 6, 8]])  # three on an edge, two with a corner only
    rng = np.random.default_rng(0)
    for vertices, faces in ((ball.vertices, ball.faces), (rng.random((9, 3)), fan), strip(14)):
        rings = surface((vertices, faces)).rings(steps).toarray()
        assert set(np.unique(rings)) <= {0, 1}
        for face in range(len(faces)):
            assert set(np.flatnonzero(rings[face]).tolist()) == naive_ring(faces, face, steps)


def test_a_face_is_in_its_own_ring_once_that_has_grown() -> None:
    rings = surface(strip(2)).rings
    assert rings(1).toarray().tolist() == [[0, 1], [1, 0]] and rings(2).toarray().tolist() == [[1, 1], [1, 1]]
    assert surface(strip(1)).rings(5).toarray().tolist() == [[0]]


def naive_distances(vertices: np.ndarray, faces: np.ndarray, source: int) -> list[float]:
    """Dijkstra's shortest ways along edges."""
    far = {source: 0.0}
    queue, done = [(0.0, source)], set()
    while queue:
        here, vertex = heapq.heappop(queue)
        done.add(vertex)
        for other in {int(v) for face in faces if vertex in face for v in face} - done:
            there = here + float(np.linalg.norm(vertices[vertex].astype(float) - vertices[other].astype(float)))
            if there < far.get(other, np.inf):
                far[other] = there
                heapq.heappush(queue, (there, other))
    return [far.get(vertex, np.inf) for vertex in range(len(vertices))]


def test_distances_along_edges_are_the_shortest() -> None:
    ball = trimesh.creation.icosphere(subdivisions=1)
    one = surface((ball.vertices, ball.faces))
    found = one.distances(np.array([3, 20]))
    for row, source in zip(found, (3, 20), strict=True):
        assert np.allclose(row, naive_distances(one.places, one.faces, source), rtol=1e-12)


def two_balls() -> tuple[np.ndarray, np.ndarray]:
    ball = trimesh.creation.icosphere(subdivisions=3)
    far = ball.vertices + [3, 0, 0]
    return np.concatenate([ball.vertices, far]), np.concatenate([ball.faces, ball.faces + len(far)])


def test_heat_goes_round_a_ball_and_not_to_another(heat: str) -> None:
    one = surface(two_balls(), heat)
    first = np.linalg.norm(one.places, axis=1) < 1.5
    source = int(np.flatnonzero(first)[7])
    (found,) = one.distances(np.array([source]))
    arc = 2 * np.arcsin((np.linalg.norm(one.places[first] - one.places[source], axis=1) / 2).clip(0, 1))
    assert found[source] == 0 and np.abs(found[first] - arc).max() < 0.05
    assert np.isinf(found[~first]).all()
    (edges,) = surface(two_balls(), EDGES).distances(np.array([source]))
    assert np.array_equal(np.isinf(edges), np.isinf(found)) and (edges[first] > 0.98 * arc - 1e-6).all()
    assert edges[first].max() < 1.3 * np.pi


@pytest.mark.parametrize("geodesics", [EDGES, HEAT])
def test_seams_unused_vertices_and_flat_faces_do_not_matter(geodesics: str, request: pytest.FixtureRequest) -> None:
    if geodesics == HEAT:
        request.getfixturevalue("heat")
    vertices, faces = strip(9)
    plain = surface((vertices, faces), geodesics)
    cut = vertices[faces].reshape(-1, 3)  # every face has corners of its own
    cut = np.concatenate([np.full((2, 3), np.nan), cut])
    soup = surface((cut, np.concatenate([np.arange(27).reshape(-1, 3) + 2, [[2, 2, 3], [5, 5, 5]]])), geodesics)
    assert np.array_equal(plain.places, soup.places)
    source = np.array([0, 4])
    assert np.allclose(plain.distances(source), soup.distances(source), rtol=1e-9)
    assert (soup.rings(5).toarray()[:9, :9] >= plain.rings(5).toarray()).all()


@pytest.mark.parametrize("geodesics", [EDGES, HEAT])
def test_places_without_a_real_face_are_reached_from_themselves_alone(
    geodesics: str, request: pytest.FixtureRequest
) -> None:
    if geodesics == HEAT:
        request.getfixturevalue("heat")
    one = surface((np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]], np.float32), [[0, 0, 1], [2, 2, 2]]), geodesics)
    assert one.distances(np.arange(3)).tolist() == np.where(np.eye(3) > 0, 0, np.inf).tolist()


def test_what_the_heat_method_can_not_measure_is_refused_in_one_line(heat: str) -> None:
    vertices, faces = strip(3)
    vertices[2] = np.nan
    with pytest.raises(InputError, match="^the heat method can't work on it .*; take --set geodesics=edges$"):
        surface((vertices, faces), heat).distances(np.array([0]))


# --- scores ---


def naive_scores(mesh: Surface, boxes: Sequence[BoxFaces], parts: int) -> np.ndarray:
    """Section 5 of baselines.md, face by face, with distances along edges."""
    total = np.zeros((len(mesh.faces), parts))
    for part, score, faces, pixels in boxes:
        middle = sum(mesh.areas[f] * mesh.places[mesh.faces[f]].mean(0) for f in faces) / sum(
            mesh.areas[f] for f in faces
        )
        corners = sorted({int(v) for f in faces for v in mesh.faces[f]})
        centre = min(corners, key=lambda v: float(np.linalg.norm(mesh.places[v] - middle)))
        way = naive_distances(mesh.places, mesh.faces, centre)
        far = [way[int(mesh.faces[f][0])] for f in faces]
        reached = [d for d in far if d < np.inf]
        mean, std = np.mean(reached), np.std(reached)
        for f, d, count in zip(faces, far, pixels, strict=True):
            g = 1.0 if std < 1e-9 else float(np.exp(-0.5 * ((d - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi)))
            ring = naive_ring(mesh.faces, int(f), 5)
            r = len(ring & set(faces.tolist())) / (len(ring) + 1e-5)
            total[f, part] += count * score * (g if d < np.inf else 0) * r
    return total


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_naive_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ball = trimesh.creation.icosphere(subdivisions=1)
    vertices = ball.vertices * [1, 0.7, 0.4] + rng.normal(0, 0.02, ball.vertices.shape)
    second = trimesh.creation.box((0.3, 0.3, 0.3))
    faces = np.concatenate([ball.faces, second.faces + len(vertices)])
    mesh = surface((np.concatenate([vertices, second.vertices + [0.1, 0, 0]]), faces))
    boxes = []
    for size in (1, 2, 9, 40, 60):
        shows = np.sort(rng.permutation(len(faces))[:size])
        boxes.append(box(int(rng.integers(3)), shows.tolist(), rng.integers(1, 9, size).tolist(), float(rng.random())))
    found = face_scores(mesh, boxes, 3)
    assert found.any() and np.allclose(found, naive_scores(mesh, boxes, 3), rtol=1e-5, atol=1e-12)


def test_a_box_of_one_face_has_density_1() -> None:
    mesh = surface(strip(14))
    found = face_scores(mesh, [box(1, [6], [5], 0.5)], 2)
    ring = len(naive_ring(mesh.faces, 6, 5))
    assert ring == 11 and np.isclose(found[6, 1], 5 * 0.5 * 1 / (ring + 1e-5), rtol=1e-6)
    assert np.count_nonzero(found) == 1


def test_faces_as_far_from_the_centre_have_density_1_and_no_division_by_zero() -> None:
    spokes = np.array([[np.cos(a), np.sin(a), 0] for a in np.arange(6) * np.pi / 3], np.float32)
    fan = np.array([[0, i + 1, (i + 1) % 6 + 1] for i in range(6)])  # all begin at the middle, which is the centre
    found = face_scores(surface((np.concatenate([np.zeros((1, 3), np.float32), spokes]), fan)), [box(0, range(6))], 1)
    assert np.allclose(found, 6 / (6 + 1e-5), rtol=1e-6)


def test_the_first_vertex_of_a_face_says_how_far_it_is() -> None:
    vertices, faces = strip(14)
    turned = np.roll(faces, 1, axis=1)
    first, second = (face_scores(surface((vertices, f)), [box(0, range(14))], 1)[:, 0] for f in (faces, turned))
    assert not np.allclose(first, second)
    assert np.allclose(first, naive_scores(surface((vertices, faces)), [box(0, range(14))], 1)[:, 0], rtol=1e-5)


def test_faces_that_the_surface_does_not_reach_get_nothing() -> None:
    first, second = strip(4), strip(4)
    apart = (
        np.concatenate([first[0], second[0] + np.array([0, 0, 5], np.float32)]),
        np.concatenate([first[1], second[1] + 6]),
    )
    found = face_scores(surface(apart), [box(0, [0, 1, 2, 3, 6])], 1)[:, 0]
    assert (found[:4] > 0).all() and not found[4:].any()


def test_a_face_without_area_alone_in_a_box_gets_nothing() -> None:
    flat = surface((np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]], np.float32), [[3, 0, 0], [0, 1, 2]]))
    assert not face_scores(flat, [box(0, [0])], 1).any()


def test_faces_without_neighbours_and_faces_that_no_box_shows_have_no_part() -> None:
    lone = np.concatenate([strip(4)[1], [[6, 7, 8]]])
    vertices = np.concatenate([strip(4)[0], np.array([[9, 0, 0], [9, 1, 0], [9, 0, 1]], np.float32)])
    found = face_scores(surface((vertices, lone)), [box(1, [0, 1, 2]), box(0, [4], [50])], 2)
    assert face_labels(found).tolist() == [1, 1, 1, -1, -1]
    assert face_labels(face_scores(surface(strip(3)), [], 2)).tolist() == [-1, -1, -1]


def test_a_part_needs_a_total_of_one_ten_thousandth() -> None:
    assert face_labels(np.array([[0.9e-4, 0], [1.1e-4, 0], [0.4e-4, 0.7e-4], [0, 3.0], [0, 0]])).tolist() == [
        -1, 0, 1, 1, -1,
    ]  # fmt: skip


# --- the whole method ---


@pytest.fixture(scope="module")
def chair() -> Shape:
    return toy_chair(0).normalised().sampled(512, 0)


def test_points_take_the_part_of_their_face(chair: Shape) -> None:
    method = SATR(BY_EDGES)
    (one,) = observe([chair], method, Oracle(chair), LABEL, CHAIR)
    (found,) = method.labels([one])
    assert one.face is not None and chair.point_labels is not None
    boxes = [found for view, named in zip(one.views, one.boxes(), strict=True) for found in box_faces(view, named)]
    vertices, faces = chair.mesh
    scores = face_scores(Surface(vertices, faces, EDGES), boxes, len(CHAIR))
    assert np.array_equal(found, face_labels(scores)[one.face])
    shows = np.isin(one.face, np.concatenate([view.element.ravel() for view in one.views]))
    assert (found[shows] == chair.point_labels[shows]).mean() > 0.7 and (found[~shows] == -1).all()


def test_heat_and_edges_hardly_differ_in_what_they_say(chair: Shape, heat: str) -> None:
    found = []
    for geodesics in (heat, EDGES):
        method = make_baseline("satr", {"geodesics": geodesics})
        found += list(method.labels(observe([chair], method, Oracle(chair), LABEL, CHAIR)))
    assert (found[0] == found[1]).mean() > 0.95


def test_clouds_and_views_of_points_are_refused(chair: Shape) -> None:
    cloud = Shape("dots", "chair", points=chair.points, normals=chair.normals)
    with pytest.raises(InputError, match="^dots: has no faces, and satr needs meshes; take another --method$"):
        SATR(BY_EDGES).check([chair, cloud])
    splatted = LABEL.model_copy(update={"renderer": "points"})
    with pytest.raises(InputError, match="^toy-0: its views show no faces; satr needs meshes and a renderer of them$"):
        list(SATR(BY_EDGES).labels(observe([chair], SATR(BY_EDGES), Oracle(chair), splatted, CHAIR)))


def test_what_is_not_installed_and_unknown_options_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "potpourri3d", None)
    with pytest.raises(MissingError, match=r"`python -m pip install 'gen3d\[baselines\]'`, or take --set geod"):
        SATR().check([])
    SATR(BY_EDGES).check([])
    with pytest.raises(SettingsError, match="geodesics = 'feet': input should be 'heat' or 'edges'"):
        make_baseline("satr", {"geodesics": "feet"})


def test_published_cameras_are_drawn_by_the_seed_around_the_front() -> None:
    assert SATR().cameras(64) is None
    drawn = [SATR(SATROptions(cameras="published", seed=seed)).cameras(64) or () for seed in (*range(200), 7)]
    assert drawn[7] == drawn[-1] != drawn[8] and {len(ten) for ten in drawn} == {10}
    assert {(c.distance, c.size) for ten in drawn for c in ten} == {(2.0, 64)}
    angles = np.array([(c.elevation, c.azimuth) for ten in drawn for c in ten])
    assert np.abs(angles.mean(0)).max() < 6 and np.allclose(angles.std(0), [45, 90], rtol=0.05)


def test_evaluation_says_which_distances_were_taken(chair: Shape) -> None:
    labelled = LabelledSet("toy", "chair", CHAIR, [chair], 1)
    method = make_baseline("satr", {"geodesics": "edges", "cameras": "published", "seed": 3})
    report = evaluate_baseline(method, Oracle(chair), labelled, EvalSettings(points=512), LABEL)
    assert report.extra["options"] == {"geodesics": "edges", "cameras": "published", "seed": 3}
    (found,) = method.labels(observe([chair], method, Oracle(chair), LABEL, CHAIR))
    assert np.array_equal(report.shapes[0].prediction, found)
