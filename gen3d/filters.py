"""Filters for generated shapes, on by choice: what is rejected is replaced by the shape of a further seed.

Whether a shape passes depends on itself alone, `duplicates` excepted, which looks at all that came before. So the
attempts of a shape, and with them its bytes, depend on the settings alone; with `teacher` and `clip` also on the
machine, since what a network says differs between machines in the last bits.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import Field

from gen3d.collection import SHAPES, Collection
from gen3d.duplicates import Seen
from gen3d.errors import InputError
from gen3d.filter_names import FILTER_NAMES, FilterName
from gen3d.judges import ClipJudge, TeacherJudge
from gen3d.measures import Examined
from gen3d.settings import Settings
from gen3d.shape import Shape

REJECTED = "rejected"  # key of the meta data: why each attempt before this shape was rejected


class FilterSettings(Settings):
    """Which filters are on, and their limits; what a filter measures is said in `gen3d.measures`."""

    filter: tuple[FilterName, ...] | None = Field(
        default=None, min_length=1, description="filters that every shape must pass; None: none"
    )
    max_components: int = Field(default=1, ge=1, description="components: pieces that lie apart")
    max_aspect: float = Field(default=25.0, ge=1, description="aspect: longest by middle principal extent")
    min_thickness: float = Field(default=0.02, ge=0, le=1, description="thin: shortest by longest principal extent")
    min_closed: float = Field(default=1.0, ge=0, le=1, description="watertight: share of edges with two faces")
    min_coverage: float = Field(default=0.4, ge=0, le=1, description="teacher: share of points that its units cover")
    min_agreement: float = Field(default=0.95, ge=0, le=1, description="teacher: how far its units agree on a point")
    min_clip: float = Field(default=0.25, ge=0, le=1, description="clip: probability of the category among all")
    clip_weights: str | None = Field(default=None, description="clip: folder of a CLIP model; None: the Hub's cache")
    min_distance: float = Field(default=0.0005, gt=0, description="duplicates: Chamfer distance to any shape before")
    attempts: int = Field(default=10, ge=1, le=1000, description="seeds tried for one shape")

    def without_effect(self) -> set[str]:
        """Names of the settings that say nothing, since their filter is off."""
        chosen = self.filter or ()
        idle = {setting for name in FILTER_NAMES if name not in chosen for setting in FILTERS[name].settings}
        return idle | (set() if chosen else {"attempts"})


class Rejection(NamedTuple):
    """An attempt that was rejected: at the shape that came after it, its number from 0, and why."""

    id: str
    attempt: int
    reason: str


class Panel:
    """The filters that are on, with all they need; networks are loaded when they are first asked for.

    Args:
        limits: which filters, and their limits.
        seen: for `duplicates`; nothing is one where None.
    """

    def __init__(self, limits: FilterSettings, seen: Seen | None = None) -> None:
        self.limits, self.seen = limits, seen

    @cached_property
    def teacher(self) -> TeacherJudge:
        """For `teacher`."""
        return TeacherJudge()

    @cached_property
    def clip(self) -> ClipJudge:
        """For `clip`."""
        return ClipJudge(self.limits.clip_weights)

    def prepare(self, category: str) -> dict[str, Any]:
        """Get and check what the filters need, before anything is made.

        Returns:
            What is kept of the collection: `filter_weights`, where a filter has other weights than gen3d's own.

        Raises:
            SettingsError: a category that the teacher does not know.
            MissingError: weights, or a package, that are not there and can't be downloaded.
        """
        chosen = self.limits.filter or ()
        if "teacher" in chosen:
            self.teacher.check(category)
        return {"filter_weights": {"clip": self.clip.prepare()}} if "clip" in chosen else {}

    def reason(self, shape: Shape) -> str | None:
        """Why the first filter that is on rejects the shape, None where none does; in the order of `FILTER_NAMES`."""
        examined, chosen = Examined(shape), self.limits.filter or ()
        for name in FILTER_NAMES:
            if name in chosen and (reason := _checked(name, examined, self)) is not None:
                return f"{name}: {reason}"
        return None


class Filter(NamedTuple):
    """One filter.

    Args:
        check: why it rejects a shape, None where it does not.
        settings: those of `FilterSettings` that are its own.
        alone: whether it needs nothing but the shape.
    """

    check: Callable[[Examined, Panel], str | None]
    settings: tuple[str, ...]
    alone: bool = True


def first_accepted(make: Callable[[int], Shape], panel: Panel) -> Shape:
    """The first attempt that passes all filters, with the reasons against those before it in its meta data.

    Args:
        make: the shape of an attempt, counted from 0. What it raises as InputError counts as a reason.
        panel: the filters, and the number of attempts.

    Raises:
        InputError: every attempt is rejected; with how often each filter did so.
    """
    reasons: list[str] = []
    for attempt in range(panel.limits.attempts):
        try:
            shape = make(attempt)
            reason = panel.reason(shape)
        except InputError as error:
            reason = f"error: {error}"
        else:
            if reason is None:
                return replace(shape, meta=shape.meta | {REJECTED: reasons}) if reasons else shape
        reasons.append(reason or "")
    counts = Counter(reason.partition(":")[0] for reason in reasons)
    by = ", ".join(f"{name} {count} times" for name, count in sorted(counts.items()))
    raise InputError(f"all {panel.limits.attempts} attempts were rejected ({by}); the last by {reasons[-1]}")


def flaws(examined: Examined, limits: FilterSettings) -> dict[str, str]:
    """Why filters would reject the shape, by filter: all that need nothing but the shape, whatever is on."""
    panel = Panel(limits)
    found = {name: _checked(name, examined, panel) for name in FILTER_NAMES if FILTERS[name].alone}
    return {name: reason for name, reason in found.items() if reason is not None}


def rejections(collection: Collection) -> list[Rejection]:
    """All attempts that were rejected for a shape that came out in the end; those of failures are in their reason."""
    rows: list[Rejection] = []
    for id, note in collection.members(SHAPES, "json"):
        found = json.loads(note)["meta"].get(REJECTED, [])
        rows += [Rejection(id, attempt, reason) for attempt, reason in enumerate(found)]
    return rows


def _checked(name: FilterName, examined: Examined, panel: Panel) -> str | None:
    """One filter; what can't be measured at all does not pass."""
    try:
        return FILTERS[name].check(examined, panel)
    except InputError as error:
        return str(error).removeprefix(f"{examined.shape.id}: ")


