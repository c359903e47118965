"""A distillation that is killed goes on and ends in the bytes of one that was not; no other goes on from it."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import sys
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sample_ranks import UNEVEN, command, ended, knowledge, start
from sample_students import TINY
from test_parallel import DISTILL, PRESET, files

from cli import main as cli
from distill.distillation import distill
from distill.knowledge_sources import DATA, Source
from distill.resuming import FILE, Checkpoint
from distill.rounds import Batches
from distill.students import STUDENTS
from distill.students.small import SmallStudent
from distill.trainer import DistillSettings, Epoch
from gen3d.errors import Gen3dError, SettingsError, StorageError
from gen3d.knowledge import Knowledge
from gen3d.storage import Place

HOW = UNEVEN.model_copy(update={"student": "tiny"})
HIDDEN = f".training-student/{FILE}"


class Killed(BaseException):
    """What stops a training in this process."""


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy chairs of two sources, and a tiny student."""
    monkeypatch.setitem(STUDENTS, "tiny", partial(SmallStudent, **TINY))
    monkeypatch.setitem(DATA, "collection", lambda root, how: Source(root, "toy", partial(chairs, root)))


def chairs(root: Place) -> list[Knowledge]:
    """Five of the folder "real", four of another."""
    first, second = knowledge((4, 5))
    found = second if root.name == "real" else first
    for k in found:
        k.meta.update(id="toy", parts=["back", "seat", "leg", "arm"])
    return found


def train(out: Path, how: DistillSettings, stop: int | None = None, **more: Any) -> list[Epoch]:
    """Distil, stopped after the epoch of that number; the epochs that were reported."""
    seen: list[Epoch] = []

    def report(epoch: Epoch) -> None:
        seen.append(epoch)
        if epoch.epoch == stop:
            raise Killed

    folders = {name: Path(name) for name in (("generated", "real") if how.source == "mixed" else ("generated",))}
    if stop is None:
        distill(folders, how, out, report=report, **more)
        return seen
    with pytest.raises(Killed):
        distill(folders, how, out, report=report, **more)
    return seen


