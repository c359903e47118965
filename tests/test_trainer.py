"""Augmentation and the training loop: what they do to clouds, when re-scoring starts, what every epoch sees."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from sample_knowledge import cloud, exact_knowledge, knowledge_of, toy_chair
from sample_students import clouds, quiet, settings, tiny
from scipy.stats import kstest

from distill import trainer
from distill.rescoring import Settled, rescore
from distill.student import Student
from distill.trainer import STRAY, DistillSettings, TrainingSet, augmented, distil
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.shape import Shape, yaw

# --- augmentation ---------------------------------------------------------------------------------------------------


def turned(batch: int, seed: int = 0, **changes: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Clouds before and after."""
    points = torch.from_numpy(clouds(1)[0])[None].repeat(batch, 1, 1)
    return points, augmented(points, settings(**changes), torch.Generator().manual_seed(seed))


def test_augmented_clouds_stay_normalised_and_repeat_with_the_seed() -> None:
    options = {"yaw": 180, "tilt": 5, "stretch": 0.2, "jitter": 0.005}
    _, moved = turned(20, **options)
    centre = (moved.amin(1) + moved.amax(1)) / 2
    assert centre.abs().max() < 1e-6
    assert torch.allclose(moved.norm(dim=-1).amax(1), torch.ones(20), atol=1e-6)
    assert torch.equal(moved, turned(20, **options)[1])
    assert not torch.equal(moved, turned(20, seed=1, **options)[1])
    assert (moved[0] - moved[1]).abs().max() > 0.05


def test_no_augmentation_is_the_identity() -> None:
    cloud = Shape("dots", "chair", points=clouds(1)[0]).normalised().points
    points = torch.from_numpy(cloud)[None].repeat(3, 1, 1)
    assert torch.allclose(augmented(points, settings(), torch.Generator()), points, atol=1e-5)


@pytest.mark.parametrize("limit", [180, 30])
def test_yaw_is_uniform_about_the_upright_axis(limit: int) -> None:
    points, moved = turned(1000, yaw=limit)
    lift = points[0, :, 1] - points[0, :1, 1]
    ratio = (moved[:, :, 1] - moved[:, :1, 1])[:, lift.abs().argmax()] / lift[lift.abs().argmax()]
    assert torch.allclose(moved[:, :, 1] - moved[:, :1, 1], ratio[:, None] * lift, atol=1e-5)  # only scaled upwards
    far = int(points[0, :, [0, 2]].norm(dim=-1).argmax())
    near = int((points[0] - points[0, far])[:, [0, 2]].norm(dim=-1).argmax())
    before, after = (x[:, far] - x[:, near] for x in (points, moved))
    # right-handed about +Y: the direction (x, z) = (sin a, cos a) goes to (sin(a + yaw), cos(a + yaw))
    angle = torch.atan2(after[:, 0], after[:, 2]) - torch.atan2(before[:, 0], before[:, 2])
    degrees = (torch.rad2deg(angle) + 180) % 360 - 180
    assert kstest(degrees.numpy(), "uniform", (-limit, 2 * limit)).pvalue > 0.01
    rotation = torch.from_numpy(yaw(float(degrees[0]))).float()
    expected = points[0] @ rotation.T
    expected = expected - (expected.amin(0) + expected.amax(0)) / 2
    assert torch.allclose(moved[0], expected / expected.norm(dim=-1).max(), atol=1e-4)


def test_stretch_and_tilt_stay_within_what_they_say() -> None:
    points, moved = turned(300, stretch=0.2)
    sides = (moved.amax(1) - moved.amin(1)) / (points.amax(1) - points.amin(1))
    ratio = sides / sides[:, :1]
    assert ratio.max() < math.exp(0.4) + 1e-5 and ratio.min() > math.exp(-0.4) - 1e-5 and ratio.std() > 0.1
    up = torch.tensor([[[0.0, 1, 0], [0, -1, 0], [0.1, 0, 0], [-0.1, 0, 0]]]).repeat(2000, 1, 1)
    tipped = augmented(up, settings(tilt=5.0), torch.Generator().manual_seed(0))
    axis = tipped[:, 0] - tipped[:, 1]
    angle = torch.rad2deg(torch.acos((axis[:, 1] / axis.norm(dim=-1)).clamp(-1, 1)))
    # two normal components of 5 degrees: their length follows Rayleigh's distribution
    assert kstest(angle.numpy(), "rayleigh", (0, 5)).pvalue > 0.01


# --- training -------------------------------------------------------------------------------------------------------


def noisy_knowledge(seed: int) -> Knowledge:
    """Exact units and one that calls half of the seat a back."""
    shape = toy_chair(seed)
    points, labels = cloud(shape, 512, seed)
    wrong = (labels == 1) & (points[:, 0] > 0)
    mask = np.stack([*(labels == part for part in range(4)), wrong])
    return knowledge_of(points, mask, np.array([0, 1, 2, 3, 0]), np.array([0.9, 0.6, 0.8, 0.7, 0.5]))


