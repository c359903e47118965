"""SAM 3 (Carion et al., 2025): masks of all instances of what a text names.

Its processor in transformers needs torchvision, so images, texts and answers are prepared and read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from pydantic import Field

from gen3d.hub import Weights
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.teachers.captions import one_phrase
from gen3d.teachers.dense import NETWORK, TOKENIZER, tokenizer_of
from gen3d.teachers.images import HALF, detector_images
from gen3d.teachers.predictions import Masks
from gen3d.teachers.pretrained import Loaded, Phrases, PretrainedSettings, PretrainedTeacher

_FILES = (*NETWORK, *TOKENIZER, "tokenizer.json|merges.txt")
_TOKENS = 32  # texts are filled up to


class Sam3Settings(PretrainedSettings):
    """Settings of the teacher `sam3`."""

    threshold: float = Field(default=0.5, ge=0, le=1, description="a mask's score must be above it")


class Sam3Teacher(PretrainedTeacher):
    """Masks of every part, each scored by how sure it is times how sure that the part is there at all.

    The picture is looked at once, and compared with one part after the other.
    """

    name, kind, style = "sam3", "mask", ViewStyle(size=1008)
    Options = Sam3Settings
    settings: Sam3Settings
    MODELS: ClassVar = {"sam3": Weights("facebook/sam3", "main", _FILES, 3440, "SAM License, on request")}

    def asked(self, category: str, prompts: tuple[str, ...]) -> Phrases:
        """What is asked for each of the words. Raises SettingsError."""
        return one_phrase(self.name, super().asked(category, prompts))

    def _network(self) -> type[Any]:
        from transformers import Sam3Model

        return Sam3Model

    def _answers(self, loaded: Loaded, views: Sequence[View], category: str, asked: Phrases) -> list[Masks]:
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        network, size = loaded.network, views[0].element.shape
        side = network.config.vision_config.image_size
        seen = network.get_vision_features(detector_images(views, (side, side), HALF, loaded))
        found: list[list[Masks]] = [[] for _ in views]
        for part, (features, attention) in enumerate(_texts(loaded, asked)):
            text = BaseModelOutputWithPooling(pooler_output=features.expand(len(views), -1, -1))
            said = network(vision_embeds=seen, text_embeds=text, attention_mask=attention.expand(len(views), -1))
            scores = said.pred_logits.float().sigmoid() * said.presence_logits.float().sigmoid()  # (B, Q)
            for masks, score, logits in zip(found, scores, said.pred_masks, strict=True):
                masks.append(_masks(part, score, logits, self.settings.threshold, size))
        return [_joined(masks) for masks in found]


def _texts(loaded: Loaded, asked: Phrases) -> list[tuple[Float[torch.Tensor, "1 T C"], Int64[torch.Tensor, "1 T"]]]:
    """Features of each part's text, and which of its places are filled; computed once per process."""
    if asked not in loaded.kept:
        texts = [texts[0] for texts in asked]
        tokens = tokenizer_of(loaded)(
            texts, padding="max_length", truncation=True, max_length=_TOKENS, return_tensors="pt"
        )
        tokens = tokens.to(loaded.device)
        said = loaded.network.get_text_features(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
        loaded.kept[asked] = list(zip(said.pooler_output.split(1), tokens["attention_mask"].split(1), strict=True))
    return loaded.kept[asked]


def _masks(
    part: int,
    score: Float[torch.Tensor, " Q"],
    logits: Float[torch.Tensor, "Q h w"],
    threshold: float,
    size: tuple[int, ...],
) -> Masks:
    """One view's masks of one part, in its own pixels. Scores that are not finite stay, for `check_predictions`."""
    kept = ~(score <= threshold)
    inside = np.zeros((0, *size), bool)
    if kept.any():
        chance = F.interpolate(logits[kept][None].float().sigmoid(), size, mode="bilinear", align_corners=False)[0]
        inside = (chance > 0.5).cpu().numpy()
    found = score[kept].cpu().numpy()
    return Masks(inside, np.full(len(found), part, np.int16), found)


def _joined(masks: Sequence[Masks]) -> Masks:
    """The masks of all parts of one view."""
    inside: Bool[np.ndarray, "K H W"] = np.concatenate([one.inside for one in masks])
    return Masks(inside, np.concatenate([one.part for one in masks]), np.concatenate([one.score for one in masks]))
