"""Pictures that suit a teacher: what a style asks for is what `View.color` holds, and nothing else changes."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from gen3d.asking import LabelSettings, Renderers, label_shape
from gen3d.errors import InputError, SettingsError
from gen3d.generators.procedural import ProceduralGenerator, solids
from gen3d.rendering.cameras import Camera, rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.points import PointsRenderer
from gen3d.rendering.styles import LOOKS, PLAIN, POINT_LOOKS, Styled, ViewStyle, dressed, style_of
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers.predictions import PixelScores

ALL_LOOKS = (*LOOKS, *POINT_LOOKS)
CAMERAS = rings(3, 64)


def chair(points: int = 1500) -> Shape:
    return ProceduralGenerator().generate("chair", 3, "chair").sampled(points, 0)


def cloud_of(shape: Shape) -> Shape:
    return replace(shape, vertices=None, faces=None, face_labels=None)


def ball(radius: float = 0.8) -> Shape:
    solid = solids.ellipsoid((radius,) * 3, 40)
    return Shape("ball", "chair", solid.vertices.astype(np.float32), solid.faces).sampled(1500, 0)


def gray(view: View) -> np.ndarray:
    assert (view.color == view.color[..., :1]).all()
    return view.color[..., 0].astype(int)


class Looking:
    """Sees everything as its first part, in the style it is given; keeps what it was shown."""

    name, kind = "looking", "pixel"

    def __init__(self, style: ViewStyle | None = None) -> None:
        if style is not None:
            self.style = style
        self.shown: list[View] = []

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        self.shown += views
        return [PixelScores(np.ones((len(prompts), *v.element.shape), np.float16) * v.hit) for v in views]


# --- what a style changes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mesh", [True, False])
def test_the_plain_style_leaves_views_as_they_are(mesh: bool) -> None:
    shape = chair() if mesh else cloud_of(chair())
    views = (EmbreeRenderer if mesh else PointsRenderer)(CAMERAS).render(shape)
    assert all(one is two for one, two in zip(views, dressed(shape, views, PLAIN), strict=True))
    assert all(one is two for one, two in zip(views, dressed(shape, views, replace(PLAIN, size=800)), strict=True))


@pytest.mark.parametrize("look", ALL_LOOKS)
@pytest.mark.parametrize("mesh", [True, False])
def test_only_the_picture_changes(look: str, mesh: bool) -> None:
    """What pixels show, and with it what is lifted, does not depend on the style."""
    shape = chair() if mesh else cloud_of(chair())
    views = (EmbreeRenderer if mesh else PointsRenderer)(CAMERAS).render(shape)
    for one, two in zip(views, dressed(shape, views, ViewStyle(look=look, background=(9, 8, 7))), strict=True):
        assert all(getattr(one, f.name) is getattr(two, f.name) for f in fields(View) if f.name != "picture")
        assert two.color.dtype == np.uint8 and two.color.shape == (64, 64, 3)
        corners = two.color[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert (corners == [9, 8, 7]).all() and not np.array_equal(one.color, two.color)


def test_the_default_style_of_a_mesh_is_the_plain_picture() -> None:
    shape = chair()
    views = EmbreeRenderer(CAMERAS).render(shape)
    for one, two in zip(views, dressed(shape, views, ViewStyle()), strict=True):
        assert np.array_equal(one.color, two.color)


def test_the_lamp_stands_where_the_style_says() -> None:
    shape = ball()
    views = EmbreeRenderer((Camera(0, 0, size=65),)).render(shape)
    for light, brighter in (((1, 0, 0), "right"), ((-1, 0, 0), "left"), ((0, 1, 0), "top"), ((0, -1, 0), "bottom")):
        image = gray(dressed(shape, views, ViewStyle(light=light))[0])
        sides = {"right": image[32, 46], "left": image[32, 18], "top": image[18, 32], "bottom": image[46, 32]}
        assert max(sides, key=lambda side: sides[side]) == brighter
        assert sorted(sides.values())[-1] > sorted(sides.values())[-2] + 50
    dim, bright = (gray(dressed(shape, views, ViewStyle(light=(0, 0, z)))[0]).min() for z in (0.2, 0.9))
    assert dim <= bright and gray(dressed(shape, views, ViewStyle(light=(0, 0, 0)))[0]).min() == int(255 * 0.35)


def test_normals_are_red_to_the_right_green_upwards_and_blue_to_the_viewer() -> None:
    shape = ball()
    views = EmbreeRenderer((Camera(20, 130, size=65),)).render(shape)
    color = dressed(shape, views, ViewStyle(look="normals"))[0].color.astype(int)
    assert color[32, 50, 0] > 200 > 60 > color[32, 14, 0]
    assert color[14, 32, 1] > 200 > 60 > color[50, 32, 1]
    assert color[32, 32, 2] > 250
    hit = views[0].hit
    assert np.abs(color[hit] / 127.5 - 1 - views[0].normal[hit]).max() < 0.005


@pytest.mark.parametrize(("background", "ink"), [((255, 255, 255), 0), ((0, 0, 0), 255)])
def test_depth_goes_from_ink_to_background_linearly(background: tuple[int, int, int], ink: int) -> None:
    shape = chair()
    views = EmbreeRenderer(CAMERAS).render(shape)
    for view in dressed(shape, views, ViewStyle(look="depth", background=background)):
        image, hit = gray(view), view.hit
        share = (image[hit] - ink) / (background[0] - ink)
        line = np.polyfit(view.depth[hit], share, 1)
        assert np.abs(np.polyval(line, view.depth[hit]) - share).max() < 0.004
        assert share[view.depth[hit].argmin()] == 0 and share[view.depth[hit].argmax()] == pytest.approx(0.75, abs=3e-3)
        assert (image[~hit] == background[0]).all()


def test_a_view_of_nothing_is_background_in_every_look() -> None:
    far = cloud_of(ball(0.05)).transformed(np.eye(3), np.array([0, 0, 9.0]))  # behind the camera
    views = PointsRenderer((Camera(0, 0, size=32),)).render(far)
    for look in ALL_LOOKS:
        assert (dressed(far, views, ViewStyle(look=look, background=(1, 2, 3)))[0].color == [1, 2, 3]).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"look": "oil"}, "unknown look 'oil' .*shaded, normals, depth, realistic-depth, sparse-depth"),
        ({"size": 8}, "at least 32 pixels"),
        ({"background": (0, 0, 256)}, "three numbers from 0 to 255"),
        ({"light": (0.0, float("nan"), 1.0)}, "three finite numbers"),
    ],
)
def test_styles_that_make_no_picture_are_refused(values: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        ViewStyle(**values)


@pytest.mark.parametrize("look", POINT_LOOKS)
def test_depth_of_points_of_a_bare_mesh_is_refused(look: str) -> None:
    bare = replace(ball(), points=None, normals=None, point_labels=None)
    views = EmbreeRenderer(CAMERAS).render(bare)
    with pytest.raises(InputError, match="^ball: has no points to make depth maps of"):
        dressed(bare, views, ViewStyle(look=look))


# --- labelling honours it -----------------------------------------------------------------------------------------


def test_a_teacher_is_shown_its_style_in_its_size() -> None:
    shape, settings = chair(), LabelSettings(views=2, points=512)
    style = ViewStyle(look="normals", size=96, background=(0, 0, 0))
    teacher = Looking(style)
    assert isinstance(teacher, Styled) and style_of(teacher) is style
    knowledge = label_shape(shape, teacher, settings, ("back", "seat"))
    views = EmbreeRenderer(rings(2, 96)).render(shape)
    for shown, view in zip(teacher.shown, dressed(shape, views, style), strict=True):
        assert shown.camera == view.camera and np.array_equal(shown.color, view.color)
    plain = Looking()
    assert not isinstance(plain, Styled) and style_of(plain) == PLAIN
    twin = label_shape(shape, plain, settings.model_copy(update={"size": 96}), ("back", "seat"))
    assert twin.to_bytes() == knowledge.to_bytes()  # the pixels mean the same


def test_the_size_asked_for_goes_before_the_teachers() -> None:
    renderers = Renderers(LabelSettings(views=1, size=48), ViewStyle(size=96))
    assert {camera.size for camera in renderers.of(chair()).cameras} == {48}
    assert {camera.size for camera in Renderers(LabelSettings(views=1)).of(chair()).cameras} == {224}


def test_the_embedded_teacher_sees_what_it_always_saw() -> None:
    """It declares no style, and its views are the renderers' own, of meshes and of clouds."""
    from gen3d.teachers.lite.network import geometry_images
    from gen3d.teachers.lite.teacher import LiteTeacher

    teacher = LiteTeacher()
    assert style_of(teacher) == PLAIN
    for shape, renderer in ((chair(), EmbreeRenderer(CAMERAS)), (cloud_of(chair()), PointsRenderer(CAMERAS))):
        views = renderer.render(shape)
        kept = geometry_images(dressed(shape, views, style_of(teacher)))
        assert kept.numpy().tobytes() == geometry_images(views).numpy().tobytes()
