"""How much of a collection every part is: counted shard by shard, kept in the manifest, added up for whoever asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int16

from gen3d.collection import SHAPES, Collection, shape_of
from gen3d.errors import Gen3dError
from gen3d.knowledge import Knowledge
from gen3d.shape import UNLABELLED, Shape, face_normals
from gen3d.shards import ShardContent, ShardRecord, Statistics, grouped

ALL = "all"  # the row of all parts together
RENDERER = "renderer "  # rows of knowledge made by a renderer, whose name follows


class PartShare(NamedTuple):
    """One part of a collection's own labels.

    Args:
        part: its name; "unlabelled" for what has no label.
        shapes: in how many of them it occurs.
        faces, area, points: its share of all faces, of all surface and of all stored points; 0 where there are none.
    """

    part: str
    shapes: int
    faces: float
    area: float
    points: float


class PartSummary(NamedTuple):
    """What a collection's knowledge says of one part.

    Args:
        part: its name.
        units: number of knowledge units.
        coverage: mean over the shapes of the share of points that a unit of it covers.
        confidence: mean over the units.
        shapes: how many have a unit of it.
    """

    part: str
    units: int
    coverage: float
    confidence: float
    shapes: int


def shard_statistics(stem: str, content: ShardContent) -> Statistics:
    """Sums over a shard's samples; empty where they are neither shapes nor knowledge.

    Returns:
        Part index (-1: unlabelled) or "all" -> [shapes, faces, area, points] for shapes, and
        [shapes, units, sum of confidences, sum of covered shares] for knowledge; there "renderer NAME" ->
        [shapes, 0, 0, 0] tells how many it rendered.
    """
    try:
        return _sums(stem, grouped(content.members))
    except (Gen3dError, KeyError):
        return {}


def added(statistics: Iterable[Statistics]) -> Statistics:
    """Several of them summed, to 9 digits: what is beyond those may differ between processors."""
    sums: Statistics = {}
    for rows in statistics:
        for key, row in rows.items():
            sums[key] = [a + b for a, b in zip(sums.get(key, [0, 0, 0, 0]), row, strict=True)]
    return {key: [round(value, 9) for value in sums[key]] for key in sorted(sums)}


def total(collection: Collection, stem: str = SHAPES) -> Statistics:
    """`shard_statistics` of all shards of a stem; read from those that gen3d 0.1 wrote without."""

    def of(record: ShardRecord) -> Statistics:
        if record.statistics is not None:
            return record.statistics
        return _sums(stem, collection.samples(stem, record.number))

    return added(map(of, collection.records(stem)))


def part_shares(collection: Collection) -> list[PartShare]:
    """What the collection's own labels say, in label order, the unlabelled last and only where there is any."""
    sums = total(collection)
    _, *whole = sums.pop(ALL, [0.0] * 4)
    names = dict(enumerate(collection.info.get("parts", [])))
    found = sorted({*names, *map(int, sums)} - {UNLABELLED})
    shares = []
    for index in found + [UNLABELLED] * (str(UNLABELLED) in sums):
        shapes, *row = sums.get(str(index), [0.0] * 4)
        faces, area, points = (some / all if all else 0.0 for some, all in zip(row, whole, strict=True))
        name = "unlabelled" if index == UNLABELLED else names.get(index, f"part {index}")
        shares.append(PartShare(name, int(shapes), faces, area, points))
    return shares


def part_summary(sums: Statistics, parts: list[str]) -> list[PartSummary]:
    """What knowledge says of every part that was asked for, from its `total`."""
    labelled = sums.get(ALL, [0.0] * 4)[0]
    rows = []
    for index, part in enumerate(parts):
        shapes, units, confidence, coverage = sums.get(str(index), [0.0] * 4)
        mean = (round(coverage / max(labelled, 1), 4), round(confidence / max(units, 1), 4))
        rows.append(PartSummary(part, int(units), *mean, int(shapes)))
    return rows


def renderer_counts(sums: Statistics) -> dict[str, int]:
    """Renderer -> number of shapes whose knowledge was made with it, from a `total`."""
    return {key.removeprefix(RENDERER): int(row[0]) for key, row in sums.items() if key.startswith(RENDERER)}


def shape_row(shape: Shape) -> Statistics:
    """The statistics of one shape."""
    faces, area = (np.zeros(0, np.int16), np.zeros(0))
    if shape.has_mesh:
        vertices, corners = shape.mesh
        faces = _labels(shape.face_labels, len(corners))
        area = face_normals(vertices.astype(np.float64), corners)[1]
    points = _labels(shape.point_labels, 0 if shape.points is None else len(shape.points))
    rows = {ALL: _row(faces >= -1, area, points >= -1)}
    for label in np.union1d(faces, points).tolist():
        rows[str(label)] = _row(faces == label, area, points == label)
    return rows


def knowledge_row(knowledge: Knowledge) -> Statistics:
    """The statistics of one shape's knowledge."""
    rows: Statistics = {
        ALL: [1.0, len(knowledge.part), float(knowledge.confidence.sum(dtype=np.float64)), knowledge.coverage()]
    }
    if "renderer" in knowledge.meta:
        rows[f"{RENDERER}{knowledge.meta['renderer']}"] = [1.0, 0.0, 0.0, 0.0]
    for part in np.unique(knowledge.part).tolist():
        chosen = knowledge.part == part
        covered = float(knowledge.mask[chosen].any(0).mean())
        rows[str(part)] = [1.0, int(chosen.sum()), float(knowledge.confidence[chosen].sum(dtype=np.float64)), covered]
    return rows


def _row(faces: np.ndarray, area: Float[np.ndarray, " F"], points: np.ndarray) -> list[float]:
    return [1.0, int(faces.sum()), float(area[faces].sum()), int(points.sum())]


def _labels(labels: Int16[np.ndarray, " N"] | None, count: int) -> Int16[np.ndarray, " N"]:
    return np.full(count, UNLABELLED, np.int16) if labels is None else labels


def _sums(stem: str, samples: Iterable[tuple[str, dict[str, bytes]]]) -> Statistics:
    """The rows of all samples added up."""
    if stem == SHAPES:
        return added(shape_row(shape_of(id, parts)) for id, parts in samples)
    return added(knowledge_row(Knowledge.from_bytes(parts["safetensors"], id)) for id, parts in samples)
