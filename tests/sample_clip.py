"""A tiny CLIP at random, as the Hub has the real one: both towers, and a tokenizer that spells."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"


def write_clip(folder: Path) -> tuple[CLIPModel, CLIPTokenizer]:
    """Save model and tokenizer, and give them."""
    letters = string.ascii_lowercase
    vocab = {word: i for i, word in enumerate([*letters, *(f"{one}</w>" for one in letters), START, END])}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)
    size = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": vocab[START], "eos_token_id": vocab[END], "pad_token_id": vocab[END]}
    text = {**size, **ends, "vocab_size": len(vocab), "projection_dim": 768}
    torch.manual_seed(0)
    model = CLIPModel(
        CLIPConfig(
            text_config=text,
            vision_config={**size, "image_size": 32, "patch_size": 16, "projection_dim": 768},
            projection_dim=768,
        )
    ).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer
