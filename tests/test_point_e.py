"""Point-E's networks and sampler against readable twins and published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sample_point_e import TINY, tiny
from torch import Tensor, nn

from gen3d.generators.point_e.blocks import CrossAttention, SelfAttention, time_waves
from gen3d.generators.point_e.networks import MODELS, SignedDistance, TextDenoiser, Upsampler
from gen3d.generators.point_e.sampler import denoiser, draw, heun
from gen3d.generators.point_e.schedules import Stage, karras_sigmas, stages

# --- sizes and names --------------------------------------------------------------------------------------------------

PAIRS = ("weight", "bias")


@pytest.mark.parametrize(
    ("name", "expected"), [("base40M-textvec", 40_333_836), ("upsample", 40_470_540), ("sdf", 9_481_985)]
)
def test_the_networks_have_the_published_numbers_of_parameters(name: str, expected: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in MODELS[name].build(MODELS[name].size).parameters()) == expected


def denoiser_names(layers: int) -> set[str]:
    """Spelled out from the layout of the public repository's PointDiffusionTransformer (MIT)."""
    found = {f"{layer}.{kind}" for layer in ("ln_pre", "ln_post", "input_proj", "output_proj") for kind in PAIRS}
    found |= {f"time_embed.{layer}.{kind}" for layer in ("c_fc", "c_proj") for kind in PAIRS}
    return found | block_names("backbone", layers, ("ln_1", "ln_2", "attn.c_qkv", "attn.c_proj"))


def block_names(stack: str, layers: int, inner: tuple[str, ...]) -> set[str]:
    inside = (*inner, "mlp.c_fc", "mlp.c_proj")
    return {f"{stack}.resblocks.{i}.{layer}.{kind}" for i in range(layers) for layer in inside for kind in PAIRS}


def test_the_names_are_those_of_the_authors() -> None:
    with torch.device("meta"):
        found = {name: model.build(model.size).state_dict() for name, model in MODELS.items()}
    text = {f"clip_embed.{kind}" for kind in PAIRS}
    assert set(found["base40M-textvec"]) == denoiser_names(12) | text
    told = {f"{layer}.{kind}" for layer in ("clip_embed.0", "clip_embed.1", "cond_point_proj") for kind in PAIRS}
    assert set(found["upsample"]) == denoiser_names(12) | told | {"channel_scales", "channel_biases"}
    ends = ("encoder_input_proj", "decoder_input_proj", "ln_post", "output_proj")
    cross = ("ln_1", "ln_2", "ln_3", "attn.c_q", "attn.c_kv", "attn.c_proj")
    encoder = block_names("encoder", 8, ("ln_1", "ln_2", "attn.c_qkv", "attn.c_proj"))
    outer = {f"{layer}.{kind}" for layer in ends for kind in PAIRS}
    assert set(found["sdf"]) == outer | encoder | block_names("decoder", 4, cross)
    assert found["upsample"]["clip_embed.1.weight"].shape == (512, 1024)
    assert found["base40M-textvec"]["backbone.resblocks.11.attn.c_qkv.weight"].shape == (1536, 512)
    assert found["sdf"]["decoder.resblocks.3.attn.c_kv.weight"].shape == (512, 256)


# --- readable twins ---------------------------------------------------------------------------------------------------


def layer(x: Tensor, module: nn.Module) -> Tensor:
    return x @ module.weight.T + module.bias  # type: ignore[operator, union-attr]


def normed(x: Tensor, module: nn.Module) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    spread = centred.pow(2).mean(-1, keepdim=True)
    return centred / (spread + 1e-5).sqrt() * module.weight + module.bias  # type: ignore[operator]


def mlp(x: Tensor, module: nn.Module) -> Tensor:
    inner = layer(x, module.c_fc)  # type: ignore[arg-type]
    return layer(inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2))), module.c_proj)  # type: ignore[arg-type]


def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One head of one sample, its matrix spelled out."""
    weight = (q @ k.T / math.sqrt(q.shape[1])).exp()
    return weight / weight.sum(1, keepdim=True) @ v


def self_attention(x: Tensor, module: SelfAttention) -> Tensor:
    """Per sample and head; a head's rows of `c_qkv` are its queries, keys and values, one after the other."""
    wide = x.shape[-1] // module.heads
    rows = layer(x, module.c_qkv)
    heads = [[attended(*own.split(wide, 1)) for own in sample.split(3 * wide, 1)] for sample in rows]
    return layer(torch.stack([torch.cat(sample, 1) for sample in heads]), module.c_proj)


def cross_attention(x: Tensor, data: Tensor, module: CrossAttention) -> Tensor:
    wide = x.shape[-1] // module.heads
    pairs = zip(layer(x, module.c_q), layer(data, module.c_kv), strict=True)
    heads = [
        [attended(q, *own.split(wide, 1)) for q, own in zip(a.split(wide, 1), b.split(2 * wide, 1), strict=True)]
        for a, b in pairs
    ]
    return layer(torch.stack([torch.cat(sample, 1) for sample in heads]), module.c_proj)


