"""The small student and its training at tiny size: what it may depend on, what it learns, how it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sample_knowledge import cloud, exact_knowledge, toy_chair
from sample_students import PARTS, TINY, clouds, quiet, settings, tiny

from distill.steps import cast_forward
from distill.student import Student, variation
from distill.students.point_ops import Patches, stack
from distill.students.small import SmallStudent
from distill.trainer import Epoch, TrainingSet, distil
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape

# --- the network ----------------------------------------------------------------------------------------------------


def forward(network: SmallStudent, points: np.ndarray, near: Patches) -> torch.Tensor:
    with torch.inference_mode():
        return network(torch.from_numpy(points)[None], stack([near])[:])[0]


def whole(student: Student) -> tuple[SmallStudent, np.ndarray]:
    """Its network and one cloud."""
    assert isinstance(student.network, SmallStudent)
    return student.network.eval(), clouds(1)[0]


def test_logits_follow_a_reordering_of_the_points(rng: np.random.Generator) -> None:
    network, points = whole(tiny())
    plain = forward(network, points, network.prepare(points))
    order = np.concatenate([[0], 1 + rng.permutation(len(points) - 1)])  # farthest points start at point 0
    again = forward(network, points[order], network.prepare(points[order]))
    assert torch.allclose(again, plain[order], atol=1e-4) and plain.std(0).min() > 1e-3


def test_logits_do_not_depend_on_the_order_within_neighbourhoods(rng: np.random.Generator) -> None:
    network, points = whole(tiny())
    near = network.prepare(points)
    mixed = Patches(
        near.centres,
        near.groups[:, torch.from_numpy(rng.permutation(near.groups.shape[1]))],
        near.token_groups[:, torch.from_numpy(rng.permutation(near.token_groups.shape[1]))],
        near.from_tokens[:, [2, 0, 1]],
        near.from_centres,
    )
    assert torch.allclose(forward(network, points, mixed), forward(network, points, near), atol=1e-5)


def test_shapes_of_a_batch_do_not_touch() -> None:
    student, some = tiny(), clouds(3)
    together = student.logits(some)
    assert together.shape == (3, 520, 4)
    for row, points in zip(together, some, strict=True):
        assert np.allclose(student.logits([points])[0], row, atol=1e-4)
    assert np.allclose(student.logits(some, batch=2), together, atol=1e-4)


def test_gradients_reach_every_parameter() -> None:
    student, points = tiny(), clouds(2)
    near = stack([student.network.prepare(p) for p in points])[:]  # type: ignore[operator]
    for dtype in (torch.float32, torch.bfloat16):
        student.zero_grad()
        logits = cast_forward(student.network, dtype, torch.from_numpy(np.stack(points)), near)
        assert logits.dtype == dtype
        logits.float().log_softmax(-1)[..., 0].mean().backward()
        for name, parameter in student.network.named_parameters():
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.dtype == torch.float32 and parameter.grad.abs().max() > 0, name


def test_bfloat16_stays_close_to_float32() -> None:
    student, points = tiny(), clouds(2)
    near = stack([student.network.prepare(p) for p in points])[:]  # type: ignore[operator]
    batch = torch.from_numpy(np.stack(points))
    with torch.no_grad():
        fine, coarse = (
            cast_forward(student.network, kind, batch, near).float() for kind in (torch.float32, torch.bfloat16)
        )
    assert (fine - coarse).abs().max() < 0.05 * fine.abs().max() + 0.02


def test_a_part_alone_and_other_sizes_work() -> None:
    points = torch.from_numpy(np.stack(clouds(1, 700)))
    for parts, options in ((1, {"width": 32, "depth": 0}), (7, {"width": 64, "depth": 2, "heads": 2})):
        network = SmallStudent(parts, **options)
        assert network(points, stack([network.prepare(points[0].numpy())])[:]).shape == (1, 700, parts)


# --- on disk --------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_gives_equal_logits_in_the_hub_layout(tmp_path: Path) -> None:
    student, points = tiny(3), clouds(1)
    student.save(tmp_path / "a" / "student")
    names = sorted(path.name for path in (tmp_path / "a" / "student").iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["student"]
    loaded = Student.load(tmp_path / "a" / "student")
    assert np.array_equal(loaded.logits(points), student.logits(points))
    assert (loaded.category, loaded.parts) == ("chair", tuple(PARTS))
    assert loaded.training_record == {"seed": 3} and not loaded.training
    config = json.loads((tmp_path / "a" / "student" / "config.json").read_text())
    assert config["parts"] == PARTS and config["category"] == "chair" and config["options"] == TINY
    card = (tmp_path / "a" / "student" / "README.md").read_text()
    assert card.startswith("---\n") and "back, seat, leg, arm" in card and "seed: 3" in card


def test_saving_again_replaces_the_student_and_keeps_what_lies_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "student"
    tiny(0).save(folder)
    (folder / "losses.csv").write_text("epoch,loss\n")
    tiny(1).save(folder)
    assert (folder / "losses.csv").read_text() == "epoch,loss\n" and len(list(folder.iterdir())) == 4
    assert np.array_equal(Student.load(folder).logits(clouds(1)), tiny(1).logits(clouds(1)))


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        Student.load(folder)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and message.startswith(str(folder)), message
    for word in words:
        assert word in message, message


def saved(folder: Path) -> Path:
    tiny().save(folder)
    return folder


def test_what_is_no_student_is_refused_in_one_line(tmp_path: Path) -> None:
    refused(tmp_path / "none", "no config.json", "gen3d distill")
    refused(tmp_path, "no config.json", "gen3d distill")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "no config.json")


def test_pickled_weights_are_named_and_never_loaded(tmp_path: Path) -> None:
    folder = saved(tmp_path / "student")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "pytorch_model.bin is pickled and never loaded", "safetensors")
    refused(folder / "pytorch_model.bin", "pickled checkpoints are never loaded")


@pytest.mark.parametrize("text", ["", "{", "{}", "\0", '{"category": "chair"}', '{"category": 1, "parts": 2}'])
def test_a_broken_config_is_refused(tmp_path: Path, text: str) -> None:
    folder = saved(tmp_path / "student")
    (folder / "config.json").write_text(text)
    refused(folder)


def test_a_config_that_is_no_object_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "student")
    (folder / "config.json").write_text("[1]")
    refused(folder)


def test_broken_weights_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "student")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for data in (whole[:-1], whole[: len(whole) // 2], whole[:100], b"", b"\0" * 64, b"PK\3\4"):
        weights.write_bytes(data)
        refused(folder, "usable")
    weights.unlink()
    refused(folder)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "student")
    config = json.loads((folder / "config.json").read_text())
    for change in ({"options": {"width": 64, "depth": 1}}, {"parts": ["a", "b"]}):
        (folder / "config.json").write_text(json.dumps(config | change))
        refused(folder)


def test_a_missing_or_unknown_tensor_is_refused(tmp_path: Path) -> None:
    """Row 5 of method.md, section 11: never random weights where a name does not match."""
    folder = saved(tmp_path / "student")
    tensors = load_file(folder / "model.safetensors")
    name = next(iter(tensors))
    for change in ({f"{name}x": tensors[name]}, {}):
        rest = {key: value for key, value in tensors.items() if key != name}
        save_file(rest | change, folder / "model.safetensors")
        refused(folder, "usable")


def test_loading_says_nothing_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Student.load(saved(tmp_path / "student"))
    assert capsys.readouterr().out == ""


def test_an_unknown_network_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="unknown student 'large'; known are: small"):
        Student("chair", PARTS, network="large")


# --- labels ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> tuple[Student, list[Epoch]]:
    """Overfitted to four toy chairs with exact labels, in seconds."""
    student = tiny()
    data = TrainingSet.build([[exact_knowledge(toy_chair(seed), 512) for seed in range(4)]], student)
    return student, distil(student, data, settings(epochs=60, lr=6e-3, backward=False), quiet)


def test_exact_knowledge_is_learnt(trained: tuple[Student, list[Epoch]]) -> None:
    student, log = trained
    labels = [cloud(toy_chair(seed), 512)[1] for seed in range(4)]
    predicted = student.logits(clouds(4, 512)).argmax(-1)
    assert (predicted == np.stack(labels)).mean() > 0.9
    assert [row.epoch for row in log] == list(range(1, 61)) and log[-1].loss < 0.3 * log[0].loss
    assert not any(row.rescored for row in log)


def moved(shape: Shape) -> Shape:
    return shape.transformed(37.0 * np.eye(3), np.array([5.0, -200.0, 11.0]))


def test_faces_and_points_are_labelled_in_any_place_and_size(trained: tuple[Student, list[Epoch]]) -> None:
    student, shape = trained[0], toy_chair(0)
    labels, confidence = student.label_faces(shape, passes=2)
    assert labels.shape == confidence.shape == (len(shape.mesh[1]),)
    assert (labels == shape.face_labels).mean() > 0.85
    assert confidence.min() > 0.25 and confidence.max() <= 1 + 1e-6
    vertices, faces = shape.mesh
    seat = labels == 1
    some, _ = student.label_positions(shape, vertices[faces].mean(1)[seat], passes=2)
    assert np.array_equal(some, labels[seat])  # the frame is the shape's, whatever positions are asked for
    away, _ = student.label_faces(moved(shape), passes=2)
    assert (away == labels).mean() > 0.98
    again, _ = student.label_faces(shape, passes=2)
    assert np.array_equal(again, labels)
    sampled = shape.sampled(3000, 1)
    points = Shape("cloud", "chair", points=sampled.points)
    found, _ = student.label_points(points, passes=2)
    assert found.shape == (3000,) and (found == sampled.point_labels).mean() > 0.85
    elsewhere, _ = student.label_points(moved(points), passes=2)
    assert (elsewhere == found).mean() > 0.98


def test_shapes_without_what_is_asked_for_are_refused() -> None:
    with pytest.raises(InputError, match="toy-0: has no points"):
        tiny().label_points(toy_chair(0))
    with pytest.raises(InputError, match="dots: has no faces"):
        tiny().label_faces(Shape("dots", "chair", points=clouds(1)[0]))


def test_passes_average_what_each_says_of_the_same_points(rng: np.random.Generator) -> None:
    """One pass is the plain network; several are the mean of log-probabilities, point for point."""
    student = tiny()
    cloud = rng.normal(size=(600, 3)).astype(np.float32)
    one = student.logits([cloud])
    assert np.allclose(one, torch.from_numpy(one).log_softmax(-1).numpy(), atol=1e-5)
    parts = []
    for number in range(3):
        order, distortion = variation(number, 3, 600)
        answer = student.logits([(cloud @ distortion.T).astype(np.float32)[order]])[0]
        parts.append(answer[np.argsort(order)])
    assert np.allclose(student.logits([cloud], passes=3)[0], np.mean(parts, 0), atol=1e-5)
