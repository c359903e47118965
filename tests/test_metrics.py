"""Metrics against a naive twin made of sets, their properties, and cases worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.metrics import (
    bootstrap_interval,
    category_miou,
    class_miou,
    instance_miou,
    part_ious,
    partnete_miou,
    partnete_part_ious,
    present_miou,
    shape_miou,
)
from gen3d.errors import InputError

PARTS = 4
ABSENT = 3  # a part that the hand cases leave out of the truth


def labels(*values: int) -> np.ndarray:
    return np.array(values, np.int16)


@st.composite
def labellings(draw: st.DrawFn, parts: int = PARTS, prediction_low: int = -1) -> tuple[np.ndarray, np.ndarray]:
    count = draw(st.integers(1, 30))
    column = st.lists(st.integers(-1, parts - 1), min_size=count, max_size=count)
    prediction = draw(st.lists(st.integers(prediction_low, parts - 1), min_size=count, max_size=count))
    return labels(*prediction), labels(*draw(column))


collections = st.lists(labellings(), min_size=1, max_size=6)


def naive_iou(prediction: Sequence[int], truth: Sequence[int], part: int, empty: float | None) -> float | None:
    """One part's IoU by sets of points; `empty` is its value where neither has the part."""
    claimed = {i for i, p in enumerate(prediction) if p == part}
    true = {i for i, t in enumerate(truth) if t == part}
    return len(claimed & true) / len(claimed | true) if claimed | true else empty


def labelled_only(prediction: np.ndarray, truth: np.ndarray) -> tuple[list[int], list[int]]:
    pairs = [(int(p), int(t)) for p, t in zip(prediction, truth, strict=True) if t != -1]
    return [p for p, _ in pairs], [t for _, t in pairs]


# --- against the twin ---------------------------------------------------------------------------------------------


