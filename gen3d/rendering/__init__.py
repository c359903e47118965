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
    """Makes one View per camera of a shape."""

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


RENDERERS: dict[str, Callable[[tuple[Camera, ...]], Renderer]] = {"embree": _embree, "points": _points}


def make_renderer(name: str, cameras: tuple[Camera, ...], mesh: bool) -> Renderer:
    """The renderer of that name; "auto" takes `embree` for meshes and `points` for clouds. Raises SettingsError."""
    chosen = {True: "embree", False: "points"}[mesh] if name == "auto" else name
    if chosen not in RENDERERS:
        raise SettingsError(f"unknown renderer {name!r}; known are: auto, {', '.join(RENDERERS)}")
    return RENDERERS[chosen](cameras)
