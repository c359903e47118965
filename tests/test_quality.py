"""Chamfer distances and what they say of two sets: against naive twins, hand-made cases, and in any order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run
from PIL import Image

from gen3d.chamfer import chamfer, chamfer_matrix, chamfer_within, nearest_before
from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.generation import GenerateSettings, generate
from gen3d.mesh_io import write_shape
from gen3d.quality import QualitySettings, SetMeasures, quality, set_measures
from gen3d.quality_report import as_json, rejected, summary
from gen3d.shape import Shape

Clouds = Sequence[np.ndarray]
FEW = QualitySettings(points=64)


def points_of(shape: Shape) -> np.ndarray:
    """64 points of a shape."""
    points = shape.sampled(64, 0).points
    assert points is not None
    return points


def clouds(rng: np.random.Generator, count: int, shift: float = 0.0) -> list[np.ndarray]:
    """Clouds of unlike proportions and sizes."""
    return [
        (rng.normal(size=(int(rng.integers(5, 40)), 3)) * rng.uniform(0.3, 1, 3) + shift).astype(np.float32)
        for _ in range(count)
    ]


def naive_chamfer(a: np.ndarray, b: np.ndarray) -> float:
    there = [min(float(((x - y) ** 2).sum()) for y in b.astype(float)) for x in a.astype(float)]
    back = [min(float(((x - y) ** 2).sum()) for x in a.astype(float)) for y in b.astype(float)]
    return sum(there) / len(there) + sum(back) / len(back)


def naive_measures(generated: Clouds, reference: Clouds) -> SetMeasures:
    """By the words of the definitions, without ties."""
    covered = {min(range(len(reference)), key=lambda j: naive_chamfer(x, reference[j])) for x in generated}
    mmd = [min(naive_chamfer(x, y) for x in generated) for y in reference]
    both = [(x, 0) for x in generated] + [(y, 1) for y in reference]
    right = 0
    for i, (x, own) in enumerate(both):
        _, of = min((naive_chamfer(x, y), of) for j, (y, of) in enumerate(both) if j != i)
        right += of == own
    return SetMeasures(len(covered) / len(reference), sum(mmd) / len(mmd), right / len(both))


def measures(generated: Clouds, reference: Clouds) -> SetMeasures:
    return set_measures(chamfer_within(generated), chamfer_matrix(generated, reference), chamfer_within(reference))


def test_chamfer_by_hand_and_against_the_naive_twin(rng: np.random.Generator) -> None:
    a, b = np.array([[0, 0, 0], [1, 0, 0]], np.float32), np.array([[0, 0, 2]], np.float32)
    assert chamfer(a, b) == pytest.approx((4 + 5) / 2 + 4) and chamfer(a, a) == 0
    first, second = clouds(rng, 4), clouds(rng, 5, 0.5)
    matrix = chamfer_matrix(first, second)
    twin = [[naive_chamfer(x, y) for y in second] for x in first]
    assert np.allclose(matrix, twin, rtol=1e-9) and np.allclose(chamfer_matrix(second, first), matrix.T, rtol=1e-12)
    assert chamfer(first[1], second[3]) == pytest.approx(matrix[1, 3], rel=1e-12)
    within = chamfer_within(first)
    assert (np.diag(within) == 0).all() and np.allclose(within, chamfer_matrix(first, first), rtol=1e-12)
    assert (chamfer_matrix(first, second, workers=2) == matrix).all()


def test_the_nearest_before_is_the_first_below_the_limit_and_pruning_loses_none(rng: np.random.Generator) -> None:
    base = rng.normal(size=(80, 3)).astype(np.float32)
    others = [(base + rng.normal(scale=s, size=base.shape)).astype(np.float32) for s in (2, 0.5, 0.1, 0.03, 0.1, 0)]
    distances = [naive_chamfer(base, other) for other in others]
    for limit in (1e-9, 1e-4, 1e-3, 0.01, 0.1, 1.0, 100.0):
        expected = next((i for i, distance in enumerate(distances) if distance < limit), None)
        assert nearest_before(base, others, limit) == expected
    assert nearest_before(base, [], 1.0) is None


@pytest.mark.parametrize("seed", range(4))
def test_the_set_measures_against_naive_twins_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    generated, reference = clouds(rng, 7), clouds(rng, 6, 0.1)
    found = measures(generated, reference)
    assert found == pytest.approx(naive_measures(generated, reference), rel=1e-9)
    mixed = [generated[i] for i in rng.permutation(7)], [reference[i] for i in rng.permutation(6)]
    assert measures(*mixed) == pytest.approx(found, rel=1e-12)


def test_identical_and_disjoint_sets(rng: np.random.Generator) -> None:
    some = clouds(rng, 6)
    assert measures(some, some) == (1, 0, 0)  # every shape's nearest is its own copy, in the other set
    far = measures(some, [cloud + 50 for cloud in clouds(rng, 6)])
    assert far.one_nna == 1 and far.mmd > 1000 and far.coverage < 1


def test_the_classifier_is_at_a_loss_before_halves_of_one_distribution(rng: np.random.Generator) -> None:
    all = [(rng.normal(size=(24, 3)) * rng.uniform(0.2, 1, 3)).astype(np.float32) for _ in range(160)]
    found = measures(all[:80], all[80:])
    assert 0.4 < found.one_nna < 0.6 and 0.3 < found.coverage < 0.9
    collapsed = measures([all[0] + rng.normal(scale=1e-3, size=(24, 3)).astype(np.float32) for _ in all[:80]], all[80:])
    assert collapsed.coverage < 0.05 and collapsed.one_nna > 0.9 and collapsed.mmd > found.mmd


def test_ties_count_all_alike_in_any_order() -> None:
    points = np.zeros((1, 3), np.float32)
    twins = [points, points + 1]
    for order in ([0, 1], [1, 0]):
        found = measures([points], [[points, points][i] for i in order])
        assert found.coverage == 1 and found.one_nna == pytest.approx((0 + 0.5 + 0.5) / 3)
        assert measures([twins[i] for i in order], [points]).mmd == 0


@pytest.fixture(scope="module")
def mugs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small collections; tests read them only."""
    root = tmp_path_factory.mktemp("mugs")
    generate(GenerateSettings(category="mug", n=5, shard=2, seed=1), root / "a")
    generate(GenerateSettings(category="mug", n=4, seed=2), root / "b")
    return root


