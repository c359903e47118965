"""Shards: tar files that exist whole or not at all, and the manifest that lists the finished ones.

A shard is staged under a temporary name, hashed and fsynced (any process may do that), then published by the one
process that holds the folder's lock: renamed, folder fsynced, one line appended to `manifest.jsonl`. That line makes it
finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from gen3d.entries import Entries
from gen3d.errors import InputError, StorageError
from gen3d.storage import fsync_folder, storage_error
from gen3d.tar import intact, read_tar, write_tar

MANIFEST = "manifest.jsonl"
LOCK = ".lock"
TEMPORARY = ".tmp-"
# An id has no dot: WebDataset cuts a member's name at the first one. Nor a slash: it becomes a file name when exported.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_MEMBER = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)((?:\.[A-Za-z0-9_]+)+)")
_SHARD = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)-([0-9]{5,9})\.tar")
_LONGEST_NAME = 99  # bytes in a plain tar header
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
        object.__setattr__(self, "members", Entries(self.members))

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
            "failures": [{"id": id, "reason": reason} for id, reason in self.failures],
            "members": {name: list(entry) for name, entry in self.members.items()},
        }  # fmt: skip
        row |= {} if self.statistics is None else {"statistics": self.statistics}
        body = json.dumps(row).encode()
        return body[:-1] + _check(body) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> ShardRecord:
        """The record of a manifest line. Raises ValueError, TypeError or LookupError where it is damaged."""
        body = line[:-_CHECK] + b"}"
        if line[-_CHECK:] != _check(body):
            raise ValueError("check value differs")
        row = json.loads(body)
        match = _SHARD.fullmatch(row["shard"])
        safe = all(map(_ID.fullmatch, row["ids"])) and all(map(_is_member, row["members"]))
        if match is None or match[1] != row["stem"] or not safe:
            raise ValueError("has a name that may not become a file name")
        failures = [(failure["id"], failure["reason"]) for failure in row["failures"]]
        members = {name: (size, crc) for name, (size, crc) in row["members"].items()}
        fields = (row["shard"], row["stem"], row["ids"], row["sha256"], row["bytes"])
        return cls(*fields, failures, members, row.get("statistics"))


@dataclass(frozen=True)
class StagedShard:
    """A shard that is whole on disk but still under its temporary name."""

    record: ShardRecord
    temporary: Path


def is_shard(name: str) -> bool:
    """Whether a file of this name is a shard."""
    return _SHARD.fullmatch(name) is not None


def stage_shard(root: Path, stem: str, number: int, content: ShardContent) -> StagedShard:
    """Write a shard under a temporary name; equal content gives equal bytes.

    Raises:
        InputError: for an id or member name that could not be a file name, a duplicate, or a member of no sample.
        StorageError: on any OSError; nothing is left behind then.
    """
    name = f"{stem}-{number:05d}.tar"
    _check_names(name, content)
    temporary = root / f"{TEMPORARY}{name}-{uuid4().hex}"  # workers of several machines may be at one shard
    try:
        with open(temporary, "w+b") as file:
            write_tar(file, content.members)
            file.flush()
            os.fsync(file.fileno())
            sha256, size = _digest(file), file.tell()
    except BaseException as error:  # also on Ctrl-C
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(root / name, error) from None
        raise
    members = {member: (len(data), zlib.crc32(data)) for member, data in content.members}
    failures = [(id, " ".join(reason.split())) for id, reason in content.failures]
    record = ShardRecord(name, stem, content.ids, sha256, size, failures, members, content.statistics)
    return StagedShard(record, temporary)


def publish_shard(root: Path, staged: StagedShard) -> None:
    """Give a staged shard its final name, then enter it in the manifest. The caller holds the lock."""
    path = root / staged.record.shard
    try:
        os.replace(staged.temporary, path)
    except OSError as error:
        raise storage_error(path, error) from None
    fsync_folder(root)
    _append(root / MANIFEST, staged.record.line())


def read_manifest(root: Path) -> dict[str, ShardRecord]:
    """Finished shards by name; of two lines for one shard the later counts. A last line cut by a crash doesn't count.

    Raises InputError for a damaged line.
    """
    lines, _half = manifest_lines(root)
    records = {}
    for i, line in enumerate(lines, start=1):
        record = record_of(line)
        if record is None:
            hint = "delete that line and run the command that made the collection again"
            raise InputError(f"{root / MANIFEST}: line {i} is damaged; {hint}")
        records[record.shard] = record
    return records


def manifest_lines(root: Path) -> tuple[list[bytes], bytes]:
    """The manifest's lines, and the last one where a crash cut it (else empty). Raises InputError."""
    path = root / MANIFEST
    try:
        *lines, half = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], b""
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    return lines, half


