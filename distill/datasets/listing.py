"""What a data set holds of one category, shape by shape: read whole, in part, or checked without being kept."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from distill.datasets.labelled import LabelledSet, LazyShapes
from gen3d.categories import CATEGORIES, Category
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape

ERROR, SKIP = "error", "skip"


class NothingError(InputError):
    """A folder that is sound holds no shape of what was asked for."""


@dataclass(frozen=True)
class Listing:
    """The shapes that a data set lists of one category.

    Args:
        title: what they are, for messages: "chair of test".
        row: table of parts that labels index.
        ids: of the shapes, whether or not their files are there.
        files: of a shape; it is there where all of them are.
        read: one shape, normalised and labelled. Raises InputError naming the file.
        large: shapes are megabytes each; a set of them is read one by one, when they are asked for.
        note: see `LabelledSet`.
    """

    title: str
    row: Category
    ids: tuple[str, ...]
    files: Callable[[str], tuple[Path, ...]]
    read: Callable[[str], Shape]
    large: bool = False
    note: str = ""

    def lost(self, id: str) -> Path | None:
        """The first file of a shape that is not there; None where all are."""
        return next((path for path in self.files(id) if not path.is_file()), None)

    def labelled(self, name: str, missing: str = ERROR) -> LabelledSet:
        """The listed shapes as a labelled set.

        Args:
            name: of the data set.
            missing: "error" stops at shapes whose files are missing or broken; "skip" passes over both (`expected`
                keeps the number listed, `skipped` tells of the broken ones).

        Raises:
            SettingsError: for another value of `missing`.
            InputError: a file is missing or, unless they are read when asked for, broken; or there is no sound one.
        """
        known("missing", missing, (ERROR, SKIP))
        lost = {id: path for id in self.ids if (path := self.lost(id)) is not None}
        there = [id for id in self.ids if id not in lost]
        if lost and (missing == ERROR or not there):
            hint = "copy them, or read with missing='skip'" if there else "copy the shapes there"
            first = next(iter(lost.values()))
            raise InputError(f"{first}: not found, as {len(lost)} of {len(self.ids)} {self.title}; {hint}")
        shapes, skipped = LazyShapes(there, self.read), ()
        if missing == SKIP or not self.large:
            shapes, skipped = self._tried(there, missing)
        own = None if self.row == CATEGORIES.get(self.row.name) else self.row
        return LabelledSet(name, self.row.name, self.row.parts, shapes, len(self.ids), own, skipped, self.note)

    def _tried(self, ids: list[str], missing: str) -> tuple[LazyShapes | list[Shape], tuple[tuple[str, str], ...]]:
        """The shapes that can be read, and why the others can't. Large ones are read, but not kept."""
        shapes: list[Shape] = []
        sound: list[str] = []
        broken: list[tuple[str, str]] = []
        for id in ids:
            try:
                shape = self.read(id)
            except InputError as error:
                if missing == ERROR:
                    raise
                broken.append((id, str(error)))
            else:
                sound.append(id)
                shapes += [] if self.large else [shape]
        if not sound:
            raise InputError(f"none of the {len(ids)} {self.title} can be read; {broken[0][1]}")
        return (LazyShapes(sound, self.read) if self.large else shapes), tuple(broken)


def known(option: str, value: str, values: Collection[str]) -> None:
    """Raise SettingsError for a value that an option does not have."""
    if value not in values:
        raise SettingsError(f"{option} = {value!r}: known are: {', '.join(values)}")


def among(category: str, here: Collection[str], root: Path) -> None:
    """Raise SettingsError for a category that is not in a folder."""
    if category not in here:
        raise SettingsError(f"{root} has no category {category!r}; it has: {', '.join(here) or 'none that is known'}")
