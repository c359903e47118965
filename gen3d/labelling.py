"""The `label` stage: renders a collection, asks a teacher, and keeps what it says as knowledge beside the shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from gen3d.building import build_shards
from gen3d.categories import category
from gen3d.collection import Collection
from gen3d.data_card import has_card
from gen3d.errors import InputError, SettingsError
from gen3d.knowledge import CLOUD_TOLERANCE, TOLERANCE, Knowledge, lift
from gen3d.part_statistics import PartSummary, added, knowledge_row, part_summary, renderer_counts, total
from gen3d.rendering import AUTO, Renderer, chosen_renderer, make_renderer
from gen3d.rendering.cameras import rings
from gen3d.rendering.styles import PLAIN, ViewStyle, dressed, style_of
from gen3d.settings import Settings
from gen3d.shape import Shape
from gen3d.shards import Member, Sample
from gen3d.teachers import make_teacher
from gen3d.teachers.predictions import Teacher, check_predictions


class LabelSettings(Settings):
    """Settings of `gen3d label`."""

    teacher: str = "lite"
    parts: tuple[str, ...] | None = Field(default=None, description="part names or synonyms to ask for; all by default")
    renderer: str = AUTO
    views: int = Field(default=10, ge=1)
    size: int | None = Field(default=None, ge=32, description="pixels; what suits the teacher if not set")
    points: int = Field(default=2048, ge=512, description="points per shape that knowledge is lifted to")
    seed: int = Field(default=0, ge=0)


class Renderers:
    """The settings' renderers of meshes and of clouds, each made once: their rays are shared by all shapes.

    Args:
        settings: renderer, views and size are read.
        style: the teacher's, whose size counts where the settings have none.
    """

    def __init__(self, settings: LabelSettings, style: ViewStyle = PLAIN) -> None:
        self._name, self._cameras = settings.renderer, rings(settings.views, settings.size or style.size)
        self._made: dict[bool, Renderer] = {}

    def of(self, shape: Shape) -> Renderer:
        """The one for that shape. Raises SettingsError for an unknown name."""
        mesh = shape.has_mesh
        if mesh not in self._made:
            self._made[mesh] = make_renderer(self._name, self._cameras, mesh)
        return self._made[mesh]


class _Job(NamedTuple):
    root: Path
    number: int
    settings: LabelSettings


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

    Results at the edge: a shape of which no view shows a part, because the teacher gives no score, no box, or only ones
    on the background, is a failure with that reason, as is one whose scores are not finite. Where that is all of them,
    the stage ends in an InputError, every time. Ties between parts go to the first in label order.

    Raises:
        SettingsError: unknown teacher, renderer or part, or knowledge of other settings is there already.
        InputError: the collection has no shape, or none that shows a part in any view.
    """
    if not len(collection):
        raise InputError(f"{collection.root}: has no shape to label")
    parts = asked_parts(collection.category, settings.parts)
    stem = f"knowledge-{settings.teacher}"
    settings = _sized(collection, stem, settings, overwrite)
    info = {"parts": list(parts), "settings": settings.model_dump()}
    if overwrite or not _finished(collection, stem, info, retry_failed):
        make_teacher(settings.teacher).check(collection.category, parts)
        make_renderer(settings.renderer, (), mesh=True)  # for its error
        collection.begin(stem, info, overwrite)
        jobs = [(record.number, _Job(collection.root, record.number, settings)) for record in collection.records()]
        build_shards(collection, stem, jobs, _samples, workers, progress, retry_failed)
    if not collection.ids(stem):
        id, reason = collection.failures(stem)[0]
        raise InputError(f"{collection.root}: none of its {len(collection)} shapes could be labelled; {id}: {reason}")
    return stem


def _sized(collection: Collection, stem: str, settings: LabelSettings, overwrite: bool) -> LabelSettings:
    """The settings with a size: the one asked for, that of the labelling they go on with, or what suits the teacher."""
    if settings.size is not None:
        return settings
    before = {} if overwrite else collection.stage(stem).get("settings", {})
    size = before.get("size") or style_of(make_teacher(settings.teacher)).size
    return settings.model_copy(update={"size": size})


def _finished(collection: Collection, stem: str, info: dict[str, Any], retry_failed: bool) -> bool:
    """Whether all is done with these settings; told without a teacher, whose libraries take seconds to import."""
    todo = {record.number for record in collection.records()}
    whole = collection.finished(stem)
    done = {record.number for record in collection.records(stem) if record.shard in whole}
    if todo - done or (retry_failed and collection.failures(stem)):
        return False
    return collection.is_stage(stem, info) and has_card(collection)


def asked_parts(name: str, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """The category's own names of the parts asked for, or all of them. Raises SettingsError for unknown ones."""
    row = category(name)
    if asked is None:
        return row.parts
    chosen = {row.part_index(part) for part in asked}
    if not chosen:
        raise SettingsError(f"parts: no part is asked for; {name} has: {', '.join(row.parts)}")
    return tuple(row.parts[i] for i in sorted(chosen))


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
        renderers: of the same settings and the teacher's style; give them where there are several shapes to label.
        copies: samplings, with the seeds `settings.seed` and those that follow it.

    Raises InputError for an answer that is not finite or has another form; one without any score gives no unit.
    """
    samplings = [shape.sampled(settings.points, settings.seed + number) for number in range(copies)]
    style = style_of(teacher)
    renderer = (renderers or Renderers(settings, style)).of(shape)
    whole = samplings[0] if shape.has_mesh else shape  # a mesh has points to splat once sampled
    views = dressed(whole, renderer.render(whole), style)
    predictions = teacher.predict(views, shape.category, parts)
    check_predictions(predictions, views, len(parts))
    tolerance = TOLERANCE if views[0].barycentric is not None else CLOUD_TOLERANCE
    meta = {"id": shape.id, "teacher": teacher.name, "parts": list(parts), "renderer": renderer.name}
    return [lift(views, predictions, s.points, tolerance, meta) for s in samplings if s.points is not None]


def _samples(job: _Job) -> Iterator[Sample]:
    """The knowledge of every shape of one shard."""
    collection = Collection.open(job.root)
    teacher = make_teacher(job.settings.teacher)
    parts = asked_parts(collection.category, job.settings.parts)
    renderers = Renderers(job.settings, style_of(teacher))

    def members(shape: Shape) -> list[Member]:
        knowledge = label_shape(shape, teacher, job.settings, parts, renderers)
        if not len(knowledge.part):
            raise InputError(f"no view shows any of: {', '.join(parts)}")
        return [(f"{shape.id}.safetensors", knowledge.to_bytes())]

    for shape in collection.shapes(job.number):
        yield shape.id, partial(members, shape)


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


def renderers_for(shapes: Sequence[Shape], name: str) -> dict[str, int]:
    """Which renderers a setting such as "auto" stands for with these shapes, and of how many of them."""
    return dict(Counter(chosen_renderer(name, shape.has_mesh) for shape in shapes))


def renderers_used(collection: Collection, stem: str) -> dict[str, int]:
    """Which renderers a stem's views were made by, and of how many shapes; empty for knowledge of older versions."""
    return renderer_counts(total(collection, stem))


def labelled_summary(collection: Collection, stem: str) -> list[PartSummary]:
    """`summarise` of all that a collection holds of a stem, from its manifest: no knowledge is read."""
    return part_summary(total(collection, stem), collection.stage(stem)["parts"])
