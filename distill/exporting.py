"""The `export` stage: a collection's shapes with labels, in a format that other people's training code reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int16
from pydantic import Field

from distill.export_card import card
from distill.export_formats import FORMATS, Format
from distill.export_labels import LABELS, ExactLabels, Labeller, StudentLabels, TeacherLabels
from distill.export_sample import Plan, Sample
from distill.export_shapenetpart import SPLITS
from distill.finding import NO_STUDENT
from gen3d import __version__
from gen3d.categories import CATEGORIES
from gen3d.collection import SHAPES, Collection
from gen3d.errors import InputError, SettingsError
from gen3d.glb import part_name
from gen3d.mesh_io import slug
from gen3d.record import read_record, same_record, write_record
from gen3d.settings import Settings
from gen3d.shape import UNLABELLED, Shape
from gen3d.shapenet_frame import settled
from gen3d.storage import Place
from gen3d.whole_folder import whole_folder

if TYPE_CHECKING:
    from distill.student import Student

RECORD, RESULT, CARD = "settings.json", "export.json", "README.md"
_SPLIT = (0.8, 0.1, 0.1)


class ExportSettings(Settings):
    """Settings of `gen3d export`."""

    format: str
    labels: str = "exact"
    teacher: str | None = Field(default=None, description="whose votes; lite by default")
    student: str | None = Field(default=None, description="of the student that predicts; see `Student.load`")
    points: int = Field(default=2048, ge=0, description="sampled per shape; 0: the stored points of clouds, in order")
    split: tuple[float, float, float] | None = Field(default=None, description="shares of train, val and test")
    shard: int = Field(default=1000, ge=1, description="most shapes per file, of formats with several in one")
    seed: int = Field(default=0, ge=0, description="of points and splits")


@dataclass
class _Tally:
    """What went in so far: counts per part and per split, and what was left out."""

    shapes: int = 0
    elements: dict[int, int] = field(default_factory=dict)
    holders: dict[int, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    failures: list[dict[str, str]] = field(default_factory=list)

    def add(self, labels: Int16[np.ndarray, " E"], split: str) -> None:
        """Count one shape."""
        self.shapes += 1
        self.splits[split] += 1
        for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
            self.elements[int(label)] = self.elements.get(int(label), 0) + int(count)
            self.holders[int(label)] = self.holders.get(int(label), 0) + 1

    def rows(self, parts: tuple[str, ...]) -> list[dict[str, Any]]:
        """Per part, in label order: elements, their share of all, shapes that have any; unlabelled last."""
        total = max(1, sum(self.elements.values()))
        known = {*range(len(parts)), *self.elements}
        return [
            {
                "label": label,
                "part": part_name(label, parts),
                "elements": self.elements.get(label, 0),
                "share": round(self.elements.get(label, 0) / total, 4),
                "shapes": self.holders.get(label, 0),
            }
            for label in sorted(known, key=lambda label: (label < 0, label))
        ]


def export(
    root: Place,
    settings: ExportSettings,
    out: Path,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> tuple[dict[str, Any], bool]:
    """Write a collection's labelled shapes to `out`, all of them or nothing.

    A shape that has no such labels, or that the format can't hold, is left out and listed with its reason.

    Args:
        root: the collection.
        settings: see `ExportSettings`.
        out: a folder that is absent, empty or an earlier export.
        overwrite: export again over an earlier export, whatever its settings.
        progress: called after every shape with 1.

    Returns:
        Counts, parts and failures (what `export.json` holds), and whether it was there already from the same
        collection and settings.

    Raises:
        SettingsError: settings that don't go together, or `out` holds something else or an export of other settings.
        InputError: the labels asked for are missing, the student is of another category, or no shape is left.
        MissingError: an extra is not installed.
        StorageError: the disk is full, or another process is writing to `out`.
    """
    settings, form = _complete(settings), FORMATS[settings.format]
    form.check()
    collection = Collection.open(root)
    _check_place(collection, out)
    student = _student(settings)
    parts = _parts(collection, form, _own_words(collection, settings, student))
    record = _record(collection, settings, student)
    if not overwrite and same_record(out / RECORD, record):
        result = read_record(out / RESULT)
        if result is not None:
            return result, True
    labeller = _labeller(collection, settings, student, parts)
    plan, tally = Plan(collection.category, parts, settings.shard), _Tally()
    with whole_folder(out) as folder:
        form.write(_samples(collection, labeller, settings, parts, tally, progress), folder, plan)
        if not tally.shapes:
            raise _nothing(collection, tally)
        result = _result(tally, form, parts, settings)
        (folder / CARD).write_text(card(collection.info, record, result))
        write_record(folder / RESULT, result)
        write_record(folder / RECORD, record)
    return result, False


def _complete(settings: ExportSettings) -> ExportSettings:
    """The settings with what depends on others filled in. Raises SettingsError where they don't go together."""
    for name, value, known in (("format", settings.format, FORMATS), ("labels", settings.labels, LABELS)):
        if value not in known:
            raise SettingsError(f"unknown {name} {value!r}; known are: {', '.join(known)}")
    form = FORMATS[settings.format]
    for name in ("teacher", "student"):
        if getattr(settings, name) is not None and settings.labels != name:
            raise SettingsError(f"--{name} is for --labels {name}, not for --labels {settings.labels}")
    if settings.labels == "student" and settings.student is None:
        raise SettingsError(NO_STUDENT)
    if settings.split is not None and not form.shapenet:
        raise SettingsError(f"--split is for the shapenetpart formats; {settings.format} has no splits")
    if form.same_count and not settings.points:
        raise SettingsError(f"--points 0: {settings.format} needs the same number of points for every shape")
    split = settings.split or (_SPLIT if form.shapenet else None)
    if split is not None and (min(split) < 0 or abs(sum(split) - 1) > 1e-6):
        raise SettingsError(f"--split {','.join(f'{x:g}' for x in split)}: must be three shares that add up to 1")
    teacher = settings.teacher or ("lite" if settings.labels == "teacher" else None)
    return settings.model_copy(update={"split": split, "teacher": teacher})


