"""Processes that train together: they do what one does, to rounding; each has its share; a lost one ends all."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from cli_chain import Run
from hypothesis import given
from hypothesis import strategies as st
from killing import ROOT
from safetensors.torch import load_file
from sample_ranks import PRETRAINING, TRAININGS, all_trainings, command, ended, knowledge, start, trained
from sample_students import PARTS, settings

from cli import main as cli
from distill import parallel
from distill.distillation import RECORD
from distill.encoders import make_encoder
from distill.masked_training import MaskedTraining
from distill.parallel import Ranks, chosen_device, launched
from distill.student import Student
from distill.trainer import Training, TrainingSet
from gen3d.errors import SettingsError

DISTILL = ("distill", "--category", "chair", "--student", "tiny", "--preset", "tiny.yaml", "--out", "student")
PRESET = "distill: {epochs: 4, batch: 3, precision: float32, device: cpu}\n"

META = torch.device("meta")

# --- shares ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 5))
def test_pieces_hold_every_shape_of_a_batch_once_and_weigh_what_they_hold(size: int, count: int, parts: int) -> None:
    held, shares = [], []
    for rank in range(count):
        mine = Ranks(rank, count).pieces(size, parts)
        assert 1 <= len(mine) <= parts
        for piece, share in mine:
            places = list(range(size))[piece]
            assert places and share in (0, len(places) / size)
            held += places if share else []
            shares.append(share)
    assert sorted(held) == list(range(size)) and math.isclose(sum(shares), 1)
    sizes = [share * size for share in shares if share]
    assert max(sizes) - min(sizes) < 1.5


@given(st.integers(0, 60), st.integers(1, 9))
def test_every_task_is_one_process_s(tasks: int, count: int) -> None:
    shares = [Ranks(rank, count).share(tasks) for rank in range(count)]
    assert sorted(task for share in shares for task in share) == list(range(tasks))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_nothing_is_exchanged() -> None:
    alone, value = Ranks.here(), torch.ones(3)
    alone.add(value)
    alone.agree({"any": 1})
    assert alone == Ranks() and alone.first and torch.equal(value, torch.ones(3))
    assert alone.told({"a": [1]}) == {"a": [1]} and alone.told_bytes(b"ab") == b"ab"
    assert alone.pieces(7, 1) == [(slice(0, 7), 1.0)]


# --- the same as one ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes made of every training."""
    folder = tmp_path_factory.mktemp("two")
    assert ended(start(2, partial(all_trainings, folder))) == [0, 0]
    return folder


@pytest.mark.parametrize("name", [*TRAININGS, "pretraining"])
def test_two_processes_learn_what_one_does(two: Path, name: str) -> None:
    """Also with uneven batches, with fewer shapes than processes, and through re-scoring and validation."""
    log, weights = trained(name, accumulate=1)
    logs = [json.loads((two / f"{name}-{rank}.json").read_text()) for rank in (0, 1)]
    found = [load_file(two / f"{name}-{rank}.safetensors") for rank in (0, 1)]
    assert logs[0] == logs[1] and all(torch.equal(found[0][key], found[1][key]) for key in weights)
    for row, twin in zip(log, logs[0], strict=True):
        assert twin["loss"] == pytest.approx(row["loss"], abs=1e-5) and twin["rescored"] == row["rescored"]
        assert twin.get("validation") == pytest.approx(row.get("validation"), abs=1e-5)
    assert any(row["rescored"] for row in log) == (name in ("uneven", "mixed"))
    assert max((found[0][key] - weights[key]).abs().max().item() for key in weights) < 5e-4


@pytest.mark.parametrize(("name", "parts"), [("uneven", 2), ("mixed", 7), ("pretraining", 2)])
def test_accumulating_changes_nothing_but_rounding(name: str, parts: int) -> None:
    (log, weights), (pieces, others) = trained(name, epochs=2), trained(name, epochs=2, accumulate=parts)
    assert [row["loss"] for row in pieces] == pytest.approx([row["loss"] for row in log], abs=1e-5)
    assert max((others[key] - weights[key]).abs().max().item() for key in weights) < 5e-4


# --- one lost -------------------------------------------------------------------------------------------------------


