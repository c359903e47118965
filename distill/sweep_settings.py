"""Settings of `gen3d sweep`: a preset whose section `sweep` says for what and for whom the other sections are run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from distill.evaluation import EvalSettings
from distill.experiments import ScoredOn, how_scored, parse_test
from distill.students import STUDENTS
from distill.trainer import DistillSettings
from gen3d.asking import LabelSettings
from gen3d.categories import CATEGORIES, category
from gen3d.errors import SettingsError
from gen3d.generation import GenerateSettings
from gen3d.generators.choice import AUTO, make_generator
from gen3d.settings import Settings, preset_section, validated
from gen3d.teachers import make_teacher

ALL, FRESH = "all", "generated"
FRESH_SEED = 1_000_000  # of the shapes that `test: generated` stands for; none that is trained on has it
STAGES: dict[str, type[Settings]] = {
    "generate": GenerateSettings,
    "label": LabelSettings,
    "distill": DistillSettings,
    "eval": EvalSettings,
}
# What is no section's own: it follows from the category, the seed, the teacher or the test set.
_SET_BY_SWEEP = {
    "generate": ("category", "seed"),
    "label": ("seed",),
    "distill": ("category", "seed", "source", "data", "teacher"),
    "eval": ("dataset", "split", "missing", "pose", "seed"),
}


class SweepSettings(Settings):
    """Settings of `gen3d sweep`. Those of the stages are their own sections of the file."""

    name: str = Field(default="sweep", pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$", description="of the folder")
    categories: tuple[str, ...] = Field(default=(ALL,), min_length=1, description="all, or some of the 16")
    seeds: int = Field(default=1, ge=1, description="runs of each, with shapes, points and training of their own")
    seed: int = Field(default=0, ge=0, description="the first one; the others follow")
    test: tuple[str, ...] = Field(
        default=(), description="a category is scored on the first set that has it: NAME=DIR[,option=value], generated"
    )
    variants: dict[str, dict[str, dict[str, Any]]] = Field(
        default={"default": {}}, min_length=1, description="name -> stage -> settings in the place of the sections'"
    )

    @field_validator("categories", "test", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """One word is a list of one."""
        return (value,) if isinstance(value, str) else value


class Variant(NamedTuple):
    """The settings of every stage. Those that a sweep sets itself are the defaults', or of the first category."""

    name: str
    generate: GenerateSettings
    label: LabelSettings
    distill: DistillSettings
    eval: EvalSettings


class Fresh(NamedTuple):
    """Generated shapes that no student was trained on, in the place of a test set.

    Args:
        settings: of the shapes, but for their category.
    """

    settings: GenerateSettings


Test = ScoredOn | Fresh


class Sweep(NamedTuple):
    """What a sweep file says, checked and complete.

    Args:
        settings: its section `sweep`.
        categories: without repetition.
        variants: in the file's order.
        tests: in the order in which they are tried.
    """

    settings: SweepSettings
    categories: tuple[str, ...]
    variants: tuple[Variant, ...]
    tests: tuple[Test, ...]

    @property
    def seeds(self) -> range:
        """Seeds of the runs."""
        return range(self.settings.seed, self.settings.seed + self.settings.seeds)

    def recorded(self) -> dict[str, Any]:
        """What is kept beside the table."""
        stages = {
            variant.name: {
                stage: getattr(variant, stage).model_dump(exclude=set(_SET_BY_SWEEP[stage])) for stage in STAGES
            }
            for variant in self.variants
        }
        return self.settings.model_dump(exclude={"variants"}) | {"variants": stages}