def _check_place(collection: Collection, out: Path) -> None:
    """Raise SettingsError where an export may not go, with or without --overwrite."""
    if isinstance(collection.root, Path) and collection.root.resolve() in out.resolve().parents:
        raise SettingsError(f"{out}: lies inside the collection; choose a folder beside it")
    if out.exists() and not (out / RESULT).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out}: holds something else than an export; choose an empty or a new folder")


def _parts(collection: Collection, form: Format, own: tuple[str, ...]) -> tuple[str, ...]:
    """Part names in label order: the category's, then those that are the user's `own`.

    Raises InputError for a category that the format has not.
    """
    name = collection.category
    if form.shapenet and name not in CATEGORIES:
        raise InputError(f"{collection.root}: is of {name!r}; ShapeNetPart has only: {', '.join(CATEGORIES)}")
    known = CATEGORIES[name].parts if name in CATEGORIES else tuple(map(str, collection.info.get("parts") or ()))
    return known if form.shapenet else tuple(dict.fromkeys((*known, *own)))


def _own_words(collection: Collection, settings: ExportSettings, student: Student | None) -> tuple[str, ...]:
    """The part names of a student or of a teacher's knowledge."""
    if student is not None:
        from distill.tta import named_parts

        return named_parts(student)
    return tuple(collection.stage(f"knowledge-{settings.teacher}").get("parts", ())) if settings.teacher else ()


def _student(settings: ExportSettings) -> Student | None:
    """The student that is asked for labels, if any."""
    if settings.student is None:
        return None
    from distill.student import Student

    return Student.load(settings.student)


def _labeller(
    collection: Collection, settings: ExportSettings, student: Student | None, parts: tuple[str, ...]
) -> Labeller:
    """Whom to ask for labels. Raises InputError where there are none of that kind for this collection."""
    if student is not None:
        return StudentLabels(student, str(settings.student), collection.category, parts, settings.seed)
    if settings.teacher is not None:
        return TeacherLabels(collection, settings.teacher, parts)
    return ExactLabels()


def _record(collection: Collection, settings: ExportSettings, student: Student | None) -> dict[str, Any]:
    """What `settings.json` holds: all that the exported bytes depend on."""
    stems = [SHAPES, f"knowledge-{settings.teacher}"] if settings.teacher else [SHAPES]
    record: dict[str, Any] = {"collection": str(collection.root), "content": collection.fingerprint(stems)}
    if student is not None:
        from distill.scoring import weights_hash

        record["student"] = f"{settings.student}, weights {weights_hash(student)}"
    return record | {"settings": settings.model_dump()}


