"""What the writers of an export are given."""

from __future__ import annotations

from typing import NamedTuple

from gen3d.shape import Shape


class Sample(NamedTuple):
    """One labelled shape: the name of its files, its split, and the shape with just what is to be written."""

    name: str
    split: str
    shape: Shape


class Plan(NamedTuple):
    """What is the same for all samples: category, part names in label order, most shapes per file."""

    category: str
    parts: tuple[str, ...]
    shard: int
