"""Stand-ins for packages that can't be installed everywhere: the few calls our renderers make, as documented.

Each keeps its own package's conventions, which differ: which way x runs, what z means, how it is interpolated, what
marks "nothing". They were written from the packages' documents, apart from our renderers.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch


def install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `import name` give the stand-in, whatever is installed."""
    for module, content in {"open3d": OPEN3D, "pytorch3d": PYTORCH3D, "kaolin": KAOLIN}[name].items():
        made: Any = ModuleType(module)
        made.__dict__.update(content, __path__=[])
        monkeypatch.setitem(sys.modules, module, made)


def covering(corners: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (3, F, H * W) of the corners (F, 3, 2) at image positions (H,) y and (W,) x; where all are >= 0."""
    here = torch.stack(torch.broadcast_tensors(x[None, :], y[:, None], torch.ones((), dtype=torch.float64)), -1)
    a, b, c = torch.nn.functional.pad(corners.double(), (0, 1), value=1.0).unbind(1)  # homogeneous: (F, 3) each
    # the area between a position and an edge is linear in the position
    parts = torch.stack([torch.linalg.cross(p, q) @ here.reshape(-1, 3).T for p, q in ((b, c), (c, a), (a, b))])
    whole = parts.sum(0)
    weights = parts / torch.where(whole == 0, torch.ones_like(whole), whole)
    return weights, (weights >= 0).all(0) & (whole != 0)


# --- PyTorch3D: +X left, +Y up, +Z into the image; perspective-correct z, the smallest is seen -----------------------


class Meshes:
    """A batch of meshes with as many vertices and faces as each of them has."""

    def __init__(self, verts: list[torch.Tensor], faces: list[torch.Tensor]) -> None:
        assert len(verts) == len(faces) and all(f.dtype == torch.int64 for f in faces)
        self.verts, self.faces = verts, faces


def rasterize_meshes(  # noqa: PLR0913 (theirs)
    meshes: Meshes,
    image_size: int = 256,
    blur_radius: float = 0.0,
    faces_per_pixel: int = 8,
    bin_size: int | None = None,
    max_faces_per_bin: int | None = None,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """pix_to_face, zbuf, barycentric weights and squared distances, (N, H, W, faces_per_pixel, ...); -1 = none."""
    assert blur_radius == 0 and faces_per_pixel == 1 and not cull_backfaces
    shown, depths, weights = [], [], []
    first = 0  # faces are counted through the batch
    for verts, faces in zip(meshes.verts, meshes.faces, strict=True):
        corners = verts[faces].double()  # (F, 3, 3)
        steps = 1 - (2 * torch.arange(image_size, dtype=torch.float64) + 1) / image_size  # from +1 to -1, both ways
        weight, inside = covering(corners[..., :2], steps, steps)
        z = corners[..., 2].T[:, :, None]  # (3, F, 1)
        if perspective_correct:
            weight = weight / z
            weight = weight / weight.sum(0)
        near, face = torch.where(inside, (weight * z).sum(0), torch.inf).min(0)
        none, chosen = near.isinf(), weight.gather(1, face.expand(3, 1, -1))[:, 0]  # (3, H * W)
        shown.append(torch.where(none, -1, face + first).reshape(image_size, image_size))
        depths.append(torch.where(none, -1.0, near).reshape(image_size, image_size))
        weights.append(torch.where(none, -1.0, chosen).T.reshape(image_size, image_size, 3))
        first += len(faces)
    pix, zbuf = torch.stack(shown)[..., None], torch.stack(depths)[..., None].float()
    return pix, zbuf, torch.stack(weights)[:, :, :, None].float(), torch.zeros_like(zbuf)


PYTORCH3D: dict[str, dict[str, Any]] = {
    "pytorch3d": {},
    "pytorch3d.structures": {"Meshes": Meshes},
    "pytorch3d.renderer": {},
    "pytorch3d.renderer.mesh": {},
    "pytorch3d.renderer.mesh.rasterize_meshes": {"rasterize_meshes": rasterize_meshes},
}


# --- Kaolin: +X right, +Y up, z grows towards the camera; z evenly over the image, the largest is seen ---------------


def rasterize(  # noqa: PLR0913 (theirs)
    height: int,
    width: int,
    face_vertices_z: torch.Tensor,
    face_vertices_image: torch.Tensor,
    face_features: torch.Tensor,
    valid_faces: torch.Tensor | None = None,
    multiplier: float | None = None,
    eps: float | None = None,
    backend: str = "cuda",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (B, H, W, D) and the face index (B, H, W), -1 = none."""
    batch, faces = face_vertices_z.shape[:2]
    assert face_vertices_image.shape == (batch, faces, 3, 2) and face_features.shape[:3] == (batch, faces, 3)
    assert backend == "cuda" and {face_vertices_z.dtype, face_vertices_image.dtype, face_features.dtype} == {
        torch.float32
    }
    x = (2 * torch.arange(width, dtype=torch.float64) + 1 - width) / width
    y = (height - 2 * torch.arange(height, dtype=torch.float64) - 1) / height
    drawn, shown = [], []
    for z, image, features in zip(face_vertices_z.double(), face_vertices_image, face_features, strict=True):
        weight, inside = covering(image, x, y)
        near, face = torch.where(inside, (weight * z.T[:, :, None]).sum(0), -torch.inf).max(0)
        none, chosen = near.isinf(), weight.gather(1, face.expand(3, 1, -1))[:, 0]  # (3, H * W)
        shown.append(torch.where(none, -1, face).reshape(height, width))
        blend = (chosen.T[..., None] * features[face]).sum(1)
        drawn.append(torch.where(none[:, None], 0.0, blend).float().reshape(height, width, -1))
    return torch.stack(drawn), torch.stack(shown)


KAOLIN: dict[str, dict[str, Any]] = {
    "kaolin": {},
    "kaolin.render": {},
    "kaolin.render.mesh": {"rasterize": rasterize},
}


# --- Open3D: rays (ox, oy, oz, dx, dy, dz), uint32 ids, the largest of which means nothing ----------------------------


class Tensor:
    """Holds an array."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def numpy(self) -> np.ndarray:
        return self.values


class RaycastingScene:
    """A ray at a time against all triangles."""

    def __init__(self, nthreads: int = 0) -> None:
        self.triangles = np.zeros((0, 3, 3))

    def add_triangles(self, vertex_positions: Tensor, triangle_indices: Tensor) -> int:
        """Returns the geometry's id."""
        assert vertex_positions.values.dtype == np.float32 and triangle_indices.values.dtype == np.uint32
        self.triangles = vertex_positions.values.astype(np.float64)[triangle_indices.values]
        return 0

    def cast_rays(self, rays: Tensor, nthreads: int = 0) -> dict[str, Tensor]:
        """t_hit, primitive_ids and primitive_uvs of every ray."""
        assert rays.values.dtype == np.float32 and rays.values.shape[1:] == (6,)
        origins, directions = rays.values.astype(np.float64).reshape(-1, 2, 3).transpose(1, 0, 2)
        found = [self._first(origin, direction) for origin, direction in zip(origins, directions, strict=True)]
        return {
            "t_hit": Tensor(np.array([row[0] for row in found], np.float32)),
            "primitive_ids": Tensor(np.array([row[1] for row in found], np.uint32)),
            "primitive_uvs": Tensor(np.array([row[2:] for row in found], np.float32).reshape(-1, 2)),
        }

    def _first(self, origin: np.ndarray, direction: np.ndarray) -> tuple[float, int, float, float]:
        """Cramer's rule for origin + t * direction = a + u * (b - a) + v * (c - a), of all triangles."""
        a, b, c = self.triangles.transpose(1, 0, 2)
        across, start = np.cross(b - a, c - a), a - origin
        whole = across @ direction
        whole[whole == 0] = np.nan
        t = (across * start).sum(1) / whole
        u = np.cross(c - a, start) @ direction / whole
        v = np.cross(start, b - a) @ direction / whole
        t[~((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0))] = np.inf
        face = int(t.argmin())
        return (t[face], face, u[face], v[face]) if np.isfinite(t[face]) else (np.inf, 2**32 - 1, 0.0, 0.0)


OPEN3D: dict[str, dict[str, Any]] = {
    "open3d": {
        "core": SimpleNamespace(Tensor=Tensor),
        "t": SimpleNamespace(geometry=SimpleNamespace(RaycastingScene=RaycastingScene)),
    }
}
