"""`gen3d env`: what is there is said, what is missing comes with the line to type, and no trap can crash it."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run

from gen3d import __version__
from gen3d.environment import Environment, environment, extras_of

REQUIREMENTS = [
    "numpy>=1.26",
    "scipy[fast]>=1; python_version > '3'",
    'pytest>=8.3; extra == "test"',
    'gen3d-no-such-package[x]>=1; (python_version > "3") and extra == "test"',
    'gen3d[test]; extra == "dev"',
    'numpy; extra == "dev"',
]


@pytest.fixture(scope="module")
def found() -> Environment:
    return environment()


def test_versions_are_those_that_are_imported(found: Environment) -> None:
    assert found.versions["gen3d"] == __version__ and found.versions["numpy"] == np.__version__
    assert found.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found.versions["torch"] == metadata.version("torch")
    assert found.devices.cores >= 1 and found.devices.cpu and set(found.devices.bfloat16) <= {"AMX", "AVX-512"}


def test_extras_say_what_is_missing_and_what_to_type() -> None:
    dev, test = extras_of(REQUIREMENTS)
    assert test == ("test", ["pytest"], ["gen3d-no-such-package"], test.pip) and "pip install 'gen3d[test]'" in test.pip
    assert dev.present == ["pytest", "numpy"] and dev.missing == ["gen3d-no-such-package"]
    (whole,) = extras_of(['numpy; extra == "light"'])
    assert whole == ("light", ["numpy"], [], "")


def test_a_torchvision_that_kills_its_process_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the path of the fresh Python: one that fails to import, as beside a CPU torch, then one that exits."""
    info = tmp_path / "torchvision-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 9.9\n")
    (tmp_path / "torch.py").write_text("class cuda:\n    device_count = staticmethod(int)\nget_num_threads = int\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    module = tmp_path / "torchvision.py"
    module.write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    found = environment()
    assert "9.9 can't be imported beside this torch: RuntimeError: operator torchvision::nms" in found.torchvision
    assert any("pip uninstall torchvision" in problem for problem in found.problems)
    module.write_text("")
    assert "9.9 works beside this torch" in environment().torchvision and not environment().problems
    module.write_text("import os; os._exit(7)")
    assert any("the process that imports it died" in problem for problem in environment().problems)


def test_caches_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("class cuda:\n    device_count = staticmethod(int)\nget_num_threads = int\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # a light one, since only the caches are looked at
    (tmp_path / "hub" / "deep").mkdir(parents=True)
    (tmp_path / "hub" / "deep" / "weights").write_bytes(bytes(1234))
    (tmp_path / "hub" / "link").symlink_to(tmp_path / "hub" / "deep" / "weights")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file" / "torch"))
    hub, torch = environment().caches
    assert hub.exists and hub.writable and 1234 <= hub.size < 1234 + 500
    assert not torch.exists and torch.size == 0 and not torch.writable
    assert [p for p in environment().problems if "set TORCH_HOME to another folder" in p]


def test_the_verb_prints_both_ways(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("class cuda:\n    device_count = staticmethod(int)\nget_num_threads = int\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    end = run("env")
    assert end.code == 0 and __version__ in end.out and "torchvision: " in end.out and "HF_HOME: " in end.out
    answer = json.loads(run("env", "--json").out)
    assert set(answer) == set(Environment._fields) and answer["versions"]["gen3d"] == __version__
