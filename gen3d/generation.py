"""The `generate` stage: a prompt's shapes as a collection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from pydantic import Field

from gen3d.building import build_shards
from gen3d.categories import any_category, category
from gen3d.collection import INFO, SHAPES, Collection, read_info, shape_id, shape_members, shape_seed
from gen3d.crew import Workers, crew_of
from gen3d.duplicates import Seen
from gen3d.environment import has_gpu
from gen3d.errors import InputError, SettingsError
from gen3d.filters import FilterSettings, Panel, first_accepted
from gen3d.generators import Batched, Generator, Pretrained, Tunable, Wanted, Worded
from gen3d.generators.choice import AUTO, EMBEDDED, choose, make_generator, package_of
from gen3d.prompts import LONGEST, digest, drawn_prompt, prompts_of
from gen3d.shape import Shape
from gen3d.shards import Member, Sample
from gen3d.storage import Place, place

# Of generators; each says which it has.
OPTIONS = ("weights", "revision", "guidance", "steps", "points", "precision", "mesh", "resolution", "heading", "batch")


class GenerateSettings(FilterSettings):
    """Settings of `gen3d generate`. Those of `OPTIONS` belong to the generator: None takes its default."""

    category: str
    prompt: str | None = Field(default=None, max_length=LONGEST, description="what they should be like; None: anything")
    prompts_file: str | None = Field(default=None, description="text with a prompt per line, drawn for each shape")
    n: int = Field(default=500, ge=1, description="number of shapes")
    generator: str = Field(default=AUTO, description="auto: see `gen3d.generators.choice`")
    seed: int = Field(default=0, ge=0)
    shard: int = Field(default=50, ge=1, description="shapes per shard, the unit of work and of resuming")
    weights: str | None = Field(default=None, description="folder of the generator's weights")
    revision: str | None = Field(default=None, description="of the weights in the Hub")
    guidance: float | None = None
    steps: int | None = None
    points: int | None = None
    precision: str | None = None
    mesh: bool | None = None
    resolution: int | None = None
    heading: str | None = None
    batch: int | None = None

    def recorded(self) -> dict[str, Any]:
        """What is kept beside the shapes; what is not set or has no effect is left out, as before there was any.

        So is `batch`: who runs out of memory goes on with another one.
        """
        return self.model_dump(exclude_none=True, exclude=self.without_effect() | {"batch"})


class _Job(NamedTuple):
    settings: GenerateSettings
    prompts: tuple[str | None, ...]
    start: int
    stop: int
    seen: Seen | None  # where duplicates are looked for; then one process makes all
    made: Collection | None  # that it looks at, as far as it is made
    singly: bool  # only some of the shapes will be asked for


def generate(  # noqa: PLR0913 (what to make and how to run it)
    settings: GenerateSettings,
    root: str | Place,
    workers: Workers = 1,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda count: None,
    retry_failed: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Collection:
    """Make the collection in `root`, or what is missing of it; the bytes depend on the settings alone.

    With `retry_failed` also the shapes that failed before. `tell` is called with lines on what was chosen for the user.

    Raises:
        SettingsError: unknown generator, a category that it or a filter can't do, a prompt that it can't follow, or
            `root` holds a collection of other settings.
        MissingError: weights that are not there.
        StorageError: see `gen3d.collection`.
    """
    row = any_category(settings.category)
    _refuse_idle(settings)
    settings, reason = _chosen(settings, None if overwrite else _made_by(place(root)))
    generator = _generator(settings)
    if isinstance(generator, Pretrained):
        generator.download()
    prompts = prompts_of(row.name, generator, settings.prompt, settings.prompts_file)
    info = _info(settings, generator, prompts) | Panel(settings).prepare(row.name)
    collection = Collection.create(root, info, overwrite)
    choice = f"generator: {generator.name} ({reason})" if reason else ""
    at_once = settings.generator != EMBEDDED  # what may work for hours is said before; an error stays one line else
    if choice and at_once:
        tell(choice)
    seen = Seen() if "duplicates" in (settings.filter or ()) else None
    starts = range(0, settings.n, settings.shard)
    ends = [(start, min(start + settings.shard, settings.n)) for start in starts]
    jobs = [(i, _Job(settings, prompts, *ends[i], seen, seen and collection, retry_failed)) for i in range(len(ends))]
    if len(collection) < settings.n and isinstance(generator, Pretrained) and (slow := generator.slow()) is not None:
        tell(slow)
    batched = crew_of(workers).here and isinstance(generator, Batched) and has_gpu()
    shared = batched or seen is not None  # one process
    build_shards(collection, SHAPES, jobs, _samples, 1 if shared else workers, progress, retry_failed)
    if choice and not at_once:
        tell(choice)
    return collection


def _info(settings: GenerateSettings, generator: Generator, prompts: tuple[str | None, ...]) -> dict[str, Any]:
    """What is kept of the collection: what it holds, and all that decides its bytes."""
    row, package = any_category(settings.category), package_of(settings.generator)
    info = {
        "category": row.name,
        "parts": list(row.parts),
        "generator": generator.name,
        "seed": settings.seed,
        "count": settings.n,
        "licence": generator.licence,
        "settings": settings.recorded(),
    }
    info |= {} if settings.prompts_file is None else {"prompts": digest([line for line in prompts if line])}
    return info | ({} if package is None else {"package": package})


def vocabulary(settings: GenerateSettings) -> dict[str, dict[str, dict[str, list[str]]]]:
    """The words that `prompt` may have: trait -> word or phrase -> all the traits it asks for, with their values.

    A phrase stands under the first trait it asks for, one that asks for nothing new under "". "" is also the value of a
    trait that a shape lacks.

    Raises:
        SettingsError: unknown category or generator, or one that takes any text.
    """
    row = category(settings.category)
    generator = _generator(
        settings.model_copy(update={"generator": EMBEDDED}) if settings.generator == AUTO else settings
    )
    if not isinstance(generator, Worded):
        raise SettingsError(f"--vocabulary: {generator.name} has no list of words; its --prompt takes any text")
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for phrase, wish in generator.vocabulary(row.name).items():
        trait = next(iter(wish), "")
        found.setdefault(trait, {})[phrase] = {name: list(values) for name, values in wish.items()}
    return dict(sorted(found.items()))


def _generator(settings: GenerateSettings) -> Generator:
    """The generator with its options. Raises SettingsError for an unknown one, or an option it does not have."""
    name = settings.generator
    generator = make_generator(name)
    values: dict[str, Any] = {option: getattr(settings, option) for option in OPTIONS}
    given = {option: value for option, value in values.items() if value is not None}
    if isinstance(generator, Tunable):
        return generator.tuned(given)
    if given:
        raise SettingsError(f"--{next(iter(given))} = {next(iter(given.values()))!r}: {name} has no such option")
    return generator


def _chosen(settings: GenerateSettings, made_by: str | None) -> tuple[GenerateSettings, str]:
    """With the generator that `auto` stands for, and why it is that one; "" where there was nothing to choose."""

    def named(name: str) -> GenerateSettings:
        return settings.model_copy(update={"generator": name})

    if settings.generator != AUTO:
        return settings, ""
    if made_by is not None:
        return named(made_by), ""
    name, reason = choose(lambda name: _generator(named(name)).check(settings.category))
    return named(name), reason


def _made_by(root: Place) -> str | None:
    """The generator of the collection that is to be gone on with, if there is one."""
    with contextlib.suppress(InputError):  # a damaged record is judged where it is written
        if (root / INFO).is_file():
            return read_info(root).get("settings", {}).get("generator")
    return None


def _refuse_idle(settings: GenerateSettings) -> None:
    """Raise SettingsError for a limit that is given but whose filter is off."""
    for name in sorted(settings.model_fields_set & settings.without_effect()):
        raise SettingsError(f"--{name.replace('_', '-')}: has no effect, since its --filter is not on")


def _samples(job: _Job) -> Iterator[Sample]:
    """The shapes of one shard."""
    settings, generator = job.settings, _generator(job.settings)
    panel = Panel(settings, job.seen)
    if job.seen is not None and job.made is not None:
        job.seen.recall(job.made, job.start // settings.shard)

    def wanted(index: int, attempt: int = 0) -> Wanted:
        prompt = drawn_prompt(job.prompts, settings.seed, index)
        id = shape_id(settings.category, index)
        return Wanted(settings.category, shape_seed(settings.seed, index, attempt), id, prompt)

    make = _one_by_one(generator, range(job.start, job.stop), wanted, job.singly)

    def members(index: int) -> list[Member]:
        own = partial(make, index)
        return shape_members(first_accepted(own, panel) if settings.filter else own(0))

    for index in range(job.start, job.stop):
        yield shape_id(settings.category, index), partial(members, index)


def _one_by_one(
    generator: Generator, indices: range, wanted: Callable[..., Wanted], singly: bool
) -> Callable[[int, int], Shape]:
    """From a shape's index and an attempt to that shape, made with those after it where the generator likes that."""
    if isinstance(generator, Batched) and generator.batch > 1 and not singly:
        from gen3d.generators.ahead import Ahead

        ahead = Ahead(generator, [(index, wanted(index)) for index in indices])
        return lambda index, attempt: ahead.shape(index, attempt, wanted(index, attempt))
    return lambda index, attempt: generator.generate(*wanted(index, attempt))
