"""Run by test_compilation.py in a process of its own, without the run-time type check: dynamo can't see through that.

Prints as JSON how far compiled and plain steps are apart, the losses of both trainings, and what was compiled.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import torch
from sample_students import clouds, quiet, settings, tiny
from test_trainer import noisy_knowledge
from torch import Tensor
from torch._dynamo.utils import counters

from distill.compilation import compiled
from distill.steps import cast_forward
from distill.student import Student
from distill.students.point_ops import stack
from distill.trainer import TrainingSet, distil

SIZE = 512  # points: all of what follows has the same shapes, but for the number of clouds


def gradient(student: Student, forward: Callable[..., Tensor], count: int) -> Tensor:
    """The gradient of a loss of the first clouds, over its largest entry."""
    some = clouds(count, SIZE)
    near = stack([student.network.prepare(cloud) for cloud in some])[:]  # type: ignore[operator]
    student.zero_grad()
    logits = forward(student.network, torch.float32, torch.from_numpy(np.stack(some)), near)
    logits.log_softmax(-1)[..., 0].mean().backward()
    found = torch.cat([p.grad.flatten() for p in student.parameters() if p.grad is not None])
    return found / found.abs().max()


def losses(compile: bool) -> list[float]:
    """Of a training of three shapes in batches of two: the second batch is the smaller one."""
    student = tiny()
    data = TrainingSet.build([[noisy_knowledge(seed) for seed in range(3)]], student)
    return [epoch.loss for epoch in distil(student, data, settings(epochs=3, batch=2, compile=compile), quiet)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    student, fast, apart = tiny().train(), compiled(cast_forward), []
    for count in (2, 1, 2):
        apart.append((gradient(student, fast, count) - gradient(student, cast_forward, count)).abs().max().item())
    counted = {"graphs": counters["stats"]["unique_graphs"], "breaks": len(counters["graph_break"])}
    print(json.dumps({"apart": apart, "compiled": losses(True), "plain": losses(False), **counted}))  # noqa: T201
