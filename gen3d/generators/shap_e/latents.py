"""Text to latents: diffusers' pipeline without its class, so that a batch has a noise of its own per shape.

What a shape's latent is does not depend on the others of its batch, apart from the last bits.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from gen3d.generators.shap_e.weights import Networks, quiet_scheduler


class Sampling(NamedTuple):
    """How noise becomes latents.

    Args:
        steps: of Heun's method; all but the last evaluate the network twice.
        guidance: how much the text counts; 1 is once, at half the cost.
    """

    steps: int = 64
    guidance: float = 15.0


@torch.inference_mode()
def sample_latents(
    networks: Networks, prompts: list[str], noise: list[torch.Generator], sampling: Sampling
) -> Float[Tensor, "B T C"]:
    """A latent per prompt, float32: C numbers in [-1, 1] for each of T tokens.

    Args:
        networks: see `load_networks`.
        prompts: words beyond CLIP's 77 tokens are left out.
        noise: a generator on the CPU per shape.
        sampling: how.
    """
    scheduler = _scheduler(networks, sampling.steps)
    prior, config = networks.prior, networks.prior.config
    guided = sampling.guidance > 1
    told = text_vectors(networks, prompts).to(prior.dtype)
    told = torch.cat([torch.zeros_like(told), told]) if guided else told
    start = [torch.randn(1, config.num_embeddings, config.embedding_dim, generator=own) for own in noise]
    latents = torch.cat(start).to(networks.device) * scheduler.init_noise_sigma
    for step in scheduler.timesteps:
        scaled = scheduler.scale_model_input(latents, step).to(prior.dtype)
        given = torch.cat([scaled, scaled]) if guided else scaled
        answer = prior(given, timestep=step, proj_embedding=told, return_dict=False)[0]
        clean = answer[..., : config.embedding_dim].float()  # the rest is a variance, which this sampler has no use for
        if guided:
            without, clean = clean.chunk(2)
            clean = without + sampling.guidance * (clean - without)
        latents = scheduler.step(clean, step, latents, return_dict=False)[0]
    return latents


def _scheduler(networks: Networks, steps: int) -> Any:
    """diffusers' own; it keeps what happened in a step, so every batch has a copy."""
    scheduler = copy.deepcopy(networks.scheduler)
    with quiet_scheduler():
        scheduler.set_timesteps(steps, device=networks.device)
    return scheduler


def text_vectors(networks: Networks, prompts: list[str]) -> Float[Tensor, "B D"]:
    """CLIP's vector of every prompt, at length sqrt(D), float32."""
    networks.tokenizer.pad_token_id = 0  # as in training; the tokenizer's own files say otherwise
    tokens = networks.tokenizer(
        prompts,
        padding="max_length",
        max_length=networks.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    vectors = networks.text_encoder(tokens.input_ids.to(networks.device)).text_embeds.float()
    return torch.nn.functional.normalize(vectors, dim=-1) * vectors.shape[1] ** 0.5
