"""Grammar of knives: kitchen, field, folding and table knives, cutters, daggers, swords.

They lie along Z, the tip towards +Z, the edge down; the handle is about 1 long. Guards, bolsters, pommels, rings and
rivets belong to the handle.
"""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural import knife_handles as handles
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.knife_blades import Blade, blade
from gen3d.generators.procedural.knife_forms import FORMS, Form
from gen3d.generators.procedural.solids import Solid, box, cylinder, mirror, move, scale, turn
from gen3d.generators.procedural.vessel import pick
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator
Size = tuple[float, float]  # height and half thickness of the grip


def knife(rng: Rng) -> Assembly:
    """A random knife."""
    made = Assembly()
    kind = pick(rng, {name: form.weight for name, form in FORMS.items()})
    form = FORMS[kind]
    made.traits |= {"kind": kind, "family": next(name for name, kinds in FAMILIES.items() if kind in kinds)}
    size = (rng.uniform(*form.grip[0]), rng.uniform(*form.grip[1]))
    if kind == "butterfly":
        _butterfly(rng, form, size, made)
    elif kind == "folding" or kind == "razor":
        _folding(rng, kind, size, made)
    else:
        _fixed(rng, kind, size, made)
    stretch = np.exp(rng.normal(0, [0.12, 0.06, 0.0]))
    made.pieces = [(part, scale(solid, stretch)) for part, solid in made.pieces]
    return _thick_enough(made)


def _thick_enough(made: Assembly) -> Assembly:
    """Widened where it is thinner than a twentieth of its length."""
    size = np.ptp(np.concatenate([solid.vertices for _, solid in made.pieces]), 0)
    least = 0.055 * float(np.linalg.norm(size[1:])) / size[:2]
    made.pieces = [(part, scale(solid, [*np.maximum(least, 1), 1])) for part, solid in made.pieces]
    return made


# --- fixed blades -------------------------------------------------------------------------------------------------


def _fixed(rng: Rng, kind: str, size: Size, made: Assembly) -> None:
    form = FORMS[kind]
    end = _grip(rng, form, size, made)
    handles.guard(rng, pick(rng, form.guards), size, made)
    row = _draw_blade(rng, kind, size, made)
    made.add("blade", blade(rng, row))
    if kind == "double ended":
        made.add("blade", _other_end(rng, row))
        made.traits["pommel"] = "none"
    else:
        handles.pommel(rng, _pommel(rng, kind), size, end, made)
    if kind == "cutter" and rng.random() < 0.7:
        handles.slider(rng, size, made)
    if kind == "pocket tool":
        _more_tools(rng, form, size, made)
    if made.traits["handle"] not in ("wrapped", "drop") and rng.random() < RIVETED.get(made.traits["family"], 0.0):
        handles.rivets(rng, size[1], made)


def _grip(rng: Rng, form: Form, size: Size, made: Assembly) -> tuple[float, float]:
    """The handle; z and y of its end."""
    contour = pick(rng, form.handles)
    exponent = float(rng.choice([2.0, 2.6, 4.0, 9.0], p=[0.3, 0.25, 0.25, 0.2]))
    bend = rng.uniform(0.2, 0.9) if contour in ("straight", "drop", "barrel") and rng.random() < 0.12 else 0.0
    bend = 0.0 if made.traits["kind"] in ("folding", "razor", "cutter", "pocket tool", "double ended") else bend
    solid = handles.grip(rng, contour, size, exponent, bend)
    made.add("handle", solid)
    made.traits |= {"handle": contour, "section": "round" if exponent < 3 else "square"}
    if bend:
        made.traits["grip"] = "bent"
    tip = solid.vertices[-2]  # the middle of the ring that is drawn first
    return float(tip[2]), float(tip[1])


def _draw_blade(rng: Rng, kind: str, size: Size, made: Assembly) -> Blade:
    form = FORMS[kind]
    profile, section = pick(rng, form.blades), pick(rng, form.sections)
    length, height = rng.uniform(*form.length), rng.uniform(*form.height)
    bend = rng.uniform(*form.bend)
    made.traits |= {"blade": profile, "ground": section}
    if abs(bend) > 0.1:
        made.traits["bend"] = "down" if bend < 0 else "up"
    neck = (0.0, 0.0)
    if kind in NECKED and rng.random() < NECKED[kind]:
        neck = (rng.uniform(0.05, 0.16), min(0.75 * size[0], 0.8 * height))
        made.traits["neck"] = "yes"
    level = form.align * 0.45 * (size[0] - height) if not neck[0] else 0.0
    wave = rng.uniform(0.25, 0.45) if kind == "kris" else 0.0
    if wave:
        made.traits["bend"] = "wavy"
    half = min(0.09 * height + 0.008, 0.7 * size[1]) * rng.uniform(0.5, 1.2)
    return Blade(profile, length, height, half, section, bend, wave, _teeth(rng, kind, length, made), neck, level)


