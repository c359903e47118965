"""Training of the `lite` teacher, only on renders of procedural shapes made on the fly.

gen3d train-teacher --out lite.safetensors                 # all grammars, about an hour on two cores
gen3d train-teacher --steps 50 --out /tmp/tiny.safetensors # a smoke run
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float16, Float32, Int16, Int64
from pydantic import Field
from torch import Tensor

from gen3d.categories import CATEGORIES
from gen3d.environment import fast_bfloat16
from gen3d.errors import SettingsError
from gen3d.generators.procedural import GRAMMARS
from gen3d.record import plain, refuse_other
from gen3d.rendering.cameras import Camera
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.points import PointsRenderer
from gen3d.rendering.view import View
from gen3d.settings import Settings
from gen3d.shape import Shape, unit, yaw
from gen3d.teachers.lite.network import LiteNetwork, geometry_images
from gen3d.teachers.lite.teacher import load_network, save_network

IGNORE = -1
HELD_OUT = 10_000_019  # seed of the shapes that score the teacher; training draws from other streams


class TeacherSettings(Settings):
    """Settings of `gen3d train-teacher`."""

    categories: tuple[str, ...] = tuple(GRAMMARS)
    widths: tuple[int, ...] = (24, 48, 96, 128)
    steps: int = Field(default=1200, ge=1)
    shapes_per_step: int = Field(default=6, ge=1)
    views_per_shape: int = Field(default=4, ge=1)
    size: int = Field(default=224, ge=32, multiple_of=16)
    lr: float = Field(default=2e-3, gt=0)
    balance: float = Field(default=0.25, ge=0, le=1, description="class weights: inverse frequency to this power")
    clouds: float = Field(default=0.2, ge=0, le=1, description="share of shapes seen as splatted clouds")
    workers: int = Field(default=1, ge=0, description="processes that make shapes and render them")
    held_out: int = Field(default=20, ge=1, description="fresh shapes per category for the score")
    start: str | None = Field(
        default=None, description="weights to go on from, of the same widths and of some or all of the categories"
    )
    shares: dict[str, float] = Field(default={}, description="how often a category is drawn; 1 where not named")
    seed: int = Field(default=0, ge=0)


def train_teacher(
    settings: TeacherSettings, path: Path, report: Callable[[int, float], None], overwrite: bool = False
) -> tuple[dict[str, float], bool]:
    """Train, save to `path`, and score on fresh shapes.

    Args:
        settings: see `TeacherSettings`.
        path: where the safetensors go.
        report: called with (step, loss) after every step.
        overwrite: train again, whatever is at `path`.

    Returns:
        Pixel mIoU per category on `held_out` shapes that training never saw; whether they were there already.

    Raises:
        SettingsError: `path` holds weights of other settings, or `start` weights of another form.
        InputError: `path` holds something else.
    """
    if path.exists() and not overwrite:
        return _trained_before(settings, path), True
    torch.manual_seed(settings.seed)
    offsets = _offsets(settings.categories)
    network, history = _fresh_or_started(settings)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), settings.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.lr, settings.steps + 1, pct_start=0.1)
    started = time.monotonic()
    for step, (images, labels, category) in enumerate(_batches(settings)):
        x = images.float().contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
            logits = network(x, category)
        loss = _loss(logits.float(), labels, category, offsets, settings.balance)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        report(step + 1, loss.item())
    scores = score_network(network, settings)
    record = settings.model_dump() | {
        "command": "gen3d train-teacher",
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    save_network(network, record | {"held_out_miou": scores, "history": history}, path)
    return scores, False


def _trained_before(settings: TeacherSettings, path: Path) -> dict[str, float]:
    """The scores kept with finished weights. Raises SettingsError where they are of other settings."""
    _, record = load_network(path)
    wanted = plain(settings.model_dump())
    refuse_other(path, {key: record.get(key) for key in wanted}, wanted)
    return record["held_out_miou"]


def _fresh_or_started(settings: TeacherSettings) -> tuple[LiteNetwork, list[dict]]:
    """The network to train, and the records of the training before. Raises SettingsError where they don't fit."""
    network = LiteNetwork(settings.widths, len(settings.categories), int(_offsets(settings.categories)[-1]))
    if settings.start is None:
        return network, []
    old, record = load_network(Path(settings.start))
    known = tuple(record["categories"])
    if not set(known) <= set(settings.categories) or tuple(record["widths"]) != settings.widths:
        raise SettingsError(
            f"start = {settings.start}: was trained with other widths, or with categories not named here"
        )
    network.load_state_dict(_grown(old.state_dict(), known, network.state_dict(), settings.categories))
    return network, [*record.pop("history", []), record]


