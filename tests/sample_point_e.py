"""Tiny Point-E networks at random, a text encoder of our own, and files as the authors and as gen3d write them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn, serialization

from gen3d.generators.point_e.networks import MODELS, Size
from gen3d.generators.point_e.weights import write_network

TINY = {"base40M-textvec": Size(16, 2, 2), "upsample": Size(16, 1, 2), "sdf": Size(16, 2, 2, decoder=1)}


class Words:
    """A vector of length 1 from a prompt's bytes."""

    def revision(self) -> str:
        """A name."""
        return "words"

    def check(self) -> None:
        """Nothing is ever missing."""

    def download(self) -> None:
        """So there is nothing to get."""

    def __call__(self, prompts: list[str]) -> np.ndarray:
        """(B, 768) float32."""
        seeds = [list(hashlib.sha256(prompt.encode()).digest()) for prompt in prompts]
        rows = np.stack([np.random.default_rng(seed).normal(size=768) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def tiny(name: str, seed: int = 0) -> nn.Module:
    """With every weight at random, also those that networks start with at 0 or 1."""
    return randomised(MODELS[name].build(TINY[name]), seed)


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with weights that make its answers differ from point to point; buffers stay."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.normal_(generator=generator).mul_(value.shape[1] ** -0.5 if value.ndim > 1 else 0.1)
            if name.split(".")[-2].startswith(("ln_", "0")) and name.endswith("weight"):
                value.add_(1)
    return network.eval().requires_grad_(False)


def write_tiny(folder: Path, *names: str, **changes: Tensor) -> Path:
    """A folder of converted weights of tiny networks; `changes` replace weights of the first by name."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names or ("base40M-textvec", "upsample")):
        network = tiny(name)
        network.load_state_dict({**network.state_dict(), **({} if number else changes)})
        write_network(network, name, TINY[name], folder / f"{MODELS[name].file}.safetensors", {})
    return folder


def surface_bias() -> Tensor:
    """A bias with which the tiny distance is 0 somewhere in the box, about half of which is inside."""
    return tiny("sdf").output_proj.bias - 0.65  # type: ignore[operator, union-attr]


def write_surfaces(folder: Path) -> Path:
    """Converted weights of all networks, tiny; clouds have surfaces."""
    return write_tiny(folder, "sdf", "base40M-textvec", "upsample", **{"output_proj.bias": surface_bias()})


def write_official(path: Path, name: str, **changes: Tensor | None) -> Path:
    """What the authors released: a plain dict of weights at the published size; None leaves one out."""
    with torch.device("meta"):
        expected = MODELS[name].build(MODELS[name].size).state_dict()
    weights = {key: torch.full(value.shape, float(i % 7 - 3)) for i, (key, value) in enumerate(expected.items())}
    serialization.save({k: v for k, v in (weights | changes).items() if v is not None}, path)
    return path
