"""Views of shapes: cameras, the View type, and one file per renderer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from gen3d.errors import SettingsError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.view import View
from gen3d.shape import Shape


@runtime_checkable
class Renderer(Protocol):
    """Makes one View per camera of a shape. `name` is what it is called in `RENDERERS`."""

    name: str
    cameras: tuple[Camera, ...]

    def render(self, shape: Shape) -> list[View]:
        """Views of a normalised shape; `View.element` is a face index (mesh) or a point index (cloud)."""
        ...


def _embree(cameras: tuple[Camera, ...]) -> Renderer:
    from gen3d.rendering.embree import EmbreeRenderer

    return EmbreeRenderer(cameras)


def _points(cameras: tuple[Camera, ...]) -> Renderer:
    from gen3d.rendering.points import PointsRenderer

    return PointsRenderer(cameras)


def _pytorch3d(cameras: tuple[Camera, ...]) -> Renderer:
    from gen3d.rendering.pytorch3d import PyTorch3DRenderer

    return PyTorch3DRenderer(cameras)


def _kaolin(cameras: tuple[Camera, ...]) -> Renderer:
    from gen3d.rendering.kaolin import KaolinRenderer

    return KaolinRenderer(cameras)


def _open3d(cameras: tuple[Camera, ...]) -> Renderer:
    from gen3d.rendering.open3d import Open3DRenderer

    return Open3DRenderer(cameras)


AUTO = "auto"
RENDERERS: dict[str, Callable[[tuple[Camera, ...]], Renderer]] = {
    "embree": _embree,
    "points": _points,
    "pytorch3d": _pytorch3d,
    "kaolin": _kaolin,
    "open3d": _open3d,
}


def chosen_renderer(name: str, mesh: bool) -> str:
    """What `name` stands for with meshes, or with clouds: "auto" is `embree` or `points`. Raises SettingsError."""
    chosen = ("embree" if mesh else "points") if name == AUTO else name
    if chosen not in RENDERERS:
        raise SettingsError(f"unknown renderer {name!r}; known are: {AUTO}, {', '.join(RENDERERS)}")
    return chosen


def make_renderer(name: str, cameras: tuple[Camera, ...], mesh: bool) -> Renderer:
    """The renderer that `chosen_renderer` tells.

    Raises:
        SettingsError: unknown name.
        MissingError: it stands on a package, or a graphics card, that is not here.
    """
    return RENDERERS[chosen_renderer(name, mesh)](cameras)
