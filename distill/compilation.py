"""`torch.compile` with one line for an error: it needs a C++ compiler on the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from gen3d.errors import MissingError

F = TypeVar("F", bound=Callable[..., torch.Tensor])


def compiled(function: F) -> F:
    """The function compiled; its first call takes a minute or two.

    Raises MissingError at the first call where the machine has no working compiler.
    """
    from torch._dynamo.exc import TorchDynamoException  # slow to import

    fast = torch.compile(function)

    def call(*arguments: object) -> torch.Tensor:
        try:
            return fast(*arguments)
        except (TorchDynamoException, OSError) as error:
            reason = " ".join(str(error).partition("Set TORCHDYNAMO")[0].split())
            raise MissingError(
                f"--compile: torch.compile failed here ({reason[:200]}); install g++, or leave --compile out"
            ) from None

    return call  # type: ignore[return-value]
