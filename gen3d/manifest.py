"""The manifest: which shards are finished. In a folder it is a file that grows, in an object store a few objects.

In a folder the one process that holds its lock publishes what any process staged: renamed, folder fsynced, one line
appended to `manifest.jsonl`. That line makes a shard finished.

An object store can't rename, append or lock. There a shard is one put, its row a second one (`manifest/<shard>.json`),
and that row makes it finished; at the next chance rows are folded into `manifest.jsonl`, which is what a folder has, so
that a collection can be copied either way. Two writers do no harm: a shard's bytes are the same whoever writes it.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterator
from pathlib import Path

from gen3d.errors import InputError, StorageError
from gen3d.remote import Remote
from gen3d.shards import ROWS, TEMPORARY, ShardRecord, StagedShard
from gen3d.storage import Place, fsync_folder, open_file, storage_error

MANIFEST = "manifest.jsonl"
LOCK = ".lock"
_UNREAD = "unread"  # what no state of a manifest is equal to


class Manifest:
    """Finished shards by name; of two lines for one shard the later counts. A last line cut by a crash doesn't count.

    Args:
        root: the collection's place. Raises InputError for a damaged line.
    """

    def __init__(self, root: Place) -> None:
        self.root = root
        self.records: dict[str, ShardRecord] = {}
        self._state: object = _UNREAD
        self.read()

    def read(self) -> None:
        """Read it, unless it is as it was when it was read. Raises InputError for a damaged line."""
        state = _state(self.root)
        if state == self._state:
            return
        found: dict[str, ShardRecord] = {}
        for number, line in enumerate(manifest_lines(self.root), start=1):
            record = record_of(line)
            if record is not None:
                found[record.shard] = record
            elif line.endswith(b"\n"):
                hint = "delete that line and run the command that made the collection again"
                raise InputError(f"{self.root / MANIFEST}: line {number} is damaged; {hint}")
        self.records, self._state = found, state

    def only(self, record: ShardRecord) -> Manifest:
        """What it says of one shard."""
        part = copy.copy(self)
        part.records = {record.shard: record}
        part._state = _UNREAD
        return part

    def publish(self, staged: StagedShard) -> None:
        """Give a staged shard its final name, then enter it. The caller holds the lock, and has read it since."""
        if isinstance(self.root, Path) and staged.temporary is not None:
            path = self.root / staged.record.shard
            try:
                os.replace(staged.temporary, path)
            except OSError as error:
                raise storage_error(path, error) from None
            fsync_folder(self.root)
            _append(self.root / MANIFEST, staged.record.line())
            self._state = _state(self.root)
        self.records[staged.record.shard] = staged.record


def manifest_lines(root: Place) -> Iterator[bytes]:
    """The manifest's lines with their ends; one that a crash cut has none. Raises InputError."""
    # Rows are read first: what is folded in and gone by then is found in the file.
    rows = (root / ROWS).read_all() if isinstance(root, Remote) else {}
    path = root / MANIFEST
    try:
        with open_file(path) as file:
            yield from file
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    yield from (row for _, row in sorted(rows.items()) if record_of(row) is not None)


def record_of(line: bytes) -> ShardRecord | None:
    """The record of a manifest line; None for a damaged one, and one without an end."""
    try:
        return ShardRecord.parse(line[:-1]) if line.endswith(b"\n") else None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


@contextlib.contextmanager
def writing(root: Place) -> Iterator[None]:
    """Hold a folder's lock, which a crash releases; what a crash left behind is swept away first and last.

    Raises StorageError at once where another process holds it. In an object store rows are folded in, first and last.
    """
    if isinstance(root, Remote):
        _fold(root)
        yield
        _fold(root)
        return
    with _lock(root):
        _sweep(root)
        try:
            yield
        finally:
            _sweep(root)


@contextlib.contextmanager
def _lock(root: Path) -> Iterator[None]:
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
        yield


def _state(root: Place) -> object:
    """Another one where the manifest was written since; None where there is no file of it."""
    if isinstance(root, Remote):
        return (root / MANIFEST).version(), (root / ROWS).versions()
    try:
        state = (root / MANIFEST).stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


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
        if manifest.exists() and manifest.stat().st_size and not _ends_whole(manifest):
            os.truncate(manifest, manifest.read_bytes().rfind(b"\n") + 1)
    except OSError as error:
        raise storage_error(root, error) from None


def _ends_whole(path: Path) -> bool:
    """Whether the last byte of a file ends a line."""
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _fold(root: Remote) -> None:
    """Make the rows that are objects lines of the file, one for each shard; then they may go."""
    rows = (root / ROWS).sizes()
    if rows:
        lines = {line.partition(b'", ')[0]: line for line in manifest_lines(root) if line.endswith(b"\n")}
        (root / MANIFEST).write_bytes(b"".join(lines.values()))
        (root / ROWS).remove(rows)
