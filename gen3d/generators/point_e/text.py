"""The text vector that Point-E is told: CLIP ViT-L/14's, through transformers."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError

from gen3d.environment import INSTALL_PRETRAINED
from gen3d.errors import InputError, MissingError
from gen3d.hub import Weights, find_weights, revision_of
from gen3d.quiet import quiet_transformers

CLIP = Weights(
    repo="openai/clip-vit-large-patch14",
    revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
    files=("config.json", "model.safetensors", "tokenizer.json|vocab.json", "tokenizer_config.json"),
    megabytes=1710,
    licence="MIT",
)


@runtime_checkable
class TextEncoder(Protocol):
    """From prompts to vectors."""

    def revision(self) -> str:
        """Which weights."""
        ...

    def download(self) -> None:
        """Get them where they are not there. Raises MissingError."""
        ...

    def check(self) -> None:
        """Raise MissingError where weights or an extra are not there."""
        ...

    def __call__(self, prompts: list[str]) -> Float32[np.ndarray, "B 768"]:
        """One vector of length 1 per prompt."""
        ...


class ClipText:
    """CLIP ViT-L/14's text tower on the CPU, from the Hub's cache or a folder; loaded at the first prompt.

    Args:
        folder: in the Hub's layout; None takes the cache.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def revision(self) -> str:
        """Which weights. Raises MissingError where there are none."""
        return revision_of(CLIP, find_weights(CLIP, self._folder))

    def check(self) -> None:
        """Raise MissingError where transformers is not installed or the weights are not there; loads neither."""
        if find_spec("transformers") is None:
            raise MissingError(f"Point-E needs transformers; install it with `{INSTALL_PRETRAINED}`")
        find_weights(CLIP, self._folder)

    def download(self) -> None:
        """Get the weights into the Hub's cache where they are not there. Raises MissingError."""
        find_weights(CLIP, self._folder, download=True)

    def __call__(self, prompts: list[str]) -> Float32[np.ndarray, "B 768"]:
        """One vector of length 1 per prompt; words beyond CLIP's 77 tokens are left out. Raises MissingError."""
        import torch

        self.check()
        tokenizer, network = _loaded(find_weights(CLIP, self._folder))
        tokens = tokenizer(prompts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            vectors = network(**tokens).text_embeds.float()
        return torch.nn.functional.normalize(vectors, dim=-1).numpy()


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> tuple[Any, Any]:
    """Tokenizer and text tower, once per process. Nothing is downloaded, nothing is unpickled."""
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        with quiet_transformers():
            loaded: Any = CLIPTextModelWithProjection.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:120]
        raise MissingError(f"{folder}: CLIP ViT-L/14 can't be read ({reason}); download it again") from None
    network, found = loaded
    if found["missing_keys"]:  # they would be at random
        lacking = ", ".join(sorted(found["missing_keys"])[:3])
        raise InputError(f"{folder}: lacks weights of CLIP ViT-L/14's text tower ({lacking}); download it again")
    return tokenizer, network.eval()
