"""The Shape COSEG dataset (Wang et al. 2012): meshes of eleven sets with a part number per face.

A folder with one folder per set, each with `shapes/<n>.off` and `gt/<n>.seg` (one whole number per face, in the mesh's
order), as its two archives unpack. A set's folder is called as on the dataset's page or nearly so: `Chairs`, `chair`,
`coseg_chairs`; `Large-Chairs` for the large one.

Names: the release publishes numbers alone; `coseg_names` tells where names come from, and `parts.json` in a set's
folder, such as `{"1": "seat", "2": "back", "3": "leg"}`, settles them. Frame: +Y up, as a public loader of these files
takes it; the front is not known and taken as +Z. No file of the release was at hand to check any of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from distill.datasets.coseg_names import Names, set_names
from distill.datasets.labelled import LabelledSet
from distill.datasets.listing import ERROR, Listing, NothingError, among, known
from distill.datasets.own_table import plain_words
from distill.datasets.small_text import read_text
from gen3d.errors import InputError
from gen3d.mesh_io import read_shape
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled

NAME = "coseg"
SMALL, LARGE = "small", "large"
_FOLDERS = {  # category -> what its set's folder may be called, in small letters alone
    "candelabra": ("candelabra", "candelabras"), "chair": ("chair", "chairs"),
    "fourleg": ("fourleg", "fourlegs", "fourlegged"), "goblet": ("goblet", "goblets"), "guitar": ("guitar", "guitars"),
    "iron": ("iron", "irons"), "lamp": ("lamp", "lamps", "lampes"), "tele-alien": ("telealien", "telealiens"),
    "vase": ("vase", "vases"),
}  # fmt: skip
_ONLY_LARGE = ("tele-alien",)
_LOOKED_AT = 20  # shapes that names are told from
_MAX_TEXT = 1 << 26  # bytes of one label file


def read(root: Path, category: str, split: str = SMALL, missing: str = ERROR) -> LabelledSet:
    """The meshes of one set, normalised, with a part per face, sorted by number.

    Args:
        root: folder with the sets' folders.
        category: candelabra, chair, fourleg, goblet, guitar, iron, lamp, tele-alien or vase.
        split: small or large; chairs and vases come in both, and tele-aliens, a large set, are found under either.
        missing: what to do with shapes that lack a file, or have a broken one: see `Listing.labelled`.

    Raises:
        SettingsError: for a category, split or way with missing files that is not known, or not in this folder.
        InputError: naming the file that is missing or broken.
    """
    return listing(root, category, split).labelled(NAME, missing)


def listing(root: Path, category: str, split: str = SMALL) -> Listing:
    """What the folder lists; arguments and errors as of `read`."""
    here = _sets(root, split)
    among(category, here, root)
    folder = here[category]
    ids = {path.stem for path in [*folder.glob("shapes/*.off"), *folder.glob("gt/*.seg")]}
    if not ids:
        raise NothingError(f"{folder}: holds no shape (shapes/<n>.off and gt/<n>.seg); unpack both archives there")
    ordered = tuple(sorted(ids, key=lambda id: (len(id), id)))
    files = partial(_files, folder)
    whole = [id for id in ordered if all(path.is_file() for path in files(id))]
    names = set_names(folder, category, _all_numbers(folder, whole), _meshes(folder, whole[:_LOOKED_AT]))
    read = partial(_shape, names=names, folder=folder)
    return Listing(f"{category} of {split}", names.row, ordered, files, read, note=names.note)


def categories(root: Path, split: str = SMALL) -> list[str]:
    """The categories that have a set's folder of that size. Raises InputError for a folder without any."""
    found = _sets(root, split)
    if not found:
        raise InputError(f"{root}: has no folder of a {split} set, such as Chairs; give the folder that holds them")
    return list(found)


def _sets(root: Path, split: str) -> dict[str, Path]:
    """The folder of every set of one size, by category. Raises SettingsError for another size."""
    known("split", split, (SMALL, LARGE))
    found: dict[str, Path] = {}
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        name = plain_words(path.name).replace(" ", "").removeprefix("coseg")
        size, word = LARGE if name.startswith(LARGE) else SMALL, name.removeprefix(LARGE)
        for category, folders in _FOLDERS.items():
            if word in folders and path.is_dir() and (size == split or category in _ONLY_LARGE):
                found[category] = path
    return dict(sorted(found.items()))


def _files(folder: Path, id: str) -> tuple[Path, Path]:
    return folder / "shapes" / f"{id}.off", folder / "gt" / f"{id}.seg"


def _all_numbers(folder: Path, ids: list[str]) -> list[int]:
    """The numbers in all label files that can be read, ascending. Raises InputError where there is none."""
    found: set[int] = set()
    faults: list[InputError] = []
    for id in ids:
        try:
            found |= set(np.unique(_numbers(_files(folder, id)[1])).tolist())
        except InputError as error:
            faults.append(error)
    if not found:
        raise faults[0] if faults else InputError(f"{folder}: no shape has both files; unpack both archives there")
    return sorted(found)


def _meshes(folder: Path, ids: list[str]) -> Iterator[tuple[Shape, Int64[np.ndarray, " F"]]]:
    """The shapes that can be read, with their numbers."""
    for id in ids:
        try:
            yield _labelled(folder, id)
        except InputError:
            continue


def _shape(id: str, names: Names, folder: Path) -> Shape:
    """One mesh with its parts."""
    mesh, numbers = _labelled(folder, id)
    wrong = sorted(set(np.unique(numbers).tolist()) - names.labels.keys())
    if wrong:
        known = ", ".join(str(number) for number in sorted(names.labels))
        raise InputError(f"{_files(folder, id)[1]}: has number {wrong[0]}; {names.row.name} has {known}")
    labels = np.array([names.labels[number] for number in numbers.tolist()], np.int16)
    return settled(Shape(id, names.row.name, mesh.vertices, mesh.faces, labels))


def _labelled(folder: Path, id: str) -> tuple[Shape, Int64[np.ndarray, " F"]]:
    """A mesh as it stands, and the number of every face."""
    path, beside = _files(folder, id)
    mesh, numbers = read_shape(path), _numbers(beside)
    if len(numbers) != len(mesh.mesh[1]):
        count = len(mesh.mesh[1])
        raise InputError(f"{beside}: has {len(numbers)} labels for the {count} faces of {path}; copy both again")
    return mesh, numbers


def _numbers(path: Path) -> Int64[np.ndarray, " F"]:
    """The numbers in a label file."""
    words = read_text(path, "the sets", _MAX_TEXT).split()
    if not words:
        raise InputError(f"{path}: is empty; copy the file again")
    try:
        return np.array(words, np.int64)
    except (ValueError, OverflowError):
        raise InputError(f"{path}: not a list of whole numbers; copy the file again") from None
