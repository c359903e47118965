"""Text files of data sets, read with errors that say what to do."""

from __future__ import annotations

from pathlib import Path

from gen3d.errors import InputError


def read_text(path: Path, landmark: str, most: float = float("inf")) -> str:
    """The text of a file. Raises InputError where it is missing, has more than `most` bytes, or is no text.

    Args:
        path: of the file.
        landmark: a file by which the right folder is known, for users whose folder lacks `path`.
        most: bytes.
    """
    try:
        if path.stat().st_size > most:
            raise InputError(f"{path}: is larger than {most / 2**20:g} MiB; copy the file again")
        return path.read_text()
    except FileNotFoundError:
        raise InputError(f"{path}: not found; give the folder that holds {landmark}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read ({str(error).splitlines()[0]}); copy the file again") from None