def _teeth(rng: Rng, kind: str, length: float, made: Assembly) -> tuple[int, int]:
    """How many teeth edge and back have."""
    edge = int(length * rng.uniform(9, 18)) if rng.random() < SERRATED.get(kind, 0.0) else 0
    back = int(length * rng.uniform(9, 15)) if rng.random() < SAWS.get(kind, 0.0) else 0
    if edge:
        made.traits["edge"] = "serrated"
    if back:
        made.traits["saw"] = "yes"
    return edge, back


def _pommel(rng: Rng, kind: str) -> str:
    return pick(rng, POMMELS.get(kind, {"none": 1}))


def _other_end(rng: Rng, row: Blade) -> Solid:
    """A second blade behind the handle, like the first or shorter."""
    second = row._replace(length=row.length * rng.uniform(0.5, 1.0))
    return move(mirror(move(blade(rng, second), [0, 0, 0.5]), "z"), [0, 0, -0.5])


# --- folding knives -----------------------------------------------------------------------------------------------


def _folding(rng: Rng, kind: str, size: Size, made: Assembly) -> None:
    """A handle with a blade that turns about a pin."""
    form = FORMS[kind]
    _grip(rng, form, size, made)
    handles.guard(rng, pick(rng, form.guards), size, made)
    row = _draw_blade(rng, kind, size, made)
    opened = 180.0
    if rng.random() < (0.85 if kind == "razor" else 0.3):
        opened = rng.uniform(70, 165)
        made.traits["opened"] = "half"
    solid = blade(rng, row._replace(half=min(row.half, 0.4 * size[1])))
    pivot = np.array([0, 0, -0.04])
    # closing turns the tip down and into a slot in the handle's lower side, edge first
    made.add("blade", turn(solid, "x", 180 - opened, pivot))
    _pivot(rng, size, made)
    if kind == "folding":
        if rng.random() < 0.4:
            handles.clip(rng, size[1], made)
        if rng.random() < 0.4:
            _stud(row, opened, pivot, made)
    if made.traits["handle"] != "wrapped" and rng.random() < 0.4:
        handles.rivets(rng, size[1], made)
    made.traits["pommel"] = "none"


def _pivot(rng: Rng, size: Size, made: Assembly) -> None:
    tall, radius = 2.3 * size[1], rng.uniform(0.03, 0.055)
    pin = turn(move(cylinder(radius, tall, count=10), [0, -tall / 2, 0]), "z", 90)
    made.add("handle", move(pin, [0, 0, -0.05]))


def _stud(row: Blade, opened: float, pivot: np.ndarray, made: Assembly) -> None:
    """A knob on the blade, for the thumb."""
    tall = 2 * row.half + 0.05
    pin = turn(move(cylinder(0.015, tall, count=8), [0, -tall / 2, 0]), "z", 90)
    pin = move(pin, [0, row.lift + 0.15 * row.height, 0.12])
    made.add("blade", turn(pin, "x", 180 - opened, pivot))


def _more_tools(rng: Rng, form: Form, size: Size, made: Assembly) -> None:
    """One to three more tools of a pocket knife, opened by different angles from either end."""
    count = int(rng.integers(1, 4))
    for i in range(count):
        row = Blade("drop", rng.uniform(0.35, 0.7), rng.uniform(0.08, 0.13), 0.014, "wedge")
        solid = move(blade(rng, row), [(0.5 if i % 2 else -0.5) * size[1], 0, 0])
        solid = turn(solid, "x", -rng.uniform(25, 120), (0, 0, -0.05))
        if rng.random() < 0.6:
            solid = move(mirror(move(solid, [0, 0, 0.5]), "z"), [0, 0, -0.5])
        made.add("blade", solid)
    made.traits["tools"] = str(count + 1)


def _butterfly(rng: Rng, form: Form, size: Size, made: Assembly) -> None:
    """Two half handles, each turning about its own pin."""
    spread = rng.uniform(0, 6) if rng.random() < 0.6 else rng.uniform(10, 60)
    height, half = size
    made.traits |= {"handle": "split", "opened": "full" if spread < 8 else "half", "pommel": "none", "guard": "none"}
    for side in (1, -1):
        bar = move(handles.grip(rng, "straight", size, 6.0), [0, side * 0.52 * height, 0])
        made.add("handle", turn(bar, "x", side * spread, (0, side * 0.52 * height, -0.05)))
        tall = 2.3 * half
        pin = turn(move(cylinder(0.03, tall, count=8), [0, -tall / 2, 0]), "z", 90)
        made.add("handle", move(pin, [0, side * 0.52 * height, -0.05]))
    row = _draw_blade(rng, "butterfly", size, made)
    made.add("blade", blade(rng, row._replace(neck=(0.06, 1.6 * height), half=min(row.half, 0.5 * half), lift=0.0)))
    root = box([half, 1.5 * height, 0.12])
    made.add("blade", move(root, [0, 0, -0.02]))


