"""Shap-E in batches against one shape at a time, and against diffusers' own pipeline called once per prompt.

    python benchmarks/shap_e.py             # a small network on one thread of the processor
    python benchmarks/shap_e.py --gpu       # the published size, random weights, on a GPU: shapes per second

Weights are at random, which costs the same; the field is a ball, so that its surface is of a usual size. diffusers'
tables of marching cubes come with the published weights alone: here they hold a triangle for every cube that the
surface crosses. Goal on a GPU: 5x diffusers' own pipeline. Rounds alternate, the fastest counts.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from diffusers.models.transformers.prior_transformer import PriorTransformer
from diffusers.pipelines.shap_e.pipeline_shap_e import ShapEPipeline
from diffusers.pipelines.shap_e.renderer import ShapERenderer
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

from gen3d.batches import Batch
from gen3d.generators.shap_e.latents import Sampling, sample_latents
from gen3d.generators.shap_e.meshes import LatentField, colored_mesh
from gen3d.generators.shap_e.weights import Networks

PEAK = 788e12  # operations a second in bfloat16 of an H200, measured: performance.md, section 2
_BALL = 6.4  # the sum of three cosines and 4 above which a place is inside


class Size(NamedTuple):
    """Of the networks, and what is asked of them."""

    heads: int
    layers: int
    tokens: int
    channels: int
    hidden: int
    steps: int
    resolution: int


REAL = Size(16, 24, 1024, 1024, 256, 64, 128)
SMALL = Size(4, 2, 128, 128, 32, 8, 32)


def pipeline(size: Size) -> ShapEPipeline:
    """diffusers' own, of that size; the text encoder is CLIP ViT-L/14's, with few words."""
    torch.manual_seed(0)
    width = 64 * size.heads
    prior = PriorTransformer(
        num_attention_heads=size.heads, attention_head_dim=64, num_layers=size.layers, embedding_dim=size.channels,
        num_embeddings=size.tokens, embedding_proj_dim=768, time_embed_dim=4 * width,
        clip_embed_dim=2 * size.channels, additional_embeddings=0, time_embed_act_fn="gelu", norm_in_type="layer",
        encoder_hid_proj_type=None, added_emb_type=None,
    )  # fmt: skip
    text = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12 if size is REAL else 1, num_attention_heads=12,
        projection_dim=768, vocab_size=64, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    words = ["!", "<|startoftext|>", "<|endoftext|>", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz")]
    made = ShapEPipeline(
        prior,
        CLIPTextModelWithProjection(text).eval(),
        CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=77),
        HeunDiscreteScheduler(
            beta_schedule="exp", num_train_timesteps=1024, prediction_type="sample", use_karras_sigmas=True,
            clip_sample=True, clip_sample_range=1.0,
        ),
        ball(size),
    )  # fmt: skip
    made.set_progress_bar_config(disable=True)
    return made


@torch.no_grad()
def ball(size: Size) -> Any:
    """A renderer whose latents all stand for a ball; what it computes is as much as for any other shape."""
    rows, quarter = size.hidden, size.tokens // 4
    assert rows == quarter, "every row of the four projected layers has a token of its own"
    shapes = ((rows, 93), (rows, rows), (rows, rows), (rows, rows))
    how: dict[str, Any] = {"param_shapes": shapes, "d_latent": size.channels, "d_hidden": rows}
    renderer: Any = ShapERenderer(**how)
    for (_, columns), own in zip(shapes, renderer.params_proj.projections.values(), strict=True):
        bias = torch.zeros(rows, columns)
        bias[0, slice(48, 51) if columns == 93 else 0] = 1  # the cosines of x, y and z; then hand them on
        own.norm.weight.zero_()
        own.proj.bias.copy_(bias.reshape(-1))
    for number, layer in enumerate(renderer.mlp.mlp):
        assert isinstance(layer, nn.Linear)
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[0, 0] = 1
        layer.bias[0] = {0: 4.0, 6: -_BALL}.get(number, 0.0)
    crossed = torch.arange(256)
    renderer.mesh_decoder.masks[:, 0] = (crossed & 1) != ((crossed >> 1) & 1)
    return renderer.eval()


class Contest:
    """Ways of making shapes, on the same networks.

    Args:
        size: of the networks.
        device: where.
        dtype: of the prior here, and of all of diffusers' pipeline.
    """

    def __init__(self, size: Size, device: torch.device, dtype: torch.dtype) -> None:
        theirs: Any = pipeline(size)
        self.size = size
        self.networks = Networks(
            theirs.tokenizer,
            copy.deepcopy(theirs.text_encoder).to(device),
            nn.Module.to(copy.deepcopy(theirs.prior), device, dtype).eval(),
            copy.deepcopy(theirs.shap_e_renderer).to(device).eval(),
            theirs.scheduler,
            device,
        )
        self.theirs, self.device = theirs, device
        for network in (theirs.prior, theirs.text_encoder, theirs.shap_e_renderer):
            nn.Module.to(network, device, dtype)  # its own `to` warns of nothing

    def latents(self, seeds: range, batch: int) -> None:
        """Ours, `batch` at a time."""
        for start in range(0, len(seeds), batch):
            self._latents(seeds[start : start + batch])

    def meshes(self, seeds: range, batch: int) -> None:
        """Ours, with the surfaces."""
        blocks = Batch(16 if self.device.type == "cuda" else 1)
        for start in range(0, len(seeds), batch):
            for latent in self._latents(seeds[start : start + batch]):
                colored_mesh(LatentField(self.networks.renderer, latent, blocks), self.size.resolution)

    def library(self, seeds: range, surface: bool) -> None:
        """diffusers' pipeline, once per prompt."""
        for seed in seeds:
            noise = torch.Generator().manual_seed(seed)
            latent = self.theirs(
                "a chair", num_inference_steps=self.size.steps, guidance_scale=15.0, generator=noise,
                output_type="latent",
            ).images  # fmt: skip
            if surface:
                self.theirs.shap_e_renderer.decode_to_mesh(latent, self.device, grid_size=self.size.resolution)

    def _latents(self, seeds: range) -> torch.Tensor:
        """A batch."""
        noise = [torch.Generator().manual_seed(seed) for seed in seeds]
        return sample_latents(self.networks, ["a chair"] * len(seeds), noise, Sampling(self.size.steps, 15.0))


