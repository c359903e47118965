"""What all teachers with pretrained weights share: finding and loading them, precision, batches, prompts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from safetensors import SafetensorError

from gen3d.batches import Batch, usual_batch
from gen3d.environment import INSTALL_PRETRAINED, chosen_precision
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.hub import Weights, find_weights, first_of, revision_of
from gen3d.quiet import quiet_transformers
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.settings import Settings, resolve
from gen3d.teachers.predictions import Predictions
from gen3d.teachers.prompts import phrases

Phrases = tuple[tuple[str, ...], ...]  # per part, those that mean it
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


class PretrainedSettings(Settings):
    """What can be set of every pretrained teacher; each adds its own, or another default."""

    weights: str | None = Field(default=None, description="folder in the Hub's layout; None: the Hub's cache")
    model: str | None = Field(default=None, description="one of the teacher's own sizes, or a model's id on the Hub")
    revision: str | None = Field(default=None, description="commit, branch or tag on the Hub")
    precision: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    batch: int | None = Field(default=None, ge=1, le=4096, description="views at once; None: 32 on a GPU, else 1")
    prompt_style: str = Field(default="names", description="see `gen3d.teachers.prompts`")
    look: Literal["shaded", "normals", "depth", "realistic-depth"] = Field(
        default="shaded", description="of the views, see `gen3d.rendering.styles`"
    )


class Loaded:
    """A network on its device.

    Args:
        network: in evaluation mode.
        folder: with its configuration and tokenizer.
        dtype: that it computes in.
    """

    def __init__(self, network: Any, folder: Path, dtype: torch.dtype) -> None:
        self.network, self.folder, self.dtype = network, folder, dtype
        self.device = next(network.parameters()).device
        self.kept: dict[Any, Any] = {}  # what is computed once per process, such as the features of texts


class PretrainedTeacher(ABC):
    """A teacher with weights from a folder or the Hub. It understands any words and any category.

    On a processor it works view by view: there a batch is no faster, and changes the last bits.

    A teacher says with class attributes what it is, and answers for a few views in `_answers`.

    Args:
        settings: see `Options`.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    any_words: ClassVar[bool] = True
    style: ViewStyle = ViewStyle()  # views that suit it, but for the look, which is the settings'
    Options: ClassVar[type[PretrainedSettings]] = PretrainedSettings
    MODELS: ClassVar[Mapping[str, Weights]]  # by size; the first is the default

    def __init__(self, settings: PretrainedSettings | None = None) -> None:
        self.settings = settings or self.Options()
        self.style = replace(type(self).style, look=self.settings.look)
        self.batch = usual_batch(self.settings.batch)
        self._fitting = Batch(self.batch)

    @abstractmethod
    def _network(self) -> type[Any]:
        """The class of transformers that the weights are of."""

    @abstractmethod
    def _answers(self, loaded: Loaded, views: Sequence[View], category: str, asked: Phrases) -> Predictions:
        """One answer per view; no view's may depend on the others."""

    def tuned(self, options: Mapping[str, Any]) -> PretrainedTeacher:
        """The same with these of `Options`. Raises SettingsError for others, or a wrong value."""
        return type(self)(resolve(self.Options, **options))

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Raise SettingsError for words it can't be asked, MissingError where an extra or weights are not there."""
        self.asked(category, prompts)
        if find_spec("transformers") is None:
            raise MissingError(f"the {self.name} teacher needs transformers; install it with `{INSTALL_PRETRAINED}`")
        self._folder()

    def download(self) -> None:
        """Get weights that are not there into the Hub's cache, unless the user is offline. Raises MissingError."""
        self._folder(download=True)

    def load(self) -> None:
        """Load the network, once per process. Raises MissingError, or InputError for weights that can't be read."""
        self._loaded()

    def asked(self, category: str, prompts: tuple[str, ...]) -> Phrases:
        """What is asked for each of the words. Raises SettingsError."""
        return phrases(self.settings.prompt_style, category, prompts)

    def how(self, category: str, prompts: tuple[str, ...]) -> dict[str, Any]:
        """What is kept beside knowledge: which weights in which precision were asked for what."""
        weights, folder = self._weights(), self._folder()
        shared = set(PretrainedSettings.model_fields) - {"look"}
        own = self.settings.model_dump(exclude=shared, exclude_defaults=True)
        return own | {
            "model": weights.repo if self.settings.weights is None else folder.name,
            "revision": revision_of(weights, folder),
            "precision": self._precision(),
            "prompts": [list(texts) for texts in self.asked(category, prompts)],
        }

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> Predictions:
        """One answer per view; R = len(prompts), in their order.

        Raises:
            SettingsError: see `check`.
            MissingError, InputError: weights that are not there or can't be read.
            MemoryError: not even one view fits.
        """
        asked, loaded = self.asked(category, prompts), self._loaded()
        with torch.inference_mode():
            return self._fitting.run(lambda some: list(self._answers(loaded, some, category, asked)), views)

    def _weights(self) -> Weights:
        """Those that the settings name."""
        name, default = self.settings.model, next(iter(self.MODELS.values()))
        if name is None or name in self.MODELS:
            weights = default if name is None else self.MODELS[name]
        elif name.count("/") == 1:
            weights = default._replace(repo=name, revision="main", megabytes=0, licence="unknown")
        else:
            known = ", ".join(self.MODELS)
            raise SettingsError(f"model = {name!r}: is none of {known}, and no id on the Hub such as owner/name")
        return weights if self.settings.revision is None else weights._replace(revision=self.settings.revision)

    def _folder(self, download: bool = False) -> Path:
        """Where the weights are. Raises MissingError."""
        return find_weights(self._weights(), self.settings.weights, download)

    def _precision(self) -> str:
        """What is computed in."""
        return chosen_precision(self.settings.precision)

    def _loaded(self) -> Loaded:
        """The network, loaded once per process."""
        return load(self._network(), self._folder(), self._precision())


@lru_cache(maxsize=1)
def load(network: type[Any], folder: Path, precision: str) -> Loaded:
    """A network of transformers on the graphics card, where there is one. Nothing is downloaded or unpickled.

    Args:
        network: its class.
        folder: with `config.json` and `model.safetensors`, or `pytorch_model.bin`.
        precision: a key of `PretrainedSettings.precision` but "auto".

    Raises InputError for weights that can't be read, or lack something.
    """
    with quiet_transformers():
        try:
            made, lacking = _read(network, folder)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"{folder}: weights can't be read as {network.__name__} ({reason})") from None
    if lacking:
        some = f"{', '.join(lacking[:3])}{' and more' if len(lacking) > 3 else ''}"
        raise InputError(f"{folder}: weights are not of a {network.__name__}; they lack {some}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Loaded(made.to(device, DTYPES[precision]).eval(), folder, DTYPES[precision])


def _read(network: type[Any], folder: Path) -> tuple[Any, list[str]]:
    """The network with a folder's weights, and the names of those that were not in it."""
    if first_of(folder, "model.safetensors") is not None:
        made, told = network.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        return made, sorted(told["missing_keys"])
    from gen3d.checkpoint import read_checkpoint

    made = network(network.config_class.from_pretrained(folder, local_files_only=True))
    return made, list(made.load_state_dict(read_checkpoint(folder / "pytorch_model.bin"), strict=False).missing_keys)
