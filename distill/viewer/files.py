"""Anybody's meshes and clouds to look at, with the parts that they bring along; and results of `gen3d segment`."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from distill.page.found import folders
from distill.viewer.exhibit import Exhibit, confidence_layer, exhibit_of, part_layer
from distill.viewer.sources import CONFIDENCE, OWN, PREDICTION, described, truth_layers
from gen3d.categories import CATEGORIES, any_category
from gen3d.errors import InputError
from gen3d.import_formats import Found, ShapeReader
from gen3d.importing import ImportSettings, pose_of
from gen3d.inputs import TEXT, Input, find_inputs
from gen3d.mesh_io import file_content, read_shape
from gen3d.mesh_readers import node_sizes
from gen3d.parts_io import is_parts, read_parts
from gen3d.record import read_record
from gen3d.upright import turn

ANYTHING = "any category"  # what files are taken for where nobody names one


class _Result(NamedTuple):
    """A folder that `gen3d segment` wrote."""

    id: str
    folder: Path


class FileSource:
    """Files, folders and patterns of them; only names are read before a shape is looked at.

    Args:
        paths: see `gen3d.inputs.find_inputs`; of results of `gen3d segment` their folders, or those above.
        category: what names the parts of files that have numbers for labels; None where nobody says.
        up: the files' upward axis: y, z, or auto to find it. Results are turned as they were when they were made.

    Raises:
        SettingsError: a category that is no word.
        InputError: a path that nothing answers to, or no shape in any.
    """

    def __init__(self, paths: Sequence[str | Path], category: str | None, up: Literal["y", "z", "auto"]) -> None:
        self._category = category
        self._pose = ImportSettings(category=category or ANYTHING, up=up, align=up == "auto")
        results = sorted(_results(paths))
        inside = {folder.resolve() for _, folder in results}
        self._items: list[Input | _Result] = list(results)
        self.left_out: list[str] = []
        try:
            listing = find_inputs(paths, category or ANYTHING, lambda path: path.parent.resolve() in inside)
        except InputError:
            if not results:
                raise
        else:
            self._items += listing.inputs
            self.left_out = listing.left_out
        inputs = [item for item in self._items if isinstance(item, Input)]
        self._reader = ShapeReader(any_category(category or ANYTHING), inputs)
        self.ids = [item.id for item in self._items]
        self.parts = any_category(category).parts if category else ()
        self.title = f"{category or 'files'}: {_place(paths)}"

    def exhibit(self, number: int) -> Exhibit:
        """See `Source`."""
        item = self._items[number]
        if isinstance(item, _Result):
            return _result(item)
        found, parts = self._read(item)
        matrix, _ = pose_of(found, item, self._pose)
        shape = replace(found.shape, id=item.id)
        shape = shape if (matrix == np.eye(3)).all() else shape.transformed(matrix)
        notes = (("file", item.name), *described(shape))
        if found.unlabelled is not None:
            notes = (*notes, ("labels", f"not shown: {found.unlabelled}"))
        return replace(exhibit_of(shape, partial(truth_layers, parts, title=OWN)), notes=notes)

    def words(self, number: int) -> str:
        """See `Source`: the file's place, or the result's id."""
        item = self._items[number]
        return item.id if isinstance(item, _Result) else f"{item.id} {item.name}"

    def _read(self, item: Input) -> tuple[Found, tuple[str, ...]]:
        """The shape in the file's frame, and what its labels mean."""
        if item.fault is not None or item.key is not None or item.path.suffix.lower() == TEXT:
            return self._reader.read(item), self.parts
        shape = read_shape(item.path, self._category or "unknown")
        parts = CATEGORIES[shape.category].parts if shape.category in CATEGORIES else ()
        if shape.has_mesh and shape.face_labels is None:
            return _by_nodes(Found(shape), item.path)
        return Found(shape), parts


def _by_nodes(found: Found, path: Path) -> tuple[Found, tuple[str, ...]]:
    """A scene of several nodes: each name is a part."""
    nodes = node_sizes(file_content(path), path)
    names = tuple(dict.fromkeys(name for name, _ in nodes))
    if len(names) < 2:
        return found, ()
    labels = np.repeat([names.index(name) for name, _ in nodes], [count for _, count in nodes])
    return found._replace(shape=replace(found.shape, face_labels=labels.astype(np.int16))), names


def _result(item: _Result) -> Exhibit:
    """What `gen3d segment` made of a shape, upright."""
    shape, parts, confidence = read_parts(item.folder)
    record = read_record(item.folder / f"{item.folder.name}_settings.json") or {}
    row = record.get("row", {})
    matrix = _turned(row.get("pose") or {}, item.folder)
    labels = shape.face_labels if shape.has_mesh else shape.point_labels
    assert labels is not None
    layers = (part_layer(PREDICTION, parts, labels),)
    layers += () if confidence is None else (confidence_layer(CONFIDENCE, confidence),)
    shape = replace(shape.transformed(matrix), id=item.id)
    return replace(exhibit_of(shape, lambda labels: layers), notes=described(shape))


def _turned(pose: dict[str, Any], folder: Path) -> np.ndarray:
    """The rotation that the record of a result tells."""
    try:
        if "rotation" in pose:
            return np.array(pose["rotation"], np.float64).reshape(3, 3)
        return turn(pose["up"], pose["front"]) if pose else np.eye(3)
    except (LookupError, ValueError, TypeError, AttributeError):
        raise InputError(f"{folder}: its settings tell no pose; segment the shape again with --overwrite") from None


def _results(paths: Sequence[str | Path]) -> Iterator[_Result]:
    """Results in the folders among the paths, named by their place below the path."""
    for root in (Path(place) for path in paths for place in sorted(glob.glob(str(path))) or [path]):
        for folder in folders(root) if root.is_dir() else ():
            if is_parts(folder.resolve()):
                yield _Result(folder.resolve().name, folder.resolve())


def _place(paths: Sequence[str | Path]) -> str:
    """The first path's name, and how many more there are."""
    name = Path(paths[0]).name or str(paths[0])
    return name if len(paths) == 1 else f"{name} and {len(paths) - 1} more"
