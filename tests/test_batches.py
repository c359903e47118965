"""Several shapes at once: the same as one by one, in halves where memory runs out, each error its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sample_point_e import Words, write_tiny
from sample_shapes import random_mesh

from gen3d.batches import Batch
from gen3d.collection import Collection, shape_id, shape_seed
from gen3d.errors import InputError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS, Batched, Pretrained, Wanted
from gen3d.generators.point_e.generator import PointEGenerator, PointESettings
from gen3d.shape import Shape


class Several:
    """Meshes by their seed; remembers what was asked for at once. `refuse` names what fails."""

    name = "several"
    licence = "MIT"
    batch = 4

    def __init__(self, refuse: tuple[int, ...] = ()) -> None:
        self.asked: list[list[str]] = []
        self._refuse = refuse

    def check(self, category: str, prompt: str | None = None) -> None:
        """Anything will do."""

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """One alone."""
        (made,) = self.generate_many([Wanted(category, seed, id, prompt)])
        if isinstance(made, InputError):
            raise made
        return made

    def generate_many(self, wanted: Sequence[Wanted]) -> list[Shape | InputError]:
        """All of them."""
        self.asked.append([own.id for own in wanted])
        return [self._one(own) for own in wanted]

    def _one(self, own: Wanted) -> Shape | InputError:
        if own.seed in self._refuse:
            return InputError(f"{own.id}: no")
        meta = {"seed": own.seed, "prompt": own.prompt}
        return replace(random_mesh(own.seed % 1000, False).normalised(), id=own.id, meta=meta)


def made(root: Path, several: Several, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Collection:
    monkeypatch.setitem(GENERATORS, "several", lambda: several)
    retry = changes.pop("retry_failed", False)
    chosen = {"category": "chair", "n": 10, "generator": "several", "shard": 7, "prompt": "any"} | changes
    return generate(GenerateSettings(**chosen), root, retry_failed=retry)


def ids(*numbers: int) -> list[str]:
    return [shape_id("chair", number) for number in numbers]


def test_shapes_are_asked_for_in_batches_of_their_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = Several()
    assert isinstance(several, Batched) and not isinstance(several, Pretrained)
    collection = made(tmp_path / "a", several, monkeypatch)
    assert several.asked == [ids(0, 1, 2, 3), ids(4, 5, 6), ids(7, 8, 9)]
    alone = Several()
    alone.batch = 1
    one_by_one = made(tmp_path / "b", alone, monkeypatch)
    assert alone.asked == [[id] for id in ids(*range(10))]
    assert list(collection.samples()) == list(one_by_one.samples())


def test_an_error_is_of_its_shape_and_a_retry_makes_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = made(tmp_path / "a", Several((shape_seed(0, 2, 0),)), monkeypatch)
    assert collection.failures() == [(shape_id("chair", 2), "chair-000002: no")] and len(collection) == 9
    healthy = Several()
    collection = made(tmp_path / "a", healthy, monkeypatch, retry_failed=True)
    assert healthy.asked == [ids(2)] and len(collection) == 10 and not collection.failures()
    assert list(collection.samples()) == list(made(tmp_path / "b", Several(), monkeypatch).samples())


def test_further_attempts_travel_with_the_shapes_to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = Several((shape_seed(0, 1, 0), shape_seed(0, 1, 1), shape_seed(0, 6, 0)))
    collection = made(tmp_path / "a", several, monkeypatch, n=7, filter=("finite",))
    assert several.asked == [ids(0, 1, 2, 3), ids(1, 4, 5, 6), ids(1), ids(6)]
    seeds = {shape.id: shape.meta["seed"] for shape in collection.shapes()}
    attempts = {1: 2, 6: 1}
    assert seeds == {shape_id("chair", i): shape_seed(0, i, attempts.get(i, 0)) for i in range(7)}


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("fits", [1, 2, 3, 5])
def test_out_of_memory_halves_the_batch_and_goes_on(error: Exception, fits: int) -> None:
    calls: list[int] = []

    def make(items: Sequence[int]) -> list[int]:
        calls.append(len(items))
        if len(items) > fits:
            raise error
        return [item * item for item in items]

    batch = Batch(8)
    assert batch.run(make, range(21)) == [i * i for i in range(21)]
    assert batch.most <= fits < 2 * batch.most + 2 and all(size <= fits for size in calls[calls.index(batch.most) :])
    before = len(calls)
    assert batch.run(make, range(3)) == [0, 1, 4] and all(size <= fits for size in calls[before:])


def test_where_not_even_one_fits_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(items: Sequence[int]) -> list[int]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    def broken(items: Sequence[int]) -> list[int]:
        raise RuntimeError("size mismatch")

    with pytest.raises(MemoryError, match="CUDA out of memory"):
        Batch(4).run(full, range(4))
    with pytest.raises(RuntimeError, match="size mismatch"):
        Batch(4).run(broken, range(4))


def test_real_networks_give_each_shape_its_own_whatever_the_batch(tmp_path: Path) -> None:
    weights = str(write_tiny(tmp_path / "weights"))
    settings = PointESettings(weights=weights, steps=3, points=1024, precision="float32", heading="keep", batch=3)
    generator = PointEGenerator(settings, Words())
    assert isinstance(generator, Batched) and isinstance(generator, Pretrained) and generator.batch == 3
    wanted = [Wanted("chair", seed, f"x-{seed}", f"chair {seed}") for seed in (5, 9, 2, 7)]
    together = generator.generate_many(wanted)
    for own, found in zip(wanted, together, strict=True):
        alone = generator.generate(*own)
        assert isinstance(found, Shape) and found.meta == alone.meta
        assert found.points is not None and alone.points is not None
        apart = np.abs(found.points - alone.points).max(1)  # random weights blow the last bits of a few points up
        assert np.quantile(apart, 0.98) < 1e-3 and np.median(apart) < 1e-5


def test_the_minutes_are_told_on_a_processor(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU is here: nothing is slow")
    whole = PointEGenerator(PointESettings(precision="float32"), Words()).slow()
    assert whole is not None and "no GPU" in whole and "minutes a shape" in whole
