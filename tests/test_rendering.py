"""Renderers against naive twins: a ray through every pixel and every triangle, and a loop over pixels and discs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen3d.errors import InputError, SettingsError
from gen3d.generators.procedural import ProceduralGenerator, solids
from gen3d.rendering import Renderer, chosen_renderer, make_renderer
from gen3d.rendering.cameras import NEAR, Camera, rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.points import PointsRenderer, _splat
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape, face_normals, unit

SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=15)


def soup(seed: int, faces: int = 25) -> Shape:
    """A normalised soup of large random triangles."""
    vertices = np.random.default_rng(seed).normal(size=(3 * faces, 3)).astype(np.float32)
    return Shape("soup", "chair", vertices, np.arange(3 * faces).reshape(-1, 3)).normalised()


def solid_shape(solid: solids.Solid) -> Shape:
    return Shape("solid", "chair", solid.vertices.astype(np.float32), solid.faces)


def moved(shape: Shape, scale: float, offset: tuple[float, float, float] = (0, 0, 0)) -> Shape:
    return shape.transformed(np.eye(3) * scale, np.array(offset, float))


def some_cameras(seed: int, size: int) -> tuple[Camera, ...]:
    rng = np.random.default_rng(seed)
    return tuple(Camera(rng.uniform(-89, 89), rng.uniform(0, 360), fov=rng.uniform(20, 100), size=size) for _ in "ab")


def crossings(camera: Camera, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Möller and Trumbore 1997, for all pixels and faces at once: the distance along the ray, and the smallest of the
    three weights, which is negative outside of the face. Both (H, W, F)."""
    vertices, faces = shape.mesh
    a, b, c = (vertices[faces[:, i]].astype(np.float64) for i in range(3))
    ray = camera.directions().astype(np.float64)[:, :, None]  # (H, W, 1, 3)
    p = np.cross(ray, c - a)
    determinant = (p * (b - a)).sum(-1)
    determinant = np.where(np.abs(determinant) < 1e-12, 1e-300, determinant)  # parallel: pushed out to infinity
    start = camera.position - a
    u = (p * start).sum(-1) / determinant
    q = np.cross(start, b - a)
    v = (ray * q).sum(-1) / determinant
    return ((c - a) * q).sum(-1) / determinant, np.minimum(np.minimum(u, v), 1 - u - v)


def assert_like_the_twin(view: View, shape: Shape) -> None:
    """Each pixel shows a face that its ray does meet, and no other is surely met before; few are too close to tell."""
    camera, (vertices, faces) = view.camera, shape.mesh
    distance, weight = crossings(camera, shape)
    along = camera.directions() @ -camera.axes[2]  # depth per distance
    depth = distance * along[..., None]
    met = (weight > 0) & (depth > 0)
    first = np.where(met, depth, np.inf)
    expected = np.where(met.any(-1), first.argmin(-1), BACKGROUND)
    assert (view.element != expected).mean() < 0.01
    sure = np.where((weight > 1e-4) & (depth > 1e-4), depth, np.inf).min(-1)
    assert (view.depth <= sure + 1e-3).all()
    row, column = view.hit.nonzero()
    seen = view.element[row, column]
    assert np.array_equal(view.hit, np.isfinite(view.depth))
    assert weight[row, column, seen].min(initial=0) > -1e-3
    slope = (camera.directions()[row, column] * face_normals(vertices, faces)[0][seen]).sum(1)
    clear = (seen == expected[row, column]) & (np.abs(slope) > 0.05)  # a grazed face has no sharp depth
    error = view.depth[row, column][clear] - first.min(-1)[row, column][clear]
    assert np.abs(error).max(initial=0) < 1e-4


