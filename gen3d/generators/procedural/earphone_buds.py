"""Earphones without a headband: buds on wires, clips and hooks, a collar, an earpiece for one ear."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.earphone_wires import cable, joined
from gen3d.generators.procedural.fittings import Path, Rng, Spot, Style, ball, pick, spun
from gen3d.generators.procedural.solids import (
    Solid,
    arc,
    circle,
    ellipsoid,
    mirror,
    move,
    spline,
    superellipse,
    sweep,
    tube,
    turn,
)

BODIES = {"disc": 30, "bullet": 26, "drop": 16, "can": 16, "ball": 12}


def bud(rng: Rng, size: float, style: Style, traits: dict[str, str]) -> tuple[list[Solid], Spot]:
    """A right bud about the origin, its tip to -X, and the lower end of its stem, where a wire starts."""
    traits["bud"] = kind = pick(rng, BODIES)
    plan = circle(1.0, max(10, style.around // 2))
    rows = {
        "disc": [(0, -0.5), (0.6, -0.45), (0.95, -0.2), (1.05, 0), (1.0, 0.2), (0.75, 0.45), (0.4, 0.6), (0, 0.65)],
        "bullet": [(0, -0.9), (0.5, -0.85), (0.62, -0.4), (0.8, 0.1), (0.8, 0.9), (0.6, 1.1), (0, 1.15)],
        "drop": [(0, -0.8), (0.4, -0.7), (0.9, -0.1), (1.0, 0.3), (0.8, 0.8), (0.35, 1.1), (0, 1.15)],
        "can": [(0, -0.4), (0.8, -0.4), (0.85, -0.3), (0.85, 0.7), (0.7, 0.8), (0, 0.8)],
        "ball": [(0, -1), (0.5, -0.87), (0.87, -0.5), (1, 0), (0.87, 0.5), (0.5, 0.87), (0, 1)],
    }[kind]
    solids = [spun(np.array(rows) * size, plan)]
    if rng.random() < (0.25 if kind == "disc" else 0.75):  # the soft tip
        reach, wide = rng.uniform(0.5, 1.1), rng.uniform(0.55, 0.85)
        tip = [(0, -1.0), (0.45, -0.95), (0.85, -0.6), (1.0, 0.0), (0.6, 0.1), (0, 0.1)]
        y = np.array(tip) * [wide, reach] + [0, rows[0][1] + 0.1]
        solids.append(spun(y * size, plan))
        solids.append(
            spun(np.array([(0, 0), (0.35, 0), (0.4, 0.5), (0, 0.5)]) * size + [0, (rows[0][1] - 0.2) * size], plan)
        )
    solids = [turn(s, "z", -90) for s in solids]
    stem = rng.uniform(1.2, 3.2) * size
    bottom = np.array([0.3 * size, -stem, 0])
    traits["stem"] = "long" if stem > 2 * size else "short"
    solids.append(tube([[0.3 * size, 0, 0], 0.9 * bottom * [1.1, 1, 1], bottom], np.array([0.42, 0.34, 0.2]) * size, 8))
    return solids, bottom


def hook(rng: Rng, size: float, style: Style) -> Solid:
    """A bow over and behind the right ear."""
    tall = size * rng.uniform(1.8, 2.8)
    flat = arc(1.0, rng.uniform(-20, 20), rng.uniform(195, 250), 22) * [0.75 * tall, tall]
    flat += np.array([0, 0.6 * size]) - flat[0] + [0.2 * size, -0.4 * size]
    path = np.stack([0.5 * size + 0 * flat[:, 0], flat[:, 1], flat[:, 0] - flat[0, 0]], 1)
    return tube(path, size * np.linspace(0.34, rng.uniform(0.12, 0.3), 22), 8)


def buds(rng: Rng, style: Style, made: Assembly) -> None:
    """Two buds or clips whose wires meet and go on to a plug."""
    size = rng.uniform(0.1, 0.2)
    kind = made.traits["kind"]
    pieces, bottom = bud(rng, size * (1.5 if kind == "clip-on" else 1.0), style, made.traits)
    if kind == "clip-on" or rng.random() < 0.12:
        made.traits["hook"] = "yes"
        pieces.append(hook(rng, 1.4 * size, style))
    apart = np.array([rng.uniform(0.3, 0.7), rng.uniform(-0.05, 0.05), 0])
    spread = rng.uniform(-30, 60)
    right = [move(turn(s, "y", spread), apart) for s in pieces]
    at = turn(Solid(bottom[None], np.zeros((0, 3), np.int64)), "y", spread).vertices[0]
    drop = 0.0 if rng.random() < 0.6 else rng.uniform(0, 0.3)  # the left one hangs lower
    left = [move(mirror(s), [0, -drop, 0]) for s in right]
    made.add("earcup", *right, *left)
    start = at + apart
    ends = (start, start * [-1, 1, 1] - [0, drop, 0])
    thick = size * rng.uniform(0.1, 0.2)
    low = start[1] - drop - rng.uniform(0.5, 1.2)
    wires, meet = joined(rng, ends, low, thick, style)
    made.add("wire", *wires, *cable(rng, meet, rng.uniform(0.5, 1.4), thick, style, made.traits))
    made.traits["wire"] = "both"
    if rng.random() < 0.3:  # a remote on the right wire
        made.traits["remote"] = "yes"
        path = _halfway(wires[0])
        made.add("wire", move(ellipsoid([2.2 * thick, 6 * thick, 1.8 * thick], 10), path))


def _halfway(wire: Solid) -> Spot:
    """A point in the middle of a swept wire."""
    rings = wire.vertices[: 26 * 6].reshape(26, 6, 3).mean(1)
    return rings[9]


def collar(rng: Rng, style: Style, made: Assembly) -> None:
    """A bow that lies round the neck, with a bud on a wire at each end."""
    wide, deep = rng.uniform(0.6, 0.8), rng.uniform(0.7, 1.1)
    half = spline(
        [[0, 0.15, -deep], [0.7 * wide, 0.1, -0.8 * deep], [wide, 0, -0.2 * deep], [0.8 * wide, -0.15, 0.5]], 20
    )
    path: Path = np.concatenate([(half * [-1, 1, 1])[:0:-1], half])
    thin = rng.uniform(0.04, 0.08)
    swell = 1 + rng.uniform(0, 0.8) * np.abs(np.linspace(-1, 1, len(path))) ** 3
    section = superellipse(1.6 * thin, 2.2 * thin, 3, 12)
    made.add("headband", sweep(section, path, swell))
    size = rng.uniform(0.1, 0.17)
    pieces, bottom = bud(rng, size, style, made.traits)
    at = half[-1] + [rng.uniform(-0.1, 0.2), rng.uniform(0.4, 0.8), rng.uniform(-0.2, 0.2)]
    wire = tube(
        spline([half[-1], half[-1] + [0.05, 0.02, 0.2], at + bottom - [0, 0.15, 0], at + bottom + [0, 0.02, 0]], 18),
        0.16 * size,
        6,
    )
    for piece in [move(s, at) for s in pieces]:
        made.add("earcup", piece, mirror(piece))
    made.add("wire", wire, mirror(wire))
    made.traits |= {"band": "collar", "wire": "both"}


def earpiece(rng: Rng, style: Style, made: Assembly) -> None:
    """A wireless earpiece with a hook over one ear and a slim microphone."""
    size = rng.uniform(0.25, 0.35)
    long = size * rng.uniform(1.5, 4)
    flat = superellipse(1.0, rng.uniform(0.5, 0.9), rng.uniform(2, 4), 16) * size
    pitch = np.radians(rng.uniform(0, 50))
    path = np.linspace(-0.5, 1, 7)[:, None] * long * np.array([0, -np.sin(pitch), np.cos(pitch)])
    taper = np.array([0.5, 0.9, 1, 0.97, 0.9, 0.8, 0.45])
    made.add("earcup", sweep(flat, path, taper, up=(1, 0, 0)))
    tip, _ = bud(rng, 0.75 * size, style, made.traits)
    made.add("earcup", *(move(s, [-0.45 * size, 0, 0]) for s in tip[:-1]))
    if rng.random() < 0.85:
        made.traits["hook"] = "yes"
        made.add("earcup", hook(rng, 0.6 * size, style))
    made.add("earcup", ball([-0.1 * size, 0, 0], 0.5 * size, style))