def _samples(
    collection: Collection,
    labeller: Labeller,
    settings: ExportSettings,
    parts: tuple[str, ...],
    tally: _Tally,
    progress: Callable[[int], None],
) -> Iterator[Sample]:
    """The shapes one by one, with just what the format writes; the tally is kept on the way."""
    form, ids = FORMATS[settings.format], collection.ids()
    splits = split_ids(ids, settings.split or (1, 0, 0), settings.seed)
    names = dict(zip(ids, file_names(ids), strict=True))
    for shape in collection.shapes():
        try:
            ready = _prepared(shape, labeller, settings)
            labels = ready.point_labels if ready.face_labels is None or form.sampled else ready.face_labels
            assert labels is not None
            if parts and labels.max() >= len(parts):
                raise InputError(f"has label {labels.max()}, but only {len(parts)} parts are named")
        except InputError as error:
            tally.failures.append({"id": shape.id, "reason": str(error).removeprefix(f"{shape.id}: ")})
        else:
            tally.add(labels, splits[shape.id])
            yield Sample(names[shape.id], splits[shape.id], ready)
        progress(1)


def _prepared(shape: Shape, labeller: Labeller, settings: ExportSettings) -> Shape:
    """The shape with labelled faces and points as the format needs them. Raises InputError with the reason only."""
    form, ready = FORMATS[settings.format], shape
    if form.elements and shape.has_mesh:
        bare = replace(shape, points=None, normals=None, point_labels=None, point_colors=None)
        ready = replace(bare, face_labels=labeller.faces(shape))
    elif form.elements:
        ready = replace(shape, point_labels=labeller.points(shape, shape))
    if not form.sampled:
        return ready
    if not settings.points and shape.points is None:
        raise InputError("is a mesh without points of its own; say how many to sample by --points")
    cloud = shape.sampled(settings.points, settings.seed) if settings.points else shape
    labels = labeller.points(shape, cloud)
    rows = {"points": cloud.points, "normals": cloud.normals, "point_labels": labels}
    ready = replace(ready, **rows, point_colors=cloud.point_colors)
    return _for_shapenet(ready) if form.shapenet else ready


def _for_shapenet(shape: Shape) -> Shape:
    """The cloud alone, normalised as its readers do. Raises InputError where a point is unlabelled."""
    assert shape.point_labels is not None
    bare = int((shape.point_labels == UNLABELLED).sum())
    if bare:
        count = len(shape.point_labels)
        raise InputError(f"{bare} of {count} points are unlabelled, which ShapeNetPart's form can't say")
    return settled(replace(shape, vertices=None, vertex_colors=None, faces=None, face_labels=None))


def split_ids(ids: list[str], shares: tuple[float, float, float], seed: int) -> dict[str, str]:
    """Split of every id: in the order of a hash of (seed, id), the first share is train, then val, then test.

    The counts are those of the shares, rounded; another order of the ids changes nothing.
    """
    order = sorted(ids, key=lambda id: hashlib.blake2b(f"{seed}:{id}".encode()).digest())
    ends = [round(sum(shares[: i + 1]) * len(ids)) for i in range(2)]
    return {id: SPLITS[(i >= ends[0]) + (i >= ends[1])] for i, id in enumerate(order)}


def file_names(ids: Iterable[str]) -> Iterator[str]:
    """For every id a file name of its own, also where upper and lower case are one: letters, digits, `-` and `_`."""
    taken: set[str] = set()
    for id in ids:
        plain = name = slug(id).replace(".", "-")[:80]
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        yield name


def _nothing(collection: Collection, tally: _Tally) -> InputError:
    """The error for an export without a single shape."""
    if not tally.failures:
        return InputError(f"{collection.root}: has no shape to export")
    first = tally.failures[0]
    count = len(tally.failures)
    return InputError(
        f"{collection.root}: none of its {count} shapes can be exported; {first['id']}: {first['reason']}"
    )


def _result(tally: _Tally, form: Format, parts: tuple[str, ...], settings: ExportSettings) -> dict[str, Any]:
    """What `export.json` holds and `--json` shows."""
    return {
        "format": settings.format,
        "labels": settings.labels,
        "shapes": tally.shapes,
        "failed": len(tally.failures),
        "splits": tally.splits if settings.split else None,
        "elements": "points" if form.sampled else "faces or points",
        "parts": tally.rows(parts),
        "failures": tally.failures,
        "gen3d": __version__,
    }
