"""Logs of trainings: TensorBoard's own reader finds the numbers of the CSV; Weights & Biases gets the same ones."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cli_chain import DISTILL, STUDENT, Run, tree

from distill.logs import LOGS, scalars, training_log
from distill.masked_training import PretrainEpoch, PretrainSettings, rate_at
from distill.trainer import DistillSettings, Epoch
from gen3d.errors import MissingError, StorageError

SETTINGS = DistillSettings(category="mug", epochs=3)
LINES = [Epoch(1, 0.75, False, 2.0, 0, 1, None, 0.01), Epoch(2, 0.5, True, 2.5, 3, 0, 0.625, 0.005)]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows of a folder: (step, value) by name. What was purged is not among it."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_the_numbers_of_a_line() -> None:
    assert scalars(LINES[0]) == {"loss": 0.75, "rescored": 0, "seconds": 2, "skipped": 0, "empty": 1, "lr": 0.01}
    assert scalars(LINES[1])["rescored"] == 1 and scalars(LINES[1])["validation"] == 0.625
    assert scalars(PretrainEpoch(4, 0.5, 2, 0.001)) == {"loss": 0.5, "skipped": 2, "lr": 0.001}


def test_tensorboard_shows_every_number_of_every_epoch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with training_log("tensorboard", tmp_path / "student", SETTINGS) as report:
        assert list(tmp_path.iterdir()) == []  # nothing before the first epoch
        for line in LINES:
            report(line)
    found = curves(tmp_path / "student-log")
    assert found["loss"] == [(1, 0.75), (2, 0.5)] and found["validation"] == [(2, 0.625)]
    assert found["rescored"] == [(1, 0), (2, 1)] and found["skipped"] == [(1, 0), (2, 3)]
    assert found["lr"] == [(1, pytest.approx(0.01)), (2, pytest.approx(0.005))]
    with training_log("tensorboard", tmp_path / "student", SETTINGS) as report:  # was killed, and goes on at 2
        report(Epoch(2, 0.25, False, 1.0))
    assert curves(tmp_path / "student-log")["loss"] == [(1, 0.75), (2, 0.25)]


def test_distilling_with_a_log_gives_the_same_student(home: Path, finished: Path, run: Run) -> None:
    pytest.importorskip("tensorboard")
    end = run(*DISTILL, "--overwrite", "--log", "tensorboard")
    assert end.code == 0, end.err
    made, expected = ({k: v[2] for k, v in tree(folder / STUDENT).items()} for folder in (home, finished))
    assert made == expected
    found = curves(home / f"{STUDENT}-log")
    rows = list(csv.DictReader((home / STUDENT / "losses.csv").read_text().splitlines()))
    for name in ("loss", "lr"):
        assert found[name] == [(int(row["epoch"]), pytest.approx(float(row[name]))) for row in rows]
    before = tree(home)
    assert "nothing to do" in run(*DISTILL, "--log", "tensorboard").err and tree(home) == before


def test_pretraining_is_logged_too(home: Path, run: Run) -> None:
    pytest.importorskip("tensorboard")
    (home / "quick.yaml").write_text("pretrain: {points: 512, depth: 3, batch: 4}")
    words = ("pretrain", "runs/chair/generated", "--epochs", 2, "--preset", "quick.yaml", "--out", "encoder")
    end = run(*words, "--log", "tensorboard")
    assert end.code == 0, end.err
    found = curves(home / "encoder-log")
    rows = list(csv.DictReader((home / "encoder/losses.csv").read_text().splitlines()))
    assert found["loss"] == [(int(row["epoch"]), pytest.approx(float(row["loss"]))) for row in rows]
    rates = [PretrainSettings().lr * rate_at(done) for done in (0, 0.5)]  # one step an epoch
    assert found["lr"] == [(1, pytest.approx(rates[0])), (2, pytest.approx(rates[1]))]


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")])
def test_a_missing_package_is_one_line_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(MissingError, match=f"--log {name}: .* python -m pip install 'gen3d.{name}.'") as caught,
        training_log(name, tmp_path / "student", SETTINGS),
    ):
        raise AssertionError("must not start")
    assert len(str(caught.value).splitlines()) == 1 and list(tmp_path.iterdir()) == []


def test_an_unknown_log_lists_the_known_ones(home: Path, run: Run) -> None:
    end = run(*DISTILL, "--overwrite", "--log", "mlflow")
    assert end.code == 2 and "unknown log 'mlflow'; known are: tensorboard, wandb" in end.error
    assert list(LOGS) == ["tensorboard", "wandb"]


def test_a_log_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "student-log").write_text("a file")
    with (
        pytest.raises(StorageError, match="student-log"),
        training_log("tensorboard", tmp_path / "student", SETTINGS) as report,
    ):
        report(LINES[0])


# --- Weights & Biases: against its documented interface, since the package is not in the test environment -------------


class Wandb(ModuleType):
    """`wandb.init(dir, name, config)` gives a run with `log(dict, step)` and `finish()`; errors are `wandb.Error`."""

    class Error(Exception):
        """As `wandb.Error`."""

    def __init__(self, fault: str = "") -> None:
        super().__init__("wandb")
        self.calls: list[tuple[str, Any]] = []
        self.fault = fault

    def init(self, *, dir: str, name: str, config: dict[str, Any]) -> Wandb:
        """A run."""
        if self.fault:
            raise self.Error(self.fault)
        self.calls.append(("init", (dir, name, config["epochs"])))
        return self

    def log(self, data: dict[str, float], step: int) -> None:
        """A line."""
        self.calls.append(("log", (step, data)))

    def finish(self) -> None:
        """The end."""
        self.calls.append(("finish", None))


def test_weights_and_biases_gets_the_numbers_and_is_finished_on_errors_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", double)
    with pytest.raises(KeyError), training_log("wandb", tmp_path / "student", SETTINGS) as report:
        report(LINES[0])
        report(LINES[1])
        raise KeyError
    folder = str(tmp_path / "student-log")
    expected = [("init", (folder, "student", 3)), *(("log", (x.epoch, scalars(x))) for x in LINES)]
    assert double.calls == [*expected, ("finish", None)] and Path(folder).is_dir()


def test_weights_and_biases_without_an_account_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", Wandb("api_key not configured\n(no-tty)"))
    with (
        pytest.raises(MissingError, match="wandb: can't start .*no-tty.*WANDB_MODE=offline") as caught,
        training_log("wandb", tmp_path / "student", SETTINGS) as report,
    ):
        report(LINES[0])
    assert len(str(caught.value).splitlines()) == 1


def test_weights_and_biases_itself_writes_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed; the tests above are against its interface")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with training_log("wandb", tmp_path / "student", SETTINGS) as report:
        for line in LINES:
            report(line)
    assert list((tmp_path / "student-log").glob("wandb/offline-run-*/run-*.wandb"))
