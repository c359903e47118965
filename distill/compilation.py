"""`torch.compile` with one line for an error: it needs a C++ compiler on the machine."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import torch

from gen3d.errors import MissingError

F = TypeVar("F", bound=Callable[..., torch.Tensor])


def compiled(function: F) -> F:
    """The function compiled for inputs of the first call's shapes, which takes minutes; others go through it as it is.

    A smaller last batch of an epoch would be compiled anew, for any size, which takes as long again.

    Raises MissingError at the first call where the machine has no working compiler.
    """
    from torch._dynamo.exc import TorchDynamoException  # slow to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch's own modules, as they are imported
        fast = torch.compile(function, dynamic=False)
    first: list[torch.Size] = []

    def call(*arguments: object) -> torch.Tensor:
        shapes = [value.shape for value in arguments if isinstance(value, torch.Tensor)]
        first.extend([] if first else shapes)
        if shapes != first:
            return function(*arguments)
        try:
            return fast(*arguments)
        except (TorchDynamoException, OSError) as error:
            reason = " ".join(str(error).partition("Set TORCHDYNAMO")[0].split())
            raise MissingError(
                f"--compile: torch.compile failed here ({reason[:200]}); install g++, or leave --compile out"
            ) from None

    return call  # type: ignore[return-value]
