"""The generator `point-e`: any text to a coloured cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from gen3d.batches import Batch, usual_batch
from gen3d.environment import chosen_precision
from gen3d.errors import InputError
from gen3d.generators import Wanted
from gen3d.generators.ahead import made_alone
from gen3d.generators.expected import duration
from gen3d.generators.point_e.clouds import HOUSE, Cloud, Sampling, sample_clouds
from gen3d.generators.point_e.meshes import cloud_mesh, mesh_operations
from gen3d.generators.point_e.networks import MODELS, Denoiser, SignedDistance, TextDenoiser, Upsampler
from gen3d.generators.point_e.text import ClipText, TextEncoder
from gen3d.generators.point_e.weights import Loaded, missing, read_network
from gen3d.heading import faced
from gen3d.isosurface import check_library
from gen3d.settings import Settings, resolve
from gen3d.shape import Shape

FOLDER = "gen3d/point-e"  # of the weights, below the user's cache
BASE, UPSAMPLE, SDF = "base40M-textvec", "upsample", "sdf"


class PointESettings(Settings):
    """What can be set of Point-E; the defaults are as published."""

    weights: str | None = Field(default=None, description="folder of converted weights; None: in the user's cache")
    guidance: float = Field(default=3.0, ge=1, le=100, description="how much the text counts; 1 is once")
    steps: int = Field(default=64, ge=1, le=1000, description="per stage; 16 are four times as fast and coarser")
    points: Literal[1024, 4096] = Field(default=4096, description="1024 leave the upsampler out")
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    mesh: bool = Field(default=False, description="a surface around each cloud instead of its points")
    resolution: int | None = Field(
        default=None, ge=8, le=512, description="of the mesh's grid; None: 128, 32 is coarse"
    )
    heading: Literal["auto", "keep"] = Field(default="auto", description="auto: turned to face +Z, by its category")
    batch: int | None = Field(default=None, ge=1, le=4096, description="clouds at once; None: 32 on a GPU, else 1")

    @field_validator("resolution")
    @classmethod
    def _of_a_mesh(cls, value: int | None, info: Any) -> int | None:
        """Refused where it would have no effect."""
        if value is not None and not info.data.get("mesh"):
            raise PydanticCustomError("idle", "has no effect on a cloud; ask for a mesh with --mesh")
        return value

    @property
    def folder(self) -> Path:
        """Where the weights are."""
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return Path(self.weights or f"{cache}/{FOLDER}").expanduser()

    @property
    def models(self) -> list[str]:
        """The networks that are needed."""
        return [BASE, *([UPSAMPLE] if self.points > 1024 else []), *([SDF] if self.mesh else [])]

    @property
    def grid(self) -> int:
        """Places along each side of the mesh's grid."""
        return self.resolution or 128


class _Ready(NamedTuple):
    """What is loaded, and where it computes."""

    networks: dict[str, Loaded]
    device: torch.device


