"""R1, R2, R3, R14: the real commands, killed at any moment, end in the bytes of an uninterrupted run."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from killing import GENERATE, LABEL, OUT, PRESET, Trial, finish, start
from toy_shards import contents

from gen3d.teachers.lite.teacher import WEIGHTS

needs_weights = pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"no weights at {WEIGHTS}")
VICTIMS = ("group", "parent", "worker")


def prepared(home: Path) -> Path:
    """The preset in a folder."""
    home.mkdir(exist_ok=True)
    (home / "tiny.yaml").write_text(PRESET)
    return home


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection made in one go by one worker."""
    home = prepared(tmp_path_factory.mktemp("whole"))
    finish(home, *GENERATE, "--workers", 1)
    return home / OUT


@pytest.fixture(scope="module")
def labelled(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with knowledge, also made in one go by one worker."""
    home = prepared(tmp_path_factory.mktemp("labelled"))
    shutil.copytree(generated, home / OUT)
    finish(home, *LABEL, "--workers", 1)
    return home / OUT


def trial(home: Path, verb: str, request: pytest.FixtureRequest, seed: int) -> Trial:
    """A trial of `generate` or `label`."""
    generated = request.getfixturevalue("generated")
    if verb == "generate":
        made = Trial(prepared(home), GENERATE, generated, None, seed)
    else:
        made = Trial(prepared(home), LABEL, request.getfixturevalue("labelled"), generated, seed)
    made.reset()
    return made


def killed(made: Trial, kills: int, numbers: tuple[signal.Signals, ...]) -> None:
    """So many kills, by one and by two workers, of everything, the parent or a worker; then to the end."""
    step = 0
    while made.tally.kills < kills:
        number = numbers[step % len(numbers)]
        victim = VICTIMS[step // 2 % 3] if number == signal.SIGKILL else VICTIMS[step // 2 % 2]
        made.kill_once(1 + step % 2, number, victim)
        step += 1
        assert step < 5 * kills + 10, "the command ends before it can be killed"
    for workers in (2, 1):
        made.run_to_the_end(workers)
        made.reset()
    tally = made.tally
    print(tally.kills, "kills,", tally.hits, tally.ends, "ends, longest wait", max(tally.waits))  # noqa: T201 (pytest -s)


@pytest.mark.parametrize("verb", ["generate", pytest.param("label", marks=[needs_weights, pytest.mark.slow])])
def test_two_kills(verb: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    killed(trial(tmp_path / "home", verb, request, 0), 2, (signal.SIGKILL,))


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["generate", pytest.param("label", marks=needs_weights)])
def test_fifty_kills(verb: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    killed(trial(tmp_path / "home", verb, request, 1), 50, (signal.SIGKILL,))


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["generate", pytest.param("label", marks=needs_weights)])
def test_twenty_interrupts(verb: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    killed(trial(tmp_path / "home", verb, request, 2), 20, (signal.SIGINT, signal.SIGTERM))


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_two_commands_on_one_folder(times: int, tmp_path: Path, generated: Path) -> None:
    whole, refused = contents(generated), 0
    for number in range(times):
        home = prepared(tmp_path / str(number))
        for child in [start(home, *GENERATE, "--workers", 1) for _ in range(2)]:
            _, err = child.communicate(timeout=120)
            refused += child.returncode == 5
            told = [line for line in err.splitlines() if not line.startswith("generator: ")]  # what `auto` chose
            assert child.returncode in (0, 5) and len(told) <= 1, err
            assert child.returncode == 0 or "another process is writing to it; wait for it" in err, err
        assert contents(home / OUT) == whole
        shutil.rmtree(home)
    print(refused, "of", 2 * times, "refused")  # noqa: T201
