"""Published ways from what a 2D teacher says of views to a part per point: one file each, one line each in `BASELINES`.

All are given the same views and the same answers as PartDistill's own student is trained on, but for those whose
projection is a part of the method. Numerical rules follow baselines.md; what differs is said in each file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from distill.baselines.baseline import Baseline as Baseline
from gen3d.errors import SettingsError
from gen3d.settings import Settings, resolve

S = TypeVar("S", bound=Settings)


def _votes() -> type[Baseline]:
    from distill.baselines.votes import Votes

    return Votes


def _pointclip() -> type[Baseline]:
    from distill.baselines.pointclip import PointClip

    return PointClip


def _pointclip_v2() -> type[Baseline]:
    from distill.baselines.pointclip_v2 import PointClipV2

    return PointClipV2


def _openscene() -> type[Baseline]:
    from distill.baselines.openscene import OpenScene

    return OpenScene


def _partslip() -> type[Baseline]:
    from distill.baselines.partslip import PartSLIP

    return PartSLIP


def _satr() -> type[Baseline]:
    from distill.baselines.satr import SATR

    return SATR


BASELINES: dict[str, Callable[[], type[Baseline]]] = {
    "votes": _votes,
    "pointclip": _pointclip,
    "pointclip-v2": _pointclip_v2,
    "openscene": _openscene,
    "partslip": _partslip,
    "satr": _satr,
}


def make_baseline(name: str, options: Mapping[str, Any] | None = None) -> Baseline:
    """The baseline of that name with options of its own. Raises SettingsError for what is unknown."""
    if name not in BASELINES:
        raise SettingsError(f"unknown baseline {name!r}; known are: {', '.join(BASELINES)}")
    kind = BASELINES[name]()
    return kind(settings_of(kind.Options, name, options or {}))


def settings_of(kind: type[S], name: str, options: Mapping[str, Any]) -> S:
    """A method's own settings. Raises SettingsError for one that it does not have, or a wrong value."""
    for option in options:
        if option not in kind.model_fields:
            known = ", ".join(kind.model_fields) or "none"
            raise SettingsError(f"--set {option}: {name} has no such option; it has: {known}")
    return resolve(kind, None, **options)
