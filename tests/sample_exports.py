"""Collections to export, and checks that the tests of exports share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_chain import tree

from distill.exporting import ExportSettings, export
from gen3d.categories import category
from gen3d.collection import Collection, shape_members
from gen3d.errors import Gen3dError
from gen3d.shape import Shape
from gen3d.shards import ShardContent

PARTS = category("chair").parts


def made(root: Path, out: Path, format: str, **options: Any) -> dict[str, Any]:
    return export(root, ExportSettings(format=format, **options), out)[0]


def shapes(root: Path) -> list[Shape]:
    return list(Collection.open(root).shapes())


def collection_of(root: Path, shapes: list[Shape], name: str = "chair") -> Path:
    collection = Collection.create(root, {"category": name, "parts": list(PARTS), "licence": "CC0"})
    content = ShardContent()
    for shape in shapes:
        content.members.extend(shape_members(shape))
        content.ids.append(shape.id)
    collection.add_shard("shapes", 0, content)
    return root


def error(kind: type[Gen3dError], *words: str) -> Any:
    """A check that a call raises exactly that error, in one line with all the words."""

    def check(call: Any) -> None:
        with pytest.raises(kind) as caught:
            call()
        message = str(caught.value)
        assert "\n" not in message and type(caught.value) is kind
        assert [word for word in words if word not in message] == [], message

    return check


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {name: data for name, (_, _, data) in tree(folder).items()}
