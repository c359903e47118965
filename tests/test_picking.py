"""Single samples out of shards: the same bytes as reading all, whatever became of the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.generation import GenerateSettings, generate
from gen3d.picking import picked, sample


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("picking") / "mugs"
    generate(GenerateSettings(category="mug", n=5, shard=3), home)
    return home


def test_a_sample_is_what_reading_all_gives(made: Path) -> None:
    collection = Collection.open(made)
    for id, members in collection.samples():
        assert sample(collection, id) == members and set(members) == {"glb", "json"}
    assert sample(collection, "mug-000099") == {} == sample(collection, "mug-000001", "knowledge-lite")


def test_members_are_picked_by_name_in_order(made: Path) -> None:
    collection = Collection.open(made)
    (first, second) = collection.records()
    names = [name for name, _ in picked(made, first, lambda name: name.endswith(".json"))]
    assert names == [f"mug-{number:06d}.json" for number in range(3)] and len(second.ids) == 2


def test_damage_is_found_where_it_is_read_and_nowhere_else(made: Path, tmp_path: Path) -> None:
    home = tmp_path / "mugs"
    shutil.copytree(made, home)
    shard = home / "shapes-00000.tar"
    data = bytearray(shard.read_bytes())
    place = data.index(b"mug-000001.glb") + 512 + 100
    data[place] ^= 1
    shard.write_bytes(data)
    collection = Collection.open(home)
    whole = Collection.open(made)
    assert sample(collection, "mug-000000") == sample(whole, "mug-000000")
    assert sample(collection, "mug-000002") == sample(whole, "mug-000002")
    with pytest.raises(InputError, match=r"shapes-00000.tar: mug-000001.glb is damaged; delete the shard and run"):
        sample(collection, "mug-000001")
    shard.write_bytes(data[:place])
    with pytest.raises(InputError, match="mug-000002.glb is damaged"):
        sample(collection, "mug-000002")
    shard.unlink()
    with pytest.raises(InputError, match="shapes-00000.tar: is missing; run the command that made it again"):
        sample(collection, "mug-000000")
    assert sample(collection, "mug-000003") == sample(whole, "mug-000003")
