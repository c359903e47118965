"""A contact sheet of a labelling: what a teacher found in the views of a few shapes, as it was lifted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int16, UInt8
from PIL import Image

from gen3d.collection import Collection
from gen3d.colors import PALETTE
from gen3d.knowledge import Knowledge
from gen3d.pictures import caption, tile
from gen3d.rendering import make_renderer
from gen3d.rendering.cameras import rings
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.storage import Place, atomic_write

SHAPES = 4  # rows
VIEWS = 10  # columns at most
_SIZE = 144  # pixels of a view
_REACH = 0.06  # radii from a pixel's surface to the nearest point that the view gave a part
_FAINT = 0.25  # of a part's colour at confidence 0


def draw_sheet(collection: Collection, stem: str, again: bool = True) -> Place:
    """Write `<stem>.png` beside the shards: the first shapes with knowledge, a row each, by view; returns its path.

    One that is there already stays where `again` is false.

    A pixel has the colour of the part that its view gave the nearest point of those that it gave any, the stronger the
    more confident; grey is what is far from all of them. Of boxes that overlap the most confident counts.

    Raises StorageError.
    """
    path = collection.root / f"{stem}.png"
    if path.is_file() and not again:
        return path
    parts, settings = collection.stage(stem)["parts"], collection.stage(stem)["settings"]
    cameras = rings(settings["views"], _SIZE)[:VIEWS]
    rows = []
    for shape, knowledge in _labelled(collection, stem):
        views = make_renderer("auto", cameras, shape.has_mesh).render(shape)
        images = [found_in(view, number, knowledge) for number, view in enumerate(views)]
        rows.append(caption(tile(images, len(images)), shape.id, 20))
    strips = [_legend(parts, _SIZE * len(cameras)), *rows]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(strips, 0)).save(buffer, "PNG")
    atomic_write(path, buffer.getvalue())
    return path


def found_in(view: View, number: int, knowledge: Knowledge) -> UInt8[np.ndarray, "H W 3"]:
    """A view, tinted by what the teacher found in the view of that number. See `draw_sheet`."""
    from scipy.spatial import KDTree

    part, score = _best(knowledge, knowledge.view == number)
    image = view.shaded().astype(np.float32)
    covered = part >= 0
    if not (covered.any() and view.hit.any()):
        return image.astype(np.uint8)
    distance, nearest = KDTree(knowledge.points[covered]).query(surface(view)[view.hit])
    near = distance <= _REACH
    strength = np.where(near, _FAINT + (1 - _FAINT) * score[covered][nearest], 0)[:, None]
    own = image[view.hit]
    tint = own * PALETTE[part[covered][nearest] % len(PALETTE)] / 200
    image[view.hit] = (own * (1 - strength) + tint * strength).clip(0, 255)
    return image.astype(np.uint8)


def surface(view: View) -> Float32[np.ndarray, "H W 3"]:
    """The points that the pixels show, in the house frame; not finite where a view shows nothing."""
    directions = view.camera.directions()
    along = -(directions @ view.camera.axes[2])  # of a ray of length 1, in depth
    reach = view.depth / along
    return (view.camera.position + directions * reach[..., None]).astype(np.float32)


def _best(
    knowledge: Knowledge, chosen: Bool[np.ndarray, " K"]
) -> tuple[Int16[np.ndarray, " N"], Float32[np.ndarray, " N"]]:
    """Of every point the part and confidence of the surest of the chosen units; -1 and 0 where none covers it."""
    count = len(knowledge.points)
    if not chosen.any():
        return np.full(count, -1, np.int16), np.zeros(count, np.float32)
    weights = np.where(knowledge.mask[chosen], knowledge.weights()[chosen], -1)
    best = weights.argmax(0)
    top = weights[best, np.arange(count)]
    part = np.where(top >= 0, knowledge.part[chosen][best], -1).astype(np.int16)
    return part, top.clip(0, 1).astype(np.float32)


def _labelled(collection: Collection, stem: str) -> Iterator[tuple[Shape, Knowledge]]:
    """The first shapes that have knowledge."""
    first = collection.ids(stem)[:SHAPES]
    wanted: dict[str, Any] = {}
    for id, data in collection.members(stem, "safetensors"):
        wanted[id] = Knowledge.from_bytes(data, id)
        if len(wanted) == len(first):
            break
    for shape in collection.shapes():
        if shape.id in wanted:
            yield shape, wanted.pop(shape.id)
        if not wanted:
            return


def _legend(parts: list[str], width: int) -> UInt8[np.ndarray, "H W 3"]:
    """The parts' names in their colours, in as many rows as they need."""
    each = max(120, *(9 * len(part) + 24 for part in parts))
    columns = max(1, min(len(parts), width // each))
    blank = np.full((0, width // columns, 3), 255, np.uint8)
    cells = [
        caption(blank, part[:40], 22, tuple((PALETTE[i % len(PALETTE)] * 0.8).astype(int).tolist()))
        for i, part in enumerate(parts)
    ]
    image = tile(cells, columns)
    return np.pad(image, ((0, 0), (0, width - image.shape[1]), (0, 0)), constant_values=255)
