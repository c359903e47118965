"""Pictures that suit a teacher: a style is declared by the teacher and honoured by whoever renders for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, UInt8

from gen3d.errors import InputError, SettingsError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.realistic_depth import realistic_depth
from gen3d.rendering.sparse_depth import sparse_depth
from gen3d.rendering.surfels import SurfelRenderer
from gen3d.rendering.view import LAMP, WHITE, View
from gen3d.shape import Shape

FAR = 0.25  # how far the most distant surface stays from the background, of 1


@dataclass(frozen=True)
class ViewStyle:
    """How a teacher wants its views. Raises SettingsError for values that make no picture.

    Args:
        look: "shaded" (grey and matt), "normals" (x, y, z of the normal as red, green, blue), "depth" (near is most
            unlike the background); of the shape's points "realistic-depth" and "sparse-depth" (PointCLIP V2's depth
            maps, and PointCLIP's).
        size: width and height in pixels, where the user asks for none.
        background: sRGB.
        light: towards the lamp, in the camera's frame (+X right, +Y up, +Z to the viewer); its length is its strength.
        dense: draw clouds as a closed, smooth surface; otherwise every point as a disc of its own.
    """

    look: str = "shaded"
    size: int = 224
    background: tuple[int, int, int] = WHITE
    light: tuple[float, float, float] = LAMP
    dense: bool = True

    def __post_init__(self) -> None:
        known = (*LOOKS, *POINT_LOOKS)
        if self.look not in known:
            raise SettingsError(f"unknown look {self.look!r} of a view style; known are: {', '.join(known)}")
        if self.size < 32:
            raise SettingsError(f"size of a view style is {self.size}; at least 32 pixels are needed")
        if not all(0 <= value <= 255 for value in self.background):
            raise SettingsError(f"background of a view style is {self.background}; needs three numbers from 0 to 255")
        if not all(np.isfinite(self.light)):
            raise SettingsError(f"light of a view style is {self.light}; needs three finite numbers")


@runtime_checkable
class Styled(Protocol):
    """A teacher that cares for how its views look; see `ViewStyle`."""

    style: ViewStyle


def style_of(teacher: object) -> ViewStyle:
    """A teacher's style; `PLAIN` for one that declares none."""
    return teacher.style if isinstance(teacher, Styled) else PLAIN


def dressed(shape: Shape, views: Sequence[View], style: ViewStyle) -> list[View]:
    """The views with pictures of that style. What their pixels show stays: only `View.color` changes.

    Args:
        shape: what they show; of a mesh looks that are made of points need the sampled ones, too.
        views: of one renderer.
        style: the teacher's.
    """
    if replace(style, size=PLAIN.size) == PLAIN:
        return list(views)
    if style.look in POINT_LOOKS:
        if shape.points is None:
            raise InputError(f"{shape.id}: has no points to make depth maps of; sample some on it")
        maps = [POINT_LOOKS[style.look](view.camera, shape.points) for view in views]
        return [replace(v, picture=_between(m, style)) for v, m in zip(views, maps, strict=True)]
    cloud = any(view.barycentric is None for view in views)
    drawn = SurfelRenderer(tuple(v.camera for v in views)).render(shape) if cloud and style.dense else views
    return [replace(v, picture=LOOKS[style.look](d, style)) for v, d in zip(views, drawn, strict=True)]


def _shaded(view: View, style: ViewStyle) -> UInt8[np.ndarray, "H W 3"]:
    return view.shaded(style.light, style.background)


def _normals(view: View, style: ViewStyle) -> UInt8[np.ndarray, "H W 3"]:
    """-1 to 1 as 0 to 255."""
    color = ((view.normal + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    return np.where(view.hit[..., None], color, np.array(style.background, np.uint8))


def _depth(view: View, style: ViewStyle) -> UInt8[np.ndarray, "H W 3"]:
    """Linear from the nearest to the farthest pixel of the view."""
    seen = view.depth[view.hit]
    if not seen.size:
        return _between(np.ones(view.depth.shape, np.float32), style)
    near, far = float(seen.min()), float(seen.max())
    share = (np.where(view.hit, view.depth, far) - near) / max(far - near, 1e-6)
    return _between(np.where(view.hit, (1 - FAR) * share, 1.0).astype(np.float32), style)


def _between(share: Float[np.ndarray, "H W"], style: ViewStyle) -> UInt8[np.ndarray, "H W 3"]:
    """From black (0) to the background (1), or from white where the background is dark."""
    background = np.array(style.background, np.float64)
    ink = 0.0 if background.mean() > 127 else 255.0
    return (ink + share[..., None] * (background - ink)).round().clip(0, 255).astype(np.uint8)


LOOKS: dict[str, Callable[[View, ViewStyle], UInt8[np.ndarray, "H W 3"]]] = {
    "shaded": _shaded,
    "normals": _normals,
    "depth": _depth,
}
POINT_LOOKS: dict[str, Callable[[Camera, Float32[np.ndarray, "N 3"]], Float32[np.ndarray, "H W"]]] = {
    "realistic-depth": realistic_depth,
    "sparse-depth": sparse_depth,
}  # 0 is the nearest, 1 the background
PLAIN = ViewStyle(dense=False)  # of teachers that declare none
