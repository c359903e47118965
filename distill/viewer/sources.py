"""What there is to look at: a collection, answers that `gen3d eval` kept, a labelled set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int16, Int64

from distill.datasets.labelled import LabelledSet, LazyShapes
from distill.page.found import Evaluation
from distill.predictions import read_predictions
from distill.viewer.exhibit import (
    Exhibit,
    Layer,
    Picture,
    confidence_layer,
    error_layer,
    exhibit_of,
    part_layer,
)
from gen3d.collection import SHAPES, Collection, shape_of
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.label_pictures import VIEWS, found_in
from gen3d.picking import picked, sample
from gen3d.rendering import make_renderer
from gen3d.rendering.cameras import rings
from gen3d.shape import Shape

OWN = "own labels"  # of files, which may be anybody's answers
TRUTH, PREDICTION, ERRORS, CONFIDENCE = "truth", "prediction", "errors", "confidence"
_SIZE = 192  # pixels of a teacher's view


@runtime_checkable
class Source(Protocol):
    """Shapes to look at, each read when it is asked for.

    `title` says what they are, `ids` are theirs in order, `parts` the names that their labels index.
    """

    @property
    def title(self) -> str: ...

    @property
    def ids(self) -> Sequence[str]: ...

    @property
    def parts(self) -> tuple[str, ...]: ...

    def exhibit(self, number: int) -> Exhibit:
        """The shape of that number. Raises InputError where it can't be read."""
        ...

    def words(self, number: int) -> str:
        """What a search looks in: the id, and what else is known of that shape."""
        ...


class CollectionSource:
    """A collection: its own labels where it has them, and what every teacher said of it."""

    def __init__(self, root: Path) -> None:
        """Raises InputError where there is none, or none of its shapes is finished."""
        self._collection = Collection.open(root)
        self.ids = self._collection.ids()
        if not self.ids:
            raise InputError(f"{root}: is a collection without any shape yet; run `gen3d generate` or import again")
        self.title = f"{self._collection.category}: collection {root.resolve().name}"
        own = [str(part) for part in self._collection.info.get("parts", [])]
        self._stages = {stem: self._collection.stage(stem) for stem in self._collection.stems()}
        words = [str(part) for stage in self._stages.values() for part in stage.get("parts", [])]
        self.parts = tuple(dict.fromkeys([*own, *words]))  # those of the user's own come last

    def exhibit(self, number: int) -> Exhibit:
        """See `Source`."""
        id = self.ids[number]
        shape = shape_of(id, sample(self._collection, id))
        exhibit = exhibit_of(shape, partial(truth_layers, self.parts))
        exhibit = replace(exhibit, notes=described(shape))
        found = [(stem, sample(self._collection, id, stem)) for stem in self._stages]
        known = [(stem, Knowledge.from_bytes(data["safetensors"], id)) for stem, data in found if "safetensors" in data]
        if not known:
            return exhibit
        exhibit = exhibit.refined()
        for stem, knowledge in known:
            exhibit = self._told(exhibit, stem.removeprefix("knowledge-"), stem, self._renamed(knowledge))
        return exhibit

    def words(self, number: int) -> str:
        """See `Source`: the id and the prompt."""
        return self._words[self.ids[number]]

    @cached_property
    def _words(self) -> dict[str, str]:
        """Of every shape; no mesh is read for it."""
        found = dict.fromkeys(self.ids, "")
        for record in self._collection.records(SHAPES):
            for name, data in picked(self._collection.root, record, lambda name: name.endswith(".json")):
                id = name.removesuffix(".json")
                found[id] = f"{id} {json.loads(data).get('meta', {}).get('prompt', '')}"
        return found

    def _renamed(self, knowledge: Knowledge) -> Knowledge:
        """With the parts' places in `parts`."""
        names = [str(name) for name in knowledge.meta.get("parts", [])]
        try:
            place = np.array([self.parts.index(name) for name in names], np.int16)
            return replace(knowledge, part=place[knowledge.part])
        except (ValueError, IndexError):
            raise InputError(f"{self._collection.root}: knowledge of other parts than it says; label again") from None

    def _told(self, exhibit: Exhibit, teacher: str, stem: str, knowledge: Knowledge) -> Exhibit:
        """With what a teacher said: its votes, where they are wrong, how sure it was, and its views."""
        near = _nearest(knowledge.points, exhibit.places())
        votes = knowledge.votes(len(self.parts))[near]
        layers = [part_layer(teacher, self.parts, votes)]
        truth = exhibit.layers[0]
        if truth.title == TRUTH:
            layers.append(error_layer(f"{teacher}: {ERRORS}", truth.labels, votes))
        sure = knowledge.weights().max(0, initial=0)
        layers.append(confidence_layer(f"{teacher}: {CONFIDENCE}", sure[near]))
        views = self._stages[stem].get("settings", {}).get("views", VIEWS)
        cameras = rings(int(views), _SIZE)[:VIEWS]
        return replace(
            exhibit.with_layers(*layers),
            views={**exhibit.views, teacher: partial(_views, exhibit.shape, knowledge, cameras)},
            cameras={**exhibit.cameras, teacher: tuple((c.elevation, c.azimuth) for c in cameras)},
        )


