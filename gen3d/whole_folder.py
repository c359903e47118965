"""Folders that exist whole or not at all: built beside their place, then renamed into it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gen3d.errors import StorageError
from gen3d.storage import fsync_folder, make_folder, storage_error


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the name `folder` at the end; until then and on any error the old one stays.

    It is called `.new-<name>`, beside its place. What a killed process left there is removed by the next one.

    Raises:
        StorageError: on any OSError, or at once where another process is filling it.
    """
    folder = Path(os.path.abspath(folder))  # "." has no name to build another one from
    new, old = (folder.with_name(f".{word}-{folder.name}") for word in ("new", "old"))
    make_folder(folder.parent)
    with _lock(folder.with_name(f".lock-{folder.name}"), folder):
        try:
            _tidy(folder, old)
            _remove(new)
            new.mkdir()
            yield new
            os.sync()  # one call for all files: an fsync of each would take longer than writing them
            if folder.exists():
                os.replace(folder, old)
            os.replace(new, folder)
            fsync_folder(folder.parent)
        except OSError as error:
            raise storage_error(folder, error) from None
        finally:
            with contextlib.suppress(OSError):  # on a broken disk the first error is the one to tell
                _tidy(folder, old)
                _remove(new)


@contextlib.contextmanager
def _lock(path: Path, folder: Path) -> Iterator[None]:
    """Hold a lock file, which is removed at the end; a crash releases it."""
    import fcntl  # not on Windows

    busy = StorageError(f"{folder}: another process is writing it; wait for it or choose another folder")
    try:
        file = open(path, "a")  # noqa: SIM115 (closed by the `with` below)
    except OSError as error:
        raise storage_error(folder, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise busy  # removed by the other process after this one opened it
        except BlockingIOError:
            raise busy from None
        except OSError as error:
            raise storage_error(folder, error) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _tidy(folder: Path, old: Path) -> None:
    """Remove the old folder once there is a new one; give it its name back where there is none."""
    if old.exists() and not folder.exists():
        os.replace(old, folder)
    _remove(old)


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all in it, where there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
