"""Text to mesh to collection to labels, and Shap-E's weights in all their forms, with real networks at a tiny size."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from sample_shap_e import as_on_the_hub, edit_json, library_latents, write_tiny
from sample_shapes import assert_same

from distill.conversion import convert
from gen3d import heading
from gen3d.alignment import Aligner
from gen3d.collection import Collection, shape_seed
from gen3d.errors import Gen3dError, InputError, MissingError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS, Batched, Generator, Pretrained, Tunable, Wanted
from gen3d.generators.shap_e.generator import ShapEGenerator, ShapESettings
from gen3d.generators.shap_e.latents import Sampling, sample_latents
from gen3d.generators.shap_e.weights import load_networks, quiet_scheduler, resolved
from gen3d.labelling import LabelSettings, label, read_knowledge
from gen3d.shape import Shape

FAST: dict[str, Any] = {"steps": 2, "resolution": 20, "precision": "float32", "heading": "keep"}
NOISE = "prior/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("shap-e")))


@pytest.fixture
def own(weights: str, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(weights, tmp_path / "own"))


@pytest.fixture
def made(weights: str, tmp_path: Path) -> Callable[..., Collection]:
    """What `gen3d generate --generator shap-e` makes with other settings."""

    def make(name: str, **changes: Any) -> Collection:
        settings = {"category": "chair", "prompt": "a chair", "n": 3, "generator": "shap-e", "weights": weights}
        return generate(GenerateSettings(**(settings | FAST | changes)), tmp_path / name)

    return make


def generator_of(weights: str | Path, **changes: Any) -> ShapEGenerator:
    return ShapEGenerator(ShapESettings(weights=str(weights), **(FAST | changes)))


def shape_of(weights: str | Path, seed: int = 1, category: str = "chair", **changes: Any) -> Shape:
    return generator_of(weights, **changes).generate(category, seed, "x", "a round chair")


# --- the collection ---------------------------------------------------------------------------------------------------


def test_a_collection_is_made_from_text_and_labelled(
    made: Callable[..., Collection], weights: str, tiny_teacher: None
) -> None:
    collection = made("a", seed=5, guidance=4.0)
    shapes = list(collection.shapes())
    assert [shape.id for shape in shapes] == [f"chair-00000{i}" for i in range(3)] and not collection.damage()
    assert collection.info["generator"] == "shap-e" and collection.info["licence"] == "MIT"
    for index, shape in enumerate(shapes):
        assert shape.has_mesh and shape.face_labels is None
        again = generator_of(weights, guidance=4.0).generate("chair", shape_seed(5, index), shape.id, "a chair")
        assert_same(shape, again)
        assert shape.meta == again.meta == {
            "prompt": "a chair", "seed": shape_seed(5, index), "generator": "shap-e", "guidance": 4.0, "steps": 2,
            "resolution": 20, "precision": "float32", "weights": resolved(Path(weights)),
        }  # fmt: skip
    assert len({shape.mesh[0].tobytes() for shape in shapes}) == 3
    label(collection, LabelSettings(teacher="lite", views=2, size=32, points=512))
    assert [len(knowledge.points) for knowledge in read_knowledge(collection, "lite")] == [512] * 3


def test_a_batch_has_the_shapes_of_its_seeds(weights: str) -> None:
    wanted = [Wanted("chair", seed, f"c{seed}", prompt) for seed, prompt in ((3, "a chair"), (4, None), (5, "a mug"))]
    batch = generator_of(weights, batch=3).generate_many(wanted)
    for one, shape in zip(wanted, batch, strict=True):
        alone = generator_of(weights).generate(*one)
        assert isinstance(shape, Shape) and shape.vertices is not None and alone.vertices is not None
        assert shape.meta == alone.meta and shape.meta["prompt"] == (one.prompt or "a chair")
        assert abs(len(shape.vertices) - len(alone.vertices)) <= 2
        gap = np.abs(shape.vertices[:, None] - alone.vertices).sum(-1).min(1)
        assert gap.max() < 1e-2 and np.median(gap) < 1e-4


def test_memory_that_runs_out_halves_the_batch(weights: str) -> None:
    wanted = [Wanted("chair", seed, f"c{seed}") for seed in range(4)]
    generator = generator_of(weights, batch=4)
    networks = load_networks(Path(weights), "float32")
    sizes: list[int] = []

    def refuse(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        sizes.append(len(given[0]))
        if len(given[0]) > 4:
            raise MemoryError

    hook = networks.prior.register_forward_pre_hook(refuse)
    try:
        shapes = generator.generate_many(wanted)
    finally:
        hook.remove()
    assert sizes[0] == 8 and set(sizes[1:]) == {4}
    assert [shape.id for shape in shapes if isinstance(shape, Shape)] == [one.id for one in wanted]


@pytest.mark.parametrize(("value", "words"), [(float("nan"), "not finite"), (-50.0, "no surface")])
def test_an_answer_of_no_use_fails_that_shape_alone(weights: str, value: float, words: str) -> None:
    networks = load_networks(Path(weights), "float32")
    whole = generator_of(weights).generate("chair", 2, "c2")

    def spoil(module: torch.nn.Module, given: Any, answer: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        answer[0][[1, -2]] = value  # the second of three, without its text and with it
        return answer

    def empty(module: torch.nn.Module, given: Any, answer: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        calls.append(1)
        return {key: rows * (-1 if len(calls) == 2 else 1) for key, rows in answer.items()}

    calls: list[int] = []
    bad = value != value
    hook = (networks.prior if bad else networks.renderer.params_proj).register_forward_hook(spoil if bad else empty)
    try:
        wanted = [Wanted("chair", seed, f"c{seed}") for seed in (1, 7, 2)]
        found = generator_of(weights, batch=3).generate_many(wanted)
    finally:
        hook.remove()
    assert isinstance(found[0], Shape) and isinstance(found[1], InputError) and isinstance(found[2], Shape)
    assert str(found[1]).startswith("c7: ") and words in str(found[1])
    assert np.abs(np.ptp(found[2].mesh[0], 0) - np.ptp(whole.mesh[0], 0)).max() < 1e-2


def test_it_is_a_generator_with_options_batches_and_weights(weights: str) -> None:
    generator = GENERATORS["shap-e"]()
    assert all(isinstance(generator, kind) for kind in (Generator, Tunable, Batched, Pretrained))
    assert isinstance(generator, ShapEGenerator) and generator.settings == ShapESettings()
    assert generator.settings == ShapESettings(guidance=15.0, steps=64, resolution=128, heading="auto")
    generator.tuned({"weights": weights}).check("chair", "any text will do")
    assert torch.cuda.is_available() or "about" in (generator_of(weights).slow() or "")


def test_a_shape_is_normalised_and_turned_by_its_category(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heading, "aligner_of", lambda category: Aligner(category, references=8))  # takes its time
    kept, turned, other = shape_of(weights), shape_of(weights, heading="auto"), shape_of(weights, 1, "teapot")
    assert_same(kept, kept.normalised())
    assert "heading" not in kept.meta and "heading" not in other.meta and turned.meta["heading"] in (0, 90, 180, 270)
    assert kept.vertex_colors is not None and len(kept.vertex_colors) == len(kept.mesh[0])
    np.testing.assert_array_equal(np.sort(turned.mesh[0][:, 1]), np.sort(kept.mesh[0][:, 1]))


def test_other_generators_do_not_import_diffusers(tmp_path: Path) -> None:
    words = ["generate", "--category", "mug", "--n", "1", "--generator", "procedural", "--out", str(tmp_path / "a")]
    code = (
        "import sys; from cli.main import app; from typer.testing import CliRunner\n"
        f"result = CliRunner().invoke(app, {words!r})\n"
        "assert not result.exit_code, result.output\n"
        "assert not {'diffusers', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr


# --- weights ----------------------------------------------------------------------------------------------------------


def test_weights_are_converted_with_the_same_answers_and_diffusers_reads_them(weights: str, own: Path) -> None:
    from diffusers.pipelines.shap_e.pipeline_shap_e import ShapEPipeline

    hub = as_on_the_hub(own)
    assert not list(hub.rglob("*.safetensors"))
    result = convert("shap-e", hub)
    out = Path(result["weights"])
    assert out == hub.with_name("own-safetensors") and not list(out.rglob("*.bin"))
    assert set(result["source_sha256"]) == {
        "prior/diffusion_pytorch_model.bin", "shap_e_renderer/diffusion_pytorch_model.bin",
        "text_encoder/pytorch_model.bin",
    }  # fmt: skip
    found = []
    for folder in (Path(weights), hub, out):
        noise = [torch.Generator().manual_seed(6)]
        networks = load_networks(folder, "float32")
        found.append(sample_latents(networks, ["a chair"], noise, Sampling(3)))
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
    assert len({resolved(folder) for folder in (hub, out)}) == 2
    with quiet_scheduler():
        pipeline = ShapEPipeline.from_pretrained(out, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    noise = [torch.Generator().manual_seed(6)]
    theirs = library_latents(pipeline, ["a chair"], noise, num_inference_steps=3, guidance_scale=15.0)
    torch.testing.assert_close(found[0], theirs, atol=1e-4, rtol=0)
    assert_same(shape_of(hub), shape_of(out))


def test_a_conversion_does_not_replace_its_source(own: Path) -> None:
    (own.parent / "mine").mkdir()
    for out in (own, own.parent, own.parent / "mine", own / ".." / "own"):
        with pytest.raises(Gen3dError, match="another --out"):
            convert("shap-e", own, out)
    assert len(shape_of(own).mesh[1]) and (own.parent / "mine").is_dir()
    for _ in range(2):  # its own work is replaced
        convert("shap-e", own, own.parent / "new")


def test_half_precision_weights_stay_half_when_converted(own: Path) -> None:
    halves = {key: value.half() for key, value in load_file(own / NOISE).items()}
    save_file(halves, own / NOISE)
    convert("shap-e", own, own.parent / "b")
    assert {value.dtype for value in load_file(own.parent / "b" / NOISE).values()} == {torch.float16}
    assert_same(shape_of(own), shape_of(own.parent / "b"))


def test_weights_that_are_not_there_end_it_before_the_start(
    made: Callable[..., Collection], own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own / NOISE).unlink()
    shutil.rmtree(own / "scheduler")
    with pytest.raises(MissingError) as caught:
        made("a", weights=str(own))
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and not (tmp_path / "a").exists()
    for word in (str(own), NOISE, "scheduler/scheduler_config.json", "2,660 MB", "openai/shap-e"):
        assert word in message
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MissingError, match="HF_HUB_OFFLINE is set.*--revision abc"):
        made("a", weights=None, revision="abc")


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("model_index.json", {"_class_name": "StableDiffusionPipeline"}, "holds StableDiffusionPipeline, not ShapE"),
        ("prior/config.json", {"num_layers": 2}, "is not Shap-E's prior .missing: transformer_blocks.1"),
        ("prior/config.json", {"norm_in_type": "none"}, "config.json: is not Shap-E's .*none"),
        ("shap_e_renderer/config.json", {"d_hidden": 16}, "is not Shap-E's shap_e_renderer .of another shape: mlp"),
    ],
)
def test_a_folder_of_something_else_is_refused(own: Path, file: str, changes: dict[str, Any], words: str) -> None:
    edit_json(own / file, **changes)
    with pytest.raises(InputError, match=words):
        shape_of(own)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (NOISE, b"no weights"), ("model_index.json", b"{"), ("prior/config.json", b"[]"),
        ("tokenizer/tokenizer.json", b"{}"), ("scheduler/scheduler_config.json", b""),
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line_that_names_it(own: Path, file: str, content: bytes) -> None:
    (own / file).write_bytes(content)
    with pytest.raises(InputError) as caught:
        shape_of(own)
    assert len(str(caught.value).splitlines()) == 1 and str(own / file).rpartition("/")[0] in str(caught.value)


def test_weights_that_are_no_numbers_are_refused(own: Path) -> None:
    tensors = load_file(own / NOISE)
    tensors["proj_in.weight"][0, 0] = torch.nan
    save_file(tensors, own / NOISE)
    with pytest.raises(InputError, match="not finite: proj_in.weight"):
        shape_of(own)
