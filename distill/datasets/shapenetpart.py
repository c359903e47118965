"""ShapeNetPart in its text form: clouds with normals and one global part id per point.

A folder with `synsetoffset2category.txt`, `<synset>/<id>.txt` (lines of `x y z nx ny nz label`) and
`train_test_split/shuffled_<split>_file_list.json`. Global ids count through all categories; ours start at 0 in each.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from distill.datasets.labelled import LabelledSet
from distill.datasets.small_text import read_text
from gen3d.categories import CATEGORIES, Category
from gen3d.categories import category as category_row
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled, to_house, unit_rows
from gen3d.shapenetpart_text import parse_cloud

CLASSES = "synsetoffset2category.txt"
SPLITS = {"train": ("train",), "val": ("val",), "test": ("test",), "trainval": ("train", "val")}
_MISSING = ("error", "skip")


def read(root: Path, category: str, split: str = "test", missing: str = "error") -> LabelledSet:
    """The clouds of one category in one split, in the house frame and normalised, sorted by id.

    Clouds that are normalised already (as those of `gen3d export` are) come as they stand in the file, bit for bit.

    Args:
        root: folder with `synsetoffset2category.txt`.
        category: one of the 16.
        split: train, val, test or trainval.
        missing: what to do where the split lists shapes that have no file: "error", or "skip" them (`expected` keeps
            the number listed).

    Raises:
        SettingsError: for a category, split or way with missing files that is not known, or not in this folder.
        InputError: naming the file that is missing or broken.
    """
    row = category_row(category)
    for value, known in ((split, SPLITS), (missing, _MISSING)):
        if value not in known:
            raise SettingsError(f"unknown value {value!r}; known are: {', '.join(known)}")
    _check_present(root, row)
    ids = sorted({id for name in SPLITS[split] for id in listed_ids(root, name, row.synset)})
    if not ids:
        raise InputError(f"{root}: split {split} lists no {category}; choose another split")
    files = {id: root / row.synset / f"{id}.txt" for id in ids}
    found = [id for id, path in files.items() if path.is_file()]
    lost = [id for id in ids if id not in set(found)]
    if lost and (missing == "error" or not found):
        hint = "copy them, or read with missing='skip'" if found else "copy the shapes beside the lists"
        raise InputError(f"{files[lost[0]]}: not found, as {len(lost)} of {len(ids)} {category} of {split}; {hint}")
    shapes = [_shape(id, files[id], row) for id in found]
    return LabelledSet("shapenetpart", category, row.parts, shapes, len(ids))


def _check_present(root: Path, row: Category) -> None:
    """Raise where the folder is no ShapeNetPart, or one without this category."""
    path = root / "synsetoffset2category.txt"
    synsets = {line.split()[-1] for line in read_text(path, CLASSES).splitlines() if line.strip()}
    if row.synset not in synsets:
        here = ", ".join(c.name for c in CATEGORIES.values() if c.synset in synsets)
        raise SettingsError(f"{root} has no category {row.name!r}; it has: {here or 'none of the 16'}")


def listed_ids(root: Path, split: str, synset: str) -> list[str]:
    """Ids of one category in one split's list of `shape_data/<synset>/<id>`. Raises InputError for a broken list."""
    path = root / "train_test_split" / f"shuffled_{split}_file_list.json"
    try:
        entries = json.loads(read_text(path, CLASSES))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({str(error).splitlines()[0]}); copy the file again") from None
    if not isinstance(entries, list) or not all(isinstance(x, str) and x.count("/") == 2 for x in entries):
        raise InputError(f"{path}: must be a list of 'shape_data/<synset>/<id>'; copy the file again")
    return [entry.split("/")[2] for entry in entries if entry.split("/")[1] == synset]


def _shape(id: str, path: Path, row: Category) -> Shape:
    """One cloud, turned from its front +X to ours, +Z."""
    text = read_text(path, CLASSES)
    try:
        cloud = parse_cloud(text, row)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    points, normals = (to_house(rows).astype(np.float32) for rows in (cloud.points, unit_rows(cloud.normals)))
    return settled(Shape(id, row.name, points=points, normals=normals, point_labels=cloud.labels))
