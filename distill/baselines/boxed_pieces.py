"""What the boxes of one view hold of superpoints, in pixels. Rules: baselines.md, section 3."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from gen3d.teachers.predictions import Boxes

WHOLE = 0.98  # share of all points from which a box holds the whole shape and says nothing of parts
LEAST_OVERLAP = 1e-6  # with the superpoint's own box; below it a box says nothing of the superpoint


@dataclass(frozen=True, eq=False)
class BoxedPieces:
    """N points of S superpoints in one view with K boxes.

    Args:
        xy: where every point falls, visible or not, pixels.
        visible: which of them the view shows.
        pieces: the superpoint of every point, 0 to S - 1, each of them in use.
        boxes: the found ones that count.
    """

    xy: Float64[np.ndarray, "N 2"]
    visible: Bool[np.ndarray, " N"]
    pieces: Int64[np.ndarray, " N"]
    boxes: Boxes

    @cached_property
    def seen(self) -> Int64[np.ndarray, " S"]:
        """Visible points of every superpoint."""
        return self._count(self.visible)

    @cached_property
    def extent(self) -> Float64[np.ndarray, "S 4"]:
        """Left, top, right and bottom of the visible points of every superpoint; inf, -inf where there is none."""
        low, high = np.full((len(self.seen), 2), np.inf), np.full((len(self.seen), 2), -np.inf)
        np.minimum.at(low, self.pieces[self.visible], self.xy[self.visible])
        np.maximum.at(high, self.pieces[self.visible], self.xy[self.visible])
        return np.concatenate([low, high], 1)

    @cached_property
    def _inside(self) -> Bool[np.ndarray, "K N"]:
        """Points strictly inside every box, visible or not."""
        x, y = self.xy.T
        left, top, right, bottom = self.boxes.xyxy.astype(np.float64).T[:, :, None]
        return (left < x) & (x < right) & (top < y) & (y < bottom)

    @cached_property
    def ignored(self) -> Bool[np.ndarray, " K"]:
        """Boxes that hold (nearly) the whole shape."""
        return self._inside.sum(1) >= WHOLE * len(self.pieces)

    @cached_property
    def _held(self) -> Bool[np.ndarray, "K N"]:
        """Visible points inside every box that has a say about their superpoint."""
        speaks = overlaps(self.boxes.xyxy, self.extent) >= LEAST_OVERLAP  # (K, S)
        return self._inside & self.visible & (speaks & ~self.ignored[:, None])[:, self.pieces]

    def held_by(self, part: int) -> Int64[np.ndarray, " S"]:
        """Visible points of every superpoint that lie in at least one box of the part."""
        return self._count(np.logical_or.reduce(self._held[self.boxes.part == part], axis=0))

    def shares(self, part: int) -> Float64[np.ndarray, "B S"]:
        """Share of a superpoint's visible points in each box of the part that isn't ignored; NaN if it has none."""
        boxes = np.flatnonzero((self.boxes.part == part) & ~self.ignored)
        counts = np.array([self._count(self._held[box]) for box in boxes], float).reshape(len(boxes), len(self.seen))
        return np.where(self.seen > 0, counts / np.maximum(1, self.seen), np.nan)

    def overlap_of(self, members: Int64[np.ndarray, " M"], part: int) -> float:
        """Best intersection over union of the box around those superpoints with any of the part's, ignored ones too."""
        extent = self.extent[members]
        around = np.concatenate([extent[:, :2].min(0), extent[:, 2:].max(0)])[None]
        return float(overlaps(self.boxes.xyxy[self.boxes.part == part], around).max(initial=0))

    def _count(self, chosen: Bool[np.ndarray, " N"]) -> Int64[np.ndarray, " S"]:
        """Chosen points of every superpoint."""
        return np.bincount(self.pieces[chosen], minlength=int(self.pieces.max()) + 1)


def overlaps(boxes: Float[np.ndarray, "K 4"], others: Float[np.ndarray, "S 4"]) -> Float64[np.ndarray, "K S"]:
    """Intersection over union of all pairs; 0 with an empty box (inf, -inf), and where both have no area."""
    first, second = boxes.astype(np.float64)[:, None], np.where(np.isfinite(others), others, 0)[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    shared = sides.clip(0).prod(-1)
    union = sum((x[..., 2:] - x[..., :2]).prod(-1) for x in (first, second)) - shared
    return np.where(shared > 0, shared / np.where(union > 0, union, 1), 0.0)
