"""Mugs, cups, steins, tumblers and stemmed glasses: a lofted vessel and handles that follow its wall.

The largest radius of a vessel is about 1; its bottom lies at y = 0 and its handle towards +X. As human labels have it,
`cup` is the whole vessel with its inside, and a stem with its foot counts as `handle`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import Solid, frames, loft, mirror, spline, superellipse
from gen3d.generators.procedural.vessel import BODIES, BOWLS, Wall, lid, pick, stem_and_foot, vessel
from gen3d.generators.procedural.vocabulary import Vocabulary

Rng = np.random.Generator


TALL_BOWLS = ("flute", "goblet", "thistle")  # those made with a foot and a handle, as for Irish coffee

# How each handle runs, from its upper joint (0, 1) to its lower one (0, 0): (distance from the wall, height).
CURVES = {
    "ear": ((0, 1), (0.45, 1.1), (0.85, 1.02), (1, 0.78), (0.86, 0.48), (0.5, 0.22), (0, 0)),
    "question": ((0, 0.95), (0.3, 1.08), (0.75, 1.1), (1, 0.85), (0.85, 0.5), (0.4, 0.27), (0.14, 0.12), (0, 0)),
    "heart": ((0, 0.9), (0.25, 1.05), (0.6, 1.15), (1, 0.9), (0.9, 0.6), (0.5, 0.25), (0, 0)),
    "scroll": ((0, 1), (0.3, 0.92), (0.62, 1.1), (0.95, 1), (1, 0.5), (0.88, 0.02), (0.45, -0.1), (0, 0)),
    "drop": ((0, 1), (0.6, 1.03), (0.92, 0.92), (1, 0.6), (0.85, 0.12), (0.6, -0.16), (0.3, -0.12), (0, 0.02)),
    "low ear": ((0, 1), (0.4, 0.85), (0.85, 0.55), (1, 0.25), (0.8, 0), (0.4, -0.05), (0, 0)),
    "hook": ((0, 1), (0.5, 1.06), (0.9, 0.9), (1, 0.6), (0.93, 0.3), (0.72, 0.1)),
}
POLYGONS = {
    "square": ((0, 1), (1, 1), (1, 0), (0, 0)),
    "triangle": ((0, 1), (1, 1), (0, 0)),
    "wedge": ((0, 1), (1, 0.6), (1, 0.4), (0, 0)),
    "trapeze": ((0, 1), (1, 0.85), (0.85, 0.05), (0, 0)),
    "flag": ((0, 1), (1, 1.05), (0.75, 0.15), (0, 0.2)),
}
HANDLES = {
    "arc": 24, "d": 15, "ring": 7, "ear": 13, "question": 6, "heart": 5, "scroll": 5, "drop": 6, "low ear": 3,
    "square": 6, "triangle": 3, "wedge": 2, "trapeze": 3, "flag": 3, "hook": 3, "plate": 4, "wire": 2,
}  # fmt: skip
CAP_RINGS = 3  # at each joint, see `_capped`
GRIPS = {"round": 36, "oval": 22, "ribbon": 18, "square": 12, "blade": 7, "soft box": 5}
SPANS = {  # lower and upper joint, as fractions of the vessel's height
    "full": (50, (0.1, 0.32), (0.74, 0.93)),
    "tall": (14, (0.04, 0.14), (0.86, 0.97)),
    "upper": (14, (0.38, 0.52), (0.84, 0.95)),
    "lower": (9, (0.1, 0.25), (0.52, 0.66)),
    "middle": (13, (0.24, 0.36), (0.62, 0.76)),
}


def mug(rng: Rng) -> Assembly:
    """A mug, cup, stein, tumbler or stemmed glass with the handle towards +X."""
    assembly = Assembly()
    plan = pick(rng, {"mug": 79, "two handles": 4, "tumbler": 7, "stemmed": 8, "footed": 2})
    stemmed = plan in ("stemmed", "footed")
    bodies = {name: BOWLS[name] for name in TALL_BOWLS} if plan == "footed" else BOWLS if stemmed else BODIES
    wall, body = vessel(rng, bodies, assembly.traits)
    assembly.traits["plan"] = plan
    assembly.add("cup", body)
    if stemmed:
        stem = stem_and_foot(rng, float(wall.radii[0]), plan == "footed")
        assembly.add("handle" if plan == "stemmed" else "cup", stem)
    elif plan != "two handles" and wall.section.std() < 1e-9 and rng.random() < 0.03:
        assembly.traits["lid"] = "yes"
        assembly.add("cup", *lid(rng, wall))
    if plan not in ("tumbler", "stemmed"):
        pieces = _handle(rng, wall, assembly.traits)
        for part, solid in pieces:
            assembly.add(part, solid)
            if plan == "two handles":
                assembly.add(part, mirror(solid))
    return Assembly(_weather(rng, assembly.pieces), assembly.traits)


# --- handle -------------------------------------------------------------------------------------------------------


def _handle(rng: Rng, wall: Wall, traits: dict[str, str]) -> list[tuple[str, Solid]]:
    """One handle towards +X: its pieces, with a joint fillet as `cup` where there is one."""
    traits["handle"] = kind = pick(rng, HANDLES)
    traits["grip"] = grip = pick(rng, {"round": 1} if kind == "wire" else GRIPS)
    low, high, out = _joints(rng, wall)
    thick = min(float(np.exp(rng.uniform(*np.log([0.11, 0.38])))), 0.36 * out, 0.3 * (high - low))
    thick *= 0.4 if kind == "wire" else 1.0
    outline = _outline(rng, grip, thick)
    half = float(np.abs(outline[:, 0]).max())
    low, high = max(low, 1.3 * half), min(high, wall.top - 1.3 * half)
    path = _path(rng, kind, wall, (low, high), out)
    if kind == "wire":
        shift = np.array([0, 0, rng.uniform(0.1, 0.25)])
        return [("handle", loft(_strand(rng, wall, path + side * shift, outline, False))) for side in (-1, 1)]
    rings = _strand(rng, wall, path, outline, kind == "hook")
    pieces: list[tuple[str, Solid]] = []
    first, last = 0, len(rings) - 1
    if rng.random() < 0.35:  # where the joint is blended, people draw the line a little off the wall
        first, last = CAP_RINGS + 1, last - (CAP_RINGS + 1) * (kind != "hook")
        ends = [rings[: first + 1]] + ([rings[last:]] if kind != "hook" else [])
        pieces = [("cup", loft(end)) for end in ends]
        traits["joint"] = "fillet"
    pieces.append(("handle", loft(rings[first : last + 1])))
    if kind == "plate":
        pieces.append(("handle", _finger_plate(rng, wall, path, thick)))
    return pieces


def _joints(rng: Rng, wall: Wall) -> tuple[float, float, float]:
    """Heights of the lower and upper joint, and how far the handle stands off."""
    flat = wall.top < 1.4  # a low cup has no room for a choice
    span = pick(rng, {name: 0 if flat and name in ("lower", "middle") else row[0] for name, row in SPANS.items()})
    _, lows, highs = SPANS[span]
    low, high = (float(rng.uniform(*r)) * wall.top for r in (lows, highs))
    y = np.linspace(0, high, 40)
    # not to the narrow bottom of a bowl, which no handle reaches
    wide = y[wall.radius(y) > rng.uniform(0.5, 0.8) * wall.radius(high)]
    low = min(max(low, float(wide[0])), high - max(0.25 * wall.top, min(0.5, 0.6 * wall.top)))
    out = float(np.clip(rng.uniform(0.4, 1.05), 0.3, 0.2 + 0.7 * (high - low)))
    return low, high, out


def _outline(rng: Rng, grip: str, thick: float) -> Float[np.ndarray, "K 2"]:
    """Cross-section of a handle: x in the plane of its bend, y across."""
    wide, exponent = {
        "round": (1.0, 2.0),
        "oval": (rng.uniform(1.2, 2.0), 2.0),
        "ribbon": (rng.uniform(2.2, 4.0), rng.uniform(2.5, 6)),
        "square": (rng.uniform(0.8, 1.5), 7.0),
        "blade": (rng.uniform(0.35, 0.7), rng.uniform(2, 7)),
        "soft box": (rng.uniform(1.0, 1.8), rng.uniform(2.6, 4)),
    }[grip]
    thick *= {"ribbon": 0.5, "oval": 0.85, "blade": 1.3}.get(grip, 1.0)
    return superellipse(thick, min(thick * wide, 0.75), exponent, 16 if exponent > 2 else 12)


def _path(rng: Rng, kind: str, wall: Wall, heights: tuple[float, float], out: float) -> Float[np.ndarray, "S 3"]:
    """Middle line of a handle from its upper to its lower joint, in the XY plane."""
    if kind in CURVES:
        flat = _jitter(rng, np.array(CURVES[kind], float))
        flat = spline(flat, 60)
    elif kind in POLYGONS:
        flat = _cut_corners(_jitter(rng, np.array(POLYGONS[kind], float)), float(rng.uniform(0.08, 0.25)))
    else:
        flat = _arc(rng, kind)
    low, high = heights
    y = low + flat[:, 1] * (high - low)
    chord = np.interp(flat[:, 1], [0, 1], [wall.radius(low), wall.radius(high)])
    on_wall = wall.radius(np.clip(y, 0, wall.top))
    path = np.stack([np.maximum(chord, on_wall) + out * flat[:, 0], y, np.zeros(len(y))], 1)
    return _even(path, 24)


def _arc(rng: Rng, kind: str) -> Float[np.ndarray, "S 2"]:
    """Round handles: part of a circle or of a superellipse."""
    half = {"ring": rng.uniform(110, 145), "plate": rng.uniform(100, 135)}.get(kind, rng.uniform(75, 100))
    t = np.radians(np.linspace(half, -half, 60))
    power = rng.uniform(0.4, 0.75) if kind in ("d", "wire") else 1.0
    c, s = (np.sign(v) * np.abs(v) ** power for v in (np.cos(t), np.sin(t)))
    lean = rng.normal(0, 0.12)  # the widest place lies above or below the middle
    u = (c - c[0]) / (1 - c[0])
    return np.stack([u, 0.5 + 0.5 * s / s[0] + lean * u], 1)


def _strand(
    rng: Rng, wall: Wall, path: Float[np.ndarray, "S 3"], outline: Float[np.ndarray, "K 2"], open_end: bool
) -> Float[np.ndarray, "T K 3"]:
    """Rings of a handle along its path, thicker at the joints, its ends pressed onto the wall."""
    t = np.linspace(0, 1, len(path))
    taper = rng.choice([0.0, rng.uniform(-0.35, 0.35)])
    size = 1 + taper * (0.5 - t) + rng.choice([0.0, rng.uniform(-0.2, 0.45)], p=[0.6, 0.4]) * np.sin(np.pi * t)
    flare, reach = rng.choice([0.0, rng.uniform(0.15, 0.9)], p=[0.35, 0.65]), rng.uniform(0.02, 0.08)
    size = size + flare * (np.exp(-t / reach) + (0 if open_end else np.exp(-(1 - t) / reach)))
    if open_end:
        size = size * np.clip((1 - t) * 12 + 0.35, 0, 1) ** 0.5
    across, along = frames(path, np.array([0.0, 0.0, 1.0]))
    flat = outline * np.clip(size, 0.2, None)[:, None, None]
    rings = path[:, None] + flat[..., :1] * across[:, None] + flat[..., 1:] * along[:, None]
    return _capped(wall, _press(wall, rings, [0] if open_end else [0, -1]), open_end)


def _capped(wall: Wall, rings: Float[np.ndarray, "S K 3"], open_end: bool) -> Float[np.ndarray, "T K 3"]:
    """The rings with more at the joints, so that the end faces follow the wall rather than cut through a thin one."""
    shrink = np.linspace(0.02, 0.7, CAP_RINGS)[:, None, None]

    def face(ring: Float[np.ndarray, "K 3"]) -> Float[np.ndarray, "C K 3"]:
        inner = ring.mean(0) + (ring - ring.mean(0)) * shrink
        return _press(wall, inner, list(range(CAP_RINGS)))

    last = [] if open_end else [face(rings[-1])[::-1]]
    return np.concatenate([face(rings[0]), rings, *last])


def _press(wall: Wall, rings: Float[np.ndarray, "S K 3"], ends: list[int]) -> Float[np.ndarray, "S K 3"]:
    """The rings with nothing deeper in the wall than a little; rings `ends`, the joints, lie all at that depth."""
    sunk = min(0.4 * wall.thickness, 0.03)
    rings = rings.copy()
    rings[ends, :, 1] = np.clip(rings[ends, :, 1], wall.heights[0] + 0.01, wall.top - 0.01)
    x, y, z = rings[..., 0], rings[..., 1], rings[..., 2]
    far = np.hypot(x, z)
    limit = wall.reach(y, np.arctan2(z, x)) - sunk
    beside = (y > wall.heights[0]) & (y < wall.top)
    new = np.where(beside, np.maximum(far, limit), far)
    new[ends] = limit[ends]
    rings[..., [0, 2]] *= (new / far)[..., None]
    return rings


def _finger_plate(rng: Rng, wall: Wall, path: Float[np.ndarray, "S 3"], thick: float) -> Solid:
    """A flat rest for the thumb on top of a ring handle."""
    top = path[path[:, 1].argmax()]
    end = top[0] + rng.uniform(0.1, 0.35)
    start = float(wall.radius(min(top[1], wall.top)))
    x = np.linspace(start, end, 6)
    y = min(top[1] + 0.3 * thick, wall.top - 0.05) + rng.uniform(-0.05, 0.15) * np.linspace(0, 1, 6) ** 2
    outline = superellipse(rng.uniform(0.06, 0.12), rng.uniform(0.3, 0.55), 4.0, 16)
    shrink = np.array([1, 1, 1, 0.95, 0.8, 0.45])
    strip = np.stack([x, y, np.zeros(6)], 1)
    across, along = frames(strip, np.array([0.0, 0.0, 1.0]))
    flat = outline * np.stack([np.ones(6), shrink], 1)[:, None]
    rings = strip[:, None] + flat[..., :1] * across[:, None] + flat[..., 1:] * along[:, None]
    return loft(_capped(wall, _press(wall, rings, [0]), True))


# --- small helpers ------------------------------------------------------------------------------------------------


def _jitter(rng: Rng, knots: Float[np.ndarray, "K 2"]) -> Float[np.ndarray, "K 2"]:
    """The knots, all but the first and last moved a little."""
    moved = knots.copy()
    moved[1:-1] += rng.normal(0, 0.045, (len(moved) - 2, 2))
    return moved


def _cut_corners(knots: Float[np.ndarray, "K 2"], share: float) -> Float[np.ndarray, "S 2"]:
    """The polyline with rounded corners (Chaikin 1974; the first cut removes `share` of each side)."""
    for s in (share, 0.25, 0.25):
        a, b = knots[:-1], knots[1:]
        inner = np.stack([a + s * (b - a), b - s * (b - a)], 1).reshape(-1, 2)[1:-1]
        knots = np.concatenate([knots[:1], inner, knots[-1:]])
    return knots


def _even(path: Float[np.ndarray, "S D"], count: int) -> Float[np.ndarray, "N D"]:
    """`count` points at even steps along a polyline."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, column) for column in path.T], 1)


