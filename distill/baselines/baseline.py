"""What a baseline is, and what it gets to see of a shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int16, Int64

from gen3d.asking import LabelSettings, Renderers, show
from gen3d.knowledge import CLOUD_TOLERANCE, TOLERANCE, Knowledge, lift, seen
from gen3d.rendering.cameras import Camera
from gen3d.rendering.styles import ViewStyle, style_of
from gen3d.rendering.view import View
from gen3d.settings import Settings
from gen3d.shape import Shape
from gen3d.teachers import told
from gen3d.teachers.predictions import (
    Boxes,
    PixelScores,
    Predictions,
    Teacher,
    as_boxes,
    as_pixel_scores,
    check_predictions,
)


@dataclass(frozen=True, eq=False)
class Observed:
    """What a baseline may look at of one shape; none of it knows a human label.

    Args:
        shape: normalised, with the N points that are to be labelled and their normals; of a mesh with its faces.
        face: (N,) the face that every point lies on; None for clouds.
        views: of the shape, as the teacher saw them.
        predictions: what the teacher said, one per view, checked.
        parts: what it was asked for, in label order.
        teacher: whom; for baselines that ask for more, such as features.
    """

    shape: Shape
    face: Int64[np.ndarray, " N"] | None
    views: list[View]
    predictions: Predictions
    parts: tuple[str, ...]
    teacher: Teacher

    @property
    def points(self) -> Float32[np.ndarray, "N 3"]:
        """House frame, radii."""
        assert self.shape.points is not None
        return self.shape.points

    @property
    def tolerance(self) -> float:
        """Of the visibility rule, radii."""
        return TOLERANCE if self.views[0].barycentric is not None else CLOUD_TOLERANCE

    @cached_property
    def visible(self) -> list[tuple[Bool[np.ndarray, " N"], Int64[np.ndarray, " N"]]]:
        """Per view which points it shows, and the flat pixel (row * W + column) each falls on."""
        return [seen(view, self.points, self.tolerance) for view in self.views]

    def knowledge(self) -> Knowledge:
        """The answers lifted to the points."""
        return lift(self.views, self.predictions, self.points, self.tolerance)

    def pixel_scores(self) -> list[PixelScores]:
        """The answers as scores per pixel, whatever kind the teacher is of."""
        size = self.views[0].element.shape
        return [as_pixel_scores(prediction, len(self.parts), size) for prediction in self.predictions]

    def boxes(self) -> list[Boxes]:
        """The answers as boxes, whatever kind the teacher is of."""
        return [as_boxes(prediction) for prediction in self.predictions]


class Baseline(ABC):
    """A method. Subclasses say their `name`, and their `Options` where they have any."""

    name: ClassVar[str]
    Options: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or self.Options()

    def cameras(self, size: int) -> tuple[Camera, ...] | None:
        """Its own cameras for views of that size, where they are a part of the method; else those of the settings."""
        return None

    def style(self, style: ViewStyle) -> ViewStyle:
        """How its views look, from how the teacher wants them."""
        return style

    def check(self, shapes: Iterable[Shape]) -> None:  # noqa: B027 (most have nothing against any shape)
        """Raise InputError or MissingError where it can't work on these shapes, or lacks an extra."""

    @abstractmethod
    def labels(self, observed: Iterable[Observed]) -> Iterator[Int16[np.ndarray, " N"]]:
        """A part per point of every shape, an index into its `parts`; -1 where the method gives none.

        Shapes come one after the other; a method that learns from all of them keeps what it needs.
        """
        ...


def observe(
    shapes: Iterable[Shape],
    baseline: Baseline,
    teacher: Teacher,
    label: LabelSettings,
    parts: tuple[str, ...],
    own_points: bool = False,
) -> Iterator[Observed]:
    """What the baseline gets to see of each shape, in their order.

    Args:
        shapes: normalised; their labels are taken away first.
        baseline: its cameras and style count.
        teacher: asked for `parts`.
        label: renderer, views, size, points and seed are read.
        parts: names in label order.
        own_points: label the points that the shapes have, which are one per face; else `label.points` sampled ones.

    Raises:
        InputError: an answer of the teacher that is none.
    """
    style = baseline.style(style_of(teacher))
    renderers = Renderers(label, style, baseline.cameras(label.size or style.size))
    for shape in shapes:
        bare = replace(shape, face_labels=None, point_labels=None)
        shown = show(bare, label, renderers, style)
        predictions = told(teacher, shape.id).predict(shown.views, shape.category, parts)
        check_predictions(predictions, shown.views, len(parts))
        if own_points:
            face = np.arange(len(bare.mesh[1]))
        else:
            face = bare.drawn(label.points, label.seed)[2] if bare.has_mesh else None
        points = bare if own_points else shown.samplings[0]
        yield Observed(points, face, shown.views, predictions, parts, teacher)
