"""CLIP as a judge of shapes: against transformers' own processing, in `generate`, and where weights are missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run

pytest.importorskip("transformers")

import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file, save_file
from sample_clip_scorer import PIXELS, save_tiny_clip
from sample_shapes import assert_same
from toy_shards import contents, stamps

from gen3d.categories import CATEGORIES
from gen3d.clip_score import ClipScorer, clip_pixels, prompt
from gen3d.collection import Collection, shape_id, shape_seed
from gen3d.errors import MissingError, SettingsError
from gen3d.filters import REJECTED, rejections
from gen3d.generation import GenerateSettings, generate
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.judges import ClipJudge
from gen3d.measures import ViewScorer
from gen3d.quiet import quiet_transformers
from gen3d.rendering.cameras import rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.view import View

NAMES = list(CATEGORIES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a tiny CLIP model."""
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


def views_of(size: int, count: int = 3) -> list[View]:
    shape = ProceduralGenerator().generate("chair", 3, "chair-000003")
    return EmbreeRenderer(rings(count, size)).render(shape)


def naive_probabilities(folder: Path, views: list[View]) -> np.ndarray:
    """(V, 16): transformers' own image processor and whole model, one view at a time."""
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    with quiet_transformers():
        network, tokenizer = CLIPModel.from_pretrained(folder).eval(), CLIPTokenizer.from_pretrained(folder)
    size = {"shortest_edge": PIXELS}, {"height": PIXELS, "width": PIXELS}
    process = CLIPImageProcessorPil(size=size[0], crop_size=size[1])
    texts = [f"a 3D model of {'an' if name in ('airplane', 'earphone') else 'a'} {name}." for name in NAMES]
    tokens = tokenizer(texts, padding=True, return_tensors="pt")
    rows = []
    for view in views:
        pixels = process(images=Image.fromarray(view.color), return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            rows.append(network(**tokens, pixel_values=pixels).logits_per_image.softmax(-1)[0].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("size", [PIXELS, 75])
def test_probabilities_against_transformers_own_way(folder: Path, size: int) -> None:
    views, scorer = views_of(size), ClipScorer(folder)
    assert isinstance(scorer, ViewScorer)
    found = np.stack([scorer.score(views, name) for name in NAMES], 1)
    assert np.allclose(found, naive_probabilities(folder, views), atol=1e-5)
    assert np.allclose(found.sum(1), 1, atol=1e-5) and np.ptp(found) > 0.05
    assert (scorer.score(views[::-1], "mug") == scorer.score(views, "mug")[::-1]).all()
    with pytest.raises(SettingsError, match="unknown category 'dragon'"):
        scorer.score(views, "dragon")


def test_images_have_the_published_statistics() -> None:
    views = views_of(PIXELS, 1)
    pixels = clip_pixels(views, PIXELS)
    assert pixels.shape == (1, 3, PIXELS, PIXELS)
    back = pixels[0] * np.array([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    back += np.array([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    assert np.allclose(back.transpose(1, 2, 0) * 255, views[0].color, atol=1e-3)
    assert prompt("earphone") == "a 3D model of an earphone." and prompt("mug") == "a 3D model of a mug."


# --- in generate --------------------------------------------------------------------------------------------------


def test_shapes_that_clip_takes_for_something_else_are_replaced(folder: Path, tmp_path: Path, run: Run) -> None:
    """Held against the scores of all attempts, with a limit between them."""
    judge, procedural = ClipJudge(str(folder)), ProceduralGenerator()
    shapes = [
        [procedural.generate("mug", shape_seed(0, i, attempt), shape_id("mug", i)) for attempt in range(3)]
        for i in range(3)
    ]
    scores = np.array([[judge.score(shape) for shape in row] for row in shapes])
    order = np.unique(scores.max(1))
    limit = float((scores[scores < order[0]].max() + order[0]) / 2)  # some attempt of every shape passes
    words = ("generate", "--category", "mug", "--n", 3, "--filter", "clip", "--min-clip", limit, "--attempts", 3)
    words = (*words, "--clip-weights", folder, "--workers", 1, "--json", "--out")
    ended = run(*words, tmp_path / "c")
    assert ended.code == 0 and "Loading" not in ended.err
    collection = Collection.open(tmp_path / "c")
    chosen = (scores >= limit).argmax(1)
    for i, shape in enumerate(collection.shapes()):
        assert_same(shape, shapes[i][chosen[i]])
        expected = [f"clip: looks like a mug by {x:.3f}, at least {limit:g}" for x in scores[i, : chosen[i]]]
        assert shape.meta.get(REJECTED, []) == expected
    assert len(json.loads(ended.out)["rejected"]) == len(rejections(collection)) == chosen.sum() > 0
    assert len(collection) == 3 and collection.info["settings"]["min_clip"] == limit
    kept = collection.info["filter_weights"]
    assert kept.keys() == {"clip"} and kept["clip"].startswith("sha256:")
    assert run(*words, tmp_path / "again").code == 0 and contents(tmp_path / "again") == contents(tmp_path / "c")


def test_other_weights_are_not_gone_on_with(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "clip"
    shutil.copytree(folder, place)
    chosen = GenerateSettings(category="mug", n=1, filter=("clip",), min_clip=0.0, clip_weights=str(place))
    generate(chosen, tmp_path / "c")
    before = stamps(tmp_path / "c")
    other = tmp_path / "other"
    shutil.copytree(save_tiny_clip(tmp_path / "new", seed=1), other)
    with pytest.raises(SettingsError, match="clip_weights"):
        generate(chosen.model_copy(update={"clip_weights": str(other)}), tmp_path / "c")
    assert stamps(tmp_path / "c") == before


# --- what is missing ----------------------------------------------------------------------------------------------


def refused(run: Run, tmp_path: Path, code: int, *words: object) -> str:
    """The one line of `generate` with the filter; nothing is made."""
    ended = run("generate", "--category", "mug", "--n", 1, "--out", tmp_path / "c", *words)
    assert ended.code == code and not (tmp_path / "c").exists()
    return ended.error


def test_weights_that_are_not_there_or_not_whole_end_before_the_start(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    on = ("--filter", "clip")
    assert "openai/clip-vit-large-patch14" in refused(run, tmp_path, 4, *on)
    assert str(tmp_path / "no") in refused(run, tmp_path, 4, *on, "--clip-weights", tmp_path / "no")
    broken, partial = tmp_path / "broken", tmp_path / "partial"
    for place in (broken, partial):
        shutil.copytree(folder, place)
    (broken / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:2000])
    assert "can be read" in refused(run, tmp_path, 4, *on, "--clip-weights", broken)
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, partial / "model.safetensors", {"format": "pt"})
    assert "no visual_projection.weight" in refused(run, tmp_path, 4, *on, "--clip-weights", partial)


def test_options_of_the_filter_that_can_not_be(run: Run, folder: Path, tmp_path: Path) -> None:
    assert "--min-clip: has no effect" in refused(run, tmp_path, 2, "--min-clip", 0.5)
    assert "--clip-weights: has no effect" in refused(run, tmp_path, 2, "--filter", "thin", "--clip-weights", folder)
    assert "min_clip" in refused(run, tmp_path, 2, "--filter", "clip", "--min-clip", 1.5)


def test_without_transformers_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gen3d.clip_score.find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"--filter clip needs transformers; type .*gen3d\[pretrained\]"):
        ClipScorer().prepare()
