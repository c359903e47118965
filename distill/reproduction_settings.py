"""Settings of `gen3d reproduce`: the table's own, and those of every stage that its cells are made by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from distill.baselines import BASELINES, make_baseline
from distill.datasets import DATASETS
from distill.evaluation import EvalSettings
from distill.experiments import ExperimentSettings, ScoredOn, parse_real, parse_test
from distill.reproduction_plan import STANDING_FOR, TABLES, Place, Table
from distill.trainer import DistillSettings
from distill.tta import TTASettings
from gen3d.asking import LabelSettings, by_setting
from gen3d.errors import SettingsError
from gen3d.settings import Settings, resolve
from gen3d.teachers import TEACHERS


class ReproduceSettings(Settings):
    """Settings of `gen3d reproduce`. Those of the stages are their own sections of a preset."""

    table: str = Field(pattern=f"^({'|'.join(TABLES)})$")
    teacher: str | None = Field(default=None, description="in the place of those that stand for CLIP and GLIP")
    split: str | None = Field(default=None, description="scored, of data sets with official splits; test if not set")
    missing: str | None = Field(default=None, description="skip: score what is there of an incomplete data set")
    source: str = Field(default="train", pattern="^(train|generated)$", description="what Pre rows are distilled from")
    seeds: int = Field(default=1, ge=1, description="runs of each cell")
    options: dict[str, dict[str, str]] = Field(default={}, description="teachers' by teacher; '' is for all")
    baselines: dict[str, dict[str, str]] = Field(default={}, description="baselines' options by method")
    eval: EvalSettings = EvalSettings()
    label: LabelSettings = LabelSettings()
    distill: DistillSettings = DistillSettings(category="chair", source="real")
    tta: TTASettings = TTASettings()
    experiment: ExperimentSettings = ExperimentSettings()

    @property
    def plan(self) -> Table:
        """The table's rows and columns."""
        return TABLES[self.table]

    def asking(self, place: Place) -> LabelSettings:
        """The teacher of a cell and how it is asked.

        A table's own teachers are asked in PartDistill's published words, where it has any. Methods with views of their
        own keep them, whatever the number of the other rows.
        """
        name = self.teacher or STANDING_FOR[place.row.paper.vlm]
        given = self.options.get("", {}) | self.options.get(name, {})
        words = {} if self.teacher or self.table == "partnete" else {"prompt_style": "partdistill"}
        base = self.label.model_dump(exclude={"options"}, exclude_unset=True)
        if base.get("prompt_style") is not None:
            words = {}
        if self._has_views(place.row.run):
            base.pop("views", None)
        return resolve(LabelSettings, None, **base | words | by_setting(given) | {"teacher": name})

    def _has_views(self, method: str) -> bool:
        """Whether a method is a baseline that looks from cameras of its own."""
        options = self.baselines.get(method, {})
        return method in BASELINES and make_baseline(method, options).cameras(224) is not None


def settings_of(preset: str | Path | None, **options: Any) -> ReproduceSettings:
    """Settings from a preset's sections and options; `n` and `epochs` are those of generated shapes and of training.

    Raises SettingsError for what is unknown or out of range.
    """
    n, epochs = (options.pop(name, None) for name in ("n", "epochs"))
    stages = {
        "eval": resolve(EvalSettings, preset),
        "label": resolve(LabelSettings, preset),
        "distill": resolve(DistillSettings, preset, category="chair", epochs=epochs),
        "tta": resolve(TTASettings, preset),
        "experiment": resolve(ExperimentSettings, preset, n=n, epochs=epochs),
    }
    return resolve(ReproduceSettings, preset, **(options | stages))


def by_owner(texts: Sequence[str], option: str, kind: str) -> dict[str, dict[str, str]]:
    """Owner -> its options, from OWNER.NAME=VALUE; of teachers from NAME=VALUE too, whose owner is "".

    Args:
        texts: as they were given.
        option: its name, for errors.
        kind: of owners: "teacher" or "method".

    Raises:
        SettingsError: for a text that is none of these, an owner that there is not, or a name that is set twice.
    """
    owners, found = ("", *TEACHERS) if kind == "teacher" else tuple(BASELINES), {}
    for text in texts:
        name, sign, value = text.partition("=")
        owner, _, word = name.strip().rpartition(".")
        word = word.strip().replace("-", "_")
        if not sign or not word or owner not in owners or word in found.get(owner, {}):
            form = f"{kind.upper()}.NAME=VALUE; known are: {', '.join(filter(None, owners))}"
            wrong = "is set twice" if word in found.get(owner, {}) else f"is no {form}"
            raise SettingsError(f"{option} {text}: {wrong}")
        found.setdefault(owner, {})[word] = value.strip()
    return found


def roots_of(texts: Sequence[str], table: Table) -> dict[str, ScoredOn]:
    """Data set -> where it is, from NAME=DIR[,option=value], or DIR of the table's own data set.

    Raises SettingsError for a data set that there is not, or one that is given twice.
    """
    found: dict[str, ScoredOn] = {}
    for text in texts:
        name, sign, _ = text.partition("=")
        if sign and name not in DATASETS and not Path(text).exists():
            raise SettingsError(f"--root {text}: no data set {name!r}; known are: {', '.join(DATASETS)}")
        at = parse_test(text) if sign and name in DATASETS else ScoredOn(table.rows[0].data[0], Path(text), {})
        if at.dataset in found:
            raise SettingsError(f"--root {text}: {at.dataset} is given twice")
        found[at.dataset] = at
    return found


def real_shapes(texts: Sequence[str], table: Table) -> dict[str, list[str]]:
    """Category -> paths of unlabelled shapes; see `distill.experiments.parse_real`."""
    found = parse_real(texts, [column.category for column in table.columns])
    return {category: paths for category, paths in found.items() if paths}
