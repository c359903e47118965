"""Teachers of transformers that score pixels: their real classes at a tiny size, from a folder to knowledge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_pixel_teachers import NAMES, write_tiny
from torch import serialization

from gen3d.asking import LabelSettings, label_shape
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.rendering import make_renderer
from gen3d.rendering.cameras import Camera, rings
from gen3d.rendering.view import View
from gen3d.teachers import clip, clipseg, make_teacher, siglip2
from gen3d.teachers.dense import grid_size, network_images, upsampled
from gen3d.teachers.features import Featured
from gen3d.teachers.predictions import PixelScores, check_predictions
from gen3d.teachers.pretrained import Loaded, PretrainedTeacher

PARTS = ("back", "seat", "leg")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of weights per teacher."""
    return {name: write_tiny(name, tmp_path_factory.mktemp("weights") / name) for name in NAMES}


@pytest.fixture(scope="module")
def views() -> list[View]:
    """Three views of a chair."""
    shape = ProceduralGenerator().generate("chair", 1, "chair")
    return make_renderer("embree", rings(3, 48), mesh=True).render(shape)


def made(name: str, folders: dict[str, Path], **options: Any) -> PretrainedTeacher:
    teacher = make_teacher(name, {"weights": str(folders[name]), "precision": "float32"} | options)
    assert isinstance(teacher, PretrainedTeacher)
    return teacher


def loaded(name: str, folders: dict[str, Path]) -> Loaded:
    teacher = made(name, folders)
    return teacher._loaded()


def scores(teacher: PretrainedTeacher, views: list[View], parts: tuple[str, ...] = PARTS) -> np.ndarray:
    """(V, R, H, W) float32."""
    found = teacher.predict(views, "chair", parts)
    check_predictions(found, views, len(parts))
    return np.stack([one.scores for one in found if isinstance(one, PixelScores)]).astype(np.float32)


# --- what they share; the rest: tests/test_teacher_contract.py ------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_half_the_precision_is_nearly_the_same(name: str, folders: dict[str, Path], views: list[View]) -> None:
    exact, rough = scores(made(name, folders), views), scores(made(name, folders, precision="bfloat16"), views)
    assert np.abs(rough - exact).max() > 0 and np.abs(rough - exact).mean() < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_encoded_once(name: str, folders: dict[str, Path], views: list[View]) -> None:
    teacher = made(name, folders)
    counts = []
    network = teacher._loaded().network
    tower = network.clip.text_model if name == "clipseg" else network.text_model
    with tower.register_forward_hook(lambda *_: counts.append(1)):
        scores(teacher, views, ("back", "anything"))
        scores(teacher, views, ("back", "anything"))
    assert len(counts) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_was_asked_with_which_weights_is_told(name: str, folders: dict[str, Path]) -> None:
    how = made(name, folders, prompt_style="of").how("shark", ("fin", "eye"))
    assert how["revision"].startswith("sha256:") and how["model"] == name and how["precision"] == "float32"
    assert how["prompts"] == [["a fin of a shark"], ["an eye of a shark"]]


# --- each by a readable twin --------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", ["normals", "depth", "realistic-depth"])
def test_a_teacher_may_be_shown_another_look(look: str, folders: dict[str, Path]) -> None:
    shape, settings = ProceduralGenerator().generate("chair", 1, "chair"), LabelSettings(views=2, size=48, points=512)
    plain, other = made("clip", folders), made("clip", folders, look=look)
    assert (plain.style.look, other.style.look) == ("shaded", look) and plain.style.size == other.style.size
    assert "look" not in plain.how("chair", PARTS) and other.how("chair", PARTS)["look"] == look
    both: tuple[Any, ...] = (plain, other)
    found = [label_shape(shape, teacher, settings, PARTS) for teacher in both]
    assert found[0].to_bytes() != found[1].to_bytes() and np.array_equal(found[0].points, found[1].points)


def test_maps_are_spread_between_the_centres_of_patches() -> None:
    grid = torch.arange(2 * 3 * 3, dtype=torch.float32).reshape(1, 2, 3, 3) ** 1.5
    found = upsampled(grid, 10)[0].numpy()
    for row, column in np.ndindex(10, 10):
        y, x = ((np.array([row, column]) + 0.5) * 3 / 10 - 0.5).clip(0, 2)  # in patches, edges repeated
        i, j = min(int(y), 1), min(int(x), 1)
        top = grid[0, :, i, j] * (1 - x + j) + grid[0, :, i, j + 1] * (x - j)
        low = grid[0, :, i + 1, j] * (1 - x + j) + grid[0, :, i + 1, j + 1] * (x - j)
        assert np.allclose(found[:, row, column], top * (1 - y + i) + low * (y - i), atol=1e-4)


def test_clip_compares_patches_with_words_at_its_own_temperature(folders: dict[str, Path], views: list[View]) -> None:
    teacher, own = made("clip", folders, prompt_style="names", tokens="last"), loaded("clip", folders)
    found, network = scores(teacher, views[:1])[0], own.network
    with torch.inference_mode():
        pixels = network_images(own, views[:1], 32)
        hidden = network.vision_model(pixel_values=pixels).last_hidden_state
        patches = network.visual_projection(network.vision_model.post_layernorm(hidden[:, 1:]))[0]
        texts = network.get_text_features(**own.kept["tokenizer"](list(PARTS), padding=True, return_tensors="pt"))
        words = texts.pooler_output if hasattr(texts, "pooler_output") else texts
        logits = torch.zeros(1, 3, 4, 4)
        for patch in range(16):
            for part in range(3):
                near = torch.cosine_similarity(patches[patch], words[part], dim=0)
                logits[0, part, patch // 4, patch % 4] = near * network.logit_scale.exp()
    expected = upsampled(logits, 48)[0].softmax(0).numpy() * views[0].hit
    assert np.abs(found - expected).max() < 2e-3


def test_clip_values_are_those_of_attention_to_oneself(folders: dict[str, Path], views: list[View]) -> None:
    own = loaded("clip", folders)
    vision = own.network.vision_model
    with torch.inference_mode():
        images = network_images(own, views, 32)
        found = clip.patch_features(own, images, "value")
        hidden = vision(pixel_values=images, output_hidden_states=True).hidden_states[-2]
        layer, count = vision.encoder.layers[-1], hidden.shape[1]
        alone = torch.full((count, count), -torch.inf).fill_diagonal_(0)[None, None].expand(len(views), 1, -1, -1)
        attended = layer.self_attn(layer.layer_norm1(hidden), attention_mask=alone)[0]
        expected = own.network.visual_projection(vision.post_layernorm(attended))[:, 1:]
    assert torch.allclose(found.flatten(1, 2), torch.nn.functional.normalize(expected, dim=-1), atol=1e-5)


def test_siglip_pools_every_patch_alone(folders: dict[str, Path], views: list[View]) -> None:
    own = loaded("siglip2", folders)
    vision = own.network.vision_model
    head = vision.head
    with torch.inference_mode():
        images = network_images(own, views[:1], 32)
        found = siglip2.patch_features(own, images)[0].flatten(0, 1)
        hidden = vision(pixel_values=images).last_hidden_state[0]
        value = head.attention.in_proj_weight.chunk(3)[2], head.attention.in_proj_bias.chunk(3)[2]
        for token, vector in zip(hidden, found, strict=True):  # attention to one thing is that thing's value
            pooled = head.attention.out_proj(torch.nn.functional.linear(token, *value))
            pooled = pooled + head.mlp(head.layernorm(pooled))
            assert torch.allclose(vector, torch.nn.functional.normalize(pooled, dim=0), atol=1e-5)


def test_siglip_scores_are_sigmoids_or_compete(folders: dict[str, Path], views: list[View]) -> None:
    alone = scores(made("siglip2", folders), views, ("back",))
    assert np.abs(alone[:, 0] - scores(made("siglip2", folders), views)[:, 0]).max() < 2e-3  # no part minds the others
    rivals = scores(made("siglip2", folders, scores="softmax"), views)
    assert np.allclose(rivals.sum(1)[np.stack([view.hit for view in views])], 1, atol=2e-3)


def test_clipseg_gives_what_the_whole_network_gives(folders: dict[str, Path], views: list[View]) -> None:
    own, texts = loaded("clipseg", folders), ["a back", "a long leg", "a seat"]
    scores(made("clipseg", folders), views)  # loads the tokenizer
    tokens = dict(own.kept["tokenizer"](texts, padding=True, return_tensors="pt"))
    with torch.inference_mode():
        images = network_images(own, views, 32)
        found = clipseg.masks(own, images, clipseg._encode(own, tokens))
        for number, image in enumerate(images):
            whole = own.network(pixel_values=image[None].expand(3, -1, -1, -1), **tokens).logits
            assert torch.allclose(found[number], whole, atol=1e-4)


def test_pointclips_average_goes_over_six_by_six_patches() -> None:
    grid = torch.randn((1, 2, 7, 7), generator=torch.Generator().manual_seed(0))
    found = clip.smoothed(grid)
    for row, column in np.ndindex(7, 7):
        around = [
            grid[0, :, min(max(row + i, 0), 6), min(max(column + j, 0), 6)] for i in range(-2, 4) for j in range(-2, 4)
        ]
        assert torch.allclose(found[0, :, row, column], torch.stack(around).mean(0), atol=1e-5)


# --- options of clip ----------------------------------------------------------------------------------------------


def test_a_finer_grid_a_smooth_one_and_prompts_per_view_are_other_answers(
    folders: dict[str, Path], views: list[View]
) -> None:
    plain = scores(made("clip", folders), views)
    for options in ({"resolution": 60}, {"smooth": True}, {"tokens": "last"}, {"view_prompts": True}):
        other = scores(made("clip", folders, **options), views)
        assert other.shape == plain.shape and np.abs(other - plain).max() > 1e-3, options
    assert [grid_size(size, 16) for size in (1, 16, 17, 224)] == [16, 16, 32, 224]


def test_uncertain_views_count_less_and_parts_keep_their_order(folders: dict[str, Path], views: list[View]) -> None:
    plain, weighted = (scores(made("clip", folders, view_weighting=how), views) for how in ("none", "certainty"))
    for before, after, view in zip(plain, weighted, views, strict=True):
        rows = before[:, view.hit]
        certain = 1 + (rows * np.log(rows.clip(1e-9))).sum(0).mean() / np.log(3)
        assert 0 < certain < 1 and np.abs(after[:, view.hit] - rows * certain).max() < 2e-3
    blank = View(views[0].camera, np.full_like(views[0].element, -1), views[0].depth, 0 * views[0].normal)
    assert clip.certainty(torch.full((1, 2, 48, 48), 0.5), [blank]).tolist() == [0]


def test_one_part_is_told_from_the_whole(folders: dict[str, Path], views: list[View]) -> None:
    alone = scores(made("clip", folders), views, ("back",))
    assert alone.shape == (3, 1, 48, 48) and 0 < alone[alone > 0].min() < alone.max() < 1


@pytest.mark.parametrize(
    ("elevation", "azimuth", "words"),
    [
        (10, 0, "front"),
        (10, 100, "right"),
        (40, 180, "back and above"),
        (-20, -90, "left and below"),
        (0, 350, "front"),
    ],
)
def test_cameras_know_their_side(elevation: float, azimuth: float, words: str) -> None:
    assert clip.seen_from(Camera(elevation, azimuth)) == f"seen from the {words}"


# --- what can be wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tokens": "both"}, "tokens = 'both'"),
        ({"colour": "red"}, "unknown setting 'colour'"),
        ({"precision": "int4"}, "precision = 'int4'"),
        ({"batch": 0}, "batch = 0"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        make_teacher("clip", options)


def test_words_and_models_that_make_no_sense_are_named(folders: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="unknown prompt_style 'shouted'"):
        made("clip", folders, prompt_style="shouted").check("chair", PARTS)
    with pytest.raises(SettingsError, match="partdistill: unknown category 'shark'.*names, of or ensemble"):
        made("clip", folders, prompt_style="partdistill").check("shark", ("fin",))
    with pytest.raises(SettingsError, match="model = 'huge': is none of b16, l14, and no id"):
        make_teacher("clip", {"model": "huge"}).check("chair", PARTS)


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_are_not_there_are_said_how_to_get(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingError, match=r"model.safetensors.*not in .*folder"):
        make_teacher(name, {"weights": str(tmp_path)}).check("chair", PARTS)
    other = make_teacher(name, {"model": "somebody/something", "revision": "v2"})
    assert isinstance(other, PretrainedTeacher)
    with pytest.raises(MissingError, match=r"HF_HUB_OFFLINE is set.*hf download somebody/something --revision v2"):
        other.download()


def test_a_missing_extra_is_said(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gen3d.teachers.pretrained.find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"clip teacher needs transformers; install it with .*gen3d\[pretrained\]"):
        made("clip", folders).check("chair", PARTS)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_something_else_are_refused(name: str, tmp_path: Path) -> None:
    folder = write_tiny(name, tmp_path)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    key = next(key for key in tensors if key.endswith("k_proj.weight"))
    save_file({k: v for k, v in tensors.items() if k != key}, file, {"format": "pt"})
    with pytest.raises(InputError, match="weights are not of a .*; they lack .*k_proj.weight"):
        made(name, {name: folder}).load()
    file.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="weights can't be read as"):
        made(name, {name: folder}).load()


def test_weights_of_a_torch_file_are_read_without_running_it(tmp_path: Path, views: list[View]) -> None:
    folder = write_tiny("clip", tmp_path)
    before = scores(made("clip", {"clip": folder}), views[:1])
    tensors = load_file(folder / "model.safetensors")
    serialization.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    from gen3d.teachers.pretrained import load

    load.cache_clear()
    assert np.array_equal(scores(made("clip", {"clip": folder}), views[:1]), before)


# --- features -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "scoring"), [("clip", "view_prompts=true"), ("siglip2", "scores=softmax")])
def test_scores_are_made_of_the_features_that_are_shown(
    name: str, scoring: str, folders: dict[str, Path], views: list[View]
) -> None:
    teacher = made(name, folders)
    assert isinstance(teacher, Featured)
    found = teacher.features(views, "chair", PARTS)
    assert [one.shape for one in found.maps] == [(16, 4, 4)] * 3 and found.texts.shape == (3, 16)
    assert np.allclose(np.linalg.norm(np.stack(found.maps), axis=1), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(found.texts, axis=1), 1, atol=1e-5)
    network = teacher._loaded().network
    logits = np.einsum("vdhw,rd->vrhw", np.stack(found.maps), found.texts) * network.logit_scale.exp().item()
    grown = upsampled(torch.from_numpy(logits), 48)
    expected = grown.softmax(1) if name == "clip" else (grown + network.logit_bias.detach()).sigmoid()
    hit = np.stack([view.hit for view in views])[:, None]
    assert np.abs(scores(teacher, views) - np.where(hit, expected.numpy(), 0)).max() < 2e-3
    option, value = scoring.split("=")
    with pytest.raises(SettingsError, match=f"{option} = .* is for the {name} teacher's scores; leave it out here"):
        made(name, folders, **{option: value}).features(views, "chair", PARTS)  # type: ignore[attr-defined]


def test_features_that_are_not_finite_are_refused(tmp_path: Path, views: list[View]) -> None:
    folder = write_tiny("clip", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["text_projection.weight"].fill_(float("nan"))
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    teacher = made("clip", {"clip": folder})
    assert isinstance(teacher, Featured) and not isinstance(make_teacher("lite"), Featured)
    with pytest.raises(InputError, match="features of the clip teacher are not finite"):
        teacher.features(views, "chair", PARTS)
