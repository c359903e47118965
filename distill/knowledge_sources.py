"""Where knowledge is read from: labelled collections, or the preprocessed shapes of PartDistill's released code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from distill.datasets import partdistill_h5
from distill.trainer import DistillSettings
from gen3d.categories import any_category, category
from gen3d.collection import SHAPES, Collection
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.labelling import read_knowledge
from gen3d.storage import Place, local


@dataclass(frozen=True)
class Source:
    """Knowledge that can be read.

    Args:
        root: its folder or URL.
        fingerprint: another one where anything in it changed.
        read: its knowledge, one per shape.
        split: which of its shapes; empty where it has no splits.
    """

    root: Place
    fingerprint: str
    read: Callable[[], list[Knowledge]]
    split: str = ""


def _collection(root: Place, settings: DistillSettings) -> Source:
    """A collection of the category with knowledge of the teacher."""
    collection = Collection.open(root)
    if collection.category != any_category(settings.category).name:
        raise InputError(f"{collection.root}: is a collection of {collection.category}, not of {settings.category}")
    fingerprint = collection.fingerprint((SHAPES, f"knowledge-{settings.teacher}"))
    return Source(collection.root, fingerprint, lambda: read_knowledge(collection, settings.teacher))


def _partdistill_h5(root: Place, settings: DistillSettings) -> Source:
    """The training shapes by the lists, or all that is there where there are no lists.

    The fingerprint is of names and sizes: the files of a category may hold tens of gigabytes.
    """
    root, row = local(root, "--data partdistill-h5"), category(settings.category)
    split = "train" if partdistill_h5.has_lists(root) else partdistill_h5.ALL
    files = partdistill_h5.shape_files(root, row, split)
    lost = [path for path in files.values() if not path.is_file()]
    if lost:
        raise InputError(f"{lost[0]}: not found, as {len(lost)} of {len(files)} {row.name} of {split}; copy them there")
    sizes = "\n".join(f"{id} {path.stat().st_size}" for id, path in files.items())

    def read() -> list[Knowledge]:
        return [
            partdistill_h5.read_knowledge(id, path, row, settings.points, settings.seed) for id, path in files.items()
        ]

    return Source(root, hashlib.sha256(sizes.encode()).hexdigest()[:16], read, split)


DATA: dict[str, Callable[[Place, DistillSettings], Source]] = {
    "collection": _collection,
    partdistill_h5.NAME: _partdistill_h5,
}
