"""Frozen, validated settings: default < preset < option. One class per stage is the single truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gen3d.errors import SettingsError

S = TypeVar("S", bound="Settings")
STAGES = (  # sections of a preset
    "generate",
    "import",
    "label",
    "views",
    "pretrain",
    "distill",
    "tta",
    "eval",
    "teacher",
    "experiment",
    "reproduce",
    "sweep",
)


class Settings(BaseModel):
    """Base of every stage's settings. Unknown keys and values out of range are errors; instances never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def resolve(kind: type[S], preset: str | Path | None = None, **options: Any) -> S:
    """Settings from the defaults, a preset's values, then the options that are not None.

    Args:
        kind: the stage's settings class.
        preset: path of a YAML file, or the name of one in `configs/`; its section named after the stage is used
            (`GenerateSettings` reads `generate:`), so that one file can hold a whole run.
        options: field values; None means not given.

    Raises:
        SettingsError: naming the first field that is wrong, its value and the rule.
    """
    values = {} if preset is None else preset_section(preset, kind.__name__.removesuffix("Settings").lower())
    return validated(kind, values | {key: value for key, value in options.items() if value is not None})


def validated(kind: type[S], values: dict[str, Any]) -> S:
    """Settings of these values; those that are None are set to it. Raises SettingsError as `resolve` does."""
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(x) for x in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"unknown setting {name!r}; known are: {', '.join(kind.model_fields)}") from None
        words = re.fullmatch(r"\^\(([\w|.-]+)\)\$", first.get("ctx", {}).get("pattern", ""))
        rule = f"known are: {words[1].replace('|', ', ')}" if words else first["msg"].lower()
        raise SettingsError(f"{name} = {first['input']!r}: {rule}") from None


def preset_section(preset: str | Path, section: str) -> dict[str, Any]:
    """One section of a YAML preset as a dict; an absent one is empty. Raises SettingsError for what is no preset."""
    from importlib.resources import files

    import yaml

    path = Path(preset)
    shipped = files("configs") / f"{preset}.yaml"
    try:
        text = path.read_bytes() if path.is_file() else shipped.read_bytes()
    except OSError:
        raise SettingsError(f"preset {str(preset)!r} is neither a file nor one of the presets in configs/") from None
    try:
        data = yaml.safe_load(text) or {}
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-13-45
        raise SettingsError(f"preset {preset}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(data, dict) or not all(isinstance(value, dict) for value in data.values()):
        raise SettingsError(f"preset {preset}: must be a mapping of stages to settings, as in `label: {{views: 4}}`")
    for stage in data:
        if stage not in STAGES:
            raise SettingsError(f"preset {preset}: unknown stage {stage!r}; known are: {', '.join(STAGES)}")
    values = data.get(section, {})
    if not all(isinstance(key, str) for key in values):
        raise SettingsError(f"preset {preset}: the settings of {section} must have names")
    return dict(values)
