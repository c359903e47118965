"""The weights after every epoch, kept to see what choosing by test scores would have been worth; training never does.

The released code reports the epoch that is best on the test set (method.md, section 11, row 1). That number can be had
here too, beside the fair one and named as what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings, evaluate_student, read_dataset
from distill.student import Student
from gen3d.errors import InputError, StorageError
from gen3d.record import read_record, same_record, start_record, write_record
from gen3d.storage import Place, make_folder

FOLDER = "epochs"
WARNING = "chosen by test scores: not a fair score"


def save_epoch(student: Student, folder: Path, epoch: int) -> None:
    """Write the weights that training changes to `epochs/<number>.safetensors`. Raises StorageError."""
    weights = {name: value.detach().contiguous() for name, value in _trained(student).items()}
    path = make_folder(folder / FOLDER) / f"{epoch:04d}.safetensors"
    try:
        save_file(weights, path)
    except SafetensorError as error:  # how safetensors reports a full disk
        raise StorageError(f"can't write {path}: {' '.join(str(error).split())}") from None


def epoch_students(folder: Path) -> Iterator[tuple[int, Student]]:
    """The student as it was after every epoch; always the same object, with other weights.

    Raises InputError where no epochs were kept, or a file is not of this student.
    """
    files = sorted((folder / FOLDER).glob("*.safetensors"))
    if not files:
        raise InputError(f"{folder}: keeps no epochs; train it with `gen3d distill --keep-epochs`")
    student = Student.load(folder)
    for path in files:
        try:
            _put(student, load_file(path))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise InputError(f"{path}: is not of this student ({' '.join(str(error).split())[:200]})") from None
        yield int(path.stem), student


def score_epochs(
    folder: Path, root: Place, settings: EvalSettings, selected: dict[str, Any], out: Path, overwrite: bool = False
) -> dict[str, Any]:
    """Score every kept epoch on a labelled set, into `epochs.json`.

    Args:
        folder: the student's.
        root: the data set's folder.
        settings: of the evaluation.
        selected: the scores of the student itself, which no test label chose.
        out: where `epochs.json` goes.
        overwrite: score again what was scored before.

    Returns:
        `selected` (mIoU), `epochs` (number -> mIoU) and `test_selected` (epoch, mIoU, a warning).

    Raises InputError where no epochs were kept.
    """
    stamps = {p.name: [p.stat().st_size, p.stat().st_mtime_ns] for p in (folder / FOLDER).glob("*.safetensors")}
    record = {"root": str(root), "settings": settings.model_dump(), "files": stamps, "selected": selected["miou"]}
    done = out / "epochs-settings.json"
    if not overwrite and same_record(done, record) and (found := read_record(out / "epochs.json")):
        return found
    labelled = read_dataset(settings, selected["category"], root)
    scores = {number: _miou(student, labelled, settings) for number, student in epoch_students(folder)}
    best = max(scores, key=lambda number: scores[number])
    result = {
        "selected": selected["miou"],
        "epochs": {str(number): score for number, score in scores.items()},
        "test_selected": {"epoch": best, "miou": scores[best], "warning": WARNING},
    }
    start_record(done)
    write_record(out / "epochs.json", result)
    write_record(done, record)
    return result


def _miou(student: Student, labelled: LabelledSet, settings: EvalSettings) -> float:
    return round(evaluate_student(student, labelled, settings).miou, 2)


def _trained(student: Student) -> dict[str, Tensor]:
    """The weights that training changes; a frozen encoder's are those of `model.safetensors`."""
    return {name: value for name, value in student.named_parameters() if value.requires_grad}


def _put(student: Student, weights: dict[str, Tensor]) -> None:
    """Replace the weights that training changes. Raises ValueError or RuntimeError for those of another network."""
    trained = _trained(student)
    if set(weights) != set(trained):
        raise ValueError("it holds other weights")
    with torch.no_grad():
        for name, value in trained.items():
            if value.shape != weights[name].shape:
                raise ValueError(f"{name} has another size")
            value.copy_(weights[name])
