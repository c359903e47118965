"""Re-scored confidences against a loop over points, and the start rule against the released one, re-enacted."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from sample_knowledge import knowledge_of, random_knowledge

from distill.rescoring import Settled, rescore, why_never
from gen3d.knowledge import Knowledge


def naive(knowledge: Knowledge, labels: np.ndarray) -> list[float]:
    scores = []
    for mask, part in zip(knowledge.mask, knowledge.part, strict=True):
        covered = [v for v in range(len(labels)) if mask[v]]
        agreeing = [v for v in covered if labels[v] == part]
        scores.append(len(agreeing) / max(1, len(covered)))
    return scores


@pytest.mark.parametrize("pixel", [False, True])
def test_scores_are_the_share_of_agreeing_points(pixel: bool, rng: np.random.Generator) -> None:
    for units in (0, 1, 12):
        knowledge = random_knowledge(rng, pixel, units, 40, 3)
        labels = rng.integers(0, 3, 40)
        assert np.allclose(rescore(knowledge, labels), naive(knowledge, labels), atol=1e-7)


def test_perfect_and_contrary_students_and_empty_units(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 3, 50)
    mask = np.stack([*(labels == part for part in range(3)), np.zeros(50, bool)])
    knowledge = knowledge_of(rng.normal(size=(50, 3)), mask, np.array([0, 1, 2, 0]), np.full(4, 0.3))
    assert rescore(knowledge, labels).tolist() == [1, 1, 1, 0]
    assert rescore(knowledge, (labels + 1) % 3).tolist() == [0, 0, 0, 0]
    assert np.array_equal(knowledge.target(3, rescore(knowledge, labels)), np.eye(3, dtype=np.float32)[labels])


def released(losses: list[float], threshold: float) -> int | None:
    """The epoch after which the released code starts, from method.md, section 4, in its own steps."""
    window: deque[float] = deque(maxlen=5)
    previous = 0.0
    for epoch, loss in enumerate(losses, 1):
        window.append(round(loss, 4))
        mean = sum(window) / len(window)
        if abs(mean - previous) < threshold and epoch >= 5:
            return epoch
        previous = mean
    return None


def started(losses: list[float], threshold: float) -> list[int]:
    settled = Settled(threshold)
    return [epoch for epoch, loss in enumerate(losses, 1) if settled.update(loss)]


@pytest.mark.parametrize(
    ("losses", "epoch"),
    [
        ([1.0] * 12, 5),  # flat from the start: never before epoch 5
        ([1.0] * 4, None),
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 11),  # the mean still falls by 0.02 at epoch 10
        ([2.0**-i for i in range(12)], 11),  # 0.0121 at epoch 10, 0.0061 at 11
        ([float(-i) for i in range(30)], None),
        ([1.0, 0.0] * 8, None),  # the mean swings by 0.2
    ],
)
def test_the_start_rule_by_hand(losses: list[float], epoch: int | None) -> None:
    assert started(losses, 0.01) == ([] if epoch is None else [epoch])


def test_the_start_rule_is_the_released_one_and_fires_once(rng: np.random.Generator) -> None:
    epochs = set()
    for _ in range(300):
        steps = rng.normal(-0.05, 0.1, 20) * rng.uniform(0.5, 1) ** np.arange(20)
        losses, threshold = (2 + np.cumsum(steps)).tolist(), float(rng.choice([0.001, 0.01, 0.05]))
        epoch = released(losses, threshold)
        assert started(losses, threshold) == ([] if epoch is None else [epoch])
        epochs.add(epoch)
    assert len(epochs) > 8 and None in epochs


def test_losses_are_rounded_to_four_decimals() -> None:
    assert started([1.0, 1.0, 1.0, 1.0, 1.00004], 1e-9) == [5]
    assert started([1.0, 1.0, 1.0, 1.0, 1.00006], 1e-9) == []


@pytest.mark.parametrize(
    ("losses", "after", "said"),
    [
        ([1.0] * 4, 0.0, "did not settle in time (4 epochs)"),
        ([2.0 / (n + 1) for n in range(6)], 0.0, "did not settle in time (6 epochs)"),
        ([2.0, 1.5, 1.0, 0.7, 0.5] + [0.4] * 4, 0.0, "did not settle in time (9 epochs)"),  # settled by the last alone
        ([1.0] * 9, 1.0, "`after` = 1 leaves no epoch"),
        ([1.0] * 9, 0.5, "lacked one of the parts"),
    ],
)
def test_why_re_scoring_never_began_is_told(losses: list[float], after: float, said: str) -> None:
    assert said in why_never(losses, 0.07, after, len(losses))
