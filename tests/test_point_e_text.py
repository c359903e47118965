"""From text to a labelled collection with nothing left out: a tiny CLIP and tiny networks, all classes real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_chain import Run
from safetensors.torch import load_file, save_file
from sample_clip import write_clip
from sample_point_e import write_surfaces

from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError
from gen3d.generators.point_e.text import ClipText, TextEncoder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    write_clip(folder)
    return folder


def test_the_vector_is_clips_own_at_length_1(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model, tokenizer = write_clip(tmp_path)
    capfd.readouterr()
    encoder = ClipText(tmp_path)
    encoder.check()
    prompts = ["a chair", "a red mug with a large handle"]
    found = encoder(prompts)
    assert isinstance(encoder, TextEncoder) and encoder.revision().startswith("sha256:")
    for row, prompt in zip(found, prompts, strict=True):
        features: Any = model.get_text_features(**tokenizer([prompt], return_tensors="pt"))
        own = features.pooler_output[0]
        np.testing.assert_allclose(row, (own / own.norm()).detach().numpy(), atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-3
    said = capfd.readouterr()
    assert said.out == said.err == ""  # no bar, no table of the image tower's weights


def test_words_beyond_its_limit_are_left_out(clip: Path) -> None:
    long, longer = ClipText(clip)(["a " * 100, "a " * 300])
    np.testing.assert_array_equal(long, longer)


def test_a_tower_that_lacks_a_weight_is_refused(tmp_path: Path) -> None:
    """transformers would fill it with random numbers."""
    write_clip(tmp_path)
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    del weights["text_projection.weight"]
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(InputError, match=r"lacks weights.*text_projection\.weight"):
        ClipText(tmp_path)(["a chair"])


def test_files_that_are_damaged_are_one_line(tmp_path: Path) -> None:
    write_clip(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(MissingError, match="can't be read") as caught:
        ClipText(tmp_path)(["a chair"])
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.usefixtures("tiny_teacher")
@pytest.mark.parametrize("form", ["--cloud", "--mesh"])
def test_from_text_to_labels(form: str, tmp_path: Path, run: Run) -> None:
    """The verbs as a user types them."""
    weights = write_surfaces(tmp_path / "weights")
    write_clip(weights / "clip")
    out = tmp_path / "made"
    more = ["--resolution", 16] if form == "--mesh" else []
    made = run(
        "generate", "--category", "chair", "--n", 2, "--workers", 1, "--generator", "point-e", "--weights", weights,
        "--steps", 2, "--points", 1024, "--precision", "float32", "--prompt", "a chair", form, *more,
        "--offline", "--out", out, "--json",
    )  # fmt: skip
    assert made.code == 0 and json.loads(made.out)["shapes"] == 2, made.err
    labelled = run("label", out, "--views", 2, "--size", 64, "--points", 512, "--workers", 1)
    assert labelled.code == 0, labelled.err
    collection = Collection.open(out)
    assert not collection.failures() and len(collection.ids("knowledge-lite")) == 2 and not collection.damage()
    for shape in collection.shapes():
        assert shape.has_mesh is (form == "--mesh") and shape.meta["precision"] == "float32"
        colors, rows = (shape.vertex_colors, shape.vertices) if shape.has_mesh else (shape.point_colors, shape.points)
        assert colors is not None and rows is not None and len(colors) == len(rows)
        assert shape.meta.get("resolution") == (16 if shape.has_mesh else None)
        wanted = {"base40M-textvec", "clip"} | ({"sdf"} if shape.has_mesh else set())
        assert shape.meta["weights"].keys() == wanted
