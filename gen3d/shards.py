"""Shards: tar files that exist whole or not at all, and what a manifest says of each; see `gen3d.manifest`."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import BufferedIOBase
from itertools import groupby
from pathlib import Path
from uuid import uuid4

from gen3d.entries import LONGEST_NAME, Entries, is_member
from gen3d.errors import InputError
from gen3d.remote import Remote
from gen3d.storage import Place, open_file, storage_error
from gen3d.tar import intact, read_tar, write_tar

TEMPORARY = ".tmp-"
ROWS = "manifest"
# An id has no dot: WebDataset cuts a member's name at the first one. Nor a slash: it becomes a file name when exported.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SHARD = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)-([0-9]{5,9})\.tar")
_MEMBERS = b', "members": {'
_CHECK = len(', "check": "01234567"}')  # the end of every manifest line


Member = tuple[str, bytes]  # `<id>.<suffix>` and content
Sample = tuple[str, Callable[[], list[Member]]]  # an id, and what makes its members or raises a Gen3dError
Statistics = dict[str, list[float]]  # see gen3d.part_statistics


@dataclass
class ShardContent:
    """What goes into one shard.

    Args:
        members: (`<id>.<suffix>`, bytes) in the order they are written.
        ids: the samples, in that order too; each has at least one member.
        failures: (id, reason) of the samples that could not be made.
        statistics: what `gen3d.part_statistics` counts in it, for the data card; None where nobody counted.
    """

    members: list[Member] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    statistics: Statistics | None = None

    def __iter__(self) -> Iterator[Sample]:
        """Its samples, then its failures, as a builder gives them."""
        grouped = {id: list(members) for id, members in groupby(self.members, key=sample_of)}
        for id in self.ids:
            yield id, partial(grouped.get, id, [])
        for id, reason in self.failures:
            yield id, partial(_fail, reason)


@dataclass(frozen=True)
class ShardRecord:
    """One line of the manifest: a finished shard.

    Args:
        shard: file name.
        stem: what it holds, "shapes" or "knowledge-<teacher>".
        ids: its samples, in order.
        sha256: of the file, hex.
        size: of the file in bytes.
        failures: (id, reason) of the samples that could not be made.
        members: name -> (size in bytes, crc32) in the order of the file, to tell which sample is damaged.
        statistics: as in `ShardContent`; None in collections of gen3d 0.1.
    """

    shard: str
    stem: str
    ids: list[str]
    sha256: str
    size: int
    failures: list[tuple[str, str]]
    members: Mapping[str, tuple[int, int]]
    statistics: Statistics | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", self.entries)

    @property
    def entries(self) -> Entries:
        """`members` as they are kept."""
        return self.members if isinstance(self.members, Entries) else Entries(self.members)

    @property
    def number(self) -> int:
        """The shard's place among those of its stem."""
        return int(self.shard.removesuffix(".tar").rpartition("-")[2])

    @property
    def samples(self) -> set[str]:
        """Ids of all it accounts for, the failed ones too."""
        return {*self.ids, *(id for id, _ in self.failures)}

    def line(self) -> bytes:
        """The manifest line, with a check value over all of it."""
        row = {
            "shard": self.shard, "stem": self.stem, "ids": self.ids, "sha256": self.sha256, "bytes": self.size,
            "failures": [{"id": id, "reason": reason} for id, reason in self.failures], "members": {},
        }  # fmt: skip
        row |= {} if self.statistics is None else {"statistics": self.statistics}
        body = json.dumps(row).encode().replace(_MEMBERS, _MEMBERS + self.entries.text, 1)
        return body[:-1] + _check(body) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> ShardRecord:
        """The record of a manifest line. Raises ValueError, TypeError or LookupError where it is damaged.

        The entries of its members, which are most of it, are looked through but not parsed.
        """
        body = line[:-_CHECK] + b"}"
        if line[-_CHECK:] != _check(body):
            raise ValueError("check value differs")
        start = body.index(_MEMBERS) + len(_MEMBERS)  # quotes within a text are escaped: it can't stand there
        end = body.index(b"}", start)
        row = json.loads(body[:start] + body[end:])
        match = _SHARD.fullmatch(row["shard"])
        if match is None or match[1] != row["stem"] or not all(map(_ID.fullmatch, row["ids"])):
            raise ValueError("has a name that may not become a file name")
        failures = [(failure["id"], failure["reason"]) for failure in row["failures"]]
        fields = (row["shard"], row["stem"], row["ids"], row["sha256"], row["bytes"])
        return cls(*fields, failures, Entries(body[start:end]), row.get("statistics"))


@dataclass(frozen=True)
class StagedShard:
    """A shard that is whole, in a folder still under its temporary name; in an object store there is no such name."""

    record: ShardRecord
    temporary: Path | None


def is_shard(name: str) -> bool:
    """Whether a file of this name is a shard."""
    return _SHARD.fullmatch(name) is not None


def row_name(shard: str) -> str:
    """In an object store, the object in `ROWS` that is a shard's row of the manifest until it is folded in."""
    return f"{shard.removesuffix('.tar')}.json"


