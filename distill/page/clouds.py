"""The shapes of a page: which are shown, and how a coloured cloud travels in its JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int16
from scipy.spatial import KDTree

from distill.page.found import Evaluation
from distill.predictions import Case, read_predictions
from distill.scores import UNSCORED
from gen3d.collection import SHAPES, Collection, shape_of
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.shape import Shape, estimate_normals
from gen3d.storage import Place

MOST = 24  # shapes in a page
MOST_HERE = 12  # of one evaluation or collection
POINTS = 2048  # of one shape
RIGHT, WRONG = 0, 1
STEPS = 32767  # a coordinate's: positions are 16-bit numbers, -1 to 1


class Layer(NamedTuple):
    """One way to colour a cloud: a label per point (-1 is grey), and which colours they mean: "parts" or "errors"."""

    title: str
    colors: str
    labels: Int16[np.ndarray, " N"]


class Cloud(NamedTuple):
    """A shape of the page.

    Args:
        id: of the shape.
        note: what its caption says beside the id.
        points: (N, 3) any scale, +Y up.
        normals: (N, 3) or None, where they are estimated.
        layers: pictures beside each other, which turn together.
    """

    id: str
    note: str
    points: Float[np.ndarray, "N 3"]
    normals: Float[np.ndarray, "N 3"] | None
    layers: list[Layer]

    def as_json(self) -> dict[str, Any]:
        """For the page: at most `POINTS` points, centred, at radius 1 or less; arrays as base64, little-endian.

        `radius` is that of the balls that stand for the points: they just close the surface.
        """
        pick = np.arange(len(self.points))
        if len(pick) > POINTS:
            pick = np.sort(np.random.default_rng(0).permutation(len(pick))[:POINTS])
        points = self.points[pick].astype(np.float32)
        points = points - (points.min(0) + points.max(0)) / 2
        points = points / max(float(np.linalg.norm(points, axis=1).max()), 1e-9)
        normals = estimate_normals(points) if self.normals is None else self.normals[pick]
        normals = np.where(normals[:, 1:2] < 0, -normals, normals)  # both sides are lit alike
        return {
            "points": _base64((points * STEPS).round().astype("<i2")),
            "radius": _ball(points),
            "normals": _base64((normals * 127).round().clip(-127, 127).astype("i1")),
            "layers": [
                {"colors": layer.colors, "labels": _base64(layer.labels[pick].clip(-1, 127).astype("i1"))}
                for layer in self.layers
            ],
        }


def _ball(points: Float32[np.ndarray, "N 3"]) -> float:
    """A little more than half of the usual distance to the fourth nearest point, within bounds for odd clouds."""
    distance = KDTree(points).query(points, k=min(5, len(points)))[0].reshape(len(points), -1)[:, -1]
    return round(min(max(0.8 * float(np.median(distance)), 0.012), 0.1), 4)


def quota(places: int) -> int:
    """Shapes per evaluation or collection, of which a page has so many: two at least, the best and the worst."""
    return max(2, min(MOST_HERE, MOST // max(places, 1)))


def extremes(scores: dict[str, float], most: int) -> list[str]:
    """Ids of the worst and the best shapes, half each, the worst first; all of them where they are few."""
    ordered = sorted(scores, key=lambda id: (scores[id], id))
    return ordered if len(ordered) <= most else ordered[: (most + 1) // 2] + ordered[len(ordered) - most // 2 :]


def case_clouds(evaluation: Evaluation, most: int) -> tuple[list[str], list[Cloud]]:
    """The parts and the best and worst cases of an evaluation; none of a gen3d that kept no predictions."""
    scores = evaluation.scores.shapes
    chosen = extremes(scores, most)
    parts, cases = read_predictions(evaluation.folder, chosen)
    worst = set(chosen[: (len(chosen) + 1) // 2])
    return parts, [
        _case_cloud(id, f"{'worst' if id in worst else 'best'}: mIoU {scores[id]:.2f} %", cases[id])
        for id in chosen
        if id in cases
    ]


def _case_cloud(id: str, note: str, case: Case) -> Cloud:
    """Truth, prediction and errors of one shape."""
    wrong = case.truth != case.prediction
    counted = case.truth != UNSCORED
    errors = np.where(counted, np.where(wrong, WRONG, RIGHT), UNSCORED).astype(np.int16)
    share = 100 * float(wrong[counted].mean()) if counted.any() else 0.0
    layers = [Layer("truth", "parts", case.truth), Layer("prediction", "parts", case.prediction)]
    return Cloud(
        id,
        f"{note}, {share:.1f} % of the points wrong",
        case.points,
        None,
        [*layers, Layer("errors", "errors", errors)],
    )


def collection_clouds(root: Place, most: int) -> tuple[list[str], list[Cloud]]:
    """The parts of a collection, and shapes evenly spread over it with their own labels and a teacher's votes.

    Raises InputError for damaged shards.
    """
    collection = Collection.open(root)
    ids = collection.ids()
    count = min(most, len(ids))
    chosen = [ids[i * (len(ids) - 1) // max(count - 1, 1)] for i in range(count)]
    parts = [str(part) for part in collection.info.get("parts", [])]
    shapes = {id: shape_of(id, members) for id, members in _members(collection, SHAPES, chosen)}
    clouds = {id: Cloud(id, "", *_sampled(shape)) for id, shape in shapes.items()}
    for stem in collection.stems():
        teacher = stem.removeprefix("knowledge-")
        for id, members in _members(collection, stem, chosen):
            if "safetensors" in members:
                knowledge = Knowledge.from_bytes(members["safetensors"], id)
                clouds[id].layers.append(Layer(f"teacher {teacher}", "parts", _votes(knowledge, parts, clouds[id])))
    return parts, [clouds[id] for id in chosen]


def _members(collection: Collection, stem: str, chosen: list[str]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The samples of these ids; shards that hold none of them are not read."""
    for record in collection.records(stem):
        if set(chosen) & set(record.ids):
            yield from (sample for sample in collection.samples(stem, record.number) if sample[0] in chosen)


def _sampled(shape: Shape) -> tuple[np.ndarray, np.ndarray | None, list[Layer]]:
    """Points, normals and own labels of a shape."""
    cloud = shape.normalised().sampled(POINTS, 0)
    if cloud.points is None:
        raise InputError(f"{shape.id}: has no points")
    labels = cloud.point_labels
    if labels is None:
        labels = np.full(POINTS, UNSCORED, np.int16)
    has = bool((labels != UNSCORED).any())
    return cloud.points, cloud.normals, [Layer("own labels" if has else "unlabelled", "parts", labels)]


def _votes(knowledge: Knowledge, parts: list[str], cloud: Cloud) -> Int16[np.ndarray, " N"]:
    """What a teacher calls every point of the cloud: the vote at the nearest point it was asked about.

    Its parts that are not in `parts` yet are added there.
    """
    from distill.export_labels import nearest_labels

    names = [str(name) for name in knowledge.meta["parts"]]
    parts += [name for name in names if name not in parts]  # words of the user's own
    place = np.array([*map(parts.index, names), UNSCORED], np.int16)  # the last is that of -1
    return place[nearest_labels(knowledge.points, knowledge.votes(len(names)), np.asarray(cloud.points, np.float32))]


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
