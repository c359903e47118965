"""CLIP as a `ViewScorer`: how sure it is that a view shows a category, and none of the others of the table.

The cosine of image and text is no good as a limit: those of right and wrong pairs lie in one narrow band, which differs
from word to word and from model to model. The probability among the table's words has a scale of its own: 1/16 is
chance. It is the published zero-shot classification (Radford et al. 2021, section 3.1).
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32

from gen3d.categories import CATEGORIES
from gen3d.categories import category as known_category
from gen3d.environment import INSTALL_PRETRAINED
from gen3d.errors import MissingError
from gen3d.generators.point_e.text import CLIP
from gen3d.hub import find_weights, revision_of
from gen3d.quiet import quiet_transformers
from gen3d.rendering.view import View
from gen3d.teachers.images import CLIP as CLIP_COLORS

MEAN, DEVIATION = (np.array(row, np.float32) for row in CLIP_COLORS)
_HINT = f"name another folder with --clip-weights, or none for {CLIP.repo}"


class _Ready(NamedTuple):
    """What is loaded once."""

    network: Any
    texts: Any  # (16, C) unit vectors, in the table's order
    size: int  # pixels of the images that the network takes
    device: str


class ClipScorer:
    """CLIP, by default the ViT-L/14 that Point-E needs too; on a GPU where there is one, loaded at the first view.

    Args:
        folder: of any CLIP model in the Hub's layout; None takes ViT-L/14 from the Hub's cache.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._folder = folder

    def prepare(self) -> str:
        """Download what is needed and load it; returns which weights. Raises MissingError where that can't be."""
        if find_spec("transformers") is None:
            raise MissingError(f"--filter clip needs transformers; type `{INSTALL_PRETRAINED}`")
        found = find_weights(CLIP, self._folder, download=True)
        _loaded(found)  # for its errors
        return revision_of(CLIP, found)

    def score(self, views: list[View], category: str) -> Float32[np.ndarray, " V"]:
        """Probability of the category for each view. Raises SettingsError for one that is not of the table."""
        column = list(CATEGORIES).index(known_category(category).name)
        network, texts, size, device = _loaded(find_weights(CLIP, self._folder))
        with torch.inference_mode():
            pixels = torch.from_numpy(clip_pixels(views, size)).to(device)
            images = network.visual_projection(network.vision_model(pixels).pooler_output)
            logits = network.logit_scale.exp() * torch.nn.functional.normalize(images, dim=-1) @ texts.T
            return logits.float().softmax(-1)[:, column].cpu().numpy()


def prompt(name: str) -> str:
    """What CLIP is asked of a category."""
    return f"a 3D model of {'an' if name[0] in 'aeiou' else 'a'} {name}."


def clip_pixels(views: list[View], size: int) -> Float32[np.ndarray, "V 3 size size"]:
    """The views as CLIP takes images: bicubic to `size` pixels where they have others, channels first, normalised."""
    from PIL import Image

    images = [Image.fromarray(view.color) for view in views]
    sized = [image.resize((size, size), Image.Resampling.BICUBIC) for image in images]  # none where it is that size
    scaled = (np.stack([np.asarray(image) for image in sized]).astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> _Ready:
    """Network and texts, once per process. Nothing is unpickled. Raises MissingError."""
    network, tokenizer = _read(folder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokens = tokenizer([prompt(name) for name in CATEGORIES], padding=True, return_tensors="pt").to(device)
    network = network.to(device).eval()
    with torch.inference_mode():
        texts = network.text_projection(network.text_model(**tokens).pooler_output)
        texts = torch.nn.functional.normalize(texts, dim=-1)
    return _Ready(network, texts, network.config.vision_config.image_size, device)


def _read(folder: Path) -> tuple[Any, Any]:
    """Network and tokenizer. Raises MissingError where the folder holds something else than a whole CLIP model."""
    from transformers import CLIPModel, CLIPTokenizer

    try:
        with quiet_transformers():
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
            loaded: Any = CLIPModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    except MemoryError:
        raise
    except Exception as error:  # what a damaged file raises depends on which library meets it first
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise MissingError(f"{folder}: holds no CLIP model that can be read ({reason}); {_HINT}") from None
    network, found = loaded
    lacking = sorted({*found["missing_keys"], *(str(key) for key in found["mismatched_keys"])})
    if lacking:
        raise MissingError(f"{folder}: its weights are not those of a CLIP model (no {lacking[0]}); {_HINT}")
    return network, tokenizer
