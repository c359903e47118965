"""A tiny student, its settings and clouds, that the tests of the student and of its training share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sample_knowledge import cloud, toy_chair

from distill.student import Student
from distill.trainer import DistillSettings, Epoch

PARTS = ["back", "seat", "leg", "arm"]
TINY: dict[str, Any] = {"width": 32, "depth": 1}


def tiny(seed: int = 0) -> Student:
    torch.manual_seed(seed)
    return Student("chair", PARTS, options=TINY, training={"seed": seed})


def settings(**changes: Any) -> DistillSettings:
    still = {"yaw": 0.0, "tilt": 0.0, "stretch": 0.0, "jitter": 0.0, "precision": "float32"}
    return DistillSettings(**({"category": "chair", "batch": 4} | still | changes))


def quiet(epoch: Epoch) -> None:
    pass


def clouds(count: int, size: int = 520) -> list[np.ndarray]:
    return [cloud(toy_chair(seed), size)[0] for seed in range(count)]
