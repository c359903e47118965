"""Distilling knowledge into a student: forward from the teacher's confidences, then backward by re-scoring them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int16, Int64
from pydantic import Field, model_validator
from torch import Tensor, nn

from distill.augmentation import scaled_and_shifted
from distill.compilation import compiled
from distill.losses import class_weights, distillation_loss
from distill.parallel import Ranks, chosen_device
from distill.rescoring import Settled, rescore
from distill.rounds import Batches
from distill.selection import Best, split
from distill.steps import cast_forward, compute_dtype, refuse_diverged, summed_step
from distill.student import Student, normalised_clouds
from distill.students import ENCODED
from distill.students.point_ops import Neighbourhoods, stack
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.settings import Settings

RATE = 1.5e-3
ENCODER_RATE = 5e-4  # of a transformer three times as deep: at RATE its loss falls later
STRAY = 1e-3  # share of the pairs: so little of a part may be a teacher's slip, which re-scoring is there to undo
DIVERGED = (
    "nothing was saved; lower `lr` in a preset (distill: {lr: ...}), or verify the collection with `gen3d verify`"
)


class DistillSettings(Settings):
    """Settings of `gen3d distill`."""

    category: str
    data: str = Field(default="collection", pattern="^(collection|partdistill-h5)$", description="what is read")
    source: str = Field(default="generated", pattern="^(generated|real|mixed)$")
    teacher: str = "lite"
    student: str = "small"
    encoder: str | None = Field(default=None, description="from `gen3d pretrain` or `gen3d convert`; random if not set")
    finetune: bool = Field(default=False, description="point-m2ae: train the encoder too; it is frozen otherwise")
    ratio: float = Field(default=0.5, gt=0, lt=1, description="share of real shapes in the batches of mixed sources")
    fade: float = Field(
        default=0.8, ge=0, le=1, description="share of the training in which `ratio` falls to none; 0: it never does"
    )
    epochs: int = Field(default=20, ge=1)
    steps: int | None = Field(
        default=None, ge=1, description="batches per epoch; as many as hold every shape if not set"
    )
    batch: int = Field(default=16, ge=1, description="shapes per step, of all processes that train together")
    accumulate: int = Field(
        default=1, ge=1, exclude=True, description="pieces of a process's share of a batch, one at a time; not recorded"
    )
    lr: float = Field(default=RATE, gt=0, description="0.0005 for point-m2ae with `finetune`, if not set")
    weight_decay: float = Field(default=0.02, ge=0, description="of AdamW; 0 makes it plain Adam")
    schedule: str = Field(default="one-cycle", pattern="^(one-cycle|cosine)$", description="cosine: to lr / 100")
    clip: float | None = Field(default=1.0, gt=0, description="largest norm of a gradient; unset: any")
    backward: bool = Field(default=True, description="re-score the teacher once the loss has settled")
    after: float = Field(
        default=0.5, ge=0, le=1, description="share of the epochs before it re-scores, and a part to find; 0: its rule"
    )
    threshold: float = Field(default=0.01, gt=0, description="change of the mean epoch loss that counts as settled")
    augmentation: str = Field(default="turned", pattern="^(turned|released)$", description="released: never turns")
    yaw: float = Field(default=180.0, ge=0, le=180, description="augmentation: turn about +Y by up to so many degrees")
    tilt: float = Field(default=5.0, ge=0, description="augmentation: standard deviation of a tilt, degrees")
    stretch: float = Field(default=0.2, ge=0, lt=1, description="augmentation: (log-)scale per axis, up to")
    shift: float = Field(default=0.1, ge=0, description="augmentation: shift per axis, radii, up to; released only")
    jitter: float = Field(default=0.005, ge=0, description="augmentation: standard deviation of noise, radii")
    precision: str = Field(default="auto", pattern="^(auto|float32|bfloat16)$")
    device: str = Field(
        default="auto", pattern="^(auto|cpu|cuda)$", exclude=True, description="auto: a card if any; not recorded"
    )
    compile: bool = Field(default=False, description="torch.compile the step: takes minutes, no faster on CPUs tried")
    select: str = Field(default="last", pattern="^(last|validation)$", description="which epoch is kept")
    held_out: float = Field(default=0.1, gt=0, lt=1, description="share of the shapes that validation is on")
    other: bool = Field(default=False, description='learn an output "other" from points that no unit covers')
    points: int = Field(default=2048, ge=512, description="per shape of partdistill-h5 data")
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _slower_where_an_encoder_is_trained(cls, values: Any) -> Any:
        """A rate of Point-M2AE's own where none is set; records show it as if it had been set."""
        whole = isinstance(values, dict) and values.get("student") == ENCODED and values.get("finetune") is True
        return {"lr": ENCODER_RATE} | values if whole else values


