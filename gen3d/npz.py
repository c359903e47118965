"""Arrays out of NPZ archives, plain numbers only, with every size checked before anything is unpacked.

A zip may promise a thousand times its own size, so what it unpacks to is held to a share of what it is.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gen3d.errors import InputError

MAX_BYTES = 1 << 30  # of one array
SMALL = 64 << 20  # bytes that any archive may unpack to, be it ever so small
RATIO = 20  # times its own size that it may unpack to beyond that; labels pack well, coordinates hardly
MAX_MEMBERS = 100_000
_ENTRY, _ENTRY_BYTES = b"PK\x01\x02", 46  # start and least size of an entry in the archive's table
_HEADER = 1 << 16  # bytes, in which the header of an npy file must end
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the ones numpy writes


def read_arrays(data: bytes, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an NPZ file by name.

    Args:
        data: the file.
        names: the ones to read; those that are not there are left out. All where None.

    Returns:
        name -> array of floats or integers, read-only.

    Raises:
        InputError: (reason only) an array of objects or text, one that is cut off, or sizes that no sound archive has.
        Exception: whatever zipfile raises on a damaged archive; callers turn it into InputError.
    """
    if data.count(_ENTRY) > MAX_MEMBERS:
        raise InputError(f"is an archive of more than {MAX_MEMBERS} members")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        wanted = None if names is None else {f"{name}.npy" for name in names}
        members = {info.filename: info for info in archive.infolist() if wanted is None or info.filename in wanted}
        _check_sizes(list(members.values()), len(data))
        return {name.removesuffix(".npy"): _array(archive, info) for name, info in members.items()}


def array_names(path: Path) -> list[str]:
    """Names of the arrays in an NPZ file, as stored. Raises InputError (reason only), and whatever zipfile raises."""
    if path.stat().st_size > _ENTRY_BYTES * MAX_MEMBERS and path.read_bytes().count(_ENTRY) > MAX_MEMBERS:
        raise InputError(f"is an archive of more than {MAX_MEMBERS} members")
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raise InputError for members that would unpack to too much, or in a way that numpy never packs."""
    allowed = SMALL + RATIO * size
    for info in members:
        name = info.filename.removesuffix(".npy")
        if info.file_size > MAX_BYTES:
            raise InputError(f"array `{name}` is larger than {MAX_BYTES >> 20} MiB")
        if info.compress_type not in _METHODS or info.flag_bits & 1:
            raise InputError(
                f"array `{name}` is packed or encrypted in a way that numpy never does; save it with numpy"
            )
    if (total := sum(info.file_size for info in members)) > allowed:
        raise InputError(f"unpacks to {total >> 20} MiB from {size >> 10} KiB, as only an archive bomb does")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One member. Every read asks for what is checked by then: unpacking goes on for as long as it is asked to."""
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as member:
        start = io.BytesIO(member.read(min(info.file_size, _HEADER)))
        shape, fortran, dtype = _header(start, name)
        if dtype.kind not in "fiu":
            hint = "only plain numbers are read, never pickled objects: save float32 or integer arrays"
            raise InputError(f"array `{name}` holds {' '.join(str(dtype).split())[:100]}; {hint}")
        size, first = int(np.prod(shape, dtype=object)) * dtype.itemsize, start.read()
        if not 0 <= size <= info.file_size:
            raise InputError(f"array `{name}` is truncated")
        data = first + member.read(size - len(first)) if size > len(first) else first
        if len(data) != size or member.read(1):
            raise InputError(f"array `{name}` is truncated, or longer than it says")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _header(start: io.BytesIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type that an npy file announces."""
    version = np.lib.format.read_magic(start)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"array `{name}` has an unknown npy version")
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(start)
    return np.lib.format.read_array_header_2_0(start)
