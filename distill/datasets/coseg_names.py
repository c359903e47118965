"""Which part each number of a COSEG set is: as a user writes it, or as the shapes of chairs and guitars show it.

The release publishes numbers without names. By shape: a chair's part that lies highest is its back, the lowest its
legs, the third its seat; a guitar's part of the largest surface is its body, of the other two the one farther from it
is the head. The order that most shapes show is taken, where at least 4 of 5 show it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from distill.datasets.own_table import own_category, plain_words
from distill.datasets.small_text import read_text
from gen3d.categories import CATEGORIES, Category
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape, face_normals

FILE = "parts.json"
SURE = 0.8  # share of the shapes that must show the same order
_MAX_BYTES = 1 << 20
_ORDERS = {"chair": ("back", "seat", "leg"), "guitar": ("head", "neck", "body")}
Meshes = Iterable[tuple[Shape, Int64[np.ndarray, " F"]]]  # unnormalised, with a number per face


class Names(NamedTuple):
    """A set's table of parts, the label of every number in its files, and where the names are from."""

    row: Category
    labels: dict[int, int]
    note: str


def set_names(folder: Path, category: str, numbers: list[int], meshes: Meshes) -> Names:
    """Names of a set's parts.

    Args:
        folder: of the set; a `parts.json` in it is followed.
        category: a word.
        numbers: that its label files have, ascending.
        meshes: some of its shapes.

    Raises:
        InputError: `parts.json` is no such file, or the shapes don't show which number is which.
    """
    path = folder / FILE
    if path.is_file():
        given = _written(path)
        try:
            return _table(category, given, f"parts named by {path}")
        except SettingsError as error:
            raise InputError(f"{path}: {error}") from None
    if len(numbers) != len(_ORDERS.get(category, ())):
        plain = {number: f"part {number}" for number in numbers}
        return _table(category, plain, f"the release names no parts; write {path} to name them")
    found = by_shape(category, meshes)
    if found is None:
        raise InputError(f"{folder}: its shapes don't show which number is which part; write {path}")
    listed = ", ".join(f"{number} = {part}" for number, part in sorted(found.items()))
    return _table(category, found, f"named by the shapes, not by the release: {listed}; write {path} to say otherwise")


def by_shape(category: str, meshes: Meshes) -> dict[int, str] | None:
    """The part that every number is, as most of the meshes show it; None where they disagree."""
    order = {"chair": _by_height, "guitar": _by_body}[category]
    seen = Counter(order(shape, numbers) for shape, numbers in meshes if len(np.unique(numbers)) == 3)
    if not seen:
        return None
    (best, count), *_ = seen.most_common(1)
    return dict(zip(best, _ORDERS[category], strict=True)) if count >= SURE * seen.total() else None


def _by_height(shape: Shape, numbers: Int64[np.ndarray, " F"]) -> tuple[int, ...]:
    """Numbers of the parts from the highest to the lowest."""
    _, centres = _parts(shape, numbers)
    return tuple(sorted(centres, key=lambda number: -centres[number][1]))


def _by_body(shape: Shape, numbers: Int64[np.ndarray, " F"]) -> tuple[int, ...]:
    """Numbers of the parts from the farthest from the largest to the largest."""
    areas, centres = _parts(shape, numbers)
    body = centres[max(areas, key=lambda number: areas[number])]
    return tuple(sorted(centres, key=lambda number: -float(np.linalg.norm(centres[number] - body))))


def _parts(
    shape: Shape, numbers: Int64[np.ndarray, " F"]
) -> tuple[dict[int, float], dict[int, Float64[np.ndarray, " 3"]]]:
    """Area and area-weighted centre of every part."""
    vertices, faces = shape.mesh
    _, areas = face_normals(vertices.astype(np.float64), faces)
    middles = vertices.astype(np.float64)[faces].mean(1)
    found = {number: areas * (numbers == number) for number in np.unique(numbers).tolist()}
    whole = {number: float(part.sum()) for number, part in found.items()}
    centres = {number: part @ middles / max(whole[number], 1e-30) for number, part in found.items()}
    return whole, centres


def _table(category: str, names: dict[int, str], note: str) -> Names:
    """gen3d's table where it has all of the parts, else one of their own. Raises SettingsError."""
    parts = tuple(dict.fromkeys(names[number] for number in sorted(names)))
    table = CATEGORIES.get(category)
    known = table is not None and all(part in table.parts for part in parts)
    row = table if table is not None and known else own_category(category, parts)
    return Names(row, {number: row.part_index(name) for number, name in names.items()}, note)


def _written(path: Path) -> dict[int, str]:
    """The names that a user gave to numbers."""
    try:
        stored = json.loads(read_text(path, "the sets", _MAX_BYTES))
        names = {int(number): plain_words(name) for number, name in stored.items()}
    except (ValueError, AttributeError, TypeError, RecursionError):
        names = {}
    if not names or not all(names.values()):
        raise InputError(f'{path}: must give a name for every number, such as {{"1": "seat", "2": "back"}}')
    return names
