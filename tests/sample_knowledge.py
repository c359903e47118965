"""Toy shapes whose labels are known, exact views of them, and random knowledge, for lifting and distillation."""

from __future__ import annotations

import numpy as np

from gen3d.categories import CATEGORIES
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import box, cylinder, ellipsoid, move
from gen3d.knowledge import Knowledge
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers.predictions import PixelScores


def toy_chair(seed: int) -> Shape:
    """A chair of boxes and round legs that touch without overlapping: back, seat, leg and arm."""
    rng = np.random.default_rng(seed)
    wide, deep, high = rng.uniform(0.8, 1.2, 3)
    thick, chair = rng.uniform(0.1, 0.16), Assembly()
    chair.add("seat", box([wide, thick, deep]))
    chair.add("back", move(box([wide, high, thick]), [0, (high + thick) / 2 + 0.001, (thick - deep) / 2]))
    for x in (-1, 1):
        chair.add("arm", move(ellipsoid([0.12, 0.12, 0.3]), [x * (wide / 2 + 0.125), 0.3, 0.1]))
        for z in (-1, 1):
            foot = [x * (wide / 2 - 0.1), -0.8 - thick / 2 - 0.001, z * (deep / 2 - 0.1)]
            chair.add("leg", move(cylinder(0.08, 0.8), foot))
    return chair.shape(f"toy-{seed}", "chair")


def procedural(category: str, seed: int) -> Shape:
    """One shape of the grammar."""
    return ProceduralGenerator().generate(category, seed, f"{category}-{seed}")


def cloud(shape: Shape, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`count` sampled points and their labels."""
    sampled = shape.sampled(count, seed)
    assert sampled.points is not None and sampled.point_labels is not None
    return sampled.points, sampled.point_labels


def face_labels(shape: Shape) -> np.ndarray:
    """The part of every face."""
    assert shape.face_labels is not None
    return shape.face_labels


def painted(view: View, labels: np.ndarray, parts: int) -> PixelScores:
    """What a teacher that knows the label of every face would say."""
    shown = np.where(view.hit, labels[view.element], -1)
    return PixelScores(np.stack([shown == part for part in range(parts)]).astype(np.float16))


def knowledge_of(points: np.ndarray, mask: np.ndarray, part: np.ndarray, confidence: np.ndarray) -> Knowledge:
    """Knowledge from a mask: box kind for (K,) confidences, pixel kind for (K, N), which are then rounded."""
    pixel = confidence.ndim == 2
    mean = (confidence * mask).sum(1) / np.maximum(1, mask.sum(1)) if pixel else confidence
    return Knowledge(
        points=points.astype(np.float32),
        part=part.astype(np.int16),
        confidence=mean.astype(np.float32),
        packed=np.packbits(mask, axis=1),
        view=np.arange(len(part)).astype(np.int16),
        scores=confidence[mask].astype(np.float16) if pixel else None,
        meta={"parts": [f"part {i}" for i in range(int(part.max(initial=0)) + 1)]},
    )


def random_knowledge(rng: np.random.Generator, pixel: bool, units: int, points: int, parts: int) -> Knowledge:
    """Units over random points: overlapping, some empty, with points that nothing covers."""
    mask = rng.random((units, points)) < rng.random((units, 1)) * 0.5
    mask[:, rng.random(points) < 0.2] = False
    confidence = rng.uniform(0.01, 1, (units, points) if pixel else units)
    return knowledge_of(rng.normal(size=(points, 3)), mask, rng.integers(0, parts, units), confidence)


def exact_knowledge(shape: Shape, count: int, seed: int = 0) -> Knowledge:
    """One unit of confidence 1 per part of a labelled shape, covering all of its points."""
    points, labels = cloud(shape, count, seed)
    part = np.unique(labels)
    knowledge = knowledge_of(points, labels[None] == part[:, None], part, np.ones(len(part)))
    knowledge.meta.update(parts=list(CATEGORIES[shape.category].parts))
    return knowledge
