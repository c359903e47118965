"""Detections in a JSON file of COCO's form, read with every entry checked.

Images are told by the last two names of `file_name`, `<shape>/<view>.png`, as `gen3d views` writes them. Detections are
entries of `predictions` or `annotations`, or a bare list (COCO's form of results) with `gen3d views`' list beside it.
"""

from __future__ import annotations

import hashlib
import json
import math
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from gen3d.errors import InputError

LIST = "images.json"  # the file that `gen3d views` writes
LARGEST = 1 << 30  # bytes of a file
_KEYS = ("predictions", "annotations")


class Image(NamedTuple):
    """A view that was looked at. Width and height in pixels, angles in degrees; None where the file does not say."""

    shape: str
    view: int
    place: str
    width: float | None
    height: float | None
    elevation: float | None
    azimuth: float | None


class Detection(NamedTuple):
    """One box: category's name, left, top, width and height in pixels of the image, score in [0, 1]."""

    word: str
    bbox: tuple[float, float, float, float]
    score: float


class Detections(NamedTuple):
    """What a file says.

    Args:
        images: by shape and view.
        found: by shape and view; none of a view that nothing was found in.
        faults: shape -> what makes all that is said of it worthless, such as a score that is no number.
        words: names of categories that are detected -> the place where one first is.
    """

    images: dict[tuple[str, int], Image]
    found: dict[tuple[str, int], list[Detection]]
    faults: dict[str, str]
    words: dict[str, str]


def digest(path: str | Path) -> str:
    """Hash of what `read_detections` reads: 16 hex digits. Raises InputError."""
    files = _files(Path(path))
    return hashlib.sha256(b"".join(hashlib.sha256(_bytes(file)).digest() for file in files)).hexdigest()[:16]


def read_detections(path: str | Path) -> Detections:
    """The detections of a file, read once per process and content. Raises InputError naming file and entry."""
    return _read(Path(path), digest(path))


@lru_cache(maxsize=1)
def _read(path: Path, content: str) -> Detections:
    """The file whose digest is `content`."""
    document, source = _json(path), path
    results: Any = document
    if isinstance(document, list):
        source = path.with_name(LIST)
        if not source.is_file():
            raise InputError(f"{path}: is a bare list of results; put {LIST}, as `gen3d views` writes it, beside it")
        document = _json(source)
    if not isinstance(document, dict):
        raise InputError(f"{source}: is no COCO file: it holds no object with images, categories and predictions")
    key = ""
    if not isinstance(results, list):
        key, results = _results(document, path)
    images = _images(document.get("images"), source)
    categories = _categories(document.get("categories", []), source)
    return _gathered(results, f"{path}: {key}", images, categories)


def _files(path: Path) -> list[Path]:
    beside = path.with_name(LIST)
    return [path, beside] if beside.is_file() and beside != path else [path]


def _bytes(path: Path) -> bytes:
    """A file's content. Raises InputError."""
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such file; --detections names a JSON file of COCO's form")
        if (size := path.stat().st_size) > LARGEST:
            raise InputError(f"{path}: has {size >> 20} MiB, of at most {LARGEST >> 20}; label part of the shapes")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({(error.strerror or 'no reason given').lower()})") from None


def _json(path: Path) -> Any:
    """What a JSON file holds; NaN and Infinity are let pass. Raises InputError."""
    try:
        return json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({' '.join(str(error).split())[:120]})") from None


def _results(document: dict[str, Any], path: Path) -> tuple[str, list[Any]]:
    """The list of detections and its key."""
    there = [key for key in _KEYS if document.get(key)] or [key for key in _KEYS if key in document]
    if len(there) != 1 or not isinstance(document[there[0]], list):
        raise InputError(f"{path}: needs a list of detections under {' or '.join(_KEYS)}, and not under both")
    return there[0], document[there[0]]


