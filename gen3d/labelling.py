"""The `label` stage: renders a collection, asks a teacher, and keeps what it says as knowledge beside the shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import Field

from gen3d.building import build_shards
from gen3d.collection import Collection
from gen3d.data_card import has_card
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generators.choice import has_gpu
from gen3d.knowledge import CLOUD_TOLERANCE, TOLERANCE, Knowledge, lift
from gen3d.part_statistics import PartSummary, added, knowledge_row, part_summary, total
from gen3d.part_words import Asked, asked_parts
from gen3d.rendering import Renderer, make_renderer
from gen3d.rendering.cameras import rings
from gen3d.rendering.view import View
from gen3d.settings import Settings
from gen3d.shape import Shape
from gen3d.shards import Member, Sample
from gen3d.teachers import OpenWords, Pretrained, make_teacher
from gen3d.teachers.predictions import Boxes, PixelScores, Teacher, check_predictions

T = TypeVar("T")
OPTIONS = ("weights", "model", "revision", "precision", "batch", "prompt_style")  # of teachers; each says which it has


class LabelSettings(Settings):
    """Settings of `gen3d label`. Those of `OPTIONS` and `options` belong to the teacher: None takes its default."""

    teacher: str = "lite"
    parts: tuple[str, ...] | None = Field(default=None, description="part names or synonyms to ask for; all by default")
    renderer: str = "auto"
    views: int = Field(default=10, ge=1)
    size: int = Field(default=224, ge=32, description="pixels")
    points: int = Field(default=2048, ge=512, description="points per shape that knowledge is lifted to")
    seed: int = Field(default=0, ge=0)
    weights: str | None = Field(default=None, description="folder of the teacher's weights")
    model: str | None = Field(default=None, description="a size that the teacher has, or an id on the Hub")
    revision: str | None = Field(default=None, description="of the model on the Hub")
    precision: str | None = None
    batch: int | None = Field(default=None, description="views at once")
    prompt_style: str | None = Field(default=None, description="see `gen3d.teachers.prompts`")
    options: dict[str, str | int | float | bool] = Field(default={}, description="what one teacher alone has")

    def recorded(self) -> dict[str, Any]:
        """What is kept beside the knowledge; of teachers' options those that are set, as before there was any.

        But not `batch`: who runs out of memory goes on with another one.
        """
        unset = {name for name in OPTIONS if getattr(self, name) is None} | {"batch"}
        return self.model_dump(exclude=unset | (set() if self.options else {"options"}))

    def teacher_options(self) -> dict[str, Any]:
        """Those that are set. Raises SettingsError for one that is set twice."""
        given = {name: getattr(self, name) for name in OPTIONS if getattr(self, name) is not None}
        for name in given.keys() & self.options.keys():
            raise SettingsError(f"option {name}: is set twice, by an option of its own too")
        return given | self.options


class Renderers:
    """The settings' renderers of meshes and of clouds, each made once: their rays are shared by all shapes."""

    def __init__(self, settings: LabelSettings) -> None:
        self._settings = settings
        self._made: dict[bool, Renderer] = {}

    def of(self, shape: Shape) -> Renderer:
        """The one for that shape. Raises SettingsError for an unknown name."""
        mesh, settings = shape.has_mesh, self._settings
        if mesh not in self._made:
            self._made[mesh] = make_renderer(settings.renderer, rings(settings.views, settings.size), mesh)
        return self._made[mesh]


class _Job(NamedTuple):
    root: Path
    number: int
    settings: LabelSettings
    singly: bool  # only some of the shapes will be asked about


