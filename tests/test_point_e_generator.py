"""Text to cloud to shape to collection, with real networks at a tiny size."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sample_point_e import Words, tiny, write_tiny
from sample_shapes import assert_same, same

from gen3d.collection import Collection, shape_seed
from gen3d.errors import MissingError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS, Generator, Tunable
from gen3d.generators.point_e.clouds import HOUSE, Sampling, sample_clouds
from gen3d.generators.point_e.generator import PointEGenerator, PointESettings
from gen3d.generators.point_e.networks import MODELS, TextDenoiser, Upsampler
from gen3d.generators.point_e.text import ClipText, TextEncoder
from gen3d.heading import heading_of
from gen3d.shape import Shape, yaw

FAST: dict[str, Any] = {"steps": 2, "points": 1024, "precision": "float32", "heading": "keep"}


class Broken(Words):
    """Its second answer is not a number."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, prompts: list[str]) -> np.ndarray:
        self.calls += 1
        return super().__call__(prompts) * np.float32(np.nan if self.calls == 2 else 1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("point-e")))


@pytest.fixture
def made(weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Collection]:
    """What `gen3d generate --generator point-e` makes with other settings."""
    monkeypatch.setitem(GENERATORS, "point-e", lambda: PointEGenerator(text=Words()))

    def make(name: str, **changes: Any) -> Collection:
        settings = {"category": "chair", "prompt": "a chair", "n": 3, "generator": "point-e", "weights": weights}
        return generate(GenerateSettings(**(settings | FAST | changes)), tmp_path / name)

    return make


def shape_of(weights: str, seed: int, prompt: str | None = None, **changes: Any) -> Shape:
    settings = PointESettings(weights=weights, **(FAST | changes))
    return PointEGenerator(settings, Words()).generate("chair", seed, "x", prompt)


# --- the collection ---------------------------------------------------------------------------------------------------


def test_a_collection_is_made_from_text(made: Callable[..., Collection], weights: str) -> None:
    collection = made("a", seed=5, guidance=4.0)
    shapes = list(collection.shapes())
    assert [shape.id for shape in shapes] == [f"chair-00000{i}" for i in range(3)] and not collection.damage()
    assert collection.info["generator"] == "point-e" and collection.info["licence"] == "MIT"
    for index, shape in enumerate(shapes):
        assert shape.points is not None and shape.points.shape == (1024, 3) and not shape.has_mesh
        assert shape.point_labels is None
        assert same(shape.points, shape.normalised().points)
        own = shape_of(weights, shape_seed(5, index), "a chair", guidance=4.0)
        assert_same(shape, own)
        assert shape.meta == own.meta and shape.point_colors is not None and len(shape.point_colors) == 1024
        kept = {key: shape.meta[key] for key in ("prompt", "seed", "guidance", "steps", "generator", "precision")}
        assert kept == {
            "prompt": "a chair", "seed": shape_seed(5, index), "guidance": 4.0, "steps": 2, "generator": "point-e",
            "precision": "float32",
        }  # fmt: skip
        assert shape.meta["weights"].keys() == {"base40M-textvec", "clip"} and shape.meta["weights"]["clip"] == "words"
    assert len({shape.points.tobytes() for shape in shapes if shape.points is not None}) == 3


