"""What `gen3d import` is pointed at: files, folders and patterns become a sorted list of shapes with unique ids.

Only names are read here, and of NPZ files the table of contents. Folders are searched to the bottom; hidden entries and
links to folders are passed over, and so are ShapeNet's folders of other categories and archives named after one.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gen3d.categories import CATEGORIES, Category, any_category
from gen3d.errors import InputError
from gen3d.mesh_io import READABLE, slug
from gen3d.mesh_readers import one_line
from gen3d.psb_format import META, PSB, archive_ids, read_entry
from gen3d.shapenetpart_text import COLUMNS

TEXT = ".txt"  # ShapeNetPart
_SYNSET = re.compile("0[2-4][0-9]{6}")  # ShapeNet's names of categories
_LONGEST_ID = 64


class Input(NamedTuple):
    """One shape to import.

    Args:
        id: unique among them, regardless of case.
        path: of the file it is in.
        name: the file's place below what all given paths have in common, as text.
        key: its id in an archive of many.
        fault: why it is not to be read, where that is known already.
    """

    id: str
    path: Path
    name: str
    key: str | None = None
    fault: str | None = None


class Listing(NamedTuple):
    """The shapes sorted by name, and the names of archives and folders that were passed over (hidden ones are not)."""

    inputs: list[Input]
    left_out: list[str]

    def counts(self) -> dict[str, int]:
        """Number of shapes of every file, by name."""
        return dict(Counter(item.name for item in self.inputs))


class _File(NamedTuple):
    path: Path
    given: bool  # by name, not found in a folder
    fault: str | None = None


def find_inputs(
    paths: Sequence[str | Path], category: str, passed_over: Callable[[Path], bool] = lambda path: False
) -> Listing:
    """The shapes in files, folders and glob patterns (with `**`). A pattern means what it would mean to a shell.

    Args:
        paths: where to look.
        category: what all of them are taken for.
        passed_over: says of a file (absolute path) that it is to be treated as if it were not there.

    Raises:
        SettingsError: a category that is no word.
        InputError: a path or pattern that nothing answers to, a folder that can't be listed, or no shape in any.
    """
    row = any_category(category)
    roots = list(dict.fromkeys(path for text in paths for path in _expanded(str(text)) if not passed_over(path)))
    if not roots:
        raise InputError("no path is given; name files, folders or patterns of them")
    base = os.path.commonpath([path if path.is_dir() else path.parent for path in roots])
    left_out: list[Path] = []
    given = {root: _File(root, True) for root in roots if not root.is_dir()}
    found = [file for root in roots if root.is_dir() for file in _search(root, roots, row, left_out)]
    files = {file.path: file for file in found if not passed_over(file.path)} | given
    items: list[Input] = []
    for name, file in sorted((_name(path, base), file) for path, file in files.items()):
        keys = _keys(file, row)
        left_out += [file.path] if not keys else []
        items += [Input("", file.path, name, key, file.fault) for key in keys]
    if not items:
        known = f"{', '.join(READABLE)} and ShapeNetPart's {TEXT}"
        raise InputError(f"{one_line(', '.join(map(str, paths)))}: holds no shape of {category}; read are {known}")
    inputs = [item._replace(id=id) for item, id in zip(items, _unique(items), strict=True)]
    return Listing(inputs, sorted(_name(path, base) for path in left_out))


def _expanded(text: str) -> list[Path]:
    """Absolute paths of a path or pattern, links not followed."""
    if os.path.lexists(text):
        return [Path(os.path.abspath(text))]
    found = sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) else []
    if not found:
        hint = "no file or folder matches" if glob.has_magic(text) else "no such file or folder"
        raise InputError(f"{one_line(text)}: {hint}")
    return [Path(os.path.abspath(path)) for path in found]


def _search(root: Path, roots: list[Path], row: Category, left_out: list[Path]) -> Iterator[_File]:
    """The files of a folder that look like shapes; adds to `left_out`."""

    def stop(error: OSError) -> None:
        raise InputError(f"{one_line(str(error.filename))}: can't be listed ({(error.strerror or '').lower()})")

    allowed = [path.resolve() for path in roots]
    for folder, subfolders, names in os.walk(root, onerror=stop):
        here = Path(folder)
        inside = [name for name in subfolders if not name.startswith(".")]
        others = {name for name in inside if (here / name).is_symlink()}
        others |= {name for name in inside if _SYNSET.fullmatch(name) and name != row.synset}
        left_out += [here / name for name in others]
        subfolders[:] = [name for name in inside if name not in others]
        for path in (here / name for name in names if not name.startswith(".")):
            if path.suffix.lower() in READABLE or (path.suffix.lower() == TEXT and _is_cloud(path, row)):
                yield _File(path, False, _fault(path, allowed))


def _fault(path: Path, allowed: list[Path]) -> str | None:
    """What is wrong with a link that leads out of the given paths."""
    if not path.is_symlink():
        return None
    target = path.resolve()
    if any(target == root or root in target.parents for root in allowed):
        return None
    return "is a link to a file outside of the given paths; give that file's folder too"


def _is_cloud(path: Path, row: Category) -> bool:
    """Whether a text file is meant to be a cloud: it lies in its category's folder, or starts with seven numbers."""
    if path.parent.name == row.synset:
        return True
    try:
        if not path.is_file():  # opening a pipe would wait for its writer
            return False
        with open(path, "rb") as file:
            return len([float(word) for word in file.readline(1000).split()]) == COLUMNS
    except (OSError, ValueError):
        return False