def assert_sound(view: View, shape: Shape) -> None:
    """What a mesh view promises by itself: depth and pixel give a point of the face, and so do the weights."""
    camera, (vertices, faces) = view.camera, shape.mesh
    row, column = view.hit.nonzero()
    ray = camera.directions()[row, column].astype(np.float64)
    point = camera.position + ray * (view.depth[row, column] / (ray @ -camera.axes[2]))[:, None]
    a, b, c = (vertices[faces[view.element[row, column], i]].astype(np.float64) for i in range(3))
    normal = unit(np.cross(b - a, c - a))
    assert np.abs(((point - a) * normal).sum(1)).max(initial=0) < 1e-5 * (1 + np.abs(vertices).max())
    assert view.barycentric is not None
    u, v = view.barycentric[row, column].astype(np.float64).T[:, :, None]
    steep = np.abs((ray * normal).sum(1)) > 0.05
    assert np.abs((1 - u - v) * a + u * b + v * c - point)[steep].max(initial=0) < 1e-4 * (1 + np.abs(vertices).max())
    shown = view.normal[row, column].astype(np.float64) @ camera.axes  # house frame
    assert np.abs(np.abs((shown * normal).sum(1)) - 1).max(initial=0) < 1e-4
    assert (shown * ray).sum(1).max(initial=-1) < 1e-4  # turned to the viewer
    for image in (view.normal, view.barycentric, view.element + 1):
        assert not image[~view.hit].any()
    assert np.isposinf(view.depth[~view.hit]).all()


# --- meshes -------------------------------------------------------------------------------------------------------


@few
@given(SEEDS)
def test_embree_shows_what_a_naive_ray_caster_shows(seed: int) -> None:
    shape = soup(seed)
    for view in EmbreeRenderer(some_cameras(seed, 24)).render(shape):
        assert view.hit.any()
        assert_like_the_twin(view, shape)
        assert_sound(view, shape)


@pytest.mark.parametrize(
    ("scale", "offset"),
    [
        (1.0, (0.7, 0.4, 0.0)),
        (0.2, (0.9, -0.6, 0.1)),
        (0.3, (50.0, 0.0, 0.0)),  # out of most pictures
        (1.8, (0.0, 0.0, 0.0)),
        (1.0, (2.0, 0.0, 1.0)),  # reaches to and behind cameras
        (4.0, (0.0, 0.0, 0.0)),  # cameras stand within it
    ],
)
def test_no_ray_is_spared_that_could_meet_the_shape(scale: float, offset: tuple[float, float, float]) -> None:
    """Shapes that are not normalised or not centred are drawn as far as they are in the picture."""
    shape = moved(soup(7), scale, offset)
    for view in EmbreeRenderer((Camera(5, 10, size=24), Camera(50, 100, size=24), Camera(-30, 250, size=24))).render(
        shape
    ):
        assert_like_the_twin(view, shape)
        assert_sound(view, shape)


def plain_views(cameras: tuple[Camera, ...], shape: Shape) -> list[View]:
    """All rays of every camera cast into one scene, and every pixel's normal turned by itself."""
    (vertices, faces), views = shape.mesh, []
    cast = EmbreeRenderer(())._caster(vertices, faces)
    normals = face_normals(vertices, faces)[0]
    offsets = (normals * vertices[faces[:, 0]]).sum(1)
    for camera in cameras:
        position, axes, rays = camera.position.astype(np.float32), camera.axes.astype(np.float32), camera.directions()
        flat = rays.reshape(-1, 3)
        hits = cast(np.tile(position, (len(flat), 1)), flat)
        element, distance, u, v = (values.reshape(camera.size, camera.size) for values in hits)
        hit = element != BACKGROUND
        shown = normals[element[hit]]
        shown = np.where((shown @ position < offsets[element[hit]])[:, None], -shown, shown) @ axes.T
        normal, weights = np.zeros_like(rays), np.zeros((camera.size, camera.size, 2), np.float32)
        normal[hit], weights[hit] = shown, np.stack([u, v], -1)[hit]
        views.append(View(camera, element, distance * (rays @ -axes[2]), normal, weights))
    return views


