"""The `import` stage: anybody's meshes and clouds as a collection, as they are, in the house frame and at its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float64
from pydantic import Field

from gen3d.building import build_shards
from gen3d.categories import any_category
from gen3d.collection import SHAPES, Collection, shape_members
from gen3d.crew import Workers
from gen3d.errors import InputError, SettingsError
from gen3d.import_formats import Found, ShapeReader
from gen3d.inputs import Input, Listing
from gen3d.mesh_readers import one_line
from gen3d.settings import Settings
from gen3d.shape import Shape
from gen3d.shards import Member, Sample
from gen3d.storage import Place
from gen3d.upright import FRONTS, guess_up, turn

_Y_UP_FORMATS = (".glb", ".gltf")  # by their specification


class ImportSettings(Settings):
    """Settings of `gen3d import`."""

    category: str
    up: Literal["y", "z", "auto"] = Field(default="y", description="the files' upward axis")
    front: Literal["+x", "-x", "+y", "-y", "+z", "-z"] | None = Field(
        default=None, description="the files' axis that faces front; +z where y is up, -y where z is"
    )
    align: bool = Field(default=False, description="find the pose, any, by comparing with generated shapes")
    raw_pose: bool = Field(default=False, description="align, up and front hold for files of known pose, too")
    licence: str = Field(default="unknown", min_length=1, max_length=1000)
    seed: int = Field(default=0, ge=0, description="of the points that align and `up: auto` look at")
    shard: int = Field(default=50, ge=1, description="shapes per shard, the unit of work and of resuming")


class _Job(NamedTuple):
    settings: ImportSettings
    inputs: list[Input]
    strict: bool


def import_shapes(  # noqa: PLR0913 (what to import and how to run it)
    settings: ImportSettings,
    listing: Listing,
    root: str | Place,
    workers: Workers = 1,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda count: None,
    retry_failed: bool = False,
    strict: bool = False,
) -> Collection:
    """Make the collection in `root`, or what is missing of it; the bytes depend on the settings and the files alone.

    Args:
        settings: see `ImportSettings`.
        listing: from `gen3d.inputs.find_inputs`.
        root: the collection's folder or URL.
        workers: who does it; processes.
        overwrite: start anew, whatever is there.
        progress: called after every shard with the number of samples made, failed ones included.
        retry_failed: try the failed ones again.
        strict: stop at the first input that can't be read; else it is a failure with its reason.

    Raises:
        SettingsError: up and front on one axis or beside align, or `root` holds a collection of other settings or
            other inputs.
        InputError: none of the inputs could be read; with `strict`, one could not.
        StorageError: see `gen3d.collection`.
    """
    row = any_category(settings.category)
    pose_options(settings)
    info = {
        "category": row.name,
        "parts": list(row.parts),
        "source": "import",
        "seed": settings.seed,
        "licence": settings.licence,
        "settings": settings.model_dump(),
        "inputs": listing.counts(),
        "count": len(listing.inputs),
    }
    collection = Collection.create(root, info, overwrite)
    if strict and not retry_failed:
        _stop_at_failure(collection)
    parts = [listing.inputs[i : i + settings.shard] for i in range(0, len(listing.inputs), settings.shard)]
    jobs = [(number, _Job(settings, part, strict)) for number, part in enumerate(parts)]
    build_shards(collection, SHAPES, jobs, _build, workers, progress, retry_failed)
    if not len(collection):
        id, reason = collection.failures()[0]
        raise InputError(f"{collection.root}: none of {len(listing.inputs)} inputs could be read; {id}: {reason}")
    return collection


def pose_options(settings: ImportSettings) -> list[tuple[str, str]]:
    """The (up, front) pairs that the settings leave open, +Y up first.

    Raises SettingsError where there is none, or one is asked for beside `align`.
    """
    if settings.align and (settings.front is not None or settings.up == "z"):
        name, value = ("up", settings.up) if settings.front is None else ("front", settings.front)
        raise SettingsError(f"{name} = {value!r}: align finds every shape's pose itself; leave one of the two out")
    ups = ("y", "z") if settings.up == "auto" or settings.align else (settings.up,)
    pairs = [(up, settings.front or FRONTS[up]) for up in ups]
    possible = [(up, front) for up, front in pairs if front[1] != up]
    if not possible:
        raise SettingsError(f"front = {settings.front!r}: lies on the upward axis {settings.up}; choose another axis")
    return possible


def _stop_at_failure(collection: Collection) -> None:
    """Raise InputError for an input that an earlier run without `strict` could not read."""
    for id, reason in collection.failures():
        raise InputError(
            f"{collection.root}: {id} could not be read ({reason}); use --retry-failed once that is mended"
        )


def _build(job: _Job) -> Iterator[Sample]:
    """One shard's samples."""
    reader = ShapeReader(any_category(job.settings.category), job.inputs)
    for item in job.inputs:
        make = partial(_members, reader, item, job.settings)
        if job.strict:  # here, where an error is no failure of the sample but ends the run
            made = make()
            make = partial(_same, made)
        yield item.id, make


