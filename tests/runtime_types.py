"""The run-time type check of the suite, named in pyproject.toml: beartype, with an int allowed where a float is."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

# beartype refuses f(1) for `x: float` unless told that PEP 484 and every other checker allow it
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
