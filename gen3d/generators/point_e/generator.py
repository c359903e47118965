"""The generator `point-e`: any text to a coloured cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field

from gen3d.batches import Batch
from gen3d.environment import fast_bfloat16
from gen3d.errors import InputError
from gen3d.generators import Wanted
from gen3d.generators.expected import duration
from gen3d.generators.point_e.clouds import HOUSE, Cloud, Sampling, sample_clouds
from gen3d.generators.point_e.networks import MODELS, TextDenoiser, Upsampler
from gen3d.generators.point_e.text import ClipText, TextEncoder
from gen3d.generators.point_e.weights import Loaded, missing, read_network
from gen3d.settings import Settings, resolve
from gen3d.shape import Shape

FOLDER = "gen3d/point-e"  # of the weights, below the user's cache
BASE, UPSAMPLE = "base40M-textvec", "upsample"


class PointESettings(Settings):
    """What can be set of Point-E; the defaults are as published."""

    weights: str | None = Field(default=None, description="folder of converted weights; None: in the user's cache")
    guidance: float = Field(default=3.0, ge=1, le=100, description="how much the text counts; 1 is once")
    steps: int = Field(default=64, ge=1, le=1000, description="per stage; 16 are four times as fast and coarser")
    points: Literal[1024, 4096] = Field(default=4096, description="1024 leave the upsampler out")
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    batch: int | None = Field(default=None, ge=1, le=4096, description="clouds at once; None: 32 on a GPU, else 1")

    @property
    def folder(self) -> Path:
        """Where the weights are."""
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return Path(self.weights or f"{cache}/{FOLDER}").expanduser()

    @property
    def models(self) -> list[str]:
        """The networks that are needed."""
        return [BASE, UPSAMPLE][: 1 if self.points == 1024 else 2]


class _Ready(NamedTuple):
    """What is loaded, and in which precision it computes."""

    base: Loaded
    upsampler: Loaded | None
    device: torch.device
    precision: str


class PointEGenerator:
    """Clouds from a diffusion model that knows many words, but none of a category's parts: they carry no labels.

    On a processor one shape at a time: there a batch is no faster, and changes the last bits. On a GPU the same
    settings and `batch` give the same bytes on the same machine.

    Args:
        settings: see `PointESettings`.
        text: what turns prompts into vectors; CLIP ViT-L/14 where None, from `clip/` in the weights' folder if there
            is one, else from the Hub's cache.
    """

    name = "point-e"
    licence = "MIT"

    def __init__(self, settings: PointESettings | None = None, text: TextEncoder | None = None) -> None:
        self.settings = settings or PointESettings()
        own = self.settings.folder / "clip"
        self._text = text
        self._encoder: TextEncoder = text or ClipText(own if own.is_dir() else None)
        self.batch = self.settings.batch or (32 if torch.cuda.is_available() else 1)
        self._fitting = Batch(self.batch)

    def tuned(self, options: Mapping[str, Any]) -> PointEGenerator:
        """With those of `PointESettings`. Raises SettingsError."""
        return PointEGenerator(resolve(PointESettings, **options), self._text)

    def check(self, category: str, prompt: str | None = None) -> None:
        """Raise MissingError, saying which and from where, unless all weights are there; any text will do."""
        folder = self.settings.folder
        lacking = [name for name in self.settings.models if not (folder / f"{MODELS[name].file}.safetensors").is_file()]
        if lacking:
            raise missing(folder, lacking)
        self._encoder.check()

    def download(self) -> None:
        """CLIP's weights alone: the official ones of Point-E are no safetensors. Raises MissingError."""
        self._encoder.download()

    def slow(self) -> str | None:
        """The minutes a shape takes where there is no GPU."""
        if torch.cuda.is_available():
            return None
        return duration(self.name, 1e12 * self._teraflops(), self._precision() == "bfloat16")

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """One normalised cloud, unlabelled; the same seed, prompt, settings, weights and machine give the same bytes.

        Raises:
            MissingError, InputError: weights that are not there or can't be read.
            InputError: what the networks say is not finite, or has no size.
        """
        (made,) = self.generate_many([Wanted(category, seed, id, prompt)])
        if isinstance(made, InputError):
            raise made
        return made

    def generate_many(self, wanted: Sequence[Wanted]) -> list[Shape | InputError]:
        """As `generate` for each; an answer that is not finite is that shape's error. Raises likewise."""
        ready = _load(self.settings.folder, tuple(self.settings.models), self._precision())
        clouds = self._fitting.run(lambda some: self._clouds(ready, some), wanted)
        meta = self._how() | {"weights": self._revisions(ready)}
        return [self._shape(own, cloud, meta) for own, cloud in zip(wanted, clouds, strict=True)]

    def _clouds(self, ready: _Ready, wanted: Sequence[Wanted]) -> list[Cloud]:
        """The clouds that belong to words and seeds."""
        base, upsampler = ready.base.network, ready.upsampler.network if ready.upsampler else None
        assert isinstance(base, TextDenoiser) and (upsampler is None or isinstance(upsampler, Upsampler))
        text = torch.from_numpy(self._encoder([_words(own) for own in wanted])).to(ready.device)
        noise = [torch.Generator().manual_seed(own.seed) for own in wanted]
        return sample_clouds(base, upsampler, text, noise, Sampling(self.settings.steps, self.settings.guidance))

    def _shape(self, own: Wanted, cloud: Cloud, how: dict[str, Any]) -> Shape | InputError:
        """In the house's frame."""
        if not np.isfinite(cloud.points).all():
            return InputError(f"{own.id}: the network's answer is not finite (NaN or Inf)")
        meta = {"prompt": _words(own), "seed": own.seed, "generator": self.name, **how}
        shape = Shape(own.id, own.category, points=cloud.points, point_colors=cloud.colors, meta=meta)
        try:
            return shape.transformed(HOUSE).normalised()
        except InputError as error:
            return error

    def _how(self) -> dict[str, Any]:
        """What is kept beside every shape."""
        return {"guidance": self.settings.guidance, "steps": self.settings.steps, "precision": self._precision()}

    def _precision(self) -> str:
        """What the transformers compute in; `auto` is bfloat16 where the machine multiplies it in hardware."""
        if self.settings.precision != "auto":
            return self.settings.precision
        return "bfloat16" if torch.cuda.is_available() or fast_bfloat16() else "float32"

    def _teraflops(self) -> float:
        """Of one shape (generators.md, section 6): two evaluations a step but for the last, doubled by guidance."""
        evaluations = 2 * self.settings.steps - 1
        base = 0.1032 * evaluations * (1 if self.settings.guidance == 1 else 2)
        return base + (0.7219 * evaluations if UPSAMPLE in self.settings.models else 0)

    def _revisions(self, ready: _Ready) -> dict[str, str]:
        """Which weights of each network."""
        found = {BASE: ready.base.revision, "clip": self._encoder.revision()}
        return found | ({UPSAMPLE: ready.upsampler.revision} if ready.upsampler else {})


def _words(own: Wanted) -> str:
    """What the network is told."""
    return own.prompt or f"a {own.category}"


@lru_cache(maxsize=1)
def _load(folder: Path, models: tuple[str, ...], precision: str) -> _Ready:
    """The networks, once per process, on the graphics card where there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loaded: list[Loaded] = [read_network(folder, name) for name in models]
    for network, _ in loaded:
        network.to(device)
        if precision == "bfloat16":
            network.backbone.to(torch.bfloat16)
    return _Ready(loaded[0], loaded[1] if len(loaded) > 1 else None, device, precision)
