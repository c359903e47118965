"""The generator `point-e`: any text to a coloured cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field

from gen3d.environment import fast_bfloat16
from gen3d.errors import InputError
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
    """What is loaded for the first shape."""

    base: Loaded
    upsampler: Loaded | None
    device: torch.device


class PointEGenerator:
    """Clouds from a diffusion model that knows many words, but none of a category's parts: they carry no labels.

    One shape at a time: a batch would change the last bits, and the same seed must give the same bytes.

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
        self._ready: _Ready | None = None

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

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """One normalised cloud, unlabelled; the same seed, prompt, settings, weights and machine give the same bytes.

        Raises:
            MissingError, InputError: weights that are not there or can't be read.
            InputError: what the networks say is not finite, or has no size.
        """
        self._ready = ready = self._ready or self._load()
        words = prompt or f"a {category}"
        cloud = self._cloud(ready, words, seed)
        if not np.isfinite(cloud.points).all():
            raise InputError(f"{id}: the network's answer is not finite (NaN or Inf)")
        how = {"guidance": self.settings.guidance, "steps": self.settings.steps, "precision": self._precision(ready)}
        meta = {"prompt": words, "seed": seed, "generator": self.name, **how, "weights": self._revisions(ready)}
        shape = Shape(id, category, points=cloud.points, point_colors=cloud.colors, meta=meta)
        return shape.transformed(HOUSE).normalised()

    def _load(self) -> _Ready:
        """The networks, on the graphics card where there is one."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        loaded: list[Loaded] = [read_network(self.settings.folder, name) for name in self.settings.models]
        ready = _Ready(loaded[0], loaded[1] if len(loaded) > 1 else None, device)
        for network, _ in loaded:
            network.to(device)
            if self._precision(ready) == "bfloat16":
                network.backbone.to(torch.bfloat16)
        return ready

    def _cloud(self, ready: _Ready, words: str, seed: int) -> Cloud:
        """The cloud that belongs to the words and the seed."""
        base, upsampler = ready.base.network, ready.upsampler.network if ready.upsampler else None
        assert isinstance(base, TextDenoiser) and (upsampler is None or isinstance(upsampler, Upsampler))
        text = torch.from_numpy(self._encoder([words])).to(ready.device)
        how = Sampling(self.settings.steps, self.settings.guidance)
        (cloud,) = sample_clouds(base, upsampler, text, [torch.Generator().manual_seed(seed)], how)
        return cloud

    def _precision(self, ready: _Ready) -> str:
        """What the transformers compute in; `auto` is bfloat16 where the machine multiplies it in hardware."""
        if self.settings.precision != "auto":
            return self.settings.precision
        return "bfloat16" if ready.device.type == "cuda" or fast_bfloat16() else "float32"

    def _revisions(self, ready: _Ready) -> dict[str, str]:
        """Which weights of each network."""
        found = {BASE: ready.base.revision, "clip": self._encoder.revision}
        return found | ({UPSAMPLE: ready.upsampler.revision} if ready.upsampler else {})
