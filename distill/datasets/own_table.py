"""Tables of parts that a data set names itself, and its words as gen3d spells them."""

from __future__ import annotations

import re

from gen3d.categories import CATEGORIES, Category, any_category


def plain_words(text: str) -> str:
    """A name of a file's own as small words with blanks: `StorageFurniture`, `rotation_door`, `TV Stand`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return " ".join(re.sub(r"[_\W]+", " ", spaced).lower().split())


def own_category(name: str, parts: tuple[str, ...]) -> Category:
    """A category with parts of its own; those that gen3d's table of that name has, too, keep its synonyms.

    So a student of gen3d's "top" is found where the data set says "tabletop".

    Args:
        name: a word of `gen3d.categories`, or any other word.
        parts: in label order.

    Raises:
        SettingsError: for a name that is no plain word.
    """
    any_category(name)
    table = CATEGORIES.get(name)
    return Category(name, synset="", first_label=0, parts=parts, synonyms=_synonyms(parts, table))


def _synonyms(parts: tuple[str, ...], table: Category | None) -> tuple[tuple[str, ...], ...]:
    """Other names of every part, from gen3d's part of that name or, where there is none, with that synonym."""
    found: list[tuple[str, ...]] = []
    taken = set(parts)
    for part in parts:
        words = () if table is None else _names(part, taken, table)
        new = tuple(word for word in words if word not in taken)
        taken |= set(new)
        found.append(new)
    return tuple(found)


def _names(part: str, parts: set[str], table: Category) -> tuple[str, ...]:
    """All names of gen3d's part that is meant; nothing where another part of the data set has its very name."""
    for own, synonyms in zip(table.parts, table.synonyms, strict=True):
        if part == own or (part in synonyms and own not in parts):
            return (own, *synonyms)
    return ()
