"""The teacher `clip`: CLIP's patch features compared with the words for the parts.

Two ways from patches into the space of texts: "value" takes the last attention's values (Zhou et al., MaskCLIP, ECCV
2022), "last" the last layer's tokens as PointCLIP V2 does (baselines.md, section 2). Both go through CLIP's own last
norm and projection.
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
from gen3d.rendering.cameras import Camera
from gen3d.rendering.view import View
from gen3d.teachers.dense import (
    FILES,
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

_WINDOW = 6  # patches, of PointCLIP V2's average
_SIDES = ("front", "right", "back", "left")


class ClipSettings(PretrainedSettings):
    """What can be set of `clip`.

    PointCLIP V2's way: tokens=last, smooth=true, prompt_style=pointclip-v2, look=realistic-depth.
    """

    prompt_style: str = "ensemble"
    resolution: int | None = Field(default=None, ge=32, le=2048, description="of the network's input; None: CLIP's own")
    tokens: Literal["value", "last"] = "value"
    smooth: bool = Field(default=False, description="average the scores over 6 x 6 patches, as PointCLIP V2 does")
    view_prompts: bool = Field(default=False, description="tell the side from which a view is taken")
    view_weighting: Literal["none", "certainty"] = Field(
        default="none", description="certainty: views in which the parts can't be told apart count less"
    )


class ClipTeacher(DenseTeacher):
    """Softmax over the parts at every pixel, at the temperature CLIP learnt.

    Where one part alone is asked for, the category is what it is told from.
    """

    name = "clip"
    kind = "pixel"
    Options = ClipSettings
    MODELS: ClassVar = {
        "b16": Weights("openai/clip-vit-base-patch16", "57c216476eefef5ab752ec549e440a49ae4ae5f3", FILES, 600, "MIT"),
        "l14": Weights("openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41", FILES, 1710, "MIT"),
    }
    settings: ClipSettings

    def _network(self) -> type[Any]:
        from transformers import CLIPModel

        return CLIPModel

    def _answers(self, loaded: Loaded, views: Sequence[View], category: str, asked: Phrases) -> list[PixelScores]:
        features = self._patches(loaded, views)
        rivals = asked if len(asked) > 1 else (*asked, (category,))
        texts = torch.stack([self._words(loaded, self._seen(rivals, view)) for view in views])
        logits = loaded.network.logit_scale.float().exp() * torch.einsum("bhwd,brd->brhw", features, texts)
        if self.settings.smooth:
            logits = smoothed(logits)
        scores = upsampled(logits, views[0].camera.size).softmax(1)
        if self.settings.view_weighting == "certainty":
            scores = scores * certainty(scores, views)[:, None, None, None]
        return pixel_scores(scores[:, : len(asked)], views)

    def _patches(self, loaded: Loaded, views: Sequence[View]) -> Float[Tensor, "B h w D"]:
        own = loaded.network.config.vision_config
        size = grid_size(self.settings.resolution or own.image_size, own.patch_size)
        return patch_features(loaded, network_images(loaded, views, size), self.settings.tokens)

    def _words(self, loaded: Loaded, asked: Phrases) -> Float[Tensor, "R D"]:
        return unit(text_features(loaded, asked, partial(_encode, loaded), padding=True))

    def _seen(self, asked: Phrases, view: View) -> Phrases:
        """What the view's patches are compared with."""
        if not self.settings.view_prompts:
            return asked
        return tuple(tuple(f"{text}, {seen_from(view.camera)}" for text in some) for some in asked)

    def _scoring(self) -> dict[str, Any]:
        return self.settings.model_dump(include={"smooth", "view_prompts", "view_weighting"}, exclude_defaults=True)


def _encode(loaded: Loaded, tokens: dict[str, Tensor]) -> Float[Tensor, "T D"]:
    """CLIP's vectors of texts, of length 1."""
    network = loaded.network
    return unit(network.text_projection(network.text_model(**tokens).pooler_output))


def patch_features(loaded: Loaded, images: Float[Tensor, "B 3 S S"], tokens: str) -> Float[Tensor, "B h w D"]:
    """One vector of length 1 per patch, in the space of texts; see this module."""
    network, vision = loaded.network, loaded.network.vision_model
    shown = vision(pixel_values=images, output_hidden_states=True, interpolate_pos_encoding=True)
    hidden = shown.last_hidden_state
    if tokens == "value":
        layer = vision.encoder.layers[-1]
        hidden = layer.self_attn.out_proj(layer.self_attn.v_proj(layer.layer_norm1(shown.hidden_states[-2])))
    vectors = network.visual_projection(vision.post_layernorm(hidden[:, 1:]))
    side = images.shape[-1] // network.config.vision_config.patch_size
    return unit(vectors).unflatten(1, (side, side))


def smoothed(logits: Float[Tensor, "B R h w"]) -> Float[Tensor, "B R h w"]:
    """The mean over 6 x 6 patches, edges repeated: PointCLIP V2's, with its margins (baselines.md, section 2)."""
    padded = torch.nn.functional.pad(logits, (2, 3, 2, 3), mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, _WINDOW, stride=1)


def certainty(scores: Float[Tensor, "B R H W"], views: Sequence[View]) -> Float[Tensor, " B"]:
    """How well the parts are told apart in every view: 1 - the mean entropy of its pixels, in units of the highest.

    Pixels of the background don't count; a view of nothing has 0.
    """
    hit = torch.stack([torch.from_numpy(view.hit) for view in views]).to(scores.device)
    entropy = torch.special.entr(scores).sum(1) / torch.log(torch.tensor(float(scores.shape[1])))
    return ((1 - entropy).clamp(0, 1) * hit).sum((1, 2)) / hit.sum((1, 2)).clamp(min=1)


def seen_from(camera: Camera) -> str:
    """The side that a camera sees, in words: "seen from the front", "... from the left and above"."""
    side = _SIDES[round(camera.azimuth / 90) % 4]
    height = " and above" if camera.elevation >= 30 else " and below" if camera.elevation <= -15 else ""
    return f"seen from the {side}{height}"
