"""Detectors' networks with random weights, at their real sizes or small ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SMALL: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
_TOKENS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 1}
_SWIN: dict[str, Any] = {
    "tiny": {"model_type": "swin", "out_indices": [2, 3, 4]},
    "base": {
        "model_type": "swin", "out_indices": [2, 3, 4], "embed_dim": 128, "depths": [2, 2, 18, 2],
        "num_heads": [4, 8, 16, 32], "window_size": 12, "image_size": 384,
    },
}  # fmt: skip
_SMALL_DINO: dict[str, Any] = {
    "backbone_config": _SWIN["tiny"] | {"embed_dim": 8, "depths": [1] * 4, "num_heads": [1] * 4},
    "text_config": _SMALL | {"model_type": "bert", "vocab_size": 2000},
    "encoder_layers": 2, "encoder_ffn_dim": 32, "encoder_attention_heads": 2,
    "decoder_layers": 2, "decoder_ffn_dim": 32, "decoder_attention_heads": 2, "d_model": 32, "num_queries": 10,
}  # fmt: skip
_DETR: dict[str, Any] = {"hidden_size": 32, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


def owlv2(real: bool) -> Any:
    """OWLv2 base, which sees 960 x 960 pixels."""
    from transformers import Owlv2Config, Owlv2ForObjectDetection

    text, vision = ({}, {"image_size": 960}) if real else (_SMALL, _SMALL | {"image_size": 64})
    config = Owlv2Config(text_config=text | _TOKENS, vision_config=vision, projection_dim=512 if real else 32)
    return Owlv2ForObjectDetection(config)


def grounding_dino(backbone: str = "tiny", mm: bool = False) -> Callable[[bool], Any]:
    """Grounding DINO, or MM Grounding DINO, of 900 queries; a Swin "tiny" of 96 channels or "base" of 128."""

    def make(real: bool) -> Any:
        import transformers

        kind = "MMGroundingDino" if mm else "GroundingDino"
        config, network = getattr(transformers, f"{kind}Config"), getattr(transformers, f"{kind}ForObjectDetection")
        sizes = {"backbone_config": _SWIN[backbone]} if real else _SMALL_DINO
        return network(config(**sizes))

    return make


def sam3(real: bool) -> Any:
    """SAM 3, which sees 1008 x 1008 pixels."""
    from transformers import Sam3Config, Sam3Model

    if real:
        return Sam3Model(Sam3Config())
    backbone = _SMALL | {"model_type": "sam3_vit_model", "num_hidden_layers": 2, "image_size": 112, "window_size": 4}
    backbone |= {"global_attn_indexes": [1], "pretrain_image_size": 56}
    vision = {
        "fpn_hidden_size": 32,
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "backbone_config": backbone,
    }
    text = _SMALL | {"model_type": "clip_text_model", "max_position_embeddings": 32} | _TOKENS
    config = Sam3Config(
        vision_config=vision,
        text_config=text,
        geometry_encoder_config=_DETR,
        detr_encoder_config=_DETR,
        detr_decoder_config=_DETR | {"num_queries": 5},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )
    return Sam3Model(config)


def bert_tokenizer() -> Any:
    """Letter by letter, with special tokens where BERT has them."""
    import string

    from transformers import BertTokenizer

    words = [f"[unused{number}]" for number in range(1100)]
    words[0], words[100:104], words[1012], words[1029] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"], ".", "?"
    letters = [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
    words[200 : 200 + len(letters)] = letters
    return BertTokenizer(vocab={word: number for number, word in enumerate(words)})