def _keys(file: _File, row: Category) -> list[str] | list[None]:
    """Ids of the shapes in an archive of many, none where it is to be left out; [None] for any other file."""
    ids = archive_ids(file.path) if file.path.suffix.lower() == ".npz" and file.fault is None else []
    if not ids:
        return [None]
    if not file.given and _other_archive(file.path, row):
        return []
    return _listed(file.path) or ids


def _other_archive(path: Path, row: Category) -> bool:
    """Whether an archive is named after another category: one of ours, of PSB, or of a `meta.json` beside it."""
    own = {row.name, PSB[row.name].category.lower()} if row.name in PSB else {row.name}
    if path.stem.lower() in own:
        return False
    if path.stem.lower() in {*CATEGORIES, *(names.category.lower() for names in PSB.values())}:
        return True
    try:
        return read_entry(path.with_name(META), path.stem) is not None
    except InputError:
        return False


def _listed(path: Path) -> list[str]:
    """The ids that a `meta.json` beside an archive lists for it."""
    try:
        entry = read_entry(path.with_name(META), path.stem)
    except InputError:  # said of every shape when it is read
        return []
    return [] if entry is None else list(dict.fromkeys(str(id) for id in entry["ids"]))


def _name(path: Path, base: str) -> str:
    """A file's place below `base` as text; bytes that are no text become `\\xNN`, and a backslash two of them."""
    place = os.fsencode(os.path.relpath(path, base)).replace(b"\\", b"\\\\")
    return place.decode("utf-8", "backslashreplace").replace(os.sep, "/")


def _unique(items: list[Input]) -> list[str]:
    """An id for every input: the file's name; where two share it the whole path, then with suffix, then with a hash."""
    levels = [0] * len(items)
    while True:
        ids = [_id(item, level) for item, level in zip(items, levels, strict=True)]
        times = Counter(id.lower() for id in ids)
        again = [times[id.lower()] > 1 for id in ids]
        if not any(again):
            return ids
        levels = [level + shared for level, shared in zip(levels, again, strict=True)]


def _id(item: Input, level: int) -> str:
    """A file name of letters, digits, `-` and `_`."""
    place = Path(item.name)
    text = (place.stem, str(place.with_suffix("")))[level] if level < 2 else item.name
    plain = slug(text if item.key is None else f"{text}-{item.key}").replace(".", "-").lstrip("-_")
    plain = plain[:_LONGEST_ID].strip("-_") or "shape"
    if level < 3:
        return plain
    digest = hashlib.blake2b(f"{item.name}\0{item.key}".encode(), digest_size=min(4 * (level - 2), 16)).hexdigest()
    return f"{plain[: _LONGEST_ID - 33].rstrip('-_')}-{digest}"