def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    def run(seed: int) -> torch.Tensor:
        student = tiny()
        data = TrainingSet.build([[noisy_knowledge(s) for s in range(3)]], student)
        changes = {"batch": 2, "yaw": 180, "jitter": 0.01, "stretch": 0.1, "tilt": 3, "threshold": 1.0}
        distil(student, data, settings(epochs=6, seed=seed, **changes), quiet)
        return torch.cat([p.detach().flatten() for p in student.parameters()])

    first = run(0)
    assert torch.equal(first, run(0)) and not torch.equal(first, run(1)) and torch.isfinite(first).all()


@pytest.mark.parametrize("after", [0.0, 0.7])
def test_re_scoring_starts_once_and_when_the_rule_says(after: float, monkeypatch: pytest.MonkeyPatch) -> None:
    student, calls, seen = tiny(), [], []
    knowledge = [noisy_knowledge(seed) for seed in range(3)]
    data = TrainingSet.build([knowledge], student)
    real = TrainingSet.rescored

    def counted(self: TrainingSet, one: Student, stray: float) -> bool:
        assert not one.network.training and stray == (STRAY if after else 1.0)
        pairs, before = self.pairs.clone(), self.target.clone()
        done = real(self, one, stray)
        assert torch.equal(self.pairs, pairs)
        calls.append(len(seen))
        if not done:
            assert torch.equal(self.target, before)
            return False
        labels = [one.logits([k.points])[0].argmax(-1) for k in knowledge]
        expected = [k.target(4, rescore(k, row)) for k, row in zip(knowledge, labels, strict=True)]
        assert np.array_equal(self.target.numpy(), np.stack(expected))
        return True

    monkeypatch.setattr(TrainingSet, "rescored", counted)
    log = distil(student, data, settings(epochs=14, threshold=0.03, after=after), seen.append)
    rule = Settled(0.03)
    start = max(next(row.epoch for row in log if rule.update(row.loss)), math.ceil(after * 14))
    assert after or calls == [start]  # 0: by the rule alone
    assert calls[0] == start and calls == list(range(start, calls[-1] + 1)) and 5 <= calls[-1] < 14 and seen == log
    assert [row.rescored for row in log] == [row.epoch > calls[-1] for row in log]


def test_a_part_not_found_yet_is_never_re_scored_away() -> None:
    """A student that calls everything seat would wipe out all units of the other parts."""
    student = tiny()
    data = TrainingSet.build([[noisy_knowledge(seed) for seed in range(2)]], student)
    before, head = data.target.clone(), list(student.network.modules())[-1]
    assert isinstance(head, torch.nn.Linear)
    torch.nn.init.zeros_(head.weight)
    head.bias.data = torch.tensor([0.0, 9.0, 0.0, 0.0])
    assert not data.rescored(student) and torch.equal(data.target, before)
    assert data.rescored(student, stray=1.0) and not torch.equal(data.target, before)  # by the rule alone, as released


def stray_arm(seed: int, points: int = 6) -> Knowledge:
    """A toy chair without arms, on a few points of which the teacher sees one all the same."""
    whole = noisy_knowledge(seed)
    mask = whole.mask[:4].copy()
    mask[3] = np.arange(mask.shape[1]) < points
    return replace(whole, packed=np.packbits(mask, axis=1), part=whole.part[:4], view=whole.view[:4],
                   confidence=np.array([*whole.confidence[:3], 0.05], np.float32))  # fmt: skip


@pytest.mark.parametrize(("after", "points", "done"), [(0.1, 6, True), (0.1, 60, False), (0.0, 60, True)])
def test_a_slip_of_the_teacher_does_not_stop_re_scoring(after: float, points: int, done: bool) -> None:
    """Six points of one shape in sixteen are less than a thousandth of the pairs; `after = 0` is the rule alone."""
    student = tiny()
    knowledge = [stray_arm(0, points), *(replace(k, packed=k.packed[:3], part=k.part[:3], confidence=k.confidence[:3],
                 view=k.view[:3]) for k in map(noisy_knowledge, range(1, 16)))]  # fmt: skip
    data = TrainingSet.build([knowledge], student)
    share = (data.pairs.sum(0) / data.pairs.sum())[3].item()
    assert (0 < share < STRAY) == (points == 6)
    log = distil(student, data, settings(epochs=14, lr=0.01, threshold=1.0, after=after), quiet)
    assert log[-1].rescored == done


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ({}, 1.5e-3),
        ({"student": "point-m2ae"}, 1.5e-3),
        ({"student": "point-m2ae", "finetune": False}, 1.5e-3),
        ({"student": "point-m2ae", "finetune": True}, 5e-4),
        ({"student": "point-m2ae", "finetune": True, "lr": 1.5e-3}, 1.5e-3),
    ],
)
def test_a_whole_point_m2ae_is_trained_more_slowly_unless_a_rate_is_given(given: dict[str, Any], rate: float) -> None:
    settings = DistillSettings(category="chair", **given)
    assert settings.lr == settings.model_dump()["lr"] == rate
    assert DistillSettings(**settings.model_dump()) == settings == settings.model_copy(update={"seed": 0})


