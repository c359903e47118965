"""`gen3d` run in this process, and a folder in which the whole chain was run at a tiny size.

conftest.py makes the fixtures known. Nothing of gen3d is imported at the top: what a conftest imports escapes the
run-time type check.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

GENERATE = ("generate", "--category", "chair", "--preset", "tiny.yaml", "--workers", 1)
LABEL = ("label", "runs/chair/generated", "--preset", "tiny.yaml", "--workers", 1)
DISTILL = ("distill", "--source", "generated", "--category", "chair", "--preset", "tiny.yaml")
STUDENT = "runs/chair/student-generated"
EVAL = ("eval", "--student", STUDENT, "--root", "runs/chair/generated", "--preset", "tiny.yaml")
PRESET = """
generate: {n: 3, shard: 2}
label: {views: 2, size: 64, points: 512}
distill: {epochs: 1, batch: 2}
eval: {points: 512, dataset: collection}
teacher: {shapes_per_step: 1, views_per_shape: 1, size: 64, widths: [8, 8], held_out: 1, workers: 0}
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr of a command that failed; nothing went to stdout."""
        assert self.out == "" and self.err.endswith("\n") and self.err.count("\n") == 1, self.err
        assert self.err.startswith("gen3d: ") and "Traceback" not in self.err
        return self.err


Run = Callable[..., Ended]


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below a folder with time, inode and content."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.stat().st_ino, p.read_bytes()) for p in files}


def assert_refused(home: Path, run: Run, words: Iterable[object], code: int, names: list[str]) -> None:
    """A command ends with that code and one line that names all of these; no file of the folder changes."""
    before = tree(home)
    end = run(*words)
    assert end.code == code and all(name in end.error for name in names), end
    assert tree(home) == before


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tiny_teacher: None) -> Run:
    """Runs `gen3d` with the given words in this process, with the tiny teacher."""

    from cli import main as cli

    def call(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["gen3d", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return Ended(int(end.value.code or 0), str(out), str(err))

    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path) -> Path:
    """A folder in which the chain was run for chairs: preset, collection, student. Tests copy what they change."""
    from cli import main as cli
    from gen3d.teachers import TEACHERS
    from gen3d.teachers.lite.teacher import LiteTeacher

    home = tmp_path_factory.mktemp("chain")
    (home / "tiny.yaml").write_text(PRESET)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setitem(TEACHERS, "lite", lambda: LiteTeacher(tiny_weights))
        for words in (
            "generate --category chair --preset tiny.yaml --workers 1",
            "label runs/chair/generated --preset tiny.yaml --workers 1",
            "distill --source generated --category chair --preset tiny.yaml",
        ):
            patch.setattr(sys, "argv", ["gen3d", *words.split()])
            with pytest.raises(SystemExit) as end:
                cli.main()
            assert not end.value.code
    return home


@pytest.fixture
def home(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own copy of the finished chain, as the current folder."""
    shutil.copytree(finished, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"
