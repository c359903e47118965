"""What `gen3d quality` found, as a table, as JSON and as a picture of the worst and the best shapes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gen3d.collection import SHAPES, Collection, shape_of
from gen3d.pictures import caption, portraits, tile
from gen3d.quality import Quality, ShapeQuality
from gen3d.shape import Shape
from gen3d.storage import atomic_write

EACH = 8  # shapes at either end
ANGLES = ((25.0, 35.0),)
_SIZE = 160
MEASURES: dict[str, Callable[[ShapeQuality], float | None]] = {
    "components": lambda row: None if row.measures is None else float(row.measures.components),
    "aspect": lambda row: None if row.measures is None else row.measures.aspect,
    "thickness": lambda row: None if row.measures is None else row.measures.thickness,
    "closed edges": lambda row: None if row.measures is None else row.measures.closed,
    "to nearest other": lambda row: row.to_nearest,
    "to reference": lambda row: row.to_reference,
}


def summary(found: Quality) -> dict[str, list[float]]:
    """Measure -> least, median and most over the shapes that have it; teachers' signals too."""
    values = {name: [of(row) for row in found.shapes] for name, of in MEASURES.items()}
    for teacher in sorted({name for row in found.shapes for name in row.teachers or {}}):
        signals = [row.teachers[teacher] for row in found.shapes if row.teachers and teacher in row.teachers]
        values[f"{teacher}: coverage"] = [signal.coverage for signal in signals]
        values[f"{teacher}: agreement"] = [signal.agreement for signal in signals]
    known = {name: [value for value in column if value is not None] for name, column in values.items()}
    return {
        name: [float(np.min(column)), float(np.median(column)), float(np.max(column))]
        for name, column in known.items()
        if column
    }


def rejected(found: Quality) -> dict[str, int]:
    """Filter -> how many shapes it would reject."""
    return dict(sorted(Counter(name for row in found.shapes for name in row.flaws).items()))


def as_json(found: Quality) -> dict[str, Any]:
    """All of it; the shapes worst first."""
    sets = None if found.sets is None else found.sets._asdict()
    shapes = [
        row._asdict()
        | {"measures": None if row.measures is None else row.measures._asdict()}
        | {"teachers": {name: signals._asdict() for name, signals in (row.teachers or {}).items()}}
        for row in found.shapes
    ]
    features = {} if found.features is None else {"features": found.features._asdict()}
    return {
        "sets": sets,
        **features,
        "compared": found.compared,
        "references": found.references,
        "left_out": [{"id": id, "reason": reason} for id, reason in found.left_out],
        "summary": summary(found),
        "rejected": rejected(found),
        "shapes": shapes,
    }


def draw_extremes(collection: Collection, found: Quality, path: Path) -> None:
    """Write a picture of the worst and the best shapes of those that were compared. Raises StorageError."""
    rows = [row for row in found.shapes if row.to_nearest is not None]
    each = min(EACH, len(rows) // 2)
    worst, best = rows[:each], rows[::-1][:each]
    shapes = _shapes(collection, {row.id for row in [*worst, *best]})
    by = "distance to the reference" if found.sets is not None else "distance to the nearest other"
    strips = [
        caption(tile([_portrait(shapes[row.id], row) for row in group], each), title, 20)
        for title, group in ((f"worst: flaws, then {by}", worst), ("best", best))
    ]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(strips, 0)).save(buffer, "PNG")
    atomic_write(path, buffer.getvalue())


def _shapes(collection: Collection, ids: set[str]) -> dict[str, Shape]:
    """Some shapes by their ids; of the others nothing is decoded, and shards without any stay closed."""
    numbers = [record.number for record in collection.records() if ids & set(record.ids)]
    samples = (sample for number in numbers for sample in collection.samples(SHAPES, number))
    return {id: shape_of(id, parts) for id, parts in samples if id in ids}


def _portrait(shape: Shape, row: ShapeQuality) -> np.ndarray:
    """One shape with its number, and its distance or its first flaw."""
    labels = shape.face_labels if shape.has_mesh else shape.point_labels
    (image,) = portraits(shape, labels, ANGLES, _SIZE)
    far = row.to_nearest if row.to_reference is None else row.to_reference
    why = next(iter(row.flaws), "" if far is None else f"{far:.4f}")
    return caption(image, f"{shape.id[-14:]} {why}")
