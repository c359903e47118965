"""What the user points at, as something to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from distill.page.found import find, folders
from distill.predictions import FILE
from distill.viewer.files import FileSource
from distill.viewer.sources import CollectionSource, LabelledSource, PredictionSource, Source
from gen3d.collection import INFO, Collection
from gen3d.errors import InputError, SettingsError
from gen3d.settings import Settings


class ShowSettings(Settings):
    """Settings of `gen3d show`."""

    student: str | None = Field(default=None, description="a student's folder or Hub id, whose answers are shown")
    dataset: str | None = Field(default=None, description="the path is the root of that data set")
    category: str | None = Field(default=None, description="of a data set or of files")
    split: str | None = Field(default=None, description="of data sets that have splits")
    up: Literal["y", "z", "auto"] = Field(default="y", description="the files' upward axis")


def open_source(paths: Sequence[str | Path], settings: ShowSettings) -> Source:
    """The shapes to look at. None but the first is read.

    Args:
        paths: a collection; a folder that `gen3d eval` wrote; one that holds just one of these somewhere below; the
            root of a data set; or files, folders and patterns.
        settings: see `ShowSettings`.

    Raises:
        SettingsError: settings that mean nothing for what is there.
        InputError: nothing to look at, several things, or a damaged one; a student of another category.
        MissingError: a student that can't be downloaded.
    """
    if settings.student is None:
        return _checked(_shapes(paths, settings, settings.category)[0])
    from distill.labellers import trained_labeller
    from distill.viewer.answers import StudentSource

    student = trained_labeller(settings.student, settings.category).start
    source, category = _shapes(paths, settings, student.category)
    if isinstance(source, PredictionSource):
        raise SettingsError("--student: the folder holds answers already; leave it out, or name the shapes")
    if category != student.category:
        raise InputError(f"{settings.student}: is a student of {student.category}, the shapes are of {category}")
    return _checked(StudentSource(source, student))


def _checked(source: Source) -> Source:
    """The same. Raises InputError where there is one shape alone, and it can't be read."""
    if len(source.ids) == 1:
        source.exhibit(0)
    return source


def _shapes(paths: Sequence[str | Path], settings: ShowSettings, category: str | None) -> tuple[Source, str | None]:
    """The shapes, and what they are."""
    if settings.dataset is not None:
        return _labelled(paths, settings, category)
    if settings.split is not None:
        raise SettingsError("--split: is for data sets; name one with --dataset")
    found = [place for path in map(Path, paths) if path.is_dir() for place in _ours(path)]
    if not found:
        _refuse_student(paths)
        return FileSource(paths, category, settings.up), category
    if len(found) + len(paths) > 2:
        named = ", ".join(map(str, found[:6])) + (", ..." if len(found) > 6 else "")
        raise InputError(f"{paths[0]}: holds several things to look at; name one of: {named}")
    for option, given in (("category", settings.category), ("up", settings.up != "y" or None)):
        if given is not None and settings.student is None:
            raise SettingsError(f"--{option}: is for files and data sets, but {found[0]} says itself; leave it out")
    if (found[0] / INFO).is_file():
        return CollectionSource(found[0]), Collection.open(found[0]).category
    evaluations = [one for one in find(found[0]).evaluations if one.folder == found[0].resolve()]
    if not evaluations:
        raise InputError(f"{found[0]}: has answers but no scores.json; score again with --overwrite")
    return PredictionSource(evaluations[0]), evaluations[0].scores.category


def _ours(root: Path) -> list[Path]:
    """The collection or answers in a folder, or else those in the folders below it."""
    found = (place for place in folders(root) if (place / INFO).is_file() or (place / FILE).is_file())
    first = next(found, None)
    if first is None or first == root:
        return [] if first is None else [root]
    return [first, *found]


def _refuse_student(paths: Sequence[str | Path]) -> None:
    """Raise InputError for a student in the place of shapes, and for scores without answers."""
    for path in map(Path, paths):
        if (path / "model.safetensors").is_file():
            raise InputError(f"{path}: is a student; name the shapes to look at, and it by --student {path}")
        if (path / "scores.json").is_file():
            raise InputError(f"{path}: has scores, but keeps no answers ({FILE}); score again with --overwrite")


def _labelled(
    paths: Sequence[str | Path], settings: ShowSettings, category: str | None
) -> tuple[LabelledSource, str | None]:
    """A data set."""
    from distill.evaluation import EvalSettings, read_dataset

    if len(paths) != 1:
        raise SettingsError("--dataset: needs one path, the data set's folder")
    if category is None:
        raise SettingsError("--category is missing: which of the data set's shapes to show")
    asked = EvalSettings(dataset=settings.dataset or "", split=settings.split)
    labelled = read_dataset(asked, category, Path(paths[0]))
    return LabelledSource(labelled), labelled.category