@dataclass
class TrainingSet:
    """Everything the loop needs of S shapes, in memory.

    Args:
        points: (S, N, 3) float32.
        target: (S, N, R) float32, folded units.
        pairs: (S, R) int64, (point, unit) pairs of every part.
        near: neighbourhoods with leading S.
        knowledge: of every shape, for re-scoring: parts and packed masks alone, N / 8 bytes a unit. This is all that
            grows with views or boxes; no step touches it.
        source: (S,) int64, the number of the source that each shape comes from; all 0 where there is only one.
        labels: (S, N) int16, the student's part of every point that the targets were re-scored by; None before.
    """

    points: Float32[Tensor, "S N 3"]
    target: Float32[Tensor, "S N R"]
    pairs: Int64[Tensor, "S R"]
    near: Neighbourhoods
    knowledge: list[Knowledge]
    source: Int64[Tensor, " S"]
    labels: Int16[Tensor, "S N"] | None = None

    @classmethod
    def build(cls, sources: Sequence[list[Knowledge]], student: Student) -> TrainingSet:
        """From one or more sources' knowledge, over the same number of points per shape.

        Raises InputError if there is no unit at all, or for other numbers of points.
        """
        knowledge = [k for source in sources for k in source]
        if not any(len(k.part) for k in knowledge):
            raise InputError("the knowledge has no unit at all: no part is visible in any view; nothing to distil")
        sizes = sorted({len(k.points) for k in knowledge})
        if len(sizes) > 1:
            found = ", ".join(map(str, sizes))
            raise InputError(f"knowledge is on different numbers of points ({found}); label all with the same --points")
        folded = [_folded(k, len(student.parts)) for k in knowledge]
        return cls(
            points=torch.from_numpy(np.stack([k.points for k in knowledge])),
            target=torch.from_numpy(np.stack([target for target, _ in folded])),
            pairs=torch.from_numpy(np.stack([pairs for _, pairs in folded])),
            near=stack([student.network.prepare(k.points) for k in knowledge]),  # type: ignore[operator]
            knowledge=[replace(k, scores=None) for k in knowledge],
            source=torch.repeat_interleave(torch.tensor([len(source) for source in sources])),
        )

    def rescored(self, student: Student, stray: float = STRAY) -> bool:
        """Replace the teacher's confidences by the student's agreement (backward distillation).

        Args:
            student: the one in training.
            stray: a part with a smaller share of the pairs need not be found.

        Returns:
            Whether it was done. A student that has not found one of the parts yet, as early in training, would wipe
            out all that the teacher says of it: then nothing changes.
        """
        labels = self._labelled(student.network)
        named = self.pairs.sum(0) > stray * self.pairs.sum()
        found = np.bincount(labels.flatten(), minlength=len(named)) > 0
        if not found[named.numpy()].all():
            return False
        self.rescore_by(labels)
        return True

    def rescore_by(self, labels: Int16[Tensor, "S N"]) -> None:
        """Replace the teacher's confidences by how far these labels agree with it."""
        for i, knowledge in enumerate(map(replace, self.knowledge)):  # copies: their unpacked masks are not kept
            confidence = rescore(knowledge, labels[i].numpy())
            self.target[i] = torch.from_numpy(knowledge.target(self.target.shape[2], confidence))
        self.labels = labels

    def _labelled(self, network: nn.Module) -> Int16[Tensor, "S N"]:
        """The student's part of every point. Each process that trains labels its share of the shapes."""
        device, ranks = next(network.parameters()).device, Ranks.here()
        found = torch.zeros(self.points.shape[:2], dtype=torch.int32)  # what can be added up over processes
        for i in ranks.share(len(found)):
            with torch.inference_mode():
                points = normalised_clouds(self.points[i : i + 1]).to(device)
                found[i] = network(points, self.near[i : i + 1].to(device))[0].argmax(-1).int().cpu()
        ranks.add(found)
        return found.short()


def _folded(knowledge: Knowledge, parts: int) -> tuple[Float32[np.ndarray, "N R"], Int64[np.ndarray, " R"]]:
    """Target and pairs of one shape, made on a copy so that its unpacked mask does not stay in memory."""
    passing = replace(knowledge)
    return passing.target(parts), passing.pairs(parts)


