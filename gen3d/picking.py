"""Single samples out of shards, found by the manifest's sizes: what lies before them is not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from tarfile import BLOCKSIZE

from gen3d.collection import SHAPES, Collection
from gen3d.errors import InputError
from gen3d.shards import ShardRecord, sample_of
from gen3d.storage import Place, local
from gen3d.tar import intact


def picked(root: Place, record: ShardRecord, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the members of a shard whose names are wanted, in order.

    Raises InputError for a shard that is missing, or in which one of them is damaged, SettingsError for a URL.
    """
    path, place = local(root, "a single shape") / record.shard, 0
    hint = "run the command that made it again"
    try:
        with open(path, "rb") as file:
            for name, (size, crc) in record.members.items():
                if wanted(name):
                    file.seek(place)
                    if not intact(file, name, size, crc):
                        raise InputError(f"{path}: {name} is damaged; delete the shard and {hint}")
                    file.seek(place + BLOCKSIZE)
                    yield name, file.read(size)
                place += BLOCKSIZE + size + -size % BLOCKSIZE
    except FileNotFoundError:
        raise InputError(f"{path}: is missing; {hint}") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None


def sample(collection: Collection, id: str, stem: str = SHAPES) -> dict[str, bytes]:
    """Suffix -> bytes of one sample; empty where the stage has none of that id. Raises InputError."""
    for record in collection.records(stem):
        if id in record.ids:
            members = picked(collection.root, record, lambda name: sample_of((name, b"")) == id)
            return {name.partition(".")[2]: data for name, data in members}
    return {}
