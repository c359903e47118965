"""`torch.compile`: the compiled step is the plain one, and a smaller batch is not compiled again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_compiled_step_is_the_plain_one_and_a_smaller_batch_is_not_compiled(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(TESTS.parent), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    words = [sys.executable, str(TESTS / "compiled_step.py")]
    found = json.loads(subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout)
    assert found["graphs"] == 1 and not found["breaks"]
    of_two, of_one, again = found["apart"]
    assert of_one == 0 and max(of_two, again) < 1e-4  # one cloud alone goes through it as it is
    assert found["compiled"] == pytest.approx(found["plain"], rel=1e-3) and len(set(found["plain"])) == 3
