"""Shapes of every grammar, and where their parts lie: what the tests of the grammars look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gen3d.categories import category
from gen3d.generators.procedural import GRAMMARS, ProceduralGenerator
from gen3d.shape import Shape, face_normals

SEEDS = range(60)
every_grammar = pytest.mark.parametrize("name", GRAMMARS)

# Parts that only some shapes have: whether the shape's traits promise one.
OPTIONAL: dict[tuple[str, str], Callable[[dict[str, str]], bool]] = {
    ("airplane", "engine"): lambda traits: traits["engine"] != "none",
    ("car", "hood"): lambda traits: traits["hood"] != "none",
    ("car", "roof"): lambda traits: traits["roof"] != "none",
    ("bag", "handle"): lambda traits: traits["handle"] != "none",
    ("chair", "arm"): lambda traits: "arm" in traits,
    ("earphone", "headband"): lambda traits: "band" in traits,
    ("earphone", "wire"): lambda traits: "wire" in traits,
    ("lamp", "base"): lambda traits: traits["mount"] == "standing",
    ("lamp", "canopy"): lambda traits: traits["mount"] != "standing",
    ("lamp", "pole"): lambda traits: "pole" in traits,
    ("motorbike", "light"): lambda traits: traits["light"] != "none",
    ("motorbike", "tank"): lambda traits: traits["tank"] != "none",
    ("mug", "handle"): lambda traits: traits["plan"] != "tumbler",
    ("rocket", "fin"): lambda traits: traits["fin"] != "none",
    ("table", "drawer"): lambda traits: traits["drawers"] != "none",
}


class Part(NamedTuple):
    """Where the faces of one part lie: area-weighted centre, corners of the bounding box, area."""

    centre: np.ndarray
    low: np.ndarray
    high: np.ndarray
    area: float


@cache
def shapes(name: str) -> list[Shape]:
    """One shape of the grammar per seed."""
    return [ProceduralGenerator().generate(name, seed, f"{name}-{seed}") for seed in SEEDS]


def parts_of(shape: Shape) -> dict[str, Part]:
    """The parts that occur."""
    vertices, faces = shape.mesh
    areas, middles = face_normals(vertices.astype(float), faces)[1], vertices[faces].mean(1)
    found = {}
    for label, part in enumerate(category(shape.category).parts):
        chosen = shape.face_labels == label
        if chosen.any():
            corners = vertices[np.unique(faces[chosen])]
            centre = np.average(middles[chosen], axis=0, weights=areas[chosen])
            found[part] = Part(centre, corners.min(0), corners.max(0), float(areas[chosen].sum()))
    return found


@cache
def parts(name: str) -> list[tuple[dict[str, str], dict[str, Part]]]:
    """(traits, parts) per seed."""
    return [(shape.meta["traits"], parts_of(shape)) for shape in shapes(name)]


def pieces(shape: Shape) -> np.ndarray:
    """(F,) number of the connected piece of every face."""
    vertices, faces = shape.mesh
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_array((np.ones(len(edges)), tuple(edges.T)), (len(vertices), len(vertices)))
    return np.unique(connected_components(graph, directed=False)[1][faces[:, 0]], return_inverse=True)[1]
