"""What every test shares: one thread, one way to randomness, and the real shapes where they are at hand."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: two threads collapse on a busy machine

from pathlib import Path

import numpy as np
import pytest
import torch
from cli_chain import finished, home, run  # noqa: F401  (fixtures)
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)

# The same examples everywhere, and no time limit on any of them: a busy machine must not fail a test.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real shapes beside the repository; the test is skipped where there is none."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real shapes at {folder}")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A fresh generator with a fixed seed: no test depends on another, or on global random state."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a lite teacher that is tiny and hardly trained: enough for everything but good answers."""
    from tiny_teacher import train_tiny

    return train_tiny(tmp_path_factory.mktemp("teacher") / "tiny.safetensors")


@pytest.fixture
def tiny_teacher(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lite` and `lite-boxes` answer with the tiny weights."""
    from gen3d.teachers import TEACHERS
    from gen3d.teachers.lite.teacher import LiteTeacher

    monkeypatch.setitem(TEACHERS, "lite", lambda: LiteTeacher(tiny_weights))
    monkeypatch.setitem(TEACHERS, "lite-boxes", lambda: LiteTeacher(tiny_weights, boxes=True))


@pytest.fixture(scope="session")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny weights of every pretrained detector, by its teacher's name."""
    from tiny_detectors import NAMES, write_tiny

    return {name: write_tiny(name, tmp_path_factory.mktemp(name)) for name in NAMES}
