"""The preprocessed shapes that PartDistill's code was released with: GLIP's boxes lifted to points, with human labels.

A folder with `<synset>/<shape id>/extracted/preprocess.h5` and, where given, ShapeNetPart's official lists
`train_test_split/shuffled_<split>_file_list.json`. Of a file these are read (method.md, section 2): `xyz` (n, 3);
`cls_bbox` (1, B), the part of every box; `conf_bbox` (n, B, R), its confidence at the points it covers, 0 elsewhere;
`gt_semantic_seg` (n,), ShapeNetPart's global ids. Arrays per view, ten times as large, are left alone, as are images.
The front is taken as +X and up as +Y, as in ShapeNetPart; none of the released files was at hand to check it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int16

from distill.datasets.h5_arrays import read_arrays
from distill.datasets.labelled import LabelledSet
from distill.datasets.listing import Listing, NothingError
from distill.datasets.shapenetpart_lists import SPLITS, listed_ids
from gen3d.categories import Category
from gen3d.categories import category as category_row
from gen3d.errors import InputError, SettingsError
from gen3d.knowledge import Knowledge
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled, to_house

NAME = "partdistill-h5"
FILE = Path("extracted") / "preprocess.h5"
ALL = "all"
_CLOUD = {"xyz": "f", "gt_semantic_seg": "iuf"}
_BOXES = {"xyz": "f", "cls_bbox": "iuf", "conf_bbox": "f"}


def read(root: Path, category: str, split: str = "test", missing: str = "error") -> LabelledSet:
    """The labelled clouds of one category in one split, in the house frame and normalised, sorted by id.

    Args:
        root: folder with `<synset>/<id>/extracted/preprocess.h5`.
        category: one of the 16; chair and knife were released.
        split: train, val, test or trainval by the lists, or all that is there.
        missing: see `Listing.labelled`.

    Raises:
        SettingsError: for a category, split or way with missing files that is not known.
        InputError: naming the file that is missing or broken.
    """
    row = category_row(category)
    files = shape_files(root, row, split)
    title = f"{row.name} of split {split}"
    found = Listing(title, row, tuple(files), lambda id: (files[id],), lambda id: _cloud(id, files[id], row))
    return found.labelled(NAME, missing)


def shape_files(root: Path, row: Category, split: str) -> dict[str, Path]:
    """Id -> file of the shapes of a split, sorted by id, whether or not the file is there.

    Raises SettingsError for an unknown split, InputError where there are no lists or no shapes.
    """
    if split not in (*SPLITS, ALL):
        raise SettingsError(f"split = {split!r}: known are: {', '.join((*SPLITS, ALL))}")
    folder = root / row.synset
    if split == ALL:
        ids = {path.parents[1].name for path in folder.glob(f"*/{FILE}")}
    elif has_lists(root):
        ids = {id for name in SPLITS[split] for id in listed_ids(root, name, row.synset)}
    else:
        raise InputError(f"{root}/train_test_split: not found; copy ShapeNetPart's lists there, or use --split all")
    if not ids:
        raise NothingError(f"{folder}: holds no {row.name} of split {split} (<shape id>/{FILE}); copy the data there")
    return {id: folder / id / FILE for id in sorted(ids)}


def has_lists(root: Path) -> bool:
    """Whether there are lists of splits."""
    return (root / "train_test_split").is_dir()


def read_knowledge(id: str, path: Path, row: Category, points: int, seed: int) -> Knowledge:
    """The boxes of one shape as knowledge units on points drawn from its cloud; its labels are not read.

    A unit is a box; its confidence at a point is the largest over the parts, its mask is where that is not 0
    (method.md, section 3, step 1). Boxes that cover none of the drawn points are left out.

    Args:
        id: of the shape.
        path: its file.
        row: its category.
        points: N; a cloud of fewer is repeated before a random remainder is drawn.
        seed: of the run; draws depend on it and on the id alone.

    Raises:
        InputError: naming the file.
    """
    raw = read_arrays(path, _BOXES)
    xyz, part, boxes = _positions(raw["xyz"], path), raw["cls_bbox"].reshape(-1), raw["conf_bbox"]
    if boxes.ndim != 3 or boxes.shape[:2] != (len(xyz), len(part)) or not (boxes.shape[2] or not len(part)):
        raise InputError(
            f"{path}: has xyz {xyz.shape}, cls_bbox {raw['cls_bbox'].shape}, conf_bbox {boxes.shape}; "
            "should be (n, 3), (1, B), (n, B, R)"
        )
    confidence = boxes.max(2).T if boxes.size else np.zeros((len(part), len(xyz)), np.float32)  # (B, n)
    if not (np.isfinite(confidence).all() and (confidence >= 0).all() and (confidence <= 1).all()):
        raise InputError(f"{path}: conf_bbox has values outside of 0 ... 1; copy the file again")
    if not np.isin(part, np.arange(len(row.parts))).all():
        raise InputError(f"{path}: cls_bbox has parts other than 0 to {len(row.parts) - 1}, those of {row.name}")
    whole = _house(Shape(id, row.name, points=xyz), path)
    drawn = confidence[:, whole.picked(points, seed)].astype(np.float32)
    return _units(whole.sampled(points, seed), part.astype(np.int16), drawn, row.parts)


def _units(
    sampled: Shape, part: Int16[np.ndarray, " K"], confidence: Float32[np.ndarray, "K N"], parts: tuple[str, ...]
) -> Knowledge:
    """Knowledge from dense confidences; boxes of one score each are kept as such, exactly, others as float16."""
    assert sampled.points is not None
    mask: Bool[np.ndarray, "K N"] = confidence > 0
    kept = mask.any(1)
    part, confidence, mask = part[kept], confidence[kept], mask[kept]
    largest = confidence.max(1, initial=0)
    plain = bool((confidence == mask * largest[:, None]).all())
    mean = confidence.sum(1, dtype=np.float64) / np.maximum(1, mask.sum(1))
    return Knowledge(
        points=sampled.points,
        part=part,
        confidence=largest if plain else mean.astype(np.float32),
        packed=np.packbits(mask, axis=1),
        view=np.zeros(len(part), np.int16),  # which view a box is of is not kept in these files
        scores=None if plain else confidence[mask].astype(np.float16),
        meta={"id": sampled.id, "teacher": NAME, "parts": list(parts)},
    )


def _cloud(id: str, path: Path, row: Category) -> Shape:
    """One labelled cloud."""
    raw = read_arrays(path, _CLOUD)
    points, ids = _positions(raw["xyz"], path), raw["gt_semantic_seg"].reshape(-1)
    if len(ids) != len(points) or not np.isfinite(ids).all():
        raise InputError(f"{path}: has {len(points)} points and {np.isfinite(ids).sum()} labels; copy the file again")
    labels = ids.astype(np.int64) - row.first_label
    if labels.min() < 0 or labels.max() >= len(row.parts):
        found, last = labels + row.first_label, row.first_label + len(row.parts) - 1
        raise InputError(f"{path}: part ids {found.min()} to {found.max()}; {row.name} has {row.first_label} to {last}")
    return _house(Shape(id, row.name, points=points, point_labels=labels.astype(np.int16)), path)


def _positions(xyz: np.ndarray, path: Path) -> Float32[np.ndarray, "N 3"]:
    """The positions as float32. Raises InputError for any other form."""
    if xyz.ndim != 2 or xyz.shape[1] != 3 or not len(xyz):
        raise InputError(f"{path}: has xyz {xyz.shape}; should be (n, 3)")
    with np.errstate(over="ignore"):  # an infinity is refused where the cloud is normalised
        return xyz.astype(np.float32)


def _house(cloud: Shape, path: Path) -> Shape:
    """The cloud turned to the house frame and normalised: the same for training, re-scoring and scores."""
    assert cloud.points is not None
    try:
        turned = Shape(cloud.id, cloud.category, points=to_house(cloud.points), point_labels=cloud.point_labels)
        return settled(turned)
    except InputError as error:
        raise InputError(f"{path}: {error}; copy the file again") from None