def record_of(line: bytes) -> ShardRecord | None:
    """The record of a manifest line; None for a damaged one."""
    try:
        return ShardRecord.parse(line)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def read_shard(root: Path, record: ShardRecord) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of a shard's members, in order. Raises InputError for a shard that is missing or damaged.

    Nothing is trusted: size, names, order and kind of every member must be those of the manifest.
    """
    path = root / record.shard
    hint = "run the command that made it again"
    try:
        with open(path, "rb") as file:
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


def damage(root: Path, record: ShardRecord) -> list[tuple[str, str]]:
    """(member or "", what is wrong) of all that is wrong with a shard; empty where every bit is right."""
    try:
        with open(root / record.shard, "rb") as file:
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


@contextlib.contextmanager
def writing(root: Path) -> Iterator[None]:
    """Hold the folder's lock, which a crash releases; what a crash left behind is swept away first and last.

    Raises StorageError at once where another process holds it.
    """
    import fcntl  # not on Windows, where collections can still be read

    try:
        lock = open(root / LOCK, "a")  # noqa: SIM115 (closed by the `with` below)
    except OSError as error:
        raise storage_error(root / LOCK, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "wait for it or choose another folder"
            raise StorageError(f"{root}: another process is writing to it; {hint}") from None
        except OSError as error:
            raise storage_error(root / LOCK, error) from None
        _sweep(root)
        try:
            yield
        finally:
            _sweep(root)


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


def _is_member(name: str) -> bool:
    """Whether a name is `<id>.<suffix>` and fits a tar header."""
    return len(name) <= _LONGEST_NAME and _MEMBER.fullmatch(name) is not None


def _check_names(shard: str, content: ShardContent) -> None:
    """Raise InputError for names that may not enter a shard."""
    if not is_shard(shard):
        raise InputError(f"{shard!r}: can't be a shard's name; use letters, digits, '-', '_' and '.'")
    for id in [*content.ids, *(id for id, _ in content.failures)]:
        if not _ID.fullmatch(id):
            raise InputError(f"{shard}: {id[:80]!r} can't be an id; use letters, digits, '-' and '_'")
    names = [name for name, _ in content.members]
    for name in names:
        if not _is_member(name):
            hint = f"use <id>.<suffix>, at most {_LONGEST_NAME} characters"
            raise InputError(f"{shard}: {name[:80]!r} can't be a member's name; {hint}")
    if len(set(names)) < len(names) or len(set(content.ids)) < len(content.ids):
        raise InputError(f"{shard}: a sample occurs twice; ids must be unique")
    if [id for id, _ in groupby(content.members, key=sample_of)] != content.ids:
        raise InputError(f"{shard}: members must come sample by sample, in the order of the ids")


def _digest(file: BinaryIO) -> str:
    """sha256 of the whole file, hex; leaves the position at its end."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _append(path: Path, line: bytes) -> None:
    """Append a line durably, or leave the file as it was and raise StorageError."""
    try:
        with open(path, "ab", buffering=0) as file:
            before = file.tell()
            try:
                written = file.write(line)
                while written < len(line):  # a nearly full disk takes a part; the next write tells why
                    written += file.write(line[written:])
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(before)
                raise
    except OSError as error:
        raise storage_error(path, error) from None
    if not before:
        fsync_folder(path.parent)


def _sweep(root: Path) -> None:
    """Remove temporary files and a half last manifest line. Only for the holder of the lock."""
    try:
        for leftover in root.glob(f"{TEMPORARY}*"):
            leftover.unlink(missing_ok=True)
        manifest = root / MANIFEST
        data = manifest.read_bytes() if manifest.exists() else b""
        if data and not data.endswith(b"\n"):
            os.truncate(manifest, data.rfind(b"\n") + 1)
    except OSError as error:
        raise storage_error(root, error) from None