@dataclass(frozen=True)
class Epoch:
    """One line of the log.

    Args:
        skipped: steps whose loss or gradient was not finite.
        empty: batches without any unit; their loss is 0.
        validation: the loss on held-out shapes, where there are.
        lr: the learning rate at its end.
    """

    epoch: int
    loss: float
    rescored: bool
    seconds: float
    skipped: int = 0
    empty: int = 0
    validation: float | None = None
    lr: float | None = None


def distil(
    student: Student, data: TrainingSet, settings: DistillSettings, report: Callable[[Epoch], None]
) -> list[Epoch]:
    """Train `student` in place on `data`; no label is looked at.

    The last epoch is what is kept, or with `select = "validation"` the one with the least loss on held-out shapes.

    A step whose loss or gradient is not finite changes nothing and is counted.

    Args:
        student: a fresh one.
        data: its points, folded targets and neighbourhoods; targets change when re-scoring starts.
        settings: see `DistillSettings`.
        report: called after every epoch.

    Raises:
        Gen3dError: a whole epoch without a finite step, or weights that are not finite: nothing to be kept.
    """
    training = Training(student, data, settings)
    for epoch in training.epochs():
        report(epoch)
    training.finish()
    return training.log


class Training:
    """A distillation under way, which can be stopped after any epoch and gone on with; see `distil` and `states`.

    Of processes that train together each computes its pieces of every batch, and all take the same steps.

    Args:
        student: a fresh one.
        data: see `distil`.
        settings: see `DistillSettings`.
    """

    def __init__(self, student: Student, data: TrainingSet, settings: DistillSettings) -> None:
        self.student, self.data, self.settings, self.ranks = student, data, settings, Ranks.here()
        self.device = chosen_device(settings.device)
        self.network = student.network.to(self.device)
        self.ranks.level(self.network)
        self.compute = compute_dtype(settings.precision, self.device)
        share = settings.held_out if settings.select == "validation" else 0
        self.kept, self.held = split(data.source, data.pairs.any(1), share, settings.seed)
        self.steps = settings.steps or -(-len(self.kept) // settings.batch)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), settings.lr, weight_decay=settings.weight_decay)
        self.schedule = rate_schedule(self.optimiser, settings, self.steps)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.batches = _batches(data.source[self.kept], settings, self.generator, settings.epochs * self.steps)
        self.best, self.log, self.rescored = Best(), list[Epoch](), False
        self._settled, self._is_settled = Settled(settings.threshold), False
        self._forward = compiled(cast_forward) if settings.compile else cast_forward

    def epochs(self) -> Iterator[Epoch]:
        """Train the epochs that are left, one at a time. Raises Gen3dError where one taught nothing."""
        for number in range(len(self.log) + 1, self.settings.epochs + 1):
            self._rescore_if_due()
            self.network.train()
            started, total, seen, skipped, empty = time.monotonic(), 0.0, 0, 0, 0
            for index in (self.kept[place] for place in islice(self.batches, self.steps)):
                empty += not self.data.pairs[index].any()
                loss = summed_step(self.network, self.optimiser, self._losses(index), self.settings.clip)
                if loss is None:
                    skipped += 1
                    continue
                self.schedule.step()
                total, seen = total + loss * len(index), seen + len(index)
            refuse_diverged(self.network, number, seen, DIVERGED)
            self.network.eval()
            validation, rate = self._validation(), float(self.schedule.get_last_lr()[0])
            seconds = time.monotonic() - started
            row = Epoch(number, total / seen, self.rescored, seconds, skipped, empty, validation, rate)
            self.take(row)
            self.best.offer(self.network, validation, self.rescored)
            yield row

    def take(self, row: Epoch) -> None:
        """Enter an epoch in the log."""
        self.log.append(row)
        self._is_settled |= self._settled.update(row.loss)

    def finish(self) -> None:
        """Leave the student with the weights that are kept, where it was."""
        self.best.restore(self.network)
        self.network.eval().to("cpu")

    def _rescore_if_due(self) -> None:
        """Backward distillation, once the loss has settled and not before its time."""
        late = len(self.log) >= self.settings.after * self.settings.epochs
        if self.settings.backward and self._is_settled and not self.rescored and late:
            self.network.eval()
            self.rescored = self.data.rescored(self.student, STRAY if self.settings.after else 1.0)

    def _losses(self, index: Int64[Tensor, " B"]) -> Iterator[Float32[Tensor, ""]]:
        """Of this process's pieces of a batch, which over all processes add up to the batch's own.

        What is drawn or counted is so for the whole batch, everywhere: that is what makes the sum the same.
        """
        data, device = self.data, self.device
        points = augmented(data.points[index], self.settings, self.generator)
        weights = class_weights(data.pairs[index].sum(0)).to(device)
        for piece, share in self.ranks.pieces(len(index), self.settings.accumulate):
            near = data.near[index[piece]].to(device)
            logits = self._forward(self.network, self.compute, points[piece].to(device), near)
            yield distillation_loss(logits.float(), data.target[index[piece]].to(device), weights) * share

    @torch.no_grad()
    def _validation(self) -> float | None:
        """The teacher's loss on the held-out shapes as they stand, class weights over all of them; None without any."""
        if not len(self.held):
            return None
        data, device = self.data, self.device
        weights, batches = class_weights(data.pairs[self.held].sum(0)).to(device), self.held.split(self.settings.batch)
        losses = torch.zeros(len(batches), dtype=torch.float64)
        for i in self.ranks.share(len(batches)):
            points, near = normalised_clouds(data.points[batches[i]]).to(device), data.near[batches[i]].to(device)
            logits = cast_forward(self.network, self.compute, points, near)
            losses[i] = distillation_loss(logits.float(), data.target[batches[i]].to(device), weights).item()
        self.ranks.add(losses)
        total = sum(loss * len(index) for loss, index in zip(losses.tolist(), batches, strict=True))
        return total / len(self.held)


def rate_schedule(
    optimiser: torch.optim.Optimizer, settings: DistillSettings, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rate, step by step; `cosine` falls to a hundredth once an epoch (method.md, section 6)."""
    lr, epochs = settings.lr, settings.epochs
    if settings.schedule == "cosine":

        def share(step: int) -> float:
            return 0.01 + 0.99 * (1 + math.cos(math.pi * (step // steps) / epochs)) / 2

        return torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    total = epochs * steps + 1
    total += total == 10  # a tenth of 10 is a rise of no step at all, by whose length torch divides
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total, pct_start=0.1)


def augmented(
    points: Float32[Tensor, "B N 3"], settings: DistillSettings, generator: torch.Generator
) -> Float32[Tensor, "B N 3"]:
    """The clouds stretched per axis, turned about +Y, tilted a little, jittered and normalised again.

    With `augmentation = "released"`: see `scaled_and_shifted`. Neighbourhoods stay those of the clouds as they were:
    turns keep them, stretches nearly; jitter puts others among the nearest (docs/distill.md has figures).
    """
    if settings.augmentation == "released":
        return scaled_and_shifted(points, settings.stretch, settings.shift, settings.jitter, generator)
    batch = len(points)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * 2 - 1

    angle = torch.deg2rad(uniform(batch) * settings.yaw)
    tilt = torch.randn(batch, 3, generator=generator) * np.radians(settings.tilt)
    tilt[:, 1] = angle
    rotation = torch.linalg.matrix_exp(_skew(tilt * torch.tensor([1.0, 0.0, 1.0]))) @ torch.linalg.matrix_exp(
        _skew(tilt * torch.tensor([0.0, 1.0, 0.0]))
    )
    scale = torch.exp(uniform(batch, 1, 3) * settings.stretch)
    moved = (points * scale) @ rotation.transpose(1, 2)
    moved = moved + torch.randn(moved.shape, generator=generator) * settings.jitter
    return normalised_clouds(moved)


def _skew(vector: Float32[Tensor, "B 3"]) -> Float32[Tensor, "B 3 3"]:
    """Cross-product matrices; their exponential is the rotation about the vector by its length."""
    x, y, z = vector.unbind(1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3)


def _batches(source: Int64[Tensor, " S"], settings: DistillSettings, generator: torch.Generator, total: int) -> Batches:
    """Batches of one source or two; of two, `ratio` of a batch, at least one shape and not all, is of the second.

    With `fade` that share falls evenly to none: the teacher's answers on real shapes, on which it was never trained,
    shape the features early, and the cleaner ones on generated shapes settle the borders at the end.

    Args:
        total: batches of the whole training.
    """
    return Batches(source, settings.batch, partial(_of_second, settings, total), generator)


def _of_second(settings: DistillSettings, total: int, number: int) -> int:
    """How many shapes of a batch are of the second source."""
    most = min(max(round(settings.batch * settings.ratio), 1), settings.batch - 1)
    left = max(0.0, 1 - number / (settings.fade * total)) if settings.fade else 1.0
    return round(most * left)
