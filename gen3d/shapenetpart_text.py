"""ShapeNetPart's text clouds: lines of `x y z nx ny nz label`, or of `x y z` with the labels in a file of their own."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int16

from gen3d.categories import Category
from gen3d.errors import InputError

NORMALS, POINTS = "x y z nx ny nz label", "x y z"
COLUMNS = len(NORMALS.split())


class TextCloud(NamedTuple):
    """One cloud in the file's own frame (front +X); labels are part indices of its category."""

    points: Float64[np.ndarray, "N 3"]
    normals: Float64[np.ndarray, "N 3"]
    labels: Int16[np.ndarray, " N"]


def parse_cloud(text: str, row: Category) -> TextCloud:
    """The cloud in a text.

    Args:
        text: of the file.
        row: the cloud's category.

    Raises:
        InputError: (reason only) text that is no such table, values that are not finite, or a part of another category.
    """
    table = _table(text, NORMALS)
    return TextCloud(table[:, :3], table[:, 3:6], _labels(table[:, 6], row, row.first_label))


def parse_points(text: str) -> Float64[np.ndarray, "N 3"]:
    """The points in a text of lines `x y z`. Raises InputError (reason only) for any other text."""
    return _table(text, POINTS)


def parse_labels(text: str, row: Category) -> Int16[np.ndarray, " N"]:
    """The labels in a text of one part number per line, that of the category's first part being 1.

    Raises InputError (reason only) for any other text, or a number that the category does not have.
    """
    return _labels(_table(text, "label")[:, 0], row, 1)


def _labels(values: Float64[np.ndarray, " N"], row: Category, first: int) -> Int16[np.ndarray, " N"]:
    """Part indices of numbers that count from `first`."""
    labels = values - first
    wrong = ~np.isin(labels, np.arange(len(row.parts)))
    if wrong.any():
        found, line, last = values[wrong][0], int(wrong.argmax()) + 1, first + len(row.parts) - 1
        raise InputError(f"label {found:g} in row {line}; {row.name} has {first} to {last}")
    return labels.astype(np.int16)


def _table(text: str, columns: str) -> Float64[np.ndarray, "N C"]:
    """The rows of numbers."""
    if not text.strip():
        raise InputError("is empty; copy the file again")
    try:
        table = np.loadtxt(io.StringIO(text), ndmin=2)
    except ValueError as error:
        raise InputError(f"not a table of numbers ({str(error).splitlines()[0]}); copy it again") from None
    if table.shape[1] != len(columns.split()):
        raise InputError(f"has {table.shape[1]} columns, not {columns}")
    if not np.isfinite(table).all():
        raise InputError("has values that are not finite (NaN or Inf); copy the file again")
    return table
