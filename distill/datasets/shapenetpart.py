"""ShapeNetPart in its text form: clouds with normals and one global part id per point.

A folder with `synsetoffset2category.txt`, `<synset>/<id>.txt` (lines of `x y z nx ny nz label`) and
`train_test_split/shuffled_<split>_file_list.json`. Global ids count through all categories; ours start at 0 in each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from distill.datasets.labelled import LabelledSet
from distill.datasets.listing import ERROR, Listing
from distill.datasets.shapenetpart_lists import CLASSES, list_shapes
from distill.datasets.small_text import read_text
from gen3d.categories import Category
from gen3d.errors import InputError
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled, to_house, unit_rows
from gen3d.shapenetpart_text import parse_cloud

NAME = "shapenetpart"


def read(root: Path, category: str, split: str = "test", missing: str = ERROR) -> LabelledSet:
    """The clouds of one category in one split, in the house frame and normalised, sorted by id.

    Clouds that are normalised already (as those of `gen3d export` are) come as they stand in the file, bit for bit.

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
    return list_shapes(root, category, split, lambda folder, id: (folder / f"{id}.txt",), _shape)


def _shape(id: str, files: tuple[Path, ...], row: Category) -> Shape:
    """One cloud, turned from its front +X to ours, +Z."""
    (path,) = files
    text = read_text(path, CLASSES)
    try:
        cloud = parse_cloud(text, row)
        with np.errstate(over="ignore"):  # an infinity is found where the cloud is normalised
            points, normals = (to_house(rows).astype(np.float32) for rows in (cloud.points, unit_rows(cloud.normals)))
        return settled(Shape(id, row.name, points=points, normals=normals, point_labels=cloud.labels))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
