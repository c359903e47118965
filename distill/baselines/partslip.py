"""PartSLIP (Liu et al., CVPR 2023): boxes vote for superpoints, by counting points. Rules: baselines.md, section 3.

What differs from the published method: views, answers and visibility are those that all methods here share (published:
a point is visible iff it owns a pixel of an 800 x 800 image of points of radius 0.005), and superpoints are our own
(see `distill.baselines.superpoints`). Without an image of points there is no first pixel id to drop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Float64, Int16, Int64
from pydantic import Field

from distill.baselines.baseline import Baseline, Observed
from distill.baselines.boxed_pieces import BoxedPieces
from distill.baselines.superpoints import SuperpointSettings, superpoints
from gen3d.teachers.predictions import Boxes

LEAST_SCORE = 0.5  # of the best part; below it a superpoint has none
SMALL_PARTS = frozenset(
    ("handle", "button", "wheel", "knob", "switch", "bulb", "shaft", "touchpad", "camera", "screw")
)  # fmt: skip
NEAR = 0.02  # radii; gap in every axis below which superpoints may be of one instance
UNLIKE = 0.2  # difference of how boxes hold two superpoints from which they are of two instances
LEAST_HELD = 1e-3  # sum of shares in boxes below which there is nothing to compare
SIZES = 100  # ratio of points from which superpoints stay apart
FOUND = 0.5  # overlap with a box that an instance must exceed in some view


class PartSLIPOptions(SuperpointSettings):
    """Options of `partslip`."""

    box_threshold: float = Field(default=0.5, ge=0, le=1, description="what a box's score must be above to count")


class PartSLIP(Baseline):
    """Superpoints take the part whose boxes hold most of their visible points; -1 where none holds half of them."""

    name = "partslip"
    Options = PartSLIPOptions

    def __init__(self, settings: PartSLIPOptions | None = None) -> None:
        super().__init__(settings)
        self.options = settings or PartSLIPOptions()

    def labels(self, observed: Iterable[Observed]) -> Iterator[Int16[np.ndarray, " N"]]:
        """-1 stays in superpoints without a part."""
        for one in observed:
            pieces, views = self.look(one)
            yield semantic_labels(views, one.parts)[pieces]

    def instances(self, one: Observed) -> tuple[Int16[np.ndarray, " N"], Int64[np.ndarray, " N"]]:
        """The part and the instance of every point, -1 = none; instances are numbered from 0 over all parts."""
        pieces, views = self.look(one)
        labels = semantic_labels(views, one.parts)
        return labels[pieces], instance_ids(views, one.points.astype(np.float64), pieces, labels)[pieces]

    def look(self, one: Observed) -> tuple[Int64[np.ndarray, " N"], list[BoxedPieces]]:
        """The superpoint of every point, and what boxes hold of them in every view."""
        points, normals = one.shape.oriented()
        pieces = superpoints(points, normals, one.shape.point_colors, self.options)
        views = [
            BoxedPieces(view.camera.project(points)[0].astype(np.float64), visible, pieces, self._above(boxes))
            for view, (visible, _), boxes in zip(one.views, one.visible, one.boxes(), strict=True)
        ]
        return pieces, views

    def _above(self, boxes: Boxes) -> Boxes:
        """The boxes whose score counts; from here on nobody looks at scores."""
        kept = boxes.score > self.options.box_threshold
        return Boxes(boxes.xyxy[kept], boxes.part[kept], boxes.score[kept])


def semantic_scores(views: Sequence[BoxedPieces], parts: int) -> Float64[np.ndarray, "S R"]:
    """Share of a superpoint's visible points of all views that lie in at least one box of each part; 0 if unseen."""
    held = np.array([[view.held_by(part) for part in range(parts)] for view in views]).sum(0)  # (R, S)
    seen = np.array([view.seen for view in views]).sum(0)  # (S,)
    return (held / (seen + 1e-6)).T


def semantic_labels(views: Sequence[BoxedPieces], parts: tuple[str, ...]) -> Int16[np.ndarray, " S"]:
    """The part of every superpoint: of the small parts with enough votes the last, else the best; -1 = none."""
    scores = semantic_scores(views, len(parts))
    labels = scores.argmax(1)
    for number, part in enumerate(parts):  # published from last to first, stopping at the first that wins
        if part in SMALL_PARTS:
            labels[scores[:, number] >= LEAST_SCORE] = number
    return np.where(scores.max(1) < LEAST_SCORE, -1, labels).astype(np.int16)


def instance_ids(
    views: Sequence[BoxedPieces],
    points: Float64[np.ndarray, "N 3"],
    pieces: Int64[np.ndarray, " N"],
    labels: Int16[np.ndarray, " S"],
) -> Int64[np.ndarray, " S"]:
    """The instance of every superpoint, numbered from 0 part by part; -1 where it has no part or no box confirms it.

    Args:
        views: what boxes hold in every view.
        points: radii; for the superpoints' boxes in space.
        pieces: the superpoint of every point.
        labels: the part of every superpoint.
    """
    from scipy.sparse.csgraph import connected_components

    found = np.full(len(labels), -1)
    alike = _near(points, pieces, len(labels)) & _of_like_size(pieces, len(labels))
    count = 0
    for part in range(labels.max(initial=-1) + 1):
        members = np.flatnonzero(labels == part)
        joined = (alike & ~_differ(views, part))[np.ix_(members, members)]
        groups, group = connected_components(joined, directed=False)
        for which in range(groups):
            instance = members[group == which]
            if any(view.overlap_of(instance, part) > FOUND for view in views):
                found[instance] = count
                count += 1
    return found


def _near(points: Float64[np.ndarray, "N 3"], pieces: Int64[np.ndarray, " N"], count: int) -> np.ndarray:
    """(S, S) whether the axis-aligned boxes of two superpoints are nearer than `NEAR` in every axis."""
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, pieces, points)
    np.maximum.at(high, pieces, points)
    gap = np.maximum(low[:, None] - high[None], low[None] - high[:, None])  # (S, S, 3)
    return gap.max(-1) < NEAR


def _of_like_size(pieces: Int64[np.ndarray, " N"], count: int) -> np.ndarray:
    """(S, S) whether one superpoint has fewer than `SIZES` times the points of the other."""
    size = np.bincount(pieces, minlength=count)
    return (size[:, None] < SIZES * size[None]) & (size[None] < SIZES * size[:, None])


def _differ(views: Sequence[BoxedPieces], part: int) -> np.ndarray:
    """(S, S) whether the boxes of the part hold two superpoints so differently that they are of two instances."""
    shares = np.concatenate([view.shares(part) for view in views])  # (B, S), NaN where the view does not show it
    seen = np.isfinite(shares)
    share = np.where(seen, shares, 0)
    count = share.shape[1]
    difference, mine = np.zeros((count, count)), np.zeros((count, count))
    for box, shown in zip(share, seen, strict=True):
        both = shown[:, None] & shown[None]
        difference += both * np.abs(box[:, None] - box[None])
        mine += both * box[:, None]  # of the first, over the boxes where both are visible
    larger = np.maximum(mine, mine.T)
    return np.where(larger < LEAST_HELD, 1.0, difference / np.maximum(larger, LEAST_HELD)) >= UNLIKE