def _finite(examined: Examined, panel: Panel) -> str | None:
    return None if examined.finite else "has no positions, or some that are not finite"


def _components(examined: Examined, panel: Panel) -> str | None:
    count, most = examined.components, panel.limits.max_components
    return None if count <= most else f"{count} pieces, at most {most}"


def _aspect(examined: Examined, panel: Panel) -> str | None:
    value, most = examined.aspect, panel.limits.max_aspect
    return None if value <= most else f"aspect {value:.3g}, at most {most:g}"


def _thin(examined: Examined, panel: Panel) -> str | None:
    value, least = examined.thickness, panel.limits.min_thickness
    return None if value >= least else f"thickness {value:.3g}, at least {least:g}"


def _watertight(examined: Examined, panel: Panel) -> str | None:
    share, least = examined.closed, panel.limits.min_closed
    if share is None:
        return "is a cloud, which has no faces to close"
    return None if share >= least else f"{share:.4f} of its edges have two faces, at least {least:g}"


def _teacher(examined: Examined, panel: Panel) -> str | None:
    limits, signals = panel.limits, panel.teacher.signals(examined.shape)
    if signals.coverage < limits.min_coverage:
        return f"coverage {signals.coverage:.3f}, at least {limits.min_coverage:g}"
    if signals.agreement < limits.min_agreement:
        return f"agreement {signals.agreement:.3f}, at least {limits.min_agreement:g}"
    return None


def _clip(examined: Examined, panel: Panel) -> str | None:
    value, least = panel.clip.score(examined.shape), panel.limits.min_clip
    word = examined.shape.category
    return None if value >= least else f"looks like a {word} by {value:.3f}, at least {least:g}"


def _duplicates(examined: Examined, panel: Panel) -> str | None:
    limit = panel.limits.min_distance
    twin = None if panel.seen is None else panel.seen.twin(examined.shape, limit)
    return None if twin is None else f"nearer than {limit:g} to {twin}"


FILTERS: dict[FilterName, Filter] = {
    "finite": Filter(_finite, ()),
    "components": Filter(_components, ("max_components",)),
    "aspect": Filter(_aspect, ("max_aspect",)),
    "thin": Filter(_thin, ("min_thickness",)),
    "watertight": Filter(_watertight, ("min_closed",)),
    "teacher": Filter(_teacher, ("min_coverage", "min_agreement"), alone=False),
    "clip": Filter(_clip, ("min_clip", "clip_weights"), alone=False),
    "duplicates": Filter(_duplicates, ("min_distance",), alone=False),
}
