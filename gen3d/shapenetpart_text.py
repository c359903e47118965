"""ShapeNetPart's text clouds: lines of `x y z nx ny nz label`, with part ids that count through all categories."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int16

from gen3d.categories import Category
from gen3d.errors import InputError

COLUMNS = 7


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
    table = _table(text)
    labels = table[:, 6] - row.first_label
    wrong = ~np.isin(labels, np.arange(len(row.parts)))
    if wrong.any():
        last = row.first_label + len(row.parts) - 1
        found, line = table[wrong, 6][0], int(wrong.argmax()) + 1
        raise InputError(f"label {found:g} in row {line}; {row.name} has {row.first_label} to {last}")
    return TextCloud(table[:, :3], table[:, 3:6], labels.astype(np.int16))


def _table(text: str) -> Float64[np.ndarray, "N 7"]:
    """The rows of numbers."""
    if not text.strip():
        raise InputError("is empty; copy the file again")
    try:
        table = np.loadtxt(io.StringIO(text), ndmin=2)
    except ValueError as error:
        raise InputError(f"not a table of numbers ({str(error).splitlines()[0]}); copy it again") from None
    if table.shape[1] != COLUMNS:
        raise InputError(f"has {table.shape[1]} columns, not x y z nx ny nz label")
    if not np.isfinite(table).all():
        raise InputError("has values that are not finite (NaN or Inf); copy the file again")
    return table