def test_a_killed_process_ends_the_others_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """Two epochs of two steps are done when one process is killed in its sixth step."""
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tiny.yaml").write_text(PRESET)
    assert ended(start(2, partial(command, tmp_path / "whole", *DISTILL), meet=False)) == [0, 0]
    parts = tmp_path / "parts"
    codes = ended(start(2, partial(command, parts, *DISTILL, step=6, rank=1), meet=False), 120)
    assert codes == [1, -signal.SIGKILL]
    told = (parts / "err-0").read_text()
    assert (
        told == f"gen3d: {parallel.LOST}\n" and not (parts / "err-1").read_text() and not (parts / "student").exists()
    )
    assert ended(start(2, partial(command, parts, *DISTILL, "--json"), meet=False)) == [0, 0]
    assert json.loads((parts / "out-0").read_text())["epochs"] == 4 and not (parts / "out-1").read_text()
    assert files(parts / "student") == files(tmp_path / "whole/student")
    assert {path.name for path in parts.iterdir()} == {"student", "tiny.yaml", "out-0", "out-1", "err-0", "err-1"}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_launchers(home: Path, run: Run, launcher: str) -> None:
    """The real ones, on a real collection; an error of all processes is told once."""
    start = {
        "torchrun": ("torch.distributed.run", "--nproc_per_node", "2"),
        "accelerate": (
            "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
            "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0",
        ),
    }[launcher]  # fmt: skip
    words = ("distill", "--category", "chair", "--preset", "tiny.yaml", "--epochs", "2", "--device", "cpu", "--out")

    def launch(*more: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-m", *start, "-m", "cli.main", *words, *more]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.run(call, env=environment, capture_output=True, text=True, timeout=400)

    done = launch("two", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["epochs"] == 2, done.stderr
    assert run(*words, "one").code == 0
    one, both = (load_file(f"{name}/model.safetensors") for name in ("one", "two"))
    assert max((one[key] - both[key]).abs().max().item() for key in one) < 0.01  # of features in bfloat16
    refused = launch("two", "--batch", "5")
    told = [line for line in refused.stderr.splitlines() if line.startswith("gen3d: ")]
    assert refused.returncode != 0 and len(told) == 1, refused.stderr
    assert f"two/{RECORD}: settings.batch was 2, now 5" in told[0]


@pytest.mark.slow
def test_torchrun_starts_them_again(tmp_path: Path) -> None:
    """Its store still holds the addresses of the first ones then."""
    (tmp_path / "tiny.yaml").write_text(PRESET)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--max-restarts", "1"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    call = [*launch, str(ROOT / "tests/restarted.py"), *DISTILL]
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0 and "exitcode: -9" in done.stderr, done.stderr
    assert ended(start(2, partial(command, tmp_path, *DISTILL[:-1], "whole"), meet=False)) == [0, 0]
    assert files(tmp_path / "student") == files(tmp_path / "whole")


def test_variables_that_are_missing_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def run(*words: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["gen3d", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capsys.readouterr().err

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not launched()  # as of a machine's own settings
    monkeypatch.setenv("RANK", "1")
    assert launched()
    code, error = run("distill", "--category", "chair")
    assert code == 2 and re.match(r"gen3d: process 1 of 2: .*MASTER_ADDR.*; start it with torchrun or acc.*\n$", error)
    assert run("distill", "--no-such-option") == (2, "")  # the first process tells


# --- graphics cards -------------------------------------------------------------------------------------------------


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        assert chosen_device("auto") == chosen_device("cpu") == torch.device("cpu")
        with pytest.raises(SettingsError, match="device = 'cuda': torch can use no graphics card here"):
            chosen_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    taken: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert chosen_device("cuda") == torch.device("cuda", 1) == taken[0]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(SettingsError, match="process 3 of this machine, which has 2 cards"):
        chosen_device("cuda")


@pytest.mark.parametrize("name", ["small", "point-m2ae"])
def test_no_step_mixes_devices(name: str) -> None:
    """On a device that computes nothing, but refuses what mixes its tensors with others, as a card does."""
    student = Student("chair", PARTS, name, {"frozen": False} if name == "point-m2ae" else None)
    data = TrainingSet.build(knowledge((2,)), student)
    distilling = Training(student, data, settings(student=name, precision="bfloat16"))
    masked = MaskedTraining(make_encoder(name), PRETRAINING.model_copy(update={"precision": "bfloat16"}))
    distilling.device = masked.device = META
    distilling.network.to(META)
    masked.model.to(META)
    for network, losses in (
        (distilling.network, distilling._losses(torch.arange(2))),
        (masked.model, masked._losses(data.points, torch.Generator())),
    ):
        (loss,) = losses
        loss.backward()
        found = {value.grad.device for value in network.parameters() if value.grad is not None}
        assert loss.device == META and found == {META}
