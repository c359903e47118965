"""Point-E's networks: the text-conditioned denoiser, the upsampler, the signed distance of a cloud.

Names and sizes are those of the official weights, so that they load strictly. Points are rows here, (B, N, 6): internal
position and colour, see `gen3d.generators.point_e.clouds`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from gen3d.generators.point_e.blocks import Mlp, Perceiver, Transformer, time_waves

CHANNELS = 6  # x y z R G B
TEXT, GRID, GRID_TOKENS = 768, 1024, 256  # sizes of CLIP ViT-L/14: the text vector, the image grid
SCALES = (2.0, 2.0, 2.0, 0.007843137255, 0.007843137255, 0.007843137255)
BIASES = (0.0, 0.0, 0.0, -1.0, -1.0, -1.0)


class Size(NamedTuple):
    """How large a network is; `decoder` is the number of layers of the signed distance's decoder."""

    width: int = 512
    layers: int = 12
    heads: int = 8
    decoder: int = 0


class Denoiser(nn.Module):
    """What both diffusion models share: points and a step in, noise and its variance out, other tokens before them.

    Args:
        size: width, layers, heads.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.time_embed = Mlp(size.width)
        self.ln_pre, self.ln_post = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.backbone = Transformer(size.width, size.layers, size.heads)
        self.input_proj = nn.Linear(CHANNELS, size.width)
        self.output_proj = nn.Linear(size.width, 2 * CHANNELS)

    def time_token(self, time: Float32[Tensor, " B"]) -> Float32[Tensor, "B 1 C"]:
        """The step as one token."""
        return self.time_embed(time_waves(time, self.ln_pre.normalized_shape[0]))[:, None]

    def read(self, x: Float32[Tensor, "B N 6"], before: list[Float32[Tensor, "B _ C"]]) -> Float32[Tensor, "B N 12"]:
        """Noise and variance at every point, told by the tokens before. The backbone works in its own dtype."""
        tokens = self.ln_pre(torch.cat([*before, self.input_proj(x)], 1))
        tokens = self.backbone(tokens.to(next(self.backbone.parameters()).dtype))
        return self.output_proj(self.ln_post(tokens[:, -x.shape[1] :].float()))


class TextDenoiser(Denoiser):
    """`base40M-textvec`: 40,333,836 parameters, one CLIP text vector as a token."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.clip_embed = nn.Linear(TEXT, size.width)

    def forward(
        self, x: Float32[Tensor, "B N 6"], time: Float32[Tensor, " B"], text: Float32[Tensor, "B 768"]
    ) -> Float32[Tensor, "B N 12"]:
        """Noise, then variance.

        Args:
            x: noisy points.
            time: the step, 0 to 1,023.
            text: CLIP's vector at length 1; zeros stand for no text.
        """
        token = self.clip_embed(math.sqrt(TEXT) * text)[:, None]  # to unit variance
        return self.read(x, [token, self.time_token(time)])


class Upsampler(Denoiser):
    """`upsample`: 40,470,540 parameters, told 1,024 points to find 3,072 more.

    It could be told an image too; here the image's grid is always zero, which stands for none.
    """

    channel_scales: Tensor
    channel_biases: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.cond_point_proj = nn.Linear(CHANNELS, size.width)
        self.register_buffer("channel_scales", torch.tensor(SCALES))
        self.register_buffer("channel_biases", torch.tensor(BIASES))
        self.clip_embed = nn.Sequential(nn.LayerNorm(GRID), nn.Linear(GRID, size.width))

    def forward(
        self, x: Float32[Tensor, "B N 6"], time: Float32[Tensor, " B"], known: Float32[Tensor, "B M 6"]
    ) -> Float32[Tensor, "B N 12"]:
        """Noise, then variance, of the new points.

        Args:
            x: noisy new points.
            time: the step, 0 to 1,023.
            known: points there are, position ±0.5 and colour 0 to 255.
        """
        nothing = self.clip_embed(x.new_zeros(1, 1, GRID)).expand(len(x), GRID_TOKENS, -1)
        points = self.cond_point_proj(known * self.channel_scales + self.channel_biases)
        return self.read(x, [self.time_token(time), nothing, points])


class SignedDistance(nn.Module):
    """`sdf`: 9,481,985 parameters, the signed distance of any place from the surface of a cloud.

    Args:
        size: `layers` are the encoder's, `decoder` the decoder's.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        width = size.width
        self.encoder_input_proj, self.decoder_input_proj = nn.Linear(3, width), nn.Linear(3, width)
        self.encoder = Transformer(width, size.layers, size.heads)
        self.decoder = Perceiver(width, size.decoder, size.heads)
        self.ln_post, self.output_proj = nn.LayerNorm(width), nn.Linear(width, 1)

    def encode(self, points: Float32[Tensor, "B N 3"]) -> Float32[Tensor, "B N C"]:
        """The cloud as tokens; positions ±0.5."""
        return self.encoder(self.encoder_input_proj(points))

    def forward(self, places: Float32[Tensor, "B Q 3"], cloud: Float32[Tensor, "B N C"]) -> Float32[Tensor, "B Q"]:
        """The distance of every place, each for itself."""
        found = self.decoder(self.decoder_input_proj(places), cloud)
        return self.output_proj(self.ln_post(found))[..., 0]


class Model(NamedTuple):
    """A network of the family: its published size, and where its official weights come from."""

    build: Callable[[Size], nn.Module]
    size: Size
    file: str
    megabytes: int

    @property
    def url(self) -> str:
        """Where the authors keep the weights."""
        return f"https://openaipublic.azureedge.net/main/point-e/{self.file}.pt"


MODELS: dict[str, Model] = {
    "base40M-textvec": Model(TextDenoiser, Size(), "base_40m_textvec", 161),
    "upsample": Model(Upsampler, Size(), "upsample_40m", 162),
    "sdf": Model(SignedDistance, Size(256, 8, 4, decoder=4), "sdf", 38),
}
