"""Filters for generated shapes, on by choice: what is rejected is replaced by the shape of a further seed.

Whether a shape passes depends on itself alone, `duplicates` excepted, which looks at all that came before. So the
attempts of a shape, and with them its bytes, depend on the settings alone.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from gen3d.collection import SHAPES, Collection, shape_of, shape_seed
from gen3d.errors import InputError
from gen3d.settings import Settings
from gen3d.shape import Shape

REJECTED = "rejected"  # key of the meta data: why each attempt before this shape was rejected
CLOUD = 512  # points by which duplicates are told
LIMITS = {  # filter -> the setting that is its limit
    "components": "max_components",
    "aspect": "max_aspect",
    "thin": "min_thickness",
    "watertight": "min_closed",
    "duplicates": "min_distance",
}


class FilterSettings(Settings):
    """Which filters are on, and their limits; what a filter measures is said in `gen3d.measures`."""

    filter: tuple[Literal["finite", "components", "aspect", "thin", "watertight", "duplicates"], ...] | None = Field(
        default=None, min_length=1, description="filters that every shape must pass; None: none"
    )
    max_components: int = Field(default=1, ge=1, description="components: pieces that lie apart")
    max_aspect: float = Field(default=25.0, ge=1, description="aspect: longest by middle principal extent")
    min_thickness: float = Field(default=0.02, ge=0, le=1, description="thin: shortest by longest principal extent")
    min_closed: float = Field(default=1.0, ge=0, le=1, description="watertight: share of edges with two faces")
    min_distance: float = Field(default=0.0005, gt=0, description="duplicates: Chamfer distance to any shape before")
    attempts: int = Field(default=10, ge=1, le=1000, description="seeds tried for one shape")

    def without_effect(self) -> set[str]:
        """Names of the settings that say nothing, since their filter is off."""
        chosen = self.filter or ()
        return {limit for name, limit in LIMITS.items() if name not in chosen} | (set() if chosen else {"attempts"})


class Rejection(NamedTuple):
    """An attempt that was rejected: at the shape that came after it, its number from 0, and why."""

    id: str
    attempt: int
    reason: str


class Seen:
    """The clouds of the shapes so far: what `duplicates` compares with. One process makes all shapes, in order."""

    def __init__(self) -> None:
        self._clouds: dict[int, Float32[np.ndarray, "P 3"]] = {}
        self._ids: dict[int, str] = {}
        self._shards: set[int] = set()

    def recall(self, collection: Collection, number: int) -> None:
        """Look at the shapes of the shards before `number`, and at those that are whole of an earlier build of it.

        Raises InputError where an earlier shard is damaged.
        """
        for record in collection.records():
            if record.number < number and record.number not in self._shards:
                for shape in collection.shapes(record.number):
                    self._add(shape.id, _cloud(shape))
                self._shards.add(record.number)
        with contextlib.suppress(InputError):  # what is damaged is made again, before it is asked for
            for id, parts in collection.samples(SHAPES, number):
                with contextlib.suppress(InputError):
                    self._add(id, _cloud(shape_of(id, parts)))
        self._shards.add(number)

    def twin(self, shape: Shape, limit: float) -> str | None:
        """Id of a shape before it that is nearer than `limit`; where there is none it is remembered."""
        from gen3d.chamfer import nearest_before

        cloud, own = _cloud(_as_stored(shape)), _index(shape.id)
        before = sorted(index for index in self._clouds if index < own)
        found = nearest_before(cloud, [self._clouds[index] for index in before], limit)
        if found is not None:
            return self._ids[before[found]]
        self._add(shape.id, cloud)
        return None

    def _add(self, id: str, cloud: Float32[np.ndarray, "P 3"]) -> None:
        self._clouds[_index(id)], self._ids[_index(id)] = cloud, id


def attempt_seed(run_seed: int, index: int, attempt: int) -> int:
    """Seed of one attempt at a shape, 63 bits; the first attempt has the shape's own."""
    return shape_seed(run_seed, index, attempt)