def test_a_collection_beside_itself_and_beside_a_folder_of_its_meshes(mugs: Path, tmp_path: Path) -> None:
    a = Collection.open(mugs / "a")
    assert quality(a, mugs / "a", FEW).sets == (1, 0, 0)
    for shape in a.shapes():
        write_shape(shape, tmp_path / f"{shape.id}.glb")
    (tmp_path / "broken.obj").write_text("v 1 2\nf 1 2 3\n")
    found = quality(a, tmp_path, FEW)
    assert found.sets == pytest.approx((1, 0, 0), abs=1e-12)  # normalised twice, they differ in the last bits
    assert [id for id, _ in found.left_out] == ["broken"] and found.references == 5
    assert all(row.to_reference is not None and row.to_reference < 1e-12 for row in found.shapes)


def test_as_many_of_each_set_are_compared_whatever_the_threads(mugs: Path) -> None:
    a = Collection.open(mugs / "a")
    found = quality(a, mugs / "b", FEW)
    assert found.compared == 4 and found.references == 4 and found == quality(a, mugs / "b", FEW, workers=2)
    assert {row.id for row in found.shapes} == set(a.ids()) and sum(
        r.to_reference is not None for r in found.shapes
    ) == 4
    clouds = [points_of(shape) for shape in a.shapes()]
    twin = [points_of(shape) for shape in Collection.open(mugs / "b").shapes()]
    drawn = sorted(np.random.default_rng(0).permutation(5)[:4].tolist())
    assert found.sets == pytest.approx(naive_measures([clouds[i] for i in drawn], twin), rel=1e-9)
    alone = quality(a, None, FEW)
    assert alone.sets is None and alone.compared == 5 and all(row.to_nearest for row in alone.shapes)
    assert quality(a, None, QualitySettings(points=64, most=2)).compared == 2
    told = as_json(found)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    least, median, most = summary(found)["thickness"]
    assert 0 < least <= median <= most <= 1 and set(rejected(found)) <= {"watertight"}


def test_too_few_or_others_are_refused(mugs: Path, tmp_path: Path) -> None:
    generate(GenerateSettings(category="knife", n=1), tmp_path / "knife")
    a = Collection.open(mugs / "a")
    with pytest.raises(InputError, match="holds shapes of knife, not of mug"):
        quality(a, tmp_path / "knife", FEW)
    with pytest.raises(InputError, match="at least 2 are needed"):
        quality(Collection.open(tmp_path / "knife"), None, FEW)


def test_the_command_tells_and_draws(mugs: Path, run: Run, tmp_path: Path) -> None:
    words = ("quality", mugs / "a", "--reference", mugs / "b", "--points", 64, "--picture", tmp_path / "q.png")
    text, answer = run(*words), run(*words, "--json")
    assert text.code == answer.code == 0, text.err + answer.err
    found = json.loads(answer.out)
    assert f"COV {found['sets']['coverage']:.3f}" in text.out and f"1-NNA {found['sets']['one_nna']:.3f}" in text.out
    assert "P-FID and P-IS are left out" in text.err
    assert [len(row["flaws"]) for row in found["shapes"]] == sorted(len(r["flaws"]) for r in found["shapes"])[::-1]
    with Image.open(tmp_path / "q.png") as picture:
        assert picture.size[0] == 2 * 160 and np.asarray(picture).std() > 5
    end = run("quality", tmp_path / "nothing")
    assert end.code == 3 and "is not a collection" in end.error
