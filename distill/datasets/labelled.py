"""What every reader of human-labelled shapes returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from gen3d.categories import Category, any_category
from gen3d.shape import Shape


class LazyShapes:
    """Shapes that are read when they are asked for, each time anew: a large data set never stands in memory whole.

    Like a list for `len`, indexing, slicing and iterating. No `Sequence[Shape]` by name, of which the run-time checks
    of our tests would read an item each time one is passed on.

    Args:
        ids: of the shapes, in order.
        read: the shape of an id; what it raises, indexing and iterating raise.
    """

    def __init__(self, ids: Sequence[str], read: Callable[[str], Shape]) -> None:
        self.ids, self._read = tuple(ids), read

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Shape]:
        return map(self._read, self.ids)

    @overload
    def __getitem__(self, index: int) -> Shape: ...
    @overload
    def __getitem__(self, index: slice) -> LazyShapes: ...
    def __getitem__(self, index: int | slice) -> Shape | LazyShapes:
        """One shape, read now; or some of them, not read yet."""
        if isinstance(index, slice):
            return LazyShapes(self.ids[index], self._read)
        return self._read(self.ids[index])


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """The shapes of one category with their human labels.

    Args:
        name: of the data set.
        category: a word of `gen3d.categories`, or the set's own.
        parts: the category's parts that this set defines and that are scored, in label order.
        shapes: normalised and labelled; labels index the parts of `row` (not `parts`). Of sets with large shapes each
            is read when it is asked for (`LazyShapes`).
        expected: number of shapes the set says it has; more than there are where missing ones were skipped.
        own: the set's own table of that category's parts, where it is not that of `gen3d.categories`.
        skipped: (id, reason) of shapes that are there but can't be read, where such are passed over.
        note: what a user should know of how labels got their names; empty where that is published.
    """

    name: str
    category: str
    parts: tuple[str, ...]
    shapes: list[Shape] | LazyShapes
    expected: int
    own: Category | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def row(self) -> Category:
        """The table of parts that labels are an index into."""
        return self.own or any_category(self.category)

    @property
    def scored(self) -> tuple[int, ...]:
        """Labels of `parts`: the ones a mean IoU goes over."""
        return tuple(self.row.part_index(part) for part in self.parts)
