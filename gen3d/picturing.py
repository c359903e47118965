"""The stage `views`: rendered views as PNG files with a list of COCO's form, for detectors that run elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from gen3d import __version__
from gen3d.asking import LabelSettings, Renderers, show
from gen3d.collection import Collection
from gen3d.errors import InputError, SettingsError
from gen3d.part_words import asked_parts
from gen3d.rendering.cameras import Camera
from gen3d.rendering.styles import ViewStyle
from gen3d.settings import Settings
from gen3d.teachers.coco import LIST
from gen3d.whole_folder import whole_folder


class ViewsSettings(Settings):
    """Settings of `gen3d views`. Views, renderer and seed must be those of the labelling to come; size need not."""

    parts: tuple[str, ...] | None = Field(default=None, description="names of the list's categories; all by default")
    renderer: str = LabelSettings.model_fields["renderer"].default
    views: int = Field(default=10, ge=1)
    size: int = Field(default=800, ge=32, le=8192, description="pixels")
    look: str = Field(default="shaded", description="see `gen3d.rendering.styles.ViewStyle`")
    points: int = Field(default=2048, ge=512, description="points that depth maps of points are made of")
    seed: int = Field(default=0, ge=0)


def write_views(
    collection: Collection,
    settings: ViewsSettings,
    out: Path,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Write `<shape>/<view>.png` and `images.json` to a folder, all of it or nothing.

    Images have the ids 1, 2, ... in the order of shapes and views, parts 1, 2, ... in the order asked for. What a
    detector makes of them is read by the teacher `detections`.

    Args:
        collection: whose shapes are shown.
        settings: see `ViewsSettings`.
        out: a folder that is absent or empty.
        overwrite: replace what an earlier call wrote there.
        progress: called after every shape with 1.

    Returns:
        Counts, and failures: id and reason of shapes that can't be shown.

    Raises:
        SettingsError: an unknown renderer, look or part, or a folder that holds something else.
        InputError: no shape can be shown.
        StorageError: the disk is full, or another process is writing there.
    """
    style, parts = ViewStyle(look=settings.look, size=settings.size), _words(collection, settings)
    _check_place(out, overwrite)
    like = LabelSettings(**settings.model_dump(include={"renderer", "views", "size", "points", "seed"}))
    renderers, images, failures = Renderers(like, style), [], []
    with whole_folder(out) as new:
        for shape in collection.shapes():
            try:
                views = show(shape, like, renderers, style).views
            except InputError as error:
                failures.append({"id": shape.id, "reason": str(error)})
                progress(1)
                continue
            (new / shape.id).mkdir()
            for number, view in enumerate(views):
                name = f"{shape.id}/{number:02d}.png"
                _write_png(new / name, view.color)
                images.append(_entry(len(images) + 1, name, view.camera))
            progress(1)
        if not images:
            raise InputError(f"{collection.root}: none of its {len(collection)} shapes can be shown")
        (new / LIST).write_text(json.dumps(_listing(collection.category, settings, images, parts), indent=1))
    return {"images": len(images), "shapes": len(collection) - len(failures), "failures": failures}


def _words(collection: Collection, settings: ViewsSettings) -> tuple[str, ...]:
    """The names of the list's categories; none where nobody says what the parts of an unknown category are."""
    try:
        return asked_parts(collection.category, settings.parts, any_words=True).words
    except SettingsError:
        if settings.parts is not None:
            raise
    return ()


def _check_place(out: Path, overwrite: bool) -> None:
    """Raise SettingsError for a folder that holds what must stay."""
    there = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if out.exists() and not out.is_dir():
        raise SettingsError(f"--out {out}: is a file; name a folder")
    if there and not (overwrite and LIST in there):
        hint = "give --overwrite to replace them" if LIST in there else "choose an empty or a new folder"
        raise SettingsError(f"--out {out}: holds {'views' if LIST in there else 'other files'} already; {hint}")


def _write_png(path: Path, color: UInt8[np.ndarray, "H W 3"]) -> None:
    from PIL import Image

    Image.fromarray(color).save(path, compress_level=1)


def _entry(id: int, name: str, camera: Camera) -> dict[str, Any]:
    """One image of the list; angles in degrees tell which labelling it belongs to."""
    turned = {"elevation": round(float(camera.elevation), 4), "azimuth": round(float(camera.azimuth), 4)}
    return {"id": id, "file_name": name, "width": camera.size, "height": camera.size} | turned


def _listing(category: str, settings: ViewsSettings, images: list[dict], parts: tuple[str, ...]) -> dict[str, Any]:
    """What `images.json` holds."""
    info = {"description": f"views of {category}", "gen3d": __version__, "category": category}
    return {
        "info": info | {"settings": settings.model_dump(exclude={"parts"})},
        "images": images,
        "categories": [{"id": number, "name": part} for number, part in enumerate(parts, 1)],
        "annotations": [],
    }
