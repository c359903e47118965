"""The `label` stage: renders a collection, asks a teacher, and keeps what it says as knowledge beside the shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from gen3d.asking import Group, LabelSettings, Renderers
from gen3d.building import build_shards
from gen3d.collection import Collection
from gen3d.crew import Workers, crew_of
from gen3d.data_card import has_card
from gen3d.environment import has_gpu
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.knowledge import Knowledge
from gen3d.part_statistics import PartSummary, added, knowledge_row, part_summary, renderer_counts, total
from gen3d.part_words import Asked, asked_parts
from gen3d.rendering import chosen_renderer, make_renderer
from gen3d.rendering.styles import style_of
from gen3d.shape import Shape
from gen3d.shards import Sample
from gen3d.teachers import ByShape, OpenWords, Pretrained, make_teacher
from gen3d.teachers.predictions import Teacher


class _Job(NamedTuple):
    shapes: Collection  # of the one shard: a manifest of a million rows is not read by every worker again
    settings: LabelSettings
    singly: bool  # only some of the shapes will be asked about


def label(
    collection: Collection,
    settings: LabelSettings,
    workers: Workers = 1,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda count: None,
    retry_failed: bool = False,
) -> str:
    """Add `knowledge-<teacher>` shards to the collection, or what is missing of them; returns that stem.

    Shapes that came to a shard after it was labelled are labelled too; what is known of the others stays as it is.
    A pretrained teacher's weights are downloaded where they are not there; on a GPU of this machine one process asks
    it, whatever number of `workers` there is.

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
    settings = _sized(collection, stem, settings, overwrite)
    info = {"parts": list(asked.parts), "settings": settings.recorded()}
    if overwrite or not _finished(collection, stem, info, retry_failed):
        teacher = make_teacher(settings.teacher, settings.teacher_options())
        ready(teacher, collection.category, asked.words)
        if isinstance(teacher, ByShape):
            teacher.check_shapes(collection.ids(), settings.views)
        make_renderer(settings.renderer, (), mesh=True)  # for its error
        collection.begin(stem, info, overwrite)
        shards = collection.records()
        jobs = [(shard.number, _Job(collection.only(shard), settings, retry_failed)) for shard in shards]
        alone = crew_of(workers).here and isinstance(teacher, Pretrained) and has_gpu()
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
            teacher.check(collection.category, settings.parts or ())  # says what it knows
            raise
    return asked_parts(collection.category, settings.parts, any_words=True)


def ready(teacher: Teacher, category: str, words: tuple[str, ...]) -> None:
    """Raise what the teacher has against these words; get weights that are not there, but not for a wrong word."""
    try:
        teacher.check(category, words)
    except MissingError:
        if not isinstance(teacher, Pretrained):
            raise
        teacher.download()
        teacher.check(category, words)


def _sized(collection: Collection, stem: str, settings: LabelSettings, overwrite: bool) -> LabelSettings:
    """The settings with a size: the one asked for, that of the labelling they go on with, or what suits the teacher."""
    if settings.size is not None:
        return settings
    before = {} if overwrite else collection.stage(stem).get("settings", {})
    size = before.get("size") or style_of(make_teacher(settings.teacher, settings.teacher_options())).size
    return settings.model_copy(update={"size": size})


def _finished(collection: Collection, stem: str, info: dict[str, Any], retry_failed: bool) -> bool:
    """Whether all is done with these settings; told without a teacher, whose libraries take seconds to import."""
    todo = {record.number for record in collection.records()}
    whole = collection.finished(stem)
    done = {record.number for record in collection.records(stem) if record.shard in whole}
    if todo - done or (retry_failed and collection.failures(stem)):
        return False
    return collection.is_stage(stem, info) and has_card(collection)


def _samples(job: _Job) -> Iterator[Sample]:
    """The knowledge of every shape of one shard."""
    collection, settings = job.shapes, job.settings
    teacher = make_teacher(settings.teacher, settings.teacher_options())
    at_once = 1
    if isinstance(teacher, Pretrained):
        teacher.load()  # here, where an error ends the run and is no failure of a shape
        at_once = 1 if job.singly else max(1, teacher.batch // settings.views)
    asked, renderers = _asked(collection, settings), Renderers(settings, style_of(teacher))
    shapes = collection.shapes()
    while some := list(islice(shapes, at_once)):
        group = Group(some, teacher, settings, asked)
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


def renderers_for(shapes: Sequence[Shape], name: str) -> dict[str, int]:
    """Which renderers a setting such as "auto" stands for with these shapes, and of how many of them."""
    return dict(Counter(chosen_renderer(name, shape.has_mesh) for shape in shapes))


def renderers_used(collection: Collection, stem: str) -> dict[str, int]:
    """Which renderers a stem's views were made by, and of how many shapes; empty for knowledge of older versions."""
    return renderer_counts(total(collection, stem))


def labelled_summary(collection: Collection, stem: str) -> list[PartSummary]:
    """`summarise` of all that a collection holds of a stem, from its manifest: no knowledge is read."""
    return part_summary(total(collection, stem), collection.stage(stem)["parts"])
