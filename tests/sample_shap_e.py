"""A tiny Shap-E of diffusers' and transformers' real classes at random, whose latents are lumpy balls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.prior_transformer import PriorTransformer
from diffusers.pipelines.shap_e.pipeline_shap_e import ShapEPipeline
from diffusers.pipelines.shap_e.renderer import ShapERenderer
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
from safetensors.torch import load_file
from torch import Tensor, nn, serialization
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

from gen3d.generators.shap_e.weights import quiet_scheduler

WIDTH, TOKENS, CHANNELS = 8, 32, 32
_COSINES = slice(48, 51)  # of x, y and z, among the 93 numbers that the renderer makes of a place
_LIFT, _LEVEL = 4.0, 6.4  # where silu is nearly straight; and the sum above which a place is inside


@quiet_scheduler()
def tiny_pipeline(seed: int = 0) -> ShapEPipeline:
    """diffusers' own pipeline."""
    torch.manual_seed(seed)
    prior = PriorTransformer(
        num_attention_heads=2, attention_head_dim=16, embedding_dim=CHANNELS, num_embeddings=TOKENS,
        embedding_proj_dim=16, time_embed_dim=128, num_layers=1, clip_embed_dim=2 * CHANNELS, additional_embeddings=0,
        time_embed_act_fn="gelu", norm_in_type="layer", encoder_hid_proj_type=None, added_emb_type=None,
    )  # fmt: skip
    schedule = HeunDiscreteScheduler(
        beta_schedule="exp", num_train_timesteps=1024, prediction_type="sample", use_karras_sigmas=True,
        clip_sample=True, clip_sample_range=1.0,
    )  # fmt: skip
    pipeline = ShapEPipeline(prior, _text_encoder(), _tokenizer(), schedule, _renderer())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@quiet_scheduler()
def library_latents(pipeline: ShapEPipeline, prompts: list[str], noise: list[torch.Generator], **how: Any) -> Tensor:
    """What the pipeline itself makes of them."""
    return pipeline(prompts, generator=noise, output_type="latent", **how).images  # type: ignore[return-value]


def write_tiny(folder: Path, seed: int = 0) -> Path:
    """The same in a folder, in the Hub's layout, with safetensors."""
    tiny_pipeline(seed).save_pretrained(folder)
    return folder


def as_on_the_hub(folder: Path) -> Path:
    """The folder with .bin in place of safetensors, and the number that old versions of transformers kept with them."""
    for file in folder.rglob("*.safetensors"):
        tensors: dict[str, Tensor] = load_file(file)
        stem = file.stem
        if file.parent.name == "text_encoder":
            stem, tensors["text_model.embeddings.position_ids"] = "pytorch_model", torch.arange(77)[None]
        serialization.save(tensors, file.with_name(f"{stem}.bin"))
        file.unlink()
    return folder


def edit_json(file: Path, **changes: Any) -> None:
    """Replace entries."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def _text_encoder() -> CLIPTextModelWithProjection:
    config = CLIPTextConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, projection_dim=16,
        vocab_size=64, max_position_embeddings=77, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    return CLIPTextModelWithProjection(config).eval()


def _tokenizer() -> CLIPTokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["!", "<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=77)


def _renderer() -> Any:
    """Its first unit sums the cosines of a place's coordinates, which is large in a ball; the rest is noise on it."""
    shapes = ((WIDTH, 93), (WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH, WIDTH))
    how: dict[str, Any] = {"param_shapes": shapes, "d_latent": CHANNELS, "d_hidden": WIDTH, "n_output": 12}
    renderer: Any = ShapERenderer(**how)
    with torch.no_grad():
        for shape, own in zip(shapes, renderer.params_proj.projections.values(), strict=True):
            own.norm.weight.fill_(0.01)
            own.proj.bias.copy_(_straight(*shape).reshape(-1))
        own = renderer.params_proj.projections["nerstf__mlp__0__weight"]
        own.norm.weight[6 : _COSINES.start], own.norm.weight[_COSINES.stop :] = 0, 0  # no waves: lumps, not gravel
        for number, layer in enumerate(renderer.mlp.mlp):
            assert isinstance(layer, nn.Linear)
            layer.weight.copy_(_straight(*layer.weight.shape) + 0.01 * torch.randn(layer.weight.shape))
            layer.bias.copy_(0.1 * torch.randn(layer.bias.shape))
            layer.bias[0] = {0: _LIFT, 6: -_LEVEL}.get(number, 0.0)
        renderer.mlp.mlp[6].weight[3:6] = torch.randn(3, WIDTH) * 0.4
    return renderer.eval()


def _straight(rows: int, columns: int) -> Tensor:
    """Weights that hand the first unit on; in the first layer, that make it."""
    weights = torch.zeros(rows, columns)
    if columns == 93:
        weights[0, _COSINES] = 1
        weights[1:4, :3] = torch.eye(3)
    else:
        weights[torch.arange(min(rows, 4)), torch.arange(min(rows, 4))] = 1
    return weights
