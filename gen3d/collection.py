"""Collections: many shapes, and what is known about them, in one folder of shards; a crash loses nothing finished."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen3d import __version__
from gen3d.errors import InputError, SettingsError
from gen3d.manifest import MANIFEST, Manifest, writing
from gen3d.record import is_settled, read_record, settle_record, unseal
from gen3d.shards import ShardContent, ShardRecord, StagedShard, damage, grouped, is_shard, read_shard, stage_shard
from gen3d.storage import Place, atomic_write, make_folder, names_in, place, remove_files, sizes_of

if TYPE_CHECKING:
    from gen3d.shape import Shape

FORMAT_VERSION = 1
INFO = "collection.json"
SHAPES = "shapes"
CARD = "README.md"
_STAGE = re.compile(r"knowledge-[A-Za-z0-9._-]+\.json")


class Collection:
    """Shards in a folder or an object store. Reading sees the shards that were finished when it was opened.

    Args:
        root: the folder, or its URL.
        info: what `collection.json` holds: category, parts, generator, seed, count, licence, settings.
        manifest: what is finished.
    """

    def __init__(self, root: Place, info: dict[str, Any], manifest: Manifest) -> None:
        self.root: Any = root  # a Path for who gave a path: most callers know which of the two it is
        self.info = info
        self._manifest = manifest

    @classmethod
    def open(cls, root: str | Place) -> Collection:
        """The collection at a path or URL. Raises InputError where there is none, or one of a newer gen3d."""
        root = place(root)
        return cls(root, read_info(root), Manifest(root))

    @classmethod
    def create(cls, root: str | Place, info: dict[str, Any], overwrite: bool = False) -> Collection:
        """A new collection, or the one already there with the same info, for resuming.

        Args:
            root: a folder that is absent, empty or a collection, or such a URL.
            info: JSON-able; needs `category`. Format version and gen3d's version are added.
            overwrite: remove an old collection's shards first, whatever its info.

        Raises:
            SettingsError: where the folder holds other files, or a collection of other settings.
        """
        root = place(root)
        if isinstance(root, Path):
            make_folder(root)
        info = _signed({"format_version": FORMAT_VERSION, **info})
        there = names_in(root)
        if INFO not in there and not all(name.startswith(".") for name in there):
            raise SettingsError(f"{root}: holds other files but no collection; choose an empty or a new folder")
        with writing(root):
            if overwrite:
                remove_files(root, [MANIFEST, *filter(_is_ours, names_in(root))])
            else:
                _refuse_newer(root)
            settle_record(root / INFO, info, overwrite)
        return cls.open(root)

    def only(self, record: ShardRecord) -> Collection:
        """What it holds in one shard, light enough to be sent to another process; nothing is read for it."""
        return Collection(self.root, self.info, self._manifest.only(record))

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
        return sorted((r for r in self._manifest.records.values() if r.stem == stem), key=lambda record: record.number)

    def finished(self, stem: str = SHAPES, whole: Set[str] | None = None) -> set[str]:
        """Names of the shards that need not be built: in the manifest, and still there in full size.

        One of a later stage must also account for every shape of its number: shapes may have come to it since. `whole`
        is what `in_place` says, where that was asked before.
        """
        shapes = {} if stem == SHAPES else {record.number: record.ids for record in self.records()}
        whole = self.in_place(stem) if whole is None else whole
        return {
            record.shard
            for record in self.records(stem)
            if record.shard in whole and (record.number not in shapes or record.samples == set(shapes[record.number]))
        }

    def in_place(self, stem: str = SHAPES) -> set[str]:
        """Names of the shards of the manifest that are still there in full size."""
        wanted = {record.shard: record.size for record in self.records(stem)}
        return {name for name, size in sizes_of(self.root, wanted).items() if size == wanted[name]}

    def stems(self) -> list[str]:
        """The later stages that have a shard or an info file here, such as "knowledge-lite"."""
        found = {record.stem for record in self._manifest.records.values()}
        found |= {name.removesuffix(".json") for name in names_in(self.root) if is_stage(name)}
        return sorted(found - {SHAPES})

    def stage(self, stem: str) -> dict[str, Any]:
        """The settings a later stage recorded in `<stem>.json`; empty where there is none. Raises InputError."""
        path = self.root / f"{stem}.json"
        return unseal(path, read_record(path) or {})

    def fingerprint(self, stems: Sequence[str]) -> str:
        """Hash of all that the collection holds of some stems: of the manifest's hashes of their shards."""
        rows = [f"{record.shard} {record.sha256}" for stem in stems for record in self.records(stem)]
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]

    def samples(self, stem: str = SHAPES, number: int | None = None) -> Iterator[tuple[str, dict[str, bytes]]]:
        """(id, suffix -> bytes) of the samples, in order, of all shards or of one.

        Raises InputError naming the shard, where one is missing or damaged.
        """
        for record in self.records(stem):
            if number in (None, record.number):
                yield from grouped(read_shard(self.root, record))

    def members(self, stem: str, suffix: str, number: int | None = None) -> Iterator[tuple[str, bytes]]:
        """(id, bytes) of the members `<id>.<suffix>`, as `samples` does; suffix as in "safetensors"."""
        for id, parts in self.samples(stem, number):
            if suffix in parts:
                yield id, parts[suffix]

    def shapes(self, number: int | None = None) -> Iterator[Shape]:
        """The shapes, in order, of all shards or of one. Raises InputError where one can't be read."""
        for id, parts in self.samples(SHAPES, number):
            try:
                yield shape_of(id, parts)
            except InputError as error:
                raise InputError(f"{self.root}: {error}") from None

    def is_stage(self, stem: str, info: dict[str, Any]) -> bool:
        """Whether `begin` was called with these settings, and none of its file's bits has changed since."""
        return is_settled(self.root / f"{stem}.json", _signed(info))

    def begin(self, stem: str, info: dict[str, Any], overwrite: bool = False) -> None:
        """Record a later stage's settings in `<stem>.json`, by `create`'s rules for new, same and other settings."""
        with writing(self.root):
            self.reload()
            if overwrite:
                kept = [record.line() for record in self._manifest.records.values() if record.stem != stem]
                atomic_write(self.root / MANIFEST, b"".join(kept))
                remove_files(self.root, [record.shard for record in self.records(stem)])
                self.reload()
            settle_record(self.root / f"{stem}.json", _signed(info), overwrite)

    def add_shard(self, stem: str, number: int, content: ShardContent) -> None:
        """Write one shard and enter it in the manifest; replaces an earlier one of this number."""
        with writing(self.root):
            self.reload()
            self.publish(stage_shard(self.root, stem, number, content))

    def damage(self) -> list[str]:
        """What is wrong in any finished shard, one line each naming shard and sample; empty where all is right.

        See `gen3d.verification` for all that can be wrong with a collection.
        """
        ordered = sorted(self._manifest.records.values(), key=lambda record: (record.stem, record.number))
        found = [(record.shard, *flaw) for record in ordered for flaw in damage(self.root, record)]
        return [f"{self.root / shard}: {' '.join(filter(None, flaw))}" for shard, *flaw in found]

    def publish(self, staged: StagedShard) -> None:
        """Make a staged shard part of the collection. The caller holds the lock."""
        self._manifest.publish(staged)

    def reload(self) -> None:
        """Look again, once the lock is held: another process may have written since this one opened the folder."""
        if read_info(self.root) != self.info:
            raise SettingsError(f"{self.root}: was overwritten by another run; choose another folder")
        self._manifest.read()


