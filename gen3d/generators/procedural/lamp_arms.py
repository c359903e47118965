"""Rings of arms with a small shade or candle each, as of chandeliers and candelabra."""

from __future__ import annotations

import numpy as np

from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.fittings import Path, Rng, Style, around, bent, can, pick, placed
from gen3d.generators.procedural.lamp_shades import Shade, shade
from gen3d.generators.procedural.solids import move, spline

UP_LIGHTS = {"candle": 34, "tulip": 16, "globe": 14, "bulb": 12, "empire": 12, "trumpet": 6, "lotus": 6}
DOWN_LIGHTS = {
    "bell": 18,
    "tulip": 24,
    "globe": 22,
    "cone": 10,
    "dome": 14,
    "bulb": 8,
    "teardrop": 6,
    "cage": 4,
    "drum": 6,
}

# (distance, height) from the centre (0, 0) to the light at distance 1, for lights that stand and that hang.
RISING = {
    "s": [(0, 0), (0.25, -0.3), (0.6, -0.35), (0.92, -0.12), (1, 0.1)],
    "swan": [(0, 0.1), (0.2, 0.35), (0.4, 0.05), (0.65, -0.3), (0.95, -0.15), (1, 0.1)],
    "hook": [(0, 0), (0.5, 0), (0.85, 0.02), (0.98, 0.1), (1, 0.3)],
    "bow": [(0, -0.2), (0.4, -0.3), (0.8, -0.15), (1, 0.25)],
    "straight": [(0, 0), (0.5, 0.1), (1, 0.2)],
}
FALLING = {
    "arch": [(0, 0), (0.3, 0.3), (0.7, 0.35), (0.95, 0.12), (1, -0.1)],
    "droop": [(0, 0.1), (0.5, 0.12), (0.9, 0.05), (1, -0.2)],
    "wave": [(0, -0.1), (0.25, -0.25), (0.55, 0.15), (0.85, 0.2), (1, -0.1)],
    "straight": [(0, 0), (0.5, -0.05), (1, -0.1)],
}


def arm_ring(rng: Rng, style: Style, made: Assembly, spot: tuple[float, float], centre_light: bool = False) -> None:
    """Arms round the Y axis that carry lights.

    Args:
        spot: height of the hub, and how far the arms reach.
        centre_light: put one more light on top in the middle, half of the times.
    """
    high, reach = spot
    count = int(rng.choice([2, 3, 4, 5, 6, 8, 10, 12], p=[0.06, 0.18, 0.12, 0.2, 0.22, 0.13, 0.05, 0.04]))
    up = centre_light or rng.random() < 0.6
    made.traits |= {
        "light": "up" if up else "down",
        "arms": (curve := pick(rng, dict.fromkeys(RISING if up else FALLING, 1))),
    }
    path = _arm((RISING if up else FALLING)[curve], rng, high, reach)
    radius = reach * rng.uniform(0.015, 0.045)
    arm = bent(path, np.linspace(1.1, 0.8, len(path)) * radius, style._replace(around=min(style.around, 14)))
    head = _light(rng, style, made, up, reach * min(0.34, 1.9 / count) * rng.uniform(0.7, 1.1))
    tip = path[-1]
    light = placed(
        head.solids, tip + [0, 2e-3 if up else -2e-3, 0], 180.0 if up and made.traits["shade"] != "empire" else 0.0
    )
    if made.traits["shade"] == "empire":
        light = [move(s, [0, -0.7 * head.low, 0]) for s in light]
        light.append(can(tip - [0, 2e-3, 0], 0.2 * head.radius, -0.7 * head.low + 4e-3, style))
    made.add("pole", *around([arm], count), can([0, path[0, 1] - 2.5 * radius, 0], 2.4 * radius, 5 * radius, style))
    made.add("shade", *around(light, count))
    lights = count
    if centre_light and rng.random() < 0.5:
        made.add("shade", *(move(s, [-tip[0], high + 2.4 * radius - tip[1], 0]) for s in light))
        lights += 1
    made.traits["lights"] = str(lights)


def _arm(knots: list[tuple[float, float]], rng: Rng, high: float, reach: float) -> Path:
    moved = np.array(knots, float)
    moved[:, 1] *= rng.uniform(0.5, 1.3)
    flat = spline(moved, 15) * reach
    return np.stack([flat[:, 0], high + flat[:, 1], np.zeros(len(flat))], 1)


def _light(rng: Rng, style: Style, made: Assembly, up: bool, size: float) -> Shade:
    """One of the lights, of few faces: there are many of them."""
    name = pick(rng, UP_LIGHTS if up else DOWN_LIGHTS)
    small = {"bulb": 0.35, "candle": 0.55, "cage": 0.6, "globe": 0.8}.get(name, 1.0)
    return shade(rng, name, size * small, style._replace(around=min(style.around, 12)), made.traits)
