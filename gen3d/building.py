"""Building the shards of a stage: in this process or in several, resumed or not, the bytes are the same."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol, runtime_checkable

from gen3d.collection import Collection
from gen3d.crew import Lost, Workers, answers, in_order
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
from gen3d.workers import one_thread

Build = Callable[[Any], Iterable[Sample]]


def build_shards(  # noqa: PLR0913 (what to build and how to run it)
    collection: Collection,
    stem: str,
    jobs: Sequence[tuple[int, Any]],
    build: Build,
    workers: Workers = 1,
    progress: Callable[[int], None] = lambda count: None,
    retry_failed: bool = False,
) -> None:
    """Build the shards that are not finished yet, then bring the data card up to date.

    The bytes are the same for any number of workers. A sample that raises a Gen3dError is a failure with its reason.
    Of a shard that is there but lacks samples (failed ones to retry, or shapes that came after it was labelled), the
    others are copied, not made again: it ends as if it had been built at once. On Ray a sample over which workers die
    again and again is a failure, too.

    Args:
        collection: where they go.
        stem: "shapes" or "knowledge-<teacher>".
        jobs: (shard number, picklable payload) of every shard, finished or not.
        build: gives all samples of a shard, in order, from a payload and nothing else: (id, what makes its members).
            Its work belongs into the latter, which is called only for samples that are needed. A `ShardContent` will
            do, too. Picklable where `workers` are other processes.
        workers: who builds; 1 is this process.
        progress: called after every shard with the number of samples made, failed ones included.
        retry_failed: make the failed samples of finished shards again.

    Raises:
        Gen3dError: where a local worker is killed, or others over a whole shard; any error of `build` passes through.
            Finished shards stay.
    """
    with writing(collection.root):
        collection.reload()
        tasks = _tasks(collection, stem, jobs, build, retry_failed)
        with contextlib.closing(_staged(tasks, workers)) as staging:
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
    deadly: tuple[tuple[str, str], ...] = ()  # samples not to be tried again, and why


@runtime_checkable
class _Grouped(Protocol):
    """A payload of a builder that makes several samples at once, unless told otherwise."""

    singly: bool

    def _replace(self, *, singly: bool) -> Any: ...


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


def _staged(tasks: Sequence[_Task], workers: Workers) -> Generator[tuple[StagedShard, int], None, None]:
    """The shards under their temporary names with the numbers of samples made; those over which workers die come last.

    Of these each sample is tried alone, and those that are deadly even so are failures.
    """
    lost = []
    with contextlib.closing(answers(_stage, tasks, workers)) as coming:
        for answer in coming:
            if isinstance(answer, Lost):
                lost.append(tasks[answer.number])
            else:
                yield answer[1]
    for task in lost:
        payload = task.payload._replace(singly=True) if isinstance(task.payload, _Grouped) else task.payload
        task = task._replace(payload=payload)
        shard = f"shard {task.number} of {task.stem}"
        (ids,) = in_order(_unknown, [task], workers, what=shard)
        deadly = []
        with contextlib.closing(answers(_tried, [(*task, id) for id in ids], workers)) as coming:
            for answer in coming:
                if isinstance(answer, Lost):
                    deadly.append((ids[answer.number], f"its worker died {answer.times} times"))
        yield from in_order(_stage, [task._replace(deadly=tuple(deadly))], workers, what=shard)


def _stage(*fields: Any) -> tuple[StagedShard, int]:
    """Build one shard and leave it under its temporary name; with it the number of samples made.

    Workers never publish, so that one which outlives its parent for a moment can't change the collection.
    """
    task = _Task(*fields)
    with one_thread():
        content, made = _gather(task.build(task.payload), _known(task) | dict(task.deadly))
        content.statistics = shard_statistics(task.stem, content)
    return stage_shard(task.root, task.stem, task.number, content), made + len(task.deadly)


def _unknown(*fields: Any) -> list[str]:
    """The samples of a shard that are to be made."""
    task = _Task(*fields)
    known = _known(task)
    with one_thread():
        return [id for id, _ in task.build(task.payload) if id not in known]


def _tried(*fields: Any) -> None:
    """Make one sample, the last of the fields, and throw it away."""
    task, wanted = _Task(*fields[:-1]), fields[-1]
    with one_thread(), contextlib.suppress(Gen3dError):
        next((make() for id, make in task.build(task.payload) if id == wanted), None)


def _known(task: _Task) -> dict[str, list[Member] | str]:
    """The samples that are not made again: their members, or why they failed."""
    if task.earlier is None:
        return {}
    return _whole_samples(task.root, task.earlier) | ({} if task.retry_failed else dict(task.earlier.failures))


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
