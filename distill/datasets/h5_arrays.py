"""Arrays out of HDF5 files that may be damaged or hostile: place, type and size are checked before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gen3d.errors import InputError

MAX_BYTES = 1 << 30  # of one array; larger ones are refused before they are read


def read_arrays(path: Path, kinds: dict[str, str]) -> dict[str, np.ndarray]:
    """Datasets of one file by name; others in it are left alone.

    Args:
        path: the file.
        kinds: name -> numpy's letters of the types that it may have, "f" or "iu".

    Raises:
        InputError: naming the file, for one that is not there, is damaged, or asks for other files or for gigabytes.
    """
    import h5py

    try:
        if not path.is_file():
            raise InputError("not found; copy it beside the list that names it")
        with h5py.File(path, "r") as file:
            return {name: _array(file, name, letters) for name, letters in kinds.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # h5py leaks OSError, KeyError, OverflowError, RuntimeError and more on damaged files
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise InputError(f"{path}: can't be read, it looks damaged ({reason}); copy the file again") from None


def _array(file: Any, name: str, kinds: str) -> np.ndarray:
    """One dataset, whose place, type and size are checked before anything is read."""
    import h5py

    link = file.get(name, getlink=True)
    if link is None:
        raise InputError(f"has no dataset {name!r}; copy the file again")
    if not isinstance(link, h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        raise InputError(f"{name!r} is a link or a group, not a dataset in this file")
    dataset = file[name]
    if dataset.external or dataset.is_virtual:
        raise InputError(f"{name!r} keeps its values in other files; they are not followed")
    if dataset.dtype.kind not in kinds or dataset.shape is None:
        raise InputError(f"{name!r} holds {dataset.dtype}, not plain {'numbers' if 'f' in kinds else 'integers'}")
    itemsize = max(4, dataset.dtype.itemsize)
    for sizes in (dataset.shape, dataset.chunks or ()):
        if int(np.prod(sizes, dtype=object)) * itemsize > MAX_BYTES:
            raise InputError(f"{name!r} is larger than {MAX_BYTES >> 20} MiB; split the file")
    return np.asarray(dataset[()])
