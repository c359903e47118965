"""What the words of a prompt ask of a grammar: values of the traits that it records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

ABSENT = ""  # stands for a trait that a shape does not have

# A word's wish: for every trait named, the values that satisfy it. `{"arm": (ABSENT,)}` asks for no arms.
Wish: TypeAlias = Mapping[str, tuple[str, ...]]

# Words and short phrases (lower case, singular or plural as people write them) of one category.
Vocabulary: TypeAlias = Mapping[str, Wish]
