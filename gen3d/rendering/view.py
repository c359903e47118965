"""One camera's image of a shape, with what every pixel shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from gen3d.rendering.cameras import Camera

BACKGROUND = -1


@dataclass(frozen=True, eq=False)
class View:
    """Pixels of one camera.

    Args:
        camera: where it was taken from.
        element: (H, W) int32, index of the face (mesh) or point (cloud) seen; -1 = background.
        depth: (H, W) float32 along the viewing direction, radii; inf = nothing.
        normal: (H, W, 3) float32 unit normal in the camera frame, turned to the viewer; 0 = background.
        barycentric: (H, W, 2) float32 weights of the face's second and third corner; None for clouds.
    """

    camera: Camera
    element: Int32[np.ndarray, "H W"]
    depth: Float32[np.ndarray, "H W"]
    normal: Float32[np.ndarray, "H W 3"]
    barycentric: Float32[np.ndarray, "H W 2"] | None = None

    @property
    def hit(self) -> Bool[np.ndarray, "H W"]:
        """Where something is seen."""
        return self.element != BACKGROUND

    @cached_property
    def color(self) -> UInt8[np.ndarray, "H W 3"]:
        """(H, W, 3) uint8: grey, lit by a lamp up-left of the camera, on white. Surfaces are double-sided."""
        lamp = np.array([-0.35, 0.55, 0.76], np.float32)
        light = 0.35 + 0.6 * (self.normal @ lamp).clip(0)
        grey = np.where(self.hit, 255 * light, 255).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, -1)
