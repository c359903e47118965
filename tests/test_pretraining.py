"""Masked reconstruction: what is hidden stays hidden, and what is learned goes whole into a fresh student."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cli_chain import DISTILL, Run, tree
from safetensors.torch import load_file, save_file
from sample_students import TINY, clouds
from torch import Tensor

from distill import masked_training
from distill.encoders import encoder_weights, load_encoder, make_encoder
from distill.masked_training import MaskedTraining, PretrainEpoch, PretrainSettings, rate_at
from distill.masking import SCALE, Mask, chamfer, draw_mask, hidden_patches, patches
from distill.pretraining import CHECKPOINT, CONFIG, LOSSES, RECORD, pretrain
from distill.starting import fresh_student
from distill.steps import finite_step
from distill.trainer import DistillSettings
from gen3d.collection import Collection
from gen3d.errors import Gen3dError, InputError, MissingError, SettingsError
from gen3d.generation import GenerateSettings, generate

SMALL = PretrainSettings(points=512, depth=4, epochs=2, batch=2, precision="float32")
STILL = {"yaw": 0.0, "tilt": 0.0, "stretch": 0.0}


def some(count: int = 4) -> Tensor:
    """Clouds of 512 points."""
    return torch.from_numpy(np.stack(clouds(count, 512)))


def training(**changes: Any) -> MaskedTraining:
    """Of a tiny encoder."""
    torch.manual_seed(0)
    return MaskedTraining(make_encoder("small", **TINY), SMALL.model_copy(update=changes))


# --- patches and masks --------------------------------------------------------------------------------------------


def cells(points: np.ndarray, index: list[int], depth: int) -> list[list[int]]:
    """Naive twin of `patches`."""
    if depth == 0:
        return [index]
    side = np.ptp(points[index], axis=0).argmax()
    ordered = sorted(index, key=lambda i: points[i, side])
    half = len(ordered) // 2
    return [*cells(points, ordered[:half], depth - 1), *cells(points, ordered[half:], depth - 1)]


@pytest.mark.parametrize("depth", [0, 1, 3, 5])
def test_patches_are_the_cells_of_a_balanced_tree(depth: int) -> None:
    points = some(3)
    found = patches(points, depth)
    assert found.shape == (3, 2**depth, 512 // 2**depth)
    for cloud, index in zip(points, found, strict=True):
        expected = cells(cloud.numpy(), list(range(512)), depth)
        assert [sorted(cell) for cell in index.tolist()] == [sorted(cell) for cell in expected]


@pytest.mark.parametrize(("share", "hidden"), [(0.6, 10), (0.8, 13), (0.001, 1), (0.999, 15)])
def test_a_mask_parts_every_cloud_in_whole_patches(share: float, hidden: int) -> None:
    points = some(3)
    mask = draw_mask(points, 4, share, torch.Generator().manual_seed(0))
    assert mask.hidden.shape == (3, hidden, 32) and mask.visible.shape == (3, 512 - 32 * hidden)
    every = torch.cat([mask.visible, mask.hidden.flatten(1)], 1).sort(1).values
    assert torch.equal(every, torch.arange(512).expand(3, -1))
    whole = [{frozenset(cell) for cell in index.tolist()} for index in patches(points, 4)]
    assert all(frozenset(cell) in whole[i] for i in range(3) for cell in mask.hidden[i].tolist())
    again, other = (draw_mask(points, 4, share, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(mask.hidden, again.hidden) and not torch.equal(mask.hidden, other.hidden)


def test_every_cloud_of_a_batch_hides_patches_of_its_own() -> None:
    mask = draw_mask(some(1).expand(5, -1, -1), 4, 0.5, torch.Generator().manual_seed(0))
    assert len({frozenset(hidden.flatten().tolist()) for hidden in mask.hidden}) == 5


def test_hidden_patches_are_what_was_hidden(rng: np.random.Generator) -> None:
    points = some(2)
    mask = draw_mask(points, 4, 0.7, torch.Generator().manual_seed(0))
    centres, true = hidden_patches(points, mask)
    back = centres[:, :, None] + true / SCALE
    for i in range(2):
        assert torch.allclose(back[i], points[i][mask.hidden[i]], atol=1e-6)


def test_chamfer_is_the_distance_to_the_nearest_both_ways(rng: np.random.Generator) -> None:
    found, true = (torch.from_numpy(rng.normal(size=(2, 3, 5, 3))) for _ in range(2))
    both = []
    for a, b in zip(found.view(-1, 5, 3).numpy(), true.view(-1, 5, 3).numpy(), strict=True):
        both.append(np.mean([min(((p - q) ** 2).sum() for q in b) for p in a]))
        both[-1] += np.mean([min(((p - q) ** 2).sum() for q in a) for p in b])
    assert math.isclose(chamfer(found, true).item(), np.mean(both), rel_tol=1e-12)
    assert chamfer(true, true[..., torch.tensor([3, 1, 0, 4, 2]), :]).item() == 0 < chamfer(found, true).item()


# --- no leak --------------------------------------------------------------------------------------------------------


def shown(monkeypatch: pytest.MonkeyPatch, points: Tensor, mask: Mask) -> tuple[Tensor, Tensor, float]:
    """What the encoder makes of the clouds in one step of training with that mask, and the loss."""
    one, kept = training(), []
    encode: Callable[..., tuple[Tensor, Tensor]] = one.encoder.encode

    def noted(*arguments: Any) -> tuple[Tensor, Tensor]:
        kept.append(encode(*arguments))
        return kept[-1]

    with monkeypatch.context() as patch:
        patch.setattr(masked_training, "draw_mask", lambda *arguments: mask)
        patch.setattr(one.encoder, "encode", noted)
        (loss,) = (x.item() for x in one._losses(points, torch.Generator()))
    ((features, places),) = kept
    return features, places, loss


def test_hidden_coordinates_never_reach_the_encoder(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    points = some(2)
    mask = draw_mask(points, 4, 0.7, torch.Generator().manual_seed(0))
    moved = points.clone()
    for i in range(2):
        moved[i, mask.hidden[i].flatten()] = torch.from_numpy(rng.normal(size=(11 * 32, 3)).astype(np.float32))
    (features, places, loss), (other, there, otherwise) = (shown(monkeypatch, p, mask) for p in (points, moved))
    assert torch.equal(features, other) and torch.equal(places, there) and loss != otherwise
    shift = points.clone()
    shift[0, mask.visible[0, 0]] += 0.1  # a point it does see changes what it makes of that cloud alone
    seen = shown(monkeypatch, shift, mask)[0]
    assert not torch.equal(seen[0], features[0]) and torch.equal(seen[1], features[1])


# --- training -------------------------------------------------------------------------------------------------------


def test_the_loss_falls() -> None:
    one = training(epochs=40, batch=4, depth=5, lr=1e-2, **STILL)
    log = list(one.epochs(some(4)))
    assert [row.epoch for row in log] == list(range(1, 41)) and one.log == log and not any(r.skipped for r in log)
    assert np.mean([row.loss for row in log[-5:]]) < 0.6 * log[0].loss


def test_all_of_the_encoder_learns_and_the_head_does_not() -> None:
    one = training()
    before = {name: value.clone() for name, value in one.encoder.network.state_dict().items()}
    list(one.epochs(some()))
    after, encoder = one.encoder.network.state_dict(), encoder_weights(one.encoder)
    assert 0 < len(encoder) < len(after)
    assert {name for name in after if not torch.equal(after[name], before[name])} == set(encoder)


def test_the_rate_rises_and_falls() -> None:
    rates = [rate_at(done) for done in np.linspace(0, 1, 201)]
    top = int(np.argmax(rates))
    assert top == 20 and rates[top] == 1 and math.isclose(rates[-1], 0.01)
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)


def test_a_step_that_is_not_finite_changes_nothing() -> None:
    one = training()
    before = {name: value.clone() for name, value in one.model.state_dict().items()}
    assert not finite_step(one.model, one.optimiser, sum(p.sum() for p in one.model.parameters()) * math.nan, 1.0)  # type: ignore[arg-type]
    assert all(torch.equal(value, before[name]) for name, value in one.model.state_dict().items())


def test_a_training_that_diverges_says_so() -> None:
    with pytest.raises(Gen3dError, match=r"epoch \d+: training diverged") as caught:
        list(training(lr=1e38, epochs=4).epochs(some()))
    assert len(str(caught.value).splitlines()) == 1


# --- the stage ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of three chairs."""
    root = tmp_path_factory.mktemp("pretraining") / "chairs"
    generate(GenerateSettings(category="chair", n=3), root)
    return root


def files(folder: Path) -> dict[str, bytes]:
    """All that is in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    chairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not pretrain([chairs], SMALL, tmp_path / "one")
    assert not pretrain([chairs], SMALL.model_copy(update={"seed": 1}), tmp_path / "seed")
    shapes = Collection.shapes
    monkeypatch.setattr(Collection, "shapes", lambda self: (replace(s, face_labels=None) for s in shapes(self)))
    assert not pretrain([chairs], SMALL, tmp_path / "unlabelled")
    one, other, unlabelled = (files(tmp_path / name) for name in ("one", "seed", "unlabelled"))
    assert set(one) == {"model.safetensors", CONFIG, LOSSES, RECORD} and one == unlabelled
    assert one["model.safetensors"] != other["model.safetensors"]
    assert one[LOSSES].decode().startswith("epoch,loss,skipped\n1,") and one[LOSSES].count(b"\n") == 3
    config = json.loads(one[CONFIG])
    assert config["student"] == "small" and config["training"]["shapes"] == 3
    assert config["training"]["settings"] == json.loads(SMALL.model_dump_json())


def test_a_training_that_was_stopped_goes_on_to_the_same_bytes(chairs: Path, tmp_path: Path) -> None:
    long = SMALL.model_copy(update={"epochs": 3})
    pretrain([chairs], long, tmp_path / "whole")

    def stop(epoch: PretrainEpoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain([chairs], long, tmp_path / "parts", report=stop)
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {RECORD, CHECKPOINT}
    epochs: list[PretrainEpoch] = []
    assert not pretrain([chairs], long, tmp_path / "parts", report=epochs.append)
    assert [epoch.epoch for epoch in epochs] == [3] and files(tmp_path / "parts") == files(tmp_path / "whole")
    before = tree(tmp_path)
    assert pretrain([chairs], long, tmp_path / "parts") and tree(tmp_path) == before


def test_other_settings_other_files_and_damage_are_refused(chairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stop(epoch: PretrainEpoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain([chairs], SMALL, out, report=stop)
    with pytest.raises(SettingsError, match=r"settings.mask was 0.7, now 0.6; .*--overwrite"):
        pretrain([chairs], SMALL.model_copy(update={"mask": 0.6}), out)
    whole = (out / CHECKPOINT).read_bytes()
    for damaged in (whole[:-9], b"", b"\0" * 64):
        (out / CHECKPOINT).write_bytes(damaged)
        with pytest.raises(InputError, match=f"{CHECKPOINT}: is no checkpoint of this training .*--overwrite"):
            pretrain([chairs], SMALL, out)
    assert not pretrain([chairs], SMALL, out, overwrite=True) and not (out / CHECKPOINT).exists()
    assert not pretrain([chairs], SMALL.model_copy(update={"mask": 0.6}), out, overwrite=True)
    with pytest.raises(SettingsError, match="holds something else than an encoder"):
        pretrain([chairs], SMALL, chairs)
    with pytest.raises(InputError, match="is not a collection"):
        pretrain([tmp_path / "none"], SMALL, tmp_path / "new")
    with pytest.raises(SettingsError, match="'giant' has no encoder to train; known are: small, point-m2ae"):
        pretrain([chairs], SMALL.model_copy(update={"student": "giant"}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


# --- into a student -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(chairs: Path) -> Path:
    """The folder of an encoder."""
    out = chairs.parent / "encoder"
    pretrain([chairs], SMALL.model_copy(update={"epochs": 1}), out)
    return out


def test_point_m2ae_learns_in_the_same_way(chairs: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "encoder", SMALL.model_copy(update={"student": "point-m2ae", "epochs": 1})
    pretrain([chairs], settings, out)
    student = fresh_student(
        "chair", ["seat", "leg"], DistillSettings(category="chair", student="point-m2ae", encoder=str(out)), {}
    )
    weights, found = load_file(out / "model.safetensors"), student.network.state_dict()
    assert set(weights) == {name for name in found if name.startswith("h_encoder.")}
    assert all(torch.equal(found[name], value) for name, value in weights.items())
    torch.manual_seed(settings.seed)
    before = make_encoder("point-m2ae").network.state_dict()
    same = {name for name, value in weights.items() if torch.equal(value, before[name])}
    norms = {f"h_encoder.encoder_norms.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")}
    assert {name for name in same if "running" not in name and "tracked" not in name} == norms


def test_a_small_student_starts_from_an_encoder(trained: Path) -> None:
    settings = DistillSettings(category="chair", encoder=str(trained), seed=3)
    student, plain = (
        fresh_student("chair", ["seat", "leg"], s, {})
        for s in (settings, settings.model_copy(update={"encoder": None}))
    )
    weights, found, bare = load_file(trained / "model.safetensors"), student.state_dict(), plain.state_dict()
    for name, value in found.items():
        own = name.removeprefix("network.")
        assert torch.equal(value, weights[own] if own in weights else bare[name])


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_an_encoder_goes_whole_into_a_fresh_student_and_its_head_stays(trained: Path, name: str) -> None:
    torch.manual_seed(5)
    encoder = make_encoder("small")
    before = {name: value.clone() for name, value in encoder.network.state_dict().items()}
    load_encoder(encoder, trained / name)
    found, weights = encoder.network.state_dict(), load_file(trained / "model.safetensors")
    assert set(weights) == set(encoder_weights(encoder)) and len(weights) < len(found)
    for key, value in found.items():
        assert torch.equal(value, weights[key] if key in weights else before[key])


def test_anything_but_the_whole_encoder_is_refused(trained: Path, tmp_path: Path) -> None:
    weights, file = load_file(trained / "model.safetensors"), tmp_path / "bad.safetensors"
    first = sorted(weights)[0]
    changes: list[tuple[dict[str, Tensor], str]] = [
        ({k: v for k, v in weights.items() if k != first}, first),
        (weights | {"to_points.6.weight": torch.zeros(4, 96)}, "to_points.6.weight"),
        (weights | {first: torch.zeros(3)}, first),
        (weights | {first: weights[first] * math.nan}, first),
        ({}, "and"),
    ]
    for tensors, named in changes:
        save_file(tensors, file)
        encoder = make_encoder("small")
        before = {name: value.clone() for name, value in encoder.network.state_dict().items()}
        with pytest.raises(InputError, match=f"{file.name}: is not an encoder of this student .*{named}"):
            load_encoder(encoder, file)
        assert all(torch.equal(value, before[name]) for name, value in encoder.network.state_dict().items())
    file.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="is not a safetensors file"):
        load_encoder(make_encoder("small"), file)
    with pytest.raises(InputError, match=r"old.pth: pickled checkpoints are never loaded"):
        load_encoder(make_encoder("small"), tmp_path / "old.pth")
    with pytest.raises(MissingError, match="gen3d pretrain"):
        load_encoder(make_encoder("small"), tmp_path)


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_trains_and_is_done_the_second_time(home: Path, run: Run) -> None:
    (home / "pre.yaml").write_text("pretrain: {points: 512, depth: 4, batch: 2}")
    words = ("pretrain", "runs/chair/generated", "--preset", "pre.yaml", "--epochs", 2, "--out", "encoder")
    end = run(*words, "--json")
    assert end.code == 0 and json.loads(end.out)["epochs"] == 2 and not json.loads(end.out)["finished_before"]
    before = tree(home)
    again = run(*words)
    assert again.code == 0 and "nothing to do" in again.err and tree(home) == before
    assert "encoder: encoder of the small student" in again.out
    assert "settings.epochs was 2, now 3" in run(*words, "--epochs", 3).error
    assert run(*words, "--student", "giant", "--out", "new").code == 2
    assert "mask = 1.0" in run(*words, "--mask", 1).error
    assert "is not a collection" in run("pretrain", "nowhere", "--out", "new").error
    start = (*DISTILL, "--out", "started", "--encoder")
    assert run(*start, "encoder").code == 0
    assert json.loads((home / "started/training.json").read_text())["encoder_sha256"]
    assert "nothing to do" in run(*start, "encoder").err
    (home / "half").mkdir()
    (home / "half" / CHECKPOINT).write_bytes(b"")
    half = run(*start, "half", "--overwrite")
    assert half.code == 3 and "half: the encoder is not trained to its end; run the same `gen3d pretrain`" in half.error
    missing = run(*start, "none", "--overwrite")
    assert missing.code == 4 and "none: no such file" in missing.error
