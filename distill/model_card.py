"""The README.md of a student: what it does, what made it, how good it is, where it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COMMANDS, SCORES = "commands", "scores"  # keys of a training record that have sections of their own
_WHAT = (
    "Segments meshes and point clouds of the category {category} into {parts}. Distilled from the answers of a 2D "
    "teacher on rendered views (PartDistill, CVPR 2024); no human label was used."
)
_USE = """```python
from distill import Student

student = Student.from_pretrained("this folder or Hub id")
student.segment("{category}.glb").save("parts")
```"""
_LITE = (
    "`{teacher}`, a small network that ships with gen3d. It learnt from renders of procedural shapes, whose parts are "
    "known as they are built; it is not CLIP or any other model of images and text, and knows these parts alone."
)


def model_card(category: str, parts: Sequence[str], record: Mapping[str, Any], precision: str) -> str:
    """The card's text: Markdown with the Hub's front matter.

    Args:
        category: of the student.
        parts: its outputs.
        record: how it was made. `commands` (lines to type) and `scores` (what was measured: value) have sections of
            their own; all else is listed.
        precision: of the weights in the file.
    """
    foreign = [name for name in record.get("sources", {}) if name != "generated"]
    licence = "other" if foreign else "apache-2.0"
    sections = [
        f"---\nlicense: {licence}\nlibrary_name: gen3d\ntags:\n- part-segmentation\n- point-cloud-segmentation\n---",
        f"# gen3d student: {category}",
        _WHAT.format(category=category, parts=", ".join(parts)),
        _teacher(record.get("settings", {})),
        f"It learnt from shapes that are not gen3d's own ({', '.join(foreign)}): their terms apply." if foreign else "",
        _USE.format(category=category),
        _commands(record.get(COMMANDS, [])),
        _scores(record.get(SCORES, {})),
        _limits(category, precision),
        _record({key: value for key, value in record.items() if key not in (COMMANDS, SCORES)}),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _teacher(settings: Mapping[str, Any]) -> str:
    """Who it was, of a collection's knowledge; other data brings knowledge of its own."""
    name = settings.get("teacher")
    if name is None or settings.get("data", "collection") != "collection":
        return ""
    return f"The teacher: {_LITE.format(teacher=name)}" if name.startswith("lite") else f"The teacher: `{name}`."


def _commands(lines: Sequence[str]) -> str:
    """What to type to make it again."""
    text = "\n".join(lines)
    return f"## Made with\n\n```sh\n{text}\n```" if lines else ""


def _scores(scores: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in scores.items())
    return f"## Scores\n\n| measured | value |\n|---|---|\n{rows}" if scores else ""


def _limits(category: str, precision: str) -> str:
    """What it can't do."""
    lines = [
        f"It labels whatever it is given as parts of its category, {category}, other things too.",
        "It can hardly be better than its teacher, and knows the forms it was trained on: unusual ones do worse.",
        "Frame: +Y up, any heading, place and size; points are normalised by the student itself.",
        "It sees samples of 2,048 points: parts thinner than about a hundredth of the shape can be missed.",
    ]
    if precision != "float32":
        lines.append(f"Weights are {precision} in the file and float32 in use.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _record(record: Mapping[str, Any]) -> str:
    lines = "\n".join(f"- {key}: {value}" for key, value in record.items())
    return f"## Record\n\n{lines}" if record else ""
