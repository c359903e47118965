"""What a collection of a million shapes costs to open and to go on with: `python benchmarks/scale_manifest.py`.

Numbers as arguments are other counts of shapes. A hundred shapes are made and labelled for real; from their manifest
one is written of a million: the rows, members, sizes and statistics of the real ones under other ids. The shards are
sparse files of the recorded size, since nothing here reads them. Every figure is taken in a process of its own, in
shards of 50 and of 1,000 shapes:

1. Opening the collection, listing its ids, telling the finished shards, the fingerprint.
2. `gen3d generate` and `gen3d label` on the finished collection: the first time (the card is written), and again.
3. Restart: the last shard of each stage is taken away; how long until it is begun.

Goal: going on with a million rows takes at most 20 s and 1 GB.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gen3d.asking import LabelSettings
from gen3d.collection import INFO, SHAPES, Collection
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import label
from gen3d.record import seal, write_record
from gen3d.shards import ShardRecord

MILLION = 1_000_000
REAL = 100  # shapes that are made, in two shards
KNOWLEDGE = "knowledge-lite"
CHAIRS = GenerateSettings(category="chair", generator="procedural")

_OPEN = """
from gen3d.collection import Collection
collection = Collection.open(root); tick("open")
assert len(collection.ids()) == count; tick("list ids")
assert len(collection.finished()) == len(collection.records()); tick("finished shapes")
assert len(collection.finished("knowledge-lite")) == len(collection.records()); tick("finished knowledge")
collection.fingerprint(("shapes", "knowledge-lite")); tick("fingerprint")
"""
_RESTART = """
from gen3d import building
from gen3d.asking import LabelSettings
from gen3d.collection import Collection
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import label
tick("imports")
def _first(*task):
    raise KeyboardInterrupt
building._stage = _first
for stage in ("generate", "label"):
    before = time.process_time()
    try:
        if stage == "label":
            label(Collection.open(root), LabelSettings(teacher="lite"))
        else:
            generate(GenerateSettings(category="chair", generator="procedural", n=count, shard=shard), root)
    except KeyboardInterrupt:
        tick(stage)
        found[stage + ", CPU"] = round(time.process_time() - before, 2)
"""
_FRAME = """
import json, sys, time
from pathlib import Path
root, count, shard = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
last, found = time.perf_counter(), {{}}
def tick(name):
    global last
    found[name] = round(time.perf_counter() - last, 2)
    last = time.perf_counter()
{body}
print(json.dumps(found | {{"MB": {peak}}}))
"""


# getrusage would tell the peak of the process that started this one, where that was higher.
_PEAK = "int(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]) // 1024"
_COMMAND = f"""
import contextlib, sys
from pathlib import Path
from cli.main import main
with contextlib.suppress(SystemExit):
    main()
print({_PEAK})
"""


def template(folder: Path) -> Collection:
    """A hundred real, labelled shapes in two shards."""
    made = generate(CHAIRS.model_copy(update={"n": REAL}), folder)
    label(made, LabelSettings(teacher="lite"))
    return Collection.open(folder)


def enlarged(real: Collection, stem: str, count: int, shard: int) -> Iterator[ShardRecord]:
    """Manifest rows of as many samples, after the real ones."""
    known = real.records(stem)
    rows = [(id, record) for record in known for id in record.ids]
    suffixes = ("glb", "json") if stem == SHAPES else ("safetensors",)
    entries = {name: entry for record in known for name, entry in record.members.items()}
    size = sum(record.size for record in known) * shard // REAL // 10240 * 10240
    for number in range(count // shard):
        members, ids = {}, []
        for index in range(number * shard, (number + 1) * shard):
            source, new = rows[index % REAL][0], f"chair-{index:06d}"
            ids.append(new)
            members |= {f"{new}.{suffix}": entries[f"{source}.{suffix}"] for suffix in suffixes}
        name = f"{stem}-{number:05d}.tar"
        yield ShardRecord(name, stem, ids, known[0].sha256, size, [], members, known[0].statistics)


def write_large(root: Path, real: Collection, count: int, shard: int) -> None:
    """A collection of `count` shapes whose shards are sparse files."""
    settings = CHAIRS.model_copy(update={"n": count, "shard": shard})
    info = real.info | {"count": count, "settings": settings.recorded()}
    Collection.create(root, {key: value for key, value in info.items() if key not in ("format_version", "gen3d")})
    write_record(root / f"{KNOWLEDGE}.json", seal(real.stage(KNOWLEDGE)))
    (root / f"{KNOWLEDGE}.png").touch()  # else it would be drawn of shapes that are not there
    with open(root / "manifest.jsonl", "wb") as manifest:
        for stem in (SHAPES, KNOWLEDGE):
            for record in enlarged(real, stem, count, shard):
                with open(root / record.shard, "ab") as file:
                    file.truncate(record.size)
                manifest.write(record.line())


def in_process(body: str, root: Path, count: int, shard: int) -> dict[str, float]:
    """What a piece of code says of itself: seconds by step, and its peak of memory in MB."""
    code = [sys.executable, "-c", _FRAME.format(body=body, peak=_PEAK), str(root), str(count), str(shard)]
    return json.loads(subprocess.run(code, check=True, capture_output=True, text=True).stdout)


def command(*words: str) -> str:
    """Wall and CPU seconds, and the peak of memory, of a `gen3d` command that has nothing to do."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    code = [sys.executable, "-c", _COMMAND, *words]
    done = subprocess.run(code, check=True, capture_output=True, text=True)
    assert "nothing to do" in done.stderr, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = int(done.stdout.split()[-1])
    return f"{time.perf_counter() - start:6.2f} s, {cpu:6.2f} s CPU, {peak:6,} MB"


def report(folder: Path, real: Collection, count: int, shard: int) -> None:
    """All figures of one collection."""
    root = folder / f"{count}-{shard}"
    start = time.perf_counter()
    write_large(root, real, count, shard)
    lines = (root / "manifest.jsonl").stat().st_size
    made = f"{count:,} shapes in {count // shard:,} shards of {shard:,}, labelled"
    print(f"{made}: manifest {lines / 1e6:,.0f} MB (written in {time.perf_counter() - start:.0f} s)", flush=True)
    print(f"  opening: {in_process(_OPEN, root, count, shard)}", flush=True)
    made = ("--category", "chair", "--n", str(count), "--shard", str(shard), "--generator", "procedural")
    for name, words in (("generate", ("generate", *made, "--out")), ("label", ("label",))):
        for when in ("card written", "again"):
            print(f"  gen3d {name}, {when}: {command(*words, str(root))}", flush=True)
    for stem in (SHAPES, KNOWLEDGE):
        (root / f"{stem}-{count // shard - 1:05d}.tar").unlink()
    print(f"  restart until the one missing shard is begun: {in_process(_RESTART, root, count, shard)}", flush=True)


def main(counts: list[int]) -> None:
    """All figures."""
    with tempfile.TemporaryDirectory() as temporary:
        real = template(Path(temporary) / "real")
        sizes = {stem: sum(r.size for r in real.records(stem)) / REAL for stem in (SHAPES, KNOWLEDGE)}
        lines = (real.root / "manifest.jsonl").stat().st_size / REAL
        row = ", ".join(f"{size / 1e3:.1f} kB in {stem}" for stem, size in sizes.items())
        print(f"a real shape: {row}, {lines:.0f} bytes of manifest; info {(real.root / INFO).stat().st_size} bytes")
        for count in counts:
            for shard in (50, 1000):
                report(Path(temporary), real, count, shard)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [MILLION])
