"""What the user has chosen: which shape, which layer, what is hidden. No drawing here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Tour:
    """A walk through a number of shapes.

    Args:
        count: of shapes, 1 at least.
        words: what the search looks in, of a shape's number.
        number: of the shape that is shown, from 0.
        layer: title of the layer that is asked for; None is a shape's first.
        hidden: names that are not shown, of this shape and of all others.
        teacher: whose views are shown; None is a shape's first.
    """

    count: int
    words: Callable[[int], str]
    number: int = 0
    layer: str | None = None
    hidden: set[str] = field(default_factory=set)
    teacher: str | None = None

    def step(self, by: int) -> None:
        """To a later or earlier shape; after the last comes the first."""
        self.number = (self.number + by) % self.count

    def go(self, number: int) -> None:
        """To that shape; the nearest there is."""
        self.number = min(max(number, 0), self.count - 1)

    def matches(self, text: str) -> list[int]:
        """Numbers of the shapes in whose words all words of the text occur, in any case of letters."""
        asked = text.lower().split()
        return [n for n in range(self.count) if all(word in self.words(n).lower() for word in asked)]

    def search(self, text: str, further: bool = False) -> str:
        """To the first shape from here on that matches; `further` leaves this one out. After the last comes the first.

        Returns a line on what was found; nothing for an empty text.
        """
        if not text.split():
            return ""
        found = self.matches(text)
        if not found:
            return "no shape matches"
        first = self.number + bool(further)
        self.number = next((n for n in found if n >= first), found[0])
        return f"match {found.index(self.number) + 1} of {len(found)}"

    def toggle(self, name: str) -> None:
        """Hide what is shown of that name, or show it again."""
        self.hidden ^= {name}

    def toggle_all(self, names: list[str]) -> None:
        """Show all of these names; where none is hidden, hide all."""
        self.hidden = self.hidden - set(names) if self.hidden & set(names) else self.hidden | set(names)
