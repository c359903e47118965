"""Point-E's feature network: its layers against a naive twin, its weights by name, and `quality --features`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cli_chain import Run
from safetensors.torch import load_file, save_file
from torch import Tensor, nn, serialization

from distill.conversion import convert
from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError
from gen3d.generation import GenerateSettings, generate
from gen3d.neighbours import ball_points, farthest_points
from gen3d.pointnet import Level, PointNet, Size, centred
from gen3d.pointnet_weights import read_pointnet
from gen3d.quality import QualitySettings, quality
from gen3d.quality_report import as_json

TINY = Size((Level(9, 0.5, 4, (3, 4, 5)), Level(4, 0.9, 6, (5, 6, 7))), (8, 9, 10), (6, 5), 3)


def randomised(network: PointNet, seed: int = 0) -> PointNet:
    """With weights and statistics as after training: none is 0 or 1, and its answers differ from cloud to cloud."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if not value.is_floating_point():
                value.fill_(7)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=generator)
            else:
                spread = value[0].numel() ** -0.5 * 1.4 if value.ndim > 1 else 0.2
                value.normal_(generator=generator).mul_(spread).add_(1 if value.ndim == 1 and "bn" in name else 0)
    return network.eval().requires_grad_(False)


def clouds(rng: np.random.Generator, count: int, points: int = 40) -> list[np.ndarray]:
    """Clouds of unlike proportions."""
    return [(rng.normal(size=(points, 3)) * rng.uniform(0.2, 1, 3)).astype(np.float32) for _ in range(count)]


# --- against a naive twin ----------------------------------------------------------------------------------------


def naive_ball(points: np.ndarray, centre: np.ndarray, radius: float, most: int) -> list[int]:
    """By the words."""
    squared = [sum((float(a) - float(b)) ** 2 for a, b in zip(point, centre, strict=True)) for point in points]
    near = [i for i, distance in enumerate(squared) if distance <= radius**2]
    return near[:most]


@pytest.mark.parametrize(("count", "most", "radius"), [(60, 5, 0.7), (60, 60, 0.7), (8, 20, 9.0), (60, 5, 1e-3)])
def test_balls_against_the_naive_twin(rng: np.random.Generator, count: int, most: int, radius: float) -> None:
    points = rng.normal(size=(count, 3)).astype(np.float32)
    centres = points[farthest_points(points, 6)]
    found = ball_points(points, centres, radius, most)
    assert found.shape == (6, min(most, count))
    for row, centre in zip(found.tolist(), centres, strict=True):
        expected = naive_ball(points, centre, radius, most)
        assert row == expected + expected[:1] * (len(row) - len(expected))