def test_an_answer_that_is_no_number_fails_that_shape_alone(
    made: Callable[..., Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = dict(made("a").samples())
    encoder = Broken()
    monkeypatch.setitem(GENERATORS, "point-e", lambda: PointEGenerator(text=encoder))
    collection = made("b")
    assert [id for id, _ in collection.failures()] == ["chair-000001"]
    assert "not finite" in collection.failures()[0][1]
    assert dict(collection.samples()) == {id: whole[id] for id in ("chair-000000", "chair-000002")}


def test_a_cloud_is_turned_to_face_the_front(weights: str) -> None:
    kept, turned = (shape_of(weights, 3, "a chair", heading=heading) for heading in ("keep", "auto"))
    degrees = turned.meta["heading"]
    assert kept.points is not None and turned.points is not None and "heading" not in kept.meta
    assert degrees == heading_of(kept, 3)
    expected = kept.points @ yaw(degrees).round().T if degrees else kept.points
    np.testing.assert_allclose(turned.points, expected, atol=1e-6)


def test_weights_that_are_not_there_end_it_before_the_start(made: Callable[..., Collection], tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        made("a", weights=str(tmp_path / "none"), points=4096)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and not (tmp_path / "a").exists()
    for name in ("base40M-textvec", "upsample"):
        assert MODELS[name].url in message and f"{MODELS[name].megabytes} MB" in message
    write_tiny(tmp_path / "none", "base40M-textvec")
    with pytest.raises(MissingError, match="has no upsample_40m.safetensors for"):
        made("a", weights=str(tmp_path / "none"), points=4096)
    assert len(made("a", weights=str(tmp_path / "none"), n=1)) == 1  # 1,024 points need no upsampler


# --- one cloud --------------------------------------------------------------------------------------------------------


def test_text_seed_steps_and_guidance_matter(weights: str) -> None:
    plain = shape_of(weights, 1, "a chair").points
    assert same(plain, shape_of(weights, 1).points)
    others = [
        shape_of(weights, 1, "a stool"), shape_of(weights, 2), shape_of(weights, 1, steps=3),
        shape_of(weights, 1, guidance=1),
    ]  # fmt: skip
    assert not any(same(plain, other.points) for other in others)


def test_a_batch_has_the_clouds_of_its_samples_and_the_upsampler_only_adds() -> None:
    base, upsampler = tiny("base40M-textvec"), tiny("upsample")
    assert isinstance(base, TextDenoiser) and isinstance(upsampler, Upsampler)
    text = torch.from_numpy(Words()(["a chair", "a mug"]))
    noise = [[torch.Generator().manual_seed(seed) for seed in (3, 4)] for _ in range(2)]
    batch = sample_clouds(base, upsampler, text, noise[0], Sampling(steps=2))
    assert not np.allclose(batch[0].points, batch[1].points, atol=0.01)
    for i, cloud in enumerate(batch):
        (alone,) = sample_clouds(base, None, text[i : i + 1], noise[1][i : i + 1], Sampling(steps=2))
        assert cloud.points.shape == cloud.colors.shape == (4096, 3) and alone.points.shape == (1024, 3)
        apart = np.abs(cloud.points[:1024] - alone.points)  # where noise is strong, the last bits count 100-fold
        assert np.quantile(apart, 0.99) < 1e-4 and apart.max() < 0.05
        assert np.abs(cloud.points[1024:]).max() <= 0.5 + 1e-6  # what is not guided is clipped
        assert cloud.points[1024:].std() > 0.01 and len(np.unique(cloud.colors)) > 9


def test_up_is_y_and_the_front_is_z() -> None:
    np.testing.assert_array_equal(HOUSE @ [0, 0, 1], [0, 1, 0])
    np.testing.assert_array_equal(HOUSE @ [0, -1, 0], [0, 0, 1])
    assert np.linalg.det(HOUSE) == pytest.approx(1)


def test_it_is_a_generator_with_options(weights: str) -> None:
    generator = PointEGenerator(text=Words())
    assert isinstance(generator, Generator) and isinstance(generator, Tunable) and isinstance(Words(), TextEncoder)
    assert generator.settings == PointESettings() == PointESettings(guidance=3.0, steps=64, points=4096)
    generator.tuned({"weights": weights}).check("chair", "any text will do")


def test_clip_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    encoder = ClipText(tmp_path)
    wanted = "gen3d.pretrained" if find_spec("transformers") is None else "model.safetensors.*1,710 MB"
    for call in (encoder.check, lambda: encoder(["a chair"])):
        with pytest.raises(MissingError, match=wanted):
            call()
    assert isinstance(encoder, TextEncoder)
