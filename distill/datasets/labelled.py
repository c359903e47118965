"""What every reader of human-labelled shapes returns."""

from __future__ import annotations

from dataclasses import dataclass

from gen3d.categories import any_category
from gen3d.shape import Shape


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """The shapes of one category with their human labels.

    Args:
        name: of the data set.
        category: a word of `gen3d.categories`.
        parts: the category's parts that this set defines and that are scored, in label order.
        shapes: normalised and labelled; labels index the category's parts (not `parts`).
        expected: number of shapes the set says it has; more than there are where missing ones were skipped.
    """

    name: str
    category: str
    parts: tuple[str, ...]
    shapes: list[Shape]
    expected: int

    @property
    def scored(self) -> tuple[int, ...]:
        """Labels of `parts`: the ones a mean IoU goes over."""
        return tuple(any_category(self.category).part_index(part) for part in self.parts)
