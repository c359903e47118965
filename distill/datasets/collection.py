"""Our own collections as labelled shapes: the exact labels that generated shapes carry."""

from __future__ import annotations

from distill.datasets.labelled import LabelledSet
from gen3d.categories import any_category
from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.storage import Place


def read(root: Place, category: str) -> LabelledSet:
    """The shapes of a collection with their own labels. Raises InputError: other category, or no labels."""
    collection = Collection.open(root)
    if collection.category != category:
        raise InputError(f"{root}: is a collection of {collection.category}, not of {category}")
    shapes = list(collection.shapes())
    bare = [s.id for s in shapes if s.face_labels is None and s.point_labels is None]
    if bare or not shapes:
        raise InputError(f"{root}: {len(bare)} of {len(shapes)} shapes have no labels; nothing to score against")
    return LabelledSet("collection", category, any_category(category).parts, shapes, len(shapes))