def transformer(x: Tensor, blocks: nn.ModuleList) -> Tensor:
    for block in blocks:
        x = x + self_attention(normed(x, block.ln_1), block.attn)  # type: ignore[arg-type]
        x = x + mlp(normed(x, block.ln_2), block.mlp)  # type: ignore[arg-type]
    return x


def time_token(network: TextDenoiser | Upsampler, time: list[float]) -> Tensor:
    width = network.ln_pre.normalized_shape[0]
    periods = [10_000 ** (-i / (width // 2)) for i in range(width // 2)]
    rows = [[math.cos(t * p) for p in periods] + [math.sin(t * p) for p in periods] for t in time]
    return mlp(torch.tensor(rows), network.time_embed)[:, None]


def read(network: TextDenoiser | Upsampler, tokens: list[Tensor], x: Tensor) -> Tensor:
    h = torch.cat([*tokens, layer(x, network.input_proj)], 1)
    h = transformer(normed(h, network.ln_pre), network.backbone.resblocks)
    return layer(normed(h[:, -x.shape[1] :], network.ln_post), network.output_proj)


def test_the_text_model_is_its_explicit_twin(rng: np.random.Generator) -> None:
    network = tiny("base40M-textvec")
    assert isinstance(network, TextDenoiser)
    x, text = (torch.from_numpy(rng.normal(size=size).astype(np.float32)) for size in ((2, 33, 6), (2, 768)))
    text = nn.functional.normalize(text, dim=-1)
    tokens = [layer(text * 768**0.5, network.clip_embed)[:, None], time_token(network, [0, 731])]
    twin = read(network, tokens, x)
    assert twin.std() > 0.1
    torch.testing.assert_close(network(x, torch.tensor([0.0, 731.0]), text), twin, rtol=0, atol=1e-5)


def test_the_upsampler_is_its_explicit_twin(rng: np.random.Generator) -> None:
    network = tiny("upsample")
    assert isinstance(network, Upsampler)
    x = torch.from_numpy(rng.normal(size=(2, 21, 6)).astype(np.float32))
    known = torch.from_numpy(rng.uniform([-0.5] * 3 + [0] * 3, [0.5] * 3 + [255] * 3, (2, 9, 6)).astype(np.float32))
    inner = torch.cat([known[..., :3] * 2, known[..., 3:] / 127.5 - 1], -1)
    grid = layer(normed(torch.zeros(2, 256, 1024), network.clip_embed[0]), network.clip_embed[1])
    twin = read(network, [time_token(network, [5, 5]), grid, layer(inner, network.cond_point_proj)], x)
    assert twin.std() > 0.1
    torch.testing.assert_close(network(x, torch.tensor([5.0, 5.0]), known), twin, rtol=0, atol=1e-5)


def test_the_signed_distance_is_its_explicit_twin(rng: np.random.Generator) -> None:
    network = tiny("sdf")
    assert isinstance(network, SignedDistance)
    points, places = (torch.from_numpy(rng.uniform(-0.5, 0.5, (2, n, 3)).astype(np.float32)) for n in (40, 17))
    cloud = transformer(layer(points, network.encoder_input_proj), network.encoder.resblocks)
    x = layer(places, network.decoder_input_proj)
    for block in network.decoder.resblocks:
        x = x + cross_attention(normed(x, block.ln_1), normed(cloud, block.ln_2), block.attn)  # type: ignore[arg-type]
        x = x + mlp(normed(x, block.ln_3), block.mlp)  # type: ignore[arg-type]
    twin = layer(normed(x, network.ln_post), network.output_proj)[..., 0]
    assert twin.std() > 0.1
    torch.testing.assert_close(network(places, network.encode(points)), twin, rtol=0, atol=1e-5)


def test_the_order_of_points_changes_nothing_but_the_order_of_answers(rng: np.random.Generator) -> None:
    network = tiny("base40M-textvec")
    x, time, text = torch.from_numpy(rng.normal(size=(1, 50, 6)).astype(np.float32)), torch.ones(1), torch.zeros(1, 768)
    order = torch.from_numpy(rng.permutation(50))
    torch.testing.assert_close(network(x[:, order], time, text), network(x, time, text)[:, order], rtol=0, atol=1e-5)


def test_a_bfloat16_backbone_stays_near(rng: np.random.Generator) -> None:
    network = tiny("base40M-textvec")
    assert isinstance(network, TextDenoiser)
    inputs = (torch.from_numpy(rng.normal(size=(1, 50, 6)).astype(np.float32)), torch.ones(1), torch.zeros(1, 768))
    exact = network(*inputs)
    network.backbone.to(torch.bfloat16)
    found = network(*inputs)
    assert found.dtype == torch.float32 and 0 < (found - exact).abs().max() < 0.1 * exact.abs().max()


def test_time_waves_start_at_one_and_zero() -> None:
    assert time_waves(torch.zeros(1), 8).tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]]


# --- the sampler ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "first"), [(0, [120, 109.58, 99.95]), (1, [160, 145.99, 133.04])]
)  # generators.md, section 1, measured on the authors' code
def test_the_noise_levels_are_the_published_ones(stage: int, first: list[float]) -> None:
    sigmas = karras_sigmas(64, stages()[stage].highest)
    assert len(sigmas) == 65 and sigmas[-1] == 0 and sigmas[-2] == pytest.approx(1e-3, rel=1e-4)
    assert sigmas[:3].tolist() == pytest.approx(first, abs=0.006)
    assert (sigmas.diff() < 0).all()