class PointEGenerator:
    """Clouds, or meshes around them, from a diffusion model that knows many words, but no part: they carry no labels.

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
        self.batch = usual_batch(self.settings.batch)
        self._fitting = Batch(self.batch)

    def tuned(self, options: Mapping[str, Any]) -> PointEGenerator:
        """With those of `PointESettings`. Raises SettingsError."""
        return PointEGenerator(resolve(PointESettings, **options), self._text)

    def check(self, category: str, prompt: str | None = None) -> None:
        """Raise MissingError, saying which and from where, unless all weights are there; any text will do."""
        self._check_networks()
        self._encoder.check()

    def download(self) -> None:
        """CLIP's weights alone: the official ones of Point-E are no safetensors. Raises MissingError."""
        self._check_networks()
        self._encoder.download()

    def slow(self) -> str | None:
        """The minutes a shape takes where there is no GPU."""
        if torch.cuda.is_available():
            return None
        return duration(self.name, 1e12 * self._teraflops(), self._precision() == "bfloat16")

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """One normalised shape, unlabelled; the same seed, prompt, settings, weights and machine give the same bytes.

        Raises:
            MissingError, InputError: weights that are not there or can't be read.
            InputError: what the networks say is not finite, or has no size or no surface.
        """
        return made_alone(self, Wanted(category, seed, id, prompt))

    def generate_many(self, wanted: Sequence[Wanted]) -> list[Shape | InputError]:
        """As `generate` for each; an answer that is not finite is that shape's error. Raises likewise."""
        ready = _load(self.settings.folder, tuple(self.settings.models), self._precision())
        clouds = self._fitting.run(lambda some: self._clouds(ready, some), wanted)
        meta = self._how() | {"weights": self._revisions(ready)}
        return [self._made(ready, own, cloud, meta) for own, cloud in zip(wanted, clouds, strict=True)]

    def _check_networks(self) -> None:
        """Raise MissingError unless all weights but CLIP's are there."""
        folder = self.settings.folder
        lacking = [name for name in self.settings.models if not (folder / f"{MODELS[name].file}.safetensors").is_file()]
        if lacking:
            raise missing(folder, lacking)
        if self.settings.mesh:
            check_library()

    def _clouds(self, ready: _Ready, wanted: Sequence[Wanted]) -> list[Cloud]:
        """The clouds that belong to words and seeds."""
        base, upsampler = ready.networks[BASE].network, None
        if UPSAMPLE in ready.networks:
            upsampler = ready.networks[UPSAMPLE].network
        assert isinstance(base, TextDenoiser) and (upsampler is None or isinstance(upsampler, Upsampler))
        text = torch.from_numpy(self._encoder([own.words for own in wanted])).to(ready.device)
        noise = [torch.Generator().manual_seed(own.seed) for own in wanted]
        return sample_clouds(base, upsampler, text, noise, Sampling(self.settings.steps, self.settings.guidance))

    def _made(self, ready: _Ready, own: Wanted, cloud: Cloud, how: dict[str, Any]) -> Shape | InputError:
        """In the house's frame, or that shape's error."""
        if not np.isfinite(cloud.points).all():
            return InputError(f"{own.id}: the network's answer is not finite (NaN or Inf)")
        meta = {"prompt": own.words, "seed": own.seed, "generator": self.name, **how}
        try:
            shape = Shape(own.id, own.category, meta=meta, **self._geometry(ready, cloud))
            shape = shape.transformed(HOUSE).normalised()
        except InputError as error:
            return error if str(error).startswith(own.id) else InputError(f"{own.id}: {error}")
        return faced(shape, own.seed) if self.settings.heading == "auto" else shape

    def _geometry(self, ready: _Ready, cloud: Cloud) -> dict[str, Any]:
        """Fields of a shape: the cloud, or the mesh around it. Raises InputError (the reason only)."""
        if not self.settings.mesh:
            return {"points": cloud.points, "point_colors": cloud.colors}
        network = ready.networks[SDF].network
        assert isinstance(network, SignedDistance)
        mesh = cloud_mesh(network, cloud, self.settings.grid)
        return {"vertices": mesh.vertices, "faces": mesh.faces, "vertex_colors": mesh.colors}

    def _how(self) -> dict[str, Any]:
        """What is kept beside every shape."""
        how = {"guidance": self.settings.guidance, "steps": self.settings.steps, "precision": self._precision()}
        return how | ({"resolution": self.settings.grid} if self.settings.mesh else {})

    def _precision(self) -> str:
        """What the transformers compute in."""
        return chosen_precision(self.settings.precision)

    def _teraflops(self) -> float:
        """Of one shape (generators.md, section 6): two evaluations a step but for the last, doubled by guidance."""
        evaluations = 2 * self.settings.steps - 1
        base = 0.1032 * evaluations * (1 if self.settings.guidance == 1 else 2)
        more = 0.7219 * evaluations if UPSAMPLE in self.settings.models else 0
        mesh = mesh_operations(self.settings.grid, self.settings.points) / 1e12 if self.settings.mesh else 0
        return base + more + mesh * (4 if self._precision() == "bfloat16" else 1)  # a mesh is always made in float32

    def _revisions(self, ready: _Ready) -> dict[str, str]:
        """Which weights of each network."""
        return {name: loaded.revision for name, loaded in ready.networks.items()} | {"clip": self._encoder.revision()}


@lru_cache(maxsize=1)
def _load(folder: Path, models: tuple[str, ...], precision: str) -> _Ready:
    """The networks, once per process, on the graphics card where there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loaded = {name: read_network(folder, name) for name in models}
    for network, _ in loaded.values():
        network.to(device)
        if precision == "bfloat16" and isinstance(network, Denoiser):
            network.backbone.to(torch.bfloat16)
    return _Ready(loaded, device)
