"""Tiny shards, and what the tests of collections share; light to import, since every worker process does."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gen3d.building import build_shards
from gen3d.collection import Collection, shape_id, shape_seed
from gen3d.shards import ShardContent

HERE = Path(__file__).resolve().parent
INFO: dict[str, Any] = {"category": "chair", "parts": ["back", "seat"], "seed": 7, "settings": {"views": 10, "size": 3}}


def toy_shard(payload: tuple[int, int, str]) -> ShardContent:
    """Ten samples of seeded noise, one of them failed; the payload may ask for trouble."""
    number, seed, trouble = payload
    content = ShardContent()
    for index in range(10 * number, 10 * number + 10):
        id = shape_id("chair", index)
        if index % 10 == 3:
            content.failures.append((id, "no\nluck"))
            continue
        noise = random.Random(shape_seed(seed, index)).randbytes(700 + 37 * index)
        content.ids.append(id)
        content.members += [(f"{id}.glb", noise), (f"{id}.json", json.dumps({"index": index}).encode())]
    if trouble == "raise":
        raise ValueError("in the middle")
    if trouble == "interrupt":
        raise KeyboardInterrupt
    if trouble == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble.startswith("slow"):
        time.sleep(float(trouble.removeprefix("slow")))
    return content


def jobs(count: int, **trouble: str) -> list[tuple[int, tuple[int, int, str]]]:
    """Payloads of `toy_shard` by shard number; trouble by `at<number>` or `everywhere`."""
    return [(n, (n, 7, trouble.get(f"at{n}", trouble.get("everywhere", "")))) for n in range(count)]


def contents(root: Path) -> dict[str, bytes]:
    """Every visible file, the manifest's lines sorted: their order is that of completion."""
    files = {path.name: path.read_bytes() for path in root.iterdir() if path.name != ".lock"}
    return files | {"manifest.jsonl": b"".join(sorted(files["manifest.jsonl"].splitlines(True)))}


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_mtime_ns, p.stat().st_ino) for p in root.iterdir()}


def built(root: Path, count: int = 3) -> Collection:
    collection = Collection.create(root, INFO)
    build_shards(collection, "shapes", jobs(count), toy_shard)
    return collection


def run_script(body: str, *arguments: object) -> subprocess.Popen[str]:
    """A fresh Python in its own process group, with the toy shards at hand."""
    head = (
        "import signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job, as CI may be, ignores it
        "from gen3d.building import build_shards\nfrom gen3d.collection import Collection\n"
        "from gen3d.errors import Gen3dError\n"
        "from toy_shards import INFO, jobs, toy_shard\n"
        "if __name__ == '__main__':\n    root = Path(sys.argv[1])\n"
    )
    code = head + "".join(f"    {line}\n" for line in body.splitlines())
    environment = os.environ | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