def test_without_backward_the_target_stays() -> None:
    student = tiny()
    data = TrainingSet.build([[noisy_knowledge(0)]], student)
    before = data.target.clone()
    log = distil(student, data, settings(epochs=7, threshold=1.0, backward=False), quiet)
    assert torch.equal(data.target, before) and not any(row.rescored for row in log)


@pytest.mark.parametrize(("shapes", "batch", "sizes"), [(3, 8, [3]), (5, 2, [2, 2, 1]), (4, 4, [4])])
def test_every_shape_is_seen_once_an_epoch(
    shapes: int, batch: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    student, seen = tiny(), []
    knowledge = [noisy_knowledge(seed) for seed in range(shapes)]
    data = TrainingSet.build([knowledge], student)

    def counted(points: torch.Tensor, settings: DistillSettings, generator: torch.Generator) -> torch.Tensor:
        seen.append(points)
        return points

    monkeypatch.setattr(trainer, "augmented", counted)
    distil(student, data, settings(epochs=2, batch=batch), quiet)
    assert [len(points) for points in seen] == sizes * 2
    for epoch in (seen[: len(sizes)], seen[len(sizes) :]):
        found = [int((data.points == cloud).flatten(1).all(1).nonzero()) for cloud in torch.cat(epoch)]
        assert sorted(found) == list(range(shapes))


@pytest.mark.parametrize(("ratio", "second"), [(0.5, 2), (0.25, 1), (0.01, 1), (0.99, 3)])
def test_every_batch_mixes_two_sources_and_each_goes_through_rounds_of_its_own(ratio: float, second: int) -> None:
    many, few = [noisy_knowledge(seed) for seed in range(7)], [noisy_knowledge(seed) for seed in range(20, 23)]
    source = TrainingSet.build([many, few], tiny()).source
    assert source.tolist() == [0] * 7 + [1] * 3
    how = settings(ratio=ratio, fade=0.0)
    drawn = list(islice(trainer._batches(source, how, torch.Generator().manual_seed(0), 42), 42))
    for batch in drawn:
        assert len(batch) == 4 and int((batch >= 7).sum()) == second
    counts = torch.bincount(torch.cat(drawn), minlength=10)
    for part in (counts[:7], counts[7:]):
        assert int(part.max() - part.min()) <= 1


def test_the_second_source_fades_evenly_to_none_and_the_first_fills_its_place() -> None:
    source = torch.tensor([0] * 7 + [1] * 3)
    how = settings(batch=8, ratio=0.5, fade=0.5)
    drawn = list(islice(trainer._batches(source, how, torch.Generator().manual_seed(0), 40), 40))
    shares = [int((batch >= 7).sum()) for batch in drawn]
    assert [len(batch) for batch in drawn] == [8] * 40
    assert shares[0] == 4 and shares[10] == 2 and set(shares[20:]) == {0} and shares == sorted(shares, reverse=True)


def test_steps_set_the_length_of_an_epoch_whatever_the_number_of_shapes() -> None:
    student, log = tiny(), []
    data = TrainingSet.build([[noisy_knowledge(seed) for seed in range(2)]], student)
    count = trainer.augmented

    def counted(*args: Any) -> torch.Tensor:
        log.append(len(args[0]))
        return count(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "augmented", counted)
        distil(student, data, settings(epochs=2, batch=2, steps=5), quiet)
    assert log == [2] * 10


def test_knowledge_without_any_unit_is_refused() -> None:
    none = knowledge_of(clouds(1)[0], np.zeros((0, 520), bool), np.zeros(0), np.zeros(0))
    for knowledge in ([none, none], []):
        with pytest.raises(InputError, match="no unit at all") as caught:
            TrainingSet.build([knowledge], tiny())
        assert len(str(caught.value).splitlines()) == 1


def test_clouds_of_different_sizes_are_refused() -> None:
    some = [exact_knowledge(toy_chair(0), 512), exact_knowledge(toy_chair(1), 600)]
    with pytest.raises(InputError, match="512, 600") as caught:
        TrainingSet.build([some], tiny())
    assert len(str(caught.value).splitlines()) == 1


def test_a_shape_without_units_among_others_does_no_harm() -> None:
    student = tiny()
    none = knowledge_of(clouds(1, 512)[0], np.zeros((0, 512), bool), np.zeros(0), np.zeros(0))
    data = TrainingSet.build([[none, exact_knowledge(toy_chair(1), 512)]], student)
    log = distil(student, data, settings(epochs=7, batch=1, threshold=1.0), quiet)
    assert all(math.isfinite(row.loss) for row in log) and log[-1].rescored
    assert all(torch.isfinite(p).all() for p in student.parameters())
