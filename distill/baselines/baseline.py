"""What a baseline is, and what it gets to see of a shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int16, Int64

from gen3d.asking import LabelSettings, Renderers, Shown, show
from gen3d.errors import SettingsError
from gen3d.knowledge import CLOUD_TOLERANCE, TOLERANCE, Knowledge, lift, seen
from gen3d.rendering.cameras import Camera
from gen3d.rendering.styles import ViewStyle, style_of
from gen3d.rendering.view import View
from gen3d.settings import Settings
from gen3d.shape import Shape
from gen3d.teachers import ByShape, told
from gen3d.teachers.features import Featured, Features
from gen3d.teachers.predictions import (
    Boxes,
    PixelScores,
    Predictions,
    Teacher,
    as_boxes,
    as_pixel_scores,
    check_predictions,
)

Places = list[tuple[Bool[np.ndarray, " N"], Int64[np.ndarray, " N"]]]


@dataclass(frozen=True, eq=False)
class Observed:
    """What a baseline may look at of one shape; none of it knows a human label.

    Args:
        shape: normalised, with the N points that are to be labelled and their normals; of a mesh with its faces.
        face: (N,) the face that every point lies on; None for clouds.
        views: of the shape, as the teacher saw them.
        predictions: what the teacher said, one per view, checked; none where there are features.
        parts: what it was asked for, in label order.
        teacher: whom; for baselines that ask for more.
        features: of a teacher that has them, for a baseline that reads those.
        places: where points fall by the baseline's own projection; see `visible`.
        seed: of what a baseline draws.
    """

    shape: Shape
    face: Int64[np.ndarray, " N"] | None
    views: list[View]
    predictions: Predictions
    parts: tuple[str, ...]
    teacher: Teacher
    features: Features | None = None
    places: Places | None = None
    seed: int = 0

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
    def visible(self) -> Places:
        """Per view which points it shows, and the flat pixel (row * W + column) each falls on."""
        if self.places is not None:
            return self.places
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
    reads_features: ClassVar[bool] = False  # instead of scores, of teachers that have them

    @property
    def learns(self) -> bool:
        """Whether its answer on a shape depends on the others, too."""
        return False

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or self.Options()

    def cameras(self, size: int) -> tuple[Camera, ...] | None:
        """Its own cameras for views of that size, where they are a part of the method; else those of the settings."""
        return None

    def style(self, style: ViewStyle) -> ViewStyle:
        """How its views look, from how the teacher wants them."""
        return style

    def words(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """What the teacher is asked for, one per part. Raises SettingsError."""
        return parts

    def projected(self, shown: Shown, teacher: Teacher) -> tuple[list[View], Places | None]:
        """The views that the teacher is asked about, and where the points fall on them if the method says so itself."""
        return shown.views, None

    def recorded(self) -> dict[str, Any]:
        """What is kept of it beside the scores; JSON-able."""
        return {"options": self.settings.model_dump(mode="json")}

    def check_asking(self, label: LabelSettings, teacher: Teacher) -> None:
        """Raise SettingsError for another number of views than its own, or answers that were given for others."""
        own = self.cameras(label.size or 224)
        if own is None:
            return
        if "views" in label.model_fields_set and label.views != len(own):
            raise SettingsError(f"--views {label.views}: {self.name} has {len(own)} views of its own; leave it out")
        if isinstance(teacher, ByShape):
            raise SettingsError(
                f"--teacher {teacher.name}: speaks of views that were written before, {self.name} has its own"
            )

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
        SettingsError: options of the teacher or the baseline that do not go together.
    """
    style, words = baseline.style(style_of(teacher)), baseline.words(parts)
    renderers = Renderers(label, style, baseline.cameras(label.size or style.size))
    for shape in shapes:
        bare = shape.bare()
        shown = show(bare, label, renderers, style)
        shown = shown._replace(samplings=[bare]) if own_points else shown
        views, places = baseline.projected(shown, teacher)
        predictions, features = _answers(baseline, told(teacher, shape.id), views, shape.category, words)
        if own_points:
            face = np.arange(len(bare.mesh[1]))
        else:
            face = bare.drawn(label.points, label.seed)[2] if bare.has_mesh else None
        yield Observed(
            shape=shown.samplings[0],
            face=face,
            views=views,
            predictions=predictions,
            parts=parts,
            teacher=teacher,
            features=features,
            places=places,
            seed=label.seed,
        )


def _answers(
    baseline: Baseline, teacher: Teacher, views: list[View], category: str, words: tuple[str, ...]
) -> tuple[Predictions, Features | None]:
    """What the baseline reads of the teacher: predictions, or features and no predictions."""
    if baseline.reads_features and isinstance(teacher, Featured):
        return [], teacher.features(views, category, words)
    predictions = teacher.predict(views, category, words)
    check_predictions(predictions, views, len(words))
    return predictions, None
