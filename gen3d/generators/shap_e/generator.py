"""The generator `shap-e`: any text to a coloured mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gen3d.batches import Batch, usual_batch
from gen3d.environment import chosen_precision
from gen3d.errors import InputError
from gen3d.generators import Wanted
from gen3d.generators.ahead import made_alone
from gen3d.generators.expected import duration
from gen3d.generators.shap_e.latents import Sampling, sample_latents
from gen3d.generators.shap_e.meshes import LatentField, colored_mesh
from gen3d.generators.shap_e.weights import Networks, found, load_networks, resolved
from gen3d.heading import faced
from gen3d.settings import Settings, resolve
from gen3d.shape import Shape
from gen3d.upright import FRONTS, turn

_PRIOR = 7.51e11  # operations of one evaluation: 2 x 315.7 M weights x 1,026 tokens, and the attention of 24 layers
_QUERY = 7.1e5  # of one place that the field is asked at: 2 x (93 x 256 + 5 x 256 x 256 + ...)
_WIDE = 4  # times as long as one in bfloat16 an operation in float32 takes


class ShapESettings(Settings):
    """What can be set of Shap-E; steps and guidance as published."""

    weights: str | None = Field(default=None, description="folder in the Hub's layout; None: the Hub's cache")
    revision: str | None = Field(default=None, min_length=1, description="commit or branch of the Hub; None: main")
    guidance: float = Field(default=15.0, ge=1, le=100, description="how much the text counts; 1 is once")
    steps: int = Field(default=64, ge=1, le=1000, description="16 are four times as fast and coarser")
    resolution: int = Field(default=128, ge=16, le=512, description="places along each side of the surface's grid")
    heading: Literal["auto", "keep"] = Field(default="auto", description="auto: turned to face +Z, by its category")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch: int | None = Field(default=None, ge=1, le=4096, description="shapes at once; None: 32 on a GPU, else 1")


class ShapEGenerator:
    """Meshes from a diffusion model that knows many words, but none of a category's parts: they carry no labels.

    On a processor one shape at a time: there a batch is hardly faster, and changes the last bits. On a GPU the same
    settings and `batch` give the same bytes on the same machine.

    Args:
        settings: see `ShapESettings`.
    """

    name = "shap-e"
    licence = "MIT"

    def __init__(self, settings: ShapESettings | None = None) -> None:
        self.settings = settings or ShapESettings()
        self.batch = usual_batch(self.settings.batch)
        self._fitting = Batch(self.batch)
        self._blocks = Batch(16 if torch.cuda.is_available() else 1)  # a processor keeps no more in its caches

    def tuned(self, options: Mapping[str, Any]) -> ShapEGenerator:
        """With those of `ShapESettings`. Raises SettingsError."""
        return ShapEGenerator(resolve(ShapESettings, **options))

    def check(self, category: str, prompt: str | None = None) -> None:
        """Raise MissingError or InputError unless weights and extras are there; any text will do."""
        self._folder()

    def download(self) -> None:
        """Get the weights into the Hub's cache where they are not there. Raises MissingError."""
        self._folder(download=True)

    def slow(self) -> str | None:
        """The minutes a shape takes where there is no GPU."""
        if torch.cuda.is_available():
            return None
        evaluations = (2 * self.settings.steps - 1) * (1 if self.settings.guidance == 1 else 2)
        half = self._precision() == "bfloat16"
        surface = _QUERY * self.settings.resolution**3 * (_WIDE if half else 1)
        return duration(self.name, _PRIOR * evaluations + surface, half)

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """One normalised mesh, unlabelled; the same seed, prompt, settings, weights and machine give the same bytes.

        Raises:
            MissingError, InputError: weights that are not there or can't be read.
            InputError: what the networks say is not finite, or has no surface.
        """
        return made_alone(self, Wanted(category, seed, id, prompt))

    def generate_many(self, wanted: Sequence[Wanted]) -> list[Shape | InputError]:
        """As `generate` for each; an answer that is not finite, or has no surface, is that shape's error."""
        folder = self._folder()
        networks = load_networks(folder, self._precision())
        latents = self._fitting.run(lambda some: self._latents(networks, some), wanted)
        how = self._how() | {"weights": resolved(folder)}
        return [self._shape(networks, own, latent, how) for own, latent in zip(wanted, latents, strict=True)]

    def _folder(self, download: bool = False) -> Path:
        """Where the weights are. Raises MissingError, InputError."""
        return found(self.settings.weights, self.settings.revision, download)

    def _latents(self, networks: Networks, wanted: Sequence[Wanted]) -> list[Tensor]:
        """The latents that belong to words and seeds."""
        noise = [torch.Generator().manual_seed(own.seed) for own in wanted]
        sampling = Sampling(self.settings.steps, self.settings.guidance)
        return list(sample_latents(networks, [own.words for own in wanted], noise, sampling))

    def _shape(
        self, networks: Networks, own: Wanted, latent: Float[Tensor, "T C"], how: dict[str, Any]
    ) -> Shape | InputError:
        """In the house's frame."""
        if not torch.isfinite(latent).all():
            return InputError(f"{own.id}: the network's answer is not finite (NaN or Inf)")
        try:
            made = colored_mesh(LatentField(networks.renderer, latent, self._blocks), self.settings.resolution)
        except InputError as error:
            return InputError(f"{own.id}: {error}")
        meta = {"prompt": own.words, "seed": own.seed, "generator": self.name, **how}
        shape = Shape(
            own.id, own.category, vertices=made.vertices, faces=made.faces, vertex_colors=made.colors, meta=meta
        )
        try:
            shape = shape.transformed(turn("z", FRONTS["z"])).normalised()
        except InputError as error:
            return error
        return faced(shape, own.seed) if self.settings.heading == "auto" else shape

    def _how(self) -> dict[str, Any]:
        """What is kept beside every shape."""
        kept = {key: getattr(self.settings, key) for key in ("guidance", "steps", "resolution")}
        return kept | {"precision": self._precision()}

    def _precision(self) -> str:
        """What the prior computes in."""
        return chosen_precision(self.settings.precision)
