"""One camera's image of a shape, with what every pixel shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from gen3d.rendering.cameras import Camera

BACKGROUND = -1
WHITE = (255, 255, 255)
LAMP = (-0.35, 0.55, 0.76)  # up-left of the camera


@dataclass(frozen=True, eq=False)
class View:
    """Pixels of one camera.

    Args:
        camera: where it was taken from.
        element: (H, W) int32, index of the face (mesh) or point (cloud) seen; -1 = background.
        depth: (H, W) float32 along the viewing direction, radii; inf = nothing.
        normal: (H, W, 3) float32 unit normal in the camera frame, turned to the viewer; 0 = background.
        barycentric: (H, W, 2) float32 weights of the face's second and third corner; None for clouds.
        picture: (H, W, 3) uint8, its colours where a teacher's style made them (see `gen3d.rendering.styles`).
    """

    camera: Camera
    element: Int32[np.ndarray, "H W"]
    depth: Float32[np.ndarray, "H W"]
    normal: Float32[np.ndarray, "H W 3"]
    barycentric: Float32[np.ndarray, "H W 2"] | None = None
    picture: UInt8[np.ndarray, "H W 3"] | None = None

    @property
    def hit(self) -> Bool[np.ndarray, "H W"]:
        """Where something is seen."""
        return self.element != BACKGROUND

    @cached_property
    def color(self) -> UInt8[np.ndarray, "H W 3"]:
        """(H, W, 3) uint8: the picture; without one grey, lit by a lamp up-left of the camera, on white."""
        return self.shaded() if self.picture is None else self.picture

    def shaded(
        self, light: tuple[float, float, float] = LAMP, background: tuple[int, int, int] = WHITE
    ) -> UInt8[np.ndarray, "H W 3"]:
        """(H, W, 3) uint8, grey and matt. Surfaces are double-sided.

        Args:
            light: towards the lamp, in the camera's frame; its length is the lamp's strength.
            background: colour of what shows nothing.
        """
        bright = 0.35 + 0.6 * (self.normal @ np.array(light, np.float32)).clip(0)
        grey = (255 * bright).clip(0, 255).astype(np.uint8)
        return np.where(self.hit[..., None], grey[..., None], np.array(background, np.uint8))