def label(
    collection: Collection,
    settings: LabelSettings,
    workers: int = 1,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda count: None,
    retry_failed: bool = False,
) -> str:
    """Add `knowledge-<teacher>` shards to the collection, or what is missing of them; returns that stem.

    Shapes that came to a shard after it was labelled are labelled too; what is known of the others stays as it is.
    A pretrained teacher's weights are downloaded where they are not there; on a GPU one process asks it, whatever
    `workers` says.

    Results at the edge: a shape of which no view shows a part, because the teacher gives no score, no box, or only ones
    on the background, is a failure with that reason, as is one whose scores are not finite. Where that is all of them,
    the stage ends in an InputError, every time. Ties between parts go to the first in label order.

    Raises:
        SettingsError: unknown teacher, renderer, part or option, or knowledge of other settings is there already.
        MissingError: weights or an extra of the teacher.
        InputError: the collection has no shape, or none that shows a part in any view; weights that can't be read.
    """
    if not len(collection):
        raise InputError(f"{collection.root}: has no shape to label")
    asked = _asked(collection, settings)
    stem = f"knowledge-{settings.teacher}"
    info = {"parts": list(asked.parts), "settings": settings.recorded()}
    if overwrite or not _finished(collection, stem, info, retry_failed):
        teacher = make_teacher(settings.teacher, settings.teacher_options())
        _check(teacher, collection.category, asked.words)
        make_renderer(settings.renderer, rings(1, settings.size), mesh=True)  # for its error
        collection.begin(stem, info, overwrite)
        numbers = [record.number for record in collection.records()]
        jobs = [(number, _Job(collection.root, number, settings, retry_failed)) for number in numbers]
        alone = isinstance(teacher, Pretrained) and has_gpu()
        build_shards(collection, stem, jobs, _samples, 1 if alone else workers, progress, retry_failed)
    if not collection.ids(stem):
        id, reason = collection.failures(stem)[0]
        raise InputError(f"{collection.root}: none of its {len(collection)} shapes could be labelled; {id}: {reason}")
    return stem


def _asked(collection: Collection, settings: LabelSettings) -> Asked:
    """The parts asked for; a teacher is made, which loads libraries, only where there are words of the user's own."""
    try:
        return asked_parts(collection.category, settings.parts)
    except SettingsError:
        teacher = make_teacher(settings.teacher, settings.teacher_options())
        if not (isinstance(teacher, OpenWords) and teacher.any_words):
            raise
    return asked_parts(collection.category, settings.parts, any_words=True)


def _check(teacher: Teacher, category: str, words: tuple[str, ...]) -> None:
    """Raise what the teacher has against this; get weights that are not there, but not for a wrong word."""
    try:
        teacher.check(category, words)
    except MissingError:
        if not isinstance(teacher, Pretrained):
            raise
        teacher.download()
        teacher.check(category, words)


def _finished(collection: Collection, stem: str, info: dict[str, Any], retry_failed: bool) -> bool:
    """Whether all is done with these settings; told without a teacher, whose libraries take seconds to import."""
    todo = {record.number for record in collection.records()}
    whole = collection.finished(stem)
    done = {record.number for record in collection.records(stem) if record.shard in whole}
    if todo - done or (retry_failed and collection.failures(stem)):
        return False
    return collection.is_stage(stem, info) and has_card(collection)


def label_shape(
    shape: Shape,
    teacher: Teacher,
    settings: LabelSettings,
    parts: tuple[str, ...],
    renderers: Renderers | None = None,
) -> Knowledge:
    """Knowledge of one normalised shape, on `settings.points` points sampled from it; see `label_samplings`."""
    return label_samplings(shape, teacher, settings, parts, renderers)[0]


def label_samplings(
    shape: Shape,
    teacher: Teacher,
    settings: LabelSettings,
    parts: tuple[str, ...],
    renderers: Renderers | None = None,
    copies: int = 1,
) -> list[Knowledge]:
    """Knowledge of one normalised shape on several samplings of its points; it is rendered and asked about once.

    Args:
        shape: mesh or cloud.
        teacher: whom to ask.
        settings: renderer, views, size, points and seed are read.
        parts: names in label order.
        renderers: of the same settings; give them where there are several shapes to label.
        copies: samplings, with the seeds `settings.seed` and those that follow it.

    Raises InputError for an answer that is not finite or has another form; one without any score gives no unit.
    """
    shown = _show(shape, settings, renderers or Renderers(settings), copies)
    return _lift(shown, teacher.predict(shown.views, shape.category, parts), teacher, Asked(parts, parts))


class _Shown(NamedTuple):
    """A shape with what a teacher is shown of it, and the points that its answers go to."""

    shape: Shape
    samplings: list[Shape]
    views: list[View]


def _show(shape: Shape, settings: LabelSettings, renderers: Renderers, copies: int = 1) -> _Shown:
    """The views of a shape."""
    samplings = [shape.sampled(settings.points, settings.seed + number) for number in range(copies)]
    views = renderers.of(shape).render(samplings[0] if shape.has_mesh else shape)  # a mesh has points once sampled
    return _Shown(shape, samplings, views)


def _lift(
    shown: _Shown, predictions: list[PixelScores] | list[Boxes], teacher: Teacher, asked: Asked
) -> list[Knowledge]:
    """The answers on the points of every sampling. Raises InputError for those that are none."""
    views = shown.views
    check_predictions(predictions, views, len(asked.parts))
    tolerance = TOLERANCE if views[0].barycentric is not None else CLOUD_TOLERANCE
    meta = {"id": shown.shape.id, "teacher": teacher.name, "parts": list(asked.parts)}
    meta |= teacher.how(shown.shape.category, asked.words) if isinstance(teacher, Pretrained) else {}
    return [lift(views, predictions, s.points, tolerance, meta) for s in shown.samplings if s.points is not None]


