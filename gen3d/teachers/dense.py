"""What pixel teachers share: views to a network's input, texts to tokens, features to scores of every pixel."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from gen3d.errors import InputError, SettingsError
from gen3d.quiet import quiet_transformers
from gen3d.rendering.view import View
from gen3d.teachers.features import Features
from gen3d.teachers.images import colors_of
from gen3d.teachers.predictions import PixelScores
from gen3d.teachers.pretrained import Loaded, Phrases, PretrainedTeacher

PREPROCESSOR = "preprocessor_config.json"
TOKENIZER = ("tokenizer.json|vocab.json|vocab.txt", "tokenizer_config.json")
NETWORK = ("config.json", "model.safetensors|pytorch_model.bin")
FILES = (*NETWORK, PREPROCESSOR, *TOKENIZER)


class DenseTeacher(PretrainedTeacher):
    """A teacher that compares features of patches with those of texts; see `gen3d.teachers.features.Featured`."""

    @abstractmethod
    def _patches(self, loaded: Loaded, views: Sequence[View]) -> Float[Tensor, "B h w D"]:
        """One vector of length 1 per patch."""

    @abstractmethod
    def _words(self, loaded: Loaded, asked: Phrases) -> Float[Tensor, "R D"]:
        """One vector of length 1 per part."""

    def _scoring(self) -> dict[str, Any]:
        """Options that are set and make scores alone, which features know nothing of."""
        return {}

    def features(self, views: list[View], category: str, prompts: tuple[str, ...]) -> Features:
        """What `predict` makes scores of; see `Featured`.

        Raises:
            SettingsError: see `check`; also for options that are for scores alone.
            MissingError, InputError: weights that are not there or can't be read, or features that are not finite.
            MemoryError: not even one view fits.
        """
        for option, value in self._scoring().items():
            raise SettingsError(f"{option} = {value!r}: is for the {self.name} teacher's scores; leave it out here")
        asked, loaded = self.asked(category, prompts), self._loaded()
        with torch.inference_mode():
            maps = self._fitting.run(lambda some: _as_maps(self._patches(loaded, some)), views)
            texts = self._words(loaded, asked).float().cpu().numpy()
        if not all(np.isfinite(values).all() for values in (*maps, texts)):
            raise InputError(f"features of the {self.name} teacher are not finite (NaN or Inf)")
        return Features(maps, texts)


def _as_maps(patches: Float[Tensor, "B h w D"]) -> list[Float32[np.ndarray, "D h w"]]:
    return list(patches.permute(0, 3, 1, 2).float().cpu().numpy())


def network_images(loaded: Loaded, views: Sequence[View], size: int) -> Float[Tensor, "B 3 S S"]:
    """The views' colours as a network's input: resized (bicubic, as CLIP was trained) and normalised.

    Args:
        loaded: its folder tells mean and deviation.
        views: square, all of one size.
        size: S, pixels.
    """
    if "normalisation" not in loaded.kept:
        loaded.kept["normalisation"] = _normalisation(loaded)
    mean, deviation = loaded.kept["normalisation"]
    images = colors_of(views, loaded)
    if images.shape[-1] != size:
        images = torch.nn.functional.interpolate(images, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
    return ((images - mean) / deviation).to(loaded.dtype)


def _normalisation(loaded: Loaded) -> tuple[Float[Tensor, "3 1 1"], Float[Tensor, "3 1 1"]]:
    """Mean and standard deviation of the colours that the network learnt from. Raises InputError."""
    path = loaded.folder / PREPROCESSOR
    try:
        known = json.loads(path.read_bytes())
        rows = [torch.tensor(known[name], dtype=torch.float32).reshape(3, 1, 1) for name in ("image_mean", "image_std")]
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: image_mean and image_std can't be read ({' '.join(str(error).split())})") from None
    return rows[0].to(loaded.device), rows[1].to(loaded.device)


def grid_size(resolution: int, patch: int) -> int:
    """Pixels of a network's input: whole patches, as many as cover the resolution."""
    return -(-resolution // patch) * patch


Encode = Callable[[dict[str, Tensor]], Tensor]  # from the tokens of T texts to (T, D) features


def text_features(loaded: Loaded, asked: Phrases, encode: Encode, **padding: Any) -> Float[Tensor, "R D"]:
    """One vector per part, the mean of those of its phrases; each is computed once per process.

    Args:
        loaded: its folder has the tokenizer.
        asked: phrases of every part.
        encode: the network's.
        padding: how the tokenizer is to pad.
    """
    if asked not in loaded.kept:
        texts = [text for some in asked for text in some]
        tokens = tokenizer_of(loaded)(texts, truncation=True, return_tensors="pt", **padding)
        features = encode({name: value.to(loaded.device) for name, value in tokens.items()}).float()
        loaded.kept[asked] = torch.stack([rows.mean(0) for rows in features.split([len(some) for some in asked])])
    return loaded.kept[asked]


def unit(vectors: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
    """The vectors at length 1."""
    return torch.nn.functional.normalize(vectors.float(), dim=-1)


def tokenizer_of(loaded: Loaded) -> Any:
    """The folder's tokenizer. Raises InputError where it can't be read."""
    if "tokenizer" not in loaded.kept:
        loaded.kept["tokenizer"] = _read_tokenizer(loaded.folder)
    return loaded.kept["tokenizer"]


def _read_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    with quiet_transformers():
        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(f"{folder}: the tokenizer can't be read ({' '.join(str(error).split())[:200]})") from None


def upsampled(maps: Float[Tensor, "B R h w"], size: int) -> Float[Tensor, "B R H W"]:
    """Maps of patches over the pixels of a view, bilinear between the patches' centres."""
    return torch.nn.functional.interpolate(maps.float(), (size, size), mode="bilinear", align_corners=False)


def pixel_scores(scores: Float[Tensor, "B R H W"], views: Sequence[View]) -> list[PixelScores]:
    """The scores as answers: 0 where a view shows nothing. What is not finite stays so, for the stage to refuse."""
    rows = scores.half().cpu().numpy()
    return [PixelScores(np.where(view.hit, row, np.float16(0))) for view, row in zip(views, rows, strict=True)]
