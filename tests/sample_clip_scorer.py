"""A tiny CLIP model at random, saved as the Hub has them, with a tokenizer of single letters."""

from __future__ import annotations

from pathlib import Path

import torch

from gen3d.quiet import quiet_transformers

PIXELS = 32


def save_tiny_clip(folder: Path, seed: int = 0) -> Path:
    """The folder, with a network, a tokenizer and nothing else."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz3d."
    words = sorted({*letters, *(letter + "</w>" for letter in letters)})
    words += ["<|startoftext|>", "<|endoftext|>"]
    text = {"vocab_size": len(words), "eos_token_id": len(words) - 1, "bos_token_id": len(words) - 2}
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config=small | text | {"max_position_embeddings": 77},
        vision_config=small | {"image_size": PIXELS, "patch_size": 8},
        projection_dim=12,
        logit_scale_init_value=4.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = CLIPModel(config)
        with torch.no_grad():
            for value in network.parameters():
                if value.ndim:
                    value.add_(torch.randn_like(value) * 0.3)  # its own start makes all answers alike
    tokenizer = CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=77)
    with quiet_transformers():
        network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
