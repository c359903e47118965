"""3D networks: points in, part logits out. One file each, one line each in `STUDENTS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


def _small(parts: int, **options: Any) -> nn.Module:
    from distill.students.small import SmallStudent

    return SmallStudent(parts, **options)


def _point_m2ae(parts: int, **options: Any) -> nn.Module:
    from distill.students.point_m2ae import PointM2AE

    return PointM2AE(parts, **options)


STUDENTS: dict[str, Callable[..., nn.Module]] = {"small": _small, "point-m2ae": _point_m2ae}
