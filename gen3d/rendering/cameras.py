"""Pinhole cameras on rings around a normalised shape.

Camera frame: +X right, +Y up, looking along -Z (OpenGL). Pixel (row i, column j) has its centre at image position
(x, y) = (j + 0.5, i + 0.5); y grows downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from gen3d.errors import SettingsError

# (elevation, azimuth) in degrees: PartSLIP's ten views, which PartDistill's arrays were made with (baselines.md, 3).
TEN_VIEWS = (
    *((10, a) for a in (0, 90, 180, 270)),
    *((40, a) for a in (0, 120, 240)),
    *((-20, a) for a in (60, 180, 300)),
)

NEAR = 0.01  # radii; what is nearer to a camera than this, or behind it, has no place in its image


@dataclass(frozen=True)
class Camera:
    """A square camera that looks at the origin.

    Args:
        elevation: degrees above the horizon.
        azimuth: degrees about +Y; 0 stands in front of the shape (on +Z), 90 on +X.
        distance: from the origin, in radii of the normalised shape.
        fov: full angle of view, degrees.
        size: image width and height, pixels.
    """

    elevation: float
    azimuth: float
    distance: float = 2.2
    fov: float = 60.0
    size: int = 224

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return self.size / 2 / np.tan(np.radians(self.fov) / 2)

    @property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """Rows: the camera's right, up and backward directions in the house frame."""
        e, a = np.radians(self.elevation), np.radians(self.azimuth)
        back = np.array([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)])
        right = np.array([np.cos(a), 0.0, -np.sin(a)])
        return np.stack([right, np.cross(back, right), back])

    @property
    def position(self) -> Float[np.ndarray, " 3"]:
        """Where the camera stands, in the house frame."""
        return self.axes[2] * self.distance

    def project(self, points: Float[np.ndarray, "N 3"]) -> tuple[Float[np.ndarray, "N 2"], Float[np.ndarray, " N"]]:
        """Image positions (x, y) in pixels and depth along the viewing direction."""
        local = points @ self.axes.T  # (N, 3), camera axes about the origin
        depth = self.distance - local[:, 2]
        xy = local[:, :2] / depth[:, None] * self.focal
        return np.stack([self.size / 2 + xy[:, 0], self.size / 2 - xy[:, 1]], 1), depth

    def directions(self) -> Float32[np.ndarray, "H W 3"]:
        """Unit direction of the ray through every pixel centre, in the house frame."""
        offset = (np.arange(self.size) + 0.5 - self.size / 2) / self.focal
        x, y = np.meshgrid(offset, -offset)  # (H, W) each
        local = np.stack([x, y, -np.ones_like(x)], -1)
        local /= np.linalg.norm(local, axis=-1, keepdims=True)
        return (local @ self.axes).astype(np.float32)


def rings(views: int = 10, size: int = 224) -> tuple[Camera, ...]:
    """`views` cameras around the shape: PartSLIP's ten, or any other number spread over the same three rings.

    Other numbers turn by the golden angle and take the elevations 10, 40, -20 in turn. Raises SettingsError below 1.
    """
    if views < 1:
        raise SettingsError(f"views is {views}; at least 1 is needed")
    if views == len(TEN_VIEWS):
        return tuple(Camera(e, a, size=size) for e, a in TEN_VIEWS)
    golden = 180 * (3 - 5**0.5)
    return tuple(Camera((10, 40, -20)[i % 3], i * golden % 360, size=size) for i in range(views))
