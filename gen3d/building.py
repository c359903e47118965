"""Building the shards of a stage: in this process or in several, resumed or not, the bytes are the same."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from gen3d.collection import Collection
from gen3d.data_card import write_card
from gen3d.errors import Gen3dError, InputError
from gen3d.manifest import writing
from gen3d.part_statistics import shard_statistics
from gen3d.shards import (
    Member,
    Sample,
    ShardContent,
    ShardRecord,
    StagedShard,
    read_shard,
    sample_of,
    stage_shard,
)
from gen3d.storage import Place
from gen3d.workers import in_workers, one_thread

Build = Callable[[Any], Iterable[Sample]]


def build_shards(  # noqa: PLR0913 (what to build and how to run it)
    collection: Collection,
    stem: str,
    jobs: Sequence[tuple[int, Any]],
    build: Build,
    workers: int = 1,
    progress: Callable[[int], None] = lambda count: None,
    retry_failed: bool = False,
) -> None:
    """Build the shards that are not finished yet, then bring the data card up to date.

    The bytes are the same for any number of workers. A sample that raises a Gen3dError is a failure with its reason.
    Of a shard that is there but lacks samples (failed ones to retry, or shapes that came after it was labelled), the
    others are copied, not made again: it ends as if it had been built at once.

    Args:
        collection: where they go.
        stem: "shapes" or "knowledge-<teacher>".
        jobs: (shard number, picklable payload) of every shard, finished or not.
        build: gives all samples of a shard, in order, from a payload and nothing else: (id, what makes its members).
            Its work belongs into the latter, which is called only for samples that are needed. A `ShardContent` will
            do, too. Picklable where `workers` > 1.
        workers: 1 builds in this process.
        progress: called after every shard with the number of samples made, failed ones included.
        retry_failed: make the failed samples of finished shards again.

    Raises:
        Gen3dError: where a worker is killed; any error of `build` passes through. Finished shards stay.
    """
    with writing(collection.root):
        collection.reload()
        tasks = _tasks(collection, stem, jobs, build, retry_failed)
        workers = min(workers, len(tasks))
        with contextlib.closing(in_workers(_stage, tasks, workers) if workers > 1 else _here(tasks)) as staging:
            for staged, made in staging:
                collection.publish(staged)
                progress(made)
        write_card(collection)


class _Task(NamedTuple):
    root: Place
    stem: str
    number: int
    payload: Any
    build: Build
    earlier: ShardRecord | None  # a whole shard to take samples from
    retry_failed: bool


def _tasks(
    collection: Collection, stem: str, jobs: Sequence[tuple[int, Any]], build: Build, retry_failed: bool
) -> list[_Task]:
    """What is to be built."""
    records, whole = {record.number: record for record in collection.records(stem)}, collection.in_place(stem)
    finished = collection.finished(stem, whole)
    tasks = []
    for number, payload in jobs:
        record = records.get(number)
        again = record is not None and retry_failed and bool(record.failures)
        if record is None or record.shard not in finished or again:
            earlier = record if record is not None and record.shard in whole else None
            tasks.append(_Task(collection.root, stem, number, payload, build, earlier, retry_failed))
    return tasks


def _stage(*fields: Any) -> tuple[StagedShard, int]:
    """Build one shard and leave it under its temporary name; with it the number of samples made.

    Workers never publish, so that one which outlives its parent for a moment can't change the collection.
    """
    task = _Task(*fields)
    known: dict[str, list[Member] | str] = {}
    if task.earlier is not None:
        known |= _whole_samples(task.root, task.earlier)
        known |= {} if task.retry_failed else dict(task.earlier.failures)
    with one_thread():
        content, made = _gather(task.build(task.payload), known)
        content.statistics = shard_statistics(task.stem, content)
    return stage_shard(task.root, task.stem, task.number, content), made


def _gather(samples: Iterable[Sample], known: dict[str, list[Member] | str]) -> tuple[ShardContent, int]:
    """The samples as content, and how many of them were made: those whose members or reason are not known yet."""
    content, made = ShardContent(), 0
    for id, make in samples:
        made += id not in known
        try:
            members = known[id] if id in known else make()
        except Gen3dError as error:
            members = str(error)
        if isinstance(members, str):
            content.failures.append((id, members))
        else:
            content.members += members
            content.ids.append(id)
    return content, made


def _whole_samples(root: Place, record: ShardRecord) -> dict[str, list[Member]]:
    """The samples of a shard that are as they were written; what is damaged is left out, to be made again."""
    found: dict[str, list[Member]] = {id: [] for id in record.ids}
    hit, entries = set(record.ids), dict(record.members.items())
    with contextlib.suppress(InputError):
        for id, members in groupby(read_shard(root, record), key=sample_of):
            found[id] = list(members)
            if all(zlib.crc32(data) == entries[name][1] for name, data in found[id]):
                hit.discard(id)
    return {id: members for id, members in found.items() if id not in hit}


def _here(tasks: list[_Task]) -> Generator[tuple[StagedShard, int], None, None]:
    """Stage the shards in this process, in order."""
    for task in tasks:
        yield _stage(*task)
