"""3D networks: points in, part logits out. One file each, one line each in `STUDENTS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


def _small(parts: int, **options: Any) -> nn.Module:
    from distill.students.small import SmallStudent

    return SmallStudent(parts, **options)


def _tiny(parts: int, **options: Any) -> nn.Module:
    """0.4 M weights in place of 2.4 M: what ships for every category."""
    return _small(parts, **{"width": 96, "depth": 3, **options})


def _point_m2ae(parts: int, **options: Any) -> nn.Module:
    from distill.students.point_m2ae import PointM2AE

    return PointM2AE(parts, **options)


ENCODED = "point-m2ae"  # the one that is meant to start from an encoder, which is kept or trained on
STUDENTS: dict[str, Callable[..., nn.Module]] = {"small": _small, "tiny": _tiny, ENCODED: _point_m2ae}