class PredictionSource:
    """What a scored method answered on every shape, beside the truth; the worst shape comes first."""

    def __init__(self, evaluation: Evaluation) -> None:
        """Raises InputError where no answers were kept, or the file is damaged."""
        self._folder, self._scores = evaluation.folder, evaluation.scores.shapes
        self.ids = sorted(self._scores, key=lambda id: (self._scores[id], id))
        parts, first = read_predictions(self._folder, self.ids[:1])
        if not first:
            hint = "score again with --overwrite"
            raise InputError(f"{self._folder}: keeps no answers of its shapes (predictions.safetensors); {hint}")
        self.parts = tuple(map(str, parts))
        scores = evaluation.scores
        self.title = f"{scores.category}: {scores.method} on {scores.settings.get('dataset', 'shapes')}, worst first"

    def exhibit(self, number: int) -> Exhibit:
        """See `Source`."""
        id = self.ids[number]
        case = read_predictions(self._folder, [id])[1].get(id)
        if case is None:
            raise InputError(f"{self._folder}: keeps no answer on {id}; score again with --overwrite")
        shape = Shape(id, "unknown", points=case.points.astype(np.float32), point_labels=case.truth)
        layers = (
            part_layer(TRUTH, self.parts, case.truth, "not counted"),
            part_layer(PREDICTION, self.parts, case.prediction, "none of the parts"),
            error_layer(ERRORS, case.truth, case.prediction),
        )
        return replace(
            exhibit_of(shape, lambda labels: layers),
            notes=(("mIoU", f"{self._scores[id]:.2f} %"), ("points", f"{len(case.points):,}")),
        )

    def words(self, number: int) -> str:
        """See `Source`."""
        return self.ids[number]


class LabelledSource:
    """A set of human-labelled shapes, each read when it is looked at where the set allows that."""

    def __init__(self, labelled: LabelledSet) -> None:
        """Raises InputError for an empty one."""
        shapes = labelled.shapes
        self._shapes, self.parts = shapes, labelled.row.parts
        self.ids = list(shapes.ids) if isinstance(shapes, LazyShapes) else [shape.id for shape in shapes]
        if not self.ids:
            raise InputError(f"the {labelled.name} data set has no shape of {labelled.category} here")
        self.title = f"{labelled.category}: data set {labelled.name}"

    def exhibit(self, number: int) -> Exhibit:
        """See `Source`."""
        shape = self._shapes[number]
        return replace(exhibit_of(shape, partial(truth_layers, self.parts)), notes=described(shape))

    def words(self, number: int) -> str:
        """See `Source`."""
        return self.ids[number]


def truth_layers(
    parts: tuple[str, ...], labels: Int16[np.ndarray, " E"] | None, title: str = TRUTH
) -> tuple[Layer, ...]:
    """The layer of a shape's own labels, where it has any."""
    return () if labels is None else (part_layer(title, parts, labels),)


def described(shape: Shape) -> tuple[tuple[str, str], ...]:
    """The prompt where there is one, and the size."""
    prompt = shape.meta.get("prompt")
    size = ("faces", f"{len(shape.mesh[1]):,}") if shape.has_mesh else ("points", f"{len(shape.positions()):,}")
    return (("prompt", str(prompt)), size) if prompt else (size,)


def _nearest(points: Float32[np.ndarray, "N 3"], places: Float32[np.ndarray, "E 3"]) -> Int64[np.ndarray, " E"]:
    """Which point is nearest to every place."""
    from scipy.spatial import KDTree

    return np.asarray(KDTree(points).query(places)[1], np.int64)


def _views(shape: Shape, knowledge: Knowledge, cameras: tuple) -> list[Picture]:
    """The views of a teacher, tinted by what it found."""
    views = make_renderer("auto", cameras, shape.has_mesh).render(shape)
    return [found_in(view, number, knowledge) for number, view in enumerate(views)]
