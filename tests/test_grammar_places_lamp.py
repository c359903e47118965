"""Parts of lamps lie where their names say."""

from __future__ import annotations

import numpy as np
import pytest
from grammar_shapes import SEEDS, Part, parts, pieces, shapes

from gen3d.categories import category
from gen3d.generators.procedural.lamp import KINDS

Lamp = tuple[dict[str, str], dict[str, Part]]
TOUCH = 0.02  # how far the boxes of parts that meet may be apart


def mounted(where: str) -> list[Lamp]:
    """Traits and parts of the lamps that stand, hang from the ceiling, or are on a wall."""
    found = [row for row in parts("lamp") if row[0]["mount"] == where]
    assert len(found) >= 3
    return found


def apart(a: Part, b: Part) -> float:
    """Largest gap between two boxes along an axis; negative where they overlap."""
    return float(np.maximum(a.low - b.high, b.low - a.high).max())


def test_lamps_of_every_mount_are_drawn_and_all_four_parts_named() -> None:
    assert set().union(*(found for _, found in parts("lamp"))) == set(category("lamp").parts)
    assert {traits["kind"] for traits, _ in parts("lamp")} >= set(KINDS) - {"ceiling", "wall", "street"}
    assert len({traits["shade"] for traits, _ in parts("lamp")}) >= 12


def test_a_standing_lamp_rests_on_its_base_with_the_shade_above() -> None:
    for traits, found in mounted("standing"):
        base, shade = found["base"], found["shade"]
        assert base.low[1] <= min(part.low[1] for part in found.values()) + 1e-6, traits
        assert shade.centre[1] > base.centre[1] + 0.1 and shade.high[1] > base.high[1], traits
        assert "canopy" not in found


def test_a_ceiling_lamp_hangs_below_its_canopy() -> None:
    for traits, found in mounted("ceiling"):
        canopy = found["canopy"]
        assert canopy.high[1] >= max(part.high[1] for part in found.values()) - 1e-6, traits
        assert found["shade"].centre[1] < canopy.centre[1] - 0.02 and found["shade"].low[1] < canopy.low[1]
        assert "base" not in found


def test_a_wall_lamp_stands_out_from_its_plate_towards_z() -> None:
    for traits, found in mounted("wall"):
        canopy = found["canopy"]
        assert canopy.low[2] <= min(part.low[2] for part in found.values()) + 1e-6, traits
        assert found["shade"].centre[2] > canopy.centre[2] + 0.05 and "base" not in found


def test_the_pole_joins_what_holds_the_lamp_to_its_shade() -> None:
    for traits, found in parts("lamp"):
        holder = found.get("base") or found["canopy"]
        if "pole" in found:
            assert apart(found["pole"], found["shade"]) < TOUCH and apart(found["pole"], holder) < TOUCH, traits
        else:
            assert apart(found["shade"], holder) < TOUCH, traits


def test_poles_are_slim_and_shades_are_wider() -> None:
    for traits, found in parts("lamp"):
        if traits.get("pole") in ("plain", "cord", "rod", "turned", "neck", "tapered") and traits["lights"] == "1":
            pole, shade = found["pole"], found["shade"]
            assert np.ptp([pole.low[0], pole.high[0]]) < np.ptp([shade.low[0], shade.high[0]]) + 1e-6, traits


def test_round_feet_and_round_shades_are_round() -> None:
    count = 0
    for traits, found in parts("lamp"):
        upright = traits["kind"] in ("table", "pendant") and traits["lights"] == "1"
        round_parts = [found["base"]] if traits.get("base") in ("disc", "domed") else []
        round_parts += [found["shade"]] if upright and traits.get("section") == "round" else []
        for part in round_parts:
            wide, _, deep = part.high - part.low
            assert deep == pytest.approx(wide, rel=0.01), traits
            count += 1
    assert count >= len(SEEDS) // 4


def test_every_light_of_many_has_the_same_pieces() -> None:
    count = 0
    shade = category("lamp").parts.index("shade")
    for shape in shapes("lamp"):
        traits = shape.meta["traits"]
        lights = int(traits["lights"])
        if lights < 2 or "tiers" in traits or traits.get("body") == "torchiere":
            continue
        assert shape.face_labels is not None
        made = len(np.unique(pieces(shape)[shape.face_labels == shade]))
        assert made >= lights and made % lights == 0, traits
        count += 1
    assert count >= 4


def test_chandeliers_and_hoops_are_balanced_below_their_canopy() -> None:
    found = [row for row in parts("lamp") if row[0]["kind"] in ("chandelier", "hoop", "sputnik")]
    assert found
    for traits, row in found:
        off = (row["shade"].centre - row["canopy"].centre)[[0, 2]]
        assert np.abs(off).max() < (0.25 if traits["kind"] == "sputnik" else 0.02), traits