def read_sweep(file: str | Path, roots: Sequence[str] = (), **options: Any) -> Sweep:
    """A sweep from a file, or from one of `configs/` by its name.

    Args:
        file: a preset: `sweep:` is this stage's section, `generate:`, `label:`, `distill:` and `eval:` are for all.
        roots: NAME=DIR[,option=value] gives a test set another folder; one that the file lacks is tried first.
        options: fields of `SweepSettings`; None means not given.

    Raises:
        SettingsError: naming what is unknown, out of range, or not for a sweep file to set.
    """
    given = {key: value for key, value in options.items() if value is not None}
    stem = re.sub("[^A-Za-z0-9._-]+", "-", Path(file).stem).strip("-._")
    settings = validated(SweepSettings, {"name": stem or "sweep"} | preset_section(file, "sweep") | given)
    words = [word for name in settings.categories for word in (CATEGORIES if name == ALL else (name,))]
    categories = tuple(dict.fromkeys(category(word).name for word in words))
    shared = {stage: preset_section(file, stage) for stage in STAGES}
    base = _variant("", shared, {}, categories[0])
    variants = tuple(_variant(name, shared, own, categories[0]) for name, own in settings.variants.items())
    if settings.seed + settings.seeds > FRESH_SEED:
        raise SettingsError(f"seed = {settings.seed}: seeds end below {FRESH_SEED}, that of `test: {FRESH}`")
    settings = settings.model_copy(update={"test": tuple(_with_roots(settings.test, roots))})
    tests = tuple(_test(text, base.generate) for text in settings.test)
    for test in tests:
        if isinstance(test, ScoredOn):
            how_scored(test, test.options)
    return Sweep(settings, categories, variants, tests)


def _variant(
    name: str, shared: Mapping[str, Mapping[str, Any]], own: Mapping[str, Mapping[str, Any]], first: str
) -> Variant:
    """The sections with a variant's own values in their place."""
    where = f"variants.{name}: " if name else ""
    for stage in own:
        if stage not in STAGES:
            raise SettingsError(f"{where}unknown stage {stage!r}; known are: {', '.join(STAGES)}")
    stages: dict[str, Any] = {}
    for stage, kind in STAGES.items():
        values: dict[str, Any] = {**shared[stage], **own.get(stage, {})}
        for key in _SET_BY_SWEEP[stage]:
            if key in values:
                raise SettingsError(f"{where}{stage}.{key}: a sweep sets it itself; leave it out")
        values |= {"category": first} if "category" in kind.model_fields else {}
        try:
            stages[stage] = validated(kind, values)
        except SettingsError as error:
            raise SettingsError(f"{where}{stage}: {error}") from None
    try:
        _check_names(made := Variant(name, **stages))
    except SettingsError as error:
        raise SettingsError(f"{where}{error}") from None
    return made


def _check_names(variant: Variant) -> None:
    """Raise SettingsError for a generator, a teacher or its options, or a student that there is not."""
    if variant.generate.generator != AUTO:
        make_generator(variant.generate.generator)
    make_teacher(variant.label.teacher, variant.label.teacher_options())
    if variant.distill.student not in STUDENTS:
        raise SettingsError(f"unknown student {variant.distill.student!r}; known are: {', '.join(STUDENTS)}")


def _with_roots(tests: Sequence[str], roots: Sequence[str]) -> list[str]:
    """The test sets with other folders; options that are not given stay."""
    found = {_name(text): text for text in tests}
    if len(found) < len(tests):
        raise SettingsError(f"test = {list(tests)}: names a data set twice")
    new: dict[str, str] = {}
    for root in roots:
        at = parse_test(root)
        old = parse_test(found[at.dataset]) if at.dataset in found else at
        options = "".join(f",{key}={value}" for key, value in (old.options | at.options).items())
        place = found if at.dataset in found else new
        place[at.dataset] = f"{at.dataset}={at.root}{options}"
    return [*new.values(), *found.values()]


def _name(text: str) -> str:
    """Of a test set."""
    return FRESH if text.split(",")[0] == FRESH else parse_test(text).dataset


def _test(text: str, made: GenerateSettings) -> Test:
    """A test set from its text, as "psb=DIR", "generated" or "generated,n=24"."""
    if _name(text) != FRESH:
        return parse_test(text)
    n: Any = 50
    for option in text.split(",")[1:]:
        key, _, n = option.partition("=")
        if key != "n":
            raise SettingsError(f"test = {text!r}: {FRESH} has one option, as in {FRESH},n=24")
    shapes = validated(GenerateSettings, {"category": made.category, "n": n})
    return Fresh(made.model_copy(update={"n": shapes.n, "seed": FRESH_SEED}))
