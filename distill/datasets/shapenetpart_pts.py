"""ShapeNetPart in its original form, points and labels apart (`shapenetcore_partanno_segmentation_benchmark_v0`).

A folder with `synsetoffset2category.txt`, `<synset>/points/<id>.pts` (lines of `x y z`),
`<synset>/points_label/<id>.seg` (one part number per line, in the order of the points; 1 is the category's first part)
and `train_test_split/shuffled_<split>_file_list.json`. The annotations' own release (`PartAnnotation`) is read, too,
where table and lists are copied there: its labels lie in `<synset>/expert_verified/points_label`.

That numbers count from 1 in every category, in the order of the global ids, is what public loaders of this form rely
on. The front is taken as +X, as in the text form, which was made of the same models. No file of this form was at hand
to check either.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from distill.datasets.labelled import LabelledSet
from distill.datasets.listing import ERROR, Listing
from distill.datasets.shapenetpart_lists import CLASSES, list_shapes
from distill.datasets.small_text import read_text
from gen3d.categories import Category
from gen3d.errors import InputError
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled, to_house
from gen3d.shapenetpart_text import parse_labels, parse_points

NAME = "shapenetpart-pts"
_VERIFIED = "expert_verified"
T = TypeVar("T")


def read(root: Path, category: str, split: str = "test", missing: str = ERROR) -> LabelledSet:
    """The clouds of one category in one split, in the house frame and normalised, sorted by id.

    Args:
        root: folder with `synsetoffset2category.txt`.
        category: one of the 16.
        split: train, val, test or trainval.
        missing: what to do with listed shapes that have no file, or a broken one: see `Listing.labelled`.

    Raises:
        SettingsError: for a category, split or way with missing files that is not known, or not in this folder.
        InputError: naming the file that is missing or broken.
    """
    return listing(root, category, split).labelled(NAME, missing)


def listing(root: Path, category: str, split: str = "test") -> Listing:
    """What the folder lists; arguments and errors as of `read`."""
    return list_shapes(root, category, split, _files, _shape)


def _files(folder: Path, id: str) -> tuple[Path, Path]:
    """Points and labels of a shape."""
    home = folder / _VERIFIED if (folder / _VERIFIED).is_dir() else folder
    return folder / "points" / f"{id}.pts", home / "points_label" / f"{id}.seg"


def _shape(id: str, files: tuple[Path, ...], row: Category) -> Shape:
    """One cloud, turned from its front +X to ours, +Z."""
    path, beside = files
    points = _parsed(path, parse_points)
    labels = _parsed(beside, lambda text: parse_labels(text, row))
    if len(points) != len(labels):
        raise InputError(f"{beside}: has {len(labels)} labels for the {len(points)} points of {path}; copy both again")
    with np.errstate(over="ignore"):  # an infinity is found where the cloud is normalised
        turned = to_house(points).astype(np.float32)
    try:
        return settled(Shape(id, row.name, points=turned, point_labels=labels))
    except InputError as error:
        raise InputError(f"{path}: {error}; copy the file again") from None


def _parsed(path: Path, parse: Callable[[str], T]) -> T:
    """What a file's text says; errors name the file."""
    text = read_text(path, CLASSES)
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
