"""The teacher `siglip2`: SigLIP 2's patches, each pooled as if it were the whole image.

SigLIP's image vector is attention pooling over all patches. With one patch alone to attend to, the same head gives that
patch's vector in the space of texts, with nothing learnt anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gen3d.hub import Weights
from gen3d.rendering.view import View
from gen3d.teachers.dense import (
    NETWORK,
    PREPROCESSOR,
    DenseTeacher,
    grid_size,
    network_images,
    pixel_scores,
    text_features,
    unit,
    upsampled,
)
from gen3d.teachers.predictions import PixelScores
from gen3d.teachers.pretrained import Loaded, Phrases, PretrainedSettings

_FILES = (*NETWORK, PREPROCESSOR, "tokenizer.json", "tokenizer_config.json")


class Siglip2Settings(PretrainedSettings):
    """What can be set of `siglip2`."""

    prompt_style: str = "ensemble"
    resolution: int | None = Field(default=None, ge=32, le=2048, description="of the network's input; None: its own")
    scores: Literal["sigmoid", "softmax"] = Field(
        default="sigmoid", description="sigmoid: as it learnt, each part for itself; softmax: over the parts"
    )


class Siglip2Teacher(DenseTeacher):
    """The probability of every part at every pixel, by the scale and bias that SigLIP learnt."""

    name = "siglip2"
    kind = "pixel"
    Options = Siglip2Settings
    MODELS: ClassVar = {
        "b16": Weights(
            "google/siglip2-base-patch16-224", "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2", _FILES, 1540, "Apache-2.0"
        ),
        "b16-512": Weights("google/siglip2-base-patch16-512", "main", _FILES, 1540, "Apache-2.0"),
        "so400m": Weights("google/siglip2-so400m-patch16-384", "main", _FILES, 4580, "Apache-2.0"),
    }
    settings: Siglip2Settings

    def _network(self) -> type[Any]:
        from transformers import SiglipModel

        return SiglipModel

    def _answers(self, loaded: Loaded, views: Sequence[View], category: str, asked: Phrases) -> list[PixelScores]:
        network = loaded.network
        rivals = (*asked, (category,)) if self.settings.scores == "softmax" and len(asked) == 1 else asked
        features, texts = self._patches(loaded, views), self._words(loaded, rivals)
        logits = network.logit_scale.float().exp() * torch.einsum("bhwd,rd->brhw", features, texts)
        logits = upsampled(logits + network.logit_bias.float(), views[0].camera.size)
        scores = logits.sigmoid() if self.settings.scores == "sigmoid" else logits.softmax(1)
        return pixel_scores(scores[:, : len(asked)], views)

    def _patches(self, loaded: Loaded, views: Sequence[View]) -> Float[Tensor, "B h w D"]:
        own = loaded.network.config.vision_config
        size = grid_size(self.settings.resolution or own.image_size, own.patch_size)
        return patch_features(loaded, network_images(loaded, views, size))

    def _words(self, loaded: Loaded, asked: Phrases) -> Float[Tensor, "R D"]:
        lower = tuple(tuple(text.lower() for text in some) for some in asked)  # as SigLIP 2 learnt them
        long = loaded.network.config.text_config.max_position_embeddings
        return unit(text_features(loaded, lower, partial(_encode, loaded), padding="max_length", max_length=long))

    def _scoring(self) -> dict[str, Any]:
        return self.settings.model_dump(include={"scores"}, exclude_defaults=True)


def _encode(loaded: Loaded, tokens: dict[str, Tensor]) -> Float[Tensor, "T D"]:
    """SigLIP's vectors of texts, of length 1; it learnt from padded ones without a mask."""
    return unit(loaded.network.text_model(input_ids=tokens["input_ids"]).pooler_output)


def patch_features(loaded: Loaded, images: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B h w D"]:
    """One vector of length 1 per patch, in the space of texts; see this module."""
    vision = loaded.network.vision_model
    hidden = vision(pixel_values=images, interpolate_pos_encoding=True).last_hidden_state
    vectors = vision.head(hidden.flatten(0, 1)[:, None])
    side = images.shape[-1] // loaded.network.config.vision_config.patch_size
    return unit(vectors).unflatten(0, (len(images), side, side))