def norm(x: np.ndarray, layer: nn.Module) -> np.ndarray:
    """BatchNorm of rows in evaluation, by its formula."""
    w, b, mean, var = (
        getattr(layer, n).numpy().astype(float) for n in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * w + b


def naive_stage(rows: np.ndarray, stage: Any) -> np.ndarray:
    """The layers on the rows of one group, and the greatest of each channel."""
    for layer, bn in zip(stage.mlp_convs, stage.mlp_bns, strict=True):
        rows = np.maximum(0, norm(rows @ layer.weight[:, :, 0, 0].numpy().T.astype(float) + layer.bias.numpy(), bn))
    return rows.max(0)


def naive(network: PointNet, cloud: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and log probabilities, group by group in float64."""
    points, features = cloud, np.zeros((len(cloud), 0))
    for level, stage in zip(network.size.levels, (network.sa1, network.sa2), strict=True):
        middle = points[farthest_points(points, level.centres)]
        new = []
        for centre in middle:
            near = naive_ball(points, centre, level.radius, level.members)
            new.append(naive_stage(np.concatenate([(points[near] - centre).astype(float), features[near]], 1), stage))
        points, features = middle, np.array(new)
    x = naive_stage(np.concatenate([points.astype(float), features], 1), network.sa3)
    w1, w2, w3 = (
        (layer.weight.numpy().astype(float), layer.bias.numpy().astype(float))
        for layer in (network.fc1, network.fc2, network.fc3)
    )
    x = norm(w2[0] @ np.maximum(0, norm(w1[0] @ x + w1[1], network.bn1)) + w2[1], network.bn2)
    logits = w3[0] @ np.maximum(0, x) + w3[1]
    return x, logits - np.log(np.exp(logits).sum())


@pytest.mark.parametrize("seed", range(3))
def test_the_network_against_its_naive_twin(seed: int) -> None:
    rng, network = np.random.default_rng(seed), randomised(PointNet(TINY), seed)
    some = clouds(rng, 4)
    features, logs = network.answers(some)
    assert features.shape == (4, 5) and logs.shape == (4, 3) and np.allclose(np.exp(logs).sum(1), 1)
    for cloud, feature, log in zip(some, features, logs, strict=True):
        twin = naive(network, centred(cloud))
        assert np.allclose(feature, twin[0], atol=1e-4) and np.allclose(log, twin[1], atol=1e-4)
    assert np.ptp(features, axis=0).min() > 1e-3  # clouds are told apart


def test_an_answer_depends_on_the_cloud_alone(rng: np.random.Generator) -> None:
    network, some = randomised(PointNet(TINY)), clouds(rng, 6)
    features, logs = network.answers(some)
    order = rng.permutation(6)
    mixed = network.answers([some[i] for i in order])
    assert (mixed[0] == features[order]).all() and (mixed[1] == logs[order]).all()
    moved = network.answers([(cloud * 3 + 5).astype(np.float32) for cloud in some])
    assert np.allclose(moved[0], features, atol=1e-3)
    few = network.answers([cloud[:3] for cloud in some])[0]  # fewer points than centres
    assert np.isfinite(few).all()


def test_clouds_are_centred_on_their_centroid_at_radius_one(rng: np.random.Generator) -> None:
    for cloud in clouds(rng, 5):
        found = centred(cloud * 9 + 4)
        assert np.allclose(found.mean(0), 0, atol=1e-6) and np.linalg.norm(found, axis=1).max() == pytest.approx(1)
        assert np.allclose(found, centred(cloud), atol=1e-5)
    assert (centred(np.ones((4, 3), np.float32)) == 0).all()


# --- weights ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> PointNet:
    return randomised(PointNet())


def write_official(file: Path, network: PointNet, **changes: Tensor | None) -> Path:
    """What the authors saved: their trainer's state around the weights; None leaves a weight out."""
    weights = {**network.state_dict(), **changes}
    whole = {"epoch": 199, "instance_acc": np.float64(0.92), "class_acc": np.float64(0.9)}
    kept = {name: value for name, value in weights.items() if value is not None}
    serialization.save(whole | {"model_state_dict": kept, "optimizer_state_dict": {"state": {}}}, file)
    return file


@pytest.fixture(scope="module")
def converted(network: PointNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(convert("pointnet", write_official(tmp_path_factory.mktemp("pn") / "pointnet.pt", network))["weights"])


def test_names_and_shapes_are_the_published_ones(network: PointNet) -> None:
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    layers = {1: (3, 128, 128, 256), 2: (259, 256, 256, 512), 3: (515, 512, 1024, 2048)}
    expected: dict[str, tuple[int, ...]] = {}
    norms = {"bn1": 1024, "bn2": 512}
    for stage, widths in layers.items():
        for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
            expected |= {f"sa{stage}.mlp_convs.{i}.weight": (b, a, 1, 1), f"sa{stage}.mlp_convs.{i}.bias": (b,)}
            norms[f"sa{stage}.mlp_bns.{i}"] = b
    for i, (a, b) in {1: (2048, 1024), 2: (1024, 512), 3: (512, 40)}.items():
        expected |= {f"fc{i}.weight": (b, a), f"fc{i}.bias": (b,)}
    for name, width in norms.items():
        expected |= {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
        expected[f"{name}.num_batches_tracked"] = ()
    assert shapes == expected and [tuple(level[:3]) for level in Size().levels] == [(512, 0.2, 32), (128, 0.4, 64)]


def test_the_official_file_comes_through(network: PointNet, converted: Path, tmp_path: Path) -> None:
    found = load_file(converted)
    assert found.keys() == network.state_dict().keys()
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in found.items())
    again = convert("pointnet", write_official(tmp_path / "b.pt", network), tmp_path / "c.safetensors")
    assert again["parameters"] == 5_859_496
    loaded = read_pointnet(converted)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in loaded.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fc3.bias": None}, "missing: fc3.bias"),
        ({"extra": torch.zeros(1)}, "unexpected: extra"),
        ({"sa1.mlp_convs.0.weight": torch.zeros(128, 6, 1, 1)}, "of another shape: sa1.mlp_convs.0.weight"),
        ({"bn2.running_var": torch.full((512,), torch.nan)}, "not finite: bn2.running_var"),
    ],
)
def test_a_wrong_weight_is_an_error_that_names_it(
    network: PointNet, tmp_path: Path, changes: dict[str, Tensor | None], words: str
) -> None:
    file = write_official(tmp_path / "pointnet.pt", network, **changes)
    with pytest.raises(InputError, match=words) as caught:
        convert("pointnet", file)
    assert str(caught.value).startswith(str(file)) and [path.name for path in tmp_path.iterdir()] == ["pointnet.pt"]


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(3)}, other)
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    serialization.save({"x": torch.zeros(3)}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="has no `model_state_dict`; give Point-E's pointnet.pt"):
        convert("pointnet", tmp_path / "x.pt")
    with pytest.raises(InputError, match="holds something else"):
        read_pointnet(other)
    with pytest.raises(InputError, match="is not a safetensors file"):
        read_pointnet(tmp_path / "broken.safetensors")
    with pytest.raises(MissingError, match="download https://openaipublic.*gen3d convert pointnet"):
        read_pointnet(tmp_path / "none.safetensors")


