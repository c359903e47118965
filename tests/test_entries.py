"""Entries behave as the dict they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen3d.entries import Entries

NUMBERS = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))


@given(st.dictionaries(st.from_regex(r"[a-z0-9]{1,5}\.[a-z]{1,3}", fullmatch=True), NUMBERS))
def test_entries_equal_the_dict(twin: dict[str, tuple[int, int]]) -> None:
    entries = Entries(twin)
    assert entries == twin and dict(entries) == twin and list(entries) == list(twin) and len(entries) == len(twin)
    assert list(entries.items()) == list(twin.items()) and [entries[name] for name in twin] == list(twin.values())
    for absent in ("", "none", "A"):
        assert absent not in entries
        with pytest.raises(KeyError):
            entries[absent]


@pytest.mark.parametrize("size", [-1, 2**64])
def test_impossible_sizes(size: int) -> None:
    with pytest.raises(ValueError, match="size"):
        Entries({"a.glb": (size, 0)})
