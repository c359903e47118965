"""Training as PartDistill's code was released, corrected: augmentation, schedule, selection; and its edge cases."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from sample_knowledge import cloud, exact_knowledge, knowledge_of, random_knowledge, toy_chair
from sample_students import TINY, quiet, settings, tiny
from scipy.stats import kstest
from test_trainer import noisy_knowledge

from distill import trainer
from distill.distillation import kept_epoch
from distill.losses import class_weights, distillation_loss
from distill.other import OTHER, partnete_scores, with_other
from distill.selection import split
from distill.steps import finite_step
from distill.student import Student, normalised_clouds
from distill.trainer import DistillSettings, Epoch, TrainingSet, augmented, distil, rate_schedule
from gen3d.errors import InputError, SettingsError
from gen3d.knowledge import Knowledge
from gen3d.settings import resolve

# --- the preset -----------------------------------------------------------------------------------------------------


def test_the_preset_is_what_the_released_code_does() -> None:
    paper = resolve(DistillSettings, "paper", category="chair")
    assert (paper.epochs, paper.batch, paper.lr, paper.weight_decay, paper.clip) == (25, 16, 0.003, 0, None)
    assert (paper.schedule, paper.augmentation, paper.student) == ("cosine", "released", "point-m2ae")
    assert (paper.threshold, paper.after, paper.select, paper.backward) == (0.01, 0, "last", True)
    assert resolve(DistillSettings, "paper", category="chair", select="validation").select == "validation"


def test_augmentation_scales_shifts_and_jitters_within_what_it_says() -> None:
    points = torch.eye(3).repeat(4000, 1, 1)
    how = {"augmentation": "released", "stretch": 0.1, "shift": 0.1}
    still = augmented(points, settings(**how), torch.Generator().manual_seed(0))
    offset = torch.stack([still[:, 1, 0], still[:, 0, 1], still[:, 0, 2]], 1)  # where the coordinate was 0
    scale = torch.diagonal(still, dim1=1, dim2=2) - offset
    assert torch.allclose(still, torch.diag_embed(scale) + offset[:, None], atol=1e-6)  # nothing else: no turn, no norm
    for values, low, wide in ((scale, 0.9, 0.2), (offset, -0.1, 0.2)):
        assert kstest(values.flatten().numpy(), "uniform", (low, wide)).pvalue > 0.01
        assert abs(np.corrcoef(values.numpy().T)[0, 1]) < 0.06  # every axis has a draw of its own
    noise = augmented(points, settings(augmentation="released", shift=0, jitter=0.01), torch.Generator()) - points
    assert noise.abs().max() == pytest.approx(0.02) and abs(noise.std() / 0.01 - 0.96) < 0.02  # cut at two sigma
    same = augmented(points, settings(augmentation="released", shift=0), torch.Generator())
    assert torch.equal(same, points)


def test_the_learning_rate_falls_like_a_cosine_once_an_epoch() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    how = settings(schedule="cosine", epochs=25, lr=0.003)
    ours = torch.optim.AdamW([weight], how.lr)
    schedule = rate_schedule(ours, how, 4)
    theirs = torch.optim.Adam([weight], how.lr)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 25, how.lr / 100)
    for _ in range(25):
        for _ in range(4):
            assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9)
            ours.step()
            schedule.step()
        theirs.step()
        cosine.step()
    assert ours.param_groups[0]["lr"] == pytest.approx(0.00003)


@pytest.mark.parametrize("kind", ["one-cycle", "cosine"])
def test_any_number_of_steps_has_a_positive_learning_rate(kind: str) -> None:
    for steps in range(1, 40):
        optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
        schedule = rate_schedule(optimiser, settings(schedule=kind, epochs=1, lr=0.1), steps)
        for _ in range(steps):
            assert 0 < optimiser.param_groups[0]["lr"] <= 0.1 + 1e-12
            optimiser.step()
            schedule.step()


def test_without_weight_decay_and_clipping_a_step_is_that_of_adam() -> None:
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Linear(5, 3) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    a, b = torch.optim.AdamW(ours.parameters(), 0.01, weight_decay=0), torch.optim.Adam(theirs.parameters(), 0.01)
    for step in range(5):
        x = torch.randn(8, 5) * 100  # gradients far larger than 1
        assert finite_step(ours, a, ours(x).square().mean(), None)
        b.zero_grad()
        theirs(x).square().mean().backward()
        b.step()
        assert torch.equal(ours.weight, theirs.weight), step


# --- which epoch is kept --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sizes", "share", "held"), [([20], 0.1, [2]), ([2], 0.9, [1]), ([30, 3, 1], 0.2, [6, 1, 0])])
def test_a_share_of_every_source_is_held_out(sizes: list[int], share: float, held: list[int]) -> None:
    source = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    every = torch.ones(len(source), dtype=torch.bool)
    kept, out = split(source, every, share, 0)
    assert torch.equal(torch.cat([kept, out]).sort().values, torch.arange(len(source)))
    assert torch.bincount(source[out], minlength=len(sizes)).tolist() == held
    assert torch.equal(out, split(source, every, share, 0)[1])
    whole, none = split(source, every, 0, 0)
    assert torch.equal(whole, torch.arange(len(source))) and not len(none)


@pytest.mark.parametrize("seed", range(5))
def test_shapes_without_a_unit_are_not_held_out(seed: int) -> None:
    source = torch.repeat_interleave(torch.arange(2), 10)
    taught = torch.arange(20) % 3 == 0  # four of ten, and three of ten
    kept, out = split(source, taught, 0.5, seed)
    assert taught[out].all() and torch.bincount(source[out]).tolist() == [2, 2] and taught[kept].sum() == 3
    assert torch.equal(torch.cat([kept, out]).sort().values, torch.arange(20))


@pytest.mark.parametrize("taught", [[True], [True, False, False], [False, True]])
def test_a_single_shape_with_units_can_not_be_held_out(taught: list[bool]) -> None:
    with pytest.raises(InputError, match="--select last"):
        split(torch.zeros(len(taught), dtype=torch.int64), torch.tensor(taught), 0.5, 0)


def weights(student: Student) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in student.parameters()])


@pytest.mark.parametrize("backward", [False, True])
def test_validation_keeps_the_epoch_with_the_least_teachers_loss_on_shapes_it_never_trained_on(
    backward: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, knowledge = tiny(), [exact_knowledge(toy_chair(seed), 512) for seed in range(5)]
    data = TrainingSet.build([knowledge], student)
    how = settings(epochs=12, batch=2, lr=0.003, select="validation", held_out=0.4, threshold=1.0, after=0, seed=3)
    how = how.model_copy(update={"backward": backward})
    _, held = split(data.source, data.pairs.any(1), 0.4, 3)
    seen, states, real = [], [], trainer.augmented

    def counted(points: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.extend(points)
        return real(points, *rest)

    def report(epoch: Epoch) -> None:  # twin of the validation loss, shape by shape
        share = class_weights(data.pairs[held].sum(0))
        losses = []
        for i in held.tolist():
            with torch.no_grad():
                logits = student.network(normalised_clouds(data.points[i : i + 1]), data.near[i : i + 1])
            losses.append(distillation_loss(logits, data.target[i : i + 1], share).item())
        assert epoch.validation == pytest.approx(float(np.mean(losses)), rel=1e-5)
        states.append(weights(student).clone())

    monkeypatch.setattr(trainer, "augmented", counted)
    log = distil(student, data, how, report)
    assert len(seen) == 12 * 3 and not any(torch.equal(cloud, data.points[i]) for cloud in seen for i in held.tolist())
    judged = [row for row in log if row.rescored == log[-1].rescored]
    best = min(judged, key=lambda row: row.validation or math.inf).epoch
    assert torch.equal(weights(student), states[best - 1]) and kept_epoch(log) == best
    assert log[-1].rescored is backward and (len(judged) < len(log)) is backward


def test_the_last_epoch_is_kept_otherwise_and_nothing_is_held_out() -> None:
    student, states = tiny(), []
    data = TrainingSet.build([[noisy_knowledge(seed) for seed in range(3)]], student)
    log = distil(student, data, settings(epochs=3, lr=0.02), lambda epoch: states.append(weights(student).clone()))
    assert torch.equal(weights(student), states[-1]) and kept_epoch(log) == 3
    assert [row.validation for row in log] == [None] * 3


# --- memory ---------------------------------------------------------------------------------------------------------


def test_what_a_step_touches_does_not_grow_with_units_and_no_mask_stays_unpacked(rng: np.random.Generator) -> None:
    sizes = []
    for units in (3, 300):
        data = TrainingSet.build([[random_knowledge(rng, True, units, 520, 4) for _ in range(2)]], tiny())
        arrays = [data.points, data.target, data.pairs, *(getattr(data.near, f.name) for f in fields(data.near))]
        sizes.append(sum(x.numel() * x.element_size() for x in arrays))
        data.rescored(tiny())
        for k in data.knowledge:  # 520 / 8 bytes a unit and 8 more
            assert set(vars(k)) == {f.name for f in fields(k)} and k.scores is None
            assert k.packed.nbytes + k.part.nbytes + k.confidence.nbytes + k.view.nbytes == units * (65 + 8)
    assert sizes[0] == sizes[1]


# --- edge cases -----------------------------------------------------------------------------------------------------


def none(points: int = 512) -> Knowledge:
    """A shape that no unit covers."""
    return knowledge_of(cloud(toy_chair(9), points)[0], np.zeros((0, points), bool), np.zeros(0), np.zeros(0))


def test_shapes_and_batches_without_units_are_kept_counted_and_harmless() -> None:
    student = tiny()
    found = exact_knowledge(toy_chair(1), 512)
    data = TrainingSet.build([[none(), found, none()]], student)
    log = distil(student, data, settings(epochs=3, batch=1), quiet)
    assert [row.empty for row in log] == [2] * 3 and [row.skipped for row in log] == [0] * 3
    assert all(math.isfinite(row.loss) for row in log) and torch.isfinite(weights(student)).all()
    alone = TrainingSet.build([[found]], tiny())
    assert log[0].loss < distil(tiny(), alone, settings(epochs=1), quiet)[0].loss  # they count in the mean, as 0


def test_validation_is_on_shapes_with_units_whatever_the_seed() -> None:
    for seed in range(4):
        student = tiny()
        data = TrainingSet.build([[noisy_knowledge(0), none(), noisy_knowledge(1), none()]], student)
        log = distil(student, data, settings(epochs=2, select="validation", held_out=0.5, seed=seed), quiet)
        assert all(row.validation is not None and row.validation > 0 and row.empty < 2 for row in log)
        assert all(row.loss > 0 for row in log)


def test_fewer_shapes_than_a_batch_of_two_sources_come_again_in_it() -> None:
    student = tiny()
    data = TrainingSet.build([[noisy_knowledge(0), noisy_knowledge(1)], [noisy_knowledge(2)]], student)
    generator = torch.Generator().manual_seed(0)
    batch = next(trainer._batches(data.source, settings(batch=8), generator, total=2))
    assert len(batch) == 8 and torch.bincount(batch).tolist() == [2, 2, 4]
    log = distil(student, data, settings(epochs=2, batch=8), quiet)
    assert all(math.isfinite(row.loss) for row in log)


def test_a_part_that_no_shape_has_is_not_predicted_and_does_not_stop_re_scoring() -> None:
    student = tiny()
    armless = [replace(k, packed=k.packed[:3], part=k.part[:3], confidence=k.confidence[:3], view=k.view[:3])
               for k in map(noisy_knowledge, range(2))]  # fmt: skip
    data = TrainingSet.build([armless], student)
    assert (data.pairs[:, 3] == 0).all() and (data.target[..., 3] == 0).all()
    log = distil(student, data, settings(epochs=20, lr=0.01, threshold=1.0, after=0), quiet)
    assert log[-1].rescored and torch.isfinite(weights(student)).all()
    assert (student.logits([k.points for k in armless]).argmax(-1) != 3).all()


def one_part(seed: int) -> Knowledge:
    """A teacher that knows seats alone, of a chair that has more."""
    whole = exact_knowledge(toy_chair(seed), 512, seed)
    knowledge = replace(whole, packed=whole.packed[1:2], part=whole.part[:1] * 0, confidence=whole.confidence[1:2],
                        view=whole.view[1:2], meta={"parts": ["seat"], "id": f"toy-{seed}"})  # fmt: skip
    return replace(knowledge, confidence=np.array([0.6], np.float32))


def fresh(parts: list[str]) -> Student:
    torch.manual_seed(0)
    return Student("chair", parts, options=TINY)


def test_one_part_alone_is_defined_and_teaches_nothing() -> None:
    student, knowledge = fresh(["seat"]), [one_part(seed) for seed in range(2)]
    log = distil(student, TrainingSet.build([knowledge], student), settings(epochs=6, threshold=1.0, after=0), quiet)
    assert [row.loss for row in log] == [0] * 6 and log[-1].rescored and torch.isfinite(weights(student)).all()
    assert (student.logits([knowledge[0].points]).argmax(-1) == 0).all()


def test_one_part_is_learned_against_other() -> None:
    knowledge = [with_other(one_part(seed)) for seed in range(3)]
    student = fresh(["seat", OTHER])
    data = TrainingSet.build([knowledge], student)
    log = distil(student, data, settings(epochs=24, lr=0.01, threshold=0.1, after=0.5), quiet)
    assert log[-1].rescored
    for seed in range(3):
        points, labels = cloud(toy_chair(seed), 512, seed)
        found = student.logits([points])[0].argmax(-1)
        assert ((found == 0) == (labels == 1)).mean() > 0.85


@pytest.mark.parametrize("pixel", [False, True])
def test_other_is_one_more_unit_on_what_nothing_covers(pixel: bool, rng: np.random.Generator) -> None:
    for _ in range(10):
        knowledge = random_knowledge(rng, pixel, 6, 60, 3)
        knowledge.meta["parts"] = ["a", "b", "c"]
        more = with_other(knowledge)
        bare = ~knowledge.mask.any(0)
        assert (
            bare.any() and more.meta["parts"] == ["a", "b", "c", OTHER] and knowledge.meta["parts"] == ["a", "b", "c"]
        )
        assert np.array_equal(more.mask, np.vstack([knowledge.mask, bare])) and more.part.tolist()[-1] == 3
        target = more.target(4)
        assert np.array_equal(target[:, :3], knowledge.target(3))
        assert np.allclose(target[:, 3], bare * knowledge.confidence.mean(), atol=1e-3)
        assert Knowledge.from_bytes(more.to_bytes()).target(4).tobytes() == target.tobytes()


def test_other_asks_for_something_that_is_covered_and_something_that_is_not() -> None:
    silent = replace(none(), meta={"parts": ["seat"]})
    assert len(with_other(silent).part) == 0 and with_other(silent).meta["parts"] == ["seat", OTHER]
    full = exact_knowledge(toy_chair(0), 512)
    assert len(with_other(full).part) == 4
    with pytest.raises(SettingsError, match="leave --other out"):
        with_other(with_other(full))


def test_scores_with_other_count_points_of_no_part() -> None:
    truth = np.array([0, 0, 1, -1, -1, -1], np.int16)
    right, greedy = truth, np.array([0, 0, 1, 0, 0, 1], np.int16)
    parts = ("seat", "leg", "arm")
    best = partnete_scores([(right, truth)], parts, [0, 1, 2])
    assert best["miou"] == 100 and best["parts"] == {"seat": 100, "leg": 100, "arm": None}
    worse = partnete_scores([(greedy, truth)], parts, [0, 1, 2])
    assert worse["parts"] == {"seat": 50, "leg": 50, "arm": None} and worse["miou"] == 50
    assert partnete_scores([(right, truth)], parts, [2])["miou"] is None
