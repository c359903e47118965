"""What is wrong with a collection: every bit that changed since it was written, and all that is not there.

Shards are held against their hash in the manifest, manifest lines and info files against the check value they carry,
the manifest against the shapes that were promised and the files that are there, and every member is parsed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import NamedTuple

from gen3d.collection import INFO, SHAPES, is_stage, read_info, shape_of
from gen3d.commands import command_of
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.manifest import MANIFEST, manifest_lines, record_of
from gen3d.record import is_intact, read_record, unseal
from gen3d.remote import Remote
from gen3d.shards import (
    ShardRecord,
    damage,
    grouped,
    is_shard,
    read_shard,
    sample_of,
)
from gen3d.storage import Place, names_in, place


class Damage(NamedTuple):
    """One thing that is wrong.

    Args:
        file: name in the collection's folder.
        sample: the id that is hit; empty where it is no single one.
        problem: in words.
        stem: the stage that makes it again.
        line: number of the manifest's line to delete first, 0 for none.
        delete: whether the file is to be deleted first.
    """

    file: str
    sample: str
    problem: str
    stem: str = SHAPES
    line: int = 0
    delete: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {f'sample {self.sample}: ' if self.sample else ''}{self.problem}"


class Verdict(NamedTuple):
    """What `verify` found.

    Args:
        damage: all that is wrong; empty for a whole collection.
        shards: how many the manifest holds, of all stages.
        samples: how many those hold.
        failures: (stem, id, reason) of the samples that could not be made; that is no damage.
        remedies: what to type, in this order, to mend it.
    """

    damage: list[Damage]
    shards: int
    samples: int
    failures: list[tuple[str, str, str]]
    remedies: list[str]


def verify(root: str | Place) -> Verdict:
    """Everything that is wrong with a collection.

    Raises InputError where there is none, or one of a format that this gen3d does not read.
    """
    root = place(root)
    if not (root / INFO).is_file() or _intact(root / INFO):
        read_info(root)
    records: dict[str, ShardRecord] = {}
    bad: dict[int, bytes] = {}
    half = b""
    for number, line in enumerate(manifest_lines(root), 1):
        record = record_of(line)
        if record is not None:
            records[record.shard] = record
        elif line.endswith(b"\n"):
            bad[number] = line
        else:
            half = line
    unlisted = sorted(name for name in names_in(root) if is_shard(name) and name not in records)
    found = [*_info_damage(root, list(records.values())), *_line_damage(bad, half, unlisted)]
    for record in sorted(records.values(), key=lambda r: (r.stem, r.number)):
        found += _shard_damage(root, record)
    if not bad and not half:  # otherwise these follow from that
        found += [Damage(name, "", "is not in the manifest", _stem(name), delete=True) for name in unlisted]
        found += _unfinished(root, list(records.values()))
    failures = [(record.stem, *failure) for record in records.values() for failure in record.failures]
    samples = sum(len(record.ids) for record in records.values())
    return Verdict(found, len(records), samples, failures, _remedies(root, found))


def _info_damage(root: Place, records: list[ShardRecord]) -> Iterator[Damage]:
    """Info files that are missing or not as they were written."""
    there = {name.removesuffix(".json") for name in names_in(root) if is_stage(name)}
    for stem in [SHAPES, *sorted({record.stem for record in records if record.stem != SHAPES} | there)]:
        name = INFO if stem == SHAPES else f"{stem}.json"
        if not (root / name).exists():
            yield Damage(name, "", "is missing", stem)
        elif not _intact(root / name):
            yield Damage(name, "", "is damaged: it is not as it was written", stem)


def _intact(path: Place) -> bool:
    """Whether an info file is as it was written."""
    try:
        return is_intact(path)
    except InputError:
        return False


def _line_damage(bad: dict[int, bytes], half: bytes, unlisted: list[str]) -> Iterator[Damage]:
    """Manifest lines that are damaged; the shards they list are those that no whole line lists."""
    for number, line in [*bad.items(), *([(0, half)] if half else [])]:
        named = [name for name in unlisted if name.encode() in line] or unlisted
        shards = ", ".join(named) or "a shard that another line lists too"
        what = f"line {number} is damaged" if number else "the last line is cut off"
        yield Damage(MANIFEST, "", f"{what} ({shards})", _stem(named[0]) if named else SHAPES, number)


def _shard_damage(root: Place, record: ShardRecord) -> Iterator[Damage]:
    """What is wrong with a shard, else with what its members hold."""
    hit = damage(root, record)
    there = (root / record.shard).exists()
    for member, problem in hit:
        yield Damage(record.shard, sample_of((member, b"")), f"{member} {problem}".strip(), record.stem, delete=there)
    if hit:
        return
    for id, parts in grouped(read_shard(root, record)):
        try:
            if record.stem == SHAPES:
                shape_of(id, parts)
            else:
                Knowledge.from_bytes(parts.get("safetensors", b""), id)
        except InputError as error:
            yield Damage(record.shard, id, str(error).removeprefix(f"{id}: "), record.stem, delete=True)


def _unfinished(root: Place, records: list[ShardRecord]) -> Iterator[Damage]:
    """Samples that were promised but have not been made."""
    known = {stem: {id for r in records if r.stem == stem for id in r.samples} for stem in {r.stem for r in records}}
    promised = (read_record(root / INFO) or {}).get("count") if _intact(root / INFO) else None
    made = len(known.pop(SHAPES, ()))
    if isinstance(promised, int) and made < promised:
        yield Damage(INFO, "", f"promises {promised:,} samples, of which {promised - made:,} have not been made yet")
    shapes = {id for record in records if record.stem == SHAPES for id in record.ids}
    for stem, ids in sorted(known.items()):
        if bare := sorted(shapes - ids):
            problem = f"{len(bare):,} of {len(shapes):,} shapes have not been labelled yet, the first is {bare[0]}"
            yield Damage(f"{stem}.json", "", problem, stem)


def _remedies(root: Place, found: list[Damage]) -> list[str]:
    """What to type to mend the damage: what is broken goes, then the commands that made it make it again."""
    lines = sorted({f"{d.line}d" for d in found if d.line})
    files = sorted({shlex.quote(str(root / d.file)) for d in found if d.delete})
    if isinstance(root, Remote):  # what to type depends on the service
        typed = [f"# in {root / MANIFEST}, delete line {line[:-1]}" for line in lines]
        typed += [f"# delete {file}" for file in files]
    else:
        typed = [f"sed -i '{';'.join(lines)}' {shlex.quote(str(root / MANIFEST))}"] if lines else []
        typed += [f"rm {' '.join(files)}"] if files else []
    for stem in sorted({d.stem for d in found}, key=lambda stem: (stem != SHAPES, stem)):
        path = root / (INFO if stem == SHAPES else f"{stem}.json")
        if _intact(path):
            typed.append(command_of(unseal(path, read_record(path) or {}), stem, str(root)))
        else:
            typed.append(f"# the command that made {'the shapes' if stem == SHAPES else stem}, with the same settings")
    return typed


def _stem(shard: str) -> str:
    """The stage of a shard's name."""
    return shard.removesuffix(".tar").rpartition("-")[0]