@pytest.mark.parametrize("name", ["chair", "lamp", "mug", "psb"])
def test_what_is_done_for_speed_changes_no_pixel(name: str, request: pytest.FixtureRequest) -> None:
    """Faces and weights to the bit; depths and normals but for the order of a sum. On a real shape, too."""
    cameras = (*rings(4, 72), Camera(0, 45, distance=0.3, size=40), Camera(90, 0, size=33))
    if name == "psb":
        with np.load(request.getfixturevalue("shared_data") / "psb/Chair.npz") as file:
            id = min(key for key in file if key.startswith("v"))[1:]
            corners, faces = file[f"v{id}"].astype(np.float32), file[f"f{id}"].astype(np.int64)
        shape = Shape(id, "chair", corners, faces).normalised()
    else:
        shape = ProceduralGenerator().generate(name, 1, name)
    for ours, plain in zip(EmbreeRenderer(cameras).render(shape), plain_views(cameras, shape), strict=True):
        assert ours.barycentric is not None and plain.barycentric is not None and ours.hit.any()
        assert np.array_equal(ours.element, plain.element) and np.array_equal(ours.barycentric, plain.barycentric)
        np.testing.assert_allclose(ours.depth, plain.depth, rtol=0, atol=1e-6)
        np.testing.assert_allclose(ours.normal, plain.normal, rtol=0, atol=1e-6)


def test_a_floor_that_runs_on_behind_the_camera_is_drawn_to_the_lower_edge() -> None:
    """Where its far corner would be projected to says nothing about where it is seen."""
    corners = np.array([[-1, -0.3, 1], [1, -0.3, 1], [0, -0.3, 10]], np.float32)
    floor = Shape("floor", "chair", corners, np.array([[0, 1, 2]]))
    (view,) = EmbreeRenderer((Camera(0, 0, size=24),)).render(floor)
    assert view.hit[-1].all()
    assert_like_the_twin(view, floor)


def test_surfaces_are_double_sided() -> None:
    """The same picture from faces that run the other way round."""
    shape = soup(3)
    vertices, faces = shape.mesh
    cameras = rings(4, 32)
    back = EmbreeRenderer(cameras).render(Shape("back", "chair", vertices, faces[:, ::-1].copy()))
    for one, other in zip(EmbreeRenderer(cameras).render(shape), back, strict=True):
        assert np.array_equal(one.element, other.element)
        assert np.allclose(one.normal, other.normal, atol=1e-5)
        assert np.abs(one.color.astype(int) - other.color).max() <= 1


