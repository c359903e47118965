"""PartNet-Mobility objects (SAPIEN): meshes in pieces, whose moving parts are named.

A folder with one folder per object: `mobility.urdf` (which pieces, `textured_objs/*.obj`, belong to which link),
`semantics.txt` (lines of `link joint name`), and the object's category in `meta.json` ("model_cat") or, without one, in
`result.json` (the name of its root). A face's part is the name of its link: "rotation door", "furniture body". A
category's parts are the names of all of its objects in the folder, in alphabetical order. Point samples and finer
names, which some releases add, are left alone.

Frame: the pieces as they stand, which is the rest pose, +Y up and +Z front. Seen on three real objects: their doors and
buttons are at +Z, the links' offsets cancel, and the points that PartNet labelled lie on the faces of the same part.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import numpy as np

from distill.datasets.labelled import LabelledSet
from distill.datasets.listing import ERROR, Listing, among
from distill.datasets.own_table import own_category, plain_words
from distill.datasets.small_text import read_text
from gen3d.categories import Category
from gen3d.errors import InputError, SettingsError
from gen3d.mesh_io import read_shape
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled

NAME = "partnet-mobility"
SEMANTICS, URDF = "semantics.txt", "mobility.urdf"
_MAX_TEXT = 1 << 26  # bytes
_CATEGORY_FILES = ("meta.json", "result.json")


def read(root: Path, category: str, missing: str = ERROR) -> LabelledSet:
    """The objects of one category, normalised, with a part per face, sorted by id.

    Args:
        root: folder with the objects' folders.
        category: in small words: "microwave", "storage furniture".
        missing: what to do with objects that lack a file, or have a broken one: see `Listing.labelled`.

    Raises:
        SettingsError: for a category or way with missing files that is not known, or a category not in this folder.
        InputError: naming the file that is missing or broken; broken meshes are found when they are asked for.
    """
    return listing(root, category).labelled(NAME, missing)


def listing(root: Path, category: str) -> Listing:
    """What the folder lists; arguments and errors as of `read`."""
    here = _objects(root)
    among(category, [word for word in here if word], root)
    ids = tuple(here[category])
    parts: set[str] = set()
    for id in ids:
        try:
            parts |= set(_names(root / id / SEMANTICS).values())
        except InputError:
            continue  # told when the object is read
    if not parts:
        raise InputError(f"{root / ids[0] / SEMANTICS}: names no part, as all {len(ids)} {category}; copy them again")
    row = own_category(category, tuple(sorted(parts)))
    return Listing(category, row, ids, partial(_files, root), lambda id: _shape(id, root / id, row), large=True)


def categories(root: Path) -> list[str]:
    """The categories of the objects in the folder. Raises InputError where there is none."""
    found = [word for word in _objects(root) if word]
    if not found:
        raise InputError(f"{root}: holds no object of a known category (<id>/{SEMANTICS}); give the folder above them")
    return found


def strays(root: Path) -> list[tuple[str, str]]:
    """(id, reason) of objects whose category can't be told: they are in no listing."""
    found = []
    for id in _objects(root).get("", []):
        try:
            _category(root / id)
        except InputError as error:
            found.append((id, str(error)))
    return found


def _objects(root: Path) -> dict[str, list[str]]:
    """Ids by category, sorted; those whose category can't be told under ""."""
    found: dict[str, list[str]] = {}
    folders = [path for path in root.glob("*") if (path / SEMANTICS).is_file() or (path / URDF).is_file()]
    for folder in sorted(folders, key=lambda path: (len(path.name), path.name)):
        try:
            word = _category(folder)
        except InputError:
            word = ""
        found.setdefault(word, []).append(folder.name)
    return dict(sorted(found.items()))


def _category(folder: Path) -> str:
    """The category of an object."""
    for path in (folder / name for name in _CATEGORY_FILES):
        if not path.is_file():
            continue
        try:
            stored = json.loads(read_text(path, SEMANTICS, _MAX_TEXT))
            word = plain_words(stored["model_cat"] if isinstance(stored, dict) else stored[0]["name"])
            own_category(word, ())
            return word
        except (ValueError, LookupError, TypeError, RecursionError, SettingsError):
            raise InputError(f"{path}: tells no category; copy the file again") from None
    raise InputError(f"{folder / _CATEGORY_FILES[0]}: not found, nor is {_CATEGORY_FILES[1]}; copy one of them there")


def _files(root: Path, id: str) -> tuple[Path, Path]:
    return root / id / URDF, root / id / SEMANTICS


def _names(path: Path) -> dict[str, str]:
    """The part that every link is."""
    rows = [line.split() for line in read_text(path, URDF, _MAX_TEXT).splitlines() if line.strip()]
    if not rows or not all(len(row) == 3 and plain_words(row[2]) for row in rows):
        raise InputError(f"{path}: must have lines of 'link joint name'; copy the file again")
    return {link: plain_words(name) for link, _, name in rows}


def _shape(id: str, folder: Path, row: Category) -> Shape:
    """One object, its pieces in the order of the links."""
    names, pieces = _names(folder / SEMANTICS), _pieces(folder / URDF)
    vertices, faces, labels, offset = [], [], [], 0
    for link, path in pieces:
        if link not in names:
            raise InputError(f"{folder / SEMANTICS}: does not name {link}, which has meshes; copy the folder again")
        part = read_shape(path).mesh
        vertices.append(part[0])
        faces.append(part[1] + offset)
        labels.append(np.full(len(part[1]), row.part_index(names[link]), np.int16))
        offset += len(part[0])
    if not pieces:
        raise InputError(f"{folder / URDF}: has no meshes; copy the file again")
    joined = [np.concatenate(arrays) for arrays in (vertices, faces, labels)]
    return settled(Shape(id, row.name, joined[0], joined[1], joined[2]))


def _pieces(path: Path) -> list[tuple[str, Path]]:
    """(link, file) of every piece of a mesh, in order; a file that several visuals name counts once."""
    found: dict[Path, str] = {}
    for link in _document(path).iter("link"):
        for mesh in link.iterfind("visual/geometry/mesh"):
            name = PurePosixPath(mesh.get("filename", ""))
            if name.is_absolute() or ".." in name.parts or name.suffix != ".obj":
                raise InputError(f"{path}: {str(name)[:80]!r} is no .obj file beside it; copy the folder again")
            found.setdefault(path.parent / name, link.get("name", ""))
    return [(link, file) for file, link in found.items()]


def _document(path: Path) -> Any:
    """The document's root. Entities are refused: a few lines of them can ask for gigabytes."""
    text = read_text(path, SEMANTICS, _MAX_TEXT)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(f"{path}: has a document type, as no such file does; copy the file again")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{path}: not valid XML ({str(error).splitlines()[0]}); copy the file again") from None
