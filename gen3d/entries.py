"""Sizes and check values of many members in little memory: a collection keeps those of all its shards at hand."""

from __future__ import annotations

import json
import re
from collections.abc import ItemsView, Iterator, Mapping

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_]+)+"
LONGEST_NAME = 99  # bytes in a plain tar header
_LARGEST = 2**64
_NUMBER = r"(?:0|[1-9]\d*)"
_MEMBER = re.compile(_NAME)
_ENTRIES = re.compile(rf'(?:"(?=[^"]{{1,{LONGEST_NAME}}}"){_NAME}": \[{_NUMBER}, {_NUMBER}\](?:, (?!$)|$))*'.encode())


class Entries(Mapping[str, tuple[int, int]]):
    """Read-only name -> (size in bytes, crc32), in order, kept as the JSON they are in a manifest.

    A million of them are opened in the time it takes to look through their text. Every other question parses all of it:
    ask for `items` once.

    Args:
        entries: a mapping, or the inside of its JSON object as `text` gives it. Raises ValueError for a name that may
            not become a file name, and for numbers that are none of bytes or of a crc32.
    """

    def __init__(self, entries: Mapping[str, tuple[int, int]] | bytes) -> None:
        if not isinstance(entries, bytes):
            rows = dict(entries.items())
            if any(not 0 <= number < _LARGEST for row in rows.values() for number in row):
                raise ValueError("has a size below zero or beyond all measure")
            entries = json.dumps(rows)[1:-1].encode()
        if _ENTRIES.fullmatch(entries) is None:
            raise ValueError("has a name that may not become a file name, or no size")
        self.text = entries

    def __len__(self) -> int:
        return self.text.count(b"[")

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed())

    def __getitem__(self, name: str) -> tuple[int, int]:
        return self._parsed()[name]

    def items(self) -> ItemsView[str, tuple[int, int]]:
        """All entries, as of a dict: the way to go through them."""
        return self._parsed().items()

    def _parsed(self) -> dict[str, tuple[int, int]]:
        return {name: (size, crc) for name, (size, crc) in json.loads(b"{%b}" % self.text).items()}


def is_member(name: str) -> bool:
    """Whether a name is `<id>.<suffix>` and fits a tar header."""
    return len(name) <= LONGEST_NAME and _MEMBER.fullmatch(name) is not None
