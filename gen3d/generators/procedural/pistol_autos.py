"""Self-loading pistols: with a slide, with a thin barrel and a toggle or a box magazine, machine pistols."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural import pistol_parts as parts
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.pistol_parts import beam, block, knob, round_bar, section, slab
from gen3d.generators.procedural.solids import merge, move
from gen3d.generators.procedural.vessel import pick

Rng = np.random.Generator

_GUARDS = {"round": 4, "square": 4, "oval": 3, "hooked": 2}


def semi_automatic(rng: Rng, made: Assembly) -> None:
    """A slide on a frame with the magazine in the grip."""
    tall, half = rng.uniform(0.11, 0.17), rng.uniform(0.05, 0.085)
    shape = pick(rng, {"box": 4, "chamfered": 4, "arched": 4, "ridged": 2, "hexagon": 2})
    made.traits["slide"] = shape
    _slide(rng, made, shape, (tall, half))
    frame = rng.uniform(0.06, 0.1)  # below the slide, whose lower side lies at y = 0
    rear, deep = rng.uniform(0.02, 0.08), rng.uniform(0.2, 0.28)
    rake, back = rng.uniform(6, 22), rng.uniform(0.2, 0.28)
    _frame(rng, made, (rear, deep, back, frame), half)
    long = rng.uniform(0.42, 0.6)
    size = (long, deep * rng.uniform(0.92, 1.05), half * rng.uniform(0.9, 1.25))
    contour = pick(rng, {"straight": 5, "belly": 4, "grooved": 2, "flared": 2, "waisted": 1})
    spot = (rear + deep / 2, -0.2 * frame)
    end = parts.grip(rng, made, contour, spot, size, (rake, 0.0))
    if contour == "straight" and rng.random() < 0.6:
        parts.grip_panels(rng, made, spot, size, rake)
    _magazine(rng, made, end, size, rake)
    front = rear + deep + back
    parts.trigger(rng, made, (rear + 0.85 * deep, front), -0.9 * frame, _GUARDS)
    if rng.random() < 0.6:
        parts.hammer(rng, made, (-0.005, 0.5 * tall), rng.uniform(0.07, 0.11))
    if rng.random() < 0.75:
        parts.sights(rng, made, (0.06, tall), (0.94, tall))
    _extras(rng, made, (tall, half), (front, frame))


def _slide(rng: Rng, made: Assembly, shape: str, size: tuple[float, float]) -> None:
    tall, half = size
    outline = section(shape) + [0, 0.5]
    nose = rng.uniform(0.6, 1.0) if rng.random() < 0.4 else 1.0
    rows = [(0, 1, 0.98), (0.8, 1, 1), (0.92, 1, 1), (1, nose, (1 + nose) / 2)]
    made.add("barrel", beam(outline, [(z, x * 2 * half, y * tall, 0) for z, x, y in rows]))
    radius = rng.uniform(0.2, 0.32) * tall
    made.add("barrel", round_bar([(0.9, radius), (1 + rng.uniform(0.004, 0.06), radius)], (0, 0.62 * tall)))
    if rng.random() < 0.5:  # grooves for the hand, drawn as ribs
        count, out = int(rng.integers(4, 10)), half + 0.006
        rib = block([-out, 0.12 * tall, -0.006], [out, 0.62 * tall, 0.006])
        made.add("barrel", *[move(rib, [0, 0, 0.04 + 0.022 * i]) for i in range(count)])
        made.traits["grooves"] = "yes"
    if rng.random() < 0.5:  # the port where cases leave
        made.add("barrel", block([0.1 * half, 0.45 * tall, 0.38], [half + 0.006, 0.9 * tall, 0.58]))


def _frame(rng: Rng, made: Assembly, place: tuple[float, float, float, float], half: float) -> None:
    """The frame under the slide. `place`: rear and depth of the grip, length of the guard, height."""
    rear, deep, back, low = place
    front, dust = rear + deep + back, pick(rng, {"long": 5, "half": 4, "none": 2})
    end = {"long": rng.uniform(0.88, 0.97), "half": rng.uniform(front + 0.03, 0.85), "none": front + 0.02}[dust]
    tang = rng.uniform(0.02, 0.1)
    rise = rng.uniform(0.35, 0.9)
    outline = np.array(
        [
            (rear - 0.02, -low), (front, -low), (front + 0.02, -rise * low), (end, -rise * low), (end, 0.02),
            (0.0, 0.02), (-tang, 0.02), (-tang, -0.15 * low), (rear - 0.03, -0.6 * low),
        ]
    )  # fmt: skip
    made.add("barrel", slab(outline, 2 * half * rng.uniform(0.9, 1.05), rng.choice([0.0, 0.012])))
    made.traits["dust cover"] = dust
    if dust == "long" and rng.random() < 0.3:  # rail
        teeth = [
            block([-half, -rise * low - 0.015, z], [half, -rise * low + 0.01, z + 0.02]) for z in (0.72, 0.77, 0.82)
        ]
        made.add("barrel", *teeth)


def _magazine(rng: Rng, made: Assembly, end: parts.Spot, size: tuple[float, float, float], rake: float) -> None:
    """The floor plate of the magazine, or a long magazine, below the grip."""
    kind = pick(rng, {"none": 40, "plate": 45, "long": 15})
    if kind == "none":
        return
    made.traits["magazine"] = kind
    _, deep, half = size
    out = 0.04 if kind == "plate" else rng.uniform(0.15, 0.45)
    half *= 0.95 if kind == "plate" else 0.7
    lean = np.tan(np.radians(rake))
    wide = 0.46 * deep
    (z, y), top = end, 0.06
    outline = [(z + lean * top - wide, y + top), (z - lean * out - wide, y - out), (z - lean * out + wide, y - out)]
    made.add("handle", slab(np.array([*outline, (z + lean * top + wide, y + top)]), 2 * half))


def _extras(rng: Rng, made: Assembly, size: tuple[float, float], frame: tuple[float, float]) -> None:
    """Levers, silencers, lamps and scopes."""
    (tall, half), (front, low) = size, frame
    if rng.random() < 0.4:
        made.add("barrel", block([-half - 0.012, -0.5 * low, 0.3], [-0.5 * half, -0.1 * low, 0.45]))
    if rng.random() < 0.3:
        made.add("barrel", knob([0, -0.4 * low, 0.08], 0.022, 2 * half + 0.03))
    if rng.random() < 0.14:
        parts.muzzle(rng, made, 1.02, 0.24 * tall, 0.62 * tall)
    if rng.random() < 0.1:
        deep = rng.uniform(0.06, 0.12)
        z = front + 0.04
        made.add("barrel", block([-0.8 * half, -low - deep, z], [0.8 * half, -0.1 * low, min(z + 0.3, 0.98)], 0.01))
        made.traits["lamp"] = "yes"
    if rng.random() < 0.05:
        parts.scope(rng, made, tall, 0.45, rng.uniform(0.4, 0.7))


# --- thin barrels -------------------------------------------------------------------------------------------------


def long_barrelled(rng: Rng, made: Assembly) -> None:
    """A receiver with a thin barrel in front: with a toggle, a box magazine before the trigger, or for targets."""
    style = pick(rng, {"toggle": 4, "box magazine": 3, "target": 4})
    made.traits["style"] = style
    tall, half = rng.uniform(0.12, 0.17), rng.uniform(0.05, 0.075)
    deep, rear = rng.uniform(0.16, 0.22), rng.uniform(0.03, 0.1)
    front = rear + deep + rng.uniform(0.16, 0.22)  # of the trigger guard
    mid = max(rng.uniform(0.4, 0.56), front + (0.2 if style == "box magazine" else 0.05))
    y = rng.uniform(0.45, 0.65) * tall
    made.add("barrel", _receiver(rng, tall, half, mid))
    radius = rng.uniform(0.028, 0.05)
    rows = [(mid - 0.05, radius * rng.uniform(1, 1.4)), (mid + 0.12, radius), (1, radius * rng.uniform(0.75, 1))]
    if style == "target" and rng.random() < 0.4:
        made.add("barrel", beam(section("hexagon"), [(z, 2.2 * r, 2.2 * r, y) for z, r in rows]))
    else:
        made.add("barrel", round_bar(rows, (0, y)))
    made.add("barrel", block([-0.012, y, 0.93], [0.012, y + radius + rng.uniform(0.02, 0.05), 0.98]))
    long = rng.uniform(0.42, 0.56)
    rake = rng.uniform(22, 38) if style == "toggle" else rng.uniform(8, 26)
    rear = rng.uniform(0.03, 0.1)
    contours = (
        {"flared": 3, "straight": 2, "belly": 2} if style != "target" else {"grooved": 3, "western": 2, "belly": 3}
    )
    size = (long, deep, half * rng.uniform(0.9, 1.2 if style != "target" else 1.8))
    low = rng.uniform(0.05, 0.09)
    made.add("barrel", block([-0.85 * half, -low, rear - 0.02], [0.85 * half, 0.02, mid - 0.04]))
    end = parts.grip(rng, made, pick(rng, contours), (rear + 0.5 * deep, -0.01), size, (rake, 0.0))
    parts.trigger(rng, made, (rear + 0.8 * deep, front), -0.9 * low, {"round": 5, "oval": 3, "square": 1})
    if style == "toggle":
        made.add("barrel", knob([0, 0.75 * tall, 0.18], rng.uniform(0.05, 0.075), 2 * half + 0.06))
        made.add("barrel", block([-0.6 * half, 0.8 * tall, -0.02], [0.6 * half, 1.15 * tall, 0.3]))
        if rng.random() < 0.5:
            made.add("handle", knob([0, end[1] - 0.01, end[0]], 0.04, 2.4 * size[2]))
    elif style == "box magazine":
        z = mid - 0.18
        made.add("barrel", block([-0.9 * half, -rng.uniform(0.16, 0.3), z], [0.9 * half, 0.03, z + 0.17]))
        parts.hammer(rng, made, (0.0, 0.7 * tall), 0.1)
    elif rng.random() < 0.4:
        parts.scope(rng, made, tall, 0.4, rng.uniform(0.4, 0.6))
    if rng.random() < 0.08:
        parts.muzzle(rng, made, 1.0, radius, y)


def _receiver(rng: Rng, tall: float, half: float, mid: float) -> parts.Solid:
    outline = section(pick(rng, {"box": 3, "arched": 4, "chamfered": 3})) + [0, 0.5]
    slim = rng.uniform(0.6, 1.0)
    rows = [(0, 0.9, 0.9), (0.06, 1, 1), (mid - 0.08, 1, 1), (mid, slim, slim)]
    return beam(outline, [(z, x * 2 * half, y * tall, 0) for z, x, y in rows])


# --- machine pistols ----------------------------------------------------------------------------------------------


def machine_pistol(rng: Rng, made: Assembly) -> None:
    """A box or tube with a short barrel, the magazine in the grip or in front of the trigger."""
    tall, half = rng.uniform(0.16, 0.24), rng.uniform(0.06, 0.095)
    body = rng.uniform(0.6, 0.85)
    tubular = rng.random() < 0.35
    if tubular:
        made.add("barrel", round_bar([(0, half), (body, half)], (0, tall / 2), 16))
        made.add("barrel", block([-0.8 * half, -0.02, 0.08], [0.8 * half, 0.5 * tall, 0.5 * body]))
        made.add("barrel", round_bar([(body - 0.02, 0.7 * half), (1, 0.7 * half)], (0, tall / 2), 12))
    else:
        outline = section(pick(rng, {"box": 4, "arched": 3, "chamfered": 2})) + [0, 0.5]
        made.add("barrel", beam(outline, [(0, 2 * half, tall, 0), (body, 2 * half, tall, 0)]))
        made.add("barrel", round_bar([(body - 0.02, 0.045), (1, 0.04)], (0, 0.5 * tall)))
        if rng.random() < 0.4:
            made.add("barrel", round_bar([(body - 0.02, 0.065), (body + 0.08, 0.065)], (0, 0.5 * tall)))
    made.traits["receiver"] = "tube" if tubular else "box"
    place = pick(rng, {"grip": 6, "front": 4})
    made.traits["magazine"] = "long" if place == "grip" else "front"
    deep, rake = rng.uniform(0.14, 0.2), rng.uniform(0, 14)
    z = rng.uniform(0.3, 0.4) * body if place == "grip" else rng.uniform(0.1, 0.18)
    size = (rng.uniform(0.36, 0.5), deep, rng.uniform(0.045, 0.07))
    end = parts.grip(rng, made, pick(rng, {"straight": 4, "grooved": 2, "belly": 2}), (z, 0.04), size, (rake, 0.0))
    long = rng.uniform(0.15, 0.5)
    if place == "grip":
        made.add("handle", block([-0.7 * size[2], end[1] - long, end[0] - 0.36 * deep],
                                 [0.7 * size[2], end[1] + 0.08, end[0] + 0.36 * deep]))  # fmt: skip
    else:
        at = z + 0.5 * deep + rng.uniform(0.18, 0.24)
        made.add("barrel", block([-0.6 * half, -0.15 - long, at], [0.6 * half, 0.05, at + 0.12]))
    parts.trigger(rng, made, (z + 0.4 * deep, z + 0.5 * deep + rng.uniform(0.15, 0.2)), 0.0, _GUARDS)
    made.add("barrel", block([-0.02, 0.9 * tall, 0.3 * body], [0.02, tall + 0.05, 0.36 * body]))
    parts.sights(
        rng, made, (0.05, tall * (1 if not tubular else 0.95)), (0.93 * body, tall * (1 if not tubular else 0.95))
    )
    if rng.random() < 0.25:
        parts.muzzle(rng, made, 1.0, 0.04, tall / 2)
    if rng.random() < 0.3:  # a wire stock, folded along the side
        t = [block([half, y, -0.01], [half + 0.02, y + 0.02, 0.5 * body]) for y in (0.2 * tall, 0.7 * tall)]
        made.add("barrel", merge(t), block([-half, 0.2 * tall, -0.03], [half + 0.02, 0.7 * tall + 0.02, 0.0]))
        made.traits["stock"] = "folded"
