"""Grammar of caps and hats: a crown (with band, strap, button) and a visor (peak, brim or rolled cuff)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.cap_forms import (
    bag,
    barrel,
    dome,
    drum,
    level_rings,
    ring_normals,
    shell,
    skin,
    smooth_step,
)
from gen3d.generators.procedural.cap_pieces import (
    Cap,
    Hat,
    add_badge,
    add_belt,
    add_brim,
    add_button,
    add_chin_strap,
    add_crown,
    add_peak,
    add_strap,
    creased,
    outline,
    panels,
    pick,
    rim_wave,
)
from gen3d.generators.procedural.solids import Solid, ellipsoid, loft, move, scale, turn
from gen3d.generators.procedural.vocabulary import Vocabulary
from gen3d.shape import unit


def cap(rng: np.random.Generator) -> Assembly:
    """A random cap or hat, its peak towards +Z."""
    assembly = Assembly()
    kind = pick(rng, {name: weight for name, (_, weight) in KINDS.items()})
    wall = pick(rng, {"sheet": 0.6, "thick": 0.25, "open": 0.15})
    assembly.traits |= {"kind": kind, "wall": wall}
    thickness = rng.uniform(0.01, 0.07)
    walls: dict[str, float | None] = {"sheet": 0.0, "thick": thickness, "open": None}
    plate = 0.0 if rng.random() < 0.45 else rng.choice([0.015, 0.03, 0.06]) * rng.uniform(0.6, 1.4)
    columns = int(rng.choice([16, 24, 32, 48, 64], p=[0.05, 0.1, 0.2, 0.45, 0.2]))
    KINDS[kind][0](Cap(rng, assembly, walls[wall], plate, columns))
    warp = _warp(rng)
    assembly.pieces = [(part, warp(solid)) for part, solid in assembly.pieces]
    return assembly


# --- kinds --------------------------------------------------------------------------------------------------------


def _baseball(c: Cap) -> None:
    depth, height, back = c.draw(1.0, 1.35), c.draw(0.65, 1.35), c.draw(1.8, 2.5)
    front = c.draw(2.0, 2.6) if c.chance(0.5) else c.draw(2.6, 4.0)  # soft cap or a stiff front panel
    straight = c.draw(0.0, 0.3)
    start = np.zeros(c.columns)
    closure = c.pick("closure", {"closed": 0.5, "gap": 0.38, "gap without strap": 0.12})
    if closure != "closed":
        width, rise = c.draw(0.3, 0.6), c.draw(0.2, 0.45)
        aside = (np.abs(c.angles - np.pi) / width).clip(max=1)
        start = rise * np.sqrt(1 - aside**2)
    grid = skin(dome(front, height, straight), dome(back, height, straight), outline(c, depth), start)
    grid[..., 2] += c.draw(-0.15, 0.1) * grid[..., 1] / height
    grid = panels(c, rim_wave(c, grid, 0.12))
    add_crown(c, grid)
    if closure == "gap":
        add_strap(c, grid, width + 0.05, c.draw(0.1, 0.2))
    if c.chance(0.55):
        add_button(c, grid)
    add_peak(c, grid[0], c.draw(42, 85), c.draw(0.55, 1.25))


def _uniform_cap(c: Cap) -> None:
    band, rise, flare = c.draw(0.2, 0.45), c.draw(0.08, 0.4), c.draw(0.08, 0.5)
    edge, behind = c.draw(0.0, 0.12), c.draw(0.4, 1.0)
    apex = band + rise * (1 + behind) / 2 + edge + (0 if c.chance(0.4) else c.draw(-0.05, 0.2))
    front = drum(band, rise, flare, edge, apex)
    back = drum(band, rise * behind, flare * c.draw(0.5, 1.3), edge, apex)
    grid = skin(front, back, outline(c, c.draw(0.95, 1.2)))
    high = grid[..., 1].max()
    lifted = smooth_step((grid[..., 1] - band) / max(high - band, 1e-6) * 1.6)
    grid[..., 1] += c.draw(0.0, 0.32) * grid[..., 2] * lifted
    add_crown(c, grid, floor=band * c.draw(0.5, 1.0) if c.chance(0.35) else None)
    add_peak(c, grid[0], c.draw(38, 88), c.draw(0.2, 0.65), slope=-c.draw(0.0, 0.9) * c.chance(0.6))
    if c.chance(0.35):
        add_belt(c, grid, 0.2 * band, band * c.draw(0.5, 1.0))
    if c.chance(0.4):
        add_badge(c, grid, band * c.draw(0.8, 1.3))
    if c.chance(0.3):
        add_chin_strap(c, grid, 0.25 * band)


def _kepi(c: Cap) -> None:
    height = c.draw(0.55, 1.0) if c.chance(0.7) else c.draw(1.0, 1.9)  # the taller ones are shakos
    taper, corner, dip = c.draw(-0.15, 0.3), c.draw(0.01, 0.08), c.draw(-0.06, 0.12)
    profile = barrel(height, taper, corner, dip)
    grid = skin(profile, profile, outline(c, c.draw(1.0, 1.25)))
    lean = smooth_step(grid[..., 1] / height)
    grid[..., 2] += c.draw(-0.1, 0.35) * lean
    grid[..., 1] -= c.draw(-0.1, 0.25) * grid[..., 2] * lean
    add_crown(c, grid)
    if c.chance(0.5):
        add_belt(c, grid, 0.0, height * c.draw(0.1, 0.35))
    if c.chance(0.4):
        add_badge(c, grid, height * 0.5)
    add_peak(c, grid[0], c.draw(45, 80), c.draw(0.3, 0.75), slope=-c.draw(0.0, 0.8))


def _soft_cap(c: Cap) -> None:
    style = c.pick("style", {"newsboy": 0.5, "ivy": 0.5})
    puff, height = c.draw(0.1, 0.45), c.draw(0.35, 0.75)
    if style == "newsboy":
        front, back = bag(c.draw(0.05, 0.25), puff, height), bag(c.draw(0.05, 0.2), puff * c.draw(0.3, 1), height)
    else:
        front, back = bag(c.draw(0.02, 0.08), c.draw(0.15, 0.5), height), dome(c.draw(2.0, 3.0), height, 0.1)
    grid = skin(front, back, outline(c, c.draw(1.05, 1.35)))
    slope = c.draw(0.0, 0.3)
    grid[..., 1] -= slope * (grid[..., 2] + 0.5) * smooth_step(grid[..., 1] / height)
    grid = panels(c, grid)
    add_crown(c, grid)
    if style == "newsboy" and c.chance(0.6):
        add_button(c, grid)
    overhang = 0.8 * (grid[..., 2].max() - grid[0, :, 2].max())
    add_peak(c, grid[0], c.draw(40, 75), overhang + c.draw(0.2, 0.6), slope=-c.draw(0.0, 0.5))


HATS = {
    "boater": Hat(0.2, (0.45, 1.1), (0.3, 0.9), (-0.05, 0.25), (-0.1, 0.3), (0.01, 0.2), (-0.05, 0.15)),
    "bowler": Hat(0.14, (0.7, 1.3), (0.2, 0.5), (-0.1, 0.3), roll=(0.0, 0.5)),
    "pinched": Hat(
        0.25, (0.75, 1.5), (0.35, 1.0), (-0.2, 0.25), (0.0, 0.4), (0.1, 0.35), (-0.1, 0.05), (0.0, 1.0), (-0.1, 0.4)
    ),
    "top": Hat(0.08, (1.1, 2.4), (0.25, 0.6), (-0.1, 0.2), (-0.15, 0.15), (0.01, 0.05), roll=(0.0, 0.5)),
    "bucket": Hat(0.13, (0.5, 1.0), (0.25, 0.65), (-1.3, -0.3), (0.1, 0.4)),
    "sun": Hat(0.12, (0.6, 1.2), (0.5, 1.3), (-0.6, 0.1)),
    "cone": Hat(0.03, (1.2, 2.4), (0.4, 1.0), (-0.4, 0.1), (0.85, 0.97), (0.01, 0.05)),
    "sailor": Hat(0.05, (0.5, 0.9), (0.08, 0.25), (1.5, 4.0)),
}


def _brimmed(c: Cap) -> None:
    style = c.pick("style", {word: hat.weight for word, hat in HATS.items()})
    hat = HATS[style]
    height = c.draw(*hat.height)
    if hat.taper is None:
        profile = dome(c.draw(1.7, 3.2), height, c.draw(0.0, 0.4))
    else:
        profile = barrel(height, c.draw(*hat.taper), c.draw(*hat.corner), c.draw(*hat.dip))
    grid = skin(profile, profile, outline(c, c.draw(1.0, 1.3)))
    if style == "pinched":
        grid = creased(c, grid, height)
    add_crown(c, grid, floor=0.02 if c.chance(0.12) else None)
    if c.chance(0.5):
        add_belt(c, grid, 0.02, height * c.draw(0.12, 0.35))
    add_brim(c, grid[0], hat)


def _beanie(c: Cap) -> None:
    height, depth = c.draw(0.9, 2.0), c.draw(0.6, 1.3)
    cuff, bulge = height * c.draw(0.14, 0.45), c.draw(0.02, 0.16)
    profile = dome(c.draw(1.9, 3.0), height, c.draw(0.2, 0.55))
    profile[:, 0] += c.draw(-0.12, 0.15) * np.sin(np.pi * profile[:, 1] / height)  # slack or tight half way up
    grid = skin(profile, profile, outline(c, depth))
    grid[..., 2] -= c.draw(0.0, 0.5) * c.chance(0.35) * smooth_step(grid[..., 1] / height)
    low, shell = level_rings(grid, 0.0, cuff, 7), level_rings(grid, cuff * c.draw(0.75, 1.0), height, 18)
    side = unit(ring_normals(low) * [1, 0, 1])
    t = np.linspace(0, 1, 7)[:, None, None]
    outer = low + side * bulge * (0.6 + 0.4 * np.sin(np.pi * t) ** c.draw(0.3, 1.2))
    inner = low - side * c.draw(0.0, 0.04)
    add_crown(c, shell)
    c.assembly.add("visor", loft(np.concatenate([outer, inner[::-1]]), closed=True))
    if c.chance(0.3):
        c.assembly.traits["pompom"] = "yes"
        r = c.draw(0.12, 0.3)
        c.assembly.add("crown", move(ellipsoid([r, r * c.draw(0.8, 1.1), r], 14), grid[-1, 0] + [0, 0.7 * r, 0]))


def _jockey(c: Cap) -> None:
    height = c.draw(0.6, 1.15)
    profile = dome(c.draw(1.9, 3.0), height, c.draw(0.0, 0.25))
    grid = rim_wave(c, skin(profile, profile, outline(c, c.draw(0.95, 1.25))), 0.08)
    add_crown(c, grid, floor=0.02 if c.chance(0.2) else None)
    if c.chance(0.25):
        add_button(c, grid)
    if c.chance(0.2):
        add_belt(c, grid, 0.0, c.draw(0.08, 0.2))
    add_peak(c, grid[0], c.draw(60, 92), c.draw(0.3, 0.95), bend=c.draw(-0.05, 0.15) * c.chance(0.5))


def _sun_visor(c: Cap) -> None:
    height = c.draw(0.2, 0.5)
    profile = np.stack([np.linspace(1, c.draw(0.9, 1.05), 5), np.linspace(0, height, 5)], 1)
    grid = skin(profile, profile, outline(c, c.draw(1.05, 1.3)))
    grid[..., 1] *= 1 - c.draw(0.0, 0.6) * (1 - np.cos(c.angles)) / 2  # lower behind
    c.assembly.add("crown", shell(grid, c.wall))
    add_peak(c, grid[0], c.draw(55, 88), c.draw(0.5, 1.1))


KINDS: dict[str, tuple[Callable[[Cap], None], float]] = {
    "baseball": (_baseball, 0.38),
    "uniform": (_uniform_cap, 0.14),
    "kepi": (_kepi, 0.04),
    "soft": (_soft_cap, 0.07),
    "brimmed": (_brimmed, 0.19),
    "beanie": (_beanie, 0.09),
    "jockey": (_jockey, 0.07),
    "sun visor": (_sun_visor, 0.02),
}


def _warp(rng: np.random.Generator) -> Callable[[Solid], Solid]:
    """Soft dents, a change of proportions and a nod, the same for every piece so that they stay joined."""
    amount = rng.choice([0.0, 0.012, 0.04], p=[0.45, 0.35, 0.2]) * rng.uniform(0.5, 1.5)
    waves, phase = rng.normal(0, 1.6, (4, 3)), rng.uniform(0, 2 * np.pi, 4)
    push = rng.normal(0, 1, (4, 3)) * amount
    factors = [rng.uniform(0.9, 1.1), rng.uniform(0.88, 1.15), 1.0]
    nod = rng.normal(0, 6) * (rng.random() < 0.35)
    lean = rng.normal(0, 3) * (rng.random() < 0.15)

    def warp(solid: Solid) -> Solid:
        bent = solid.vertices + np.sin(solid.vertices @ waves.T + phase) @ push
        return turn(turn(scale(Solid(bent, solid.faces), factors), "x", nod), "z", lean)

    return warp


# --- words --------------------------------------------------------------------------------------------------------

_PEAKED = {"peak": ("curved", "flat", "curled up", "duck bill")}
_OFFICER = {"kind": ("uniform",)}
_FEDORA = {"style": ("pinched",)}
_STRAPPED = {"strap": ("behind",)}
WORDS: Vocabulary = {
    "hat": {}, "headgear": {}, "headwear": {},
    # kinds
    "baseball": {"kind": ("baseball",)}, "sports": {"kind": ("baseball",)}, "trucker": {"kind": ("baseball",)},
    "uniform": _OFFICER, "officer": _OFFICER, "police": _OFFICER, "peaked": {"kind": ("uniform", "kepi")},
    "military": {"kind": ("uniform", "kepi")}, "kepi": {"kind": ("kepi",)}, "brimmed": {"kind": ("brimmed",)},
    "beanie": {"kind": ("beanie",)}, "knitted": {"kind": ("beanie",)}, "woolly": {"kind": ("beanie",)},
    "jockey": {"kind": ("jockey",)}, "riding": {"kind": ("jockey",)}, "soft": {"kind": ("soft",)},
    "flat cap": {"kind": ("soft",)}, "newsboy": {"style": ("newsboy",)}, "ivy": {"style": ("ivy",)},
    "sun visor": {"kind": ("sun visor",)}, "tennis": {"kind": ("sun visor",)},
    # hats
    "fedora": _FEDORA, "pinched": _FEDORA, "cowboy": _FEDORA, "boater": {"style": ("boater",)},
    "straw": {"style": ("boater", "sun")}, "bowler": {"style": ("bowler",)}, "top hat": {"style": ("top",)},
    "bucket": {"style": ("bucket",)}, "fishing": {"style": ("bucket",)}, "sun hat": {"style": ("sun",)},
    "sailor": {"style": ("sailor",)},
    # visor
    "peak": _PEAKED, "bill": _PEAKED, "curved peak": {"peak": ("curved",)}, "curved bill": {"peak": ("curved",)},
    "flat peak": {"peak": ("flat",)}, "flat bill": {"peak": ("flat",)}, "duck bill": {"peak": ("duck bill",)},
    "curled up peak": {"peak": ("curled up",)}, "brim": {"kind": ("brimmed",)}, "wide brim": {"brim": ("wide",)},
    "narrow brim": {"brim": ("narrow",)}, "cuff": {"kind": ("beanie",)},
    # crown and what is sewn on
    "button": {"button": ("yes",)}, "pompom": {"pompom": ("yes",)}, "pom pom": {"pompom": ("yes",)},
    "bobble": {"pompom": ("yes",)}, "band": {"band": ("yes",)}, "ribbon": {"band": ("yes",)},
    "badge": {"badge": ("yes",)}, "emblem": {"badge": ("yes",)}, "chin strap": {"strap": ("chin",)},
    "strap": {"strap": ("behind", "chin")}, "back strap": _STRAPPED, "adjustable": _STRAPPED,
    "closed back": {"closure": ("closed",)}, "open back": {"closure": ("gap", "gap without strap")},
    "snapback": {"closure": ("gap",)}, "panels": {"panels": ("5", "6", "8")}, "seams": {"panels": ("5", "6", "8")},
    "five panels": {"panels": ("5",)}, "six panels": {"panels": ("6",)}, "eight panels": {"panels": ("8",)},
    "closed": {"inside": ("closed",)}, "thin": {"wall": ("sheet",)}, "thick": {"wall": ("thick",)},
    "open": {"wall": ("open",)},
}  # fmt: skip
