"""Detectors of transformers at a tiny size with random weights, saved as the Hub has them, and toy views."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gen3d.rendering.cameras import Camera
from gen3d.rendering.view import View
from gen3d.teachers import make_teacher
from gen3d.teachers.predictions import Boxes
from gen3d.teachers.pretrained import PretrainedTeacher

NAMES = ("owlv2", "grounding-dino", "mm-grounding-dino", "sam3")
DINOS = NAMES[1:3]
PARTS = ("back", "seat", "chair leg", "arm")

_LAYER = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
_TEXT = _LAYER | {"num_hidden_layers": 1, "vocab_size": 60, "pad_token_id": 0, "bos_token_id": 58, "eos_token_id": 59}
_BOX = {"hidden_size": 32, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


def write_owlv2(folder: Path) -> Path:
    """OWLv2 that sees 64 x 64 pixels as 8 x 8 patches."""
    from transformers import Owlv2Config, Owlv2ForObjectDetection

    vision = _LAYER | {"num_hidden_layers": 1, "image_size": 64, "patch_size": 8}
    text = _TEXT | {"max_position_embeddings": 16}
    _write(Owlv2ForObjectDetection, Owlv2Config(text_config=text, vision_config=vision, projection_dim=16), folder)
    return _clip_tokens(folder)


def write_grounding_dino(folder: Path, mm: bool = False) -> Path:
    """Grounding DINO of 12 queries, or MM Grounding DINO."""
    import transformers

    sizes: dict[str, Any] = {"embed_dim": 8, "depths": [1] * 4, "num_heads": [1, 1, 2, 2], "window_size": 2}
    sizes |= {"image_size": 64, "patch_size": 4, "out_indices": [2, 3, 4]}
    text: dict[str, Any] = _LAYER | {"num_hidden_layers": 1, "vocab_size": 1100, "max_position_embeddings": 256}
    values: dict[str, Any] = {
        "backbone_config": transformers.SwinConfig(**sizes),
        "text_config": transformers.BertConfig(**text),
        "num_queries": 12, "d_model": 32, "encoder_layers": 1, "encoder_ffn_dim": 32, "encoder_attention_heads": 2,
        "decoder_layers": 2, "decoder_ffn_dim": 32, "decoder_attention_heads": 2, "num_feature_levels": 4,
    }  # fmt: skip
    if mm:
        made, config = transformers.MMGroundingDinoForObjectDetection, transformers.MMGroundingDinoConfig(**values)
    else:
        made, config = transformers.GroundingDinoForObjectDetection, transformers.GroundingDinoConfig(**values)
    _write(made, config, folder)
    _bert().save_pretrained(folder)
    return folder


def write_sam3(folder: Path) -> Path:
    """SAM 3 that sees 112 x 112 pixels as 8 x 8 patches, with 5 queries and masks of 32 x 32."""
    from transformers import Sam3Config, Sam3Model

    backbone = _LAYER | {"model_type": "sam3_vit_model", "num_hidden_layers": 2, "image_size": 112, "patch_size": 14}
    backbone |= {"window_size": 4, "global_attn_indexes": [1], "pretrain_image_size": 56}
    vision = {
        "fpn_hidden_size": 32,
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "backbone_config": backbone,
    }
    text = _TEXT | {"model_type": "clip_text_model", "projection_dim": 16, "max_position_embeddings": 32}
    config = Sam3Config(
        vision_config=vision, text_config=text, geometry_encoder_config=_BOX, detr_encoder_config=_BOX,
        detr_decoder_config=_BOX | {"num_queries": 5},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )  # fmt: skip
    _write(Sam3Model, config, folder)
    return _clip_tokens(folder)


def write_tiny(name: str, folder: Path) -> Path:
    """The tiny weights of the teacher of that name."""
    if name == "owlv2":
        return write_owlv2(folder)
    return write_sam3(folder) if name == "sam3" else write_grounding_dino(folder, mm=name.startswith("mm"))


def _write(kind: Any, config: Any, folder: Path) -> None:
    """Random weights, larger than at the start of a training, so that answers differ from place to place."""
    from gen3d.quiet import quiet_transformers

    torch.manual_seed(0)
    network = kind(config)
    assert sum(weight.numel() for weight in network.parameters()) < 300_000
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.7 / weight.shape[-1] ** 0.5)
    with quiet_transformers():
        network.save_pretrained(folder)


def _clip_tokens(folder: Path) -> Path:
    """A tokenizer that knows single letters; the end's number is the largest, as CLIP has it."""
    from transformers import CLIPTokenizer

    letters = list(string.ascii_lowercase)
    words = ["!", *letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {word: number for number, word in enumerate(words)}
    vocabulary |= {"<|startoftext|>": 58, "<|endoftext|>": 59}
    CLIPTokenizer(vocab=vocabulary, merges=[], pad_token="!").save_pretrained(folder)
    return folder


def _bert() -> Any:
    """A tokenizer that knows the letters and a few words, with special tokens where BERT has them."""
    from transformers import BertTokenizer

    return BertTokenizer(vocab=bert_vocabulary())


def bert_vocabulary() -> dict[str, int]:
    """Word pieces and their numbers."""
    words = [f"[unused{number}]" for number in range(1100)]
    words[0], words[100:104], words[1012], words[1029] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"], ".", "?"
    letters = list(string.ascii_lowercase)
    pieces = [*letters, *(f"##{x}" for x in letters), "leg", "chair", "table", "arm", "##rest", "seat", "back", "-"]
    words[200 : 200 + len(pieces)] = pieces
    return {word: number for number, word in enumerate(words)}


def block_view(height: int, width: int, rows: tuple[int, int], columns: tuple[int, int]) -> View:
    """A white picture with one dark block of those pixels, ends excluded."""
    element = np.full((height, width), -1, np.int32)
    element[slice(*rows), slice(*columns)] = 0
    hit = element == 0
    depth = np.where(hit, 2.0, np.inf).astype(np.float32)
    normal = np.where(hit[..., None], np.array([0, 0, -1.0]), 0).astype(np.float32)  # lit from behind: dark grey
    return View(Camera(10, 0, size=max(height, width)), element, depth, normal)


def own_options(name: str) -> dict[str, Any]:
    """Options without which the tiny network of that name can't work."""
    return {"shortest": 96} if name in DINOS else {}


def teacher_of(name: str, folder: Path, **options: Any) -> PretrainedTeacher:
    """The teacher that reports all it finds, in float32 unless told otherwise."""
    values = {"weights": str(folder), "threshold": 0.0, "precision": "float32"} | own_options(name) | options
    made = make_teacher(name, values)
    assert isinstance(made, PretrainedTeacher)
    return made


def table(answer: Any) -> np.ndarray:
    """An answer's numbers: part, score and place of each, ordered by them."""
    place = answer.xyxy if isinstance(answer, Boxes) else answer.inside.reshape(len(answer.part), -1)[:, ::7]
    rows = np.column_stack([answer.part, answer.score, place]).astype(np.float64)
    return rows[np.lexsort((*rows.T[2:4].round(1), rows[:, 1].round(4), rows[:, 0]))]
