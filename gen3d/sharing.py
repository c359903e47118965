"""A second collection of the same shapes, so that a teacher's other answers can lie beside them."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from gen3d.collection import Collection
from gen3d.data_card import write_card
from gen3d.manifest import writing
from gen3d.shards import TEMPORARY, StagedShard
from gen3d.storage import local, storage_error

_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP)


def share_shapes(source: Collection, root: Path) -> Collection:
    """The collection in `root` with all finished shards of shapes of another one, or what is missing of them.

    Shards never change once they are written, so they are hard links and take no room; copies where the file system
    has no links.

    Raises:
        SettingsError: `root` holds a collection of other settings.
        StorageError: see `gen3d.collection`.
    """
    collection = Collection.create(root, source.info)
    with writing(root):
        collection.reload()
        here, whole = {record.shard: record.sha256 for record in collection.records()}, collection.finished()
        for record in source.records():
            if record.shard not in whole or here[record.shard] != record.sha256:
                temporary = root / f"{TEMPORARY}{record.shard}-{os.getpid()}"
                _link(local(source.root, "a shared collection") / record.shard, temporary)
                collection.publish(StagedShard(record, temporary))
        write_card(collection)
    return collection


def _link(path: Path, place: Path) -> None:
    """The file under a second name."""
    try:
        try:
            os.link(path, place)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            shutil.copyfile(path, place)
            with open(place, "rb") as file:
                os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(place, error) from None