def test_the_stages_have_the_published_constants() -> None:
    base, upsampler = stages()
    assert (base.points, base.highest, base.churn) == (1024, 120, 3)
    assert (upsampler.points, upsampler.highest, upsampler.churn) == (3072, 160, 0)
    t = np.arange(1, 1025) / 1024
    cosine = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(base.kept[:-1], cosine[:-1], rtol=1e-9)  # the last beta is capped at 0.999
    assert base.kept[-1] == pytest.approx(base.kept[-2] * 1e-3)
    assert 1 - upsampler.kept[0] == pytest.approx(1e-4 * 1000 / 1024)
    assert upsampler.kept[-1] / upsampler.kept[-2] == pytest.approx(1 - 0.02 * 1000 / 1024)


def test_the_step_is_the_noisiest_one_that_is_not_noisier() -> None:
    for stage in stages():
        levels = np.sqrt(1 / stage.kept - 1)
        assert stage.step(1e-3) == 0 and stage.step(float(levels[-1]) * 2) == 1023
        for sigma in np.geomspace(float(levels[0]) * 1.01, float(levels[-2]), 40):
            step = stage.step(float(sigma))
            assert levels[step] <= sigma * (1 + 1e-3) and sigma < levels[step + 1] * (1 + 1e-3)


def gaussian(kept: np.ndarray, variance: float, asked: list[int]) -> object:
    """The perfect network for points drawn from a normal distribution around 0."""

    def noise(x: Tensor, time: Tensor) -> Tensor:
        asked.append(len(x))
        share = float(kept[int(time[0])])
        return torch.cat([x * math.sqrt(1 - share) / (share * variance + 1 - share), x], -1)

    return noise


@pytest.mark.parametrize("stage", stages(), ids=["base", "upsampler"])
def test_a_perfect_network_leads_to_its_distribution(stage: Stage) -> None:
    """With churn (the base) and without; of 64 steps the last makes one evaluation, the others two."""
    asked: list[int] = []
    own = [torch.Generator().manual_seed(seed) for seed in range(2)]
    clean = denoiser(gaussian(stage.kept, 0.04, asked), stage)  # type: ignore[arg-type]
    found = heun(clean, draw(own, 4096, torch.device("cpu")), stage, 64, own)
    assert found.shape == (2, 4096, 6) and asked == [2] * 127
    assert found.std() == pytest.approx(0.2, rel=0.03) and abs(found.mean()) < 0.005


def test_few_steps_are_cheaper_and_coarser_but_near() -> None:
    """Without churn the way from a draw to its point is one curve: more steps follow it more closely."""
    stage, ends, costs = stages()[1], [], []
    for steps in (16, 64, 256):
        asked: list[int] = []
        own = [torch.Generator().manual_seed(0)]
        clean = denoiser(gaussian(stage.kept, 0.04, asked), stage)  # type: ignore[arg-type]
        ends.append(heun(clean, draw(own, 500, torch.device("cpu")), stage, steps, own))
        costs.append(len(asked))
    assert costs == [31, 127, 511]
    coarse, fine = ((end - ends[-1]).abs().mean() for end in ends[:2])
    assert 4 * fine < coarse < 0.04


def test_guidance_goes_from_untold_through_told_and_beyond() -> None:
    stage = stages()[0]

    def network(x: Tensor, time: Tensor) -> Tensor:
        told = torch.cat([x[: len(x) // 2] * 0.9, x[len(x) // 2 :] * 0.7])
        return torch.cat([told, told], -1)

    x = torch.full((1, 5, 6), 0.1)
    answers = [denoiser(network, stage, guidance)(x, 1.0) for guidance in (2.0, 3.0, 5.0)]
    torch.testing.assert_close(answers[1] * 2 - answers[0], denoiser(network, stage, 4.0)(x, 1.0))
    kept = float(stage.kept[stage.step(1.0)])
    scaled = 0.1 / math.sqrt(2)
    told, untold = ((scaled - math.sqrt(1 - kept) * scaled * by) / math.sqrt(kept) for by in (0.9, 0.7))
    assert answers[1][0, 0, 0] == pytest.approx(untold + 3 * (told - untold), rel=1e-5)


def test_clean_points_are_clipped() -> None:
    def network(x: Tensor, time: Tensor) -> Tensor:
        return torch.zeros(*x.shape[:2], 12)

    clean = denoiser(network, stages()[0])
    assert clean(torch.full((1, 3, 6), 500.0), 1.0).unique().tolist() == [1]


def test_the_tiny_networks_are_those_of_the_table() -> None:
    assert TINY.keys() == MODELS.keys()
