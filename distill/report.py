"""report.png: every scored shape with truth, prediction and errors, and what the teacher sees of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from jaxtyping import Int16, UInt8
from PIL import Image

from distill.export_labels import nearest_labels
from distill.scores import Report, Scored
from gen3d.colors import part_color
from gen3d.pictures import caption, paint, tile
from gen3d.rendering import Renderer, make_renderer
from gen3d.rendering.cameras import Camera
from gen3d.storage import atomic_write

ANGLES = ((25.0, 35.0), (15.0, 215.0))
SIZE = 130  # pixels along the side of one picture
RIGHT, WRONG, NOT_COUNTED = range(3)
ERROR_COLORS = np.array([[205, 205, 205], [225, 0, 0], [255, 255, 255]], np.uint8)  # none of them a part's
MOST = 24  # shapes in the picture: the worst and the best halves of them


def draw_report(report: Report, path: Path) -> None:
    """Write the picture: a row per shape, worst first; per shape truth | prediction | errors from two sides."""
    ordered = sorted(report.shapes, key=lambda s: s.ious.mean())
    chosen = ordered if len(ordered) <= MOST else ordered[: MOST // 2] + ordered[-MOST // 2 :]
    cameras = tuple(Camera(elevation, azimuth, size=SIZE, fov=54.0) for elevation, azimuth in ANGLES)
    renderers = {mesh: make_renderer("auto", cameras, mesh) for mesh in (True, False)}
    rows = [np.concatenate(_row(scored, renderers[scored.shape.has_mesh]), 1) for scored in chosen]
    title = f"{report.method}, {report.category}: mIoU {round(report.miou, 2):.1f} on {len(report.shapes)} shapes"
    columns = "from two sides each: truth | prediction | errors (red; white: not scored); worst shapes first"
    sheet = caption(caption(tile(rows, 1), columns, 20), title, 24)
    legend = _legend(report, sheet.shape[1])
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate([legend, sheet], 0)).save(buffer, "PNG")
    atomic_write(path, buffer.getvalue())


def _row(scored: Scored, renderer: Renderer) -> list[UInt8[np.ndarray, "H W 3"]]:
    """Six pictures of one shape."""
    shape = scored.shape
    truth = shape.point_labels
    assert truth is not None
    error = np.where(scored.counted, np.where(scored.prediction == truth, RIGHT, WRONG), NOT_COUNTED).astype(np.int16)
    views = renderer.render(shape)
    pictures = [paint(view, _on_elements(scored, labels)) for labels in (truth, scored.prediction) for view in views]
    pictures += [paint(view, _on_elements(scored, error), ERROR_COLORS) for view in views]
    text = f"{shape.id}  {100 * scored.ious.mean():.1f}"
    return [caption(image, text if i == 0 else "") for i, image in enumerate(pictures)]


def _on_elements(scored: Scored, labels: Int16[np.ndarray, " N"]) -> Int16[np.ndarray, " E"]:
    """Labels of the points, carried to the faces of a mesh by the nearest point."""
    shape = scored.shape
    if not shape.has_mesh:
        return labels
    assert shape.points is not None
    return nearest_labels(shape.points, labels, shape.centroids())


def _legend(report: Report, width: int) -> UInt8[np.ndarray, "24 W 3"]:
    """A strip with every scored part's name on its colour."""
    blocks = [np.full((24, 8, 3), 255, np.uint8)]
    for label, part in zip(report.labels, report.parts, strict=True):
        block = np.full((8, 90, 3), part_color(label), np.uint8)
        blocks.append(caption(block, part, 16))
    strip = np.concatenate(blocks, 1)[:, :width]
    return np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=255)