def test_a_box_fills_the_pixels_it_should() -> None:
    """The front of a unit cube, 1.7 from the camera: its edge is focal / 1.7 pixels long."""
    camera = Camera(0, 0, size=200)
    (view,) = EmbreeRenderer((camera,)).render(solid_shape(solids.box((1, 1, 1))))
    assert np.sqrt(view.hit.sum()) == pytest.approx(camera.focal / 1.7, abs=1)
    assert np.allclose(view.depth[view.hit], 1.7, atol=1e-5)
    assert np.allclose(view.normal[view.hit], [0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("kind", ["embree", "points"])
def test_views_are_not_mirrored(kind: str) -> None:
    """A marker on +X is on the right from the front, on the left from behind, and one on +Y is on top."""
    for offset, sides in (((0.6, 0, 0), {0: (1, 0), 180: (-1, 0)}), ((0, 0.6, 0), {0: (0, -1), 180: (0, -1)})):
        marker = solid_shape(solids.move(solids.box((0.2, 0.2, 0.2)), offset)).sampled(500, 0)
        cameras = tuple(Camera(0, azimuth, size=60) for azimuth in sides)
        for view, side in zip(make_renderer(kind, cameras, mesh=True).render(marker), sides.values(), strict=True):
            row, column = view.hit.nonzero()
            assert np.array_equal(np.sign(np.round([column.mean() - 29.5, row.mean() - 29.5])), side)


def test_a_mesh_renderer_needs_a_mesh_and_a_cloud_renderer_points() -> None:
    for kind in ("embree", "points"):  # the others: tests/test_renderers_agree.py
        with pytest.raises(InputError, match="^nothing: "):
            make_renderer(kind, rings(1), mesh=True).render(Shape("nothing", "chair"))


# --- clouds -------------------------------------------------------------------------------------------------------


def naive_discs(camera: Camera, points: np.ndarray, radius: float) -> np.ndarray:
    """Per pixel, the nearest disc that covers its centre, or that has its own centre in it; -1 = none."""
    ahead = [i for i, point in enumerate(points) if camera.distance - point @ camera.axes[2] > NEAR]
    image = np.full((camera.size, camera.size), -1)
    seen = {i: tuple(x[0] for x in camera.project(points[i : i + 1])) for i in ahead}
    for row in range(camera.size):
        for column in range(camera.size):
            best = None
            for i, (xy, depth) in seen.items():
                x, y = xy.astype(np.float32)
                reach = min(radius * camera.focal / depth, camera.size)
                far = (np.float32(row + 0.5) - y) ** 2 + (np.float32(column + 0.5) - x) ** 2
                own = np.floor(x) == column and np.floor(y) == row
                key = (int(depth * 2**20), i)
                if (far <= np.float32(reach**2) or own) and (best is None or key < best):
                    best = key
            image[row, column] = -1 if best is None else best[1]
    return image


@few
@given(SEEDS, st.integers(1, 40), st.sampled_from([1.0, 0.5, 2.5]))
def test_discs_are_what_a_loop_over_pixels_draws(seed: int, count: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    points = (scale * unit(rng.normal(size=(count, 3)))).astype(np.float32)
    normals = unit(rng.normal(size=(count, 3))).astype(np.float32)
    (camera, _) = some_cameras(seed, 16)
    renderer = PointsRenderer((camera,), spacing=rng.uniform(0.1, 1.25))
    (view,) = renderer.render(Shape("cloud", "chair", points=points, normals=normals))
    assert np.array_equal(view.element, naive_discs(camera, points, renderer.radius(points)))
    depth = camera.project(points)[1]
    seen = view.element[view.hit]
    assert np.allclose(view.depth[view.hit], depth[seen], atol=1e-5) and np.isposinf(view.depth[~view.hit]).all()
    shown = view.normal[view.hit] @ camera.axes
    assert np.allclose(np.abs((shown * normals[seen]).sum(1)), 1, atol=1e-5)
    assert ((camera.position - points[seen]) * shown).sum(1).min(initial=0) > -1e-5
    assert not view.normal[~view.hit].any() and view.barycentric is None


def test_discs_drawn_in_portions_are_the_same(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    xy, depth, reach = rng.uniform(-5, 45, (60, 2)), rng.uniform(1, 3, 60), rng.uniform(0, 9, 60)
    whole = _splat(xy, depth, reach, 40)
    monkeypatch.setattr("gen3d.rendering.points.CELLS", 1000)
    assert np.array_equal(_splat(xy, depth, reach, 40), whole)


@given(SEEDS, st.integers(1, 30), st.integers(1, 4))
def test_the_disc_radius_is_the_median_distance_to_the_third_neighbour(seed: int, count: int, copies: int) -> None:
    """Points at the same place count once: a cloud that was repeated to a larger number looks the same."""
    points = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    far = np.sort(np.linalg.norm(points[:, None].astype(np.float64) - points[None], axis=-1), 1)
    expected = 1.25 * max(np.median(far[:, min(3, count - 1)]), 1e-3)
    assert PointsRenderer(()).radius(np.tile(points, (copies, 1))) == pytest.approx(expected, rel=1e-5)


def test_a_single_point_is_one_pixel() -> None:
    point = np.array([[0.02, 0.05, 0.1]], np.float32)
    for view in PointsRenderer(rings(10, 32)).render(Shape("dot", "chair", points=point)):
        (x, y), depth = view.camera.project(point)[0][0], view.camera.project(point)[1]
        assert view.hit.sum() == 1 and view.element[int(y), int(x)] == 0
        assert view.depth[view.hit] == pytest.approx(depth, abs=1e-6)


def test_the_nearer_of_two_points_hides_the_other() -> None:
    points = np.array([[0, 0, 0.5], [0, 0, -0.5]], np.float32)
    front, back = PointsRenderer((Camera(0, 0, size=31), Camera(0, 180, size=31))).render(
        Shape("two", "chair", points=points)
    )
    assert front.element[15, 15] == 0 and back.element[15, 15] == 1


def test_normals_are_estimated_where_the_cloud_has_none(rng: np.random.Generator) -> None:
    points = unit(rng.normal(size=(2000, 3))).astype(np.float32)
    cameras = rings(3, 40)
    known = PointsRenderer(cameras).render(Shape("ball", "chair", points=points, normals=points))
    for one, other in zip(known, PointsRenderer(cameras).render(Shape("ball", "chair", points=points)), strict=True):
        assert np.array_equal(one.element, other.element)
        assert (one.normal * other.normal).sum(-1)[one.hit].mean() > 0.98


@pytest.mark.parametrize("solid", [solids.ellipsoid((1, 0.7, 0.4)), solids.box((1, 2, 0.5))])
def test_a_dense_cloud_looks_like_its_mesh(solid: solids.Solid) -> None:
    """Silhouette, depth, normals and shading agree between the renderers."""
    shape = solid_shape(solid).normalised()
    dense = shape.sampled(20000, 0)
    cameras = rings(5, 64)
    meshes, clouds = EmbreeRenderer(cameras).render(shape), PointsRenderer(cameras).render(dense)
    assert dense.points is not None
    radius = PointsRenderer(()).radius(dense.points)
    for mesh, cloud in zip(meshes, clouds, strict=True):
        both = mesh.hit & cloud.hit
        assert both.sum() / (mesh.hit | cloud.hit).sum() > 0.9
        assert np.median(np.abs(mesh.depth[both] - cloud.depth[both])) < 2 * radius
        assert (mesh.normal * cloud.normal).sum(-1)[both].mean() > 0.9
        assert (cloud.color.astype(int) - mesh.color)[both].mean() < 5


# --- colours and names --------------------------------------------------------------------------------------------


def test_colour_is_grey_within_its_range_and_white_behind() -> None:
    for view in EmbreeRenderer(rings(6, 48)).render(soup(1)):
        color = view.color
        assert color.dtype == np.uint8 and color.shape == (48, 48, 3)
        assert (color == color[..., :1]).all() and (color[~view.hit] == 255).all()
        assert color[view.hit].min() >= int(0.35 * 255) and color[view.hit].max() <= int(0.96 * 255)


def test_the_lamp_is_up_left_of_the_camera() -> None:
    (view,) = EmbreeRenderer((Camera(0, 0, size=65),)).render(solid_shape(solids.ellipsoid((1, 1, 1), 40)))
    brightness = view.color[..., 0].astype(int)
    assert brightness[20, 24] > brightness[44, 24] > brightness[44, 40] and brightness[20, 24] > brightness[20, 40]


def test_renderers_go_by_name() -> None:
    cameras = rings(2, 8)
    for name, mesh, kind in (
        ("auto", True, EmbreeRenderer), ("auto", False, PointsRenderer), ("points", True, PointsRenderer),
    ):  # fmt: skip
        renderer = make_renderer(name, cameras, mesh)
        assert isinstance(renderer, kind) and isinstance(renderer, Renderer) and renderer.cameras == cameras
        assert renderer.name == chosen_renderer(name, mesh)
    with pytest.raises(
        SettingsError, match="unknown renderer 'opengl'; known are: auto, embree, points, pytorch3d, kaolin, open3d$"
    ):
        make_renderer("opengl", cameras, mesh=True)
