"""One evaluation of Point-E's networks at their real size, random weights, against a twin with explicit attention.

    python benchmarks/generation.py                        # the base model with guidance: a batch of 2 x 1,024 points
    python benchmarks/generation.py --upsampler --rounds 1 # 4,353 tokens; the twin's matrix takes 0.6 GB

The twin has the same weights in torch's own layers and multiplies queries and keys into a matrix of every token with
every token, in float32, as the authors' code does. CPU seconds of one thread; rounds alternate, the fastest counts.
Goals for the base: 2x in float32 (answers differ by at most 1e-4), 4x in bfloat16. Float32 depends on the processor:
MKL, which the twin's products go through, uses half of the vector width of AMD's; MKL_ENABLE_INSTRUCTIONS=AVX2 has it
do the same on Intel's.
"""

from __future__ import annotations

import argparse
import copy
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from jaxtyping import Float
from timing import seconds
from torch import Tensor, nn

from gen3d.generators.point_e.blocks import Mlp, SelfAttention
from gen3d.generators.point_e.networks import MODELS, TEXT, Denoiser


class ExplicitAttention(nn.Module):
    """`SelfAttention` with its matrix spelled out; the softmax in float32."""

    def __init__(self, fused: SelfAttention) -> None:
        super().__init__()
        self.heads, self.c_qkv, self.c_proj = fused.heads, plain(fused.c_qkv), plain(fused.c_proj)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """(B, T, C) to the same."""
        batch, count, width = x.shape
        wide = width // self.heads
        q, k, v = self.c_qkv(x).view(batch, count, self.heads, 3 * wide).split(wide, dim=-1)
        matrix = torch.einsum("bqhc,bkhc->bhqk", q * wide**-0.25, k * wide**-0.25)
        mixed = torch.einsum("bhqk,bkhc->bqhc", matrix.softmax(-1), v)
        return self.c_proj(mixed.reshape(batch, count, width))


class ExplicitMlp(nn.Module):
    """`Mlp` in three steps."""

    def __init__(self, fused: Mlp) -> None:
        super().__init__()
        self.c_fc, self.c_proj = plain(fused.c_fc), plain(fused.c_proj)

    def forward(self, x: Float[Tensor, "*b C"]) -> Float[Tensor, "*b C"]:
        """(..., C) to the same."""
        return self.c_proj(nn.functional.gelu(self.c_fc(x)))


def plain(fast: nn.Linear) -> nn.Linear:
    """Torch's own layer with the same weights."""
    layer = nn.Linear(fast.in_features, fast.out_features, device="meta")
    layer.weight, layer.bias = fast.weight, fast.bias
    return layer


def networks(name: str) -> dict[str, nn.Module]:
    """The network in three forms that share their weights, but for bfloat16's copy."""
    torch.manual_seed(0)
    fused = MODELS[name].build(MODELS[name].size).eval().requires_grad_(False)
    assert isinstance(fused, Denoiser)
    explicit, half = copy.copy(fused), copy.deepcopy(fused)
    explicit._modules = {**fused._modules, "backbone": copy.deepcopy(fused.backbone)}
    for block in explicit.backbone.resblocks:
        block.attn, block.mlp = ExplicitAttention(block.attn), ExplicitMlp(block.mlp)  # type: ignore[arg-type]
    half.backbone.to(torch.bfloat16)
    return {"explicit float32": explicit, "fused float32": fused, "fused bfloat16": half}


def inputs(upsampler: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, a step and what the network is told: as in sampling one shape."""
    if upsampler:
        known = torch.cat([torch.rand(1, 1024, 3) - 0.5, 255 * torch.rand(1, 1024, 3)], -1)
        return torch.randn(1, 3072, 6), torch.full((1,), 500.0), known
    text = nn.functional.normalize(torch.randn(1, TEXT), dim=-1)
    return torch.randn(2, 1024, 6), torch.full((2,), 500.0), torch.cat([text, torch.zeros_like(text)])


@torch.inference_mode()
def main() -> None:
    """Print seconds, ratios and differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upsampler", action="store_true", help="measure the upsampler instead of the base model")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    forms, given = networks("upsample" if args.upsampler else "base40M-textvec"), inputs(args.upsampler)
    taken: dict[str, list[float]] = {name: [] for name in forms}
    answers: dict[str, Tensor] = {}
    for _ in range(args.rounds):
        for name, network in forms.items():
            spent, answers[name] = seconds(lambda network=network: network(*given))
            taken[name].append(spent)
    exact, first = answers["explicit float32"], min(taken["explicit float32"])
    for name, spent in taken.items():
        least, apart = min(spent), (answers[name] - exact).abs().max()
        print(f"{name:17} {least:7.2f} s  {first / least:5.2f}x  max difference {apart:.1e}")


if __name__ == "__main__":
    main()
