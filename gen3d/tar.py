"""Plain POSIX tar files whose bytes depend on the members alone, and readers of them that trust nothing."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import BinaryIO


def header(name: str, size: int) -> bytes:
    """The 512-byte tar header of a member; nothing in it depends on the machine, the user or the time."""
    info = tarfile.TarInfo(name)  # its defaults: mtime 0, uid and gid 0, no user or group name, mode 0644
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)


def write_tar(file: BinaryIO, members: list[tuple[str, bytes]]) -> None:
    """A POSIX tar of the members in the given order."""
    for name, data in members:
        file.write(header(name, len(data)))
        file.write(data)
        file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
    end = file.tell() + 2 * tarfile.BLOCKSIZE
    file.write(bytes(2 * tarfile.BLOCKSIZE + -end % tarfile.RECORDSIZE))


def read_tar(file: BinaryIO, expected: dict[str, tuple[int, int]]) -> Iterator[tuple[str, bytes]]:
    """Members of an uncompressed tar; ValueError where one is not the plain file that is expected next."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info, name in zip_longest(tar, expected):
            plain = info is not None and info.type == tarfile.REGTYPE and not info.issparse()
            if info is None or not plain or info.name != name or info.size != expected[name][0]:
                raise ValueError("not the expected member")
            data = tar.extractfile(info)
            yield name, b"" if data is None else data.read()


def intact(file: BinaryIO, name: str, size: int, crc: int) -> bool:
    """Whether the member that starts here is as it was written; reads past it."""
    head, data, padding = file.read(tarfile.BLOCKSIZE), file.read(size), file.read(-size % tarfile.BLOCKSIZE)
    return head == header(name, size) and zlib.crc32(data) == crc and not any(padding)
