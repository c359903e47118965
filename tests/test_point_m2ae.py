"""The Point-M2AE student against readable twins: grouping, tokens, masked attention, interpolation; and its rules."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sample_checkpoints import random_encoder
from torch import Tensor, nn

from distill.encoders import fit_norms
from distill.starting import fresh_student
from distill.steps import cast_forward
from distill.student import Student
from distill.students import point_m2ae
from distill.students.point_m2ae import Encoder, PointM2AE, Scales, local_mask, scales
from distill.students.point_ops import farthest_points, stack
from distill.trainer import DistillSettings

COUNTS, NEIGHBOURS, RADII = (512, 256, 64), (16, 8, 8), (0.32, 0.64, 1.28)


def ball(seed: int, size: int = 600) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(size, 3))
    return (points / np.linalg.norm(points, axis=1).max()).astype(np.float32)


def batch_of(network: PointM2AE, clouds: list[np.ndarray]) -> tuple[Tensor, Scales]:
    return torch.from_numpy(np.stack(clouds)), stack([network.prepare(cloud) for cloud in clouds])[:]


@pytest.fixture(scope="module")
def network() -> PointM2AE:
    torch.manual_seed(0)
    network = PointM2AE(4)
    network.h_encoder.load_state_dict(random_encoder().state_dict())
    return network


# --- sizes and names --------------------------------------------------------------------------------------------------


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_encoder_has_the_published_number_of_parameters() -> None:
    encoder = Encoder()
    split = Counter({name: count(child) for name, child in encoder.named_children()})
    assert split == {
        "token_embed": 810_976, "encoder_pos_embeds": 196_896, "encoder_blocks": 11_645_760, "encoder_norms": 1_344,
    }  # fmt: skip
    assert split.total() == count(encoder) == 12_654_976


@pytest.mark.parametrize(("parts", "expected"), [(2, 1_394_690), (4, 1_396_054), (6, 1_397_418)])
def test_the_head_has_the_published_number_of_parameters(parts: int, expected: int) -> None:
    assert count(PointM2AE(parts).head) == expected


def test_the_names_are_those_of_the_authors() -> None:
    """Spelled out from the layout of the public repository's H_Encoder (models/Point_M2AE.py, MIT)."""
    expected = set()
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    for scale in range(3):
        for conv in ("first_conv", "second_conv"):
            for layer, kinds in ((0, norm[:2]), (1, norm), (3, norm[:2])):
                expected |= {f"h_encoder.token_embed.{scale}.{conv}.{layer}.{kind}" for kind in kinds}
        expected |= {f"h_encoder.encoder_pos_embeds.{scale}.{layer}.{kind}" for layer in (0, 2) for kind in norm[:2]}
        expected |= {f"h_encoder.encoder_norms.{scale}.{kind}" for kind in norm[:2]}
        for block in range(5):
            start = f"h_encoder.encoder_blocks.{scale}.blocks.{block}"
            expected |= {f"{start}.{layer}.{kind}" for layer in ("norm1", "norm2") for kind in norm[:2]}
            expected |= {f"{start}.mlp.{layer}.{kind}" for layer in ("fc1", "fc2") for kind in norm[:2]}
            expected |= {f"{start}.attn.{name}" for name in ("qkv.weight", "proj.weight", "proj.bias")}
    found = PointM2AE(2).state_dict()
    assert {name for name in found if not name.startswith("head.")} == expected
    assert found["h_encoder.token_embed.0.first_conv.0.weight"].shape == (128, 3, 1)
    assert found["h_encoder.token_embed.2.second_conv.0.weight"].shape == (384, 384, 1)
    assert found["h_encoder.encoder_blocks.1.blocks.4.attn.qkv.weight"].shape == (576, 192)


# --- neighbourhoods ---------------------------------------------------------------------------------------------------


def squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a[:, None].astype(np.float64) - b[None]) ** 2).sum(-1)


def test_scales_are_farthest_points_each_from_the_one_before_and_their_nearest() -> None:
    points = ball(3, 700)
    near = scales(points)
    level = points
    for number, k, groups, back in zip(
        COUNTS, NEIGHBOURS, (near.groups_1, near.groups_2, near.groups_3), (near.back_1, near.back_2, near.back_3),
        strict=True,
    ):  # fmt: skip
        chosen = farthest_points(level, number)
        if level is points:
            assert np.array_equal(near.centres.numpy(), chosen)
        centres = level[chosen]
        assert np.array_equal(centres, points[near.centres.numpy()[:number]])  # the first of the scale before
        for index, source, queries, kept in ((groups, level, centres, k), (back, centres, points, 3)):
            assert index.shape == (len(queries), kept)
            found = np.take_along_axis(squares(queries, source), index.long().numpy(), 1)
            assert np.array_equal(np.sort(found, 1), np.sort(squares(queries, source), 1)[:, :kept])
        level = centres