def _weather(rng: Rng, pieces: list[tuple[str, Solid]]) -> list[tuple[str, Solid]]:
    """The pieces under one smooth random distortion: lumps as in scanned or hand-made ware, and a slight oval."""
    size = rng.choice([0.0, rng.uniform(0.0005, 0.002), rng.uniform(0.002, 0.007)], p=[0.35, 0.3, 0.35])
    if len(pieces[0][1].faces) < 2000:  # lumps on few faces look like dents
        size = 0.0
    waves = rng.normal(0, 1, (10, 3))
    waves *= (2 * np.pi / rng.uniform(0.4, 2.0, 10) / np.linalg.norm(waves, axis=1))[:, None]
    phase, push = rng.uniform(0, 2 * np.pi, 10), rng.normal(0, size, (10, 3))
    oval = np.array([1.0, 1.0, rng.choice([1.0, rng.uniform(0.8, 1.05)], p=[0.85, 0.15])])

    def moved(v: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        return (v + np.sin(v @ waves.T + phase) @ push) * oval

    return [(part, Solid(moved(solid.vertices), solid.faces)) for part, solid in pieces]


# --- words --------------------------------------------------------------------------------------------------------

_HANDLED = {"handle": tuple(HANDLES)}
_STEMMED = {"plan": ("stemmed", "footed")}
WORDS: Vocabulary = {
    "cup": {}, "vessel": {},
    # kinds
    "coffee": {"plan": ("mug",)}, "tumbler": {"plan": ("tumbler",)}, "beaker": {"plan": ("tumbler",)},
    "goblet": {"vessel": ("goblet",)}, "stemmed": _STEMMED, "stem": _STEMMED, "glass": _STEMMED,
    "wine": {"vessel": ("wine", "goblet")}, "wine glass": {"vessel": ("wine", "goblet")},
    "martini": {"vessel": ("martini",)},
    "cocktail": {"vessel": ("martini", "coupe")}, "coupe": {"vessel": ("coupe",)}, "flute": {"vessel": ("flute",)},
    "champagne": {"vessel": ("flute", "coupe")}, "irish coffee": {"plan": ("footed",)},
    "footed": {"plan": ("footed",)}, "stein": {"vessel": ("stein",)}, "beer": {"vessel": ("stein", "barrel")},
    "tankard": {"vessel": ("stein", "barrel")}, "espresso": {"vessel": ("espresso",)}, "soup": {"vessel": ("soup",)},
    "tea": {"vessel": ("bowl", "hemisphere")}, "teacup": {"vessel": ("bowl", "hemisphere")},
    # form
    "straight": {"vessel": ("straight",)}, "cylindrical": {"vessel": ("straight",)},
    "tapered": {"vessel": ("tapered", "cone")}, "conical": {"vessel": ("cone", "martini")},
    "widening": {"vessel": ("widening",)}, "bowl": {"vessel": ("bowl", "hemisphere", "soup")},
    "barrel": {"vessel": ("barrel",)}, "bellied": {"vessel": ("belly", "pear")},
    "round": {"vessel": ("hemisphere", "belly", "barrel")}, "tulip": {"vessel": ("tulip",)},
    "waisted": {"vessel": ("waisted",)}, "square": {"section": ("square",)}, "faceted": {"section": ("polygon",)},
    "polygonal": {"section": ("polygon",)}, "fluted": {"section": ("flutes",)}, "ribbed": {"section": ("flutes",)},
    "hoops": {"relief": ("hoops",)}, "bands": {"relief": ("hoops",)}, "flared rim": {"lip": ("flared",)},
    "flared": {"lip": ("flared",)}, "rolled rim": {"lip": ("bead",)}, "plain rim": {"lip": ("plain",)},
    "tall": {"stature": ("tall",)}, "low": {"stature": ("low",)}, "short": {"stature": ("low",)},
    "thick": {"wall": ("thick",)}, "thick walls": {"wall": ("thick",)}, "thin": {"wall": ("thin",)},
    "thin walls": {"wall": ("thin",)}, "foot ring": {"foot": ("ring",)}, "lid": {"lid": ("yes",)},
    "full": {"inside": ("filled",)}, "filled": {"inside": ("filled",)}, "solid": {"inside": ("solid",)},
    "empty": {"inside": ("hollow",)}, "hollow": {"inside": ("hollow",)},
    # handle
    "handle": _HANDLED, "ear": _HANDLED, "one handle": {"plan": ("mug", "footed")},
    "two handles": {"plan": ("two handles",)}, "ear handle": {"handle": ("ear", "low ear")},
    "round handle": {"handle": ("arc", "d", "ring")}, "ring handle": {"handle": ("ring",)},
    "d handle": {"handle": ("d",)}, "square handle": {"handle": ("square", "trapeze", "flag")},
    "angular handle": {"handle": tuple(POLYGONS)}, "triangular handle": {"handle": ("triangle", "wedge")},
    "heart handle": {"handle": ("heart",)}, "scroll handle": {"handle": ("scroll",)},
    "open handle": {"handle": ("hook",)}, "hook handle": {"handle": ("hook",)},
    "thumb rest": {"handle": ("plate",)}, "flat handle": {"grip": ("ribbon",)}, "ribbon handle": {"grip": ("ribbon",)},
}  # fmt: skip
