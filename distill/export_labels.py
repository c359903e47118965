"""Where the labels of an export come from: what the shapes carry, a teacher's votes, or a student's predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int16
from scipy.spatial import KDTree

from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.labelling import labelled_stem
from gen3d.shape import UNLABELLED, Shape

if TYPE_CHECKING:
    from distill.student import Student

LABELS = ("exact", "teacher", "student")


@runtime_checkable
class Labeller(Protocol):
    """Labels of shapes, asked for in the collection's order. Both methods raise InputError where there are none."""

    def faces(self, shape: Shape) -> Int16[np.ndarray, " F"]:
        """One part index per face."""
        ...

    def points(self, shape: Shape, cloud: Shape) -> Int16[np.ndarray, " N"]:
        """One part index per point of `cloud`, which is `shape` itself, or what its `sampled` gave."""
        ...


class ExactLabels:
    """What the generator or an import put on faces or points."""

    def faces(self, shape: Shape) -> Int16[np.ndarray, " F"]:
        """The stored ones, or those of the nearest stored points."""
        if shape.face_labels is not None and _any(shape.face_labels):
            return shape.face_labels
        return self._of_points(shape, shape.centroids())

    def points(self, shape: Shape, cloud: Shape) -> Int16[np.ndarray, " N"]:
        """Those of the faces that the points lie on, or of the stored points."""
        assert cloud.points is not None
        if cloud.point_labels is not None and _any(cloud.point_labels):
            return cloud.point_labels
        return self._of_points(shape, cloud.points)

    def _of_points(self, shape: Shape, positions: Float32[np.ndarray, "M 3"]) -> Int16[np.ndarray, " M"]:
        if shape.points is None or shape.point_labels is None or not _any(shape.point_labels):
            raise InputError("has no exact labels; use --labels teacher or student")
        return nearest_labels(shape.points, shape.point_labels, positions)


class TeacherLabels:
    """Votes of a collection's stored knowledge, each position taking that of the nearest point that was lifted to.

    Args:
        collection: its knowledge is read alongside its shapes, one shape at a time.
        teacher: whose knowledge.
        parts: names in label order.

    Raises InputError where shapes were not labelled by that teacher yet.
    """

    def __init__(self, collection: Collection, teacher: str, parts: tuple[str, ...]) -> None:
        stem = labelled_stem(collection, teacher)
        self._parts, self._ids, self._reasons = parts, set(collection.ids(stem)), dict(collection.failures(stem))
        self._stored = collection.members(stem, "safetensors")
        self._current: tuple[str, Knowledge] | None = None

    def faces(self, shape: Shape) -> Int16[np.ndarray, " F"]:
        """Votes at the centroids."""
        return nearest_labels(*self._votes(shape.id), shape.centroids())

    def points(self, shape: Shape, cloud: Shape) -> Int16[np.ndarray, " N"]:
        """Votes at the points."""
        assert cloud.points is not None
        return nearest_labels(*self._votes(shape.id), cloud.points)

    def _votes(self, id: str) -> tuple[Float32[np.ndarray, "N 3"], Int16[np.ndarray, " N"]]:
        """Points of the shape's knowledge and a label for each, as indices of `parts`."""
        if id not in self._ids:
            raise InputError(f"has no knowledge ({self._reasons.get(id, 'not labelled')})")
        if self._current is None or self._current[0] != id:
            data = next(data for found, data in self._stored if found == id)  # in the order of the shapes
            self._current = (id, Knowledge.from_bytes(data, id))
        knowledge = self._current[1]
        names = knowledge.meta.get("parts", [])
        table = np.array([*_indices(names, self._parts), UNLABELLED], np.int16)
        return knowledge.points, table[knowledge.votes(len(names))]


class StudentLabels:
    """Predictions of a trained student. Raises InputError for one of another category or of unknown parts."""

    def __init__(self, student: Student, name: str, category: str, parts: tuple[str, ...], seed: int) -> None:
        if student.category != category:
            raise InputError(f"{name}: is a student of {student.category}, not of {category}")
        self._student, self._seed = student, seed
        self._table = np.array(_indices(student.parts, parts), np.int16)

    def faces(self, shape: Shape) -> Int16[np.ndarray, " F"]:
        """Predictions at the centroids."""
        return self._predicted(shape, shape.centroids())

    def points(self, shape: Shape, cloud: Shape) -> Int16[np.ndarray, " N"]:
        """Predictions at the points."""
        assert cloud.points is not None
        return self._predicted(shape, cloud.points)

    def _predicted(self, shape: Shape, positions: Float32[np.ndarray, "M 3"]) -> Int16[np.ndarray, " M"]:
        labels, confidence = self._student.label_positions(shape, positions, self._seed)
        if not np.isfinite(confidence).all():
            raise InputError("the student's output is not finite (NaN or Inf)")
        return self._table[labels]


def nearest_labels(
    points: Float32[np.ndarray, "N 3"], labels: Int16[np.ndarray, " N"], positions: Float32[np.ndarray, "M 3"]
) -> Int16[np.ndarray, " M"]:
    """At every position the label of the nearest point; the first of those equally near."""
    return labels[KDTree(points).query(positions)[1]]


def _any(labels: Int16[np.ndarray, " N"]) -> bool:
    """Whether anything is labelled."""
    return bool((labels != UNLABELLED).any())


def _indices(names: list[str] | tuple[str, ...], parts: tuple[str, ...]) -> list[int]:
    """Place of every name among `parts`. Raises InputError for unknown ones."""
    unknown = [name for name in names if name not in parts]
    if unknown or not names:
        raise InputError(f"labels name the parts {', '.join(map(str, names)) or 'none'}; known: {', '.join(parts)}")
    return [parts.index(name) for name in names]
