"""Every renderer of meshes gives the View that `embree` gives: on its package where it is, on a stand-in anywhere."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import renderer_doubles
import torch

from gen3d import rendering
from gen3d.asking import LabelSettings, label_shape
from gen3d.errors import InputError, MissingError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.knowledge import lift
from gen3d.rendering import RENDERERS, Renderer, make_renderer
from gen3d.rendering.cameras import Camera, rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.kaolin import KaolinRenderer
from gen3d.rendering.rasters import view_of_faces
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape, yaw
from gen3d.teachers.predictions import Boxes, PixelScores

OTHERS = ("open3d", "pytorch3d", "kaolin")
CAMERAS = (
    Camera(10, 0, size=32), Camera(35, 70, size=27, fov=40.0), Camera(-20, 200, size=24, distance=3.0, fov=50.0),
)  # fmt: skip


@pytest.fixture(
    params=[(name, itself) for name in OTHERS for itself in (False, True)],
    ids=lambda param: f"{param[0]}-{'itself' if param[1] else 'stand-in'}",
)
def other(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a renderer whose package is there: itself, or its stand-in."""
    name, itself = request.param
    if itself:
        real(name, ())
    else:
        renderer_doubles.install(name, monkeypatch)
    return name


def real(name: str, cameras: tuple[Camera, ...]) -> Renderer:
    """A renderer on its own package; the test is skipped where that is missing."""
    try:
        return make_renderer(name, cameras, mesh=True)
    except MissingError as error:
        pytest.skip(str(error))


def made(name: str, cameras: tuple[Camera, ...]) -> Renderer:
    """The stand-in of Kaolin needs no graphics card."""
    if name == "kaolin" and not torch.cuda.is_available():
        return KaolinRenderer(cameras, device="cpu")
    return make_renderer(name, cameras, mesh=True)


@cache
def scene(name: str) -> Shape:
    """Shapes without a plane of symmetry, some of them off the centre of the picture, and one cut by itself."""
    if name == "soup":
        vertices = np.random.default_rng(3).normal(size=(90, 3)).astype(np.float32)
        return Shape("soup", "chair", vertices, np.arange(90).reshape(-1, 3)).normalised()
    shape = ProceduralGenerator().generate(name, 2, name)
    return shape.transformed(yaw(25) * 0.7, np.array([0.2, -0.15, 0.1]))


def assert_same(one: View, two: View) -> None:
    """Equal but for pixels at edges: few, and what they show is no further off than the surface there reaches."""
    assert two.camera == one.camera
    apart = one.element != two.element
    with np.errstate(invalid="ignore"):  # inf - inf, of the background
        apart &= ~(np.abs(one.depth - two.depth) < 1e-4)  # two faces in one place: either is right
    assert apart.mean() < 0.004
    assert (one.hit != two.hit).mean() < 0.002
    same = one.hit & (one.element == two.element)
    assert one.hit.sum() > 12 and same.sum() > 0.9 * one.hit.sum()
    slope = -one.normal[same] @ np.array([0, 0, -1.0])
    clear = slope > 0.1  # what is seen almost edge-on has no sharp depth
    assert np.abs(one.depth[same] - two.depth[same])[clear].max() < 1e-4
    assert np.abs(one.normal[same] - two.normal[same]).max() < 1e-3
    assert one.barycentric is not None and two.barycentric is not None
    assert np.abs(one.barycentric[same] - two.barycentric[same])[clear].max() < 5e-3
    for images in ((one.element, two.element), (one.depth, two.depth), (one.normal, two.normal)):
        assert images[0].dtype == images[1].dtype and images[0].shape == images[1].shape
    assert two.barycentric.dtype == np.float32 and two.barycentric.shape == one.barycentric.shape
    assert np.isposinf(two.depth[~two.hit]).all() and (two.element[~two.hit] == BACKGROUND).all()
    assert not two.normal[~two.hit].any() and not two.barycentric[~two.hit].any()


@pytest.mark.parametrize("name", ["soup", "pistol"])
def test_every_renderer_shows_what_embree_shows(other: str, name: str) -> None:
    shape = scene(name)
    for one, two in zip(EmbreeRenderer(CAMERAS).render(shape), made(other, CAMERAS).render(shape), strict=True):
        assert_same(one, two)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("word", ["mug", "chair", "airplane"])
def test_every_installed_renderer_shows_large_pictures_as_embree_does(name: str, word: str) -> None:
    cameras = (*rings(3, 96), Camera(50, 130, size=121, fov=35.0))
    renderer, shape = real(name, cameras), scene(word)
    for one, two in zip(EmbreeRenderer(cameras).render(shape), renderer.render(shape), strict=True):
        assert_same(one, two)


def test_the_comparison_is_not_blind() -> None:
    """It tells every way in which axes can be mixed up, and a picture that is half a pixel off."""
    shape = scene("pistol")
    (view,) = EmbreeRenderer(CAMERAS[:1]).render(shape)
    for change in (np.diag([-1.0, 1, 1]), np.diag([1.0, -1, 1]), np.diag([1.0, 1, -1]), yaw(180), yaw(3)):
        (wrong,) = EmbreeRenderer(CAMERAS[:1]).render(shape.transformed(change))
        with pytest.raises(AssertionError):
            assert_same(view, wrong)
    (shifted,) = EmbreeRenderer(CAMERAS[:1]).render(shape.transformed(np.eye(3), np.array([0.02, 0, 0])))
    with pytest.raises(AssertionError):
        assert_same(view, shifted)


