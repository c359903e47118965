"""Files exist whole or not at all, also on full disks and after interrupts."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sample_shapes import random_mesh

from gen3d import storage
from gen3d.errors import StorageError
from gen3d.mesh_io import write_shape
from gen3d.shape import Shape
from gen3d.storage import atomic_write


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """No file of this process may grow past `limit` bytes: writes fail with EFBIG as they do on a full disk."""
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old_limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    write_shape(random_mesh(0), path)
    before = path.read_bytes()
    big = Shape("big", "chair", points=np.random.default_rng(0).normal(size=(9000, 3)).astype(np.float32))
    with file_size_limit(len(before) + 1000), pytest.raises(StorageError, match="a.glb: file size limit") as caught:
        write_shape(big, path)
    assert len(str(caught.value).splitlines()) == 1 and caught.value.exit_code == 5
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.glb"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_disk_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(prefix: str, dir: Path) -> tuple[int, str]:
        name = str(dir / f"{prefix}x")
        Path(name).touch()
        return os.open("/dev/full", os.O_WRONLY), name  # the kernel's own ENOSPC on every write

    monkeypatch.setattr(storage.tempfile, "mkstemp", full)
    with pytest.raises(StorageError, match="a.ply: disk full"):
        write_shape(random_mesh(0), tmp_path / "a.ply")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("prepare", "word"),
    [
        (lambda folder: folder / "none" / "a.obj", "the folder does not exist"),
        (lambda folder: (folder / "file").write_text("x") and folder / "file" / "a.obj", "its folder is a file"),
        (lambda folder: (folder / "a.obj").mkdir() or folder / "a.obj", "is a folder"),
        (lambda folder: folder / ("n" * 300 + ".obj"), "too long"),
        (lambda folder: Path("/proc") / "a.obj", "/proc/a.obj"),
    ],
)
def test_unwritable_places_are_storage_errors(tmp_path: Path, prepare: Callable[[Path], Path], word: str) -> None:
    path = prepare(tmp_path)
    with pytest.raises(StorageError, match=word) as caught:
        write_shape(random_mesh(0), path)
    assert str(path) in str(caught.value) and len(str(caught.value).splitlines()) == 1
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".tmp")]


def test_atomic_write_keeps_the_umask_and_cleans_up_after_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = os.umask(0o027)
    try:
        atomic_write(tmp_path / "a", b"abc")
    finally:
        os.umask(old)
    assert (tmp_path / "a").read_bytes() == b"abc" and (tmp_path / "a").stat().st_mode & 0o777 == 0o640

    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "a", b"new")
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"abc"


def test_storage_error_uses_the_systems_words_for_the_rest() -> None:
    error = storage.storage_error(Path("x"), OSError(errno.EIO, os.strerror(errno.EIO)))
    assert str(error) == f"can't write x: {os.strerror(errno.EIO).lower()}"
