"""What a source is worth: students from generated, real and mixed collections, scored on the same labelled shapes.

Every stage is resumable, so the experiment is: typed again, it goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from distill.datasets import DATASETS
from distill.distillation import distill, source_folders
from distill.evaluation import EvalSettings, read_dataset
from distill.experiment_tables import SOURCES, Cell, Row, bars, markdown
from distill.scoring import Subject, score
from distill.trainer import DistillSettings
from gen3d.categories import CATEGORIES
from gen3d.categories import category as known_category
from gen3d.collection import Collection
from gen3d.errors import InputError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.importing import ImportSettings, import_shapes
from gen3d.inputs import find_inputs
from gen3d.labelling import LabelSettings, label
from gen3d.record import settle_record, write_record
from gen3d.settings import Settings
from gen3d.storage import atomic_write, make_folder

BATCH = DistillSettings.model_fields["batch"].default


class ExperimentSettings(Settings):
    """Settings of `gen3d experiment sources`."""

    categories: tuple[str, ...] = ("chair", "table", "airplane", "mug", "guitar")
    seeds: int = Field(default=3, ge=1, description="runs of each, with shapes, points and training of their own")
    n: int = Field(default=500, ge=1, description="generated shapes per category and seed")
    epochs: int = Field(default=20, ge=1)
    steps: int | None = Field(
        default=None,
        ge=1,
        description="batches per epoch, the same for all sources; as many as hold the generated shapes",
    )
    ratio: float = Field(default=0.5, gt=0, lt=1, description="share of real shapes in every batch of mixed sources")
    teacher: str = "lite"
    align: bool = Field(default=True, description="find the pose of real shapes")
    passes: int = Field(default=16, ge=1, description="of the student, averaged (voting)")
    leave_out: dict[str, tuple[str, ...]] = Field(default={}, description="category -> parts that are not scored")


class ScoredOn(NamedTuple):
    """A labelled set: its name in `DATASETS`, its folder, and options of its reader such as a split."""

    dataset: str
    root: Path
    options: dict[str, str]


def parse_test(text: str) -> ScoredOn:
    """A labelled set from "psb=DIR" or "shapenetpart=DIR,split=val". Raises SettingsError where it is none."""
    pairs = [part.partition("=") for part in text.split(",")]
    name, _, folder = pairs[0]
    if name not in DATASETS or not all(value for _, _, value in pairs):
        raise SettingsError(f"test = {text!r}: give NAME=DIR[,option=value], NAME one of {', '.join(DATASETS)}")
    return ScoredOn(name, Path(folder), {key: value for key, _, value in pairs[1:]})


def parse_real(texts: Sequence[str], categories: Sequence[str]) -> dict[str, list[str]]:
    """Category -> paths of real shapes, from paths that may hold any category, and "chair=PATH" for one alone."""
    found: dict[str, list[str]] = {name: [] for name in categories}
    for text in texts:
        name, sign, path = text.partition("=")
        if sign and name in CATEGORIES:
            found.get(name, []).append(path)
        else:
            for paths in found.values():
                paths.append(text)
    return found


class Sources(NamedTuple):
    """One experiment: what is run, on what, and where everything goes.

    Args:
        real: category -> paths of real shapes as `gen3d import` takes them.
        collections: category -> collection of unlabelled real shapes, in the place of paths.
        sources: which of `SOURCES` are run.
        label: how teachers are asked; their name and the seed are the settings'.
    """

    settings: ExperimentSettings
    real: Mapping[str, list[str]]
    tests: Sequence[ScoredOn]
    out: Path
    workers: int = 1
    collections: Mapping[str, Path] = {}
    sources: Sequence[str] = SOURCES
    label: LabelSettings = LabelSettings()

    def recorded(self) -> dict[str, Any]:
        """What is kept beside the results, and must be the same to go on; further seeds and sources may come."""
        tests = [[test.dataset, str(test.root), test.options] for test in self.tests]
        found = {"settings": self.settings.model_dump(exclude={"seeds"}), "real": dict(self.real), "tests": tests}
        if self.label != LabelSettings():
            found["label"] = self.label.recorded()
        return found

    def asking(self, seed: int) -> LabelSettings:
        """How the teacher is asked about shapes of a seed."""
        return self.label.model_copy(update={"teacher": self.settings.teacher, "seed": seed})


def run_sources(job: Sources, report: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Run what is missing of the experiment, write its table and chart.

    Real shapes are imported and labelled by the teacher like generated ones; labels they carry are not used. A category
    is scored on the first set that has it, and one that none has is only named in the table.

    Args:
        job: `out` gets collections, students and scores per category, `experiment.json`, `table.md` and `sources.png`.
        report: called with a line for every step.

    Returns:
        What `experiment.json` holds: the settings and one row per category.

    Raises:
        SettingsError: an unknown category, or `out` holds an experiment of other settings.
        Gen3dError: of the stages.
    """
    plan = [_plan(job, known_category(name).name) for name in job.settings.categories]
    make_folder(job.out)
    settle_record(job.out / "settings.json", job.recorded())
    for row, test in plan:
        if test is not None:
            for cell in _cells(job, row.category, test, report):
                row.cells.append(cell)
                _write(job, plan)
    return _write(job, plan)


