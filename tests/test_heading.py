"""Shapes whose front is known are turned, and turned back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gen3d import heading
from gen3d.alignment import Aligner
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.heading import faced, heading_of
from gen3d.shape import Shape, yaw


@pytest.fixture(scope="module")
def chairs() -> Aligner:
    """Compares with few: making them takes its time where every array is checked."""
    return Aligner("chair", references=24)


def generated(category: str, seed: int) -> Shape:
    return ProceduralGenerator().generate(category, seed, f"{category}-{seed}").normalised()


@pytest.mark.parametrize("category", ["chair", "airplane"])
def test_the_front_is_found_again(category: str, chairs: Aligner) -> None:
    aligner = chairs if category == "chair" else Aligner(category, references=24)
    for seed in range(8):
        degrees = 90 * (seed % 4)
        found = heading_of(generated(category, seed).transformed(yaw(degrees).round()), 0, aligner)
        assert found is not None and (found + degrees) % 360 == 0


def test_a_shape_is_turned_back_with_its_degrees_beside_it(chairs: Aligner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heading, "aligner_of", lambda category: chairs)
    chair = replace(generated("chair", 3), meta={"seed": 3})
    back = faced(chair.transformed(yaw(90).round()), 0)
    assert back.meta == {"seed": 3, "heading": 270} and chair.meta == {"seed": 3}
    np.testing.assert_array_equal(back.mesh[0], chair.mesh[0])
    assert faced(chair, 0).meta["heading"] == 0


def test_a_shape_that_looks_the_same_from_all_sides_stays(chairs: Aligner) -> None:
    angles = np.arange(0, 360, 1.0)
    ring = np.stack([np.cos(np.radians(angles)), 0 * angles, np.sin(np.radians(angles))], 1).astype(np.float32)
    points = np.concatenate([ring * r + [0, h, 0] for r in (0.5, 0.7) for h in (-0.5, 0, 0.5)]).astype(np.float32)
    assert heading_of(Shape("round", "chair", points=points), 0, chairs) == 0


def test_without_a_grammar_nothing_is_turned() -> None:
    pot = replace(generated("mug", 0), category="teapot")
    assert heading_of(pot, 0) is None and faced(pot, 0) is pot


def test_likeness_of_a_turned_shape_moves_on_by_a_quarter(chairs: Aligner) -> None:
    chair = generated("chair", 5)
    alike = chairs.about_up(chair, 0)
    quarter = chairs.about_up(chair, 0, within=90)
    np.testing.assert_allclose(quarter, np.roll(alike, -1), atol=0.02)
    assert alike.argmax() == 0
