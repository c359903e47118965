"""The text vector that Point-E is told: CLIP ViT-L/14's, through transformers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from huggingface_hub import try_to_load_from_cache
from jaxtyping import Float32

from gen3d.errors import MissingError

CLIP = "openai/clip-vit-large-patch14"
REVISION = "32bd64288804d66eefd0ccbe215aa642df71cc41"
_FILE = "model.safetensors"
_INSTALL = "python -m pip install 'gen3d[pretrained]'"
_HINT = f"type `hf download {CLIP} --revision {REVISION}`"


@runtime_checkable
class TextEncoder(Protocol):
    """From prompts to vectors. `revision` says which weights."""

    revision: str

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
        self.revision = REVISION if folder is None else str(folder)
        self._folder = folder
        self._loaded: tuple[Any, Any] | None = None

    def check(self) -> None:
        """Raise MissingError where transformers is not installed or the weights are not there; loads neither."""
        if find_spec("transformers") is None:
            raise MissingError(f"Point-E needs transformers; install it with `{_INSTALL}`")
        if self._folder is None and not isinstance(try_to_load_from_cache(CLIP, _FILE, revision=REVISION), str):
            raise MissingError(f"{CLIP}: its {_FILE} (1.7 GB) is not in the Hub's cache; {_HINT}")
        if self._folder is not None and not (self._folder / _FILE).is_file():
            raise MissingError(f"{self._folder}: has no {_FILE} of CLIP ViT-L/14 (1.7 GB); {_HINT}")

    def __call__(self, prompts: list[str]) -> Float32[np.ndarray, "B 768"]:
        """One vector of length 1 per prompt; words beyond CLIP's 77 tokens are left out. Raises MissingError."""
        import torch

        tokenizer, network = self._loaded = self._loaded or self._load()
        tokens = tokenizer(prompts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            vectors = network(**tokens).text_embeds.float()
        return torch.nn.functional.normalize(vectors, dim=-1).numpy()

    def _load(self) -> tuple[Any, Any]:
        """Tokenizer and text tower. Nothing is downloaded, nothing is unpickled."""
        self.check()
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer  # type: ignore[import-not-found]

        where = {"revision": REVISION} if self._folder is None else {}
        source = CLIP if self._folder is None else str(self._folder)
        try:
            tokenizer = CLIPTokenizer.from_pretrained(source, local_files_only=True, **where)
            network = CLIPTextModelWithProjection.from_pretrained(
                source, local_files_only=True, use_safetensors=True, **where
            )
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:120]
            raise MissingError(f"{source}: CLIP ViT-L/14 can't be read ({reason}); {_HINT}") from None
        return tokenizer, network.eval()
