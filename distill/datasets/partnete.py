"""PartNetE (PartNet-Ensembled), as PartSLIP released it: dense coloured clouds of 45 categories with their own parts.

A folder with `PartNetE_meta.json` (category -> names of its parts, in label order) and, in it or in its folder `data`,
`<split>/<Category>/<id>/` with `pc.ply` (points and colours) and `label.npy` (a dict of `semantic_seg`, the part of
every point or -1 for none of them, and `instance_seg`, which is not read); `images` are left alone. `label.npy` is a
pickle and is never unpickled: see `pickled_arrays`.

Frame: taken as it stands, +Y up and +Z front. PartSLIP's own cameras stand around +Y, and the PartNet-Mobility objects
that the clouds were rendered from have that frame; the release does not say it, and no file of it was at hand.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int16, UInt8

from distill.datasets.labelled import LabelledSet
from distill.datasets.listing import ERROR, Listing, NothingError, among, known
from distill.datasets.own_table import own_category, plain_words
from distill.datasets.pickled_arrays import read_arrays
from distill.datasets.small_text import read_text
from gen3d.categories import Category
from gen3d.errors import InputError, SettingsError
from gen3d.mesh_io import checked, file_content
from gen3d.ply_vertices import read_vertices
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled

NAME = "partnete"
META = "PartNetE_meta.json"
SPLITS = ("test", "few_shot")
_MAX_META = 1 << 20  # bytes
_SEMANTIC = "semantic_seg"


def read(root: Path, category: str, split: str = "test", missing: str = ERROR) -> LabelledSet:
    """The clouds of one category in one split, normalised, sorted by id, with the set's own parts; -1 is "other".

    Args:
        root: folder with `PartNetE_meta.json`.
        category: one of that file's in small words: "chair", "trash can", "usb".
        split: test or few_shot.
        missing: what to do with shapes that lack a file, or have a broken one: see `Listing.labelled`.

    Raises:
        SettingsError: for a category, split or way with missing files that is not known.
        InputError: naming the file that is missing or broken; broken clouds are found when they are asked for.
    """
    return listing(root, category, split).labelled(NAME, missing)


def listing(root: Path, category: str, split: str = "test") -> Listing:
    """What the folder lists; arguments and errors as of `read`."""
    known("split", split, SPLITS)
    meta = {plain_words(name): (name, parts) for name, parts in _meta(root).items()}
    among(category, meta, root)
    name, parts = meta[category]
    try:
        row = own_category(category, tuple(plain_words(part) for part in parts))
    except SettingsError as error:
        raise InputError(f"{root / META}: {error}; copy the file again") from None
    folder = (root / "data" if (root / "data").is_dir() else root) / split / name
    ids = tuple(sorted((path.name for path in folder.glob("*") if path.is_dir()), key=lambda id: (len(id), id)))
    if not ids:
        raise NothingError(f"{folder}: holds no shape (<id>/pc.ply and label.npy); unpack the split there")
    files = partial(_files, folder)
    return Listing(f"{category} of {split}", row, ids, files, lambda id: _shape(id, *files(id), row), large=True)


def categories(root: Path) -> list[str]:
    """The categories of `PartNetE_meta.json`, in small words. Raises InputError."""
    return [plain_words(name) for name in _meta(root)]


def _files(folder: Path, id: str) -> tuple[Path, Path]:
    return folder / id / "pc.ply", folder / id / "label.npy"


def _meta(root: Path) -> dict[str, list[str]]:
    """Names of parts by category."""
    path = root / META
    try:
        meta = json.loads(read_text(path, META, _MAX_META))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({str(error).splitlines()[0]}); copy the file again") from None
    if not isinstance(meta, dict) or not meta or not all(_is_parts(name, parts) for name, parts in meta.items()):
        raise InputError(f"{path}: must give a list of different part names for every category; copy the file again")
    return meta


def _is_parts(name: str, parts: Any) -> bool:
    """Whether it is a folder's name with its part names."""
    if Path(name).name != name or not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        return False
    words = [plain_words(part) for part in parts]
    return bool(words) and all(words) and len(set(words)) == len(words)


def _shape(id: str, cloud: Path, labels: Path, row: Category) -> Shape:
    """One cloud."""
    shape = checked(lambda: _cloud(id, cloud, row), str(cloud))
    parts = _labels(labels, row)
    if len(parts) != len(shape.positions()):
        count = len(shape.positions())
        raise InputError(f"{labels}: has {len(parts)} labels for the {count} points of {cloud}; copy both again")
    return settled(Shape(id, row.name, points=shape.points, point_colors=shape.point_colors, point_labels=parts))


def _cloud(id: str, path: Path, row: Category) -> Shape:
    """Points and colours, if any. Raises InputError (reason only), and whatever damaged files lead to."""
    columns = read_vertices(file_content(path))
    if not {"x", "y", "z"} <= columns.keys():
        raise InputError("has no vertices with x, y and z")
    points = np.stack([columns[axis] for axis in "xyz"], 1).astype(np.float32)
    return Shape(id, row.name, points=points, point_colors=_colors(columns))


def _colors(columns: dict[str, np.ndarray]) -> UInt8[np.ndarray, "N 3"] | None:
    """sRGB; bytes as they are, fractions (how PyTorch3D writes colours) of 255."""
    if not {"red", "green", "blue"} <= columns.keys():
        return None
    colors = np.stack([columns[name] for name in ("red", "green", "blue")], 1)
    if colors.dtype.kind == "f":
        colors = np.nan_to_num(colors) * 255
    return np.clip(np.rint(colors), 0, 255).astype(np.uint8)


def _labels(path: Path, row: Category) -> Int16[np.ndarray, " N"]:
    """The part of every point, -1 = none."""
    try:
        found = read_arrays(path).get(_SEMANTIC)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if found is None or not len(found):
        raise InputError(f"{path}: has no labels ({_SEMANTIC!r}, one whole number per point); copy the file again")
    low, high, last = int(found.min()), int(found.max()), len(row.parts) - 1
    if low < -1 or high > last:
        raise InputError(f"{path}: labels {low} to {high}; {row.name} has 0 to {last}, and -1 for none of its parts")
    return found.astype(np.int16)
