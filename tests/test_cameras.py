"""Cameras: where they stand, which way is right, up and down, and that projecting undoes casting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen3d.errors import SettingsError
from gen3d.rendering.cameras import TEN_VIEWS, Camera, rings

CAMERAS = st.builds(
    Camera,
    elevation=st.floats(-90, 90),
    azimuth=st.floats(-720, 720),
    distance=st.floats(1.2, 20),
    fov=st.floats(10, 140),
    size=st.integers(1, 64),
)


@given(CAMERAS, st.data())
def test_projecting_undoes_casting(camera: Camera, data: st.DataObject) -> None:
    """A point anywhere on the ray of pixel (i, j) is seen at its centre, (j + 0.5, i + 0.5)."""
    row, column = (data.draw(st.integers(0, camera.size - 1)) for _ in range(2))
    along = data.draw(st.floats(0.05, 30))
    point = camera.position + along * camera.directions()[row, column].astype(np.float64)
    xy, depth = camera.project(point[None])
    tolerance = 1e-5 * (camera.size + camera.focal) * (1 + camera.distance / along)
    assert np.abs(xy[0] - [column + 0.5, row + 0.5]).max() < tolerance
    assert 0 < depth[0] <= along * (1 + 1e-6)


@given(CAMERAS)
def test_the_axes_are_an_upright_right_handed_frame(camera: Camera) -> None:
    right, up, back = camera.axes
    assert np.allclose(camera.axes @ camera.axes.T, np.eye(3), atol=1e-12)
    assert np.allclose(np.cross(right, up), back)
    assert right[1] == 0 and up[1] >= -1e-12  # the horizon is level, nothing stands on its head
    assert np.allclose(camera.position, camera.distance * back)


@given(CAMERAS)
def test_the_origin_is_in_the_middle_at_the_cameras_distance(camera: Camera) -> None:
    xy, depth = camera.project(np.zeros((1, 3)))
    assert np.allclose(xy, camera.size / 2) and depth[0] == pytest.approx(camera.distance)


@given(CAMERAS)
def test_rays_have_length_1_and_stay_within_the_angle_of_view(camera: Camera) -> None:
    rays = camera.directions()
    assert np.allclose(np.linalg.norm(rays, axis=-1), 1, atol=1e-6)
    across = rays.reshape(-1, 3) @ camera.axes.T  # camera frame
    edge = np.tan(np.radians(camera.fov) / 2)
    assert np.abs(across[:, :2] / -across[:, 2:]).max() <= edge * (1 - 1 / camera.size) + 1e-4 * edge


def test_a_naive_camera_agrees() -> None:
    """The front camera by plain similar triangles, pixel by pixel."""
    camera = Camera(0, 0, distance=3, fov=90, size=4)
    for i in range(4):
        for j in range(4):
            ray = np.array([(j + 0.5 - 2) / 2, (2 - i - 0.5) / 2, -1])
            assert np.allclose(camera.directions()[i, j], ray / np.linalg.norm(ray))


def test_right_is_right_and_up_is_up() -> None:
    """From the front: +X to the right, +Y to the top, and +Z nearest."""
    camera = Camera(0, 0, size=100)
    (x, y, z), depth = camera.project(np.eye(3) * 0.5)
    assert x[0] > 51 and x[1] == pytest.approx(50)
    assert y[1] < 49 and y[0] == pytest.approx(50)
    assert np.allclose(z, 50) and depth[2] == pytest.approx(camera.distance - 0.5)


@pytest.mark.parametrize(
    ("elevation", "azimuth", "position"),
    [(0, 0, [0, 0, 1]), (0, 90, [1, 0, 0]), (0, 180, [0, 0, -1]), (0, 270, [-1, 0, 0]), (90, 0, [0, 1, 0])],
)
def test_azimuth_goes_from_the_front_to_x_and_elevation_up(
    elevation: float, azimuth: float, position: list[float]
) -> None:
    assert np.allclose(Camera(elevation, azimuth, distance=2).position, 2 * np.array(position))


def test_the_unit_ball_fits_into_every_view() -> None:
    for camera in rings(10, size=100):
        widest = np.tan(np.arcsin(1 / camera.distance)) * camera.focal
        assert widest < camera.size / 2


def test_ten_views_are_the_published_ones() -> None:
    cameras = rings()
    assert [(c.elevation, c.azimuth) for c in cameras] == [
        (10, 0), (10, 90), (10, 180), (10, 270), (40, 0), (40, 120), (40, 240), (-20, 60), (-20, 180), (-20, 300),
    ]  # fmt: skip
    assert {(c.distance, c.fov) for c in cameras} == {(2.2, 60.0)} and len(TEN_VIEWS) == 10


@given(st.integers(1, 60), st.integers(1, 512))
def test_rings_give_that_many_different_views_on_the_same_rings(views: int, size: int) -> None:
    cameras = rings(views, size)
    assert len(cameras) == len(set(cameras)) == views and {c.size for c in cameras} == {size}
    assert {c.elevation for c in cameras} <= {10, 40, -20}
    azimuths = np.sort([c.azimuth for c in cameras])
    assert azimuths[0] >= 0 and azimuths[-1] < 360
    if views >= 8 and views != 10:  # no gap much wider than an even spread would leave
        assert np.diff([*azimuths, azimuths[0] + 360]).max() < 3 * 360 / views


def test_fewer_than_one_view_is_refused() -> None:
    with pytest.raises(SettingsError, match="^views is 0"):
        rings(0)
