"""Which parts are asked for: those of the category's table by name or synonym, or words of the user's own."""

from __future__ import annotations

from typing import NamedTuple

from gen3d.categories import Category, any_category
from gen3d.errors import SettingsError

LONGEST = 100  # characters of a word


class Asked(NamedTuple):
    """The parts of a labelling.

    Args:
        parts: their names in knowledge: the table's where it knows the word, else the words themselves.
        words: the user's word for each of them, which is what a teacher is asked.
    """

    parts: tuple[str, ...]
    words: tuple[str, ...]


def asked_parts(name: str, asked: tuple[str, ...] | None, any_words: bool = False) -> Asked:
    """The parts asked for: the table's in label order, then own words in the order given.

    Args:
        name: of the category.
        asked: names, synonyms or own words; None: all parts of the table. Of several words for one part of the table
            the first counts.
        any_words: whether words that the table does not know are let pass.

    Raises:
        SettingsError: none is asked for, an unknown one where `any_words` is false, or one that is empty, too long, not
            printable or there twice.
    """
    row = any_category(name)
    if asked is None:
        if not row.parts:
            raise SettingsError(f"{name} is none of gen3d's categories; name its parts, as in --parts back,seat,leg")
        return Asked(row.parts, row.parts)
    known: dict[int, str] = {}
    own: list[str] = []
    for word in asked:
        index = _index(row, word, any_words)
        if index is None:
            own.append(_checked(word, own))
        else:
            known.setdefault(index, " ".join(word.replace("_", " ").split()))
    if not known and not own:
        raise SettingsError(f"parts: no part is asked for; {name} has: {', '.join(row.parts) or 'none of its own'}")
    order = sorted(known)
    return Asked((*(row.parts[i] for i in order), *own), (*(known[i] for i in order), *own))


def _index(row: Category, word: str, any_words: bool) -> int | None:
    """Label of a word in the table; None for one of the user's own."""
    if not any_words:
        return row.part_index(word)
    try:
        return row.part_index(word)
    except SettingsError:
        return None


def _checked(word: str, others: list[str]) -> str:
    """A word of the user's own, blanks put straight. Raises SettingsError."""
    plain = " ".join(word.replace("_", " ").split()) if word.isprintable() else ""
    if not plain or len(plain) > LONGEST:
        raise SettingsError(f"parts: {word[:LONGEST]!r} is no word of 1 to {LONGEST} printable characters")
    if plain.lower() in (other.lower() for other in others):
        raise SettingsError(f"parts: {plain!r} is there twice; name every part once")
    return plain
