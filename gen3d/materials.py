"""The materials of a mesh file on its parts: a GLB with a node per part that looks as the file does."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from gen3d.errors import InputError
from gen3d.glb import part_name, unpack
from gen3d.gltf_check import buffers, check_document
from gen3d.mesh_io import file_content
from gen3d.mesh_readers import one_line
from gen3d.shape import Shape

WITH_MATERIALS = (".glb", ".gltf", ".obj", ".ply")  # of the files that are read, those that may have any


def parts_with_materials(path: Path, shape: Shape, parts: tuple[str, ...]) -> bytes:
    """A GLB in the file's frame: a node per part, named after it, in the file's own materials and textures.

    Where a part has faces of several of the file's meshes or materials, its node holds one node for each.

    Args:
        path: the file, of a suffix in `WITH_MATERIALS`. What it refers to is only followed within its own folder.
        shape: what was read of it, with `face_labels`. Each of the file's faces takes the label of the one that lies
            where it does, since readers of materials sort faces by them.
        parts: names in label order.

    Raises InputError where the materials can't be read.
    """
    import trimesh

    labels, tree = shape.face_labels, KDTree(shape.centroids())
    assert labels is not None
    pieces: dict[int, list[Any]] = {}
    for mesh in _meshes(path):
        found = labels[tree.query(mesh.triangles_center)[1]]
        for label in np.unique(found).tolist():
            pieces.setdefault(label, []).extend(mesh.submesh([np.flatnonzero(found == label)], repair=False))
    scene = trimesh.Scene()
    for label, some in sorted(pieces.items()):
        name = part_name(label, parts)
        if len(some) == 1:
            scene.add_geometry(some[0], node_name=name, geom_name=name)
            continue
        scene.graph.update(name, scene.graph.base_frame, matrix=np.eye(4))
        for number, piece in enumerate(some):
            own = f"{name}_{number}"
            scene.add_geometry(piece, node_name=own, geom_name=own, parent_node_name=name)
    return bytes(scene.export(file_type="glb"))  # type: ignore[arg-type]


def _meshes(path: Path) -> Iterator[Any]:
    """The file's meshes in world space, with their materials."""
    try:
        scene = _loaded(path)
        for node in scene.graph.nodes_geometry:
            matrix, key = scene.graph[node]
            if len(getattr(scene.geometry[key], "faces", ())):
                yield scene.geometry[key].copy().apply_transform(matrix)
    except MemoryError:
        raise
    except Exception as error:  # as damaged files and pictures raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{one_line(str(path))}: its materials can't be read ({reason}); leave them out") from None


def _loaded(path: Path) -> Any:
    """trimesh's scene of a file; nothing is merged."""
    import trimesh

    content, kind = file_content(path), path.suffix.lower().removeprefix(".")
    if kind in ("glb", "gltf"):
        document = unpack(content)[0] if kind == "glb" else json.loads(content)
        check_document(document, len(content) + sum(map(len, buffers(document, path).values())))
    folder: Any = _OwnFolder(path.parent)
    return trimesh.load_scene(io.BytesIO(content), file_type=kind, resolver=folder, process=False)


class _OwnFolder:
    """What trimesh asks for the files that a file names (its resolver): those of its own folder alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def get(self, key: str) -> bytes:
        """The content of a file by its name."""
        file = (self._folder / key).resolve()
        if self._folder not in file.parents:
            raise InputError(f"{one_line(key)} is not in its folder")
        return file_content(file)

    __getitem__ = get

    def namespaced(self, namespace: str) -> _OwnFolder:
        """The same: names are those of this folder."""
        return self
