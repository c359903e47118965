"""Revolvers and older pistols: flintlocks, percussion pistols, derringers, pepperboxes."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural import pistol_parts as parts
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.pistol_parts import ball, beam, block, round_bar, slab
from gen3d.generators.procedural.plates import curve, ribbon
from gen3d.generators.procedural.solids import rod, spline, superellipse, tube
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator


# --- revolvers ----------------------------------------------------------------------------------------------------


def revolver(rng: Rng, made: Assembly) -> None:
    """A drum of chambers in a frame, a barrel in front, mostly a curved grip."""
    length = pick(rng, {"snub": 3, "medium": 5, "long": 3})
    barrel = {"snub": rng.uniform(0.2, 0.32), "medium": rng.uniform(0.4, 0.6), "long": rng.uniform(0.7, 1.15)}[length]
    radius, drum = rng.uniform(0.085, 0.115), rng.uniform(0.17, 0.24)
    bore = rng.uniform(0.03, 0.045)
    front = 0.16 + drum  # of the drum, which starts at z = 0.16; the barrel's axis is y = 0
    axis = -radius + 0.035
    made.traits |= {"barrel": length, "drum": "yes"}
    _drum(rng, made, (radius, drum, axis))
    low = axis - radius - rng.uniform(0.0, 0.03)
    _revolver_frame(rng, made, (front, low, bore))
    end = front + 0.04 + barrel
    _barrel(rng, made, (front, end, bore))
    parts.hammer(rng, made, (0.08, 0.02), rng.uniform(0.1, 0.15))
    if rng.random() < 0.8:
        tall = bore + rng.uniform(0.03, 0.06)
        made.add(
            "barrel",
            slab(np.array([(end - 0.1, 0.0), (end - 0.01, 0.0), (end - 0.02, tall), (end - 0.04, tall)]), 0.02),
        )
    rake, bend = rng.uniform(25, 55), rng.uniform(0.2, 0.9)
    size = (rng.uniform(0.38, 0.52), rng.uniform(0.14, 0.2), rng.uniform(0.045, 0.07))
    contour = pick(rng, {"flared": 4, "belly": 3, "grooved": 2, "waisted": 1, "western": 1})
    parts.grip(rng, made, contour, (0.06, 0.5 * low), size, (rake, bend))
    back = rng.uniform(0.03, 0.09)
    parts.trigger(rng, made, (back, front - rng.uniform(0.02, 0.08)), low + 0.02, {"round": 7, "oval": 4, "none": 1})


def _drum(rng: Rng, made: Assembly, size: tuple[float, float, float]) -> None:
    """The drum of five to eight chambers, with flutes."""
    radius, long, axis = size
    chambers, count = int(rng.choice([5, 6, 6, 6, 8])), 48
    t = np.arange(count) * 2 * np.pi / count
    depth = rng.uniform(0.05, 0.16) if rng.random() < 0.8 else 0.0
    wave = 1 - depth * np.clip(np.cos(chambers * t), 0, 1) ** 0.7
    round_one, fluted = (np.stack([r * np.cos(t), r * np.sin(t)], 1) for r in (np.ones(count), wave))
    start, z = 0.16, 0.16 + long * rng.uniform(0.25, 0.45)
    rows = [(start, 0.96), (start + 0.01, 1), (z, 1)]
    back = beam(round_one, [(a, r * radius, r * radius, axis) for a, r in rows])
    rows = [(z - 0.005, 1), (start + long - 0.02, 1), (start + long, 0.85)]
    made.add("barrel", back, beam(fluted, [(a, r * radius, r * radius, axis) for a, r in rows]))
    made.traits["chambers"] = str(chambers)


def _revolver_frame(rng: Rng, made: Assembly, place: tuple[float, float, float]) -> None:
    """The frame behind, below and mostly above the drum. `place`: the drum's front, the frame's bottom, the bore."""
    front, low, bore = place
    strap = rng.random() < 0.8
    top = bore + rng.uniform(0.012, 0.035)
    made.traits["top strap"] = "yes" if strap else "none"
    made.add("barrel", slab(curve([
        (-0.02, 0.6 * low, 1), (0.06, low - 0.03), (front - 0.04, low, 1), (front - 0.04, low + 0.06, 1),
        (0.15, low + 0.06, 1), (0.15, top, 1), (0.08, top, 1), (0.05, 0.3 * top), (0.0, 0.2 * low),
    ], 3), 0.09, 0.008))  # fmt: skip
    made.add("barrel", block([-0.045, low, front], [0.045, top if strap else 0.6 * bore, front + 0.06]))
    made.add("barrel", block([-0.04, low, front - 0.1], [0.04, low + 0.07, front + 0.03]))
    if strap:
        made.add("barrel", block([-0.035, top - 0.035, 0.1], [0.035, top, front + 0.05]))


def _barrel(rng: Rng, made: Assembly, place: tuple[float, float, float]) -> None:
    """The barrel with what lies along it. `place`: the drum's front, the muzzle, the bore's outer radius."""
    front, end, bore = place
    shape = pick(rng, {"round": 5, "octagon": 2, "heavy": 3})
    rows = [(front - 0.01, bore), (end, bore * rng.uniform(0.85, 1))]
    made.add("barrel", round_bar(rows, count=8 if shape == "octagon" else 14))
    if shape == "heavy":
        half = bore * rng.uniform(0.7, 0.95)
        under = bore * rng.uniform(1.6, 2.4)
        stop = end - (0.0 if rng.random() < 0.6 else 0.3 * (end - front))
        made.add("barrel", block([-half, -under, front], [half, 0, stop], 0.3 * half))
        made.add("barrel", block([-0.5 * half, 0, front], [0.5 * half, bore + 0.02, end - 0.01]))
    elif rng.random() < 0.6:  # the ejector's rod, or a lever
        stop = front + (end - front) * rng.uniform(0.45, 0.85)
        made.add("barrel", round_bar([(front, 0.4 * bore), (stop, 0.4 * bore)], (0, -1.25 * bore), 8))
    elif end - front > 0.4:  # a rammer under a long barrel
        y = -1.2 * bore
        path = spline(
            [[0, y, front], [0, y, front + 0.2], [0, y + 0.005, front + 0.32], [0, -0.3 * bore, front + 0.38]], 8
        )
        made.add("barrel", tube(path, 0.45 * bore, 8))
        made.traits["rammer"] = "yes"
    made.traits["barrel shape"] = shape


# --- muzzle loaders -----------------------------------------------------------------------------------------------


def flintlock(rng: Rng, made: Assembly) -> None:
    """A long barrel on a wooden stock that bends down into the grip; the fore stock counts as barrel."""
    style = pick(rng, {"flintlock": 6, "percussion": 3, "blunderbuss": 2})
    made.traits["style"] = style
    bore, breech = rng.uniform(0.026, 0.042), rng.uniform(0.12, 0.2)
    flare = rng.uniform(1.6, 2.6) if style == "blunderbuss" else rng.choice([1.0, 1.15])
    rows = [(breech, 1.15 * bore), (0.55, 0.95 * bore), (0.88, 0.9 * bore), (1.0, 0.9 * bore * flare)]
    made.add("barrel", round_bar(rows, count=int(rng.choice([8, 14]))))
    made.add("barrel", block([-0.008, 0, 0.92], [0.008, 0.9 * bore * flare + 0.015, 0.95]))
    half, low, fore = bore * rng.uniform(1.0, 1.3), rng.uniform(0.05, 0.08), rng.uniform(0.5, 0.95)
    z = np.linspace(0.0, fore, 8)
    depth = np.interp(z, [0, 0.15, 0.35, fore], [1.15, 1.2, 0.85, 0.7]) * low
    outline = superellipse(2, 1, 3.0, 12) + [0, 0.5]
    path = np.stack([z, 0 * z], 1)
    lift = np.interp(z, [0, breech, breech + 0.05, fore], [0.6, 0.5, 0.1, 0.1]) * bore
    made.add("barrel", ribbon(path, -depth, lift, np.full(8, half), outline))
    if rng.random() < 0.7:
        rows = [(0.35, 0.008), (rng.uniform(fore, 0.98), 0.008)]
        made.add("barrel", round_bar(rows, (0, -0.7 * low - 0.004), 6))
    _lock(rng, made, style, (breech, half))
    size = (rng.uniform(0.34, 0.5), rng.uniform(0.1, 0.14), half * rng.uniform(0.9, 1.15))
    contour = pick(rng, {"flared": 5, "barrel": 2, "waisted": 2})
    rake, bend = rng.uniform(45, 68), rng.uniform(0.4, 1.0)
    end = parts.grip(rng, made, contour, (0.03, -0.35 * low), size, (rake, bend))
    if rng.random() < 0.55:
        wide = size[1] * rng.uniform(0.5, 0.75)
        made.add("handle", ball([0, end[1], end[0]], [max(1.1 * size[2], 0.7 * wide), wide, wide]))
        made.traits["pommel"] = "ball"
    span = (rng.uniform(0.04, 0.08), rng.uniform(0.24, 0.3))
    parts.trigger(rng, made, span, -low, {"round": 5, "oval": 5, "none": 1})


def _lock(rng: Rng, made: Assembly, style: str, place: tuple[float, float]) -> None:
    """Lock plate, cock and pan on the right side."""
    breech, half = place
    x = -half - 0.006
    plate = curve([(-0.04, -0.02), (0.1, -0.04), (0.26, -0.02), (0.27, 0.01), (0.1, 0.025), (-0.03, 0.01)], 3)
    made.add("barrel", slab(plate, 0.024, 0.0, x))
    cock = [
        (0.0, -0.02),
        (0.03, 0.0),
        (0.02, 0.05),
        (0.06, 0.09),
        (0.08, 0.13),
        (0.03, 0.14),
        (-0.02, 0.08),
        (-0.02, 0.03),
    ]
    size = rng.uniform(0.85, 1.2)
    made.add("barrel", slab(curve(cock, 3) * size + [breech - 0.07, 0], 0.03, 0.0, x - 0.012))
    if style != "percussion":
        steel = [(0.0, 0.0), (0.03, 0.0), (0.04, 0.09), (0.02, 0.1)]
        made.add("barrel", slab(np.array(steel) * size + [breech + 0.05, 0], 0.035, 0.0, x))
        made.add("barrel", block([x - 0.03, -0.01, breech + 0.01], [x + 0.02, 0.012, breech + 0.1]))


# --- small ones ---------------------------------------------------------------------------------------------------


def derringer(rng: Rng, made: Assembly) -> None:
    """One or two short thick barrels, a small bird's head grip."""
    count, bore = int(rng.choice([1, 2])), rng.uniform(0.07, 0.1)
    step = 1.9 * bore
    for i in range(count):
        made.add("barrel", round_bar([(0.22, bore), (0.9, bore * rng.uniform(0.85, 1))], (0, i * step), 16))
    top = (count - 1) * step + bore
    if count == 2:
        made.add("barrel", block([-0.4 * bore, 0, 0.25], [0.4 * bore, step, 0.88]))
    low = -bore - rng.uniform(0.03, 0.08)
    outline = [(-0.06, low + 0.02, 1), (0.45, low, 1), (0.5, -0.6 * bore, 1), (0.3, 0.2 * bore, 1), (0.28, top, 1)]
    outline += [(0.12, top, 1), (0.0, 0.3 * top), (-0.08, 0.0)]
    made.add("barrel", slab(curve(outline, 3), 1.7 * bore, 0.02))
    parts.hammer(rng, made, (0.06, 0.75 * top), rng.uniform(0.12, 0.18))
    made.add("barrel", block([-0.012, top - 0.03, 0.84], [0.012, top + 0.04, 0.88]))
    size = (rng.uniform(0.42, 0.58), rng.uniform(0.2, 0.26), bore * rng.uniform(0.65, 0.85))
    rake, bend = rng.uniform(30, 50), rng.uniform(0.5, 1.0)
    parts.grip(rng, made, pick(rng, {"flared": 3, "barrel": 2, "belly": 2}), (0.0, 0.3 * low), size, (rake, bend))
    parts.trigger(rng, made, (0.12, 0.36), low, {"none": 4, "round": 3})
    made.traits |= {"barrels": str(count), "barrel": "snub"}