def _grown(
    old: dict[str, Tensor], known: tuple[str, ...], new: dict[str, Tensor], categories: tuple[str, ...]
) -> dict[str, Tensor]:
    """The weights of `known` categories in a network of more: what is told per category or part goes to its new place.

    Further categories start from the mean of the known ones' scales and shifts, and with heads of their own.
    """
    place = [categories.index(name) for name in known]
    first = _offsets(categories)
    channel = np.concatenate([np.arange(first[p], first[p + 1]) for p in place])
    grown = {}
    for key, value in old.items():
        if key.endswith("film.weight"):
            grown[key] = value.mean(0).repeat(len(categories), 1)
            grown[key][place] = value
        elif key.startswith("head."):
            grown[key] = new[key].clone()
            grown[key][channel] = value
        else:
            grown[key] = value
    return grown


def _offsets(categories: tuple[str, ...]) -> Int64[np.ndarray, " C1"]:
    """First output channel of every category, and the number of channels."""
    return np.cumsum([0] + [len(CATEGORIES[c].parts) for c in categories])


def _loss(
    logits: Float32[Tensor, "B P h w"],
    labels: Int64[Tensor, "B h w"],
    category: Int64[Tensor, " B"],
    offsets: np.ndarray,
    balance: float,
) -> Float32[Tensor, ""]:
    """Cross-entropy over the parts of each image's own category; background is ignored.

    Weights help small parts at first, but make them spread into their neighbours (fins into fuselages): end without.
    """
    channel = torch.arange(logits.shape[1])
    first, last = torch.from_numpy(offsets[:-1])[category], torch.from_numpy(offsets[1:])[category]
    foreign = (channel < first[:, None]) | (channel >= last[:, None])  # (B, P)
    logits = logits.masked_fill(foreign[..., None, None], -1e4)
    target = torch.where(labels == IGNORE, IGNORE, labels + first[:, None, None])
    counts = torch.bincount(target[target != IGNORE], minlength=logits.shape[1]).clamp(min=1)
    present = target.unique().numel() - 1
    weight = (counts.sum() / (max(present, 1) * counts)).pow(balance).clamp(0.5, 4)
    return torch.nn.functional.cross_entropy(logits, target, weight, ignore_index=IGNORE)


def _batches(settings: TeacherSettings) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """`steps` batches of (images, half-size labels, category)."""
    data = RenderedShapes(settings)
    loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=settings.workers, prefetch_factor=None)
    if settings.workers:
        loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=settings.workers, prefetch_factor=4)
    yield from loader


