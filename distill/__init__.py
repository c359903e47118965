"""Learning from knowledge: students, distillation, data sets, metrics. What is listed here is the API; see docs/api.md.

Nothing is imported before it is asked for; what is listed needs torch then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distill.api import Segmentation, Student, distill_student, evaluate, segment
else:  # pyright would take any name for one of the package's

    def __getattr__(name: str) -> object:
        """The names of the API, from where they are."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from distill import api

        return getattr(api, name)


__all__ = ["Segmentation", "Student", "distill_student", "evaluate", "segment"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
