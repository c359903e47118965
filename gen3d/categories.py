"""The 16 ShapeNetPart categories: parts in label order, prompts, synonyms and ids. Data, not code paths.

Parts, their order and the first global label follow ShapeNetPart (results.md, sections 7.1 and 7.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gen3d.errors import SettingsError


@dataclass(frozen=True)
class Category:
    """One category.

    Args:
        name: the word used everywhere.
        synset: WordNet offset, the folder name in ShapeNet.
        first_label: ShapeNetPart's global id of the first part; the others follow.
        parts: short part names in label order.
        synonyms: other names of each part, PartDistill's and PointCLIP V2's prompts first.
    """

    name: str
    synset: str
    first_label: int
    parts: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...]

    def part_index(self, name: str) -> int:
        """Label of a part name or synonym. Raises SettingsError that lists the known ones."""
        word = " ".join(name.lower().replace("_", " ").split())
        for i, part in enumerate(self.parts):
            if word == part or word in self.synonyms[i]:
                return i
        known = "; ".join(f"{p} ({', '.join(s)})" if s else p for p, s in zip(self.parts, self.synonyms, strict=True))
        raise SettingsError(f"unknown part {name!r} of {self.name}; known are: {known or 'none'}")


def _category(name: str, synset: str, first_label: int, **parts: tuple[str, ...]) -> Category:
    names = tuple(p.replace("_", " ") for p in parts)
    return Category(name, synset, first_label, names, tuple(parts.values()))


# fmt: off
_ROWS = (
    _category(
        "airplane", "02691156", 0,
        body=("fuselage",), wing=("wings",), tail=("stabilizer", "rudder", "fin"),
        engine=("engine or frame", "engines", "jet engine"),
    ),
    _category("bag", "02773838", 4, handle=("strap",), body=("case", "bag")),
    _category(
        "cap", "02954340", 6,
        crown=("panels or crown", "panels", "panel"), visor=("visor or peak", "peak", "brim"),
    ),
    _category("car", "02958343", 8, roof=(), hood=("bonnet",), wheel=("wheel or tire", "tire"), body=("frame",)),
    _category(
        "chair", "03001627", 12,
        back=("backrest", "back rest"), seat=("seat pad",), leg=("legs", "base"), arm=("armrest", "arm rest", "arms"),
    ),
    _category(
        "earphone", "03261776", 16,
        earcup=("ear pads", "ear cup"), headband=("head band",), wire=("data wire", "cable"),
    ),
    _category("guitar", "03467517", 19, head=("head or tuners", "tuners"), neck=(), body=()),
    _category("knife", "03624134", 22, blade=(), handle=("grip",)),
    _category(
        "lamp", "03636649", 24,
        base=("leg or wire",), shade=("lampshade",), canopy=("ceiling mount",), pole=("tube", "rod", "cord"),
    ),
    _category("laptop", "03642806", 28, keyboard=("base",), screen=("screen or monitor", "lid")),
    _category(
        "motorbike", "03790512", 30,
        tank=("gas tank",), seat=(), wheel=("wheels",), handle=("handles or handlebars", "handlebar"),
        light=("headlight",), frame=("engine or frame",),
    ),
    _category("mug", "03797390", 36, handle=("ear",), cup=("body",)),
    _category("pistol", "03948459", 38, barrel=("frame",), handle=("grip",), trigger=("trigger and guard",)),
    _category("rocket", "04099429", 41, body=("frame",), fin=("fins",), nose=("nose cone",)),
    _category("skateboard", "04225987", 44, wheel=("wheels",), deck=("board",), belt=("belt for foot", "truck")),
    _category(
        "table", "04379243", 47,
        top=("tabletop", "desktop", "table top"), leg=("leg or support", "legs", "support"), drawer=("drawers",),
    ),
)
# fmt: on

CATEGORIES: dict[str, Category] = {row.name: row for row in _ROWS}


def category(name: str) -> Category:
    """The category of that name. Raises SettingsError that lists the known ones."""
    if name not in CATEGORIES:
        raise SettingsError(f"unknown category {name!r}; known are: {', '.join(CATEGORIES)}")
    return CATEGORIES[name]


_WORD = re.compile("[a-z0-9](?:[a-z0-9 -]{0,62}[a-z0-9])?")  # becomes the name of a folder


def any_category(name: str) -> Category:
    """The category of that name; one without parts where the table has none.

    Raises SettingsError for a name that is no plain word.
    """
    if name in CATEGORIES:
        return CATEGORIES[name]
    if not _WORD.fullmatch(name):
        raise SettingsError(
            f"category {name[:80]!r}: is no word of small letters, digits, blanks and hyphens, 64 at most; "
            f"gen3d's own are: {', '.join(CATEGORIES)}"
        )
    return Category(name, synset="", first_label=0, parts=(), synonyms=())


def unknown_note(name: str) -> str | None:
    """A line on what a category that the table does not have can be used for; None for one of the table."""
    if name in CATEGORIES:
        return None
    from difflib import get_close_matches

    close = get_close_matches(name, CATEGORIES, 1, cutoff=0.75)
    meant = f" (or did you mean {close[0]}?)" if close else ""
    return f"{name!r} is none of gen3d's {len(CATEGORIES)} categories{meant}: name its parts at `gen3d label --parts`"
