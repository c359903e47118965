"""The embedded `lite` teacher: finds the parts it was trained on in rendered views. It is not CLIP."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from gen3d.categories import category as known_category
from gen3d.environment import fast_bfloat16
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.rendering.view import View
from gen3d.storage import atomic_write
from gen3d.teachers.lite.network import LiteNetwork, geometry_images
from gen3d.teachers.predictions import Boxes, PixelScores, boxes_from_pixels

WEIGHTS = Path(__file__).with_name("lite.safetensors")


class LiteTeacher:
    """Trained only on renders of procedural shapes (`gen3d train-teacher`), with the weights that ship in the package.

    Args:
        weights: a file written by `save_network`.
        boxes: give `Boxes` instead of `PixelScores`.
    """

    def __init__(self, weights: Path = WEIGHTS, boxes: bool = False) -> None:
        self.name, self.kind = ("lite-boxes", "box") if boxes else ("lite", "pixel")
        state = (weights.stat().st_mtime_ns, weights.stat().st_size) if weights.is_file() else None
        self.network, self.settings = _ready(weights, state)
        self.categories: tuple[str, ...] = tuple(self.settings["categories"])

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Raise SettingsError, listing the known ones, for a category or part it was not trained on."""
        self._channels(category, prompts)

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores] | list[Boxes]:
        """Scores of the prompts in every view: softmax over the category's parts, of which `prompts` are shown.

        Args:
            views: square ones, of any size.
            category: one that the weights cover.
            prompts: part names or synonyms of that category, in any order.

        Raises:
            SettingsError: unknown category or part name; lists the known ones.
        """
        channels = self._channels(category, prompts)
        pixels = [PixelScores(s) for s in self._scores(views, category, channels)]
        return [boxes_from_pixels(p) for p in pixels] if self.kind == "box" else pixels

    def _channels(self, category: str, prompts: tuple[str, ...]) -> list[int]:
        """Index of each prompt among the category's parts."""
        if category not in self.categories:
            raise SettingsError(f"the lite teacher does not know {category!r}; it knows: {', '.join(self.categories)}")
        return [known_category(category).part_index(prompt) for prompt in prompts]

    @torch.inference_mode()
    def _scores(self, views: list[View], category: str, channels: list[int]) -> list[np.ndarray]:
        size = views[0].camera.size
        images = geometry_images(views)
        step = 2 ** len(self.settings["widths"])
        pad = -size % step
        images = torch.nn.functional.pad(images, (0, pad, 0, pad)).contiguous(memory_format=torch.channels_last)
        index = self.categories.index(category)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
            logits = self.network(images, torch.full((len(views),), index))
        first = sum(len(known_category(c).parts) for c in self.categories[:index])
        logits = logits[:, first : first + len(known_category(category).parts)].float()
        logits = torch.nn.functional.interpolate(logits, scale_factor=2.0, mode="bilinear")[..., :size, :size]
        scores = logits.softmax(1)[:, channels].half().numpy()
        return [s * view.hit for s, view in zip(scores, views, strict=True)]


@lru_cache(maxsize=2)
def _ready(weights: Path, state: tuple[int, int] | None) -> tuple[LiteNetwork, dict]:
    """A file's network, to be asked and not changed: loaded once per process and state of the file (time, size)."""
    network, settings = load_network(weights)
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, settings


def save_network(network: LiteNetwork, settings: dict, path: Path) -> None:
    """Weights as float16 safetensors; the settings and the command that made them go into the header."""
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    atomic_write(path, save({k: v.contiguous() for k, v in tensors.items()}, {"settings": json.dumps(settings)}))


def load_network(path: Path) -> tuple[LiteNetwork, dict]:
    """Inverse of `save_network`. Raises MissingError, or InputError for a file that is none."""
    if not path.is_file():
        raise MissingError(f"{path}: no such weights; reinstall gen3d, or make them with `gen3d train-teacher`")
    try:
        with safe_open(path, "pt") as file:
            settings = json.loads(file.metadata()["settings"])
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118  (not a dict)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not weights of the lite teacher ({error})") from None
    parts = sum(len(known_category(c).parts) for c in settings["categories"])
    network = LiteNetwork(tuple(settings["widths"]), len(settings["categories"]), parts)
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    return network, settings
