"""The settings kept beside every result: what makes a repeated command end at once and a changed one refuse."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gen3d.errors import InputError, SettingsError
from gen3d.storage import Place, atomic_write, make_folder, remove_files

CHECK = "check"  # the last key of a sealed record
_ABSENT = object()


def read_record(path: Place) -> dict[str, Any] | None:
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


def same_record(path: Place, record: dict[str, Any]) -> bool:
    """Whether the file holds this record; False where there is none.

    Raises SettingsError naming the first field that differs and both values.
    """
    old = read_record(path)
    if old is None:
        return False
    refuse_other(path, old, plain(record))
    return True


def settle_record(path: Place, record: dict[str, Any], overwrite: bool = False) -> None:
    """Write a record with a check value over it ("sealed"); leave one of the same settings, refuse one of others.

    A file that was damaged after it was written for this very record is written again: its check value, or all of the
    rest, tells.

    Raises:
        SettingsError: naming the first field that differs and both values, unless `overwrite`.
        InputError: for a damaged file of other settings, unless `overwrite`.
    """
    if is_settled(path, record):
        return
    new = seal(record)
    if not overwrite and path.is_file() and not _written_for(path.read_bytes(), new):
        found = read_record(path) or {}
        if _body(found) != plain(record):
            refuse_other(path, unseal(path, found), plain(record))
    write_record(path, new)


def is_settled(path: Place, record: dict[str, Any]) -> bool:
    """Whether `settle_record` has nothing to do."""
    try:
        return path.read_bytes() == record_bytes(seal(record))
    except OSError:
        return False


def seal(record: dict[str, Any]) -> dict[str, Any]:
    """The record with a check value over all of it as its last key."""
    body = plain(record)
    return body | {CHECK: f"{zlib.crc32(json.dumps(body).encode()):08x}"}


def unseal(path: Place, record: dict[str, Any]) -> dict[str, Any]:
    """A record read from `path` without its check value, if it has one. Raises InputError where that is wrong."""
    body = _body(record)
    if CHECK in record and seal(body) != record:
        hint = "run the command that made it again, with the same settings"
        raise InputError(f"{path}: is damaged or was changed by hand (its check value differs); {hint}")
    return body


def is_intact(path: Place) -> bool:
    """Whether a sealed record has every bit it was written with. Raises InputError where it is no record at all.

    Those of gen3d 0.1 have no check value: their last key is "gen3d", and only their layout can be judged.
    """
    record = read_record(path) or {}
    last = next(reversed(record), "")
    sealed = seal(_body(record)) == record if last == CHECK else last == "gen3d"
    return sealed and path.read_bytes() == record_bytes(record)


def start_record(path: Path) -> None:
    """Make the folder and remove an old record, before the files that the new one will speak of are replaced."""
    remove_files(make_folder(path.parent), [path.name])


def write_record(path: Place, record: dict[str, Any]) -> None:
    """Write a record, whole or not at all."""
    atomic_write(path, record_bytes(record))


def record_bytes(record: dict[str, Any]) -> bytes:
    """A record's file."""
    return json.dumps(plain(record), indent=2).encode() + b"\n"


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


def refuse_other(path: Place, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise SettingsError, naming the field and both values, where the record at `path` and the wanted one differ."""
    for field, was, now in differences(old, new):
        hint = "use the same settings, another folder, or --overwrite"
        raise SettingsError(f"{path}: {field} was {was}, now {now}; {hint}")


def _written_for(old: bytes, new: dict[str, Any]) -> bool:
    """Whether a damaged file held this sealed record: it has its check value, or is but one byte off.

    A file of another record differs in the check value too, so in more than one byte.
    """
    data = record_bytes(new)
    off = sum(a != b for a, b in zip(old, data, strict=True)) if len(old) == len(data) else 2
    return new[CHECK].encode() in old or off < 2


def _body(record: dict[str, Any]) -> dict[str, Any]:
    """A record without its check value."""
    return {key: value for key, value in record.items() if key != CHECK}
