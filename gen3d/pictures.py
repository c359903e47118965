"""Pictures of shapes: coloured views tiled into one contact sheet."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, UInt8

from gen3d.colors import PALETTE, UNLABELLED_GREY
from gen3d.rendering.cameras import Camera
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.points import PointsRenderer
from gen3d.rendering.view import View
from gen3d.shape import Shape


def paint(
    view: View, labels: Int[np.ndarray, " E"] | None, palette: UInt8[np.ndarray, "K 3"] = PALETTE
) -> UInt8[np.ndarray, "H W 3"]:
    """The view's shading, tinted by the part of the face (or point) each pixel shows; grey where it is -1."""
    if labels is None:
        return view.color
    colors = np.concatenate([palette, UNLABELLED_GREY[None]])  # index -1 is the grey one
    tint = colors[np.where(labels < 0, -1, labels % len(palette))].astype(np.float32) / 200
    return np.where(view.hit[..., None], (view.color * tint[view.element]).clip(0, 255), 255).astype(np.uint8)


def portraits(
    shape: Shape, labels: Int[np.ndarray, " E"] | None, angles: tuple[tuple[float, float], ...], size: int = 160
) -> list[UInt8[np.ndarray, "H W 3"]]:
    """The shape (mesh if it has one, else its points) from each (elevation, azimuth), coloured by `labels`."""
    cameras = tuple(Camera(e, a, size=size, fov=54.0) for e, a in angles)
    renderer = EmbreeRenderer(cameras) if shape.has_mesh else PointsRenderer(cameras)
    return [paint(view, labels) for view in renderer.render(shape)]


def tile(images: list[UInt8[np.ndarray, "H W 3"]], columns: int) -> UInt8[np.ndarray, "H2 W2 3"]:
    """Images of one size in rows of `columns`, white where the last row ends early."""
    blank = np.full_like(images[0], 255)
    padded = images + [blank] * (-len(images) % columns)
    rows = [np.concatenate(padded[i : i + columns], 1) for i in range(0, len(padded), columns)]
    return np.concatenate(rows, 0)


def caption(
    image: UInt8[np.ndarray, "H W 3"], text: str, height: int = 16, color: tuple[int, int, int] = (20, 20, 20)
) -> UInt8[np.ndarray, "H2 W 3"]:
    """The image with a line of text above it."""
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (image.shape[1], height), "white")
    ImageDraw.Draw(strip).text((3, 1), text, fill=color, font=ImageFont.load_default(size=height - 5))
    return np.concatenate([np.asarray(strip), image], 0)
