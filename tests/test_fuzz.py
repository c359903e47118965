"""R8: damaged and hostile files, each read in a process with 1 GB and 4 s of CPU time: a sound shape or one line."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import hostile_files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sample_shapes import gltf, survives

from gen3d.errors import InputError
from gen3d.mesh_io import checked
from gen3d.shape import Shape

ROOT = Path(__file__).resolve().parents[1]


def malformed(*options: object) -> Any:
    """What `benchmarks/malformed.py` finds."""
    command = [sys.executable, ROOT / "benchmarks" / "malformed.py", "--json", *map(str, options)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def check(found: dict[str, list[tuple[str, dict[str, Any]]]], count: int) -> None:
    """No fault among the outcomes, and nothing read of a format that shows its end."""
    assert len(found) == 9 and all(len(rows) == count for rows in found.values())
    for name, rows in found.items():
        faults = [(kind, r["verdict"], r["detail"]) for kind, r in rows if r["verdict"] not in ("read", "refused")]
        assert not faults, (name, faults[:3])
        kinds = Counter(kind for kind, _ in rows)
        assert kinds["cut"] + kinds["cut short"] == count / 5
        if name not in ("obj", "off", "ply ascii"):  # these can end in the middle of a number or before a face
            assert not kinds["cut short"], name
        assert sum(r["verdict"] == "refused" for _, r in rows) > count / 4
        assert max(r["peak"] for _, r in rows) < 1024 and max(r["cpu"] for _, r in rows) < 4


def test_mutants_in_processes_of_their_own() -> None:
    check(malformed("--count", 20), 20)


@pytest.mark.slow
def test_2250_mutants() -> None:
    check(malformed("--count", 250), 250)


def test_files_made_by_hand(tmp_path: Path) -> None:
    corpus = hostile_files.corpus()
    for name, (content, _) in corpus.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = malformed("--folder", tmp_path)
    wrong = {name: (r["verdict"], r["detail"]) for name, r in found.items() if r["verdict"] != corpus[name][1]}
    assert not wrong and len(found) == len(corpus)
    assert max(r["peak"] for r in found.values()) < 1024
    lines = [r["detail"] for r in found.values() if r["verdict"] == "refused"]
    assert all(str(tmp_path) in line and len(line) < 600 and line.isprintable() for line in lines)


NASTY = (None, -1, 0, 2.5, 1e308, 10**7, 2**31, 2**64, "", "x", [], {}, [[]], True)


def spots(node: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON document."""
    pairs = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    return [(node, key) for key, _ in pairs] + [spot for _, child in pairs for spot in spots(child)]


@pytest.mark.parametrize("suffix", [".gltf", ".glb"])
@pytest.mark.filterwarnings("error")
def test_every_entry_of_a_gltf_document_missing_or_nasty(tmp_path: Path, suffix: str) -> None:
    """Sound JSON of unsound meaning, which flipped bits hardly ever are: every entry, one after the other."""
    data = {".gltf": hostile_files.uri(hostile_files.TRIANGLE), ".glb": None}[suffix]
    whole = gltf(data or "")
    if data is None:
        del whole["buffers"][0]["uri"]
    path, rng, read = tmp_path / f"a{suffix}", np.random.default_rng(0), 0
    for number in range(len(spots(whole))):
        for value in (*(NASTY[i] for i in rng.choice(len(NASTY), 4, replace=False)), KeyError):
            changed = copy.deepcopy(whole)
            container, key = spots(changed)[number]
            if value is KeyError:
                del container[key]
            else:
                container[key] = value
            text = json.dumps(changed).encode()
            path.write_bytes(text if data else hostile_files.glb(text, hostile_files.TRIANGLE))
            read += survives(path)
    assert read > 3


COORDINATE = st.one_of(
    st.floats(width=32), st.sampled_from([0.0, 1.0, -1.0, 1e-25, 1e-15, 3e-21, 1e18, 3e19, 3e20, 3e38, np.nan, np.inf])
)


@settings(max_examples=300)
@given(
    vertices=arrays(np.float32, (5, 3), elements=COORDINATE),
    faces=arrays(np.int64, (3, 3), elements=st.integers(-1, 5)),
)
def test_a_mesh_is_taken_exactly_where_a_naive_check_takes_it(vertices: np.ndarray, faces: np.ndarray) -> None:
    """The glance that spares sound meshes the checks lets nothing through that they would not."""
    sound = bool(np.isfinite(vertices).all() and faces.min() >= 0 and faces.max() < 5)
    if sound:
        wide = vertices.astype(np.float64)
        a, b, c = (wide[faces[:, i]] for i in range(3))
        used = wide[np.unique(faces)]
        radius = np.linalg.norm(used - (used.min(0) + used.max(0)) / 2, axis=1).max()
        with np.errstate(all="ignore"):
            sound = bool(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() > 0 and 1e-20 < radius < 1e20)
    try:
        checked(lambda: Shape("x", "chair", vertices, faces), "x")
        assert sound
    except InputError:
        assert not sound
