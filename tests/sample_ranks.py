"""Trainings run by several processes that a forkserver makes, which imports torch once for all of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from sample_students import TINY, clouds, quiet, settings, tiny
from test_trainer import noisy_knowledge

from distill import knowledge_sources, trainer
from distill.encoders import make_encoder
from distill.knowledge_sources import Source
from distill.masked_training import MaskedTraining, PretrainSettings
from distill.parallel import Ranks, joined
from distill.students import STUDENTS
from distill.students.small import SmallStudent
from distill.trainer import DistillSettings, TrainingSet, distil
from gen3d.knowledge import Knowledge

MOVED = {"yaw": 180.0, "jitter": 0.01, "stretch": 0.1, "tilt": 3.0}
UNEVEN = settings(**MOVED, epochs=8, batch=3, threshold=9.0, after=0.0, lr=3e-3)  # five shapes: batches of 3 and 2
TRAININGS: dict[str, tuple[tuple[int, ...], DistillSettings]] = {  # shapes by source, settings
    "uneven": ((5,), UNEVEN),
    "one by one": ((3,), UNEVEN.model_copy(update={"batch": 1, "epochs": 3})),
    "mixed": ((4, 3), UNEVEN.model_copy(update={"batch": 5, "steps": 2, "select": "validation", "held_out": 0.4})),
    "accumulated": ((5,), UNEVEN.model_copy(update={"batch": 5, "accumulate": 2, "epochs": 3})),
}
PRETRAINING = PretrainSettings(points=512, depth=4, epochs=3, batch=3, precision="float32")


def knowledge(sizes: tuple[int, ...]) -> list[list[Knowledge]]:
    """So many toy chairs of each source."""
    return [[noisy_knowledge(10 * source + seed) for seed in range(size)] for source, size in enumerate(sizes)]


def trained(name: str, **changes: Any) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    """The log and the weights of one of the trainings here, or of a pre-training."""
    if name == "pretraining":
        torch.manual_seed(0)
        masked = MaskedTraining(make_encoder("small", **TINY), PRETRAINING.model_copy(update=changes))
        log = list(masked.epochs(torch.from_numpy(np.stack(clouds(5, 512)))))
        return [{"loss": row.loss, "rescored": False} for row in log], masked.model.state_dict()
    sizes, how = TRAININGS[name]
    student = tiny()
    data = TrainingSet.build(knowledge(sizes), student)  # a fresh one: re-scoring changes it
    rows = distil(student, data, how.model_copy(update=changes), quiet)
    return [{"loss": r.loss, "rescored": r.rescored, "validation": r.validation} for r in rows], student.state_dict()


def all_trainings(folder: Path) -> None:
    """Every one of them, its log and weights into files of this process."""
    for name in (*TRAININGS, "pretraining"):
        log, weights = trained(name)
        (folder / f"{name}-{Ranks.here().rank}.json").write_text(json.dumps(log))
        save_file(weights, folder / f"{name}-{Ranks.here().rank}.safetensors")


# --- the command ----------------------------------------------------------------------------------------------------


def toy_sources() -> None:
    """`gen3d distill` reads toy chairs in this process, and has a tiny student."""
    STUDENTS["tiny"] = partial(SmallStudent, **TINY)
    knowledge_sources.DATA["collection"] = lambda root, how: Source(root, "toy", named_knowledge)


def named_knowledge() -> list[Knowledge]:
    """Of five chairs, and it says which parts it is of."""
    (found,) = knowledge((5,))
    for k in found:
        k.meta.update(id="toy", parts=["back", "seat", "leg", "arm"])
    return found


def die_at(step: int, rank: int) -> None:
    """This process is killed before its step of that number, if it is the one of that rank."""
    real, taken = trainer.summed_step, [0]

    def counted(*arguments: Any) -> float | None:
        taken[0] += 1
        if taken[0] == step and Ranks.here().rank == rank:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    trainer.summed_step = counted


def command(folder: Path, *words: str, step: int = 0, rank: int = 0) -> None:
    """`gen3d` with these words in `folder`; what it prints goes to `out-<rank>` and `err-<rank>` there."""
    from cli import main as cli

    toy_sources()
    if step:
        die_at(step, rank)
    os.chdir(folder)
    number = os.environ.get("RANK", "0")
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        os.dup2(os.open(f"{name}-{number}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), stream.fileno())
    sys.argv = ["gen3d", *words]
    cli.main()


# --- processes ------------------------------------------------------------------------------------------------------


def _member(place: dict[str, str], meet: bool, work: Callable[[], None]) -> None:
    os.environ |= place
    torch.set_num_threads(1)
    if not meet:
        return work()
    with joined():
        work()


def start(count: int, work: Callable[[], None], meet: bool = True) -> list[BaseProcess]:
    """So many processes that do the same, as a launcher would start them; they are started.

    Args:
        count: 1: without a launcher.
        work: of this module, so that it can be imported there; a `partial` gives arguments.
        meet: within `joined`; else the work itself has to.
    """
    context = multiprocessing.get_context("forkserver")
    # torch's optimisers import the last one at their first step
    preload = ["torch", "scipy.stats", "distill.distillation", "distill.masked_training", "torch._dynamo"]
    context.set_forkserver_preload(preload)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = []
    for rank in range(count):
        place = {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank)}
        place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        processes.append(context.Process(target=_member, args=(place, meet and count > 1, work)))
        processes[-1].start()
    return processes


def ended(processes: list[BaseProcess], seconds: float = 240) -> list[int | None]:
    """Their exit codes; None for those that had to be killed since they were not done in time."""
    for process in processes:
        process.join(seconds)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    return codes
