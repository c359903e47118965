"""predictions.safetensors: what was answered on every scored shape, kept beside its scores for `gen3d report`.

It holds the points of test shapes, so it stays where the user put the scores; nothing uploads or packs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float16, Int16
from safetensors import SafetensorError, safe_open

from distill.scores import UNSCORED, Report, places
from gen3d.errors import InputError
from gen3d.storage import atomic_write

FILE = "predictions.safetensors"


class Case(NamedTuple):
    """One scored shape.

    Args:
        points: (N, 3) in the frame that was scored, radius about 1.
        truth: (N,) index of a scored part; -1 where the point does not count.
        prediction: (N,) index of a scored part; -1 where it is none of them.
    """

    points: Float16[np.ndarray, "N 3"]
    truth: Int16[np.ndarray, " N"]
    prediction: Int16[np.ndarray, " N"]


def write_predictions(report: Report, folder: Path) -> None:
    """Write the file: three tensors per shape, and parts and ids in its header. Raises StorageError."""
    import torch  # here, so that reading answers does not wait for it

    from gen3d.checkpoint import safetensors_bytes

    tensors: dict[str, np.ndarray] = {}
    for number, scored in enumerate(report.shapes):
        points, labels = scored.shape.points, scored.shape.point_labels
        assert points is not None and labels is not None
        truth = np.where(scored.counted, labels, UNSCORED)
        tensors[f"{number}.points"] = points.astype(np.float16)
        tensors[f"{number}.truth"] = places(truth, report.labels)
        tensors[f"{number}.prediction"] = places(scored.prediction, report.labels)
    header = {"parts": json.dumps(report.parts), "ids": json.dumps([s.shape.id for s in report.shapes])}
    atomic_write(folder / FILE, safetensors_bytes({k: torch.from_numpy(v) for k, v in tensors.items()}, header))


def read_predictions(folder: Path, ids: Iterable[str]) -> tuple[list[str], dict[str, Case]]:
    """The scored parts, and of these shapes those that the file has; nothing of either where there is no file.

    Raises InputError for a file that can't be read.
    """
    path = folder / FILE
    if not path.is_file():
        return [], {}
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            parts, known = json.loads(header["parts"]), json.loads(header["ids"])
            numbers = {id: known.index(id) for id in ids if id in known}
            cases = {id: Case(*(file.get_tensor(f"{n}.{name}") for name in Case._fields)) for id, n in numbers.items()}
        for case in cases.values():
            _check(case, parts)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: can't be read ({reason}); score again with --overwrite") from None
    return parts, cases


def _check(case: Case, parts: list[str]) -> None:
    """Raise ValueError for tensors of another form, or labels of no part."""
    if not isinstance(parts, list) or case.points.ndim != 2 or case.points.shape[1:] != (3,):
        raise ValueError("unknown form")
    if not len(case.points) or not np.isfinite(case.points).all():
        raise ValueError("points are missing or not finite")
    for labels in (case.truth, case.prediction):
        if labels.dtype != np.int16 or labels.shape != (len(case.points),):
            raise ValueError("labels do not fit the points")
        if labels.min() < UNSCORED or labels.max() >= len(parts):
            raise ValueError("labels name no part")
