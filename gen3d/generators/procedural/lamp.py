"""Lamps of all kinds: on tables, desks and floors, by streets, on ceilings and on walls.

As human labels have it, `base` is what stands on the table or floor, `canopy` what is fixed to the ceiling or wall,
`pole` all rods, arms, cords and chains between, and `shade` everything that gives or holds the light.
"""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.fittings import Rng, draw_style, pick
from gen3d.generators.procedural.lamp_ceiling import ceiling
from gen3d.generators.procedural.lamp_floor import floor, street
from gen3d.generators.procedural.lamp_standing import desk, table
from gen3d.generators.procedural.lamp_wall import wall
from gen3d.generators.procedural.solids import scale
from gen3d.generators.procedural.vocabulary import PRESENT, Vocabulary

KINDS = {"table": 27, "desk": 16, "floor": 17, "street": 3, "ceiling": 28, "wall": 9}
MOUNTS = {"ceiling": "ceiling", "wall": "wall"}
_KINDS = {"table": table, "desk": desk, "floor": floor, "street": street, "ceiling": ceiling, "wall": wall}


def lamp(rng: Rng) -> Assembly:
    """One lamp."""
    made = Assembly()
    kind = pick(rng, KINDS)
    made.traits |= {"kind": kind, "mount": MOUNTS.get(kind, "standing")}
    _KINDS[kind](rng, draw_style(rng), made)
    made.traits.setdefault("lights", "1")
    if any(part == "pole" for part, _ in made.pieces):
        made.traits.setdefault("pole", "stub")
    # neither all as tall nor all as wide as they come
    stretch = np.exp(rng.normal(0, 0.08, 2))
    return Assembly([(part, scale(s, [stretch[0], stretch[1], stretch[0]])) for part, s in made.pieces], made.traits)


# --- words --------------------------------------------------------------------------------------------------------

_CEILING = {"mount": ("ceiling",)}
_WALL = {"mount": ("wall",)}
_UP = {"light": ("up",)}
_MANY = {"lights": tuple(str(n) for n in range(2, 30))}
_STANDING = {"mount": ("standing",)}
WORDS: Vocabulary = {
    "light": {},
    # kinds
    "desk": {"kind": ("desk",)}, "reading": {"kind": ("desk", "swing")}, "table": {"kind": ("table",)},
    "bedside": {"kind": ("table",)}, "floor": {"kind": ("floor",)}, "standing": _STANDING,
    "street": {"kind": ("street",)}, "garden": {"kind": ("street",)}, "ceiling": _CEILING, "hanging": _CEILING,
    "pendant": {"kind": ("pendant", "cluster", "linear")}, "cluster": {"kind": ("cluster",)},
    "chandelier": {"kind": ("chandelier", "hoop", "sputnik")}, "spot rail": {"kind": ("rail",)},
    "track": {"kind": ("rail",)}, "flush": {"kind": ("flush", "semi-flush", "wall flush")}, "wall": _WALL,
    "sconce": {"kind": ("sconce",)}, "torchiere": {"body": ("torchiere",)}, "uplight": _UP,
    "banker": {"arm": ("banker",)}, "bankers": {"arm": ("banker",)}, "arc": {"pole": ("arc",)},
    "architect": {"arm": ("jointed",)},
    # shades
    "cone shade": {"shade": ("cone",)}, "conical shade": {"shade": ("cone", "empire", "coolie")},
    "empire shade": {"shade": ("empire",)}, "drum shade": {"shade": ("drum",)}, "coolie shade": {"shade": ("coolie",)},
    "bell shade": {"shade": ("bell",)}, "dome shade": {"shade": ("dome",)}, "globe": {"shade": ("globe",)},
    "round shade": {"shade": ("globe", "dome")}, "pyramid shade": {"shade": ("pyramid",)},
    "square shade": {"section": ("square",)}, "box shade": {"shade": ("box",)}, "tube shade": {"shade": ("tube",)},
    "spot": {"shade": ("spot", "reflector")}, "reflector": {"shade": ("reflector",)},
    "saucer": {"shade": ("saucer",)}, "bowl": {"shade": ("saucer", "dome")}, "tulip": {"shade": ("tulip", "lotus")},
    "trumpet": {"shade": ("trumpet",)}, "bulb": {"shade": ("bulb",)}, "bare bulb": {"shade": ("bulb",)},
    "candle": {"shade": ("candle",)}, "lantern": {"shade": ("lantern",)}, "pleated": {"section": ("pleated",)},
    "scalloped": {"section": ("scalloped",)}, "oval shade": {"section": ("oval",)},
    "faceted shade": {"section": ("polygon",)}, "fluorescent": {"shade": ("rail", "trough")},
    # base, pole and canopy
    "vase": {"base": ("vase",)}, "ceramic": {"base": ("vase",)}, "tripod": {"base": ("tripod",)},
    "round base": {"base": ("disc", "domed", "stepped")}, "square base": {"base": ("slab",)},
    "clawfoot": {"base": ("claws",)}, "base": _STANDING, "foot": _STANDING, "canopy": {"mount": ("ceiling", "wall")},
    "jointed": {"pole": ("jointed",)},
    "gooseneck": {"pole": ("gooseneck",)}, "flexible": {"pole": ("gooseneck",)},
    "turned pole": {"pole": ("turned", "balls")}, "chain": {"pole": ("chain",)}, "cord": {"pole": ("cord",)},
    "rod": {"pole": ("rod",)}, "pole": {"pole": (PRESENT,)}, "round canopy": {"canopy": ("disc", "dome")},
    # lights
    "one light": {"lights": ("1",)}, "single": {"lights": ("1",)}, "several lights": _MANY, "lights": _MANY,
    "two lights": {"lights": ("2",)}, "three lights": {"lights": ("3",)}, "four lights": {"lights": ("4",)},
    "five lights": {"lights": ("5",)}, "six lights": {"lights": ("6",)},
}  # fmt: skip
