"""Turning to the house frame, and guessing which way is up."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from gen3d.generators.procedural import ProceduralGenerator
from gen3d.importing import ImportSettings, import_shapes
from gen3d.inputs import find_inputs
from gen3d.mesh_io import write_shape
from gen3d.shape import Shape
from gen3d.upright import guess_up, turn

AXES = {f"{sign}{axis}": np.eye(3)[i] * (1 if sign == "+" else -1) for i, axis in enumerate("xyz") for sign in "+-"}


@pytest.mark.parametrize(("up", "front"), [(u, f) for u, f in product("yz", AXES) if f[1] != u])
def test_turn_is_the_rotation_that_takes_up_to_y_and_front_to_z(up: str, front: str) -> None:
    matrix = turn(up, front)
    np.testing.assert_array_equal(matrix @ AXES[f"+{up}"], [0, 1, 0])
    np.testing.assert_array_equal(matrix @ AXES[front], [0, 0, 1])
    np.testing.assert_array_equal(matrix @ matrix.T, np.eye(3))
    assert np.linalg.det(matrix) == 1


def test_sure_guesses_on_generated_shapes_are_right() -> None:
    """Upright, and with Z up as modelling programs write them: nine of ten, and as good as all it is sure of."""
    generator, right, sure, wrong = ProceduralGenerator(), 0, 0, 0
    for name, index in product(("chair", "table", "mug", "airplane"), range(6)):
        upright = generator.generate(name, index, f"{name}-{index}").normalised()
        for up, shape in (("y", upright), ("z", upright.transformed(turn("z", "-y").T))):
            guess = guess_up(shape, seed=0)
            right += guess.up == up
            sure += guess.sure
            wrong += guess.sure and guess.up != up
    assert right >= 43 and sure >= 40 and wrong <= 1  # of 48


def box(size: tuple[float, float, float]) -> Shape:
    """A closed box."""
    corners = np.array(list(product((-1, 1), repeat=3)), np.float32) * np.array(size, np.float32)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int64)
    return Shape("box", "chair", corners, faces)


def test_a_shape_that_tells_nothing_is_unsure_and_stays_on_y() -> None:
    cube = box((1, 1, 1)).normalised()
    assert guess_up(cube, seed=0) == ("y", False)
    points = cube.sampled(500, seed=0).points
    assert points is not None
    assert guess_up(Shape("cloud", "chair", points=points), seed=0) == ("y", False)
    line = np.linspace([0, 0, 0], [1, 0, 0], 20).astype(np.float32)
    assert guess_up(Shape("line", "chair", points=line).normalised(), seed=0).up == "y"


def test_auto_takes_the_word_of_gltf_and_of_front_and_remembers_what_said_so(tmp_path: Path) -> None:
    chair = ProceduralGenerator().generate("chair", 0, "chair-0").normalised()
    lying = chair.transformed(turn("z", "-y").T)
    for name, shape in (("a.glb", lying), ("b.obj", lying), ("c.obj", chair), ("d.obj", box((1, 1, 1)))):
        write_shape(shape, tmp_path / name)
    listing = find_inputs([tmp_path], "chair")
    settings = ImportSettings(category="chair", up="auto")
    poses = {s.id: s.meta["pose"] for s in import_shapes(settings, listing, tmp_path / "auto").shapes()}
    assert poses == {
        "a": {"by": "format", "up": "y", "front": "+z"},
        "b": {"by": "shape", "up": "z", "front": "-y"},
        "c": {"by": "shape", "up": "y", "front": "+z"},
        "d": {"by": "unsure", "up": "y", "front": "+z"},
    }
    settings = ImportSettings(category="chair", up="auto", front="-y")  # so it can only be Z
    for shape in import_shapes(settings, listing, tmp_path / "front").shapes():
        assert shape.meta["pose"] == {"by": "option", "up": "z", "front": "-y"}
