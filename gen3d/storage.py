"""Files that exist whole or not at all: build under a temporary name, fsync, rename, fsync the folder."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
from collections.abc import Iterable
from io import BufferedIOBase
from pathlib import Path

from gen3d.errors import SettingsError, StorageError
from gen3d.remote import Remote, is_url

Place = Path | Remote

_HINTS = {
    errno.ENOSPC: "disk full; free some space and run again",
    errno.EDQUOT: "disk quota reached; free some space and run again",
    errno.EFBIG: "file size limit reached; raise it (ulimit -f) or write less",
    errno.EROFS: "read-only file system; choose another folder",
    errno.EACCES: "no permission to write here; choose another folder",
    errno.ENOENT: "the folder does not exist; create it first",
    errno.ENOTDIR: "its folder is a file; choose another folder",
    errno.EISDIR: "is a folder; give a file name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def place(text: str | Place) -> Place:
    """A folder or file by its path or URL; `file://` is a path. Raises SettingsError or MissingError, as `Remote`."""
    if not isinstance(text, str) or not is_url(text):
        return Path(text) if isinstance(text, str) else text
    return Path(text.removeprefix("file://")) if text.startswith("file://") else Remote(text)


def local(at: Place, what: str) -> Path:
    """The path of a place. Raises SettingsError for a URL, since `what` is read from folders alone."""
    if isinstance(at, Remote):
        raise SettingsError(f"{at}: {what} is read from a folder; collections alone may be URLs")
    return at


def beside(folder: Place, ending: str) -> Path:
    """The file `<folder's name><ending>` beside a folder; of a URL in the working directory."""
    if isinstance(folder, Remote):
        return Path(f"{folder.name}{ending}")
    return folder.absolute().with_name(f"{folder.absolute().name}{ending}")


def storage_error(path: Place, error: OSError) -> StorageError:
    """The one-line StorageError for an OSError met while writing `path`."""
    reason = _HINTS.get(error.errno or 0) or (error.strerror or type(error).__name__).lower()
    return StorageError(f"can't write {path}: {reason}")


def atomic_write(path: str | Place, data: bytes | memoryview) -> None:
    """Write `data` to `path` so that the name holds either its old content or all of the new one, even after a crash.

    Args:
        path: final name; its folder must exist. Replaced where it exists.
        data: the whole content.

    Raises:
        StorageError: naming the path, on any OSError; nothing is left behind then.
    """
    if isinstance(path, Remote):
        return path.write_bytes(data)
    path = Path(path)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".tmp-{os.getpid()}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())  # mkstemp's 0600 would lock the reader of a shared folder out
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = None
        fsync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from None
    finally:
        if temporary is not None:  # also on Ctrl-C
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def fsync_folder(folder: str | Path) -> None:
    """Make the renames in `folder` durable. Raises StorageError; file systems that can't sync a folder are let pass."""
    try:
        handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError as error:
        raise storage_error(Path(folder), error) from None
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise storage_error(Path(folder), error) from None
    finally:
        os.close(handle)


def make_folder(folder: str | Path) -> Path:
    """The folder, created with its parents where absent. Raises StorageError; SettingsError for what was a URL."""
    folder = Path(folder)
    if any(is_url(f"{part}//") for part in folder.parts) and not folder.exists():
        raise SettingsError(f"{folder}: looks like a URL, but is written to a folder; collections alone may be URLs")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from None
    return folder


def remove_files(folder: Place, names: Iterable[str]) -> None:
    """Remove those files of a folder that are there, in that order. Raises StorageError."""
    if isinstance(folder, Remote):
        return folder.remove(names)
    for name in names:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(folder / name, error) from None


def names_in(folder: Place) -> list[str]:
    """Names of all there is in a folder. Raises StorageError."""
    if isinstance(folder, Remote):
        return list(folder.sizes())
    try:
        return os.listdir(folder)
    except OSError as error:
        raise storage_error(folder, error) from None


def sizes_of(folder: Place, names: Iterable[str]) -> dict[str, int]:
    """Bytes of those files of a folder that are there. Raises StorageError for an object store that can't tell."""
    if isinstance(folder, Remote):
        there = folder.sizes()
        return {name: there[name] for name in names if name in there}
    found = {}
    for name in names:
        with contextlib.suppress(OSError):
            found[name] = os.stat(folder / name).st_size
    return found


def open_file(path: Place, size: int | None = None) -> BufferedIOBase:
    """A file open for reading; an object, of that size if known, is read whole. Raises OSError, and as `Remote`."""
    return io.BytesIO(path.read_bytes(size)) if isinstance(path, Remote) else open(path, "rb")


def _umask() -> int:
    """The process's file mode mask; POSIX offers no way to read it without setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
