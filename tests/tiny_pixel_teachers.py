"""Pixel teachers' real networks at a tiny size with random weights, saved as the Hub has them."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

TEXT = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = TEXT | {"image_size": 32, "patch_size": 8}
_LETTERS = string.ascii_lowercase + string.digits + ",.-'"


def _clip_tokenizer() -> Any:
    """Letter by letter."""
    from transformers import CLIPTokenizer

    pieces = ["<|startoftext|>", "<|endoftext|>", *(letter + end for letter in _LETTERS for end in ("", "</w>"))]
    return CLIPTokenizer(vocab={p: i for i, p in enumerate(pieces)}, merges=[], model_max_length=77)


def _gemma_tokenizer() -> Any:
    from transformers import GemmaTokenizer

    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", *_LETTERS]
    vocabulary = {p: i for i, p in enumerate(pieces)}
    return GemmaTokenizer(vocab=vocabulary, merges=[], padding_side="right", model_max_length=64)


def _clip() -> tuple[Any, Any]:
    from transformers import CLIPConfig, CLIPModel

    tokenizer = _clip_tokenizer()
    text = TEXT | {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16)), tokenizer


def _siglip2() -> tuple[Any, Any]:
    from transformers import SiglipConfig, SiglipModel

    tokenizer = _gemma_tokenizer()
    text = TEXT | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 16}
    text |= {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
    made = SiglipModel(SiglipConfig(text_config=text, vision_config=VISION))
    with torch.no_grad():
        made.logit_bias.fill_(-1.0)
        made.logit_scale.fill_(2.0)
    return made, tokenizer


def _clipseg() -> tuple[Any, Any]:
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    tokenizer = _clip_tokenizer()
    text = TEXT | {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = CLIPSegConfig(
        text_config=text, vision_config=VISION, projection_dim=16, extract_layers=[0, 1], reduce_dim=16,
        decoder_num_attention_heads=2, decoder_intermediate_size=32,
    )  # fmt: skip
    return CLIPSegForImageSegmentation(config), tokenizer


_MAKERS: dict[str, Callable[[], tuple[Any, Any]]] = {"clip": _clip, "siglip2": _siglip2, "clipseg": _clipseg}
NAMES = tuple(_MAKERS)


def write_tiny(name: str, folder: Path, seed: int = 0) -> Path:
    """The folder with a teacher's network, tokenizer and preprocessing; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network, tokenizer = _MAKERS[name]()
        with torch.no_grad():
            for weights in network.parameters():  # else all patches are nearly the same
                if weights.ndim > 1:
                    weights.normal_(0, 0.3)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    normal = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    (folder / "preprocessor_config.json").write_text(json.dumps(normal))
    return folder
