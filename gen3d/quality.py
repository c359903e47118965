"""The stage `quality`: how good a collection's shapes are, each by itself and all of them beside a reference.

Coverage, minimum matching distance and 1-NN accuracy follow Achlioptas et al. 2018 (section 2) and Yang et al. 2019
(section 5.1), by the Chamfer distance of `gen3d.chamfer`. Our shapes have radius 1 each, where the papers scale a data
set as a whole: compare figures of this stage with each other. P-FID and P-IS: see `gen3d.feature_measures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from pydantic import Field

from gen3d.chamfer import chamfer_within
from gen3d.collection import INFO, Collection
from gen3d.crew import Crew, Workers, crew_of, in_order
from gen3d.errors import InputError
from gen3d.feature_measures import Classifier, FeatureMeasures, feature_measures
from gen3d.filters import FilterSettings, flaws
from gen3d.importing import ImportSettings, read_shapes
from gen3d.inputs import find_inputs
from gen3d.labelling import read_knowledge
from gen3d.measures import Examined, Measures, TeacherSignals, teacher_signals
from gen3d.settings import Settings
from gen3d.shape import Shape
from gen3d.storage import Place, place

Cloud = Float32[np.ndarray, "P 3"]


class QualitySettings(Settings):
    """Settings of `gen3d quality`."""

    points: int = Field(default=2048, ge=16, description="points per shape that distances are measured on")
    most: int | None = Field(default=None, ge=2, description="shapes of each set that are compared; None: all")
    seed: int = Field(default=0, ge=0, description="of the points, and of the shapes that are compared")
    features: str | None = Field(default=None, description="weights by `gen3d convert pointnet`, for P-FID and P-IS")


class SetMeasures(NamedTuple):
    """A generated set beside a reference.

    Args:
        coverage: share of the references that are the nearest of some generated shape; more is better.
        mmd: mean over the references of the distance to the nearest generated shape; less is better.
        one_nna: share of all shapes whose nearest other is of their own set; 0.5 is best, 1 tells them apart.
    """

    coverage: float
    mmd: float
    one_nna: float


class ShapeQuality(NamedTuple):
    """One shape.

    Args:
        id: of it.
        measures: None where nothing could be measured.
        flaws: filter -> why it would reject the shape, at the filters' own limits.
        nearest: id of the nearest other that was compared; "" where there is none, or it was not compared.
        to_nearest: its distance.
        to_reference: distance to the nearest reference.
        teachers: what each one's knowledge says.
    """

    id: str
    measures: Measures | None
    flaws: dict[str, str]
    nearest: str = ""
    to_nearest: float | None = None
    to_reference: float | None = None
    teachers: dict[str, TeacherSignals] | None = None


class Quality(NamedTuple):
    """The report.

    Args:
        shapes: worst first: by the number of flaws, then by how far they are from the reference, else from each other.
        sets: beside the reference, None without one.
        compared: how many of each set were compared; as many of both.
        references: how many there are.
        left_out: references that could not be read, and why.
        features: P-IS of the shapes that were compared, and P-FID beside the reference; None without the weights.
    """

    shapes: list[ShapeQuality]
    sets: SetMeasures | None
    compared: int
    references: int
    left_out: list[tuple[str, str]]
    features: FeatureMeasures | None = None


def quality(
    collection: Collection,
    reference: str | Place | None,
    settings: QualitySettings,
    workers: Workers = 1,
    progress: Callable[[int], None] = lambda count: None,
) -> Quality:
    """Measure all shapes of a collection, and compare as many of them with as many of a reference.

    Args:
        collection: its shapes, and what teachers know of them.
        reference: a collection of the same category, or files, as `gen3d import` reads them: y up, +z in front.
        settings: see `QualitySettings`.
        workers: who measures; they make no difference to the result. On this machine they are threads.
        progress: called after every shard with the number of its shapes.

    Raises:
        InputError: less than two shapes, or references, to compare; a reference of another category; `features` that
            are other weights.
        MissingError: no such `features`.
    """
    classifier = None if settings.features is None else _classifier(settings.features)
    theirs, left_out = _references(reference, collection.category, settings)
    count = len(collection)
    size = min(count, settings.most or count, count if reference is None else len(theirs))
    if size < 2:
        few = collection.root if count < 2 else reference
        raise InputError(f"{few}: has {min(count, len(theirs))} shapes; at least 2 are needed to compare")
    chosen = _drawn(count, size, settings.seed)
    rows, ours = _examined(collection, set(chosen), settings, workers, progress)
    drawn = [theirs[i] for i in _drawn(len(theirs), size, settings.seed)] if theirs else []
    apart = chamfer_within([*ours, *drawn], workers)
    within, across = apart[:size, :size], apart[:size, size:] if drawn else None
    rows = _with_distances(rows, chosen, within, across)
    sets = None if across is None else set_measures(within, across, apart[size:, size:])
    ordered = sorted(_with_teachers(collection, rows), key=_badness)
    features = None if classifier is None else feature_measures(classifier, ours, drawn)
    return Quality(ordered, sets, size, len(theirs), left_out, features)


def set_measures(
    generated: Float64[np.ndarray, "G G"], across: Float64[np.ndarray, "G R"], reference: Float64[np.ndarray, "R R"]
) -> SetMeasures:
    """The measures from all distances within and between two sets.

    Where several shapes are nearest alike, all of them count: each is covered, and the classifier is right by the
    share of them that is of the own set. So the order of the shapes makes no difference.
    """
    nearest = across == across.min(1, keepdims=True)  # (G, R): the references nearest to each generated shape
    everything = np.block([[generated, across], [across.T, reference]])
    np.fill_diagonal(everything, np.inf)
    own = np.arange(len(everything)) < len(generated)
    closest = everything == everything.min(1, keepdims=True)
    right = (closest & (own[:, None] == own[None])).sum(1) / closest.sum(1)
    return SetMeasures(float(nearest.any(0).mean()), float(across.min(0).mean()), float(right.mean()))


def _examined(
    collection: Collection,
    chosen: set[int],
    settings: QualitySettings,
    workers: Workers,
    progress: Callable[[int], None],
) -> tuple[list[ShapeQuality], list[Cloud]]:
    """What each shape says by itself, and the clouds of those that are chosen."""
    records, tasks, first = collection.records(), [], 0
    for record in records:
        last = first + len(record.ids)
        tasks.append((collection.only(record), frozenset(i - first for i in chosen if first <= i < last)))
        first = last
    crew = Crew(workers=1) if crew_of(workers).here else workers  # shapes are quick: processes would not pay
    work = partial(_shard, settings)
    found = in_order(work, tasks, crew, lambda number, _: progress(len(records[number].ids)))
    return [row for rows, _ in found for row in rows], [cloud for _, clouds in found for cloud in clouds]


def _shard(
    settings: QualitySettings, one: Collection, chosen: frozenset[int]
) -> tuple[list[ShapeQuality], list[Cloud]]:
    """Of a collection's one shard; `chosen` are places in it."""
    rows: list[ShapeQuality] = []
    clouds: list[Cloud] = []
    for here, shape in enumerate(one.shapes()):
        rows.append(_alone(shape))
        clouds += [_cloud(shape, settings)] if here in chosen else []
    return rows, clouds


