"""Building the shards of a stage: in this process or in several, the bytes are the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from gen3d.collection import Collection
from gen3d.shards import ShardContent, StagedShard, stage_shard, writing
from gen3d.workers import in_workers, one_thread


def build_shards(
    collection: Collection,
    stem: str,
    jobs: Sequence[tuple[int, Any]],
    build: Callable[[Any], ShardContent],
    workers: int = 1,
    progress: Callable[[int], None] = lambda count: None,
) -> None:
    """Build the shards that are not finished yet. The bytes are the same for any number of workers.

    Args:
        collection: where they go.
        stem: "shapes" or "knowledge-<teacher>".
        jobs: (shard number, picklable payload) of every shard, finished or not.
        build: makes a shard from a payload and nothing else; picklable where `workers` > 1.
        workers: 1 builds in this process.
        progress: called after every shard with its number of samples, failed ones included.

    Raises:
        Gen3dError: where a worker is killed; any error of `build` passes through. Finished shards stay.
    """
    with writing(collection.root):
        collection.reload()
        finished = collection.finished(stem)
        todo = [(number, payload) for number, payload in jobs if f"{stem}-{number:05d}.tar" not in finished]
        tasks: list[_Task] = [(collection.root, stem, number, payload, build) for number, payload in todo]
        workers = min(workers, len(tasks))
        with contextlib.closing(in_workers(_stage, tasks, workers) if workers > 1 else _here(tasks)) as staging:
            for staged in staging:
                collection.publish(staged)
                progress(len(staged.record.ids) + len(staged.record.failures))


_Task = tuple[Path, str, int, Any, Callable[[Any], ShardContent]]


def _stage(root: Path, stem: str, number: int, payload: Any, build: Callable[[Any], ShardContent]) -> StagedShard:
    """Build one shard and leave it under its temporary name.

    Workers never publish, so that one which outlives its parent for a moment can't change the collection.
    """
    with one_thread():
        content = build(payload)
    return stage_shard(root, stem, number, content)


def _here(tasks: list[_Task]) -> Generator[StagedShard, None, None]:
    """Stage the shards in this process, in order."""
    for task in tasks:
        yield _stage(*task)
