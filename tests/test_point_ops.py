"""Farthest points, nearest neighbours and interpolation, each against a readable twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill.students.point_ops import Neighbourhoods, farthest_points, gather, interpolate, neighbourhoods, stack

SIZES = (64, 8, 16, 5)
FIELDS = ("centres", "groups", "token_groups", "from_tokens", "from_centres")


def naive_farthest(points: np.ndarray, count: int) -> list[int]:
    chosen = [0]
    for _ in range(count - 1):
        offsets = points[:, None] - points[chosen][None]  # (N, chosen, 3)
        squares = offsets[..., 0] ** 2 + offsets[..., 1] ** 2 + offsets[..., 2] ** 2
        chosen.append(int(squares.min(1).argmax()))
    return chosen


@given(st.integers(0, 2**32 - 1), st.integers(1, 120), st.integers(1, 40), st.booleans())
def test_farthest_points_equal_the_twin(seed: int, size: int, count: int, grid: bool) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 4, (size, 3)) if grid else rng.normal(size=(size, 3))  # a grid has ties and duplicates
    points, count = points.astype(np.float32), min(count, size)
    chosen = farthest_points(points, count)
    assert chosen.tolist() == naive_farthest(points, count)
    assert farthest_points(points, (count + 1) // 2).tolist() == chosen[: (count + 1) // 2].tolist()


def test_farthest_points_cover_the_cloud(rng: np.random.Generator) -> None:
    points = rng.normal(size=(500, 3)).astype(np.float32)
    chosen = points[farthest_points(points, 60)]
    apart = np.linalg.norm(chosen[:, None] - chosen[None], axis=-1) + 10 * np.eye(60)
    reach = np.linalg.norm(points[:, None] - chosen[None], axis=-1).min(1)
    assert len(np.unique(chosen, axis=0)) == 60
    assert reach.max() <= apart.min() + 1e-6  # the packing radius bounds the covering radius


def brute_nearest(points: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Squared distances of the k nearest, (Q, k)."""
    squares = ((queries[:, None].astype(np.float64) - points[None]) ** 2).sum(-1)
    return np.sort(squares, 1)[:, :k]


def test_neighbourhoods_hold_the_nearest(rng: np.random.Generator) -> None:
    points = rng.normal(size=(300, 3)).astype(np.float32)
    near = neighbourhoods(points, SIZES)
    centres = points[near.centres.long().numpy()]
    tokens = centres[: SIZES[2]]
    assert np.array_equal(near.centres.numpy(), farthest_points(points, SIZES[0]))
    for index, source, queries, k in (
        (near.groups, points, centres, SIZES[1]),
        (near.token_groups, centres, tokens, SIZES[3]),
        (near.from_tokens, tokens, centres, 3),
        (near.from_centres, centres, points, 3),
    ):
        assert index.shape == (len(queries), k)
        found = source[index.long().numpy()].astype(np.float64) - queries[:, None]
        assert np.allclose((found**2).sum(-1), brute_nearest(source, queries, k), atol=1e-12)
        assert (np.diff(np.sort(index.numpy(), 1), axis=1) > 0).all()  # no neighbour twice
    assert torch.equal(near.groups[:, 0], near.centres)  # every centre is its own nearest point


def test_many_points_keep_their_indices(rng: np.random.Generator) -> None:
    points = rng.normal(size=(2**15 + 9, 3)).astype(np.float32)
    points[-1] = 100  # certain to be a centre
    near = neighbourhoods(points, SIZES)
    assert int(near.groups.max()) == len(points) - 1 and int(near.groups.min()) >= 0


def test_stack_and_index(rng: np.random.Generator) -> None:
    items = [neighbourhoods(rng.normal(size=(100, 3)).astype(np.float32), SIZES) for _ in range(4)]
    batch = stack(items)
    for name in FIELDS:
        rows = [getattr(item, name) for item in items]
        assert torch.equal(getattr(batch, name), torch.stack(rows))
        pick = torch.tensor([2, 0, 2])
        assert torch.equal(getattr(batch[pick], name), torch.stack([rows[i] for i in pick]).long())
        assert torch.equal(getattr(batch[1:3], name), torch.stack(rows[1:3]).long())
        assert getattr(batch[:], name).dtype == torch.int64
    assert isinstance(batch[pick], Neighbourhoods)


@pytest.mark.parametrize("shape", [(7,), (5, 4), (2, 3, 2)])
def test_gather_is_indexing(shape: tuple[int, ...]) -> None:
    x, index = torch.randn(3, 11, 5), torch.randint(11, (3, *shape))
    found = gather(x, index)
    assert found.shape == (3, *shape, 5)
    for b in range(3):
        assert torch.equal(found[b], x[b][index[b]])


def problem(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features of 9 sources, the sources, 20 points, and three different sources of every point."""
    generator = torch.Generator().manual_seed(seed)
    nearest = torch.stack([torch.randperm(9, generator=generator)[:3] for _ in range(40)]).view(2, 20, 3)
    features, sources = (torch.randn(2, 9, c, generator=generator) for c in (4, 3))
    return features, sources, torch.randn(2, 20, 3, generator=generator), nearest


def test_interpolation_equals_the_loop() -> None:
    for seed in range(5):
        features, sources, points, nearest = problem(seed)
        found = interpolate(features, sources, points, nearest)
        for b in range(2):
            for n in range(20):
                weight = [1 / (float(((sources[b, s] - points[b, n]) ** 2).sum()) + 1e-8) for s in nearest[b, n]]
                rows = [features[b, s].double() * w / sum(weight) for s, w in zip(nearest[b, n], weight, strict=True)]
                assert torch.allclose(found[b, n].double(), torch.stack(rows).sum(0), atol=1e-5)


def test_interpolation_weights_are_a_partition_of_unity_and_never_negative() -> None:
    """Features that are unit vectors make the weights visible."""
    for seed in range(20):
        _, sources, points, nearest = problem(seed)
        points[:, :9] = sources  # coincident: where expanded squared distances turn negative (method.md, 11, row 13)
        weights = interpolate(torch.eye(9).expand(2, 9, 9).contiguous(), sources * 1e-3, points * 1e-3, nearest)
        assert (weights >= 0).all() and torch.allclose(weights.sum(-1), torch.ones(2, 20), atol=1e-5)
        assert ((weights > 0).sum(-1) <= 3).all()


def test_interpolation_is_exact_at_the_sources() -> None:
    features, sources, points, nearest = problem(0)
    points[:, :9], nearest[:, :9, 1] = sources, torch.arange(9)
    nearest[:, :9, 0], nearest[:, :9, 2] = (torch.arange(9) + 1) % 9, (torch.arange(9) + 2) % 9
    assert torch.allclose(interpolate(features, sources, points, nearest)[:, :9], features, atol=1e-5)


def test_interpolation_passes_gradients_to_its_three_sources_only() -> None:
    features, sources, points, nearest = problem(1)
    features.requires_grad_()
    interpolate(features, sources, points, nearest)[0, 4].sum().backward()
    assert features.grad is not None
    touched = features.grad.abs().sum(-1) > 0
    assert not touched[1].any() and set(touched[0].nonzero().flatten().tolist()) == set(nearest[0, 4].tolist())
