"""What a teacher that understands any text is asked: from part names to phrases."""

from __future__ import annotations

from collections.abc import Callable

from gen3d.categories import CATEGORIES, category
from gen3d.errors import SettingsError

# PartDistill's and PointCLIP V2's names where they differ from the table's own (results.md, section 7.4). Of lamps both
# name two parts only; the others keep the table's names.
_PARTDISTILL = {
    "cap": {"crown": "panels or crown", "visor": "visor or peak"},
    "car": {"wheel": "wheel or tire"},
    "chair": {"arm": "armrest"},
    "earphone": {"wire": "data wire"},
    "guitar": {"head": "head or tuners"},
    "lamp": {"shade": "lampshade"},
    "laptop": {"screen": "screen or monitor"},
    "motorbike": {"tank": "gas tank", "light": "headlight"},
    "pistol": {"barrel": "frame", "handle": "grip"},
    "rocket": {"nose": "nose cone"},
    "skateboard": {"belt": "belt for foot"},
    "table": {"top": "tabletop"},
}
_POINTCLIP_V2 = _PARTDISTILL | {
    "airplane": {"engine": "engine or frame"},
    "chair": {"seat": "seat pad", "arm": "armrest"},
    "lamp": {"base": "leg or wire", "shade": "lampshade"},
    "motorbike": {"tank": "gas tank", "handle": "handles or handlebars", "frame": "engine or frame"},
    "pistol": {"trigger": "trigger and guard"},
    "table": {"top": "desktop", "leg": "leg or support"},
}

# For CLIP-like models, whose features of one sentence are noisy: the mean over several is asked for.
_TEMPLATES = (
    "a photo of the {part} of a {category}",
    "a rendering of the {part} of a {category}",
    "a 3D model of the {part} of a {category}",
    "the {part} of a {category}",
    "a close-up of the {part} of a {category}",
    "a {category} with its {part}",
)


def _published(table: dict[str, dict[str, str]]) -> Callable[[str, str], tuple[str, ...]]:
    """The style that uses a paper's names."""

    def style(name: str, word: str) -> tuple[str, ...]:
        row = category(name)
        part = row.parts[row.part_index(word)]
        return (table.get(name, {}).get(part, part),)

    return style


def _names(name: str, word: str) -> tuple[str, ...]:
    return (word,)


def _of(name: str, word: str) -> tuple[str, ...]:
    return (f"{_a(word)} of {_a(name)}",)


def _pointclip(name: str, word: str) -> tuple[str, ...]:
    """PointCLIP's template, as it is remembered (baselines.md, section 1)."""
    return (f"point cloud depth map of {_a(word)} of {_a(name)}",)


def _ensemble(name: str, word: str) -> tuple[str, ...]:
    filled = (template.format(part=word, category=name) for template in _TEMPLATES)
    return tuple(text.replace(f"a {name}", _a(name)) for text in filled)


STYLES: dict[str, Callable[[str, str], tuple[str, ...]]] = {
    "names": _names,
    "of": _of,
    "ensemble": _ensemble,
    "pointclip": _pointclip,
    "partdistill": _published(_PARTDISTILL),
    "pointclip-v2": _published(_POINTCLIP_V2),
}


def phrases(style: str, name: str, words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """What is asked for every part: one phrase or, in the style "ensemble", several that mean the same.

    Args:
        style: a name of `STYLES`: "names" are the bare words, "of" is "a {part} of a {category}", "pointclip" a
            point cloud depth map of that.
        name: the category; any.
        words: part names or words of the user's own. The published styles know the table's names and synonyms alone.

    Raises:
        SettingsError: unknown style, a published one for a category or part that it has no name for, or two words for
            which the same would be asked.
    """
    if style not in STYLES:
        raise SettingsError(f"unknown prompt_style {style!r}; known are: {', '.join(STYLES)}")
    try:
        found = tuple(STYLES[style](name, word) for word in words)
    except SettingsError as error:
        hint = "" if name in CATEGORIES else "; for other categories take --prompt-style names, of or ensemble"
        raise SettingsError(f"--prompt-style {style}: {error}{hint}") from None
    for number, asked in enumerate(found):
        if asked in found[:number]:
            raise SettingsError(f"parts {words[found.index(asked)]!r} and {words[number]!r} are asked for as one")
    return found


def _a(noun: str) -> str:
    """The noun with its article."""
    return f"{'an' if noun[:1].lower() in tuple('aeiou') else 'a'} {noun}"
