"""Lifting 2D predictions to 3D: knowledge units (part, covered visible points, confidence) and the folded target."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int16, Int64, UInt8
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gen3d.errors import InputError
from gen3d.rendering.view import View
from gen3d.teachers.predictions import Boxes, Masks, PixelScores, Prediction, Predictions

TOLERANCE = 0.004  # radii off the seen surface at which a point still counts as seen: what curves away within a pixel
CLOUD_TOLERANCE = 0.04  # the surface of a splatted cloud is known to about half its spacing


@dataclass(frozen=True, eq=False)
class Knowledge:
    """K units over the N points (or faces) of one shape (method.md, sections 1 and 2).

    Args:
        points: (N, 3) float32, the sampled points, or the centroids of the faces.
        part: (K,) int16 part of every unit.
        confidence: (K,) float32 in [0, 1].
        packed: (K, ceil(N / 8)) uint8, the units' masks as packed bits.
        view: (K,) int16, the view every unit was seen in.
        scores: (M,) float16, pixel teachers only: one confidence per covered (unit, point), row by row.
        meta: teacher, prompts, parts; JSON-able.
    """

    points: Float32[np.ndarray, "N 3"]
    part: Int16[np.ndarray, " K"]
    confidence: Float32[np.ndarray, " K"]
    packed: UInt8[np.ndarray, "K B"]
    view: Int16[np.ndarray, " K"]
    scores: Float16[np.ndarray, " M"] | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def mask(self) -> Bool[np.ndarray, "K N"]:
        """Which unit covers which point."""
        return np.unpackbits(self.packed, axis=1, count=len(self.points)).astype(bool)

    def weights(self) -> Float32[np.ndarray, "K N"]:
        """Confidence of every unit at every point, 0 where it does not cover."""
        if self.scores is None:
            return self.mask * self.confidence[:, None]
        dense = np.zeros(self.mask.shape, np.float32)
        dense[self.mask] = self.scores
        return dense

    def target(self, parts: int, confidence: Float32[np.ndarray, " K"] | None = None) -> Float32[np.ndarray, "N R"]:
        """The folded target: sum of the confidences for each part / max(1, number of units) at every point.

        Distilling from it equals the sum of the per-unit cross-entropies (method.md, section 3, steps 1 to 3).

        Args:
            parts: R.
            confidence: (K,) re-scored confidences that replace the teacher's; the denominator stays.
        """
        weights = self.weights() if confidence is None else self.mask * confidence[:, None]
        total = np.zeros((parts, len(self.points)), np.float32)
        np.add.at(total, self.part, weights.astype(np.float32))
        return (total / np.maximum(1, self.mask.sum(0))).T.astype(np.float32)

    def pairs(self, parts: int) -> Int64[np.ndarray, " R"]:
        """Number of (point, unit) pairs of every part: what the class weights count."""
        return np.bincount(self.part, self.mask.sum(1), minlength=parts).astype(np.int64)

    def coverage(self) -> float:
        """Share of points that at least one unit covers."""
        return float(self.mask.any(0).mean()) if len(self.part) else 0.0

    def votes(self, parts: int) -> Int16[np.ndarray, " N"]:
        """The teacher's own labels: best part of the target, the nearest covered point's where nothing covers.

        -1 everywhere if there is no unit at all.
        """
        return best_parts(self.target(parts), self.points)

    def to_bytes(self) -> bytes:
        """As safetensors; the meta data as JSON in its header."""
        tensors = {"points": self.points, "part": self.part, "confidence": self.confidence, "packed": self.packed}
        tensors |= {"view": self.view} | ({} if self.scores is None else {"scores": self.scores})
        return save(tensors, {"meta": json.dumps(self.meta, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "knowledge") -> Knowledge:
        """Inverse of `to_bytes`. Raises InputError naming `name` for anything else."""
        try:
            tensors = load(data)
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            meta = json.loads(header["__metadata__"]["meta"])
            _check(tensors, meta)
            return cls(**tensors, meta=meta)
        except (SafetensorError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"{name}: not a knowledge file ({reason}); label its collection again") from None


def _check(tensors: dict[str, np.ndarray], meta: object) -> None:
    """Raise ValueError or KeyError unless these are the arrays of a Knowledge, each of its type and size."""
    points, units = len(tensors["points"]), len(tensors["part"])
    form = {
        "points": (np.float32, (points, 3)),
        "part": (np.int16, (units,)),
        "confidence": (np.float32, (units,)),
        "packed": (np.uint8, (units, -(-points // 8))),
        "view": (np.int16, (units,)),
    }
    if "scores" in tensors:
        covered = np.unpackbits(tensors["packed"], axis=1, count=points).sum()
        form["scores"] = (np.float16, (int(covered),))
    for name, (kind, shape) in form.items():
        if (tensors[name].dtype, tensors[name].shape) != (kind, shape):
            raise ValueError(f"{name} is not {np.dtype(kind)} {shape}")
    if set(tensors) != set(form) or not isinstance(meta, dict):
        raise ValueError("unknown tensors or meta data")
    if units and tensors["part"].min() < 0:
        raise ValueError("a part is negative")


def best_parts(total: Float32[np.ndarray, "N R"], points: Float32[np.ndarray, "N 3"]) -> Int16[np.ndarray, " N"]:
    """The best part of every point; of one without any score (all are 0) that of the nearest point with some.

    -1 everywhere where there is none at all.
    """
    from scipy.spatial import KDTree

    known = (total != 0).any(1)
    if not known.any():
        return np.full(len(total), -1, np.int16)
    labels = total.argmax(1).astype(np.int16)
    labels[~known] = labels[known][KDTree(points[known]).query(points[~known])[1]]
    return labels


def seen(
    view: View, points: Float32[np.ndarray, "N 3"], tolerance: float = TOLERANCE
) -> tuple[Bool[np.ndarray, " N"], Int64[np.ndarray, " N"]]:
    """Which points a view shows, and the flat pixel (row * W + column) each falls on.

    A point is seen iff it lies within `tolerance` of the tangent plane of the surface its pixel shows (so slanted
    surfaces need no wider margin) and no further from that surface point than a pixel and the tolerance reach.
    """
    xy, depth = view.camera.project(points)
    column, row = np.floor(xy).astype(np.int64).T
    size = view.camera.size
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size) & (depth > 0)
    pixel = np.where(inside, row * size + column, 0)
    surface = view.depth.reshape(-1)[pixel]
    inside &= np.isfinite(surface)
    surface = np.where(inside, surface, 1.0)
    centre = (np.stack([column, row], 1) + 0.5 - size / 2) / view.camera.focal * surface[:, None]
    here = (xy - size / 2) / view.camera.focal * depth[:, None]
    offset = np.concatenate([(here - centre) * [1, -1], (surface - depth)[:, None]], 1)  # camera frame, (N, 3)
    off_plane = np.abs((offset * view.normal.reshape(-1, 3)[pixel]).sum(1))
    reach = 4 * surface / view.camera.focal + tolerance
    return inside & (off_plane <= tolerance) & (np.abs(offset[:, 2]) <= reach), pixel


def lift(
    views: list[View],
    predictions: Predictions,
    points: Float32[np.ndarray, "N 3"],
    tolerance: float = TOLERANCE,
    meta: dict[str, Any] | None = None,
) -> Knowledge:
    """Knowledge units on the points: one per connected region of a class (pixel teachers), per box or per mask.

    A region's confidence at a point is the score of the pixel the point falls on; the unit's is their mean. A box or a
    mask gives its score to every seen point inside it. Units that cover no point, and boxes and masks of score 0, are
    left out.
    """
    units = []
    for number, (view, prediction) in enumerate(zip(views, predictions, strict=True)):
        visible, pixel = seen(view, points, tolerance)
        units += [(number, *unit) for unit in _units(prediction, view.camera.size, visible, pixel)]
    return _gather(points, units, any(isinstance(p, (Boxes, Masks)) for p in predictions), meta)


def lift_to_faces(
    views: list[View],
    predictions: Predictions,
    vertices: Float32[np.ndarray, "V 3"],
    faces: Int64[np.ndarray, "F 3"],
    meta: dict[str, Any] | None = None,
) -> Knowledge:
    """Knowledge units on the faces: a unit covers the faces whose pixels it contains; scores are means over them."""
    units = []
    for number, (view, prediction) in enumerate(zip(views, predictions, strict=True)):
        element = view.element.reshape(-1)
        pixel = np.flatnonzero(element >= 0)
        for part, covered, score in _units(prediction, view.camera.size, np.ones(len(pixel), bool), pixel):
            face, where = np.unique(element[pixel[covered]], return_inverse=True)
            mask = np.zeros(len(faces), bool)
            mask[face] = True
            units.append((number, part, mask, np.bincount(where, score) / np.bincount(where)))
    middle = vertices[faces].mean(1).astype(np.float32)
    return _gather(middle, units, any(isinstance(p, (Boxes, Masks)) for p in predictions), meta)


Unit = tuple[int, np.ndarray, np.ndarray]  # part, (N,) mask, score of every covered point


def _units(prediction: Prediction, size: int, visible: np.ndarray, pixel: np.ndarray) -> list[Unit]:
    """The units of one view: `visible` says which elements it shows, `pixel` the flat pixel of each."""
    if isinstance(prediction, Boxes):
        return _box_units(prediction, size, visible, pixel)
    if isinstance(prediction, Masks):
        return _mask_units(prediction, visible, pixel)
    return _region_units(prediction, visible, pixel)


def _region_units(prediction: PixelScores, visible: np.ndarray, pixel: np.ndarray) -> list[Unit]:
    """One unit per region that holds a seen point."""
    regions, parts = prediction.regions()
    region = np.where(visible, regions.reshape(-1)[pixel], -1)
    scores = prediction.scores.reshape(len(prediction.scores), -1)
    return [(int(parts[k]), region == k, scores[parts[k], pixel[region == k]]) for k in np.unique(region[region >= 0])]


def _box_units(prediction: Boxes, size: int, visible: np.ndarray, pixel: np.ndarray) -> list[Unit]:
    """One unit per box that holds a seen point; a pixel is inside by its centre."""
    x, y = pixel % size + 0.5, pixel // size + 0.5
    units = []
    for (left, top, right, bottom), part, score in zip(prediction.xyxy, prediction.part, prediction.score, strict=True):
        mask = visible & (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        if score > 0 and mask.any():
            units.append((int(part), mask, np.full(mask.sum(), score, np.float32)))
    return units


def _mask_units(prediction: Masks, visible: np.ndarray, pixel: np.ndarray) -> list[Unit]:
    """One unit per mask that holds a seen point."""
    units = []
    for inside, part, score in zip(prediction.inside, prediction.part, prediction.score, strict=True):
        mask = visible & inside.reshape(-1)[pixel]
        if score > 0 and mask.any():
            units.append((int(part), mask, np.full(mask.sum(), score, np.float32)))
    return units


def _gather(
    points: np.ndarray, units: list[tuple[int, int, np.ndarray, np.ndarray]], whole: bool, meta: dict | None
) -> Knowledge:
    """Units as arrays; with `whole` each has one confidence, and no scores per point."""
    count = len(units)
    mask = np.zeros((count, len(points)), bool)
    for k, unit in enumerate(units):
        mask[k] = unit[2]
    scores = [np.asarray(unit[3], np.float32 if whole else np.float16) for unit in units]
    return Knowledge(
        points=points,
        part=np.array([unit[1] for unit in units], np.int16),
        confidence=np.array([s.mean(dtype=np.float64) for s in scores], np.float32),
        packed=np.packbits(mask, axis=1),
        view=np.array([unit[0] for unit in units], np.int16),
        scores=None if whole else np.concatenate([np.zeros(0, np.float16), *scores]),
        meta=dict(meta or {}),
    )
