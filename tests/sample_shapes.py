"""Random shapes, foreign files and checks that the tests of reading and writing share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from gen3d.categories import CATEGORIES
from gen3d.errors import InputError
from gen3d.mesh_io import read_shape
from gen3d.shape import Shape


def random_mesh(seed: int, labelled: bool = True, category: str = "chair") -> Shape:
    """A random triangle soup with all magnitudes of coordinates and unused vertices."""
    rng = np.random.default_rng(seed)
    v, f = int(rng.integers(4, 60)), int(rng.integers(2, 90))
    vertices = (rng.normal(size=(v, 3)) * 10.0 ** rng.integers(-6, 6, (v, 1))).astype(np.float32)
    faces = np.stack([rng.permutation(v)[:3] for _ in range(f)]).astype(np.int64)
    labels = rng.integers(-1, len(CATEGORIES[category].parts), f).astype(np.int16) if labelled else None
    return Shape("mesh", category, vertices, faces, labels)


def random_cloud(seed: int, labelled: bool = True) -> Shape:
    """A random cloud with normals."""
    rng = np.random.default_rng(seed)
    points, normals = (rng.normal(size=(50, 3)).astype(np.float32) for _ in range(2))
    labels = rng.integers(-1, 4, 50).astype(np.int16) if labelled else None
    return Shape("cloud", "chair", points=points, normals=normals, point_labels=labels)


def same(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Equal to the last bit, type included; or both absent."""
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def assert_same(a: Shape, b: Shape) -> None:
    """All arrays equal to the last bit."""
    cloud = ("points", "normals", "point_labels", "point_colors")
    for key in ("vertices", "vertex_colors", "faces", "face_labels", *cloud):
        assert same(getattr(a, key), getattr(b, key)), key


def naive_order(labels: np.ndarray) -> list[int]:
    """The documented face order of a GLB: by label, unlabelled last, else as given."""
    return sorted(range(len(labels)), key=lambda i: (labels[i] < 0, labels[i], i))


def refused(path: Path, *words: str, category: str = "unknown") -> str:
    """Reading raises InputError in one line that names the file; the message."""
    with pytest.raises(InputError) as caught:
        read_shape(path, category)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and message.startswith(str(path))
    for word in words:
        assert word in message, message
    return message


def export(source: trimesh.Trimesh | trimesh.Scene, kind: str, **options: Any) -> Any:
    """trimesh's own file of that kind; its declared types are too wide to be of use."""
    return source.export(file_type=kind, **options)


def scene_glb(names: list[str], matrix: np.ndarray | None = None) -> bytes:
    """A foreign GLB with a box of another size under each name."""
    scene = trimesh.Scene()
    for i, name in enumerate(names):
        box = trimesh.creation.box((1 + i, 1, 1))
        scene.add_geometry(box, node_name=name, geom_name=name, transform=np.eye(4) if matrix is None else matrix)
    return export(scene, "glb")


def gltf(uri: str, count: int = 3, **accessor: Any) -> dict[str, Any]:
    """A glTF document of one triangle whose positions are in `uri`."""
    return {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": count, **accessor}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}], "buffers": [{"byteLength": 36, "uri": uri}],
    }  # fmt: skip


def survives(path: Path) -> bool:
    """The file reads as a sound shape, or is refused in one line; whether it was read."""
    try:
        shape = read_shape(path, "chair")
    except InputError as error:
        assert len(str(error).splitlines()) == 1 and str(error).startswith(str(path))
        return False
    rows = shape.positions()
    assert len(rows) and np.isfinite(rows).all()
    if shape.has_mesh:
        vertices, faces = shape.mesh
        assert np.isfinite(vertices).all() and faces.min() >= 0 and faces.max() < len(vertices)
        assert shape.face_labels is None or len(shape.face_labels) == len(faces)
    shape.normalised().sampled(8, seed=0)
    return True
