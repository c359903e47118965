"""P-FID and P-IS from features: closed forms, naive twins, and shapes in any order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from gen3d.feature_measures import feature_measures, frechet_distance, inception_score


def exactly(mean: np.ndarray, deviation: np.ndarray, seed: int) -> np.ndarray:
    """Samples whose mean is `mean` and whose covariance is diagonal with `deviation` squared, both to rounding."""
    raw = np.random.default_rng(seed).normal(size=(50, len(mean)))
    whitened = np.linalg.qr(raw - raw.mean(0))[0] * np.sqrt(49)
    return whitened * deviation + mean


def naive_distance(a: np.ndarray, b: np.ndarray) -> float:
    """By the formula, with scipy's root of the product."""
    offset = np.eye(a.shape[1]) * 1e-6
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(s @ t)
    root = root if np.isfinite(root).all() else sqrtm((s + offset) @ (t + offset))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * np.trace(np.real(root)))


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(0, 10**6))
def test_the_distance_of_gaussians_has_a_closed_form(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    means, deviations = rng.normal(size=(2, width)) * 3, rng.uniform(0.01, 5, (2, width))
    a, b = (exactly(m, d, seed + i) for i, (m, d) in enumerate(zip(means, deviations, strict=True)))
    closed = ((means[0] - means[1]) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(closed, rel=1e-9)
    turn = np.linalg.qr(rng.normal(size=(width, width)))[0]
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize(("count", "close"), [(40, 1e-9), (300, 1e-9), (8, 1e-3)])  # 8 leave the product singular
def test_the_distance_against_the_formula_in_any_order(rng: np.random.Generator, count: int, close: float) -> None:
    a = rng.normal(size=(count, 16)) @ rng.normal(size=(16, 16))
    b = rng.normal(size=(count + 5, 16)) @ rng.normal(size=(16, 16)) + 1
    found = frechet_distance(a, b)
    assert found == pytest.approx(naive_distance(a, b), rel=close) and found == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a[rng.permutation(count)], b) == pytest.approx(found, rel=1e-12)
    assert frechet_distance(a, b + 7) - found == pytest.approx(
        ((a.mean(0) - b.mean(0) - 7) ** 2).sum() - ((a.mean(0) - b.mean(0)) ** 2).sum()
    )


@pytest.mark.parametrize("count", [2, 5, 100])
def test_equal_sets_are_at_no_distance_however_few(rng: np.random.Generator, count: int) -> None:
    a = rng.normal(size=(count, 64)) * 10
    assert 0 <= frechet_distance(a, a) < 1e-9 and frechet_distance(a, a[::-1]) < 1e-9
    assert frechet_distance(a, a + rng.normal(size=a.shape)) > 1


def logs_of(probabilities: np.ndarray) -> np.ndarray:
    return np.log(probabilities / probabilities.sum(1, keepdims=True))


def naive_score(logs: np.ndarray) -> float:
    total = 0.0
    p = np.exp(logs)
    mean = p.sum(0) / len(p)
    for row in p:
        total += sum(x * np.log(x / m) for x, m in zip(row, mean, strict=True) if x > 0)
    return float(np.exp(total / len(p)))


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(2, 40), st.integers(0, 10**6))
def test_the_score_lies_between_one_and_the_number_of_classes(count: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logs = logs_of(rng.uniform(1e-12, 1, (count, classes)) ** 8)
    found = inception_score(logs)
    assert 1 - 1e-12 <= found <= classes and found == pytest.approx(naive_score(logs), rel=1e-9)
    assert inception_score(logs[rng.permutation(count)]) == pytest.approx(found, rel=1e-12)


def test_the_score_at_its_bounds_and_in_splits() -> None:
    sure = np.full((40, 40), -800.0)  # exp of it is 0
    np.fill_diagonal(sure, 0)
    assert inception_score(sure) == pytest.approx(40) and inception_score(sure[:1]) == 1
    for alike in (np.repeat(sure[:1], 9, 0), np.log(np.full((7, 40), 1 / 40))):
        assert inception_score(alike) == pytest.approx(1)
    assert inception_score(sure, split=10) == pytest.approx(10)
    assert inception_score(sure[:15], split=10) == pytest.approx((10 + 5) / 2)


def test_without_a_reference_there_is_no_distance(rng: np.random.Generator) -> None:
    features, logs = rng.normal(size=(9, 4)), logs_of(rng.uniform(size=(9, 40)))

    def classify(clouds: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        chosen = [int(cloud[0, 0]) for cloud in clouds]
        return features[chosen], logs[chosen]

    clouds = [np.full((3, 3), i, np.float32) for i in range(9)]
    alone, beside = (feature_measures(classify, clouds[:5], other) for other in ([], clouds[5:]))
    assert alone.p_fid is None and alone.p_is == beside.p_is == inception_score(logs[:5])
    assert beside.p_fid == frechet_distance(features[:5], features[5:])
