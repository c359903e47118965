"""Runs `gen3d` in processes of its own, kills it at random moments, and tells what must hold after each."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from toy_shards import contents

from gen3d.collection import Collection

ROOT = Path(__file__).resolve().parents[1]
PRESET = "generate: {n: 24, shard: 2}\nlabel: {views: 2, size: 64, points: 512}\n"  # twelve shards
OUT = "c"
GENERATE = ("generate", "--category", "mug", "--preset", "tiny.yaml", "--out", OUT)
LABEL = ("label", OUT, "--preset", "tiny.yaml")


def start(home: Path, *words: object, body: str = "") -> subprocess.Popen[str]:
    """`gen3d` with these words in a fresh Python and a process group of its own, after `body`."""
    code = f"{body}\nfrom cli import main\nif __name__ == '__main__':\n    main.main()"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finish(home: Path, *words: object) -> str:
    """Run to the end, which must be a good one; stderr."""
    child = start(home, *words)
    _, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    return err


def catches(process: int, number: int) -> bool:
    """Whether a process has a handler of its own for that signal."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


@dataclass
class Tally:
    """What a series of kills came to.

    Args:
        kills: processes that were still running when they were hit.
        hits: by what was killed.
        ends: times the command came to its end and its files were those of an uninterrupted run.
        waits: seconds from signal to end.
    """

    kills: int = 0
    hits: dict[str, int] = field(default_factory=dict)
    ends: int = 0
    waits: list[float] = field(default_factory=list)


class Trial:
    """One command on one folder, again and again.

    Args:
        home: has the preset.
        words: the command.
        whole: the folder after an uninterrupted run.
        before: the folder before the command; None for an absent one.
        seed: of the moments.
    """

    def __init__(self, home: Path, words: tuple, whole: Path, before: Path | None, seed: int) -> None:
        self.home, self.words, self.whole, self.before = home, words, contents(whole), before
        self.root, self.random, self.tally = home / OUT, random.Random(seed), Tally()
        self.started_with = set() if before is None else set(os.listdir(before))

    def reset(self) -> None:
        """The folder as it was before the command."""
        shutil.rmtree(self.root, ignore_errors=True)
        if self.before is not None:
            shutil.copytree(self.before, self.root)

    def kill_once(self, workers: int, number: int, victim: str) -> None:
        """Start the command, hit it at a random moment, look at what is left."""
        child = start(self.home, *self.words, "--workers", workers)
        self._wait(child)
        while number != signal.SIGKILL and child.poll() is None and not catches(child.pid, signal.SIGTERM):
            time.sleep(0.001)  # while Python itself is starting, the system's own rules hold: 130 or 143, and no line
        if child.poll() is None:
            hit = time.monotonic()
            self._hit(child, number, victim)
            out, err = child.communicate(timeout=120)  # its pipes close once every worker is gone, too
            self.tally.waits.append(time.monotonic() - hit)
            self.tally.kills += 1
            self.tally.hits[victim] = self.tally.hits.get(victim, 0) + 1
            self._check_end(child.returncode, out, err, number, victim)
            self.check_left()
        else:
            child.communicate()
            self.check_whole()
            self.reset()

    def run_to_the_end(self, workers: int) -> None:
        """The same command once more, undisturbed, and then once more to do nothing."""
        finish(self.home, *self.words, "--workers", workers)
        self.check_whole()

    def check_left(self) -> None:
        """Every shard under a final name is whole and right; what the manifest lists is there; nothing twice."""
        for path in self.root.glob("*.tar"):
            assert path.read_bytes() == self.whole[path.name], path
        if not (self.root / "collection.json").exists():
            return
        collection = Collection.open(self.root)
        assert collection.damage() == []
        for stem in {record.stem for record in collection.records()}:
            ids = collection.ids(stem)
            assert len(set(ids)) == len(ids)

    def check_whole(self) -> None:
        """Every file is what an uninterrupted run leaves, and there is no other."""
        assert contents(self.root) == self.whole
        self.tally.ends += 1

    def _wait(self, child: subprocess.Popen[str]) -> None:
        """Until a random moment: a time after the start, or just after the folder has got one more file or line."""
        if self.random.random() < 0.25:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(self.random.uniform(0, 3))
            return
        goal = self._traces() + self.random.randint(1, 8)
        while child.poll() is None and self._traces() < goal:
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, 0.04))

    def _traces(self) -> int:
        """Files and manifest lines that are new, temporary ones counted by what was written to them."""
        try:
            entries = list(os.scandir(self.root))
            count = sum(1 + (entry.stat().st_size > 0) for entry in entries if entry.name not in self.started_with)
        except FileNotFoundError:  # not there yet, or a temporary file that was just renamed
            return 0
        manifest = self.root / "manifest.jsonl"
        return count + (manifest.read_bytes().count(b"\n") if manifest.exists() else 0)

    def _hit(self, child: subprocess.Popen[str], number: int, victim: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            if victim == "group":
                os.killpg(child.pid, number)
            else:
                os.kill(self._worker(child.pid) if victim == "worker" else child.pid, number)

    def _worker(self, parent: int) -> int:
        """A worker of the command, or the command itself as long as it has none.

        Python's own resource tracker is a child, too; its death is told by Python, and harms nothing.
        """
        workers = []
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            workers = [int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
        return self.random.choice(workers) if workers else parent

    def _check_end(self, code: int, out: str, err: str, number: int, victim: str) -> None:
        """A worker's death is told in one line; SIGINT and SIGTERM are too."""
        assert "Traceback" not in err and "Error:" not in err, err
        if number == signal.SIGKILL:
            assert victim == "worker" or code == -signal.SIGKILL
            return
        assert code == 128 + number and out == "" and err.count("\n") == 1 and err.startswith("gen3d: interrupted"), err