def _images(entries: Any, path: Path) -> dict[int | str, Image]:
    """The images by their ids."""
    found: dict[int | str, Image] = {}
    seen: dict[tuple[str, int], str] = {}
    for place, entry in _entries(entries, f"{path}: images"):
        name, id = entry.get("file_name"), _id(entry.get("id"), place)
        file = PurePosixPath(name.replace("\\", "/") if isinstance(name, str) else "")
        shape, view = file.parent.name, file.stem
        if not (shape and view.isascii() and view.isdigit() and len(view) < 6):
            raise InputError(f"{place}: file_name {_told(name)} is not <shape>/<view>.png, with a number for the view")
        sizes = [_measure(entry, key, place, least=1) for key in ("width", "height")]
        angles = [_measure(entry, key, place, least=-360) for key in ("elevation", "azimuth")]
        image = Image(shape, int(view), place, *sizes, *angles)
        if id in found or image[:2] in seen:
            first = found[id].place if id in found else seen[image[:2]]
            raise InputError(f"{place}: is the same image as {first.rpartition(': ')[2]}; name every image once")
        found[id] = image
        seen[image[:2]] = place
    return found


def _categories(entries: Any, path: Path) -> dict[int | str, str]:
    """The categories' names by their ids."""
    found: dict[int | str, str] = {}
    for place, entry in _entries(entries, f"{path}: categories"):
        id, name = _id(entry.get("id"), place), entry.get("name")
        if not isinstance(name, str) or id in found:
            raise InputError(f"{place}: needs a name and an id of its own")
        found[id] = name
    return found


def _gathered(results: list[Any], place: str, images: dict[int | str, Image], categories: dict) -> Detections:
    """All detections by shape and view."""
    told = Detections({image[:2]: image for image in images.values()}, {}, {}, {})
    for here, entry in _entries(results, place):
        id = _id(entry.get("image_id"), here, "image_id")
        if id not in images:
            raise InputError(f"{here}: image_id {_told(id)} is none of the images")
        word = _word(entry, here, categories)
        told.words.setdefault(word, here)
        bbox, score = entry.get("bbox"), _number(entry.get("score"))
        numbers = [_number(value) for value in bbox] if isinstance(bbox, list) and len(bbox) == 4 else [None]
        if score is None or None in numbers:
            raise InputError(f"{here}: needs a score, and a bbox of four numbers: left, top, width, height")
        image, (left, top, wide, high) = images[id], [value for value in numbers if value is not None]
        box = (left, top, wide, high)
        if not all(map(math.isfinite, (score, *box))):
            told.faults.setdefault(image.shape, f"{here}: a score or box that is not finite (NaN or Inf)")
        elif not 0 <= score <= 1 or min(wide, high) < 0:
            raise InputError(f"{here}: score {score:g} is not between 0 and 1, or bbox {list(box)} has a negative size")
        else:
            told.found.setdefault(image[:2], []).append(Detection(word, box, score))
    return told


def _word(entry: dict[str, Any], place: str, categories: dict[int | str, str]) -> str:
    """The category's name, by itself or by its id."""
    name = entry.get("category_name")
    if name is None:
        id = _id(entry.get("category_id"), place, "category_id")
        if id not in categories:
            raise InputError(f"{place}: category_id {_told(id)} is none of the categories")
        name = categories[id]
    if not isinstance(name, str):
        raise InputError(f"{place}: category_name {_told(name)} is no text")
    return name


def _entries(entries: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a list, each with its place for errors."""
    if not isinstance(entries, list):
        raise InputError(f"{place}: is missing, or no list")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise InputError(f"{place}[{number}]: is {_told(entry)}, not an object")
    return [(f"{place}[{number}]", entry) for number, entry in enumerate(entries)]


def _id(value: Any, place: str, key: str = "id") -> int | str:
    """An id. Raises InputError unless it is a number without fraction, or a text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InputError(f"{place}: {key} {_told(value)} is neither a whole number nor a text")
    return value


def _measure(entry: dict[str, Any], key: str, place: str, least: float) -> float | None:
    """A number that may be left out."""
    value = _number(entry.get(key))
    if entry.get(key) is not None and (value is None or not least <= value < 1e6):
        raise InputError(f"{place}: {key} {_told(entry[key])} is no number that it may be")
    return value


def _number(value: Any) -> float | None:
    """A number as float, infinite where it is too large for one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _told(value: Any) -> str:
    """A value for an error's line, cut short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
