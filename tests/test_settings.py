"""Settings: default < preset < option, and one line for everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from distill.evaluation import EvalSettings
from distill.experiments import ExperimentSettings
from distill.masked_training import PretrainSettings
from distill.reproduction_settings import ReproduceSettings
from distill.sweep_settings import SweepSettings
from distill.trainer import DistillSettings
from distill.tta import TTASettings
from gen3d.errors import SettingsError
from gen3d.generation import GenerateSettings
from gen3d.importing import ImportSettings
from gen3d.labelling import LabelSettings
from gen3d.picturing import ViewsSettings
from gen3d.settings import STAGES, Settings, resolve
from gen3d.teachers.lite.training import TeacherSettings

CLASSES = (
    GenerateSettings,
    ImportSettings,
    LabelSettings,
    PretrainSettings,
    DistillSettings,
    TTASettings,
    EvalSettings,
    ViewsSettings,
    TeacherSettings,
    ExperimentSettings,
    ReproduceSettings,
    SweepSettings,
)
NEEDED = {"category": "chair", "table": "generated"}
CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def preset(folder: Path, text: str | bytes) -> Path:
    path = folder / "preset.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(*arguments: object, **options: object) -> str:
    """The one line of the SettingsError that resolving raises."""
    with pytest.raises(SettingsError) as caught:
        resolve(*arguments, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert caught.value.exit_code == 2 and len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("text", "option", "views"),
    [("{}", None, 10), ("label: {views: 4}", None, 4), ("label: {views: 4}", 7, 7), ("generate: {n: 3}", 7, 7)],
)
def test_an_option_beats_a_preset_and_that_beats_the_default(
    tmp_path: Path, text: str, option: int | None, views: int
) -> None:
    settings = resolve(LabelSettings, preset(tmp_path, text), views=option, size=None)
    assert settings == LabelSettings(views=views)


def test_one_preset_fills_every_stage_with_its_own_section(tmp_path: Path) -> None:
    text = "generate: {category: mug, n: 3}\nlabel: {size: 64}\ndistill: {category: mug, epochs: 1}\neval: {}\n"
    path = preset(tmp_path, text + "teacher: {steps: 5, categories: [mug]}\n")
    assert resolve(GenerateSettings, path) == GenerateSettings(category="mug", n=3)
    assert resolve(LabelSettings, str(path)) == LabelSettings(size=64)
    assert resolve(DistillSettings, path) == DistillSettings(category="mug", epochs=1)
    assert resolve(EvalSettings, path, leave_out=("handle",)) == EvalSettings(leave_out=("handle",))
    assert resolve(TeacherSettings, path).categories == ("mug",)


def test_sections_are_the_stages() -> None:
    assert {kind.__name__.removesuffix("Settings").lower() for kind in CLASSES} == set(STAGES)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", CLASSES)
def test_shipped_presets_resolve_by_name(kind: type[Settings], path: Path) -> None:
    required = {name: word for name, word in NEEDED.items() if name in kind.model_fields}
    resolve(kind, path.stem, **required)


def test_settings_never_change_and_know_no_other_field() -> None:
    settings = LabelSettings()
    with pytest.raises(ValidationError):
        settings.views = 3
    message = refusal(LabelSettings, vieuws=3)
    assert "'vieuws'" in message and "renderer, views, size" in message


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (GenerateSettings, {"category": "chair", "n": 0}, ["n = 0", "greater than or equal to 1"]),
        (GenerateSettings, {"category": "chair", "seed": -1}, ["seed = -1"]),
        (GenerateSettings, {"category": "chair", "n": "many"}, ["n = 'many'", "integer"]),
        (GenerateSettings, {}, ["category", "required"]),
        (LabelSettings, {"points": 100}, ["points = 100", "512"]),
        (LabelSettings, {"size": 8}, ["size = 8", "32"]),
        (
            DistillSettings,
            {"category": "chair", "source": "dreams"},
            ["source = 'dreams': known are: generated, real"],
        ),
        (DistillSettings, {"category": "chair", "lr": float("nan")}, ["lr = nan"]),
        (DistillSettings, {"category": "chair", "jitter": float("inf")}, ["jitter = inf"]),
        (EvalSettings, {"yaw": "some"}, ["yaw = 'some'", "known are: none, random"]),
    ],
)
def test_a_value_out_of_range_is_named_with_its_rule(kind: type[Settings], options: dict, words: list[str]) -> None:
    message = refusal(kind, **options)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label: {vieuws: 4}", ["vieuws", "known are"]),
        ("label: {views: 0}", ["views = 0"]),
        ("lable: {views: 4}", ["unknown stage 'lable'", "generate, import, label"]),
        ("- label", ["mapping"]),
        ("label: 3", ["mapping"]),
        ("just words", ["mapping"]),
        ("label: {1: 2}", ["names"]),
        ("label: {views: [", ["not valid YAML"]),
        ("label: !!python/object/apply:os.system ['exit 1']", ["not valid YAML"]),
        ("label: {views: 2026-13-45}", ["not valid YAML"]),
        ("label: &a {views: *b}", ["not valid YAML"]),
        (b"label: \xff\xfe\x00", ["not valid YAML"]),
        ("[" * 1200, ["not valid YAML"]),
    ],
)
def test_a_bad_preset_is_named(tmp_path: Path, text: str | bytes, words: list[str]) -> None:
    path = preset(tmp_path, text)
    message = refusal(LabelSettings, path)
    assert all(word in message for word in words), message
    if words[0] not in ("vieuws", "views = 0"):
        assert str(path) in message


def test_an_empty_preset_changes_nothing(tmp_path: Path) -> None:
    assert resolve(LabelSettings, preset(tmp_path, "# nothing\n")) == LabelSettings()


@pytest.mark.parametrize("name", ["nothing", "../demo", "/no/such.yaml", "."])
def test_an_unknown_preset_is_named(name: str) -> None:
    assert repr(name) in refusal(LabelSettings, name)
