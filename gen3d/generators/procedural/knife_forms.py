"""Kinds of knives: what blades, handles and guards they have. Lengths in handles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Form(NamedTuple):
    """One kind.

    Args:
        weight: how often.
        blades: profiles and how often each.
        length: range of the blade's length.
        height: range of the blade's height.
        sections: cross-sections of the blade and how often each.
        handles: contours of the handle and how often each.
        guards: guards and how often each.
        grip: ranges of the handle's height and half thickness.
        bend: range of the blade's bend in radians, upwards.
        align: where the blade sits: -1 its edge in line with the handle's bottom, 0 middles, 1 its back with the top.
    """

    weight: int
    blades: Mapping[str, int]
    length: tuple[float, float]
    height: tuple[float, float]
    sections: Mapping[str, int]
    handles: Mapping[str, int]
    guards: Mapping[str, int]
    grip: tuple[tuple[float, float], tuple[float, float]] = ((0.18, 0.26), (0.05, 0.085))
    bend: tuple[float, float] = (0.0, 0.0)
    align: float = 0.0


_KITCHEN = {"western": 4, "straight": 3, "waisted": 1, "belly": 2, "barrel": 1, "grooved": 1}
_FIELD = {"belly": 3, "grooved": 3, "waisted": 2, "barrel": 2, "hooked": 1, "western": 2, "wrapped": 2}
_OLD = {"barrel": 3, "waisted": 3, "straight": 2, "flared": 2, "wrapped": 3, "drop": 1}
_KITCHEN_GUARDS = {"none": 6, "bolster": 4}
_WEDGE = {"wedge": 6, "ground": 3, "flat": 1}
_TWO_EDGES = {"diamond": 5, "fuller": 2, "hexagon": 2, "flat": 1}
_FLAT_GRIP = ((0.12, 0.18), (0.035, 0.06))

FORMS = {
    "chef": Form(9, {"chef": 1}, (1.3, 1.9), (0.3, 0.48), _WEDGE, _KITCHEN, _KITCHEN_GUARDS, align=1),
    "santoku": Form(4, {"santoku": 1}, (1.2, 1.7), (0.32, 0.46), _WEDGE, _KITCHEN, _KITCHEN_GUARDS, align=1),
    "paring": Form(
        4,
        {"paring": 3, "spear": 1, "sheepsfoot": 1},
        (0.6, 1.0),
        (0.16, 0.25),
        _WEDGE,
        _KITCHEN,
        _KITCHEN_GUARDS,
        align=0.5,
    ),
    "bread": Form(
        4, {"slicer": 2, "round": 2, "drop": 1}, (1.4, 2.1), (0.2, 0.3), _WEDGE, _KITCHEN, _KITCHEN_GUARDS, align=0.8
    ),
    "cleaver": Form(5, {"cleaver": 1}, (1.1, 1.7), (0.5, 0.85), _WEDGE, _KITCHEN, {"none": 7, "bolster": 3}, align=1),
    "carving": Form(
        4,
        {"slicer": 1, "chef": 1, "fillet": 1, "boning": 1},
        (1.3, 2.2),
        (0.17, 0.27),
        _WEDGE,
        _KITCHEN,
        _KITCHEN_GUARDS,
        align=0.7,
    ),
    "steak": Form(
        4,
        {"drop": 1, "paring": 1, "trailing": 1},
        (0.9, 1.3),
        (0.14, 0.2),
        _WEDGE,
        _KITCHEN,
        _KITCHEN_GUARDS,
        ((0.13, 0.2), (0.04, 0.06)),
        align=0.5,
    ),
    "butter": Form(
        4,
        {"butter": 1},
        (0.7, 1.1),
        (0.18, 0.3),
        {"flat": 3, "wedge": 1},
        {"drop": 3, "flared": 2, "straight": 1},
        {"none": 5, "bolster": 1},
        ((0.11, 0.2), (0.025, 0.045)),
    ),
    "table": Form(
        5,
        {"table": 3, "butter": 1, "round": 1},
        (0.9, 1.4),
        (0.13, 0.2),
        {"flat": 2, "wedge": 2},
        {"drop": 3, "flared": 2, "straight": 1, "barrel": 1},
        {"none": 4, "bolster": 2},
        ((0.11, 0.17), (0.025, 0.05)),
    ),
    "hunting": Form(
        7,
        {"drop": 4, "clip": 2, "trailing": 2, "spear": 1},
        (0.85, 1.4),
        (0.2, 0.32),
        {"ground": 4, "wedge": 3, "hollow": 3},
        _FIELD,
        {"none": 3, "bolster": 2, "finger": 2, "bar": 3},
    ),
    "bowie": Form(
        6,
        {"clip": 1},
        (1.3, 2.0),
        (0.24, 0.36),
        {"ground": 4, "wedge": 3, "hollow": 2},
        _FIELD,
        {"bar": 5, "quillons": 2, "finger": 1},
    ),
    "combat": Form(
        5,
        {"clip": 2, "tanto": 3, "drop": 2, "spear": 1},
        (1.1, 1.6),
        (0.2, 0.3),
        {"ground": 4, "hollow": 2, "flat": 1, "fuller": 1},
        {"wrapped": 3, "straight": 2, "grooved": 3, "barrel": 1},
        {"bar": 5, "finger": 2, "disc": 1},
    ),
    "dagger": Form(
        9,
        {"dagger": 5, "leaf": 2, "spear": 1},
        (1.2, 2.2),
        (0.14, 0.26),
        _TWO_EDGES,
        _OLD,
        {"bar": 4, "quillons": 4, "disc": 2, "bolster": 1},
        ((0.13, 0.2), (0.05, 0.085)),
    ),
    "stiletto": Form(
        5,
        {"needle": 1},
        (1.4, 2.4),
        (0.07, 0.13),
        {"round": 2, "diamond": 3, "hexagon": 1},
        _OLD,
        {"bar": 3, "quillons": 2, "disc": 2, "bolster": 1},
        ((0.12, 0.18), (0.05, 0.08)),
    ),
    "bayonet": Form(
        3,
        {"spear": 1, "long": 1, "clip": 1},
        (1.5, 2.6),
        (0.13, 0.22),
        {"fuller": 3, "ground": 2},
        {"straight": 2, "grooved": 1, "hooked": 2},
        {"muzzle ring": 1},
        ((0.16, 0.22), (0.05, 0.08)),
    ),
    "folding": Form(
        8,
        {"drop": 4, "clip": 3, "spear": 2, "tanto": 2, "sheepsfoot": 1},
        (0.65, 0.95),
        (0.15, 0.26),
        {"ground": 3, "wedge": 3, "hollow": 2},
        {"straight": 2, "belly": 2, "waisted": 2, "hooked": 1, "drop": 1},
        {"none": 5, "bolster": 2},
        ((0.18, 0.26), (0.05, 0.08)),
    ),
    "pocket tool": Form(
        3,
        {"drop": 2, "spear": 2, "clip": 1},
        (0.65, 0.85),
        (0.12, 0.18),
        _WEDGE,
        {"straight": 4, "barrel": 1},
        {"none": 1},
        ((0.2, 0.3), (0.08, 0.13)),
    ),
    "butterfly": Form(
        3,
        {"clip": 2, "spear": 2, "tanto": 1, "dagger": 1},
        (0.75, 0.95),
        (0.11, 0.16),
        {"ground": 2, "hollow": 1, "diamond": 1},
        {"straight": 1},
        {"none": 1},
        ((0.08, 0.11), (0.05, 0.07)),
    ),
    "cutter": Form(
        5,
        {"snap": 4, "sheepsfoot": 1},
        (0.12, 0.6),
        (0.1, 0.15),
        {"flat": 1},
        {"straight": 3, "barrel": 1, "belly": 1},
        {"none": 1},
        ((0.16, 0.24), (0.06, 0.1)),
    ),
    "razor": Form(
        4,
        {"cleaver": 3, "round": 1},
        (0.75, 0.95),
        (0.16, 0.24),
        {"hollow": 2, "wedge": 1},
        {"straight": 1, "belly": 1, "barrel": 1},
        {"none": 1},
        ((0.1, 0.16), (0.035, 0.06)),
    ),
    "karambit": Form(
        3,
        {"claw": 1},
        (0.8, 1.2),
        (0.22, 0.32),
        {"ground": 2, "diamond": 1, "hollow": 1},
        {"grooved": 2, "straight": 1, "belly": 1},
        {"none": 3, "bar": 1, "bolster": 1},
        bend=(-1.7, -0.9),
    ),
    "kukri": Form(
        6,
        {"belly": 1},
        (1.5, 2.3),
        (0.36, 0.52),
        {"ground": 2, "wedge": 2},
        {"flared": 2, "barrel": 2, "hooked": 1},
        {"none": 2, "bolster": 2, "bar": 1},
        bend=(-0.85, -0.45),
    ),
    "machete": Form(
        3,
        {"machete": 3, "cleaver": 1, "sabre": 1},
        (2.2, 3.4),
        (0.28, 0.5),
        {"flat": 2, "ground": 2},
        {"hooked": 3, "western": 2, "grooved": 2},
        {"none": 5, "bow": 1},
        ((0.2, 0.28), (0.05, 0.08)),
    ),
    "sword": Form(
        6,
        {"long": 4, "leaf": 1, "dagger": 2},
        (2.6, 4.2),
        (0.16, 0.3),
        _TWO_EDGES,
        {"wrapped": 3, "barrel": 2, "straight": 2, "waisted": 1},
        {"bar": 4, "quillons": 4},
        ((0.13, 0.19), (0.05, 0.08)),
    ),
    "katana": Form(
        4,
        {"katana": 1},
        (1.8, 3.2),
        (0.12, 0.18),
        {"ground": 3, "wedge": 1},
        {"straight": 2, "wrapped": 3},
        {"disc": 6, "none": 1},
        ((0.12, 0.16), (0.05, 0.07)),
        (0.12, 0.4),
    ),
    "sabre": Form(
        4,
        {"sabre": 2, "scimitar": 3},
        (2.4, 4.0),
        (0.16, 0.36),
        {"ground": 2, "wedge": 2},
        {"hooked": 3, "straight": 2, "wrapped": 2},
        {"bow": 4, "bar": 3, "quillons": 2},
        ((0.14, 0.2), (0.05, 0.08)),
        (0.25, 0.85),
    ),
    "rapier": Form(
        2,
        {"needle": 1, "long": 1},
        (4.0, 5.5),
        (0.07, 0.13),
        {"diamond": 2, "round": 1},
        {"barrel": 1, "wrapped": 2},
        {"cup": 4, "bow": 1, "quillons": 1},
        ((0.12, 0.17), (0.05, 0.08)),
    ),
    "sai": Form(
        2,
        {"needle": 1},
        (1.8, 3.2),
        (0.08, 0.13),
        {"round": 3, "hexagon": 1, "diamond": 1},
        {"wrapped": 2, "barrel": 1, "straight": 1},
        {"prongs": 1},
        ((0.12, 0.16), (0.055, 0.08)),
    ),
    "kris": Form(
        2,
        {"dagger": 1, "long": 1},
        (1.6, 2.8),
        (0.16, 0.24),
        _TWO_EDGES,
        {"hooked": 2, "drop": 1, "barrel": 1},
        {"bar": 1, "bolster": 1, "quillons": 1},
    ),
    "throwing": Form(
        3,
        {"dagger": 2, "leaf": 2, "clip": 1, "spear": 1},
        (0.9, 1.5),
        (0.16, 0.3),
        {"flat": 1, "diamond": 2, "hexagon": 1},
        {"flared": 2, "straight": 2, "drop": 2},
        {"none": 1},
        _FLAT_GRIP,
    ),
    "double ended": Form(
        2,
        {"claw": 2, "dagger": 1},
        (0.8, 1.3),
        (0.12, 0.2),
        {"round": 2, "diamond": 2, "ground": 1},
        {"straight": 2, "barrel": 2, "wrapped": 1},
        {"bolster": 3, "disc": 2, "none": 1},
        ((0.14, 0.2), (0.06, 0.1)),
        (-1.1, 0.0),
    ),
    "spatula": Form(
        3,
        {"spatula": 1, "butter": 1},
        (0.9, 1.5),
        (0.16, 0.28),
        {"flat": 1},
        {"barrel": 2, "drop": 2, "straight": 1},
        {"none": 2, "bolster": 1},
        ((0.14, 0.2), (0.05, 0.08)),
    ),
}
