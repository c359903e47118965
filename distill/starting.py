"""Students before their training: the network that the settings ask for, with the weights that it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from distill.student import Student
from distill.students import ENCODED
from distill.trainer import DistillSettings
from gen3d.errors import SettingsError


def starting_weights(settings: DistillSettings) -> dict[str, str]:
    """What is to be recorded of the file a student starts from: its hash; nothing where it starts at random.

    Raises:
        SettingsError: settings of an encoder that the student does not have.
        MissingError: no such file.
    """
    if settings.student != ENCODED and settings.finetune:
        raise SettingsError(f"finetune: is for the network {ENCODED} alone; here it is {settings.student!r}")
    if settings.encoder is None:
        return {}
    from distill.encoders import encoder_file
    from gen3d.checkpoint import file_hash

    return {"encoder_sha256": file_hash(encoder_file(Path(settings.encoder)))}


def fresh_student(category: str, parts: list[str], settings: DistillSettings, training: dict[str, Any]) -> Student:
    """A student to be trained. The settings' seed draws its weights, all but those of the encoder they name.

    Args:
        category: what it is for.
        parts: part names in label order.
        settings: see `DistillSettings`.
        training: how it is made, for its config.json.

    Raises InputError for an encoder that is none.
    """
    torch.manual_seed(settings.seed)
    options = {"frozen": not settings.finetune} if settings.student == ENCODED else None
    student = Student(category, parts, settings.student, options, training)
    if settings.encoder is not None:
        _load_encoder(student, settings)
    elif starts_at_random(settings):
        from distill.encoders import fit_norms

        fit_norms(student.network)
    return student


def starts_at_random(settings: DistillSettings) -> bool:
    """Whether the student is meant to start from somebody's encoder, and is given none."""
    return settings.student == ENCODED and settings.encoder is None


def random_start(settings: DistillSettings) -> str | None:
    """A note on an encoder that starts at random; None where there is nothing to say."""
    if not starts_at_random(settings):
        return None
    stays = "" if settings.finetune else " and stays so: features of random weights; --finetune trains it"
    return f"{settings.student}: no --encoder is given; the encoder starts at random{stays}"


def _load_encoder(student: Student, settings: DistillSettings) -> None:
    """Put the encoder that the settings name into a student of their kind."""
    from distill.encoders import ENCODERS, load_encoder

    if settings.student not in ENCODERS:
        raise SettingsError(f"encoder: the student {settings.student!r} has none; leave --encoder out")
    load_encoder(ENCODERS[settings.student](student.network), Path(settings.encoder or ""))
