"""A sweep of two categories and two variants at a tiny size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FILE = "tiny.yaml"
TINY: dict[str, dict[str, Any]] = {
    "sweep": {
        "categories": ["chair", "mug"],
        "test": "generated,n=2",
        "variants": {"plain": {}, "one-view": {"label": {"views": 1}}},
    },
    "generate": {"generator": "procedural", "n": 2, "shard": 1},
    "label": {"views": 2, "size": 32, "points": 512},
    "distill": {"student": "tiny", "epochs": 1, "batch": 2},
    "eval": {"points": 512, "passes": 1},
}


def write_sweep(home: Path, **changes: Mapping[str, Any]) -> Path:
    """The file, with other values in some sections."""
    path = home / FILE
    path.write_text(
        yaml.safe_dump({stage: {**TINY[stage], **changes.get(stage, {})} for stage in TINY}, sort_keys=False)
    )
    return path


def named(folder: Path, word: str) -> list[Path]:
    """The folders of a sweep's nodes of one kind, as "student"."""
    return sorted(folder.glob(f"*/{word}-*"))
