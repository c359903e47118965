"""Weights of Shap-E in the Hub's layout: from where, into diffusers' networks, and as safetensors. Always strict.

The Hub's own files are partly `.bin`. Those are read by `gen3d.checkpoint.read_checkpoint`, which takes tensors alone.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gen3d.checkpoint import checked_tensors, read_checkpoint, read_safetensors
from gen3d.environment import INSTALL_PRETRAINED
from gen3d.errors import InputError, MissingError
from gen3d.hub import Weights, find_weights, first_of, revision_of

PIPELINE = "ShapEPipeline"
NETWORKS = {  # folder -> file of its weights, less the ending
    "prior": "diffusion_pytorch_model",
    "shap_e_renderer": "diffusion_pytorch_model",
    "text_encoder": "model",
}
_BIN = {"text_encoder": "pytorch_model"}  # where the .bin is called otherwise
_WORDS = (
    "tokenizer/tokenizer_config.json",
    "tokenizer/tokenizer.json|tokenizer/vocab.json",
    "tokenizer/merges.txt|tokenizer/tokenizer.json",
)
_GONE = {"text_model.embeddings.position_ids"}  # counts 0 to 76; older versions of transformers kept it as a weight
_MODULES = {
    "diffusers": "diffusers",
    "transformers": "transformers",
    "accelerate": "accelerate",
    "skimage": "scikit-image",
}


@contextmanager
def quiet_scheduler() -> Iterator[None]:
    """Around diffusers' scheduler: it hands tensors to numpy in a way that is going to change."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def _either(name: str) -> str:
    """Both names that a network's weights may have, the safe format first."""
    return f"{name}/{NETWORKS[name]}.safetensors|{name}/{_BIN.get(name, NETWORKS[name])}.bin"


SHAP_E = Weights(
    repo="openai/shap-e",
    revision="main",  # no commit of it could be looked up where this was written; the resolved one is recorded
    files=(
        "model_index.json",
        *(f"{name}/config.json" for name in NETWORKS),
        *(_either(name) for name in NETWORKS),
        "scheduler/scheduler_config.json",
        *_WORDS,
    ),
    megabytes=2660,
    licence="MIT",
)


class Networks(NamedTuple):
    """What is loaded.

    Args:
        tokenizer, text_encoder: CLIP's, as transformers has them.
        prior: the transformer that removes noise.
        renderer: what turns latents into fields.
        scheduler: diffusers' `HeunDiscreteScheduler`; to be copied, since it keeps what it did.
        device: of all networks.
    """

    tokenizer: Any
    text_encoder: Any
    prior: Any
    renderer: Any
    scheduler: Any
    device: torch.device


def found(folder: str | None, revision: str | None, download: bool = False) -> Path:
    """The folder with all weights: the one named, else that of the Hub's cache.

    Args:
        folder: in the Hub's layout, with .bin or safetensors.
        revision: of the Hub; None is `SHAP_E`'s.
        download: see `gen3d.hub.find_weights`.

    Raises:
        MissingError: an extra that is not installed; files that are not there.
        InputError: the folder of another pipeline.
    """
    lacking = [package for module, package in _MODULES.items() if find_spec(module) is None]
    if lacking:
        raise MissingError(f"Shap-E needs {' and '.join(lacking)}; install with `{INSTALL_PRETRAINED}`")
    root = find_weights(_at(revision), folder, download)
    kind = read_json(root / "model_index.json").get("_class_name")
    if kind != PIPELINE:
        raise InputError(f"{root}: holds {kind or 'no pipeline'}, not {PIPELINE}; name a copy of {SHAP_E.repo}")
    return root


def resolved(folder: Path) -> str:
    """Which weights a folder of `found` holds; see `gen3d.hub.revision_of`."""
    return revision_of(SHAP_E, folder)


@lru_cache(maxsize=1)
def load_networks(folder: Path, precision: str) -> Networks:
    """All networks, once per process, on the graphics card where there is one.

    Args:
        folder: see `found`.
        precision: float32, bfloat16 or float16, of the prior alone: it takes nearly all of the time.

    Raises:
        InputError: a file that can't be read, or is not that of the network; names what is missing or unexpected.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    made = {name: read_network(folder, name).to(device) for name in NETWORKS}
    nn.Module.to(made["prior"], getattr(torch, precision))  # diffusers' own `to` warns of modules that it has none of
    text, prior, renderer = (made[name] for name in ("text_encoder", "prior", "shap_e_renderer"))
    return Networks(_tokenizer(folder), text, prior, renderer, _scheduler(folder), device)


def read_network(folder: Path, name: str) -> nn.Module:
    """One of the networks in float32 and eval mode: prior, shap_e_renderer or text_encoder. Raises InputError."""
    network = empty_network(name, read_json(folder / name / "config.json"), folder)
    file, tensors = read_tensors(folder, name)
    network.load_state_dict(checked_tensors(tensors, network.state_dict(), file, f"Shap-E's {name}"), assign=True)
    return network.eval().requires_grad_(False)


def _at(revision: str | None) -> Weights:
    """The weights at the revision that is asked for."""
    return SHAP_E if revision is None else SHAP_E._replace(revision=revision)


def empty_network(name: str, config: dict[str, Any], folder: Path) -> nn.Module:
    """The network of that configuration without storage, waiting for its weights. Raises InputError."""
    from accelerate import init_empty_weights

    try:
        with init_empty_weights(include_buffers=False):  # buffers that no file holds must be real
            return _BUILDERS[name](config)
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        reason = _one_line(error)
        raise InputError(f"{folder / name / 'config.json'}: is not Shap-E's ({reason}); download it again") from None


def _prior(config: Mapping[str, Any]) -> nn.Module:
    from diffusers.models.transformers.prior_transformer import PriorTransformer

    return PriorTransformer.from_config(dict(config))  # type: ignore[return-value]


def _renderer(config: Mapping[str, Any]) -> nn.Module:
    from diffusers.pipelines.shap_e.renderer import ShapERenderer

    return ShapERenderer.from_config(dict(config))  # type: ignore[return-value]


def _text_encoder(config: Mapping[str, Any]) -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    return CLIPTextModelWithProjection(CLIPTextConfig.from_dict(dict(config)))


_BUILDERS: dict[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "prior": _prior,
    "shap_e_renderer": _renderer,
    "text_encoder": _text_encoder,
}


def _tokenizer(folder: Path) -> Any:
    """CLIP's. Raises InputError."""
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{folder}/tokenizer: can't be read ({_one_line(error)}); download it again") from None


def _scheduler(folder: Path) -> Any:
    """Heun's, as the folder has it. Raises InputError."""
    from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler

    file = folder / "scheduler" / "scheduler_config.json"
    config = read_json(file)
    try:
        with quiet_scheduler():
            return HeunDiscreteScheduler.from_config(config)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(f"{file}: is not Shap-E's ({_one_line(error)}); download it again") from None


def read_tensors(folder: Path, name: str) -> tuple[Path, dict[str, Tensor]]:
    """The file with a network's weights, and these. Raises InputError."""
    file = first_of(folder, _either(name))
    assert file is not None  # `found` has looked
    tensors = read_checkpoint(file) if file.suffix == ".bin" else read_safetensors(file, "download it again")[1]
    return file, {key: value for key, value in tensors.items() if key not in _GONE}


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object. Raises InputError."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: can't be read ({_one_line(error)}); download it again") from None
    if not isinstance(content, dict):
        raise InputError(f"{file}: is no JSON object; download it again")
    return content


def _one_line(error: Exception) -> str:
    """The start of what a library says."""
    return " ".join(str(error).split())[:160] or type(error).__name__
