"""The sparse depth maps of PointCLIP: every point a pixel, its depth as grey (baselines.md, section 1)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from gen3d.rendering.cameras import NEAR, Camera

FAR = 0.75  # the farthest point; 1 is the background


def sparse_depth(camera: Camera, points: Float32[np.ndarray, "N 3"]) -> Float32[np.ndarray, "H W"]:
    """Depth map of a cloud: 0 = the nearest point, 0.75 = the farthest, 1 = background.

    A pixel has the depth of the nearest of the points that fall into it; nothing is filled in between.

    Args:
        camera: of the view.
        points: house frame, radii.
    """
    image = np.ones(camera.size**2, np.float32)
    xy, depth = camera.project(points)
    column, row = np.floor(xy).astype(np.int64).T
    inside = (depth > NEAR) & (xy >= 0).all(1) & (xy < camera.size).all(1)
    if inside.any():
        drawn = depth[inside]
        share = FAR * (drawn - drawn.min()) / max(float(np.ptp(drawn)), 1e-6)
        np.minimum.at(image, (row * camera.size + column)[inside], share.astype(np.float32))
    return image.reshape(camera.size, camera.size)
