"""Plain POSIX tar files whose bytes depend on the members alone, and readers of them that trust nothing."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator, Mapping
from io import BufferedIOBase

_OWNER = b"0000644\0" + b"0000000\0" * 2  # mode, user, group
_TIME = b"\0" + b"00000000000\0"  # the end of the size; never
_END = bytes(100) + b"ustar\00000" + bytes(64) + bytes(16) + bytes(167)  # link, format, names, devices, prefix
_REST = sum(_OWNER) + sum(_TIME) + sum(b" " * 8) + sum(b"0") + sum(_END)  # of the check value; its own field is blanks


def header(name: str, size: int) -> bytes:
    """The 512-byte tar header of a member; nothing in it depends on the machine, the user, the time or on Python.

    The fields of POSIX 1003.1 (pax, "ustar interchange format"): tarfile's own headers take five times as long to make,
    and what they say of devices has changed between versions of Python.

    Raises ValueError for a name over 100 bytes or a size of 8 GiB and more, which a plain header can't hold.
    """
    named, sized = name.encode(), b"%011o" % size
    if len(named) > 100 or len(sized) > 11:
        raise ValueError(f"{name[:80]}: too long or too large for a tar")
    check = b"%06o" % (_REST + sum(named) + sum(sized))
    return b"".join((named.ljust(100, b"\0"), _OWNER, sized, _TIME, check, b"\0 0", _END))


def write_tar(file: BufferedIOBase, members: list[tuple[str, bytes]]) -> None:
    """A POSIX tar of the members in the given order."""
    for name, data in members:
        file.write(header(name, len(data)))
        file.write(data)
        file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
    end = file.tell() + 2 * tarfile.BLOCKSIZE
    file.write(bytes(2 * tarfile.BLOCKSIZE + -end % tarfile.RECORDSIZE))


def read_tar(file: BufferedIOBase, expected: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, bytes]]:
    """Members of an uncompressed tar; ValueError where a header is not the very one that is expected next.

    Args:
        file: at its start.
        expected: name -> (size, anything), in order.
    """
    for name, (size, _) in expected.items():
        if file.read(tarfile.BLOCKSIZE) != header(name, size):
            raise ValueError("not the expected member")
        data = file.read(size)
        if len(data) < size:
            raise ValueError("cut off")
        file.read(-size % tarfile.BLOCKSIZE)
        yield name, data
    if any(file.read(tarfile.BLOCKSIZE)):
        raise ValueError("more than the expected members")


def intact(file: BufferedIOBase, name: str, size: int, crc: int) -> bool:
    """Whether the member that starts here is as it was written; reads past it."""
    head, data, padding = file.read(tarfile.BLOCKSIZE), file.read(size), file.read(-size % tarfile.BLOCKSIZE)
    return head == header(name, size) and zlib.crc32(data) == crc and not any(padding)