class _Group:
    """Shapes about which a teacher is asked at once, when the first answer is needed; each error is its shape's own."""

    def __init__(self, shapes: Sequence[Shape], teacher: Teacher, settings: LabelSettings, asked: Asked) -> None:
        self._shapes, self._teacher, self._settings, self._asked = shapes, teacher, settings, asked
        self._found: list[Knowledge | InputError] = []

    def members(self, number: int, renderers: Renderers) -> list[Member]:
        """The file of one of the shapes."""
        if not self._found:
            self._found = self._all(renderers)
        found = self._found[number]
        if isinstance(found, InputError):
            raise found
        if not len(found.part):
            raise InputError(f"no view shows any of: {', '.join(self._asked.parts)}")
        return [(f"{self._shapes[number].id}.safetensors", found.to_bytes())]

    def _all(self, renderers: Renderers) -> list[Knowledge | InputError]:
        shown = [_kept(partial(_show, shape, self._settings, renderers)) for shape in self._shapes]
        views = [view for one in shown if isinstance(one, _Shown) for view in one.views]
        category = self._shapes[0].category
        try:
            answers = iter(self._teacher.predict(views, category, self._asked.words) if views else [])
        except InputError as error:
            if len(self._shapes) == 1:
                return [error]
            alone = (_Group([shape], self._teacher, self._settings, self._asked) for shape in self._shapes)
            return [group._all(renderers)[0] for group in alone]
        return [
            _kept(partial(self._one, one, list(islice(answers, len(one.views))))) if isinstance(one, _Shown) else one
            for one in shown
        ]

    def _one(self, shown: _Shown, predictions: list[PixelScores] | list[Boxes]) -> Knowledge:
        return _lift(shown, predictions, self._teacher, self._asked)[0]


def _kept(make: Callable[[], T]) -> T | InputError:
    """What is made, or the InputError that it ends in."""
    try:
        return make()
    except InputError as error:
        return error


def _samples(job: _Job) -> Iterator[Sample]:
    """The knowledge of every shape of one shard."""
    collection, settings = Collection.open(job.root), job.settings
    teacher = make_teacher(settings.teacher, settings.teacher_options())
    at_once = 1
    if isinstance(teacher, Pretrained):
        teacher.load()  # here, where an error ends the run and is no failure of a shape
        at_once = 1 if job.singly else max(1, teacher.batch // settings.views)
    asked, renderers = _asked(collection, settings), Renderers(settings)
    shapes = collection.shapes(job.number)
    while some := list(islice(shapes, at_once)):
        group = _Group(some, teacher, settings, asked)
        for number, shape in enumerate(some):
            yield shape.id, partial(group.members, number, renderers)


def labelled_stem(collection: Collection, teacher: str) -> str:
    """The stem of a teacher's knowledge. Raises InputError if shapes are not labelled yet."""
    stem = f"knowledge-{teacher}"
    records = collection.records(stem)
    known = {id for record in records for id in record.samples}
    bare = sum(id not in known for id in collection.ids())
    if bare or not records:
        missing = f"{bare} of its {len(collection)} shapes have no knowledge of the {teacher} teacher"
        raise InputError(f"{collection.root}: {missing}; run `gen3d label` on it first")
    return stem


def read_knowledge(collection: Collection, teacher: str) -> list[Knowledge]:
    """All knowledge of one teacher, in the order of the shapes. Raises InputError if shapes are not labelled yet."""
    stem = labelled_stem(collection, teacher)
    found = [Knowledge.from_bytes(data, id) for id, data in collection.members(stem, "safetensors")]
    if not found:
        raise InputError(f"{collection.root}: none of its shapes could be labelled by the {teacher} teacher")
    return found


def summarise(knowledge: list[Knowledge]) -> list[PartSummary]:
    """Per part over all shapes: units, share of points covered by a unit of it, mean confidence of its units."""
    return part_summary(added(map(knowledge_row, knowledge)), knowledge[0].meta["parts"])


def labelled_summary(collection: Collection, stem: str) -> list[PartSummary]:
    """`summarise` of all that a collection holds of a stem, from its manifest: no knowledge is read."""
    return part_summary(total(collection, stem), collection.stage(stem)["parts"])
