"""PointCLIP V2 (Zhu et al., ICCV 2023): realistic depth maps from ten views, its seen rule, smoothed logits, a vote.

Follows baselines.md, section 2; the projection is in `pointclip_v2_maps`. The release works on 2,048 points, this on
any number. What a teacher is shown depends on what it looks at:

- One that declares how its pictures are to look (`gen3d.rendering.styles.Styled`), as all pretrained ones do, sees the
  method's own maps, and points are read where the method says. Its views are those of a cloud: a pixel that is drawn
  shows the point nearest to it on the map. Their camera tells the direction alone.
- One that looks at geometry, such as `lite`, sees what our own camera shows from the same ten directions, upright and
  from so far that rays are parallel as the method's are. Which points a view shows is still the map's rule.

Teachers with features (`gen3d.teachers.features`) are read as published: 100 cos(patch, text) averaged over 6 x 6
patches with edges repeated, enlarged to the pixels. Scores of others are per pixel and have no patches: they are read
as they are. Unlike the release, a point that no view shows takes the part of the nearest one, not the first part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Float32, Int16
from pydantic import Field

from distill.baselines.baseline import Baseline, Observed, Places
from distill.baselines.pointclip_v2_maps import DepthMap, axes, depth_map, rotations
from distill.baselines.voting import Weighted, logits, summed
from gen3d.asking import LabelSettings, Shown
from gen3d.errors import SettingsError
from gen3d.knowledge import best_parts
from gen3d.rendering.cameras import Camera
from gen3d.rendering.realistic_depth import SIDE
from gen3d.rendering.styles import PLAIN, Styled, ViewStyle
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape
from gen3d.teachers.predictions import Teacher

_FAR = 300.0  # radii; a camera so far away sees a shape as parallel rays do, to a third of a pixel
_USUAL = Camera(0, 0)  # shapes have the size on views that they have on its


class PointClipV2Options(Weighted):
    """What can be set of `pointclip-v2`."""

    count: ClassVar[int] = 10
    prompts: str | None = Field(
        default=None, description="what is asked in the place of part names: `back: a tall back; seat: a flat seat`"
    )
    released_order: bool = Field(default=False, description="look points up with rows and columns swapped")


class PointClipV2(Baseline):
    """The published search over prompts and view weights uses test labels, so nothing is searched here.

    Weights and prompts that a user gives are recorded as "searched".
    """

    name = "pointclip-v2"
    Options = PointClipV2Options
    reads_features = True
    settings: PointClipV2Options

    def cameras(self, size: int) -> tuple[Camera, ...]:
        """Ours from the directions of the ten views, far away."""
        fov = np.degrees(2 * np.arctan(np.tan(np.radians(_USUAL.fov / 2)) * _USUAL.distance / _FAR))
        return tuple(Camera(*_direction(back), distance=_FAR, fov=float(fov), size=size) for back in axes()[:, 2])

    def style(self, style: ViewStyle) -> ViewStyle:
        """Plain: the maps are drawn by `projected`."""
        return PLAIN

    def words(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """The prompts of the options, where there are."""
        if self.settings.prompts is None:
            return parts
        return _prompts(self.settings.prompts, parts)

    def recorded(self) -> dict[str, Any]:
        """The options, and which of them may come from a search."""
        given = [name for name in ("view_weights", "prompts") if getattr(self.settings, name) is not None]
        return super().recorded() | {"searched": given}

    def check_asking(self, label: LabelSettings, teacher: Teacher) -> None:
        """Raise SettingsError, too, for maps of another size than the method's."""
        super().check_asking(label, teacher)
        if isinstance(teacher, Styled) and label.size not in (None, SIDE):
            raise SettingsError(f"--size {label.size}: the maps of {self.name} have {SIDE} pixels; leave it out")

    def projected(self, shown: Shown, teacher: Teacher) -> tuple[list[View], Places]:
        """The maps as views, or what our cameras show, by what the teacher looks at."""
        shape = shown.samplings[0]
        assert shape.points is not None
        maps = [depth_map(shape.points @ turn.T, self.settings.released_order) for turn in rotations()]
        if isinstance(teacher, Styled):
            cameras = (view.camera for view in shown.views)
            views = [_as_view(*each, shape) for each in zip(maps, axes(), cameras, strict=True)]
            return views, [(one.seen, one.read) for one in maps]
        return shown.views, [
            (one.seen, self._pixels(view.camera, shape)) for one, view in zip(maps, shown.views, strict=True)
        ]

    def labels(self, observed: Iterable[Observed]) -> Iterator[Int16[np.ndarray, " N"]]:
        """-1 everywhere on shapes where the teacher sees nothing."""
        for one in observed:
            maps = logits(one)
            if one.features is not None:
                maps = _smoothed(maps)
            yield best_parts(summed(one, maps, self.settings.weights), one.points)

    def _pixels(self, camera: Camera, shape: Shape) -> np.ndarray:
        """Where points fall in a view of our own."""
        assert shape.points is not None
        column, row = np.floor(camera.project(shape.points)[0]).astype(np.int64).clip(0, camera.size - 1).T
        row, column = (column, row) if self.settings.released_order else (row, column)
        return row * camera.size + column


