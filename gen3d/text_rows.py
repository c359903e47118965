"""Rows of numbers in a mesh's text, read at once; what is not perfectly regular is left to the readers that look at
every line.

A row is checked by a mark that is put between lines before they are parsed as one: it must come out in every last
column, and nowhere else.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

_BREAKS = b"\x0b\x0c\x1c\x1d\x1e"  # where text lines break too, not only at \n and \r


def plain_lines(data: bytes) -> list[bytes] | None:
    """The lines of a text, those that are blank left out; None where only a text decoder can tell them."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii() or b"\\" in data or any(data.find(bytes([mark])) >= 0 for mark in _BREAKS):
        return None
    return [line for line in data.splitlines() if line and not line.isspace()]


def positions(lines: list[bytes]) -> Float64[np.ndarray, "K 3"] | None:
    """The first three numbers of lines of finite numbers, equally many in each; None where that is not so."""
    width = len(lines[0].split())
    found = _table(lines, b" nan ", np.float64, width)
    if width < 3 or found is None or not np.isnan(found[:, -1]).all() or not np.isfinite(found[:, :-1]).all():
        return None
    return found[:, :3]


def indices(lines: list[bytes], width: int) -> Int64[np.ndarray, "K width"] | None:
    """As many whole numbers in every line, none negative; None where that is not so."""
    found = _table(lines, b" -1 ", np.int64, width)
    if found is None or not (found[:, width] == -1).all() or (found[:, :width] < 0).any():
        return None
    return found[:, :width]


def _table(lines: list[bytes], mark: bytes, kind: type, width: int) -> np.ndarray | None:
    """The lines as rows of `width` numbers and the mark; None where their number does not come out."""
    text: Any = mark.join([*lines, b""])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # how numpy tells of what is no number
            found = np.fromstring(text, kind, sep=" ")
    except (DeprecationWarning, ValueError, OverflowError):
        return None
    return found.reshape(-1, width + 1) if len(found) == len(lines) * (width + 1) else None