def first_accepted(make: Callable[[int], Shape], limits: FilterSettings, seen: Seen | None = None) -> Shape:
    """The first attempt that passes all filters, with the reasons against those before it in its meta data.

    Args:
        make: the shape of an attempt, counted from 0. What it raises as InputError counts as a reason.
        limits: filters, limits and the number of attempts.
        seen: for `duplicates`.

    Raises:
        InputError: every attempt is rejected; with how often each filter did so.
    """
    reasons: list[str] = []
    for attempt in range(limits.attempts):
        try:
            shape = make(attempt)
            reason = _reason(shape, limits, seen)
        except InputError as error:
            reason = f"error: {error}"
        else:
            if reason is None:
                return replace(shape, meta=shape.meta | {REJECTED: reasons}) if reasons else shape
        reasons.append(reason or "")
    counts = Counter(reason.partition(":")[0] for reason in reasons)
    by = ", ".join(f"{name} {count} times" for name, count in sorted(counts.items()))
    raise InputError(f"all {limits.attempts} attempts were rejected ({by}); the last by {reasons[-1]}")


def flaws(shape: Shape, limits: FilterSettings) -> dict[str, str]:
    """Why each filter would reject the shape, by filter; whatever is on, `duplicates` left out."""
    return {name: reason for name in CHECKS if (reason := _checked(name, shape, limits)) is not None}


def rejections(collection: Collection) -> list[Rejection]:
    """All attempts that were rejected for a shape that came out in the end; those of failures are in their reason."""
    rows: list[Rejection] = []
    for id, note in collection.members(SHAPES, "json"):
        found = json.loads(note)["meta"].get(REJECTED, [])
        rows += [Rejection(id, attempt, reason) for attempt, reason in enumerate(found)]
    return rows


def _reason(shape: Shape, limits: FilterSettings, seen: Seen | None) -> str | None:
    """Why the first filter that is on rejects the shape, None where none does; whatever the order they are given in."""
    chosen = limits.filter or ()
    for name in CHECKS:
        if name in chosen and (reason := _checked(name, shape, limits)) is not None:
            return f"{name}: {reason}"
    if seen is not None and "duplicates" in chosen and (twin := seen.twin(shape, limits.min_distance)) is not None:
        return f"duplicates: nearer than {limits.min_distance:g} to {twin}"
    return None


def _checked(name: str, shape: Shape, limits: FilterSettings) -> str | None:
    """One filter; what can't be measured at all does not pass."""
    try:
        return CHECKS[name](shape, limits)
    except InputError as error:
        return str(error).removeprefix(f"{shape.id}: ")


def _finite(shape: Shape, limits: FilterSettings) -> str | None:
    from gen3d.measures import is_finite

    return None if is_finite(shape) else "has no positions, or some that are not finite"


def _components(shape: Shape, limits: FilterSettings) -> str | None:
    from gen3d.measures import components

    count = components(shape)
    return None if count <= limits.max_components else f"{count} pieces, at most {limits.max_components}"


def _aspect(shape: Shape, limits: FilterSettings) -> str | None:
    from gen3d.measures import aspect

    value = aspect(shape)
    return None if value <= limits.max_aspect else f"aspect {value:.3g}, at most {limits.max_aspect:g}"


def _thin(shape: Shape, limits: FilterSettings) -> str | None:
    from gen3d.measures import thickness

    value = thickness(shape)
    return None if value >= limits.min_thickness else f"thickness {value:.3g}, at least {limits.min_thickness:g}"


def _watertight(shape: Shape, limits: FilterSettings) -> str | None:
    from gen3d.measures import closed_share

    share = closed_share(shape)
    if share is None:
        return "is a cloud, which has no faces to close"
    return (
        None
        if share >= limits.min_closed
        else f"{share:.4f} of its edges have two faces, at least {limits.min_closed:g}"
    )


CHECKS: dict[str, Callable[[Shape, FilterSettings], str | None]] = {
    "finite": _finite,
    "components": _components,
    "aspect": _aspect,
    "thin": _thin,
    "watertight": _watertight,
}


def _index(id: str) -> int:
    """The number of a generated shape."""
    return int(id.rpartition("-")[2])


def _as_stored(shape: Shape) -> Shape:
    """As it will be read: faces are sorted by part, which moves the points that are drawn on them."""
    from gen3d.mesh_io import glb_bytes, shape_from_glb

    return shape_from_glb(glb_bytes(shape), shape.id, shape.category, {})


def _cloud(shape: Shape) -> Float32[np.ndarray, "P 3"]:
    """Points by which duplicates are told, drawn alike for all: those of two copies are the same."""
    points = replace(shape, id="cloud").sampled(CLOUD, seed=0).points
    assert points is not None
    return points