def _direction(back: Float[np.ndarray, " 3"]) -> tuple[float, float]:
    """Elevation and azimuth, degrees, of a camera that looks along -`back`."""
    return float(np.degrees(np.arcsin(back[1]))), float(np.degrees(np.arctan2(back[0], back[2])))


def _prompts(text: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    """The sentence of every part. Raises SettingsError unless each has one, and nothing else has."""
    rows = [[word.strip() for word in row.partition(":")[::2]] for row in text.split(";") if row.strip()]
    found = {part: sentence for part, sentence in rows if sentence}
    if sorted(found) != sorted(parts) or len(rows) != len(parts):
        wanted = "; ".join(f"{part}: ..." for part in parts)
        raise SettingsError(f"--set prompts={text!r}: needs one sentence for each part, as in `{wanted}`")
    return tuple(found[part] for part in parts)


def _smoothed(maps: Sequence[Float32[np.ndarray, "R h w"]]) -> list[Float32[np.ndarray, "R h w"]]:
    """Averaged over 6 x 6 patches."""
    import torch

    from gen3d.teachers.clip import smoothed

    return list(smoothed(torch.from_numpy(np.stack(maps))).numpy())


def _as_view(one: DepthMap, frame: Float[np.ndarray, "3 3"], camera: Camera, shape: Shape) -> View:
    """A map as the view of a cloud: what is drawn shows the point that is nearest to it on the map.

    Args:
        one: the map.
        frame: right, up and backward of it.
        camera: of the same direction; 224 pixels a side.
        shape: with its points.
    """
    from scipy.ndimage import distance_transform_edt

    points, normals = shape.oriented()
    grey = (one.image * 255).round().clip(0, 255).astype(np.uint8)
    near = np.argsort(points @ frame[2], kind="stable")  # the nearest to the viewer is put down last
    first = np.full(SIDE**2, BACKGROUND, np.int32)
    first[one.drawn[near]] = near
    first = first.reshape(SIDE, SIDE)
    _, around = distance_transform_edt(first == BACKGROUND, return_indices=True)  # type: ignore[misc]
    element = np.where(grey < 255, first[tuple(around)], np.int32(BACKGROUND))
    hit = element != BACKGROUND
    facing = normals @ frame.T
    facing = np.where(facing[:, 2:] < 0, -facing, facing).astype(np.float32)
    depth = (camera.distance - points @ frame[2]).astype(np.float32)
    return View(
        camera=camera,
        element=element,
        depth=np.where(hit, depth[element], np.float32(np.inf)),
        normal=np.where(hit[..., None], facing[element], np.float32(0)),
        picture=np.repeat(grey[..., None], 3, 2),
    )
