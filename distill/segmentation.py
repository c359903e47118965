"""The `segment` stage: a student applied to a user's own file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from distill.scoring import weights_hash
from distill.student import Student
from gen3d.errors import SettingsError
from gen3d.mesh_io import read_shape, slug
from gen3d.parts_io import write_parts
from gen3d.record import read_record, start_record, write_record

UP = {"y": np.eye(3), "z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])}  # to the house frame


def segment(
    path: Path, student_folder: str, out: Path, up: str = "y", seed: int = 0, overwrite: bool = False
) -> tuple[dict[str, Any], bool]:
    """Label every face (or point) of a file and write its parts, in the file's own frame and order.

    Args:
        path: the file.
        student_folder: a student's folder or Hub id.
        out: folder for the results.
        up: the file's upward axis.
        seed: of the points the student sees.
        overwrite: segment again where the same was done before.

    Returns:
        category, elements ("faces" or "points"), counts per part, files written; and whether they were there already
        from the same file, student and settings. Files of other settings are replaced.
    """
    if up not in UP:
        raise SettingsError(f"--up {up}: must be one of {', '.join(UP)}")
    shape = read_shape(path)
    student = Student.load(student_folder)
    settings = {"shape": hashlib.sha256(path.read_bytes()).hexdigest(), "student": str(student_folder)}
    settings |= {"weights": weights_hash(student), "up": up, "seed": seed}
    record_path = out / f"{slug(shape.id)}_settings.json"
    old = None if overwrite else read_record(record_path)
    if old and old.get("settings") == settings and all(Path(file).is_file() for file in old["result"]["files"]):
        return old["result"], True
    house = shape.transformed(UP[up])
    if shape.has_mesh:
        labels, confidence = student.label_faces(house, seed)
        labelled = replace(shape, category=student.category, face_labels=labels)
    else:
        labels, confidence = student.label_points(house, seed)
        labelled = replace(shape, category=student.category, point_labels=labels)
    start_record(record_path)
    files = write_parts(labelled, student.parts, out)
    counts = {part: int((labels == i).sum()) for i, part in enumerate(student.parts)}
    result = {
        "shape": str(path),
        "category": student.category,
        "elements": "faces" if shape.has_mesh else "points",
        "counts": counts,
        "mean_confidence": round(float(confidence.mean()), 4),
        "files": [str(file) for file in files],
    }
    write_record(record_path, {"settings": settings, "result": result})
    return result, False
