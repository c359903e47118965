"""What every reader of human-labelled shapes returns."""

from __future__ import annotations

from dataclasses import dataclass

from gen3d.categories import Category, any_category
from gen3d.shape import Shape


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """The shapes of one category with their human labels.

    Args:
        name: of the data set.
        category: a word of `gen3d.categories`, or the set's own.
        parts: the category's parts that this set defines and that are scored, in label order.
        shapes: normalised and labelled; labels index the parts of `row` (not `parts`).
        expected: number of shapes the set says it has; more than there are where missing ones were skipped.
        own: the set's own table of that category's parts, where it is not that of `gen3d.categories`.
    """

    name: str
    category: str
    parts: tuple[str, ...]
    shapes: list[Shape]
    expected: int
    own: Category | None = None

    @property
    def row(self) -> Category:
        """The table of parts that labels are an index into."""
        return self.own or any_category(self.category)

    @property
    def scored(self) -> tuple[int, ...]:
        """Labels of `parts`: the ones a mean IoU goes over."""
        return tuple(self.row.part_index(part) for part in self.parts)