def read_shapes(settings: ImportSettings, inputs: list[Input]) -> Iterator[tuple[str, Shape | InputError]]:
    """(id, shape) of every input as `import_shapes` would keep it, or the error where it can't be read."""
    reader = ShapeReader(any_category(settings.category), inputs)
    for item in inputs:
        try:
            yield item.id, _imported(reader.read(item), item, settings)
        except InputError as error:
            yield item.id, error


def _same(members: list[Member]) -> list[Member]:
    return members


def _members(reader: ShapeReader, item: Input, settings: ImportSettings) -> list[Member]:
    """Reads one input. Errors name it by its place below the given paths, so that they are the same anywhere."""
    try:
        return shape_members(_imported(reader.read(item), item, settings))
    except InputError as error:
        here, there = f"{one_line(str(item.path.parent))}/", one_line(item.name.rpartition("/")[0])
        raise InputError(str(error).replace(here, f"{there}/" if there else "")) from None


def _imported(found: Found, item: Input, settings: ImportSettings) -> Shape:
    """The shape in the house frame, with what is known of where it came from."""
    matrix, pose = pose_of(found, item, settings)
    meta: dict[str, Any] = {"file": item.name, "pose": pose}
    meta |= {"key": item.key} if item.key is not None else {}
    meta |= {"unlabelled": found.unlabelled} if found.unlabelled else {}
    as_stored = (matrix == np.eye(3)).all()  # then nothing is rounded twice
    turned = found.shape if as_stored else found.shape.transformed(matrix)
    return replace(turned.normalised(), id=item.id, meta=meta)


def pose_of(found: Found, item: Input, settings: ImportSettings) -> tuple[Float64[np.ndarray, "3 3"], dict[str, Any]]:
    """Rotation to the house frame, and how it came about: `by` is what said so.

    Args:
        found: a shape as its file has it.
        item: where it was found; its suffix may say which way is up.
        settings: category, up, front, align, raw_pose and seed are read.
    """
    if found.pose is not None and not settings.raw_pose:
        matrix, by = found.pose
        return matrix, {"by": by, "rotation": matrix.tolist()}
    shape = replace(found.shape, id=item.id)
    if settings.align and (aligned := _aligned(shape, settings)) is not None:
        return aligned
    options = pose_options(settings)
    (up, front), by = options[0], "option"
    if len(options) > 1 and item.path.suffix.lower() in _Y_UP_FORMATS:
        by = "format"
    elif len(options) > 1:
        guess = guess_up(shape.normalised(), settings.seed)
        up, front = dict(zip("yz", options, strict=True))[guess.up]
        by = "shape" if guess.sure else "unsure"
    return turn(up, front), {"by": by, "up": up, "front": front}


def _aligned(shape: Shape, settings: ImportSettings) -> tuple[Float64[np.ndarray, "3 3"], dict[str, Any]] | None:
    """By the generated shapes that it is like; None where there are none. An unsure answer is the best there is."""
    from gen3d.alignment import aligner_of, has_references  # here, since it loads all grammars

    if not has_references(settings.category):
        return None
    pose = aligner_of(settings.category)(shape.normalised(), settings.seed)
    by = "align" if pose.sure else "unsure"
    return pose.rotation, {"by": by, "rotation": pose.rotation.tolist(), "likeness": round(pose.likeness, 3)}