def _alone(shape: Shape) -> ShapeQuality:
    """What the shape says by itself."""
    examined = Examined(shape)
    try:
        measures = examined.measures()
    except InputError:
        measures = None
    return ShapeQuality(shape.id, measures, flaws(examined, FilterSettings()))


def _with_distances(
    rows: list[ShapeQuality],
    chosen: list[int],
    within: Float64[np.ndarray, "G G"],
    across: Float64[np.ndarray, "G R"] | None,
) -> list[ShapeQuality]:
    """The rows with the distances of those that were compared, and the flaw of being a duplicate."""
    limit, found = FilterSettings().min_distance, list(rows)
    far = within + np.diag(np.full(len(within), np.inf))
    for at, index in enumerate(chosen):
        nearest = int(far[at].argmin())
        row, distance, twin = rows[index], float(far[at, nearest]), rows[chosen[nearest]].id
        again = {"duplicates": f"nearer than {limit:g} to {twin}"} if distance < limit else {}
        to_reference = None if across is None else float(across[at].min())
        found[index] = row._replace(
            flaws=row.flaws | again, nearest=twin, to_nearest=distance, to_reference=to_reference
        )
    return found


def _with_teachers(collection: Collection, rows: list[ShapeQuality]) -> list[ShapeQuality]:
    """The rows with what knowledge there is of each."""
    signals: dict[str, dict[str, TeacherSignals]] = {row.id: {} for row in rows}
    for stem in collection.stems():
        teacher = stem.removeprefix("knowledge-")
        for knowledge in read_knowledge(collection, teacher) if collection.ids(stem) else []:
            signals[knowledge.meta["id"]][teacher] = teacher_signals(knowledge)
    return [row._replace(teachers=signals[row.id]) for row in rows]


def _badness(row: ShapeQuality) -> tuple[int, float, str]:
    """Sorts the worst first."""
    far = row.to_nearest if row.to_reference is None else row.to_reference
    return (-len(row.flaws), -(far or 0.0), row.id)


def _classifier(file: str) -> Classifier:
    """What makes features of clouds. Raises MissingError, or InputError for a file that is none."""
    from gen3d.pointnet_weights import read_pointnet  # with torch, which nothing else here needs

    return read_pointnet(Path(file)).answers


def _references(
    at: str | Place | None, category: str, settings: QualitySettings
) -> tuple[list[Cloud], list[tuple[str, str]]]:
    """The clouds of all references, and the ones that could not be read."""
    clouds: list[Cloud] = []
    left_out: list[tuple[str, str]] = []
    for id, shape in _read(place(at), category) if at is not None else ():
        if isinstance(shape, InputError):
            left_out.append((id, str(shape)))
        else:
            clouds.append(_cloud(shape, settings))
    return clouds, left_out


def _read(at: Place, category: str) -> Iterator[tuple[str, Shape | InputError]]:
    """The shapes of a collection or of files. Raises InputError for a collection of another category."""
    if isinstance(at, Path) and not (at / INFO).is_file():
        yield from read_shapes(ImportSettings(category=category), find_inputs([at], category).inputs)
        return
    collection = Collection.open(at)
    if collection.category != category:
        raise InputError(f"{at}: holds shapes of {collection.category}, not of {category}")
    yield from ((shape.id, shape) for shape in collection.shapes())


def _drawn(count: int, size: int, seed: int) -> list[int]:
    """`size` of the numbers below `count`, ascending."""
    return sorted(np.random.default_rng(seed).permutation(count)[:size].tolist())


def _cloud(shape: Shape, settings: QualitySettings) -> Cloud:
    """Points on one shape."""
    points = shape.sampled(settings.points, settings.seed).points
    assert points is not None
    return points