# --- tables -------------------------------------------------------------------------------------------------------

FAMILIES = {
    "kitchen": ("chef", "santoku", "paring", "bread", "cleaver", "carving"),
    "tableware": ("steak", "butter", "table", "spatula"),
    "field": ("hunting", "bowie", "combat", "kukri", "machete", "karambit", "throwing"),
    "pocket": ("folding", "pocket tool", "butterfly", "razor", "cutter"),
    "dagger": ("dagger", "stiletto", "bayonet", "sai", "kris", "double ended"),
    "sword": ("sword", "katana", "sabre", "rapier"),
}
RIVETED = {"kitchen": 0.55, "tableware": 0.12, "field": 0.35}
SERRATED = {"bread": 0.85, "steak": 0.5, "combat": 0.15, "folding": 0.12, "table": 0.35, "carving": 0.1}
SAWS = {"combat": 0.35, "hunting": 0.1, "machete": 0.2, "bayonet": 0.15}
NECKED = {
    "paring": 0.2, "bread": 0.2, "carving": 0.3, "chef": 0.15, "cleaver": 0.2, "hunting": 0.2, "kukri": 0.3,
    "steak": 0.3, "folding": 0.4, "table": 0.3, "bowie": 0.3,
}  # fmt: skip
_FIELD = {"none": 5, "cap": 4, "ring": 1}
_OLD = {"ball": 4, "cap": 2, "wheel": 2, "discs": 2, "none": 2}
_PLAIN = {"none": 5, "cap": 1}
POMMELS = {
    **dict.fromkeys(("hunting", "bowie", "combat", "kukri"), _FIELD),
    **dict.fromkeys(("dagger", "stiletto"), _OLD),
    "bayonet": {"cap": 1},
    "sword": {"ball": 3, "wheel": 4, "discs": 1, "cap": 1},
    "katana": {"none": 2, "cap": 3},
    "sabre": {"none": 3, "cap": 2, "ball": 1},
    "rapier": {"ball": 3, "discs": 1},
    "sai": {"ball": 2, "cap": 2, "none": 1},
    "karambit": {"ring": 5, "none": 1},
    "throwing": {"none": 2, "ring": 2},
    **dict.fromkeys(("steak", "chef", "carving"), _PLAIN),
}

WORDS: Vocabulary = {
    "kitchen": {"family": ("kitchen",)},
    "chef": {"kind": ("chef", "santoku")},
    "cook": {"kind": ("chef", "santoku")},
    "paring": {"kind": ("paring",)},
    "bread": {"kind": ("bread",)},
    "cleaver": {"kind": ("cleaver",)},
    "carving": {"kind": ("carving",)},
    "steak": {"kind": ("steak",)},
    "butter": {"kind": ("butter",)},
    "dinner": {"kind": ("table", "steak", "butter")},
    "table": {"kind": ("table",)},
    "palette": {"kind": ("spatula",)},
    "hunting": {"kind": ("hunting", "bowie")},
    "bowie": {"kind": ("bowie",)},
    "combat": {"kind": ("combat",)},
    "survival": {"kind": ("combat",)},
    "dagger": {"kind": ("dagger", "stiletto", "kris")},
    "stiletto": {"kind": ("stiletto",)},
    "bayonet": {"kind": ("bayonet",)},
    "folding": {"kind": ("folding", "pocket tool", "butterfly")},
    "pocket": {"kind": ("folding", "pocket tool")},
    "butterfly": {"kind": ("butterfly",)},
    "cutter": {"kind": ("cutter",)},
    "box cutter": {"kind": ("cutter",)},
    "utility": {"kind": ("cutter",)},
    "razor": {"kind": ("razor",)},
    "karambit": {"kind": ("karambit",)},
    "kukri": {"kind": ("kukri",)},
    "machete": {"kind": ("machete",)},
    "sword": {"family": ("sword",)},
    "katana": {"kind": ("katana",)},
    "sabre": {"kind": ("sabre",)},
    "throwing": {"kind": ("throwing",)},
    "curved": {"bend": ("up", "down")},
    "serrated": {"edge": ("serrated",)},
    "saw back": {"saw": ("yes",)},
    "double-edged": {"ground": ("diamond", "fuller", "hexagon")},
    "tanto": {"blade": ("tanto",)},
    "guard": {"guard": ("bar", "quillons", "disc", "finger", "bow", "cup", "prongs", "muzzle ring")},
    "cross guard": {"guard": ("bar", "quillons")},
    "bolster": {"guard": ("bolster",)},
    "rivets": {"rivets": ("2", "3", "4")},
    "ring": {"pommel": ("ring",)},
    "half open": {"opened": ("half",)},
}
