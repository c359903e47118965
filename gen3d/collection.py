"""Collections: many shapes, and what is known about them, in one folder of shards; a crash loses nothing finished."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen3d import __version__
from gen3d.errors import InputError, SettingsError
from gen3d.record import read_record, same_record, write_record
from gen3d.shards import (
    MANIFEST,
    ShardContent,
    ShardRecord,
    StagedShard,
    damage,
    is_shard,
    publish_shard,
    read_manifest,
    read_shard,
    stage_shard,
    writing,
)
from gen3d.storage import atomic_write, make_folder, storage_error

if TYPE_CHECKING:
    from gen3d.shape import Shape

FORMAT_VERSION = 1
INFO = "collection.json"
SHAPES = "shapes"


class Collection:
    """A folder of shards. Reading sees the shards that were finished when it was opened.

    Args:
        root: the folder.
        info: what `collection.json` holds: category, parts, generator, seed, count, licence, settings.
    """

    def __init__(self, root: Path, info: dict[str, Any]) -> None:
        self.root = root
        self.info = info
        self._records = read_manifest(root)

    @classmethod
    def open(cls, root: str | Path) -> Collection:
        """The collection in a folder. Raises InputError where there is none, or one of a newer gen3d."""
        root = Path(root)
        info = read_record(root / INFO)
        if info is None:
            raise InputError(f"{root}: is not a collection (no {INFO}); make one with `gen3d generate`")
        version = info.get("format_version")
        if not isinstance(version, int) or not isinstance(info.get("category"), str):
            raise InputError(f"{root / INFO}: lacks a format_version or a category; make the collection again")
        if version > FORMAT_VERSION:
            raise InputError(f"{root}: has format {version}, newer than {FORMAT_VERSION}; upgrade gen3d to read it")
        return cls(root, info)

    @classmethod
    def create(cls, root: str | Path, info: dict[str, Any], overwrite: bool = False) -> Collection:
        """A new collection, or the one already there with the same info, for resuming.

        Args:
            root: a folder that is absent, empty or a collection.
            info: JSON-able; needs `category`. Format version and gen3d's version are added.
            overwrite: remove an old collection's shards first, whatever its info.

        Raises:
            SettingsError: where the folder holds other files, or a collection of other settings.
        """
        root = make_folder(root)
        info = {"format_version": FORMAT_VERSION, **info, "gen3d": __version__}
        there = _names(root)
        if INFO not in there and not all(name.startswith(".") for name in there):
            raise SettingsError(f"{root}: holds other files but no collection; choose an empty or a new folder")
        with writing(root):
            if overwrite:
                _remove(root, [MANIFEST, *filter(is_shard, _names(root))])
            _settle(root / INFO, info, overwrite)
        return cls.open(root)

    @property
    def category(self) -> str:
        """The category of its shapes."""
        return self.info["category"]

    def __len__(self) -> int:
        return len(self.ids())

    def ids(self, stem: str = SHAPES) -> list[str]:
        """The samples of the finished shards, in order."""
        return [id for record in self.records(stem) for id in record.ids]

    def failures(self, stem: str = SHAPES) -> list[tuple[str, str]]:
        """(id, reason) of the samples that could not be made, in order."""
        return [failure for record in self.records(stem) for failure in record.failures]

    def records(self, stem: str = SHAPES) -> list[ShardRecord]:
        """The manifest's lines of a stem, by shard number."""
        return sorted((r for r in self._records.values() if r.stem == stem), key=lambda record: record.number)

    def finished(self, stem: str = SHAPES) -> set[str]:
        """Names of the shards that need not be built: in the manifest, and still there in full size."""
        return {r.shard for r in self.records(stem) if _size(self.root / r.shard) == r.size}

    def samples(self, stem: str = SHAPES, number: int | None = None) -> Iterator[tuple[str, dict[str, bytes]]]:
        """(id, suffix -> bytes) of the samples, in order, of all shards or of one.

        Raises InputError naming the shard, where one is missing or damaged.
        """
        for record in self.records(stem):
            if number in (None, record.number):
                members = ((*name.split(".", 1), data) for name, data in read_shard(self.root, record))
                for id, group in groupby(members, key=itemgetter(0)):
                    yield id, {suffix: data for _, suffix, data in group}

    def members(self, stem: str, suffix: str, number: int | None = None) -> Iterator[tuple[str, bytes]]:
        """(id, bytes) of the members `<id>.<suffix>`, as `samples` does; suffix as in "safetensors"."""
        for id, parts in self.samples(stem, number):
            if suffix in parts:
                yield id, parts[suffix]

    def shapes(self, number: int | None = None) -> Iterator[Shape]:
        """The shapes, in order, of all shards or of one. Raises InputError where one can't be read."""
        from gen3d.mesh_io import shape_from_glb

        for id, parts in self.samples(SHAPES, number):
            try:
                note = json.loads(parts["json"])
                glb, category, meta = parts["glb"], str(note["category"]), dict(note["meta"])
            except (ValueError, TypeError, LookupError, RecursionError):
                raise InputError(f"{self.root}: {id} is not a shape (needs {id}.glb and {id}.json)") from None
            yield shape_from_glb(glb, id, category, meta)

    def begin(self, stem: str, info: dict[str, Any], overwrite: bool = False) -> None:
        """Record a later stage's settings in `<stem>.json`, by `create`'s rules for new, same and other settings."""
        with writing(self.root):
            self.reload()
            if overwrite:
                kept = [record.line() for record in self._records.values() if record.stem != stem]
                atomic_write(self.root / MANIFEST, b"".join(kept))
                _remove(self.root, [record.shard for record in self.records(stem)])
                self.reload()
            _settle(self.root / f"{stem}.json", {**info, "gen3d": __version__}, overwrite)

    def add_shard(self, stem: str, number: int, content: ShardContent) -> None:
        """Write one shard and enter it in the manifest; replaces an earlier one of this number."""
        with writing(self.root):
            self.reload()
            self.publish(stage_shard(self.root, stem, number, content))

    def damage(self) -> list[str]:
        """What is wrong in any finished shard, one line each naming shard and sample; empty where all is right."""
        ordered = sorted(self._records.values(), key=lambda record: (record.stem, record.number))
        return [line for record in ordered for line in damage(self.root, record)]

    def publish(self, staged: StagedShard) -> None:
        """Make a staged shard part of the collection. The caller holds the lock."""
        publish_shard(self.root, staged)
        self._records[staged.record.shard] = staged.record

    def reload(self) -> None:
        """Look again, once the lock is held: another process may have written since this one opened the folder."""
        now = Collection.open(self.root)
        if now.info != self.info:
            raise SettingsError(f"{self.root}: was overwritten by another run; choose another folder")
        self._records = now._records


