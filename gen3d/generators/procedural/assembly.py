"""Solids with part names, put together into one labelled shape."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gen3d.categories import CATEGORIES
from gen3d.generators.procedural.solids import Solid, merge
from gen3d.shape import Shape


@dataclass
class Assembly:
    """What a grammar builds: solids in any unit, each with its part, and the structural choices made.

    Args:
        pieces: (part name, solid) in any order.
        traits: what was chosen ("back": "slatted", ...), kept in the shape's meta data.
    """

    pieces: list[tuple[str, Solid]] = field(default_factory=list)
    traits: dict[str, str] = field(default_factory=dict)

    def add(self, part: str, *solids: Solid) -> None:
        """Add solids to a part."""
        self.pieces += [(part, solid) for solid in solids]

    def shape(self, id: str, category: str) -> Shape:
        """The labelled, normalised shape; faces are sorted by part."""
        parts = CATEGORIES[category].parts
        pieces = sorted(self.pieces, key=lambda piece: parts.index(piece[0]))
        whole = merge([solid for _, solid in pieces])
        labels = np.concatenate([np.full(len(s.faces), parts.index(p), np.int16) for p, s in pieces])
        meta = {"traits": dict(self.traits)}
        return Shape(id, category, whole.vertices.astype(np.float32), whole.faces, labels, meta=meta).normalised()
