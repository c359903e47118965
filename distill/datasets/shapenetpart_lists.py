"""What ShapeNetPart's text forms share: the table of categories, the official lists of splits, how files are found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from distill.datasets.listing import Listing, NothingError, among, known
from distill.datasets.small_text import read_text
from gen3d.categories import CATEGORIES, Category
from gen3d.categories import category as category_row
from gen3d.errors import InputError
from gen3d.shape import Shape

CLASSES = "synsetoffset2category.txt"
SPLITS = {"train": ("train",), "val": ("val",), "test": ("test",), "trainval": ("train", "val")}
Files = Callable[[Path, str], tuple[Path, ...]]  # of a shape: folder of the synset, id
Reader = Callable[[str, tuple[Path, ...], Category], Shape]


def list_shapes(root: Path, category: str, split: str, files: Files, read: Reader) -> Listing:
    """The shapes of one category in one split, sorted by id.

    Args:
        root: folder with `synsetoffset2category.txt`.
        category: one of the 16.
        split: train, val, test or trainval.
        files: where a shape's files are.
        read: a shape from them.

    Raises:
        SettingsError: for a category or split that is not known, or not in this folder.
        InputError: naming the list that is missing, broken or empty.
    """
    row = category_row(category)
    known("split", split, SPLITS)
    among(category, categories(root), root)
    ids = sorted({id for name in SPLITS[split] for id in listed_ids(root, name, row.synset)})
    if not ids:
        raise NothingError(f"{root}: split {split} lists no {category}; choose another split")
    folder = root / row.synset
    return Listing(
        f"{category} of {split}",
        row,
        tuple(ids),
        files=lambda id: files(folder, id),
        read=lambda id: read(id, files(folder, id), row),
    )


def categories(root: Path) -> list[str]:
    """The categories of gen3d's that the folder says it has. Raises InputError for a folder without the table."""
    here = synsets(root)
    return [row.name for row in CATEGORIES.values() if row.synset in here]


def synsets(root: Path) -> set[str]:
    """The WordNet offsets in the folder's table of categories. Raises InputError for a folder without one."""
    text = read_text(root / CLASSES, CLASSES)
    return {line.split()[-1] for line in text.splitlines() if line.strip()}


def listed_ids(root: Path, split: str, synset: str) -> list[str]:
    """Ids of one category in one split's list of `shape_data/<synset>/<id>`. Raises InputError for a broken list."""
    return [entry.split("/")[2] for entry in entries(root, split) if entry.split("/")[1] == synset]


def entries(root: Path, split: str) -> list[str]:
    """All of one split's list. Raises InputError for a broken list."""
    path = root / "train_test_split" / f"shuffled_{split}_file_list.json"
    try:
        found = json.loads(read_text(path, f"train_test_split/{path.name}"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({str(error).splitlines()[0]}); copy the file again") from None
    if not isinstance(found, list) or not all(isinstance(x, str) and _is_entry(x) for x in found):
        raise InputError(f"{path}: must be a list of 'shape_data/<synset>/<id>'; copy the file again")
    return found


def faults(root: Path, split: str) -> list[str]:
    """What is wrong with the folder's table of categories and one split's lists as a whole, a line each."""
    known = {row.synset for row in CATEGORIES.values()}
    odd = [f"{root / CLASSES}: names {synset}, which is none of the 16" for synset in sorted(synsets(root) - known)]
    for name in SPLITS[split]:
        listed = entries(root, name)
        strange = sorted({entry.split("/")[1] for entry in listed} - known)
        odd += [f"the list of {name}: has shapes of {synset}, which is none of the 16" for synset in strange]
        twice = len(listed) - len(set(listed))
        odd += [f"the list of {name}: names {twice} shapes twice"] if twice else []
    return odd


def _is_entry(text: str) -> bool:
    """Whether it has three names, none of which leads out of the folder."""
    names = text.split("/")
    return len(names) == 3 and all(name not in ("", ".", "..") and "\\" not in name for name in names)
