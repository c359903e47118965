"""The settings kept beside every result: what makes a repeated command end at once and a changed one refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gen3d.errors import InputError, SettingsError
from gen3d.storage import atomic_write, make_folder, storage_error

_ABSENT = object()


def read_record(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None where there is none. Raises InputError for a damaged one."""
    try:
        record = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise InputError(f"{path}: is damaged (not a JSON object); make it again with --overwrite")
    return record


def same_record(path: Path, record: dict[str, Any]) -> bool:
    """Whether the file holds this record; False where there is none.

    Raises SettingsError naming the first field that differs and both values.
    """
    old = read_record(path)
    if old is None:
        return False
    for field, was, now in differences(old, plain(record)):
        hint = "use the same settings, another folder, or --overwrite"
        raise SettingsError(f"{path}: {field} was {was}, now {now}; {hint}")
    return True


def start_record(path: Path) -> None:
    """Make the folder and remove an old record, before the files that the new one will speak of are replaced."""
    make_folder(path.parent)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from None


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write a record, whole or not at all."""
    atomic_write(path, json.dumps(plain(record), indent=2).encode() + b"\n")


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """The record as it will be when read: tuples are lists."""
    return json.loads(json.dumps(record, allow_nan=False))


def differences(old: Any, new: Any, field: str = "") -> Iterator[tuple[str, str, str]]:
    """(dotted field, old value, new value) wherever two JSON objects differ; an absent value reads "not set"."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{field}.{key}".lstrip("."))
    elif old != new:
        was, now = ("not set" if value is _ABSENT else json.dumps(value) for value in (old, new))
        yield field, was, now
