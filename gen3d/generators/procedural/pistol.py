"""Grammar of pistols: self-loading ones, revolvers, muzzle loaders, toys.

They lie along Z, the muzzle towards +Z, the grip down, about 1 long. `barrel` is all that is not grip or trigger, such
as slide, frame, drum and sights; `trigger` includes the guard; a magazine below the grip belongs to the handle.
"""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.pistol_autos import long_barrelled, machine_pistol, semi_automatic
from gen3d.generators.procedural.pistol_old import derringer, flintlock, pepperbox, revolver
from gen3d.generators.procedural.pistol_toys import blaster, flare_gun, plain, ray_gun, water_pistol
from gen3d.generators.procedural.solids import mirror, scale
from gen3d.generators.procedural.vessel import pick
from gen3d.generators.procedural.vocabulary import Vocabulary

KINDS = {
    "semi-automatic": (semi_automatic, 34),
    "revolver": (revolver, 20),
    "long-barrelled": (long_barrelled, 9),
    "machine pistol": (machine_pistol, 6),
    "muzzle loader": (flintlock, 9),
    "derringer": (derringer, 4),
    "pepperbox": (pepperbox, 2),
    "ray gun": (ray_gun, 5),
    "blaster": (blaster, 5),
    "water pistol": (water_pistol, 2),
    "flare gun": (flare_gun, 2),
    "plain": (plain, 2),
}


def pistol(rng: np.random.Generator) -> Assembly:
    """A random pistol."""
    made = Assembly()
    kind = pick(rng, {name: weight for name, (_, weight) in KINDS.items()})
    made.traits["kind"] = kind
    KINDS[kind][0](rng, made)
    if rng.random() < 0.15:
        made.traits["hand"] = "left"
        made.pieces = [(part, mirror(solid)) for part, solid in made.pieces]
    stretch = np.exp(rng.normal(0, [0.12, 0.06, 0.06]))
    made.pieces = [(part, scale(solid, stretch)) for part, solid in made.pieces]
    return made


WORDS: Vocabulary = {
    "semi-automatic": {"kind": ("semi-automatic",)},
    "automatic": {"kind": ("semi-automatic", "long-barrelled")},
    "modern": {"kind": ("semi-automatic",)},
    "service": {"kind": ("semi-automatic",)},
    "revolver": {"kind": ("revolver",)},
    "six-shooter": {"chambers": ("6",)},
    "western": {"kind": ("revolver",)},
    "snub-nosed": {"barrel": ("snub",)},
    "long barrel": {"barrel": ("long",)},
    "long-barrelled": {"kind": ("long-barrelled",)},
    "luger": {"style": ("toggle",)},
    "mauser": {"style": ("box magazine",)},
    "target": {"style": ("target",)},
    "machine": {"kind": ("machine pistol",)},
    "uzi": {"kind": ("machine pistol",)},
    "flintlock": {"style": ("flintlock", "blunderbuss")},
    "duelling": {"kind": ("muzzle loader",)},
    "dueling": {"kind": ("muzzle loader",)},
    "pirate": {"style": ("flintlock", "blunderbuss")},
    "percussion": {"style": ("percussion",)},
    "antique": {"kind": ("muzzle loader", "pepperbox", "derringer")},
    "old": {"kind": ("muzzle loader", "pepperbox", "derringer", "revolver")},
    "derringer": {"kind": ("derringer",)},
    "pepperbox": {"kind": ("pepperbox",)},
    "ray": {"kind": ("ray gun",)},
    "sci-fi": {"kind": ("ray gun", "blaster")},
    "blaster": {"kind": ("blaster",)},
    "toy": {"kind": ("ray gun", "blaster", "water pistol", "plain")},
    "water": {"kind": ("water pistol",)},
    "flare": {"kind": ("flare gun",)},
    "silencer": {"muzzle": ("silencer",)},
    "silenced": {"muzzle": ("silencer",)},
    "scope": {"scope": ("yes",)},
    "sights": {"sights": ("yes",)},
    "hammer": {"hammer": ("spur", "ring", "stub")},
    "trigger guard": {"trigger guard": ("round", "square", "oval", "hooked")},
    "curved grip": {"grip": ("curved",)},
    "straight grip": {"grip": ("steep",)},
    "extended magazine": {"magazine": ("long",)},
}