# --- the network against twins ----------------------------------------------------------------------------------------


def naive_block(block: nn.Module, x: Tensor, near: np.ndarray) -> Tensor:
    """One transformer block on (T, C), token by token, head by head, over the tokens that are near."""
    width = x.shape[1]
    size = width // 6
    state = {name: value.double() for name, value in block.state_dict().items()}

    def norm(y: Tensor, name: str) -> Tensor:
        centred = y - y.mean(1, keepdim=True)
        spread = (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
        return centred / spread * state[f"{name}.weight"] + state[f"{name}.bias"]

    q, k, v = (norm(x, "norm1") @ state["attn.qkv.weight"].T).chunk(3, 1)
    mixed = torch.zeros_like(x)
    for t in range(len(x)):
        for head in range(6):
            part, seen = slice(head * size, (head + 1) * size), np.flatnonzero(near[t])
            weight = torch.stack([(q[t, part] * k[s, part]).sum() / math.sqrt(size) for s in seen]).softmax(0)
            mixed[t, part] = sum(w * v[s, part] for w, s in zip(weight, seen, strict=True))
    x = x + mixed @ state["attn.proj.weight"].T + state["attn.proj.bias"]
    hidden = norm(x, "norm2") @ state["mlp.fc1.weight"].T + state["mlp.fc1.bias"]
    hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    return x + hidden @ state["mlp.fc2.weight"].T + state["mlp.fc2.bias"]


def test_a_block_attends_within_the_radius_alone(network: PointM2AE) -> None:
    middle = ball(5, 24)
    apart = np.sqrt(squares(middle, middle))
    near = apart < 0.8
    assert 0.2 < near.mean() < 0.9
    block, x = network.h_encoder.encoder_blocks[2]["blocks"][1], torch.randn(24, 384)  # type: ignore[index]
    with torch.no_grad():
        found = block(x[None], local_mask(torch.from_numpy(middle)[None], 0.8))[0]
        expected = naive_block(block, x.double(), near)
    assert torch.allclose(found.double(), expected, atol=1e-4 * float(expected.abs().max()))


def test_the_mask_is_open_below_the_radius() -> None:
    centres = torch.tensor([[[0.0, 0, 0], [0.32, 0, 0], [0.31, 0, 0]]])
    assert local_mask(centres, 0.32)[0, 0].tolist() == [[0, -1e5, 0], [-1e5, 0, 0], [0, 0, 0]]


def naive_encoder(state: dict[str, Tensor], points: np.ndarray) -> list[Tensor]:
    """Features of one cloud's centres: the published layers one after the other, with none of them fused."""
    level, x, features = points, None, []
    for i, (number, k, radius) in enumerate(zip(COUNTS, NEIGHBOURS, RADII, strict=True)):
        centres = level[farthest_points(level, number)]
        index = np.argsort(squares(centres, level), 1, kind="stable")[:, :k]
        group = torch.from_numpy(level[index] - centres[:, None]) if x is None else x[torch.from_numpy(index)]
        x = naive_embed(state, i, group)
        place = torch.from_numpy(centres)
        one, two = (linear(state, f"encoder_pos_embeds.{i}.{layer}") for layer in (0, 2))
        position = two(nn.functional.gelu(one(place)))
        mask = torch.from_numpy(np.sqrt(squares(centres, centres)) >= radius) * -1e5
        for j in range(5):
            x = plain_block(state, f"encoder_blocks.{i}.blocks.{j}", x + position, mask.float())
        features.append(layer_norm(state, f"encoder_norms.{i}", x))
        level = centres
    return features


def linear(state: dict[str, Tensor], name: str) -> Callable[[Tensor], Tensor]:
    bias = state.get(f"{name}.bias")
    return lambda x: nn.functional.linear(x, state[f"{name}.weight"].flatten(1), bias)


def layer_norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return nn.functional.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])


def naive_embed(state: dict[str, Tensor], scale: int, x: Tensor) -> Tensor:
    """Convolution, BatchNorm by its statistics, ReLU, convolution; with the maximum in front, again; the maximum."""
    for conv in ("first_conv", "second_conv"):
        name = f"token_embed.{scale}.{conv}"
        x = linear(state, f"{name}.0")(x)
        mean, variance = state[f"{name}.1.running_mean"], state[f"{name}.1.running_var"]
        x = (x - mean) / (variance + 1e-5).sqrt() * state[f"{name}.1.weight"] + state[f"{name}.1.bias"]
        x = linear(state, f"{name}.3")(x.relu())
        if conv == "first_conv":
            x = torch.cat([x.max(1, keepdim=True)[0].expand_as(x), x], 2)
    return x.max(1)[0]