Plan = list[tuple[Row, ScoredOn | None]]


def _plan(job: Sources, name: str) -> tuple[Row, ScoredOn | None]:
    """The row of a category, still empty, and what it will be scored on, or why it can't be."""
    reasons = []
    for test in job.tests:
        try:
            found = read_dataset(_how(job.settings, test, name, 0), name, test.root)
        except (SettingsError, InputError) as error:
            reasons.append(str(error))
            continue
        parts = ", ".join(part for part in found.parts if part not in job.settings.leave_out.get(name, ()))
        return Row(name, f"{test.dataset}, {len(found.shapes)} shapes, {parts}"), test
    return Row(name, f"not scored: {'; '.join(reasons) or 'no labelled set is given'}"), None


def _cells(job: Sources, name: str, test: ScoredOn, report: Callable[[str], None]) -> Iterator[Cell]:
    """The scores of one category, seed by seed."""
    there = bool(job.real.get(name)) or name in job.collections
    wanted = [source for source in job.sources if there or source == "generated"]
    if wanted != ["generated"]:
        report(f"{name}: real shapes")
        _real(job, name)
    for seed in range(job.settings.seeds):
        if wanted != ["real"]:
            report(f"{name}, seed {seed}: generated shapes")
            _generated(job, name, seed)
        for source in wanted:
            report(f"{name}, seed {seed}: {source}")
            yield _cell(job, name, source, seed, test)


def _folders(job: Sources, name: str, seed: int) -> tuple[Path, Path]:
    """The collections of generated shapes of a seed, and of real ones."""
    folder = job.out / name
    return folder / f"generated-{seed}", job.collections.get(name, folder / "real")


def _real(job: Sources, name: str) -> None:
    """Import and label the real shapes of a category; those of which nothing could be made stay out."""
    _, root = _folders(job, name, 0)
    if name not in job.collections:
        found = find_inputs(list(job.real[name]), name)
        import_shapes(ImportSettings(category=name, align=job.settings.align), found, root, job.workers)
    label(Collection.open(root), job.asking(0), job.workers)


def _generated(job: Sources, name: str, seed: int) -> None:
    """Generate and label the shapes of one seed."""
    root, _ = _folders(job, name, seed)
    made = GenerateSettings(category=name, generator="procedural", n=job.settings.n, seed=seed)
    label(generate(made, root, job.workers), job.asking(seed), job.workers)


def _cell(job: Sources, name: str, source: str, seed: int, test: ScoredOn) -> Cell:
    """Distil one student and score it."""
    settings, folder = job.settings, job.out / name
    budget = settings.steps or -(-settings.n // BATCH)
    shared = {"teacher": settings.teacher, "epochs": settings.epochs, "ratio": settings.ratio}
    how = DistillSettings(category=name, source=source, steps=budget, seed=seed, **shared)
    student = folder / f"student-{source}-{seed}"
    distill(source_folders(source, *_folders(job, name, seed)), how, student)
    subject = Subject(student=str(student), category=name)
    found, _, _ = score(subject, test.root, _how(settings, test, name, seed), folder / f"scores-{source}-{seed}", False)
    return Cell(source, seed, found["miou"], found["worst_half"], found["parts"])


def _how(settings: ExperimentSettings, test: ScoredOn, name: str, seed: int) -> EvalSettings:
    """How a category is scored."""
    given = {"passes": settings.passes, "seed": seed} | test.options
    return how_scored(test, given | {"leave_out": settings.leave_out.get(name, ())})


def how_scored(test: ScoredOn, given: Mapping[str, Any]) -> EvalSettings:
    """Settings of an evaluation on a labelled set. Raises SettingsError naming an option that there is not."""
    try:
        return EvalSettings(**{"dataset": test.dataset, **given})
    except ValidationError as error:
        raise SettingsError(f"test {test.dataset}: {error.errors()[0]['loc'][0]} is no option of it") from None


def _write(job: Sources, plan: Plan) -> dict[str, Any]:
    """Keep what is known so far."""
    rows = [row for row, _ in plan]
    result = {"settings": job.settings.model_dump(), "rows": [row.as_dict() for row in rows]}
    write_record(job.out / "experiment.json", result)
    atomic_write(job.out / "table.md", markdown(rows).encode())
    atomic_write(job.out / "sources.png", bars(rows))
    return result
