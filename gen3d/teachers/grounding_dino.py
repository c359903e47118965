"""Grounding DINO (Liu et al., 2023): boxes grounded in a caption that names all parts.

It goes on from GLIP, the paper's teacher, which installs beside no present torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Int64
from pydantic import Field

from gen3d.errors import InputError
from gen3d.hub import Weights
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.teachers.captions import caption_of, one_phrase, part_scores, tokens_of
from gen3d.teachers.dense import NETWORK, TOKENIZER, tokenizer_of
from gen3d.teachers.found import best_boxes, corners_of
from gen3d.teachers.images import IMAGENET, detector_images, fitting
from gen3d.teachers.predictions import Boxes
from gen3d.teachers.pretrained import DTYPES, Loaded, Phrases, PretrainedSettings, PretrainedTeacher, load

FILES = (*NETWORK, *TOKENIZER)


class GroundingSettings(PretrainedSettings):
    """Settings of the teachers `grounding-dino` and `mm-grounding-dino`."""

    threshold: float = Field(default=0.25, ge=0, le=1, description="a box's score must be above it")
    shortest: int = Field(default=800, ge=32, description="pixels of the shorter side that the network sees")
    longest: int = Field(default=1333, ge=32, description="pixels that the longer side may have")


class GroundingDinoTeacher(PretrainedTeacher):
    """A box per query and the part it fits best; a part's score is the mean over its tokens in the caption."""

    name, kind, style = "grounding-dino", "box", ViewStyle(size=800)
    Options = GroundingSettings
    settings: GroundingSettings
    MODELS: ClassVar = {
        "tiny": Weights(
            "IDEA-Research/grounding-dino-tiny", "a2bb814dd30d776dcf7e30523b00659f4f141c71", FILES, 690, "Apache-2.0"
        ),
        "base": Weights("IDEA-Research/grounding-dino-base", "main", FILES, 933, "Apache-2.0"),
    }

    def asked(self, category: str, prompts: tuple[str, ...]) -> Phrases:
        """What is asked for each of the words. Raises SettingsError."""
        return one_phrase(self.name, super().asked(category, prompts))

    def _network(self) -> type[Any]:
        from transformers import GroundingDinoForObjectDetection

        return GroundingDinoForObjectDetection

    def _loaded(self) -> Loaded:
        """In float32: below, autocast multiplies in the precision asked for, and places stay exact to the pixel."""
        return load(self._network(), self._folder(), "float32")

    def _answers(self, loaded: Loaded, views: Sequence[View], category: str, asked: Phrases) -> list[Boxes]:
        height, width = views[0].element.shape
        size = fitting(height, width, self.settings.shortest, self.settings.longest)
        ids, tokens = _tokens(loaded, asked)
        dtype = DTYPES[self._precision()]
        with torch.autocast(loaded.device.type, dtype, enabled=dtype != torch.float32):
            said = loaded.network(
                pixel_values=detector_images(views, size, IMAGENET, loaded),
                input_ids=ids.expand(len(views), -1),
                attention_mask=torch.ones_like(ids).expand(len(views), -1),
            )
        # Places behind the caption's end hold -inf, which no part reads.
        scores = said.logits.float().sigmoid().cpu().numpy()
        found = zip(said.pred_boxes.float().cpu().numpy(), scores, strict=True)
        limit, frame = self.settings.threshold, (height, width)
        return [best_boxes(corners_of(b, *frame), part_scores(s, tokens), limit, frame) for b, s in found]


def _tokens(loaded: Loaded, asked: Phrases) -> tuple[Int64[torch.Tensor, "1 T"], list[list[int]]]:
    """The caption's tokens, and which of them are each part's; made once per process."""
    if asked not in loaded.kept:
        caption = caption_of([texts[0] for texts in asked])
        told = tokenizer_of(loaded)(caption.text, return_offsets_mapping=True)
        most = loaded.network.config.max_text_len
        if len(told["input_ids"]) > most:
            raise InputError(
                f"{len(asked)} parts are {len(told['input_ids'])} tokens; the network reads {most}: ask for fewer"
            )
        ids = torch.tensor([told["input_ids"]], device=loaded.device)
        loaded.kept[asked] = ids, tokens_of(caption, told["offset_mapping"])
    return loaded.kept[asked]
