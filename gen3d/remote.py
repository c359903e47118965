"""Folders in object stores (`s3://`, `gs://`, `memory://`), reached through fsspec.

An object is written whole or not at all by the service itself, so nothing here is renamed, appended to or locked. What
stalls or is refused is tried again a bounded number of times; then it is one StorageError.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from gen3d.errors import MissingError, SettingsError, StorageError

T = TypeVar("T")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_AT_ONCE = 1000  # objects that are read or removed in one call; S3 removes no more in one request


class Patience(NamedTuple):
    """How long a service is waited for.

    Args:
        pauses: seconds before each further attempt; one more attempt than there are pauses.
        answer: seconds that a call may take, before what it moves.
        rate: bytes per second at least, for what it moves.
    """

    pauses: tuple[float, ...] = (0.5, 1, 2, 4, 8)
    answer: float = 60
    rate: float = 200_000


PATIENCE = Patience()


class Remote:
    """A folder or an object by its URL; it joins, prints and compares as a path does, and any process may have it.

    Its methods raise StorageError where the service can't be reached, does not answer or refuses, and MissingError
    where the package that speaks to it is not installed.

    Args:
        url: such as "s3://bucket/chairs". Raises SettingsError for a scheme that fsspec does not know.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._connected()

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """What follows the last slash."""
        return self.url.rpartition("/")[2]

    def read_bytes(self, size: int | None = None) -> bytes:
        """The whole object. Raises FileNotFoundError where there is none.

        Args:
            size: its bytes, where they are known: they decide how long an answer may take.
        """
        files, path = self._connected()
        if size is None:
            size = int(_tried(f"read {self}", lambda: files.info(path))["size"] or 0)
        return _tried(f"read {self}", lambda: files.cat_file(path), size)

    def is_file(self) -> bool:
        """Whether there is an object of this name."""
        files, path = self._connected()
        return _tried(f"read {self}", lambda: files.isfile(path))

    exists = is_file

    def write_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Put the whole object, in the place of an older one."""
        files, path = self._connected()
        try:
            _tried(f"write {self}", lambda: files.pipe_file(path, bytes(data)), len(data))
        except FileNotFoundError:
            raise StorageError(f"can't write {self}: there is no such bucket; create it first") from None

    def sizes(self) -> dict[str, int]:
        """Name -> bytes of all objects right in this folder; empty where there are none."""
        return {name: row["size"] or 0 for name, row in self._rows().items()}

    def versions(self) -> str:
        """Another text where any object right in this folder was written since."""
        return repr(sorted(self._rows().items()))

    def version(self) -> str:
        """Another text where this object was written since; empty where there is none."""
        files, path = self._connected()
        try:
            return repr(_tried(f"read {self}", lambda: files.info(path)))
        except FileNotFoundError:
            return ""

    def read_all(self) -> dict[str, bytes]:
        """Name -> content of all objects right in this folder; those that go meanwhile are left out."""
        files, path = self._connected()
        sizes, found = self.sizes(), {}
        for some in _batches(sizes):
            paths = [f"{path}/{name}" for name in some]
            _tried(f"read {self}", partial(_add_all, files, paths, found), sum(sizes[name] for name in some))
        return {at.rpartition("/")[2]: content for at, content in found.items() if content is not None}

    def remove(self, names: Iterable[str]) -> None:
        """Remove those objects of this folder that are there, in that order."""
        files, path = self._connected()
        for some in _batches(names):
            _tried(f"remove from {self}", partial(_remove_all, files, path, some))

    def _rows(self) -> dict[str, dict[str, Any]]:
        """Name -> what the service says of the objects right in this folder."""
        files, path = self._connected()
        return _tried(f"list {self}", lambda: _listed(files, path))

    def _connected(self) -> tuple[Any, str]:
        """The file system and the path in it; fsspec keeps one for every thread and process."""
        from fsspec.core import url_to_fs

        scheme = self.url.partition(":")[0]
        try:
            # A listing that is kept would hide what other processes have written since.
            return url_to_fs(self.url, use_listings_cache=False)
        except ImportError as error:
            extra = f"gen3d[{_EXTRAS[scheme]}]" if scheme in _EXTRAS else ""
            hint = f"run: pip install '{extra}'" if extra else " ".join(str(error).split())
            raise MissingError(f"{self.url}: needs a package to speak to {scheme}; {hint}") from None
        except ValueError:
            raise SettingsError(f"{self.url}: unknown kind of URL; such as s3://BUCKET/FOLDER or gs://...") from None


def is_url(text: str) -> bool:
    """Whether a text is a URL and no path."""
    return _URL.match(text) is not None


def _listed(files: Any, path: str) -> dict[str, dict[str, Any]]:
    """Name -> what a file system says of the objects right in a folder."""
    try:
        rows = files.ls(path, detail=True)
    except FileNotFoundError:
        return {}
    return {row["name"].rpartition("/")[2]: row for row in rows if row["type"] == "file"}


def _add_all(files: Any, paths: list[str], found: dict[str, bytes | None]) -> None:
    """Add the content of those that an attempt before this one did not find; None where there is none any more."""
    rest = [at for at in paths if at not in found]
    answers = files.cat(rest, on_error="return") if rest else {}
    for at, content in answers.items():
        if isinstance(content, bytes | FileNotFoundError):
            found[at] = content if isinstance(content, bytes) else None
    for content in answers.values():
        if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
            raise content


def _remove_all(files: Any, path: str, names: list[str]) -> None:
    """Remove those that are there: an attempt before this one may have removed a part."""
    there = _listed(files, path)
    if found := [f"{path}/{name}" for name in names if name in there]:
        files.rm(found)


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    """Some at a time, in order."""
    rest = iter(names)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _tried(what: str, call: Callable[[], T], size: int = 0) -> T:
    """The answer of a call, tried again after growing pauses.

    Args:
        what: for the message, such as "read s3://bucket/x".
        call: leaves the same behind however often it is called.
        size: bytes that it moves.

    Raises:
        FileNotFoundError: at once; that is an answer.
        StorageError: at once where it is refused, and where the last attempt failed.
    """
    for pause in (*PATIENCE.pauses, None):
        try:
            return _in_time(call, PATIENCE.answer + size / PATIENCE.rate)
        except FileNotFoundError:
            raise
        except Exception as error:  # every service's library has errors of its own
            reason = " ".join(f"{error}".split())[:300] or type(error).__name__
            if _is_refusal(error):
                raise StorageError(f"can't {what}: refused ({reason}); look at the credentials") from None
            if pause is None:
                times = f"tried {len(PATIENCE.pauses) + 1} times"
                hint = "what was finished is kept, run the same command to go on"
                raise StorageError(f"can't {what}: {reason} ({times}); {hint}") from None
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _is_refusal(error: Exception) -> bool:
    """Whether asking again would give the same answer: of botocore's errors those of credentials are told by name."""
    return isinstance(error, PermissionError) or "Credential" in type(error).__name__


def _in_time(call: Callable[[], T], limit: float) -> T:
    """The answer of a call, whose errors pass through; TimeoutError where there is none after so many seconds.

    A call that never returns is left to itself, in a thread that does not keep the process from ending.
    """
    answers: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(call())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer within {limit:.0f} s")
    return answers[0]