def shape_seed(run_seed: int, index: int) -> int:
    """Seed of one shape, 63 bits: a hash of both, so that any order and any restart give the same shapes."""
    return int.from_bytes(hashlib.blake2b(f"{run_seed}:{index}".encode(), digest_size=8).digest(), "big") >> 1


def shape_id(category: str, index: int) -> str:
    """Id of a generated shape, such as "chair-000042"; any category or prompt becomes a plain file name."""
    plain = unicodedata.normalize("NFKD", category).encode("ascii", "ignore").decode().lower()
    return f"{re.sub('[^a-z0-9]+', '-', plain).strip('-')[:48].strip('-') or 'shape'}-{index:06d}"


def shape_members(shape: Shape) -> list[tuple[str, bytes]]:
    """A shape's members of a shard: `<id>.glb` and `<id>.json`. Raises InputError for a shape that can't be stored."""
    from gen3d.mesh_io import glb_bytes

    try:
        note = json.dumps({"category": shape.category, "meta": shape.meta}, sort_keys=True, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise InputError(f"{shape.id}: its meta data can't be stored as JSON ({error})") from None
    return [(f"{shape.id}.glb", glb_bytes(shape)), (f"{shape.id}.json", note.encode())]


def _settle(path: Path, info: dict[str, Any], overwrite: bool) -> None:
    """Write an info file; leave one with the same info, refuse one with other info unless `overwrite`."""
    if overwrite or not same_record(path, info):
        write_record(path, info)


def _size(path: Path) -> int:
    """A file's size in bytes, -1 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _names(root: Path) -> list[str]:
    """Names of all there is in a folder. Raises StorageError."""
    try:
        return os.listdir(root)
    except OSError as error:
        raise storage_error(root, error) from None


def _remove(root: Path, names: Sequence[str]) -> None:
    """Remove files of the collection, in that order. Raises StorageError."""
    try:
        for name in names:
            (root / name).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(root, error) from None