def stage_shard(root: Place, stem: str, number: int, content: ShardContent) -> StagedShard:
    """Write a shard under a temporary name; equal content gives equal bytes.

    An object store takes it at once, with its row of the manifest: whoever writes it writes the same bytes.

    Raises:
        InputError: for an id or member name that could not be a file name, a duplicate, or a member of no sample.
        StorageError: on any OSError; nothing is left behind then.
    """
    name = f"{stem}-{number:05d}.tar"
    _check_names(name, content)
    if isinstance(root, Remote):
        buffer, temporary = io.BytesIO(), None
        write_tar(buffer, content.members)
        sha256, size = _digest(buffer), buffer.tell()
        (root / name).write_bytes(buffer.getbuffer())
    else:
        temporary = root / f"{TEMPORARY}{name}-{uuid4().hex}"  # workers of several machines may be at one shard
        sha256, size = _written(temporary, root / name, content.members)
    members = {member: (len(data), zlib.crc32(data)) for member, data in content.members}
    failures = [(id, " ".join(reason.split())) for id, reason in content.failures]
    record = ShardRecord(name, stem, content.ids, sha256, size, failures, members, content.statistics)
    if isinstance(root, Remote):
        (root / ROWS / row_name(name)).write_bytes(record.line())
    return StagedShard(record, temporary)


def read_shard(root: Place, record: ShardRecord) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of a shard's members, in order. Raises InputError for a shard that is missing or damaged.

    Nothing is trusted: size, names, order and kind of every member must be those of the manifest.
    """
    path = root / record.shard
    hint = "run the command that made it again"
    try:
        with open_file(path, record.size) as file:
            if (size := file.seek(0, os.SEEK_END)) != record.size:
                raise InputError(f"{path}: has {size:,} bytes but should have {record.size:,}; {hint}")
            file.seek(0)
            yield from read_tar(file, record.members)
    except FileNotFoundError:
        raise InputError(f"{path}: is missing; {hint}") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except (tarfile.TarError, EOFError, ValueError, LookupError, ArithmeticError, MemoryError):
        raise InputError(f"{path}: is damaged; delete it and {hint}") from None


def damage(root: Place, record: ShardRecord) -> list[tuple[str, str]]:
    """(member or "", what is wrong) of all that is wrong with a shard; empty where every bit is right."""
    try:
        with open_file(root / record.shard, record.size) as file:
            if _digest(file) == record.sha256:
                return []
            if file.tell() != record.size:
                return [("", f"has {file.tell():,} bytes but should have {record.size:,}")]
            file.seek(0)
            hit = [name for name, (size, crc) in record.members.items() if not intact(file, name, size, crc)]
    except FileNotFoundError:
        return [("", "is missing")]
    except OSError as error:
        return [("", f"can't be read ({error.strerror})")]
    return [(name, "is damaged") for name in hit] or [("", "its padding is damaged; every sample is whole")]


def sample_of(member: Member) -> str:
    """The id of the sample that a member belongs to."""
    return member[0].partition(".")[0]


def grouped(members: Iterable[Member]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(id, suffix -> bytes) of the samples that members in a shard's order belong to."""
    for id, group in groupby(members, key=sample_of):
        yield id, {name.partition(".")[2]: data for name, data in group}


def _fail(reason: str) -> list[Member]:
    raise InputError(reason)


def _check(body: bytes) -> bytes:
    """The end of a manifest line: a check value over all that comes before it."""
    return f', "check": "{zlib.crc32(body):08x}"}}'.encode()


def _check_names(shard: str, content: ShardContent) -> None:
    """Raise InputError for names that may not enter a shard."""
    if not is_shard(shard):
        raise InputError(f"{shard!r}: can't be a shard's name; use letters, digits, '-', '_' and '.'")
    for id in [*content.ids, *(id for id, _ in content.failures)]:
        if not _ID.fullmatch(id):
            raise InputError(f"{shard}: {id[:80]!r} can't be an id; use letters, digits, '-' and '_'")
    names = [name for name, _ in content.members]
    for name in names:
        if not is_member(name):
            hint = f"use <id>.<suffix>, at most {LONGEST_NAME} characters"
            raise InputError(f"{shard}: {name[:80]!r} can't be a member's name; {hint}")
    if len(set(names)) < len(names) or len(set(content.ids)) < len(content.ids):
        raise InputError(f"{shard}: a sample occurs twice; ids must be unique")
    if [id for id, _ in groupby(content.members, key=sample_of)] != content.ids:
        raise InputError(f"{shard}: members must come sample by sample, in the order of the ids")


def _written(temporary: Path, path: Path, members: list[Member]) -> tuple[str, int]:
    """Write a tar under its temporary name; its sha256 and size. Raises StorageError naming the final path."""
    try:
        with open(temporary, "w+b") as file:
            write_tar(file, members)
            file.flush()
            os.fsync(file.fileno())
            return _digest(file), file.tell()
    except BaseException as error:  # also on Ctrl-C
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(path, error) from None
        raise


def _digest(file: BufferedIOBase) -> str:
    """sha256 of the whole file, hex; leaves the position at its end."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