# --- the stage ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mugs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small collections."""
    root = tmp_path_factory.mktemp("mugs")
    for name, seed in (("a", 1), ("b", 2)):
        generate(GenerateSettings(category="mug", n=2, seed=seed), root / name)
    return root


def test_quality_takes_features_of_what_it_compares(mugs: Path, converted: Path) -> None:
    a, few = Collection.open(mugs / "a"), QualitySettings(points=64, features=str(converted))
    itself, other, alone = (quality(a, place, few).features for place in (mugs / "a", mugs / "b", None))
    assert itself and other and alone
    assert itself.p_fid is not None and other.p_fid is not None and alone.p_fid is None
    assert itself.p_fid < 1e-6 < other.p_fid and itself.p_is == other.p_is == alone.p_is and 1 <= alone.p_is <= 2
    plain = quality(a, mugs / "b", QualitySettings(points=64))
    told = as_json(quality(a, mugs / "b", few))
    assert told.pop("features") == other._asdict() and told == as_json(plain) and plain.features is None


def test_the_command_line_converts_and_measures(run: Run, mugs: Path, network: PointNet, tmp_path: Path) -> None:
    file = write_official(tmp_path / "pointnet.pt", network)
    ended = run("convert", "pointnet", file)
    assert ended.code == 0 and "5,859,496 parameters of pointnet" in ended.out
    words = ("quality", mugs / "a", "--reference", mugs / "b", "--points", 64, "--picture", tmp_path / "q.png")
    with_features = (*words, "--features", tmp_path / "pointnet.safetensors")
    text, answer = run(*with_features), run(*with_features, "--json")
    assert text.code == answer.code == 0 and "left out" not in text.err
    found = json.loads(answer.out)["features"]
    assert f"P-FID {found['p_fid']:.4g}  P-IS {found['p_is']:.4g}" in text.out
    assert "--features" in run(*words).err
    missing = run(*words, "--features", tmp_path / "none.safetensors")
    assert missing.code == 4 and "none.safetensors" in missing.error
    wrong = run(*words, "--features", file)
    assert wrong.code == 3 and "is not a safetensors file" in wrong.error