def seconds(call: Callable[[], None], gpu: bool) -> float:
    """CPU seconds of a call, or wall seconds until a GPU is done."""
    clock = time.perf_counter if gpu else time.process_time
    start = clock()
    call()
    if gpu:
        torch.cuda.synchronize()
    return clock() - start


def operations(contest: Contest) -> float:
    """Of one shape's prior: weights and attention at every token, twice by guidance, at all evaluations."""
    size, tokens = contest.size, contest.size.tokens + 2
    weights = sum(p.numel() for p in contest.networks.prior.parameters())
    attention = 4 * size.layers * tokens**2 * 64 * size.heads
    return (2 * weights * tokens + attention) * 2 * (2 * size.steps - 1)


def main() -> None:
    """Print shapes per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", action="store_true", help="the published size in bfloat16 on a GPU")
    parser.add_argument("--batch", type=int, default=None, help="shapes at once.  [default: 32 on a GPU, else 8]")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.gpu and not torch.cuda.is_available():
        raise SystemExit("--gpu: torch finds no GPU here; nothing was measured")
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
    torch.set_num_threads(1)
    device, dtype = torch.device("cuda" if args.gpu else "cpu"), torch.bfloat16 if args.gpu else torch.float32
    contest, batch = Contest(REAL if args.gpu else SMALL, device, dtype), args.batch or (32 if args.gpu else 8)
    many, few = range(batch), range(max(1, batch // 8))
    ways: dict[str, tuple[range, Callable[[range], None]]] = {
        "diffusers, latents": (few, lambda seeds: contest.library(seeds, False)),
        "one by one, latents": (few, lambda seeds: contest.latents(seeds, 1)),
        f"{batch} at once, latents": (many, lambda seeds: contest.latents(seeds, batch)),
        "diffusers, meshes": (few, lambda seeds: contest.library(seeds, True)),
        "one by one, meshes": (few, lambda seeds: contest.meshes(seeds, 1)),
        f"{batch} at once, meshes": (many, lambda seeds: contest.meshes(seeds, batch)),
    }
    taken: dict[str, float] = {}
    for number in range(args.rounds + 1):
        for name, (seeds, way) in ways.items():
            spent = seconds(lambda way=way, seeds=seeds: way(seeds), args.gpu) / len(seeds)
            if number:  # the first round warms up
                taken[name] = min(spent, taken.get(name, spent))
    for name, spent in taken.items():
        first = taken["diffusers, meshes" if "meshes" in name else "diffusers, latents"]
        share = f"  {operations(contest) / spent / PEAK:5.1%} of peak" if args.gpu else ""
        print(f"{name:22} {1 / spent:8.2f} shapes/s  {first / spent:5.2f}x diffusers{share}")


if __name__ == "__main__":
    main()
