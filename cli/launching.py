"""Verbs that a launcher may start in several processes: one of them speaks, and all of them end."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator


def first() -> bool:
    """Whether this is the first process of a launcher, or there is none."""
    return os.environ.get("RANK", "0") == "0" or os.environ.get("WORLD_SIZE", "1") == "1"


def together(command: Callable[..., None]) -> Callable[..., None]:
    """The command, which meets the other processes where `torchrun` or `accelerate launch` started several.

    The first one alone prints. An error ends all of them, and is told once: by the process that met it, since what
    the others meet is that it is gone.
    """

    @functools.wraps(command)
    def run(**options: object) -> None:
        from distill.parallel import Ranks, joined, launched, speaks

        if not launched():
            return command(**options)
        with joined() as store:
            try:
                with contextlib.nullcontext() if Ranks.here().first else _silence():
                    command(**options)
            except BaseException as error:
                code = getattr(error, "exit_code", None)
                if code is None or speaks(store):
                    raise
                raise SystemExit(code) from None

    return run


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Nothing is printed within."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield
