"""Teachers' networks with random weights, at their real sizes or small ones, as folders for `--weights`."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from detector_sizes import bert_tokenizer, grounding_dino, owlv2, sam3

_LETTERS = string.ascii_lowercase + string.digits + ",.-'"
_SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
_BASE_TEXT = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8}
_BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}


class Size(NamedTuple):
    """A teacher's name, and what makes its network from the widths of text and vision (small ones where not real)."""

    teacher: str
    make: Callable[[bool], Any]


def _clip(text: dict[str, int], vision: dict[str, int], patch: int, projection: int) -> Callable[[bool], Any]:
    def make(real: bool) -> Any:
        from transformers import CLIPConfig, CLIPModel

        own = {"image_size": 224, "patch_size": patch}
        ids = {"vocab_size": 49408, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
        texts, views = (text, vision) if real else (_SMALL, _SMALL)
        return CLIPModel(CLIPConfig(text_config=texts | ids, vision_config=views | own, projection_dim=projection))

    return make


def _siglip2(real: bool) -> Any:
    from transformers import SiglipConfig, SiglipModel

    width = _BASE if real else _SMALL
    text = width | {"vocab_size": 256_000 if real else 1000, "projection_size": width["hidden_size"]}
    text |= {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
    return SiglipModel(SiglipConfig(text_config=text, vision_config=width | {"image_size": 224, "patch_size": 16}))


def _clipseg(real: bool) -> Any:
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    text = (_BASE_TEXT if real else _SMALL) | {"vocab_size": 49408, "bos_token_id": 0, "eos_token_id": 1}
    vision = (_BASE if real else _SMALL) | {"image_size": 352, "patch_size": 16}
    layers = [3, 6, 9] if real else [0, 1]
    return CLIPSegForImageSegmentation(
        CLIPSegConfig(text_config=text, vision_config=vision, projection_dim=512, extract_layers=layers)
    )


SIZES: dict[str, Size] = {
    "clip-b16": Size("clip", _clip(_BASE_TEXT, _BASE, 16, 512)),
    "clip-l14": Size("clip", _clip(_BASE | {"projection_dim": 768}, _LARGE, 14, 768)),
    "siglip2-b16": Size("siglip2", _siglip2),
    "clipseg-rd64": Size("clipseg", _clipseg),
    "owlv2-b16": Size("owlv2", owlv2),
    "grounding-dino-tiny": Size("grounding-dino", grounding_dino()),
    "grounding-dino-base": Size("grounding-dino", grounding_dino("base")),
    "mm-grounding-dino-tiny": Size("mm-grounding-dino", grounding_dino(mm=True)),
    "mm-grounding-dino-base": Size("mm-grounding-dino", grounding_dino("base", mm=True)),
    "sam3": Size("sam3", sam3),
}


def write_network(name: str, folder: Path, real: bool) -> float:
    """Save a network of `SIZES` as the Hub has it; returns its parameters in millions."""
    torch.manual_seed(0)
    size = SIZES[name]
    network = size.make(real)
    network.to(torch.bfloat16).save_pretrained(folder)
    _tokenizer(size.teacher).save_pretrained(folder)
    normal = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    (folder / "preprocessor_config.json").write_text(json.dumps(normal))
    return sum(weights.numel() for weights in network.parameters()) / 1e6


def _tokenizer(teacher: str) -> Any:
    """Letter by letter."""
    from transformers import CLIPTokenizer, GemmaTokenizer

    if teacher.endswith("grounding-dino"):
        return bert_tokenizer()
    if teacher == "siglip2":
        pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", *_LETTERS]
        return GemmaTokenizer(vocab={p: i for i, p in enumerate(pieces)}, merges=[], model_max_length=64)
    pieces = ["<|startoftext|>", "<|endoftext|>", *(x + end for x in _LETTERS for end in ("", "</w>"))]
    return CLIPTokenizer(vocab={p: i for i, p in enumerate(pieces)}, merges=[], model_max_length=77)
