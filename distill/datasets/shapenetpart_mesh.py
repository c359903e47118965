"""ShapeNetPart's meshes with a label per face, as released with ShapePFCN (Kalogerakis et al. 2017).

A folder with `<Category>/<id>.off` and, beside each, `<id>_labels.txt`: pairs of lines, a label's name and the numbers
of the faces that have it, the first face being 1. A face that is named twice keeps the last; one that is not named has
no label. `<Category>` may be `Chair`, `chair` or the synset. That form is the one ShapePFCN's own pages describe, and a
public program that reads `labeled_meshes/Chair` finds there the names `Chair_labelA` to `Chair_labelD`: letters are
taken for the parts in ShapeNetPart's order (A is the category's first), and part names with or without the category in
front for what they say. No file of that release was at hand to check the names, their order, or the frame, which is
taken as ShapeNetPart's: +Y up, front +X.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from distill.datasets.labelled import LabelledSet
from distill.datasets.listing import ERROR, Listing, NothingError, among
from distill.datasets.own_table import plain_words
from distill.datasets.small_text import read_text
from gen3d.categories import CATEGORIES, Category
from gen3d.categories import category as category_row
from gen3d.errors import InputError, SettingsError
from gen3d.mesh_io import read_shape
from gen3d.shape import UNLABELLED, Shape
from gen3d.shapenet_frame import settled, to_house

NAME = "shapenetpart-mesh"
ALL = "all"
_SUFFIX = "_labels.txt"
_LETTER = re.compile(r"(?:.* )?label ?([a-z])")
_MAX_TEXT = 1 << 27  # bytes of one label file, or of a list


def read(root: Path, category: str, split: str = ALL, missing: str = ERROR) -> LabelledSet:
    """The meshes of one category, in the house frame and normalised, with a part per face, sorted by id.

    Args:
        root: folder with the categories' folders.
        category: one of the 16.
        split: all that is there, or the name of a list `<root>/<split>.txt` with an id, or `<Category>/<id>`, per
            line; those of other categories are passed over. The release's lists are in the paper's supplement.
        missing: what to do with listed shapes that lack a file, or have a broken one: see `Listing.labelled`.

    Raises:
        SettingsError: for a category or way with missing files that is not known, or a category not in this folder.
        InputError: naming the file that is missing or broken; broken meshes are found when they are asked for.
    """
    return listing(root, category, split).labelled(NAME, missing)


def listing(root: Path, category: str, split: str = ALL) -> Listing:
    """What the folder lists; arguments and errors as of `read`."""
    row = category_row(category)
    folders = _folders(root)
    among(category, folders, root)
    folder = folders[category]
    ids = _all(folder) if split == ALL else _listed(root / f"{split}.txt", folder)
    if not ids:
        raise NothingError(f"{folder}: holds no mesh of split {split} (<id>.off and <id>{_SUFFIX}); copy them there")

    def files(id: str) -> tuple[Path, Path]:
        return folder / f"{id}.off", folder / f"{id}{_SUFFIX}"

    return Listing(f"{category} of {split}", row, ids, files, lambda id: _shape(id, *files(id), row), large=True)


def categories(root: Path) -> list[str]:
    """The categories that have a folder. Raises InputError for a folder without any."""
    found = _folders(root)
    if not found:
        raise InputError(f"{root}: has no folder of a category, such as Chair; give the folder that holds them")
    return list(found)


def _folders(root: Path) -> dict[str, Path]:
    """The folder of every category that has one."""
    names = {word: row.name for row in CATEGORIES.values() for word in (row.name, row.synset)}
    found = {names[path.name.lower()]: path for path in _inside(root) if path.name.lower() in names and path.is_dir()}
    return {name: found[name] for name in CATEGORIES if name in found}


def _inside(root: Path) -> list[Path]:
    return sorted(root.iterdir()) if root.is_dir() else []


def _all(folder: Path) -> tuple[str, ...]:
    """Ids of whatever has a mesh or labels."""
    names = {path.name for path in folder.iterdir()}
    ids = {name.removesuffix(".off") for name in names if name.endswith(".off")}
    return tuple(sorted(ids | {name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)}))


def _listed(path: Path, folder: Path) -> tuple[str, ...]:
    """Ids of one category in a list."""
    lines = [line.strip() for line in read_text(path, "the categories", _MAX_TEXT).splitlines() if line.strip()]
    here = set(_all(folder))
    ids = []
    for line in lines:
        place, _, id = line.removesuffix(".off").rpartition("/")
        if (place and place.split("/")[-1].lower() == folder.name.lower()) or (not place and id in here):
            ids.append(id)
    return tuple(sorted(set(ids)))


def _shape(id: str, mesh: Path, labels: Path, row: Category) -> Shape:
    """One mesh, turned from its front +X to ours, +Z."""
    shape = read_shape(mesh, row.name)
    vertices, faces = shape.mesh
    text = read_text(labels, "the meshes", _MAX_TEXT)
    try:
        parts = _face_labels(text, len(faces), row)
    except InputError as error:
        raise InputError(f"{labels}: {error}") from None
    return settled(Shape(id, row.name, to_house(vertices), faces, parts))


def _face_labels(text: str, count: int, row: Category) -> Int16[np.ndarray, " F"]:
    """The part of every face, -1 for those not named. Raises InputError (reason only)."""
    labels = np.full(count, UNLABELLED, np.int16)
    part = None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and not words[0].isdecimal():
            part = part_of(" ".join(words), row)
            continue
        try:
            faces = np.array(words, np.int64)
        except (ValueError, OverflowError):
            raise InputError(f"line {number} is no list of face numbers; copy the file again") from None
        if len(faces) and part is None:
            raise InputError(f"line {number} has face numbers before any label's name; copy the file again")
        if len(wrong := faces[(faces < 1) | (faces > count)]):
            raise InputError(f"line {number} names face {wrong[0]} of a mesh of {count}; copy mesh and labels again")
        labels[faces - 1] = UNLABELLED if part is None else part
    if (labels == UNLABELLED).all():
        raise InputError("has no labels; copy the file again")
    return labels


def part_of(name: str, row: Category) -> int:
    """The part that a label's name means. Raises InputError (reason only) for one that the category does not have."""
    words = plain_words(name).removeprefix(f"{row.name} ")
    letter = _LETTER.fullmatch(words)
    if letter and ord(letter[1]) - ord("a") < len(row.parts):
        return ord(letter[1]) - ord("a")
    try:
        return row.part_index(words)
    except SettingsError:
        last = chr(ord("A") + len(row.parts) - 1)
        raise InputError(f"label {name[:80]!r}; {row.name} has A to {last}, or {', '.join(row.parts)}") from None
