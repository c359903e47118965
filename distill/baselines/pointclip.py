"""PointCLIP (Zhang et al., CVPR 2022): sparse depth maps from fixed views, logits summed over them.

Follows baselines.md, section 1, which was written from memory: which angles, words and weights the authors took for
parts is not known. Here six cameras stand on the axes. On a map every point is one pixel, the darker the nearer. Of a
teacher with features 100 cos(patch, text), enlarged to the pixels, is read where the points fall that a view shows (by
our own rule), of others their scores; these are summed with the views' weights.

A teacher that looks at geometry and not at colours, such as `lite`, sees its usual geometry images from these cameras.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
from jaxtyping import Int16

from distill.baselines.baseline import Baseline, Observed
from distill.baselines.voting import Weighted, logits, summed
from gen3d.knowledge import best_parts
from gen3d.rendering.cameras import Camera
from gen3d.rendering.styles import ViewStyle

AXES = ((0, 0), (0, 90), (0, 180), (0, 270), (90, 0), (-90, 0))  # (elevation, azimuth): front, right, ..., above, below


class PointClipOptions(Weighted):
    """What can be set of `pointclip`; views in the order front, right, back, left, above, below."""

    count: ClassVar[int] = len(AXES)


class PointClip(Baseline):
    """The best part of the sum; where no view says anything that of the nearest point."""

    name = "pointclip"
    Options = PointClipOptions
    reads_features = True
    settings: PointClipOptions

    def cameras(self, size: int) -> tuple[Camera, ...]:
        """Six, on the axes."""
        return tuple(Camera(elevation, azimuth, size=size) for elevation, azimuth in AXES)

    def style(self, style: ViewStyle) -> ViewStyle:
        """Sparse depth maps, in the teacher's size and colours."""
        return replace(style, look="sparse-depth")

    def labels(self, observed: Iterable[Observed]) -> Iterator[Int16[np.ndarray, " N"]]:
        """-1 everywhere on shapes where the teacher sees nothing."""
        for one in observed:
            yield best_parts(summed(one, logits(one), self.settings.weights), one.points)