def read_info(root: Place) -> dict[str, Any]:
    """A collection's info. Raises InputError where there is none, or one that this gen3d does not read."""
    info = read_record(root / INFO)
    if info is None:
        raise InputError(f"{root}: is not a collection (no {INFO}); make one with `gen3d generate`, or `gen3d import`")
    info = unseal(root / INFO, info)
    _refuse_newer(root)
    version = info.get("format_version")
    if type(version) is not int or not isinstance(info.get("category"), str):
        hint = "make the collection again with --overwrite"
        raise InputError(f"{root / INFO}: lacks a format_version or a category; {hint}")
    if version < FORMAT_VERSION:
        hint = "make the collection again with --overwrite"
        raise InputError(f"{root}: has format {version}, older than {FORMAT_VERSION}, which no gen3d reads; {hint}")
    return info


def shape_seed(run_seed: int, index: int, attempt: int = 0) -> int:
    """Seed of one attempt at a shape, 63 bits: a hash, so that any order and any restart give the same shapes.

    Args:
        run_seed: of the collection.
        index: of the shape.
        attempt: counted from 0, which is the shape where nothing is rejected.
    """
    text = f"{run_seed}:{index}:{attempt}" if attempt else f"{run_seed}:{index}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


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


def shape_of(id: str, parts: dict[str, bytes]) -> Shape:
    """Inverse of `shape_members`, from suffix -> bytes. Raises InputError naming the id."""
    from gen3d.mesh_io import shape_from_glb

    try:
        note = json.loads(parts["json"])
        glb, category, meta = parts["glb"], str(note["category"]), dict(note["meta"])
    except (ValueError, TypeError, LookupError, RecursionError):
        raise InputError(f"{id} is not a shape (needs {id}.glb and {id}.json)") from None
    return shape_from_glb(glb, id, category, meta)


def _signed(info: dict[str, Any]) -> dict[str, Any]:
    """With the version of gen3d: other versions may make other bytes of the same settings."""
    return {**info, "gen3d": __version__}


def _refuse_newer(root: Place) -> None:
    """Raise InputError for a collection of a newer gen3d; one that can't be read is judged elsewhere."""
    try:
        version = unseal(root / INFO, read_record(root / INFO) or {}).get("format_version")
    except InputError:
        return
    if type(version) is int and version > FORMAT_VERSION:
        raise InputError(f"{root}: has format {version}, newer than {FORMAT_VERSION}; upgrade gen3d to use it")


def is_stage(name: str) -> bool:
    """Whether a file of this name holds the settings of a later stage."""
    return _STAGE.fullmatch(name) is not None


def _is_ours(name: str) -> bool:
    """Whether a file is one that goes when the collection is made anew."""
    return is_shard(name) or name == CARD or is_stage(name)
