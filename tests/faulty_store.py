"""An object store in memory that fails, stalls or refuses when a test says so."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from fsspec.implementations.memory import MemoryFileSystem

URL = "faulty://bucket/chairs"


class FaultyStore(MemoryFileSystem):
    """Every call that a collection makes is counted, and asks `trouble` first."""

    protocol = "faulty"
    cachable = False
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    calls: ClassVar[list[str]] = []
    trouble: ClassVar[Callable[[int], None]] = lambda number: None
    released: ClassVar[threading.Event] = threading.Event()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("faulty://", "memory://"))

    @classmethod
    def fresh(cls) -> None:
        """Empty, and well again."""
        cls.store.clear()
        cls.pseudo_dirs[:] = [""]
        cls.released.clear()
        cls.heal()

    @classmethod
    def heal(cls) -> None:
        """No more trouble; calls are counted from 0 again."""
        cls.calls.clear()
        cls.trouble = lambda number: None

    @classmethod
    def break_at(cls, failing: Callable[[int], bool], error: Exception) -> None:
        """Raise an error at those calls, counted from 0."""

        def trouble(number: int) -> None:
            if failing(number):
                raise copy.copy(error)  # else each raise adds to its traceback

        cls.trouble = trouble

    @classmethod
    def stall_at(cls, failing: Callable[[int], bool]) -> None:
        """Never answer at those calls, until `released`."""

        def trouble(number: int) -> None:
            if failing(number):
                cls.released.wait(60)

        cls.trouble = trouble

    def _ask(self, name: str) -> None:
        cls = type(self)
        cls.calls.append(name)
        cls.trouble(len(cls.calls) - 1)

    def cat_file(self, path: str, *args: Any, **kwargs: Any) -> bytes:
        self._ask("cat_file")
        return super().cat_file(path, *args, **kwargs)

    def pipe_file(self, path: str, value: bytes, *args: Any, **kwargs: Any) -> None:
        self._ask("pipe_file")
        super().pipe_file(path, value, *args, **kwargs)

    def ls(self, path: str, *args: Any, **kwargs: Any) -> list:
        self._ask("ls")
        return super().ls(path, *args, **kwargs)

    def info(self, path: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._ask("info")
        return super().info(path, *args, **kwargs)

    def rm_file(self, path: str) -> None:
        self._ask("rm_file")
        super().rm_file(path)
