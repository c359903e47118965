"""SATR (Abdelreheem et al., ICCV 2023): boxes vote for the faces of a mesh, less the farther they are from the box's
middle along the surface and the fewer of their neighbours are in the box. Rules: baselines.md, section 5.

What differs from the published method: views and answers are those that all methods here share (published: 1024 x 1024
pixels from cameras drawn at random, which `cameras=published` draws); distances are found from the centre vertices
alone, as no others are read (published: between all pairs of vertices); faces that the surface does not join to the
centre vertex get nothing from its box. The density of boxes whose faces are all as far (std 0) is 1, by us.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float64, Int16, Int32, Int64
from pydantic import Field

from distill.baselines.baseline import Baseline, Observed
from distill.baselines.surface import HEAT, Surface, check_geodesics
from gen3d.errors import InputError
from gen3d.rendering.cameras import Camera
from gen3d.rendering.view import View
from gen3d.settings import Settings
from gen3d.shape import Shape
from gen3d.teachers.predictions import Boxes

RING = 5  # steps over shared edges within which faces are neighbours
LEAST_TOTAL = 1e-4  # of a face's scores of all parts; below it has none
LEAST_SPREAD = 1e-9  # standard deviation of distances, radii, that is no more than rounding
VIEWS, AROUND, UP, DISTANCE = 10, 90.0, 45.0, 2.0  # published cameras: standard deviations in degrees; radii


class SATROptions(Settings):
    """Options of `satr`."""

    geodesics: Literal["heat", "edges"] = Field(default=HEAT, description="heat method, or shortest way along edges")
    cameras: Literal["shared", "published"] = Field(default="shared", description="those of all methods, or drawn ones")
    seed: int = Field(default=0, ge=0, description="of drawn cameras")


class BoxFaces(NamedTuple):
    """The faces that a box shows.

    Args:
        part: which the box is of.
        score: of the box.
        faces: (M,) those with a pixel in the box, ascending.
        pixels: (M,) how many each has.
    """

    part: int
    score: float
    faces: Int64[np.ndarray, " M"]
    pixels: Int64[np.ndarray, " M"]


class SATR(Baseline):
    """A part per face; points take that of the face they lie on. -1 on faces that no box shows."""

    name = "satr"
    Options = SATROptions

    def __init__(self, settings: SATROptions | None = None) -> None:
        super().__init__(settings)
        self.options = settings or SATROptions()

    def cameras(self, size: int) -> tuple[Camera, ...] | None:
        """Drawn ones if asked for: around the front, radius 2. Azimuths and elevations are normal."""
        if self.options.cameras == "shared":
            return None
        drawn = np.random.default_rng(self.options.seed).normal(0, [UP, AROUND], (VIEWS, 2))
        return tuple(Camera(elevation, azimuth, DISTANCE, size=size) for elevation, azimuth in drawn.tolist())

    def check(self, shapes: Iterable[Shape]) -> None:
        """Raise InputError for clouds, and MissingError where geodesics need an extra."""
        for shape in shapes:
            if not shape.has_mesh:
                raise InputError(f"{shape.id}: has no faces, and satr needs meshes; take another --method")
        check_geodesics(self.options.geodesics)

    def labels(self, observed: Iterable[Observed]) -> Iterator[Int16[np.ndarray, " N"]]:
        """-1 on faces without a part. Raises InputError for views that don't show faces."""
        for one in observed:
            if one.face is None or any(view.barycentric is None for view in one.views):
                raise InputError(f"{one.shape.id}: its views show no faces; satr needs meshes and a renderer of them")
            yield face_labels(self._scores(one))[one.face]

    def _scores(self, one: Observed) -> Float64[np.ndarray, "F R"]:
        shown = [found for view, boxes in zip(one.views, one.boxes(), strict=True) for found in box_faces(view, boxes)]
        try:
            return face_scores(Surface(*one.shape.mesh, self.options.geodesics), shown, len(one.parts))
        except InputError as error:
            raise InputError(f"{one.shape.id}: {error}") from None


def box_faces(view: View, boxes: Boxes) -> list[BoxFaces]:
    """What every box of a view shows, in their order; boxes that show nothing are left out."""
    found = []
    for corners, part, score in zip(boxes.xyxy, boxes.part, boxes.score, strict=True):
        left, top, right, bottom = np.trunc(corners).clip(0, len(view.element)).astype(int)  # upper ends excluded
        window: Int32[np.ndarray, "h w"] = view.element[top:bottom, left:right]
        faces, pixels = np.unique(window[window >= 0], return_counts=True)
        if len(faces):
            found.append(BoxFaces(int(part), float(score), faces.astype(np.int64), pixels.astype(np.int64)))
    return found


def face_scores(surface: Surface, shown: list[BoxFaces], parts: int) -> Float64[np.ndarray, "F R"]:
    """Per face and part the sum over boxes of pixels · box score · density of its distance · share of its ring."""
    total = np.zeros((len(surface.faces), parts))
    if not shown:
        return total
    centres, which = np.unique([_centre(surface, box.faces) for box in shown], return_inverse=True)
    distances = surface.distances(centres)  # of these vertices alone: a few dozen, where a mesh has thousands
    rings = surface.rings(RING)
    around = rings.sum(1) + 1e-5
    for box, row in zip(shown, which.reshape(-1), strict=True):
        density = _density(distances[row, surface.faces[box.faces, 0]])
        held = np.zeros(len(surface.faces), np.float32)
        held[box.faces] = 1
        share = (rings[box.faces] @ held) / around[box.faces]
        total[box.faces, box.part] += box.pixels * box.score * density * share
    return total


def face_labels(scores: Float64[np.ndarray, "F R"]) -> Int16[np.ndarray, " F"]:
    """The best part of every face; -1 where its scores add up to next to nothing."""
    return np.where(scores.sum(1) < LEAST_TOTAL, -1, scores.argmax(1)).astype(np.int16)


def _centre(surface: Surface, faces: Int64[np.ndarray, " M"]) -> int:
    """The place, among the faces' corners, nearest to their middle weighted by area."""
    areas = surface.areas[faces]
    weights = areas if areas.sum() > 0 else np.ones(len(faces))
    middle = np.average(surface.centroids[faces], axis=0, weights=weights)
    corners = np.unique(surface.faces[faces])
    return int(corners[((surface.places[corners] - middle) ** 2).sum(1).argmin()])


def _density(distance: Float64[np.ndarray, " M"]) -> Float64[np.ndarray, " M"]:
    """Normal density of every distance, with the mean and standard deviation of all; 0 for inf, 1 if all are as far."""
    reached = np.isfinite(distance)
    near = distance[reached] if reached.any() else np.zeros(1)
    mean, spread = near.mean(), near.std()
    if spread < LEAST_SPREAD:
        return reached.astype(float)
    z = np.where(reached, distance - mean, 0) / spread
    return np.where(reached, np.exp(-z * z / 2) / (spread * (2 * np.pi) ** 0.5), 0.0)
