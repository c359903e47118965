"""One segmented shape: labels in its own frame and order, its parts as meshes, its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Int16

from distill.student import Student
from gen3d.categories import any_category
from gen3d.errors import InputError
from gen3d.import_formats import Found, ShapeReader
from gen3d.importing import ImportSettings, pose_of
from gen3d.inputs import Input, find_inputs
from gen3d.mesh_readers import slug
from gen3d.parts_io import piece, write_parts
from gen3d.record import read_record, start_record
from gen3d.settings import resolve
from gen3d.shape import Shape
from gen3d.shape_like import ShapeLike, as_shape
from gen3d.smoothing import smoothed
from gen3d.storage import remove_files

if TYPE_CHECKING:
    import trimesh

    from distill.segmentation import SegmentSettings

RECORD = "_settings.json"  # what `gen3d segment` keeps beside the files of a shape


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The parts of one shape.

    Args:
        shape: as it was given, with labels of its faces, or of its points where it has no faces.
        part_names: in label order.
        confidence: (E,) float32, the probability of every face's (or point's) label.
        pose: how it was turned upright; see `gen3d.importing.pose_of`.
        smoothed: whether the boundaries were cleaned.
    """

    shape: Shape
    part_names: tuple[str, ...]
    confidence: Float32[np.ndarray, " E"]
    pose: Mapping[str, Any]
    smoothed: bool

    @property
    def elements(self) -> str:
        """What is labelled: "faces", or "points" where there are none."""
        return "faces" if self.shape.has_mesh else "points"

    @property
    def labels(self) -> Int16[np.ndarray, " E"]:
        """(E,) int16, indices into `part_names`, in the order of the shape's faces (or points)."""
        found = self.shape.face_labels if self.shape.has_mesh else self.shape.point_labels
        assert found is not None
        return found

    def counts(self) -> dict[str, int]:
        """Faces (or points) of every part."""
        return {part: int((self.labels == label).sum()) for label, part in enumerate(self.part_names)}

    def parts(self) -> dict[str, trimesh.Trimesh | trimesh.PointCloud]:
        """Every part that occurs as a mesh (or cloud) of its own, in the shape's frame, by name in label order."""
        import trimesh

        found: dict[str, trimesh.Trimesh | trimesh.PointCloud] = {}
        for label in np.unique(self.labels).tolist():
            part = piece(self.shape, self.labels == label)
            own = trimesh.Trimesh(*part.mesh, process=False) if part.has_mesh else trimesh.PointCloud(part.points)
            found[self.part_names[label]] = own
        return found

    def save(self, folder: str | Path, meshes: bool = False) -> list[Path]:
        """Write the files that `gen3d segment` writes of a shape, named after its id; see docs/segment.md.

        All but `<id>_settings.json`, by which that command knows its own results: one that is there goes.

        Args:
            folder: created where absent; files of the same names are replaced.
            meshes: write a file per part, too.

        Returns:
            The files; `gen3d.parts_io.write_parts` says which.

        Raises StorageError.
        """
        record = Path(folder) / f"{slug(self.shape.id)}{RECORD}"
        stale = _old_files(record)
        start_record(record)
        files = write_parts(self.shape, self.part_names, folder, self.confidence, meshes)
        remove_files(Path(folder), sorted(stale - {path.name for path in files}))
        return files


def segment_one(student: Student, mesh: ShapeLike, options: Mapping[str, Any]) -> Segmentation:
    """The parts of one shape; see `Student.segment`.

    Args:
        student: of its category.
        mesh: a file, or see `gen3d.shape_like`.
        options: of `SegmentSettings`; None means not given.
    """
    from distill.segmentation import SegmentSettings

    settings = resolve(SegmentSettings, None, **options)
    found, item = _given(mesh, student.category)
    return segmented(found, item, student.category, lambda house: student, settings)


def segmented(
    found: Found, item: Input, category: str, student_of: Callable[[Shape], Student], settings: SegmentSettings
) -> Segmentation:
    """The parts of one shape, whose own labels are nobody's hint.

    Args:
        found: the shape, in any frame.
        item: where it was found; its id becomes the shape's.
        category: what it is.
        student_of: the student for the shape once it stands upright.
        settings: `meshes` is not read.
    """
    bare = replace(found.shape.bare(), id=item.id)
    auto = settings.up == "auto"
    upright = ImportSettings(category=category, up=settings.up, align=auto, seed=settings.seed)
    matrix, pose = pose_of(found._replace(shape=bare), item, upright)
    house = bare if (matrix == np.eye(3)).all() else bare.transformed(matrix)
    positions = house.centroids() if house.has_mesh else house.positions()
    student = student_of(house)
    probabilities = student.probabilities(house, positions, settings.seed, settings.passes)
    smooth = settings.smooth and bare.has_mesh
    labels = smoothed(*bare.mesh, probabilities) if smooth else probabilities.argmax(1).astype(np.int16)
    confidence = probabilities[np.arange(len(labels)), labels].astype(np.float32)
    which = "face_labels" if bare.has_mesh else "point_labels"
    labelled = replace(bare, category=student.category, **{which: labels})
    return Segmentation(labelled, student.parts, confidence, pose, smooth)


def _given(mesh: ShapeLike, category: str) -> tuple[Found, Input]:
    """The shape of a file or an object, and what it is called."""
    if not isinstance(mesh, (str, Path)):
        shape = as_shape(mesh, category)
        return Found(shape), Input(shape.id, Path(shape.id), shape.id)
    inputs = find_inputs([mesh], category).inputs
    if len(inputs) > 1:
        raise InputError(f"{mesh}: holds {len(inputs)} shapes; `distill.segment` takes many, this takes one")
    return ShapeReader(any_category(category), inputs).read(inputs[0]), inputs[0]


def _old_files(record: Path) -> set[str]:
    """Names of the files that an earlier call says it wrote beside its record."""
    try:
        row = (read_record(record) or {}).get("row", {})
        return {name for name in row["files"] if isinstance(name, str) and Path(name).name == name}
    except (InputError, LookupError, TypeError, AttributeError):
        return set()
