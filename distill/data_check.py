"""The `data check` stage: what a folder holds of a data set, what is missing or broken, and where it is had.

Shapes are read one at a time and let go, so that the largest set takes no more memory than one shape; sets that keep
many shapes in a file take as much as one category.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill.datasets import DATASETS
from distill.datasets.listing import SKIP, Listing, NothingError
from distill.datasets.sources import SOURCES, Source
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape

FRAME_LOOKS = 5  # shapes per category whose upward axis is guessed, where the set does not say it


@dataclass
class Found:
    """What there is of one category.

    Args:
        category: a word.
        official: shapes that the data set is known to have, where it is known.
        listed: shapes that the folder lists.
        sound: of them, those that can be read.
        missing: ids of those whose files are not there.
        broken: (id, reason) of those that are there but can't be read.
        note: of the reader; see `LabelledSet`.
    """

    category: str
    official: int | None = None
    listed: int = 0
    sound: int = 0
    missing: list[str] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    note: str = ""


@dataclass
class Verdict:
    """What a folder holds of a data set.

    Args:
        source: where the set is had.
        split: that was looked at; empty where there are no splits.
        found: one per category.
        faults: lines on the folder as a whole, such as unknown synsets.
        notes: lines on what should be looked at.
    """

    source: Source
    split: str
    found: list[Found]
    faults: list[str]
    notes: list[str]

    @property
    def broken(self) -> int:
        """Number of things that are there but not as they should be."""
        return sum(len(found.broken) for found in self.found) + len(self.faults)

    def official(self) -> int | None:
        """Shapes of all categories that the data set is known to have in this split."""
        counts = self.source.counts.get(self.split, {})
        return counts.get("", sum(counts.values()) or None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        total = {name: sum(getattr(f, name) for f in self.found) for name in ("listed", "sound")}
        total |= {name: sum(len(getattr(f, name)) for f in self.found) for name in ("missing", "broken")}
        return {
            "split": self.split or None,
            "categories": {
                found.category: {
                    "official": found.official,
                    "listed": found.listed,
                    "sound": found.sound,
                    "missing": found.missing,
                    "broken": [{"id": id, "reason": reason} for id, reason in found.broken],
                    "note": found.note or None,
                }
                for found in self.found
            },
            "total": {"official": self.official()} | total,
            "faults": self.faults,
            "notes": self.notes,
            "page": self.source.page,
            "terms": self.source.terms,
        }


def check_data(
    dataset: str,
    root: Path,
    category: str | None = None,
    split: str | None = None,
    step: Callable[[int, str], None] = lambda count, note: None,
) -> Verdict:
    """Read every shape of a data set's folder.

    Args:
        dataset: one of `DATASETS`.
        root: its folder.
        category: that one alone; all that the folder has if None.
        split: as of the reader; its own choice if None.
        step: called after every shape with (1, category).

    Raises:
        SettingsError: for a data set, category or split that is not known.
        InputError: `root` is no folder of that data set.
    """
    if dataset not in SOURCES:
        raise SettingsError(f"unknown data set {dataset!r}; known are: {', '.join(SOURCES)}")
    source = SOURCES[dataset]
    options = _options(dataset, source, split)
    chosen = options.get("split", "")
    look = _Look(step, guess=not source.frame_published)
    counts = source.counts.get(chosen, {})
    try:
        if not root.is_dir():
            raise InputError(f"{root}: is no folder")
        names = [category] if category else _categories(source, root, options)
        found = [_category(dataset, root, name, options, look) for name in names]
        faults = [] if category else source.faults(root, chosen)
    except InputError as error:
        raise InputError(f"{error}; the data set is to be had at {source.page}") from None
    absent = [] if category else [name for name in counts if name and name not in names]
    notes = [f"not in the folder: {', '.join(absent)}"] if absent else []
    found += [Found(name) for name in absent]
    for one in found:
        one.official = counts.get(one.category)
    return Verdict(source, chosen, found, faults, notes + look.notes())


def _options(dataset: str, source: Source, split: str | None) -> dict[str, str]:
    """The split as an option of the reader. Raises SettingsError where it has none."""
    parameters = inspect.signature(source.listing or DATASETS[dataset]).parameters
    if "split" in parameters:
        return {"split": split or parameters["split"].default}
    if split is not None:
        raise SettingsError(f"split: the {dataset} data set has no such option")
    return {}


def _categories(source: Source, root: Path, options: dict[str, str]) -> list[str]:
    """The categories in the folder. Raises InputError where there is none."""
    takes = inspect.signature(source.categories).parameters
    names = source.categories(root, **{name: value for name, value in options.items() if name in takes})
    if not names:
        raise InputError(f"{root}: holds no category that is known; give the data set's folder")
    return names


def _category(dataset: str, root: Path, name: str, options: dict[str, str], look: _Look) -> Found:
    """What there is of one category."""
    listing, read = SOURCES[dataset].listing, DATASETS[dataset]
    try:
        if listing is not None:
            return _shapes(listing(root, name, **options), look)
        skip = {"missing": SKIP} if "missing" in inspect.signature(read).parameters else {}
        labelled = read(root, name, **options, **skip)
        for shape in labelled.shapes:
            look(name, shape)
        return Found(name, listed=labelled.expected, sound=len(labelled.shapes), broken=list(labelled.skipped))
    except NothingError as error:
        return Found(name, note=str(error))
    except InputError as error:
        return Found(name, broken=[("", str(error))])


def _shapes(listing: Listing, look: _Look) -> Found:
    """Reads the shapes of a category one by one."""
    found = Found(listing.row.name, listed=len(listing.ids), note=listing.note)
    for id in listing.ids:
        shape = None
        if listing.lost(id) is not None:
            found.missing.append(id)
        else:
            try:
                shape = listing.read(id)
                found.sound += 1
            except InputError as error:
                found.broken.append((id, str(error)))
        look(listing.row.name, shape)
    return found


class _Look:
    """Called with every shape, None for one that can't be read.

    Args:
        step: see `check_data`.
        guess: whether to guess the upward axis of some shapes of every category.
    """

    def __init__(self, step: Callable[[int, str], None], guess: bool) -> None:
        self._step, self._guess = step, guess
        self._seen: Counter[str] = Counter()
        self._sure = self._lying = 0

    def __call__(self, name: str, shape: Shape | None) -> None:
        """One shape of the category `name`."""
        self._step(1, name)
        if shape is None or not self._guess or self._seen[name] >= FRAME_LOOKS:
            return
        from gen3d.upright import guess_up  # here, since it loads scipy's geometry

        self._seen[name] += 1
        guess = guess_up(shape, 0)
        self._sure += guess.sure
        self._lying += guess.sure and guess.up == "z"

    def notes(self) -> list[str]:
        """A line where most of the shapes seem to lie."""
        if 2 * self._lying <= self._sure:
            return []
        return [
            f"{self._lying} of {self._sure} shapes looked at stand better with +Z up than with +Y, as they are read"
        ]
