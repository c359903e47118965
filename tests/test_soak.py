"""R19: ten thousand shapes through one process; memory and open files stay what they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_shards import run_script

MEASURE = """
import os, gc
def now():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20, len(os.listdir('/proc/self/fd'))
found, done = [], 0
def progress(count):
    global done
    done += count
    found.append((done, *now()))
"""

SHAPES = (
    MEASURE
    + """
from soaking import tiny_shapes
todo = [(n, (n, 50)) for n in range(int(sys.argv[2]) // 50)]
build_shards(Collection.create(root, INFO), 'shapes', todo, tiny_shapes, 1, progress)
collection = Collection.open(root)
read = sum(1 for _ in collection.shapes())
print(*found[len(found) // 5], *found[-1], read, *now())
"""
)


def soaked(root: Path, body: str, count: int) -> None:
    """Run it; from a fifth of the way to the end memory grows by less than 5 %, and no file is left open."""
    process = run_script(body, root, count)
    output, errors = process.communicate(timeout=3600)
    assert errors == "" and process.returncode == 0, errors
    print(output)  # noqa: T201 (pytest -s)
    early, memory, files, last, later, open_later, read, after, open_after = map(float, output.split())
    assert (last, read) == (count, count) and early < last
    assert later < 1.05 * memory and after < 1.05 * memory
    assert files == open_later == open_after + 1  # the lock is released by then


def test_a_thousand_shapes(tmp_path: Path) -> None:
    soaked(tmp_path / "c", SHAPES, 1000)


@pytest.mark.slow
def test_ten_thousand_shapes(tmp_path: Path) -> None:
    soaked(tmp_path / "c", SHAPES, 10_000)


LABEL = (
    MEASURE
    + """
from soaking import tiny_shapes
from gen3d.labelling import LabelSettings, label, read_knowledge
from gen3d.teachers import TEACHERS
from gen3d.teachers.lite.teacher import LiteTeacher
TEACHERS['lite'] = lambda: LiteTeacher(Path(sys.argv[3]))
todo = [(n, (n, 20)) for n in range(int(sys.argv[2]) // 20)]
build_shards(Collection.create(root, INFO), 'shapes', todo, tiny_shapes)
collection = Collection.open(root)
label(collection, LabelSettings(views=1, size=32, points=512), progress=progress)
print(*found[len(found) // 5], *found[-1], done, *now())
"""
)


@pytest.mark.slow
def test_a_thousand_shapes_labelled(tmp_path: Path, tiny_weights: Path) -> None:
    process = run_script(LABEL, tmp_path / "c", 1000, tiny_weights)
    output, errors = process.communicate(timeout=3600)
    assert errors == "" and process.returncode == 0, errors
    print(output)  # noqa: T201 (pytest -s)
    _, memory, files, last, later, open_later, *_ = map(float, output.split())
    assert last == 1000 and later < 1.05 * memory and files == open_later