class RenderedShapes(torch.utils.data.IterableDataset):
    """Endless fresh procedural shapes, seen from random cameras. Every batch has its own seed."""

    def __init__(self, settings: TeacherSettings) -> None:
        self.settings = settings

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = torch.utils.data.get_worker_info()
        start, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        torch.set_num_threads(1 if worker else torch.get_num_threads())
        for step in range(start, self.settings.steps, stride):
            yield self.batch(np.random.default_rng([self.settings.seed, step]))

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 5, H, W) float16 images, (B, H/2, W/2) int64 part labels with -1 = background, (B,) category."""
        s, rows = self.settings, []
        odds = np.array([s.shares.get(name, 1.0) for name in s.categories])
        for _ in range(s.shapes_per_step):
            index = int(rng.choice(len(s.categories), p=odds / odds.sum()))
            images, labels = rendered_shape(rng, s.categories[index], s)
            rows.append((images, labels, np.full(len(images), index)))
        images, labels, category = (np.concatenate(column) for column in zip(*rows, strict=True))
        i, j = rng.integers(2, size=2)  # an output pixel covers 2 x 2 input pixels: any of the four, none preferred
        half = labels[:, i::2, j::2].astype(np.int64)
        return torch.from_numpy(images), torch.from_numpy(half), torch.from_numpy(category.astype(np.int64))


def rendered_shape(
    rng: np.random.Generator, category: str, settings: TeacherSettings
) -> tuple[Float16[np.ndarray, "V 5 H W"], Int16[np.ndarray, "V H W"]]:
    """One fresh shape, distorted, from random cameras: images and part labels."""
    shape = GRAMMARS[category](rng).shape("x", category)
    shape = distorted(shape, rng)
    cameras = tuple(
        Camera(rng.uniform(-35, 60), rng.uniform(0, 360), size=settings.size) for _ in range(settings.views_per_shape)
    )
    if rng.random() < settings.clouds:
        cloud = shape.sampled(int(rng.integers(1500, 6000)), int(rng.integers(2**31)))
        views, element_labels = PointsRenderer(cameras).render(cloud), cloud.point_labels
    else:
        views, element_labels = EmbreeRenderer(cameras).render(shape), shape.face_labels
    assert element_labels is not None
    labels = np.stack([np.where(v.hit, element_labels[v.element], IGNORE) for v in views])
    images = geometry_images([_roughened(view, rng) for view in views])
    return images.numpy().astype(np.float16), labels.astype(np.int16)


def distorted(shape: Shape, rng: np.random.Generator) -> Shape:
    """The shape stretched along its axes, turned about +Y, and in a third of the cases tipped a little."""
    stretch = np.diag(np.exp(rng.uniform(-0.2, 0.2, 3)))
    rotation = yaw(rng.uniform(0, 360)) @ stretch
    if rng.random() < 0.33:
        tip = np.radians(rng.normal(0, 15))
        c, s = np.cos(tip), np.sin(tip)
        rotation = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ rotation
    return shape.transformed(rotation).normalised()


def _roughened(view: View, rng: np.random.Generator) -> View:
    """Real surfaces are lumpy: smooth random bumps on the normals in half of the views."""
    if rng.random() < 0.5:
        return view
    size = view.camera.size
    coarse = torch.from_numpy(rng.normal(0, rng.uniform(0.05, 0.35), (1, 3, int(rng.integers(8, 64)), 24)))
    bumps = torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear")[0].permute(1, 2, 0).numpy()
    normal = unit(view.normal + bumps * view.hit[..., None]).astype(np.float32)
    return View(view.camera, view.element, view.depth, normal, view.barycentric)


@torch.inference_mode()
def score_network(network: LiteNetwork, settings: TeacherSettings) -> dict[str, float]:
    """Pixel mIoU per category on fresh shapes: mean over parts of IoU pooled over all their views."""
    network.eval()
    offsets, scores = _offsets(settings.categories), {}
    for index, name in enumerate(settings.categories):
        parts = len(CATEGORIES[name].parts)
        table = np.zeros((parts, parts), np.int64)
        for number in range(settings.held_out):
            images, labels = rendered_shape(np.random.default_rng([HELD_OUT, index, number]), name, settings)
            x = torch.from_numpy(images).float().contiguous(memory_format=torch.channels_last)
            logits = network(x, torch.full((len(images),), index))[:, offsets[index] : offsets[index + 1]]
            best = logits.argmax(1).numpy().repeat(2, 1).repeat(2, 2)
            keep = labels != IGNORE
            table += np.bincount(labels[keep] * parts + best[keep], minlength=parts**2).reshape(parts, parts)
        union = table.sum(0) + table.sum(1) - table.diagonal()
        scores[name] = round(float((table.diagonal() / np.maximum(union, 1)).mean()), 4)
    return scores
