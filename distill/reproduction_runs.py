"""How one cell of the paper's tables is measured: data, teacher and method are checked first, then stages are run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from distill.baselines import BASELINES, make_baseline
from distill.datasets import DATASETS
from distill.datasets.labelled import LabelledSet
from distill.distillation import distill
from distill.evaluation import EvalSettings, read_dataset
from distill.experiments import ScoredOn, Sources, run_sources
from distill.reproduction_plan import MADE, NO_SPLITS, REAL, SPLITS, STUDENT, TTA, Place
from distill.reproduction_scores import SOURCES, seed_folders
from distill.reproduction_settings import ReproduceSettings
from distill.scoring import Subject, is_whole, score
from distill.unlabelled import unlabelled
from gen3d.asking import LabelSettings
from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.importing import ImportSettings, import_shapes
from gen3d.inputs import find_inputs
from gen3d.labelling import label, ready
from gen3d.settings import resolve
from gen3d.teachers import make_teacher

DATA, WEIGHTS, TEACHER, MESHES, EXTRA, METHOD = (
    f"needs {what}" for what in ("data", "weights", "another teacher", "meshes", "extra", "method")
)


class UnmetError(Exception):
    """What a cell needs is not there. Not an error of the run: the cell says it."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(f"{state}: {reason}")
        self.state, self.reason = state, reason


class Test(NamedTuple):
    """What a cell is scored on: where it is, the parts that are scored, whether all shapes of it are meshes."""

    __test__ = False

    at: ScoredOn
    parts: tuple[str, ...]
    meshes: bool


