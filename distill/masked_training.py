"""The loop of self-supervised training: batches of clouds, most of each hidden, guessed from the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float32
from pydantic import Field
from torch import Tensor, nn

from distill.encoders import Encoder
from distill.masking import Autoencoder, chamfer, draw_mask, hidden_patches
from distill.parallel import Ranks, chosen_device
from distill.resuming import DAMAGE, moments, named, packed, prefixed, put_moments, unpacked
from distill.steps import cast_forward, compute_dtype, refuse_diverged, summed_step
from distill.students.point_ops import gather, stack
from distill.trainer import DistillSettings, augmented
from gen3d.errors import InputError
from gen3d.settings import Settings

WARM_UP = 0.1  # share of the steps
LOWEST = 0.01  # of the learning rate, at the end
CLIP = 1.0  # largest norm of a gradient
DIVERGED = "lower `lr` in a preset (pretrain: {lr: ...})"


class PretrainSettings(Settings):
    """Settings of `gen3d pretrain`."""

    student: str = "small"
    points: int = Field(default=2048, ge=512, description="per shape")
    depth: int = Field(default=6, ge=3, le=8, description="a cloud is cut into 2**depth patches")
    mask: float = Field(default=0.7, gt=0, le=0.9, description="share of the patches that are hidden")
    epochs: int = Field(default=60, ge=1)
    batch: int = Field(default=32, ge=1, description="shapes per step, of all processes that train together")
    accumulate: int = Field(
        default=1, ge=1, exclude=True, description="pieces of a process's share of a batch, one at a time; not recorded"
    )
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    yaw: float = Field(default=180.0, ge=0, le=180, description="augmentation, as in the settings of `gen3d distill`")
    tilt: float = Field(default=5.0, ge=0)
    stretch: float = Field(default=0.2, ge=0, lt=1)
    jitter: float = Field(default=0.0, ge=0)
    precision: str = Field(default="auto", pattern="^(auto|float32|bfloat16)$")
    device: str = Field(
        default="auto", pattern="^(auto|cpu|cuda)$", exclude=True, description="auto: a card if any; not recorded"
    )
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class PretrainEpoch:
    """One line of the log; `skipped` counts the steps whose loss or gradient was not finite, `lr` is the last rate."""

    epoch: int
    loss: float
    skipped: int
    lr: float | None = None


@dataclass
class MaskedTraining:
    """A training under way, which can be stopped after any epoch.

    Args:
        encoder: what is trained.
        settings: see `PretrainSettings`.
        log: of the epochs that are done.
    """

    encoder: Encoder
    settings: PretrainSettings
    log: list[PretrainEpoch] = field(default_factory=list)

    def __post_init__(self) -> None:
        """A fresh decoder and optimiser."""
        torch.manual_seed(self.settings.seed)
        self.device, self.ranks = chosen_device(self.settings.device), Ranks.here()
        self.model = Autoencoder(self.encoder, self.settings.points // 2**self.settings.depth).to(self.device)
        self.ranks.level(self.model)
        self.compute = compute_dtype(self.settings.precision, self.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), self.settings.lr, weight_decay=self.settings.weight_decay
        )

    def epochs(self, clouds: Float32[Tensor, "S N 3"]) -> Iterator[PretrainEpoch]:
        """Train the epochs that are left, one at a time.

        Random draws depend on the seed and the number of the epoch alone: one that was stopped ends as any other.

        Raises Gen3dError where an epoch has no finite step, or weights stop being finite.
        """
        settings, model = self.settings, self.model
        steps = -(-len(clouds) // settings.batch)
        for number in range(len(self.log) + 1, settings.epochs + 1):
            generator = _generator(settings.seed, number)
            losses, model = [], model.train()
            for step, index in enumerate(torch.randperm(len(clouds), generator=generator).split(settings.batch)):
                rate = settings.lr * rate_at(((number - 1) * steps + step) / (settings.epochs * steps))
                points = augmented(clouds[index], _augmentation(settings), generator)
                loss = self._step(self._losses(points, generator), rate)
                losses.append(math.nan if loss is None else loss)
            self.log.append(replace(_epoch(number, losses, model), lr=rate))
            yield self.log[-1]

    def _losses(self, points: Float32[Tensor, "B N 3"], generator: torch.Generator) -> Iterator[Float32[Tensor, ""]]:
        """The errors of the hidden patches of this process's pieces; over all processes they add up to the batch's."""
        mask = draw_mask(points, self.settings.depth, self.settings.mask, generator)
        visible, (centres, true) = gather(points, mask.visible), hidden_patches(points, mask)
        seen, device = visible.shape[1] / points.shape[1], self.device
        for piece, share in self.ranks.pieces(len(points), self.settings.accumulate):
            near = stack([self.encoder.prepare(cloud.numpy(), seen) for cloud in visible[piece]])[:].to(device)
            given = visible[piece].to(device), near, centres[piece].to(device)
            found = cast_forward(self.model, self.compute, *given)
            yield chamfer(found.float(), true[piece].to(device)) * share

    def _step(self, losses: Iterator[Float32[Tensor, ""]], rate: float) -> float | None:
        """One step at that learning rate, and the loss; None where it was not finite: then it changes no weight."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        return summed_step(self.model, self.optimiser, losses, CLIP)

    def to_bytes(self) -> bytes:
        """Weights, moments and log as safetensors, to go on from."""
        tensors = prefixed(self.model.state_dict(), "model") | prefixed(moments(self.optimiser), "moments")
        return packed(tensors, {"log": [asdict(epoch) for epoch in self.log]})

    def restore(self, data: bytes, name: str) -> None:
        """Inverse of `to_bytes`. Raises InputError naming `name` for anything else."""
        try:
            tensors, header = unpacked(data)
            log = [PretrainEpoch(**row) for row in header["log"]]
            self.model.load_state_dict(named(tensors, "model"))
            put_moments(self.optimiser, named(tensors, "moments"))
        except DAMAGE as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{name}: is no checkpoint of this training ({reason}); use --overwrite") from None
        self.log[:] = log


def rate_at(done: float) -> float:
    """Share of the learning rate once `done` of all steps are made: up in a straight line, down along a cosine."""
    if done < WARM_UP:
        return max(LOWEST, done / WARM_UP)
    return LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2


def _epoch(number: int, losses: list[float], model: nn.Module) -> PretrainEpoch:
    """The line of the log. Raises Gen3dError where the epoch taught nothing, or ruined the weights."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    refuse_diverged(model, number, len(finite), DIVERGED)
    return PretrainEpoch(number, float(np.mean(finite)), len(losses) - len(finite))


def _generator(seed: int, number: int) -> torch.Generator:
    """The source of all draws of one epoch."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))


def _augmentation(settings: PretrainSettings) -> DistillSettings:
    """The same in the words of the other trainer, whose augmentation is used."""
    shared = settings.model_dump(include={"yaw", "tilt", "stretch", "jitter"})
    return DistillSettings(category="any", **shared)
