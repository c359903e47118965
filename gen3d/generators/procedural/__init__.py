"""Shapes from parametric grammars whose every face carries its part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gen3d.errors import SettingsError
from gen3d.generators.procedural.airplane import airplane
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.cap import cap
from gen3d.generators.procedural.chair import chair
from gen3d.generators.procedural.mug import mug
from gen3d.generators.procedural.table import table
from gen3d.shape import Shape

GRAMMARS: dict[str, Callable[[np.random.Generator], Assembly]] = {
    "airplane": airplane,
    "cap": cap,
    "chair": chair,
    "mug": mug,
    "table": table,
}


class ProceduralGenerator:
    """Draws shapes of a category from its grammar; every face carries its part."""

    name = "procedural"
    licence = "Apache-2.0"

    def check(self, category: str) -> None:
        """Raise SettingsError, listing the known ones, if there is no grammar of that category."""
        if category not in GRAMMARS:
            raise SettingsError(f"no procedural grammar of {category!r}; there are: {', '.join(GRAMMARS)}")

    def generate(self, category: str, seed: int, id: str) -> Shape:
        """One labelled, normalised shape; the same seed gives the same bytes. Raises SettingsError if unknown."""
        self.check(category)
        shape = GRAMMARS[category](np.random.default_rng(seed)).shape(id, category)
        shape.meta.update(prompt=f"a {category}", seed=seed, generator=self.name)
        return shape
