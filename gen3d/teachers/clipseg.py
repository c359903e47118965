"""The teacher `clipseg`: CLIPSeg, which was trained to give the mask of a text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gen3d.hub import Weights
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.teachers.dense import FILES, network_images, pixel_scores, text_features, upsampled
from gen3d.teachers.predictions import PixelScores
from gen3d.teachers.pretrained import Loaded, Phrases, PretrainedSettings, PretrainedTeacher


class ClipsegSettings(PretrainedSettings):
    """What can be set of `clipseg`."""

    prompt_style: str = "of"
    batch: int | None = Field(default=None, ge=1, le=4096, description="views at once, each with all its prompts")


class ClipsegTeacher(PretrainedTeacher):
    """The probability of every part at every pixel, each part for itself.

    A view goes once through CLIP and once per part through the decoder, which is what CLIPSeg gives for an image
    and a prompt (one image per prompt), at less cost.
    """

    name = "clipseg"
    kind = "pixel"
    style = ViewStyle(size=352)
    Options = ClipsegSettings
    MODELS: ClassVar = {"rd64": Weights("CIDAS/clipseg-rd64-refined", "main", FILES, 603, "Apache-2.0")}

    def _network(self) -> type[Any]:
        from transformers import CLIPSegForImageSegmentation

        return CLIPSegForImageSegmentation

    def _answers(self, loaded: Loaded, views: Sequence[View], category: str, asked: Phrases) -> list[PixelScores]:
        images = network_images(loaded, views, loaded.network.config.vision_config.image_size)
        texts = text_features(loaded, asked, partial(_encode, loaded), padding=True)
        return pixel_scores(upsampled(masks(loaded, images, texts).sigmoid(), views[0].camera.size), views)


def _encode(loaded: Loaded, tokens: dict[str, Tensor]) -> Float[Tensor, "T D"]:
    """CLIP's vectors of texts."""
    clip = loaded.network.clip
    return clip.text_projection(clip.text_model(**tokens).pooler_output)


def masks(loaded: Loaded, images: Float[Tensor, "B 3 S S"], texts: Float[Tensor, "R D"]) -> Float[Tensor, "B R S S"]:
    """The decoder's logits of every image with every text."""
    network, prompts = loaded.network, len(texts)
    hidden = network.clip.vision_model(
        pixel_values=images, output_hidden_states=True, interpolate_pos_encoding=True
    ).hidden_states
    activations = [hidden[layer + 1].repeat_interleave(prompts, 0) for layer in network.extract_layers]
    logits = network.decoder(tuple(activations), texts.to(loaded.dtype).repeat(len(images), 1)).logits
    return logits.float().unflatten(0, (len(images), prompts))
