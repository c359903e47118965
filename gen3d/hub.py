"""Pretrained weights: in a folder of the user's, in the Hugging Face Hub's cache, or downloaded into it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError

from gen3d.errors import MissingError

_WEIGHTS = (".safetensors", ".bin")
_TOLD = 3  # names of files in a line


class Weights(NamedTuple):
    """A model of the Hub.

    Args:
        repo: such as "openai/shap-e".
        revision: a commit, or "main".
        files: what is needed of it. Where names are joined by "|", the first that is there will do.
        megabytes: of all of them, about; 0 where that is not known.
        licence: of the weights.
    """

    repo: str
    revision: str
    files: tuple[str, ...]
    megabytes: int
    licence: str


def find_weights(weights: Weights, folder: str | Path | None = None, download: bool = False) -> Path:
    """The folder that holds all files of a model.

    Args:
        weights: what is looked for.
        folder: where to look, in the Hub's layout; None: the Hub's cache.
        download: get what the cache lacks, unless `HF_HUB_OFFLINE` is set (`--offline`). A bar shows how far it is.

    Raises:
        MissingError: files that are not there; says which, how large, from where.
    """
    if folder is not None:
        return _in_folder(weights, Path(folder).expanduser())
    lacking = [file for file in weights.files if _cached(weights, file) is None]
    if lacking and download and not constants.HF_HUB_OFFLINE:
        _download(weights, lacking)
    elif lacking:
        why = " and HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else ""
        raise _missing(weights, f"not in the Hub's cache{why}", lacking)
    root = _cached(weights, weights.files[0])
    assert root is not None
    return root


@lru_cache(maxsize=8)
def revision_of(weights: Weights, folder: Path) -> str:
    """Which weights a folder of `find_weights` holds: the Hub's commit, else "sha256:" and 16 hex digits over them.

    A folder of the user's is read whole for it: a second or two for gigabytes.
    """
    if folder.parent.name == "snapshots":
        return folder.name
    digest = hashlib.sha256()
    for file in weights.files:
        path = first_of(folder, file)
        with (path or folder / file).open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()[:16]}"


def first_of(folder: Path, file: str) -> Path | None:
    """The file in that folder; of names joined by "|" the first that is there."""
    return next((folder / name for name in file.split("|") if (folder / name).is_file()), None)


def _in_folder(weights: Weights, folder: Path) -> Path:
    """The user's folder, if it has all of it."""
    lacking = [file for file in weights.files if first_of(folder, file) is None]
    if lacking:
        raise _missing(weights, f"not in {folder}", lacking)
    return folder


def _cached(weights: Weights, file: str) -> Path | None:
    """The folder of the Hub's cache that has it."""
    for name in file.split("|"):
        path = try_to_load_from_cache(weights.repo, name, revision=weights.revision)
        if isinstance(path, str):
            return Path(path).parents[name.count("/")]
    return None


def _download(weights: Weights, lacking: list[str]) -> None:
    """Into the cache, a bar for each file."""
    try:
        for file in lacking:
            _download_first(weights, file.split("|"))
    except MemoryError:
        raise
    except Exception as error:  # the errors of networks have no common ancestor
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise _missing(weights, f"not in the Hub's cache and can't be downloaded ({reason})", lacking) from None


def _download_first(weights: Weights, names: list[str]) -> None:
    """The first of the names that the Hub has. Raises EntryNotFoundError where it has none."""
    for name in names:
        try:
            hf_hub_download(weights.repo, name, revision=weights.revision)
            return
        except EntryNotFoundError:
            if name == names[-1]:
                raise


def _missing(weights: Weights, where: str, lacking: list[str]) -> MissingError:
    """The line about weights that are not there."""
    names = list(dict.fromkeys(file.partition("|")[0] for file in lacking))
    names.sort(key=lambda name: not name.endswith(_WEIGHTS))  # the large ones are told
    files = ", ".join(names[:_TOLD]) + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")
    get = f"`hf download {weights.repo} --revision {weights.revision}`"
    size = f"{weights.megabytes:,} MB" if weights.megabytes else "of unknown size"
    return MissingError(
        f"{weights.repo}: {files} (all weights: {size}, licence {weights.licence}) {where}; "
        f"where the network allows type {get}, or name a folder that holds them"
    )