def plain_block(state: dict[str, Tensor], name: str, x: Tensor, mask: Tensor) -> Tensor:
    q, k, v = linear(state, f"{name}.attn.qkv")(layer_norm(state, f"{name}.norm1", x)).chunk(3, 1)
    size = x.shape[1] // 6
    heads = []
    for head in range(6):
        part = slice(head * size, (head + 1) * size)
        heads.append((q[:, part] @ k[:, part].T / math.sqrt(size) + mask).softmax(1) @ v[:, part])
    x = x + linear(state, f"{name}.attn.proj")(torch.cat(heads, 1))
    hidden = linear(state, f"{name}.mlp.fc1")(layer_norm(state, f"{name}.norm2", x))
    return x + linear(state, f"{name}.mlp.fc2")(nn.functional.gelu(hidden))


def test_the_encoder_equals_the_layers_one_after_the_other(network: PointM2AE) -> None:
    cloud = ball(1)
    with torch.no_grad():
        features, centres = network.h_encoder(*batch_of(network, [cloud]))
        expected = naive_encoder(network.h_encoder.state_dict(), cloud)
    for found, twin, number, width in zip(features, expected, COUNTS, (96, 192, 384), strict=True):
        assert found.shape == (1, number, width)
        assert torch.allclose(found[0], twin, atol=2e-4 * float(twin.abs().max())) and twin.std(0).mean() > 1e-3
    assert [len(c[0]) for c in centres] == list(COUNTS)


def test_features_are_laid_out_as_released(network: PointM2AE) -> None:
    cloud = ball(2)
    points, near = batch_of(network, [cloud])
    with torch.no_grad():
        levels, centres = network.h_encoder(points, near)
        found = network.features(points, near)[0]
    assert found.shape == (600, 681)
    for start, x, middle in zip((0, 99, 294), levels, centres, strict=True):
        assert torch.equal(found[:, start : start + 3], points[0])
        expected = []
        for point in cloud[::50]:
            apart = squares(point[None], middle[0].numpy())[0]
            nearest = np.argsort(apart)[:3]
            weight = 1 / (apart[nearest] + 1e-8)
            assert (weight > 0).all()
            expected.append((x[0, nearest].double() * torch.from_numpy(weight / weight.sum())[:, None]).sum(0))
        width = x.shape[2]
        part = found[::50, start + 3 : start + 3 + width].double()
        assert torch.allclose(part, torch.stack(expected), atol=1e-4)


# --- rules ------------------------------------------------------------------------------------------------------------


def test_shapes_of_a_batch_do_not_touch(network: PointM2AE) -> None:
    clouds = [ball(seed) for seed in range(3)]
    with torch.no_grad():
        together = network(*batch_of(network, clouds))
        turned = network(*batch_of(network, clouds[::-1]))
        alone = network(*batch_of(network, clouds[1:2]))
    assert together.shape == (3, 600, 4)
    assert torch.allclose(together.flip(0), turned, atol=1e-4) and torch.allclose(together[1:2], alone, atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-3


def step(network: PointM2AE, kind: torch.dtype) -> Tensor:
    """Logits in training, with gradients of some loss behind them."""
    network.train()
    logits = cast_forward(network, kind, *batch_of(network, [ball(0), ball(1)]))
    assert logits.dtype == kind
    logits.float().log_softmax(-1)[..., 0].mean().backward()
    return logits.detach().float()


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_frozen_encoder_stays_as_it_is_and_the_head_learns(kind: torch.dtype) -> None:
    network = PointM2AE(4)
    network.h_encoder.load_state_dict(random_encoder().state_dict())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2, weight_decay=0.5)
    first = step(network, kind)
    assert all(p.grad is None for p in network.h_encoder.parameters())
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.head.parameters())
    optimiser.step()
    assert not torch.allclose(step(network, kind), first, atol=1e-3)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("h_encoder."), name


def test_fine_tuning_moves_every_weight_but_no_statistic() -> None:
    network = PointM2AE(4, frozen=False)
    network.h_encoder.load_state_dict(random_encoder().state_dict())
    statistics = {name: value.clone() for name, value in network.named_buffers()}
    step(network, torch.float32)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name
    assert statistics and all(torch.equal(value, statistics[name]) for name, value in network.named_buffers())


