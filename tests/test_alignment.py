"""The pose of raw shapes: found by comparing with generated ones, whichever way the file has it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from grammar_shapes import every_grammar
from jaxtyping import Float
from sample_shapes import random_mesh

from distill.datasets import DATASETS
from gen3d import alignment
from gen3d.alignment import Aligner, quarter_turns
from gen3d.errors import SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.importing import ImportSettings, import_shapes
from gen3d.inputs import find_inputs
from gen3d.mesh_io import write_shape
from gen3d.shape import Shape

TILT = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3  # 60 degrees about the diagonal


@cache
def aligner(category: str) -> Aligner:
    return Aligner(category, references=32)


def fresh(category: str, seed: int) -> Shape:
    """A generated shape, of a seed that no reference has."""
    return ProceduralGenerator().generate(category, seed, f"{category}-{seed}").normalised()


def upright(rotation: Float[np.ndarray, "3 3"]) -> bool:
    """Whether what was up, turned, is within 15 degrees of up."""
    return bool(rotation[1, 1] > np.cos(np.radians(15)))


def test_the_turns_are_the_rotations_of_a_cube() -> None:
    turns = quarter_turns()
    np.testing.assert_array_equal(turns[0], np.eye(3))
    np.testing.assert_array_equal(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (24, 3, 3)))
    assert (np.linalg.det(turns) > 0).all() and len(np.unique(turns.reshape(24, 9), axis=0)) == 24


def test_features_of_a_turned_cloud_are_reordered_features(rng: np.random.Generator) -> None:
    points, normals = rng.normal(size=(300, 3)) * (1, 2, 0.7), rng.normal(size=(300, 3))
    features = alignment._features(points, normals)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    for turn in quarter_turns():
        turned = alignment._features(points @ turn.T, normals @ turn.T)
        np.testing.assert_allclose(features[:, alignment._order(turn)], turned, atol=1e-6)


@pytest.mark.parametrize("category", ["chair", "mug"])
def test_all_turned_copies_end_in_one_pose(category: str) -> None:
    shape = fresh(category, 0)
    first = aligner(category)(shape, 0)
    for turn in quarter_turns()[2::7]:
        pose = aligner(category)(shape.transformed(turn), 0)
        np.testing.assert_allclose(pose.rotation @ turn, first.rotation, atol=1e-6)
        assert pose.sure == first.sure and pose.likeness == pytest.approx(first.likeness, abs=1e-4)


@every_grammar
def test_most_fresh_shapes_are_set_upright(name: str) -> None:
    turns = quarter_turns()
    found = [aligner(name)(fresh(name, i).transformed(turn), 0).rotation @ turn for i, turn in enumerate(turns[5:8])]
    assert sum(map(upright, found)) >= 2, [rotation.round(1).tolist() for rotation in found]


def test_tilted_chairs_and_clouds_are_set_upright() -> None:
    right = 0
    for seed in range(6):
        chair = fresh("chair", seed).transformed(TILT).sampled(2000, 0)
        cloud = Shape(chair.id, "chair", points=chair.points).normalised()
        pose = aligner("chair")(cloud, 0)
        np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(pose.rotation) > 0
        right += upright(pose.rotation @ TILT)
    assert right >= 5


def test_a_ball_is_unsure_and_never_a_stop(rng: np.random.Generator) -> None:
    points = rng.normal(size=(500, 3)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    assert not aligner("chair")(Shape("ball", "chair", points=points), 0).sure
    line = np.linspace([0, 0, 0], [1, 0, 0], 20).astype(np.float32)
    flat = np.concatenate([line, line + np.array([0, 0, 0.5], np.float32)])
    for name, cloud in (("line", line), ("sheet", flat)):
        rotation = aligner("chair")(Shape(name, "chair", points=cloud).normalised(), 0).rotation
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)


def test_import_aligns_what_has_no_pose(tmp_path: Path) -> None:
    turn = quarter_turns()[11]
    write_shape(fresh("chair", 3).transformed(turn), tmp_path / "in.obj")
    write_shape(random_mesh(2), tmp_path / "mess.off")
    listing = find_inputs([tmp_path], "chair")
    settings = ImportSettings(category="chair", align=True)
    chair, mess = import_shapes(settings, listing, tmp_path / "out").shapes()
    assert chair.meta["pose"]["by"] == "align" and 0.5 < chair.meta["pose"]["likeness"] <= 1
    np.testing.assert_allclose(np.array(chair.meta["pose"]["rotation"]) @ turn, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(chair.positions().min(0), fresh("chair", 3).positions().min(0), atol=1e-3)
    assert mess.meta["pose"]["by"] in ("align", "unsure")


@pytest.mark.parametrize("change", [{"front": "-x"}, {"up": "z"}, {"up": "auto", "front": "+z"}])
def test_align_and_a_given_axis_contradict(tmp_path: Path, change: dict[str, str]) -> None:
    write_shape(random_mesh(2), tmp_path / "m.off")
    settings = ImportSettings(category="chair", align=True, **change)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="align finds"):
        import_shapes(settings, find_inputs([tmp_path], "chair"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("category", ["airplane", "chair", "mug", "table"])
def test_real_raw_shapes_are_set_upright(shared_data: Path, tmp_path: Path, category: str) -> None:
    """psb's shapes of development: `to_canonical` of a canonical one is the identity, so it must be found again."""
    listing = find_inputs([shared_data / "psb"], category)
    settings = ImportSettings(category=category, align=True, raw_pose=True)
    found = list(import_shapes(settings, listing, tmp_path / "out").shapes())
    raw, canonical = (DATASETS["psb"](shared_data / "psb", category, pose=pose).shapes for pose in ("raw", "canonical"))
    right = 0
    for shape, before, after in zip(found, raw, canonical, strict=True):
        truth = _rotation_between(before, after)
        right += upright(np.array(shape.meta["pose"]["rotation"]) @ truth.T)
    assert right >= 0.9 * len(found)


def _rotation_between(before: Shape, after: Shape) -> Float[np.ndarray, "3 3"]:
    """Of two copies of one mesh, both normalised (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(after.mesh[0].T @ before.mesh[0])
    return u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
