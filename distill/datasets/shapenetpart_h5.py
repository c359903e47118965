"""ShapeNetPart in the HDF5 form that PointNet's part segmentation was released with.

A folder (`hdf5_data` in that release) with `all_object_categories.txt` (lines `Airplane 02691156`; a line's number is
the object class), `<split>_hdf5_file_list.txt` (file names) and HDF5 files with `data` (B, N, 3) float, `label` (B, 1)
or (B,) object class, and `pid` (B, N) global part ids from 0 to 49; N is 2,048 there. The release has neither normals
nor ids: shapes are named `<file>-<row>`, unless a `<file>_id2file.json` of ours lists their ids. The front is taken as
+X, as in the text form; that release was not at hand to check it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from distill.datasets.h5_arrays import read_arrays
from distill.datasets.labelled import LabelledSet
from distill.datasets.listing import NothingError
from distill.datasets.shapenetpart_lists import SPLITS
from distill.datasets.small_text import read_text
from gen3d.categories import CATEGORIES, Category
from gen3d.categories import category as category_row
from gen3d.errors import InputError, SettingsError
from gen3d.mesh_io import slug
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled, to_house

CLASSES = "all_object_categories.txt"
_MAX_TEXT = 1 << 24
_KINDS = {"data": "f", "label": "iu", "pid": "iu"}


def list_name(split: str) -> str:
    """Name of the file that lists a split's HDF5 files."""
    return f"{split}_hdf5_file_list.txt"


def ids_name(file: str) -> str:
    """Name of our file with the ids of the shapes in an HDF5 file."""
    return f"{file.removesuffix('.h5')}_id2file.json"


def read(root: Path, category: str, split: str = "test") -> LabelledSet:
    """The clouds of one category in one split, in the house frame and normalised, in the order of the files.

    Args:
        root: folder with `all_object_categories.txt`.
        category: one of the 16.
        split: train, val, test or trainval.

    Raises:
        SettingsError: for a category or split that is not known, or not in this folder.
        InputError: naming the file that is missing, broken, too large or not finite.
    """
    row = category_row(category)
    if split not in SPLITS:
        raise SettingsError(f"unknown value {split!r}; known are: {', '.join(SPLITS)}")
    number = _class_number(root, row)
    files = [file for name in SPLITS[split] for file in _listed(root / list_name(name))]
    shapes = [shape for file in files for shape in _shapes(root / file, number, row)]
    if not shapes:
        raise NothingError(f"{root}: split {split} holds no {category}; choose another split")
    return LabelledSet("shapenetpart-h5", category, row.parts, shapes, len(shapes))


def _class_number(root: Path, row: Category) -> int:
    """The object class of a category."""
    synsets = [line.split()[-1] for line in read_text(root / CLASSES, CLASSES, _MAX_TEXT).splitlines() if line.strip()]
    if row.synset not in synsets:
        here = ", ".join(c.name for c in CATEGORIES.values() if c.synset in synsets)
        raise SettingsError(f"{root} has no category {row.name!r}; it has: {here or 'none of the 16'}")
    return synsets.index(row.synset)


def _listed(path: Path) -> list[str]:
    """File names of a list; each must be a plain one, so that nothing outside the folder is read."""
    names = [line.strip() for line in read_text(path, CLASSES, _MAX_TEXT).splitlines() if line.strip()]
    for name in names:
        if Path(name).name != name or "\\" in name or "\0" in name:
            raise InputError(f"{path}: {name[:80]!r} is no plain file name; copy the file again")
    return names


def _shapes(path: Path, number: int, row: Category) -> Iterator[Shape]:
    """The clouds of one class in one file."""
    points, labels, pids = _arrays(path)
    chosen = np.flatnonzero(labels == number)
    ids = _ids(path, len(points))
    for index, cloud, part in zip(chosen.tolist(), points[chosen], pids[chosen] - row.first_label, strict=True):
        where = f"{path}: row {index}"
        if not np.isfinite(cloud).all():
            raise InputError(f"{where}: has values that are not finite (NaN or Inf); copy the file again")
        if part.min() < 0 or part.max() >= len(row.parts):
            last = row.first_label + len(row.parts) - 1
            found = f"part ids {part.min() + row.first_label} to {part.max() + row.first_label}"
            raise InputError(f"{where}: {found}; {row.name} has {row.first_label} to {last}")
        shape = Shape(ids[index], row.name, points=to_house(cloud), point_labels=part.astype(np.int16))
        try:
            yield settled(shape)
        except InputError as error:
            raise InputError(f"{where}: {error}; copy the file again") from None


def _arrays(path: Path) -> tuple[Float32[np.ndarray, "B N 3"], Int64[np.ndarray, " B"], Int64[np.ndarray, "B N"]]:
    """Points, object classes and global part ids of one file, of matching shapes."""
    raw = read_arrays(path, _KINDS)
    points, labels, pids = raw["data"], raw["label"], raw["pid"]
    count = points.shape[0] if points.ndim else -1
    fits = points.ndim == 3 and points.shape == (count, *pids.shape[1:], 3) and pids.shape[1] > 0
    if not fits or pids.shape[0] != count or labels.shape not in ((count,), (count, 1)):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in raw.items())
        raise InputError(f"{path}: has {shapes}; should be data (B, N, 3), label (B, 1) and pid (B, N)")
    with np.errstate(over="ignore"):  # an infinity is found where the rows are used
        return points.astype(np.float32), labels.reshape(-1).astype(np.int64), pids.astype(np.int64)


def _ids(path: Path, count: int) -> list[str]:
    """Names of the shapes: our list's where there is one, else `<file>-<row>`."""
    names = path.with_name(ids_name(path.name))
    if not names.exists():
        return [f"{slug(path.stem)}-{index:05d}" for index in range(count)]
    try:
        ids = json.loads(read_text(names, CLASSES, _MAX_TEXT))
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or len(ids) != count or not all(isinstance(id, str) for id in ids):
        raise InputError(f"{names}: must be a list of {count} ids; delete it or copy it again")
    return [slug(id) for id in ids]
