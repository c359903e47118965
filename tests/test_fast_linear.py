"""The layer against torch's own, whatever library serves it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gen3d.fast_linear import FastLinear, has_onednn


def twins(inner: int = 48, outer: int = 80) -> tuple[FastLinear, nn.Linear]:
    """Two layers with the same weights, at random."""
    torch.manual_seed(0)
    fast, plain = FastLinear(inner, outer), nn.Linear(inner, outer)
    plain.load_state_dict(fast.state_dict())
    return fast.requires_grad_(False), plain.requires_grad_(False)


@pytest.mark.parametrize("size", [(700, 48), (2, 350, 48), (2, 3, 50, 48), (3, 48), (48,), (0, 48)])
def test_it_is_torchs_layer(size: tuple[int, ...]) -> None:
    """Of many rows and few, in any number of dimensions."""
    fast, plain = twins()
    x = torch.randn(size)
    torch.testing.assert_close(fast(x), plain(x), rtol=0, atol=1e-5)
    exact = plain(x) * (1 + torch.erf(plain(x) / 2**0.5)) / 2
    torch.testing.assert_close(fast.gelu(x), exact, rtol=0, atol=1e-5)


def test_rows_that_do_not_lie_side_by_side() -> None:
    fast, plain = twins()
    x = torch.randn(48, 500).T
    torch.testing.assert_close(fast(x), plain(x), rtol=0, atol=1e-5)
    torch.testing.assert_close(fast(x[::2]), plain(x[::2]), rtol=0, atol=1e-5)


def test_it_learns() -> None:
    """Of its weights and of what comes in, also where it would be served without."""
    fast, plain = twins()
    for layer in (fast, plain):
        layer.requires_grad_(True)
    ours, theirs = (torch.linspace(-2, 2, 200 * 48).view(200, 48).requires_grad_() for _ in range(2))
    fast(fast.gelu(ours)[:, :48]).square().sum().backward()
    plain(nn.functional.gelu(plain(theirs))[:, :48]).square().sum().backward()
    for a, b in ((ours, theirs), (fast.weight, plain.weight), (fast.bias, plain.bias)):
        assert isinstance(a.grad, Tensor)
        torch.testing.assert_close(a.grad, b.grad)
    frozen = fast.requires_grad_(False)(torch.ones(200, 48, requires_grad=True))
    assert frozen.requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_types_go_torchs_way(dtype: torch.dtype) -> None:
    fast, plain = twins()
    fast.to(dtype)
    plain.to(dtype)
    x = torch.randn(300, 48).to(dtype)
    assert torch.equal(fast(x), plain(x)) and torch.equal(fast.gelu(x), nn.functional.gelu(plain(x)))


def test_names_are_torchs() -> None:
    fast, plain = twins()
    assert isinstance(fast, nn.Linear) and fast.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN, or the processor is no x86")
def test_onednn_serves_what_it_should() -> None:
    fast, _ = twins()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        fast(torch.randn(300, 48))
        fast.gelu(torch.randn(300, 48))
        fast(torch.randn(3, 48))
    calls = {row.key: row.count for row in seen.key_averages()}
    assert calls["mkldnn::_linear_pointwise"] == 2 and calls["aten::addmm"] == 1 and "aten::gelu" not in calls
