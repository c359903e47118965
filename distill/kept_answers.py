"""Answers of an evaluation that is under way, kept task by task: one that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gen3d import __version__
from gen3d.record import plain
from gen3d.shape import Shape
from gen3d.storage import atomic_write, make_folder

FOLDER = ".answers"
_SHOWN = ("vertices", "faces", "vertex_colors", "points", "normals", "point_colors")  # of a shape: all but labels
Group = Sequence[Shape] | Sequence[Float32[np.ndarray, "_ 3"]]
Labels = list[Int16[np.ndarray, " _"]]


class KeptAnswers:
    """One file per task in `.answers` of a folder, gone once all is scored.

    A file is found again by what was asked, by this version of gen3d and of these very shapes alone.

    Args:
        folder: where the scores will be.
        asked: all that the answers depend on but the shapes.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any]) -> None:
        self.folder = folder / FOLDER
        self._asked = json.dumps([__version__, plain(dict(asked))], sort_keys=True).encode()

    def read(self, *groups: Group) -> Labels | None:
        """The part of every point of the first group's clouds; None where it was not kept, or is damaged.

        Args:
            groups: of shapes, or of their points alone: all that a task sees.
        """
        clouds = [one if isinstance(one, np.ndarray) else one.points for one in groups[0]]
        sizes = [len(cloud) for cloud in clouds if cloud is not None]
        try:
            found = load(self._file(groups).read_bytes())
            labels = [found[str(number)] for number in range(len(sizes))]
        except (OSError, KeyError, ValueError, SafetensorError):
            return None
        fits = all(some.dtype == np.int16 and some.shape == (size,) for some, size in zip(labels, sizes, strict=True))
        return labels if fits else None

    def write(self, labels: Labels, *groups: Group) -> None:
        """Keep them; see `read`. Raises StorageError."""
        make_folder(self.folder)
        atomic_write(self._file(groups), save({str(number): some for number, some in enumerate(labels)}))

    def remove(self) -> None:
        """Forget all of them, those of other questions too."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, groups: Sequence[Group]) -> Path:
        digest = hashlib.sha256(self._asked)
        for one in (one for group in groups for one in group):
            arrays = [one] if isinstance(one, np.ndarray) else [getattr(one, name) for name in _SHOWN]
            digest.update(b"" if isinstance(one, np.ndarray) else one.id.encode())
            for array in arrays:
                known = np.zeros(0) if array is None else np.ascontiguousarray(array)
                digest.update(f"{known.dtype}{known.shape}".encode() + known.tobytes())
        return self.folder / f"{digest.hexdigest()[:32]}.safetensors"