def pepperbox(rng: Rng, made: Assembly) -> None:
    """A bundle of barrels about one axis."""
    count, bore = int(rng.integers(3, 8)), rng.uniform(0.035, 0.05)
    ring = max(bore / np.sin(np.pi / count) * 0.98, bore)
    for i in range(count):
        angle = 2 * np.pi * (i + 0.5) / count
        made.add("barrel", round_bar([(0.25, bore), (0.95, bore)], (ring * np.sin(angle), ring * np.cos(angle)), 10))
    out = ring + bore
    made.add("barrel", round_bar([(0.1, 0.5 * out), (0.16, 0.95 * out), (0.28, 0.95 * out)], count=18))
    made.add("barrel", round_bar([(0.25, 0.9 * ring), (0.9, 0.9 * ring)], count=12))
    low = -0.9 * out
    outline = [(-0.05, low, 1), (0.28, low - 0.02, 1), (0.28, 0.5 * out, 1), (0.08, 0.6 * out), (-0.04, 0.1)]
    made.add("barrel", slab(curve(outline, 3), 1.1 * out, 0.01))
    if rng.random() < 0.7:
        parts.hammer(rng, made, (0.06, 0.5 * out), 0.14)
    size = (rng.uniform(0.36, 0.5), rng.uniform(0.14, 0.19), rng.uniform(0.05, 0.065))
    lean = (rng.uniform(35, 55), rng.uniform(0.4, 0.9))
    parts.grip(rng, made, pick(rng, {"flared": 3, "barrel": 2, "waisted": 1}), (0.0, 0.5 * low), size, lean)
    parts.trigger(rng, made, (0.04, 0.26), low, {"round": 5, "oval": 2, "none": 1})
    made.traits |= {"barrels": str(count)}


def lanyard(made: Assembly, at: parts.Spot) -> None:
    """A ring for a cord under the grip."""
    t = np.arange(12) * np.pi / 6
    path = np.stack([0 * t, at[1] - 0.03 + 0.03 * np.cos(t), at[0] + 0.03 * np.sin(t)], 1)
    made.add(
        "handle", tube(path, 0.007, 6, closed=True), rod([0, at[1] + 0.02, at[0]], [0, at[1] - 0.005, at[0]], 0.01)
    )