def deep(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


CHANGES: dict[str, dict[str, Any]] = {
    "re-scored": {},  # after the fifth epoch
    "mixed": {"source": "mixed", "steps": 3, "batch": 4, "epochs": 4},
    "validation": {"select": "validation", "held_out": 0.4, "epochs": 4},
    "released": {"schedule": "cosine", "augmentation": "released", "clip": None, "epochs": 3, "weight_decay": 0},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_stopped_training_goes_on_to_the_same_bytes(tmp_path: Path, name: str) -> None:
    how = HOW.model_copy(update=CHANGES[name])
    whole = train(tmp_path / "whole", how)
    if name == "re-scored":
        assert [row.epoch for row in whole if row.rescored] == [6, 7, 8]
    for stop in (5, 6) if name == "re-scored" else (1, 3):  # one training, stopped twice
        seen = train(tmp_path / "parts/student", how, stop)
        assert [row.epoch for row in seen] == list(range(1, stop + 1)) and (tmp_path / "parts" / HIDDEN).is_file()
        assert not (tmp_path / "parts/student").exists()
    again = train(tmp_path / "parts/student", how)
    assert [(row.epoch, row.loss, row.rescored, row.validation) for row in again] == [
        (row.epoch, row.loss, row.rescored, row.validation) for row in whole
    ]
    assert files(tmp_path / "parts/student") == files(tmp_path / "whole")
    assert os.listdir(tmp_path / "parts") == ["student"]


def test_kept_epochs_outlive_a_kill(tmp_path: Path) -> None:
    how = HOW.model_copy(update={"epochs": 3})
    train(tmp_path / "whole", how, keep_epochs=True)
    train(tmp_path / "student", how, 2, keep_epochs=True)
    train(tmp_path / "student", how, keep_epochs=True)
    assert deep(tmp_path / "student") == deep(tmp_path / "whole") and len(deep(tmp_path / "whole")) == 8


@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_kill_9_at_a_random_step(tmp_path: Path, kills: int) -> None:
    """The command in a process of its own, eight steps in all."""
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tiny.yaml").write_text(PRESET)
    assert ended(start(1, partial(command, tmp_path / "whole", *DISTILL))) == [0]
    for seed in range(kills):
        step = random.Random(seed).randint(3, 8)
        killed = start(1, partial(command, tmp_path / "parts", *DISTILL, step=step))
        assert ended(killed) == [-signal.SIGKILL] and (tmp_path / "parts" / HIDDEN).is_file()
        assert ended(start(1, partial(command, tmp_path / "parts", *DISTILL))) == [0]
        assert files(tmp_path / "parts/student") == files(tmp_path / "whole/student")
        for path in (tmp_path / "parts/student").iterdir():
            path.unlink()


def test_a_training_of_other_settings_or_a_damaged_one_begins_anew(tmp_path: Path) -> None:
    how = HOW.model_copy(update={"epochs": 2})
    train(tmp_path / "whole", how)
    out, hidden = tmp_path / "student", tmp_path / HIDDEN
    train(out, how.model_copy(update={"lr": 0.001}), 1)
    train(out, how, 1)  # of the first one nothing is left
    good = hidden.read_bytes()
    for damaged in (good[:-9], b"", good[:100], b"\0" * 64):
        hidden.write_bytes(damaged)
        assert not Checkpoint(out, {}).fits()
        assert [row.epoch for row in train(out, how, 1)] == [1] and hidden.read_bytes() != damaged
    train(out, how)
    assert files(out) == files(tmp_path / "whole")


def test_overwriting_begins_anew_and_goes_on_without_being_told_again(tmp_path: Path) -> None:
    how, out = HOW.model_copy(update={"epochs": 2}), tmp_path / "student"
    other = how.model_copy(update={"lr": 0.001})
    train(out, other)
    old = files(out)
    with pytest.raises(SettingsError, match=r"settings.lr was 0.001, now 0.003; .*--overwrite"):
        train(out, how)
    for _ in range(2):
        assert len(train(out, how, 1, overwrite=True)) == 1 and files(out) == old
    whole = train(tmp_path / "whole", how)
    assert train(out, how)[0].loss == whole[0].loss and files(out) == files(tmp_path / "whole")
    hidden = tmp_path / HIDDEN  # as left by a kill between the last two steps
    hidden.parent.mkdir()
    hidden.write_bytes(b"")
    assert train(out, how) == [] and not hidden.parent.exists()


def test_a_full_disk_is_told_and_what_was_kept_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how, out = HOW.model_copy(update={"epochs": 3}), tmp_path / "student"
    train(out, how, 1)
    before = (tmp_path / HIDDEN).read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=f"can't write .*{FILE}: disk full; free some space and run again"):
            train(out, how)
    assert (tmp_path / HIDDEN).read_bytes() == before and os.listdir(tmp_path / ".training-student") == [FILE]
    train(tmp_path / "whole", how)
    train(out, how)
    assert files(out) == files(tmp_path / "whole")


def test_a_training_that_diverges_is_not_gone_on_with(tmp_path: Path) -> None:
    how = HOW.model_copy(update={"lr": 1e36, "epochs": 4, "clip": None})
    with pytest.raises(Gen3dError, match="training diverged"):
        train(tmp_path / "student", how)
    assert not os.listdir(tmp_path)


def test_the_command_counts_the_epochs_of_both_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(PRESET)
    how = DistillSettings(category="chair", student="tiny", epochs=4, batch=3, precision="float32", device="cpu")
    train(Path("student"), how, 3)
    monkeypatch.setattr(sys, "argv", ["gen3d", *DISTILL, "--generated", "generated", "--json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    recorded = json.loads((tmp_path / "student/training.json").read_text())["settings"]
    assert {"batch", "precision"} < set(recorded) and not {"accumulate", "device"} & set(recorded)
    assert end.value.code == 0 and json.loads(capsys.readouterr().out).items() >= {"epochs": 4, "kept_epoch": 4}.items()


# --- batches --------------------------------------------------------------------------------------------------------


def naive(source: torch.Tensor, size: int, second: list[int], generator: torch.Generator) -> list[list[int]]:
    """Twin of `Batches`, of as many batches as `second` has numbers."""

    def rounds(members: list[int]) -> Any:
        while True:
            yield from [members[i] for i in torch.randperm(len(members), generator=generator).tolist()]

    if not source.any():
        drawn: list[list[int]] = []
        while len(drawn) < len(second):
            drawn += [some.tolist() for some in torch.randperm(len(source), generator=generator).split(size)]
        return drawn[: len(second)]
    a, b = (rounds([i for i, s in enumerate(source.tolist()) if s == number]) for number in (0, 1))
    return [[*islice(a, size - share), *islice(b, share)] for share in second]


@given(st.integers(1, 7), st.integers(0, 4), st.integers(1, 9), st.lists(st.integers(0, 9), max_size=12), st.data())
def test_batches_that_are_stopped_anywhere_go_on_as_those_that_are_not(
    first: int, other: int, size: int, shares: list[int], data: st.DataObject
) -> None:
    source = torch.tensor([0] * first + [1] * other)
    second = [min(share, size) for share in shares]
    wanted = naive(source, size, second, torch.Generator().manual_seed(1))

    def fresh() -> tuple[Batches, torch.Generator]:
        generator = torch.Generator().manual_seed(1)
        return Batches(source, size, lambda number: second[number], generator), generator

    one, generator = fresh()
    found: list[list[int]] = []
    for number in count():
        if number == len(second):
            break
        if data.draw(st.booleans()):
            state, draws = one.state(), generator.get_state()
            one, generator = fresh()
            one.restore(state)
            generator.set_state(draws)
        found.append(next(one).tolist())
    assert found == wanted
