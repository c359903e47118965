"""What a view shows of a cloud: `seen` against free rays, found without the renderer."""

from __future__ import annotations

import numpy as np
from sample_knowledge import cloud, procedural, toy_chair

from gen3d.generators.procedural.solids import box
from gen3d.knowledge import TOLERANCE, seen
from gen3d.rendering.cameras import Camera, rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.view import View
from gen3d.shape import Shape


def free_depth(camera: Camera, points: np.ndarray, shape: Shape) -> np.ndarray:
    """How far every point lies behind the first surface on its own ray: 0 where the ray is free (Möller & Trumbore)."""
    vertices, faces = shape.mesh
    a, b, c = (vertices[faces[:, i]].astype(float) for i in range(3))
    rays = points - camera.position
    length = np.linalg.norm(rays, axis=1)
    rays = (rays / length[:, None])[:, None]  # (N, 1, 3)
    p = np.cross(rays, c - a)
    det = (p * (b - a)).sum(-1)
    det = np.where(np.abs(det) < 1e-14, np.inf, det)
    t = camera.position - a
    q = np.cross(t, b - a)
    u, v = (p * t).sum(-1) / det, (rays * q).sum(-1) / det
    hit = (q * (c - a)).sum(-1) / det
    hit = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (hit > 0), hit, np.inf)
    return np.maximum(0, length - hit.min(1)) * (length > hit.min(1) + 1e-4)


def smooth(view: View) -> np.ndarray:
    """(H * W,) pixels whose 3 x 3 neighbours show one surface, not too slanted: normals and depths go on evenly."""
    depth, normal = view.depth, view.normal
    good = view.hit & (normal[..., 2] > 0.35)
    for axis in (0, 1):
        for step in (-1, 1):
            same = (np.roll(normal, step, axis) * normal).sum(-1) > 0.98
            with np.errstate(invalid="ignore"):
                near = np.abs(np.roll(depth, step, axis) - depth) < 4 * depth / view.camera.focal
            good &= same & near & np.roll(good, step, axis)
    return good.reshape(-1)


def test_seen_agrees_with_free_rays() -> None:
    shapes = [toy_chair(0), toy_chair(1), procedural("mug", 0), procedural("mug", 3), procedural("table", 0)]
    rows = []
    for shape in shapes:
        points = cloud(shape, 250)[0]
        for view in EmbreeRenderer(rings(3)).render(shape):
            shown, pixel = seen(view, points)
            behind, plain = free_depth(view.camera, points, shape), smooth(view)[pixel]
            rows.append([shown == (behind == 0), plain, shown, behind > 0])
            # a hidden point passes only as part of the surface: within the tolerance along the normal
            slant = np.abs(view.normal.reshape(-1, 3)[pixel][:, 2]).clip(0.05)
            hidden = shown & plain & (behind > 0)
            assert (behind * slant)[hidden].max(initial=0) < 2 * TOLERANCE
    agree, plain, shown, hidden = (np.concatenate(x) for x in zip(*rows, strict=True))
    assert agree.mean() > 0.97
    assert plain.mean() > 0.4 and agree[plain].mean() > 0.998  # the rest lies where a pixel shows more than one surface
    assert (shown & hidden).mean() < 0.015


def test_a_plane_seen_almost_edge_on_reaches_only_a_little_further() -> None:
    """Along such a plane one pixel holds points at very different depths, of which the far ones may be hidden."""
    camera, size = Camera(0, 0, size=64), (64, 64)
    normal = np.tile(np.array([0.9995, 0, 0.0316], np.float32), (*size, 1))  # nearly across the view
    view = View(camera, np.zeros(size, np.int32), np.full(size, 2.2, np.float32), normal)
    middle = 0.5 / camera.focal * 2.2  # the middle of pixel (32, 32) at depth 2.2: (x, y, z) = (middle, -middle, 0)
    along = np.array([0.1, 0.01, 0.0, -0.01, -0.1, -0.3])
    points = np.stack([middle - 0.0316 / 0.9995 * along, np.full(6, -middle), along], 1).astype(np.float32)
    shown, pixel = seen(view, points)
    assert (pixel == 32 * 64 + 32).all()
    assert shown.tolist() == [True, True, True, True, True, False]


def test_the_back_of_a_box_is_never_seen() -> None:
    for size in ([1, 1, 1], [1, 0.05, 1], [0.02, 1, 0.5]):
        solid = box(size)
        shape = Shape("box", "table", solid.vertices.astype(np.float32), solid.faces).normalised().sampled(1500, 0)
        assert shape.points is not None and shape.normals is not None
        for view in EmbreeRenderer(rings(10)).render(shape):
            shown, pixel = seen(view, shape.points)
            facing = ((view.camera.position - shape.points) * shape.normals).sum(1)  # a box is convex
            edge = np.sort(np.abs(shape.points).max(0) - np.abs(shape.points), axis=1)  # [:, 1]: to the nearest edge
            assert not (shown & (facing < 0) & (edge[:, 1] > 2 * TOLERANCE)).any()
            assert shown[(facing > 0.3) & (edge[:, 1] > 0.03)].all()
            assert np.array_equal(np.flatnonzero(shown), np.flatnonzero(shown & view.hit.reshape(-1)[pixel]))


def test_projection_and_pixels_agree() -> None:
    shape = toy_chair(2)
    vertices, faces = shape.mesh
    for view in EmbreeRenderer(rings(3, 96)).render(shape):
        assert view.barycentric is not None
        u, v = view.barycentric[view.hit].T[:, :, None]
        a, b, c = (vertices[faces[view.element[view.hit]][:, i]] for i in range(3))
        shown, pixel = seen(view, ((1 - u - v) * a + u * b + v * c).astype(np.float32))
        assert shown.all() and np.array_equal(pixel, np.flatnonzero(view.hit))
