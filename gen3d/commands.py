"""The command line that made a collection or its knowledge, from the settings that were kept."""

from __future__ import annotations

import shlex
from typing import Any

from gen3d.collection import SHAPES


def command_of(info: dict[str, Any], stem: str = SHAPES, folder: str = "FOLDER") -> str:
    """What to type to make the shapes, or a later stage, again in `folder`.

    Args:
        info: of the collection, or of the stage.
        stem: "shapes" or that of the stage.
        folder: the collection's.
    """
    root = shlex.quote(folder)
    options = _options(info.get("settings", {}))
    if stem != SHAPES:
        return f"gen3d label {root}{options}"
    verb = "generate" if "generator" in info else "import PATH..."
    return f"gen3d {verb}{options} --out {root}"


def _options(settings: Any) -> str:
    """Settings as options; those that are not set are left out. Of a file of detections only the content is known."""
    words = []
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if value is None or value is False:
            continue
        if isinstance(value, dict):  # of one teacher alone
            words += [f" --option {shlex.quote(f'{key}={one}')}" for key, one in value.items()]
            continue
        if name == "detections":
            value = "FILE"
        text = "" if value is True else ",".join(map(str, value)) if isinstance(value, list) else str(value)
        words.append(f" --{name.replace('_', '-')}" + (f" {shlex.quote(text)}" if value is not True else ""))
    return "".join(words)