def measured(embed: Any, x: Tensor) -> None:
    """The same by torch's own BatchNorm, in train mode with all the weight on this batch: (B, M, k, C)."""
    layers = [*embed.first_conv, *embed.second_conv]
    for layer in layers:
        if isinstance(layer, nn.BatchNorm1d):
            layer.train()
            layer.momentum = 1.0
    x = x.flatten(0, 1).transpose(1, 2)  # (B M, C, k)
    for layer in layers[:4]:
        x = layer(x)
    x = torch.cat([x.amax(2, keepdim=True).expand_as(x), x], 1)
    for layer in layers[4:]:
        x = layer(x)


def norms_of(embed: Any) -> list[Any]:
    return [embed.first_conv[1], embed.second_conv[1]]


@torch.no_grad()
def test_fitted_norms_hold_the_statistics_of_what_reaches_them() -> None:
    network = PointM2AE(4)
    points, near = batch_of(network, [ball(0), ball(1) * np.array([1, 0.2, 0.5], np.float32)])
    encoder, reached = network.h_encoder, []
    encoder.fit_norms(points, near)
    for embed in encoder.token_embed:
        embed.register_forward_pre_hook(lambda embed, given: reached.append(given[0]))
    encoder(points, near)
    for embed, x in zip(encoder.token_embed, reached, strict=True):
        twin = copy.deepcopy(embed)
        measured(twin, x)
        for i in (0, 1):
            ours, theirs = (norms_of(e)[i] for e in (embed, twin))
            torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=1e-3, atol=1e-3)
    assert not encoder.training and not any(module.training for module in encoder.modules())


def test_a_random_start_gets_norms_and_a_loaded_one_keeps_its_own(tmp_path: Path) -> None:
    settings = DistillSettings(category="chair", student="point-m2ae", finetune=True)
    fresh = fresh_student("chair", ["seat", "leg"], settings, {})
    torch.manual_seed(settings.seed)
    named, bare = fresh.state_dict(), Student("chair", ["seat", "leg"], "point-m2ae").state_dict()
    changed = {name for name in named if not torch.equal(named[name], bare[name])}
    assert changed == {name for name in named if "running" in name}  # and every weight is the seed's
    loaded = random_encoder()
    save_file({f"h_encoder.{k}": v for k, v in loaded.state_dict().items()}, tmp_path / "e.safetensors",
              {"kind": "point-m2ae encoder"})  # fmt: skip
    settings = settings.model_copy(update={"encoder": str(tmp_path / "e.safetensors")})
    kept = fresh_student("chair", ["seat", "leg"], settings, {}).state_dict()
    assert all(torch.equal(kept[f"network.h_encoder.{name}"], value) for name, value in loaded.state_dict().items())


@torch.no_grad()
def test_with_fitted_norms_tokens_differ_from_each_other() -> None:
    plain, fitted = PointM2AE(4), PointM2AE(4)
    fitted.load_state_dict(plain.state_dict())
    fit_norms(fitted)
    points, near = batch_of(plain, [ball(i) for i in range(3)])

    def directions(network: PointM2AE) -> float:
        """How many of them the tokens of the last scale spread over: exp of the entropy of their variances."""
        tokens = network.h_encoder(points, near)[0][-1].flatten(0, 1)
        share = torch.linalg.svdvals(tokens - tokens.mean(0)).square()
        share /= share.sum()
        return math.exp(-float((share * share.clamp_min(1e-12).log()).sum()))

    assert directions(plain) < 4 < 8 < directions(fitted)


def test_the_encoder_is_in_eval_mode_whatever_is_asked() -> None:
    network = PointM2AE(2).train()
    assert network.training and network.head.training
    assert not any(module.training for module in network.h_encoder.modules())
    cloud = batch_of(network, [ball(0)])
    with torch.no_grad():
        assert torch.equal(network(*cloud), network(*cloud)) and torch.equal(network(*cloud), network.eval()(*cloud))


def test_bfloat16_stays_close_to_float32(network: PointM2AE) -> None:
    cloud = batch_of(network, [ball(0)])
    with torch.no_grad():
        fine, coarse = (cast_forward(network, kind, *cloud).float() for kind in (torch.float32, torch.bfloat16))
    assert (fine - coarse).abs().max() < 0.1 * fine.abs().max() + 0.02


def test_a_saved_student_gives_equal_logits(tmp_path: Path) -> None:
    torch.manual_seed(1)
    student = Student("chair", ["seat", "leg"], "point-m2ae", {"frozen": False})
    student.save(tmp_path / "student")
    loaded = Student.load(tmp_path / "student")
    assert isinstance(loaded.network, PointM2AE) and not loaded.network.frozen
    assert np.array_equal(loaded.logits([ball(0)]), student.logits([ball(0)]))


def test_point_m2ae_keeps_small_indices() -> None:
    near = scales(ball(0))
    assert {getattr(near, name).dtype for name in near.__dataclass_fields__} == {torch.int16}
    assert point_m2ae.FEATURES == 681
