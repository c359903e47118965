"""Class weights by hand; what the folded loss does with uncovered points. (Its equality with the units: knowledge.)"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from distill.losses import CAP, class_weights, distillation_loss


def test_class_weights_by_hand() -> None:
    # 100 pairs, 4 parts: raw is 25 / n
    weights = class_weights(torch.tensor([80, 16, 4, 0]))
    assert weights.tolist() == pytest.approx([1, math.log(25 / 16, 4) + 1, math.log(25 / 4, 4) + 1, 4], abs=1e-6)
    # raw is 1 for equal parts, and from 64 on the weight stays at its cap
    assert class_weights(torch.tensor([7, 7, 7])).tolist() == pytest.approx([1, 1, 1])
    assert class_weights(torch.tensor([31, 1])).tolist() == pytest.approx([1, math.log(16, 4) + 1], abs=1e-6)
    assert class_weights(torch.tensor([10**9, 1])).tolist() == [1, CAP]


def test_class_weights_equal_the_formula(rng: np.random.Generator) -> None:
    for _ in range(100):
        pairs = rng.integers(1, 10 ** rng.integers(1, 7), rng.integers(1, 9))
        raw = pairs.sum() / (len(pairs) * pairs)
        expected = np.clip(np.log(raw) / np.log(4) + 1, 1, 4)
        assert np.allclose(class_weights(torch.from_numpy(pairs)), expected, atol=1e-5)


def test_no_detection_gives_the_cap_and_a_loss_of_zero() -> None:
    weights = class_weights(torch.zeros(3, dtype=torch.int64))
    logits = torch.randn(2, 5, 3, requires_grad=True)
    loss = distillation_loss(logits, torch.zeros(2, 5, 3), weights)
    loss.backward()
    assert weights.tolist() == [CAP] * 3 and loss.item() == 0
    assert logits.grad is not None and (logits.grad == 0).all()


def test_one_part_has_nothing_to_learn_and_no_nan() -> None:
    assert class_weights(torch.tensor([9])).tolist() == [1]
    assert class_weights(torch.tensor([0])).tolist() == [CAP]
    assert distillation_loss(torch.randn(2, 4, 1), torch.ones(2, 4, 1), torch.ones(1)).item() == 0


def test_uncovered_points_count_in_the_mean_and_have_no_gradient(rng: np.random.Generator) -> None:
    logits = torch.from_numpy(rng.normal(size=(1, 6, 3))).requires_grad_()
    target = torch.from_numpy(rng.random((1, 6, 3)))
    target[:, 4:] = 0
    weights = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    loss = distillation_loss(logits, target, weights)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[:, 4:] == 0).all() and (logits.grad[:, :4] != 0).all()
    covered = distillation_loss(logits[:, :4], target[:, :4], weights)
    assert loss.item() == pytest.approx(covered.item() * 4 / 6, abs=1e-12)


def test_the_loss_is_least_where_probabilities_follow_the_weighted_target() -> None:
    target, weights = torch.tensor([[[0.2, 0.6, 0.0]]]), torch.tensor([3.0, 1.0, 2.0])
    best = target * weights / (target * weights).sum()
    least = distillation_loss((best + 1e-9).log(), target, weights)
    for _ in range(50):
        assert distillation_loss(torch.randn(1, 1, 3), target, weights) > least


def test_huge_logits_stay_finite() -> None:
    logits = torch.tensor([[[1e30, -1e30], [1e4, 0.0]]], requires_grad=True)
    loss = distillation_loss(logits, torch.full((1, 2, 2), 0.5), torch.ones(2))
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None and torch.isfinite(logits.grad).all()
