"""OWLv2 (Minderer et al., 2023): boxes of whatever is named, from features of image patches and of texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gen3d.hub import Weights
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.teachers.dense import NETWORK, TOKENIZER, text_features, unit
from gen3d.teachers.found import best_boxes, corners_of
from gen3d.teachers.images import CLIP, detector_images
from gen3d.teachers.predictions import Boxes
from gen3d.teachers.pretrained import Loaded, Phrases, PretrainedSettings, PretrainedTeacher

_FILES = (*NETWORK, *TOKENIZER, "tokenizer.json|merges.txt")


class Owlv2Settings(PretrainedSettings):
    """Settings of the teacher `owlv2`."""

    threshold: float = Field(default=0.1, ge=0, le=1, description="a box's score must be above it")


class Owlv2Teacher(PretrainedTeacher):
    """A box per image patch and the part whose text is most like it. Several phrases of a part: mean of their features.

    The network sees a square: other views are filled up on the right or at the bottom, and boxes are relative to that.
    """

    name, kind, style = "owlv2", "box", ViewStyle(size=960)
    Options = Owlv2Settings
    settings: Owlv2Settings
    MODELS: ClassVar = {
        "base": Weights(
            "google/owlv2-base-patch16-ensemble", "adeb830acf8e28bb47e6ec866119c65c251333a8", _FILES, 620, "Apache-2.0"
        ),
        "large": Weights("google/owlv2-large-patch14-ensemble", "main", _FILES, 1750, "Apache-2.0"),
    }

    def _network(self) -> type[Any]:
        from transformers import Owlv2ForObjectDetection

        return Owlv2ForObjectDetection

    def _answers(self, loaded: Loaded, views: Sequence[View], category: str, asked: Phrases) -> list[Boxes]:
        network, (height, width) = loaded.network, views[0].element.shape
        side = network.config.vision_config.image_size
        images = detector_images(views, (side, side), CLIP, loaded, square=True)
        grid, _ = network.image_embedder(images)  # (B, h, w, C)
        patches = grid.flatten(1, 2)
        length = {"padding": "max_length", "max_length": network.config.text_config.max_position_embeddings}
        texts = text_features(loaded, asked, partial(_encode, network), **length).to(loaded.dtype)
        texts = texts.expand(len(views), -1, -1)
        logits, _ = network.class_predictor(patches, texts, torch.ones(texts.shape[:2], device=loaded.device) > 0)
        # The place of each patch is added in float32: in bfloat16 a box would be off by pixels.
        places = network.compute_box_bias(*grid.shape[1:3]).to(loaded.device)
        boxes = (network.box_head(patches).float() + places).sigmoid().cpu().numpy()
        scores = logits.float().sigmoid().cpu().numpy()
        square = max(height, width)
        found = zip(boxes, scores, strict=True)
        return [
            best_boxes(corners_of(b, square, square), s, self.settings.threshold, (height, width)) for b, s in found
        ]


def _encode(network: Any, tokens: dict[str, Tensor]) -> Float[Tensor, "T C"]:
    """Features of texts, of length 1."""
    return unit(network.owlv2.get_text_features(**tokens).pooler_output)
