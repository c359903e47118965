"""OpenScene: fusion by a naive twin, what the network learns, the ensemble, and what a user may ask for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from baseline_teachers import Blind, Feeling
from tiny_teacher import Oracle

from distill.baselines import make_baseline
from distill.baselines.baseline import Baseline, Observed, observe
from distill.baselines.openscene import (
    Fused,
    OpenSceneOptions,
    cosines,
    ensemble,
    features_of,
    fuse,
    loss,
    taught,
)
from gen3d.asking import LabelSettings
from gen3d.categories import category
from gen3d.errors import SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.shape import Shape
from gen3d.teachers.dense import upsampled
from gen3d.teachers.predictions import Teacher

CHAIR = category("chair")
LABEL = LabelSettings(views=3, size=64, points=512, seed=3)
OPENSCENE = make_baseline("openscene")


def chairs(count: int = 2) -> list[Shape]:
    made = (ProceduralGenerator().generate("chair", seed, f"chair-{seed}") for seed in range(count))
    return [shape.sampled(512, 3) for shape in made]


def observed(shapes: list[Shape], teacher: Teacher, baseline: Baseline = OPENSCENE) -> list[Observed]:
    return list(observe(shapes, baseline, teacher, LABEL, CHAIR.parts))


class Both:
    """Knows every shape, by its number of faces."""

    name, kind = "both", "pixel"

    def __init__(self, shapes: list[Shape]) -> None:
        self._oracles = [Oracle(shape) for shape in shapes]
        self.next = 0

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list, category: str, prompts: tuple[str, ...]) -> list:
        self.next += 1
        return self._oracles[self.next - 1].predict(views, category, prompts)


# --- step 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("teacher", ["features", "scores"])
def test_fused_features_are_means_over_the_views_that_show_a_point(teacher: str) -> None:
    (shape,) = chairs(1)
    (one,) = observed([shape], Feeling() if teacher == "features" else Oracle(shape))
    found = fuse(one)
    if one.features is None:
        maps = [prediction.scores.astype(np.float32) for prediction in one.pixel_scores()]
        assert np.array_equal(found.texts, np.eye(4))
    else:
        maps = [upsampled(torch.from_numpy(m)[None], 64)[0].numpy() for m in one.features.maps]
        assert np.array_equal(found.texts, one.features.texts)
    for point in range(512):
        pairs = zip(maps, one.visible, strict=True)
        rows = [m.reshape(len(m), -1)[:, pixel[point]] for m, (seen, pixel) in pairs if seen[point]]
        expected = np.mean(rows, 0) if rows else np.zeros(len(maps[0]))
        assert np.allclose(found.feature[point], expected, atol=2e-3)
    assert 0.4 < found.known.mean() < 1 and found.feature.dtype == np.float16 and found.seed == 3


def test_the_fused_answer_is_the_teachers_and_none_where_nothing_is_seen() -> None:
    """And the same in any order of the shapes."""
    shapes, alone = chairs(), make_baseline("openscene", {"answer": "fused"})
    found = list(alone.labels(observed(shapes, Both(shapes), alone)))
    back = list(alone.labels(observed(shapes[::-1], Both(shapes[::-1]), alone)))
    for shape, labels, again in zip(shapes, found, back[::-1], strict=True):
        assert shape.point_labels is not None and np.array_equal(labels, again)
        assert (labels == shape.point_labels)[labels >= 0].mean() > 0.97 and 0 < (labels < 0).mean() < 0.6


# --- steps 2 and 3 ------------------------------------------------------------------------------------------------


def test_the_loss_is_one_minus_the_cosine_where_there_is_a_feature(rng: np.random.Generator) -> None:
    found, target = (torch.from_numpy(rng.normal(size=(2, 5, 3)).astype(np.float32)) for _ in range(2))
    target[0, 1] = target[1, 3] = 0
    rows = [(a, b) for a, b in zip(found.flatten(0, 1), target.flatten(0, 1), strict=True) if b.any()]
    expected = [1 - float(a @ b) / float(a.norm() * b.norm()) for a, b in rows]
    assert len(rows) == 8 and float(loss(found, target)) == pytest.approx(np.mean(expected), abs=1e-6)
    assert float(loss(target * 7, target)) == pytest.approx(0, abs=1e-6)


def weights(network: torch.nn.Module) -> np.ndarray:
    """All of them."""
    return torch.cat([value.flatten() for value in network.state_dict().values()]).numpy()


def test_the_network_depends_on_the_seed_and_on_what_was_seen_alone() -> None:
    shapes = chairs()
    one, two = (fuse(o) for o in observed(shapes, Both(shapes)))
    few, blind = OpenSceneOptions(epochs=1), two._replace(feature=0 * two.feature)
    alone, beside, other = (weights(taught(some, few)) for some in ([one], [one, blind], [one._replace(seed=4)]))
    assert np.array_equal(alone, beside) and not np.array_equal(alone, other)


@pytest.mark.slow
def test_the_network_learns_the_features_and_fills_what_no_view_shows() -> None:
    shapes = chairs()
    fused = [fuse(one) for one in observed(shapes, Both(shapes))]
    found = features_of(taught(fused, OpenSceneOptions(epochs=10)), fused[0].points)
    right = cosines(found, fused[0].texts).argmax(1) == shapes[0].point_labels
    assert right.mean() > 0.8 and right[~fused[0].known].mean() > 0.6
    assert (np.linalg.norm(found, axis=1) <= 1 + 1e-5).all()


def test_the_ensemble_takes_the_surer_feature_of_every_point() -> None:
    fused = np.array([[0.9, 0.1], [0.5, 0.5], [0, 0], [0, 3]], np.float16)
    distilled = np.array([[0.2, 0.2], [0.1, 0.7], [0.4, 0.6], [0, 1]], np.float32)
    one = Fused(np.zeros((4, 3), np.float32), fused, np.eye(2, dtype=np.float32), 0)
    assert np.allclose(ensemble(one, distilled), [fused[0], distilled[1], distilled[2], distilled[3]])
    assert cosines(fused, one.texts)[2].tolist() == [0, 0]


def test_every_point_gets_a_part_from_the_network() -> None:
    shapes, baseline = chairs(1), make_baseline("openscene", {"epochs": "1"})
    (found,) = baseline.labels(observed(shapes, Both(shapes), baseline))
    assert found.shape == (512,) and found.min() >= 0


@pytest.mark.parametrize("answer", ["ensemble", "distilled", "fused"])
def test_a_teacher_that_sees_nothing_gives_no_part(answer: str) -> None:
    found = list(make_baseline("openscene", {"answer": answer}).labels(observed(chairs(1), Blind())))
    assert (found[0] == -1).all()


@pytest.mark.parametrize(("option", "value"), [("answer", "both"), ("epochs", "0"), ("lr", "-1")])
def test_wrong_options_are_named(option: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{option} = '{value}'"):
        make_baseline("openscene", {option: value})
