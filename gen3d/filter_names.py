"""The names of the filters, in the order they are asked; the help of `gen3d generate` needs nothing else of them."""

from __future__ import annotations

from typing import Literal, get_args

FilterName = Literal["finite", "components", "aspect", "thin", "watertight", "teacher", "clip", "duplicates"]
FILTER_NAMES: tuple[FilterName, ...] = get_args(FilterName)