class Run:
    """Measures cells; remembers which data could be read and which weights are missing.

    Args:
        settings, roots, real, out, workers: see `distill.reproduction.Job`.
        report: called with a line for every step.
    """

    def __init__(
        self,
        settings: ReproduceSettings,
        roots: Mapping[str, ScoredOn],
        real: Mapping[str, Sequence[str]],
        out: Path,
        workers: int,
        report: Callable[[str], None],
    ) -> None:
        self.settings, self.roots, self.real = settings, roots, real
        self.out, self.workers, self.report = out, workers, report
        self._tests: dict[tuple[str, str], Test | str] = {}
        self._lacking: dict[str, str] = {}

    def check(self, places: Sequence[Place]) -> None:
        """Raise SettingsError for a teacher, a baseline or an option of theirs that there is not."""
        for method, options in self.settings.baselines.items():
            make_baseline(method, options)
        for at in self.roots.values():
            self._how(at, 0)
        for asked in {self.settings.asking(place).teacher: self.settings.asking(place) for place in places}.values():
            make_teacher(asked.teacher, asked.teacher_options())

    def measure(self, place: Place) -> bool:
        """Compute what is missing of a cell; whether there was anything to do.

        Raises UnmetError where it can't be, and Gen3dErrors of the stages.
        """
        folders = seed_folders(self.settings, self.out, place)
        if all(map(is_whole, folders)):
            return False
        test, asked = self._test(place), self.settings.asking(place)
        if place.row.paper.data == "mesh" and not test.meshes:
            raise UnmetError(MESHES, f"{test.at.dataset} at {test.at.root} has clouds")
        if place.row.run not in (STUDENT, TTA, *SOURCES, *BASELINES):
            raise UnmetError(METHOD, f"gen3d has no method {place.row.run!r}")
        self._check_teacher(asked, place.column.category, test.parts)
        self.report(f"{place.address}: measuring")
        try:
            self._run(place, test, asked, folders)
        except MissingError as error:
            raise UnmetError(EXTRA, str(error)) from None
        return True

    def _run(self, place: Place, test: Test, asked: LabelSettings, folders: list[Path]) -> None:
        """All seeds of a cell."""
        if place.row.run in SOURCES:
            return self._sources(place, test, asked)
        for seed, folder in enumerate(folders):
            student = self._student(place, test, asked, seed) if place.row.run == STUDENT else None
            subject = Subject(
                method=place.row.run,
                student=student and str(student),
                category=place.column.category,
                label=asked,
                tta=self.settings.tta,
                options=dict(self.settings.baselines.get(place.row.run, {})),
            )
            self.report(f"{place.address}: scoring, seed {seed}")
            score(subject, test.at.root, self._how(test.at, seed), folder, overwrite=False)

    # --- what is scored on ---

    def _test(self, place: Place) -> Test:
        """The first data set that is given and can be read. Raises UnmetError with what was wrong with each."""
        row, column = place
        own = column.data or row.data
        reasons = []
        for name in (*own, *column.stand_ins):
            if name in self.roots:
                found = self._tested(self.roots[name], column.category)
                if isinstance(found, Test):
                    return found
                reasons.append(f"{name}: {found}")
        raise UnmetError(DATA, "; ".join(reasons) or f"{own[0]}: give its folder, --root {own[0]}=DIR")

    def _tested(self, at: ScoredOn, category: str) -> Test | str:
        """The test shapes of a category, read once a run, or why they can't be."""
        key = (at.dataset, category)
        if key not in self._tests:
            try:
                found = read_dataset(self._how(at, 0), category, at.root)
                self._tests[key] = Test(at, found.parts, found.shapes[0].has_mesh)
            except (InputError, SettingsError) as error:
                self._tests[key] = str(error)
        return self._tests[key]

    def _how(self, at: ScoredOn, seed: int, split: str | None = None) -> EvalSettings:
        """How shapes of a data set are read and scored; `split` in the place of the one that is scored."""
        takes = inspect.signature(DATASETS[at.dataset]).parameters
        given = {"missing": self.settings.missing, "split": _split(self.settings, at)} | at.options
        given |= {} if split is None else {"split": split}
        options = {key: value for key, value in given.items() if key in takes or key in at.options}
        fixed = {"dataset": at.dataset, "seed": seed, "leave_out": (), "split": None, "missing": None, "pose": None}
        return resolve(EvalSettings, None, **self.settings.eval.model_dump() | fixed | options)

    # --- who is asked ---

    def _check_teacher(self, asked: LabelSettings, category: str, parts: tuple[str, ...]) -> None:
        """Raise UnmetError where its weights are not there and can't be had, or it does not know the words."""
        if asked.teacher not in self._lacking:
            try:
                return ready(make_teacher(asked.teacher, asked.teacher_options()), category, parts)
            except MissingError as error:
                self._lacking[asked.teacher] = str(error)
            except SettingsError as error:
                raise UnmetError(TEACHER, str(error)) from None
        raise UnmetError(WEIGHTS, f"{asked.teacher}: {self._lacking[asked.teacher]}")

    # --- what students are distilled from ---

    def _student(self, place: Place, test: Test, asked: LabelSettings, seed: int) -> Path:
        """A student of the cell's category; rows with the same shapes and teacher share it."""
        category = place.column.category
        source = REAL if self.settings.source == "train" else MADE
        shapes = self._real(test, category) if source == REAL else self._generated(category, seed)
        self.report(f"labelling {shapes}")
        label(Collection.open(shapes), asked.model_copy(update={"seed": seed if source == MADE else 0}), self.workers)
        changes = {"category": category, "source": source, "teacher": asked.teacher, "seed": seed}
        student = self.out / "students" / f"{shapes.name}-{asked.teacher}-{seed}"
        self.report(f"distilling {student}")
        distill({source: shapes}, self.settings.distill.model_copy(update=changes), student)
        return student

    def _real(self, test: Test, category: str) -> Path:
        """A collection of unlabelled shapes: the user's, else the train split. Raises UnmetError without either."""
        if paths := list(self.real.get(category, ())):
            root = self.out / "shapes" / f"{category}-real"
            how = ImportSettings(category=category, align=self.settings.experiment.align)
            import_shapes(how, find_inputs(paths, category), root, self.workers)
            return root
        split = SPLITS.get(test.at.dataset, NO_SPLITS).train
        if split is None:
            hint = "" if self.settings.table == "generated" else ", or take generated ones, --source generated"
            raise UnmetError(DATA, f"{test.at.dataset} has no train split; give shapes, --real {category}=PATH{hint}")
        if split in (_split(self.settings, test.at) or ""):
            raise UnmetError(
                DATA, f"split {_split(self.settings, test.at)} holds the shapes that students are trained on"
            )
        root = self.out / "shapes" / f"{category}-{test.at.dataset}-{split}"
        unlabelled(self._train(test.at, category, split), root, split)
        return root

    def _train(self, at: ScoredOn, category: str, split: str) -> LabelledSet:
        try:
            return read_dataset(self._how(at, 0, split), category, at.root)
        except (InputError, SettingsError) as error:
            raise UnmetError(DATA, f"{at.dataset}, split {split}: {error}") from None

    def _generated(self, category: str, seed: int) -> Path:
        root = self.out / "shapes" / f"{category}-generated-{seed}"
        n = self.settings.experiment.n
        generate(GenerateSettings(category=category, generator="procedural", n=n, seed=seed), root, self.workers)
        return root

    def _sources(self, place: Place, test: Test, asked: LabelSettings) -> None:
        """One row of the experiment with sources, by its own stage."""
        category = place.column.category
        changes = {"categories": (category,), "seeds": self.settings.seeds, "teacher": asked.teacher}
        how = self._how(test.at, 0).model_dump()
        options = {
            key: str(how[key]) for key in ("split", "missing", "pose", "points", "passes") if how[key] is not None
        }
        out = self.out / "sources" / f"{place.column.key}-{asked.teacher}"
        needed = {} if place.row.run == MADE else {category: self._real(test, category)}
        job = Sources(
            self.settings.experiment.model_copy(update=changes),
            {},
            [ScoredOn(test.at.dataset, test.at.root, options)],
            out,
            self.workers,
            needed,
            (place.row.run,),
            asked,
        )
        run_sources(job, self.report)


def _split(settings: ReproduceSettings, at: ScoredOn) -> str | None:
    """The split that is scored; None for data sets that have none, or name theirs otherwise."""
    test = SPLITS.get(at.dataset, NO_SPLITS).test
    return at.options.get("split", (settings.split or test) if test else None)