def test_a_large_slanted_face_does_not_hide_what_lies_before_it(other: str) -> None:
    """Depth is interpolated as perspective has it: a floor that runs far away, and a small plate just above it."""
    floor = [[-0.5, -0.4, 1.6], [0.5, -0.4, 1.6], [0.0, -0.4, -30.0]]
    plate = [[-0.2, -0.39, 0.2], [0.2, -0.39, 0.2], [0.0, -0.39, -0.3]]
    shape = Shape("floor", "chair", np.array(floor + plate, np.float32), np.arange(6).reshape(2, 3))
    cameras = (Camera(16, 0, size=48), Camera(25, 20, size=48))
    for one, two in zip(EmbreeRenderer(cameras).render(shape), made(other, cameras).render(shape), strict=True):
        assert (one.element == 1).sum() > 10
        assert_same(one, two)


def test_both_sides_of_a_face_are_drawn(other: str) -> None:
    shape = scene("soup")
    vertices, faces = shape.mesh
    back = made(other, CAMERAS).render(Shape("back", "chair", vertices, faces[:, ::-1].copy()))
    for one, two in zip(made(other, CAMERAS).render(shape), back, strict=True):
        assert np.array_equal(one.element, two.element) and np.allclose(one.normal, two.normal, atol=1e-5)


def test_an_empty_picture_is_an_ordinary_result(other: str) -> None:
    aside = scene("mug").transformed(np.eye(3) * 0.1, np.array([1.9, 0, 0]))
    (view,) = made(other, (Camera(0, 0, size=32, fov=40.0),)).render(aside)
    assert not view.hit.any() and np.isposinf(view.depth).all() and view.barycentric is not None


@pytest.mark.parametrize("name", ["pytorch3d", "kaolin"])
def test_rasterisers_refuse_what_reaches_behind_the_camera(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer_doubles.install(name, monkeypatch)
    large = scene("mug").transformed(np.eye(3) * 5)
    with pytest.raises(InputError, match=f"^mug: reaches to or behind a camera, where {name} .*--renderer embree"):
        made(name, CAMERAS).render(large)


def test_clouds_are_refused_by_every_renderer_of_meshes(other: str) -> None:
    cloud = Shape("cloud", "chair", points=np.zeros((5, 3), np.float32))
    with pytest.raises(InputError, match="^cloud: has no faces"):
        made(other, CAMERAS).render(cloud)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("open3d", ["pip install open3d", "libusb-1.0-0"]),
        ("pytorch3d", ["not on PyPI", f"torch (here {torch.__version__})", "github.com/facebookresearch/pytorch3d"]),
        ("kaolin", ["nvidia-kaolin.s3", "placeholder", "kaolin==0.18.0"]),
    ],
)
def test_what_is_missing_is_said_with_how_to_get_it(
    name: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # what `import` then does is what it does where there is none
    for module in [key for key in sys.modules if key.startswith(f"{name}.")]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingError) as caught:
        make_renderer(name, rings(1), mesh=True)
    message = str(caught.value)
    assert message.startswith(f"renderer {name}: ") and "\n" not in message and "--renderer" in message
    assert all(word in message for word in words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card")
def test_kaolin_needs_a_graphics_card(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer_doubles.install("kaolin", monkeypatch)
    with pytest.raises(MissingError, match="renderer kaolin: needs a graphics card with CUDA"):
        make_renderer("kaolin", rings(1), mesh=True)


def test_renderers_are_imported_late() -> None:
    """Choosing one renderer never imports another's package."""
    for name in RENDERERS:
        source = (Path(rendering.__file__).parent / f"{name}.py").read_text()
        heavy = [line for line in source.splitlines() if line.startswith(("import", "from"))]
        assert not [line for line in heavy if any(word in line.split()[1].split(".")[0] for word in (*OTHERS, "torch"))]


def test_a_pixel_beside_its_face_takes_the_nearest_weights_within_it() -> None:
    """Rasterisers round: a face may be given a pixel whose centre it just misses."""
    camera = Camera(0, 0, size=8)
    corners = np.array([[[-0.3, -0.3, -2.0], [0.3, -0.3, -2.0], [0.0, 0.3, -2.0]]])
    view = view_of_faces(camera, corners, np.zeros((8, 8), np.int32))
    assert view.barycentric is not None
    u, v = view.barycentric[..., 0], view.barycentric[..., 1]
    assert u.min() >= 0 and v.min() >= 0 and (u + v).max() <= 1 + 1e-6
    assert np.allclose(view.depth, 2) and np.allclose(view.normal, [0, 0, 1])


class Middle:
    """One box in the middle of every view."""

    name, kind = "middle", "box"

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores] | list[Boxes]:
        box = np.array([[8, 8, 24, 24]], np.float32)
        return [Boxes(box, np.zeros(1, np.int16), np.ones(1, np.float32)) for _ in views]


def test_knowledge_hardly_depends_on_the_renderer(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same units on the same points, but for points at edges; and it is recorded which renderer it was."""
    shape, settings = scene("pistol").normalised(), LabelSettings(views=2, size=32, points=512)
    knowledge = label_shape(shape, Middle(), settings, ("grip", "barrel"))
    assert knowledge.meta["renderer"] == "embree"
    sampled = shape.sampled(512, 0).points
    assert sampled is not None
    views = made(other, rings(2, 32)).render(shape)
    twin = lift(views, Middle().predict(views, "pistol", ("grip", "barrel")), sampled)
    assert np.array_equal(twin.part, knowledge.part) and (twin.mask == knowledge.mask).mean() > 0.995
