"""Point-E's meshes: where its distance is 0, outward, coloured by the nearest points, in the frame of the clouds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from sample_point_e import Words, surface_bias, tiny, write_surfaces, write_tiny
from torch import nn

from gen3d import isosurface
from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS
from gen3d.generators.point_e.clouds import HOUSE, Cloud, Sampling, sample_clouds
from gen3d.generators.point_e.generator import PointEGenerator, PointESettings
from gen3d.generators.point_e.meshes import SIDE, cloud_mesh, mesh_operations
from gen3d.generators.point_e.networks import SignedDistance, TextDenoiser
from gen3d.generators.point_e.weights import read_network
from gen3d.isosurface import ColoredMesh

GRID = 20
FAST: dict[str, Any] = {
    "steps": 2,
    "points": 1024,
    "precision": "float32",
    "heading": "keep",
    "mesh": True,
    "resolution": GRID,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_surfaces(tmp_path_factory.mktemp("point-e")))


def network() -> SignedDistance:
    sdf = tiny("sdf")
    assert isinstance(sdf, SignedDistance)
    sdf.output_proj.bias = nn.Parameter(surface_bias(), requires_grad=False)
    return sdf


def cloud(rng: np.random.Generator) -> Cloud:
    points = rng.uniform(-0.5, 0.5, (300, 3)).astype(np.float32)
    return Cloud(points, rng.integers(0, 256, (300, 3)).astype(np.uint8))


def distance(sdf: SignedDistance, own: Cloud, places: np.ndarray) -> np.ndarray:
    """Asked for one at a time."""
    tokens = sdf.encode(torch.from_numpy(own.points)[None])
    answers = [sdf(torch.from_numpy(place.astype(np.float32)).view(1, 1, 3), tokens) for place in places]
    return np.array([answer.item() for answer in answers])


def test_the_surface_is_where_the_distance_is_0(rng: np.random.Generator) -> None:
    own, sdf = cloud(rng), network()
    made = cloud_mesh(sdf, own, GRID)
    assert isinstance(made, ColoredMesh)
    mesh = trimesh.Trimesh(made.vertices, made.faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    half = SIDE / 2
    within = np.flatnonzero((np.abs(mesh.triangles_center).max(1) < half * 0.9) & (mesh.area_faces > 1e-6))[::7]
    assert len(within) > 20
    centres, out = mesh.triangles_center[within], mesh.face_normals[within] * 0.04
    apart = distance(sdf, own, centres - out) - distance(sdf, own, centres + out)
    assert (apart > 0).all()  # positive inside
    assert (np.abs(distance(sdf, own, centres)) < apart).all()
    assert np.abs(made.vertices).max() <= half * 1.001 and np.abs(made.vertices).max() > 0.3


def test_colours_are_those_of_the_nearest_points(rng: np.random.Generator) -> None:
    own = cloud(rng)
    made = cloud_mesh(network(), own, 12)
    for place, color in zip(made.vertices[::5], made.colors[::5], strict=True):
        nearest = np.square(own.points - place).sum(1).argmin()
        np.testing.assert_array_equal(color, own.colors[nearest])


def test_a_mesh_has_the_frame_of_its_cloud(weights: str) -> None:
    """A cloud of the same seed is the cloud that the mesh was made around."""
    base = read_network(Path(weights), "base40M-textvec").network
    assert isinstance(base, TextDenoiser)
    text, noise = torch.from_numpy(Words()(["a chair"])), [torch.Generator().manual_seed(3)]
    (plain,) = sample_clouds(base, None, text, noise, Sampling(steps=2))
    shape = PointEGenerator(PointESettings(weights=weights, **FAST), Words()).generate("chair", 3, "a")
    made = cloud_mesh(network(), plain, GRID)
    turned = made.vertices @ HOUSE.T
    low, high = turned.min(0), turned.max(0)
    centred = turned - (low + high) / 2
    assert shape.vertices is not None and shape.points is None
    np.testing.assert_allclose(shape.vertices, centred / np.linalg.norm(centred, axis=1).max(), atol=1e-5)
    np.testing.assert_array_equal(shape.vertex_colors, made.colors)


def made(root: Path, weights: str, **changes: Any) -> Collection:
    settings = {"category": "chair", "prompt": "a chair", "n": 2, "generator": "point-e", "weights": weights}
    return generate(GenerateSettings(**(settings | FAST | changes)), root)


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS, "point-e", lambda: PointEGenerator(text=Words()))


def test_a_collection_of_meshes(weights: str, tmp_path: Path) -> None:
    collection = made(tmp_path, weights)
    shapes = list(collection.shapes())
    assert len(shapes) == 2 and not collection.damage() and not collection.failures()
    for shape in shapes:
        assert shape.vertices is not None and shape.vertex_colors is not None
        assert len(shape.vertex_colors) == len(shape.vertices) and shape.points is None
        assert shape.meta["resolution"] == GRID and shape.meta["weights"].keys() == {"base40M-textvec", "sdf", "clip"}


def test_without_a_surface_that_shape_fails(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "w", "sdf", "base40M-textvec", **{"output_proj.bias": torch.tensor([-9.0])})
    collection = made(tmp_path / "a", str(folder), n=1)
    ((id, reason),) = collection.failures()
    assert id == "chair-000000" and "no surface" in reason


def test_what_a_mesh_needs_is_asked_for_before_the_start(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tiny(tmp_path / "w", "base40M-textvec")
    with pytest.raises(MissingError, match=r"has no sdf\.safetensors"):
        made(tmp_path / "a", str(folder))
    monkeypatch.setattr(isosurface, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"gen3d\[pretrained\]"):
        made(tmp_path / "a", weights)
    assert len(made(tmp_path / "a", weights, mesh=None, resolution=None)) == 2  # clouds need none of it


def test_options_without_effect_are_refused(weights: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="resolution = 20: has no effect on a cloud; .*--mesh"):
        made(tmp_path / "a", weights, mesh=None)
    with pytest.raises(SettingsError, match="resolution = 4"):
        made(tmp_path / "a", weights, resolution=4)


def test_the_cost_is_that_of_the_published_decoder() -> None:
    """The layers' matrices spelled out: queries and outcome, two of the MLP, and attention to 4,096 points."""
    layer = 2 * (256 * 256 * 2 + 256 * 1024 * 2) + 2 * 2 * 4096 * 256
    assert mesh_operations(32, 4096) == pytest.approx(32**3 * 4 * layer, rel=0.01)


def test_not_a_number_is_an_error(rng: np.random.Generator) -> None:
    sdf = network()
    sdf.output_proj.bias.fill_(torch.nan)
    with pytest.raises(InputError, match="not finite"):
        cloud_mesh(sdf, cloud(rng), 8)
