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
from gen3d.storage import atomic_write, make_folder

FOLDER = ".answers"
Points = Sequence[Float32[np.ndarray, "_ 3"]]
Labels = list[Int16[np.ndarray, " _"]]


class KeptAnswers:
    """One file per task in `.answers` of a folder, gone once all is scored.

    A file is found again by what was asked, by this version of gen3d and on these very points alone.

    Args:
        folder: where the scores will be.
        asked: all that the answers depend on but the points.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any]) -> None:
        self.folder = folder / FOLDER
        self._asked = json.dumps([__version__, plain(dict(asked))], sort_keys=True).encode()

    def read(self, points: Points) -> Labels | None:
        """The part of every point of some clouds; None where it was not kept, or is damaged."""
        try:
            found = load(self._file(points).read_bytes())
            labels = [found[str(number)] for number in range(len(points))]
        except (OSError, KeyError, ValueError, SafetensorError):
            return None
        fits = all(a.dtype == np.int16 and a.shape == (len(b),) for a, b in zip(labels, points, strict=True))
        return labels if fits else None

    def write(self, points: Points, labels: Labels) -> None:
        """Keep them. Raises StorageError."""
        make_folder(self.folder)
        atomic_write(self._file(points), save({str(number): some for number, some in enumerate(labels)}))

    def remove(self) -> None:
        """Forget all of them, those of other questions too."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, points: Points) -> Path:
        digest = hashlib.sha256(self._asked)
        for cloud in points:
            digest.update(str(cloud.shape).encode() + np.ascontiguousarray(cloud).tobytes())
        return self.folder / f"{digest.hexdigest()[:32]}.safetensors"
