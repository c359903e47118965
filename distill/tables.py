"""Tables as text: Markdown and CSV, and files that are written only where they change."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gen3d.storage import atomic_write

MARKDOWN = {c: f"\\{c}" for c in "\\|*_<>[]`#"}


def escaped(text: str, table: Mapping[str, str] = MARKDOWN) -> str:
    """On one line, with what stands for every character that means something in a markup."""
    return " ".join("".join(table.get(c, c) for c in text).split())


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; cells are Markdown already."""
    lines = ["| " + " | ".join(row) + " |" for row in (heads, *rows)]
    return [lines[0], "|---" * len(heads) + "|", *lines[1:]]


def as_csv(fields: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    """A line per record, empty where something is not known."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def write_changed(folder: Path, files: Mapping[str, bytes]) -> None:
    """Files by name, each whole or not at all, where they are not there already. Raises StorageError."""
    for name, data in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != data:
            atomic_write(path, data)
