"""Parts in the file's own materials: every face keeps its place, its label and the colour that it had."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.exchange.obj import export_obj
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from gen3d.errors import InputError
from gen3d.materials import parts_with_materials
from gen3d.mesh_io import read_shape
from gen3d.shape import Shape

PARTS = ("low", "high")
COLORS = {"red": (250, 10, 10), "blue": (10, 10, 250)}


def textured(color: tuple[int, int, int], centre: tuple[float, float, float]) -> trimesh.Trimesh:
    """A box with a texture of one colour."""
    box = trimesh.creation.box((1, 1, 1))
    box.apply_translation(centre)
    uv = np.random.default_rng(0).uniform(size=(len(box.vertices), 2))
    material = PBRMaterial(baseColorTexture=Image.new("RGB", (4, 4), color))
    box.visual = TextureVisuals(uv=uv, material=material)
    return box


def written(folder: Path, suffix: str) -> Path:
    """A red box and, turned by its node, a blue one beside it."""
    scene = trimesh.Scene()
    scene.add_geometry(textured(COLORS["red"], (0, 0, 0)), node_name="a")
    turn: Any = trimesh.transformations.rotation_matrix(0.7, (0, 0, 1), (3, 0, 0))
    scene.add_geometry(textured(COLORS["blue"], (3, 0.2, 0)), node_name="b", transform=turn)
    path = folder / f"boxes{suffix}"
    if suffix == ".glb":
        path.write_bytes(scene.export(file_type="glb"))  # type: ignore[arg-type]
        return path
    for mesh in scene.geometry.values():
        mesh.visual.material = mesh.visual.material.to_simple()
    text, files = export_obj(scene, return_texture=True)
    for name, content in {path.name: str(text).encode(), **files}.items():
        (folder / name).write_bytes(content)
    return path


def labelled(path: Path) -> Shape:
    """What lies below y = 0 and what does not."""
    shape = read_shape(path)
    return replace(shape, face_labels=(shape.centroids()[:, 1] > 0).astype(np.int16))


def faces_of(glb: bytes) -> list[tuple[str, np.ndarray, tuple[int, ...]]]:
    """(part, corners, colour) of all faces; the part is the node that is called so, or the one above."""
    scene: Any = trimesh.load_scene(io.BytesIO(glb), file_type="glb", process=False)
    found = []
    for node in scene.graph.nodes_geometry:
        matrix, key = scene.graph[node]
        part = node if node in PARTS else scene.graph.transforms.parents[node]
        mesh = scene.geometry[key].copy().apply_transform(matrix)
        color = tuple(mesh.visual.material.baseColorTexture.convert("RGB").getpixel((0, 0)))
        found += [(part, corners, color) for corners in mesh.triangles]
    return found


@pytest.mark.parametrize("suffix", [".glb", ".obj"])
def test_every_face_keeps_place_label_and_colour(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path, suffix)
    shape = labelled(path)
    vertices, faces = shape.mesh
    found = faces_of(parts_with_materials(path, shape, PARTS))
    assert len(found) == len(faces) == 24
    left = [np.sort(vertices[face], axis=0) for face in faces]
    for part, corners, color in found:
        near = [i for i, own in enumerate(left) if np.allclose(own, np.sort(corners, axis=0), atol=1e-5)]
        assert near, "a face that the file does not have"
        assert part == PARTS[int(corners[:, 1].mean() > 0)]
        wanted = COLORS["red" if corners[:, 0].mean() < 1.5 else "blue"]
        assert np.abs(np.subtract(color, wanted)).max() <= 3  # JPEG or PNG
        del left[near[0]]
    assert not left


def test_a_part_of_one_mesh_is_one_node(tmp_path: Path) -> None:
    path = tmp_path / "box.glb"
    path.write_bytes(trimesh.Scene(textured(COLORS["red"], (0, 0, 0))).export(file_type="glb"))  # type: ignore[arg-type]
    scene: Any = trimesh.load_scene(
        io.BytesIO(parts_with_materials(path, labelled(path), PARTS)), file_type="glb", process=False
    )
    assert set(scene.graph.nodes_geometry) == set(PARTS)


def test_colours_of_vertices_stay(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 1, 1))
    box.visual.vertex_colors = np.tile([9, 200, 30, 255], (8, 1))  # type: ignore[union-attr]
    box.export(tmp_path / "box.ply")
    glb = parts_with_materials(tmp_path / "box.ply", labelled(tmp_path / "box.ply"), PARTS)
    scene: Any = trimesh.load_scene(io.BytesIO(glb), file_type="glb", process=False)
    colors = np.concatenate([mesh.visual.vertex_colors for mesh in scene.geometry.values()])
    assert (colors == [9, 200, 30, 255]).all()


@pytest.mark.parametrize(("place", "followed"), [("in/other.mtl", True), ("other.mtl", False)])
def test_files_of_other_folders_are_not_followed(place: str, followed: bool, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = written(tmp_path / "in", ".obj")
    used = {line.split()[1] for line in path.read_text().splitlines() if line.startswith("usemtl")}
    (tmp_path / place).write_text("".join(f"newmtl {name}\nKd 0.25 0.5 0.75\n" for name in used))
    name = Path(place).name if followed else f"../{place}"
    path.write_text(path.read_text().replace("mtllib material.mtl", f"mtllib {name}"))
    glb = parts_with_materials(path, labelled(path), PARTS)
    scene: Any = trimesh.load_scene(io.BytesIO(glb), file_type="glb", process=False)
    colors = [getattr(mesh.visual.material, "main_color", [0] * 4) for mesh in scene.geometry.values()]
    assert any(np.allclose(color[:3], (64, 128, 191), atol=2) for color in colors) == followed


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, ".glb")
    shape = labelled(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="materials can't be read") as error:
        parts_with_materials(path, shape, PARTS)
    assert "\n" not in str(error.value) and "boxes.glb" in str(error.value)