@given(labellings())
def test_part_ious_equal_the_set_twin(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = labelled_only(*pair)
    expected = [naive_iou(prediction, truth, part, empty=1.0) for part in range(PARTS)]
    assert part_ious(*pair, PARTS).tolist() == expected
    assert shape_miou(*pair, PARTS) == pytest.approx(sum(x for x in expected if x is not None) / PARTS)


@given(labellings())
def test_present_miou_equals_the_set_twin(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = labelled_only(*pair)
    ious = [naive_iou(prediction, truth, part, empty=None) for part in range(PARTS)]
    kept = [x for x in ious if x is not None]
    expected = sum(kept) / len(kept) if kept else float("nan")
    assert present_miou(*pair, PARTS) == pytest.approx(expected, nan_ok=True)


@given(collections)
def test_partnete_equals_the_set_twin(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    expected = []
    for part in range(PARTS):
        ious = [naive_iou(p.tolist(), t.tolist(), part, empty=None) for p, t in pairs if part in t]
        found = [x for x in ious if x is not None]
        expected.append(sum(found) / len(found) if found else float("nan"))
    result = partnete_part_ious([p for p, _ in pairs], [t for _, t in pairs], PARTS)
    assert result.tolist() == pytest.approx(expected, nan_ok=True)


# --- properties ---------------------------------------------------------------------------------------------------


@given(labellings())
def test_the_truth_itself_scores_one(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth = pair[1]
    assert (part_ious(truth, truth, PARTS) == 1).all()
    assert present_miou(truth, truth, PARTS) == 1 or (truth == -1).all()
    scores = partnete_part_ious([truth], [truth], PARTS)
    assert (scores[np.isfinite(scores)] == 1).all()


@given(labellings(prediction_low=0))
def test_one_only_for_the_truth(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = pair
    same = bool((prediction == truth)[truth != -1].all())
    assert (shape_miou(prediction, truth, PARTS) == 1) == same


@given(labellings(), st.permutations(range(PARTS)))
def test_renaming_parts_permutes_and_reordering_points_changes_nothing(
    pair: tuple[np.ndarray, np.ndarray], names: list[int]
) -> None:
    prediction, truth = pair
    rename = np.array([*names, -1])  # index -1 stays -1
    before = part_ious(prediction, truth, PARTS)
    assert np.array_equal(part_ious(rename[prediction], rename[truth], PARTS)[names], before)
    order = np.argsort(np.sin(np.arange(len(truth)) * 7.3))
    assert np.array_equal(part_ious(prediction[order], truth[order], PARTS), before)


@given(labellings())
def test_unlabelled_points_do_not_matter_to_shapenetpart(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = pair
    changed = np.where(truth == -1, (prediction + 2) % PARTS, prediction)
    assert np.array_equal(part_ious(changed, truth, PARTS), part_ious(prediction, truth, PARTS))


@given(collections)
def test_the_order_of_shapes_does_not_matter(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    scores = np.array([shape_miou(p, t, PARTS) for p, t in pairs])
    assert category_miou(scores[::-1]) == pytest.approx(category_miou(scores))
    assert bootstrap_interval(scores[::-1], draws=50) == bootstrap_interval(scores, draws=50)
    forth = partnete_part_ious([p for p, _ in pairs], [t for _, t in pairs], PARTS)
    back = partnete_part_ious([p for p, _ in pairs[::-1]], [t for _, t in pairs[::-1]], PARTS)
    np.testing.assert_allclose(back, forth)


# --- by hand ------------------------------------------------------------------------------------------------------


def test_an_absent_part_that_is_predicted_scores_zero() -> None:
    ious = part_ious(labels(0, 1, 2, ABSENT), labels(0, 1, 2, 2), PARTS)
    assert ious.tolist() == [1, 1, 0.5, 0]


def test_an_absent_part_that_is_not_predicted_scores_one() -> None:
    ious = part_ious(labels(0, 1, 1, 1), labels(0, 1, 2, 2), PARTS)
    assert ious.tolist() == [1, 1 / 3, 0, 1]


def test_the_three_variants_differ_as_described() -> None:
    prediction, truth = labels(0, 0, 1, 1, 1), labels(0, 0, 1, 0, -1)
    assert part_ious(prediction, truth, 3).tolist() == [2 / 3, 1 / 2, 1]
    assert shape_miou(prediction, truth, 3) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert present_miou(prediction, truth, 3) == pytest.approx((2 / 3 + 1 / 2) / 2)
    partnete = partnete_part_ious([prediction], [truth], 3)
    assert partnete[:2].tolist() == [2 / 3, 1 / 3]  # part 1 claimed the unlabelled point
    assert np.isnan(partnete[2])


def test_only_scored_parts_enter_the_mean() -> None:
    prediction, truth = labels(0, 1, 3), labels(0, 2, 2)
    assert part_ious(prediction, truth, PARTS).tolist() == [1, 0, 0, 0]
    assert shape_miou(prediction, truth, PARTS, scored=[0, 2]) == 0.5
    assert present_miou(prediction, truth, PARTS, scored=(0,)) == 1


def test_predicting_no_part_at_all_scores_zero_where_there_are_parts() -> None:
    assert part_ious(labels(-1, -1), labels(0, 1), 2).tolist() == [0, 0]


def test_class_and_instance_means() -> None:
    scores = {"cap": np.array([1.0]), "table": np.array([0.0, 0.5, 0.1])}
    assert class_miou(scores) == pytest.approx((1.0 + 0.2) / 2)
    assert instance_miou(scores) == pytest.approx(1.6 / 4)


def test_partnete_total_is_over_categories_of_parts() -> None:
    scores = {"bottle": np.array([0.8]), "chair": np.array([0.1, np.nan, 0.3])}
    assert partnete_miou(scores) == pytest.approx((0.8 + 0.2) / 2)
    with pytest.raises(InputError, match="cart: no shape contains"):
        partnete_miou({"cart": np.array([np.nan])})


@pytest.mark.parametrize("wrong", [labels(0, 5), labels(-2, 0)])
def test_labels_out_of_range_are_refused(wrong: np.ndarray) -> None:
    right = labels(0, 1)
    with pytest.raises(InputError, match="prediction"):
        part_ious(wrong, right, PARTS)
    with pytest.raises(InputError, match="truth"):
        part_ious(right, wrong, PARTS)


@pytest.mark.parametrize("scored", [[], [4], [-1]])
def test_scored_parts_must_exist(scored: list[int]) -> None:
    with pytest.raises(InputError, match="scored"):
        shape_miou(labels(0), labels(0), PARTS, scored)


def test_nothing_to_average_is_refused() -> None:
    nothing = np.zeros(0)
    for call in (category_miou, bootstrap_interval):
        with pytest.raises(InputError, match="no shape"):
            call(nothing)
    with pytest.raises(InputError, match="no shape"):
        instance_miou({})
    with pytest.raises(InputError, match="no shape"):
        class_miou({"cap": nothing})


# --- interval -----------------------------------------------------------------------------------------------------


def test_the_interval_is_seeded_and_contains_the_mean(rng: np.random.Generator) -> None:
    scores = rng.random(40)
    low, high = bootstrap_interval(scores, seed=3)
    assert low < scores.mean() < high
    assert bootstrap_interval(scores, seed=3) == (low, high)
    assert bootstrap_interval(scores, seed=4) != (low, high)
    assert bootstrap_interval(scores, level=0.5, seed=3)[0] > low
    assert bootstrap_interval(np.full(7, 0.25)) == (0.25, 0.25)


def test_the_interval_agrees_with_the_normal_one_for_many_shapes(rng: np.random.Generator) -> None:
    scores = rng.random(400)
    low, high = bootstrap_interval(scores, draws=4000)
    half = 1.96 * scores.std() / 20  # the central limit theorem
    assert low == pytest.approx(scores.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(scores.mean() + half, abs=0.1 * half)


def test_the_interval_covers_the_true_mean_as_often_as_it_says(rng: np.random.Generator) -> None:
    covered = 0
    for seed in range(200):
        low, high = bootstrap_interval(rng.beta(8, 2, 30), level=0.9, draws=300, seed=seed)
        covered += low < 0.8 < high
    assert 160 < covered <= 195  # 180 expected, standard deviation 4; the percentile form is a little narrow
