"""Shap-E's latents and meshes, against diffusers' own pipeline on the same random weights."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from sample_shap_e import CHANNELS, TOKENS, library_latents, tiny_pipeline, write_tiny

from gen3d.batches import Batch
from gen3d.errors import InputError
from gen3d.generators.shap_e.latents import Sampling, sample_latents
from gen3d.generators.shap_e.meshes import LatentField, colored_mesh
from gen3d.generators.shap_e.weights import Networks, load_networks
from gen3d.shape import Shape
from gen3d.upright import FRONTS, turn

PROMPTS = ["a chair", "a round mug", "a very long sofa" * 12]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return load_networks(write_tiny(tmp_path_factory.mktemp("shap-e")), "float32")


def noise(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def latents(networks: Networks, *seeds: int, steps: int = 4, guidance: float = 15.0) -> torch.Tensor:
    return sample_latents(networks, PROMPTS[: len(seeds)], noise(*seeds), Sampling(steps, guidance))


def field(networks: Networks, seed: int = 3) -> LatentField:
    return LatentField(networks.renderer, latents(networks, seed)[0], Batch(2))


# --- latents ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guidance", [15.0, 1.0])
@pytest.mark.parametrize("steps", [1, 5])
def test_latents_are_those_of_the_librarys_own_pipeline(networks: Networks, guidance: float, steps: int) -> None:
    how = {"num_inference_steps": steps, "guidance_scale": guidance}
    theirs = library_latents(tiny_pipeline(), PROMPTS[:2], noise(3, 4), **how)
    ours = latents(networks, 3, 4, steps=steps, guidance=guidance)
    assert ours.shape == (2, TOKENS, CHANNELS) and ours.dtype == torch.float32 and ours.std() > 0.01
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_a_latent_does_not_depend_on_its_batch(networks: Networks) -> None:
    together = latents(networks, 7, 8, 9)
    for number, seed in enumerate((7, 8, 9)):
        (alone,) = sample_latents(networks, [PROMPTS[number]], noise(seed), Sampling(4))
        torch.testing.assert_close(
            together[number], alone, atol=1e-4, rtol=0
        )  # guidance multiplies the last bits by 15
    assert (together[0] - together[1]).abs().max() > 0.01


def test_the_same_twice_and_nothing_is_kept_in_between(networks: Networks) -> None:
    first = latents(networks, 1, 2)
    latents(networks, 5, steps=3, guidance=1.0)
    assert torch.equal(first, latents(networks, 1, 2))


def test_text_guidance_and_steps_matter(networks: Networks) -> None:
    plain = latents(networks, 1)
    others = [
        sample_latents(networks, ["a mug"], noise(1), Sampling(4)), latents(networks, 2),
        latents(networks, 1, guidance=2.0), latents(networks, 1, steps=5),
    ]  # fmt: skip
    assert min((plain - other).abs().max() for other in others) > 1e-3


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_close(precision: str, tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "a")
    exact, half = (latents(load_networks(folder, name), 1, guidance=3.0) for name in ("float32", precision))
    apart = (exact - half).abs()
    assert half.dtype == torch.float32 and 0 < apart.mean() < 0.02


# --- fields and meshes ------------------------------------------------------------------------------------------------


def test_fields_and_colours_are_those_of_the_librarys_own_meshes(networks: Networks) -> None:
    """diffusers' decoder is given a table that cuts the grid's edges along x, and makes no faces."""
    renderer, latent, size = copy.deepcopy(networks.renderer), latents(networks, 3), 24
    crossed = torch.arange(256)
    renderer.mesh_decoder.masks[:, 0] = (crossed & 1) != ((crossed >> 1) & 1)
    theirs = renderer.decode_to_mesh(latent, "cpu", grid_size=size)
    inside = (theirs.verts.abs() < 0.9).all(1)
    spots = (theirs.verts[inside] * (size + 1) / (size - 1)).numpy()  # it leaves its own border of a cell in the scale
    own = field(networks)
    assert len(spots) > 50
    assert np.abs(own.signed_distance(spots)).max() < 0.02
    linear = torch.stack([theirs.vertex_channels[name] for name in "RGB"], 1)[inside].numpy()
    srgb = own.colors((theirs.verts[inside]).numpy())
    expected = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    np.testing.assert_allclose(expected, linear, atol=1e-6)
    assert np.ptp(srgb) > 0.02


def test_the_renderer_stays_as_it_is(networks: Networks) -> None:
    before = {name: value.clone() for name, value in networks.renderer.state_dict().items()}
    colored_mesh(field(networks), 16)
    assert all(torch.equal(value, before[name]) for name, value in networks.renderer.state_dict().items())


def test_a_field_does_not_depend_on_how_many_places_are_asked_at_once(
    networks: Networks, rng: np.random.Generator
) -> None:
    places = rng.uniform(-1, 1, (9000, 3)).astype(np.float32)
    own = field(networks)
    whole = own.signed_distance(places)
    assert whole.shape == (9000,) and whole.min() < 0 < whole.max()
    for rows in (slice(0, 1), slice(4000, 4200), slice(8999, None)):
        np.testing.assert_allclose(own.signed_distance(places[rows]), whole[rows], atol=1e-5)


def test_a_mesh_is_closed_in_one_piece_and_lies_where_the_field_is_zero(networks: Networks) -> None:
    own = field(networks)
    mesh = colored_mesh(own, 32)
    edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    inner = mesh.vertices[(np.abs(mesh.vertices) < 0.99).all(1)]
    assert len(inner) > 500 and np.abs(own.signed_distance(inner)).max() < 0.03
    assert mesh.colors.dtype == np.uint8 and mesh.colors.shape == mesh.vertices.shape
    np.testing.assert_array_equal(mesh.colors, np.rint(255 * own.colors(mesh.vertices)))
    finer = colored_mesh(own, 48)
    assert len(finer.faces) > 1.5 * len(mesh.faces)
    for axis in range(3):
        assert abs(np.ptp(finer.vertices[:, axis]) - np.ptp(mesh.vertices[:, axis])) < 0.05


def test_a_field_without_a_surface_is_an_error(networks: Networks) -> None:
    renderer = copy.deepcopy(networks.renderer)
    renderer.mlp.mlp[6].bias.data[0] = -50
    with pytest.raises(InputError, match="no surface"):
        colored_mesh(LatentField(renderer, latents(networks, 1)[0], Batch(2)), 16)


def test_up_is_y_and_the_front_is_z() -> None:
    house = turn("z", FRONTS["z"])
    shape = Shape("x", "chair", points=np.array([[1, 2, 3]], np.float32)).transformed(house)
    np.testing.assert_array_equal(shape.points, [[1, 3, -2]])
    assert np.linalg.det(house) == pytest.approx(1)
