"""R7, R13, R17: a small real disk that fills up, a read-only one, little memory, missing weights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_chain import LABEL as LABEL_CHAIN
from cli_chain import Run, tree
from killing import GENERATE, LABEL, OUT, PRESET, ROOT, finish, start
from toy_shards import contents

from gen3d.collection import Collection
from gen3d.teachers import TEACHERS
from gen3d.teachers.lite.teacher import WEIGHTS, LiteTeacher

NAMESPACE = ("unshare", "--map-root-user", "--mount", "--propagation", "private", "sh", "-euc")
DISK = """
mount -t tmpfs -o size={size} none disk
cp tiny.yaml disk/ && if [ -d before ]; then cp -r before disk/c; fi
cd disk
code=0; {gen3d} {words} 2> ../error > ../out || code=$?
echo $code > ../code; rm -rf ../left; cp -r c ../left 2> /dev/null || true
mount -o remount,{more} none .
{gen3d} {words} 2> ../error-again > /dev/null
cp -r c ../ended
"""


def can_mount(folder: Path) -> bool:
    """Whether this user may make a small disk."""
    (folder / "disk").mkdir(parents=True, exist_ok=True)
    script = "mount -t tmpfs -o size=64k none disk"
    try:
        return subprocess.run([*NAMESPACE, script], cwd=folder, capture_output=True).returncode == 0
    except OSError:
        return False


def on_a_disk(home: Path, size: str, words: tuple, more: str = "size=64m") -> tuple[int, str]:
    """Run the command on a disk of that size, then again on one that was made larger; exit code and line of the first.

    What the first run left is in `left`, what the second one did in `ended`.
    """
    if not can_mount(home):
        pytest.skip("may not mount a tmpfs here")
    (home / "tiny.yaml").write_text(PRESET)
    gen3d = f"{sys.executable} -c 'from cli import main; main.main()'"
    script = DISK.format(size=size, more=more, gen3d=gen3d, words=" ".join(map(str, words)))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*NAMESPACE, script], cwd=home, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + (home / "error").read_text() + (home / "error-again").read_text()
    return int((home / "code").read_text()), (home / "error").read_text()


def kilobytes(folder: Path) -> int:
    """What the folder's files take on a disk, in pages."""
    return sum(-(-path.stat().st_size // 4096) * 4 for path in folder.iterdir())


def check_left(left: Path, whole: Path) -> None:
    """What a failed run left: finished files only, each as an undisturbed run makes it."""
    if not left.is_dir():
        return
    assert not list(left.glob(".tmp*"))
    for path in left.glob("*.tar"):
        assert path.read_bytes() == (whole / path.name).read_bytes()
    if (left / "collection.json").exists():
        assert not Collection.open(left).damage()


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve shards of an undisturbed run."""
    home = tmp_path_factory.mktemp("whole")
    (home / "tiny.yaml").write_text(PRESET)
    finish(home, *GENERATE, "--workers", 1)
    return home / OUT


SIZES = ["60k"]
MORE_SIZES = ["12k", "200k", "4k", "8k", "16k", "24k", "40k", "90k", "130k", "260k", "320k", "400k"]


@pytest.mark.parametrize("size", SIZES + [pytest.param(size, marks=pytest.mark.slow) for size in MORE_SIZES])
def test_generate_on_a_disk_that_fills_up(tmp_path: Path, generated: Path, size: str) -> None:
    code, error = on_a_disk(tmp_path, size, (*GENERATE, "--workers", 1))
    assert code == 5 and error.count("\n") == 1 and error.startswith("gen3d: can't write "), error
    assert "disk full; free some space and run again" in error
    check_left(tmp_path / "left", generated)
    assert contents(tmp_path / "ended") == contents(generated)


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"no weights at {WEIGHTS}")
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9])
def test_label_on_a_disk_that_fills_up(tmp_path: Path, generated: Path, share: float) -> None:
    """Beside the shapes there is room for a `share` of what labelling writes."""
    for folder in ("before", OUT):
        shutil.copytree(generated, tmp_path / folder)
    (tmp_path / "tiny.yaml").write_text(PRESET)
    finish(tmp_path, *LABEL, "--workers", 2)
    used = kilobytes(generated)
    room = int(share * (kilobytes(tmp_path / OUT) - used))
    code, error = on_a_disk(tmp_path, f"{used + 8 + room}k", (*LABEL, "--workers", 1))
    assert code == 5 and error.count("\n") == 1 and "disk full" in error, error
    left = Collection.open(tmp_path / "left")
    assert not left.damage() and len(left) == 24 and not list((tmp_path / "left").glob(".tmp*"))
    assert contents(tmp_path / "ended") == contents(tmp_path / OUT)


def test_a_read_only_disk_is_told_and_nothing_changes(tmp_path: Path, generated: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("may not mount a tmpfs here")
    shutil.copytree(generated, tmp_path / OUT)
    (tmp_path / OUT / "shapes-00003.tar").unlink()  # so that there is something to do
    (tmp_path / "tiny.yaml").write_text(PRESET)
    before = tree(tmp_path / OUT)
    gen3d = f"{sys.executable} -c 'from cli import main; main.main()'"
    script = f"mount --bind {OUT} {OUT}; mount -o remount,bind,ro {OUT}; {gen3d} {' '.join(GENERATE)} --workers 1"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*NAMESPACE, script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (5, "", 1), done.stderr
    assert "read-only file system; choose another folder" in done.stderr
    assert tree(tmp_path / OUT) == before


# --- memory -----------------------------------------------------------------------------------------------------------

LIMIT = """
import resource, rich.console, rich.progress, tempfile
from gen3d.generation import GenerateSettings, generate
with tempfile.TemporaryDirectory() as folder:  # OpenBLAS and pydantic take theirs at first use, or abort
    generate(GenerateSettings(category='mug', n=1), folder + '/c')
pages = int(open('/proc/self/statm').read().split()[0])
limit = pages * resource.getpagesize() + ({} << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""


# With less than 4 MB the command line itself ends before the verb starts.
ROOM = [4, *(pytest.param(room, marks=pytest.mark.slow) for room in (6, 8, 12, 20, 60))]


@pytest.mark.parametrize("megabytes", ROOM)
def test_little_memory_ends_well_or_in_one_line(tmp_path: Path, generated: Path, megabytes: int) -> None:
    """The limit is set once everything is imported, so that it is our work that hits it."""
    (tmp_path / "tiny.yaml").write_text(PRESET)
    child = start(tmp_path, *GENERATE, "--workers", 1, body=LIMIT.format(megabytes))
    _, err = child.communicate(timeout=300)
    assert "Traceback" not in err and child.returncode in (0, 1, 5), err
    told = [line for line in err.splitlines() if not line.startswith("generator: ")]  # what `auto` chose
    assert len(told) == (child.returncode != 0) and ("memory" in err.lower() or child.returncode != 1), err
    check_left(tmp_path / OUT, generated)
    finish(tmp_path, *GENERATE, "--workers", 1)
    assert contents(tmp_path / OUT) == contents(generated)


# --- what is missing --------------------------------------------------------------------------------------------------


def test_missing_weights_are_told_before_anything_is_rendered(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TEACHERS, "lite", lambda: LiteTeacher(home / "none.safetensors"))
    collection = home / "runs/chair/generated"
    for name in [*collection.glob("knowledge*")]:
        name.unlink()
    before = tree(home)
    end = run(*LABEL_CHAIN)
    assert end.code == 4 and "none.safetensors: no such weights" in end.error and "gen3d train-teacher" in end.error
    assert tree(home) == before


@pytest.mark.parametrize("verb", [pytest.param("eval", marks=pytest.mark.slow), "segment"])
def test_a_student_that_can_not_be_downloaded(tmp_path: Path, verb: str) -> None:
    """No network, nothing in the cache."""
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    words = {"eval": ("eval", "--root", ".", "--dataset", "psb"), "segment": ("segment", "a.obj")}[verb]
    body = f"import os; os.environ |= {{'HF_HUB_OFFLINE': '1', 'HF_HOME': {str(tmp_path / 'hub')!r}}}"
    child = start(tmp_path, *words, "--student", "nobody/none", body=body)
    out, err = child.communicate(timeout=120)
    assert (child.returncode, out, err.count("\n")) == (4, "", 1), err
    assert "nobody/none: no such folder, and the Hub gave no student of that name" in err
    assert not [path for path in tmp_path.iterdir() if path.name not in ("a.obj", "hub")]
